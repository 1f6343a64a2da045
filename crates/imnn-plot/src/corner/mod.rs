//! Corner plots: the densities of all parameters and of all pairs of them.

mod draw;

use std::path::Path;

use imnn_infer::Posterior;
use imnn_infer::density::{Densities, FEWEST};
use ndarray::Array2;

use crate::PlotError;
use crate::format;
use draw::drawn;

/// One posterior of a corner plot.
#[derive(Clone, Debug)]
pub struct CornerLayer {
    label: String,
    names: Vec<String>,
    densities: Option<Densities>,
    /// Points that are drawn, `(n, p)`.
    points: Option<Array2<f64>>,
    /// 0.5, 16, 50, 84 and 99.5 % of each parameter.
    quantiles: Vec<[f64; 5]>,
    ranges: Vec<[f64; 2]>,
    filled: Option<bool>,
    dashed: bool,
}

const QUANTILES: [f64; 5] = [0.005, 0.16, 0.5, 0.84, 0.995];

impl CornerLayer {
    /// A posterior by its samples: kernel densities, or the points themselves where they are worth fewer than 300.
    ///
    /// # Errors
    /// If all samples have one value of a parameter.
    pub fn new(posterior: &Posterior, label: impl Into<String>) -> Result<Self, PlotError> {
        let few = posterior.effective_samples() < FEWEST;
        let densities = if few { None } else { Some(Densities::of(posterior)?) };
        let points = few.then(|| posterior.samples().to_owned());
        let mut quantiles = Vec::new();
        for i in 0..posterior.n_params() {
            let mut own = [0.0; 5];
            for (value, p) in own.iter_mut().zip(QUANTILES) {
                *value = posterior.quantile(i, p)?;
            }
            quantiles.push(own);
        }
        let (names, ranges) = (posterior.names().to_vec(), posterior.ranges().to_vec());
        Ok(Self { label: label.into(), names, densities, points, quantiles, ranges, filled: None, dashed: false })
    }

    /// A posterior by densities that are known, those of a Gaussian approximation for instance, with hard bounds of the
    /// parameters.
    pub fn exact(densities: Densities, names: &[String], ranges: &[[f64; 2]], label: impl Into<String>) -> Self {
        let quantiles = densities.one.iter().map(|density| QUANTILES.map(|p| density.quantile(p))).collect();
        let (names, ranges) = (names.to_vec(), ranges.to_vec());
        let (label, densities) = (label.into(), Some(densities));
        Self { label, names, densities, points: None, quantiles, ranges, filled: None, dashed: false }
    }

    /// With regions filled, or not; by default those of the first posterior are.
    pub fn filled(self, filled: bool) -> Self {
        Self { filled: Some(filled), ..self }
    }

    /// With dashed lines.
    pub fn dashed(self) -> Self {
        Self { dashed: true, ..self }
    }

    /// With points drawn too, `(n, p)`: accepted or all simulations, for instance.
    pub fn with_points(self, points: Array2<f64>) -> Self {
        Self { points: Some(points), ..self }
    }
}

/// How posteriors are plotted.
#[derive(Clone, Debug, PartialEq)]
pub struct CornerPlot {
    /// What stands at the axes; by default the names of the parameters.
    pub labels: Vec<String>,
    /// Shares of the posterior that regions enclose. By default 0.68 and 0.95: shares of the mass, not of a Gaussian's
    /// sigmas.
    pub levels: Vec<f64>,
    /// The true parameters, as dashed lines.
    pub truth: Option<Vec<f64>>,
    /// The fiducial parameters, as dotted lines.
    pub fiducial: Option<Vec<f64>>,
    /// A line above the panels. By default there is none.
    pub title: Option<String>,
    /// Whether median and 68 % interval of each posterior stand above the panels of the diagonal. By default they do.
    pub numbers: bool,
    /// Width in logical pixels, 500 to 5000; by default 200 for each parameter and 150 more.
    pub width: Option<u32>,
    /// Pixels of a PNG per logical pixel and direction, 1 to 4; by default 2. SVG and PDF need none.
    pub pixel_ratio: u32,
}

