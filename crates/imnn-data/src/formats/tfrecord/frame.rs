//! The frame around each record: its length and two checksums.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;

/// The bytes before the data: length and checksum.
pub(super) const HEAD: u64 = 12;
/// The bytes behind the data: the checksum.
pub(super) const TAIL: u64 = 4;

/// The checksum as it is stored.
pub(super) fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The length of the data of the record at `offset` in a file of `end` bytes, or what is wrong with it.
pub(super) fn length(file: &File, offset: u64, end: u64) -> Result<u64, String> {
    let left = end.saturating_sub(offset);
    if left < HEAD {
        return Err(format!("the file ends {left} bytes into a record; it was cut short, write or copy it again"));
    }
    let mut head = [0; HEAD as usize];
    file.read_exact_at(&mut head, offset).map_err(|error| unreadable(&error))?;
    let len = checked_length(&head, offset)?;
    // A length that passed its checksum is believed, but never beyond the end of the file.
    if len > left - HEAD - TAIL.min(left - HEAD) {
        return Err(format!(
            "the record has {len} bytes of data, and the file ends {} bytes behind its start; it was cut short, write or copy it again",
            left
        ));
    }
    Ok(len)
}

fn checked_length(head: &[u8; HEAD as usize], offset: u64) -> Result<u64, String> {
    let [a, b, c, d, e, f, g, h, checksum @ ..] = *head;
    if masked_crc(&head[..8]) == u32::from_le_bytes(checksum) {
        return Ok(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
    }
    let advice = match offset {
        0 => "this is not a TFRecord file, or it is damaged",
        _ => "the file is damaged from here on; write or copy it again",
    };
    Err(format!("the checksum of the record's length is wrong; {advice}"))
}

/// Reads the data of the record at `offset` and compares both checksums.
pub(super) fn data(file: &File, offset: u64, len: u64) -> Result<Vec<u8>, String> {
    let too_long = || format!("a record of {len} bytes is beyond the range of this machine");
    let all = usize::try_from(len + HEAD + TAIL).map_err(|_| too_long())?;
    let mut bytes = vec![];
    bytes.try_reserve_exact(all).map_err(|_| too_long())?;
    bytes.resize(all, 0);
    file.read_exact_at(&mut bytes, offset).map_err(|error| unreadable(&error))?;
    let (head, rest) = bytes.split_at(HEAD as usize);
    let head: &[u8; HEAD as usize] = head.try_into().map_err(|_| too_long())?;
    if checked_length(head, offset)? != len {
        return Err(
            "the record has another length than when the file was opened; do not modify files during a run".into()
        );
    }
    let (data, checksum) = rest.split_at(len as usize);
    if masked_crc(data).to_le_bytes() != checksum {
        return Err("the checksum of the record's data is wrong: the file is damaged, write or copy it again".into());
    }
    bytes.truncate(all - TAIL as usize);
    bytes.drain(..HEAD as usize);
    Ok(bytes)
}

pub(super) fn unreadable(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::UnexpectedEof => "the file ends within the record; it was cut short since it was opened".to_owned(),
        _ => format!("it cannot be read: {error}"),
    }
}

/// A record around `data`.
pub(super) fn framed(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut bytes = Vec::with_capacity(data.len() + 16);
    bytes.extend(length);
    bytes.extend(masked_crc(&length).to_le_bytes());
    bytes.extend(data);
    bytes.extend(masked_crc(data).to_le_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_standard() {
        // RFC 3720, B.4: 32 bytes of zeros.
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(masked_crc(&[0; 32]), 0x8a91_36aa_u32.rotate_right(15).wrapping_add(0xa282_ead8));
        // What TensorFlow writes for an empty record, which is its length and two checksums.
        assert_eq!(framed(&[])[8..], [0x29, 0x03, 0x98, 0x07, 0xd8, 0xea, 0x82, 0xa2]);
    }
}
