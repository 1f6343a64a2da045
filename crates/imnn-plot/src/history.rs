//! The history of a training run in three panels.

use std::path::Path;

use crate::PlotError;
use crate::axis::Axis;
use crate::format;
use crate::panel::{Curve, Mark, Panel};
use crate::picture::Picture;
use crate::stack::{Size, Stack};
use crate::style::{BLUE, CURVE_WIDTH, GREEN, INK, LONG_DASHED, PURPLE, Rgb, Stroke, VERMILION, light};
use crate::svg::svg;
use crate::ticks::{grouped, number};
use imnn_fit::{History, Round, Trace};

/// Training beyond so many times the largest other value runs away.
const AWAY: f64 = 2.0;

/// How the history is plotted.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryPlot {
    /// The det F to be reached, drawn as a dashed line: from theory, for instance. By default there is none.
    pub expected_det_f: Option<f64>,
    /// A line above the panels. By default there is none.
    pub title: Option<String>,
    /// Lines below the panels, such as cautions, for which the plot grows; by default there are none.
    pub notes: Vec<String>,
    /// Width in logical pixels, 500 to 5000; by default 960.
    pub width: u32,
    /// Height in logical pixels, 400 to 5000; by default 860.
    pub height: u32,
    /// Pixels of a PNG per logical pixel and direction, 1 to 4; by default 2. SVG and PDF need none.
    pub pixel_ratio: u32,
}

impl Default for HistoryPlot {
    fn default() -> Self {
        Self { expected_det_f: None, title: None, notes: vec![], width: 960, height: 860, pixel_ratio: 2 }
    }
}

/// Plots a training history into the file `path`, `.png`, `.svg` or `.pdf`.
///
/// Above, det F of the training and validation simulations, with the expected value and the iteration whose weights are
/// the best; its axis is logarithmic if the values, but for their lowest tenth, span more than three decades, and ends where
/// those of validation end if training runs away from them. In the
/// middle, det C and det C⁻¹. Below, Λ₂ with r on the axis at the right. Values that an axis cannot hold (not finite, or not positive on a logarithmic axis)
/// are left out and leave a gap. Runs longer than the plot is wide are reduced to their outline per pixel.
///
/// # Errors
///
/// If the history is empty, a setting is out of its range, the extension is none of these, or the file cannot
/// be written. A file that was there before stays as it is then.
pub fn plot_history(history: &History, settings: &HistoryPlot, path: impl AsRef<Path>) -> Result<(), PlotError> {
    format::write(path.as_ref(), settings.pixel_ratio, || check(history, settings).map(|()| drawn(history, settings)))
}

/// The same as the text of an SVG, for a page that has it among other things.
///
/// # Errors
/// If the history is empty, or a setting is out of its range.
pub fn history_svg(history: &History, settings: &HistoryPlot) -> Result<String, PlotError> {
    check(history, settings).map(|()| svg(&drawn(history, settings)))
}

fn check(history: &History, settings: &HistoryPlot) -> Result<(), PlotError> {
    if n_iterations(history) == 0 {
        return Err(PlotError::Empty);
    }
    if let Some(found) = settings.expected_det_f.filter(|f| !(f.is_finite() && *f > 0.0)) {
        return Err(PlotError::Expected { found });
    }
    format::check_size(settings.width, settings.height, settings.pixel_ratio)
}

/// The longest of all traces: nothing forbids them to differ.
fn n_iterations(history: &History) -> usize {
    let traces = std::iter::once(&history.training).chain(&history.validation);
    traces.map(Trace::len).max().unwrap_or(0)
}

fn drawn(history: &History, settings: &HistoryPlot) -> Picture {
    let size = Size { width: settings.width, height: settings.height };
    let count = size.ticks(3, settings.title.is_some());
    let panels = vec![fisher(history, settings, count), covariance(history, count), regularisation(history, count)];
    let n = n_iterations(history);
    Stack {
        size,
        panels,
        along: |count| Axis::iterations(n, count),
        label: "iteration",
        marked: history.best_iteration.filter(|&best| best < n),
        title: settings.title.as_deref(),
        notes: &settings.notes,
    }
    .drawn()
}

