//! The law of a Fisher matrix that is made with the covariance of a finite number of Gaussian simulations.
//!
//! ```text
//! F_raw^-1 = (D^T C^-1 D)^-1 ~ Wishart(n_s - n_summaries + n_params - 1, F^-1) / (n_s - 1)
//! ```
//!
//! for a derivative D without noise (Muirhead 1982, Aspects of Multivariate Statistical Theory, theorem 3.2.11), from
//! which everything here follows. With `m = n_s - n_summaries`, `det F / det F_raw` is a product of independent
//! chi-squared numbers of m, m + 1, .. m + n_params - 1 degrees of freedom over `(n_s - 1)^n_params`.

/// Numbers of simulations, of which the law is a function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Law {
    n_s: f64,
    /// `n_s - n_summaries`, larger than 2.
    m: f64,
    n_params: usize,
}

impl Law {
    /// `None` where the inverse of the covariance has no mean.
    pub(super) fn new(n_s: usize, n_summaries: usize, n_params: usize) -> Option<Self> {
        let m = n_s.checked_sub(n_summaries)?;
        (m > 2).then_some(Law { n_s: n_s as f64, m: m as f64, n_params })
    }

    /// The square of the relative error of F that comes from C: half the width of the central 68.27 % of
    /// `F / F_unbiased`, which is `chi^2_m / (m - 2)`, squared.
    ///
    /// The variance of the estimate for a given truth is `2 / (m - 4)`, and infinite up to m = 4; where the truth may be
    /// for a given estimate is what an error is about, and covers for any m. The quantiles are those of Wilson & Hilferty
    /// 1931, PNAS 17, 684: the cube root of `chi^2 / m` is normal with mean `1 - 2/(9m)` and variance `2/(9m)`.
    pub(super) fn relative_variance(self) -> f64 {
        let square = 2.0 / (9.0 * self.m);
        let mean = 1.0 - square;
        let half_width = square.sqrt() * (3.0 * mean * mean + square);
        (half_width * self.m / (self.m - 2.0)).powi(2)
    }

    /// What to add to `ln det` of the unbiased F for a mean of `ln det F`.
    pub(super) fn log_det_bias(self) -> f64 {
        self.halves().map(|half| digamma(half) - (0.5 * (self.m - 2.0)).ln()).sum()
    }

    /// The variance of `ln det F`.
    pub(super) fn log_det_variance(self) -> f64 {
        self.halves().map(trigamma).sum()
    }

    /// What the inverse of the unbiased F has to be multiplied with to be unbiased itself:
    /// `(n_s - n_summaries - 2) / (n_s - n_summaries + n_params - 1)`.
    pub(super) fn inverse_factor(self) -> f64 {
        (self.m - 2.0) / self.degrees()
    }

    /// `E[sqrt(chi^2_N / N)]` of the N degrees of freedom of `F^-1`, to three digits from N = 3 on.
    pub(super) fn root_mean(self) -> f64 {
        let n = self.degrees();
        1.0 - 0.25 / n + 1.0 / (32.0 * n * n)
    }

    /// How many times larger the scatter of a derivative that follows its simulation, `dx = B x`, is than C makes it look:
    /// the roots that a factor of `dx` needs, of the ratios of
    ///
    /// ```text
    /// E[h C^-1 Sigma h C^-1] along F, and tr E[h C^-1 Sigma h C^-1 Sigma]
    /// ```
    ///
    /// with C in place of Sigma. The first is `(n - 1)(n - 2) / ((m - 2)(m - 1))`, since a weighted mean with weights from C
    /// has a variance `(n - 2) / (m - 1)` times the best (Rao 1967, Proc. Fifth Berkeley Symp. 1, 355);
    /// the second follows from the second moments of an inverse Wishart matrix (von Rosen 1988, Scand. J. Stat. 15, 97).
    pub(super) fn seen(self) -> (f64, f64) {
        let (n, m) = (self.n_s, self.m);
        let linear = (n - 1.0) * (n - 2.0) / ((m - 2.0) * (m - 1.0));
        let h = (m - 2.0) / (n - 1.0);
        let excess = (m + (m - 2.0) * (n - m)) / ((m - 1.0) * (m - 4.0).max(1.0));
        (linear.sqrt(), ((1.0 + excess) / (h * h)).powf(0.25))
    }

