//! A share of the files kept apart for validation.

use ndarray::{Axis, Slice, concatenate};

use super::data::{EXACT, Folder};
use super::{prints, refuses};

/// The run of files that were cut by hand, to the bit.
#[test]
fn a_share_is_as_files_that_were_cut_by_hand() {
    let folder = Folder::new();
    // 80 simulations, 60 with derivatives: a quarter of each is kept apart.
    let rows = |name: &str, ranges: &[(isize, isize)]| {
        let array = folder.read(name);
        let parts: Vec<_> = ranges.iter().map(|&(a, b)| array.slice_axis(Axis(0), Slice::from(a..b))).collect();
        concatenate(Axis(0), &parts).expect("rows")
    };
    for (name, of, ranges) in [
        ("train_f.npy", "fiducial.npy", &[(0, 45), (60, 75)][..]),
        ("train_d.npy", "exact.npy", &[(0, 45)]),
        ("kept_f.npy", "fiducial.npy", &[(45, 60), (75, 80)]),
        ("kept_d.npy", "exact.npy", &[(45, 60)]),
    ] {
        folder.write(name, &rows(of, ranges));
    }
    let share = EXACT.replace("[network]", "validation = 0.25\n[network]");
    let by_hand = EXACT.replace("fiducial.npy", "train_f.npy").replace("exact.npy", "train_d.npy").replace(
        "[network]",
        "[simulations.validation]\nfiducial = \"kept_f.npy\"\nderivative = \"kept_d.npy\"\n[network]",
    );
    let streamed = share.replace("[network]", "load = \"stream\"\n[network]");
    for (name, text) in [("hand", &by_hand), ("share", &share), ("stream", &streamed)] {
        prints(&["fit", &folder.run_file(text), "--out", &folder.text(name), "--quiet"]);
    }
    for file in ["history.npz", "weights.safetensors", "statistics.npz", "information.npz"] {
        let read = |name: &str| std::fs::read(folder.path(&format!("{name}/{file}"))).expect("there");
        assert!(read("hand") == read("share") && read("hand") == read("stream"), "{file}");
    }
    // The resolved run file does the same again.
    prints(&["fit", &folder.text("share/run.toml"), "--out", &folder.text("again"), "--quiet"]);
    let read = |name: &str| std::fs::read(folder.path(&format!("{name}/history.npz"))).expect("there");
    assert!(read("share") == read("again"));
}

#[test]
fn what_is_no_share_is_refused() {
    let folder = Folder::new();
    let wrong = |share: &str| {
        let text = EXACT.replace("[network]", &format!("validation = {share}\n[network]"));
        refuses(&["fit", &folder.run_file(&text), "--out", &folder.text("out")])
    };
    for share in ["0.0", "1.0", "-0.2", "20"] {
        let message = wrong(share);
        assert!(message.contains("simulations.validation") && message.contains("between 0 and 1"), "{message}");
    }
    assert!(wrong("\"some\"").contains("simulations.validation"));
    let simulator = "kind = \"simulator\"\nsimulator = \"mean_variance\"\nn_data = 6\nvalidation = 0.2";
    let text = EXACT.replace("kind = \"exact\"\nfiducial = \"fiducial.npy\"\nderivative = \"exact.npy\"", simulator);
    let message = refuses(&["fit", &folder.run_file(&text), "--out", &folder.text("out")]);
    assert!(message.contains("[simulations.validation] with n_s"), "{message}");
}
