//! The folder of a set of simulations, and how much of it is there.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use imnn_io::FileError;
use imnn_io::atomic::write;

use crate::check::{Layout, compare};
use crate::design::{Design, Vector};
use crate::disk::{create_folder, read, remove, seeds};
use crate::failure::{Failure, Fault};
use crate::shelf::{Condition, Item};
use crate::template::Template;
use crate::{JobsError, record};

/// The folder of a set of simulations: `fiducial/{seed}.npy`, `{name}_m/{seed}.npy` and `{name}_p/{seed}.npy`, or in
/// [blocks](crate::RunOptions::block) `fiducial/{first}-{last}.npy`, whose rows are the simulations of these seeds.
///
/// A file of that name is complete and was checked. `failed/` holds the records and logs of those that could not be made.
#[derive(Clone, Debug)]
pub struct DataSet {
    root: PathBuf,
    design: Design,
    vectors: Vec<Vector>,
    template: Template,
}

/// How much of a set is there.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// The parameter vectors, the fiducial first.
    pub vectors: Vec<VectorStatus>,
    /// What failed, by vector and seed.
    pub failures: Vec<Failure>,
    /// Files that are there and are no simulations of this set, with the reason; they count as missing.
    pub unusable: Vec<(PathBuf, String)>,
    /// The shape of a simulation, once there is one.
    pub shape: Option<Vec<usize>>,
    /// Blocks that [`DataSet::run`] was to put together and has not, as another process is about to, or everything was to
    /// stop.
    pub unpacked: usize,
    /// Why [`DataSet::run`] started no more programs, where that is so: the first simulation is another when it is made again, or
    /// the first few all failed alike.
    pub no_more: Option<Failure>,
    /// The shape and type that simulations have to have, if that is known.
    pub(crate) expected: Option<Layout>,
}

/// How much of the simulations at one parameter vector is there.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VectorStatus {
    /// The parameters.
    pub vector: Vector,
    /// What there is of each seed, from the first.
    pub marks: Vec<Mark>,
    /// The files that hold any of them, with what is known of each.
    pub(crate) files: Vec<(Item, Condition)>,
}

/// What there is of a simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Nothing yet.
    Missing,
    /// Its file, or a block that it is in, complete and checked.
    Done,
    /// The record that it could not be made.
    Failed,
}

/// With what a simulation is compared.
pub(crate) const OTHERS: &str = "as the others have";

impl VectorStatus {
    /// How many seeds have this mark.
    pub fn count(&self, mark: Mark) -> usize {
        self.marks.iter().filter(|&&other| other == mark).count()
    }

    /// The files of which all is well.
    pub(crate) fn good(&self) -> impl Iterator<Item = Item> + '_ {
        self.files.iter().filter(|(_, condition)| *condition == Condition::Good).map(|(item, _)| *item)
    }
}

impl Status {
    /// How many simulations of all vectors have this mark.
    pub fn count(&self, mark: Mark) -> usize {
        self.vectors.iter().map(|vector| vector.count(mark)).sum()
    }

    /// Whether any of the simulations are in blocks.
    pub fn has_blocks(&self) -> bool {
        self.vectors.iter().flat_map(VectorStatus::good).any(|item| matches!(item, Item::Block(..)))
    }
}

impl DataSet {
    /// Makes the folder, or goes on with one that is for the same design; a larger `n_s` or `n_d` extends it.
    ///
    /// # Errors
    /// A design that makes no sense, a folder that is for another one or holds something else, a disk that cannot be
    /// written.
    pub fn create(folder: impl AsRef<Path>, design: Design) -> Result<Self, JobsError> {
        let mut set = Self::look(&folder, design)?;
        create_folder(folder.as_ref())?;
        // Programs run in another folder.
        set.root = std::fs::canonicalize(&folder).map_err(FileError::of("find", folder.as_ref()))?;
        record::record(&set.root, &set.design)?;
        for vector in &set.vectors {
            create_folder(&set.root.join(&vector.name))?;
        }
        Ok(set)
    }

