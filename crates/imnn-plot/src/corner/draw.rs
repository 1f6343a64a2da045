//! How a corner plot is drawn.

use imnn_infer::density::{Density1, Density2, contours};

use super::{CornerLayer, CornerPlot};
use crate::PlotError;
use crate::axis::Axis;
use crate::font::text_width;
use crate::frame::Frame;
use crate::picture::{Align, Lettering, Picture};
use crate::style::{
    BLUE, DOTTED, GREEN, INK, LABEL_SIZE, LEGEND_SIZE, LONG_DASHED, MUTED, PURPLE, Rgb, Stroke, TICK_SIZE, TITLE_SIZE,
    VERMILION,
};
use crate::ticks::number;

const COLOURS: [Rgb; 4] = [BLUE, VERMILION, GREEN, PURPLE];
/// Between panels.
const GAP: f64 = 8.0;
/// Height of a line of the legend, and of numbers above the diagonal.
const LINE: f64 = 19.0;
const SAMPLE: f64 = 26.0;
/// At most so many points of a layer are drawn.
const POINTS: usize = 2000;

/// The values that the axis of a parameter covers: 0.5 to 99.5 % of all posteriors and some more, cut at hard bounds,
/// and the truth.
fn range(layers: &[CornerLayer], settings: &CornerPlot, i: usize) -> (f64, f64) {
    let ends = |at: usize| layers.iter().map(move |layer| layer.quantiles[i][at]);
    let (low, high) = (ends(0).fold(f64::INFINITY, f64::min), ends(4).fold(f64::NEG_INFINITY, f64::max));
    let margin = 0.12 * (high - low).max(1e-12 * low.abs().max(high.abs()).max(1e-300));
    let bound = |at: usize| layers.iter().map(move |layer| layer.ranges[i][at]);
    let (least, most) = (bound(0).fold(f64::INFINITY, f64::min), bound(1).fold(f64::NEG_INFINITY, f64::max));
    let (mut low, mut high) = ((low - margin).max(least), (high + margin).min(most));
    for value in [&settings.truth, &settings.fiducial].into_iter().flatten().map(|values| values[i]) {
        if value.is_finite() {
            (low, high) = (low.min(value - 0.3 * margin), high.max(value + 0.3 * margin));
        }
    }
    (low, high)
}

pub(super) fn drawn(layers: &[CornerLayer], settings: &CornerPlot, width: u32) -> Result<Picture, PlotError> {
    let p = layers[0].names.len();
    let labels = if settings.labels.is_empty() { &layers[0].names } else { &settings.labels };
    let ranges: Vec<(f64, f64)> = (0..p).map(|i| range(layers, settings, i)).collect();
    let count = 4;
    let axis = |i: usize| Axis::between(ranges[i].0, ranges[i].1, count);
    let numbers_left = (1..p).map(|i| {
        let axis = axis(i);
        axis.ticks
            .iter()
            .filter_map(|tick| tick.label.as_ref())
            .map(|label| text_width(label, TICK_SIZE))
            .fold(0.0, f64::max)
    });
    let left = (14.0 + LABEL_SIZE + 10.0 + numbers_left.fold(0.0, f64::max) + 6.0).ceil();
    let legend = legend_width(layers, settings);
    // The legend lies in the empty half; of one or two parameters there is not room enough for all of it.
    let above = if settings.numbers { LINE * layers.len() as f64 + 2.0 } else { 8.0 };
    let top = if settings.title.is_some() { 40.0 } else { 14.0 } + above;
    let right = f64::from(width) - 14.0 - if p == 1 { legend + 16.0 } else { 0.0 };
    let cell = ((right - left - GAP * (p as f64 - 1.0)) / p as f64).floor();
    let height = (top + p as f64 * cell + GAP * (p as f64 - 1.0) + 54.0).ceil() as u32;
    let mut picture = Picture { width, height, shapes: vec![] };
    for i in 0..p {
        for j in 0..=i {
            let corner = (left + j as f64 * (cell + GAP), top + i as f64 * (cell + GAP));
            let y = (i != j).then(|| axis(i));
            let frame =
                Frame { left: corner.0, top: corner.1, right: corner.0 + cell, bottom: corner.1 + cell, x: axis(j), y };
            if i == j {
                alone(&mut picture, &frame, layers, settings, i);
            } else {
                together(&mut picture, &frame, layers, settings, [j, i])?;
            }
            frame.draw(&mut picture, [i == p - 1, j == 0 && i > 0]);
            if i == p - 1 {
                frame.name_x(&mut picture, &labels[j]);
            }
            if j == 0 && i > 0 {
                frame.name_y(&mut picture, &labels[i], 14.0 + LABEL_SIZE);
            }
        }
    }
    let legend_left = if p == 1 { right + 16.0 } else { f64::from(width) - 14.0 - legend };
    draw_legend(&mut picture, layers, settings, (legend_left, if p == 1 { top + 10.0 } else { top - above + 10.0 }));
    if let Some(title) = &settings.title {
        let title: String = title.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        picture.text((left, 24.0), &title, Lettering::new(TITLE_SIZE, INK, Align::Left));
    }
    Ok(picture)
}

