//! `imnn data inspect`, `convert` and `split`, and that `imnn fit` takes what they wrote: the same bits.

use imnn::data::arrays;
use ndarray::ArrayD;
use serde_json::Value;

use super::data::{EXACT, Folder};
use super::{imnn, prints, refuses};

/// The weights of a run.
fn fitted(folder: &Folder, run: &str, out: &str) -> Vec<u8> {
    let (run, out_path) = (folder.run_file(run), folder.text(out));
    prints(&["fit", &run, "--out", &out_path, "--quiet"]);
    std::fs::read(folder.path(out).join("weights.safetensors")).expect("weights")
}

#[test]
fn files_are_described() {
    let folder = Folder::new();
    let text = prints(&["data", "inspect", &folder.text("fiducial.npy"), &folder.text("exact.npy"), "--values"]);
    for part in ["(80, 6)", "float64, little-endian", "3.8 KiB", "fiducial = \"", "kind = \"exact\"", "mean"] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    let text = prints(&["data", "inspect", &folder.text("validation.npz"), "--json"]);
    let value: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(value[0]["arrays"].as_array().map(Vec::len), Some(2), "{text}");
    assert!(refuses(&["data", "inspect", &folder.text("none.npy")]).contains("no such file"));
    std::fs::write(folder.path("odd.npy"), "text").expect("written");
    assert!(refuses(&["data", "inspect", &folder.text("odd.npy")]).contains("not a .npy array"));
    // One that cannot be used does not hide the others.
    let output = imnn(&["data", "inspect", &folder.text("odd.npy"), &folder.text("fiducial.npy")]);
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(text.contains("not usable") && text.contains("(80, 6)") && output.status.code() == Some(1), "{text}");
}

