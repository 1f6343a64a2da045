//! Saved runs: everything needed to go on training, and to compress data and estimate parameters.
//!
//! | file | what |
//! |---|---|
//! | `model.toml` | network, input shape, precision, fiducial, names of the parameters, key |
//! | `weights.safetensors` | the weights that the statistics belong to |
//! | `final.safetensors`, `best.safetensors` | weights after the last update, and those with the largest det F |
//! | `optimiser.safetensors` | the optimiser's moments after the last update |
//! | `history.npz` | `detF detC detinvC lambda2 r lndetF` and `val_...`, one entry per iteration; `best_iteration` |
//! | `statistics.npz` | `F invF C invC mu dmu_dtheta` |
//! | `information.npz` | F without biases and its errors: `F F_errors noise lndetF errors n_s n_d`, as far as they are known |
//! | `typical.npz` | `range`: the least and largest mean, standard deviation, smallest and largest value of a simulation |
//! | `manifest.json` | the SHA-256 of every file; runs that were written in format 1 have none |
//! | `checkpoint/` | only of a run that was interrupted: what it goes on from |

use crate::compressor::Compressor;
use crate::description::Description;
use crate::error::{FitError, Result, refuse};
use crate::files::SavedFiles;
use crate::folder::RunFolder;
use crate::imnn::{self, Imnn};
use crate::typical::Typical;
use imnn_data::ArrayPath;
use imnn_data::arrays::{AnyArray, read, write_npz};
use imnn_device::Device;
use imnn_models::{Element, Model, Network, Parameters};
use imnn_stats::{FisherEstimate, Measured, Statistics};
use ndarray::{Array2, ArrayD, Ix1, Ix2, arr0, arr1};
use std::path::Path;

/// What the simulations look like.
const TYPICAL: &str = "typical.npz";

impl<E: Element> Imnn<E> {
    /// Writes the run into a new folder, which appears whole or not at all.
    ///
    /// A folder that is there already and not empty stays as it is; so that no training is lost, the run is then written
    /// beside it, under the first free name of `run-2`, `run-3`, ..., and the error says where. [`Imnn::save_replacing`]
    /// replaces a run; [`RunFolder::create`], called before training, finds out early whether there is a place.
    ///
    /// # Errors
    /// [`FitError::SavedElsewhere`] as described, or [`FitError::NotSaved`]
    /// if no folder can be written: the trained network is still in memory then.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<()> {
        RunFolder::beside(folder.as_ref(), |folder| self.save_into(folder)).map_err(not_saved)
    }

    /// As [`Imnn::save`], replacing a run that is there already.
    ///
    /// # Errors
    /// [`FitError::NotSaved`] if there is anything in the folder that no run has (nothing is deleted then), or it cannot be
    /// written. The trained network is still in memory then.
    pub fn save_replacing(&self, folder: impl AsRef<Path>) -> Result<()> {
        let save = || {
            let folder = RunFolder::replacing(folder.as_ref(), &|_| {})?;
            self.save_into(&folder)?;
            folder.finish()
        };
        save().map_err(not_saved)
    }

    /// Writes the run's files into a folder that is being made, beside whatever else is to be there.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn save_into(&self, folder: &RunFolder) -> Result<()> {
        folder.keep_checkpoint(self.can_go_on());
        let folder = &folder.path();
        self.describe()?.save(folder)?;
        self.state().save(folder)?;
        if let Some(imnn::Measured { parameters, statistics, information, typical }) = self.measured() {
            parameters.save(folder.join("weights.safetensors"))?;
            write_statistics(statistics, folder)?;
            write_information(information, folder)?;
            typical.save(&folder.join(TYPICAL))?;
        }
        Ok(())
    }
}

impl<E: Element> Compressor<E> {
    /// Reads the trained network of a saved run.
    ///
    /// # Errors
    /// If a file is missing or broken, or the network has layers of the user's own: then use
    /// [`Compressor::load_with_network`].
    pub fn load(folder: impl AsRef<Path>, device: impl Device<E>) -> Result<Self> {
        let folder = folder.as_ref();
        let network = Description::load(folder)?.network.ok_or_else(|| {
            let message = "the network has layers of the user's own: give it with `load_with_network`";
            refuse(&folder.join("model.toml"), message)
        })?;
        Compressor::load_with_network(folder, network, device)
    }

