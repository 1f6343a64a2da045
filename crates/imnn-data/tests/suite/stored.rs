//! Simulations in memory and in files: what comes out, and what is refused in which words.

use std::path::Path;
use std::sync::Arc;

use imnn_data::arrays::{write_npy, write_npz};
use imnn_data::{Arrays, DataError, Derivatives, Files, FilesKind, Microbatch, ParameterSteps, Source};
use imnn_sim::Key;
use ndarray::{ArrayD, Axis, IxDyn};

/// Values that tell their place: 1000 per row, then one per value.
fn fiducial(n_s: usize) -> ArrayD<f64> {
    ArrayD::from_shape_fn(IxDyn(&[n_s, 2, 3]), |i| (1000 * i[0] + 3 * i[1] + i[2]) as f64)
}

/// As [`fiducial`], and 100 for each parameter.
fn exact(n_d: usize) -> ArrayD<f64> {
    ArrayD::from_shape_fn(IxDyn(&[n_d, 2, 3, 4]), |i| (1000 * i[0] + 3 * i[1] + i[2] + 100 * i[3]) as f64)
}

/// As [`exact`], negative below.
fn numerical(n_d: usize) -> ArrayD<f64> {
    ArrayD::from_shape_fn(IxDyn(&[n_d, 2, 4, 2, 3]), |i| {
        let sign = if i[1] == 0 { -1.0 } else { 1.0 };
        sign * (1000 * i[0] + 100 * i[2] + 3 * i[3] + i[4]) as f64
    })
}

fn widths() -> Vec<f64> {
    vec![0.1, 0.2, 0.3, 0.4]
}

fn batch<S: Source<f64> + ?Sized>(source: &S, rows: std::ops::Range<usize>) -> Microbatch<f64> {
    // What a microbatch held before must not show.
    let mut batch = Microbatch { n: 77, values: vec![f64::NAN; 7], derivatives: vec![f64::NAN; 7] };
    source.read(rows, Key::new(0), &mut batch).unwrap();
    batch
}

