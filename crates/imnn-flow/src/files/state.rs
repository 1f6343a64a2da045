//! States of training in files.

use super::archive::{Reader, Writer};
use crate::error::Result;
use crate::train::{End, Epoch, MemberState, TrainingSettings, TrainingState};
use imnn_compute::Number;
use imnn_models::OptimiserState;
use imnn_sim::Key;
use serde::{Deserialize, Serialize};
use std::path::Path;

const FORMAT: &str = "flow training 1";

/// What the text of a file says.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    key: String,
    checksum: String,
    settings: TrainingSettings,
    members: Vec<Counters>,
}

/// The whole numbers of a member.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Counters {
    attempt: usize,
    cooled: usize,
    updates: u64,
    epochs: usize,
    best_epoch: usize,
    counted_from: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<End>,
}

/// The vectors that Adam keeps.
const MOMENTS: [&str; 2] = ["m", "v"];

impl<E: Number> TrainingState<E> {
    /// Writes the state as a safetensors file, which appears whole or not at all. For each member `weights`, `best`, the
    /// moments `m` and `v` of Adam, and `history` (epochs, 2): losses on the training and the held-out pairs.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        super::write(path.as_ref(), self.encode())
    }

    /// Reads a state that [`TrainingState::save`] wrote, in the same precision: another would not go on to the same bits.
    ///
    /// # Errors
    /// If the file cannot be read, or is not whole and consistent.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        super::read(path.as_ref(), Self::decode)
    }

    fn encode(&self) -> Result<Vec<u8>, String> {
        let mut writer = Writer::new(FORMAT);
        for (m, member) in self.members.iter().enumerate() {
            let n = [member.weights.len()];
            writer.add(format!("members/{m}/weights"), &n, &member.weights);
            writer.add(format!("members/{m}/best"), &n, &member.best);
            for name in MOMENTS {
                let moments = member.moments.get(name).ok_or("moments of another optimiser than Adam")?;
                writer.add(format!("members/{m}/{name}"), &n, moments);
            }
            let history: Vec<f64> = member.history.iter().flat_map(|e| [e.training, e.validation]).collect();
            writer.add(format!("members/{m}/history"), &[member.history.len(), 2], &history);
        }
        let counters = |member: &MemberState<E>| Counters {
            attempt: member.attempt,
            cooled: member.cooled,
            updates: member.updates,
            epochs: member.history.len(),
            best_epoch: member.best_epoch,
            counted_from: member.counted_from,
            end: member.end,
        };
        writer.finish(&Description {
            key: self.key.to_string(),
            checksum: format!("{:016x}", self.checksum),
            settings: self.settings.clone(),
            members: self.members.iter().map(counters).collect(),
        })
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let (mut reader, description) = Reader::new::<Description>(bytes, FORMAT)?;
        let Description { key, checksum, settings, members } = description;
        settings.check().map_err(|error| error.to_string())?;
        let key: Key = key.parse().map_err(|error: imnn_sim::SimError| error.to_string())?;
        let checksum = u64::from_str_radix(&checksum, 16).map_err(|error| format!("its checksum: {error}"))?;
        if members.len() != settings.members {
            return Err(format!("it has {} members, its settings {}", members.len(), settings.members));
        }
        let members = (members.iter().enumerate())
            .map(|(m, counters)| member(&mut reader, m, counters, &settings))
            .collect::<Result<_, String>>()?;
        reader.finish()?;
        Ok(TrainingState { members, settings, key, checksum })
    }
}

fn member<E: Number>(
    reader: &mut Reader<'_>,
    m: usize,
    counters: &Counters,
    settings: &TrainingSettings,
) -> Result<MemberState<E>, String> {
    let name = |part: &str| format!("members/{m}/{part}");
    let found = reader.precision(&name("weights"))?;
    if found != E::NAME {
        return Err(format!("it is a training in {found}, and cannot go on in {}", E::NAME));
    }
    let n = reader.len_of(&name("weights"))?;
    let weights = reader.numbers(&name("weights"), &[n])?;
    let best = reader.numbers(&name("best"), &[n])?;
    let moments = MOMENTS
        .into_iter()
        .map(|moment| Ok((moment.to_string(), reader.numbers(&name(moment), &[n])?)))
        .collect::<Result<Vec<_>, String>>()?;
    if moments[1].1.iter().any(|square: &E| *square < E::zero()) {
        return Err(format!("{} has a negative entry, it is a mean of squares", name(MOMENTS[1])));
    }
    let history: Vec<f64> = reader.numbers(&name("history"), &[counters.epochs, 2])?;
    let history: Vec<Epoch> =
        history.chunks_exact(2).map(|pair| Epoch { training: pair[0], validation: pair[1] }).collect();
    let state = MemberState {
        attempt: counters.attempt,
        cooled: counters.cooled,
        updates: counters.updates,
        weights,
        moments: OptimiserState::new(moments),
        best,
        history,
        best_epoch: counters.best_epoch,
        counted_from: counters.counted_from,
        end: counters.end,
    };
    match state.is_consistent(settings) {
        true => Ok(state),
        false => Err(format!("the counters of member {m} contradict each other or its history")),
    }
}
