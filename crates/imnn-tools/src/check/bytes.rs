//! Values that make sense only as bytes of another kind: of another precision, of the other byte order, or of integers.
//!
//! Numbers that were measured or simulated have exponents in a narrow range. Where bytes are taken for what they are not, the
//! digits of one number become the exponent of another, and exponents are all over the range; taken for what they are, they
//! are close together again.

/// The values that are looked at, at most: more say nothing new.
pub(super) const VALUES: usize = 1 << 16;

/// As few say nothing.
const LEAST: usize = 64;

/// How values are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misread {
    /// As pairs of them in double precision.
    SingleFromDouble,
    /// As two of them each in single precision.
    DoubleFromSingle,
    /// With their bytes the other way round.
    Order,
    /// As integers.
    Integers,
}

impl Misread {
    /// What it is and what to do.
    pub(super) fn text(self, label: &str, single: bool) -> String {
        let ([this, bits], other) =
            (if single { ["float32", "32"] } else { ["float64", "64"] }, if single { "float64" } else { "float32" });
        let what = match self {
            Self::SingleFromDouble | Self::DoubleFromSingle => format!(
                "these are the bytes of {other} numbers, read as {this}: write the array again, np.save(file, np.frombuffer(data, \
                 dtype=np.{other}).reshape(...)), where `data` are its bytes"
            ),
            Self::Order => "these are numbers of the other byte order: np.save(file, x.view(x.dtype.newbyteorder())) writes them as \
                            they are"
                .to_owned(),
            Self::Integers => {
                format!(
                    "these are the bytes of integers, read as {this}: np.save(file, x.view(np.int{bits}).astype(np.float64))"
                )
            }
        };
        format!("{label}: the values make sense only as something else; {what}")
    }
}

/// How consecutive values, of single or of double precision, are to be read where not as they are.
pub(super) fn misread(values: &[f64], single: bool) -> Option<Misread> {
    let values = &values[..values.len().min(VALUES)];
    let as_read = Exponents::of(values.iter().copied());
    if as_read.n < LEAST {
        return None;
    }
    if single {
        let words: Vec<u32> = values.iter().map(|&value| (value as f32).to_bits()).collect();
        let swapped = Exponents::of(words.iter().map(|word| f64::from(f32::from_bits(word.swap_bytes()))));
        let pairs: Vec<&[u32]> = words.chunks_exact(2).collect();
        let low = Exponents::of(pairs.iter().map(|pair| f64::from(f32::from_bits(pair[0]))));
        let high = Exponents::of(pairs.iter().map(|pair| f64::from(f32::from_bits(pair[1]))));
        let of_pair = |pair: &&[u32]| f64::from_bits(u64::from(pair[1]) << 32 | u64::from(pair[0]));
        let doubles = Exponents::of(pairs.iter().map(of_pair));
        // The low half of a double are digits.
        if low.is_senseless(20.0) && high.n >= LEAST / 2 && high.spread < 6.0 && doubles.is_sensible() {
            return Some(Misread::SingleFromDouble);
        }
        // The digits of whole numbers are zeros.
        let whole = || pairs.iter().all(|pair| of_pair(pair).fract() == 0.0);
        if low.n == 0 && high.n >= LEAST / 2 && doubles.is_sensible() && whole() {
            return Some(Misread::SingleFromDouble);
        }
        let senseless = as_read.is_senseless(20.0) && as_read.spread > 4.0 * swapped.spread;
        if swapped.is_sensible() && (senseless || as_read.mean < -115.0) {
            return Some(Misread::Order);
        }
        return as_read.are_integers(-127.0).then_some(Misread::Integers);
    }
    let words: Vec<u64> = values.iter().map(|value| value.to_bits()).collect();
    let swapped = Exponents::of(words.iter().map(|word| f64::from_bits(word.swap_bytes())));
    let half = |word: u64| f64::from(f32::from_bits(word as u32));
    let low = Exponents::of(words.iter().map(|word| half(*word)));
    let high = Exponents::of(words.iter().map(|word| half(word >> 32)));
    // Of a double the low half are digits, without any sense as a number, or zero.
    let alike = (low.mean - high.mean).abs() < 3.0 + low.spread.max(high.spread);
    if low.n >= LEAST / 2
        && 2 * low.n > high.n
        && low.spread < 8.0
        && high.spread < 8.0
        && low.mean.abs() < 60.0
        && alike
    {
        return Some(Misread::DoubleFromSingle);
    }
    let tiny = as_read.mean < -900.0;
    if swapped.is_sensible() && (tiny || as_read.is_senseless(100.0)) && swapped.n >= LEAST {
        return Some(Misread::Order);
    }
    as_read.are_integers(-1023.0).then_some(Misread::Integers)
}

