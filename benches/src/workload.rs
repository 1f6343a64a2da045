//! What is timed: a network with its simulations.

use std::sync::Arc;

use imnn::data::{OnTheFly, Source, simulate_exact, simulate_numerical};
use imnn::device::{Aggregator, Cpu, Cuda, Device, Load, loads};
use imnn::fit::Imnn;
use imnn::models::{Activation, Adam, Model, Network};
use imnn::ranks::Ranks;
use imnn::sim::{GaussianMeanVariance, Key, PowerLawField, Simulator};
use serde::{Serialize, Serializer};

use crate::Outcome;
use crate::flops::{Flops, Rows};
use crate::networks;

/// Which network, on which data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Net {
    /// 3 x 128 with this activation, on the mean and variance of ten draws.
    Dense {
        #[serde(serialize_with = "by_name")]
        activation: Activation,
    },
    /// Inception blocks, on Gaussian fields with a power-law spectrum.
    Inception { side: usize, filters: usize },
    /// One circular convolution of stride 1 with gelu, and the mean over all positions, on such fields of 32 x 32.
    Pooled { filters: usize },
    /// Convolutions in three dimensions, on the mean and variance of 16^3 voxels.
    Volume,
}

/// Where the simulations come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Feed {
    /// New ones in each iteration, with exact derivatives.
    Fly,
    /// In memory, with exact derivatives.
    Exact,
    /// In memory, with simulations below and above.
    Numerical,
}

/// Over what the simulations are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Spread {
    /// One device with all threads.
    Plain,
    /// One device for each thread, handed up to 100 simulations at once.
    Aggregated,
    /// The same, keeping nothing for the backward pass.
    Recomputed,
}

/// An IMNN to train.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Workload {
    pub net: Net,
    pub feed: Feed,
    /// How many, all with derivatives.
    pub n_s: usize,
    /// Whether there is a validation set of the same size.
    pub validated: bool,
    /// On one device or several.
    pub spread: Spread,
    /// What the device may keep, in bytes, if that is limited.
    pub memory: Option<usize>,
    /// The peak memory that is promised, in bytes, if any is.
    pub limit: Option<u64>,
}

const MEBIBYTE: usize = 1 << 20;
/// Independent Gaussian voxels in a box, of which the parameters are mean and variance.
const N_VOXELS: usize = 16 * 16 * 16;
/// All simulators here have two parameters.
pub const N_PARAMS: usize = 2;
/// What aggregated workloads hand to a device at once.
const N_PER_DEVICE: usize = 100;

/// Pixels of a side of the fields of [`Net::Pooled`].
const POOLED_SIDE: usize = 32;

/// The dense network of most workloads.
pub const DENSE: Net = Net::Dense { activation: Activation::LeakyRelu };
const GELU: Net = Net::Dense { activation: Activation::Gelu };
const TANH: Net = Net::Dense { activation: Activation::Tanh };
const SOFTPLUS: Net = Net::Dense { activation: Activation::Softplus };
const POOLED_32: Net = Net::Pooled { filters: 32 };
const POOLED_64: Net = Net::Pooled { filters: 64 };
const FIELD_32: Net = Net::Inception { side: 32, filters: networks::FILTERS };
const FIELD_128: Net = Net::Inception { side: 128, filters: networks::FILTERS };
/// Four times as wide.
const WIDE_128: Net = Net::Inception { side: 128, filters: 64 };

