//! The header of a `.npy` file.

use std::io::Read;

use super::NpyError;
use super::dtype::Dtype;
use super::literal::{Literal, parse};

/// What the header says about the data behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// The element type as written, such as `<f4`.
    pub descr: String,
    /// How an element is stored.
    pub dtype: Dtype,
    /// Whether the first axis moves fastest, as in Fortran.
    pub fortran_order: bool,
    /// The length of each axis.
    pub shape: Vec<usize>,
    /// The number of elements.
    pub len: usize,
    /// Where the data start, in bytes from the magic string.
    pub data_offset: u64,
}

/// The string every `.npy` file starts with.
pub(super) const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// Longer than any header of numbers; keeps a corrupt length from being believed.
const MAX_LENGTH: u32 = 1 << 20;

impl Header {
    /// Reads a header of format version 1, 2 or 3 and leaves the reader where the data start.
    ///
    /// # Errors
    /// If the bytes do not start as those of an array, the header is malformed or too long, or its elements are not real
    /// numbers.
    pub fn read(reader: &mut impl Read) -> Result<Self, NpyError> {
        let magic = take(reader, 6)?;
        if magic != MAGIC {
            return Err(NpyError::NotAnArray {
                advice: resembles(&magic),
                found: match magic.is_empty() {
                    true => "nothing (it is empty)".to_owned(),
                    false => magic.escape_ascii().to_string(),
                },
            });
        }
        let cut = |part: &str| NpyError::Header(format!("the file ends within its {part}"));
        let version = take(reader, 2)?;
        let [major, minor] = version[..] else { return Err(cut("version")) };
        let n_length = match (major, minor) {
            (1, 0) => 2,
            (2 | 3, 0) => 4,
            _ => {
                let found = format!("format version {major}.{minor}, expected 1.0, 2.0 or 3.0");
                return Err(NpyError::Header(found));
            }
        };
        let mut length = take(reader, n_length)?;
        if length.len() < n_length as usize {
            return Err(cut("header"));
        }
        length.resize(4, 0);
        // The vector was just made four bytes long.
        let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]);
        if length > MAX_LENGTH {
            let found = format!("its length would be {length} bytes");
            return Err(NpyError::Header(found));
        }
        let text = take(reader, u64::from(length))?;
        if text.len() < length as usize {
            return Err(cut("header"));
        }
        // Versions 1 and 2 are latin-1, version 3 is UTF-8; they differ in the names of fields only, which are refused.
        let data_offset = 8 + n_length + u64::from(length);
        Self::parse(&String::from_utf8_lossy(&text), data_offset)
    }

    /// The bytes of data that there should be.
    pub fn n_bytes(&self) -> u64 {
        // The product was checked for `isize` when the header was read.
        (self.len * self.dtype.size()) as u64
    }

    /// There are `found` bytes of data, others than the header promises.
    pub fn wrong_length(&self, found: u64) -> NpyError {
        let (dtype, shape, expected) = (self.descr.clone(), self.shape.clone(), self.n_bytes());
        NpyError::Length { dtype, shape, expected, found }
    }

    fn parse(text: &str, data_offset: u64) -> Result<Self, NpyError> {
        let malformed = |reason: &str| NpyError::Header(reason.to_owned());
        let Literal::Dict(entries) = parse(text).map_err(NpyError::Header)? else {
            return Err(malformed("it is not a dictionary"));
        };
        let get = |name: &str| {
            let entry = entries.iter().find(|(key, _)| *key == Literal::Text(name.to_owned()));
            entry.map(|(_, value)| value).ok_or_else(|| malformed(&format!("`{name}` is missing")))
        };
        let (descr, dtype) = element(get("descr")?, || get("shape").ok().and_then(shape).unwrap_or_default())?;
        let Literal::Bool(fortran_order) = *get("fortran_order")? else {
            return Err(malformed("`fortran_order` is not True or False"));
        };
        let shape = shape(get("shape")?)
            .ok_or_else(|| malformed("`shape` is not a tuple of whole numbers within the range of this machine"))?;
        let too_large = || malformed("the number of elements is beyond the range of this machine");
        // Axes of length zero must not hide others that are too large, so these are left out.
        let nonzero = shape.iter().filter(|&&axis| axis != 0);
        let product = nonzero.into_iter().try_fold(1usize, |len, &axis| len.checked_mul(axis));
        // ndarray indexes with isize.
        let bytes = product.and_then(|len| len.checked_mul(dtype.size().max(8)));
        let fits = bytes.is_some_and(|bytes| isize::try_from(bytes).is_ok());
        let len = product.filter(|_| fits).ok_or_else(too_large)?;
        let len = if shape.contains(&0) { 0 } else { len };
        Ok(Self { descr, dtype, fortran_order, shape, len, data_offset })
    }
}

/// Reads `n` bytes, or as many as there are.
fn take(reader: &mut impl Read, n: u64) -> Result<Vec<u8>, NpyError> {
    let mut bytes = Vec::new();
    reader.take(n).read_to_end(&mut bytes).map_err(NpyError::Io)?;
    Ok(bytes)
}

