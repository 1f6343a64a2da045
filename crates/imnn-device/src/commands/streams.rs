//! Two streams of orders that are carried out at once, or as late as may be. For tests.

use std::collections::VecDeque;

/// On which of the two an order is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Kernels, and copies in order with them.
    Work,
    /// Copies beside the work.
    Copies,
}

impl Stream {
    fn other(self) -> Self {
        match self {
            Stream::Work => Stream::Copies,
            Stream::Copies => Stream::Work,
        }
    }
}

/// Orders that are still to be carried out: those of a stream one after the other, each once as many of the other stream are
/// done as were there when it was told to wait.
pub(crate) struct Streams<T> {
    queues: [VecDeque<(T, u64)>; 2],
    issued: [u64; 2],
    done: [u64; 2],
}

impl<T> Streams<T> {
    pub(crate) fn new() -> Self {
        Streams { queues: [VecDeque::new(), VecDeque::new()], issued: [0; 2], done: [0; 2] }
    }

    /// How many orders a stream was given: the number of the last one.
    pub(crate) fn issued(&self, stream: Stream) -> u64 {
        self.issued[stream as usize]
    }

    pub(crate) fn is_done(&self, stream: Stream) -> bool {
        self.done[stream as usize] == self.issued[stream as usize]
    }

    /// Gives an order, to be carried out after so many of the other stream. Returns its number.
    pub(crate) fn give(&mut self, stream: Stream, order: T, after: u64) -> u64 {
        self.queues[stream as usize].push_back((order, after));
        self.issued[stream as usize] += 1;
        self.issued[stream as usize]
    }

    /// What has to be carried out first for so many orders of a stream to be done; none if they are.
    pub(crate) fn next(&mut self, stream: Stream, until: u64) -> Option<T> {
        if self.done[stream as usize] >= until {
            return None;
        }
        let after = self.queues[stream as usize].front()?.1;
        if let Some(order) = self.next(stream.other(), after) {
            return Some(order);
        }
        self.done[stream as usize] += 1;
        self.queues[stream as usize].pop_front().map(|(order, _)| order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_wait_for_what_they_were_told_to() {
        let mut streams = Streams::new();
        let sent = streams.give(Stream::Copies, "send", 0);
        streams.give(Stream::Work, "run", 0);
        let taken = streams.give(Stream::Work, "take", sent);
        let again = streams.give(Stream::Copies, "send again", taken);
        streams.give(Stream::Work, "run again", 0);
        let mut all = |stream, until| std::iter::from_fn(|| streams.next(stream, until)).collect::<Vec<_>>();
        assert_eq!(all(Stream::Copies, sent), ["send"]);
        assert_eq!(all(Stream::Copies, sent), [""; 0]);
        assert_eq!(all(Stream::Copies, again), ["run", "take", "send again"]);
        assert!(!streams.is_done(Stream::Work) && streams.is_done(Stream::Copies));
        assert_eq!(streams.next(Stream::Work, streams.issued(Stream::Work)), Some("run again"));
    }
}
