//! Text files of GetDist (and of CosmoMC, Cobaya and their like).

use std::fmt::Write;
use std::path::{Path, PathBuf};

use imnn_io::atomic;

use crate::error::{InferError, Result};
use crate::posterior::Posterior;

/// What the files of GetDist say beside the samples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GetDistOptions {
    /// The names in LaTeX, without `$`; by default the names themselves.
    pub labels: Option<Vec<String>>,
    /// What the samples are called in legends; by default the method.
    pub label: Option<String>,
}

/// Writes `root.txt` (for several chains `root_1.txt`, ...), `root.paramnames`, `root.ranges` and
/// `root.properties.ini`.
///
/// Lines are `weight -ln(posterior) p1 p2 ...`; weights have the mean 1, and the second column is 0 where the log
/// density is not known. The properties say that samples are independent, without which GetDist takes them for a Markov
/// chain, or that they are one. Load them with the folder in front, as `loadMCSamples("./root")`.
///
/// # Errors
/// Names that GetDist cannot read, another number of labels, files that cannot be written.
pub fn getdist(posterior: &Posterior, root: impl AsRef<Path>, options: &GetDistOptions) -> Result<()> {
    let (root, p) = (root.as_ref(), posterior.n_params());
    for name in posterior.names() {
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c == '*' || c == '?') {
            let reason = "blanks, * and ? have a meaning of their own there; rename it, as a_b for a b";
            return Err(InferError::Name { name: name.clone(), format: "GetDist", reason });
        }
    }
    let labels = options.labels.as_deref().unwrap_or(posterior.names());
    crate::check::shape("labels", &[labels.len()], &[p])?;
    let chains = posterior.n_chains();
    let each = posterior.n_samples() / chains;
    let weights = posterior.weights() * posterior.n_samples() as f64;
    let (samples, ln_density) = (posterior.samples(), posterior.ln_density());
    for c in 0..chains {
        let mut text = String::new();
        for k in c * each..(c + 1) * each {
            // What is -inf has the weight 0 in any case.
            let minus_ln = ln_density.map_or(0.0, |ln| -ln[k]).clamp(-1e300, 1e300);
            let _ = write!(text, "{} {}", scientific(weights[k]), scientific(minus_ln));
            for i in 0..p {
                let _ = write!(text, " {}", scientific(samples[[k, i]]));
            }
            text.push('\n');
        }
        let name = if chains == 1 { with(root, ".txt") } else { with(root, &format!("_{}.txt", c + 1)) };
        atomic::write(name, text)?;
    }
    let names: String =
        posterior.names().iter().zip(labels).map(|(name, label)| format!("{name}\t{label}\n")).collect();
    atomic::write(with(root, ".paramnames"), names)?;
    let end = |value: f64| if value.is_finite() { format!("{value:?}") } else { "N".to_owned() };
    let ranges: String = posterior
        .names()
        .iter()
        .zip(posterior.ranges())
        .map(|(name, [low, high])| format!("{name} {} {}\n", end(*low), end(*high)))
        .collect();
    atomic::write(with(root, ".ranges"), ranges)?;
    let sampler = if chains == 1 { "uncorrelated" } else { "mcmc" };
    let label = options.label.as_deref().unwrap_or(posterior.method()).replace(['\n', '\r'], " ");
    let properties = format!("sampler = {sampler}\nburn_removed = True\nlabel = {label}\n");
    atomic::write(with(root, ".properties.ini"), properties)?;
    Ok(())
}

/// The path with something at its end; a dot in the name is no extension.
fn with(root: &Path, end: &str) -> PathBuf {
    let mut path = root.as_os_str().to_owned();
    path.push(end);
    path.into()
}

/// As C's `%.8E` has it: `1.00000000E+00`.
fn scientific(value: f64) -> String {
    let text = format!("{value:.8E}");
    let (digits, power) = text.split_once('E').unwrap_or((&text, "0"));
    let (sign, power) = match power.strip_prefix('-') {
        Some(power) => ('-', power),
        None => ('+', power),
    };
    format!("{digits}E{sign}{power:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_c_writes_them() {
        let all = [
            (1.0, "1.00000000E+00"),
            (-0.296_439_737, "-2.96439737E-01"),
            (1e-300, "1.00000000E-300"),
            (0.0, "0.00000000E+00"),
        ];
        for (value, text) in all {
            assert_eq!(scientific(value), text);
        }
    }
}
