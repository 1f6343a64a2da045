//! Checkpoints, and what they have in common with saved runs: folders of which one file is another.

use crate::check::text;
use crate::scratch::scratch;
use crate::target::Answer;
use imnn::data::{OnTheFly, Source, simulate_exact};
use imnn::device::Cpu;
use imnn::fit::{FitError, FitSettings, Imnn, ImnnBuilder, Progress, Request, RunFolder};
use imnn::io::Manifest;
use imnn::io::manifest::NAME;
use imnn::models::{Adam, dense, gelu, serial};
use imnn::sim::{GaussianMeanVariance, Key};
use std::cell::OnceCell;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// A folder and what is in its files when they are whole.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) files: Vec<File>,
}

/// A file.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) contents: Vec<u8>,
}

impl Folder {
    /// One that is there.
    pub(super) fn of(path: &Path) -> Self {
        let names = imnn::io::folder::names(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let read = |name: String| File { contents: fs::read(path.join(&name)).unwrap_or_default(), name };
        // Of what people read and no parser does nothing is to be seen.
        let names = names.into_iter().filter(|name| !["statistics.json", "run.toml"].contains(&name.as_str()));
        Folder { path: path.to_owned(), files: names.map(read).collect() }
    }

    /// A copy of one.
    pub(super) fn copy(from: &Path, to: &Path) -> Self {
        let folder = Folder { path: to.to_owned(), ..Folder::of(from) };
        folder.restore();
        folder
    }

    pub(super) fn has_manifest(&self) -> bool {
        self.files.iter().any(|file| file.name == NAME)
    }

    /// Puts every file back.
    fn restore(&self) {
        let _ = fs::remove_dir_all(&self.path);
        fs::create_dir_all(&self.path).unwrap_or_else(|error| panic!("{}: {error}", self.path.display()));
        self.files.iter().for_each(|file| put(&self.path.join(&file.name), &file.contents));
    }

    /// Writes a manifest of the files as they are now.
    fn mend(&self) {
        let names = self.files.iter().map(|file| file.name.as_str()).filter(|name| *name != NAME);
        let there = names.filter(|name| self.path.join(name).exists());
        if let Ok(manifest) = Manifest::of(&self.path, there) {
            let _ = manifest.write(&self.path);
        }
    }
}

fn put(path: &Path, contents: &[u8]) {
    fs::write(path, contents).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// What else is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Mend {
    /// Nothing.
    No,
    /// The manifest is put right, so that the file is read.
    Manifest,
}

/// Another file in a folder.
pub(super) struct Change<'a> {
    folder: &'a Folder,
    file: &'a File,
    pub(super) mend: Mend,
    removes: bool,
    pub(super) contents: &'a [u8],
}

/// What the bytes say: which folder and file, what else is done, and the contents.
pub(super) fn change<'a>(folders: &'a [Folder], data: &'a [u8]) -> Option<Change<'a>> {
    let [folder, file, how, contents @ ..] = data else { return None };
    let folder = &folders[usize::from(*folder) % folders.len()];
    let file = &folder.files[usize::from(*file) % folder.files.len()];
    let mend = if how & 1 == 1 && folder.has_manifest() && file.name != NAME { Mend::Manifest } else { Mend::No };
    Some(Change { folder, file, mend, removes: *how & 0x70 == 0x70, contents })
}

impl Change<'_> {
    /// Makes it, sees what comes of it, and takes it back.
    pub(super) fn apply(&self, read: &mut dyn FnMut(&Folder, &File) -> Answer) -> Answer {
        let path = self.folder.path.join(&self.file.name);
        if self.removes {
            let _ = fs::remove_file(&path);
        } else {
            put(&path, self.contents);
        }
        if self.mend == Mend::Manifest {
            self.folder.mend();
        }
        // After a panic everything is put back too.
        let _after = Restore(self);
        read(self.folder, self.file)
    }
}

struct Restore<'a>(&'a Change<'a>);

impl Drop for Restore<'_> {
    fn drop(&mut self) {
        let Change { folder, file, mend, .. } = self.0;
        put(&folder.path.join(&file.name), &file.contents);
        if let (Mend::Manifest, Some(manifest)) = (mend, folder.files.iter().find(|file| file.name == NAME)) {
            put(&folder.path.join(NAME), &manifest.contents);
        }
    }
}

/// Each file of each folder, with its manifest put right and not.
pub(super) fn seeds_of(target: &'static str, folders: &[Folder]) -> Vec<(&'static str, String, Vec<u8>)> {
    let mut seeds = vec![];
    for (k, folder) in folders.iter().enumerate() {
        for (l, file) in folder.files.iter().enumerate() {
            let head = [k as u8, l as u8, u8::from(folder.has_manifest())];
            seeds.push((target, format!("{k}-{}", file.name), [&head, &file.contents[..]].concat()));
        }
    }
    seeds
}

