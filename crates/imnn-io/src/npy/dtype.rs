//! The element types of `.npy` files and how their bytes become numbers.

use num_traits::{Float, ToPrimitive};

/// How one element of an array is stored: its kind, size and byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dtype {
    kind: Kind,
    big_endian: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Bool,
    I1,
    I2,
    I4,
    I8,
    U1,
    U2,
    U4,
    U8,
    F2,
    F4,
    F8,
}

impl Dtype {
    /// Reads a type as headers write it, such as `<f4`.
    ///
    /// # Errors
    /// What to do about a type that is not a real number.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (order, code) = match text.as_bytes() {
            [order @ (b'<' | b'>' | b'=' | b'|'), ..] => (*order, &text[1..]),
            _ => (b'=', text),
        };
        let kind = match code {
            "b1" | "?" => Kind::Bool,
            "i1" => Kind::I1,
            "i2" => Kind::I2,
            "i4" => Kind::I4,
            "i8" => Kind::I8,
            "u1" => Kind::U1,
            "u2" => Kind::U2,
            "u4" => Kind::U4,
            "u8" => Kind::U8,
            "f2" => Kind::F2,
            "f4" => Kind::F4,
            "f8" => Kind::F8,
            _ => return Err(advice(code)),
        };
        let big_endian = match order {
            b'>' => true,
            b'<' => false,
            _ => cfg!(target_endian = "big"),
        };
        Ok(Self { kind, big_endian })
    }

    /// The bytes of one element, at most 8.
    pub fn size(self) -> usize {
        match self.kind {
            Kind::Bool | Kind::I1 | Kind::U1 => 1,
            Kind::I2 | Kind::U2 | Kind::F2 => 2,
            Kind::I4 | Kind::U4 | Kind::F4 => 4,
            Kind::I8 | Kind::U8 | Kind::F8 => 8,
        }
    }

    /// Writes the elements in `bytes` into `to`, as many.
    ///
    /// Integers of more than 53 bits are rounded. Where the type and byte order are those of `E`, this is a copy.
    ///
    /// # Errors
    /// The value and its place in `to` where a finite value is not finite in `E`.
    pub fn decode<E: Float>(self, bytes: &[u8], to: &mut [E]) -> Result<(), (f64, usize)> {
        /// Goes through the bytes of one type, the choice of byte order outside the loop.
        macro_rules! each {
            ($type:ty, $convert:expr) => {
                if self.big_endian {
                    convert(bytes, to, |bytes| $convert(<$type>::from_be_bytes(bytes)))
                } else {
                    convert(bytes, to, |bytes| $convert(<$type>::from_le_bytes(bytes)))
                }
            };
        }
        match self.kind {
            Kind::Bool => each!(u8, |x| of(f64::from(u8::from(x != 0)))),
            Kind::I1 => each!(i8, |x| of(f64::from(x))),
            Kind::I2 => each!(i16, |x| of(f64::from(x))),
            Kind::I4 => each!(i32, |x| of(f64::from(x))),
            Kind::I8 => each!(i64, |x| of(x as f64)),
            Kind::U1 => each!(u8, |x| of(f64::from(x))),
            Kind::U2 => each!(u16, |x| of(f64::from(x))),
            Kind::U4 => each!(u32, |x| of(f64::from(x))),
            Kind::U8 => each!(u64, |x| of(x as f64)),
            Kind::F2 => each!(u16, |x| of(half(x))),
            Kind::F4 => each!(f32, of),
            Kind::F8 => {
                each!(f64, of);
                // No other type holds a number beyond the range of single precision.
                if !to.iter().fold(true, |finite, value| finite & value.is_finite()) {
                    return self.overflow(bytes, to);
                }
            }
        }
        Ok(())
    }

    /// Looks again at numbers of which some are not finite: whether they were so in the file.
    fn overflow<E: Float>(self, bytes: &[u8], values: &[E]) -> Result<(), (f64, usize)> {
        for (i, (element, value)) in bytes.as_chunks().0.iter().zip(values).enumerate() {
            let exact = if self.big_endian { f64::from_be_bytes(*element) } else { f64::from_le_bytes(*element) };
            if exact.is_finite() && !value.is_finite() {
                return Err((exact, i));
            }
        }
        Ok(())
    }
}

/// The nearest value to `x`; infinite if it is beyond the range.
fn of<T: ToPrimitive, E: Float>(x: T) -> E {
    // Conversions between floating-point numbers always succeed.
    E::from(x).unwrap_or_else(E::nan)
}

fn convert<E: Float, const N: usize>(bytes: &[u8], to: &mut [E], convert: impl Fn([u8; N]) -> E) {
    let elements = bytes.as_chunks::<N>().0;
    debug_assert_eq!(elements.len(), to.len());
    for (to, element) in to.iter_mut().zip(elements) {
        *to = convert(*element);
    }
}