fn stroke(layers: &[CornerLayer], k: usize, width: f64) -> Stroke {
    let stroke = Stroke::solid(COLOURS[k % COLOURS.len()], width);
    if layers[k].dashed || k >= COLOURS.len() { stroke.dashed(LONG_DASHED) } else { stroke }
}

fn is_filled(layers: &[CornerLayer], k: usize) -> bool {
    layers[k].filled.unwrap_or(k == 0)
}

/// The panel of one parameter: densities with their largest value at nine tenths of the height.
fn alone(picture: &mut Picture, frame: &Frame, layers: &[CornerLayer], settings: &CornerPlot, i: usize) {
    for (values, dash) in [(&settings.fiducial, DOTTED), (&settings.truth, LONG_DASHED)] {
        if let Some(value) = values.as_ref().map(|values| values[i]) {
            frame.line(picture, &[(value, 0.0), (value, 1.0)], Stroke::solid(INK, 1.2).dashed(dash));
        }
    }
    for (k, layer) in layers.iter().enumerate() {
        let colour = COLOURS[k % COLOURS.len()];
        match &layer.densities {
            Some(densities) => {
                let Density1 { x, density } = &densities.one[i];
                let largest = density.iter().copied().fold(0.0, f64::max);
                let mut line: Vec<(f64, f64)> = x.iter().zip(density).map(|(x, d)| (*x, 0.9 * d / largest)).collect();
                if is_filled(layers, k) {
                    let ends = [(x[x.len() - 1], 0.0), (x[0], 0.0)];
                    frame.region(picture, &[line.iter().copied().chain(ends).collect()], colour, 0.18);
                }
                // A density that is cut off at a hard bound falls to 0 there.
                line.insert(0, (x[0], 0.0));
                line.push((x[x.len() - 1], 0.0));
                frame.line(picture, &line, stroke(layers, k, 1.6));
            }
            None => {
                for row in layer.points.iter().flat_map(|points| points.rows()) {
                    frame.line(
                        picture,
                        &[(row[i], 0.0), (row[i], 0.06)],
                        Stroke { opacity: 0.6, ..Stroke::solid(colour, 1.0) },
                    );
                }
            }
        }
        if settings.numbers {
            let [_, low, middle, high, _] = layer.quantiles[i];
            let text = interval(middle, middle - low, high - middle);
            let at = (0.5 * (frame.left + frame.right), frame.top - 8.0 - LINE * (layers.len() - 1 - k) as f64);
            // Small panels have small numbers.
            let room = (frame.right - frame.left + 0.5 * GAP) / text_width(&text, TICK_SIZE);
            picture.text(at, &text, Lettering::new(TICK_SIZE * room.min(1.0), colour, Align::Centre));
        }
    }
}

/// `0.312 ± 0.021`, or `0.31 +0.05 −0.02` where both sides differ.
fn interval(middle: f64, below: f64, above: f64) -> String {
    let mean = 0.5 * (below + above);
    if mean.is_nan() || mean <= 0.0 || middle.abs() >= 1e5 || mean < 1e-5 {
        return format!("{} ± {}", number(middle), number(mean));
    }
    // Two digits of the error.
    let decimals = (1 - mean.log10().floor() as i32).max(0) as usize;
    let minus = |text: String| text.replace('-', "−");
    let value = minus(format!("{middle:.decimals$}"));
    match (above - below).abs() < 0.1 * mean {
        true => format!("{value} ± {mean:.decimals$}"),
        false => format!("{value} +{above:.decimals$} −{below:.decimals$}"),
    }
}

