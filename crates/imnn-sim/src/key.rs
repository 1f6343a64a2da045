//! Stateless random keys.

use std::fmt::{Debug, Display, Formatter};
use std::ops::Range;
use std::str::FromStr;

use rand::distr::Distribution;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use crate::SimError;

/// The generator that [`Key::rng`] returns: ChaCha with 8 rounds, with the traits of rand 0.10.
pub type KeyRng = ChaCha8Rng;

/// A random key of 256 bits, from which numbers and further keys are made.
///
/// A key is a value: using it changes nothing, and the same key always gives the same numbers.
/// Whoever needs several independent streams makes several keys with [`split`](Key::split) or
/// [`fold_in`](Key::fold_in), and never samples twice from one key for two purposes.
///
/// The generator is ChaCha with 8 rounds (`ChaCha8Rng` of rand_chacha 0.10), whose output is a
/// function of the 256-bit key, a 64-bit stream number and a 64-bit block counter:
///
/// ```text
/// block(key, stream, counter)          512 bits
/// rng       = block(key, 0, 0), block(key, 0, 1), ...
/// split[i]  = first half of block(key, 1, i)
/// fold_in(i)= first half of block(key, 2, i)
/// new(seed) = first half of block("imnn: 256-bit root key of a seed", 3, seed)
/// ```
///
/// The streams keep sampling, splitting and folding apart: none of them ever reads a block of
/// another. All of it is integer arithmetic with a fixed byte order, so keys and the integers drawn
/// from them are the same on every platform.
///
/// ```
/// use imnn_sim::Key;
///
/// let key = Key::new(0);
/// let [weights, data] = key.split();
/// let mut noise = [0.0; 3];
/// data.fold_in(17).fill_normal(&mut noise);
/// assert_eq!(data, Key::new(0).split::<2>()[1]);
/// assert_ne!(weights, data);
/// ```
///
/// # References
/// D. J. Bernstein, *ChaCha, a variant of Salsa20* (2008), for the generator. Splitting keys by a
/// cipher is due to K. Claessen and M. Pałka, *Splittable pseudorandom number generators using
/// cryptographic hashing* (Haskell Symposium 2013).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key([u8; 32]);

impl Key {
    /// The key of a seed, the same on every platform and in every version of this crate.
    pub fn new(seed: u64) -> Self {
        Key(*ROOT).child(Domain::Seed, seed)
    }

    /// The key for item `index` (a simulation, an iteration) below this one.
    ///
    /// Different indices give different, independent keys, which also differ from those of
    /// [`split`](Key::split).
    pub fn fold_in(self, index: u64) -> Self {
        self.child(Domain::Fold, index)
    }

    /// The keys [`fold_in(i)`](Key::fold_in) for all `i` of a range, in order and faster than one by one.
    ///
    /// ```
    /// use imnn_sim::Key;
    ///
    /// let key = Key::new(0);
    /// assert!(key.fold_in_each(7..9).eq([key.fold_in(7), key.fold_in(8)]));
    /// ```
    pub fn fold_in_each(self, indices: Range<u64>) -> impl Iterator<Item = Key> {
        // They are the first halves of consecutive blocks, of which the generator makes four at a time.
        let mut rng = self.stream(Domain::Fold, indices.start);
        indices.map(move |_| {
            let mut block = [[0; 32]; 2];
            rng.fill_bytes(block.as_flattened_mut());
            Key(block[0])
        })
    }

    /// `N` independent keys below this one, for `N` different purposes.
    ///
    /// The first keys do not depend on how many are asked for: `split::<2>()` is the beginning of
    /// `split::<3>()`.
    pub fn split<const N: usize>(self) -> [Self; N] {
        std::array::from_fn(|i| self.child(Domain::Split, i as u64))
    }

    /// A generator at the beginning of this key's sampling stream.
    pub fn rng(self) -> KeyRng {
        // A fresh generator stands at stream 0, block 0: the sampling domain.
        KeyRng::from_seed(self.0)
    }

    /// Fills `values` with independent draws of the standard normal distribution.
    ///
    /// The values are those of [`StandardNormal`] (the ziggurat method) on [`rng`](Key::rng).
    pub fn fill_normal(self, values: &mut [f64]) {
        let mut rng = self.rng();
        for value in values {
            *value = StandardNormal.sample(&mut rng);
        }
    }

