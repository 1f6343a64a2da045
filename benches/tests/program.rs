//! The program, as `cargo xtask bench` runs it.

use std::process::{Command, Output};

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_imnn-benches")).args(arguments).output().expect("the program starts")
}

#[test]
fn a_quick_run_prints_times_rates_and_memory() {
    let output = bench(&["--quick", "--json", "--only", "dense-fly-1000"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let record = &report["records"][0];
    let ours = &record["programs"][0];
    assert_eq!(record["flops"], 609_792_000);
    assert_eq!(ours["ms"].as_array().expect("turns").len(), 3);
    assert!(ours["median_ms"].as_f64().expect("a time") > 0.0);
    assert!(ours["first_iteration_s"][0].as_f64().expect("a time") > 0.0);
    // Nothing runs at several times the rate of plain products, whatever else the machine does at the same time.
    let share = ours["share_of_products"].as_f64().expect("a share");
    assert!((0.0..5.0).contains(&share), "{share}");
    if cfg!(target_os = "linux") {
        assert!(ours["peak_bytes"].as_u64().expect("a size") > 1_000_000);
    }
}

#[test]
fn a_workload_that_does_not_exist_is_refused() {
    let output = bench(&["--only", "sparse"]);
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("no workload is called `sparse`"), "{message}");
}

#[test]
fn without_a_gpu_it_is_said_what_is_missing() {
    let report = imnn::device::CudaReport::look();
    if report.missing.is_empty() {
        return eprintln!("SKIPPED: this machine has a GPU");
    }
    let output = bench(&["--cuda", "--quick"]);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.starts_with("error: no GPU to measure on: ") && message.contains(&report.missing[0]), "{message}");
}

#[test]
fn what_belongs_to_gpus_is_refused_without_them() {
    for wrong in [&["--tf32"][..], &["--cuda", "--scaling"], &["--cuda", "--original", "python"]] {
        assert_eq!(bench(wrong).status.code(), Some(2), "{wrong:?}");
    }
}
