//! The charts of a report, as SVG.

use plotters::prelude::*;

use super::ReportError;
use crate::run_file::Outage;

/// A line of a chart.
pub struct Line {
    /// What it is.
    pub name: &'static str,
    /// Its colour.
    pub color: RGBColor,
    /// Its points: seconds since the start, and the value.
    pub points: Vec<(f64, f64)>,
}

pub const BLUE: RGBColor = RGBColor(31, 119, 180);
pub const ORANGE: RGBColor = RGBColor(214, 110, 10);
pub const RED: RGBColor = RGBColor(200, 40, 40);
const SHADE: RGBColor = RGBColor(240, 220, 220);

/// Lines over the seconds of a run, with outages shaded.
pub fn over_time(chart: &'static str, unit: &str, lines: &[Line], outages: &[Outage]) -> Result<String, ReportError> {
    let mut svg = String::new();
    draw(&mut svg, unit, lines, outages).map_err(|problem| ReportError::Chart { chart, problem })?;
    Ok(svg)
}

fn draw(svg: &mut String, unit: &str, lines: &[Line], outages: &[Outage]) -> Result<(), String> {
    let points = || lines.iter().flat_map(|line| &line.points);
    // A chart has room for something even where there is nothing to show.
    let end = points().map(|point| point.0).fold(1.0, f64::max);
    let top = points().map(|point| point.1).fold(1.0, f64::max) * 1.05;
    let area = SVGBackend::with_string(svg, (900, 260)).into_drawing_area();
    let wrong = |error: DrawingAreaErrorKind<std::io::Error>| error.to_string();
    area.fill(&WHITE).map_err(wrong)?;
    let mut chart = ChartBuilder::on(&area)
        .margin(10)
        .x_label_area_size(34)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..end, 0.0..top)
        .map_err(wrong)?;
    let shades = outages.iter().map(|outage| {
        let to = outage.to.map_or(end, |to| to as f64 / 1e6);
        Rectangle::new([(outage.from as f64 / 1e6, 0.0), (to.min(end), top)], SHADE.filled())
    });
    chart.draw_series(shades).map_err(wrong)?;
    chart.configure_mesh().x_desc("seconds").y_desc(unit).light_line_style(WHITE).draw().map_err(wrong)?;
    for line in lines {
        let color = line.color;
        chart
            .draw_series(LineSeries::new(line.points.iter().copied(), color.stroke_width(2)))
            .map_err(wrong)?
            .label(line.name)
            .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 16, y)], color.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE)
        .border_style(RGBColor(200, 200, 200))
        .draw()
        .map_err(wrong)?;
    area.present().map_err(wrong)
}
