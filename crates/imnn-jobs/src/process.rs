//! One run of a program, with all the processes that it starts.

use std::ffi::OsString;
use std::fs::File;
use std::io::Error;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::launcher;

#[derive(Debug)]
pub(crate) enum Ended {
    /// By itself.
    With(ExitStatus),
    /// It ran longer than it may, and was ended.
    TimedOut,
    /// Everything is to stop, and it was ended.
    Stopped,
    /// It could not be started.
    NotStarted(Error),
}

/// How long a program has to clean up before it is killed.
const GRACE: Duration = Duration::from_secs(2);

/// Runs a program in the folder `dir`; what it prints goes to the file `log`.
///
/// When it has ended, no process of its group is left.
pub(crate) fn run(
    arguments: &[OsString],
    dir: &Path,
    log: &Path,
    timeout: Option<Duration>,
    stops: &dyn Fn() -> bool,
) -> Result<Ended, Error> {
    let output = File::create(log)?;
    let errors = output.try_clone()?;
    let Some((program, rest)) = arguments.split_first() else {
        return Ok(Ended::NotStarted(Error::other("no program")));
    };
    let mut command = Command::new(located(program, dir));
    for name in launcher::variables() {
        command.env_remove(name);
    }
    let started =
        command.args(rest).current_dir(dir).stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0).spawn();
    match started {
        Ok(child) => Group { pid: Pid::from_child(&child), child }.wait(timeout, stops),
        Err(error) => Ok(Ended::NotStarted(error)),
    }
}

/// A program with a folder in its name is looked for from the folder it is started in, others where the system does.
fn located(program: &OsString, dir: &Path) -> PathBuf {
    let path = Path::new(program);
    if path.components().count() > 1 { dir.join(path) } else { path.to_owned() }
}

/// What the exit of a program means, where it is no success.
pub(crate) fn fault(status: ExitStatus) -> Option<String> {
    if status.success() {
        return None;
    }
    Some(match (status.code(), status.signal()) {
        (Some(code), _) => format!("it ended with exit code {code}"),
        (None, Some(signal)) => format!("it was ended by signal {signal}{}", name(signal)),
        (None, None) => format!("it ended with {status}"),
    })
}

fn name(signal: i32) -> &'static str {
    let named = [
        (Signal::ABORT, " (abort)"),
        (Signal::BUS, " (bus error)"),
        (Signal::FPE, " (floating-point exception)"),
        (Signal::ILL, " (illegal instruction)"),
        (Signal::INT, " (interrupt)"),
        (Signal::KILL, " (killed, by the system for lack of memory for instance)"),
        (Signal::SEGV, " (segmentation fault)"),
        (Signal::TERM, " (terminated)"),
        (Signal::XCPU, " (limit of processor time)"),
    ];
    named.iter().find(|(known, _)| known.as_raw() == signal).map_or("", |(_, name)| name)
}

/// A process that leads a group of its own.
struct Group {
    child: Child,
    pid: Pid,
}

impl Group {
    fn wait(mut self, timeout: Option<Duration>, stops: &dyn Fn() -> bool) -> Result<Ended, Error> {
        let start = Instant::now();
        let ended = loop {
            if self.has_ended()? {
                break None;
            }
            let elapsed = start.elapsed();
            if timeout.is_some_and(|timeout| elapsed >= timeout) {
                break Some(Ended::TimedOut);
            }
            if stops() {
                break Some(Ended::Stopped);
            }
            pause(elapsed);
        };
        if ended.is_some() {
            self.signal(Signal::TERM);
            let asked = Instant::now();
            while !self.has_ended()? && asked.elapsed() < GRACE {
                pause(asked.elapsed());
            }
        }
        let status = self.reap()?;
        Ok(ended.unwrap_or(Ended::With(status)))
    }

    /// Whether the leader has ended; it is kept as a zombie, so that no other group can get its number.
    fn has_ended(&self) -> Result<bool, Error> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        loop {
            match waitid(WaitId::Pid(self.pid), options) {
                Ok(status) => return Ok(status.is_some()),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Ends what is left of the group, then the leader.
    fn reap(&mut self) -> Result<ExitStatus, Error> {
        self.signal(Signal::KILL);
        self.child.wait()
    }

    fn signal(&self, signal: Signal) {
        // A group of which nobody is left needs no signal.
        let _ = kill_process_group(self.pid, signal);
    }
}

/// Short at first, so that fast programs are not held up.
fn pause(elapsed: Duration) {
    std::thread::sleep((elapsed / 16).clamp(Duration::from_micros(500), Duration::from_millis(50)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, timeout: Option<Duration>, stop: bool) -> (Ended, String) {
        let folder = tempfile::tempdir().unwrap();
        let arguments = ["sh", "-c", script].map(OsString::from);
        let log = folder.path().join("log");
        let ended = run(&arguments, folder.path(), &log, timeout, &|| stop).unwrap();
        (ended, String::from_utf8(std::fs::read(log).unwrap()).unwrap())
    }

    #[test]
    fn what_a_program_says_and_how_it_ends_is_kept() {
        let (ended, log) = shell("echo one; echo two >&2; exit 3", None, false);
        assert_eq!(log, "one\ntwo\n");
        let Ended::With(status) = ended else { panic!("{ended:?}") };
        assert_eq!(fault(status).unwrap(), "it ended with exit code 3");
        let (ended, _) = shell("kill -SEGV $$", None, false);
        let Ended::With(status) = ended else { panic!("{ended:?}") };
        assert_eq!(fault(status).unwrap(), "it was ended by signal 11 (segmentation fault)");
    }

    /// Whether a process runs: a zombie is nobody's any more.
    fn runs(pid: &str) -> bool {
        let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        !state.is_empty() && !state.contains(") Z ")
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn nobody_of_the_group_is_left() {
        // The parent waits for a child that hears nothing, or is done before its child.
        let deaf = "sh -c 'trap \"\" TERM; while :; do sleep 1000; done' & echo $!; ";
        let second = Some(Duration::from_secs(1));
        for (script, timeout, stop) in [
            (format!("{deaf} wait"), second, false),
            (format!("{deaf} wait"), None, true),
            (format!("{deaf} exit 0"), None, false),
        ] {
            let (ended, log) = shell(&script, timeout, stop);
            match (timeout, stop) {
                (Some(_), _) => assert!(matches!(ended, Ended::TimedOut), "{ended:?}"),
                (None, true) => assert!(matches!(ended, Ended::Stopped), "{ended:?}"),
                (None, false) => assert!(matches!(ended, Ended::With(_)), "{ended:?}"),
            }
            // A program that is stopped at once may not have said anything yet.
            if let Some(pid) = log.lines().next() {
                // The signal is sent; the process is gone as soon as the system comes to it.
                let gone = (0..6000).any(|_| {
                    std::thread::sleep(Duration::from_millis(10));
                    !runs(pid)
                });
                assert!(gone, "process {pid} is left of {script}");
            }
        }
    }

    #[test]
    fn programs_are_found_from_their_folder() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let start = |program: &str| run(&[OsString::from(program)], folder.path(), &log, None, &|| false).unwrap();
        assert!(matches!(start("./not_there"), Ended::NotStarted(_)));
        assert!(matches!(start("not_a_program_anywhere"), Ended::NotStarted(_)));
        std::os::unix::fs::symlink("/bin/sh", folder.path().join("here")).unwrap();
        assert!(matches!(start("./here"), Ended::With(status) if status.success()));
    }
}
