//! One panel: a frame with one or two vertical axes, curves, and a legend at its right.

use crate::axis::Axis;
use crate::decimate::pieces;
use crate::font::text_width;
use crate::picture::{Align, Lettering, Picture};
use crate::style::{
    CURVE_WIDTH, FRAME_WIDTH, GRID, INK, LABEL_SIZE, LEGEND_SIZE, LONG_DASHED, MAJOR_TICK, MARKER_RADIUS, MINOR_TICK,
    MUTED, Rgb, Stroke, TICK_SIZE, WHITE,
};
use crate::ticks::superscript;

/// One quantity over the iterations.
pub(crate) struct Curve<'a> {
    pub(crate) values: &'a [f64],
    pub(crate) label: String,
    pub(crate) stroke: Stroke,
    /// Whether it belongs to the second axis, at the right.
    pub(crate) second: bool,
}

/// The parts of an axis label, each in its colour.
pub(crate) type Label = Vec<(String, Rgb)>;

/// A value with its error.
pub(crate) struct Mark {
    pub(crate) iteration: usize,
    pub(crate) value: f64,
    /// One standard error below and above.
    pub(crate) bar: [f64; 2],
}

/// What one panel shows.
#[derive(Default)]
pub(crate) struct Panel<'a> {
    pub(crate) label: Label,
    pub(crate) axis: Option<Axis>,
    pub(crate) second_label: Label,
    pub(crate) second_axis: Option<Axis>,
    pub(crate) curves: Vec<Curve<'a>>,
    /// A horizontal line: value, legend, stroke.
    pub(crate) reference: Option<(f64, String, Stroke)>,
    /// Single values, their legend and colour.
    pub(crate) marks: Option<(Vec<Mark>, String, Rgb)>,
    /// A marked point: iteration, value, legend, colour.
    pub(crate) marker: Option<(usize, f64, String, Rgb)>,
}

/// Where a panel's data area is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Area {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) right: f64,
    pub(crate) bottom: f64,
}

impl Area {
    fn x(&self, axis: &Axis, value: f64) -> f64 {
        self.left + axis.place(value) * (self.right - self.left)
    }

    fn y(&self, axis: &Axis, value: f64) -> f64 {
        self.bottom - axis.place(value) * (self.bottom - self.top)
    }
}

/// Width that the tick labels of an axis take.
pub(crate) fn labels_width(axis: Option<&Axis>) -> f64 {
    let widths =
        axis.into_iter().flat_map(|a| &a.ticks).filter_map(|t| t.label.as_deref()).map(|l| text_width(l, TICK_SIZE));
    widths.fold(0.0, f64::max)
}

/// Width of the widest entry of a panel's legend.
pub(crate) fn legend_width(panel: &Panel<'_>) -> f64 {
    let texts = legend(panel).into_iter().map(|(_, text)| text_width(&text, LEGEND_SIZE));
    SAMPLE + 8.0 + texts.fold(0.0, f64::max)
}