fn fisher<'a>(history: &'a History, settings: &HistoryPlot, count: usize) -> Panel<'a> {
    let mut curves = curves(history, |trace| &trace.det_f, "", [BLUE, BLUE, VERMILION], false);
    let all = curves.iter().flat_map(|curve| curve.values).copied().chain(settings.expected_det_f);
    let judged_on = history.validation.iter().flat_map(|trace| &trace.det_f).copied();
    let judged_on = judged_on.chain(history.rounds.iter().map(|round| round.log_det_f.value.exp()));
    let judged_on = judged_on.chain(settings.expected_det_f);
    let axis = match away(&history.training.det_f, judged_on.clone()) {
        Some(most) if history.validation.is_some() || !history.rounds.is_empty() => {
            curves[0].label = format!("training, to {}", number(most));
            Axis::suited(judged_on, count)
        }
        _ => Axis::suited(all, count),
    };
    // The best iteration is chosen on the validation simulations where there are any.
    let judged = history.validation.as_ref().unwrap_or(&history.training);
    let colour = if history.validation.is_some() { VERMILION } else { BLUE };
    let best = history.best_iteration.and_then(|i| Some((i, *judged.det_f.get(i).filter(|value| value.is_finite())?)));
    let marker = best.map(|(i, value)| (i, value, format!("best, {} at {}", number(value), grouped(i as u64)), colour));
    let (marks, marker) = match &history.rounds[..] {
        [] => (None, marker),
        rounds => held_out(rounds, history.best_iteration.map_or(0, |best| best + 1)),
    };
    Panel {
        label: vec![("det F".to_owned(), INK)],
        axis,
        reference: settings
            .expected_det_f
            .map(|value| (value, format!("expected, {}", number(value)), Stroke::solid(INK, 1.2).dashed(LONG_DASHED))),
        marks,
        marker,
        curves,
        ..Panel::default()
    }
}

/// The largest value of training, where it is far beyond all others: on a common axis these would lie at its foot.
fn away(training: &[f64], others: impl Iterator<Item = f64>) -> Option<f64> {
    let largest = |values: &mut dyn Iterator<Item = f64>| values.filter(|value| value.is_finite()).fold(0.0, f64::max);
    let (training, others) = (largest(&mut training.iter().copied()), largest(&mut others.into_iter()));
    (others > 0.0 && training > AWAY * others).then_some(training)
}

type Marks = (Vec<Mark>, String, Rgb);
type Marker = (usize, f64, String, Rgb);

/// What rounds found on simulations that did not train, the best of them marked: it is that after so many iterations.
fn held_out(rounds: &[Round], best: usize) -> (Option<Marks>, Option<Marker>) {
    let at = |round: &Round| round.iteration.saturating_sub(1);
    let mark = |round: &Round| {
        let found = round.log_det_f;
        let bar = [found.value - found.error, found.value + found.error].map(f64::exp);
        Mark { iteration: at(round), value: found.value.exp(), bar }
    };
    let best = rounds.iter().rev().find(|round| round.iteration == best).map(|round| {
        let value = round.log_det_f.value.exp();
        (at(round), value, format!("best, {} at {}", number(value), grouped(round.iteration as u64)), VERMILION)
    });
    (Some((rounds.iter().map(mark).collect(), "held out".to_owned(), VERMILION)), best)
}

fn covariance(history: &History, count: usize) -> Panel<'_> {
    let mut curves = curves(history, |trace| &trace.det_c, "det C", in_shades(GREEN), false);
    curves.extend(self::curves(history, |trace| &trace.det_inv_c, "det C⁻¹", in_shades(PURPLE), false));
    Panel {
        label: vec![("det C,  ".to_owned(), GREEN), ("det C⁻¹".to_owned(), PURPLE)],
        axis: Axis::logarithmic(curves.iter().flat_map(|curve| curve.values).copied(), count),
        curves,
        ..Panel::default()
    }
}

fn regularisation(history: &History, count: usize) -> Panel<'_> {
    let mut curves = curves(history, |trace| &trace.lambda2, "Λ₂", in_shades(BLUE), false);
    curves.extend(self::curves(history, |trace| &trace.r, "r", in_shades(VERMILION), true));
    let values = |second: bool| curves.iter().filter(move |c| c.second == second).flat_map(|c| c.values).copied();
    Panel {
        label: vec![("Λ₂".to_owned(), BLUE)],
        axis: Axis::logarithmic(values(false), count),
        second_label: vec![("r".to_owned(), VERMILION)],
        second_axis: Axis::linear(values(true), count),
        curves,
        ..Panel::default()
    }
}

/// One quantity on the training and, if there are any, the validation simulations. The colours are that of training alone,
/// and those of training and validation beside each other.
fn curves<'a>(
    history: &'a History,
    quantity: impl Fn(&'a Trace) -> &'a Vec<f64>,
    name: &str,
    [alone, training, validation]: [Rgb; 3],
    second: bool,
) -> Vec<Curve<'a>> {
    let curve = |trace: &'a Trace, set: &str, colour: Rgb| Curve {
        values: quantity(trace),
        label: if name.is_empty() { set.to_owned() } else { format!("{name}, {set}") },
        stroke: Stroke::solid(colour, CURVE_WIDTH),
        second,
    };
    match &history.validation {
        None => vec![curve(&history.training, "training", alone)],
        // Validation comes last and lies in front: training scatters more and would hide it.
        Some(trace) => {
            vec![curve(&history.training, "training", training), curve(trace, "validation", validation)]
        }
    }
}

