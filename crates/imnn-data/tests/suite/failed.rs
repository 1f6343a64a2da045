//! Simulations that failed are left out: what remains are the bits of files from which they were taken away by hand.

use std::path::Path;

use imnn_data::arrays::write_npy;
use imnn_data::{
    Arrays, DataError, Files, FilesKind, Invalid, Microbatch, ParameterSteps, Prefetch, Source, Streaming,
};
use imnn_sim::Key;
use ndarray::{Array1, ArrayD, Axis, IxDyn, Slice, concatenate};
use proptest::prelude::*;

/// How the simulations lie in files.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Layout {
    Exact,
    Numerical,
    /// An array for each side of each parameter.
    Sides,
    /// One for each side.
    Pair,
    /// A file for each seed; none, or a damaged one, where it failed.
    Seeds {
        missing: bool,
    },
}

const LAYOUTS: [Layout; 6] = [
    Layout::Exact,
    Layout::Numerical,
    Layout::Sides,
    Layout::Pair,
    Layout::Seeds { missing: false },
    Layout::Seeds { missing: true },
];

const INPUT: [usize; 2] = [2, 3];

fn numbers(shape: &[usize], salt: f64) -> ArrayD<f64> {
    let mut k = salt;
    ArrayD::from_shape_simple_fn(IxDyn(shape), || {
        k += 1.0;
        (k * 0.37).sin() * 10.0
    })
}

/// Simulations of which some failed.
struct Set {
    fiducial: ArrayD<f64>,
    /// `(n_d, 2, n_params, *input)`, or `(n_d, *input, n_params)`
    derivative: ArrayD<f64>,
    kind: FilesKind,
    /// Rows that failed; and rows, sides and parameters.
    at_fiducial: Vec<usize>,
    partners: Vec<(usize, usize, usize)>,
}

impl Set {
    fn new(
        layout: Layout,
        (n_s, n_d, n_params): (usize, usize, usize),
        failed: &[(usize, usize, usize, bool)],
    ) -> Self {
        let exact = layout == Layout::Exact;
        let shape =
            if exact { [&[n_d], &INPUT[..], &[n_params]].concat() } else { [&[n_d, 2, n_params], &INPUT[..]].concat() };
        let kind = if exact {
            FilesKind::Exact
        } else {
            FilesKind::Numerical(ParameterSteps::of_widths(vec![0.5; n_params]).unwrap())
        };
        let mut set = Set {
            fiducial: numbers(&[&[n_s], &INPUT[..]].concat(), 0.0),
            derivative: numbers(&shape, 500.0),
            kind,
            at_fiducial: vec![],
            partners: vec![],
        };
        for &(row, side, a, fiducial) in failed {
            let value = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY][(row + a) % 3];
            if fiducial {
                set.at_fiducial.push(row % n_s);
                set.fiducial[[row % n_s, side % 2, a % 3].as_slice()] = value;
                continue;
            }
            let (row, side, a) = (row % n_d, if exact { 0 } else { side % 2 }, a % n_params);
            set.partners.push((row, side, a));
            let at = if exact { vec![row, 1, 2, a] } else { vec![row, side, a, 1, 2] };
            set.derivative[&at[..]] = value;
        }
        set
    }

    /// What is left, taken by hand.
    fn by_hand(&self, asked: (Option<usize>, Option<usize>)) -> Result<Arrays<f64>, DataError> {
        let (n_s, n_d) = (self.fiducial.shape()[0], self.derivative.shape()[0]);
        let fails = |row: &usize| self.at_fiducial.contains(row);
        let whole = |row: &usize| !fails(row) && !self.partners.iter().any(|(of, ..)| of == row);
        let with: Vec<usize> = (0..n_d).filter(whole).collect();
        let without = (0..n_s).filter(|row| !fails(row) && !with.contains(row));
        let rows: Vec<usize> = with.iter().copied().chain(without).collect();
        if with.is_empty() {
            return Err(DataError::Refused(String::new()));
        }
        let (f, d) = (self.fiducial.select(Axis(0), &rows), self.derivative.select(Axis(0), &with));
        let arrays = match &self.kind {
            FilesKind::Exact => Arrays::exact(f, d)?,
            FilesKind::Numerical(steps) => Arrays::numerical(f, d, steps.widths().to_vec())?,
        };
        arrays.take(asked.0, asked.1)
    }

    fn write(&self, layout: Layout, at: &Path) -> Files {
        let path = |name: &str| at.join(name);
        let n_params = if layout == Layout::Exact { 0 } else { self.derivative.shape()[2] };
        let part = |side: usize, a: usize| self.derivative.index_axis(Axis(1), side).index_axis(Axis(1), a).to_owned();
        let FilesKind::Numerical(steps) = &self.kind else {
            write_npy(path("f.npy"), self.fiducial.view()).unwrap();
            write_npy(path("d.npy"), self.derivative.view()).unwrap();
            return Files::new(path("f.npy"), path("d.npy"), FilesKind::Exact);
        };
        if let Layout::Seeds { missing } = layout {
            let seeds = |name: &str, array: &ArrayD<f64>| {
                std::fs::create_dir(path(name)).unwrap();
                for (row, one) in array.outer_iter().enumerate() {
                    let file = path(name).join(format!("{}.npy", 7 + row));
                    match !missing || one.iter().all(|value| value.is_finite()) {
                        true => write_npy(file, one).unwrap(),
                        // Cut short, or not there.
                        false if row % 3 == 0 => std::fs::write(file, b"\x93NUMPY\x01").unwrap(),
                        false if row % 3 == 1 => std::fs::write(file, b"").unwrap(),
                        false => {}
                    }
                }
                path(name).join("{seed}.npy")
            };
            let sides = [0, 1].map(|side| {
                (0..n_params).map(|a| seeds(&format!("{side}{a}"), &part(side, a)).into()).collect::<Vec<_>>()
            });
            let [below, above] = sides;
            return Files::sides(seeds("f", &self.fiducial), below, above, steps.clone());
        }
        write_npy(path("f.npy"), self.fiducial.view()).unwrap();
        let array = |name: String, array: ArrayD<f64>| {
            write_npy(path(&name), array.view()).unwrap();
            path(&name).into()
        };
        let side = |side| array(format!("{side}.npy"), self.derivative.index_axis(Axis(1), side).to_owned());
        let of = |side| (0..n_params).map(|a| array(format!("{side}{a}.npy"), part(side, a))).collect();
        match layout {
            Layout::Sides => Files::sides(path("f.npy"), of(0), of(1), steps.clone()),
            Layout::Pair => Files::sides(path("f.npy"), vec![side(0)], vec![side(1)], steps.clone()),
            _ => Files::new(path("f.npy"), array("d.npy".to_owned(), self.derivative.clone()), self.kind.clone()),
        }
    }
}

