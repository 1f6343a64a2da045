//! Writes files for `tests/python/read.py`, which reads them with other programs: `round_trip FOLDER`.
//!
//! All simulations are `x[seed, j, k] = 100 seed + 10 j + k` of shape (3, 4).

use std::error::Error;
use std::path::PathBuf;

use imnn_data::arrays::write_npy;
use imnn_data::tfrecord::{TfRecordOptions, TfRecordWriter};
use imnn_hdf5::{Options, Writer};
use ndarray::Array3;

const N: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("round_trip FOLDER")?);
    std::fs::create_dir_all(&folder)?;
    let x = Array3::from_shape_fn((N, 3, 4), |(seed, j, k)| (100 * seed + 10 * j + k) as f32);
    let of = |seed: usize| x.as_slice().map(|x| &x[12 * seed..12 * (seed + 1)]).unwrap_or_default();
    // Two records fit a file, or nearly.
    let options = TfRecordOptions { record_size: 1.5e-4, ..TfRecordOptions::default() };
    let mut fiducial = TfRecordWriter::new(folder.join("fiducial"), options)?;
    let mut exact = TfRecordWriter::new(folder.join("exact"), options)?;
    let mut derivative = TfRecordWriter::new(folder.join("derivative"), options)?;
    for seed in 0..N {
        fiducial.write(seed as u64, of(seed))?;
        let both: Vec<f32> = of(seed).iter().flat_map(|x| [*x, 2.0 * x]).collect();
        exact.write(seed as u64, &both)?;
        for above in [false, true] {
            for parameter in 0..2 {
                let step = if above { 0.5 } else { -0.5 } * (parameter as f32 + 1.0);
                let shifted: Vec<f32> = of(seed).iter().map(|x| x + step).collect();
                derivative.write_side(seed as u64, above, parameter, &shifted)?;
            }
        }
    }
    for writer in [fiducial, exact, derivative] {
        println!("{} files", writer.finish()?.len());
    }
    write_npy(folder.join("ours.npy"), x.view().into_dyn())?;
    let mut writer = Writer::new(std::fs::File::create(folder.join("ours.h5"))?);
    for name in ["train/fiducial", "plain"] {
        writer.begin::<f32>(name, x.shape(), Options { gzip: Some(4), chunk: 100 })?;
        writer.write(x.as_slice().unwrap_or_default())?;
    }
    writer.finish()?;
    Ok(())
}
