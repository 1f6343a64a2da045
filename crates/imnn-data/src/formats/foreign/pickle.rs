//! What a Python pickle holds, as far as its first operations tell; nothing of it is run.

use std::collections::HashMap;

/// The bytes that are looked at.
pub(crate) const LOOKED_AT: u64 = 1 << 16;

/// As many operations are looked at.
const OPERATIONS: usize = 1000;

/// A Python object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Object {
    Dict,
    List,
    Array,
    /// A table of pandas.
    Frame,
    Text,
    /// Of a class of this name.
    Of(String),
    Unknown,
}

impl Object {
    /// What messages call it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Dict => "a dict".to_owned(),
            Self::List => "a list".to_owned(),
            Self::Array => "a numpy array".to_owned(),
            Self::Frame => "a table of pandas".to_owned(),
            Self::Text => "text".to_owned(),
            Self::Of(class) => format!("an object of {class}"),
            Self::Unknown => "an object".to_owned(),
        }
    }
}

/// The object that a pickle is.
pub(super) fn object(bytes: &[u8]) -> Object {
    of(&operations(bytes))
}

/// The first item of a pickled array of objects: they are a list, which follows the type of the elements.
pub(super) fn item(bytes: &[u8]) -> Object {
    let operations = operations(bytes);
    let dtype = |operation: &Operation| matches!(operation, Operation::Global(name) if name.ends_with(".dtype"));
    let behind = operations.iter().position(dtype).map_or(&[][..], |at| &operations[at..]);
    let list = behind.iter().position(|operation| *operation == Operation::List);
    list.map_or(Object::Unknown, |at| of(&behind[at + 1..]))
}

