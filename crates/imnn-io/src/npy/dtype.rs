//! The element types of `.npy` files and how their bytes become numbers.

use num_traits::{Float, ToPrimitive};

/// How one element of an array is stored: its kind, size and byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dtype {
    kind: Kind,
    big_endian: bool,
}

/// A finite value is beyond the range of the precision that it is read in.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error(
    "the value {value:e} at {index:?} is beyond the range of {precision}; use precision = \"f64\" or scale the data"
)]
pub struct Overflow {
    /// Where the first such value is.
    pub index: Vec<usize>,
    /// The value in the file.
    pub value: f64,
    /// The precision asked for.
    pub precision: &'static str,
}

/// Makes of the kinds of elements an enumeration: how headers and numpy's documentation call each, what its bytes are, and
/// what number.
macro_rules! kinds {
    ($($kind:ident: $code:pat, $name:literal, $type:ty, $number:expr;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        enum Kind { $($kind),* }

        impl Kind {
            fn of(code: &str) -> Option<Self> {
                match code {
                    $($code => Some(Self::$kind),)*
                    _ => None,
                }
            }

            fn name(self) -> &'static str {
                match self { $(Self::$kind => $name),* }
            }

            fn size(self) -> usize {
                match self { $(Self::$kind => size_of::<$type>()),* }
            }

            fn decode<E: Float>(self, big_endian: bool, bytes: &[u8], to: &mut [E]) {
                match (self, big_endian) {
                    $((Self::$kind, true) => convert(bytes, to, |bytes| $number(<$type>::from_be_bytes(bytes))),
                    (Self::$kind, false) => convert(bytes, to, |bytes| $number(<$type>::from_le_bytes(bytes))),)*
                }
            }
        }
    };
}

kinds! {
    Bool: "b1" | "?", "bool", u8, |x| of(f64::from(u8::from(x != 0)));
    I1: "i1", "int8", i8, |x| of(f64::from(x));
    I2: "i2", "int16", i16, |x| of(f64::from(x));
    I4: "i4", "int32", i32, |x| of(f64::from(x));
    I8: "i8", "int64", i64, |x| of(x as f64);
    U1: "u1", "uint8", u8, |x| of(f64::from(x));
    U2: "u2", "uint16", u16, |x| of(f64::from(x));
    U4: "u4", "uint32", u32, |x| of(f64::from(x));
    U8: "u8", "uint64", u64, |x| of(x as f64);
    F2: "f2", "float16", u16, |x| of(half(x));
    F4: "f4", "float32", f32, of;
    F8: "f8", "float64", f64, of;
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
        let kind = Kind::of(code).ok_or_else(|| advice(code))?;
        let big_endian = match order {
            b'>' => true,
            b'<' => false,
            _ => cfg!(target_endian = "big"),
        };
        Ok(Self { kind, big_endian })
    }

    /// What numpy's documentation calls it: `float32`.
    pub fn name(self) -> &'static str {
        self.kind.name()
    }

    /// The bytes of one element, at most 8.
    pub fn size(self) -> usize {
        self.kind.size()
    }

    /// Whether single precision holds every value of the type.
    pub fn fits_single(self) -> bool {
        self.size() < 4 || self.kind == Kind::F4
    }

    /// Writes the elements in `bytes` into `to`, as many; `index` gives the index in the array of a place in `to`.
    ///
    /// Integers of more than 53 bits are rounded. Where the type and byte order are those of `E`, this is a copy.
    ///
    /// # Errors
    /// If a finite value is not finite in `E`.
    pub fn decode<E: Float>(
        self,
        bytes: &[u8],
        to: &mut [E],
        index: impl FnOnce(usize) -> Vec<usize>,
    ) -> Result<(), Overflow> {
        self.kind.decode(self.big_endian, bytes, to);
        // No other type holds a number beyond the range of single precision.
        if self.kind != Kind::F8 || to.iter().fold(true, |finite, value| finite & value.is_finite()) {
            return Ok(());
        }
        // Some may not be finite in the file either.
        for (place, (element, value)) in bytes.as_chunks().0.iter().zip(to).enumerate() {
            let exact = if self.big_endian { f64::from_be_bytes(*element) } else { f64::from_le_bytes(*element) };
            if exact.is_finite() && !value.is_finite() {
                let precision = if size_of::<E>() == 4 { "f32" } else { "f64" };
                return Err(Overflow { index: index(place), value: exact, precision });
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
        dtype.decode(bytes, &mut values, |_| vec![]).unwrap();
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
        let overflow = Overflow { index: vec![7, 2], value: 1e39, precision: "f32" };
        assert_eq!(dtype.decode(&bytes, &mut [0f32; 3], |place| vec![7, place]), Err(overflow));
        assert!(dtype.decode(&bytes, &mut [0f64; 3], |place| vec![place]).is_ok());
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
