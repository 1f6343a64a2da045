//! The read-out: the linear map of features with the largest Fisher information, in closed form.

mod ridges;

use ndarray::{Array1, Array2, ArrayView2, Axis, concatenate};
use ndarray_linalg::error::LinalgError;
use ndarray_linalg::{Eigh, UPLO};

pub use self::ridges::OfLast;
use self::ridges::{RIDGES, Ridges, WIDER, largest};
use crate::cholesky::Cholesky;
use crate::covariance::symmetrise;
use crate::error::{Matrix, Result, StatsError};
use crate::features::FeatureMoments;
use crate::fisher::Statistics;

/// The linear map of features h to summaries with the largest Fisher information:
///
/// ```text
/// x = h W + b,     W = D (D C_h D + rho I)^-1 D dmu_h A,     D = diag(C_h)^(-1/2),     b = -mu_h W
/// ```
///
/// Without the ridge rho, `W = C_h^-1 dmu_h`, and `F = dmu_h^T C_h^-1 dmu_h` is the largest that a linear map can have. The
/// invertible `A`, which does not change information, gives the summaries covariance I.
///
/// The ridge is the one of those from 1e-7 to 100, two in a decade, that gives the largest `ln det F` on simulations that the map
/// was not made from: the map of each half of the simulations is measured on the other half.
///
/// If there are more summaries than parameters, the others span what the present map has beside these, uncorrelated with
/// them and with each other. They add no information to a linear map; training may make something of them.
///
/// # References
/// Heavens, Jimenez & Lahav 2000, [arXiv:astro-ph/9911102](https://arxiv.org/abs/astro-ph/9911102), eq. 11, for one
/// parameter; Alsing & Wandelt 2018, [arXiv:1712.00012](https://arxiv.org/abs/1712.00012), eq. 9, for several.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ReadOut {
    /// W, `(n_features, n_summaries)`.
    pub weight: Array2<f64>,
    /// b, `(n_summaries)`.
    pub bias: Array1<f64>,
    /// The ridge rho, in units of the variance of each feature.
    pub ridge: f64,
    /// That of the last features, where these have one of their own.
    pub of_last: Option<OfLast>,
    /// `ln det F` on simulations that a map was not made from: the mean over both halves.
    pub held_out: f64,
    /// `ln det F` of the present map on the same simulations; minus infinity where it is singular.
    pub present: f64,
    /// How far terms cancel: the largest root of `sum_i W_ij^2 <h_i^2>`, where a summary has variance 1. A relative rounding
    /// error e of the features is an error of this times e in the summaries.
    pub cancellation: f64,
}

/// A feature whose deviation is a smaller share of the largest one has none: its weight could not be written down.
const SMALLEST_DEVIATION: f64 = 1e-15;

/// A direction with a smaller share of the variance than this is rounding.
const SMALLEST_SHARE: f64 = 1e-10;

impl ReadOut {
    /// The read-out of features whose moments were taken over two halves of the simulations, with as many summaries as the
    /// map `present`, at least one for each parameter.
    ///
    /// # Shapes
    /// `present` `(n_features, n_summaries)`.
    ///
    /// # Errors
    /// If no ridge gives maps with a regular Fisher matrix, or the summaries beyond the number of parameters are not
    /// independent.
    pub fn new(halves: &[FeatureMoments; 2], present: ArrayView2<'_, f64>) -> Result<Self> {
        Self::with_ridge_of_last(halves, present, 0)
    }

