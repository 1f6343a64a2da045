//! Writes arrays as datasets of a new file.
//!
//! The file is of the format of HDF5 1.10 (superblock 2, layout 4), all lengths and addresses of eight bytes. Datasets are
//! chunked by rows; each chunk has a checksum (fletcher32), before which it is packed by shuffle and gzip where that is
//! asked for. Chunks are written as they are filled; what describes them follows, and the superblock comes last.

use std::collections::BTreeMap;
use std::io::{Seek, SeekFrom, Write};

use imnn_io::npy::write_values;
use num_traits::Float;

use crate::bytes::lookup3;
use crate::codecs::{fletcher32, shuffle};
use crate::header::about;
use crate::{Hdf5Error, MAGIC};

/// How a dataset is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The level of gzip compression, 1 to 9; without it, as by default, data are not compressed.
    pub gzip: Option<u8>,
    /// The bytes of a chunk, roughly; 1 MiB by default, and one row at least.
    pub chunk: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { gzip: None, chunk: 1 << 20 }
    }
}

/// A file that is being written, one dataset after the other, in bounded memory.
#[derive(Debug)]
pub struct Writer<W> {
    to: W,
    /// Where the next bytes go.
    at: u64,
    root: Group,
    open: Option<Open>,
}

/// The datasets and groups of a group by name.
type Group = BTreeMap<String, Node>;

#[derive(Debug)]
enum Node {
    /// Where the header of a dataset is.
    Dataset(u64),
    Group(Group),
}

/// The dataset that is being written.
#[derive(Debug)]
struct Open {
    key: String,
    /// The bytes of an element.
    size: usize,
    shape: Vec<usize>,
    /// The rows of a chunk, and its bytes: 0 where there are no chunks.
    rows: usize,
    chunk: usize,
    gzip: Option<u8>,
    /// Bytes that do not fill a chunk yet.
    pending: Vec<u8>,
    /// The place and length of each chunk.
    chunks: Vec<(u64, u64)>,
    /// The elements that are still to come.
    left: usize,
}

/// An address of nothing.
const UNDEFINED: u64 = u64::MAX;

const SUPERBLOCK: u64 = 48;

impl<W: Write + Seek> Writer<W> {
    /// A file without datasets; `to` is empty.
    pub fn new(to: W) -> Self {
        Self { to, at: 0, root: Group::new(), open: None }
    }

    /// Ends the dataset before, if there is one, and begins another, of elements `E`; groups such as `train` in `train/x`
    /// are made.
    ///
    /// # Errors
    /// If the name is empty or used already, values of the dataset before are missing, or the disk is full.
    pub fn begin<E: Float>(&mut self, key: &str, shape: &[usize], options: Options) -> Result<(), Hdf5Error> {
        self.end_dataset()?;
        self.start()?;
        let mut taken = key.split('/').any(str::is_empty);
        let mut group = Some(&self.root);
        for name in key.split('/') {
            group = match group.and_then(|group| group.get(name)) {
                Some(Node::Group(inner)) => Some(inner),
                Some(Node::Dataset(_)) => {
                    taken = true;
                    None
                }
                None => None,
            };
        }
        if taken || group.is_some() {
            return Err(refused(key, "each dataset needs a name of its own".to_owned()));
        }
        let size = size_of::<E>();
        let row = shape.iter().skip(1).product::<usize>() * size;
        let rows = (options.chunk / row.max(1)).clamp(1, shape.first().copied().unwrap_or(1).max(1));
        let left = shape.iter().product();
        // A single number is stored as it is, and so is nothing.
        let chunk = if shape.is_empty() || left == 0 { 0 } else { rows * row };
        let (key, shape, gzip) = (key.to_owned(), shape.to_vec(), options.gzip.map(|level| level.clamp(1, 9)));
        self.open = Some(Open { key, size, shape, rows, chunk, gzip, pending: vec![], chunks: vec![], left });
        Ok(())
    }

    /// Writes the next values of the dataset, row-major.
    ///
    /// # Errors
    /// If there are more than its shape has, they are of another type, or the disk is full.
    pub fn write<E: Float>(&mut self, values: &[E]) -> Result<(), Hdf5Error> {
        let Some(mut open) = self.open.take() else {
            return Err(refused("", "begin a dataset before its values".to_owned()));
        };
        if open.size != size_of::<E>() || values.len() > open.left {
            return Err(open.wrong());
        }
        open.left -= values.len();
        write_values(values, &mut open.pending)?;
        while open.pending.len() >= open.chunk && open.chunk > 0 {
            let rest = open.pending.split_off(open.chunk);
            let chunk = std::mem::replace(&mut open.pending, rest);
            self.chunk(&mut open, chunk)?;
        }
        self.open = Some(open);
        Ok(())
    }

