//! What can be written after `imnn data`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use imnn::data::ArrayPath;

/// Arguments of `imnn data`.
#[derive(Args, Clone, Debug)]
pub struct DataArguments {
    /// What to do with the data.
    #[command(subcommand)]
    pub command: DataCommand,
}

/// The commands of `imnn data`.
#[derive(Clone, Debug, Subcommand)]
#[non_exhaustive]
pub enum DataCommand {
    /// What is in files and folders, and the lines of a run file that train on it
    ///
    /// Of a folder, and of a file of many arrays, names that differ by a number are one line, with how many there are, and
    /// a few of them are opened. What cannot be read is listed with the reason. Simulations at the fiducial, below and above
    /// it are known by their names (fiducial and Om_m, Om_p; minus, plus; low, high; below, above; ...), shapes and seeds:
    /// look at what is proposed before you train on it.
    ///
    /// The exit code is 1 where a file that was named cannot be read; for what is in a folder beside arrays it stays 0.
    #[command(after_long_help = INSPECT)]
    Inspect(InspectArguments),
    /// Copy an array into another kind of file, in bounded memory, and compare what was written
    #[command(after_long_help = CONVERT)]
    Convert(ConvertArguments),
    /// Find out whether simulations can be trained with, before hours of training
    ///
    /// Looks for values that are not finite, simulations that are there twice, values that never change, simulations below
    /// and above that are not of the same random seeds or in another order, parameters that change nothing, and validation
    /// sets that differ from training. The exit code is 1 where there is an error; warnings and notes leave it at 0.
    ///
    /// It cannot be seen in the data whether delta_theta is the full width, nor whether below and above are exchanged for
    /// all simulations: give theta_below and theta_above where you can.
    #[command(after_long_help = CHECK)]
    Check(CheckArguments),
    /// Divide simulations into a training and a validation set
    ///
    /// Rows stay matched: simulations take their derivatives along, and those with derivatives go to both parts in
    /// proportion. Within a part the rows stay in the order of the files.
    #[command(after_long_help = SPLIT)]
    Split(SplitArguments),
}

/// Arguments of `imnn data inspect`.
#[derive(Args, Clone, Debug)]
pub struct InspectArguments {
    /// Arrays, archives, tables, patterns such as fiducial/{seed}.npy, folders, or runs of `imnn fit`
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<ArrayPath>,
    /// Read all values: least, largest, mean, standard deviation, and how many are not finite
    #[arg(long)]
    pub values: bool,
    /// Print JSON for machines in place of text
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `imnn data convert`.
#[derive(Args, Clone, Debug)]
pub struct ConvertArguments {
    /// The array to read; an archive without :key, into another archive, is copied with all its arrays
    #[arg(value_name = "FROM")]
    pub from: ArrayPath,
    /// file.npy, file.npz:key, folder/{seed}.npy, name_*.tfrecords, or file.h5:dataset
    #[arg(value_name = "TO")]
    pub to: ArrayPath,
    /// The type of the numbers [default: f32 where that holds them as well, f64 where not]
    #[arg(long, value_enum)]
    pub dtype: Option<Dtype>,
    /// The shape of one simulation, as 32,32,1
    #[arg(long, value_name = "SHAPE", value_delimiter = ',')]
    pub input_shape: Option<Vec<usize>>,
    /// What the array is; numerical gives TFRecord files the layout of simulations below and above
    #[arg(long, value_enum)]
    pub layout: Option<Layout>,
    /// Compress an HDF5 dataset, at this level
    #[arg(long, value_name = "1-9", value_parser = clap::value_parser!(u8).range(1..=9))]
    pub gzip: Option<u8>,
    /// The bytes of a chunk of an HDF5 dataset
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20)]
    pub chunk: usize,
    /// Do not read again and compare what was written
    #[arg(long)]
    pub no_verify: bool,
    /// Replace what is there already
    #[arg(long)]
    pub force: bool,
    /// Print JSON for machines in place of text
    #[arg(long)]
    pub json: bool,
}

/// A type of numbers.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Dtype {
    /// Single precision
    F32,
    /// Double precision
    F64,
}

/// What an array is.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Layout {
    /// (n_s, *input)
    Fiducial,
    /// (n_d, *input, n_params)
    Exact,
    /// (n_d, 2, n_params, *input)
    Numerical,
}

