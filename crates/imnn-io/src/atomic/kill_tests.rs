//! Kills at every step, as the disk shows them afterwards.

use super::name::Name;
use super::*;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

fn names(folder: &Path) -> Vec<String> {
    crate::folder::names(folder).unwrap()
}

fn write_to(folder: &Path, name: &str, text: &str) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(name), text).unwrap();
    folder.to_owned()
}

/// Lets two days pass since a file or folder was written to.
fn age(path: &Path) {
    let then = SystemTime::now() - Duration::from_secs(2 * 24 * 60 * 60);
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| age(&entry.unwrap().path()));
    }
    File::open(path).unwrap().set_modified(then).unwrap();
}

fn on_another_machine(target: &Path) -> PathBuf {
    let name = Name::new().partial(target).to_str().unwrap().to_owned();
    let at = name.rfind('-').unwrap();
    PathBuf::from(format!("{}eeeeee{}", &name[..at - 6], &name[at..]))
}

#[test]
fn what_killed_processes_left_is_removed_by_the_next_writer() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("run");
    write_to(&Name::new().partial(&target), "weights", "1");
    fs::write(Name::new().partial(&target), "1").unwrap();
    // Files of others, among them one whose name begins with this one's.
    let others = [".run", ".run.txt.000000-123456789.partial", ".run.x.partial", ".run.partial", ".other.partial-7"];
    others.iter().for_each(|name| fs::write(folder.path().join(name), "").unwrap());
    let elsewhere = on_another_machine(&target);
    write_to(&elsewhere, "weights", "1");
    let alive = Partial::folder(&target, false).unwrap();

    let ours = Partial::folder(&target, false).unwrap();
    let mut expected: Vec<PathBuf> = others.iter().map(|name| folder.path().join(name)).collect();
    expected.extend([elsewhere, alive.path().to_owned(), ours.path().to_owned()]);
    expected.sort();
    let there: Vec<PathBuf> = names(folder.path()).iter().map(|name| folder.path().join(name)).collect();
    assert_eq!(there, expected);
    write_to(ours.path(), "weights", "2");
    ours.finish().unwrap();
    assert_eq!(names(&target), ["weights"]);
    assert!(alive.path().exists());
}

#[test]
fn what_another_machine_began_is_removed_after_a_day_without_a_write() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("x.npy");
    let at = |name: &str| folder.path().join(name);
    let (old, written, file) = (on_another_machine(&target), on_another_machine(&target), on_another_machine(&target));
    write_to(&old, "a", "1");
    write_to(&written, "a", "1");
    fs::write(&file, "1").unwrap();
    let earlier = [".x.npy.partial-123", ".x.npy.0123456789abcdef.partial", ".x.npy.123-4.partial", ".x.npy.replaced"];
    earlier.iter().for_each(|name| drop(write_to(&at(name), "a", "1")));
    fs::write(&target, "result").unwrap();
    drop(Partial::file(&target, true).unwrap());
    assert_eq!(names(folder.path()).len(), 8);
    names(folder.path()).iter().for_each(|name| age(&at(name)));
    // The folder is old, and a file in it is new.
    fs::write(written.join("a"), "2").unwrap();
    drop(Partial::file(&target, true).unwrap());
    assert_eq!(names(folder.path()), [written.file_name().unwrap().to_str().unwrap(), "x.npy"]);
}

