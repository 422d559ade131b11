//! The main rows as a bar chart. Each case has its own scale, because the times differ by orders of
//! magnitude. The grey of the text is readable on light and dark backgrounds.

use std::fmt::Write;

use crate::{
    cases::{breaker, fallback, retry, stacked, threads},
    contender::{BARE, OURS},
    measure::Figure,
    table::nanos,
};

const CASES: [&str; 9] = [
    retry::NO_BUDGET,
    retry::BUDGET,
    breaker::CONSECUTIVE,
    breaker::COUNT,
    breaker::REJECTING,
    fallback::SUCCESS,
    stacked::SUCCESS,
    threads::BREAKER,
    threads::STACK,
];

const WIDTH: f64 = 760.0;
const MARGIN: f64 = 8.0;
const NAMES: f64 = 215.0;
const BARS: f64 = WIDTH - NAMES - 90.0;
const LINE: f64 = 20.0;

pub fn of(figures: &[Figure]) -> String {
    let mut bars = String::new();
    let mut y = 30.0;
    text(&mut bars, "title", (MARGIN, y), "ns per call over the bare service; each group has its own scale");
    for case in CASES {
        let of_case = figures.iter().filter(|figure| figure.case == case && figure.name != BARE);
        let of_case: Vec<_> = of_case.map(|figure| (figure.name, figure.over_bare.median)).collect();
        let longest = of_case.iter().fold(1.0, |longest, &(_, time)| f64::max(longest, time));
        if of_case.is_empty() {
            continue;
        }
        y += 1.8 * LINE;
        text(&mut bars, "case", (MARGIN, y), case);
        for (name, time) in of_case {
            y += LINE;
            let class = if name == OURS { "ours" } else { "other" };
            let width = (time.max(0.0) / longest * BARS).max(1.0);
            text(&mut bars, "name", (NAMES - 10.0, y), name);
            let top = y - 12.0;
            writeln!(bars, r#"<rect class="{class}" x="{NAMES}" y="{top}" width="{width:.1}" height="15" rx="2"/>"#)
                .ok();
            let value = if time.is_nan() { "not measured".to_owned() } else { nanos(time) };
            text(&mut bars, "value", (NAMES + width + 6.0, y), &value);
        }
    }
    let height = y + LINE;
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">
<title>ns per call over the bare service: tower-recourse and the alternatives</title>
<style>
text {{ font: 13px ui-sans-serif, system-ui, sans-serif; fill: #7a828c }}
.title {{ font-size: 15px; font-weight: 600 }}
.case {{ font-weight: 600 }}
.name {{ text-anchor: end }}
.ours {{ fill: #2f81f7 }}
.other {{ fill: #9aa4af }}
</style>
{bars}</svg>
"#
    )
}

fn text(svg: &mut String, class: &str, (x, y): (f64, f64), text: &str) {
    writeln!(svg, r#"<text class="{class}" x="{x:.1}" y="{y:.1}">{text}</text>"#).ok();
}
