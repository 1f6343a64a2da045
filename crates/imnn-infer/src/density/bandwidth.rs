//! The width of a kernel.

use std::f64::consts::PI;

use ndarray::ArrayView1;

/// Bins of the data.
const BINS: usize = 512;

/// The standard deviation of a Gaussian kernel for the density of values between two ends, by the improved
/// Sheather-Jones method: the mean squared error is made least without assuming that the density is nearly normal. At
/// the ends the density is reflected, so they may be hard bounds. `independent` is how many independent values these
/// are worth.
///
/// # References
/// Botev, Grotowski & Kroese 2010, Annals of Statistics 38, 2916, [arXiv:1011.2602](https://arxiv.org/abs/1011.2602),
/// algorithm 1.
pub fn bandwidth(
    values: ArrayView1<'_, f64>,
    weights: ArrayView1<'_, f64>,
    independent: f64,
    [low, high]: [f64; 2],
) -> f64 {
    let width = high - low;
    let (mut mass, mut sum) = (vec![0.0; BINS], 0.0);
    for (value, &w) in values.iter().zip(weights) {
        let bin = (((value - low) / width * BINS as f64).max(0.0) as usize).min(BINS - 1);
        mass[bin] += w;
        sum += w;
    }
    // Cosine coefficients: cos(pi k (2 j + 1) / (2 n)) of a table of all angles.
    let cosines: Vec<f64> = (0..4 * BINS).map(|m| (PI * m as f64 / (2 * BINS) as f64).cos()).collect();
    let coefficient = |k: usize| {
        let terms = mass.iter().enumerate().map(|(j, m)| m * cosines[k * (2 * j + 1) % (4 * BINS)]);
        2.0 * terms.sum::<f64>() / sum
    };
    let squares: Vec<f64> = (1..BINS).map(|k| (0.5 * coefficient(k)).powi(2)).collect();
    let roughness = |s: i32, time: f64| {
        let term = |(k, square): (usize, &f64)| {
            let i = ((k + 1) * (k + 1)) as f64;
            i.powi(s) * square * (-i * PI * PI * time).exp()
        };
        2.0 * PI.powi(2 * s) * squares.iter().enumerate().map(term).sum::<f64>()
    };
    let n = independent.max(2.0);
    let fixed_point = |time: f64| {
        let mut f = roughness(7, time);
        for s in (2..7).rev() {
            let odd: f64 = (1..2 * s).step_by(2).map(f64::from).product();
            let k0 = odd / (2.0 * PI).sqrt();
            let constant = (1.0 + 0.5_f64.powf(f64::from(s) + 0.5)) / 3.0;
            let time = (2.0 * constant * k0 / (n * f)).powf(2.0 / (3.0 + 2.0 * f64::from(s)));
            f = roughness(s, time);
        }
        time - (2.0 * n * PI.sqrt() * f).powf(-0.4)
    };
    // The smallest root: the first change of sign on a rising ladder, then bisection.
    let mut low = 1e-9;
    let mut time = None;
    while low < 0.1 {
        let high = low * 1.3;
        let (a, b) = (fixed_point(low), fixed_point(high));
        if a < 0.0 && b >= 0.0 {
            let (mut below, mut above) = (low, high);
            for _ in 0..40 {
                let middle = 0.5 * (below + above);
                if fixed_point(middle) < 0.0 { below = middle } else { above = middle }
            }
            time = Some(above);
            break;
        }
        low = high;
    }
    match time {
        Some(time) => time.sqrt() * width,
        // Few or odd samples have no root: Silverman's rule by the smaller of deviation and quartiles.
        None => {
            let mean = values.iter().zip(weights).map(|(v, w)| v * w).sum::<f64>() / sum;
            let variance = values.iter().zip(weights).map(|(v, w)| w * (v - mean).powi(2)).sum::<f64>() / sum;
            let unit = weights.mapv(|w| w / sum);
            let quartile = |p| crate::weights::quantile(values, unit.view(), p);
            let spread = (quartile(0.75) - quartile(0.25)) / 1.349;
            let sd = if spread > 0.0 { variance.sqrt().min(spread) } else { variance.sqrt() };
            0.9 * sd * n.powf(-0.2)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use imnn_sim::Key;
    use ndarray::Array1;

    fn normals(n: usize) -> Array1<f64> {
        let mut z = vec![0.0; n];
        Key::new(0).fill_normal(&mut z);
        z.into()
    }

    #[test]
    fn normal_samples_have_nearly_the_best_width() {
        let z = normals(10_000);
        let weights = Array1::from_elem(10_000, 1e-4);
        let h = bandwidth(z.view(), weights.view(), 1e4, [-5.0, 5.0]);
        let best = (4.0f64 / 3.0 / 1e4).powf(0.2);
        assert!((h / best - 1.0).abs() < 0.15, "{h} {best}");
    }

    #[test]
    fn two_narrow_modes_are_not_smeared() {
        let z = normals(10_000);
        let values: Array1<f64> =
            z.iter().enumerate().map(|(k, z)| 0.01 * z + if k % 2 == 0 { 0.0 } else { 1.0 }).collect();
        let weights = Array1::from_elem(10_000, 1e-4);
        let h = bandwidth(values.view(), weights.view(), 1e4, [-0.2, 1.2]);
        assert!(h < 0.004, "{h}");
    }

    #[test]
    fn a_uniform_law_up_to_its_ends_is_wide() {
        let values: Array1<f64> = (0..1000).map(|k| (f64::from(k) + 0.5) / 1000.0).collect();
        let weights = Array1::from_elem(1000, 1e-3);
        let h = bandwidth(values.view(), weights.view(), 1e3, [0.0, 1.0]);
        assert!(h > 0.03, "{h}");
    }
}
