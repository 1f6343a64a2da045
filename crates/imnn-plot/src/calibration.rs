//! The calibration page: ranks, coverage, TARP, and estimates against truths.

use std::path::Path;

use imnn_infer::diagnostics::Calibration;
use imnn_infer::diagnostics::bands::Band;

use crate::PlotError;
use crate::axis::Axis;
use crate::font::text_width;
use crate::format;
use crate::frame::Frame;
use crate::picture::{Align, Lettering, Picture};
use crate::style::{
    BLUE, GREEN, INK, LABEL_SIZE, LEGEND_SIZE, LONG_DASHED, MUTED, PURPLE, Rgb, Stroke, TICK_SIZE, TITLE_SIZE,
    VERMILION,
};

/// How calibration is plotted.
#[derive(Clone, Debug, PartialEq)]
pub struct CalibrationPlot {
    /// A line above the verdict, such as the name of the method. By default there is none.
    pub title: Option<String>,
    /// Width in logical pixels, 500 to 5000; by default 860.
    pub width: u32,
    /// Pixels of a PNG per logical pixel and direction, 1 to 4; by default 2. SVG and PDF need none.
    pub pixel_ratio: u32,
}

impl Default for CalibrationPlot {
    fn default() -> Self {
        Self { title: None, width: 860, pixel_ratio: 2 }
    }
}

const COLOURS: [Rgb; 4] = [BLUE, VERMILION, GREEN, PURPLE];
const BAND: Rgb = (150, 150, 150);
/// At most so many pairs are drawn of each parameter.
const PAIRS: usize = 300;

/// Draws the four panels of a calibration into the file `path`, `.png`, `.svg` or `.pdf`, with the verdict above them:
/// the distribution function of ranks less that of a uniform law with its simultaneous band, coverage of
/// highest-density regions with its band, TARP with the errors of its bootstraps, and posterior means against truths,
/// both in units of the truths' scatter.
///
/// # Errors
/// If a setting is out of its range, the extension is none of these, or the file cannot be written. A file that was
/// there before stays as it is then.
pub fn plot_calibration(
    calibration: &Calibration,
    settings: &CalibrationPlot,
    path: impl AsRef<Path>,
) -> Result<(), PlotError> {
    format::check_size(settings.width, settings.width.max(400), settings.pixel_ratio)?;
    format::write(path.as_ref(), settings.pixel_ratio, || Ok(drawn(calibration, settings)))
}

fn drawn(calibration: &Calibration, settings: &CalibrationPlot) -> Picture {
    let verdict = calibration.verdict();
    let (left, gap) = (66.0, 84.0);
    let width = f64::from(settings.width);
    let cell = ((width - left - gap - 16.0) / 2.0).floor();
    let high = (0.78 * cell).floor();
    let mut heads: Vec<(String, f64, Rgb)> =
        settings.title.iter().map(|title| (title.clone(), TITLE_SIZE, INK)).collect();
    let colour = if verdict.good { INK } else { VERMILION };
    heads.extend(
        wrapped(&verdict.text, width - left - 16.0, LABEL_SIZE).into_iter().map(|line| (line, LABEL_SIZE, colour)),
    );
    let top = 18.0 + 20.0 * heads.len() as f64 + 24.0;
    let height = (top + 2.0 * high + 74.0 + 52.0).ceil() as u32;
    let mut picture = Picture { width: settings.width, height, shapes: vec![] };
    for (k, (line, size, colour)) in heads.iter().enumerate() {
        let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        picture.text((left, 26.0 + 20.0 * k as f64), &line, Lettering::new(*size, *colour, Align::Left));
    }
    let place = |row: usize, column: usize| {
        let (left, top) = (left + column as f64 * (cell + gap), top + row as f64 * (high + 74.0));
        (left, top, left + cell, top + high)
    };
    ranks(&mut picture, calibration, place(0, 0));
    coverage(&mut picture, calibration, place(0, 1));
    tarp(&mut picture, calibration, place(1, 0));
    truths(&mut picture, calibration, place(1, 1));
    picture
}

/// A text in lines that are not wider than this.
fn wrapped(text: &str, width: f64, size: f64) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else { continue };
        if line.is_empty() {
            line.push_str(word);
        } else if text_width(&format!("{line} {word}"), size) <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

type Place = (f64, f64, f64, f64);

fn frame((left, top, right, bottom): Place, [(a, b), (c, d)]: [(f64, f64); 2]) -> Frame {
    Frame { left, top, right, bottom, x: Axis::between(a, b, 5), y: Some(Axis::between(c, d, 5)) }
}

fn finish(picture: &mut Picture, frame: &Frame, title: &str, x: &str, y: &str) {
    frame.draw(picture, [true, true]);
    frame.name_x(picture, x);
    frame.name_y(picture, y, frame.left - 44.0);
    picture.text((frame.left, frame.top - 8.0), title, Lettering::new(LABEL_SIZE, INK, Align::Left));
}