fn of(operations: &[Operation]) -> Object {
    match operations.iter().find(|operation| **operation != Operation::Mark) {
        Some(Operation::Dict) => Object::Dict,
        Some(Operation::List) => Object::List,
        Some(Operation::Text(_)) => Object::Text,
        Some(Operation::Global(name)) => match name.as_str() {
            "collections.OrderedDict" | "collections.defaultdict" => Object::Dict,
            name if name.starts_with("pandas.") && name.contains("frame") => Object::Frame,
            name if name.starts_with("numpy.") && !name.ends_with(".scalar") => Object::Array,
            name => Object::Of(imnn_io::text::shortened(name)),
        },
        _ => Object::Unknown,
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Operation {
    Mark,
    Dict,
    List,
    Text(String),
    /// A class or function, with its module.
    Global(String),
    Other,
}

/// The first operations, without those that only keep what they have made; up to one that is not known.
fn operations(mut bytes: &[u8]) -> Vec<Operation> {
    let mut found = vec![];
    // What was kept, to be taken again by its number.
    let mut kept: HashMap<u32, Operation> = HashMap::new();
    while found.len() < OPERATIONS {
        let Some((operation, rest)) = next(bytes) else { break };
        bytes = rest;
        match operation {
            Read::Nothing => {}
            Read::Operation(operation) => found.push(operation),
            Read::Keep(number) => {
                let number = number.unwrap_or(kept.len() as u32);
                kept.extend(found.last().map(|last| (number, last.clone())));
            }
            Read::Again(number) => found.push(kept.get(&number).cloned().unwrap_or(Operation::Other)),
            Read::StackGlobal => match (found.pop(), found.pop()) {
                (Some(Operation::Text(name)), Some(Operation::Text(module))) => {
                    found.push(Operation::Global(format!("{module}.{name}")));
                }
                (name, module) => found.extend([module, name].into_iter().flatten()),
            },
        }
    }
    found
}

enum Read {
    Operation(Operation),
    /// The class whose module and name were read before.
    StackGlobal,
    /// What was read last is kept under a number, or under the next.
    Keep(Option<u32>),
    /// What was kept under a number.
    Again(u32),
    Nothing,
}

/// The operation that bytes start with, and what follows.
fn next(bytes: &[u8]) -> Option<(Read, &[u8])> {
    let (&code, rest) = bytes.split_first()?;
    let skip = |n: usize| rest.get(n..);
    // A length in so many bytes, little endian, and as many bytes.
    let counted = |width: usize| {
        let len = rest.get(..width)?.iter().rev().fold(0usize, |len, &byte| len << 8 | usize::from(byte));
        Some((rest.get(width..width.checked_add(len)?)?, &rest[width + len..]))
    };
    let number =
        |width: usize| Some(rest.get(..width)?.iter().rev().fold(0_u32, |number, &byte| number << 8 | u32::from(byte)));
    let line = |bytes: &'_ [u8]| bytes.iter().position(|&byte| byte == b'\n');
    let text = |bytes: &[u8]| Operation::Text(String::from_utf8_lossy(bytes).into_owned());
    let one = |operation: Operation| Some((Read::Operation(operation), rest));
    match code {
        b'(' => one(Operation::Mark),
        b'}' | b'd' => one(Operation::Dict),
        b']' | b'l' => one(Operation::List),
        0x80 => Some((Read::Nothing, skip(1)?)),
        0x95 => Some((Read::Nothing, skip(8)?)),
        0x94 => Some((Read::Keep(None), rest)),
        b'q' => Some((Read::Keep(Some(number(1)?)), skip(1)?)),
        b'r' => Some((Read::Keep(Some(number(4)?)), skip(4)?)),
        b'h' => Some((Read::Again(number(1)?), skip(1)?)),
        b'j' => Some((Read::Again(number(4)?), skip(4)?)),
        b'p' | b'g' => {
            let end = line(rest)?;
            let number = std::str::from_utf8(&rest[..end]).ok()?.parse().ok()?;
            Some((if code == b'p' { Read::Keep(Some(number)) } else { Read::Again(number) }, &rest[end + 1..]))
        }
        0x93 => Some((Read::StackGlobal, rest)),
        b'c' => {
            let first = line(rest)?;
            let second = first + 1 + line(&rest[first + 1..])?;
            let name = |part: &[u8]| String::from_utf8_lossy(part).into_owned();
            let global = format!("{}.{}", name(&rest[..first]), name(&rest[first + 1..second]));
            Some((Read::Operation(Operation::Global(global)), &rest[second + 1..]))
        }
        0x8c | b'U' => counted(1).map(|(part, rest)| (Read::Operation(text(part)), rest)),
        b'X' | b'T' => counted(4).map(|(part, rest)| (Read::Operation(text(part)), rest)),
        0x8a | b'C' => counted(1).map(|(_, rest)| (Read::Operation(Operation::Other), rest)),
        0x8b | b'B' => counted(4).map(|(_, rest)| (Read::Operation(Operation::Other), rest)),
        0x8d | 0x8e | 0x96 => counted(8).map(|(_, rest)| (Read::Operation(Operation::Other), rest)),
        b'K' | 0x82 => Some((Read::Operation(Operation::Other), skip(1)?)),
        b'M' | 0x83 => Some((Read::Operation(Operation::Other), skip(2)?)),
        b'J' | 0x84 => Some((Read::Operation(Operation::Other), skip(4)?)),
        b'G' => Some((Read::Operation(Operation::Other), skip(8)?)),
        b'F' | b'I' | b'L' | b'S' | b'V' | b'P' => Some((Read::Operation(Operation::Other), skip(line(rest)? + 1)?)),
        b'.' => None,
        b'0'..=b'2' | b'N' | b'Q' | b'R' | b'a' | b'b' | b'e' | b'o' | b's' | b't' | b'u' | b')' => {
            one(Operation::Other)
        }
        0x81 | 0x85..=0x89 | 0x8f..=0x92 | 0x97 | 0x98 => one(Operation::Other),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_named_by_their_first_operations() {
        // pickle.dumps of {}, [], "x", OrderedDict(), protocols 0 to 4.
        for (bytes, expected) in [
            (&b"\x80\x04}\x94."[..], Object::Dict),
            (b"\x80\x02]q\x00.", Object::List),
            (b"\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00\x8c\x01x\x94.", Object::Text),
            (b"\x80\x04\x8c\x0bcollections\x94\x8c\x0bOrderedDict\x94\x93\x94)R\x94.", Object::Dict),
            (b"\x80\x03cnumpy.core.multiarray\n_reconstruct\nq\x00", Object::Array),
            (b"\x80\x04\x8c\x11pandas.core.frame\x94\x8c\tDataFrame\x94\x93\x94", Object::Frame),
            (b"\x80\x02cmine\nBox\nq\x00)\x81", Object::Of("mine.Box".to_owned())),
            (b"(dp0\n", Object::Dict),
            (b"(lp0\n", Object::List),
            (b"", Object::Unknown),
            (b"\x80\x04\xff", Object::Unknown),
        ] {
            assert_eq!(object(bytes), expected, "{}", bytes.escape_ascii());
        }
        // The list behind the type of the elements, whatever is before it.
        let array = b"\x80\x03cnumpy.core.multiarray\n_reconstruct\nq\x00cnumpy\nndarray\nq\x01K\x00\x85q\x02C\x01bq\x03\x87q\x04Rq\x05(K\x01)cnumpy\ndtype\nq\x06X\x02\x00\x00\x00O8q\x07K\x00K\x01\x87q\x08Rq\t(K\x03X\x01\x00\x00\x00|q\nNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tq\x0bb\x89]q\x0c}q\r";
        assert_eq!(item(array), Object::Dict);
        // An array in it is made by the function of the first.
        let again = [&array[..array.len() - 3], b"(h\x00h\x01"].concat();
        assert_eq!(item(&again), Object::Array);
        assert_eq!(item(b"\x80\x03]"), Object::Unknown);
    }

    #[test]
    fn every_cut_and_every_byte_is_answered() {
        let bytes =
            b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xff\x8d\xff\xff\xff\xff\xff\xff\xff\xffX\xff\xff\xff\xffcab\nc";
        for end in 0..bytes.len() {
            let _ = object(&bytes[..end]);
        }
        for byte in 0..=u8::MAX {
            let _ = object(&[byte, byte, b'\n', byte]);
        }
    }
}
