//! Draws the charts with plotters as SVG text.

use std::error::Error;

use plotters::{
    coord::{Shift, types::RangedCoordf64},
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use crate::{
    clients::Client,
    record::{Record, Slice, answered, by_upstream},
    script::{Phase, Script},
};

/// One colour per client, from Okabe and Ito's palette, which colour-blind readers can distinguish.
pub(crate) fn colour(client: Client) -> RGBColor {
    match client {
        Client::Bare => RGBColor(0, 0, 0),
        Client::Naive => RGBColor(213, 94, 0),
        Client::Jitter => RGBColor(230, 159, 0),
        Client::Budget => RGBColor(0, 114, 178),
        Client::LongBreaker => RGBColor(204, 121, 167),
        Client::Stack => RGBColor(0, 158, 115),
    }
}

/// How requests ended, with a colour for each.
pub(crate) const ENDS: [(&str, RGBColor); 3] = [
    ("answered by the upstream", RGBColor(120, 190, 150)),
    ("answered by the fallback", RGBColor(134, 180, 233)),
    ("failed", RGBColor(240, 140, 110)),
];

/// A figure over time, computed from the requests and attempts of each short time span.
pub(crate) struct Curve {
    pub(crate) unit: &'static str,
    pub(crate) figure: fn(&Slice<'_>) -> f64,
}

/// Draws one curve per client in one chart.
pub(crate) fn together(records: &[Record], script: &Script, curve: &Curve) -> Result<String, DrawingError> {
    let curves: Vec<_> = records.iter().map(|record| (colour(record.client), points(record, curve.figure))).collect();
    let values = curves.iter().flat_map(|(_, points)| points.iter().map(|(_, value)| *value));
    let top = values.fold(1.0, f64::max) * HEADROOM;

    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, (960, 320)).into_drawing_area();
    let mut chart = axes(&area, script, top, curve.unit)?;
    mark_phases(&mut chart, script, top)?;
    for (colour, points) in curves {
        chart.draw_series(LineSeries::new(points, colour.stroke_width(2)))?;
    }
    drop(chart);
    drop(area);
    Ok(text)
}

/// Draws how one client's requests ended, as a stacked area chart.
pub(crate) fn ends(record: &Record) -> Result<String, DrawingError> {
    let all = points(record, |_| 100.0);
    let good = points(record, |slice| 100.0 * slice.share(answered));
    let upstream = points(record, |slice| 100.0 * slice.share(by_upstream));
    let top = 100.0 * HEADROOM;

    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, (960, 180)).into_drawing_area();
    let mut chart = axes(&area, &record.script, top, "% of requests")?;
    // Draws from back to front: each area covers the lower part of the previous one.
    for (points, (_, colour)) in [all, good, upstream].into_iter().zip(ENDS.iter().rev()) {
        chart.draw_series(AreaSeries::new(points, 0.0, colour.filled()))?;
    }
    mark_phases(&mut chart, &record.script, top)?;
    drop(chart);
    drop(area);
    Ok(text)
}

/// The error of a chart that can't be drawn.
pub(crate) type DrawingError = Box<dyn Error>;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// The number of points of a curve.
const POINTS: u32 = 40;
/// The space above the highest value, for the names of the phases.
const HEADROOM: f64 = 1.2;
const FONT: &str = "sans-serif";
const INK: RGBColor = RGBColor(60, 60, 60);

/// Returns the figure of each time span, at the middle of the span.
fn points(record: &Record, figure: fn(&Slice<'_>) -> f64) -> Vec<(f64, f64)> {
    let step = record.script.length / POINTS;
    let point = |n| {
        let from = step * n;
        ((from + step / 2).as_secs_f64(), figure(&record.during(from..from + step)))
    };
    (0..POINTS).map(point).collect()
}

fn axes<'a, 'b>(area: &Area<'b>, script: &Script, top: f64, unit: &str) -> Result<Chart<'a, 'b>, DrawingError> {
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .x_label_area_size(36)
        .y_label_area_size(58)
        .build_cartesian_2d(0.0..script.length.as_secs_f64(), 0.0..top)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(INK.mix(0.15))
        .axis_style(INK)
        .label_style((FONT, 13, &INK))
        .axis_desc_style((FONT, 13, &INK))
        .x_label_formatter(&short)
        .y_label_formatter(&short)
        .y_labels(5)
        .x_desc("seconds")
        .y_desc(unit)
        .draw()?;
    Ok(chart)
}

/// Rounds to a tenth: `3`, `2.5`.
fn short(value: &f64) -> String {
    ((value * 10.0).round() / 10.0).to_string()
}

/// Shades the phases with a fault, and names every phase.
fn mark_phases(chart: &mut Chart<'_, '_>, script: &Script, top: f64) -> Result<(), DrawingError> {
    let label = (FONT, 13, &INK).into_text_style(chart.plotting_area()).pos(Pos::new(HPos::Center, VPos::Top));
    for (phase, span) in script.phases() {
        let (from, to) = (span.start.as_secs_f64(), span.end.as_secs_f64());
        let shade = match phase {
            Phase::Healthy | Phase::Back => 0.0,
            Phase::Errors | Phase::HalfDead => 0.07,
            Phase::Dead => 0.15,
        };
        let band = Rectangle::new([(from, 0.0), (to, top)], BLACK.mix(shade).filled());
        let name = Text::new(phase.name(), ((from + to) / 2.0, 0.98 * top), label.clone());
        chart.draw_series([band])?;
        chart.draw_series([name])?;
    }
    Ok(())
}
