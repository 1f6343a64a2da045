//! Files and folders that are written, or given up.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;

use super::*;

fn names(folder: &Path) -> Vec<String> {
    crate::folder::names(folder).unwrap()
}

#[test]
fn files_appear_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    write(&path, "one").unwrap();
    let failed = write_with(&path, |mut file| {
        file.write_all(b"tw").unwrap();
        Err(FileError::Exists { path: "x".into() })
    });
    assert!(failed.is_err());
    assert_eq!(fs::read(&path).unwrap(), b"one");
    let (partial, mut file) = Partial::file(&path, true).unwrap();
    file.write_all(b"three").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"one");
    partial.finish().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"three");
    drop(Partial::file(folder.path().join("b"), false).unwrap());
    assert_eq!(names(folder.path()), ["a"]);
}

#[test]
fn a_new_file_is_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    assert!(write_new(&path, "one").unwrap());
    assert!(!write_new(&path, "two").unwrap());
    assert_eq!(fs::read(&path).unwrap(), b"one");
    assert_eq!(names(folder.path()), ["a"]);
    let other = folder.path().join("b");
    fs::write(&other, "three").unwrap();
    put(&other, &path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"three");
    assert_eq!(names(folder.path()), ["a"]);
}

#[test]
fn folders_appear_whole_or_not_at_all() {
    let parent = tempfile::tempdir().unwrap();
    let target = parent.path().join("new/run");
    fs::create_dir_all(&target).unwrap();
    let folder = Partial::folder(&target, false).unwrap();
    fs::write(folder.path().join("a"), "1").unwrap();
    assert_eq!(names(&target), [""; 0]);
    folder.finish().unwrap();
    assert_eq!(names(&target), ["a"]);

    let message = Partial::folder(&target, false).unwrap_err().to_string();
    assert!(message.contains("run exists already; choose another name"), "{message}");
    let folder = Partial::folder(&target, true).unwrap();
    fs::create_dir(folder.path().join("b")).unwrap();
    fs::write(folder.path().join("b/c"), "1").unwrap();
    folder.finish().unwrap();
    assert_eq!(names(&target), ["b"]);
    drop(Partial::folder(&target, true).unwrap());
    assert_eq!(names(target.parent().unwrap()), ["run"]);
}

#[test]
fn what_appears_meanwhile_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let (partial, _) = Partial::file(&path, false).unwrap();
    fs::write(&path, "another's").unwrap();
    assert!(matches!(partial.finish(), Err(FileError::Exists { .. })));
    assert_eq!(fs::read(&path).unwrap(), b"another's");
    assert_eq!(names(folder.path()), ["a"]);
}

/// A socket has a name like a file, and no system brings it to the disk: whatever is renamed without a sync takes it.
#[test]
fn what_cannot_be_brought_to_the_disk_is_not_put_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let socket = |path: &Path| drop(std::os::unix::net::UnixListener::bind(path).unwrap());
    let (made, target) = (folder.path().join("made"), folder.path().join("a"));
    write(&target, "one").unwrap();
    socket(&made);
    assert!(put(&made, &target).unwrap_err().to_string().starts_with("cannot write "));
    assert_eq!(fs::read(&target).unwrap(), b"one");
    fs::remove_file(&made).unwrap();

    let (run, old) = (Partial::folder(folder.path().join("run"), false).unwrap(), folder.path().join("run"));
    fs::create_dir(run.path().join("parts")).unwrap();
    socket(&run.path().join("parts/b"));
    assert!(run.finish().is_err() && !old.exists());

    let set = FileSet::new(folder.path().join(".set"), |_| true).unwrap();
    fs::write(set.path().join("part-1"), "1").unwrap();
    socket(&set.path().join("part-2"));
    assert!(set.finish().is_err());
    assert_eq!(names(folder.path()), ["a"]);
}

#[test]
fn errors_name_the_file_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let message = write(folder.path().join("none/a"), "").unwrap_err().to_string();
    assert!(message.starts_with("cannot write ") && message.contains("none/a: "), "{message}");
    let denied = FileError::of("write", "a")(ErrorKind::PermissionDenied.into()).to_string();
    assert!(denied.ends_with("; choose another place or change its permissions"), "{denied}");
}

/// What cannot be synced, here a pipe, is not renamed: nothing gets its name before its bytes are on the disk.
#[test]
#[cfg(target_os = "linux")]
fn what_is_put_was_synced_before() {
    let folder = tempfile::tempdir().unwrap();
    let (pipe, target) = (folder.path().join("pipe"), folder.path().join("target"));
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    // Open for writing as well, so that to open it for the sync does not wait.
    let _open = fs::OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
    assert!(put(&pipe, &target).is_err());
    assert_eq!(names(folder.path()), ["pipe"]);
}