    /// Reads the weights and statistics of a saved run for a network that is given.
    ///
    /// # Errors
    /// If a file is missing or broken, or the weights are not those of the network.
    pub fn load_with_network(folder: impl AsRef<Path>, network: Network, device: impl Device<E>) -> Result<Self> {
        let files = SavedFiles::of(folder.as_ref())?;
        let description = Description::read(&files)?;
        let model = Model::new(network, &description.input_shape)?;
        let parameters = Parameters::load(files.path("weights.safetensors")?, model.layout())?;
        let statistics = read_statistics(&files.path("statistics.npz")?)?;
        let Description { theta_fid, parameters: names, given, .. } = description;
        let compressor = Compressor::new(model, parameters, statistics, theta_fid, names, &device)?.with_given(given);
        // Runs of before have none.
        match files.path_if_there(TYPICAL)? {
            Some(path) => Ok(compressor.with_typical(Typical::load(&path)?)),
            None => Ok(compressor),
        }
    }
}

/// Where nothing was written, the error says that nothing is lost either.
fn not_saved(error: FitError) -> FitError {
    match error {
        FitError::SavedElsewhere { .. } => error,
        source => FitError::NotSaved { source: source.into() },
    }
}

fn write_statistics(statistics: &Statistics, folder: &Path) -> Result<()> {
    let matrices = [
        ("F", &statistics.f),
        ("invF", &statistics.inv_f),
        ("C", &statistics.c),
        ("invC", &statistics.inv_c),
        ("dmu_dtheta", &statistics.dmu_dtheta),
    ];
    let arrays = matrices.map(|(name, matrix)| (name, matrix.clone().into_dyn()));
    let mu = ("mu", statistics.mu.clone().into_dyn());
    let arrays: Vec<(&str, ArrayD<f64>)> = arrays.into_iter().chain([mu]).collect();
    let arrays: Vec<(&str, AnyArray<'_>)> = arrays.iter().map(|(name, array)| (*name, array.view().into())).collect();
    Ok(write_npz(folder.join("statistics.npz"), &arrays)?)
}

/// What is known of F: numbers with errors have these behind.
fn write_information(information: &FisherEstimate, folder: &Path) -> Result<()> {
    let pair = |Measured { value, error }: &Measured| [*value, *error];
    let matrices = [("F", &information.f), ("F_errors", &information.f_errors), ("noise", &information.noise)];
    let matrices = matrices.into_iter().filter_map(|(name, of)| Some((name, of.clone()?.into_dyn())));
    let log_det_f = information.log_det_f.as_ref().ok().map(|value| ("lndetF", arr1(&pair(value)).into_dyn()));
    let errors = information.errors.as_ref().ok().map(|errors| {
        let pairs: Vec<[f64; 2]> = errors.iter().map(pair).collect();
        ("errors", Array2::from(pairs).into_dyn())
    });
    let numbers = [("n_s", information.n_s), ("n_d", information.n_d)];
    let numbers = numbers.map(|(name, n)| (name, arr0(n as f64).into_dyn()));
    let arrays: Vec<(&str, ArrayD<f64>)> = matrices.chain(log_det_f).chain(errors).chain(numbers).collect();
    let arrays: Vec<(&str, AnyArray<'_>)> = arrays.iter().map(|(name, array)| (*name, array.view().into())).collect();
    Ok(write_npz(folder.join("information.npz"), &arrays)?)
}

fn read_statistics(path: &Path) -> Result<Statistics> {
    let array = |key: &str| read::<f64>(&ArrayPath::with_key(path, key));
    let shape = |key: &str| refuse(path, format!("{key} has the wrong number of axes"));
    let matrix =
        |key: &str| -> Result<Array2<f64>> { array(key)?.into_dimensionality::<Ix2>().map_err(|_| shape(key)) };
    let mu = array("mu")?.into_dimensionality::<Ix1>().map_err(|_| shape("mu"))?;
    Ok(Statistics::from_moments(mu.view(), matrix("C")?.view(), matrix("dmu_dtheta")?.view())?)
}