#[track_caller]
fn message<T: std::fmt::Debug>(result: Result<T, DataError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn exact_derivatives_are_read_with_parameters_before_the_data() {
    let arrays = Arrays::exact(fiducial(9), exact(5)).unwrap();
    assert_eq!((arrays.n_s(), arrays.n_d(), arrays.n_params()), (9, 5, 4));
    assert_eq!(arrays.input_shape(), [2, 3]);
    assert_eq!(arrays.derivatives(), &Derivatives::Exact);
    let batch = batch(&arrays, 3..5);
    assert_eq!((batch.n, batch.values.len(), batch.derivatives.len()), (2, 2 * 6, 2 * 4 * 6));
    for (i, value) in batch.values.iter().enumerate() {
        assert_eq!(*value, (1000 * (3 + i / 6) + i % 6) as f64);
    }
    for (i, value) in batch.derivatives.iter().enumerate() {
        assert_eq!(*value, (1000 * (3 + i / 24) + 100 * (i / 6 % 4) + i % 6) as f64);
    }
    assert_eq!(arrays.fiducial(), fiducial(9));
    assert_eq!(arrays.derivative(), exact(5));
}

#[test]
fn numerical_derivatives_are_read_as_they_are() {
    let arrays = Arrays::numerical(fiducial(9), numerical(5), widths()).unwrap();
    assert_eq!(arrays.derivatives(), &Derivatives::Numerical { widths: widths() });
    let batch = batch(&arrays, 1..3);
    for (i, value) in batch.derivatives.iter().enumerate() {
        let sign = if i / 24 % 2 == 0 { -1.0 } else { 1.0 };
        assert_eq!(*value, sign * (1000 * (1 + i / 48) + 100 * (i / 6 % 4) + i % 6) as f64);
    }
    assert_eq!(arrays.derivative(), numerical(5));
    let below = vec![1.0, 1.0, 1.0, 1.0];
    let above = vec![1.5, 2.0, 3.0, 5.0];
    let arrays = Arrays::numerical_with_theta(fiducial(9), numerical(5), below, above).unwrap();
    assert_eq!(arrays.derivatives(), &Derivatives::Numerical { widths: vec![0.5, 1.0, 2.0, 4.0] });
}

#[test]
fn rows_beyond_n_d_have_no_derivatives() {
    let arrays = Arrays::exact(fiducial(9), exact(5)).unwrap();
    let beyond = batch(&arrays, 5..9);
    assert_eq!((beyond.n, beyond.values.len()), (4, 24));
    assert!(beyond.derivatives.is_empty());
    assert_eq!(batch(&arrays, 5..5), Microbatch::new());
    assert_eq!(batch(&arrays, 9..9), Microbatch::new());
    let refused = |rows| message(arrays.read(rows, Key::new(0), &mut Microbatch::new()));
    assert_eq!(
        refused(4..6),
        "cannot read rows 4..6 at once of n_s = 9 simulations of which the first n_d = 5 have derivatives: cut the range at n_d"
    );
    assert!(refused(8..10).ends_with("they are out of range"));
}

#[test]
fn pointers_to_a_source_are_sources() {
    let arrays = Arrays::exact(fiducial(9), exact(5)).unwrap();
    let expected = batch(&arrays, 0..5);
    let boxed: Box<dyn Source<f64>> = Box::new(arrays.clone());
    let shared: Arc<dyn Source<f64>> = Arc::new(arrays.clone());
    assert_eq!(batch(&boxed, 0..5), expected);
    assert_eq!(batch(&shared, 0..5), expected);
    assert_eq!(batch(&&arrays, 0..5), expected);
    assert_eq!((shared.n_s(), shared.n_d(), shared.n_params(), shared.input_shape()), (9, 5, 4, &[2, 3][..]));
    fn public<T: Send + Sync + 'static>() {}
    public::<Arrays<f32>>();
    public::<Microbatch<f32>>();
    public::<Files>();
    public::<DataError>();
}

#[test]
fn data_alone() {
    let arrays = Arrays::data(fiducial(4), "data.npy").unwrap();
    assert_eq!((arrays.n_s(), arrays.n_d(), arrays.n_params()), (4, 0, 0));
    assert_eq!(batch(&arrays, 0..4).values.len(), 24);
    assert_eq!(arrays.derivative().len(), 0);
    let vector = ArrayD::<f64>::zeros(IxDyn(&[4]));
    assert!(message(Arrays::data(vector, "data.npy")).starts_with("data.npy has shape (4,), expected (n_s, *input)"));
}

#[test]
fn the_first_rows_are_taken() {
    let arrays = || Arrays::exact(fiducial(9), exact(5)).unwrap();
    let counts = |n_s, n_d| arrays().take(n_s, n_d).map(|arrays| (arrays.n_s(), arrays.n_d()));
    assert_eq!(counts(None, None).unwrap(), (9, 5));
    assert_eq!(counts(Some(7), None).unwrap(), (7, 5));
    assert_eq!(counts(Some(3), None).unwrap(), (3, 3));
    assert_eq!(counts(Some(3), Some(2)).unwrap(), (3, 2));
    let taken = arrays().take(Some(3), Some(2)).unwrap();
    assert_eq!(taken.fiducial(), fiducial(3));
    assert_eq!(taken.derivative(), exact(2));
    assert_eq!(message(counts(Some(10), None)), "n_s = 10, but fiducial has 9 rows; lower n_s or leave it out");
    assert_eq!(message(counts(None, Some(6))), "n_d = 6, but derivative has 5 rows; lower n_d or leave it out");
    assert_eq!(message(counts(Some(0), None)), "n_s = 0: at least one simulation is needed");
    let more = "n_d = 4 simulations with derivatives (derivative) but only n_s = 3 simulations (fiducial): row i of the derivatives belongs to row i of the simulations, so n_d <= n_s; set n_d = 3 to use the first rows";
    assert_eq!(message(counts(Some(3), Some(4))), more);
    assert_eq!(message(Arrays::exact(fiducial(3), exact(4))), more);
    assert_eq!(message(Arrays::numerical(fiducial(3), numerical(4), widths())), more);
}

#[test]
fn an_axis_of_channels_is_added() {
    let arrays = Arrays::numerical(fiducial(9), numerical(5), widths()).unwrap();
    let before = batch(&arrays, 0..5);
    let arrays = arrays.reshape_input(&[2, 3, 1]).unwrap();
    assert_eq!(arrays.input_shape(), [2, 3, 1]);
    assert_eq!(arrays.fiducial().shape(), [9, 2, 3, 1]);
    assert_eq!(batch(&arrays, 0..5), before);
    assert_eq!(
        message(arrays.clone().reshape_input(&[2, 2])),
        "fiducial: simulations of shape (2, 3, 1) (6 values) cannot be viewed as (2, 2) (4 values)"
    );
    assert!(arrays.clone().reshape_input(&[]).is_err());
    assert!(arrays.reshape_input(&[usize::MAX, 2]).is_err());
}

#[test]
fn values_that_are_not_finite_are_refused() {
    let mut wrong = fiducial(9);
    wrong[[3, 1, 2].as_slice()] = f64::NAN;
    wrong[[4, 0, 0].as_slice()] = f64::INFINITY;
    assert_eq!(
        message(Arrays::exact(wrong, exact(5))),
        "fiducial[3, 1, 2] is NaN: 2 of 54 values are not finite; remove or replace them"
    );
    let mut wrong = exact(5);
    wrong[[2, 1, 0, 3].as_slice()] = f64::INFINITY;
    assert_eq!(
        message(Arrays::exact(fiducial(9), wrong)),
        "derivative[2, 1, 0, 3] is inf: 1 of 120 values is not finite; remove or replace it"
    );
    let mut wrong = numerical(5);
    wrong[[4, 1, 3, 1, 2].as_slice()] = f64::NEG_INFINITY;
    assert!(
        message(Arrays::numerical(fiducial(9), wrong, widths())).starts_with("derivative[4, 1, 3, 1, 2] is -inf: 1 of")
    );
}

#[test]
fn numbers_of_parameters_are_compared() {
    assert_eq!(
        message(Arrays::numerical(fiducial(9), numerical(5), vec![0.1; 3])),
        "delta_theta has 3 parameters, derivative of shape (5, 2, 4, 2, 3), as (n_d, 2, n_params, *input), has 4 parameters"
    );
    assert_eq!(
        message(Arrays::numerical_with_theta(fiducial(9), numerical(5), vec![0.0; 3], vec![1.0; 3])),
        "theta_above - theta_below has 3 parameters, derivative of shape (5, 2, 4, 2, 3), as (n_d, 2, n_params, *input), has 4 parameters"
    );
    let arrays = Arrays::exact(fiducial(9), exact(5)).unwrap();
    arrays.spec().check_n_params("theta_fid", 4).unwrap();
    assert_eq!(
        message(arrays.spec().check_n_params("theta_fid", 2)),
        "derivative has 4 parameters, theta_fid has 2 parameters"
    );
}

/// A folder with a set of each kind.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    write_npy(path("fiducial.npy"), fiducial(9).view()).unwrap();
    let [f, d, n] = [fiducial(9), exact(5), numerical(5)];
    let arrays = [("f", f.view().into()), ("d", d.view().into()), ("n", n.view().into())];
    write_npz(path("set.npz"), &arrays).unwrap();
    folder
}