impl Default for CornerPlot {
    fn default() -> Self {
        Self {
            labels: vec![],
            levels: vec![0.68, 0.95],
            truth: None,
            fiducial: None,
            title: None,
            numbers: true,
            width: None,
            pixel_ratio: 2,
        }
    }
}

/// Draws one or several posteriors into the file `path`, `.png`, `.svg` or `.pdf`: for each parameter its density, for
/// each pair the regions of highest density, for all of them truth and fiducial, and a legend.
///
/// # Errors
/// If there is no posterior, they are not of the same parameters, labels, truth or fiducial are of another number, a
/// level is not inside (0, 1), a setting is out of its range, the extension is none of these, or the file cannot be
/// written. A file that was there before stays as it is then.
pub fn plot_corner(layers: &[CornerLayer], settings: &CornerPlot, path: impl AsRef<Path>) -> Result<(), PlotError> {
    let p = check(layers, settings)?;
    let width = settings.width.unwrap_or((200 * p as u32 + 150).clamp(500, 5000));
    format::check_size(width, width.max(400), settings.pixel_ratio)?;
    format::write(path.as_ref(), settings.pixel_ratio, || drawn(layers, settings, width))
}

fn check(layers: &[CornerLayer], settings: &CornerPlot) -> Result<usize, PlotError> {
    let refuse = |reason: String| Err(PlotError::Corner { reason });
    let Some(first) = layers.first() else { return refuse("there is no posterior to plot; give at least one".into()) };
    let p = first.names.len();
    for layer in layers {
        if layer.names != first.names {
            let (a, b) = (first.names.join(", "), layer.names.join(", "));
            return refuse(format!("the posteriors are not of the same parameters: {a} and {b}"));
        }
        if let Some(points) = layer.points.as_ref().filter(|points| points.ncols() != p) {
            return refuse(format!("points have {} columns, expected {p}: one for each parameter", points.ncols()));
        }
    }
    for (what, n) in [
        ("labels", Some(settings.labels.len()).filter(|n| *n > 0)),
        ("true values", settings.truth.as_ref().map(Vec::len)),
        ("fiducial values", settings.fiducial.as_ref().map(Vec::len)),
    ] {
        if let Some(n) = n.filter(|n| *n != p) {
            return refuse(format!("there are {n} {what}, expected {p}: one for each of {}", first.names.join(", ")));
        }
    }
    if let Some(level) = settings.levels.iter().find(|level| !(**level > 0.0 && **level < 1.0)) {
        return refuse(format!("a level is {level}, expected a share between 0 and 1, such as 0.68"));
    }
    Ok(p)
}

#[cfg(test)]
mod tests {
    use super::*;
    use imnn_infer::{Fisher, GaussianApproximation, GaussianOptions};
    use imnn_prior::{Prior, Uniform};
    use imnn_sim::Key;
    use ndarray::array;

    fn samples(n: usize, seed: u64, shift: f64) -> Posterior {
        let mut z = vec![0.0; 3 * n];
        Key::new(seed).fill_normal(&mut z);
        let samples = Array2::from_shape_fn((n, 3), |(k, i)| match i {
            0 => 0.3 + 0.02 * z[3 * k] + shift,
            1 => 0.8 - 0.02 * z[3 * k] + 0.02 * z[3 * k + 1],
            // A hard edge at 0.
            _ => z[3 * k + 2].abs(),
        });
        let ranges = vec![[0.1, 0.5], [f64::NEG_INFINITY, f64::INFINITY], [0.0, 10.0]];
        Posterior::new("x", &["Omega_c", "sigma_8", "tau"], samples).unwrap().with_ranges(ranges).unwrap()
    }

    fn settings() -> CornerPlot {
        CornerPlot {
            labels: vec!["Ω_c".into(), "σ_8".into(), "τ < & >".into()],
            truth: Some(vec![0.31, 0.79, 0.5]),
            fiducial: Some(vec![0.3, 0.8, 1.0]),
            title: Some("a title".into()),
            ..CornerPlot::default()
        }
    }

