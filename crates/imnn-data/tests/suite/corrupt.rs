//! Corrupt files: an error or an array of the same shape, never a panic.

use std::path::PathBuf;

use imnn_data::{ArrayPath, DataError, arrays};
use imnn_io::npy::NpyError;
use proptest::prelude::*;

/// Files of every kind, all holding an array of shape (2, 3, 4).
const FILES: [(&str, Option<&str>); 6] = [
    ("le_f4.npy", None),
    ("fortran.npy", None),
    ("version_3.npy", None),
    ("single.npz", None),
    ("stored.npz", Some("y")),
    ("deflated.npz", Some("x")),
];

fn bytes(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/numpy");
    std::fs::read(folder.join(name)).unwrap()
}

/// Reads bytes as a file and checks that an array that comes out is of the shape that was written.
fn read(bytes: &[u8], name: &str, key: Option<&str>) -> Result<(), DataError> {
    thread_local! {
        /// One folder for all the cases of a test, which are thousands.
        static FOLDER: tempfile::TempDir = tempfile::tempdir().unwrap();
    }
    let file = FOLDER.with(|folder| folder.path().join(name));
    // Some file systems wait for the disk where a file is overwritten.
    let _ = std::fs::remove_file(&file);
    std::fs::write(&file, bytes).unwrap();
    let path = match key {
        Some(key) => ArrayPath::with_key(&file, key),
        None => file.into(),
    };
    let whole = arrays::read::<f32>(&path);
    let rows = arrays::read_rows::<f64>(&path, 1);
    if let Ok(rows) = rows {
        assert_eq!(rows.shape(), [1, 3, 4]);
    }
    assert_eq!(whole?.shape(), [2, 3, 4]);
    Ok(())
}

#[test]
fn every_truncation_is_refused() {
    for (name, key) in FILES {
        let whole = bytes(name);
        read(&whole, name, key).unwrap();
        for end in 0..whole.len() {
            let error = read(&whole[..end], name, key).unwrap_err();
            assert!(error.to_string().contains(name), "{name} {end}: {error}");
        }
    }
}

#[test]
fn truncated_and_trailing_data_are_counted() {
    let message = |bytes: &[u8]| read(bytes, "a.npy", None).unwrap_err().to_string();
    let whole = bytes("le_f4.npy");
    assert!(
        message(&whole[..whole.len() - 5])
            .ends_with("a.npy: truncated: (2, 3, 4) of <f4 need 96 bytes, 91 are there; copy or write the file again")
    );
    assert!(message(&[&whole[..], &[0; 3]].concat()).ends_with(
        "a.npy: 99 bytes of data where (2, 3, 4) of <f4 need 96; the header and the data do not belong together"
    ));
}

#[test]
fn huge_shapes_take_no_memory() {
    let whole = bytes("le_f4.npy");
    let text = String::from_utf8_lossy(&whole[10..128]).replace("(2, 3, 4), }           ", "(2000000000, 3, 400), }");
    let mut huge = whole.clone();
    huge[10..128].copy_from_slice(text.as_bytes());
    let error = read(&huge, "a.npy", None).unwrap_err();
    assert!(
        matches!(error, DataError::Npy { source: NpyError::Length { expected: 9_600_000_000_000, found: 96, .. }, .. }),
        "{error}"
    );
}

#[test]
fn every_single_byte_may_be_wrong() {
    for (name, key) in FILES {
        let whole = bytes(name);
        for at in 0..whole.len() {
            for byte in [0, 0xff, whole[at] ^ 1] {
                let mut wrong = whole.clone();
                wrong[at] = byte;
                // Wrong data bytes of a .npy file are numbers all the same.
                let _ = read(&wrong, name, key);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes_are_answered(
        file in 0..FILES.len(),
        wrong in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
        more in prop::collection::vec(any::<u8>(), 0..8),
    ) {
        let (name, key) = FILES[file];
        let mut bytes = bytes(name);
        for (at, byte) in wrong {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        bytes.extend(more);
        let _ = read(&bytes, name, key);
    }

    #[test]
    fn any_header_is_answered(text in "[{}()\\[\\],:'\" a-zA-Z0-9<>|-]{0,80}", version in 0u8..5) {
        let mut bytes = b"\x93NUMPY".to_vec();
        bytes.extend([version, 0, text.len() as u8, 0, 0, 0]);
        bytes.extend(text.as_bytes());
        prop_assert!(read(&bytes, "a.npy", None).is_err());
    }
}
