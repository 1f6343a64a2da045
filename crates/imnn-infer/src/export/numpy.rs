//! Posteriors as npz, pairs as npy.

use std::io::{Cursor, Write};
use std::path::Path;

use imnn_io::{atomic, npy, npz as archive};
use ndarray::ArrayView2;

use crate::check;
use crate::error::{InferError, Result};
use crate::pairs::Pairs;
use crate::posterior::Posterior;

/// Writes the posteriors of one or several targets into an npz archive: `samples` `(n_targets, n, p)`, `weights`
/// `(n_targets, n)`, `log_prob` `(n_targets, n)` where all know it, and `names` `(p)`.
///
/// # Errors
/// No posterior, posteriors with other names or numbers of samples, a file that cannot be written.
pub fn npz(posteriors: &[Posterior], path: impl AsRef<Path>) -> Result<()> {
    let Some(first) = posteriors.first() else {
        return Err(InferError::TooFew {
            what: "posteriors to write".into(),
            found: 0,
            least: 1,
            advice: "give one for each target".into(),
        });
    };
    let (n, p) = (first.n_samples(), first.n_params());
    for posterior in posteriors {
        if posterior.names() != first.names() || posterior.n_samples() != n {
            let expected = format!("[{n}, {p}], as the first has them; resampled(n, key) makes their numbers equal");
            return Err(InferError::shape("samples", posterior.samples().shape(), expected));
        }
    }
    let written = || -> std::io::Result<Vec<u8>> {
        let mut writer = archive::Writer::new(Cursor::new(vec![]));
        let targets = posteriors.len();
        writer.begin("samples", "<f8", &[targets, n, p])?;
        for posterior in posteriors {
            npy::write_values(posterior.samples().iter(), &mut writer)?;
        }
        writer.begin("weights", "<f8", &[targets, n])?;
        for posterior in posteriors {
            npy::write_values(posterior.weights().iter(), &mut writer)?;
        }
        let known: Vec<_> = posteriors.iter().filter_map(Posterior::ln_density).collect();
        if known.len() == targets {
            writer.begin("log_prob", "<f8", &[targets, n])?;
            for ln_density in known {
                npy::write_values(ln_density.iter(), &mut writer)?;
            }
        }
        // Texts of numpy: UTF-32, all of one length, filled with zeros.
        let longest = first.names().iter().map(|name| name.chars().count()).max().unwrap_or(0).max(1);
        writer.begin("names", &format!("<U{longest}"), &[p])?;
        for name in first.names() {
            let letters = name.chars().map(u32::from).chain(std::iter::repeat(0)).take(longest);
            writer.write_all(&letters.flat_map(u32::to_le_bytes).collect::<Vec<u8>>())?;
        }
        Ok(writer.finish()?.into_inner())
    };
    let bytes = written().map_err(|error| InferError::State { reason: error.to_string() })?;
    atomic::write(path.as_ref(), bytes)?;
    Ok(())
}

/// Writes pairs for sbi and ltu-ili into a folder: `theta.npy` `(n, p)` and `x.npy` `(n, q)`, float32.
///
/// # Errors
/// Values beyond single precision, a folder that is not there, files that cannot be written.
pub fn sbi_pairs(pairs: &Pairs, folder: impl AsRef<Path>) -> Result<()> {
    let single = |what: &'static str, array: ArrayView2<'_, f64>| -> Result<Vec<u8>> {
        let values = array.mapv(|value| value as f32);
        check::finite(what, &values.mapv(f64::from))?;
        let mut bytes = npy::header("<f4", array.shape());
        npy::write_values(values.iter(), &mut bytes)
            .map_err(|error| InferError::State { reason: error.to_string() })?;
        Ok(bytes)
    };
    let (theta, x) = (single("theta", pairs.theta())?, single("x", pairs.x())?);
    atomic::write(folder.as_ref().join("theta.npy"), theta)?;
    atomic::write(folder.as_ref().join("x.npy"), x)?;
    Ok(())
}
