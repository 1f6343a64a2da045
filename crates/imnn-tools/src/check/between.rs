//! Where the fiducial simulations lie between those below and above.

use ndarray::{Array2, Zip};

/// -1 where the fiducial is below, 1 where it is above, 0 half-way, to first order in the distance.
///
/// ```text
/// place = sum (f - m).h / sum h.h        m = (above + below) / 2,  h = (above - below) / 2
/// ```
///
/// With the part of `f - m` that this does not explain, relative to h. Nothing where above and below are the same.
pub(super) fn place(f: &Array2<f64>, below: &Array2<f64>, above: &Array2<f64>) -> Option<(f64, f64)> {
    let (mut hh, mut fh, mut ff) = (0.0, 0.0, 0.0);
    Zip::from(f).and(below).and(above).for_each(|f, below, above| {
        let (m, h) = ((above + below) / 2.0, (above - below) / 2.0);
        hh += h * h;
        fh += (f - m) * h;
        ff += (f - m) * (f - m);
    });
    let place = fh / hh;
    place.is_finite().then(|| (place, ((ff / hh - place * place).max(0.0)).sqrt()))
}

/// The distance of the fiducial from the middle of two arrays, in root mean square.
pub(super) fn from_middle(f: &Array2<f64>, one: &Array2<f64>, other: &Array2<f64>) -> f64 {
    let mut sum = 0.0;
    Zip::from(f).and(one).and(other).for_each(|f, one, other| sum += (f - (one + other) / 2.0).powi(2));
    (sum / f.len().max(1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use ndarray::arr2;

    use super::*;

    #[test]
    fn the_place_is_that_on_a_line() {
        let slope = arr2(&[[1.0, -2.0], [0.5, 3.0]]);
        let at = |theta: f64| &slope * theta + 7.0;
        for (fiducial, expected) in [(0.0, 0.0), (-0.1, -1.0), (0.1, 1.0), (0.05, 0.5)] {
            let (found, rest) = place(&at(fiducial), &at(-0.1), &at(0.1)).unwrap();
            assert!((found - expected).abs() < 1e-9 && rest < 1e-6, "{found}");
        }
        assert!(place(&at(0.0), &at(0.1), &at(0.1)).is_none());
        assert!(from_middle(&at(0.0), &at(-0.1), &at(0.1)) < 1e-12);
    }
}
