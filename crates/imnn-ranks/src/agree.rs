//! What all ranks know after one of them has failed, or was asked to stop.

use crate::error::RanksError;
use crate::place::host;
use crate::ranks::{Ranks, gather_all};

/// How a part of the work went on one rank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Well.
    Fine,
    /// It was asked to stop, by the signal of this number (15 for SIGTERM).
    Stop(u8),
    /// It failed, with this message.
    Failed(String),
}

impl Outcome {
    /// Well, or failed with the message of the error.
    pub fn of<T, E: std::fmt::Display>(result: &Result<T, E>) -> Outcome {
        result.as_ref().map_or_else(|error| Outcome::Failed(error.to_string()), |_| Outcome::Fine)
    }
}

/// A number that is to be the same on all ranks that have one, such as a checksum of the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest<'a> {
    /// What it was made of, in the plural, as in "its weights are not those of rank 0".
    pub what: &'a str,
    /// The number.
    pub value: u64,
}

/// What all ranks do next, the same on all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreed {
    /// All is well.
    GoOn,
    /// A rank was asked to stop, and so all do.
    Stop {
        /// That rank, the lowest of several.
        rank: usize,
        /// The number of the signal.
        signal: u8,
    },
}

const FINE: u8 = 0;
const STOP: u8 = 1;
const FAILED: u8 = 2;

/// Each rank says how it went, and all come to the same end. Collective.
///
/// Every rank calls this after each part of the work in which one may fail alone: reading, simulating, a number that is
/// not finite. It costs one gather of 16 bytes from each rank while nothing is wrong. A failure comes before a digest
/// that differs, and that before a wish to stop.
///
/// # Errors
///
/// The same on all ranks: [`RanksError::Failed`] with the message of the lowest rank that failed, and
/// [`RanksError::Differ`] if the digests of some differ from those of most, or of rank 0 where there is no majority. One
/// of the ranks should print it. And those of [`Ranks::gather`].
pub fn agree(ranks: &(impl Ranks + ?Sized), own: &Outcome, digest: Option<Digest<'_>>) -> Result<Agreed, RanksError> {
    let (rank, size) = (ranks.rank(), ranks.size());
    // The failing rank names its machine itself.
    let message = match own {
        Outcome::Failed(message) => format!("{}\n{message}", host()).into_bytes(),
        Outcome::Fine | Outcome::Stop(_) => vec![],
    };
    let len = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let message = &message[..len as usize];
    let records = Record::gather(ranks, Record::new(own, len, digest))?;

    if let Some(failed) = records.iter().position(|record| record.kind == FAILED) {
        let mut text = vec![0; records[failed].len as usize];
        from(ranks, failed, if rank == failed { message } else { &[] }, &mut text)?;
        let (host, message) = split(&text);
        return Err(RanksError::Failed { rank: failed, size, host, message });
    }
    if let Some((odd, other)) = odd(&records) {
        // Ranks without a digest do not know of what it is.
        let own = format!("{}\n{}", host(), digest.map_or("", |digest| digest.what));
        let all = gather_all(ranks, own.as_bytes())?;
        let [(host, what), (other_host, _)] = [odd, other].map(|rank| split(&all[rank]));
        return Err(RanksError::Differ { rank: odd, size, host, what, other, other_host });
    }
    let wish = records.iter().position(|record| record.kind == STOP);
    Ok(wish.map_or(Agreed::GoOn, |rank| Agreed::Stop { rank, signal: records[rank].signal }))
}

/// What a rank says, in 16 bytes.
struct Record {
    kind: u8,
    signal: u8,
    /// Of the message.
    len: u32,
    digest: Option<u64>,
}

impl Record {
    fn new(own: &Outcome, len: u32, digest: Option<Digest<'_>>) -> Record {
        let (kind, signal) = match own {
            Outcome::Fine => (FINE, 0),
            Outcome::Stop(signal) => (STOP, *signal),
            Outcome::Failed(_) => (FAILED, 0),
        };
        Record { kind, signal, len, digest: digest.map(|digest| digest.value) }
    }

    fn gather(ranks: &(impl Ranks + ?Sized), own: Record) -> Result<Vec<Record>, RanksError> {
        let size = ranks.size();
        let mut bytes = [0; 16];
        bytes[..3].copy_from_slice(&[own.kind, own.signal, own.digest.is_some().into()]);
        bytes[4..8].copy_from_slice(&own.len.to_le_bytes());
        bytes[8..].copy_from_slice(&own.digest.unwrap_or(0).to_le_bytes());
        let mut all = vec![0; 16 * size];
        ranks.gather(&bytes, &mut all, &vec![16; size])?;
        Ok(all.as_chunks().0.iter().map(Record::read).collect())
    }

    fn read(bytes: &[u8; 16]) -> Record {
        let [kind, signal, has_digest, _, a, b, c, d, digest @ ..] = *bytes;
        let digest = (has_digest != 0).then_some(u64::from_le_bytes(digest));
        Record { kind, signal, len: u32::from_le_bytes([a, b, c, d]), digest }
    }
}

/// The lowest rank with another digest than most, and the lowest that has that of most.
fn odd(records: &[Record]) -> Option<(usize, usize)> {
    let given: Vec<(usize, u64)> =
        records.iter().enumerate().filter_map(|(rank, record)| Some((rank, record.digest?))).collect();
    let count = |digest: u64| given.iter().filter(|(_, other)| *other == digest).count();
    // Of equals the last counts for `max_by_key`, and here it is to be the lowest rank's.
    let (other, most) = *given.iter().rev().max_by_key(|(_, digest)| count(*digest))?;
    let (odd, _) = *given.iter().find(|(_, digest)| *digest != most)?;
    Some((odd, other))
}

/// A machine and what is said on it, which follows on the next line.
fn split(text: &[u8]) -> (String, String) {
    let text = String::from_utf8_lossy(text);
    let (host, rest) = text.split_once('\n').unwrap_or_default();
    (host.into(), rest.into())
}

/// What one rank has, on all.
fn from(ranks: &(impl Ranks + ?Sized), rank: usize, own: &[u8], all: &mut [u8]) -> Result<(), RanksError> {
    let mut lens = vec![0; ranks.size()];
    lens[rank] = all.len();
    ranks.gather(own, all, &lens)
}