    /// As [`ReadOut::new`], with a ridge of their own for the last `n_last` features, which are of another kind, such as summaries that
    /// one has already: where these, or the others, tell nothing new but noise, a large ridge leaves them out.
    ///
    /// # Errors
    /// As [`ReadOut::new`].
    pub fn with_ridge_of_last(
        halves: &[FeatureMoments; 2],
        present: ArrayView2<'_, f64>,
        n_last: usize,
    ) -> Result<Self> {
        let [first, second] = halves.each_ref().map(System::new);
        let crossed = |ridges: Ridges| {
            Ok((second.log_det_f(&first.solve(ridges)?)? + first.log_det_f(&second.solve(ridges)?)?) / 2.0)
        };
        let (mut ridge, mut held_out) = largest(RIDGES, |ridge| crossed(Ridges::same(ridge)))?;
        let mut of_last = None;
        if n_last > 0 {
            // One after the other: that of the last, then that of the first.
            let own = |first, last| Ridges { first, of_last: Some(OfLast { n: n_last, ridge: last }) };
            let (last, _) = largest(WIDER, |last| crossed(own(ridge, last)))?;
            (ridge, held_out) = largest(WIDER, |first| crossed(own(first, last)))?;
            of_last = Some(OfLast { n: n_last, ridge: last });
        }
        let mut all = halves[0].clone();
        all.merge(&halves[1]);
        let weight = weight(&all, Ridges { first: ridge, of_last }, &present)?;
        let squares = &all.covariance().diag() + &all.mean().mapv(|mean| mean * mean);
        Ok(ReadOut {
            bias: -all.mean().dot(&weight),
            ridge,
            of_last,
            held_out,
            present: (present_log_det_f(&first, &present) + present_log_det_f(&second, &present)) / 2.0,
            cancellation: weight
                .mapv(|w| w * w)
                .t()
                .dot(&squares)
                .fold(0.0_f64, |most, square| most.max(square.sqrt())),
            weight,
        })
    }

    /// The statistics of this read-out's summaries of the simulations in `parts`, from which and `others` it was made: of each part
    /// by the read-out of all the rest with the same ridge, so that none is measured on what it was made from.
    ///
    /// Summaries of one part are those of the others but for an invertible map, which does not change information; it is taken as the
    /// one that makes the read-out of the rest most like this one.
    ///
    /// # Errors
    /// As [`ReadOut::new`], and if the statistics are singular.
    pub fn crossed(&self, others: &FeatureMoments, parts: &[FeatureMoments]) -> Result<Statistics> {
        let n_summaries = self.bias.len();
        let mut all = FeatureMoments::new(n_summaries, others.n_params());
        for (k, part) in parts.iter().enumerate() {
            let mut rest = others.clone();
            parts.iter().enumerate().filter(|(other, _)| *other != k).for_each(|(_, other)| rest.merge(other));
            let ridges = Ridges { first: self.ridge, of_last: self.of_last };
            let own = weight(&rest, ridges, &self.weight.view())?;
            // Its summaries have covariance I on the rest.
            let weight = own.dot(&own.t().dot(&rest.covariance()).dot(&self.weight));
            all.merge(&part.mapped(&weight, &-rest.mean().dot(&weight)));
        }
        Statistics::from_moments(all.mean().view(), symmetric(all.covariance()).view(), all.dmu().view())
    }
}

/// The map of features with these moments, in their units, whose summaries have covariance I; with as many as the map `present` has.
fn weight(moments: &FeatureMoments, ridges: Ridges, present: &ArrayView2<'_, f64>) -> Result<Array2<f64>> {
    let system = System::new(moments);
    let map = system.completed(system.whitened(system.solve(ridges)?)?, present)?;
    Ok(system.in_units_of_features(map))
}

fn symmetric(mut c: Array2<f64>) -> Array2<f64> {
    symmetrise(&mut c);
    c
}

fn present_log_det_f(system: &System, present: &ArrayView2<'_, f64>) -> f64 {
    system.log_det_f(&(present * &system.scale.view().insert_axis(Axis(1)))).unwrap_or(f64::NEG_INFINITY)
}

/// Covariance and mean derivative of features in units of their standard deviations, 0 for features that do not vary. Maps
/// are in the same units.
struct System {
    /// The standard deviations.
    scale: Array1<f64>,
    c: Array2<f64>,
    dmu: Array2<f64>,
}

impl System {
    fn new(moments: &FeatureMoments) -> Self {
        let mut c = moments.covariance();
        let largest = c.diag().fold(0.0_f64, |largest, variance| largest.max(variance.sqrt()));
        let scale = |(&variance, &mean): (&f64, &f64)| {
            let (deviation, rounding) = (variance.sqrt(), 4.0 * f64::EPSILON * mean.abs());
            if deviation > rounding.max(SMALLEST_DEVIATION * largest) { deviation } else { 0.0 }
        };
        let scale: Array1<f64> = c.diag().iter().zip(moments.mean()).map(scale).collect();
        let inverse = inverse(&scale);
        c *= &inverse;
        c *= &inverse.view().insert_axis(Axis(1));
        System { scale, c, dmu: moments.dmu() * &inverse.insert_axis(Axis(1)) }
    }

