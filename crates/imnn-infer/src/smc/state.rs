//! The state of a sequence between two populations, in a file.

use std::io::Cursor;
use std::path::Path;

use imnn_io::{atomic, npy, npz};
use imnn_prior::Prior;
use imnn_sim::Key;
use ndarray::{Array1, Array2, ArrayD, ArrayView1, Ix1, Ix2};

use super::population::Particles;
use super::{Population, SmcAbc, SmcSettings};
use crate::abc::distance::Distance;
use crate::error::{InferError, Result};

/// The version of the file.
const FORMAT: f64 = 1.0;

impl<'a> SmcAbc<'a> {
    /// Writes what there is after the last population into an `.npz` file, whole or not at all.
    ///
    /// # Errors
    /// Before the first population, and if the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let Some(particles) = &self.particles else {
            return Err(InferError::State { reason: "there is no population to save yet; call step first".into() });
        };
        let key: Vec<f64> = self.key.to_bytes().iter().map(|&byte| f64::from(byte)).collect();
        let populations: Vec<f64> = self
            .populations
            .iter()
            .flat_map(|p| [p.epsilon, p.acceptance, p.effective, p.simulations as f64])
            .collect();
        let flat = |array: &Array2<f64>| (array.iter().copied().collect::<Vec<f64>>(), array.shape().to_vec());
        let line = |values: Vec<f64>| {
            let shape = vec![values.len()];
            (values, shape)
        };
        let arrays = [
            ("phi", flat(&particles.phi)),
            ("x", flat(&particles.x)),
            ("distances", line(particles.distances.to_vec())),
            ("weights", line(particles.weights.to_vec())),
            ("populations", (populations, vec![self.populations.len(), 4])),
            ("counts", line(vec![FORMAT, self.used as f64, self.failed as f64])),
            ("key", line(key)),
            ("about", line(self.about())),
        ];
        let written = || -> std::io::Result<Vec<u8>> {
            let mut writer = npz::Writer::new(Cursor::new(vec![]));
            for (name, (values, shape)) in &arrays {
                writer.begin(name, "<f8", shape)?;
                npy::write_values(values, &mut writer)?;
            }
            Ok(writer.finish()?.into_inner())
        };
        let bytes = written().map_err(|error| InferError::State { reason: error.to_string() })?;
        atomic::write(path.as_ref(), &bytes)?;
        Ok(())
    }

    /// Goes on from a file that [`save`](Self::save) wrote, with the same prior, target, distance and settings; these
    /// are compared. More simulations, another end, other threads and blocks are allowed, and a sequence that had ended
    /// goes on where they ask for it.
    ///
    /// # Errors
    /// As [`new`](Self::new); a file that cannot be read, or that is of something else.
    pub fn resume(
        path: impl AsRef<Path>,
        prior: &'a Prior,
        target: ArrayView1<'_, f64>,
        distance: &Distance,
        settings: &SmcSettings,
    ) -> Result<Self> {
        let path = path.as_ref();
        let bytes = std::fs::read(path)
            .map_err(|error| InferError::State { reason: format!("{}: {error}", path.display()) })?;
        let damaged = |what: String| InferError::State { reason: format!("{}: {what}", path.display()) };
        let mut archive =
            npz::Archive::new(Cursor::new(&bytes), bytes.len() as u64).map_err(|error| damaged(error.to_string()))?;
        let mut array = |name: &str| -> Result<ArrayD<f64>> {
            let member = archive.member(Some(name)).map_err(|error| damaged(error.to_string()))?;
            member.npy().read::<f64>(None).map_err(|error| damaged(format!("{name}: {error}")))
        };
        let shape = |name: &str| damaged(format!("{name} has another number of axes than SmcAbc::save writes"));
        let mut line =
            |name: &str| -> Result<Array1<f64>> { array(name)?.into_dimensionality::<Ix1>().map_err(|_| shape(name)) };
        let (counts, key, about) = (line("counts")?, line("key")?, line("about")?);
        let (distances, weights) = (line("distances")?, line("weights")?);
        let mut table =
            |name: &str| -> Result<Array2<f64>> { array(name)?.into_dimensionality::<Ix2>().map_err(|_| shape(name)) };
        let (phi, x, populations) = (table("phi")?, table("x")?, table("populations")?);
        let key: [u8; 32] = key
            .iter()
            .map(|byte| *byte as u8)
            .collect::<Vec<u8>>()
            .try_into()
            .map_err(|_| damaged("key has not 32 bytes".into()))?;
        if counts.len() != 3 || counts[0] != FORMAT {
            return Err(damaged(format!("it is of another version ({counts}), this program reads version {FORMAT}")));
        }
        let n = settings.particles;
        let (p, q) = (prior.n_params(), target.len());
        let mut smc = SmcAbc::new(prior, target, distance, settings, Key::from_bytes(key))?;
        let expected = smc.about();
        if about.to_vec() != expected {
            return Err(damaged(
                "it is of another prior, target, distance, or number of particles; give those it was begun with, or begin anew".into(),
            ));
        }
        let is_sound = phi.dim() == (n, p)
            && x.dim() == (n, q)
            && distances.len() == n
            && weights.len() == n
            && populations.ncols() == 4
            && populations.nrows() > 0
            && phi.iter().chain(&x).chain(&distances).chain(&weights).all(|value| value.is_finite());
        if !is_sound {
            return Err(damaged("its arrays do not belong together".into()));
        }
        smc.particles = Some(Particles { phi, x, distances, weights });
        smc.populations = populations
            .rows()
            .into_iter()
            .map(|row| Population {
                epsilon: row[0],
                acceptance: row[1],
                effective: row[2],
                simulations: row[3] as u64,
            })
            .collect();
        (smc.used, smc.failed) = (counts[1] as u64, counts[2] as u64);
        smc.stop = smc.ended();
        Ok(smc)
    }

    /// What a state belongs to, in numbers: prior, target, distance and the settings that shape populations.
    fn about(&self) -> Vec<f64> {
        let (p, q) = (self.prior.n_params(), self.target.len());
        let mut about = vec![self.settings.particles as f64, self.settings.alpha, p as f64, q as f64];
        about.extend(&self.target);
        for phi in [-1.7, 0.2, 2.9] {
            about.extend(self.prior.to_theta(&vec![phi; p]).unwrap_or_default());
        }
        let acceptance = self.prior.acceptance();
        about.extend([acceptance.value, acceptance.draws as f64]);
        let target = self.target.to_vec();
        for j in 0..q {
            let mut x = target.clone();
            x[j] += 1.0 + x[j].abs();
            about.push(self.resolved.of(&x, &target));
        }
        about
    }
}