    /// Number of simulations.
    pub(super) fn n_s(self) -> f64 {
        self.n_s
    }

    /// Degrees of freedom of `F^-1`.
    pub(super) fn degrees(self) -> f64 {
        self.m + self.n_params as f64 - 1.0
    }

    fn halves(self) -> impl Iterator<Item = f64> {
        (0..self.n_params).map(move |j| 0.5 * (self.m + j as f64))
    }
}

/// The 84.13 % quantile of Student's t with so many degrees of freedom, 1 for a normal number; to 2 % from 1 on.
pub(super) fn student(degrees: f64) -> f64 {
    1.0 + 0.5 / degrees + 0.3 / (degrees * degrees)
}

/// `d ln Gamma(x) / dx` for positive x: recurrence to x >= 8, then Abramowitz & Stegun 1964, eq. 6.3.18.
fn digamma(mut x: f64) -> f64 {
    let mut below = 0.0;
    while x < 8.0 {
        below += 1.0 / x;
        x += 1.0;
    }
    let s = 1.0 / (x * x);
    x.ln() - 0.5 / x - s * (1.0 / 12.0 - s * (1.0 / 120.0 - s * (1.0 / 252.0 - s / 240.0))) - below
}

/// Its derivative: Abramowitz & Stegun 1964, eq. 6.4.12.
fn trigamma(mut x: f64) -> f64 {
    let mut below = 0.0;
    while x < 8.0 {
        below += 1.0 / (x * x);
        x += 1.0;
    }
    let s = 1.0 / (x * x);
    1.0 / x + 0.5 * s + s / x * (1.0 / 6.0 - s * (1.0 / 30.0 - s * (1.0 / 42.0 - s / 30.0))) + below
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    #[test]
    fn polygammas_are_those_of_the_tables() {
        const EULER: f64 = 0.577_215_664_901_532_9;
        let square = std::f64::consts::PI * std::f64::consts::PI;
        assert_relative_eq!(digamma(1.0), -EULER, max_relative = 1e-9);
        assert_relative_eq!(digamma(0.5), -EULER - 2.0 * 2.0_f64.ln(), max_relative = 1e-9);
        assert_relative_eq!(digamma(20.0), 2.970_523_992_242_149, max_relative = 1e-9);
        assert_relative_eq!(trigamma(1.0), square / 6.0, max_relative = 1e-8);
        assert_relative_eq!(trigamma(0.5), square / 2.0, max_relative = 1e-8);
        assert_relative_eq!(trigamma(3.0), square / 6.0 - 1.25, max_relative = 1e-8);
    }

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (degrees, quantile) in [(1.0, 1.8373), (2.0, 1.3213), (3.0, 1.1969), (5.0, 1.1105), (10.0, 1.0526)] {
            assert_relative_eq!(student(degrees), quantile, max_relative = 0.022);
        }
    }

    #[test]
    fn factors_by_hand() {
        assert_eq!(Law::new(12, 10, 1), None);
        assert_eq!(Law::new(9, 10, 1), None);
        let law = Law::new(50, 10, 2).unwrap(); // m = 40
        // For many degrees of freedom 2 m / (m - 2)^2; for 10 the quantiles of the tables are 5.7175 and 14.271.
        assert_relative_eq!(law.relative_variance(), 80.0 / (38.0 * 38.0), max_relative = 0.02);
        let few = Law::new(40, 30, 1).unwrap();
        assert_relative_eq!(few.relative_variance().sqrt() * 8.0, 0.5 * (14.271 - 5.7175), max_relative = 0.01);
        assert_eq!(law.inverse_factor(), 38.0 / 41.0);
        // For many simulations nothing is left to correct.
        let many = Law::new(1_000_000, 10, 2).unwrap();
        assert!(many.log_det_bias().abs() < 1e-5 && (many.log_det_variance() - 4e-6).abs() < 1e-9);
        assert!((many.root_mean() - 1.0).abs() < 1e-6);
    }
}
