//! A forecast of the time of an iteration on several processes, from that on one core.

use imnn::device::Load;
use serde::Serialize;

/// How processes reach each other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Network {
    pub name: &'static str,
    /// Seconds that a message takes at least.
    pub latency: f64,
    /// Bytes per second of each process.
    pub bandwidth: f64,
}

/// The memory of one machine, as MPIs copy through it.
pub const SHARED: Network = Network { name: "shared memory", latency: 1e-6, bandwidth: 5e9 };
/// InfiniBand HDR.
pub const INFINIBAND: Network = Network { name: "InfiniBand", latency: 2e-6, bandwidth: 20e9 };
/// TCP.
pub const ETHERNET: Network = Network { name: "10 GbE", latency: 25e-6, bandwidth: 1.1e9 };

/// The part of the passes that is the forward one.
const FORWARD: f64 = 1.0 / 3.0;
/// Gathers and exchanges of an iteration: an agreement in each pass, the summaries, the sums of gradients there and back.
const COLLECTIVES: f64 = 5.0;
/// Bytes per second at which a core adds gradients.
const ADDING: f64 = 10e9;

/// What an iteration is made of.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Iteration {
    /// Seconds of one core for all simulations, forward and backward.
    pub passes: f64,
    /// Seconds for the loss, which every process works out.
    pub loss: f64,
    /// Numbers in the summaries of all simulations and their derivatives.
    pub summaries: usize,
    pub weights: usize,
}

impl Iteration {
    /// Seconds on as many processes as there are loads, of so many threads each.
    ///
    /// The slowest process counts; in it the threads take whole pieces of work:
    /// `T = max_r passes (rows_r / rows) sum_pass part_pass ceil(pieces_r / threads) / pieces_r + loss + T_network`.
    pub fn seconds(&self, loads: &[Load], threads: usize, network: &Network) -> f64 {
        let rows: usize = loads.iter().map(|load| load.rows).sum();
        let share = |pieces: usize| pieces.div_ceil(threads) as f64 / pieces.max(1) as f64;
        let passes = |load: &Load| {
            let forward = FORWARD * share(load.microbatches);
            let backward = (1.0 - FORWARD) * share(load.chunks);
            self.passes * load.rows as f64 / rows.max(1) as f64 * (forward + backward)
        };
        let slowest = loads.iter().map(passes).fold(0.0, f64::max);
        slowest + self.loss + self.network(loads, threads, network)
    }

    /// Seconds for what the processes tell each other.
    fn network(&self, loads: &[Load], threads: usize, network: &Network) -> f64 {
        let processes = loads.len() as f64;
        if loads.len() < 2 {
            return 0.0;
        }
        let others = (processes - 1.0) / processes;
        let gradient = 4.0 * self.weights as f64;
        let sums: usize = loads.iter().map(|load| load.sums).sum();
        let sent = loads.iter().map(|load| load.sums).max().unwrap_or(0) as f64 * gradient * others;
        let received = sums as f64 / processes * gradient * others;
        let bytes = 8.0 * self.summaries as f64 * others + sent.max(received) + gradient * others;
        let adding = sums as f64 / processes * gradient / ADDING / threads as f64;
        COLLECTIVES * network.latency * processes.log2().ceil() + bytes / network.bandwidth + adding
    }

    /// The efficiency: the time of one core, over that of all cores together.
    pub fn efficiency(&self, loads: &[Load], threads: usize, network: &Network) -> f64 {
        let one = self.passes + self.loss;
        one / (self.seconds(loads, threads, network) * (loads.len() * threads) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITERATION: Iteration = Iteration { passes: 1.0, loss: 0.01, summaries: 6000, weights: 10_000 };

    fn load(rows: usize, pieces: usize) -> Load {
        Load { rows, microbatches: pieces, chunks: pieces, sums: 1 }
    }

    #[test]
    fn one_process_is_what_was_measured() {
        assert!((ITERATION.seconds(&[load(3000, 16)], 1, &SHARED) - 1.01).abs() < 1e-12);
        assert!((ITERATION.efficiency(&[load(3000, 16)], 1, &SHARED) - 1.0).abs() < 1e-12);
        // Of three pieces one of two threads has two.
        assert!((ITERATION.seconds(&[load(3000, 3)], 2, &SHARED) - (2.0 / 3.0 + 0.01)).abs() < 1e-12);
    }

    #[test]
    fn the_slowest_and_the_network_count() {
        let even = [load(1500, 8), load(1500, 8)];
        let uneven = [load(2000, 8), load(1000, 8)];
        let [even, uneven] = [&even, &uneven].map(|loads| ITERATION.seconds(loads, 1, &INFINIBAND));
        assert!(even > 0.51 && even < 0.5101, "{even}");
        assert!((uneven - even - (2.0 / 3.0 - 0.5)).abs() < 1e-12);
        // Five messages; a half of the summaries, and twice a half of the gradient at 1.1 GB/s; one gradient added.
        let expected = 0.51 + 5.0 * 25e-6 + (24_000.0 + 40_000.0) / 1.1e9 + 40_000.0 / 10e9;
        let found = ITERATION.seconds(&[load(1500, 8), load(1500, 8)], 1, &ETHERNET);
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }
}
