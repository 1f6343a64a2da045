//! What processes do with each other.

use std::sync::Arc;

use crate::error::RanksError;

/// One of several processes that work together, as it sees itself and the others.
///
/// The three methods that move bytes are *collective*: every rank makes the same calls in the same order, and none returns
/// before it has what it is to get. A rank that leaves one out makes the others wait for ever, so a rank on which something
/// went wrong still has to take part in what comes next; [`agree`](crate::agree) is made for that.
///
/// Lengths are in bytes, and any may be 0. What a rank expects of another is what that one sends: lengths that do not fit
/// each other are refused where this rank can see it, and else are the caller's fault.
///
/// All calls are to come from the thread that made the value, unless an implementation says otherwise.
///
/// # Errors
///
/// [`RanksError::Lengths`] if lengths and slices do not fit; [`RanksError::Gone`] or [`RanksError::Call`] if another rank is gone
/// and that is noticed; afterwards the ranks are of no use any more.
pub trait Ranks: Send + Sync {
    /// Which of the ranks this is, from 0.
    fn rank(&self) -> usize;

    /// How many ranks there are.
    fn size(&self) -> usize;

    /// Gives everybody what each has: afterwards `all` is the `own` of rank 0, then that of rank 1, and so on, on every rank.
    /// Rank `k` has `lens[k]` bytes.
    fn gather(&self, own: &[u8], all: &mut [u8], lens: &[usize]) -> Result<(), RanksError>;

    /// Sends something else to each: `send` is what goes to rank 0 (`send_lens[0]` bytes), then what goes to rank 1, and so on;
    /// afterwards `all` is what came from rank 0 (`lens[0]` bytes), then what came from rank 1, and so on. Both include what a
    /// rank sends to itself.
    fn exchange(&self, send: &[u8], send_lens: &[usize], all: &mut [u8], lens: &[usize]) -> Result<(), RanksError>;

    /// Gives everybody the `bytes` of rank 0; they are as many on every rank.
    fn broadcast(&self, bytes: &mut [u8]) -> Result<(), RanksError>;

    /// Says what the calls from here on are for, such as "the gradient of iteration 812", for whoever reports that one of
    /// them takes too long ([`Watched`](crate::Watched)). Not collective.
    fn purpose(&self, _what: &str) {}
}

/// What each rank has, where only that rank knows how much it is: one entry for each rank, on every rank.
///
/// # Errors
///
/// Those of [`Ranks::gather`].
pub fn gather_all(ranks: &(impl Ranks + ?Sized), own: &[u8]) -> Result<Vec<Vec<u8>>, RanksError> {
    let size = ranks.size();
    let mut lens = vec![0; 8 * size];
    ranks.gather(&(own.len() as u64).to_le_bytes(), &mut lens, &vec![8; size])?;
    let lens: Vec<usize> = lens.as_chunks().0.iter().map(|&len| u64::from_le_bytes(len) as usize).collect();
    let mut all = vec![0; lens.iter().sum()];
    ranks.gather(own, &mut all, &lens)?;
    let mut rest = &all[..];
    let part = |&len: &usize| {
        let (part, others) = rest.split_at(len);
        rest = others;
        part.to_vec()
    };
    Ok(lens.iter().map(part).collect())
}

macro_rules! through {
    ($($pointer:ty),*) => {$(
        impl<R: Ranks + ?Sized> Ranks for $pointer {
            fn rank(&self) -> usize {
                (**self).rank()
            }

            fn size(&self) -> usize {
                (**self).size()
            }

            fn gather(&self, own: &[u8], all: &mut [u8], lens: &[usize]) -> Result<(), RanksError> {
                (**self).gather(own, all, lens)
            }

            fn exchange(
                &self,
                send: &[u8],
                send_lens: &[usize],
                all: &mut [u8],
                lens: &[usize],
            ) -> Result<(), RanksError> {
                (**self).exchange(send, send_lens, all, lens)
            }

            fn broadcast(&self, bytes: &mut [u8]) -> Result<(), RanksError> {
                (**self).broadcast(bytes)
            }

            fn purpose(&self, what: &str) {
                (**self).purpose(what);
            }
        }
    )*};
}

through!(&R, Box<R>, Arc<R>);
