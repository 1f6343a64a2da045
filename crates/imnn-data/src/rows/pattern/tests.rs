//! Names with numbers in them.

use super::*;

fn folder(names: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, "").unwrap();
    }
    folder
}

/// The names that a pattern finds, or why not, without the folder.
#[track_caller]
fn found(folder: &tempfile::TempDir, pattern: &str) -> Result<Vec<(u64, String)>, String> {
    let without = |text: String| text.replace(&format!("{}/", folder.path().display()), "");
    let find = || {
        let pattern = Pattern::of(&ArrayPath::from(pattern).resolve(folder.path()))?.expect("a pattern");
        let numbers = pattern.of_files()?;
        Ok(numbers.into_iter().map(|n| (n.seed, without(pattern.path(&n.digits).to_string()))).collect())
    };
    find().map_err(|error: DataError| without(error.to_string()))
}

#[test]
fn seeds_are_sorted_as_numbers() {
    let folder = folder(&["f/10.npy", "f/9.npy", "f/0100.npy", "f/x.npy", "f/9.npy.bak", "f/-1.npy", "f/.npy"]);
    let expected = [(9, "f/9.npy"), (10, "f/10.npy"), (100, "f/0100.npy")];
    assert_eq!(found(&folder, "f/{seed}.npy").unwrap(), expected.map(|(seed, name)| (seed, name.to_owned())));
}

#[test]
fn padded_numbers_have_their_width_at_least() {
    let folder = folder(&["s007.npy", "s12.npy", "s012.npy", "s1234.npy", "s0001234.npy"]);
    let seeds: Vec<u64> = found(&folder, "s{seed:03}.npy").unwrap().into_iter().map(|(seed, _)| seed).collect();
    assert_eq!(seeds, [7, 12, 1234]);
    assert_eq!(
        found(&folder, "s{seed}.npy").unwrap_err(),
        "s{seed}.npy: s012.npy and s12.npy have the same seed; remove one of them"
    );
}

#[test]
fn folders_may_be_numbered() {
    let folder = folder(&["3/f.npz", "1/f.npz", "2/g.npz"]);
    let expected = [(1, "1/f.npz:x"), (3, "3/f.npz:x")].map(|(seed, name)| (seed, name.to_owned()));
    assert_eq!(found(&folder, "{seed}/f.npz:x").unwrap(), expected);
}

#[test]
fn files_may_hold_several_rows() {
    let names = ["f/10-19.npy", "f/9.npy", "f/0-8.npy", "f/10.npy", "f/7-3.npy", "f/1-2-3.npy", "f/01-02.npy"];
    let folder = folder(&[&names[..], &["f/3-99999999999999999999.npy", "f/-5.npy", "f/20-20.npy"]].concat());
    let expected = [(0, "f/0-8.npy"), (9, "f/9.npy"), (10, "f/10.npy"), (10, "f/10-19.npy"), (20, "f/20-20.npy")];
    assert_eq!(found(&folder, "f/{seeds}.npy").unwrap(), expected.map(|(seed, name)| (seed, name.to_owned())));
    std::fs::remove_file(folder.path().join("f/9.npy")).unwrap();
    std::fs::remove_file(folder.path().join("f/10.npy")).unwrap();
    for odd in ["7-3", "1-2-3", "01-02", "3-99999999999999999999", "-5"] {
        std::fs::remove_file(folder.path().join(format!("f/{odd}.npy"))).unwrap();
    }
    let message = found(&folder, "f/{seed}.npy").unwrap_err();
    assert!(message.contains("-") && message.ends_with("write {seeds} for files of several rows"), "{message}");
    assert_eq!(consecutive("0-18446744073709551615"), Some((0, u64::MAX)));
}

#[test]
fn what_is_no_pattern_is_said() {
    let folder = folder(&["a/x.npy", "99999999999999999999999.npy", "odd{seed}.npy"]);
    assert!(found(&folder, "a/{seed}.npy").unwrap_err().contains("a has such a name; there is x.npy"));
    assert!(found(&folder, "b/{seed}.npy").unwrap_err().starts_with("b: no such file; the pattern b/{seed}.npy needs"));
    assert!(found(&folder, "{seed}.npy").unwrap_err().contains("beyond the range of seeds"));
    for odd in [
        "{seed:5}.npy",
        "{seed:0}.npy",
        "{seed:099}.npy",
        "{seed.npy",
        "{seeds:05}.npy",
        "{seedss}.npy",
        "{seed:x}.npy",
    ] {
        assert!(found(&folder, odd).unwrap_err().contains("write {seed}, or {seed:05}"), "{odd}");
    }
    for twice in ["{seed}/{seed:05}.npy", "{seed}{seed}.npy", "{seed}/{seeds}.npy"] {
        assert!(found(&folder, twice).unwrap_err().contains("there are several {seed}"), "{twice}");
    }
    for file in ["odd{seed}.npy", "a/x.npy", "{i}.npy"] {
        assert_eq!(Pattern::of(&ArrayPath::from(file).resolve(folder.path())).unwrap(), None);
    }
}

#[test]
fn the_number_of_a_folder_may_stand_again_in_it() {
    let folder = folder(&["3/map_3.npy", "1/map_1.npy", "2/map_3.npy", "04/map_04.npy"]);
    let expected = [(1, "1/map_1.npy"), (3, "3/map_3.npy"), (4, "04/map_04.npy")];
    assert_eq!(found(&folder, "{seed}/map_{seed}.npy").unwrap(), expected.map(|(seed, name)| (seed, name.to_owned())));
}

#[test]
fn arrays_of_a_file_may_be_numbered() {
    let folder = folder(&["many.h5"]);
    let pattern = |text: &str| Pattern::of(&ArrayPath::from(text).resolve(folder.path()));
    let found = |text: &str| {
        let pattern = pattern(text).unwrap().unwrap();
        let (file, group, rest) = pattern.in_file().unwrap();
        assert!(file.ends_with("many.h5") && !pattern.numbers_files(""));
        (group.to_owned(), rest.to_owned(), pattern.path("07").key().unwrap().to_owned())
    };
    let of = |group: &str, rest: &str, key: &str| (group.to_owned(), rest.to_owned(), key.to_owned());
    assert_eq!(found("many.h5:fid/{seed}"), of("fid", "", "fid/07"));
    assert_eq!(found("many.h5:/a/b/x{seed:02}/map"), of("a/b", "map", "a/b/x07/map"));
    assert_eq!(found("many.h5:{seed}"), of("", "", "07"));
    let numbers = pattern("many.h5:f/{seed}").unwrap().unwrap();
    let seeds = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let numbers = numbers.among(&names).map_err(|error| error.to_string())?;
        Ok::<Vec<u64>, String>(numbers.iter().map(|number| number.seed).collect())
    };
    assert_eq!(seeds(&["10", "x", "9"]), Ok(vec![9, 10]));
    assert!(seeds(&["x"]).unwrap_err().ends_with("many.h5:f has such a name; there is x"));
    assert!(seeds(&["1", "01"]).unwrap_err().contains("have the same seed"));
    for (text, part) in [
        ("many.h5:{seed}/{seed:05}", "several {seed}"),
        ("many.h5:{seed}_{seed}", "several {seed}"),
        ("f{seed}.h5:{seed}", "several {seed}"),
        ("many.h5:{seeds}", "files of several rows"),
        ("many.h5:{seed:5}", "write {seed}, or {seed:05}"),
    ] {
        assert!(pattern(text).unwrap_err().to_string().contains(part), "{text}");
    }
}
