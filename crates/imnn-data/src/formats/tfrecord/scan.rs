//! The small features of a record, found without reading its data.

use std::fs::File;
use std::ops::{Range, RangeInclusive};
use std::os::unix::fs::FileExt;

use super::example::Place;
use super::frame::unreadable;

/// What a record says of itself, as far as it can be told without its data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scanned {
    pub(super) place: Place,
    /// The number of float32 in the data.
    pub(super) len: u64,
}

/// The features that are looked for: the data, and then numbers.
const NAMES: [&[u8]; 4] = [b"data", b"seed", b"derivative", b"parameter"];

/// Looks through the message in these bytes of a file.
///
/// Whatever is found here is compared with the whole message when the record is read.
pub(super) fn scan(file: &File, record: Range<u64>) -> Result<Scanned, String> {
    let mut wire = Wire { file, at: record.start, window: vec![], start: 0 };
    let (mut data, mut numbers, mut others) = (None, [None; 3], vec![]);
    for entry in wire.inner(record, 1..=1)? {
        let (name, value) = (wire.fields(entry.clone(), 1..=1)?.pop(), wire.fields(entry, 2..=2)?.pop());
        let (Some(name), Some(value)) = (name, value) else { continue };
        match wire.name(name.clone())? {
            None if others.len() < SHOWN => others.push(wire.text(name)?),
            None => {}
            // One value of bytes, or a list of floats.
            Some(0) => {
                let values = wire.inner(value, 1..=2)?;
                data = (!values.is_empty()).then(|| values.iter().map(|value| value.end - value.start).sum::<u64>());
            }
            Some(which) => {
                let first = wire.inner(value, 3..=3)?.into_iter().next();
                numbers[which - 1] = first.map(|value| wire.number(value)).transpose()?;
            }
        }
    }
    let len = data.ok_or_else(|| {
        let there = if others.is_empty() { "no other".to_owned() } else { others.join(", ") };
        format!(
            "it has no feature `data` that holds float32 values; it has {there}: write the simulation as `data`, bytes of x.astype('<f4').tobytes(), and its random seed as `seed`, an int64"
        )
    })?;
    if len % 4 != 0 {
        return Err(format!("its feature `data` has {len} bytes, not a multiple of 4, the size of a float32"));
    }
    let [seed, derivative, parameter] = numbers;
    Ok(Scanned { place: Place::new(seed, derivative, parameter)?, len: len / 4 })
}

/// A message in a file, of which a few bytes are in memory.
struct Wire<'a> {
    file: &'a File,
    at: u64,
    window: Vec<u8>,
    start: u64,
}

const WINDOW: u64 = 512;

/// As many names of other features are told.
const SHOWN: usize = 10;
const MALFORMED: &str = "it is not a tf.train.Example: a length in it leads out of the message";

impl Wire<'_> {
    /// Where the values of the fields with these numbers are; every step goes on by a byte at least.
    fn fields(&mut self, message: Range<u64>, numbers: RangeInclusive<u64>) -> Result<Vec<Range<u64>>, String> {
        let (mut found, end) = (vec![], message.end);
        self.at = message.start;
        while self.at < end {
            let tag = self.varint(end)?;
            let start = self.at;
            let value = match tag & 7 {
                0 => {
                    self.varint(end)?;
                    start..self.at
                }
                1 => start..start.saturating_add(8),
                2 => {
                    let len = self.varint(end)?;
                    self.at..self.at.saturating_add(len)
                }
                5 => start..start.saturating_add(4),
                _ => return Err("it is not a tf.train.Example: a field of an unknown kind".to_owned()),
            };
            if value.end > end {
                return Err(MALFORMED.to_owned());
            }
            self.at = value.end;
            if numbers.contains(&(tag >> 3)) {
                found.push(value);
            }
        }
        Ok(found)
    }

    /// Where the values of the first field are in the messages that fields with these numbers hold.
    fn inner(&mut self, message: Range<u64>, numbers: RangeInclusive<u64>) -> Result<Vec<Range<u64>>, String> {
        let mut found = vec![];
        for message in self.fields(message, numbers)? {
            found.append(&mut self.fields(message, 1..=1)?);
        }
        Ok(found)
    }

    /// Which of [`NAMES`] it is.
    fn name(&mut self, value: Range<u64>) -> Result<Option<usize>, String> {
        if value.end - value.start > 16 {
            return Ok(None);
        }
        self.at = value.start;
        let name = (value.start..value.end).map(|_| self.byte(value.end)).collect::<Result<Vec<u8>, _>>()?;
        Ok(NAMES.iter().position(|known| *known == name))
    }

    /// The beginning of a text.
    fn text(&mut self, value: Range<u64>) -> Result<String, String> {
        self.at = value.start;
        let bytes = (value.start..value.end.min(value.start + 40)).map(|_| self.byte(value.end));
        let bytes = bytes.collect::<Result<Vec<u8>, _>>()?;
        Ok(format!("`{}`", String::from_utf8_lossy(&bytes).escape_debug()))
    }

    /// The first number of a list of int64.
    fn number(&mut self, value: Range<u64>) -> Result<i64, String> {
        self.at = value.start;
        Ok(self.varint(value.end)? as i64)
    }

    fn varint(&mut self, end: u64) -> Result<u64, String> {
        let mut value = 0;
        for shift in (0..70).step_by(7) {
            let byte = self.byte(end)?;
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err("it is not a tf.train.Example: a number of more than 64 bits".to_owned())
    }

    fn byte(&mut self, end: u64) -> Result<u8, String> {
        if self.at >= end {
            return Err(MALFORMED.to_owned());
        }
        if !(self.start..self.start + self.window.len() as u64).contains(&self.at) {
            // The whole record is in the file, so that these bytes are there.
            self.window.resize(WINDOW.min(end - self.at) as usize, 0);
            self.file.read_exact_at(&mut self.window, self.at).map_err(|error| unreadable(&error))?;
            self.start = self.at;
        }
        let byte = self.window[(self.at - self.start) as usize];
        self.at += 1;
        Ok(byte)
    }
}
