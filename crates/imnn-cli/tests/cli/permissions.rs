//! Permissions that are lost while a run is training. Root may write anywhere: where the tests are root's, the program is not.

#![cfg(target_os = "linux")]

use std::fs::{self, File, Permissions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Output, Stdio};

use super::data::{EXACT, Folder};
use super::{prints, until};

/// The user nobody.
const NOBODY: u32 = 65534;

/// Somebody who may not do everything.
struct User {
    /// The program, which others may not reach by its name, such as one below root's home.
    program: File,
    is_root: bool,
}

impl User {
    /// Whoever runs the tests, or nobody if that is root; gives `folder` to that user. Nothing where root may not change into
    /// another (in some containers), which is said on standard error.
    fn of(folder: &Folder) -> Option<Self> {
        let program = File::open(env!("CARGO_BIN_EXE_imnn")).expect("the program");
        let user = User { program, is_root: rustix::process::getuid().is_root() };
        if user.is_root {
            for entry in [".", "fiducial.npy", "exact.npy", "run.toml"] {
                if let Err(error) = chown(folder.path(entry), Some(NOBODY), Some(NOBODY)) {
                    eprintln!("passed over: root cannot give a file to another user here: {error}");
                    return None;
                }
            }
            if let Err(error) = user.imnn(&["--version"]).output() {
                eprintln!("passed over: root cannot become another user here: {error}");
                return None;
            }
        }
        Some(user)
    }

    fn imnn(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(format!("/proc/self/fd/{}", self.program.as_raw_fd()));
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        if self.is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    /// A run that has made its first checkpoint, in `out`.
    fn training(&self, folder: &Folder) -> Child {
        let (run, out) = (folder.text("run.toml"), folder.text("out"));
        let child = self.imnn(&["fit", &run, "--out", &out, "--quiet"]).spawn().expect("the program starts");
        until("a checkpoint", || folder.path("out/unfinished/checkpoint/manifest.json").exists());
        child
    }
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

fn assert_same_bits(folder: &Folder) {
    for name in ["weights.safetensors", "final.safetensors", "history.npz", "statistics.npz"] {
        let bytes = |run: &str| fs::read(folder.path(&format!("{run}/{name}"))).expect("a file of the run");
        assert!(bytes("out") == bytes("whole"), "{name}: other bits");
    }
}

#[test]
fn a_permission_that_is_lost_while_training_loses_nothing_else() {
    let folder = Folder::new();
    let text = EXACT.replace("max_iterations = 8", "max_iterations = 3000\nround = 3000\ntolerance = 0.0");
    let run = folder.run_file(&format!("{text}[checkpoints]\niterations = 500\n"));
    prints(&["fit", &run, "--out", &folder.text("whole"), "--quiet"]);
    let Some(user) = User::of(&folder) else { return };
    let allow = |name: &str, mode| fs::set_permissions(folder.path(name), Permissions::from_mode(mode)).expect("set");

    // Where the run is put in its place: it waits beside that.
    let child = user.training(&folder);
    allow("out", 0o555);
    let output = child.wait_with_output().expect("it ends");
    allow("out", 0o755);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let advice = "Permission denied (os error 13); choose another place or change its permissions";
    assert!(said(&output).contains(advice), "{}", said(&output));
    assert!(said(&output).contains("when that is mended, start the same command again"), "{}", said(&output));
    let output = user.imnn(&["fit", &run, "--out", &folder.text("out"), "--quiet"]).output().expect("it ends");
    assert!(String::from_utf8_lossy(&output.stdout).contains("is in its place now"), "{output:?}");
    assert_same_bits(&folder);
    fs::remove_dir_all(folder.path("out")).expect("removed");

    // Where checkpoints and results are written: no more of either, and the last checkpoint stays.
    let child = user.training(&folder);
    allow("out/unfinished", 0o555);
    let output = child.wait_with_output().expect("it ends");
    allow("out/unfinished", 0o755);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let begins = said(&output).starts_with("no checkpoint could be made: ");
    assert!(begins && said(&output).matches(advice).count() == 2, "{}", said(&output));
    let output = user.imnn(&["fit", &run, "--out", &folder.text("out"), "--quiet"]).output().expect("it ends");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    assert_same_bits(&folder);
}

/// As a mount point may be: a folder that is to be written to, in one that is not.
#[test]
fn a_folder_whose_place_belongs_to_others_is_enough() {
    let folder = Folder::new();
    folder.run_file(EXACT);
    fs::create_dir_all(folder.path("theirs/out")).expect("a folder");
    let Some(user) = User::of(&folder) else { return };
    if user.is_root {
        chown(folder.path("theirs/out"), Some(NOBODY), Some(NOBODY)).expect("given");
    }
    fs::set_permissions(folder.path("theirs"), Permissions::from_mode(0o555)).expect("set");
    let arguments = ["fit", &folder.text("run.toml"), "--out", &folder.text("theirs/out"), "--quiet"];
    for more in [&[][..], &["--force"]] {
        let output = user.imnn(&[&arguments[..], more].concat()).output().expect("it ends");
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        assert!(folder.names("theirs/out").contains(&"manifest.json".to_owned()));
    }
    fs::set_permissions(folder.path("theirs"), Permissions::from_mode(0o755)).expect("set");
}