/// The workloads of the table of times.
pub const TIMED: &[Workload] = &[
    Workload::new(DENSE, Feed::Fly, 1000),
    Workload::new(DENSE, Feed::Exact, 1000),
    Workload::new(DENSE, Feed::Numerical, 1000),
    Workload::new(DENSE, Feed::Exact, 1000).validated(),
    Workload::new(DENSE, Feed::Numerical, 1000).validated(),
    Workload::new(DENSE, Feed::Numerical, 1000).spread(Spread::Aggregated),
    Workload::new(DENSE, Feed::Numerical, 1000).spread(Spread::Recomputed),
    Workload::new(DENSE, Feed::Fly, 10_000),
    Workload::new(DENSE, Feed::Fly, 100_000),
    Workload::new(GELU, Feed::Fly, 1000),
    Workload::new(GELU, Feed::Exact, 1000),
    Workload::new(GELU, Feed::Numerical, 1000),
    Workload::new(TANH, Feed::Fly, 1000),
    Workload::new(TANH, Feed::Exact, 1000),
    Workload::new(TANH, Feed::Numerical, 1000),
    Workload::new(SOFTPLUS, Feed::Fly, 1000),
    Workload::new(SOFTPLUS, Feed::Exact, 1000),
    Workload::new(SOFTPLUS, Feed::Numerical, 1000),
    Workload::new(POOLED_32, Feed::Exact, 200),
    Workload::new(POOLED_32, Feed::Fly, 200),
    Workload::new(POOLED_64, Feed::Exact, 200),
    Workload::new(POOLED_64, Feed::Fly, 200),
    Workload::new(FIELD_32, Feed::Exact, 100),
    Workload::new(FIELD_32, Feed::Exact, 1000),
    Workload::new(FIELD_32, Feed::Fly, 100),
    Workload::new(FIELD_32, Feed::Numerical, 100),
    Workload::new(FIELD_128, Feed::Exact, 20),
    Workload::new(FIELD_128, Feed::Exact, 100),
    Workload::new(Net::Volume, Feed::Exact, 100),
];

/// Those that `--quick` times.
pub const QUICK: &[Workload] = &[
    Workload::new(DENSE, Feed::Fly, 1000),
    Workload::new(DENSE, Feed::Exact, 1000),
    Workload::new(DENSE, Feed::Numerical, 1000),
    Workload::new(FIELD_32, Feed::Exact, 100),
];

/// The workloads of the table of a GPU.
pub const ON_CARD: &[Workload] = &[
    Workload::new(DENSE, Feed::Exact, 1000),
    Workload::new(DENSE, Feed::Numerical, 1000),
    Workload::new(DENSE, Feed::Fly, 1000),
    Workload::new(DENSE, Feed::Fly, 100_000),
    Workload::new(FIELD_32, Feed::Exact, 100),
    Workload::new(FIELD_32, Feed::Exact, 1000),
    Workload::new(WIDE_128, Feed::Fly, 5000),
];

/// The workloads of the table of memory. The limits are in units of 10^6 bytes.
pub const LIMITED: &[Workload] = &[
    Workload::new(DENSE, Feed::Fly, 100_000).within(128 * MEBIBYTE, 300_000_000),
    Workload::new(FIELD_128, Feed::Fly, 2000).within(1024 * MEBIBYTE, 1_500_000_000),
];

/// The workloads of several processes.
pub const RANKED: &[Workload] =
    &[Workload::new(DENSE, Feed::Exact, 10_000), Workload::new(FIELD_32, Feed::Exact, 1000)];

impl Workload {
    const fn new(net: Net, feed: Feed, n_s: usize) -> Self {
        Workload { net, feed, n_s, validated: false, spread: Spread::Plain, memory: None, limit: None }
    }

    const fn validated(mut self) -> Self {
        self.validated = true;
        self
    }

    const fn spread(mut self, spread: Spread) -> Self {
        self.spread = spread;
        self
    }

    const fn within(mut self, memory: usize, limit: u64) -> Self {
        self.memory = Some(memory);
        self.limit = Some(limit);
        self
    }

    /// Its name, such as `dense-exact-1000-validated`.
    pub fn name(&self) -> String {
        let net = match self.net {
            DENSE => "dense".to_owned(),
            Net::Dense { activation } => format!("dense-{}", activation.name()),
            Net::Inception { side, filters: networks::FILTERS } => format!("inception-{side}"),
            Net::Inception { side, filters } => format!("inception-{side}-wide-{filters}"),
            Net::Pooled { filters } => format!("pooled-{filters}"),
            Net::Volume => "volume-16".to_owned(),
        };
        let feed = match self.feed {
            Feed::Fly => "fly",
            Feed::Exact => "exact",
            Feed::Numerical => "numerical",
        };
        let validated = if self.validated { "-validated" } else { "" };
        let spread = match self.spread {
            Spread::Plain => "",
            Spread::Aggregated => "-aggregated",
            Spread::Recomputed => "-recomputed",
        };
        let memory = self.memory.map_or(String::new(), |bytes| format!("-{}-MiB", bytes / MEBIBYTE));
        format!("{net}-{feed}-{}{validated}{spread}{memory}", self.n_s)
    }