    /// The key made of these bytes, as [`to_bytes`](Key::to_bytes) returned them.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Key(bytes)
    }

    /// The 32 bytes of this key.
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    fn child(self, domain: Domain, index: u64) -> Self {
        let mut bytes = [0; 32];
        self.stream(domain, index).fill_bytes(&mut bytes);
        Key(bytes)
    }

    /// A generator at block `index` of the stream of `domain`.
    fn stream(self, domain: Domain, index: u64) -> KeyRng {
        let mut rng = KeyRng::from_seed(self.0);
        rng.set_stream(domain as u64);
        rng.set_word_pos(u128::from(index) * WORDS_PER_BLOCK);
        rng
    }
}

/// 64 lower-case hexadecimal digits, which [`FromStr`] reads back.
impl Display for Key {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl Debug for Key {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({self})")
    }
}

impl FromStr for Key {
    type Err = SimError;

    /// Reads 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`SimError::KeyText`] for anything else.
    fn from_str(text: &str) -> Result<Self, SimError> {
        let refuse = || SimError::KeyText { text: text.to_owned(), found: text.chars().count() };
        let digits = text
            .chars()
            .map(|c| c.to_digit(16))
            .collect::<Option<Vec<u32>>>()
            .filter(|digits| digits.len() == 64)
            .ok_or_else(refuse)?;
        // A pair of hexadecimal digits is below 256, so the cast loses nothing.
        Ok(Key(std::array::from_fn(|i| (16 * digits[2 * i] + digits[2 * i + 1]) as u8)))
    }
}

/// The ChaCha stream numbers, one per use of a key. Stream 0 is sampling, where [`Key::rng`] starts.
#[derive(Clone, Copy)]
enum Domain {
    Split = 1,
    Fold = 2,
    Seed = 3,
}

/// The ChaCha key under which seeds become keys.
const ROOT: &[u8; 32] = b"imnn: 256-bit root key of a seed";

