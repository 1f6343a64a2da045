//! What is done, fails and runs in a folder now, by the names in it.

use std::collections::HashSet;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

use crate::design::Vector;
use crate::disk::{names, read, seeds};
use crate::session::{ALIVE, PROGRESS, Progress, RUNNING, machine};
use crate::shelf::{Item, items};
use crate::{DataSet, JobsError, Mark};

/// How long a process on another machine may give no sign of life, of which it gives one every few seconds, before it is
/// taken for dead here: others see what is written with delay, and clocks differ.
const SILENT: Duration = Duration::from_secs(120);

/// What is done, fails and runs, seen from outside.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Overview {
    /// The parameter vectors, the fiducial first.
    pub vectors: Vec<VectorOverview>,
    /// The processes that make simulations, by machine and number.
    pub sessions: Vec<SessionOverview>,
}

/// What there is of the simulations at one parameter vector.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VectorOverview {
    /// The parameters.
    pub vector: Vector,
    /// Simulations in files, which are not opened.
    pub done: usize,
    /// Records of failures.
    pub failed: usize,
    /// Programs that run.
    pub running: usize,
    /// Neither of these.
    pub missing: usize,
}

/// A process that makes simulations.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SessionOverview {
    /// Its machine.
    pub host: String,
    /// Its number there.
    pub process: u32,
    /// Whether it lives: for certain on this machine; of another one, whether it has given a sign of life lately.
    pub alive: bool,
    /// How long ago its last sign of life was, as the clocks of this machine and of the disk say.
    pub silent: Duration,
    /// Programs that it runs.
    pub running: usize,
    /// Simulations that it has made so far.
    pub done: usize,
    /// Those that failed.
    pub failed: usize,
    /// In how many seconds, until the last sign of life.
    pub seconds: f64,
}

impl SessionOverview {
    /// Simulations per second that have ended, well or not; 0 where none has.
    pub fn rate(&self) -> f64 {
        if self.seconds > 0.0 { (self.done + self.failed) as f64 / self.seconds } else { 0.0 }
    }
}

impl Overview {
    /// Simulations per second of all processes that live.
    pub fn rate(&self) -> f64 {
        self.sessions.iter().filter(|session| session.alive).map(SessionOverview::rate).sum()
    }

    /// How many simulations are neither done nor failed.
    pub fn left(&self) -> usize {
        self.vectors.iter().map(|vector| vector.running + vector.missing).sum()
    }

    /// Seconds until none is left, at the rate so far; `None` where nothing is known of it.
    pub fn seconds_left(&self) -> Option<f64> {
        let (left, rate) = (self.left(), self.rate());
        match left {
            0 => Some(0.0),
            _ => (rate > 0.0).then(|| left as f64 / rate),
        }
    }
}

impl DataSet {
    /// What is done, fails and runs now, by the names in the folder alone: fast with a million files, whatever they hold.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn overview(&self) -> Result<Overview, JobsError> {
        let mut running = HashSet::new();
        let mut sessions = vec![];
        let all = self.root().join(RUNNING);
        for name in names(&all)? {
            if let Some((session, jobs)) = session(&all, &name)? {
                if session.alive {
                    running.extend(jobs);
                }
                sessions.push(session);
            }
        }
        sessions.sort_by(|a, b| (&a.host, a.process).cmp(&(&b.host, b.process)));
        let mut vectors = vec![];
        for vector in self.vectors() {
            let mut marks = vec![Mark::Missing; vector.n_seeds];
            for seed in seeds(&self.failed(vector), ".json")? {
                marks[self.places(vector, Item::Single(seed))].fill(Mark::Failed);
            }
            for item in items(&self.root().join(&vector.name))? {
                marks[self.places(vector, item)].fill(Mark::Done);
            }
            let count = |mark: Mark| marks.iter().filter(|&&other| other == mark).count();
            let (done, failed) = (count(Mark::Done), count(Mark::Failed));
            let runs = |place: usize| running.contains(&format!("{}-{}", vector.name, self.seed(place)));
            let of_all = (0..vector.n_seeds).filter(|&place| marks[place] == Mark::Missing);
            let running = if running.is_empty() { 0 } else { of_all.filter(|&place| runs(place)).count() };
            let missing = vector.n_seeds - done - failed - running;
            vectors.push(VectorOverview { vector: vector.clone(), done, failed, running, missing });
        }
        Ok(Overview { vectors, sessions })
    }
}