/// The counts of a band as shares, less what is expected where `difference`.
fn band_region(band: &Band, difference: bool) -> Vec<(f64, f64)> {
    let n = band.n as f64;
    let at = |k: usize, end: usize| {
        let point = band.points[k];
        let share = band.counts[k][end] as f64 / n;
        (point, if difference { share - point } else { share })
    };
    let up = (0..band.points.len()).map(|k| at(k, 0));
    let down = (0..band.points.len()).rev().map(|k| at(k, 1));
    std::iter::once((0.0, 0.0)).chain(up).chain(down).collect()
}

fn ranks(picture: &mut Picture, calibration: &Calibration, place: Place) {
    let (sbc, n) = (&calibration.sbc, calibration.sbc.band.n as f64);
    let lines: Vec<Vec<(f64, f64)>> = sbc
        .counts
        .iter()
        .map(|counts| {
            let points = counts.iter().zip(&sbc.band.points).map(|(count, point)| (*point, *count as f64 / n - point));
            std::iter::once((0.0, 0.0)).chain(points).collect()
        })
        .collect();
    let band = band_region(&sbc.band, true);
    let reach = lines.iter().flatten().chain(&band).fold(0.02, |reach: f64, (_, y)| reach.max(y.abs())) * 1.35;
    let frame = frame(place, [(0.0, 1.0), (-reach, reach)]);
    frame.region(picture, &[band], BAND, 0.25);
    frame.line(picture, &[(0.0, 0.0), (1.0, 0.0)], Stroke::solid(MUTED, 1.0).dashed(LONG_DASHED));
    for (k, line) in lines.iter().enumerate() {
        frame.line(picture, line, Stroke::solid(COLOURS[k % COLOURS.len()], 1.6));
    }
    finish(picture, &frame, "ranks (SBC), 95 % band", "rank / samples", "ECDF − uniform");
    names(picture, &frame, calibration);
}

/// The names of the parameters in their colours, inside the frame.
fn names(picture: &mut Picture, frame: &Frame, calibration: &Calibration) {
    let mut x = frame.left + 10.0;
    for (k, name) in calibration.names.iter().enumerate() {
        let name: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let width = text_width(&name, LEGEND_SIZE);
        if x + width > frame.right - 10.0 {
            break;
        }
        picture.text(
            (x, frame.top + 18.0),
            &name,
            Lettering::new(LEGEND_SIZE, COLOURS[k % COLOURS.len()], Align::Left),
        );
        x += width + 14.0;
    }
}

fn diagonal(picture: &mut Picture, frame: &Frame) {
    frame.line(picture, &[(0.0, 0.0), (1.0, 1.0)], Stroke::solid(MUTED, 1.0).dashed(LONG_DASHED));
}

fn coverage(picture: &mut Picture, calibration: &Calibration, place: Place) {
    let frame = frame(place, [(0.0, 1.0), (0.0, 1.0)]);
    match &calibration.coverage {
        None => {
            let at = (0.5 * (frame.left + frame.right), 0.5 * (frame.top + frame.bottom));
            picture.text(at, "no densities: see TARP", Lettering::new(LABEL_SIZE, MUTED, Align::Centre));
        }
        Some(coverage) => {
            frame.region(picture, &[band_region(&coverage.band, false)], BAND, 0.25);
            diagonal(picture, &frame);
            let line: Vec<(f64, f64)> =
                (0..=100).map(|k| f64::from(k) / 100.0).map(|level| (level, coverage.at(level))).collect();
            frame.line(picture, &line, Stroke::solid(BLUE, 1.6));
            for (line, level) in [0.68, 0.95].into_iter().enumerate() {
                let text = format!("{:.0} % → {:.1}", 100.0 * level, 100.0 * coverage.at(level));
                let at = (frame.left + 10.0, frame.top + 18.0 + 16.0 * line as f64);
                picture.text(at, &text, Lettering::new(TICK_SIZE, INK, Align::Left));
            }
        }
    }
    finish(picture, &frame, "highest-density regions, 95 % band", "credibility", "coverage");
}

fn tarp(picture: &mut Picture, calibration: &Calibration, place: Place) {
    let (tarp, frame) = (&calibration.tarp, frame(place, [(0.0, 1.0), (0.0, 1.0)]));
    let at = |sign: f64| {
        tarp.levels.iter().zip(&tarp.coverage).zip(&tarp.error).map(move |((l, c), e)| (*l, c + 2.0 * sign * e))
    };
    let region: Vec<(f64, f64)> = at(-1.0).chain(at(1.0).rev()).collect();
    frame.region(picture, &[region], BLUE, 0.2);
    diagonal(picture, &frame);
    let line: Vec<(f64, f64)> = tarp.levels.iter().copied().zip(tarp.coverage.iter().copied()).collect();
    frame.line(picture, &line, Stroke::solid(BLUE, 1.6));
    let text = format!("area {:+.4} ± {:.4}", tarp.area, tarp.area_error).replace('-', "−");
    picture.text((frame.left + 10.0, frame.top + 18.0), &text, Lettering::new(TICK_SIZE, INK, Align::Left));
    finish(picture, &frame, "random points (TARP), 2 bootstrap errors", "credibility", "expected coverage");
}

