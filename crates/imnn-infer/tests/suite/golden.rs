//! The reference numbers in `tests/golden`.

use std::io::Cursor;

use imnn_io::npz::Archive;
use ndarray::{Array1, Array2, ArrayD};
use serde_json::Value;

pub fn closed_forms() -> Value {
    serde_json::from_str(include_str!("../golden/closed_forms.json")).unwrap()
}

pub fn abc_check() -> Value {
    serde_json::from_str(include_str!("../golden/abc_check.json")).unwrap()
}

#[allow(dead_code)]
pub fn diagnostics() -> Value {
    serde_json::from_str(include_str!("../golden/diagnostics_golden.json")).unwrap()
}

/// An array of `diagnostics_golden.npz`.
#[allow(dead_code)]
pub fn array(name: &str) -> ArrayD<f64> {
    let bytes: &[u8] = include_bytes!("../golden/diagnostics_golden.npz");
    let mut archive = Archive::new(Cursor::new(bytes), bytes.len() as u64).unwrap();
    archive.member(Some(name)).unwrap().npy().read(None).unwrap()
}

pub fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

pub fn vector(value: &Value) -> Array1<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

pub fn matrix(value: &Value) -> Array2<f64> {
    let rows: Vec<Array1<f64>> = value.as_array().unwrap().iter().map(vector).collect();
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, j)| rows[i][j])
}

#[track_caller]
pub fn assert_close(what: &str, found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{what}: {found}, expected {expected} ± {tolerance}");
}
