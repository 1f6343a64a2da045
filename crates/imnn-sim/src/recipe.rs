//! What the built-in simulators do, for devices that carry it out themselves.

/// What a simulator makes of the normal numbers `z_0, z_1, ...` that [`Key::fill_normal`](crate::Key::fill_normal) draws.
///
/// A device that carries it out with the same numbers makes the same simulations, to rounding.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Recipe {
    /// [`GaussianMeanVariance`](crate::GaussianMeanVariance): `d_i = mu + sqrt(Sigma) z_i`.
    GaussianMeanVariance {
        /// The number of draws in one simulation.
        n_data: usize,
    },
    /// [`NoisyLine`](crate::NoisyLine): `y_i = (m + sqrt(v) s) x_i + z_i`, where `s` is the number drawn after the `z_i`.
    NoisyLine {
        /// The points.
        x: Vec<f64>,
        /// The variance `v` of the slope scatter; without one no `s` is drawn.
        slope_variance: Option<f64>,
    },
    /// [`PowerLawField`](crate::PowerLawField): white noise `w = z`, row by row, filtered in Fourier space.
    PowerLawField {
        /// The number of pixels a side.
        n: usize,
        /// The side of the whole field.
        length: f64,
    },
}
