//! Priors in TOML files.
//!
//! ```
//! use imnn_io::Document;
//!
//! let text = r#"
//! [prior]
//! Omega_c = { uniform = [0.1, 0.5] }
//! sigma_8 = { truncated_normal = { mean = 0.8, sd = 0.2, low = 0.4, high = 1.3 } }
//!
//! [[constraint]]                     # sum of coefficients times parameters <= at_most
//! coefficients = { Omega_c = 1.0, sigma_8 = 0.5 }
//! at_most = 1.0
//! "#;
//! let document = Document::parse(text, "infer.toml")?;
//! let prior = imnn_prior::config::read(&document.root())?;
//! assert_eq!(prior.names(), ["Omega_c", "sigma_8"]);
//! assert_eq!(prior.bounds(), [[0.1, 0.5], [0.4, 1.3]]);
//! # Ok::<(), imnn_io::ConfigError>(())
//! ```
//!
//! Parameters have the order in which they are written. Several with one multivariate normal law are
//!
//! ```toml
//! [prior.multivariate_normal]
//! parameters = ["a", "b"]
//! mean = [0.0, 1.0]
//! covariance = [[1.0, 0.3], [0.3, 2.0]]
//! ```

use imnn_io::{ConfigError, Section};
use ndarray::{Array1, Array2};

use crate::builder::Builder;
use crate::constraint::key;
use crate::laws;
use crate::prior::{Part, Prior};

/// The tables of a file that a prior is read from.
pub const KEYS: [&str; 2] = ["prior", "constraint"];

const BLOCK: &str = "multivariate_normal";

/// The laws that a file may name, each with what it takes.
pub fn catalogue() -> &'static [(&'static str, &'static str)] {
    laws::LAWS
}

/// Reads the tables `[prior]` and `[[constraint]]` of a file.
///
/// # Errors
/// What is missing, unknown or of another type, and numbers that a law refuses, at their lines and keys.
pub fn read(root: &Section<'_>) -> Result<Prior, ConfigError> {
    let advice =
        "a table of parameters with their laws, such as [prior] with the line Omega_c = { uniform = [0.1, 0.5] }";
    let section = root.section("prior")?.ok_or_else(|| root.missing("prior", advice))?;
    let mut builder = Prior::builder();
    for name in section.keys_as_written() {
        let Some(item) = section.item(name) else { continue };
        builder = match item.as_section().filter(|_| name == BLOCK) {
            Some(block) => read_block(builder, &block)?,
            None => builder.shared(name, laws::read(&item)?),
        };
    }
    if let Some(item) = root.item("constraint") {
        for item in item.list("constraints, each written as [[constraint]]")? {
            let table = item.section()?;
            table.only(&["coefficients", "at_most"])?;
            let advice = "a table such as { Omega_c = 1.0, sigma_8 = 0.5 }";
            let coefficients = table.section("coefficients")?.ok_or_else(|| table.missing("coefficients", advice))?;
            let mut read = Vec::new();
            for name in coefficients.keys_as_written() {
                read.push((name, coefficients.required::<f64>(name, "a number")?));
            }
            let at_most: f64 = table.required("at_most", "the largest value of the sum")?;
            builder = builder.at_most(&read, at_most);
        }
    }
    builder.build().map_err(|error| match error {
        error @ crate::PriorError::Constraint { .. } => root.invalid("constraint", error.to_string()),
        error => section.invalid_here(error.to_string()),
    })
}

fn read_block(builder: Builder, block: &Section<'_>) -> Result<Builder, ConfigError> {
    block.only(&["parameters", "mean", "covariance"])?;
    let names: Vec<String> = block.required("parameters", "the names, such as [\"a\", \"b\"]")?;
    let mean: Vec<f64> = block.required("mean", "one number for each parameter")?;
    let rows: Vec<Vec<f64>> = block.required("covariance", "a list of rows, one for each parameter")?;
    let n = names.len();
    if let Some(row) = rows.iter().find(|row| row.len() != n) {
        return Err(block
            .invalid("covariance", format!("a row has {} numbers, expected {n}: one for each parameter", row.len())));
    }
    if rows.len() != n || mean.len() != n {
        let (rows, means) = (rows.len(), mean.len());
        return Err(block.invalid_here(format!(
            "{n} parameters, {means} means and {rows} rows of the covariance; expected {n} of each"
        )));
    }
    let covariance = Array2::from_shape_fn((n, n), |(i, j)| rows[i][j]);
    Ok(builder.multivariate_normal(&names, Array1::from(mean), covariance))
}

impl Prior {
    /// The tables of a file that give this prior again, to the last bit; none where a law or a constraint is one of
    /// Rust code.
    pub fn to_toml(&self) -> Option<String> {
        let (mut lines, mut block_table, mut at) = (String::from("[prior]\n"), String::new(), 0);
        for part in &self.parts {
            let names = &self.names[at..at + part.len()];
            match part {
                Part::One(law) => lines += &format!("{} = {}\n", key(&names[0]), law.toml()?),
                Part::Many(block) => block_table = format!("\n{}", block.toml(names)),
            }
            at += part.len();
        }
        // A table of its own ends the one before: parameters behind the block would change their order.
        if matches!(self.parts.last(), Some(Part::One(_))) && !block_table.is_empty() {
            return None;
        }
        let mut text = lines + &block_table;
        for constraint in &self.constraints {
            text += &format!("\n{}", constraint.toml(&self.names)?);
        }
        Some(text)
    }
}
