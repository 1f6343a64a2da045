//! Branches side by side.

use super::listed::{Form, Listed, ReadNetwork};
use crate::builder::{BuildError, Builder};
use crate::error::Result;
use crate::layer::Layer;
use crate::network::Network;
use crate::primitive::Join;
use crate::settings::{required, table, table_of, word_for};
use imnn_io::{ConfigError, Item};
use toml::Value;

/// Branches and how their outputs are joined. A branch without layers passes its input on.
#[derive(Clone, Debug)]
pub struct Parallel {
    /// Each branch reads the same input.
    pub branches: Vec<Network>,
    /// How the outputs become one.
    pub join: Join,
}

/// Branches joined along the last axis, as in an inception block.
pub fn concat<const N: usize>(branches: [Network; N]) -> Layer {
    Parallel { branches: branches.into(), join: Join::Concat }.into()
}

/// Branches added up.
pub fn sum<const N: usize>(branches: [Network; N]) -> Layer {
    Parallel { branches: branches.into(), join: Join::Sum }.into()
}

const JOINS: [(&str, Join); 2] = [("concat", Join::Concat), ("sum", Join::Sum)];

impl Listed for Parallel {
    const NAME: &'static str = "parallel";
    const ABOUT: &'static str = "branches that read the same input, joined by \"concat\" (of channels) or \"sum\"";
    const FORM: Form<Self> = Form::Settings {
        example: "{ branches = [[{ dense = 8 }], [{ dense = 8 }, \"tanh\"]], join = \"concat\" }",
        read,
        write,
    };

    fn build(&self, at: &mut Builder) -> Result<(), BuildError> {
        let branches = self.branches.iter().enumerate();
        let branches = branches
            .map(|(k, branch)| at.branch(&format!("branches[{k}]"), |at, path| branch.build(at, path)))
            .collect::<Result<Vec<_>>>()?;
        at.join(branches, self.join)?;
        Ok(())
    }
}

fn read(item: &Item<'_>, network: ReadNetwork<'_>) -> Result<Parallel, ConfigError> {
    let table = table_of(item, &["branches", "join"])?;
    let branches = required(&table, "branches", "[[{ dense = 8 }], [{ dense = 8 }, \"tanh\"]]")?;
    let branches = branches.list("branches, each a list of layers")?.iter().map(network).collect::<Result<_, _>>()?;
    let join = required(&table, "join", "\"concat\"")?.choice(&JOINS)?;
    Ok(Parallel { branches, join })
}

fn write(parallel: &Parallel, location: &str) -> Result<Value> {
    let branches = parallel.branches.iter().enumerate();
    let branches = branches.map(|(k, branch)| branch.write(&format!("{location}.branches[{k}]")));
    let branches = Value::Array(branches.collect::<Result<_>>()?);
    Ok(table([("branches", branches), ("join", word_for(&parallel.join, &JOINS))]))
}
