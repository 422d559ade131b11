//! Plots harm against protection as an SVG, one dot per candidate. The grey of the text is readable
//! on light and dark backgrounds.

use std::fmt::Write;

use crate::{
    candidates::{B, BARE},
    results::Results,
    tables::Summary,
};

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 520.0;
/// Edges of the plot's area; the legend is to the right of it.
const LEFT: f64 = 70.0;
const RIGHT: f64 = 560.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 460.0;
const LINE: f64 = 16.0;

/// A logarithmic axis.
struct Axis {
    /// The values at its two ends.
    values: (f64, f64),
    /// The positions of its two ends.
    at: (f64, f64),
}

impl Axis {
    fn position(&self, value: f64) -> f64 {
        let (from, to) = self.values;
        let share = (value.clamp(from, to) / from).ln() / (to / from).ln();
        self.at.0 + share * (self.at.1 - self.at.0)
    }
}

/// A candidate in the plot.
struct Dot<'a> {
    name: &'a str,
    harm: f64,
    reach: f64,
}

pub fn of(results: &Results<'_>) -> String {
    let across = Axis { values: (0.01, 400.0), at: (LEFT, RIGHT) };
    let up = Axis { values: (0.9, 3_000.0), at: (BOTTOM, TOP) };
    // Most variants of preset B coincide with it.
    let plotted = results.candidates.iter().filter(|candidate| candidate.is_detailed || !candidate.is_variant());
    let mut dots: Vec<_> = plotted.filter_map(|candidate| Dot::of(results, candidate.name)).collect();
    dots.sort_by(|one, other| other.harm.total_cmp(&one.harm));

    let mut svg = String::new();
    text(&mut svg, "title", (LEFT, 22.0), "Harm against protection (logarithmic; both are better when lower)");
    let (corner, top) = (across.position(10.0), up.position(1.1));
    let (width, height) = (corner - LEFT, BOTTOM - top);
    writeln!(svg, r#"<rect class="rule" x="{LEFT}" y="{top:.1}" width="{width:.1}" height="{height:.1}"/>"#).ok();
    text(&mut svg, "note", (LEFT + 6.0, top - 6.0), "the rule: lost ≤ 1.1 × bare, attempts ≤ 10 % of the demand");
    for value in [0.01, 0.1, 1.0, 10.0, 100.0] {
        let x = across.position(value);
        writeln!(svg, r#"<path class="grid" d="M{x:.1} {TOP}V{BOTTOM}"/>"#).ok();
        text(&mut svg, "middle", (x, BOTTOM + 18.0), &format!("{value} %"));
    }
    for value in [1.0, 10.0, 100.0, 1_000.0] {
        let y = up.position(value);
        writeln!(svg, r#"<path class="grid" d="M{LEFT} {y:.1}H{RIGHT}"/>"#).ok();
        text(&mut svg, "end", (LEFT - 8.0, y + 4.0), &format!("{value} ×"));
    }
    let below = "attempts on a dead upstream ÷ demand, worst scenario (clients of ≥ 100/s)";
    text(&mut svg, "middle", ((LEFT + RIGHT) / 2.0, BOTTOM + 40.0), below);
    text(&mut svg, "note", (LEFT + 6.0, TOP + 12.0), "lost ÷ bare, worst scenario");

    let mut taken: Vec<(f64, f64)> = Vec::new();
    for (index, dot) in dots.iter().enumerate() {
        let (x, y) = (across.position(dot.reach), up.position(dot.harm));
        let class = match dot.name {
            B => "ours",
            BARE => "bare",
            _ => "other",
        };
        // Moves a number to the right if it would overlap another one.
        let mut number = (x + 12.0, y + 4.0);
        while taken.iter().any(|&(x, y)| (x - number.0).abs() < 18.0 && (y - number.1).abs() < 11.0) {
            number.0 += 18.0;
        }
        taken.push(number);
        writeln!(svg, r#"<circle class="{class}" cx="{x:.1}" cy="{y:.1}" r="5"/>"#).ok();
        let label = (index + 1).to_string();
        text(&mut svg, "middle", number, &label);
        text(&mut svg, "legend", (RIGHT + 24.0, TOP + 12.0 + LINE * index as f64), &format!("{label}  {}", dot.name));
    }
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" class="harm">
<title>Harm of each candidate against its protection</title>
<style>
.harm text {{ font: 12px ui-sans-serif, system-ui, sans-serif; fill: #7a828c }}
.harm .title {{ font-size: 15px; font-weight: 600 }}
.harm .middle {{ text-anchor: middle }}
.harm .end {{ text-anchor: end }}
.harm .grid {{ stroke: #7a828c; stroke-opacity: .25; fill: none }}
.harm .rule {{ fill: #2da44e; fill-opacity: .15 }}
.harm .ours {{ fill: #2f81f7 }}
.harm .bare {{ fill: #d55e00 }}
.harm .other {{ fill: #9aa4af }}
</style>
{svg}</svg>
"#
    )
}

impl<'a> Dot<'a> {
    fn of(results: &Results<'_>, name: &'a str) -> Option<Self> {
        let summary = Summary::of(results, name);
        Some(Self { name, harm: summary.harm()?, reach: summary.reach? })
    }
}

fn text(svg: &mut String, class: &str, (x, y): (f64, f64), text: &str) {
    writeln!(svg, r#"<text class="{class}" x="{x:.1}" y="{y:.1}">{text}</text>"#).ok();
}
