//! Weights of samples: in logarithms, normalised, and what they are worth.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

/// `ln sum exp`, without overflow; minus infinity of nothing.
pub fn ln_sum_exp(values: impl IntoIterator<Item = f64> + Clone) -> f64 {
    let largest = values.clone().into_iter().fold(f64::NEG_INFINITY, f64::max);
    if largest.is_infinite() {
        return largest;
    }
    largest + values.into_iter().map(|value| (value - largest).exp()).sum::<f64>().ln()
}

/// Weights that add up to 1, from their logarithms.
pub fn normalised(ln_weights: &[f64]) -> Array1<f64> {
    let largest = ln_weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Array1<f64> = ln_weights.iter().map(|w| (w - largest).exp()).collect();
    let sum = weights.sum();
    weights / sum
}

/// Kish's effective number of samples, `(sum w)^2 / sum w^2`.
pub fn effective_number(weights: ArrayView1<'_, f64>) -> f64 {
    let (sum, squares) = weights.iter().fold((0.0, 0.0), |(s, q), w| (s + w, q + w * w));
    if squares > 0.0 { sum * sum / squares } else { 0.0 }
}

/// Weighted mean of rows; weights add up to 1.
pub(crate) fn mean(rows: ArrayView2<'_, f64>, weights: ArrayView1<'_, f64>) -> Array1<f64> {
    let mut mean = Array1::zeros(rows.ncols());
    for (row, &w) in rows.rows().into_iter().zip(weights) {
        mean.scaled_add(w, &row);
    }
    mean
}

/// Weighted covariance of rows about their weighted mean, divisor `1 - sum w^2`.
pub(crate) fn covariance(rows: ArrayView2<'_, f64>, weights: ArrayView1<'_, f64>) -> Array2<f64> {
    let mean = mean(rows, weights);
    let d = rows.ncols();
    let mut sum = Array2::<f64>::zeros((d, d));
    let mut squares = 0.0;
    for (row, &w) in rows.rows().into_iter().zip(weights) {
        for i in 0..d {
            for j in 0..=i {
                sum[[i, j]] += w * (row[i] - mean[i]) * (row[j] - mean[j]);
            }
        }
        squares += w * w;
    }
    Array2::from_shape_fn((d, d), |(i, j)| sum[[i.max(j), i.min(j)]] / (1.0 - squares).max(f64::MIN_POSITIVE))
}

/// The weighted quantile of values at probability `p`: linear between the middles of the weights.
pub(crate) fn quantile(values: ArrayView1<'_, f64>, weights: ArrayView1<'_, f64>, p: f64) -> f64 {
    let mut order: Vec<usize> = (0..values.len()).filter(|&k| weights[k] > 0.0).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let (mut below, mut before) = (0.0, None::<(f64, f64)>);
    for &k in &order {
        let middle = below + 0.5 * weights[k];
        if middle >= p {
            return match before {
                None => values[k],
                Some((q, value)) => value + (values[k] - value) * (p - q) / (middle - q),
            };
        }
        before = Some((middle, values[k]));
        below += weights[k];
    }
    before.map_or(f64::NAN, |(_, value)| value)
}

/// Indices drawn by weight, systematically: index k at least `floor(n w_k)` times and at most once more.
pub(crate) fn systematic(weights: ArrayView1<'_, f64>, n: usize, offset: f64) -> Vec<usize> {
    let (mut chosen, mut k, mut sum) = (Vec::with_capacity(n), 0, weights[0]);
    for i in 0..n {
        let place = (i as f64 + offset) / n as f64;
        while sum < place && k + 1 < weights.len() {
            k += 1;
            sum += weights[k];
        }
        chosen.push(k);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn logarithms_do_not_overflow() {
        assert_eq!(ln_sum_exp([1000.0, 1000.0]), 1000.0 + 2.0_f64.ln());
        assert_eq!(ln_sum_exp([f64::NEG_INFINITY, 0.0]), 0.0);
        assert_eq!(ln_sum_exp([]), f64::NEG_INFINITY);
        assert_eq!(normalised(&[-2000.0, -2000.0]), array![0.5, 0.5]);
    }

    #[test]
    fn equal_weights_give_the_usual_moments() {
        let rows = array![[1.0, 0.0], [2.0, 1.0], [3.0, 5.0], [6.0, 2.0]];
        let weights = array![0.25, 0.25, 0.25, 0.25];
        assert_eq!(mean(rows.view(), weights.view()), array![3.0, 2.0]);
        let covariance = covariance(rows.view(), weights.view());
        assert!((covariance[[0, 0]] - 14.0 / 3.0).abs() < 1e-14 && (covariance[[0, 1]] - 5.0 / 3.0).abs() < 1e-14);
        assert_eq!(quantile(rows.column(0), weights.view(), 0.5), 2.5);
        assert_eq!(quantile(rows.column(0), weights.view(), 0.0), 1.0);
        assert_eq!(quantile(rows.column(0), weights.view(), 1.0), 6.0);
        assert!((effective_number(weights.view()) - 4.0).abs() < 1e-15);
    }

    #[test]
    fn systematic_draws_have_their_numbers() {
        let weights = array![0.5, 0.0, 0.3, 0.2];
        assert_eq!(systematic(weights.view(), 10, 0.5), [0, 0, 0, 0, 0, 2, 2, 2, 3, 3]);
    }
}