fn files(folder: &Path, derivative: &str, kind: FilesKind) -> Files {
    let derivative = imnn_data::ArrayPath::from(derivative).resolve(folder);
    Files::new(folder.join("fiducial.npy"), derivative, kind)
}

fn steps(width: f64) -> FilesKind {
    FilesKind::Numerical(ParameterSteps::of_widths([0.1, 0.2, width, 0.4]).unwrap())
}

/// The message without the folder.
#[track_caller]
fn refused(files: &Files, folder: &Path) -> String {
    message(files.load::<f64>()).replace(&format!("{}/", folder.display()), "")
}

#[test]
fn files_are_what_memory_is() {
    let folder = folder();
    let exact_files = files(folder.path(), "set.npz:d", FilesKind::Exact);
    let from_files = exact_files.load::<f64>().unwrap();
    let from_memory = Arrays::exact(fiducial(9), exact(5)).unwrap();
    assert_eq!(batch(&from_files, 0..5), batch(&from_memory, 0..5));
    let arrays = files(folder.path(), "set.npz:n", steps(0.3)).load::<f64>().unwrap();
    assert_eq!(arrays.derivative(), numerical(5));
    assert_eq!(arrays.derivatives(), &Derivatives::Numerical { widths: widths() });
    let single = exact_files.load::<f32>().unwrap();
    assert_eq!(single.fiducial(), fiducial(9).mapv(|x| x as f32));
}

