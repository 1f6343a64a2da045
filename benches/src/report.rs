//! What was measured, as tables and as JSON.

use serde::Serialize;

use crate::Outcome;
use crate::card::Card;
use crate::machine::Machine;
use crate::measure::{Effort, Record};
use crate::series::Series;
use crate::table::Table;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    pub machine: Machine,
    /// The card, if workloads were run on one.
    pub card: Option<Card>,
    pub effort: Effort,
    pub records: Vec<Record>,
}

/// A column: its head, and its cell for program `k` of a record.
pub type Column = (&'static str, fn(&Record, usize) -> String);

const WORKLOAD: Column = ("workload", |record, k| match (k, record.programs[k].ours) {
    (0, _) => record.workload.clone(),
    (_, true) => String::new(),
    (_, false) => format!("· {}", record.programs[k].program),
});
const TIME: Column = ("ms/iteration", |record, k| milliseconds(record.programs[k].ms.median()));
const RANGE: Column = ("smallest-largest", |record, k| {
    let (smallest, largest) = record.programs[k].ms.range();
    format!("{}-{}", milliseconds(smallest), milliseconds(largest))
});
const RATE: Column = ("GFLOP/s", |record, k| giga(record.rate(k)));
const OF_SGEMM: Column = ("of sgemm", |record, k| percent(record.share(k)));
const PEAK: Column = ("peak memory", |record, k| record.programs[k].peak_bytes.map_or(String::new(), megabytes));
const FIRST: Column = ("first iteration", |record, k| seconds(record.programs[k].first_iteration_s.median()));
const TIMES_OURS: Column = ("times ours", |record, k| record.ratio(k).map_or(String::new(), |x| format!("{x:.2}")));

/// Times, rates, memory and starts.
pub const TIMES: &[Column] = &[
    WORKLOAD,
    TIME,
    RANGE,
    ("us/simulation", |record, k| milliseconds(1e3 * record.programs[k].ms.median() / record.of.n_s as f64)),
    RATE,
    OF_SGEMM,
    PEAK,
    FIRST,
    TIMES_OURS,
];

/// Times on a card, beside what that does at best.
pub const ON_CARD: &[Column] = &[
    WORKLOAD,
    TIME,
    RANGE,
    RATE,
    ("of products", OF_SGEMM.1),
    ("GB/s", |record, k| record.traffic(k).map_or(String::new(), |[rate, _]| giga(rate))),
    ("of bandwidth", |record, k| record.traffic(k).map_or(String::new(), |[_, share]| percent(share))),
    FIRST,
    TIMES_OURS,
];

/// One thread against all, beside what matrix products gain.
pub const SCALING: &[Column] = &[
    WORKLOAD,
    ("threads", |record, k| record.programs[k].threads.map_or(String::new(), |threads| threads.to_string())),
    TIME,
    RANGE,
    OF_SGEMM,
    ("speed-up", |record, k| gain(k, record.programs[0].ms.median() / record.programs[k].ms.median())),
    ("sgemm's", |record, k| gain(k, record.products[k].median() / record.products[0].median())),
];

/// Peak memory against what is promised.
pub const MEMORY: &[Column] = &[
    WORKLOAD,
    ("budget", |record, _| record.of.memory.map_or(String::new(), |bytes| megabytes(bytes as u64))),
    PEAK,
    ("promised", |record, _| record.of.limit.map_or(String::new(), megabytes)),
    ("kept", |record, k| {
        let kept = record.programs[k].peak_bytes.zip(record.of.limit).map(|(peak, limit)| peak <= limit);
        kept.map_or("", |kept| if kept { "yes" } else { "no" }).to_owned()
    }),
    TIME,
];

impl Report {
    /// Everything, for machines. Rates, shares and ratios are added to what was measured.
    pub fn json(&self) -> Outcome<String> {
        let mut report = serde_json::to_value(self)?;
        for (record, value) in self.records.iter().zip(report["records"].as_array_mut().into_iter().flatten()) {
            for (k, program) in record.programs.iter().enumerate() {
                let value = &mut value["programs"][k];
                value["median_ms"] = program.ms.median().into();
                value["gflops"] = (record.rate(k) * 1e-9).into();
                value["share_of_products"] = record.share(k).into();
                value["times_ours"] = record.ratio(k).into();
                if let Some([rate, share]) = record.traffic(k) {
                    value["gigabytes_per_second"] = (1e-9 * rate).into();
                    value["share_of_bandwidth"] = share.into();
                }
            }
        }
        Ok(serde_json::to_string_pretty(&report)?)
    }

    /// The machine and what it does at best, and how was measured.
    pub fn head(&self) -> String {
        let median = |of: fn(&Record) -> f64| self.records.iter().map(of).collect::<Series>().median() * 1e-9;
        let products = median(|record| record.products.last().map_or(f64::NAN, Series::median));
        let Machine { processor, threads, memory } = &self.machine;
        let machine = match &self.card {
            Some(card) => format!(
                "{card}; on {processor}, {threads} threads; large products at {products:.0} GFLOP/s, large copies at {:.0} GB/s",
                median(|record| record.bandwidth.median())
            ),
            None => {
                let memory = memory.map_or(String::new(), |bytes| format!(", {} of memory", megabytes(bytes)));
                format!("{processor}, {threads} threads{memory}; sgemm at {products:.0} GFLOP/s")
            }
        };
        format!("{machine}; medians of {} turns of {} s\n", self.effort.rounds, self.effort.turn_seconds)
    }

    /// These columns, a row for each program; then peers that did not run.
    pub fn table(&self, columns: &[Column]) -> String {
        let heads: Vec<&str> = columns.iter().map(|(head, _)| *head).collect();
        let mut table = Table::new(&heads);
        for record in &self.records {
            for k in 0..record.programs.len() {
                table.push(columns.iter().map(|(_, cell)| cell(record, k)).collect());
            }
        }
        let failed = self.records.iter().flat_map(|record| &record.failed);
        failed.fold(table.to_string(), |text, failure| format!("{text}\nDID NOT RUN: {failure}\n"))
    }

    /// Whether every peer ran.
    ///
    /// # Errors
    /// If one did not: a comparison that is not complete does not pass for one that is.
    pub fn all_ran(&self) -> Outcome {
        match self.records.iter().map(|record| record.failed.len()).sum::<usize>() {
            0 => Ok(()),
            failed => Err(format!("{failed} times a peer did not run").into()),
        }
    }
}

/// How much faster program `k` is than the first.
fn gain(k: usize, ratio: f64) -> String {
    if k == 0 { String::new() } else { format!("{ratio:.2}") }
}

/// Three digits, or all before the point.
pub(crate) fn milliseconds(value: f64) -> String {
    match value.abs() {
        v if v < 9.995 => format!("{value:.2}"),
        v if v < 99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

fn seconds(value: f64) -> String {
    if value < 0.9995 { format!("{:.0} ms", 1e3 * value) } else { format!("{value:.1} s") }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.0} MB", bytes as f64 * 1e-6)
}

fn giga(value: f64) -> String {
    format!("{:.1}", 1e-9 * value)
}

pub(crate) fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Measured;
    use crate::workload::{LIMITED, TIMED};

    fn measured(program: &str, ms: [f64; 3], ours: bool) -> Measured {
        Measured {
            program: program.into(),
            ours,
            threads: ours.then_some(2),
            ms: ms.into_iter().collect(),
            peak_bytes: Some(42_000_000),
            first_iteration_s: [0.05].into_iter().collect(),
            moved: None,
        }
    }

    fn report(record: Record) -> Report {
        let machine = Machine { processor: "abacus".into(), threads: 2, memory: Some(25_000_000_000) };
        Report { machine, card: None, effort: Effort::QUICK, records: vec![record] }
    }

    fn record() -> Record {
        Record {
            flops: 600_000_000,
            products: vec![[400e9; 3].into_iter().collect()],
            programs: vec![measured("imnn", [2.0, 1.9, 2.5], true), measured("JAX", [5.0, 4.0, 6.0], false)],
            ..Record::new(&TIMED[0], 1).unwrap()
        }
    }

    /// The same on a card, with what moves there and products and copies as fast as these.
    fn on_card() -> Report {
        let mut record = Record { products: vec![[3e12; 2].into_iter().collect()], ..record() };
        record.bandwidth = [1e12; 2].into_iter().collect();
        record.programs[0].moved = Some(100_000_000);
        let card = Card {
            name: "beads".into(),
            capability: (9, 0),
            memory: 80 << 30,
            driver: "580.65.06 for CUDA 13.0".into(),
            nvrtc: "13.0".into(),
        };
        Report { card: Some(card), ..report(record) }
    }

    fn cells(table: &str, line: usize) -> Vec<String> {
        let line = table.lines().nth(line).unwrap().trim_matches('|');
        line.split('|').map(|cell| cell.trim().to_owned()).collect()
    }

    #[test]
    fn times_are_those_of_the_medians() {
        let report = report(record());
        assert_eq!(
            report.head(),
            "abacus, 2 threads, 25000 MB of memory; sgemm at 400 GFLOP/s; medians of 3 turns of 0.1 s\n"
        );
        let table = report.table(TIMES);
        let ours = ["dense-fly-1000", "2.00", "1.90-2.50", "2.00", "300.0", "75 %", "42 MB", "50 ms", ""];
        assert_eq!(cells(&table, 2), ours);
        assert_eq!(cells(&table, 3), ["· JAX", "5.00", "4.00-6.00", "5.00", "120.0", "30 %", "42 MB", "50 ms", "2.50"]);
    }

    #[test]
    fn json_says_the_same() {
        let json: serde_json::Value = serde_json::from_str(&report(record()).json().unwrap()).unwrap();
        let record = &json["records"][0];
        assert_eq!(record["workload"], "dense-fly-1000");
        assert_eq!(record["of"]["net"]["dense"]["activation"], "leaky_relu");
        let programs = &record["programs"];
        assert_eq!((&programs[0]["program"], &programs[1]["program"]), (&"imnn".into(), &"JAX".into()));
        assert_eq!(programs[0]["ms"], serde_json::json!([2.0, 1.9, 2.5]));
        assert_eq!(programs[0]["median_ms"], 2.0);
        assert!((programs[0]["share_of_products"].as_f64().unwrap() - 0.75).abs() < 1e-12);
        assert!(programs[1]["times_ours"] == 2.5 && programs[0]["times_ours"].is_null());
        assert!(json["card"].is_null());

        let json: serde_json::Value = serde_json::from_str(&on_card().json().unwrap()).unwrap();
        let programs = &json["records"][0]["programs"];
        assert_eq!((&json["card"]["name"], &programs[0]["ours"]), (&"beads".into(), &true.into()));
        let close = |value: &serde_json::Value, expected: f64| (value.as_f64().unwrap() - expected).abs() < 1e-9;
        assert!(close(&programs[0]["share_of_products"], 0.1) && close(&programs[0]["share_of_bandwidth"], 0.05));
    }

    #[test]
    fn shares_are_of_what_the_card_does_and_ratios_of_ours() {
        let report = on_card();
        assert_eq!(
            report.head(),
            "beads, compute capability 9.0, 80.0 GiB; driver 580.65.06 for CUDA 13.0; NVRTC 13.0; on abacus, 2 threads; \
             large products at 3000 GFLOP/s, large copies at 1000 GB/s; medians of 3 turns of 0.1 s\n"
        );
        let table = report.table(ON_CARD);
        let ours = ["dense-fly-1000", "2.00", "1.90-2.50", "300.0", "10 %", "50.0", "5 %", "50 ms", ""];
        assert_eq!(cells(&table, 2), ours);
        assert_eq!(cells(&table, 3), ["· JAX", "5.00", "4.00-6.00", "120.0", "4 %", "", "", "50 ms", "2.50"]);
    }

    #[test]
    fn a_peer_that_did_not_run_is_told() {
        let mut report = on_card();
        assert!(report.all_ran().is_ok());
        report.records[0].failed.push("dense by Jax: ended early".into());
        assert!(report.table(ON_CARD).ends_with("DID NOT RUN: dense by Jax: ended early\n"));
        assert!(report.all_ran().is_err());
    }

    #[test]
    fn threads_are_compared_with_what_products_gain() {
        let mut record = record();
        record.products = vec![[200e9; 3].into_iter().collect(), [400e9; 3].into_iter().collect()];
        record.programs = vec![measured("imnn", [3.8, 3.6, 3.9], true), measured("imnn", [2.0, 1.9, 2.5], true)];
        record.programs[0].threads = Some(1);
        let table = report(record).table(SCALING);
        assert_eq!(cells(&table, 2), ["dense-fly-1000", "1", "3.80", "3.60-3.90", "79 %", "", ""]);
        assert_eq!(cells(&table, 3), ["", "2", "2.00", "1.90-2.50", "75 %", "1.90", "2.00"]);
    }

    #[test]
    fn promises_of_memory_are_checked() {
        let kept = Record { of: LIMITED[0], ..record() };
        assert_eq!(cells(&report(kept.clone()).table(MEMORY), 2)[1..5], ["134 MB", "42 MB", "300 MB", "yes"]);
        let mut broken = kept;
        broken.programs[0].peak_bytes = Some(301_000_000);
        assert_eq!(cells(&report(broken).table(MEMORY), 2)[4], "no");
    }
}
