//! The format npz of numpy: a zip archive of npy files.

use super::{Archive, Entry};
use imnn_sim::Real;
use ndarray::{ArrayD, ArrayViewD, IxDyn, ShapeBuilder};
use ndarray_npy::{NpzWriter, WriteNpzError};
use std::io::{Cursor, Read};
use zip::ZipArchive;

/// The bytes of an uncompressed archive with these arrays.
pub(super) fn encode<E: Real>(entries: &[Entry<'_, E>]) -> Result<Vec<u8>, String> {
    let mut writer = NpzWriter::new(Cursor::new(Vec::new()));
    for (name, shape, values) in entries {
        let values = values.iter().map(|v| v.f64());
        if E::NAME == f32::NAME {
            // f32 passes through f64 unchanged.
            let values: Vec<f32> = values.map(|v| v as f32).collect();
            add(&mut writer, name, shape, &values)?;
        } else {
            add(&mut writer, name, shape, &values.collect::<Vec<f64>>())?;
        }
    }
    Ok(writer.finish().map_err(|error| error.to_string())?.into_inner())
}

fn add<T: ndarray_npy::WritableElement>(
    writer: &mut NpzWriter<Cursor<Vec<u8>>>,
    name: &str,
    shape: &[usize],
    values: &[T],
) -> Result<(), String> {
    let array = ArrayViewD::from_shape(shape, values).map_err(|error| error.to_string())?;
    writer.add_array(name, &array).map_err(|error: WriteNpzError| error.to_string())
}

/// An archive in memory.
pub(super) struct NpzArchive<'a>(ZipArchive<Cursor<&'a [u8]>>);

impl<'a> NpzArchive<'a> {
    /// Reads the list of members.
    pub fn new(bytes: &'a [u8]) -> Result<Self, String> {
        let archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| format!("not an npz file: {error}"))?;
        Ok(NpzArchive(archive))
    }

    /// The header of a member and, where `with_data`, its bytes. No more is read than the header announces.
    fn member(&mut self, name: &str, with_data: bool) -> Result<(Header, Vec<u8>), String> {
        let error = |error: &dyn std::fmt::Display| format!("{name}: {error}");
        let mut member = self.0.by_name(&format!("{name}.npy")).map_err(|e| error(&e))?;
        let header = Header::read(&mut member).map_err(|e| error(&e))?;
        let mut data = Vec::new();
        if with_data {
            let n_bytes = header.n_bytes().ok_or_else(|| error(&"its shape is too large"))?;
            // One byte more tells a file that goes on from one that ends.
            member.take(n_bytes + 1).read_to_end(&mut data).map_err(|e| error(&e))?;
            if data.len() as u64 != n_bytes {
                return Err(format!("{name}: its data have not the {n_bytes} bytes that its header announces"));
            }
        }
        Ok((header, data))
    }
}

impl Archive for NpzArchive<'_> {
    fn names(&self) -> Vec<String> {
        self.0.file_names().map(|name| name.strip_suffix(".npy").unwrap_or(name).to_string()).collect()
    }

    fn shape(&mut self, name: &str) -> Result<Vec<usize>, String> {
        Ok(self.member(name, false)?.0.shape)
    }

    fn read(&mut self, name: &str) -> Result<Vec<f64>, String> {
        let (header, bytes) = self.member(name, true)?;
        let (single, _) = bytes.as_chunks::<4>();
        let (double, _) = bytes.as_chunks::<8>();
        let values: Vec<f64> = match (header.double, header.big_endian) {
            (false, false) => single.iter().map(|b| f32::from_le_bytes(*b).into()).collect(),
            (false, true) => single.iter().map(|b| f32::from_be_bytes(*b).into()).collect(),
            (true, false) => double.iter().map(|b| f64::from_le_bytes(*b)).collect(),
            (true, true) => double.iter().map(|b| f64::from_be_bytes(*b)).collect(),
        };
        if !header.fortran_order {
            return Ok(values);
        }
        let shape = IxDyn(&header.shape).set_f(true);
        let array = ArrayD::from_shape_vec(shape, values).map_err(|error| format!("{name}: {error}"))?;
        Ok(array.iter().copied().collect())
    }
}

/// What the header of an npy file says.
#[derive(Debug, PartialEq)]
pub(super) struct Header {
    pub double: bool,
    pub big_endian: bool,
    pub fortran_order: bool,
    pub shape: Vec<usize>,
}

impl Header {
    /// Headers of weights are short; a longer one is not numpy's.
    const MAX_LEN: usize = 1 << 16;

    pub fn read(file: &mut impl Read) -> Result<Self, String> {
        let mut take = |n: usize| -> Result<Vec<u8>, String> {
            let mut bytes = vec![0; n];
            file.read_exact(&mut bytes).map_err(|error| format!("cannot read its npy header: {error}"))?;
            Ok(bytes)
        };
        let start = take(8)?;
        if &start[..6] != b"\x93NUMPY" {
            return Err("it is not in npy format".into());
        }
        let n_bytes = if start[6] == 1 { 2 } else { 4 };
        let len = take(n_bytes)?.iter().rev().fold(0, |len, &byte| len << 8 | usize::from(byte));
        if len > Self::MAX_LEN {
            return Err(format!("its npy header has {len} bytes"));
        }
        let text = String::from_utf8(take(len)?).map_err(|_| "its npy header is not text")?;
        Self::parse(&text).ok_or_else(|| {
            format!("expected float32 or float64, found the npy header {:?}", imnn_io::text::shortened(text.trim()))
        })
    }

    /// Reads `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }`.
    pub fn parse(text: &str) -> Option<Self> {
        let value = |key: &str| {
            let (_, rest) = text.split_once(&format!("'{key}':"))?;
            Some(rest.trim_start())
        };
        let descr = value("descr")?.strip_prefix('\'')?.split_once('\'')?.0;
        let (big_endian, double) = match descr {
            "<f4" => (false, false),
            "<f8" => (false, true),
            ">f4" => (true, false),
            ">f8" => (true, true),
            _ => return None,
        };
        let fortran_order = match value("fortran_order")? {
            text if text.starts_with("True") => true,
            text if text.starts_with("False") => false,
            _ => return None,
        };
        let inner = value("shape")?.strip_prefix('(')?.split_once(')')?.0;
        let sizes = inner.split(',').map(str::trim).filter(|size| !size.is_empty());
        let shape = sizes.map(|size| size.parse().ok()).collect::<Option<_>>()?;
        Some(Header { double, big_endian, fortran_order, shape })
    }

    pub fn n_bytes(&self) -> Option<u64> {
        let size = crate::layout::checked_size(&self.shape)?.checked_mul(if self.double { 8 } else { 4 })?;
        // Room for the byte that tells whether the file goes on.
        u64::try_from(size).ok().filter(|&size| size < u64::MAX)
    }
}