/// Draws a panel into `area`; its legend begins at `legend_left`. `columns` is the resolution for long curves.
pub(crate) fn draw(
    picture: &mut Picture,
    panel: &Panel<'_>,
    area: Area,
    iterations: &Axis,
    legend_left: f64,
    columns: usize,
) {
    grid(picture, panel, area, iterations);
    for curve in &panel.curves {
        let axis = if curve.second { &panel.second_axis } else { &panel.axis };
        let Some(axis) = axis else { continue };
        for piece in pieces(curve.values, columns, |value| axis.holds(value)) {
            let points: Vec<(f64, f64)> =
                piece.iter().map(|&(i, value)| (area.x(iterations, i as f64), area.y(axis, value))).collect();
            if points.iter().any(|&(_, y)| y < area.top) {
                // Beyond the frame it goes on along its edge.
                for part in points.split(|&(_, y)| y >= area.top).filter(|part| !part.is_empty()) {
                    let edge: Vec<(f64, f64)> = part.iter().map(|&(x, _)| (x, area.top + EDGE)).collect();
                    picture.line(&edge, curve.stroke.dashed(LONG_DASHED));
                }
            }
            for points in inside(&points, area) {
                match points[..] {
                    // A single value between gaps is no line, but it is there.
                    [point] => picture.disc(point, 1.4 * CURVE_WIDTH, curve.stroke.colour),
                    _ => picture.line(&points, curve.stroke),
                }
            }
        }
    }
    // The reference lies above the curves: theirs is the ink that would hide it.
    if let Some((value, _, stroke)) = panel.reference.as_ref()
        && let Some(axis) = panel.axis.as_ref().filter(|axis| axis.holds(*value))
    {
        let y = area.y(axis, *value);
        picture.line(&[(area.left, y), (area.right, y)], *stroke);
    }
    if let (Some((marks, _, colour)), Some(axis)) = (&panel.marks, &panel.axis) {
        for Mark { iteration, value, bar } in marks.iter().filter(|mark| axis.holds(mark.value)) {
            let x = area.x(iterations, *iteration as f64);
            let [low, high] = bar.map(|end| area.y(axis, end).clamp(area.top, area.bottom));
            picture.line(&[(x, low), (x, high)], Stroke::solid(WHITE, BAR_WIDTH + 2.0));
            picture.line(&[(x, low), (x, high)], Stroke::solid(*colour, BAR_WIDTH));
            picture.disc((x, area.y(axis, *value)), BAR_WIDTH + 1.0, *colour);
        }
    }
    if let Some((iteration, value, _, colour)) = &panel.marker
        && let Some(axis) = panel.axis.as_ref().filter(|axis| axis.holds(*value))
    {
        marker(picture, (area.x(iterations, *iteration as f64), area.y(axis, *value)), *colour);
    }
    frame(picture, panel, area, iterations);
    if panel.axis.is_none() && panel.second_axis.is_none() {
        let centre = (0.5 * (area.left + area.right), 0.5 * (area.top + area.bottom));
        picture.text(centre, "no value that can be shown", Lettering::new(LABEL_SIZE, MUTED, Align::Centre));
    }
    let mut y = area.top + 0.5 * LEGEND_LINE;
    for (sample, text) in legend(panel) {
        match sample {
            Sample::Line(stroke) => picture.line(&[(legend_left, y), (legend_left + SAMPLE, y)], stroke),
            Sample::Bar(colour) => {
                let x = legend_left + 0.5 * SAMPLE;
                picture.line(&[(x, y - 6.0), (x, y + 6.0)], Stroke::solid(colour, BAR_WIDTH));
                picture.disc((x, y), BAR_WIDTH + 1.0, colour);
            }
            Sample::Marker(colour) => marker(picture, (legend_left + 0.5 * SAMPLE, y), colour),
        }
        let at = (legend_left + SAMPLE + 8.0, y + 0.36 * LEGEND_SIZE);
        picture.text(at, &text, Lettering::new(LEGEND_SIZE, INK, Align::Left));
        y += LEGEND_LINE;
    }
}

/// The pieces of a line that lie between top and bottom of an area.
fn inside(line: &[(f64, f64)], area: Area) -> Vec<Vec<(f64, f64)>> {
    let holds = |(_, y): (f64, f64)| (area.top..=area.bottom).contains(&y);
    let (mut pieces, mut piece) =
        (vec![], line.first().copied().filter(|&first| holds(first)).into_iter().collect::<Vec<_>>());
    for pair in line.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        // Where the segment crosses top and bottom, in its own direction.
        let mut crossings: Vec<f64> = [area.top, area.bottom]
            .into_iter()
            .map(|y| (y - from.1) / (to.1 - from.1))
            .filter(|share| *share > 0.0 && *share < 1.0)
            .collect();
        crossings.sort_by(f64::total_cmp);
        for share in crossings {
            piece.push((from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1)));
            // It leaves with every second point on a border.
            if piece.len() > 1 {
                pieces.push(std::mem::take(&mut piece));
            }
        }
        if holds(to) {
            piece.push(to);
        } else if !piece.is_empty() {
            pieces.push(std::mem::take(&mut piece));
        }
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}

/// Draws the label of a vertical axis, centred at `y`: a symbol as it is, a longer text upright with its baseline at `x`.
pub(crate) fn axis_label(picture: &mut Picture, label: &Label, (x, y): (f64, f64)) {
    if let [(symbol, colour)] = &label[..]
        && symbol.chars().count() <= 2
    {
        let at = (x - 0.4 * LABEL_SIZE, y + 0.36 * LABEL_SIZE);
        return picture.text(at, symbol, Lettering::new(LABEL_SIZE + 1.0, *colour, Align::Centre));
    }
    let width: f64 = label.iter().map(|(text, _)| text_width(text, LABEL_SIZE)).sum();
    let mut pen = y + 0.5 * width;
    for (text, colour) in label {
        let lettering = Lettering { upright: true, ..Lettering::new(LABEL_SIZE, *colour, Align::Left) };
        picture.text((x, pen), text.trim_end(), lettering);
        pen -= text_width(text, LABEL_SIZE);
    }
}

