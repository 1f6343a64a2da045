//! Ranks in one process.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::error::RanksError;
use crate::lengths::{check_exchange, check_gather};
use crate::ranks::Ranks;

/// A rank among several in one process, each to be given to a thread of its own: for tests and examples.
///
/// Unlike MPI it sees mistakes: ranks that make different calls, or expect other lengths than are sent, all get
/// [`RanksError::Lengths`]. A rank that is dropped, as it is when its thread panics, makes the calls of the others that
/// need it fail with [`RanksError::Gone`].
pub struct Threads {
    rank: usize,
    meeting: Arc<Meeting>,
}

/// Where the ranks meet for a call.
struct Meeting {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// How many calls are complete.
    calls: u64,
    /// What those who are there brought for the next.
    parcels: Vec<Option<Parcel>>,
    /// What all brought for the last. It stays until all are there again, and so until all have seen it.
    complete: Arc<Vec<Parcel>>,
    gone: Option<usize>,
}

/// What a rank brings.
#[derive(Clone, PartialEq, Eq)]
enum Parcel {
    /// The bytes, and what the rank expects of all.
    Gather(Vec<u8>, Vec<usize>),
    /// The bytes, how many go to each, and how many it expects from each.
    Exchange(Vec<u8>, Vec<usize>, Vec<usize>),
    /// The bytes of rank 0, and the length on all.
    Broadcast(Vec<u8>, usize),
}

impl Threads {
    /// The ranks of a group of `n`, in order.
    #[allow(clippy::new_ret_no_self)]
    pub fn new(n: usize) -> Vec<Threads> {
        let state = State { calls: 0, parcels: vec![None; n], complete: Arc::default(), gone: None };
        let meeting = Arc::new(Meeting { state: Mutex::new(state), changed: Condvar::new() });
        (0..n).map(|rank| Threads { rank, meeting: meeting.clone() }).collect()
    }

    /// Brings a parcel, waits for those of all.
    fn meet(&self, parcel: Parcel) -> Result<Arc<Vec<Parcel>>, RanksError> {
        let mut state = self.meeting.lock();
        let (size, call) = (state.parcels.len(), state.calls);
        state.parcels[self.rank] = Some(parcel);
        if state.parcels.iter().all(Option::is_some) {
            state.complete = Arc::new(state.parcels.iter_mut().filter_map(Option::take).collect());
            state.calls += 1;
            self.meeting.changed.notify_all();
        }
        while state.calls == call {
            // Whoever is gone had come to all that is complete, and to nothing after it.
            if let Some(rank) = state.gone {
                return Err(RanksError::Gone { rank, size });
            }
            state = self.meeting.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(state.complete.clone())
    }

    /// Refuses, on all ranks alike, what does not fit together.
    fn check(&self, fits: bool) -> Result<(), RanksError> {
        if fits {
            return Ok(());
        }
        Err(RanksError::Lengths("the ranks made different calls, or expect other lengths than are sent".into()))
    }
}

impl Meeting {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ranks for Threads {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.meeting.lock().parcels.len()
    }

    fn gather(&self, own: &[u8], all: &mut [u8], lens: &[usize]) -> Result<(), RanksError> {
        check_gather(self, own, all, lens)?;
        let parcels = self.meet(Parcel::Gather(own.to_vec(), lens.to_vec()))?;
        self.check(parcels.iter().all(|parcel| matches!(parcel, Parcel::Gather(_, theirs) if theirs == lens)))?;
        let mut rest = all;
        for parcel in parcels.iter() {
            let Parcel::Gather(bytes, _) = parcel else { continue };
            let (part, others) = rest.split_at_mut(bytes.len());
            part.copy_from_slice(bytes);
            rest = others;
        }
        Ok(())
    }

    fn exchange(&self, send: &[u8], send_lens: &[usize], all: &mut [u8], lens: &[usize]) -> Result<(), RanksError> {
        check_exchange(self, send, send_lens, all, lens)?;
        let parcels = self.meet(Parcel::Exchange(send.to_vec(), send_lens.to_vec(), lens.to_vec()))?;
        let sizes: Option<Vec<(&[usize], &[usize])>> = parcels
            .iter()
            .map(|parcel| match parcel {
                Parcel::Exchange(_, send_lens, lens) => Some((&send_lens[..], &lens[..])),
                Parcel::Gather(..) | Parcel::Broadcast(..) => None,
            })
            .collect();
        let pairs = |sizes: &[(&[usize], &[usize])]| {
            (0..sizes.len()).all(|a| (0..sizes.len()).all(|b| sizes[a].0[b] == sizes[b].1[a]))
        };
        self.check(sizes.is_some_and(|sizes| pairs(&sizes)))?;
        let mut rest = all;
        for parcel in parcels.iter() {
            let Parcel::Exchange(bytes, lens, _) = parcel else { continue };
            let at: usize = lens[..self.rank].iter().sum();
            let (part, others) = rest.split_at_mut(lens[self.rank]);
            part.copy_from_slice(&bytes[at..at + part.len()]);
            rest = others;
        }
        Ok(())
    }

    fn broadcast(&self, bytes: &mut [u8]) -> Result<(), RanksError> {
        let own = if self.rank == 0 { bytes.to_vec() } else { vec![] };
        let parcels = self.meet(Parcel::Broadcast(own, bytes.len()))?;
        let fits = |parcel: &Parcel| matches!(parcel, Parcel::Broadcast(_, len) if *len == bytes.len());
        self.check(parcels.iter().all(fits))?;
        if let Parcel::Broadcast(theirs, _) = &parcels[0] {
            bytes.copy_from_slice(theirs);
        }
        Ok(())
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.meeting.lock().gone.get_or_insert(self.rank);
        self.meeting.changed.notify_all();
    }
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Threads({} of {})", self.rank, self.size())
    }
}