/// The panel of two parameters, `j` along and `i` upwards.
fn together(
    picture: &mut Picture,
    frame: &Frame,
    layers: &[CornerLayer],
    settings: &CornerPlot,
    [j, i]: [usize; 2],
) -> Result<(), PlotError> {
    for (k, layer) in layers.iter().enumerate() {
        let colour = COLOURS[k % COLOURS.len()];
        for row in layer.points.iter().flat_map(|points| points.rows()).take(POINTS) {
            let at = frame.place((row[j], row[i]));
            if at.0 >= frame.left && at.0 <= frame.right && at.1 >= frame.top && at.1 <= frame.bottom {
                picture.disc(at, 1.3, crate::style::light(colour));
            }
        }
        let Some(density) = layer.densities.as_ref().and_then(|densities| densities.two(j, i)) else { continue };
        regions(picture, frame, layers, settings, k, density)?;
    }
    let everywhere = |axis: usize| range(layers, settings, axis);
    for (values, dash) in [(&settings.fiducial, DOTTED), (&settings.truth, LONG_DASHED)] {
        if let Some(values) = values {
            let ((left, right), (low, high)) = (everywhere(j), everywhere(i));
            let ink = Stroke::solid(INK, 1.0).dashed(dash);
            frame.line(picture, &[(values[j], low), (values[j], high)], ink);
            frame.line(picture, &[(left, values[i]), (right, values[i])], ink);
        }
    }
    Ok(())
}

fn regions(
    picture: &mut Picture,
    frame: &Frame,
    layers: &[CornerLayer],
    settings: &CornerPlot,
    k: usize,
    density: &Density2,
) -> Result<(), PlotError> {
    let mut shares = settings.levels.clone();
    // The largest region first, below the others.
    shares.sort_by(|a, b| b.total_cmp(a));
    for level in density.levels(&shares)? {
        let rings = contours(density, level);
        if is_filled(layers, k) {
            frame.region(picture, &rings, COLOURS[k % COLOURS.len()], 0.28);
        }
        for ring in &rings {
            let closed: Vec<(f64, f64)> = ring.iter().chain(ring.first()).copied().collect();
            frame.line(picture, &closed, stroke(layers, k, 1.4));
        }
    }
    Ok(())
}

fn entries(layers: &[CornerLayer], settings: &CornerPlot) -> Vec<(Option<usize>, String)> {
    let label = |label: &str| label.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    let posteriors = layers.iter().enumerate().map(|(k, layer)| (Some(k), label(&layer.label)));
    let truth = settings.truth.is_some().then(|| (None, "truth".to_owned()));
    let fiducial = settings.fiducial.is_some().then(|| (None, "fiducial".to_owned()));
    posteriors.chain(truth).chain(fiducial).collect()
}

fn legend_width(layers: &[CornerLayer], settings: &CornerPlot) -> f64 {
    entries(layers, settings).iter().map(|(_, text)| text_width(text, LEGEND_SIZE) + SAMPLE + 10.0).fold(0.0, f64::max)
}

fn draw_legend(picture: &mut Picture, layers: &[CornerLayer], settings: &CornerPlot, (left, top): (f64, f64)) {
    for (line, (layer, text)) in entries(layers, settings).into_iter().enumerate() {
        let y = top + LINE * line as f64;
        let sample = [(left, y), (left + SAMPLE, y)];
        match layer {
            Some(k) => {
                if is_filled(layers, k) {
                    let (low, high) = (y - 5.0, y + 5.0);
                    let box_ = vec![(left, low), (left + SAMPLE, low), (left + SAMPLE, high), (left, high)];
                    picture.region(&[box_], COLOURS[k % COLOURS.len()], 0.35);
                }
                picture.line(&sample, stroke(layers, k, 1.8));
            }
            None => {
                let dash = if text == "truth" { LONG_DASHED } else { DOTTED };
                picture.line(&sample, Stroke::solid(INK, 1.2).dashed(dash));
            }
        }
        let colour = if layer.is_some() { INK } else { MUTED };
        picture.text(
            (left + SAMPLE + 8.0, y + 0.36 * LEGEND_SIZE),
            &text,
            Lettering::new(LEGEND_SIZE, colour, Align::Left),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_two_digits_of_their_errors() {
        assert_eq!(interval(0.3123, 0.021, 0.021), "0.312 ± 0.021");
        assert_eq!(interval(-1.5, 0.2, 0.4), "−1.50 +0.40 −0.20");
        assert_eq!(interval(123.4, 12.0, 12.5), "123 ± 12");
        assert_eq!(interval(1e9, 1e7, 1e7), "10⁹ ± 10⁷");
    }
}