    /// Ends the file and gives back what it was written into, flushed.
    ///
    /// # Errors
    /// If values of the last dataset are missing, or the disk is full.
    pub fn finish(mut self) -> Result<W, Hdf5Error> {
        self.end_dataset()?;
        self.start()?;
        let root = std::mem::take(&mut self.root);
        let root = self.group(&root)?;
        let mut block = MAGIC.to_vec();
        // Version, the bytes of addresses and lengths, and flags.
        block.extend([2, 8, 8, 0]);
        for address in [0, UNDEFINED, self.at, root] {
            block.extend(address.to_le_bytes());
        }
        self.to.seek(SeekFrom::Start(0))?;
        self.to.write_all(&checked(block))?;
        self.to.flush()?;
        Ok(self.to)
    }

    /// Leaves room for the superblock.
    fn start(&mut self) -> Result<(), Hdf5Error> {
        if self.at == 0 {
            self.put(&[0; SUPERBLOCK as usize])?;
        }
        Ok(())
    }

    /// Writes bytes and says where they are.
    fn put(&mut self, bytes: &[u8]) -> Result<u64, Hdf5Error> {
        let at = self.at;
        self.to.write_all(bytes)?;
        self.at += bytes.len() as u64;
        Ok(at)
    }

    fn chunk(&mut self, open: &mut Open, mut bytes: Vec<u8>) -> Result<(), Hdf5Error> {
        if let Some(level) = open.gzip {
            let mut zlib = flate2::write::ZlibEncoder::new(vec![], flate2::Compression::new(level.into()));
            zlib.write_all(&shuffle(&bytes, open.size))?;
            bytes = zlib.finish()?;
        }
        bytes.extend(fletcher32(&bytes).to_le_bytes());
        open.chunks.push((self.put(&bytes)?, bytes.len() as u64));
        Ok(())
    }

    fn end_dataset(&mut self) -> Result<(), Hdf5Error> {
        let Some(mut open) = self.open.take() else { return Ok(()) };
        if open.left > 0 {
            return Err(open.wrong());
        }
        let chunked = open.chunk > 0;
        let layout = if chunked {
            let mut last = std::mem::take(&mut open.pending);
            if !last.is_empty() {
                last.resize(open.chunk, 0);
                self.chunk(&mut open, last)?;
            }
            let index = self.index(&open)?;
            open.chunked(index)
        } else {
            let len = open.pending.len() as u64;
            let at = if len > 0 { self.put(&open.pending)? } else { UNDEFINED };
            [&[3, 1][..], &at.to_le_bytes(), &len.to_le_bytes()].concat()
        };
        let mut messages = vec![
            (about::DATASPACE, open.dataspace()),
            (about::DATATYPE, open.datatype()),
            // The fill value is the default one, and written where it is needed; nothing is left unwritten here.
            (about::FILL, vec![3, if chunked { 0x0b } else { 0x0a }]),
            (about::LAYOUT, layout),
        ];
        if chunked {
            messages.push((about::FILTERS, open.filters()));
        }
        let at = self.object(&messages)?;
        let mut names: Vec<&str> = open.key.split('/').collect();
        let name = names.pop().unwrap_or_default().to_owned();
        let mut group = &mut self.root;
        for name in names {
            // `begin` has seen that no dataset of this name is in the way.
            let Node::Group(inner) = group.entry(name.to_owned()).or_insert_with(|| Node::Group(Group::new())) else {
                return Err(refused(&open.key, "each dataset needs a name of its own".to_owned()));
            };
            group = inner;
        }
        group.insert(name, Node::Dataset(at));
        Ok(())
    }

    /// Writes the list of chunks: a fixed array, its block of elements and then its header.
    fn index(&mut self, open: &Open) -> Result<u64, Hdf5Error> {
        let n = open.chunks.len() as u64;
        let header_len = 28;
        let len_bytes = open.length_bytes();
        let mut block = b"FADB\x00\x01".to_vec();
        let entry = 8 + len_bytes + 4;
        let block_len = 4 + 2 + 8 + n * entry as u64 + 4;
        let header = self.at + block_len;
        block.extend(header.to_le_bytes());
        for (at, len) in &open.chunks {
            block.extend(at.to_le_bytes());
            block.extend(&len.to_le_bytes()[..len_bytes]);
            // No filter is left out.
            block.extend([0; 4]);
        }
        let at = self.put(&checked(block))?;
        // Arrays of up to 2^bits elements have no pages.
        let bits = (n.next_power_of_two().ilog2() as u8).max(10);
        let mut block = b"FAHD\x00\x01".to_vec();
        block.extend([entry as u8, bits]);
        block.extend(n.to_le_bytes());
        block.extend(at.to_le_bytes());
        debug_assert_eq!(block.len() + 4, header_len);
        self.put(&checked(block))
    }

