//! What was measured, as tables and as JSON.

use serde::Serialize;

use crate::Outcome;
use crate::machine::Machine;
use crate::measure::{Effort, Measured, Record};
use crate::series::Series;
use crate::table::Table;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    pub machine: Machine,
    pub effort: Effort,
    pub records: Vec<Record>,
}

impl Report {
    /// Everything, for machines. Rates and ratios are added to what was measured.
    pub fn json(&self) -> Outcome<String> {
        let mut report = serde_json::to_value(self)?;
        for (record, value) in self.records.iter().zip(report["records"].as_array_mut().into_iter().flatten()) {
            for (k, ours) in record.ours.iter().enumerate() {
                value["ours"][k]["median_ms"] = ours.ms.median().into();
                value["ours"][k]["gflops"] = (record.rate(k) * 1e-9).into();
                value["ours"][k]["share_of_sgemm"] = record.share(k).into();
            }
            for (k, peer) in record.peers.iter().enumerate() {
                value["peers"][k]["median_ms"] = peer.ms.median().into();
                value["peers"][k]["times_ours"] = times(peer, &record.ours[0]).into();
            }
        }
        Ok(serde_json::to_string_pretty(&report)?)
    }

    /// The machine, and the median of the rates of matrix products on the largest number of threads.
    pub fn head(&self) -> String {
        let rates: Series =
            self.records.iter().filter_map(|record| Some(record.sgemm.last()?.median() * 1e-9)).collect();
        let memory = self.machine.memory.map_or(String::new(), |bytes| format!(", {} of memory", megabytes(bytes)));
        format!(
            "{}, {} threads{memory}; sgemm at {:.0} GFLOP/s; medians of {} turns of {} s\n",
            self.machine.processor,
            self.machine.threads,
            rates.median(),
            self.effort.rounds,
            self.effort.turn_seconds,
        )
    }

    /// Times, rates, memory and starts, each workload followed by the peers that have it.
    pub fn times(&self) -> String {
        let heads = [
            "workload",
            "ms/iteration",
            "smallest-largest",
            "us/simulation",
            "GFLOP/s",
            "of sgemm",
            "peak memory",
            "first iteration",
            "times ours",
        ];
        let mut table = Table::new(&heads);
        for record in &self.records {
            let ours = &record.ours[0];
            let share = format!("{:.0} %", 100.0 * record.share(0));
            table.push(row(record.workload.clone(), record, ours, share, String::new()));
            for peer in &record.peers {
                let ratio = format!("{:.2}", times(peer, ours));
                table.push(row(format!("· {}", peer.program), record, peer, String::new(), ratio));
            }
        }
        table.to_string()
    }

    /// One thread against all, beside what matrix products gain.
    pub fn scaling(&self) -> String {
        let heads = ["workload", "threads", "ms/iteration", "smallest-largest", "of sgemm", "speed-up", "sgemm's"];
        let mut table = Table::new(&heads);
        for record in &self.records {
            for (k, ours) in record.ours.iter().enumerate() {
                let mut cells = vec![
                    if k == 0 { record.workload.clone() } else { String::new() },
                    ours.threads.map_or(String::new(), |threads| threads.to_string()),
                    milliseconds(ours.ms.median()),
                    range(&ours.ms),
                    format!("{:.0} %", 100.0 * record.share(k)),
                ];
                if k > 0 {
                    cells.push(format!("{:.2}", times(&record.ours[0], ours)));
                    cells.push(format!("{:.2}", record.sgemm[k].median() / record.sgemm[0].median()));
                }
                table.push(cells);
            }
        }
        table.to_string()
    }

    /// Peak memory against what is promised.
    pub fn memory(&self) -> String {
        let mut table = Table::new(&["workload", "budget", "peak memory", "promised", "kept", "ms/iteration"]);
        for record in &self.records {
            let ours = &record.ours[0];
            let kept = ours.peak_bytes.zip(record.of.limit).map(|(peak, limit)| peak <= limit);
            table.push(vec![
                record.workload.clone(),
                record.of.memory.map_or(String::new(), |bytes| megabytes(bytes as u64)),
                ours.peak_bytes.map_or(String::new(), megabytes),
                record.of.limit.map_or(String::new(), megabytes),
                kept.map_or("", |kept| if kept { "yes" } else { "no" }).to_owned(),
                milliseconds(ours.ms.median()),
            ]);
        }
        table.to_string()
    }
}

