//! What was measured on a card, as a table and as JSON.

use serde::Serialize;

use super::{Card, OnCard, Record};
use crate::Outcome;
use crate::machine::Machine;
use crate::measure::Effort;
use crate::report::{milliseconds, range, seconds, times};
use crate::table::Table;

/// A run of the benchmarks on a card.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The machine.
    pub machine: Machine,
    /// Its card.
    pub card: Card,
    /// How long and how often.
    pub effort: Effort,
    /// What was found.
    pub records: Vec<Record>,
}

impl OnCard {
    /// Operations per second.
    fn rate(&self, record: &Record) -> f64 {
        record.flops as f64 / self.seconds()
    }

    /// Which share of the rate of large products that is.
    fn share(&self, record: &Record) -> f64 {
        self.rate(record) / record.products.median()
    }

    /// Bytes per second, and which share of the bandwidth that is.
    fn traffic(&self, record: &Record) -> Option<[f64; 2]> {
        let rate = self.moved? as f64 / self.seconds();
        Some([rate, rate / record.bandwidth.median()])
    }

    fn seconds(&self) -> f64 {
        1e-3 * self.measured.ms.median()
    }
}

impl Record {
    /// How much longer than ours a peer takes.
    fn ratio(&self, program: &OnCard) -> Option<f64> {
        let ours = self.programs.iter().find(|other| other.ours && !program.ours)?;
        Some(times(&program.measured, &ours.measured))
    }
}

impl Report {
    /// Everything, for machines. Rates, shares and ratios are added to what was measured.
    ///
    /// # Errors
    /// If a number cannot be written.
    pub fn json(&self) -> Outcome<String> {
        let mut report = serde_json::to_value(self)?;
        for (record, value) in self.records.iter().zip(report["records"].as_array_mut().into_iter().flatten()) {
            for (program, value) in record.programs.iter().zip(value["programs"].as_array_mut().into_iter().flatten()) {
                value["median_ms"] = program.measured.ms.median().into();
                value["gflops"] = (1e-9 * program.rate(record)).into();
                value["share_of_products"] = program.share(record).into();
                if let Some([rate, share]) = program.traffic(record) {
                    value["gigabytes_per_second"] = (1e-9 * rate).into();
                    value["share_of_bandwidth"] = share.into();
                }
                if let Some(ratio) = record.ratio(program) {
                    value["times_ours"] = ratio.into();
                }
            }
        }
        Ok(serde_json::to_string_pretty(&report)?)
    }

    /// Machine, card, driver, and how was measured.
    pub fn head(&self) -> String {
        let (card, (major, minor)) = (&self.card, self.card.capability);
        format!(
            "{}, compute capability {major}.{minor}, {:.1} GiB; driver {}; NVRTC {}; on {}, {} threads; medians of {} turns of {} s\n",
            card.name,
            card.memory as f64 / f64::from(1 << 30),
            card.driver,
            card.nvrtc,
            self.machine.processor,
            self.machine.threads,
            self.effort.rounds,
            self.effort.turn_seconds,
        )
    }

