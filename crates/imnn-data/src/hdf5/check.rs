//! Whether a dataset can be read at all, before the library reads any of it.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use hdf5_metno::Dataset;
use hdf5_metno::filters::Filter;
use hdf5_metno::plist::dataset_create::Layout;
use hdf5_metno::types::{FloatSize, IntSize, TypeDescriptor};

/// How the elements of a dataset are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    F32,
    F64,
    I64,
    U64,
}

/// The type of the elements: how to read them, their bytes, and their name.
///
/// # Errors
/// What to do about a type that is no real number.
pub(super) fn element(dataset: &Dataset) -> Result<(Element, usize, String), String> {
    let dtype = dataset.dtype().map_err(|error| format!("its type cannot be read: {error}"))?;
    let descriptor = dtype.to_descriptor().map_err(|error| {
        format!("cannot read its elements as real numbers ({error}); save it as x.astype(np.float64)")
    })?;
    let size = descriptor.size();
    let (element, letter) = match &descriptor {
        TypeDescriptor::Float(FloatSize::U4) => (Element::F32, 'f'),
        TypeDescriptor::Float(FloatSize::U8) => (Element::F64, 'f'),
        TypeDescriptor::Integer(IntSize::U1 | IntSize::U2 | IntSize::U4 | IntSize::U8) => (Element::I64, 'i'),
        TypeDescriptor::Unsigned(IntSize::U1 | IntSize::U2 | IntSize::U4 | IntSize::U8) => (Element::U64, 'u'),
        other => {
            return Err(format!(
                "cannot read elements of type {other} as real numbers: float32, float64 and integers can be read; save it as x.astype(np.float64)"
            ));
        }
    };
    // The descriptor does not say more than the size; a type with other bits in it is none of these.
    if dtype.size() != size {
        return Err(format!("its elements have {} bytes in place of {size}", dtype.size()));
    }
    Ok((element, size, format!("{letter}{size}")))
}

/// How much more the data can be than the file, at most.
const GZIP: u64 = 1032;
const OTHER: u64 = 1 << 16;

/// Checks that all of a dataset is in the file, as far as can be told without reading it.
///
/// # Errors
/// What is wrong with it.
pub(super) fn storage(dataset: &Dataset, file: &Path, shape: &[usize], size: usize) -> Result<(), String> {
    let refuse = |error: hdf5_metno::Error| format!("its description cannot be read: {error}");
    let plist = dataset.dcpl().map_err(refuse)?;
    if !plist.get_external().map_err(refuse)?.is_empty() {
        return Err("its data are in other files; copy it with h5repack".to_owned());
    }
    let len = shape.iter().try_fold(size as u64, |len, &axis| len.checked_mul(axis as u64));
    let len = len.filter(|&len| isize::try_from(len).is_ok());
    let len = len.ok_or("its size is beyond the range of this machine")?;
    let in_file = std::fs::metadata(file).map_err(|error| error.to_string())?.len();
    let filters = plist.get_filters().map_err(|error| format!("its filters cannot be read: {error}"))?;
    let at_most = filters.iter().try_fold(1_u64, |ratio, filter| match filter {
        Filter::Shuffle | Filter::Fletcher32 => Ok(ratio),
        Filter::Deflate(_) => Ok(ratio.max(GZIP)),
        Filter::LZF | Filter::Blosc(..) => Ok(ratio.max(OTHER)),
        other => Err(format!(
            "is compressed by {other:?}, which cannot be read; gzip, LZF and Blosc can: rewrite it with h5repack -f GZIP=4"
        )),
    })?;
    if len > in_file.saturating_mul(at_most) {
        return Err(format!(
            "truncated or damaged: its shape needs {len} bytes, which a file of {in_file} bytes cannot hold"
        ));
    }
    match plist.get_layout().map_err(refuse)? {
        Layout::Virtual => {
            Err("is a virtual dataset, a view of others; copy it with f.create_dataset('x', data=v[:])".to_owned())
        }
        Layout::Chunked => chunks(dataset, file, shape, size, &filters),
        Layout::Compact | Layout::Contiguous => {
            let stored = dataset.storage_size();
            if stored < len {
                return Err(format!("only {stored} of {len} bytes were ever written; write it again"));
            }
            Ok(())
        }
    }
}

/// Checks that all chunks are there, and what the Blosc library would believe of them.
fn chunks(dataset: &Dataset, file: &Path, shape: &[usize], size: usize, filters: &[Filter]) -> Result<(), String> {
    let chunk = dataset.chunk().filter(|chunk| chunk.len() == shape.len() && chunk.iter().all(|&axis| axis > 0));
    let chunk = chunk.ok_or("the shape of its chunks makes no sense")?;
    let bytes = chunk.iter().try_fold(size as u64, |len, &axis| len.checked_mul(axis as u64));
    let bytes = bytes.filter(|&bytes| bytes < 1 << 32).ok_or("its chunks are larger than 4 GiB")?;
    let expected = shape.iter().zip(&chunk).map(|(axis, chunk)| axis.div_ceil(*chunk) as u64).product::<u64>();
    let there = dataset.num_chunks().ok_or("its chunks cannot be counted")? as u64;
    if there != expected {
        return Err(format!(
            "{there} of {expected} chunks were ever written, the others would be made up by the library; write it again"
        ));
    }
    // A chunk of many bytes without a filter is in the file as it is.
    let blosc = filters.iter().position(|filter| matches!(filter, Filter::Blosc(..)));
    let Some(blosc) = blosc else { return Ok(()) };
    let opened = File::open(file).map_err(|error| error.to_string())?;
    for number in 0..there {
        let info = dataset.chunk_info(number as usize).ok_or("its chunks cannot be found")?;
        if info.filter_mask & (1 << blosc) != 0 {
            continue;
        }
        let mut head = [0; 16];
        opened.read_exact_at(&mut head, info.addr).map_err(|error| format!("a chunk is not in the file: {error}"))?;
        let word = |at: usize| u64::from(u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]));
        let (unpacked, block, packed) = (word(4), word(8), word(12));
        // Behind Blosc there may be a checksum of four bytes.
        let behind = 4 * filters[blosc + 1..].iter().filter(|filter| **filter == Filter::Fletcher32).count() as u64;
        if unpacked != bytes || packed + behind != info.size || block > unpacked {
            return Err(format!("the chunk at byte {} is damaged; write or copy the file again", info.addr));
        }
    }
    Ok(())
}