fn row(name: String, record: &Record, measured: &Measured, share: String, ratio: String) -> Vec<String> {
    let ms = measured.ms.median();
    vec![
        name,
        milliseconds(ms),
        range(&measured.ms),
        milliseconds(1e3 * ms / record.of.n_s as f64),
        format!("{:.1}", record.flops as f64 / ms * 1e-6),
        share,
        measured.peak_bytes.map_or(String::new(), megabytes),
        seconds(measured.first_iteration_s.median()),
        ratio,
    ]
}

/// How much longer an iteration takes in one program than in another.
pub(crate) fn times(slow: &Measured, fast: &Measured) -> f64 {
    slow.ms.median() / fast.ms.median()
}

pub(crate) fn range(series: &Series) -> String {
    let (smallest, largest) = series.range();
    format!("{}-{}", milliseconds(smallest), milliseconds(largest))
}

/// Three digits, or all before the point.
pub(crate) fn milliseconds(value: f64) -> String {
    match value.abs() {
        v if v < 9.995 => format!("{value:.2}"),
        v if v < 99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

pub(crate) fn seconds(value: f64) -> String {
    if value < 0.9995 { format!("{:.0} ms", 1e3 * value) } else { format!("{value:.1} s") }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.0} MB", bytes as f64 * 1e-6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{LIMITED, TIMED};

    fn measured(program: &str, ms: [f64; 3], threads: Option<usize>) -> Measured {
        Measured {
            program: program.into(),
            threads,
            ms: ms.into_iter().collect(),
            peak_bytes: Some(42_000_000),
            first_iteration_s: [0.05].into_iter().collect(),
        }
    }

    fn report(record: Record) -> Report {
        let machine = Machine { processor: "abacus".into(), threads: 2, memory: Some(25_000_000_000) };
        Report { machine, effort: Effort::QUICK, records: vec![record] }
    }

    fn record() -> Record {
        Record {
            workload: TIMED[0].name(),
            of: TIMED[0],
            flops: 600_000_000,
            sgemm: vec![[400e9; 3].into_iter().collect()],
            ours: vec![measured("imnn", [2.0, 1.9, 2.5], Some(2))],
            peers: vec![measured("JAX", [5.0, 4.0, 6.0], None)],
        }
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
        let table = report.times();
        let ours = ["dense-fly-1000", "2.00", "1.90-2.50", "2.00", "300.0", "75 %", "42 MB", "50 ms", ""];
        assert_eq!(cells(&table, 2), ours);
        assert_eq!(cells(&table, 3), ["· JAX", "5.00", "4.00-6.00", "5.00", "120.0", "", "42 MB", "50 ms", "2.50"]);
    }

    #[test]
    fn json_says_the_same() {
        let json: serde_json::Value = serde_json::from_str(&report(record()).json().unwrap()).unwrap();
        let record = &json["records"][0];
        assert_eq!(record["workload"], "dense-fly-1000");
        assert_eq!(record["of"]["net"], "dense");
        assert_eq!(record["ours"][0]["ms"], serde_json::json!([2.0, 1.9, 2.5]));
        assert_eq!(record["ours"][0]["median_ms"], 2.0);
        assert!((record["ours"][0]["share_of_sgemm"].as_f64().unwrap() - 0.75).abs() < 1e-12);
        assert_eq!(record["peers"][0]["times_ours"], 2.5);
    }

    #[test]
    fn threads_are_compared_with_what_products_gain() {
        let mut record = record();
        record.sgemm = vec![[200e9; 3].into_iter().collect(), [400e9; 3].into_iter().collect()];
        record.ours.insert(0, measured("imnn", [3.8, 3.6, 3.9], Some(1)));
        let table = report(record).scaling();
        assert_eq!(cells(&table, 2), ["dense-fly-1000", "1", "3.80", "3.60-3.90", "79 %", "", ""]);
        assert_eq!(cells(&table, 3), ["", "2", "2.00", "1.90-2.50", "75 %", "1.90", "2.00"]);
    }

    #[test]
    fn promises_of_memory_are_checked() {
        let kept = Record { of: LIMITED[0], ..record() };
        assert_eq!(cells(&report(kept.clone()).memory(), 2)[1..5], ["134 MB", "42 MB", "300 MB", "yes"]);
        let mut broken = kept;
        broken.ours[0].peak_bytes = Some(301_000_000);
        assert_eq!(cells(&report(broken).memory(), 2)[4], "no");
    }
}
