//! What is said of files that are no arrays.

use std::path::PathBuf;

use crate::{ArrayPath, arrays};

#[track_caller]
fn check(name: &str, bytes: &[u8], parts: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let message = arrays::read::<f64>(&ArrayPath::of_file(&path)).unwrap_err().to_string();
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
}

#[test]
fn each_kind_has_its_own_sentence() {
    check("x.npy", b"", &["is empty: whatever wrote it did not come to its end"]);
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
    check("x.npy", pointer, &["is a pointer of Git LFS", "git lfs pull"]);
    check("x.txt", pointer, &["is a pointer of Git LFS"]);
    check("x.h5", pointer, &["is a pointer of Git LFS"]);
    check("x.tfrecords", pointer, &["is a pointer of Git LFS"]);
    check("x.npy", b"/annex/objects/SHA256E-s3--0\n", &["git annex get "]);
    check("x.npy", b"\n<!DOCTYPE html>\n<html>", &["is a web page", "download the file again"]);
    check("x.csv", b"<html><head>", &["is a web page"]);
    check("x.npy", b"<?xml version='1.0'?><Error>", &["is XML, as a server sends"]);
    check("x.npy", b"{\"a\": [1, 2]}", &["is JSON", "json.load(open('", "x.npz'"]);
    check("x.npy.gz", b"\x1f\x8b\x08", &["compressed by gzip", "gzip -dc < ", "x.npy.gz > ", "x.npy"]);
    check("x.tfrecords", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00", &["gzip", "x_unpacked.tfrecords"]);
    check(
        "x.tfrecords.zz",
        b"\x78\x9c\xed\x00\x00\x00\x00\x00\x00\x00\x00\x00",
        &["zlib", "x.tfrecords', 'wb').write(zlib.decompress(open('"],
    );
    check("x.npy", b"BZh9", &["bzip2 -dc"]);
    check("x.npy", b"\xfd7zXZ\0", &["xz -dc"]);
    check("x.npy", b"\x28\xb5\x2f\xfd", &["zstd -dc"]);
    check("x.fits", b"SIMPLE  =                    T", &["is a FITS file", "fits.getdata('"]);
    check("x.mat", b"MATLAB 5.0 MAT-file, Platform: GLNXA64", &["is a file of MATLAB", "loadmat('"]);
    check("x.nc", b"CDF\x01\0\0", &["is a netCDF file", "netcdf_file('"]);
    check("x.parquet", b"PAR1", &["pd.read_parquet('"]);
    check("x.png", b"\x89PNG\r\n\x1a\n", &["is an image"]);
    let mut tar = vec![b'a'; 600];
    tar[257..262].copy_from_slice(b"ustar");
    check("x.tar", &tar, &["is a tar archive", "tar -xf "]);
    check(
        "x.pkl",
        b"\x80\x04}\x94.",
        &["a pickle of Python: a dict", "np.savez('", ":{seed} where the keys are seeds"],
    );
    check("x.pkl", b"\x80\x04]\x94.", &["a list", "np.array(np.load('"]);
    check("x.pt", b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", &["PyTorch", "torch.load('"]);
    // What is not known is said as before, with its first bytes.
    check("x.npy", b"\xde\xad\xbe\xef", &["not a .npy array"]);
}

#[test]
fn archives_of_other_programs_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pt");
    let zeros = ndarray::ArrayD::<f32>::zeros(vec![2]);
    arrays::write_npz(&path, &[("x/data.pkl", zeros.view().into())]).unwrap();
    let message = arrays::read::<f64>(&ArrayPath::of_file(&path)).unwrap_err().to_string();
    assert!(message.contains("is a file of PyTorch"), "{message}");
}

#[test]
fn names_that_a_shell_would_read_otherwise_are_not_put_into_lines_of_python() {
    check("a b.npy", b"\x1f\x8b", &["gzip -dc < '", "a b.npy' > '"]);
    check("$(rm x).pkl", b"\x80\x04]\x94.", &["np.load('FILE', allow_pickle=True)"]);
    check("it's.npy", b"\x1f\x8b", &["it'\\''s.npy'"]);
}