    #[test]
    fn every_format_has_all_that_was_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let layers = [
            CornerLayer::new(&samples(5000, 1, 0.0), "npe").unwrap(),
            CornerLayer::new(&samples(5000, 2, 0.01), "abc").unwrap().dashed(),
            CornerLayer::new(&samples(100, 3, 0.0), "few").unwrap(),
        ];
        for end in ["png", "svg", "pdf"] {
            plot_corner(&layers, &settings(), folder.path().join(format!("c.{end}"))).unwrap();
        }
        let svg = std::fs::read_to_string(folder.path().join("c.svg")).unwrap();
        for text in ["npe", "abc", "few", "truth", "fiducial", "Ω_c", "τ &lt; &amp; &gt;", "a title", " ± "] {
            assert!(svg.contains(text), "{text}");
        }
        // Three regions of the diagonal of the filled layer, two levels in three panels, one in the legend.
        assert_eq!(svg.matches("<path").count(), 3 + 2 * 3 + 1);
        // The points of 100 samples in three panels.
        assert!(svg.matches("<circle").count() > 250, "{}", svg.matches("<circle").count());
        assert!(std::fs::read(folder.path().join("c.pdf")).unwrap().starts_with(b"%PDF"));
    }

    #[test]
    fn a_gaussian_approximation_is_drawn_exactly_and_one_parameter_too() {
        let folder = tempfile::tempdir().unwrap();
        let prior = Prior::builder().law("m", Uniform::new(0.0, 5.0).unwrap()).build().unwrap();
        let fisher = array![[4.0]];
        let options = GaussianOptions::default();
        let gaussian =
            GaussianApproximation::new(array![[0.5]].view(), Fisher::Same(fisher.view()), &prior, &options).unwrap();
        let densities = gaussian.densities(0).unwrap().unwrap();
        let layer = CornerLayer::exact(densities, prior.names(), &prior.bounds(), "gaussian");
        let path = folder.path().join("one.svg");
        plot_corner(&[layer], &CornerPlot::default(), &path).unwrap();
        assert!(std::fs::read_to_string(path).unwrap().contains("gaussian"));
    }

    #[test]
    fn what_does_not_belong_together_is_named_and_harms_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.svg");
        std::fs::write(&path, "before").unwrap();
        let layer = || CornerLayer::new(&samples(400, 1, 0.0), "a").unwrap();
        let message = |layers: &[CornerLayer], settings: &CornerPlot| {
            plot_corner(layers, settings, &path).unwrap_err().to_string()
        };
        assert_eq!(message(&[], &CornerPlot::default()), "there is no posterior to plot; give at least one");
        let other = Posterior::new("x", &["m"], Array2::from_shape_fn((400, 1), |(k, _)| k as f64)).unwrap();
        let other = CornerLayer::new(&other, "b").unwrap();
        assert!(
            message(&[layer(), other], &CornerPlot::default())
                .contains("not of the same parameters: Omega_c, sigma_8, tau and m")
        );
        let truth = CornerPlot { truth: Some(vec![1.0]), ..CornerPlot::default() };
        assert_eq!(
            message(&[layer()], &truth),
            "there are 1 true values, expected 3: one for each of Omega_c, sigma_8, tau"
        );
        let level = CornerPlot { levels: vec![68.0], ..CornerPlot::default() };
        assert!(message(&[layer()], &level).contains("a level is 68, expected a share between 0 and 1"));
        let points = layer().with_points(Array2::zeros((3, 2)));
        assert!(message(&[points], &CornerPlot::default()).contains("points have 2 columns, expected 3"));
        let narrow = CornerPlot { width: Some(10), ..CornerPlot::default() };
        assert!(message(&[layer()], &narrow).contains("the width of the plot is 10"));
        assert_eq!(std::fs::read(&path).unwrap(), b"before");
    }
}