    /// Writes the header of a group after those of the groups in it.
    fn group(&mut self, group: &Group) -> Result<u64, Hdf5Error> {
        // Neither heap nor index: all links are in the header.
        let none = [&[0, 0][..], &UNDEFINED.to_le_bytes(), &UNDEFINED.to_le_bytes()].concat();
        let mut messages = vec![(about::LINK_INFO, none), (about::GROUP_INFO, vec![0, 0])];
        for (name, node) in group {
            let at = match node {
                Node::Dataset(at) => *at,
                Node::Group(inner) => self.group(inner)?,
            };
            // A hard link, its name in UTF-8 with a length of two bytes.
            let Ok(len) = u16::try_from(name.len()) else {
                return Err(refused(name, "the name is too long".to_owned()));
            };
            let link = [&[1, 0x11, 1][..], &len.to_le_bytes(), name.as_bytes(), &at.to_le_bytes()].concat();
            messages.push((about::LINK, link));
        }
        self.object(&messages)
    }

    fn object(&mut self, messages: &[(u16, Vec<u8>)]) -> Result<u64, Hdf5Error> {
        let len: usize = messages.iter().map(|(_, body)| 4 + body.len()).sum();
        let mut block = b"OHDR\x02\x02".to_vec();
        block.extend((len as u32).to_le_bytes());
        for (kind, body) in messages {
            block.push(*kind as u8);
            block.extend((body.len() as u16).to_le_bytes());
            block.push(0);
            block.extend(body);
        }
        self.put(&checked(block))
    }
}

impl Open {
    fn wrong(&self) -> Hdf5Error {
        let reason = format!("its values are not those of shape {:?} with {} bytes each", self.shape, self.size);
        refused(&self.key, reason)
    }

    fn dataspace(&self) -> Vec<u8> {
        let mut body = vec![2, self.shape.len() as u8, 0, u8::from(!self.shape.is_empty())];
        self.shape.iter().for_each(|axis| body.extend((*axis as u64).to_le_bytes()));
        body
    }

    /// IEEE 754, little-endian: the size, then the places and lengths of exponent and mantissa, and the exponent's bias.
    fn datatype(&self) -> Vec<u8> {
        match self.size {
            4 => vec![0x11, 0x20, 31, 0, 4, 0, 0, 0, 0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0],
            _ => vec![0x11, 0x20, 63, 0, 8, 0, 0, 0, 0, 0, 64, 0, 52, 11, 0, 52, 255, 3, 0, 0],
        }
    }

    /// Chunks in a fixed array whose header is at `index`.
    fn chunked(&self, index: u64) -> Vec<u8> {
        let mut body = vec![4, 2, 0, self.shape.len() as u8 + 1, 8];
        let chunk = [&[self.rows], &self.shape[1..], &[self.size]].concat();
        chunk.iter().for_each(|axis| body.extend((*axis as u64).to_le_bytes()));
        let bits = (self.chunks.len().next_power_of_two().ilog2() as u8).max(10);
        body.extend([3, bits]);
        body.extend(index.to_le_bytes());
        body
    }

    fn filters(&self) -> Vec<u8> {
        let filter = |id: u16, value: Option<u32>| {
            let mut body = [id, 0, u16::from(value.is_some())].map(u16::to_le_bytes).concat();
            value.iter().for_each(|value| body.extend(value.to_le_bytes()));
            body
        };
        let mut filters = vec![];
        if let Some(level) = self.gzip {
            filters.extend([filter(2, Some(self.size as u32)), filter(1, Some(level.into()))]);
        }
        filters.push(filter(3, None));
        [&[2, filters.len() as u8][..], &filters.concat()].concat()
    }

    /// The bytes in which the length of a stored chunk is written.
    fn length_bytes(&self) -> usize {
        (1 + (self.chunk.ilog2() as usize + 8) / 8).min(8)
    }
}

/// A block with its checksum.
fn checked(mut block: Vec<u8>) -> Vec<u8> {
    block.extend(lookup3(&block).to_le_bytes());
    block
}

fn refused(key: &str, reason: String) -> Hdf5Error {
    Hdf5Error::Write { key: key.to_owned(), reason }
}