#[test]
fn a_folder_that_was_set_aside_is_put_back() {
    let parent = tempfile::tempdir().unwrap();
    let target = parent.path().join("run");
    let name = Name::new();
    // Killed after the old one was set aside: the new one, which is complete, is put in place, and the old one goes.
    write_to(&name.old(&target), "weights", "old");
    write_to(&name.partial(&target), "weights", "new");
    let message = Partial::folder(&target, false).unwrap_err().to_string();
    assert!(message.contains("exists already"), "{message}");
    assert_eq!(fs::read_to_string(target.join("weights")).unwrap(), "new");
    drop(Partial::folder(&target, true).unwrap());
    assert_eq!(names(parent.path()), ["run"]);

    // Nothing but the old one is there, as this version or an earlier one left it.
    for aside in [name.old(&target), target.with_file_name(".run.replaced")] {
        fs::rename(&target, &aside).unwrap();
        restore(&target);
        assert_eq!(fs::read_to_string(target.join("weights")).unwrap(), "new");
        assert_eq!(names(parent.path()), ["run"]);
    }

    // Its writer lives and is about to rename it.
    let new = Partial::folder(&target, true).unwrap();
    let old = Name::of_partial(new.path(), &target).unwrap().old(&target);
    fs::rename(&target, &old).unwrap();
    restore(&target);
    assert!(!target.exists() && old.exists() && new.path().exists());
    write_to(new.path(), "weights", "newest");
    new.finish().unwrap();
    drop(Partial::folder(&target, true).unwrap());
    assert_eq!(fs::read_to_string(target.join("weights")).unwrap(), "newest");
    assert_eq!(names(parent.path()), ["run"]);
}

#[test]
fn a_replaced_folder_is_never_missing() {
    let parent = tempfile::tempdir().unwrap();
    let target = parent.path().join("run");
    write_to(&target, "weights", "0");
    let write = |n: usize| {
        let folder = Partial::folder(&target, true).unwrap();
        write_to(folder.path(), "weights", &n.to_string());
        folder.finish().unwrap();
    };
    std::thread::scope(|scope| {
        // Two at once, as two processes would.
        let writers = [0, 1].map(|_| scope.spawn(|| (0..50).for_each(write)));
        while !writers.iter().all(|writer| writer.is_finished()) {
            // Elsewhere there is an instant without one.
            assert!(target.exists() || !cfg!(target_os = "linux"));
        }
    });
    assert_eq!(names(parent.path()), ["run"]);
}

#[test]
fn a_set_of_files_is_whole_or_marked() {
    let folder = tempfile::tempdir().unwrap();
    let marker = folder.path().join("x_incomplete");
    let is_part = |name: &str| name.starts_with("x_") && name != "x_notes";
    let new = || FileSet::new(&marker, is_part);
    let write = |set: &FileSet| ["x_0", "x_1"].iter().for_each(|name| fs::write(set.path().join(name), "1").unwrap());
    let set = new().unwrap();
    write(&set);
    assert_eq!(set.finish().unwrap(), [folder.path().join("x_0"), folder.path().join("x_1")]);
    assert_eq!(names(folder.path()), ["x_0", "x_1"]);

    // One of its names is taken: none of its files is left, and the other stays.
    fs::remove_file(folder.path().join("x_0")).unwrap();
    let set = new().unwrap();
    write(&set);
    assert!(matches!(set.finish(), Err(FileError::Exists { path }) if path.ends_with("x_1")));
    assert_eq!(names(folder.path()), ["x_1"]);
    fs::remove_file(folder.path().join("x_1")).unwrap();

    // Killed between two renames: the next writer removes what is in place, and only that.
    let set = new().unwrap();
    write(&set);
    let hidden = set.path().to_owned();
    let name = hidden.file_name().unwrap().to_str().unwrap();
    let text = format!("{}{name}\nx_0\nx_1\nx_notes\n../x_0\n", set::TEXT);
    fs::write(&marker, text).unwrap();
    fs::rename(hidden.join("x_0"), folder.path().join("x_0")).unwrap();
    fs::write(folder.path().join("x_notes"), "").unwrap();
    let message = new().unwrap_err().to_string();
    assert!(message.contains("another process is putting such files in their places"), "{message}");
    drop(set);
    write_to(&hidden, "x_1", "1");
    drop(new().unwrap());
    assert_eq!(names(folder.path()), ["x_notes"]);

    fs::write(&marker, "mine").unwrap();
    assert!(new().unwrap_err().to_string().contains("not the marker"));
    assert!(FileSet::new(folder.path().join("none/x"), is_part).is_err());
}
