//! How what was written takes its place.

use super::names;
use crate::error::{Result, refuse};
use crate::files::{CHECKPOINT, FINISHING, OF_A_RUN, PREVIOUS, UNFINISHED};
use imnn_io::manifest::NAME;
use imnn_io::{FileError, Manifest, atomic};
use std::fs;
use std::path::Path;

/// Which names the finished run has the right to replace, in the manifest until it is in its place.
const REPLACES: &str = "replaces";
/// Whether the run was interrupted, and has a checkpoint beside its results.
const INTERRUPTED: &str = "interrupted";

/// Finishes the run in `unfinished`, whose place may have files with the names `replaced`, and puts it there.
pub(super) fn commit(target: &Path, replaced: &[String], interrupted: bool) -> Result<()> {
    let unfinished = target.join(UNFINISHED);
    let files = names(&unfinished)?;
    // Hidden files are what a process that was killed has left.
    let is_file = |name: &&str| unfinished.join(name).is_file() && *name != NAME && !name.starts_with('.');
    let mut manifest = Manifest::of(&unfinished, files.iter().map(String::as_str).filter(is_file))?;
    if interrupted {
        manifest = manifest.about(INTERRUPTED, "true");
    }
    atomic::sync_folder(&unfinished);
    manifest.about(REPLACES, replaced.join("/")).write(&unfinished)?;
    put(target)
}

/// Goes on with what another process has finished and could not put in its place any more; whether there was such a run.
pub(super) fn go_on(target: &Path) -> Result<bool> {
    let [unfinished, finishing] = [UNFINISHED, FINISHING].map(|name| target.join(name));
    if finishing.exists() && !finishing.join(NAME).exists() {
        // Everything is in its place.
        fs::remove_dir_all(&finishing).map_err(FileError::of("remove", &finishing))?;
    }
    let is_there = finishing.exists() || unfinished.join(NAME).exists();
    if is_there { put(target).map(|()| true) } else { Ok(false) }
}

/// Gives a finished run that was interrupted, and so has kept its checkpoint, what it needs to go on.
pub(super) fn take_up(target: &Path) -> Result<()> {
    let unfinished = target.join(UNFINISHED);
    let is_there = |name: &str| unfinished.join(name).exists();
    if is_there(CHECKPOINT) || is_there(PREVIOUS) || !target.join(CHECKPOINT).exists() {
        return Ok(());
    }
    for name in ["run.toml", "initial.safetensors"] {
        if target.join(name).exists() {
            copy(&target.join(name), &unfinished.join(name))?;
        }
    }
    // Under another name until it is whole.
    let (from, partial) = (target.join(CHECKPOINT), unfinished.join("checkpoint.copy"));
    fs::create_dir_all(&partial).map_err(FileError::of("create", &partial))?;
    for name in names(&from)? {
        copy(&from.join(&name), &partial.join(&name))?;
    }
    fs::rename(&partial, unfinished.join(CHECKPOINT)).map_err(FileError::of("write", &partial))?;
    Ok(())
}

/// Moves the files of a finished run to their place. It may have been begun before.
fn put(target: &Path) -> Result<()> {
    let [unfinished, finishing] = [UNFINISHED, FINISHING].map(|name| target.join(name));
    let place = if finishing.exists() { &finishing } else { &unfinished };
    let manifest = Manifest::read(place)?.ok_or_else(|| refuse(place, format!("there is no {NAME}")))?;
    let replaced: Vec<String> = manifest.get(REPLACES).unwrap_or_default().split('/').map(str::to_owned).collect();
    // Later the manifest in its place may be this one already.
    let of_manifest = Some(NAME).filter(|_| *place == unfinished);
    refuse_others(target, place, manifest.names().chain([CHECKPOINT]).chain(of_manifest), &replaced)?;
    if *place == unfinished {
        fs::rename(&unfinished, &finishing).map_err(FileError::of("write", &finishing))?;
    }
    for name in manifest.names() {
        let (from, to) = (finishing.join(name), target.join(name));
        if from.exists() {
            fs::rename(&from, &to).map_err(FileError::of("write", &to))?;
        }
        manifest.check(name, &to)?;
    }
    let (from, to) = (finishing.join(CHECKPOINT), target.join(CHECKPOINT));
    let keeps = manifest.get(INTERRUPTED).is_some();
    if to.exists() && (!keeps || from.exists()) {
        fs::remove_dir_all(&to).map_err(FileError::of("remove", &to))?;
    }
    if keeps && from.exists() {
        fs::rename(&from, &to).map_err(FileError::of("write", &to))?;
    }
    // What the run before had and this one has not.
    let old = replaced.iter().filter(|name| OF_A_RUN.contains(&name.as_str()) && *name != NAME && *name != CHECKPOINT);
    for name in old.filter(|name| manifest.names().all(|new| new != *name)) {
        let path = target.join(name);
        if path.exists() {
            fs::remove_file(&path).map_err(FileError::of("remove", &path))?;
        }
    }
    // What it replaces is nobody's concern any more, and the same run has the same manifest.
    manifest.without(REPLACES).write(target)?;
    // Where what is left cannot be removed now, the next process does it.
    let _ = fs::remove_dir_all(&finishing);
    Ok(())
}

/// Refuses to replace what was not there when the run began.
fn refuse_others<'a>(
    target: &Path,
    place: &Path,
    own: impl IntoIterator<Item = &'a str>,
    replaced: &[String],
) -> Result<()> {
    let in_the_way = |name: &&str| {
        place.join(name).exists() && target.join(name).exists() && !replaced.iter().any(|old| old == name)
    };
    match own.into_iter().find(in_the_way) {
        None => Ok(()),
        Some(name) => Err(refuse(
            &target.join(name),
            format!(
                "this has appeared since the run began, and is not replaced: move it away, and start the same command again; the \
                 finished run is kept in {} until then",
                place.display()
            ),
        )),
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let bytes = fs::read(from).map_err(FileError::of("read", from))?;
    Ok(atomic::write(to, bytes)?)
}