    /// How it differs from the usual way to run, for the name of the program: empty, or such as `, aggregated`.
    pub fn how(&self, dfdx: bool) -> &'static str {
        match (dfdx, self.spread) {
            (true, _) => " on dfdx",
            (false, Spread::Plain) => "",
            (false, Spread::Aggregated) => ", aggregated",
            (false, Spread::Recomputed) => ", recomputed",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        TIMED.iter().chain(LIMITED).chain(ON_CARD).chain(RANKED).find(|workload| workload.name() == name).copied()
    }

    /// Rows through the network in one iteration: simulations, and for each of two parameters a tangent or a pair.
    pub fn rows(&self) -> Rows {
        let per_simulation = match self.feed {
            Feed::Fly | Feed::Exact => 1 + 2,
            Feed::Numerical => 1 + 2 * 2,
        };
        let training = (self.n_s * per_simulation) as u64;
        Rows { training, validation: if self.validated { training } else { 0 } }
    }

    /// The operations of one iteration, done plainly.
    pub fn flops(&self) -> Outcome<u64> {
        Ok(Flops::of(&self.model()?).per_iteration(self.rows()))
    }

    /// The network, for its simulations.
    pub fn model(&self) -> Outcome<Model> {
        let shape = match self.net {
            Net::Dense { .. } => vec![10],
            Net::Inception { side, .. } => vec![side, side, 1],
            Net::Pooled { .. } => vec![POOLED_SIDE, POOLED_SIDE, 1],
            Net::Volume => vec![N_VOXELS],
        };
        Ok(Model::new(self.network(), &shape)?)
    }

    /// What each of so many processes would do, if the simulations were `n_s`, all with tangents.
    pub fn loads(&self, n_s: usize, processes: usize) -> Outcome<Vec<Load>> {
        let model = self.model()?;
        let of = |source: &dyn Source<f32>| -> Outcome<Vec<Load>> { Ok(loads(&model, source, processes)?) };
        let draws = |n_data| OnTheFly::new(GaussianMeanVariance { n_data }, &[0.0, 1.0], n_s, n_s);
        let fields = |side| -> Outcome<_> { Ok(OnTheFly::new(PowerLawField::new(side)?, &[1.0, 0.5], n_s, n_s)?) };
        match self.net {
            Net::Dense { .. } => of(&draws(10)?),
            Net::Volume => of(&draws(N_VOXELS)?),
            Net::Inception { side, .. } => of(&fields(side)?),
            Net::Pooled { .. } => of(&fields(POOLED_SIDE)?),
        }
    }

    /// The IMNN, with its simulations made, on this many threads; with `dfdx` each layer by its definition.
    pub fn imnn(&self, threads: usize, dfdx: bool) -> Outcome<Imnn<f32>> {
        let cpu = |threads| -> Outcome<Cpu<f32>> {
            let mut cpu = Cpu::new(threads)?;
            if let Some(bytes) = self.memory {
                cpu = cpu.with_memory(bytes);
            }
            if self.spread == Spread::Recomputed {
                cpu = cpu.with_memory(0);
            }
            Ok(if dfdx { cpu.with_dfdx() } else { cpu })
        };
        let several = || -> Outcome<Aggregator<f32>> {
            let cpus: Vec<_> = (0..threads).map(|_| cpu(1)).collect::<Outcome<_>>()?;
            Ok(Aggregator::new(cpus)?.with_n_per_device(N_PER_DEVICE)?)
        };
        match self.spread {
            Spread::Plain => self.on(cpu(threads)?, None),
            Spread::Aggregated | Spread::Recomputed => self.on(several()?, None),
        }
    }

    /// The IMNN for one of several processes, on this many threads.
    pub fn among(&self, ranks: Arc<dyn Ranks>, threads: usize) -> Outcome<Imnn<f32>> {
        self.on(Cpu::new(threads)?.with_ranks(ranks.clone()), Some(ranks))
    }

    /// The IMNN on the first GPU, which may keep so many bytes; with `tf32` its products are rounded.
    pub fn on_card(&self, tf32: bool, memory: Option<usize>) -> Outcome<Imnn<f32>> {
        let mut cuda = Cuda::new(0)?.with_tf32(tf32);
        if let Some(bytes) = memory {
            cuda = cuda.with_memory(bytes);
        }
        self.on(cuda, None)
    }

