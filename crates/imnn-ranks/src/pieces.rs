//! Collective calls of any length by calls whose lengths and offsets are C ints.
//!
//! What fits goes at once, from where it lies to where it belongs. What does not goes in rounds, over a buffer: in each
//! round every rank gives every other no more than its share of the limit.

use std::ffi::c_int;

use crate::error::RanksError;
use crate::lengths::starts;

/// The calls as MPI has them. Parts of `all` and `send` lie one after the other.
pub(crate) trait CountedCalls {
    fn allgatherv(&self, own: &[u8], all: &mut [u8], lens: &[c_int]) -> Result<(), RanksError>;

    fn alltoallv(&self, send: &[u8], send_lens: &[c_int], all: &mut [u8], lens: &[c_int]) -> Result<(), RanksError>;

    fn bcast(&self, bytes: &mut [u8]) -> Result<(), RanksError>;
}

/// Calls with a limit on what a rank sends or receives in one of them. The limit is the same on all ranks.
pub(crate) struct Pieces<'a> {
    pub calls: &'a dyn CountedCalls,
    pub size: usize,
    /// In bytes, from 1 to what a C int holds. A round may exceed it where it is less than a byte for each rank.
    pub limit: usize,
}

impl Pieces<'_> {
    /// As [`Ranks::gather`](crate::Ranks::gather); all ranks know all lengths, and so the rounds.
    pub(crate) fn gather(&self, own: &[u8], all: &mut [u8], lens: &[usize]) -> Result<(), RanksError> {
        if all.len() <= self.limit {
            return self.calls.allgatherv(own, all, &ints(lens)?);
        }
        let (at, mut buffer) = (offsets(lens)?, vec![]);
        for round in self.rounds(lens.iter().copied().max()) {
            let parts: Vec<usize> = lens.iter().map(|&len| round.part(len)).collect();
            buffer.resize(parts.iter().sum(), 0);
            self.calls.allgatherv(round.of(own), &mut buffer, &ints(&parts)?)?;
            round.put(&buffer, &parts, all, &at);
        }
        Ok(())
    }

    /// As [`Ranks::exchange`](crate::Ranks::exchange). A rank knows its own lengths alone, so that all first say what they need.
    pub(crate) fn exchange(
        &self,
        send: &[u8],
        send_lens: &[usize],
        all: &mut [u8],
        lens: &[usize],
    ) -> Result<(), RanksError> {
        let most = send_lens.iter().chain(lens).copied().max().unwrap_or(0);
        let (most, total) = self.largest(most, send.len().max(all.len()))?;
        if total <= self.limit {
            return self.calls.alltoallv(send, &ints(send_lens)?, all, &ints(lens)?);
        }
        let (send_at, at, mut sent, mut buffer) = (offsets(send_lens)?, offsets(lens)?, vec![], vec![]);
        for round in self.rounds(Some(most)) {
            let send_parts: Vec<usize> = send_lens.iter().map(|&len| round.part(len)).collect();
            let parts: Vec<usize> = lens.iter().map(|&len| round.part(len)).collect();
            sent.clear();
            for (&at, &len) in send_at.iter().zip(send_lens) {
                sent.extend_from_slice(round.of(&send[at..at + len]));
            }
            buffer.resize(parts.iter().sum(), 0);
            self.calls.alltoallv(&sent, &ints(&send_parts)?, &mut buffer, &ints(&parts)?)?;
            round.put(&buffer, &parts, all, &at);
        }
        Ok(())
    }

    /// As [`Ranks::broadcast`](crate::Ranks::broadcast).
    pub(crate) fn broadcast(&self, bytes: &mut [u8]) -> Result<(), RanksError> {
        bytes.chunks_mut(self.limit).try_for_each(|piece| self.calls.bcast(piece))
    }

    /// The largest of each of two numbers over all ranks.
    fn largest(&self, a: usize, b: usize) -> Result<(usize, usize), RanksError> {
        let own = [(a as u64).to_le_bytes(), (b as u64).to_le_bytes()].concat();
        let mut all = vec![0; 16 * self.size];
        self.calls.allgatherv(&own, &mut all, &vec![16; self.size])?;
        let numbers: Vec<usize> = all.as_chunks().0.iter().map(|&bytes| u64::from_le_bytes(bytes) as usize).collect();
        let largest = |which: usize| numbers.iter().skip(which).step_by(2).copied().max().unwrap_or(0);
        Ok((largest(0), largest(1)))
    }

    /// Rounds enough for parts of this length.
    fn rounds(&self, longest: Option<usize>) -> impl Iterator<Item = Round> {
        let share = (self.limit / self.size).max(1);
        (0..longest.unwrap_or(0).div_ceil(share)).map(move |round| Round { start: round * share, share })
    }
}

/// The bytes `start..start + share` of every part, as far as it has them.
struct Round {
    start: usize,
    share: usize,
}

impl Round {
    /// How many bytes this round moves of a part.
    fn part(&self, len: usize) -> usize {
        len.saturating_sub(self.start).min(self.share)
    }

