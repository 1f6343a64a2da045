//! Where a file starts, and the messages that describe an object: a group or a dataset.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::bytes::{Block, Bytes, Found, lookup3};

pub(crate) fn superblock(file: &File) -> Found<(Bytes<'_>, u64)> {
    let in_file = file.metadata().map_err(|error| format!("cannot be read: {error}"))?.len();
    let mut base = 0;
    // A program may have put bytes of its own before the superblock: 512, or that doubled a few times.
    while base < in_file.min(1 << 24) {
        let mut magic = [0; 8];
        if file.read_exact_at(&mut magic, base).is_ok() && magic == *b"\x89HDF\r\n\x1a\n" {
            break;
        }
        base = (2 * base).max(512);
    }
    let wrong = "not a readable HDF5 file: it does not start as one; if it was copied, copy or write it again";
    let head = in_file.checked_sub(base).filter(|&len| len >= 9).ok_or(wrong)?;
    if base >= 1 << 24 {
        return Err(wrong.to_owned());
    }
    let left = head.saturating_mul(16).saturating_add(1 << 20);
    let mut bytes = Bytes { file, base, len: head, widths: (8, 8), read: RefCell::default(), left: Cell::new(left) };
    let mut block = bytes.block(0, head.min(256))?;
    block.take(8)?;
    let version = block.byte()?;
    match version {
        0 | 1 => {
            block.take(4)?;
        }
        2 | 3 => {}
        _ => {
            return Err(format!(
                "its superblock is of version {version}, of which 0 to 3 are known; copy it with h5repack"
            ));
        }
    }
    let widths = (usize::from(block.byte()?), usize::from(block.byte()?));
    if ![2, 4, 8].contains(&widths.0) || ![2, 4, 8].contains(&widths.1) {
        return Err(format!("damaged: its superblock says that addresses have {} bytes", widths.0));
    }
    bytes.widths = widths;
    block.take(if version < 2 { [9, 13][usize::from(version)] } else { 1 })?;
    block.widths = widths;
    let start = block.set()?;
    block.address()?;
    let end = block.set()?;
    let root = if version < 2 {
        block.address()?;
        block.address()?;
        block.set()?
    } else {
        let root = block.set()?;
        let len = 12 + 4 * widths.0;
        let whole = bytes.block(0, len as u64)?;
        if block.four()? != lookup3(&whole.bytes) {
            return Err("damaged: the checksum of its superblock is wrong; write or copy it again".to_owned());
        }
        root
    };
    let used = 0..(block.bytes.len() - block.left()) as u64;
    bytes.read.replace(vec![used]);
    if start != base {
        return Err(format!("damaged: its superblock is at byte {base} and says {start}"));
    }
    // Some versions count the end from the start of the file, some from the superblock.
    if end > in_file {
        return Err(format!("truncated: {in_file} of {end} bytes are there; copy or write the file again"));
    }
    Ok((bytes, root))
}

/// What a message is about.
pub(crate) mod about {
    pub(crate) const DATASPACE: u16 = 1;
    pub(crate) const LINK_INFO: u16 = 2;
    pub(crate) const DATATYPE: u16 = 3;
    pub(crate) const FILL: u16 = 5;
    pub(crate) const LINK: u16 = 6;
    pub(crate) const EXTERNAL: u16 = 7;
    pub(crate) const LAYOUT: u16 = 8;
    pub(crate) const GROUP_INFO: u16 = 10;
    pub(crate) const FILTERS: u16 = 11;
    pub(crate) const CONTINUED: u16 = 16;
    pub(crate) const SYMBOLS: u16 = 17;
    /// The largest that there is.
    pub(crate) const LAST: u16 = 24;
}

/// A part of the description of an object.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) about: u16,
    /// Whether it is somewhere else, and only named here.
    pub(crate) shared: bool,
    pub(crate) body: Block,
}

#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) at: u64,
    pub(crate) messages: Vec<Message>,
}

/// More messages than any object has; attributes are messages too.
const MANY: usize = 1 << 16;

impl Object {
    pub(crate) fn read(bytes: &Bytes<'_>, at: u64) -> Found<Self> {
        let start = bytes.block(at, 4)?;
        if start.bytes == *b"OHDR" { Self::second(bytes, at) } else { Self::first(bytes, at) }
    }

    /// The only message about something.
    pub(crate) fn one(&self, about: u16) -> Found<Option<&Message>> {
        let mut all = self.messages.iter().filter(|message| message.about == about);
        match (all.next(), all.next()) {
            (one, None) => Ok(one),
            _ => Err(format!("damaged: the object at byte {} is described twice", self.at)),
        }
    }

    pub(crate) fn has(&self, about: u16) -> bool {
        self.messages.iter().any(|message| message.about == about)
    }

    /// Without checksums; messages are aligned.
    fn first(bytes: &Bytes<'_>, at: u64) -> Found<Self> {
        let mut head = bytes.block(at, 16)?;
        let version = head.byte()?;
        if version != 1 || head.byte()? != 0 {
            return Err(format!("damaged: there is no object at byte {at}"));
        }
        let (expected, _, len) = (usize::from(head.two()?), head.four()?, head.four()?);
        let mut messages = vec![];
        let mut parts = vec![(at + 16, u64::from(len))];
        let mut n = 0;
        while let Some((at, len)) = parts.pop() {
            let mut part = bytes.block(at, len)?;
            while part.left() >= 8 && n < expected {
                let (about, len, flags) = (part.two()?, part.two()?, part.byte()?);
                part.take(3)?;
                let body = part.part(usize::from(len))?;
                n += 1;
                Self::keep(about, flags, body, &mut messages, &mut parts)?;
            }
        }
        if n != expected {
            return Err(format!("damaged: the object at byte {at} has {n} messages in place of {expected}"));
        }
        Ok(Self { at, messages })
    }

    /// With checksums.
    fn second(bytes: &Bytes<'_>, at: u64) -> Found<Self> {
        let mut head = bytes.block(at, 6)?;
        head.name(b"OHDR")?;
        head.version(2)?;
        let flags = head.byte()?;
        let times = if flags & 32 == 0 { 0 } else { 16 } + if flags & 16 == 0 { 0 } else { 4 };
        let width = 1 << (flags & 3);
        let mut size = bytes.block(at + 6 + times, width)?;
        let len = size.number(width as usize)?;
        let total = len.saturating_add(6 + times + width + 4);
        let mut part = bytes.checked(at, total, b"OHDR")?;
        part.take(2 + times as usize + width as usize)?;
        let mut messages = vec![];
        let mut parts = vec![];
        loop {
            let head = if flags & 4 == 0 { 4 } else { 6 };
            while part.left() >= head {
                let (about, len, kept) = (u16::from(part.byte()?), part.two()?, part.byte()?);
                part.take(head - 4)?;
                let body = part.part(usize::from(len))?;
                Self::keep(about, kept, body, &mut messages, &mut parts)?;
            }
            let Some((at, len)) = parts.pop() else { return Ok(Self { at, messages }) };
            part = bytes.checked(at, len, b"OCHK")?;
        }
    }

    fn keep(
        about: u16,
        flags: u8,
        mut body: Block,
        messages: &mut Vec<Message>,
        parts: &mut Vec<(u64, u64)>,
    ) -> Found<()> {
        if about == about::CONTINUED {
            parts.push((body.set()?, body.length()?));
        }
        if about > about::LAST || messages.len() > MANY {
            return Err(format!("damaged: the message at byte {} is of no kind that there is", body.at));
        }
        messages.push(Message { about, shared: flags & 2 != 0, body });
        Ok(())
    }
}