/// A ChaCha block is sixteen 32-bit words.
const WORDS_PER_BLOCK: u128 = 16;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::testing::{assert_auto_traits, kolmogorov_smirnov};

    /// Computed with an independent ChaCha8 written from RFC 8439 and Bernstein's 64-bit counter.
    #[test]
    fn the_first_values_are_pinned() {
        let key = Key::new(0);
        assert_eq!(key.to_string(), "7eb3a255df1ba7e8e7a9497cc318f3befc90689f95121380cc503c822ae474a0");
        assert_eq!(Key::new(u64::MAX).to_string(), "1b3d0176e97cb388037b84c7ff61b85f8d78b6e414d84a92dba15734fcdb6158");
        assert_eq!(key.fold_in(0).to_string(), "794fcd6a8382877c940f611558375dc75ca9b2899e2072f7a388546c15e6fce0");
        assert_eq!(
            key.fold_in(u64::MAX).to_string(),
            "0d352edd1a83206827bbe9113eda5dac13527bda93d5c3035baee8c3f40267ff"
        );
        let [first, second] = key.split();
        assert_eq!(first.to_string(), "7922a5319db86b7d5655041fb766d17456547afd094341ab8a73c71a0cbf4658");
        assert_eq!(second.to_string(), "0a0a348b9fcb3562a272c5fae7a393890df938a239f8e04894881fe0e2c52d07");
        let mut rng = key.rng();
        assert_eq!([rng.next_u64(), rng.next_u64()], [0x89cd27821205d126, 0x6712a6949b61a3c4]);
    }

    /// Pins the ziggurat tables and the order in which they use the stream.
    #[test]
    fn the_first_normals_are_pinned() {
        let mut draws = [0.0; 4];
        Key::new(0).fill_normal(&mut draws);
        assert_eq!(draws, [0.1769523698912268, -0.2075863898957417, -1.6210063289095622, 1.4923731840298502]);
    }

    #[test]
    fn keys_of_a_range_are_those_of_its_indices() {
        let key = Key::new(9);
        for range in [0..0, 0..11, 3..4, u64::MAX - 5..u64::MAX] {
            let each: Vec<Key> = range.clone().map(|i| key.fold_in(i)).collect();
            assert_eq!(key.fold_in_each(range).collect::<Vec<_>>(), each);
        }
    }

    #[test]
    fn domains_do_not_overlap() {
        let key = Key::new(42);
        let mut stream = vec![0; 64 * 500];
        key.rng().fill_bytes(&mut stream);
        let mut seen: HashSet<[u8; 32]> = stream.chunks_exact(32).map(|half| half.try_into().unwrap()).collect();
        seen.extend(key.split::<500>().map(Key::to_bytes));
        seen.extend((0..500).map(|i| key.fold_in(i).to_bytes()));
        seen.extend((0..500).map(|i| Key::new(i).to_bytes()));
        // 500 blocks are 1000 halves; with the key itself nothing may coincide.
        assert!(seen.insert(key.fold_in(500).to_bytes()));
        assert!(!seen.insert(key.to_bytes()), "42 is among the seeds");
        assert_eq!(seen.len(), 1000 + 3 * 500 + 1);
    }

    #[test]
    fn folded_keys_do_not_collide() {
        let parents = [Key::new(0), Key::new(0).fold_in(0), Key::new(0).split::<1>()[0]];
        let mut seen = HashSet::new();
        for parent in parents {
            // Half a key is enough to tell them apart, which asks more than whole keys would.
            let half = |key: Key| -> [u8; 16] { key.to_bytes()[..16].try_into().unwrap() };
            seen.extend((0..50_000).map(|i| half(parent.fold_in(i))));
            seen.extend((0..1000).map(|i| half(parent.fold_in(u64::MAX - i))));
        }
        assert_eq!(seen.len(), 3 * 51_000);
    }

    #[test]
    fn neighbouring_keys_share_half_their_bits() {
        let key = Key::new(7);
        let n = 4000;
        let distance: u32 = (0..n)
            .map(|i| {
                let (a, b) = (key.fold_in(i).to_bytes(), key.fold_in(i + 1).to_bytes());
                a.iter().zip(b).map(|(x, y)| (x ^ y).count_ones()).sum::<u32>()
            })
            .sum();
        // Binomial(256, 1/2) has variance 64; five standard errors.
        let mean = f64::from(distance) / n as f64;
        assert!((mean - 128.0).abs() < 5.0 * 8.0 / (n as f64).sqrt(), "{mean}");
    }

    #[test]
    fn splitting_is_a_prefix_of_splitting_further() {
        let key = Key::new(3);
        assert_eq!(key.split::<2>(), key.split::<5>()[..2]);
        assert_eq!(key.split::<0>(), []);
    }

    #[test]
    fn draws_of_one_key_are_normal() {
        for seed in 0..4 {
            let mut draws = vec![0.0; 50_000];
            Key::new(seed).fill_normal(&mut draws);
            assert!(kolmogorov_smirnov(draws) < 1.95, "seed {seed}");
        }
    }

    #[test]
    fn first_draws_of_many_keys_are_normal_and_uncorrelated() {
        let key = Key::new(11);
        let n = 50_000;
        let draws: Vec<f64> = (0..n)
            .map(|i| {
                let mut draw = [0.0];
                key.fold_in(i).fill_normal(&mut draw);
                draw[0]
            })
            .collect();
        let correlation: f64 = draws.windows(2).map(|pair| pair[0] * pair[1]).sum();
        assert!(correlation.abs() < 4.0 * (n as f64).sqrt(), "{correlation}");
        assert!(kolmogorov_smirnov(draws) < 1.95);
    }

    #[test]
    fn debug_shows_hexadecimal_digits() {
        assert_eq!(format!("{:?}", Key::from_bytes([0x0a; 32])), format!("Key({})", "0a".repeat(32)));
    }

    #[test]
    fn other_texts_are_refused() {
        let error = "xyz".parse::<Key>().unwrap_err().to_string();
        assert_eq!(error, "\"xyz\" is not a key: expected 64 hexadecimal digits, found 3 character(s)");
        for text in ["0".repeat(63), "0".repeat(65), "g".repeat(64), "+0".repeat(32), "é".repeat(32), String::new()] {
            assert!(text.parse::<Key>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn bytes_and_text_come_back(bytes: [u8; 32]) {
            let key = Key::from_bytes(bytes);
            prop_assert_eq!(key.to_bytes(), bytes);
            prop_assert_eq!(key.to_string().parse::<Key>().unwrap(), key);
            prop_assert_eq!(key.to_string().to_uppercase().parse::<Key>().unwrap(), key);
        }

        #[test]
        fn children_depend_on_the_index(bytes: [u8; 32], i: u64, j: u64) {
            let key = Key::from_bytes(bytes);
            prop_assert_eq!(i == j, key.fold_in(i) == key.fold_in(j));
        }
    }

    #[test]
    fn auto_traits() {
        assert_auto_traits::<Key>();
        assert_auto_traits::<KeyRng>();
    }
}
