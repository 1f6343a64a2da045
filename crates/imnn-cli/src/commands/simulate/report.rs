//! What there is at the end.

use std::path::Path;

use imnn::jobs::{Collected, DataSet, Mark, Status};
use serde_json::{Value, json};

use super::progress::{Tried, described};
use crate::output::{Table, json_line};

/// How much is told about failures in text; all of them are in `failures.json`.
const SHOWN: usize = 5;

pub(super) struct Report<'a> {
    pub(super) set: &'a DataSet,
    pub(super) status: &'a Status,
    pub(super) tried: Tried,
    pub(super) too_late: bool,
    pub(super) out: &'a Path,
    pub(super) product: &'a Product,
}

/// What `imnn fit` can take.
pub(super) enum Product {
    /// Not all is there yet.
    Incomplete,
    /// So much failed that too few seeds are left to train on.
    TooFew,
    /// All is there.
    Ready {
        /// Whether `run.toml` is not what it would be now.
        changed: bool,
        /// The arrays, where they were asked for.
        collected: Option<Collected>,
        /// Simulations at the fiducial.
        n_s: usize,
        /// Those with all partners.
        n_d: usize,
        /// What there is to say against them.
        doubts: Vec<String>,
    },
}

impl Report<'_> {
    pub(super) fn text(&self) -> String {
        let status = self.status;
        let mut text: String = status.failures.iter().take(SHOWN).map(|failure| described(failure, self.out)).collect();
        if status.failures.len() > SHOWN {
            let more = status.failures.len() - SHOWN;
            text.push_str(&format!("and {more} more in {}\n", self.out.join("failures.json").display()));
        }
        for (path, reason) in status.unusable.iter().take(SHOWN) {
            text.push_str(&format!("{} does not belong to this set: {reason}\n", path.display()));
        }
        if !text.is_empty() {
            text.push('\n');
        }
        let marks = [Mark::Done, Mark::Failed, Mark::Missing];
        let row =
            |name: &str, counts: [usize; 3]| std::iter::once(name.to_owned()).chain(counts.map(|n| n.to_string()));
        let mut table = Table::default().row(["", "done", "failed", "missing"]);
        for vector in &status.vectors {
            table = table.row(row(&vector.vector.name, marks.map(|mark| vector.count(mark))));
        }
        table = table.row(row("all", marks.map(|mark| status.count(mark))));
        let Tried { done, failed } = self.tried;
        text.push_str(&format!("{table}\nin this run: {done} done, {failed} failed\n"));
        let missing = status.count(Mark::Missing);
        if self.too_late && missing > 0 {
            text.push_str(&format!(
                "{missing} are missing: more would not have ended in time (--until); the same command goes on\n"
            ));
        }
        if missing == 0 && status.unpacked > 0 {
            text.push_str(&format!(
                "{} blocks are being put together by others; the one that is done last writes run.toml\n",
                status.unpacked
            ));
        }
        text.push_str(&self.advice());
        text
    }

    fn advice(&self) -> String {
        let shown = |name: &str| self.out.join(name).display().to_string();
        match self.product {
            Product::Incomplete => String::new(),
            Product::TooFew => "no seed is complete yet, so there is nothing to train on\n".to_owned(),
            Product::Ready { changed, collected, n_s, n_d, doubts } => {
                let mut text = format!("complete: {n_s} simulations, {n_d} of them with partners below and above\n");
                if let Some(collected) = collected {
                    let name = |path: &Path| shown(&path.file_name().unwrap_or_default().to_string_lossy());
                    let (fiducial, derivative) = (name(&collected.fiducial), name(&collected.derivative));
                    text.push_str(&format!("put together: {fiducial} and {derivative}\n"));
                }
                doubts.iter().for_each(|doubt| text.push_str(&format!("warning: {doubt}\n")));
                let run = shown("run.toml");
                if *changed {
                    let note = "was there already and is left as it is; remove it for one that would be written now";
                    text.push_str(&format!("{run} {note}\n"));
                }
                text.push_str(&format!("train on it: imnn fit {run} --out RUN\n"));
                if !changed {
                    let note =
                        "det F is too large where a network learns the noise of its simulations by heart; name others";
                    text.push_str(&format!("{note}\nfor [simulations.validation] in that file, which shows how\n"));
                }
                text
            }
        }
    }

    pub(super) fn json(&self) -> String {
        let vectors: Vec<Value> = self
            .status
            .vectors
            .iter()
            .map(|of_vector| {
                json!({
                    "name": of_vector.vector.name,
                    "theta": of_vector.vector.theta,
                    "done": of_vector.count(Mark::Done),
                    "failed": of_vector.count(Mark::Failed),
                    "missing": of_vector.count(Mark::Missing),
                })
            })
            .collect();
        let unusable: Vec<Value> = self
            .status
            .unusable
            .iter()
            .map(|(path, reason)| json!({ "file": path.to_string_lossy(), "reason": reason }))
            .collect();
        let (n_s, n_d, collected, doubts) = match self.product {
            Product::Ready { n_s, n_d, collected, doubts, .. } => {
                (json!(n_s), json!(n_d), collected.is_some(), json!(doubts))
            }
            _ => (Value::Null, Value::Null, false, json!([])),
        };
        json_line(&json!({
            "out": self.set.root().to_string_lossy(),
            "shape": self.status.shape,
            "vectors": vectors,
            "done": self.status.count(Mark::Done),
            "failed": self.status.count(Mark::Failed),
            "missing": self.status.count(Mark::Missing),
            "blocks_left": self.status.unpacked,
            "this_run": { "done": self.tried.done, "failed": self.tried.failed, "too_late": self.too_late },
            "complete": !n_s.is_null(),
            "n_s": n_s,
            "n_d": n_d,
            "collected": collected,
            "warnings": doubts,
            "failures": self.status.failures,
            "no_more": self.status.no_more,
            "unusable": unusable,
        }))
    }
}
