//! What is simulated: where in the space of parameters, with which seeds, by which program.

use std::path::PathBuf;

use imnn_data::read_steps;
use imnn_io::{ConfigError, Section};
use serde::Serialize;

use crate::JobsError;
use crate::template::Template;

/// What is simulated, and by which program.
///
/// Simulations are made at `theta_fid`, and for each parameter at two vectors in which it alone is changed, with the same
/// seeds in all of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Design {
    /// The fiducial parameters.
    pub theta_fid: Vec<f64>,
    /// Their names, which folders are named after.
    pub parameters: Vec<String>,
    /// For each parameter its value below the fiducial.
    pub theta_below: Vec<f64>,
    /// For each parameter its value above the fiducial.
    pub theta_above: Vec<f64>,
    /// Simulations at the fiducial, at least 2.
    pub n_s: usize,
    /// Of these, the first that have partners below and above, at least 1.
    pub n_d: usize,
    /// The first seed; the others follow it one by one.
    pub first_seed: u64,
    /// The shape of a simulation; that of the first that is made where it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape: Option<Vec<usize>>,
    /// The program and its arguments, with the placeholders `{seed}`, `{theta}` and `{out}`.
    pub command: Vec<String>,
    /// The folder that the program is started in, as it is called in messages.
    pub dir: PathBuf,
}

/// Parameters at which simulations are made.
#[derive(Clone, Debug, PartialEq)]
pub struct Vector {
    /// The folder of the simulations: `fiducial`, or the name of a parameter with `_m` for below or `_p` for above.
    pub name: String,
    /// The parameters.
    pub theta: Vec<f64>,
    /// The number of seeds, from the first.
    pub n_seeds: usize,
}

/// The most simulations of a set, all vectors together: each is a file, and disks slow down long before.
const SIMULATIONS: usize = 10_000_000;

/// The folder of the simulations at the fiducial parameters.
pub(crate) const FIDUCIAL: &str = "fiducial";

impl Design {
    /// The keys of a design in a file.
    pub const KEYS: [&str; 11] = [
        "theta_fid",
        "parameters",
        "delta_theta",
        "theta_below",
        "theta_above",
        "n_s",
        "n_d",
        "first_seed",
        "shape",
        "command",
        "dir",
    ];

