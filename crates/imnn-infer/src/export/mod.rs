//! Posteriors and pairs in the files of other programs.
//!
//! | For | What | Read there by |
//! | --- | --- | --- |
//! | GetDist | [`getdist`] | `getdist.loadMCSamples("./NAME")`: a root without a folder fails there |
//! | ArviZ, xarray | [`zarr`] | `xarray.open_datatree(path, engine="zarr")`, `arviz_base.convert_to_datatree(path)` |
//! | numpy | [`npz`] | `numpy.load(path)` |
//! | sbi, ltu-ili | [`sbi_pairs`] | `torch.from_numpy(numpy.load("theta.npy"))`, `StaticNumpyLoader` |
//!
//! The same posterior gives the same bytes: no file has the time in it unless it is given.

mod getdist;
mod numpy;
mod zarr;

pub use getdist::{GetDistOptions, getdist};
pub use numpy::{npz, sbi_pairs};
pub use zarr::{ZarrOptions, zarr};