/// The exponents of base 2 of values, apart from zeros.
struct Exponents {
    n: usize,
    mean: f64,
    /// Their standard deviation.
    spread: f64,
    /// The largest.
    most: f64,
    finite: bool,
}

impl Exponents {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let (mut n, mut sum, mut squares, mut most, mut finite) = (0_usize, 0.0, 0.0, f64::NEG_INFINITY, true);
        for value in values.filter(|value| *value != 0.0) {
            let exponent = value.abs().log2();
            if !exponent.is_finite() {
                finite = false;
                continue;
            }
            n += 1;
            sum += exponent;
            squares += exponent * exponent;
            most = most.max(exponent);
        }
        let mean = sum / n.max(1) as f64;
        Self { n, mean, spread: (squares / n.max(1) as f64 - mean * mean).max(0.0).sqrt(), most, finite }
    }

    /// As those of what was measured: in a narrow range, about numbers that people use.
    fn is_sensible(&self) -> bool {
        self.finite && self.n > 0 && self.spread < 12.0 && self.mean.abs() < 100.0
    }

    fn is_senseless(&self, spread: f64) -> bool {
        self.spread > spread
    }

    /// Whether all are subnormal, as small integers are.
    fn are_integers(&self, least: f64) -> bool {
        self.most < least + 1.0
    }
}

#[cfg(test)]
mod tests {
    use imnn_sim::Key;

    use super::*;

    fn normal(n: usize) -> Vec<f64> {
        let mut values = vec![0.0; n];
        Key::new(3).fill_normal(&mut values);
        values
    }

    /// Bytes as numbers of single or double precision.
    fn read(bytes: &[u8], single: bool) -> Vec<f64> {
        if single {
            return bytes.chunks_exact(4).map(|b| f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]]))).collect();
        }
        bytes.chunks_exact(8).map(|b| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]])).collect()
    }

    fn sets() -> Vec<Vec<f64>> {
        let normal = normal(512);
        let map = |of: fn(f64) -> f64| normal.iter().map(|&x| of(x)).collect::<Vec<f64>>();
        vec![
            normal.clone(),
            map(|x| (2.0 * x).exp()),
            map(|x| 1e4 + 100.0 * x),
            map(|x| 1e-9 * x),
            map(|x| 1e12 * (3.0 * x).exp()),
            map(|x| (4.0 * x).exp().round()),
            map(|x| x / (1e-3 + (x * 7.7).sin().abs())),
            map(|x| f64::from(x as f32)),
            map(|x| if x > 1.0 { x } else { 0.0 }),
        ]
    }

    #[test]
    fn bytes_of_another_kind_are_found_and_what_is_sound_is_not() {
        for (k, values) in sets().iter().enumerate() {
            let singles: Vec<f64> = values.iter().map(|&x| f64::from(x as f32)).collect();
            assert_eq!(misread(values, false), None, "{k}");
            assert_eq!(misread(&singles, false), None, "{k}");
            assert_eq!(misread(&singles, true), None, "{k}");
            let double: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
            let single: Vec<u8> = values.iter().flat_map(|&x| (x as f32).to_le_bytes()).collect();
            let [of_double, of_single] = [false, true].map(|single| {
                values
                    .iter()
                    .flat_map(|&x| if single { (x as f32).to_be_bytes().to_vec() } else { x.to_be_bytes().to_vec() })
                    .collect::<Vec<u8>>()
            });
            assert_eq!(misread(&read(&double, true), true), Some(Misread::SingleFromDouble), "{k}");
            assert_eq!(misread(&read(&single, false), false), Some(Misread::DoubleFromSingle), "{k}");
            assert_eq!(misread(&read(&of_double, false), false), Some(Misread::Order), "{k}");
            assert_eq!(misread(&read(&of_single, true), true), Some(Misread::Order), "{k}");
        }
        let counts: Vec<u8> = (0..500_i32).flat_map(i32::to_le_bytes).collect();
        assert_eq!(misread(&read(&counts, true), true), Some(Misread::Integers));
        let counts: Vec<u8> = (0..500_i64).flat_map(i64::to_le_bytes).collect();
        assert_eq!(misread(&read(&counts, false), false), Some(Misread::Integers));
        assert_eq!(misread(&[0.0; 500], true), None);
    }
}