    /// Reads a design from a table, in which there may be other keys.
    ///
    /// # Errors
    /// If a key is missing or has an invalid value, as [`Design::validate`].
    pub fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        let theta_fid: Vec<f64> =
            section.required("theta_fid", "write the fiducial parameters, as theta_fid = [0.0, 1.0]")?;
        let parameters: Option<Vec<String>> = section.optional("parameters")?;
        let steps = read_steps(section, &theta_fid)?;
        let (theta_below, theta_above) = match steps.theta() {
            Some((below, above)) => (below.to_vec(), above.to_vec()),
            None => {
                let pairs = || theta_fid.iter().zip(steps.widths());
                let at = |side: f64| pairs().map(|(value, width)| value + side * width / 2.0).collect();
                (at(-1.0), at(1.0))
            }
        };
        let n_s = section.required("n_s", "write the number of simulations at the fiducial, as n_s = 1000")?;
        let command = section.required(
            "command",
            r#"write the program and its arguments, as command = ["python3", "sim.py", "{seed}", "{theta}", "{out}"]"#,
        )?;
        let design = Self {
            parameters: parameters.unwrap_or_else(|| (0..theta_fid.len()).map(|k| format!("theta_{k}")).collect()),
            theta_below,
            theta_above,
            n_s,
            n_d: section.or("n_d", n_s)?,
            first_seed: section.or("first_seed", 0)?,
            shape: section.optional("shape")?,
            command,
            dir: section.or("dir", ".".to_owned())?.into(),
            theta_fid,
        };
        match design.validate() {
            Ok(()) => Ok(design),
            Err(JobsError::Design { key, reason }) => Err(section.invalid(key, reason)),
            Err(other) => Err(section.invalid("command", other.to_string())),
        }
    }

    /// The parameters of all simulations: the fiducial, then below and above in the first parameter, and so on.
    pub fn vectors(&self) -> Vec<Vector> {
        let mut vectors = vec![Vector { name: FIDUCIAL.to_owned(), theta: self.theta_fid.clone(), n_seeds: self.n_s }];
        for (k, name) in self.parameters.iter().enumerate() {
            for (side, value) in [('m', self.theta_below[k]), ('p', self.theta_above[k])] {
                let mut theta = self.theta_fid.clone();
                theta[k] = value;
                vectors.push(Vector { name: format!("{name}_{side}"), theta, n_seeds: self.n_d });
            }
        }
        vectors
    }

    /// Checks everything that can be checked before a program is started.
    ///
    /// # Errors
    /// [`JobsError::Design`] with the key at fault.
    pub fn validate(&self) -> Result<(), JobsError> {
        self.check().map(|_| ())
    }

    /// The same; returns the command.
    pub(crate) fn check(&self) -> Result<Template, JobsError> {
        let fail = |key, reason: String| Err(JobsError::Design { key, reason });
        let n_params = self.theta_fid.len();
        if n_params == 0 {
            return fail("theta_fid", "there must be at least one parameter".to_owned());
        }
        if self.parameters.len() != n_params {
            let reason = format!("{} names for the {n_params} values of theta_fid", self.parameters.len());
            return fail("parameters", reason);
        }
        self.check_names()?;
        let vectors =
            [("theta_fid", &self.theta_fid), ("theta_below", &self.theta_below), ("theta_above", &self.theta_above)];
        for (key, vector) in vectors {
            if vector.len() != n_params {
                return fail(key, format!("{} values for the {n_params} of theta_fid", vector.len()));
            }
            if let Some((k, value)) = vector.iter().enumerate().find(|(_, value)| !value.is_finite()) {
                return fail(key, format!("entry {k} is {value}, not finite"));
            }
        }
        let pairs = self.theta_below.iter().zip(&self.theta_above);
        if let Some((k, (below, above))) = pairs.enumerate().find(|(_, (below, above))| below >= above) {
            return fail("theta_above", format!("entry {k} is {above}, not above the {below} of theta_below"));
        }
        if self.n_s < 2 {
            return fail("n_s", format!("{} is too few, at least 2", self.n_s));
        }
        if self.n_d < 1 {
            return fail("n_d", "0 is too few, at least 1".to_owned());
        }
        if self.n_d > self.n_s {
            let reason = format!("{} simulations with partners of only n_s = {}; n_d <= n_s", self.n_d, self.n_s);
            return fail("n_d", reason);
        }
        let all = self.n_d.saturating_mul(2 * n_params).saturating_add(self.n_s);
        if all > SIMULATIONS {
            let key = if self.n_s > SIMULATIONS { "n_s" } else { "n_d" };
            let reason = format!(
                "n_s + 2 n_d n_params = {} + 2 * {} * {n_params} simulations are too many, at most {SIMULATIONS}: each is a file of its own; divide them into several sets, by first_seed",
                self.n_s, self.n_d
            );
            return fail(key, reason);
        }
        // TOML, in which the design is recorded, has no larger integers.
        let last = u64::try_from(self.n_s - 1).ok().and_then(|more| self.first_seed.checked_add(more));
        if last.is_none_or(|last| i64::try_from(last).is_err()) {
            return fail("first_seed", format!("the last seed would be too large, at most {}", i64::MAX));
        }
        if self.shape.as_ref().is_some_and(|shape| shape.is_empty() || shape.contains(&0)) {
            return fail(
                "shape",
                "a simulation has at least one axis, and each at least one entry, as [64, 64]".into(),
            );
        }
        Template::parse(&self.command, &self.parameters)
    }

    fn check_names(&self) -> Result<(), JobsError> {
        let fail = |reason: String| Err(JobsError::Design { key: "parameters", reason });
        for (k, name) in self.parameters.iter().enumerate() {
            let usable = |c: char| c.is_alphanumeric() || "_-+.".contains(c);
            if name.is_empty() || name.starts_with(['.', '-']) || !name.chars().all(usable) {
                let reason = format!(
                    "folders are named after the parameters, and {name:?} cannot be one: write letters, digits and _ - + ."
                );
                return fail(reason);
            }
            // Folders of names that differ in case only are the same on some disks.
            if self.parameters[..k].iter().any(|other| other.to_lowercase() == name.to_lowercase()) {
                return fail(format!("{name:?} is there twice"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Two parameters, four seeds, two of them with partners.
    pub(crate) fn design() -> Design {
        Design {
            theta_fid: vec![0.0, 1.0],
            parameters: vec!["mu".to_owned(), "s".to_owned()],
            theta_below: vec![-0.1, 0.9],
            theta_above: vec![0.1, 1.1],
            n_s: 4,
            n_d: 2,
            first_seed: 10,
            shape: None,
            command: ["p", "{seed}", "{theta}", "{out}"].map(str::to_owned).to_vec(),
            dir: PathBuf::new(),
        }
    }

    #[test]
    fn one_parameter_is_changed_at_a_time() {
        let vectors = design().vectors();
        let names: Vec<_> = vectors.iter().map(|vector| vector.name.as_str()).collect();
        assert_eq!(names, ["fiducial", "mu_m", "mu_p", "s_m", "s_p"]);
        assert_eq!(vectors[0], Vector { name: "fiducial".into(), theta: vec![0.0, 1.0], n_seeds: 4 });
        assert_eq!(vectors[1], Vector { name: "mu_m".into(), theta: vec![-0.1, 1.0], n_seeds: 2 });
        assert_eq!(vectors[4].theta, [0.0, 1.1]);
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Design), key: &str, part: &str) {
        let mut design = design();
        change(&mut design);
        let message = design.check().unwrap_err().to_string();
        assert!(message.starts_with(&format!("\"{key}\": ")) && message.contains(part), "{message}");
    }

    #[test]
    fn faults_are_named_by_key() {
        design().check().unwrap();
        check(|d| d.theta_fid.clear(), "theta_fid", "at least one");
        check(|d| d.parameters.truncate(1), "parameters", "1 names for the 2");
        for name in ["", "a/b", "..", "$\\Omega$", "a b", "{seed}", "-x", "a\n"] {
            check(|d| d.parameters[1] = name.to_owned(), "parameters", "cannot be one");
        }
        check(|d| d.parameters[1] = "MU".to_owned(), "parameters", "twice");
        check(|d| d.theta_below[1] = 1.1, "theta_above", "entry 1 is 1.1, not above");
        check(|d| d.theta_above[0] = f64::NAN, "theta_above", "NaN");
        check(|d| d.theta_below.truncate(1), "theta_below", "1 values for the 2");
        check(|d| d.n_s = 1, "n_s", "at least 2");
        check(|d| d.n_d = 5, "n_d", "n_d <= n_s");
        check(|d| d.n_d = 0, "n_d", "at least 1");
        for n in [10_000_001, 1_000_000_000_000, usize::MAX] {
            check(|d| d.n_s = n, "n_s", "too many, at most 10000000");
            check(|d| (d.n_s, d.n_d) = (n, n), "n_s", "too many, at most 10000000");
        }
        check(|d| (d.n_s, d.n_d) = (3_000_000, 3_000_000), "n_d", "3000000 + 2 * 3000000 * 2 simulations");
        check(|d| d.first_seed = i64::MAX as u64 - 2, "first_seed", "too large");
        check(|d| d.first_seed = u64::MAX, "first_seed", "too large");
        check(|d| d.shape = Some(vec![3, 0]), "shape", "at least one entry");
        check(|d| d.command[2] = "x".to_owned(), "command", "not told mu");
    }

    #[test]
    fn bounds_belong_to_what_is_allowed() {
        let allowed = |change: &dyn Fn(&mut Design)| {
            let mut design = design();
            change(&mut design);
            design.validate().map_err(|error| error.to_string())
        };
        assert_eq!(allowed(&|d| (d.n_s, d.n_d) = (2, 2)), Ok(()));
        assert_eq!(allowed(&|d| d.n_d = 1), Ok(()));
        // 2 n_d n_params + n_s = 10,000,000.
        assert_eq!(allowed(&|d| (d.n_s, d.n_d) = (9_999_996, 1)), Ok(()));
        check(|d| (d.n_s, d.n_d) = (9_999_997, 1), "n_d", "too many");
        check(|d| (d.n_s, d.n_d) = (10_000_000, 1), "n_d", "too many");
        assert_eq!(allowed(&|d| d.first_seed = i64::MAX as u64 - 3), Ok(()));
        assert_eq!(allowed(&|d| d.parameters[1] = "a+B_1.0-x".to_owned()), Ok(()));
        check(|d| d.shape = Some(vec![]), "shape", "at least one axis");
    }

    #[test]
    fn what_is_not_written_follows_from_what_is() {
        let read = |text: &str| {
            let document = imnn_io::Document::parse(text, std::path::Path::new("sims.toml")).unwrap();
            Design::read(&document.root()).map_err(|error| error.to_string())
        };
        let text = "theta_fid = [1.0, 3.0]\ndelta_theta = [0.5, 2.0]\nn_s = 7\ncommand = [\"p\", \"{seed}\", \"{theta}\", \"{out}\"]\n";
        let expected = Design {
            theta_fid: vec![1.0, 3.0],
            parameters: vec!["theta_0".to_owned(), "theta_1".to_owned()],
            theta_below: vec![0.75, 2.0],
            theta_above: vec![1.25, 4.0],
            n_s: 7,
            n_d: 7,
            first_seed: 0,
            dir: ".".into(),
            ..design()
        };
        assert_eq!(read(text), Ok(expected));
        let message = read(&text.replace("n_s = 7", "n_s = 1")).unwrap_err();
        assert!(message.contains("line 3: n_s: 1 is too few"), "{message}");
    }
}
