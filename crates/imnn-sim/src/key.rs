//! Stateless random keys.

use std::fmt::{Debug, Display, Formatter};
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
///
/// D. J. Bernstein, *ChaCha, a variant of Salsa20* (2008). The scheme of keys that are split and
/// folded is that of J. Salmon et al., *Parallel random numbers: as easy as 1, 2, 3* (SC 2011), as
/// JAX uses it.
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
        let mut rng = KeyRng::from_seed(self.0);
        rng.set_stream(domain as u64);
        rng.set_word_pos(u128::from(index) * WORDS_PER_BLOCK);
        let mut bytes = [0; 32];
        rng.fill_bytes(&mut bytes);
        Key(bytes)
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
    ///
    /// [`SimError::KeyText`] for anything else.
    fn from_str(text: &str) -> Result<Self, SimError> {
        let refuse = || SimError::KeyText {
            text: text.to_owned(),
            found: text.chars().count(),
        };
        let digits = text
            .chars()
            .map(|c| c.to_digit(16))
            .collect::<Option<Vec<u32>>>()
            .filter(|digits| digits.len() == 64)
            .ok_or_else(refuse)?;
        // A pair of hexadecimal digits is below 256, so the cast loses nothing.
        Ok(Key(std::array::from_fn(|i| {
            (16 * digits[2 * i] + digits[2 * i + 1]) as u8
        })))
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
