//! Damaged TFRecord and HDF5 files: rows that were written or an error, never a panic or another number.

use std::path::{Path, PathBuf};

use imnn_data::{ArrayPath, DataError, RowOptions, open_rows};

use super::foreign::folder;

/// A small generator of its own, so that the damage is the same everywhere.
struct Damage(u64);

impl Damage {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n
    }

    /// One to four bytes changed, a piece cut off, doubled or overwritten.
    fn apply(&mut self, whole: &[u8]) -> Vec<u8> {
        let mut bytes = whole.to_vec();
        match self.below(8) {
            0 => bytes.truncate(self.below(whole.len())),
            1 => {
                let at = self.below(whole.len());
                bytes.drain(at..(at + 1 + self.below(16)).min(whole.len()));
            }
            2 => {
                let (from, to) = (self.below(whole.len()), self.below(whole.len()));
                let len = (1 + self.below(16)).min(whole.len() - from.max(to));
                bytes.copy_within(from..from + len, to);
            }
            3 => {
                let at = self.below(whole.len());
                let end = (at + 8).min(whole.len());
                bytes[at..end].fill([0, 0xff, 0x7f, 0x80][self.below(4)]);
            }
            _ => {
                for _ in 0..1 + self.below(4) {
                    let at = self.below(whole.len());
                    bytes[at] = [bytes[at] ^ (1 << self.below(8)), self.below(256) as u8][self.below(2)];
                }
            }
        }
        bytes
    }
}

fn read(path: &ArrayPath) -> Result<(Vec<usize>, Vec<f32>), DataError> {
    let rows = open_rows::<f32>(path, &RowOptions::default())?;
    let shape = rows.shape().to_vec();
    let len: usize = shape.iter().product();
    assert!(len < 1 << 24, "{shape:?} from a file of a few kilobytes");
    let mut values = vec![f32::NAN; len];
    rows.read(0..shape[0], &mut values)?;
    Ok((shape, values))
}

/// How many damaged files are answered with an array, and how many of these have rows that were not written.
fn damaged(name: &str, key: Option<&str>, cases: usize, start: u64) -> (usize, usize) {
    let path = |file: &Path| key.map_or(file.into(), |key| ArrayPath::with_key(file, key));
    let whole = std::fs::read(folder().join(name)).unwrap();
    let at = tempfile::tempdir().unwrap();
    let file: PathBuf = at.path().join(name);
    let mut damage = Damage(start);
    let (mut read_all, mut wrong) = (0, 0);
    let (shape, values) = read(&path(&folder().join(name))).unwrap();
    for case in 0..cases {
        let bytes = damage.apply(&whole);
        let _ = std::fs::remove_file(&file);
        std::fs::write(&file, &bytes).unwrap();
        match read(&path(&file)) {
            Err(error) => assert!(error.to_string().contains(name), "{case}: {error}"),
            Ok((found_shape, found)) => {
                // Whole records may be cut off the end: fewer rows, each of them one that was written.
                assert_eq!(found_shape[1..], shape[1..], "{case}");
                let row: usize = shape[1..].iter().product();
                let written = |found: &[f32]| values.chunks(row).any(|row| row == found);
                wrong += usize::from(!found.chunks(row).all(written));
                read_all += 1;
            }
        }
    }
    (read_all, wrong)
}

#[test]
fn damaged_records_are_refused() {
    for (name, cases) in [("fiducial_00000.tfrecords", 1000), ("floats.tfrecord", 600), ("large.tfrecord", 400)] {
        // Bytes that were replaced by themselves, and files that end after a record.
        let (read_all, wrong) = damaged(name, None, cases, 1);
        assert!(read_all < cases / 10 && wrong == 0, "{name}");
    }
}

