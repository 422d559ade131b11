//! Draws panels as SVG.

use std::{error::Error, time::Duration};

use plotters::{coord::Shift, prelude::*};

use super::panel::{Kind, Line, Panel};

/// Pixels per unit of the grid.
const COLUMN: u32 = 50;
const ROW: u32 = 26;
const FONT: &str = "sans-serif";
const INK: RGBColor = RGBColor(50, 50, 60);
/// Legends that don't fit are left out.
const LEGENDS: usize = 8;

/// Okabe and Ito's colours, which colour-blind readers can distinguish.
const COLOURS: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
    RGBColor(150, 150, 150),
];

type Drawn = Result<(), Box<dyn Error>>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Returns the panels as one SVG image, as wide as its place and without empty lines, so that it
/// can be a part of a Markdown page. `time` is the time that the panels cover.
pub fn draw(panels: &[Panel], title: &str, time: Duration) -> Result<String, Box<dyn Error>> {
    let bottom = panels.iter().map(|panel| panel.y + panel.height).max().unwrap_or(1);
    let (width, height) = (24 * COLUMN, bottom * ROW);
    let times = panels.iter().flat_map(|panel| panel.lines.iter().filter_map(|line| line.points.last()));
    let end = times.map(|point| point.0).fold(0.0, f64::max);
    let seconds = time.as_secs_f64();
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (width, height)).into_drawing_area();
        area.fill(&WHITE)?;
        for panel in panels {
            let (left, top) = ((panel.x * COLUMN) as i32, (panel.y * ROW) as i32);
            let place = area.clone().shrink((left, top), (panel.width * COLUMN, panel.height * ROW));
            match panel.kind {
                Kind::Row => draw_row(&place, panel)?,
                Kind::Stat => draw_stat(&place, panel)?,
                Kind::TimeSeries => draw_lines(&place, panel, end - seconds, seconds)?,
            }
        }
        area.present()?;
    }
    let size = format!(r#"width="{width}" height="{height}""#);
    let fitting = format!(r#"style="max-width:100%;height:auto" role="img" aria-label="{title}" {size}"#);
    let svg = svg.replacen(&size, &fitting, 1);
    Ok(svg.lines().filter(|line| !line.trim().is_empty()).map(|line| format!("{line}\n")).collect())
}

fn draw_row(area: &Area<'_>, panel: &Panel) -> Drawn {
    area.draw_text(&panel.title, &(FONT, 17).into_font().style(FontStyle::Bold).color(&INK), (8, 6))?;
    Ok(())
}

fn draw_frame(area: &Area<'_>, panel: &Panel) -> Drawn {
    let (width, height) = area.dim_in_pixel();
    let frame = [(3, 3), (width as i32 - 3, height as i32 - 3)];
    area.draw(&Rectangle::new(frame, INK.mix(0.2)))?;
    area.draw_text(&panel.title, &(FONT, 14).into_font().color(&INK), (12, 9))?;
    Ok(())
}

fn draw_stat(area: &Area<'_>, panel: &Panel) -> Drawn {
    draw_frame(area, panel)?;
    let last = panel.lines.first().and_then(|line| line.points.last());
    let value = last.map_or_else(|| "No data".to_owned(), |point| number(point.1.round(), &panel.unit));
    area.draw_text(&value, &(FONT, 44).into_font().color(&COLOURS[0]), (24, 52))?;
    Ok(())
}

fn draw_lines(area: &Area<'_>, panel: &Panel, start: f64, seconds: f64) -> Drawn {
    draw_frame(area, panel)?;
    // Series exist from the start of a layer. Those that never had a value would hide the others.
    let has_value = |line: &&Line| line.points.iter().any(|point| point.1.is_finite() && point.1 != 0.0);
    let lines: Vec<&Line> = panel.lines.iter().filter(has_value).collect();
    let values =
        lines.iter().flat_map(|line| line.points.iter().map(|point| point.1)).filter(|value| value.is_finite());
    let top = values.fold(0.0, f64::max);
    let top = if top > 0.0 { top * 1.1 } else { 1.0 };

    let (width, height) = area.dim_in_pixel();
    let legend = 14 * lines.len().min(LEGENDS).div_ceil(2) as u32;
    let plot = area.clone().shrink((8, 28), (width - 20, height.saturating_sub(36 + legend)));
    let mut chart = ChartBuilder::on(&plot)
        .x_label_area_size(18)
        .y_label_area_size(48)
        .build_cartesian_2d(0.0..seconds, 0.0..top)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(INK.mix(0.12))
        .axis_style(INK.mix(0.4))
        .label_style((FONT, 11, &INK))
        .x_labels(5)
        .y_labels(4)
        .x_label_formatter(&|time| format!("{time:.0} s"))
        .y_label_formatter(&|value| number(*value, &panel.unit))
        .draw()?;
    for (index, line) in lines.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        // A gap in the data is a gap in the line.
        for part in line.points.split(|point| !point.1.is_finite()) {
            let points = part.iter().map(|&(time, value)| (time - start, value));
            chart.draw_series(LineSeries::new(points, colour.stroke_width(2)))?;
        }
        if index < LEGENDS {
            let left = 16 + (index % 2) as i32 * (width as i32 / 2 - 10);
            let y = height as i32 - 6 - legend as i32 + 14 * (index / 2) as i32;
            area.draw(&Rectangle::new([(left, y + 4), (left + 10, y + 7)], colour.filled()))?;
            area.draw_text(&line.legend, &(FONT, 11).into_font().color(&INK), (left + 14, y))?;
        }
    }
    Ok(())
}

/// A value with its unit.
fn number(value: f64, unit: &str) -> String {
    let (value, unit) = match unit {
        "s" if value < 1.0 && value > 0.0 => (value * 1_000.0, " ms"),
        "s" => (value, " s"),
        "percentunit" => (value * 100.0, " %"),
        "reqps" | "ops" => (value, "/s"),
        _ => (value, ""),
    };
    let digits = if value == value.round() || value >= 100.0 { 0 } else { 1 };
    format!("{value:.digits$}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_fits_into_markdown() {
        let panel = |kind, y, lines| Panel {
            kind,
            title: "A title".to_owned(),
            unit: "s".to_owned(),
            x: 0,
            y,
            width: 8,
            height: 8,
            lines,
        };
        let line = || vec![Line { legend: "a".to_owned(), points: vec![(10.0, 1.0), (11.0, f64::NAN), (12.0, 2.0)] }];
        let panels = [panel(Kind::Row, 0, vec![]), panel(Kind::Stat, 8, line()), panel(Kind::TimeSeries, 16, line())];
        let svg = draw(&panels, "A dashboard", Duration::from_secs(2)).unwrap();
        assert!(svg.starts_with("<svg ") && svg.contains(r#"aria-label="A dashboard""#), "{svg}");
        assert!(svg.lines().all(|line| !line.trim().is_empty()));
        assert!(svg.matches("<polyline").count() >= 2, "a gap splits the line");
    }

    #[test]
    fn values_have_units() {
        assert_eq!(number(0.25, "s"), "250 ms");
        assert_eq!(number(0.5, "percentunit"), "50 %");
        assert_eq!(number(12.34, "reqps"), "12.3/s");
        assert_eq!(number(7.0, "short"), "7");
    }
}
