//! The golden files are those that `manifest.json` lists, with the keys, types and shapes that it says.

use imnn_tests::{Golden, cases, folder};
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[test]
fn golden_files_are_as_the_manifest_says() {
    let listed: BTreeMap<String, Value> = cases("").into_iter().collect();
    let entries = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut present: Vec<String> = entries.filter(|name| name.ends_with(".npz")).collect();
    present.sort();
    assert_eq!(present, listed.keys().cloned().collect::<Vec<_>>());
    assert_eq!(present.len(), 35);
    for (name, entry) in listed {
        let mut golden = Golden::open(&name);
        let keys = golden.keys();
        let describe = |key: String| {
            let (kind, shape) = golden.describe(&key);
            (key, json!([kind, shape]))
        };
        let found: serde_json::Map<String, Value> = keys.into_iter().map(describe).collect();
        assert_eq!(Value::Object(found), entry["keys"], "{name}");
    }
}
