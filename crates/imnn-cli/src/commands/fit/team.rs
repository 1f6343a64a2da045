//! The processes that a launcher has started together: one leads, the others follow.

use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use imnn::io::limits::machine_memory;
use imnn::io::text::plural;
use imnn::ranks::{Mpi, Outcome, Place, Ranks, RanksError, Timeout, agree, gather_all};

use crate::CliError;
use crate::run_file::RunFile;

/// The processes that train together; this one alone, where there are no others.
pub(super) struct Team {
    ranks: Option<Arc<dyn Ranks>>,
    place: Option<Place>,
    /// Who they are, for people.
    about: String,
}

impl Team {
    /// Those that were started with this process. One that waits for another for longer than `timeout` ends itself.
    pub(super) fn find(timeout: Option<u64>) -> Result<Self, CliError> {
        let timeout = timeout.map_or_else(Timeout::default, |seconds| Duration::from_secs(seconds).into());
        let Some(mpi) = Mpi::find_watched(timeout)? else {
            return Ok(Team { ranks: None, place: None, about: String::new() });
        };
        let (place, about) = (mpi.get().place().clone(), mpi.get().describe());
        let ranks: Arc<dyn Ranks> = Arc::new(mpi);
        Ok(Team { ranks: Some(ranks), place: Some(place), about })
    }

    /// The ranks, if there are others.
    pub(super) fn ranks(&self) -> Option<Arc<dyn Ranks>> {
        self.ranks.clone()
    }

    /// Whether this process writes the run and speaks for all.
    pub(super) fn leads(&self) -> bool {
        self.ranks.as_ref().is_none_or(|ranks| ranks.rank() == 0)
    }

    /// All come to know whether something went wrong on one of them; then it is an error on all.
    pub(super) fn agree<T>(&self, result: Result<T, CliError>) -> Result<T, CliError> {
        let Some(ranks) = &self.ranks else { return result };
        ranks.purpose("the others");
        match (agree(ranks, &Outcome::of(&result), None), result) {
            (Ok(_), result) => result,
            // Its own error says it in fewer words.
            (Err(RanksError::Failed { rank: 0, .. }), Err(error)) if self.leads() => Err(error),
            (Err(error), _) => Err(error.into()),
        }
    }

    /// Gives all what the leader has.
    pub(super) fn share(&self, own: &str) -> Result<String, CliError> {
        let Some(ranks) = &self.ranks else { return Ok(own.to_owned()) };
        ranks.purpose("the run file");
        let own = if self.leads() { own } else { "" };
        let all = gather_all(ranks, own.as_bytes())?;
        Ok(all.first().map(|text| String::from_utf8_lossy(text).into_owned()).unwrap_or_default())
    }

    /// How many threads each is to have, where nothing is said: the processors of a machine are shared by its ranks.
    pub(super) fn threads(&self) -> Option<usize> {
        let place = self.place.as_ref()?;
        let cores = place.cores.or_else(|| std::thread::available_parallelism().ok().map(NonZero::get))?;
        Some((cores / place.local_size.max(1)).max(1))
    }

    /// Which part of the simulations this process reads, and of how many.
    pub(super) fn part(&self) -> (usize, usize) {
        self.ranks.as_ref().map_or((0, 1), |ranks| (ranks.rank(), ranks.size()))
    }

    /// The run file for one of them: the ranks of a machine share its memory.
    pub(super) fn shared_memory(&self, run: &RunFile) -> RunFile {
        let mut run = run.clone();
        if let Some(place) = self.place.as_ref().filter(|place| place.local_size > 1) {
            let all = run.device.memory.or_else(|| machine_memory().map(|bytes| bytes / 2));
            run.device.memory = all.map(|bytes| bytes / place.local_size as u64);
        }
        run
    }

    /// Who trains, for people; nothing where this process is alone.
    pub(super) fn describe(&self, threads: usize) -> Option<String> {
        self.place.as_ref().map(|_| format!("{}, {} each", self.about, plural(threads, "thread")))
    }

    /// What there is to say against so many threads for each.
    pub(super) fn warning(&self, threads: Option<usize>) -> Option<String> {
        let warning = self.place.as_ref()?.too_many_threads(threads?)?;
        Some(format!("warning: {warning}"))
    }
}
