//! Archives of many arrays: what is read is bounded by the archive, not by its square.

use imnn::data::arrays::{AnyArray, keys, write_npz};
use ndarray::ArrayD;

use super::prints;

/// As many arrays, more than any file is opened times.
const N: usize = 60;

#[test]
#[cfg(target_os = "linux")]
fn an_archive_is_opened_a_few_times_whatever_it_holds() {
    use rustix::fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init};

    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let values = ArrayD::from_elem(vec![4, 3], 1.5_f32);
    // Without numbers, by which they would be one pattern.
    let letter = |k: usize| char::from(b'a' + (k % 26) as u8);
    let names: Vec<String> = (0..N).map(|k| format!("k{}{}", letter(k / 26), letter(k))).collect();
    let all: Vec<(&str, AnyArray<'_>)> = names.iter().map(|name| (name.as_str(), values.view().into())).collect();
    let (from, to) = (path("many.npz"), path("copy.npz"));
    write_npz(&from, &all).expect("written");

    let opens = |arguments: &[&str]| {
        let watch = init(CreateFlags::NONBLOCK).expect("inotify");
        add_watch(&watch, &from, WatchFlags::OPEN | WatchFlags::CLOSE_NOWRITE).expect("watched");
        let text = prints(arguments);
        let mut buffer = [std::mem::MaybeUninit::uninit(); 1 << 16];
        let mut reader = Reader::new(&watch, &mut buffer);
        // Alike events that follow each other are told as one, hence the closings between the openings.
        let mut next = || Some(reader.next().ok()?.events().contains(ReadFlags::OPEN));
        let n = std::iter::from_fn(&mut next).filter(|is_open| *is_open).count();
        (n, text)
    };
    let (n, text) = opens(&["data", "inspect", &from, "--values", "--json"]);
    assert!((1..10).contains(&n), "inspect: {n}");
    assert_eq!(text.matches("\"dtype\"").count(), N);
    let (n, text) = opens(&["data", "convert", &from, &to]);
    assert!((1..10).contains(&n), "convert: {n}");
    assert_eq!(text.lines().count(), N);
    assert_eq!(keys(&to).expect("keys"), names);
}