/// A set of simulations: a run file, or its arrays.
#[derive(Args, Clone, Debug)]
pub struct SetArguments {
    /// A run file, the simulations of which are meant
    #[arg(value_name = "RUN.toml", conflicts_with_all = ["fiducial", "derivative", "below", "above", "delta_theta"])]
    pub run: Option<PathBuf>,
    /// In place of a run file: the simulations, (n_s, *input)
    #[arg(long, value_name = "FILE", required_unless_present = "run")]
    pub fiducial: Option<ArrayPath>,
    /// Their derivatives: (n_d, 2, n_params, *input), or exact (n_d, *input, n_params)
    #[arg(long, value_name = "FILE", required_unless_present_any = ["run", "below"], conflicts_with = "below")]
    pub derivative: Option<ArrayPath>,
    /// In place of --derivative: simulations below the fiducial, an array for each parameter, separated by commas
    #[arg(long, value_name = "FILES", value_delimiter = ',', requires = "above")]
    pub below: Vec<ArrayPath>,
    /// And above
    #[arg(long, value_name = "FILES", value_delimiter = ',', requires = "below")]
    pub above: Vec<ArrayPath>,
    /// What the derivatives are [default: what fits their shape]
    #[arg(long, value_enum, conflicts_with = "run")]
    pub kind: Option<DerivativeKind>,
    /// What becomes of simulations with values that are not finite [default: what the run file says, or refuse]
    #[arg(long, value_enum)]
    pub invalid: Option<InvalidChoice>,
    /// theta_above - theta_below for each parameter, the full width, separated by commas
    #[arg(long, value_name = "WIDTHS", value_delimiter = ',', allow_negative_numbers = true)]
    pub delta_theta: Option<Vec<f64>>,
}

/// What derivatives are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DerivativeKind {
    /// Derivatives of the data
    Exact,
    /// Simulations below and above the fiducial
    Numerical,
}

/// What becomes of simulations that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InvalidChoice {
    /// They are an error
    Refuse,
    /// They are left out, with their partners
    Drop,
}

/// Arguments of `imnn data check`.
#[derive(Args, Clone, Debug)]
pub struct CheckArguments {
    /// The set.
    #[command(flatten)]
    pub set: SetArguments,
    /// Simulations for validation, as --fiducial
    #[arg(long, value_name = "FILE", conflicts_with = "run", requires = "validation_derivative")]
    pub validation_fiducial: Option<ArrayPath>,
    /// Their derivatives, as --derivative
    #[arg(long, value_name = "FILE", conflicts_with = "run", requires = "validation_fiducial")]
    pub validation_derivative: Option<ArrayPath>,
    /// Look at all rows, however many they are, and not only at some of arrays beyond 4 GiB
    #[arg(long)]
    pub all: bool,
    /// The rows whose random seeds are compared
    #[arg(long, value_name = "NUMBER", default_value_t = 256)]
    pub rows: usize,
    /// Draws the rows that are looked at
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub seed: u64,
    /// Print JSON for machines in place of text
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `imnn data split`.
#[derive(Args, Clone, Debug)]
pub struct SplitArguments {
    /// The set.
    #[command(flatten)]
    pub set: SetArguments,
    /// A new folder for the parts
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// What goes to validation: a share such as 0.2, or a number of simulations
    #[arg(long, value_name = "SHARE", default_value = "0.2", value_parser = share)]
    pub validation: f64,
    /// Draws the rows that go to validation
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub seed: u64,
    /// Take the last rows for validation in place of drawn ones
    #[arg(long, conflicts_with = "seed")]
    pub no_shuffle: bool,
    /// Write train.npz and validation.npz in place of folders of .npy files
    #[arg(long)]
    pub npz: bool,
    /// Replace parts that are in the folder already; a folder with anything else in it is never touched
    #[arg(long)]
    pub force: bool,
    /// Print JSON for machines in place of text
    #[arg(long)]
    pub json: bool,
}

/// A share between 0 and 1, or a number of simulations.
fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value > 0.0 && (value < 1.0 || (value.fract() == 0.0 && value < 1e15)) => Ok(value),
        _ => Err("a share between 0 and 1, or a whole number of simulations".to_owned()),
    }
}

const INSPECT: &str = "\
Examples:
  imnn data inspect train/fiducial.npy train/derivative.npy     with what to write in a run file
  imnn data inspect simulations/                                a tree of folders: patterns, and sets to train on
  imnn data inspect many.h5                                     a dataset for each seed: many.h5:fid/{seed}
  imnn data inspect Pk.txt                                      a table: Pk.txt:1 or Pk.txt:P(k) is a column of it
  imnn data inspect 'fiducial/{seed}.npy' --values              statistics, in bounded memory";

const CONVERT: &str = "\
Examples:
  imnn data convert train.npz:fiducial fiducial.npy             one array, unpacked if it is compressed
  imnn data convert compressed.npz stored.npz                   all arrays of an archive, uncompressed
  imnn data convert fiducial.npy 'fiducial/{seed}.npy'          a file for each simulation
  imnn data convert big.npy small.npy --dtype f32               refused where a value is beyond its range
  imnn data convert d.npy 'd_*.tfrecords' --layout numerical    as the Python package imnn writes it
  imnn data convert 'f_*.tfrecords' f.npy --input-shape 32,32,1
  imnn data convert f.npy f.h5:train/fiducial --gzip 4";

const CHECK: &str = "\
Examples:
  imnn data check run.toml
  imnn data check --fiducial f.npy --derivative d.npy --delta-theta 0.1,0.2
  imnn data check --fiducial 'fid/{seed}.npy' --below 'Om_m/{seed}.npy,s8_m/{seed}.npy' \\
      --above 'Om_p/{seed}.npy,s8_p/{seed}.npy'";

const SPLIT: &str = "\
Examples:
  imnn data split --fiducial f.npy --derivative d.npy --out parts --validation 0.2
  imnn data split run.toml --out parts --validation 500 --seed 7

It prints what to write in a run file.";
