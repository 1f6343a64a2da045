//! The targets: what is done with the bytes of each format, and what has to hold if they are accepted.

mod flows;
mod hdf5;
mod npy;
mod npz;
mod records;
mod runs;
mod saved;
mod tables;
mod texts;
mod weights;

use crate::target::Target;

const NUMPY: &str = "crates/imnn-data/tests/numpy";
const FOREIGN: &str = "crates/imnn-data/tests/foreign";
const H5PY: &str = "crates/imnn-data/tests/h5py";
const HDF5: &[(&str, &[&str])] = &[(FOREIGN, &[".h5"]), (H5PY, &[".h5", ".hdf5"])];

/// All of them.
pub const TARGETS: [Target; 13] = [
    Target {
        name: "npy",
        about: "an npy file, from memory and by rows",
        run: npy::npy,
        words: npy::WORDS,
        seeds: &[(NUMPY, &[".npy"])],
    },
    Target {
        name: "npz",
        about: "an npz archive, stored or deflated, from memory and by rows",
        run: npz::npz,
        words: npy::WORDS,
        seeds: &[(NUMPY, &[".npz"]), ("tests/golden", &["stats_1s1p.npz"])],
    },
    Target {
        name: "tfrecord",
        about: "a TFRecord file",
        run: records::file,
        words: &[],
        seeds: &[(FOREIGN, &[".tfrecord", ".tfrecords"])],
    },
    Target {
        name: "tfrecord_framed",
        about: "any bytes as a record with good checksums",
        run: records::framed,
        words: records::WORDS,
        seeds: &[],
    },
    Target { name: "hdf5", about: "an HDF5 file", run: hdf5::file, words: hdf5::WORDS, seeds: HDF5 },
    Target {
        name: "hdf5_mended",
        about: "an HDF5 file whose checksums are put right",
        run: hdf5::mended,
        words: hdf5::WORDS,
        seeds: HDF5,
    },
    Target {
        name: "text_table",
        about: "a table of numbers as text, the whole and a column",
        run: tables::table,
        words: tables::WORDS,
        seeds: &[],
    },
    Target {
        name: "weights",
        about: "weights, .safetensors or .npz, and optimiser states",
        run: weights::weights,
        words: weights::WORDS,
        seeds: &[],
    },
    Target {
        name: "flows",
        about: "an ensemble of flows, and states of their training",
        run: flows::flows,
        words: flows::WORDS,
        seeds: &[],
    },
    Target {
        name: "run_file",
        about: "the file of `imnn fit`",
        run: texts::run_file,
        words: texts::WORDS,
        seeds: &[("tests/saved/format-1-f32", &["run.toml"]), ("tests/saved/format-1-f64", &["run.toml"])],
    },
    Target {
        name: "simulate_file",
        about: "the file of `imnn simulate`",
        run: texts::simulate_file,
        words: texts::WORDS,
        seeds: &[],
    },
    Target {
        name: "saved_run",
        about: "a file in the folder of a saved run",
        run: saved::saved_run,
        words: texts::WORDS,
        seeds: &[],
    },
    Target {
        name: "checkpoint",
        about: "a file in a checkpoint that training goes on from",
        run: runs::checkpoint,
        words: texts::WORDS,
        seeds: &[],
    },
];

/// Ends its process on inputs that are not very short: what a search makes of a crash is tested with it.
pub const CRASH: Target = Target {
    name: "crash",
    about: "the end of the process",
    run: |data| if data.len() > 40 { std::process::abort() } else { Err("too short".into()) },
    words: &[],
    seeds: &[],
};

/// The target of this name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().chain([&CRASH]).find(|target| target.name == name)
}

/// The inputs to begin with that are no files of the repository as they are, by the names of their targets.
pub(crate) fn made_seeds() -> Vec<(&'static str, String, Vec<u8>)> {
    [
        records::seeds(),
        hdf5::seeds(),
        tables::seeds(),
        weights::seeds(),
        flows::seeds(),
        texts::seeds(),
        saved::seeds(),
        runs::seeds(),
    ]
    .concat()
}