/// A session with the names of what it runs; `None` for a folder that is none, or not any more.
fn session(all: &Path, name: &str) -> Result<Option<(SessionOverview, Vec<String>)>, JobsError> {
    // Names of machines may have the same sign in them.
    let mut parts = name.rsplitn(3, '-');
    let (Some(_), Some(process), Some(host)) = (parts.next(), parts.next(), parts.next()) else { return Ok(None) };
    let Ok(process) = process.parse() else { return Ok(None) };
    let folder = all.join(name);
    let alive = folder.join(ALIVE);
    let Ok(signed) = std::fs::metadata(&alive).and_then(|metadata| metadata.modified()) else { return Ok(None) };
    let silent = signed.elapsed().unwrap_or_default();
    let is_held =
        File::open(&alive).is_ok_and(|file| matches!(file.try_lock(), Err(std::fs::TryLockError::WouldBlock)));
    let alive = is_held || (host != machine() && silent < SILENT);
    let path = folder.join(PROGRESS);
    let progress: Progress = read(&path)?.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    // Nothing has ended since it was written, which is as much a part of the rate; both times are those of the disk.
    let written = std::fs::metadata(&path).and_then(|metadata| metadata.modified()).ok();
    let since = written.and_then(|written| signed.duration_since(written).ok()).unwrap_or_default();
    let is_job = |name: &String| name != ALIVE && name != PROGRESS && !name.starts_with('.');
    let jobs: Vec<String> = names(&folder)?.into_iter().filter(is_job).collect();
    let Progress { done, failed, seconds } = progress;
    let seconds = seconds + since.as_secs_f64();
    let host = host.to_owned();
    let running = if alive { jobs.len() } else { 0 };
    Ok(Some((SessionOverview { host, process, alive, silent, running, done, failed, seconds }, jobs)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::design::tests::design;
    use crate::session::Session;

    #[test]
    fn names_say_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let set = DataSet::create(folder.path(), design()).unwrap();
        let root = set.root();
        // Seeds 10 to 13, of which 10 and 11 have partners; what is in the files is not asked.
        for file in ["fiducial/10.npy", "fiducial/14.npy", "fiducial/x.npy", "mu_m/10.npy"] {
            std::fs::write(root.join(file), "").unwrap();
        }
        std::fs::create_dir_all(root.join("failed/fiducial")).unwrap();
        for file in ["failed/fiducial/10.json", "failed/fiducial/11.json"] {
            std::fs::write(root.join(file), "").unwrap();
        }
        let session = Session::begin(root).unwrap();
        session.folder("fiducial-12").unwrap();
        session.folder("s_p-11").unwrap();
        session.count(1, 1);
        let overview = set.overview().unwrap();
        let counts = |k: usize| {
            let VectorOverview { done, failed, running, missing, .. } = overview.vectors[k];
            [done, failed, running, missing]
        };
        assert_eq!((counts(0), counts(1), counts(4)), ([1, 1, 1, 1], [1, 0, 0, 1], [0, 0, 1, 1]));
        assert_eq!(overview.left(), 2 + 1 + 2 + 2 + 2);
        let [one] = &overview.sessions[..] else { panic!("{:?}", overview.sessions) };
        assert_eq!((one.alive, one.running, one.done, one.failed), (true, 2, 1, 1));
        assert_eq!((one.process, &one.host), (std::process::id(), &machine()));
        assert_eq!(overview.rate(), 2.0 / one.seconds);
        assert_eq!(overview.seconds_left(), Some(9.0 / overview.rate()));
        drop(session);
        let overview = set.overview().unwrap();
        assert!(overview.sessions.is_empty() && overview.seconds_left().is_none());
    }

    /// Lets a file be as old as that.
    fn touch(path: &Path, seconds: u64) {
        let then = std::time::SystemTime::now() - Duration::from_secs(seconds);
        File::options().write(true).open(path).unwrap().set_modified(then).unwrap();
    }

    #[test]
    fn the_dead_run_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let set = DataSet::create(folder.path(), design()).unwrap();
        let all = set.root().join(RUNNING);
        for (name, age) in [(format!("{}-7-00", machine()), 0), ("far-off-8-00".into(), 10), ("gone-9-00".into(), 1000)]
        {
            std::fs::create_dir_all(all.join(&name).join("fiducial-10")).unwrap();
            let alive = all.join(&name).join(ALIVE);
            std::fs::write(&alive, "").unwrap();
            touch(&alive, age);
        }
        // Two in the first ten seconds, and none in the thirty that followed until the last sign of life.
        let progress = all.join("far-off-8-00").join(PROGRESS);
        std::fs::write(&progress, r#"{"done": 2, "failed": 0, "seconds": 10.0}"#).unwrap();
        touch(&progress, 40);
        let overview = set.overview().unwrap();
        let mut sessions: Vec<_> = overview.sessions.iter().map(|s| (s.process, s.alive, s.running)).collect();
        sessions.sort_unstable();
        assert_eq!(sessions, [(7, false, 0), (8, true, 1), (9, false, 0)]);
        let far = overview.sessions.iter().find(|session| session.host == "far-off").unwrap();
        assert!((far.rate() - 2.0 / 40.0).abs() < 0.01, "{far:?}");
        assert_eq!(overview.vectors[0].running, 1);
    }
}
