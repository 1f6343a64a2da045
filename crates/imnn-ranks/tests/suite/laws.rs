//! What collective calls have to bring, on any ranks.

use imnn_ranks::Ranks;

/// Makes all calls with lengths up to `longest` that follow from `seed`, a good part of them 0, and panics if what comes is
/// not what was sent.
pub fn check(ranks: &impl Ranks, seed: usize, longest: usize) {
    let (rank, size) = (ranks.rank(), ranks.size());
    // Some seeds leave whole ranks without anything to send.
    let len = |from: usize, to: usize| match mixed(seed, from, to) {
        n if n.is_multiple_of(3) || mixed(seed, from, size).is_multiple_of(4) => 0,
        n => n / 3 % (longest + 1),
    };

    let lens: Vec<usize> = (0..size).map(|k| len(k, k)).collect();
    let mut all = vec![0; lens.iter().sum()];
    ranks.gather(&bytes(rank, rank, lens[rank]), &mut all, &lens).unwrap();
    let expected: Vec<u8> = (0..size).flat_map(|k| bytes(k, k, lens[k])).collect();
    assert!(all == expected, "gather: seed {seed}, rank {rank} of {size}");

    let (to, from): (Vec<usize>, Vec<usize>) = (0..size).map(|k| (len(rank, k), len(k, rank))).unzip();
    let send: Vec<u8> = (0..size).flat_map(|k| bytes(rank, k, to[k])).collect();
    let mut all = vec![0; from.iter().sum()];
    ranks.exchange(&send, &to, &mut all, &from).unwrap();
    let expected: Vec<u8> = (0..size).flat_map(|k| bytes(k, rank, from[k])).collect();
    assert!(all == expected, "exchange: seed {seed}, rank {rank} of {size}");

    let expected = bytes(0, size, len(0, 1));
    let mut own = if rank == 0 { expected.clone() } else { vec![0; expected.len()] };
    ranks.broadcast(&mut own).unwrap();
    assert!(own == expected, "broadcast: seed {seed}, rank {rank} of {size}");
}

/// Bytes that tell who sends them to whom.
fn bytes(from: usize, to: usize, len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + i / 251 + from * 31 + to * 101) as u8).collect()
}

/// A number that looks random.
fn mixed(seed: usize, from: usize, to: usize) -> usize {
    let mut n = (seed as u64) << 40 | (from as u64) << 20 | to as u64;
    for _ in 0..3 {
        n = (n ^ n >> 31).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    (n >> 33) as usize
}