/// Where a curve that is beyond the frame is told, below its top.
const EDGE: f64 = 3.0;
const SAMPLE: f64 = 28.0;
const LEGEND_LINE: f64 = 20.0;

/// Width of the bar of an error.
const BAR_WIDTH: f64 = 2.0;

enum Sample {
    Line(Stroke),
    Bar(Rgb),
    Marker(Rgb),
}

fn legend(panel: &Panel<'_>) -> Vec<(Sample, String)> {
    let curves = panel.curves.iter().map(|curve| {
        // A sample is a line even where the curve is a band.
        let sample = Stroke { width: CURVE_WIDTH + 0.3, opacity: 1.0, ..curve.stroke };
        (Sample::Line(sample), curve.label.clone())
    });
    let reference = panel.reference.iter().map(|(_, text, stroke)| (Sample::Line(*stroke), text.clone()));
    let marks = panel.marks.iter().map(|(_, text, colour)| (Sample::Bar(*colour), text.clone()));
    let marker = panel.marker.iter().map(|(_, _, text, colour)| (Sample::Marker(*colour), text.clone()));
    curves.chain(reference).chain(marks).chain(marker).collect()
}

fn marker(picture: &mut Picture, at: (f64, f64), colour: Rgb) {
    picture.disc(at, MARKER_RADIUS + 1.5, WHITE);
    picture.disc(at, MARKER_RADIUS, colour);
}

fn grid(picture: &mut Picture, panel: &Panel<'_>, area: Area, iterations: &Axis) {
    let stroke = Stroke::solid(GRID, FRAME_WIDTH);
    for tick in panel.axis.iter().flat_map(|axis| &axis.ticks).filter(|tick| tick.label.is_some()) {
        if let Some(axis) = &panel.axis {
            let y = area.y(axis, tick.value).round();
            picture.line(&[(area.left, y), (area.right, y)], stroke);
        }
    }
    for tick in &iterations.ticks {
        let x = area.x(iterations, tick.value).round();
        picture.line(&[(x, area.top), (x, area.bottom)], stroke);
    }
}

fn frame(picture: &mut Picture, panel: &Panel<'_>, area: Area, iterations: &Axis) {
    let stroke = Stroke::solid(INK, FRAME_WIDTH);
    let Area { left, top, right, bottom } = area;
    picture.line(&[(left, top), (right, top), (right, bottom), (left, bottom), (left, top)], stroke);
    for tick in &iterations.ticks {
        let x = area.x(iterations, tick.value).round();
        picture.line(&[(x, bottom), (x, bottom - MAJOR_TICK)], stroke);
    }
    for (axis, x, inwards, align) in
        [(&panel.axis, left, 1.0, Align::Right), (&panel.second_axis, right, -1.0, Align::Left)]
    {
        let Some(axis) = axis else { continue };
        for tick in &axis.ticks {
            let y = area.y(axis, tick.value).round();
            let length = if tick.label.is_some() { MAJOR_TICK } else { MINOR_TICK };
            picture.line(&[(x, y), (x + inwards * length, y)], stroke);
            if let Some(label) = &tick.label {
                let at = (x - inwards * 6.0, y + 0.36 * TICK_SIZE);
                picture.text(at, label, Lettering::new(TICK_SIZE, INK, align));
            }
        }
        if axis.power != 0 {
            let align = if inwards > 0.0 { Align::Left } else { Align::Right };
            let text = format!("×10{}", superscript(axis.power));
            picture.text((x, top - 5.0), &text, Lettering::new(TICK_SIZE, INK, align));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_the_frame() {
        let area = Area { left: 0.0, top: 10.0, right: 100.0, bottom: 20.0 };
        let line = [(0.0, 15.0), (1.0, 15.0), (2.0, 5.0), (3.0, 15.0), (4.0, 25.0), (5.0, 25.0), (6.0, 5.0)];
        let pieces = [
            vec![(0.0, 15.0), (1.0, 15.0), (1.5, 10.0)],
            vec![(2.5, 10.0), (3.0, 15.0), (3.5, 20.0)],
            vec![(5.25, 20.0), (5.75, 10.0)],
        ];
        assert_eq!(inside(&line, area), pieces);
        // From the frame itself outwards and back.
        assert_eq!(inside(&[(0.0, 10.0), (1.0, 0.0), (2.0, 10.0)], area), [vec![(0.0, 10.0)], vec![(2.0, 10.0)]]);
        assert!(inside(&[], area).is_empty() && inside(&[(0.0, 5.0)], area).is_empty());
    }
}
