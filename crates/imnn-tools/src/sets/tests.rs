//! Sets as suites and people lay them out.

use super::*;

fn seeded(path: &str, n: u64, row: &[usize]) -> Found {
    Found { path: path.into(), shape: [&[n as usize], row].concat(), seeds: Some((0..n).collect()), unlike: None }
}

fn plain(path: &str, shape: &[usize]) -> Found {
    Found { path: path.into(), shape: shape.to_vec(), seeds: None, unlike: None }
}

fn sides(set: &Proposal) -> (Vec<String>, Vec<String>) {
    let names = |paths: &[ArrayPath]| paths.iter().map(ToString::to_string).collect::<Vec<_>>();
    match &set.derivative {
        DerivativeFiles::Sides { below, above } => (names(below), names(above)),
        DerivativeFiles::Array(path) => (vec![path.to_string()], vec![]),
    }
}

#[test]
fn a_suite_of_folders_with_a_one_sided_parameter() {
    let mut found = vec![];
    for field in ["df_m_4_PCS_z=0.npy", "df_m_4_CIC_z=0.npy"] {
        for (folder, n) in [
            ("fiducial", 60),
            ("fiducial_ZA", 40),
            ("Om_m", 40),
            ("Om_p", 40),
            ("s8_m", 40),
            ("s8_p", 40),
            ("Mnu_p", 40),
            ("latin_hypercube", 100),
        ] {
            found.push(seeded(&format!("3D/{folder}/{{seed}}/{field}"), n, &[4, 4, 4]));
        }
    }
    let sets = proposals(&found);
    assert_eq!(sets.len(), 2);
    let set = sets.iter().find(|set| set.fiducial.to_string() == "3D/fiducial/{seed}/df_m_4_PCS_z=0.npy").unwrap();
    assert_eq!(
        (&set.parameters[..], set.n_s, set.n_d, set.say_n_d),
        (&["Mnu", "Om", "s8"].map(str::to_owned)[..], 60, 40, false)
    );
    let (below, above) = sides(set);
    assert_eq!(below[0], "3D/fiducial_ZA/{seed}/df_m_4_PCS_z=0.npy");
    assert_eq!(above[2], "3D/s8_p/{seed}/df_m_4_PCS_z=0.npy");
    assert!(set.notes[0].starts_with("Mnu has simulations above alone"));
}

#[test]
fn words_for_below_and_above_in_many_places() {
    for (fiducial, below, above, parameter) in [
        ("main.npy", "QHII_minus.npy", "QHII_plus.npy", "QHII"),
        ("fid/{seed}.npz:x", "Om_low/{seed}.npz:x", "Om_high/{seed}.npz:x", "Om"),
        ("many.h5:fid/{seed}", "many.h5:p0_m/{seed}", "many.h5:p0_p/{seed}", "p0"),
        ("all.h5:fiducial", "all.h5:minus_s8", "all.h5:plus_s8", "s8"),
        ("f.npy", "h-.npy", "h+.npy", "h"),
        ("fiducial_{seed}.npy", "As_lo_{seed}.npy", "As_hi_{seed}.npy", "As"),
        ("FID/{seed}.txt:1", "w0_M/{seed}.txt:1", "w0_P/{seed}.txt:1", "w0"),
        ("sims/fid_0.h5:d", "sims/0m_0.h5:d", "sims/0p_0.h5:d", "parameter_0"),
    ] {
        let of = |path: &str| {
            if path.contains("{seed}") { seeded(path, 30, &[6]) } else { plain(path, &[30, 6]) }
        };
        let sets = proposals(&[of(fiducial), of(below), of(above)]);
        assert_eq!(sets.len(), 1, "{below}: {sets:?}");
        let expected = (vec![below.to_owned()], vec![above.to_owned()]);
        assert_eq!((sets[0].fiducial.to_string().as_str(), sides(&sets[0])), (fiducial, expected));
        let name = sets[0].parameters[0].clone();
        assert!(name.starts_with(parameter), "{name}");
    }
}

#[test]
fn nothing_is_proposed_that_does_not_belong_together() {
    // Other shapes, no fiducial, no common seeds, seeds on one side alone.
    assert!(
        proposals(&[plain("fid.npy", &[30, 6]), plain("a_m.npy", &[30, 6]), plain("a_p.npy", &[30, 5])]).is_empty()
    );
    assert!(proposals(&[plain("a_m.npy", &[30, 6]), plain("a_p.npy", &[30, 6])]).is_empty());
    let late = Found { seeds: Some((100..130).collect()), ..seeded("a_p/{seed}.npy", 30, &[6]) };
    assert!(proposals(&[seeded("fid/{seed}.npy", 30, &[6]), seeded("a_m/{seed}.npy", 30, &[6]), late]).is_empty());
    assert!(
        proposals(&[
            plain("fid.npy", &[30, 6]),
            seeded("a_m/{seed}.npy", 30, &[6]),
            seeded("a_p/{seed}.npy", 30, &[6])
        ])
        .is_empty()
    );
    assert!(proposals(&[plain("maps.npy", &[30, 8]), plain("other.npy", &[30, 8, 8])]).is_empty());
    assert!(proposals(&[]).is_empty());
}

#[test]
fn what_has_to_be_mended_is_said() {
    let broken = Found { unlike: Some("a_p/3.npy: is empty".to_owned()), ..seeded("a_p/{seed}.npy", 30, &[6]) };
    let sets = proposals(&[seeded("fid/{seed}.npy", 30, &[6]), seeded("a_m/{seed}.npy", 30, &[6]), broken]);
    assert_eq!(sets[0].notes, ["mend or remove what is not like the other files: a_p/3.npy: is empty"]);
}

#[test]
fn numbers_of_rows_that_differ_are_said() {
    let found =
        [seeded("fid/{seed}.npy", 60, &[6]), seeded("a_m/{seed}.npy", 40, &[6]), seeded("a_p/{seed}.npy", 39, &[6])];
    let set = &proposals(&found)[0];
    assert_eq!((set.n_s, set.n_d, set.say_n_d), (60, 39, true));
    let set = &proposals(&[plain("fid.npy", &[60, 6]), plain("a_m.npy", &[40, 6]), plain("a_p.npy", &[40, 6])])[0];
    assert_eq!((set.n_d, set.say_n_d), (40, false));
}

#[test]
fn single_arrays_are_told_by_their_shapes() {
    let found = [
        plain("train/fiducial.npy", &[80, 6]),
        plain("train/derivative.npy", &[60, 2, 3, 6]),
        plain("validation/fiducial.npy", &[70, 6]),
        plain("validation/derivative.npy", &[50, 2, 3, 6]),
    ];
    let sets = proposals(&found);
    assert_eq!(sets.len(), 1, "{sets:?}");
    let validation = sets[0].validation.as_ref().unwrap();
    assert_eq!((validation.fiducial.to_string().as_str(), validation.n_d), ("validation/fiducial.npy", 50));
    let sets = proposals(&[plain("f.npy", &[80, 6]), plain("dx_dtheta.npy", &[60, 6, 2])]);
    assert!(sets[0].exact && sets[0].parameters.len() == 2 && sets[0].n_d == 60);
    // Two arrays with an axis of the parameters.
    let sets = proposals(&[plain("fid.npy", &[80, 6]), plain("t_m.npy", &[60, 3, 6]), plain("t_p.npy", &[60, 3, 6])]);
    assert_eq!((sets.len(), sets[0].parameters.len(), sets[0].input.clone()), (1, 3, vec![6]));
}
