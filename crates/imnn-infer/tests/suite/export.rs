//! Exports read back.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use imnn_infer::export::{GetDistOptions, ZarrOptions, getdist, npz, sbi_pairs, zarr};
use imnn_infer::{Invalid, Pairs, Posterior};
use imnn_io::npy::Reader;
use imnn_io::npz::Archive;
use ndarray::{Array2, array};
use serde_json::Value;

fn posterior() -> Posterior {
    let samples = Array2::from_shape_fn((6, 2), |(k, i)| 0.1 * k as f64 + i as f64 + 1.0 / 3.0);
    Posterior::new("npe", &["a", "b"], samples)
        .unwrap()
        .with_ln_density(array![-1.0, -2.0, -3.0, -4.0, -5.0, f64::NEG_INFINITY])
        .unwrap()
        .with_ranges(vec![[0.0, 2.0], [f64::NEG_INFINITY, 3.5]])
        .unwrap()
}

fn columns(path: &Path) -> Vec<Vec<f64>> {
    fs::read_to_string(path)
        .unwrap()
        .lines()
        .map(|line| line.split(' ').map(|n| n.parse().unwrap()).collect())
        .collect()
}

#[test]
fn getdist_files_hold_the_samples() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("post.v1");
    let options = GetDistOptions { labels: Some(vec![r"\alpha".into(), "b".into()]), label: Some("mine".into()) };
    let weighted = posterior().with_weights(array![1.0, 2.0, 3.0, 3.0, 2.0, 1.0]).unwrap();
    getdist(&weighted, &root, &options).unwrap();
    let lines = columns(&folder.path().join("post.v1.txt"));
    for (k, line) in lines.iter().enumerate() {
        assert!((line[0] - weighted.weights()[k] * 6.0).abs() < 1e-7 && line.len() == 4);
        assert!(
            (line[2] - weighted.samples()[[k, 0]]).abs() < 1e-8 && (line[3] - weighted.samples()[[k, 1]]).abs() < 1e-7
        );
    }
    assert_eq!((lines[1][1], lines[5][1]), (2.0, 1e300));
    let read = |end: &str| fs::read_to_string(folder.path().join(format!("post.v1{end}"))).unwrap();
    assert_eq!(read(".paramnames"), "a\t\\alpha\nb\tb\n");
    assert_eq!(read(".ranges"), "a 0.0 2.0\nb N 3.5\n");
    assert_eq!(read(".properties.ini"), "sampler = uncorrelated\nburn_removed = True\nlabel = mine\n");
    getdist(&posterior().with_chains(2).unwrap(), &root, &GetDistOptions::default()).unwrap();
    assert_eq!(columns(&folder.path().join("post.v1_2.txt")).len(), 3);
    assert!(read(".properties.ini").starts_with("sampler = mcmc\n"));
    for name in ["a b", "a*", "", "a?"] {
        let odd = Posterior::new("x", &[name], array![[1.0]]).unwrap();
        let error = getdist(&odd, &root, &GetDistOptions::default()).unwrap_err().to_string();
        assert!(error.contains("cannot be written for GetDist"), "{error}");
    }
    let few = GetDistOptions { labels: Some(vec![]), label: None };
    assert!(getdist(&posterior(), &root, &few).is_err());
    let error =
        getdist(&posterior(), folder.path().join("no/folder"), &GetDistOptions::default()).unwrap_err().to_string();
    assert!(error.contains("no/folder"), "{error}");
}

#[test]
fn zarr_stores_hold_the_samples_and_repeat_to_the_byte() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.zarr");
    let chains = posterior().with_chains(2).unwrap();
    let observed = array![0.5];
    let options = ZarrOptions { observed: Some(observed.view()), ..ZarrOptions::default() };
    zarr(&chains, &path, &options).unwrap();
    let root = fs::read_to_string(path.join("zarr.json")).unwrap();
    let about: Value = serde_json::from_str(&root).unwrap();
    let entries = &about["consolidated_metadata"]["metadata"];
    assert_eq!(entries["posterior/b"]["shape"], serde_json::json!([2, 3]));
    assert_eq!(entries["posterior/b"]["dimension_names"], serde_json::json!(["chain", "draw"]));
    for (place, entry) in entries.as_object().unwrap() {
        let own: Value =
            serde_json::from_str(&fs::read_to_string(path.join(place).join("zarr.json")).unwrap()).unwrap();
        assert_eq!(own, *entry);
        assert!(entry["attributes"].get("created_at").is_none());
    }
    let doubles = |place: &str| -> Vec<f64> {
        fs::read(path.join(place)).unwrap().chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect()
    };
    assert_eq!(doubles("posterior/b/c/0/0"), chains.samples().column(1).to_vec());
    assert_eq!(doubles("sample_stats/lp/c/0/0"), chains.ln_density().unwrap().to_vec());
    assert_eq!(doubles("observed_data/summary/c/0"), [0.5]);
    assert_eq!(fs::read(path.join("posterior/draw/c/0")).unwrap().len(), 24);
    // The same again, over what is there.
    zarr(&chains, &path, &options).unwrap();
    assert_eq!(fs::read_to_string(path.join("zarr.json")).unwrap(), root);
    // A folder of something else is not touched.
    let other = folder.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("thesis.tex"), "x").unwrap();
    assert!(zarr(&chains, &other, &options).is_err());
    assert!(other.join("thesis.tex").exists());
    for name in ["a/b", "chain", ".."] {
        let odd = Posterior::new("x", &[name], array![[1.0]]).unwrap();
        assert!(
            zarr(&odd, &path, &ZarrOptions::default()).unwrap_err().to_string().contains("cannot be written for Zarr")
        );
    }
    let nan = array![f64::NAN];
    assert!(zarr(&chains, &path, &ZarrOptions { observed: Some(nan.view()), ..ZarrOptions::default() }).is_err());
}

#[test]
fn archives_and_pairs_are_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.npz");
    npz(&[posterior(), posterior()], &path).unwrap();
    let bytes = fs::read(&path).unwrap();
    let mut archive = Archive::new(Cursor::new(&bytes), bytes.len() as u64).unwrap();
    assert_eq!(archive.keys(), ["samples", "weights", "log_prob", "names"]);
    let samples = archive.member(Some("samples")).unwrap().npy().read::<f64>(None).unwrap();
    assert_eq!(samples.shape(), [2, 6, 2]);
    assert!(samples.iter().zip(posterior().samples().iter().chain(posterior().samples().iter())).all(|(a, b)| a == b));
    let other = Posterior::new("x", &["a", "b"], array![[1.0, 2.0]]).unwrap();
    assert!(npz(&[posterior(), other], &path).unwrap_err().to_string().contains("resampled(n, key)"));
    assert!(npz(&[], &path).is_err());
    let pairs = Pairs::new(array![[1.0], [2.0]], array![[0.1, 0.2], [0.3, 0.4]], Invalid::Refuse).unwrap();
    sbi_pairs(&pairs, folder.path()).unwrap();
    let bytes = fs::read(folder.path().join("x.npy")).unwrap();
    let x = Reader::new(&bytes[..], bytes.len() as u64).read::<f32>(None).unwrap();
    assert_eq!(x, array![[0.1_f32, 0.2], [0.3, 0.4]].into_dyn());
    let large = Pairs::new(array![[1e300]], array![[0.0]], Invalid::Refuse).unwrap();
    assert!(sbi_pairs(&large, folder.path()).unwrap_err().to_string().contains("theta[0, 0] is inf"));
}