/// All values of a source, read a few at a time.
fn all(source: &dyn Source<f64>, cut: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut batch, mut values) = (Microbatch::new(), (vec![], vec![]));
    for range in [0..source.n_d(), source.n_d()..source.n_s()] {
        for start in range.clone().step_by(cut) {
            source.read(start..range.end.min(start + cut), Key::new(0), &mut batch).unwrap();
            values.0.extend_from_slice(&batch.values);
            values.1.extend_from_slice(&batch.derivatives);
        }
    }
    values
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn what_is_left_are_the_bits_of_files_without_what_failed(
        layout in prop::sample::select(LAYOUTS.to_vec()),
        n_d in 1usize..7,
        more in 0usize..6,
        n_params in 1usize..4,
        failed in prop::collection::vec((0usize..12, 0usize..2, 0usize..3, any::<bool>()), 0..5),
        asked in (prop::option::of(2usize..9), prop::option::of(1usize..6)),
        cut in 1usize..5,
        cache in prop_oneof![Just(0), 1usize..2000],
    ) {
        let folder = tempfile::tempdir().unwrap();
        let set = Set::new(layout, (n_d + more, n_d, n_params), &failed);
        let files = set.write(layout, folder.path());
        let files = Files { n_s: asked.0, n_d: asked.1, invalid: Invalid::drop(), ..files };
        let streaming = Streaming { cache, prefetch: Prefetch::Never, ..Streaming::default() };
        match set.by_hand(asked) {
            Ok(expected) => {
                let loaded = files.load::<f64>().unwrap();
                prop_assert_eq!(all(&loaded, cut), all(&expected, 3));
                prop_assert_eq!((loaded.n_s(), loaded.n_d()), (expected.n_s(), expected.n_d()));
                // Found out already, and found out anew.
                for files in [files.clone(), Files { invalid: Invalid::drop(), ..files.clone() }] {
                    prop_assert_eq!(all(&files.open::<f64>(&streaming).unwrap(), cut), all(&expected, 3));
                }
                let single = files.open::<f32>(&streaming).unwrap();
                prop_assert_eq!((single.n_s(), single.n_d()), (expected.n_s(), expected.n_d()));
                let left_out = files.invalid.left_out().unwrap();
                let named = left_out.fiducial.failed.len();
                let mut at_fiducial = set.at_fiducial.clone();
                at_fiducial.sort_unstable();
                at_fiducial.dedup();
                // Seeds that no array has are not known of, and no more is looked at than is wanted.
                prop_assert!(named <= at_fiducial.len());
                let every = asked.0.is_none() && layout != Layout::Seeds { missing: true };
                prop_assert!(named == at_fiducial.len() || !every);
                let without: Vec<f64> = all(&loaded, 1).0;
                prop_assert!(without.iter().all(|value| value.is_finite()));
            }
            Err(_) => {
                prop_assert!(files.load::<f64>().is_err());
                prop_assert!(files.open::<f64>(&streaming).is_err());
            }
        }
    }
}