/// One colour for a quantity that shares its panel: training is lighter where there is validation in front of it.
fn in_shades(colour: Rgb) -> [Rgb; 3] {
    [colour, light(colour), colour]
}

#[cfg(test)]
mod tests {
    use std::fs;

    use imnn_fit::Record;

    use super::*;

    /// A run of `n` iterations towards det F = 50, with a deterministic ripple.
    fn trace(n: usize) -> Trace {
        let mut trace = Trace::default();
        for i in 0..n {
            let time = i as f64 / n as f64;
            let ripple = 1.0 + 0.03 * (i as f64 * 12.9898).sin();
            let covariance = (2.0 * (-20.0 * time).exp()).exp() * ripple;
            let lambda2 = (covariance - 1.0).abs() + (1.0 / covariance - 1.0).abs();
            trace.det_f.push(50.0 * (1.0 - (-6.0 * time).exp()) * ripple);
            trace.det_c.push(covariance);
            trace.det_inv_c.push(1.0 / covariance);
            trace.lambda2.push(lambda2);
            trace.r.push(10.0 * lambda2 / (lambda2 + (-0.95 * lambda2).exp()));
        }
        trace
    }

    fn settings() -> HistoryPlot {
        HistoryPlot {
            expected_det_f: Some(50.0),
            title: Some("a < b & \"c\"\u{0}".to_owned()),
            ..HistoryPlot::default()
        }
    }

