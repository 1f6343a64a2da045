//! The directory of an uncompressed `.npz` archive: keys, types and shapes.

use std::collections::BTreeSet;

/// One array of an archive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    pub key: String,
    /// numpy's name of the type, such as `float64`.
    pub kind: String,
    pub shape: Vec<usize>,
}

/// All arrays of an archive, each checked to hold as many bytes as its shape says.
pub fn members(bytes: &[u8]) -> Result<BTreeSet<Member>, String> {
    let mut found = BTreeSet::new();
    let mut rest = bytes;
    // Local headers: signature, method at 8, sizes at 18 and 22, lengths of the name and the extra field at 26 and 28.
    while rest.starts_with(b"PK\x03\x04") {
        if number(rest, 8, 2)? != 0 {
            return Err("the archive is compressed".into());
        }
        let name_end = 30 + number(rest, 26, 2)?;
        let data = name_end + number(rest, 28, 2)?;
        let name = String::from_utf8_lossy(slice(rest, 30, name_end)?).into_owned();
        // A zip64 extra field: identifier, length, uncompressed size.
        let size = match number(rest, 22, 4)? {
            0xFFFF_FFFF => number(rest, name_end + 4, 8)?,
            size => size,
        };
        let end = data.checked_add(size).ok_or("a size is out of range")?;
        let key = name.strip_suffix(".npy").ok_or_else(|| format!("{name} is not an npy file"))?;
        let member = describe(key, slice(rest, data, end)?).map_err(|error| format!("{key}: {error}"))?;
        found.insert(member);
        rest = &rest[end..];
    }
    // The central directory follows the last file.
    if rest.starts_with(b"PK\x01\x02") { Ok(found) } else { Err("not a complete zip archive".into()) }
}

fn describe(key: &str, npy: &[u8]) -> Result<Member, String> {
    if !npy.starts_with(b"\x93NUMPY\x01\x00") {
        return Err("not an npy file of version 1.0".into());
    }
    let data = 10 + number(npy, 8, 2)?;
    let header = String::from_utf8_lossy(slice(npy, 10, data)?).into_owned();
    let (kind, width) = [("<f8", "float64", 8), ("<f4", "float32", 4), ("<i8", "int64", 8)]
        .iter()
        .find(|(code, _, _)| header.contains(&format!("'descr': '{code}'")))
        .map(|&(_, kind, width)| (kind, width))
        .ok_or_else(|| format!("unexpected type in {header}"))?;
    let inside = header.split_once('(').and_then(|(_, rest)| rest.split_once(')')).ok_or("no shape in the header")?.0;
    let sizes = inside.split(',').map(str::trim).filter(|size| !size.is_empty());
    let shape: Vec<usize> =
        sizes.map(|size| size.parse().map_err(|_| format!("shape ({inside})"))).collect::<Result<_, _>>()?;
    let expected = shape.iter().product::<usize>() * width;
    if npy.len() - data != expected {
        return Err(format!("{} bytes of data, expected {expected}", npy.len() - data));
    }
    Ok(Member { key: key.into(), kind: kind.into(), shape })
}

/// A little-endian number.
fn number(bytes: &[u8], at: usize, width: usize) -> Result<usize, String> {
    Ok(slice(bytes, at, at + width)?.iter().rev().fold(0, |number, &byte| number << 8 | byte as usize))
}

fn slice(bytes: &[u8], start: usize, end: usize) -> Result<&[u8], String> {
    bytes.get(start..end).ok_or_else(|| format!("ends after {} bytes, before {end}", bytes.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(npy: &[u8]) -> Vec<u8> {
        let mut bytes = b"PK\x03\x04".to_vec();
        bytes.resize(18, 0);
        bytes.extend((npy.len() as u32).to_le_bytes());
        bytes.extend((npy.len() as u32).to_le_bytes());
        bytes.extend(5_u16.to_le_bytes());
        bytes.extend(0_u16.to_le_bytes());
        bytes.extend(b"x.npy");
        bytes.extend(npy);
        bytes.extend(b"PK\x01\x02");
        bytes
    }

    fn npy(header: &str, n_bytes: usize) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.resize(bytes.len() + n_bytes, 0);
        bytes
    }

    #[test]
    fn shapes_and_types_are_read() {
        for (shape, expected, n_bytes) in [("(3, 2)", vec![3, 2], 24), ("(4,)", vec![4], 16), ("()", vec![], 4)] {
            let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
            let found = members(&archive(&npy(&header, n_bytes))).unwrap();
            let member = Member { key: "x".into(), kind: "float32".into(), shape: expected };
            assert_eq!(found, BTreeSet::from([member]));
        }
    }

    #[test]
    fn truncation_is_noticed() {
        let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }";
        let whole = archive(&npy(header, 24));
        assert!(members(&whole).is_ok());
        for length in 0..whole.len() {
            assert!(members(&whole[..length]).is_err(), "{length}");
        }
        let error = members(&archive(&npy(header, 16))).unwrap_err();
        assert_eq!(error, "x: 16 bytes of data, expected 24");
    }
}