/// Two parameters; row 3 failed at the fiducial, 1 above in the second parameter.
fn some(layout: Layout, at: &Path) -> Files {
    let failed = [(3, 0, 1, true), (1, 1, 1, false)];
    Files { invalid: Invalid::drop(), ..Set::new(layout, (10, 6, 2), &failed).write(layout, at) }
}

#[test]
fn what_is_left_out_is_counted_and_named() {
    for layout in [Layout::Numerical, Layout::Seeds { missing: true }, Layout::Seeds { missing: false }] {
        let folder = tempfile::tempdir().unwrap();
        let files = some(layout, folder.path());
        assert_eq!(files.invalid.left_out(), None);
        files.load::<f64>().unwrap();
        let left_out = files.invalid.left_out().unwrap();
        let text = left_out.text(|a| format!("p{a}"));
        let expected = if layout == Layout::Numerical {
            "1 of 10 simulations left out: row 3; 2 of 6 simulations with derivatives left out: rows 1, 3 (failed: 1 above of p1)"
        } else {
            "1 of 10 simulations left out: seed 10; 2 of 6 simulations with derivatives left out: seeds 8, 10 (failed: 1 above of p1)"
        };
        assert_eq!(text, expected);
        assert_eq!(left_out.partners[3].alone, [1, 1]);
        assert_eq!(left_out.dependence(|_| String::new()), [] as [String; 0]);
    }
}

#[track_caller]
fn refused(files: &Files, parts: &[&str]) {
    for message in [files.load::<f64>().map(|_| ()), files.open::<f64>(&Streaming::default()).map(|_| ())] {
        let message = message.unwrap_err().to_string();
        assert!(parts.iter().all(|part| message.contains(part)), "{parts:?} in {message}");
    }
}

#[test]
fn numbers_that_are_no_longer_there_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let files = some(Layout::Numerical, folder.path());
    let asked = |n_s, n_d| Files { n_s, n_d, ..files.clone() };
    refused(
        &asked(Some(10), None),
        &["n_s = 10, but 9 simulations of", "f.npy are left: 1 of 10", "row 3", "lower n_s to 9"],
    );
    refused(&asked(None, Some(5)), &["n_d = 5, but 4 simulations of", "rows 1, 3", "lower n_d to 4"]);
    assert_eq!(asked(Some(9), Some(4)).load::<f64>().unwrap().n_d(), 4);
}

#[test]
fn with_nothing_left_there_is_nothing_to_train_on() {
    let folder = tempfile::tempdir().unwrap();
    let nan = |shape: &[usize]| ArrayD::from_elem(IxDyn(shape), f64::NAN);
    let (f, d) = (folder.path().join("f.npy"), folder.path().join("d.npy"));
    let files = Files { invalid: Invalid::drop(), ..Files::new(&*f, &*d, FilesKind::Exact) };
    write_npy(&f, nan(&[5, 3]).view()).unwrap();
    write_npy(&d, numbers(&[4, 3, 2], 0.0).view()).unwrap();
    refused(&files, &["f.npy: all 5 simulations failed", "nothing is left"]);
    write_npy(&f, numbers(&[5, 3], 0.0).view()).unwrap();
    write_npy(&d, nan(&[4, 3, 2]).view()).unwrap();
    let files = Files { invalid: Invalid::drop(), ..files };
    refused(&files, &["d.npy: all 4 simulations failed", "nothing is left"]);
    // All but one.
    let one = concatenate![Axis(0), nan(&[3, 3, 2]), numbers(&[4, 3, 2], 0.0).slice_axis(Axis(0), Slice::from(3..))];
    write_npy(&d, one.view()).unwrap();
    let files = Files { invalid: Invalid::drop(), ..files };
    assert_eq!(files.load::<f64>().map(|arrays| (arrays.n_s(), arrays.n_d())).unwrap(), (5, 1));
    // An array of another shape is refused as ever.
    write_npy(&d, Array1::<f64>::zeros(4).into_dyn().view()).unwrap();
    refused(&Files { invalid: Invalid::drop(), ..files }, &["expected (n_d, 3, n_params)"]);
}

#[test]
fn failures_are_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files { invalid: Invalid::Refuse, ..some(Layout::Numerical, folder.path()) };
    let message = files.load::<f64>().unwrap_err().to_string();
    assert!(
        message.contains("d.npy[1, 1, 1, 1, 2] is ") && message.contains("invalid = \"drop\" in [simulations]"),
        "{message}"
    );
}