    /// `(C + R)^-1 dmu` with the ridges on the diagonal of R.
    fn solve(&self, ridges: Ridges) -> Result<Array2<f64>> {
        if let Some(parameter) = self.dmu.columns().into_iter().position(|dmu| dmu.iter().all(|&change| change == 0.0))
        {
            return Err(StatsError::InsensitiveSummaries { parameter, information: 0.0 });
        }
        let mut c = self.c.clone();
        // A feature that does not vary has no part in the others' equations, and its own gives 0.
        let size = c.nrows();
        for (k, variance) in c.diag_mut().iter_mut().enumerate() {
            *variance = if *variance > 0.0 { *variance + ridges.of(k, size) } else { 1.0 };
        }
        let factor = Cholesky::new(&c).ok_or(StatsError::Singular {
            matrix: Matrix::Covariance,
            size,
            condition: f64::INFINITY,
            nearest: None,
        })?;
        let mut map = self.dmu.clone();
        map.columns_mut().into_iter().for_each(|column| factor.solve(column));
        Ok(map)
    }

    /// The covariance of the summaries of a map.
    fn covariance(&self, map: &Array2<f64>) -> Array2<f64> {
        let mut c = map.t().dot(&self.c).dot(map);
        symmetrise(&mut c);
        c
    }

    fn statistics(&self, map: &Array2<f64>) -> Result<Statistics> {
        let mean = Array1::zeros(map.ncols());
        Statistics::from_moments(mean.view(), self.covariance(map).view(), map.t().dot(&self.dmu).view())
    }

    fn log_det_f(&self, map: &Array2<f64>) -> Result<f64> {
        Ok(self.statistics(map)?.log_det_f)
    }

    /// The map times the `A` that gives its summaries covariance I.
    fn whitened(&self, map: Array2<f64>) -> Result<Array2<f64>> {
        Ok(map.dot(&self.statistics(&map)?.whitening()?))
    }

    /// A map with uncorrelated summaries of variance 1, completed by the directions of largest variance in what the map
    /// `present`, in units of the features, has beside them.
    fn completed(&self, map: Array2<f64>, present: &ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let (n_summaries, n_params) = (present.ncols(), map.ncols());
        if n_summaries <= n_params {
            return Ok(map);
        }
        let present = present * &self.scale.view().insert_axis(Axis(1));
        let rest = &present - &map.dot(&map.t().dot(&self.c).dot(&present));
        let (variances, directions) = self.covariance(&rest).eigh(UPLO::Lower).map_err(lapack)?;
        // They are in ascending order; the first are those that the map took away.
        let (_, variances) = variances.view().split_at(Axis(0), n_params);
        let (_, directions) = directions.view().split_at(Axis(1), n_params);
        let all: f64 = self.covariance(&present).diag().sum();
        if !variances.iter().all(|&variance| variance > SMALLEST_SHARE * all) {
            return Err(StatsError::Singular {
                matrix: Matrix::Covariance,
                size: n_summaries,
                condition: f64::INFINITY,
                nearest: None,
            });
        }
        let rest = rest.dot(&directions) / variances.mapv(f64::sqrt);
        concatenate(Axis(1), &[map.view(), rest.view()]).map_err(|error| lapack(error.into()))
    }

    fn in_units_of_features(&self, map: Array2<f64>) -> Array2<f64> {
        map * inverse(&self.scale).insert_axis(Axis(1))
    }
}

/// The inverse of each, 0 of 0.
fn inverse(scale: &Array1<f64>) -> Array1<f64> {
    scale.mapv(|scale| if scale > 0.0 { scale.recip() } else { 0.0 })
}

fn lapack(source: LinalgError) -> StatsError {
    StatsError::Lapack { matrix: Matrix::Covariance, source }
}