    /// The same without writing anything: for [`status`](Self::status) and [`command`](Self::command) alone.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn look(folder: impl AsRef<Path>, design: Design) -> Result<Self, JobsError> {
        let root = std::path::absolute(&folder).map_err(FileError::of("find", folder.as_ref()))?;
        let template = design.check()?;
        record::compare(&root, &design)?;
        Ok(Self { root, vectors: design.vectors(), design, template })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What is simulated.
    pub fn design(&self) -> &Design {
        &self.design
    }

    /// The parameters of all simulations, the fiducial first.
    pub fn vectors(&self) -> &[Vector] {
        &self.vectors
    }

    /// The file of a simulation as long as it is in no block.
    pub fn file(&self, vector: &Vector, seed: u64) -> PathBuf {
        self.root.join(&vector.name).join(format!("{seed}.npy"))
    }

    /// The program that makes a simulation, with its arguments, to write into the file `out`.
    pub fn command(&self, vector: &Vector, seed: u64, out: &Path) -> Vec<std::ffi::OsString> {
        self.template.fill(seed, &vector.theta, out)
    }

    /// What may be the matter with a program that ended with a fault, after what it said last.
    pub(crate) fn hint(&self, fault: &Fault, tail: &str) -> &'static str {
        let usage = || tail.contains("usage:") || tail.contains("unrecognized arguments");
        let program = self.design.command.first().map_or("", String::as_str);
        match fault {
            Fault::NotStarted(_) if program.contains(' ') => {
                "; there is a space in the name of the program: program and arguments are texts of their own, [\"python3\", \"sim.py\", ...]"
            }
            Fault::NotStarted(reason) if reason.contains("denied") => "; `chmod +x` makes a script executable",
            Fault::NotStarted(reason) if reason.contains("Exec format") => {
                "; a script begins with #! and its interpreter, as #!/bin/sh"
            }
            Fault::Exit(_) if self.vectors[0].theta.len() > 1 && self.template.spreads_theta() && usage() => {
                "; {theta} by itself is an argument for each parameter: \"--theta={theta}\" is one, with commas between them"
            }
            _ => "",
        }
    }

    /// The seed at this place, counted from 0.
    pub fn seed(&self, place: usize) -> u64 {
        self.design.first_seed + place as u64
    }

    /// Looks at what is there: the header and length of each file, and the records of what failed.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn status(&self) -> Result<Status, JobsError> {
        let mut layouts: HashMap<Layout, usize> = HashMap::new();
        let mut found = vec![];
        let mut status = Status {
            vectors: vec![],
            failures: vec![],
            unusable: vec![],
            shape: None,
            unpacked: 0,
            no_more: None,
            expected: None,
        };
        for vector in &self.vectors {
            let of_vector = self.opened(vector)?;
            for (item, layout) in &of_vector {
                if let Ok(layout) = layout {
                    *layouts.entry(layout.clone()).or_default() += self.places(vector, *item).len();
                }
            }
            found.push(of_vector);
        }
        // Simulations are to be as most are, of the shape that is given if one is.
        let fits = |layout: &Layout| self.design.shape.as_ref().is_none_or(|shape| layout.shape == *shape);
        let most = layouts
            .into_iter()
            .filter(|(layout, _)| fits(layout))
            .max_by_key(|(layout, count)| (*count, layout.shape.clone(), layout.dtype.clone()))
            .map(|(layout, _)| layout);
        let asked_for = || self.design.shape.clone().map(|shape| Layout { shape, dtype: String::new() });
        let expected = most.or_else(asked_for);
        let any = found.iter().flatten().any(|(_, layout)| layout.is_ok());
        status.shape = expected.as_ref().filter(|_| any).map(|layout| layout.shape.clone());
        for (vector, found) in self.vectors.iter().zip(found) {
            let mut marks = vec![Mark::Missing; vector.n_seeds];
            let mut files = Vec::with_capacity(found.len());
            for (item, layout) in found {
                let damaged = layout.is_err();
                // One that can be opened was counted, so that it is known what is expected, unless no shape is right.
                let fits = |layout| expected.as_ref().map_or(Ok(()), |expected| compare(&layout, expected, OTHERS));
                let condition = match layout.and_then(fits) {
                    Ok(()) => {
                        marks[self.places(vector, item)].fill(Mark::Done);
                        Condition::Good
                    }
                    Err(fault) => {
                        status.unusable.push((item.path(&self.root.join(&vector.name)), fault.to_string()));
                        if damaged { Condition::Damaged } else { Condition::Other }
                    }
                };
                files.push((item, condition));
            }
            for seed in seeds(&self.failed(vector), ".json")? {
                let Some(place) = self.place(vector, seed).filter(|&place| marks[place] != Mark::Done) else {
                    continue;
                };
                if let Some(failure) = self.failure(vector, seed)? {
                    marks[place] = Mark::Failed;
                    status.failures.push(failure);
                }
            }
            status.vectors.push(VectorStatus { vector: vector.clone(), marks, files });
        }
        Ok(Status { expected, ..status })
    }

    pub(crate) fn place(&self, vector: &Vector, seed: u64) -> Option<usize> {
        let place = usize::try_from(seed.checked_sub(self.design.first_seed)?).ok()?;
        (place < vector.n_seeds).then_some(place)
    }

    pub(crate) fn failed(&self, vector: &Vector) -> PathBuf {
        self.root.join("failed").join(&vector.name)
    }

    /// The record of a failure.
    pub(crate) fn record(&self, vector: &Vector, seed: u64) -> PathBuf {
        self.failed(vector).join(format!("{seed}.json"))
    }

    fn failure(&self, vector: &Vector, seed: u64) -> Result<Option<Failure>, JobsError> {
        let path = self.record(vector, seed);
        let Some(text) = read(&path)? else { return Ok(None) };
        serde_json::from_str(&text).map(Some).map_err(|error| JobsError::record(&path, error))
    }

    /// Where the log of a failure is kept, seen from the folder.
    pub(crate) fn log(vector: &Vector, seed: u64) -> String {
        format!("failed/{}/{seed}.log", vector.name)
    }

    /// Keeps the record of a failure, and its log.
    pub(crate) fn keep(&self, vector: &Vector, failure: &Failure, log: &Path) -> Result<(), JobsError> {
        let folder = self.failed(vector);
        create_folder(&folder)?;
        let kept = self.root.join(&failure.log);
        std::fs::rename(log, &kept).map_err(FileError::of("write", &kept))?;
        write_json(&self.record(vector, failure.seed), failure)
    }

    /// Removes the record of a failure that is none any more.
    pub(crate) fn forget(&self, vector: &Vector, seed: u64) -> Result<(), JobsError> {
        let folder = self.failed(vector);
        remove(&self.record(vector, seed))?;
        Ok(remove(&folder.join(format!("{seed}.log")))?)
    }

    /// Writes `failures.json`, or removes it where nothing failed.
    pub(crate) fn write_failures(&self, failures: &[Failure]) -> Result<(), JobsError> {
        let path = self.root.join("failures.json");
        if failures.is_empty() {
            // Empty folders go with it.
            for vector in &self.vectors {
                let _ = std::fs::remove_dir(self.failed(vector));
            }
            let _ = std::fs::remove_dir(self.root.join("failed"));
            return Ok(remove(&path)?);
        }
        write_json(&path, &serde_json::json!({ "failures": failures }))
    }
}

fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<(), JobsError> {
    let text = serde_json::to_string_pretty(value).map_err(|error| JobsError::record(path, error))?;
    Ok(write(path, text + "\n")?)
}