/// A number of IEEE 754 binary16: 1 bit of sign, 5 of exponent, 10 of fraction.
fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let fraction = f64::from(bits & 0x3ff);
    match i32::from((bits >> 10) & 0x1f) {
        0 => sign * fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => sign * f64::INFINITY,
        31 => f64::NAN,
        exponent => sign * (1024.0 + fraction) * 2f64.powi(exponent - 25),
    }
}

/// What to do about a type that is not among those read.
fn advice(code: &str) -> &'static str {
    match code.as_bytes().first() {
        Some(b'O') => {
            "these are pickled Python objects; save numbers, np.save(file, np.asarray(x, dtype=np.float64), allow_pickle=False), which fails where rows differ in length"
        }
        Some(b'c') => "save real and imaginary part as channels, np.stack([x.real, x.imag], axis=-1)",
        Some(b'f' | b'g') => "save it as x.astype(np.float64)",
        Some(b'S' | b'U' | b'a') => "these are texts; save numbers, x.astype(np.float64)",
        Some(b'M' | b'm') => "these are dates; save numbers, x.astype(np.float64)",
        Some(b'V') => "these are records; save each field as an array of its own, x['name']",
        _ => "float16, 32 and 64, integers and bool can be read; save it as x.astype(np.float64)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str, bytes: &[u8]) -> Vec<f64> {
        let dtype = Dtype::parse(text).unwrap();
        assert_eq!(bytes.len() % dtype.size(), 0);
        let mut values = vec![f64::NAN; bytes.len() / dtype.size()];
        dtype.decode(bytes, &mut values).unwrap();
        values
    }

    #[test]
    fn every_type_in_either_byte_order() {
        assert_eq!(decode("<f4", &1.5f32.to_le_bytes()), [1.5]);
        assert_eq!(decode(">f4", &1.5f32.to_be_bytes()), [1.5]);
        assert_eq!(decode("=f8", &1.1f64.to_ne_bytes()), [1.1]);
        assert_eq!(decode(">f8", &1.1f64.to_be_bytes()), [1.1]);
        assert_eq!(decode("|i1", &[255, 1]), [-1.0, 1.0]);
        assert_eq!(decode("|u1", &[255]), [255.0]);
        assert_eq!(decode("|b1", &[0, 1]), [0.0, 1.0]);
        assert_eq!(decode(">i2", &(-300i16).to_be_bytes()), [-300.0]);
        assert_eq!(decode("<u2", &300u16.to_le_bytes()), [300.0]);
        assert_eq!(decode("<i4", &(-70_000i32).to_le_bytes()), [-70_000.0]);
        assert_eq!(decode(">u4", &70_000u32.to_be_bytes()), [70_000.0]);
        assert_eq!(decode("<i8", &(-5i64).to_le_bytes()), [-5.0]);
        assert_eq!(decode(">u8", &5u64.to_be_bytes()), [5.0]);
    }

    #[test]
    fn half_precision() {
        for (bits, value) in [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x3555, 0.333251953125),
            (0x7bff, 65504.0),
            (0x0001, 2f64.powi(-24)),
            (0x03ff, 1023.0 * 2f64.powi(-24)),
            (0x0400, 2f64.powi(-14)),
            (0x7c00, f64::INFINITY),
            (0xfc00, f64::NEG_INFINITY),
        ] {
            assert_eq!(half(bits), value, "{bits:04x}");
        }
        assert!(half(0x7e00).is_nan());
    }

    #[test]
    fn values_beyond_the_range_are_refused() {
        let bytes: Vec<u8> = [1.0, f64::INFINITY, 1e39].iter().flat_map(|x| f64::to_le_bytes(*x)).collect();
        let dtype = Dtype::parse("<f8").unwrap();
        assert_eq!(dtype.decode(&bytes, &mut [0f32; 3]), Err((1e39, 2)));
        assert!(dtype.decode(&bytes, &mut [0f64; 3]).is_ok());
    }

    #[test]
    fn other_types_come_with_advice() {
        assert!(Dtype::parse("|O").unwrap_err().contains("allow_pickle=False"));
        assert!(Dtype::parse("<c16").unwrap_err().contains("x.real"));
        assert!(Dtype::parse("<f16").unwrap_err().contains("float64"));
        assert!(Dtype::parse("<U3").unwrap_err().contains("texts"));
        assert!(Dtype::parse("|V8").unwrap_err().contains("records"));
        assert!(Dtype::parse("<M8[ns]").unwrap_err().contains("dates"));
        for odd in ["", "<", "é", "<f", "f-8", "|f88888888888"] {
            assert!(Dtype::parse(odd).is_err(), "{odd}");
        }
    }
}