    /// Plots in both formats; returns the decoded PNG's size and pixels, and the SVG.
    #[track_caller]
    fn check(history: &History, settings: &HistoryPlot) -> ((u32, u32), Vec<u8>, String) {
        let folder = tempfile::tempdir().unwrap();
        let [png, svg, pdf] = ["h.png", "h.svg", "h.pdf"].map(|name| folder.path().join(name));
        for path in [&png, &svg, &pdf] {
            plot_history(history, settings, path).unwrap();
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "nothing is left beside the plots");
        let bytes = fs::read(&pdf).unwrap();
        assert!(bytes.starts_with(b"%PDF-1.7") && bytes.trim_ascii_end().ends_with(b"%%EOF"));

        let decoder = png::Decoder::new(std::io::BufReader::new(fs::File::open(&png).unwrap()));
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.color_type, info.bit_depth), (png::ColorType::Rgb, png::BitDepth::Eight));
        let text = fs::read_to_string(&svg).unwrap();
        well_formed(&text);
        for number in text.split(|c: char| !c.is_ascii_alphanumeric()) {
            assert!(!["NaN", "inf"].contains(&number), "a coordinate is no number");
        }
        ((info.width, info.height), pixels, text)
    }

    /// Every tag is closed in order, and no character is one that XML forbids.
    #[track_caller]
    fn well_formed(svg: &str) {
        assert!(svg.chars().all(|c| !c.is_control() || c == '\n'));
        let mut open = Vec::new();
        for tag in svg.split('<').skip(1) {
            let (tag, text) = tag.split_once('>').unwrap();
            assert!(!text.replace("&lt;", "").replace("&gt;", "").contains('>'));
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name));
            } else if !tag.ends_with('/') {
                open.push(tag.split_whitespace().next().unwrap());
            }
        }
        assert!(open.is_empty(), "{open:?} not closed");
    }

    /// The share of pixels in a part of the image (shares of its size) that are not white.
    fn inked(size: (u32, u32), pixels: &[u8], x: std::ops::Range<f64>, y: std::ops::Range<f64>) -> f64 {
        let (width, height) = (f64::from(size.0), f64::from(size.1));
        let (mut dark, mut all) = (0.0, 0.0);
        for row in (y.start * height) as usize..(y.end * height) as usize {
            for column in (x.start * width) as usize..(x.end * width) as usize {
                all += 1.0;
                dark += f64::from(u8::from(pixels[3 * (row * size.0 as usize + column)] < 200));
            }
        }
        dark / all
    }

    #[test]
    fn both_formats_have_all_labels() {
        let history = History {
            training: trace(300),
            validation: Some(trace(300)),
            best_iteration: Some(250),
            ..History::default()
        };
        let (size, pixels, svg) = check(&history, &settings());
        assert_eq!(size, (1920, 1720));
        for label in [
            "det F",
            "det C⁻¹",
            "Λ₂",
            "iteration",
            "training",
            "validation",
            "det C, training",
            "det C⁻¹, validation",
            "Λ₂, validation",
            "r, training",
            "expected, 50",
            " at 250",
            "a &lt; b &amp; &quot;c&quot;",
        ] {
            assert!(svg.contains(label), "no {label:?}");
        }
        assert!(svg.contains("font-family=\"DejaVu Sans, Helvetica, Arial, sans-serif\""));
        assert!(svg.starts_with("<svg width=\"960\" height=\"860\""), "{}", &svg[..80]);
        // The title, the legend at the right and the name of the iterations are text in the bitmap as well.
        assert!(inked(size, &pixels, 0.07..0.14, 0.01..0.03) > 0.02);
        assert!(inked(size, &pixels, 0.86..0.95, 0.05..0.08) > 0.02);
        assert!(inked(size, &pixels, 0.2..0.8, 0.97..0.99) > 0.001);
        // Outside the panels, at the very edge, there is nothing.
        assert_eq!(inked(size, &pixels, 0.995..1.0, 0.0..1.0), 0.0);
    }

    #[test]
    fn what_is_not_there_is_not_named() {
        let history = History { training: trace(40), ..History::default() };
        let (_, _, svg) = check(&history, &HistoryPlot::default());
        for label in ["validation", "expected", "best"] {
            assert!(!svg.contains(label), "{label}");
        }
    }

    #[test]
    fn hostile_histories_are_plotted() {
        let one = trace(1);
        let same = |n: usize, record: Record| {
            let mut trace = Trace::default();
            (0..n).for_each(|_| trace.push(record));
            trace
        };
        let constant = Record { det_f: 50.0, det_c: 1.0, det_inv_c: 1.0, r: 10.0, ..Record::default() };
        let nothing = Record {
            det_f: f64::NAN,
            det_inv_c: f64::INFINITY,
            lambda2: -1.0,
            r: f64::NEG_INFINITY,
            ..Record::default()
        };
        let (constant, nothing) = (same(9, constant), same(5, nothing));
        let mut extreme = trace(50);
        for (i, value) in [f64::MAX, f64::MIN, f64::MIN_POSITIVE, -0.0, f64::NAN, 1e249, -1e249].into_iter().enumerate()
        {
            for values in
                [&mut extreme.det_f, &mut extreme.det_c, &mut extreme.det_inv_c, &mut extreme.lambda2, &mut extreme.r]
            {
                values[3 * i] = value;
            }
        }
        let uneven = Trace { det_f: trace(7).det_f, r: trace(3).r, ..Trace::default() };
        let all = [one, constant, nothing, extreme, uneven];
        for training in &all {
            for validation in std::iter::once(None).chain(all.iter().map(Some)) {
                for best_iteration in [None, Some(0), Some(1000)] {
                    let history = History {
                        training: training.clone(),
                        validation: validation.cloned(),
                        best_iteration,
                        ..History::default()
                    };
                    let small = HistoryPlot { width: 500, height: 400, pixel_ratio: 1, ..settings() };
                    check(&history, &small);
                }
            }
        }
    }

    #[test]
    fn long_runs_are_small_files() {
        let history = History {
            training: trace(100_000),
            validation: Some(trace(100_000)),
            best_iteration: Some(99_000),
            ..History::default()
        };
        let (_, _, svg) = check(&history, &settings());
        assert!(svg.len() < 500_000, "{} bytes", svg.len());
    }

    #[test]
    fn the_extension_decides() {
        let history = History { training: trace(5), ..History::default() };
        let message = |path: &str| plot_history(&history, &settings(), path).unwrap_err().to_string();
        assert_eq!(message("b.gif"), "b.gif: plots cannot be written as .gif; use .png, .svg or .pdf");
        assert_eq!(message("plot"), "plot: plots cannot be written without an extension; use .png, .svg or .pdf");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.PNG");
        plot_history(&history, &settings(), &path).unwrap();
        assert!(fs::read(path).unwrap().starts_with(b"\x89PNG"));
    }

    #[test]
    fn mistakes_are_named_and_harm_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("h.png");
        fs::write(&path, "before").unwrap();
        let history = History { training: trace(5), ..History::default() };
        let message =
            |history: &History, settings: &HistoryPlot| plot_history(history, settings, &path).unwrap_err().to_string();
        let default = HistoryPlot::default();
        assert!(message(&History::default(), &default).contains("the history has no iterations"));
        let expected = |f| HistoryPlot { expected_det_f: Some(f), ..HistoryPlot::default() };
        assert!(message(&history, &expected(-1.0)).contains("the expected det F is -1, but"));
        assert!(message(&history, &expected(f64::NAN)).contains("positive finite number"));
        let narrow = HistoryPlot { width: 10, ..HistoryPlot::default() };
        assert!(message(&history, &narrow).contains("the width of the plot is 10, but it must be from 500 to 5000"));
        assert_eq!(fs::read(&path).unwrap(), b"before");
        let missing = folder.path().join("no/folder.svg");
        let message = plot_history(&history, &default, missing).unwrap_err().to_string();
        assert!(message.contains("folder.svg") && message.contains("does its folder exist?"), "{message}");
    }
}
