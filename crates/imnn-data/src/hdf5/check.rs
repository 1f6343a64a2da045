//! Whether a dataset can be read at all, before the library reads any of it.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use hdf5_metno::Dataset;
use hdf5_metno::dataset::ChunkInfo;
use hdf5_metno::datatype::ByteOrder;
use hdf5_metno::filters::Filter;
use hdf5_metno::plist::dataset_create::Layout;
use hdf5_metno::types::{FloatSize, IntSize, TypeDescriptor};

use crate::text::unravel;

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
    // The descriptor says no more than the size; the bits may be those of no number that there is. Of the other byte
    // order the library has no type to compare with that could be reached without `unsafe`.
    let standard = match (letter, size) {
        ('f', 4) => dtype.is::<f32>(),
        ('f', _) => dtype.is::<f64>(),
        ('i', 1) => dtype.is::<i8>(),
        ('i', 2) => dtype.is::<i16>(),
        ('i', 4) => dtype.is::<i32>(),
        ('i', _) => dtype.is::<i64>(),
        (_, 1) => dtype.is::<u8>(),
        (_, 2) => dtype.is::<u16>(),
        (_, 4) => dtype.is::<u32>(),
        _ => dtype.is::<u64>(),
    };
    let swapped = if cfg!(target_endian = "little") { ByteOrder::BigEndian } else { ByteOrder::LittleEndian };
    if dtype.size() != size || !(standard || dtype.byte_order() == swapped) {
        return Err(format!("its elements are no {letter}{size} as they should be; save it as x.astype(np.float64)"));
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
    if there > LISTED {
        return Ok(());
    }
    let blosc = filters.iter().position(|filter| matches!(filter, Filter::Blosc(..)));
    let opened = File::open(file).map_err(|error| error.to_string())?;
    let in_file = opened.metadata().map_err(|error| error.to_string())?.len();
    let grid: Vec<usize> = shape.iter().zip(&chunk).map(|(axis, chunk)| axis.div_ceil(*chunk)).collect();
    for number in 0..there as usize {
        let info = dataset.chunk_info(number).ok_or("its chunks cannot be found")?;
        let place = unravel(number, &grid, false);
        let place = place.iter().zip(&chunk).map(|(place, chunk)| (place * chunk) as u64);
        // A chunk that the library does not find where it belongs, it fills with zeros.
        if !place.eq(info.offset.iter().copied()) {
            return Err(format!(
                "its list of chunks is damaged, or in an order that is not read: chunk {number} is at {:?}; copy it with h5repack",
                info.offset
            ));
        }
        stored(&info, in_file, bytes, filters)
            .map_err(|reason| format!("chunk {number} at byte {} {reason}; write or copy the file again", info.addr))?;
        match blosc {
            Some(blosc) if info.filter_mask & (1 << blosc) == 0 => {
                packed(&opened, &info, bytes, &filters[blosc + 1..])?
            }
            _ => {}
        }
    }
    Ok(())
}

/// The library goes through the list from its start for each chunk; of longer lists only the length is checked.
const LISTED: u64 = 16_384;

/// Checks that a chunk is in the file, and its length where it is not compressed.
fn stored(info: &ChunkInfo, in_file: u64, bytes: u64, filters: &[Filter]) -> Result<(), &'static str> {
    // The library takes a chunk at an address that is not set for one of zeros.
    if info.size == 0 || info.addr.checked_add(info.size).is_none_or(|end| end > in_file) {
        return Err("is not in the file");
    }
    if u64::from(info.filter_mask) >> filters.len() != 0 {
        return Err("leaves out filters that there are not");
    }
    let used = |at: usize| info.filter_mask & (1 << at) == 0;
    let mut used = filters.iter().enumerate().filter(|(at, _)| used(*at)).map(|(_, filter)| filter);
    let checksums = used.clone().filter(|filter| **filter == Filter::Fletcher32).count() as u64;
    let plain = used.all(|filter| matches!(filter, Filter::Shuffle | Filter::Fletcher32));
    if plain && info.size != bytes + 4 * checksums {
        return Err("has another length than its shape needs");
    }
    Ok(())
}

/// Compares what the Blosc library would believe of a chunk with what is known of it.
fn packed(file: &File, info: &ChunkInfo, bytes: u64, behind: &[Filter]) -> Result<(), String> {
    let mut head = [0; 16];
    file.read_exact_at(&mut head, info.addr).map_err(|error| format!("a chunk is not in the file: {error}"))?;
    let word = |at: usize| u64::from(u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]));
    let (unpacked, block, packed) = (word(4), word(8), word(12));
    // Behind Blosc there may be a checksum of four bytes.
    let behind = 4 * behind.iter().filter(|filter| **filter == Filter::Fletcher32).count() as u64;
    if unpacked != bytes || packed + behind != info.size || block > unpacked {
        return Err(format!("the chunk at byte {} is damaged; write or copy the file again", info.addr));
    }
    Ok(())
}