/// A folder for a target.
pub(super) fn place(target: &str) -> PathBuf {
    let path = scratch().join(target);
    fs::create_dir_all(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    path
}

/// A run that takes no time: with its own optimiser on data, or in rounds on the fly.
pub(super) fn builder(in_rounds: bool) -> ImnnBuilder<f32> {
    let (draws, theta_fid) = (GaussianMeanVariance { n_data: 4 }, [0.0, 1.0]);
    let made = || -> Result<Box<dyn Source<f32>>, imnn::data::DataError> {
        Ok(match in_rounds {
            true => Box::new(OnTheFly::new(draws, &theta_fid, 40, 40)?),
            false => Box::new(simulate_exact::<f32, _>(&draws, &theta_fid, 40, 40, Key::new(1))?),
        })
    };
    let training = made().unwrap_or_else(|error| panic!("{error}"));
    let cpu = Cpu::new(1).unwrap_or_else(|error| panic!("{error}"));
    let network = serial([dense(4), gelu(), dense(2)]);
    let builder = Imnn::builder(network).theta_fid(theta_fid).training(training).device(cpu).key(Key::new(3));
    match in_rounds {
        true => builder,
        false => builder.optimiser(Adam::new(1e-3).unwrap_or_else(|error| panic!("{error}"))),
    }
}

/// A run that was interrupted.
struct Interrupted {
    place: RunFolder,
    checkpoint: Folder,
}

const SETTINGS: [fn() -> FitSettings; 2] = [
    || FitSettings { max_iterations: 12, ..FitSettings::default() },
    || FitSettings { max_iterations: 30, round: Some(8), tolerance: 0.0, ..FitSettings::default() },
];

thread_local! {
    static RUNS: OnceCell<Vec<Interrupted>> = const { OnceCell::new() };
}

fn interrupted() -> Vec<Interrupted> {
    let run = |k: usize| -> Result<Interrupted, FitError> {
        let path = place("checkpoint").join(k.to_string());
        let _ = fs::remove_dir_all(&path);
        let place = RunFolder::create(&path, &|_| {})?;
        let checkpoints = place.checkpoints();
        let control = checkpoints.control();
        let mut imnn = builder(k == 1).checkpoints(checkpoints).build()?;
        let ended = imnn.fit_with(&SETTINGS[k](), &mut |progress: &Progress| {
            if progress.iteration >= 9 {
                control.ask(Request::Suspend);
            }
            ControlFlow::Continue(())
        });
        assert!(matches!(ended, Err(FitError::Suspended { lost: None, .. })), "{:?}", ended.err());
        let checkpoint = Folder::of(&place.path().join("checkpoint"));
        // With another beside it a damaged one would be passed over.
        let _ = fs::remove_dir_all(place.path().join("checkpoint.previous"));
        Ok(Interrupted { place, checkpoint })
    };
    [0, 1].map(|k| run(k).unwrap_or_else(|error| panic!("{error}"))).into()
}

/// The bytes say which run and file, whether the manifest is put right, and what is in the file. Of some of those that are
/// accepted training goes on.
pub(super) fn checkpoint(data: &[u8]) -> Answer {
    RUNS.with(|cell| {
        let runs = cell.get_or_init(interrupted);
        let folders: Vec<Folder> = runs.iter().map(|run| run.checkpoint.clone()).collect();
        let Some(change) = change(&folders, data) else { return Err("nothing".into()) };
        change.apply(&mut |folder, file| {
            let k = usize::from(data[0]) % runs.len();
            let checkpoints = runs[k].place.checkpoints();
            let mut imnn = builder(k == 1).checkpoints(checkpoints).build().map_err(text)?;
            let Some(begun) = imnn.goes_on_from() else { return Err("no checkpoint".into()) };
            if change.mend == Mend::No && file.name != NAME {
                assert!(change.contents == file.contents, "{} is not what its manifest says", file.name);
            }
            let finite = imnn.weights(imnn::fit::Weights::Final).map_err(text)?;
            assert!(finite.values().iter().all(|value| value.is_finite()), "weights that are not finite");
            let mut ended = "";
            if file.name == "state.toml" && crc32c::crc32c(data).is_multiple_of(8) {
                ended = match imnn.fit_with(&SETTINGS[k](), &mut |_: &Progress| ControlFlow::Break(())) {
                    Ok(_) => "goes on",
                    Err(_) => "does not go on",
                };
                folder.restore();
                let _ = fs::remove_dir_all(runs[k].place.path().join("checkpoint.previous"));
            }
            Ok(format!("{} {} {ended}", file.name, if begun == 0 { "begins" } else { "begun" }))
        })
    })
}

/// Each file of each.
pub(super) fn seeds() -> Vec<(&'static str, String, Vec<u8>)> {
    RUNS.with(|cell| {
        let folders: Vec<Folder> = cell.get_or_init(interrupted).iter().map(|run| run.checkpoint.clone()).collect();
        seeds_of("checkpoint", &folders)
    })
}
