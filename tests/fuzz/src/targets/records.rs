//! TFRecord files.

use crate::check::{file as written, rows, same, text, with_a_bit_changed};
use crate::scratch::{root, scratch};
use crate::target::Answer;
use imnn::data::RowArray;
use imnn::data::tfrecord::{TfRecordOptions, TfRecordWriter, TfRecords};
use std::fs;

/// The names and tags of the messages within a record.
pub(super) const WORDS: &[&str] =
    &["data", "seed", "parameter", "derivative", "\n\x04data", "\x12\x06\n\x04", "\x1a\x03\n\x01", "\u{ff}"];

/// Checksums notice every bit.
pub(super) fn file(data: &[u8]) -> Answer {
    let answer = read(data)?;
    if !data.is_empty() {
        let (changed, at) = with_a_bit_changed(data, data.len());
        assert!(read(&changed).is_err(), "with bit {at} changed it is read all the same");
    }
    Ok(answer)
}

/// What stands between these is a record of its own.
const BETWEEN: &[u8] = b"\n--\n";

/// What is between good checksums may be anything.
pub(super) fn framed(data: &[u8]) -> Answer {
    let (mut framed, mut rest) = (vec![], data);
    while let Some(at) = rest.windows(BETWEEN.len()).position(|bytes| bytes == BETWEEN) {
        framed.extend(frame(&rest[..at]));
        rest = &rest[at + BETWEEN.len()..];
    }
    framed.extend(frame(rest));
    read(&framed)
}

fn read(data: &[u8]) -> Answer {
    let path = written("x.tfrecords", data);
    let (shape, values) = rows(&path.clone().into(), 1 << 18)?;
    let Some(values) = values else { return Ok("large".into()) };
    let records = TfRecords::open(&path.into()).map_err(text)?;
    if records.n_params().is_some() {
        return Ok("sides".into());
    }
    let seeds = RowArray::<f64>::seeds(&records).map(<[u64]>::to_vec);
    let folder = scratch().join("again");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).map_err(text)?;
    let mut writer = TfRecordWriter::new(folder.join("x"), TfRecordOptions::default()).map_err(text)?;
    let len = values.len() / shape[0];
    for (k, row) in values.chunks_exact(len.max(1)).enumerate() {
        let row: Vec<f32> = row.iter().map(|&value| value as f32).collect();
        let seed = seeds.as_ref().map_or(k as u64, |seeds| seeds[k]);
        writer.write(seed, &row).unwrap_or_else(|error| panic!("what was read cannot be written: {error}"));
    }
    writer.finish().map_err(text)?;
    let (again_shape, again) = rows(&folder.join("x_*.tfrecords").into(), 1 << 18)
        .unwrap_or_else(|error| panic!("what was written is refused: {error}"));
    assert_eq!(again_shape, shape, "another shape when it is written and read again");
    assert!(same(again.iter().flatten(), &values), "other numbers when they are written and read again");
    Ok(format!("rows, seeds {}", seeds.is_some()))
}

/// A record around these data, as TensorFlow writes it.
fn frame(data: &[u8]) -> Vec<u8> {
    let masked = |bytes: &[u8]| crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes();
    let length = (data.len() as u64).to_le_bytes();
    [&length[..], &masked(&length), data, &masked(data)].concat()
}

/// The data of the records of some files.
pub(super) fn seeds() -> Vec<(&'static str, String, Vec<u8>)> {
    let derivative: Vec<String> = (0..10).map(|k| format!("derivative_{k:05}.tfrecords")).collect();
    let alone = ["fiducial_00000.tfrecords", "floats.tfrecord", "double.tfrecord", "unnumbered.tfrecord"];
    let alone = alone.map(|name| (name, vec![name.to_owned()]));
    let files = alone.into_iter().chain([("derivative.tfrecords", derivative)]);
    let seed = |(name, files): (&str, Vec<String>)| {
        let folder = root().join("crates/imnn-data/tests/foreign");
        let read = |file: &String| fs::read(folder.join(file)).unwrap_or_default();
        let records: Vec<Vec<u8>> = files.iter().flat_map(|file| unframed(&read(file))).collect();
        ("tfrecord_framed", name.to_owned(), records.join(BETWEEN))
    };
    files.map(seed).collect()
}

/// The data of the records of a file.
fn unframed(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut records = vec![];
    while let Some((length, rest)) = bytes.split_first_chunk::<8>() {
        let len = u64::from_le_bytes(*length) as usize;
        let Some(record) = rest.get(4..4 + len) else { break };
        records.push(record.to_vec());
        bytes = rest.get(8 + len..).unwrap_or_default();
    }
    records
}
