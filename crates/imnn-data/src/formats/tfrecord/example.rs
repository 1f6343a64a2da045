//! The messages of `tensorflow/core/example/{example,feature}.proto`, as far as they are used.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(super) struct Example {
    #[prost(message, optional, tag = "1")]
    pub(super) features: Option<Features>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Features {
    #[prost(btree_map = "string, message", tag = "1")]
    pub(super) feature: BTreeMap<String, Feature>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Feature {
    #[prost(oneof = "Kind", tags = "1, 2, 3")]
    pub(super) kind: Option<Kind>,
}

/// The names are those of the messages.
#[allow(clippy::enum_variant_names)]
#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Kind {
    #[prost(message, tag = "1")]
    BytesList(BytesList),
    #[prost(message, tag = "2")]
    FloatList(FloatList),
    #[prost(message, tag = "3")]
    Int64List(Int64List),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct BytesList {
    /// Parts of the record that was read, not copies.
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub(super) value: Vec<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct FloatList {
    #[prost(float, repeated, tag = "1")]
    pub(super) value: Vec<f32>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Int64List {
    #[prost(int64, repeated, tag = "1")]
    pub(super) value: Vec<i64>,
}

/// What the features of one record say, apart from the data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) seed: Option<u64>,
    /// Below (0) or above (1), and which parameter.
    pub(super) side: Option<(u32, u32)>,
}

impl Place {
    pub(super) fn new(seed: Option<i64>, derivative: Option<i64>, parameter: Option<i64>) -> Result<Self, String> {
        let of = |seed| u64::try_from(seed).map_err(|_| format!("its `seed` is {seed}; it has to be 0 or more"));
        let seed = seed.map(of).transpose()?;
        let side = match (derivative, parameter) {
            (None, None) => None,
            (Some(side @ 0..=1), Some(parameter)) => {
                let parameter = u32::try_from(parameter)
                    .map_err(|_| format!("its `parameter` is {parameter}; parameters are counted from 0"))?;
                Some((side as u32, parameter))
            }
            (Some(other), Some(_)) => {
                return Err(format!("its `derivative` is {other}; it has to be 0 (below) or 1 (above)"));
            }
            (Some(_), None) => return Err("it has a feature `derivative` and no `parameter`".to_owned()),
            (None, Some(_)) => return Err("it has a feature `parameter` and no `derivative`".to_owned()),
        };
        if side.is_some() && seed.is_none() {
            return Err(
                "it is below or above the fiducial and has no `seed`, so its partners cannot be found".to_owned()
            );
        }
        Ok(Self { seed, side })
    }
}

impl Example {
    /// An example with `data` and whole numbers.
    pub(super) fn new(data: &[f32], numbers: &[(&str, i64)]) -> Self {
        let bytes: Vec<u8> = data.iter().flat_map(|x| x.to_le_bytes()).collect();
        let mut feature = BTreeMap::new();
        let kind = Kind::BytesList(BytesList { value: vec![bytes.into()] });
        feature.insert("data".to_owned(), Feature { kind: Some(kind) });
        for (name, number) in numbers {
            let kind = Kind::Int64List(Int64List { value: vec![*number] });
            feature.insert((*name).to_owned(), Feature { kind: Some(kind) });
        }
        Self { features: Some(Features { feature }) }
    }

    /// Where the record belongs, and its data.
    pub(super) fn parts(bytes: Vec<u8>) -> Result<(Place, Vec<f32>), String> {
        let example =
            Self::decode(Bytes::from(bytes)).map_err(|error| format!("it is not a tf.train.Example: {error}"))?;
        let mut feature = example.features.map(|features| features.feature).unwrap_or_default();
        let place =
            Place::new(number(&feature, "seed")?, number(&feature, "derivative")?, number(&feature, "parameter")?)?;
        let data = match feature.remove("data").and_then(|feature| feature.kind) {
            Some(Kind::BytesList(list)) => {
                let [bytes] = &list.value[..] else {
                    let n = list.value.len();
                    return Err(format!("its feature `data` has {n} values of bytes; it has to have one"));
                };
                let (numbers, []) = bytes.as_chunks() else {
                    return Err(format!("its feature `data` has {} bytes", bytes.len()));
                };
                numbers.iter().map(|number| f32::from_le_bytes(*number)).collect()
            }
            Some(Kind::FloatList(list)) => list.value,
            Some(Kind::Int64List(_)) => return Err("its feature `data` holds int64; float32 is needed".to_owned()),
            None => return Err(format!("it has no feature `data`; it has {}", names(&feature))),
        };
        Ok((place, data))
    }
}

fn number(feature: &BTreeMap<String, Feature>, name: &str) -> Result<Option<i64>, String> {
    match feature.get(name).and_then(|feature| feature.kind.as_ref()) {
        None => Ok(None),
        Some(Kind::Int64List(list)) if list.value.len() == 1 => Ok(Some(list.value[0])),
        Some(_) => Err(format!("its feature `{name}` is not one int64")),
    }
}

fn names(feature: &BTreeMap<String, Feature>) -> String {
    let names: Vec<String> = feature.keys().map(|name| name.chars().take(40).collect()).collect();
    match names.is_empty() {
        true => "none at all".to_owned(),
        false => names.into_iter().take(10).collect::<Vec<_>>().join(", "),
    }
}