    /// Each workload with what the card does at best, ours, and the peers; then peers that did not run.
    pub fn table(&self) -> String {
        let heads = [
            "workload",
            "ms/iteration",
            "smallest-largest",
            "GFLOP/s",
            "of products",
            "GB/s",
            "of bandwidth",
            "first iteration",
            "times ours",
        ];
        let mut table = Table::new(&heads);
        for record in &self.records {
            table.push(vec![record.workload.clone()]);
            let best = |name: &str, rate: f64| vec![format!("· {name}"), String::new(), String::new(), giga(rate)];
            table.push(best("large products", record.products.median()));
            let mut copies = vec![String::new(); 6];
            (copies[0], copies[5]) = ("· large copies".into(), giga(record.bandwidth.median()));
            table.push(copies);
            for program in &record.programs {
                let measured = &program.measured;
                let traffic = program.traffic(record);
                table.push(vec![
                    format!("· {}", measured.program),
                    milliseconds(measured.ms.median()),
                    range(&measured.ms),
                    giga(program.rate(record)),
                    percent(program.share(record)),
                    traffic.map_or(String::new(), |[rate, _]| giga(rate)),
                    traffic.map_or(String::new(), |[_, share]| percent(share)),
                    seconds(measured.first_iteration_s.median()),
                    record.ratio(program).map_or(String::new(), |ratio| format!("{ratio:.2}")),
                ]);
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

fn giga(value: f64) -> String {
    format!("{:.1}", 1e-9 * value)
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Measured;
    use crate::series::Series;
    use crate::workload::ON_CARD;

    fn program(name: &str, ours: bool, ms: f64) -> OnCard {
        let measured = Measured {
            program: name.into(),
            threads: None,
            ms: [ms, 2.0 * ms, 0.5 * ms].into_iter().collect(),
            peak_bytes: None,
            first_iteration_s: [0.05].into_iter().collect(),
        };
        OnCard { ours, measured, moved: ours.then_some(100_000_000) }
    }

    fn report() -> Report {
        let series = |value: f64| -> Series { [value; 2].into_iter().collect() };
        let record = Record {
            workload: ON_CARD[0].name(),
            of: ON_CARD[0],
            flops: 600_000_000,
            products: series(3e12),
            bandwidth: series(1e12),
            programs: vec![program("imnn, f32", true, 2.0), program("JAX, f32", false, 5.0)],
            failed: vec![],
        };
        let card = Card {
            name: "abacus".into(),
            capability: (9, 0),
            memory: 80 << 30,
            driver: "580.65.06 for CUDA 13.0".into(),
            nvrtc: "13.0".into(),
        };
        let machine = Machine { processor: "beads".into(), threads: 2, memory: None };
        Report { machine, card, effort: Effort::QUICK, records: vec![record] }
    }

    fn cells(table: &str, line: usize) -> Vec<String> {
        let line = table.lines().nth(line).unwrap().trim_matches('|');
        line.split('|').map(|cell| cell.trim().to_owned()).collect()
    }

    #[test]
    fn shares_are_of_what_the_card_does_and_ratios_of_ours() {
        let report = report();
        assert!(
            report.head().starts_with("abacus, compute capability 9.0, 80.0 GiB; driver 580.65.06 for CUDA 13.0; ")
        );
        let table = report.table();
        assert_eq!(cells(&table, 2)[0], "dense-exact-1000");
        assert_eq!(cells(&table, 3)[..4], ["· large products", "", "", "3000.0"]);
        assert_eq!(cells(&table, 4)[..6], ["· large copies", "", "", "", "", "1000.0"]);
        let ours = ["· imnn, f32", "2.00", "1.00-4.00", "300.0", "10 %", "50.0", "5 %", "50 ms", ""];
        assert_eq!(cells(&table, 5), ours);
        assert_eq!(cells(&table, 6), ["· JAX, f32", "5.00", "2.50-10.0", "120.0", "4 %", "", "", "50 ms", "2.50"]);
    }

    #[test]
    fn json_says_the_same() {
        let json: serde_json::Value = serde_json::from_str(&report().json().unwrap()).unwrap();
        let programs = &json["records"][0]["programs"];
        assert_eq!((&json["card"]["name"], &programs[0]["program"]), (&"abacus".into(), &"imnn, f32".into()));
        let close = |value: &serde_json::Value, expected: f64| (value.as_f64().unwrap() - expected).abs() < 1e-9;
        assert!(close(&programs[0]["share_of_products"], 0.1) && close(&programs[0]["share_of_bandwidth"], 0.05));
        assert!(close(&programs[1]["times_ours"], 2.5) && programs[0]["times_ours"].is_null());
    }

    #[test]
    fn a_peer_that_did_not_run_is_told() {
        let mut report = report();
        assert!(report.all_ran().is_ok());
        report.records[0].failed.push("dense by Jax: ended early".into());
        assert!(report.table().ends_with("DID NOT RUN: dense by Jax: ended early\n"));
        assert!(report.all_ran().is_err());
    }
}