fn element(descr: &Literal, shape: impl Fn() -> Vec<usize>) -> Result<(String, Dtype), NpyError> {
    match descr {
        Literal::Text(text) => match Dtype::parse(text) {
            Ok(dtype) => Ok((text.clone(), dtype)),
            Err(advice) => Err(NpyError::Dtype { dtype: text.clone(), advice, shape: shape() }),
        },
        Literal::Sequence(fields) => Err(NpyError::Dtype {
            dtype: format!("record of {} fields", fields.len()),
            advice: "save each field as an array of its own, x['name']",
            shape: shape(),
        }),
        _ => Err(NpyError::Header("`descr` is not a type".to_owned())),
    }
}

fn shape(shape: &Literal) -> Option<Vec<usize>> {
    let Literal::Sequence(axes) = shape else { return None };
    axes.iter()
        .map(|axis| match axis {
            Literal::Integer(axis) => usize::try_from(*axis).ok(),
            _ => None,
        })
        .collect()
}

/// What a file with these first bytes may be.
fn resembles(magic: &[u8]) -> &'static str {
    match magic {
        [0x89, b'H', b'D', b'F', ..] => "; this is an HDF5 file, save the array with np.save(file, h5py_dataset[:])",
        [b'P', b'K', ..] => "; this is a zip archive inside an archive",
        [b'S', b'I', b'M', b'P', b'L', b'E'] => "; this is a FITS file, save the array with np.save",
        [0x80, 2..=5, ..] => "; this is a Python pickle, save the array with np.save",
        [0x1f, 0x8b, ..] => "; this is gzipped, unpack it first",
        _ if !magic.is_empty() && magic.iter().all(|&b| b.is_ascii_graphic() || b.is_ascii_whitespace()) => {
            "; if it is a table of numbers as text, name it .txt"
        }
        _ if magic.len() == 6 => {
            "; if it holds plain numbers, save them with np.save('file.npy', np.fromfile('FILE', dtype=np.float32).reshape(...))"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(version: u8, text: &str) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([version, 0]);
        if version == 1 {
            bytes.extend((text.len() as u16).to_le_bytes());
        } else {
            bytes.extend((text.len() as u32).to_le_bytes());
        }
        bytes.extend(text.as_bytes());
        bytes
    }

    fn read(version: u8, text: &str) -> Result<Header, NpyError> {
        Header::read(&mut &bytes(version, text)[..])
    }

    fn refused(text: &str) -> String {
        match read(1, text) {
            Err(NpyError::Header(reason)) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn versions_one_to_three() {
        let text = "{'descr': '>f4', 'fortran_order': True, 'shape': (2, 3)}\n";
        for version in 1..=3 {
            let header = read(version, text).unwrap();
            assert_eq!(header.shape, [2, 3]);
            assert_eq!(header.len, 6);
            assert!(header.fortran_order);
            assert_eq!(header.data_offset, bytes(version, text).len() as u64);
        }
        let header = read(1, "{'descr': '<f8', 'fortran_order': False, 'shape': ()}").unwrap();
        assert_eq!((header.shape, header.len), (vec![], 1));
    }

    #[test]
    fn unknown_versions_are_refused() {
        for (major, minor) in [(0, 0), (1, 1), (2, 5), (3, 1), (4, 0)] {
            let mut bytes = bytes(major, "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}");
            bytes[7] = minor;
            let Err(NpyError::Header(reason)) = Header::read(&mut &bytes[..]) else { panic!("{major}.{minor}") };
            assert_eq!(reason, format!("format version {major}.{minor}, expected 1.0, 2.0 or 3.0"));
        }
    }

    #[test]
    fn faults_are_named() {
        assert!(matches!(Header::read(&mut &b"PK\x03\x04"[..]), Err(NpyError::NotAnArray { .. })));
        assert!(refused("[]").contains("not a dictionary"));
        assert!(refused("{'fortran_order': False, 'shape': ()}").contains("`descr` is missing"));
        let shape = |shape: &str| refused(&format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}"));
        assert!(shape("3").contains("`shape` is not a tuple"));
        assert!(shape("(True,)").contains("`shape` is not a tuple"));
        assert!(shape("(4294967296, 4294967296)").contains("beyond the range"));
        assert!(shape("(0, 4294967296, 4294967296)").contains("beyond the range"));
        assert!(shape("(18446744073709551615,)").contains("beyond the range"));
        assert!(refused("{'descr': '<f8', 'fortran_order': 0, 'shape': ()}").contains("fortran_order"));
        assert!(matches!(
            read(1, "{'descr': [('x', '<f8')], 'fortran_order': False, 'shape': ()}"),
            Err(NpyError::Dtype { .. })
        ));
    }

    #[test]
    fn every_cut_is_an_error() {
        let whole = bytes(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}");
        for end in 0..whole.len() {
            assert!(Header::read(&mut &whole[..end]).is_err(), "{end}");
        }
        let mut long = whole.clone();
        long[6] = 2;
        long[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(Header::read(&mut &long[..]), Err(NpyError::Header(_))));
    }
}
