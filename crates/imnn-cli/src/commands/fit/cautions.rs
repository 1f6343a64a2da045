//! What there is to say against the numbers of a run, each with what to do about it.

use imnn::stats::Measured;

use crate::output::number;

/// F is measured on what has trained the network.
pub(super) const ON_TRAINING: &str = "these simulations trained the network: F is too large and the errors are too small, the more so the fewer they are; with \
     validation = 0.2 in [simulations] a fifth of them is kept apart, and F is that of simulations it has not seen";

/// From this much on in ln det F for each parameter a network has learned the noise of its simulations: errors on them are a
/// tenth smaller than on others.
const LEARNED: f64 = 0.2;

/// det F of training and validation simulations are far apart.
pub(super) fn overfitted(training: f64, validation: f64, n_params: usize) -> Option<String> {
    let apart = training.ln() - validation.ln();
    (apart > LEARNED * n_params as f64).then(|| {
        format!(
            "det F of the training simulations is {} times that of the validation simulations: the network has learned the noise \
             of the former. More simulations, symmetries ([simulations.augment]), noise drawn anew ([simulations.noise]) or a \
             smaller network keep it from that; what counts is the validation",
            number(apart.exp())
        )
    })
}

/// There is more information than there can be.
pub(super) fn beyond(log_det_f: Measured, expected: f64) -> Option<String> {
    let above = log_det_f.value - expected.ln();
    (above > 3.0 * log_det_f.error).then(|| {
        format!(
            "ln det F is {} above what is expected, {:.0} times its error: either F is too large (measured on what trained the \
             network), or --expected is not det F of these simulations, noise and all",
            number(above),
            above / log_det_f.error
        )
    })
}

/// The original's penalty lets go where it is needed.
pub(super) fn negative_alpha(alpha: f64) -> Option<String> {
    (alpha < 0.0).then(|| {
        "alpha is negative, so that the penalty falls to 0 far from C = I and does not hold the covariance there; choose lambda and \
         epsilon with epsilon (lambda - 1) + epsilon^2 / (1 + epsilon) < 1"
            .to_owned()
    })
}

/// Training takes information away from the very simulations that it trains on.
pub(super) fn falling(training: &[f64], n_params: usize) -> Option<String> {
    let (first, last) = (training.get(..training.len().div_ceil(10))?, training.get(training.len() / 2..)?);
    let finite = |values: &[f64]| values.iter().copied().filter(|value| value.is_finite()).collect::<Vec<_>>();
    let lost = finite(first).into_iter().fold(f64::NEG_INFINITY, f64::max) - median(finite(last));
    (training.len() >= 20 && lost > LEARNED * n_params as f64).then(|| {
        format!(
            "ln det F of the training simulations is {} lower in the second half of training than at its beginning: the learning \
             rate is too large; take a tenth of it, or leave [optimiser] out",
            number(lost)
        )
    })
}

/// The best iteration is one of many that chance has ordered.
pub(super) fn by_chance(log_det_f: &[f64], best: usize, patience: usize, n_params: usize) -> Option<String> {
    let reach = patience.clamp(20, 200);
    let window = log_det_f.get(best.saturating_sub(reach)..(best + reach + 1).min(log_det_f.len()))?;
    if window.len() < 20 || window.iter().any(|value| !value.is_finite()) {
        return None;
    }
    // Neighbours differ by chance alone: 1.4826 median deviations are one standard deviation of a normal distribution.
    let steps = window.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
    let scatter = 1.4826 * median(steps) / 2_f64.sqrt();
    let lead = log_det_f[best] - median(window.to_vec());
    (scatter > 0.05 * n_params as f64 && lead > scatter).then(|| {
        format!(
            "the best iteration was chosen where ln det F scatters by {} from one iteration to the next: its own is too large by about \
             {}. More validation simulations or a smaller learning rate make the choice one of weights, not of chance; a patience of \
             {patience} iterations ends by chance, too",
            number(scatter),
            number(lead)
        )
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_as_it_should_be_needs_no_caution() {
        assert_eq!(overfitted(52.0, 48.0, 2), None);
        assert_eq!(beyond(Measured { value: 50.5_f64.ln(), error: 0.06 }, 50.0), None);
        assert_eq!(negative_alpha(3.0), None);
        let rising: Vec<f64> = (0..100).map(|k| f64::from(k).sqrt()).collect();
        assert_eq!(falling(&rising, 2), None);
        assert_eq!(falling(&[], 2), None);
        // A curve that grows smoothly to its best.
        let curve: Vec<f64> = (0..300).map(|k| -1.0 / (1.0 + f64::from(k))).collect();
        assert_eq!(by_chance(&curve, 299, 100, 2), None);
        assert_eq!(by_chance(&curve[..10], 9, 100, 2), None);
    }

    #[test]
    fn each_says_how_much_and_what_to_do() {
        let said = |caution: Option<String>, words: &[&str]| {
            let caution = caution.unwrap();
            assert!(words.iter().all(|word| caution.contains(word)), "{caution}");
        };
        said(overfitted(2900.0, 47.0, 2), &["61.7", "[simulations.augment]"]);
        said(beyond(Measured { value: 26198_f64.ln(), error: 0.25 }, 50.0), &["6.26", "25 times"]);
        said(negative_alpha(-0.1), &["lambda"]);
        let falls: Vec<f64> = (0..100).map(|k| if k < 3 { 2.0 } else { -1.0 }).collect();
        said(falling(&falls, 2), &["3.00000 lower", "learning rate is too large"]);
        let noisy: Vec<f64> = (0..300).map(|k| f64::from((k * 7919) % 101) / 50.0).collect();
        let best = (0..300).max_by(|&a, &b| noisy[a].total_cmp(&noisy[b])).unwrap();
        said(by_chance(&noisy, best, 50, 2), &["a patience of 50"]);
    }
}