    fn of<'a>(&self, part: &'a [u8]) -> &'a [u8] {
        let start = self.start.min(part.len());
        &part[start..start + self.part(part.len())]
    }

    /// Puts what came where it belongs; part `k` of all begins at `at[k]`.
    fn put(&self, buffer: &[u8], parts: &[usize], all: &mut [u8], at: &[usize]) {
        let mut rest = buffer;
        for (&len, &at) in parts.iter().zip(at).filter(|(len, _)| **len > 0) {
            let (part, others) = rest.split_at(len);
            all[at + self.start..][..len].copy_from_slice(part);
            rest = others;
        }
    }
}

fn ints(lens: &[usize]) -> Result<Vec<c_int>, RanksError> {
    let int = |&len: &usize| c_int::try_from(len).map_err(|_| too_long());
    lens.iter().map(int).collect()
}

fn offsets(lens: &[usize]) -> Result<Vec<usize>, RanksError> {
    starts(lens).ok_or_else(too_long)
}

fn too_long() -> RanksError {
    RanksError::Lengths("they are longer than can be counted".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ranks, Threads};
    use proptest::prelude::*;

    /// Ranks whose calls can count no further than this.
    struct Short {
        ranks: Threads,
        most: usize,
    }

    impl Short {
        fn whole(&self, moved: [usize; 2], lens: &[c_int]) -> Vec<usize> {
            assert!(moved.iter().all(|&n| n <= self.most), "{moved:?} bytes in one call, {} allowed", self.most);
            lens.iter().map(|&len| usize::try_from(len).unwrap()).collect()
        }
    }

    impl CountedCalls for Short {
        fn allgatherv(&self, own: &[u8], all: &mut [u8], lens: &[c_int]) -> Result<(), RanksError> {
            // What ranks tell each other about their lengths is 16 bytes of each, whatever the limit.
            let moved = if lens.iter().all(|&len| len == 16) { 0 } else { all.len() };
            self.ranks.gather(own, all, &self.whole([moved, 0], lens))
        }

        fn alltoallv(
            &self,
            send: &[u8],
            send_lens: &[c_int],
            all: &mut [u8],
            lens: &[c_int],
        ) -> Result<(), RanksError> {
            let moved = [send.len(), all.len()];
            self.ranks.exchange(send, &self.whole(moved, send_lens), all, &self.whole(moved, lens))
        }

        fn bcast(&self, bytes: &mut [u8]) -> Result<(), RanksError> {
            self.whole([bytes.len(), 0], &[]);
            self.ranks.broadcast(bytes)
        }
    }

    /// Bytes that tell who sends them to whom.
    fn bytes(from: usize, to: usize, len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 7 + from * 31 + to * 101) as u8).collect()
    }

    /// All three calls on one of the ranks; rank `a` has `lens[a][b]` bytes for rank `b`.
    fn calls(ranks: Threads, limit: usize, lens: &[Vec<usize>]) {
        let (rank, size) = (ranks.rank(), ranks.size());
        let short = Short { ranks, most: limit.max(size) };
        let pieces = Pieces { calls: &short, size, limit };

        let own_lens: Vec<usize> = (0..size).map(|k| lens[k][k]).collect();
        let mut all = vec![0; own_lens.iter().sum()];
        pieces.gather(&bytes(rank, rank, own_lens[rank]), &mut all, &own_lens).unwrap();
        let expected: Vec<u8> = (0..size).flat_map(|k| bytes(k, k, lens[k][k])).collect();
        assert_eq!(all, expected);

        let send: Vec<u8> = (0..size).flat_map(|to| bytes(rank, to, lens[rank][to])).collect();
        let from_lens: Vec<usize> = (0..size).map(|from| lens[from][rank]).collect();
        let mut all = vec![0; from_lens.iter().sum()];
        pieces.exchange(&send, &lens[rank], &mut all, &from_lens).unwrap();
        let expected: Vec<u8> = (0..size).flat_map(|from| bytes(from, rank, lens[from][rank])).collect();
        assert_eq!(all, expected);

        let expected = bytes(0, 0, lens[0][0]);
        let mut own = if rank == 0 { expected.clone() } else { vec![0; expected.len()] };
        pieces.broadcast(&mut own).unwrap();
        assert_eq!(own, expected);
    }

    fn all(limit: usize, lens: &[Vec<usize>]) {
        std::thread::scope(|scope| {
            for ranks in Threads::new(lens.len()) {
                scope.spawn(move || calls(ranks, limit, lens));
            }
        });
    }

    proptest! {
        #[test]
        fn pieces_make_the_whole(
            lens in (1_usize..6).prop_flat_map(|size| {
                let len = prop_oneof![2 => Just(0), 3 => 1_usize..20, 1 => 1_usize..300];
                prop::collection::vec(prop::collection::vec(len, size), size)
            }),
            limit in prop_oneof![1_usize..10, 10_usize..200, Just(1 << 20)],
        ) {
            all(limit, &lens);
        }
    }

    #[test]
    fn nothing_is_a_message_too() {
        all(4, &vec![vec![0; 3]; 3]);
    }

    #[test]
    fn one_rank_sends_to_itself_in_pieces() {
        all(7, &[vec![100]]);
    }
}