#[test]
#[cfg(unix)]
fn a_pipe_is_refused_and_not_waited_for() {
    let folder = Folder::new();
    let (pipe, from) = (folder.text("pipe.npy"), folder.text("fiducial.npy"));
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success());
    for arguments in [
        &["data", "inspect", &pipe][..],
        &["data", "convert", &pipe, &folder.text("x.npy")],
        &["fisher", "--summaries", &pipe, "--derivatives", &from],
    ] {
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_imnn"))
            .args(arguments)
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("the program starts");
        let start = std::time::Instant::now();
        while child.try_wait().expect("a process").is_none() {
            if start.elapsed().as_secs() > 20 {
                child.kill().expect("killed");
                panic!("{arguments:?} waits");
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let output = child.wait_with_output().expect("it ends");
        let message = String::from_utf8(output.stderr).expect("text");
        assert!(message.contains("pipe.npy") && message.contains("a device or a pipe, a file is needed"), "{message}");
    }
}

#[test]
fn every_format_gives_the_same_weights() {
    let folder = Folder::new();
    let expected = fitted(&folder, EXACT, "run");
    let (f, d) = (folder.text("fiducial.npy"), folder.text("exact.npy"));
    for (k, (fiducial, derivative)) in
        [("f.npz:x", "d.npz:y"), ("f/{seed:04}.npy", "d/{seed:04}.npy"), ("f2.npy", "d2.npy")].iter().enumerate()
    {
        for (from, to) in [(&f, fiducial), (&d, derivative)] {
            let text = prints(&["data", "convert", from, &folder.text(to)]);
            assert!(text.contains("of float64, reads back the same"), "{text}");
        }
        let run = EXACT.replace("\"fiducial.npy\"", &format!("\"{fiducial}\""));
        let run = run.replace("\"exact.npy\"", &format!("\"{derivative}\""));
        assert_eq!(fitted(&folder, &run, &format!("run{k}")), expected, "{fiducial}");
    }
    let text = prints(&["data", "inspect", &folder.text("f"), "--json"]);
    let value: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(value[0]["arrays"][0]["seeds"]["last"], 79, "{text}");
}

#[test]
fn tfrecords_go_out_and_come_back() {
    let folder = Folder::new();
    let (from, records, back) = (folder.text("numerical.npy"), folder.text("n_*.tfrecords"), folder.text("back.npy"));
    let message = refuses(&["data", "convert", &from, &records, "--layout", "numerical"]);
    assert!(message.contains("ask for f32"), "{message}");
    prints(&["data", "convert", &from, &records, "--layout", "numerical", "--dtype", "f32"]);
    let text = prints(&["data", "inspect", &records]);
    assert!(text.contains("(60, 2, 2, 6)") && text.contains("in 2 parameters"), "{text}");
    prints(&["data", "convert", &records, &back, "--input-shape", "2,3"]);
    let found = arrays::read::<f32>(&folder.path("back.npy").into()).expect("an array");
    assert_eq!(found.shape(), [60, 2, 2, 2, 3]);
    let expected = folder.read("numerical.npy");
    assert!(found.iter().zip(&expected).all(|(a, b)| *a == *b as f32));
}

#[test]
fn nothing_is_overwritten_or_lost_by_converting() {
    let folder = Folder::new();
    let (from, to) = (folder.text("fiducial.npy"), folder.text("exact.npy"));
    let before = std::fs::read(&to).expect("the file");
    assert!(refuses(&["data", "convert", &from, &to]).contains("exists already"));
    folder.write("large.npy", &ArrayD::from_elem(vec![3, 2], 1e300));
    let message = refuses(&["data", "convert", &folder.text("large.npy"), &to, "--dtype", "f32", "--force"]);
    assert!(message.contains("beyond the range of f32"), "{message}");
    assert_eq!(std::fs::read(&to).expect("the file"), before);
    assert!(refuses(&["data", "convert", &from, &folder.text("x.txt")]).contains("write file.npy"));
    assert!(refuses(&["data", "convert", &from, &folder.text("y.npy"), "--input-shape", "5"]).contains("(5,)"));
    assert!(!folder.names(".").iter().any(|name| name.starts_with('.')), "nothing is left");
    prints(&["data", "convert", &from, &to, "--force"]);
    assert_eq!(folder.read("exact.npy"), folder.read("fiducial.npy"));
}

#[test]
fn parts_are_matched_and_fit_takes_them() {
    let folder = Folder::new();
    let run = folder.run_file(EXACT);
    let out = folder.text("parts");
    let text = prints(&["data", "split", &run, "--out", &out, "--validation", "0.25", "--seed", "4"]);
    assert!(
        text.starts_with("# training: 60 simulations, 45 with derivatives; validation: 20 simulations, 15 "),
        "{text}"
    );
    let again = folder.text("again");
    let command = ["data", "split", &run, "--out", &again, "--validation", "0.25", "--seed", "4", "--json", "--npz"];
    let rows: Value = serde_json::from_str(&prints(&command)).expect("JSON");
    let all = folder.read("fiducial.npy");
    let derivatives = folder.read("exact.npy");
    let mut seen = vec![];
    for part in ["train", "validation"] {
        let rows: Vec<usize> = serde_json::from_value(rows[part]["rows"].clone()).expect("rows");
        let with: Vec<usize> = rows.iter().copied().filter(|&row| row < 60).collect();
        let axis = ndarray::Axis(0);
        assert_eq!(folder.read(&format!("parts/{part}/fiducial.npy")), all.select(axis, &rows));
        assert_eq!(folder.read(&format!("parts/{part}/derivative.npy")), derivatives.select(axis, &with));
        let archive = folder.path(&format!("again/{part}.npz:derivative"));
        assert_eq!(arrays::read::<f64>(&archive.into()).expect("an array"), derivatives.select(axis, &with));
        seen.extend(rows);
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..80).collect::<Vec<_>>());
    let (head, tail) = EXACT.split_once("[simulations]\n").expect("a table");
    let (_, tail) = tail.split_once("[network]").expect("a table");
    fitted(&folder, &format!("{head}{text}[network]{tail}"), "run");
    assert!(refuses(&["data", "split", &run, "--out", &out]).contains("exists already"));
    std::fs::write(folder.path("parts/notes.txt"), "").expect("written");
    assert!(refuses(&["data", "split", &run, "--out", &out, "--force"]).contains("notes.txt"));
    assert!(refuses(&["data", "split", &run, "--out", &folder.text("p"), "--validation", "79"]).contains("two"));
    assert!(!folder.names(".").contains(&"p".to_owned()));
}

#[test]
fn the_last_rows_are_taken_where_nothing_is_drawn() {
    let folder = Folder::new();
    let (f, d, out) = (folder.text("fiducial.npy"), folder.text("numerical.npy"), folder.text("parts"));
    let text =
        prints(&["data", "split", "--fiducial", &f, "--derivative", &d, "--out", &out, "--no-shuffle", "--json"]);
    let rows: Value = serde_json::from_str(&text).expect("JSON");
    let expected: Vec<usize> = (48..60).chain(76..80).collect();
    assert_eq!(rows["validation"]["rows"], serde_json::json!(expected));
}
