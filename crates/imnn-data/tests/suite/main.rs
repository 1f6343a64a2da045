//! Tests of `imnn-data` from outside.

#![allow(clippy::unwrap_used)]

/// Simulations are seen through uniformly drawn symmetries, their partners through the same.
mod augmented;
/// Whatever the bytes of a file are, reading answers with an array or an error.
mod corrupt;
/// Mutated files read by rows: what their bytes say, or an error.
mod corrupt_rows;
/// Simulations that failed are left out with their partners: the same bits as of files without them.
mod failed;
/// Files written by TensorFlow, h5py and the original package.
mod foreign;
/// Every layout of h5py, to the bit.
mod h5py;
mod keyed;
/// Damaged TFRecord and HDF5 files.
mod mutated;
/// Noise is drawn evenly, the same for all that belongs together, with the statistics of its bank.
mod noise;
/// Files written by numpy are read, and refused where they do not hold real numbers.
mod numpy;
/// Arrays read by rows, from files of every kind, also such that change meanwhile.
mod rows;
/// Simulations made when they are read, and drawn into memory.
mod simulated;
/// Simulations in memory and in files, and every refusal of them.
mod stored;
/// Simulations streamed from files are those loaded from them, from one file or many.
mod streamed;
/// Transforms of the user's own: one draw for each row and key, and for all that belongs together.
mod transformed;
/// Files written here are read back.
mod written;
