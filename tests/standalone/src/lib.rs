//! Reproduces one golden case with `imnn-stats` as the only dependency.

#![cfg(test)]

use std::collections::HashMap;

use imnn_stats::ndarray::{Array, Array1, Array2, Array3, Dimension, ShapeBuilder};
use imnn_stats::{Loss, ScoreCompression};

const GOLDEN: &[u8] = include_bytes!("../../golden/stats_3s2p.npz");

#[test]
fn golden_case_is_reproduced() {
    let golden = Archive::new(GOLDEN);
    let x: Array2<f64> = golden.array("x", (40, 3));
    let dx: Array3<f64> = golden.array("dx", (40, 3, 2));
    let loss = Loss::new(golden.scalar("lambda"), golden.scalar("epsilon")).unwrap();
    let evaluation = loss.evaluate(x.view(), dx.view()).unwrap();
    let statistics = &evaluation.statistics;

    check(&statistics.mu, &golden.array("mu", 3));
    check(&statistics.c, &golden.array("C", (3, 3)));
    check(&statistics.inv_c, &golden.array("invC", (3, 3)));
    check(&statistics.f, &golden.array("F", (2, 2)));
    check(&statistics.inv_f, &golden.array("invF", (2, 2)));
    check(&Array1::from_elem(1, evaluation.value), &Array1::from_elem(1, golden.scalar("loss")));
    check(&evaluation.dloss_dx, &golden.array("dloss_dx", (40, 3)));
    let each = evaluation.dloss_ddx.broadcast((40, 3, 2)).unwrap().to_owned();
    check(&each, &golden.array("dloss_ddx", (40, 3, 2)));

    let theta_fid: Array1<f64> = golden.array("theta_fid", 2);
    let targets: Array2<f64> = golden.array("x_test", (5, 3));
    let compression = ScoreCompression::new(theta_fid.view(), statistics).unwrap();
    check(&compression.estimates(targets.view()).unwrap(), &golden.array("estimate", (5, 2)));
}

/// Agreement to 1e-9 of the largest entry, the tolerance of the golden files' README.
#[track_caller]
fn check<D: Dimension>(found: &Array<f64, D>, expected: &Array<f64, D>) {
    assert_eq!(found.shape(), expected.shape());
    let largest = expected.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= 1e-9 * largest, "{found} {expected}");
    }
}

/// The members of an uncompressed `.npz` archive of little-endian float64 arrays: enough for the golden files.
struct Archive(HashMap<String, &'static [u8]>);

impl Archive {
    fn new(mut bytes: &'static [u8]) -> Self {
        let mut members = HashMap::new();
        // Local headers: signature, flags and so on, sizes at 18 and 22, lengths of name and extra field at 26 and 28.
        while bytes.starts_with(b"PK\x03\x04") {
            let half = |at: usize| u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap()) as usize;
            assert_eq!(half(8), 0, "the archive is compressed");
            let (name_end, data) = (30 + half(26), 30 + half(26) + half(28));
            let name = String::from_utf8(bytes[30..name_end].to_vec()).unwrap();
            // A zip64 extra field: identifier, length, uncompressed and compressed size.
            let size = match u32::from_le_bytes(bytes[22..26].try_into().unwrap()) {
                u32::MAX => u64::from_le_bytes(bytes[name_end + 4..name_end + 12].try_into().unwrap()) as usize,
                size => size as usize,
            };
            members.insert(name, &bytes[data..data + size]);
            bytes = &bytes[data + size..];
        }
        Archive(members)
    }

    /// An array in C order, of a known shape.
    fn array<Sh: ShapeBuilder>(&self, key: &str, shape: Sh) -> Array<f64, Sh::Dim> {
        Array::from_shape_vec(shape.into_shape_with_order(), self.values(key)).unwrap()
    }

    fn scalar(&self, key: &str) -> f64 {
        self.values(key)[0]
    }

    fn values(&self, key: &str) -> Vec<f64> {
        let npy = self.0[&format!("{key}.npy")];
        // Version 1.0: magic, version, length of the header in two bytes, the header.
        let data = 10 + u16::from_le_bytes(npy[8..10].try_into().unwrap()) as usize;
        let header = std::str::from_utf8(&npy[10..data]).unwrap();
        assert!(header.contains("'<f8'") && header.contains("'fortran_order': False"), "{header}");
        npy[data..].chunks_exact(8).map(|value| f64::from_le_bytes(value.try_into().unwrap())).collect()
    }
}
