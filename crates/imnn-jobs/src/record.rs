//! `simulate.toml`: which simulations a folder is for.

use std::fmt::Debug;
use std::path::Path;

use imnn_io::Document;
use imnn_io::atomic::{write, write_new};

use crate::JobsError;
use crate::design::Design;
use crate::disk::{names, read};

const RECORD: &str = "simulate.toml";

/// Refuses a folder that is for other simulations; more of the same are fine.
///
/// Returns what the folder is recorded to be for, if it is.
pub(crate) fn compare(root: &Path, design: &Design) -> Result<Option<Design>, JobsError> {
    let path = root.join(RECORD);
    // What there is beside it is looked at first: another process that is about to record the same begins with that.
    let entries = names(root)?;
    let Some(text) = read(&path)? else {
        // Hidden files are those of such a process.
        return match entries.into_iter().find(|name| !name.starts_with('.')) {
            Some(entry) => Err(JobsError::folder(
                root,
                format!(
                    "there is \"{entry}\" in this folder, and no simulate.toml: it is not one of these simulations"
                ),
            )),
            None => Ok(None),
        };
    };
    let recorded = Document::parse(&text, &path).and_then(|document| Design::read(&document.root()))?;
    check(root, &recorded, design)?;
    Ok(Some(recorded))
}

/// Records what a folder is for, or that there will be more of it.
pub(crate) fn record(root: &Path, design: &Design) -> Result<(), JobsError> {
    let path = root.join(RECORD);
    let text = toml::to_string(design).map_err(|error| JobsError::record(&path, error))?;
    let text = format!("# Written by `imnn simulate`: what the simulations in this folder are.\n\n{text}");
    match compare(root, design)? {
        Some(recorded) if recorded == *design => Ok(()),
        Some(_) => Ok(write(&path, &text)?),
        None if write_new(&path, &text)? => Ok(()),
        // Another process was first; it has the same work or not.
        None => compare(root, design).map(|_| ()),
    }
}

fn check(root: &Path, old: &Design, new: &Design) -> Result<(), JobsError> {
    // All that is there is used, so fewer would be another set.
    let fewer = |key, old: usize, new: usize| {
        (new < old).then(|| (key, old.to_string(), format!("{new} (more would be added to it)")))
    };
    let differs = differ("parameters", &old.parameters, &new.parameters)
        .or_else(|| differ("theta_fid", &old.theta_fid, &new.theta_fid))
        .or_else(|| differ("theta_below", &old.theta_below, &new.theta_below))
        .or_else(|| differ("theta_above", &old.theta_above, &new.theta_above))
        .or_else(|| differ("first_seed", &old.first_seed, &new.first_seed))
        .or_else(|| differ("command", &old.command, &new.command))
        .or_else(|| differ("dir", &old.dir, &new.dir))
        .or_else(|| fewer("n_s", old.n_s, new.n_s))
        .or_else(|| fewer("n_d", old.n_d, new.n_d));
    let Some((key, recorded, asked)) = differs else { return Ok(()) };
    let made = format!("the simulations in this folder were made with {key} = {recorded}");
    Err(JobsError::folder(root, format!("{made}, asked for is {key} = {asked}")))
}

/// A key whose values differ, with both as texts.
fn differ<T: Debug + PartialEq>(key: &'static str, old: &T, new: &T) -> Option<(&'static str, String, String)> {
    (old != new).then(|| (key, format!("{old:?}"), format!("{new:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::design::tests::design;

    #[test]
    fn more_of_the_same_is_fine() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        assert_eq!(compare(&root.join("none"), &design()).unwrap(), None);
        record(root, &design()).unwrap();
        let file = || std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(root.join(RECORD)).unwrap());
        let first = file();
        // What is recorded already is not written again.
        record(root, &design()).unwrap();
        assert_eq!(file(), first);
        let more = Design { n_s: 10, n_d: 10, shape: Some(vec![3]), ..design() };
        record(root, &more).unwrap();
        assert_eq!(compare(root, &more).unwrap(), Some(more));
        let message = record(root, &Design { n_s: 10, ..design() }).unwrap_err().to_string();
        assert!(message.contains("n_d = 10, asked for is n_d = 2 (more"), "{message}");
    }

    #[test]
    fn what_differs_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        record(root, &design()).unwrap();
        let check = |change: &dyn Fn(&mut Design), part: &str| {
            let mut other = design();
            change(&mut other);
            let message = record(root, &other).unwrap_err().to_string();
            assert!(message.contains(part), "{part:?} is not in {message:?}");
        };
        check(&|d| d.theta_fid[0] = 0.01, "theta_fid = [0.0, 1.0], asked for is theta_fid = [0.01, 1.0]");
        check(&|d| d.theta_below[1] = 0.8, "theta_below = [-0.1, 0.9]");
        check(&|d| d.theta_above[1] = 1.2, "theta_above = [0.1, 1.1]");
        check(&|d| d.parameters[0] = "m".to_owned(), "parameters = [\"mu\", \"s\"]");
        check(&|d| d.first_seed = 0, "first_seed = 10, asked for is first_seed = 0");
        check(&|d| d.command[0] = "q".to_owned(), "command = [\"p\", ");
        check(&|d| d.dir = "elsewhere".into(), "asked for is dir = \"elsewhere\"");
        check(&|d| d.n_s = 3, "n_s = 4");
    }

    #[test]
    fn other_folders_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("thesis.tex"), "").unwrap();
        let message = record(folder.path(), &design()).unwrap_err().to_string();
        assert!(message.contains("there is \"thesis.tex\" in this folder"), "{message}");
        std::fs::write(folder.path().join("simulate.toml"), "n_s = 1").unwrap();
        let message = record(folder.path(), &design()).unwrap_err().to_string();
        assert!(message.contains("simulate.toml line 1: the key \"theta_fid\" is missing"), "{message}");
    }
}
