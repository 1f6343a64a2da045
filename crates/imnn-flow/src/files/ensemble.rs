//! Ensembles in files.

use super::archive::{Reader, Writer};
use crate::architecture::Architecture;
use crate::ensemble::Ensemble;
use crate::error::Result;
use crate::flow::Flow;
use crate::standardise::Standardisation;
use crate::transforms::{Transforms, layer_shapes};
use imnn_compute::Number;
use serde::{Deserialize, Serialize};
use std::path::Path;

const FORMAT: &str = "flows 1";

/// What the text of a file says.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    members: Vec<Architecture>,
}

impl<E: Number> Ensemble<E> {
    /// Writes the ensemble as a safetensors file, which appears whole or not at all.
    ///
    /// | Array | Shape | |
    /// | --- | --- | --- |
    /// | `weights` | (members) | of the mixture |
    /// | `members/m/y/mean`, `sd` | (D) | standardisation, sd 0 for constant columns |
    /// | `members/m/c/mean`, `sd` | (q) | |
    /// | `members/m/permutations` | (transforms, D') | D' without constant columns |
    /// | `members/m/transforms/t/layers/l` | (units, 1 + inputs) | as in [`Transforms`] |
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        super::write(path.as_ref(), self.encode())
    }

    /// Reads an ensemble that [`Ensemble::save`] wrote, in single or double precision, whichever is wanted here.
    ///
    /// # Errors
    /// If the file cannot be read, or is not whole and consistent.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        super::read(path.as_ref(), Self::decode)
    }

    fn encode(&self) -> Result<Vec<u8>, String> {
        let mut writer = Writer::new(FORMAT);
        writer.add("weights".into(), &[self.members().len()], self.weights());
        for (m, member) in self.members().iter().enumerate() {
            for (what, by) in [("y", member.y()), ("c", member.c())] {
                writer.add(format!("members/{m}/{what}/mean"), &[by.columns()], by.mean());
                writer.add(format!("members/{m}/{what}/sd"), &[by.columns()], by.sd());
            }
            let transforms = member.transforms();
            let permutations = transforms.permutations();
            let shape = [permutations.len(), transforms.dims()];
            writer.add_integers(format!("members/{m}/permutations"), &shape, permutations.concat().into_iter());
            let mut weights = transforms.weights();
            for t in 0..permutations.len() {
                for (l, (rows, cols)) in transforms.layer_shapes().into_iter().enumerate() {
                    let (layer, rest) = weights.split_at(rows * cols);
                    writer.add(format!("members/{m}/transforms/{t}/layers/{l}"), &[rows, cols], layer);
                    weights = rest;
                }
            }
        }
        let members = self.members().iter().map(|member| member.transforms().architecture().clone()).collect();
        writer.finish(&Description { members })
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let (mut reader, Description { members }) = Reader::new::<Description>(bytes, FORMAT)?;
        let weights = reader.numbers("weights", &[members.len()])?;
        let flows = members
            .iter()
            .enumerate()
            .map(|(m, architecture)| flow(&mut reader, m, architecture))
            .collect::<Result<Vec<Flow<E>>, String>>()?;
        reader.finish()?;
        // As they are: a sum that is 1 but for rounding would change their last digits.
        let sum: f64 = weights.iter().sum();
        if (sum - 1.0).abs() > 1e-9 {
            return Err(format!("the weights of the members sum to {sum}, not to 1"));
        }
        let ensemble = Ensemble::new(flows, &weights).map_err(|error| error.to_string())?;
        Ok(ensemble.with_exact_weights(weights))
    }
}

fn flow<E: Number>(reader: &mut Reader<'_>, m: usize, architecture: &Architecture) -> Result<Flow<E>, String> {
    let text = |error: crate::FlowError| format!("member {m}: {error}");
    let mut standardisation = |what: &str| {
        let name = |part: &str| format!("members/{m}/{what}/{part}");
        let columns = reader.len_of(&name("mean"))?;
        let (mean, sd) = (reader.numbers(&name("mean"), &[columns])?, reader.numbers(&name("sd"), &[columns])?);
        Standardisation::from_parts(mean, sd).map_err(text)
    };
    let (y, c) = (standardisation("y")?, standardisation("c")?);
    let (dims, context) = (y.kept().len(), c.kept().len());
    architecture.check(dims, context).map_err(text)?;
    let shape = [architecture.transforms, dims];
    let permutations = reader.integers(&format!("members/{m}/permutations"), &shape)?;
    let shapes = layer_shapes(architecture, dims, context);
    // Memory is taken for arrays that are there alone: a damaged description may tell of any number of weights.
    let mut weights = Vec::new();
    for t in 0..architecture.transforms {
        for (l, &(rows, cols)) in shapes.iter().enumerate() {
            weights.extend(reader.numbers::<E>(&format!("members/{m}/transforms/{t}/layers/{l}"), &[rows, cols])?);
        }
    }
    let permutations = permutations.chunks(dims).map(<[usize]>::to_vec).collect();
    let transforms = Transforms::from_parts(architecture, dims, context, permutations, weights).map_err(text)?;
    Flow::from_parts(y, c, transforms).map_err(text)
}