    fn on(&self, device: impl Device<f32> + 'static, ranks: Option<Arc<dyn Ranks>>) -> Outcome<Imnn<f32>> {
        let fields = |side| -> Outcome<_> { Ok(Arc::new(PowerLawField::new(side)?)) };
        match self.net {
            Net::Dense { .. } => self.with(GaussianMeanVariance { n_data: 10 }, [0.0, 1.0], device, ranks),
            Net::Inception { side, .. } => self.with(fields(side)?, [1.0, 0.5], device, ranks),
            Net::Pooled { .. } => self.with(fields(POOLED_SIDE)?, [1.0, 0.5], device, ranks),
            Net::Volume => self.with(GaussianMeanVariance { n_data: N_VOXELS }, [0.0, 1.0], device, ranks),
        }
    }

    fn network(&self) -> Network {
        match self.net {
            Net::Dense { activation } => networks::dense_128(activation),
            Net::Inception { side, filters } => networks::inception(side, filters),
            Net::Pooled { filters } => networks::pooled(filters),
            Net::Volume => networks::volume(),
        }
    }

    fn with<S: Simulator + Clone + 'static>(
        &self,
        simulator: S,
        theta: [f64; N_PARAMS],
        device: impl Device<f32> + 'static,
        ranks: Option<Arc<dyn Ranks>>,
    ) -> Outcome<Imnn<f32>> {
        let n = self.n_s;
        let source = |key| -> Outcome<Box<dyn Source<f32>>> {
            Ok(match self.feed {
                Feed::Fly => Box::new(OnTheFly::new(simulator.clone(), &theta, n, n)?),
                Feed::Exact => Box::new(simulate_exact::<f32, _>(&simulator, &theta, n, n, key)?),
                Feed::Numerical => Box::new(simulate_numerical::<f32, _>(&simulator, &theta, &[0.1, 0.1], n, n, key)?),
            })
        };
        let builder = Imnn::builder(self.network()).theta_fid(theta).device(device).optimiser(Adam::new(1e-3)?);
        let mut builder = builder.key(Key::new(0)).training(source(Key::new(3))?);
        if self.validated {
            builder = builder.validation(source(Key::new(4))?);
        }
        if let Some(ranks) = ranks {
            builder = builder.ranks(ranks);
        }
        Ok(builder.build()?)
    }
}

fn by_name<S: Serializer>(activation: &Activation, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(activation.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_again_and_belong_to_one_workload_each() {
        for workload in TIMED.iter().chain(LIMITED).chain(QUICK).chain(ON_CARD).chain(RANKED) {
            assert_eq!(Workload::named(&workload.name()), Some(*workload));
        }
        assert_eq!(TIMED[3].name(), "dense-exact-1000-validated");
        assert_eq!(TIMED[5].name(), "dense-numerical-1000-aggregated");
        assert_eq!(LIMITED[1].name(), "inception-128-fly-2000-1024-MiB");
        assert_eq!(ON_CARD[6].name(), "inception-128-wide-64-fly-5000");
        assert_eq!(Workload::named("dense"), None);
    }

    #[test]
    fn operations_follow_from_rows() {
        let flops = |name: &str| Workload::named(name).unwrap().flops().unwrap();
        assert_eq!(flops("dense-fly-1000"), 609_792_000);
        assert_eq!(flops("dense-exact-1000"), flops("dense-fly-1000"));
        assert_eq!(flops("dense-numerical-1000"), flops("dense-fly-1000") / 3 * 5);
        assert_eq!(flops("dense-numerical-1000-recomputed"), flops("dense-numerical-1000"));
        assert_eq!(flops("dense-exact-1000-validated"), flops("dense-fly-1000") + 3 * 68_608_000);
    }

    #[test]
    fn small_ones_can_be_built() {
        for name in [
            "dense-fly-1000",
            "dense-numerical-1000-validated",
            "dense-numerical-1000-aggregated",
            "dense-numerical-1000-recomputed",
            "inception-32-fly-100",
            "dense-softplus-exact-1000",
            "pooled-32-exact-200",
            "volume-16-exact-100",
        ] {
            let workload = Workload::named(name).unwrap();
            let imnn = workload.imnn(1, false).unwrap();
            assert_eq!(imnn.model().n_summaries(), 2, "{name}");
        }
    }
}
