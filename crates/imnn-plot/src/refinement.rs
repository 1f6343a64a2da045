//! Estimates and fiducials over the rounds of a refinement.

use std::path::Path;

use imnn_fit::Refined;

use crate::PlotError;
use crate::axis::Axis;
use crate::format;
use crate::panel::{Curve, Mark, Panel};
use crate::picture::Picture;
use crate::stack::{Size, Stack};
use crate::style::{BLUE, INK, LONG_DASHED, Stroke, VERMILION};

/// How a refinement is plotted.
#[derive(Clone, Debug, PartialEq)]
pub struct RefinementPlot {
    /// The names of the parameters; by default they are numbered.
    pub names: Vec<String>,
    /// A line above the panels. By default there is none.
    pub title: Option<String>,
    /// Width in logical pixels, 500 to 5000; by default 720.
    pub width: u32,
    /// Height in logical pixels, 400 to 5000; by default 230 for each parameter and 100 more.
    pub height: Option<u32>,
    /// Pixels of a PNG per logical pixel and direction, 1 to 4; by default 2. SVG and PDF need none.
    pub pixel_ratio: u32,
}

impl Default for RefinementPlot {
    fn default() -> Self {
        Self { names: vec![], title: None, width: 720, height: None, pixel_ratio: 2 }
    }
}

/// Plots the rounds of a refinement into the file `path`, `.png`, `.svg` or `.pdf`: for each parameter a panel with the fiducial and
/// the estimate of the target with its one-sigma error, round after round.
///
/// # Errors
/// If there are no rounds, a setting is out of its range, the extension is none of these, or the file cannot be written. A file that
/// was there before stays as it is then.
pub fn plot_refinement(rounds: &[Refined], settings: &RefinementPlot, path: impl AsRef<Path>) -> Result<(), PlotError> {
    let n_params = rounds.first().map_or(0, |round| round.theta_fid.len());
    if n_params == 0 {
        return Err(PlotError::Empty);
    }
    let height = settings.height.unwrap_or((230 * n_params as u32 + 100).clamp(400, 5000));
    format::check_size(settings.width, height, settings.pixel_ratio)?;
    let size = Size { width: settings.width, height };
    format::write(path.as_ref(), settings.pixel_ratio, || Ok(drawn(rounds, settings, size, n_params)))
}

fn drawn(rounds: &[Refined], settings: &RefinementPlot, size: Size, n_params: usize) -> Picture {
    let count = size.ticks(n_params, settings.title.is_some());
    // Rounds are counted from 1, places from 0: nothing is at the first one.
    let fiducials: Vec<Vec<f64>> = (0..n_params)
        .map(|a| std::iter::once(f64::NAN).chain(rounds.iter().map(|round| round.theta_fid[a])).collect())
        .collect();
    let panels =
        fiducials.iter().enumerate().map(|(a, fiducial)| panel(rounds, settings, a, fiducial, count)).collect();
    Stack {
        size,
        panels,
        along: |count| Axis::rounds(rounds.len(), count),
        label: "round",
        marked: None,
        title: settings.title.as_deref(),
        notes: &[],
    }
    .drawn()
}

fn panel<'a>(rounds: &[Refined], settings: &RefinementPlot, a: usize, fiducial: &'a [f64], count: usize) -> Panel<'a> {
    let mark = |(k, round): (usize, &Refined)| {
        let (value, error) = (round.estimate[a], round.errors[a]);
        Mark { iteration: k + 1, value, bar: [value - error, value + error] }
    };
    let marks: Vec<Mark> = rounds.iter().enumerate().map(mark).collect();
    let ends = marks.iter().flat_map(|mark| mark.bar).chain(fiducial.iter().copied());
    let name = settings.names.get(a).cloned().unwrap_or_else(|| format!("parameter {a}"));
    Panel {
        label: vec![(name, INK)],
        axis: Axis::linear(ends, count),
        curves: vec![Curve {
            values: fiducial,
            label: "fiducial".to_owned(),
            stroke: Stroke::solid(BLUE, 1.5).dashed(LONG_DASHED),
            second: false,
        }],
        marks: Some((marks, "estimate".to_owned(), VERMILION)),
        ..Panel::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(theta: f64, estimate: f64) -> Refined {
        Refined { theta_fid: vec![theta, 1.0], estimate: vec![estimate, 1.0], errors: vec![0.3, 0.1], log_det_f: 3.0 }
    }

    #[test]
    fn rounds_have_their_estimates_and_fiducials() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.svg");
        let settings =
            RefinementPlot { names: vec!["mu".into()], title: Some("a".into()), ..RefinementPlot::default() };
        plot_refinement(&[round(0.0, 1.2), round(1.2, 1.5), round(1.5, 1.52)], &settings, &path).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        for text in [">mu<", ">parameter 1<", ">round<", ">fiducial<", ">estimate<", ">1<", ">3<"] {
            assert!(svg.contains(text), "{text}");
        }
        // Three estimates of each parameter, and one in each legend.
        assert_eq!(svg.matches("<circle").count(), 8);
        // A single round, and one that is no number.
        for rounds in [vec![round(0.0, 1.0)], vec![round(0.0, 1.0), round(f64::NAN, f64::INFINITY)]] {
            plot_refinement(&rounds, &settings, folder.path().join("r.pdf")).unwrap();
        }
        assert!(matches!(plot_refinement(&[], &settings, &path), Err(PlotError::Empty)));
    }
}
