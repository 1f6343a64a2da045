//! The lines of a run file that trains on a set of simulations.

use imnn::data::DerivativeFiles;
use imnn::data::sets::Proposal;
use imnn::io::text::tuple;

/// As many sets are written out.
const WRITTEN: usize = 3;

/// The sets that were found: some of them written out, the others by what they have in place of those.
pub(super) fn all(sets: &[Proposal]) -> Vec<String> {
    let mut texts = vec![];
    let mut written: Vec<&Proposal> = vec![];
    let mut like: Vec<String> = vec![];
    for set in sets {
        match written.iter().find_map(|other| instead(other, set)) {
            Some(line) => like.push(line),
            None if written.len() < WRITTEN => {
                texts.push(format!("To train on them, in a run file (paths count from its folder):\n\n{}", of(set)));
                written.push(set);
            }
            None => like.push(format!("fiducial = {}", quoted(&set.fiducial.to_string()))),
        }
    }
    if !like.is_empty() {
        texts.push(format!("Other sets, in the same way:\n  {}\n", like.join("\n  ")));
    }
    texts
}

/// What another set has in place of a part of this one's paths, where that is all that differs.
fn instead(one: &Proposal, other: &Proposal) -> Option<String> {
    let (a, b) = (one.fiducial.to_string(), other.fiducial.to_string());
    let (a_parts, b_parts): (Vec<&str>, Vec<&str>) = (a.split('/').collect(), b.split('/').collect());
    let mut differ = a_parts.iter().zip(&b_parts).filter(|(a, b)| a != b);
    let (from, to) = differ.next()?;
    let alike = a_parts.len() == b_parts.len() && differ.next().is_none() && one.parameters == other.parameters;
    let same = alike && paths(one).iter().map(|path| path.replace(from, to)).eq(paths(other));
    same.then(|| format!("{to} in place of {from}, {} simulations of shape {}", other.n_s, tuple(&other.input)))
}

fn paths(set: &Proposal) -> Vec<String> {
    match &set.derivative {
        DerivativeFiles::Array(path) => vec![path.to_string()],
        DerivativeFiles::Sides { below, above } => below.iter().chain(above).map(ToString::to_string).collect(),
    }
}

/// The lines for one set; what only its owner knows is left empty.
pub(super) fn of(set: &Proposal) -> String {
    with(set, &Known::default())
}

/// What the owner of a set has said of it, and what else is to be written below `[simulations]`.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) theta_fid: Option<Vec<f64>>,
    pub(crate) delta_theta: Option<Vec<f64>>,
    pub(crate) lines: String,
}

/// The lines for one set of which that is known.
pub(crate) fn with(set: &Proposal, known: &Known) -> String {
    let names: Vec<String> = set.parameters.iter().map(|name| quoted(name)).collect();
    let listed = set.parameters.join(", ");
    let mut text = match &known.theta_fid {
        Some(theta_fid) => format!("theta_fid = {theta_fid:?}\n"),
        None => format!("theta_fid = []                # fill in: {listed} at the fiducial\n"),
    };
    text.push_str(&format!("parameters = [{}]\n\n[simulations]\n", names.join(", ")));
    text.push_str(&format!("kind = \"{}\"\n{}", if set.exact { "exact" } else { "numerical" }, files(set)));
    match &known.delta_theta {
        _ if set.exact => {}
        Some(delta_theta) => {
            text.push_str(&format!("delta_theta = {delta_theta:?}   # theta_above - theta_below, the full widths\n"));
        }
        None => text.push_str(&format!(
            "delta_theta = []              # fill in: theta_above - theta_below of {listed}, the full widths\n"
        )),
    }
    if set.say_n_d {
        text.push_str(&format!("n_d = {}\n", set.n_d));
    }
    text.push_str(&format!(
        "# {} simulations of shape {}, {} of them with derivatives\n",
        set.n_s,
        tuple(&set.input),
        set.n_d
    ));
    text.push_str(&known.lines);
    if known.lines.is_empty() && (2..=3).contains(&set.input.len()) {
        let axes: Vec<String> = set.input.iter().map(usize::to_string).collect();
        text.push_str(&format!(
            "# input_shape = [{}, 1]   # for layers of convolutions, if all axes are space\n",
            axes.join(", ")
        ));
    }
    for note in &set.notes {
        text.push_str(&format!("# {note}\n"));
    }
    if let Some(validation) = &set.validation {
        text.push_str(&format!("\n[simulations.validation]\n{}", files(validation)));
        if validation.say_n_d {
            text.push_str(&format!("n_d = {}\n", validation.n_d));
        }
    }
    text
}

fn files(set: &Proposal) -> String {
    let list = |paths: &[imnn::data::ArrayPath]| match paths {
        [one] => quoted(&one.to_string()),
        many => format!("[{}]", many.iter().map(|path| quoted(&path.to_string())).collect::<Vec<_>>().join(", ")),
    };
    let fiducial = format!("fiducial = {}\n", quoted(&set.fiducial.to_string()));
    fiducial
        + &match &set.derivative {
            DerivativeFiles::Array(path) => format!("derivative = {}\n", quoted(&path.to_string())),
            DerivativeFiles::Sides { below, above } => format!("below = {}\nabove = {}\n", list(below), list(above)),
        }
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}