fn truths(picture: &mut Picture, calibration: &Calibration, place: Place) {
    let (theta, p) = (&calibration.theta, calibration.theta.ncols());
    let n = theta.nrows();
    // Each parameter in units of the scatter of its truths, so that all have one axis.
    let scale = |i: usize| {
        let mean = theta.column(i).sum() / n as f64;
        let variance = theta.column(i).iter().map(|t| (t - mean).powi(2)).sum::<f64>() / n as f64;
        (mean, variance.sqrt().max(f64::MIN_POSITIVE))
    };
    let mut reach = 2.0_f64;
    let mut bars = Vec::new();
    for i in 0..p {
        let (mean, sd) = scale(i);
        for k in 0..n.min(PAIRS) {
            let unit = |value: f64| (value - mean) / sd;
            let (x, y, error) = (unit(theta[[k, i]]), unit(calibration.mean[[k, i]]), calibration.sd[[k, i]] / sd);
            reach = reach.max(x.abs()).max(y.abs().min(6.0));
            bars.push((i, x, y, error));
        }
    }
    let frame = frame(place, [(-1.05 * reach, 1.05 * reach); 2]);
    frame.line(
        picture,
        &[(-2.0 * reach, -2.0 * reach), (2.0 * reach, 2.0 * reach)],
        Stroke::solid(MUTED, 1.0).dashed(LONG_DASHED),
    );
    for (i, x, y, error) in bars {
        let stroke = Stroke { opacity: 0.45, ..Stroke::solid(COLOURS[i % COLOURS.len()], 1.0) };
        frame.line(picture, &[(x, y - error), (x, y + error)], stroke);
        frame.line(
            picture,
            &[(x - 0.012 * reach, y), (x + 0.012 * reach, y)],
            Stroke { opacity: 0.9, width: 2.0, ..stroke },
        );
    }
    finish(picture, &frame, "posterior means and deviations", "truth / scatter of truths", "posterior / same");
    names(picture, &frame, calibration);
}

#[cfg(test)]
mod tests {
    use super::*;
    use imnn_prior::{Normal, Prior};
    use imnn_sim::Key;
    use ndarray::{Array2, Array3};

    /// theta ~ N(0, 1), x ~ N(theta, 1): posterior N(x/2, 1/2), with its width times a factor.
    fn calibration(factor: f64, with_density: bool) -> Calibration {
        let law = || Normal::new(0.0, 1.0).unwrap();
        let prior = Prior::builder().law("Omega_c", law()).law("sigma_8", law()).build().unwrap();
        let (n, l) = (300, 200);
        let mut z = vec![0.0; 4 * n + 2 * n * l];
        Key::new(1).fill_normal(&mut z);
        let theta = Array2::from_shape_fn((n, 2), |(k, i)| z[4 * k + i]);
        let mean = Array2::from_shape_fn((n, 2), |(k, i)| 0.5 * (theta[[k, i]] + z[4 * k + 2 + i]));
        let sd = 0.5_f64.sqrt() * factor;
        let samples = Array3::from_shape_fn((n, l, 2), |(k, s, i)| mean[[k, i]] + sd * z[4 * n + 2 * (k * l + s) + i]);
        let ln = |k: usize, at: [f64; 2]| (0..2).map(|i| -0.5 * ((at[i] - mean[[k, i]]) / sd).powi(2)).sum::<f64>();
        let truth = (0..n).map(|k| ln(k, [theta[[k, 0]], theta[[k, 1]]])).collect::<ndarray::Array1<f64>>();
        let others = Array2::from_shape_fn((n, l), |(k, s)| ln(k, [samples[[k, s, 0]], samples[[k, s, 1]]]));
        let densities = with_density.then_some((truth.view(), others.view()));
        Calibration::new(&prior, theta.view(), samples.view(), densities, Key::new(2)).unwrap()
    }

    #[test]
    fn the_page_has_its_panels_and_its_verdict() {
        let folder = tempfile::tempdir().unwrap();
        let settings = CalibrationPlot { title: Some("npe".into()), ..CalibrationPlot::default() };
        for end in ["png", "svg", "pdf"] {
            plot_calibration(&calibration(1.0, true), &settings, folder.path().join(format!("c.{end}"))).unwrap();
        }
        let svg = std::fs::read_to_string(folder.path().join("c.svg")).unwrap();
        for text in ["npe", "ranks (SBC)", "TARP", "coverage", "68 % →", "posterior means", "Omega_c", "with 300 pairs"]
        {
            assert!(svg.contains(text), "{text}");
        }
        let path = folder.path().join("bad.svg");
        plot_calibration(&calibration(0.6, false), &settings, &path).unwrap();
        let svg = std::fs::read_to_string(path).unwrap();
        assert!(svg.contains("calibration failed with 300 pairs") && svg.contains("no densities: see TARP"));
    }
}