#[test]
fn the_first_rows_of_files_are_taken() {
    let folder = folder();
    let with = |n_s, n_d| Files { n_s, n_d, ..files(folder.path(), "set.npz:d", FilesKind::Exact) };
    let counts = |n_s, n_d| {
        let arrays = with(n_s, n_d).load::<f64>().unwrap();
        assert_eq!(arrays.fiducial(), fiducial(9).slice_axis(Axis(0), (0..arrays.n_s()).into()));
        (arrays.n_s(), arrays.n_d())
    };
    assert_eq!(counts(None, None), (9, 5));
    assert_eq!(counts(Some(3), None), (3, 3));
    assert_eq!(counts(Some(8), None), (8, 5));
    assert_eq!(counts(Some(4), Some(2)), (4, 2));
    let message = |n_s, n_d| refused(&with(n_s, n_d), folder.path());
    assert_eq!(message(Some(10), None), "n_s = 10, but fiducial.npy has 9 rows; lower n_s or leave it out");
    assert_eq!(message(None, Some(6)), "n_d = 6, but set.npz:d has 5 rows; lower n_d or leave it out");
    assert_eq!(message(Some(0), None), "n_s = 0: at least one simulation is needed");
    assert_eq!(message(None, Some(0)), "n_d = 0: at least one simulation is needed");
    assert!(message(Some(3), Some(4)).starts_with("n_d = 4 simulations with derivatives (set.npz:d) but only n_s = 3"));
    let shaped = Files { input_shape: Some(vec![2, 3, 1]), ..with(None, None) };
    assert_eq!(shaped.load::<f64>().unwrap().input_shape(), [2, 3, 1]);
}

#[test]
fn every_fault_of_files_names_the_file_and_what_to_do() {
    let folder = folder();
    let at = folder.path();
    let path = |name: &str| at.join(name);
    let set = |derivative: &str| files(at, derivative, FilesKind::Exact);

    assert_eq!(refused(&set("derivative.npy"), at), "derivative.npy: no such file");
    assert_eq!(refused(&set("set.npz:x"), at), "set.npz: has no array `x`; it has f, d, n");

    let bytes = {
        write_npy(path("whole.npy"), exact(5).view()).unwrap();
        std::fs::read(path("whole.npy")).unwrap()
    };
    std::fs::write(path("cut.npy"), &bytes[..bytes.len() - 8 * 24]).unwrap();
    assert_eq!(
        refused(&set("cut.npy"), at),
        "cut.npy: truncated: (5, 2, 3, 4) of <f8 need 960 bytes, 768 are there; copy or write the file again"
    );

    assert_eq!(
        refused(&set("set.npz:n"), at),
        "set.npz:n has shape (5, 2, 4, 2, 3), expected (n_d, 2, 3, n_params) as fiducial.npy is (9, 2, 3): these look like simulations below and above, (n_d, 2, n_params, *input); use kind = \"numerical\""
    );
    assert_eq!(
        refused(&files(at, "set.npz:d", steps(0.3)), at),
        "set.npz:d has shape (5, 2, 3, 4), expected (n_d, 2, n_params, 2, 3) as fiducial.npy is (9, 2, 3): these look like exact derivatives, (n_d, *input, n_params); use kind = \"exact\""
    );

    let mut wrong = exact(5);
    wrong[[2, 0, 1, 1].as_slice()] = f64::NAN;
    write_npy(path("nan.npy"), wrong.view()).unwrap();
    assert_eq!(
        refused(&set("nan.npy"), at),
        "nan.npy[2, 0, 1, 1] is NaN: 1 of 120 values is not finite; remove or replace it, or leave the simulation out, with its partners: invalid = \"drop\" in [simulations]"
    );

    let step = |width| DataError::from(ParameterSteps::of_widths([0.1, 0.2, width, 0.4]).unwrap_err()).to_string();
    assert!(step(0.0).starts_with("delta_theta[2] = 0: without a distance"));
    assert!(step(-0.3).starts_with("delta_theta[2] = -0.3: it is theta_above"));
    let short = FilesKind::Numerical(ParameterSteps::of_widths([0.1]).unwrap());
    assert_eq!(
        refused(&files(at, "set.npz:n", short), at),
        "delta_theta has 1 parameter, set.npz:n of shape (5, 2, 4, 2, 3), as (n_d, 2, n_params, *input), has 4 parameters"
    );

    let large = exact(5).mapv(|x| x * 1e37);
    write_npy(path("large.npy"), large.view()).unwrap();
    let error = message(set("large.npy").load::<f32>());
    assert!(
        error.ends_with(
            "large.npy[0, 0, 0, 1]: 1e39 is beyond the range of f32; use precision = \"f64\" or scale the data"
        ),
        "{error}"
    );
}
