//! A law given by a table of its distribution function.

use imnn_io::{ConfigError, Section};

use super::listed::Listed;
use crate::error::{PriorError, Result};
use crate::law::Law;

/// A distribution function that is linear between the points of a table, from 0 at the first to 1 at the last: the
/// density is constant between two points.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    theta: Vec<f64>,
    cdf: Vec<f64>,
}

impl Table {
    /// The law with this distribution function at these points.
    ///
    /// # Errors
    /// [`PriorError::Table`] unless both rise from point to point, are finite and of one length of at least 2, and the
    /// distribution function goes from 0 to 1.
    pub fn new(theta: impl Into<Vec<f64>>, cdf: impl Into<Vec<f64>>) -> Result<Self> {
        let (theta, cdf) = (theta.into(), cdf.into());
        let refuse = |reason: String| Err(PriorError::Table { reason });
        if theta.len() != cdf.len() || theta.len() < 2 {
            let (n, m) = (theta.len(), cdf.len());
            return refuse(format!("theta has {n} values and cdf {m}; give one of each for at least two points"));
        }
        for (name, values) in [("theta", &theta), ("cdf", &cdf)] {
            if let Some(k) = values.iter().position(|value| !value.is_finite()) {
                return refuse(format!("{name}[{k}] is {}, expected a finite number", values[k]));
            }
            if let Some(k) = values.windows(2).position(|pair| pair[0] >= pair[1]) {
                let (k, l) = (k + 1, k);
                let (this, before) = (values[k], values[l]);
                return refuse(format!(
                    "{name}[{k}] = {this} is not above {name}[{l}] = {before}: both columns have to rise from point to point"
                ));
            }
        }
        let (first, last) = (cdf[0], cdf[cdf.len() - 1]);
        if first != 0.0 || (last - 1.0).abs() > 1e-12 {
            return refuse(format!(
                "cdf goes from {first} to {last}, expected from 0 to 1: take away the first value and divide by the last"
            ));
        }
        Ok(Table { theta, cdf })
    }

    /// The piece between two points that holds the value.
    fn piece(values: &[f64], value: f64) -> usize {
        values.partition_point(|&v| v <= value).clamp(1, values.len() - 1) - 1
    }

    fn slope(&self, k: usize) -> f64 {
        (self.cdf[k + 1] - self.cdf[k]) / (self.theta[k + 1] - self.theta[k])
    }
}

impl Listed for Table {
    const NAME: &'static str = "table";
    const ABOUT: &'static str = "{ theta = [...], cdf = [...] }, cdf from 0 to 1";
    const KEYS: &'static [(&'static str, Option<f64>)] = &[];

    fn of(_: &[f64]) -> Result<Self> {
        Table::new([], [])
    }

    fn read(section: &Section<'_>, name: &str) -> std::result::Result<Self, ConfigError> {
        let table = match section.item(name) {
            Some(item) => item.as_section().ok_or_else(|| item.wrong_type(Self::ABOUT))?,
            None => return Err(section.missing(name, Self::ABOUT)),
        };
        table.only(&["theta", "cdf"])?;
        let column = |key| table.required::<Vec<f64>>(key, Self::ABOUT);
        Table::new(column("theta")?, column("cdf")?).map_err(|error| section.invalid(name, error.to_string()))
    }
}

impl Law for Table {
    fn support(&self) -> [f64; 2] {
        [self.theta[0], self.theta[self.theta.len() - 1]]
    }

    fn ln_density(&self, theta: f64) -> f64 {
        let [low, high] = self.support();
        match theta >= low && theta <= high {
            true => self.slope(Self::piece(&self.theta, theta)).ln(),
            false => f64::NEG_INFINITY,
        }
    }

    fn cdf(&self, theta: f64) -> f64 {
        let [low, high] = self.support();
        let theta = theta.clamp(low, high);
        let k = Self::piece(&self.theta, theta);
        self.cdf[k] + self.slope(k) * (theta - self.theta[k])
    }

    fn survival(&self, theta: f64) -> f64 {
        let [low, high] = self.support();
        let theta = theta.clamp(low, high);
        let k = Self::piece(&self.theta, theta);
        (1.0 - self.cdf[k + 1]).max(0.0) + self.slope(k) * (self.theta[k + 1] - theta)
    }

    fn quantile(&self, p: f64) -> f64 {
        let k = Self::piece(&self.cdf, p);
        self.theta[k] + (p - self.cdf[k]) / self.slope(k)
    }

    fn upper_quantile(&self, q: f64) -> f64 {
        let k = Self::piece(&self.cdf, 1.0 - q);
        self.theta[k + 1] - (q - (1.0 - self.cdf[k + 1]).max(0.0)) / self.slope(k)
    }

    fn ln_density_slope(&self, _theta: f64) -> Option<f64> {
        Some(0.0)
    }

    fn toml(&self) -> Option<String> {
        Some(format!("{{ table = {{ theta = {:?}, cdf = {:?} }} }}", self.theta, self.cdf))
    }
}
