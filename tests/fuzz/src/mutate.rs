//! Inputs made of others: bits and bytes changed, numbers put in, pieces cut out, doubled, moved, and taken from elsewhere.

/// A generator of numbers and the changes that it makes; the same seed makes the same.
#[derive(Clone, Debug)]
pub struct Mutator {
    state: u64,
}

/// Numbers at which something may change, in as many bytes as each needs.
const NUMBERS: [u64; 22] = [
    0,
    1,
    2,
    7,
    8,
    16,
    63,
    64,
    127,
    128,
    255,
    256,
    32767,
    65535,
    65536,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    1 << 32,
    1 << 60,
    i64::MAX as u64,
    u64::MAX,
];

impl Mutator {
    /// That of a seed.
    pub fn new(seed: u64) -> Self {
        Mutator { state: seed }
    }

    /// The next number: SplitMix64 (Steele, Lea & Flood 2014).
    pub fn number64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`, or 0 where there is none.
    pub fn below(&mut self, n: usize) -> usize {
        // The highest bits of a product: for numbers as small as these, as good as uniform.
        ((u128::from(self.number64()) * n as u128) >> 64) as usize
    }

    /// Changes an input in one to many places; `other` is what pieces are taken from, `words` what its format knows.
    pub fn mutate(&mut self, data: &mut Vec<u8>, other: &[u8], words: &[&str], most: usize) {
        for _ in 0..1 << self.below(5) {
            self.change(data, other, words);
            // Few changes leave most of a format in order; many get far from all that was there.
            if self.below(2) == 0 {
                break;
            }
        }
        data.truncate(most);
    }

    fn change(&mut self, data: &mut Vec<u8>, other: &[u8], words: &[&str]) {
        let at = self.below(data.len());
        match self.below(if words.is_empty() { 11 } else { 15 }) {
            _ if data.is_empty() => data.extend((0..1 + self.below(16)).map(|k| k as u8 ^ at as u8)),
            0 | 1 => data[at] ^= 1 << self.below(8),
            2 => data[at] = self.number64() as u8,
            3 => data[at] = data[at].wrapping_add(self.below(3) as u8).wrapping_sub(1),
            4 => self.number(data, at),
            5 => data.truncate(at),
            6 => {
                data.drain(at..self.end(at, data.len()));
            }
            7 => {
                let piece = data[at..self.end(at, data.len())].to_vec();
                self.insert(data, &piece);
            }
            8 => {
                let end = self.end(at, data.len());
                let to = self.below(data.len());
                let len = (end - at).min(data.len() - to);
                data.copy_within(at..at + len, to);
            }
            9 => {
                let from = self.below(other.len());
                let piece = other[from..self.end(from, other.len())].to_vec();
                self.insert(data, &piece);
            }
            10 => {
                // The start of one and the end of the other, at the same place: sections of a format stay where they are.
                data.truncate(at);
                data.extend(other.iter().skip(at));
            }
            11 => self.digits(data, at),
            12 | 13 => {
                let word = words[self.below(words.len())].as_bytes().to_vec();
                self.insert(data, &word);
            }
            _ => {
                let word = words[self.below(words.len())].bytes();
                let end = (at + word.len()).min(data.len());
                data.splice(at..end, word);
            }
        }
    }

    /// Overwrites one to eight bytes with a number, of either byte order, or adds a little to the one that is there.
    fn number(&mut self, data: &mut [u8], at: usize) {
        let width = (1 << self.below(4)).min(data.len() - at);
        let place = &mut data[at..at + width];
        let mut value = NUMBERS[self.below(NUMBERS.len())];
        if self.below(3) == 0 {
            let old = place.iter().rev().fold(0_u64, |sum, &byte| sum << 8 | u64::from(byte));
            value = old.wrapping_add(self.below(33) as u64).wrapping_sub(16);
        }
        let bytes = value.to_le_bytes();
        place.copy_from_slice(&bytes[..width]);
        if self.below(4) == 0 {
            place.reverse();
        }
    }

    /// Puts a number in place of the digits from here on.
    fn digits(&mut self, data: &mut Vec<u8>, at: usize) {
        let Some(start) = data[at..].iter().position(u8::is_ascii_digit).map(|k| at + k) else { return };
        let len = data[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let value = NUMBERS[self.below(NUMBERS.len())].to_string();
        data.splice(start..start + len, value.into_bytes());
    }

    /// Puts a piece in somewhere, once or several times.
    fn insert(&mut self, data: &mut Vec<u8>, piece: &[u8]) {
        let at = self.below(data.len() + 1);
        let times = if self.below(8) == 0 { 1 << self.below(8) } else { 1 };
        data.splice(at..at, piece.repeat(times));
    }

    /// Where a piece ends that starts at `at`; short ones are more frequent.
    fn end(&mut self, at: usize, len: usize) -> usize {
        let longest = 1 << self.below(10);
        (at + 1 + self.below(longest)).min(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same() {
        let make = |seed| {
            let mut mutator = Mutator::new(seed);
            let mut all = vec![];
            for k in 0..2000 {
                let mut data = vec![k as u8; k % 40];
                mutator.mutate(&mut data, b"other", &["word"], 64);
                assert!(data.len() <= 64);
                all.push(data);
            }
            all
        };
        assert_eq!(make(1), make(1));
        assert_ne!(make(1), make(2));
        assert!(make(1).iter().enumerate().filter(|(k, data)| **data != vec![*k as u8; k % 40]).count() > 1700);
    }

    #[test]
    fn numbers_are_below() {
        let mut mutator = Mutator::new(3);
        assert_eq!(mutator.below(0), 0);
        let mut counts = [0; 7];
        (0..7000).for_each(|_| counts[mutator.below(7)] += 1);
        assert!(counts.iter().all(|&n| n > 800), "{counts:?}");
    }
}
