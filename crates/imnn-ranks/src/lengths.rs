//! Lengths of parts, and whether they fit what is sent and received.

use crate::error::RanksError;
use crate::ranks::Ranks;

/// Where each part begins, and last where all end; `None` beyond what memory can hold.
pub(crate) fn starts(lens: &[usize]) -> Option<Vec<usize>> {
    let mut starts = vec![0];
    let mut end = 0_usize;
    for &len in lens {
        end = end.checked_add(len)?;
        starts.push(end);
    }
    Some(starts)
}

pub(crate) fn check_gather(ranks: &impl Ranks, own: &[u8], all: &[u8], lens: &[usize]) -> Result<(), RanksError> {
    check_parts(ranks.size(), "receive", all, lens)?;
    check_own("gather", own.len(), lens[ranks.rank()])
}

pub(crate) fn check_exchange(
    ranks: &impl Ranks,
    send: &[u8],
    send_lens: &[usize],
    all: &[u8],
    lens: &[usize],
) -> Result<(), RanksError> {
    check_parts(ranks.size(), "send", send, send_lens)?;
    check_parts(ranks.size(), "receive", all, lens)?;
    check_own("send to itself", send_lens[ranks.rank()], lens[ranks.rank()])
}

fn check_parts(size: usize, what: &str, bytes: &[u8], lens: &[usize]) -> Result<(), RanksError> {
    let sum = starts(lens).and_then(|starts| starts.last().copied());
    if lens.len() == size && sum == Some(bytes.len()) {
        return Ok(());
    }
    let (n, len) = (lens.len(), bytes.len());
    let sum = sum.map_or("more than memory holds".into(), |sum| format!("{sum} bytes"));
    Err(RanksError::Lengths(format!("{n} lengths for {size} ranks that make {sum}, and {len} bytes to {what}")))
}

fn check_own(what: &str, has: usize, expected: usize) -> Result<(), RanksError> {
    if has == expected {
        return Ok(());
    }
    Err(RanksError::Lengths(format!("{has} bytes to {what}, and {expected} expected of this rank")))
}
