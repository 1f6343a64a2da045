//! The small features of a record, found without reading its data.

use std::fs::File;
use std::ops::Range;
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

/// Looks through the message in these bytes of a file.
///
/// Whatever is found here is compared with the whole message when the record is read.
///
/// # Errors
/// What is wrong with it.
pub(super) fn scan(file: &File, record: Range<u64>) -> Result<Scanned, String> {
    let mut wire = Wire { file, at: record.start, window: vec![], start: 0 };
    let mut found = Found::default();
    wire.fields(record.end, &mut |wire, field, span| match field {
        1 => wire.fields_of(span, &mut |wire, field, span| match field {
            1 => entry(wire, span, &mut found),
            _ => Ok(()),
        }),
        _ => Ok(()),
    })?;
    let len = found.data.ok_or("it has no feature `data` that holds float32 values")?;
    if len % 4 != 0 {
        return Err(format!("its feature `data` has {len} bytes, not a multiple of 4, the size of a float32"));
    }
    let [seed, derivative, parameter] = found.numbers;
    let place = Place::new(seed, derivative, parameter)?;
    Ok(Scanned { place, len: len / 4 })
}

/// The features that are looked for: the data, and then numbers.
const NAMES: [&[u8]; 4] = [b"data", b"seed", b"derivative", b"parameter"];

#[derive(Default)]
struct Found {
    /// The bytes of the data.
    data: Option<u64>,
    numbers: [Option<i64>; 3],
}

/// One name and value of the map of features.
fn entry(wire: &mut Wire<'_>, span: Range<u64>, found: &mut Found) -> Result<(), String> {
    let (mut name, mut value) = (None, None);
    wire.fields_of(span, &mut |wire, field, span| {
        match field {
            1 => name = wire.name(span)?,
            2 => value = Some(span),
            _ => {}
        }
        Ok(())
    })?;
    let (Some(name), Some(value)) = (name, value) else { return Ok(()) };
    match name.checked_sub(1) {
        None => found.data = data(wire, value)?,
        Some(which) => found.numbers[which] = number(wire, value)?,
    }
    Ok(())
}

/// The first number of a list of int64.
fn number(wire: &mut Wire<'_>, value: Range<u64>) -> Result<Option<i64>, String> {
    let mut first = None;
    wire.fields_of(value, &mut |wire, field, list| match field {
        3 => wire.fields_of(list, &mut |wire, field, value| {
            if field == 1 && first.is_none() {
                wire.at = value.start;
                first = Some(wire.varint(value.end)? as i64);
            }
            Ok(())
        }),
        _ => Ok(()),
    })?;
    Ok(first)
}

/// The bytes of the data: those of one value of bytes, or of a list of floats.
fn data(wire: &mut Wire<'_>, value: Range<u64>) -> Result<Option<u64>, String> {
    let mut bytes = None;
    wire.fields_of(value, &mut |wire, field, list| match field {
        1 | 2 => wire.fields_of(list, &mut |_, field, value| {
            if field == 1 {
                bytes = Some(bytes.unwrap_or(0) + value.end - value.start);
            }
            Ok(())
        }),
        _ => Ok(()),
    })?;
    Ok(bytes)
}

/// A message in a file, of which a few bytes are in memory.
struct Wire<'a> {
    file: &'a File,
    at: u64,
    window: Vec<u8>,
    start: u64,
}

/// What is done with a field: its number, and where its value is.
type Visit<'v> = &'v mut dyn FnMut(&mut Wire<'_>, u64, Range<u64>) -> Result<(), String>;

const WINDOW: u64 = 512;
const MALFORMED: &str = "it is not a tf.train.Example: a length in it leads out of the message";

impl Wire<'_> {
    fn fields_of(&mut self, span: Range<u64>, visit: Visit<'_>) -> Result<(), String> {
        self.at = span.start;
        self.fields(span.end, visit)
    }

    /// Visits the fields from here to `end`; every step goes on by a byte at least.
    fn fields(&mut self, end: u64, visit: Visit<'_>) -> Result<(), String> {
        while self.at < end {
            let tag = self.varint(end)?;
            let span = match tag & 7 {
                0 => {
                    let start = self.at;
                    self.varint(end)?;
                    start..self.at
                }
                1 => self.at..self.at.saturating_add(8),
                2 => {
                    let len = self.varint(end)?;
                    self.at..self.at.saturating_add(len)
                }
                5 => self.at..self.at.saturating_add(4),
                _ => return Err("it is not a tf.train.Example: a field of an unknown kind".to_owned()),
            };
            if span.end > end {
                return Err(MALFORMED.to_owned());
            }
            let next = span.end;
            visit(self, tag >> 3, span)?;
            self.at = next;
        }
        Ok(())
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

    /// Which of [`NAMES`] it is.
    fn name(&mut self, span: Range<u64>) -> Result<Option<usize>, String> {
        if span.end - span.start > 16 {
            return Ok(None);
        }
        self.at = span.start;
        let name = (span.start..span.end).map(|_| self.byte(span.end)).collect::<Result<Vec<u8>, _>>()?;
        Ok(NAMES.iter().position(|known| *known == name))
    }
}