#[test]
fn any_bytes_between_good_checksums_are_answered() {
    let at = tempfile::tempdir().unwrap();
    let file = at.path().join("a.tfrecord");
    let whole = std::fs::read(folder().join("floats.tfrecord")).unwrap();
    let len = u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let masked = |bytes: &[u8]| crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes();
    let mut damage = Damage(2);
    for _ in 0..2000 {
        let data = damage.apply(&whole[12..12 + len]);
        let length = (data.len() as u64).to_le_bytes();
        let record = [&length[..], &masked(&length), &data, &masked(&data)].concat();
        let _ = std::fs::remove_file(&file);
        std::fs::write(&file, record).unwrap();
        if let Err(error) = read(&(&*file).into()) {
            assert!(error.to_string().contains("a.tfrecord"), "{error}");
        }
    }
    let length = (1_u64 << 60).to_le_bytes();
    std::fs::write(&file, [&length[..], &masked(&length), &[0; 40]].concat()).unwrap();
    let error = read(&(&*file).into()).unwrap_err().to_string();
    assert!(error.contains("the record at byte 0: the record has 1152921504606846976 bytes of data"), "{error}");
}

mod hdf5 {
    use std::os::unix::fs::FileExt;

    use super::*;

    /// With a checksum in each chunk (gzip has its own), so that other numbers would be descriptions misread.
    #[test]
    fn damaged_datasets_are_refused() {
        for (name, key, cases) in [
            ("small.h5", None, 2000),
            ("v110.h5", None, 2000),
            ("new.h5", None, 2000),
            ("trees.h5", Some("gzip/tree"), 1000),
            ("lists.h5", Some("gzip/fixed"), 1000),
            ("lists.h5", Some("gzip/growing"), 1000),
            ("lists.h5", Some("gzip/tree"), 1000),
        ] {
            // Much of a small HDF5 file is empty.
            let (read_all, wrong) = damaged(name, key, cases, 1);
            assert!(read_all < cases && wrong == 0, "{name}: {read_all}, {wrong}");
        }
    }

    /// Every bit of a file changed by itself.
    fn each_bit(name: &str) -> Vec<(usize, usize)> {
        let whole = std::fs::read(folder().join(name)).unwrap();
        let expected = read(&folder().join(name).into()).unwrap();
        let at = tempfile::tempdir().unwrap();
        let path = at.path().join(name);
        std::fs::write(&path, &whole).unwrap();
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        let mut wrong = vec![];
        for at in 0..whole.len() {
            for bit in 0..8 {
                file.write_all_at(&[whole[at] ^ 1 << bit], at as u64).unwrap();
                match read(&(&*path).into()) {
                    Err(error) => assert!(error.to_string().contains(name), "{at} {bit}: {error}"),
                    Ok(found) if found == expected => {}
                    Ok(_) => wrong.push((at, bit)),
                }
            }
            file.write_all_at(&[whole[at]], at as u64).unwrap();
        }
        wrong
    }

    #[test]
    fn no_bit_may_change_but_the_byte_order() {
        // Of the byte order such a file holds this bit and nothing else: with it changed, it is another file.
        let order = (889, 0);
        let bytes = std::fs::read(folder().join("small.h5")).unwrap();
        assert_eq!(bytes[order.0 - 1..][..8], [0x11, 0x20, 0x1f, 0, 4, 0, 0, 0], "the type <f4");
        assert_eq!(each_bit("small.h5"), [order]);
        // In the newer format descriptions have checksums.
        assert_eq!(each_bit("new.h5"), []);
    }

    #[test]
    fn files_that_end_anywhere_are_refused() {
        for name in ["small.h5", "new.h5", "v110.h5"] {
            let whole = std::fs::read(folder().join(name)).unwrap();
            let at = tempfile::tempdir().unwrap();
            let path = at.path().join(name);
            for len in 0..whole.len() {
                std::fs::write(&path, &whole[..len]).unwrap();
                let error = read(&(&*path).into()).unwrap_err().to_string();
                assert!(error.contains(name), "{len}: {error}");
            }
        }
    }
}
