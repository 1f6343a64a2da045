//! Arrays of one file, one for each seed.

use imnn_data::{ArrayPath, Files, RowOptions, Source, Streaming, arrays, keys, open_rows};
use imnn_hdf5::{Options, Writer};
use ndarray::{ArrayD, IxDyn};
use tempfile::TempDir;

const SEEDS: [u64; 4] = [3, 10, 2, 7];

fn map(seed: u64) -> ArrayD<f64> {
    ArrayD::from_shape_fn(IxDyn(&[2, 3]), |index| seed as f64 + 10.0 * index[0] as f64 + 0.1 * index[1] as f64)
}

/// The same maps in an HDF5 file, as datasets and in groups, and in an archive.
fn files() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut writer = Writer::new(std::fs::File::create_new(path("many.h5")).unwrap());
    let mut put = |name: &str, shape: &[usize], values: &[f64]| {
        writer.begin::<f64>(name, shape, Options { gzip: Some(1), ..Options::default() }).unwrap();
        writer.write(values).unwrap();
    };
    for seed in SEEDS {
        let values: Vec<f64> = map(seed).into_iter().collect();
        put(&format!("fid/{seed}"), &[2, 3], &values);
        put(&format!("groups/{seed}/map"), &[2, 3], &values);
        put(&format!("padded/s{seed:04}"), &[2, 3], &values);
        put(&format!("other/{seed}"), if seed == 7 { &[3, 2] } else { &[2, 3] }, &values);
    }
    put("mask", &[3], &[1.0; 3]);
    writer.finish().unwrap();
    let maps: Vec<(String, ArrayD<f64>)> = SEEDS.iter().map(|&seed| (format!("fid/{seed}"), map(seed))).collect();
    let named: Vec<(&str, arrays::AnyArray<'_>)> =
        maps.iter().map(|(name, map)| (name.as_str(), map.view().into())).collect();
    arrays::write_npz(path("many.npz"), &named).unwrap();
    folder
}

#[test]
fn they_are_rows_in_the_order_of_their_seeds() {
    let folder = files();
    let patterns = [
        "many.h5:fid/{seed}",
        "many.h5:/fid/{seed}",
        "many.h5:groups/{seed}/map",
        "many.h5:padded/s{seed:04}",
        "many.npz:fid/{seed}",
    ];
    for pattern in patterns {
        let path = ArrayPath::from(pattern).resolve(folder.path());
        let rows = open_rows::<f64>(&path, &RowOptions::default()).unwrap();
        assert_eq!((rows.shape(), rows.seeds()), (&[4, 2, 3][..], Some(&[2, 3, 7, 10][..])), "{pattern}");
        let expected: Vec<f64> = [2, 3, 7, 10].into_iter().flat_map(map).collect();
        let mut found = vec![0.0; 24];
        rows.read(0..4, &mut found).unwrap();
        assert_eq!(found, expected, "{pattern}");
        rows.read(2..3, &mut found[..6]).unwrap();
        assert_eq!(found[..6], expected[12..18]);
        assert!(rows.element(&[2, 1, 0]).contains("7"), "{}", rows.element(&[2, 1, 0]));
        assert_eq!(arrays::read::<f32>(&path).unwrap().shape(), [4, 2, 3]);
    }
    assert_eq!(keys(&folder.path().join("many.npz")).unwrap().map(|keys| keys.len()), Some(4));
}

#[test]
fn what_is_missing_or_unlike_is_said() {
    let folder = files();
    let refused = |pattern: &str| {
        let path = ArrayPath::from(pattern).resolve(folder.path());
        open_rows::<f64>(&path, &RowOptions::default()).err().unwrap().to_string()
    };
    for (pattern, part) in [
        ("many.h5:fidd/{seed}", "it has fid/10, fid/2"),
        ("many.h5:fid/x{seed}", "many.h5:fid has such a name; there is"),
        ("many.h5:groups/{seed}/maps", "has no array `groups/2/maps`; it has map"),
        ("many.h5:groups/{seed}", "has no array `groups/2`"),
        ("many.h5:other/{seed}", "expected (2, 3) as"),
        ("none.h5:fid/{seed}", "none.h5: no such file"),
        ("many.npz:maps/{seed}", "it has fid/3, fid/10, fid/2, fid/7"),
        ("many.h5:{seed}/{seed:05}", "several {seed}"),
    ] {
        let message = refused(pattern);
        assert!(message.contains(part), "{pattern}: {message}");
    }
    std::fs::write(folder.path().join("x.txt"), "1 2\n3 4\n").unwrap();
    assert!(refused("x.txt:{seed}").contains("has none by name"));
}

#[test]
fn a_file_that_changes_is_noticed() {
    let folder = files();
    let path = ArrayPath::from("many.h5:fid/{seed}").resolve(folder.path());
    let rows = open_rows::<f64>(&path, &RowOptions::default()).unwrap();
    let bytes = std::fs::read(path.file()).unwrap();
    std::fs::write(path.file(), &bytes[..bytes.len() - 8]).unwrap();
    let message = rows.read(0..1, &mut [0.0; 6]).unwrap_err().to_string();
    assert!(message.contains("changed") || message.contains("truncated"), "{message}");
}

#[test]
fn they_stream_and_match_like_other_patterns() {
    let folder = files();
    let path = |text: &str| ArrayPath::from(text).resolve(folder.path());
    let steps = imnn_data::ParameterSteps::of_widths(vec![1.0]).unwrap();
    let files = Files::sides(
        path("many.h5:fid/{seed}"),
        vec![path("many.npz:fid/{seed}")],
        vec![path("many.h5:padded/s{seed:04}")],
        steps,
    );
    let source = files.open::<f64>(&Streaming::default()).unwrap();
    assert_eq!((source.n_s(), source.n_d(), source.n_params()), (4, 4, 1));
}
