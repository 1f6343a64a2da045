//! Whether failures depend on a parameter, in which case what is left is no fair sample.

use super::{LeftOut, Partner};

/// By chance there is a caution in fewer of the sets with failures.
const LEVEL: f64 = 0.05;

impl LeftOut {
    /// What there is to say where simulations at other parameters fail more or less often; `name` is what a parameter is
    /// called.
    ///
    /// Two exact two-sided tests compare each side of each parameter with the fiducial, and the sides with each other:
    ///
    /// ```text
    /// of pairs        p = 2 P(X <= min(b, c)),  X binomial of b + c draws of 1/2,
    ///                 b and c how often only the one and only the other failed            (McNemar)
    /// of all          p = sum of the hypergeometric probabilities that are not larger than that of the counts  (Fisher)
    /// ```
    ///
    /// The smaller p times the number of tests is what counts (Bonferroni).
    ///
    /// # References
    /// McNemar 1947, Psychometrika 12, 153; Fisher 1935, J. R. Stat. Soc. 98, 39.
    pub fn dependence(&self, name: impl Fn(usize) -> String) -> Vec<String> {
        let sides = || self.partners.iter().filter(|partner| partner.side != "derivative");
        // Two for each side, and one for each pair of sides.
        let tests = 2.5 * sides().count() as f64;
        let n_d = self.derivative.of;
        let mut found: Vec<(f64, String)> = vec![];
        let mut add = |p: f64, what: String| {
            let p = (p * tests).min(1.0);
            if p < LEVEL {
                found.push((p, what));
            }
        };
        for side in sides() {
            let at_fiducial = (self.fiducial.failed.len(), self.fiducial.of);
            let p = pairs(side.alone).min(all((side.failed.len(), n_d), at_fiducial));
            let often = if side.failed.len() * at_fiducial.1 > at_fiducial.0 * n_d { "more" } else { "less" };
            let numbers = format!("{} of {n_d}, {} of {}", side.failed.len(), at_fiducial.0, at_fiducial.1);
            let (where_, of) = (side.side, name(side.parameter));
            add(p, format!("simulations {where_} the fiducial in {of} fail {often} often than at it ({numbers}"));
        }
        for below in sides().filter(|partner| partner.side == "below") {
            let same = |partner: &&Partner| partner.side == "above" && partner.parameter == below.parameter;
            let Some(above) = sides().find(same) else { continue };
            let both = below.failed.iter().filter(|name| above.failed.binary_search(name).is_ok()).count();
            let p = pairs([below.failed.len() - both, above.failed.len() - both]);
            let [often, rarely] = if below.failed.len() > above.failed.len() { [below, above] } else { [above, below] };
            let numbers = format!("{} of {n_d}, {} of {n_d}", often.failed.len(), rarely.failed.len());
            let (a, b, of) = (often.side, rarely.side, name(below.parameter));
            add(p, format!("simulations {a} the fiducial in {of} fail more often than {b} ({numbers}"));
        }
        let advice = "what is left is no fair sample, and derivatives, F and estimates are biased: mend the simulator there, or take \
                      smaller steps";
        found
            .into_iter()
            .map(|(p, what)| format!("{what}; p = {p:.1e}): failures depend on the parameter, {advice}"))
            .collect()
    }
}

/// The probability of counts at least as unequal, where either is as likely.
fn pairs([b, c]: [usize; 2]) -> f64 {
    let n = b + c;
    if n == 0 {
        return 1.0;
    }
    let logs = log_factorials(n);
    let choose = |k: usize| logs[n] - logs[k] - logs[n - k];
    let tail: f64 = (0..=b.min(c)).map(|k| (choose(k) - n as f64 * 2_f64.ln()).exp()).sum();
    (2.0 * tail).min(1.0)
}

/// The same of two shares of all, `(failed, all)` each.
fn all((a, n): (usize, usize), (b, m): (usize, usize)) -> f64 {
    let failed = a + b;
    if failed == 0 || n == 0 || m == 0 {
        return 1.0;
    }
    let logs = log_factorials(n + m);
    let choose = |n: usize, k: usize| logs[n] - logs[k] - logs[n - k];
    let log_p = |k: usize| choose(n, k) + choose(m, failed - k) - choose(n + m, failed);
    let here = log_p(a);
    let range = failed.saturating_sub(m)..=failed.min(n);
    // Rounding must not leave out what is as likely.
    range.map(log_p).filter(|&log| log <= here + 1e-9).map(f64::exp).sum::<f64>().min(1.0)
}

/// ln k! for k up to n.
fn log_factorials(n: usize) -> Vec<f64> {
    let mut sum = 0.0;
    std::iter::once(0.0)
        .chain((1..=n).map(|k| {
            sum += (k as f64).ln();
            sum
        }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tally;

    #[test]
    fn probabilities_are_those_of_tables() {
        assert_eq!(pairs([0, 0]), 1.0);
        assert!((pairs([0, 5]) - 2.0 / 32.0).abs() < 1e-12);
        assert!((pairs([2, 8]) - 2.0 * 56.0 / 1024.0).abs() < 1e-12);
        assert_eq!(pairs([3, 3]), 1.0);
        // Fisher's lady tasting tea: 3 of 4 right has p = 34/70, two-sided.
        assert!((all((3, 4), (1, 4)) - 34.0 / 70.0).abs() < 1e-12);
        assert!((all((4, 4), (0, 4)) - 2.0 / 70.0).abs() < 1e-12);
        assert_eq!(all((0, 4), (0, 4)), 1.0);
    }

    fn left_out(fiducial: usize, below: usize, above: usize) -> LeftOut {
        let failed = |n: usize| (0..n as u64).collect::<Vec<_>>();
        let partner = |side, n: usize| Partner {
            parameter: 0,
            side,
            failed: failed(n),
            alone: [n.saturating_sub(fiducial), fiducial.saturating_sub(n)],
        };
        LeftOut {
            fiducial: Tally { of: 200, failed: failed(fiducial) },
            derivative: Tally { of: 200, failed: failed(fiducial.max(below).max(above)) },
            partners: vec![partner("below", below), partner("above", above)],
            by_seed: true,
        }
    }

    #[test]
    fn failures_that_depend_on_a_parameter_are_said() {
        let said = |of: LeftOut| of.dependence(|_| "Om".to_owned());
        assert_eq!(said(left_out(3, 4, 2)), [] as [String; 0]);
        assert_eq!(said(left_out(0, 0, 3)), [] as [String; 0]);
        let two = said(left_out(0, 0, 12));
        assert_eq!(two.len(), 2, "{two:?}");
        assert!(
            two[0].contains("above the fiducial in Om fail more often than at it (12 of 200, 0 of 200; p = "),
            "{two:?}"
        );
        assert!(two[1].contains("above the fiducial in Om fail more often than below"), "{two:?}");
        assert!(said(left_out(20, 20, 3))[0].contains("fail less often"));
    }
}
