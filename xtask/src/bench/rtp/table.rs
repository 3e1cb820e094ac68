//! What was measured, side by side.

use super::Server;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The result of one run, by the names that the load gives its figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured(BTreeMap<String, f64>);

impl Measured {
    /// Reads the one flat JSON object that the load prints.
    pub fn parse(text: &str) -> Result<Self> {
        let line = text.lines().find(|line| line.starts_with('{')).context("no result")?;
        let inner = line.trim().trim_start_matches('{').trim_end_matches('}');
        let mut figures = BTreeMap::new();
        for entry in inner.split(',') {
            let (name, value) = entry.split_once(':').context("an entry has no colon")?;
            // The one entry that is no number is the case's name, which the caller knows.
            if let Ok(number) = value.parse() {
                figures.insert(name.trim_matches('"').to_owned(), number);
            }
        }
        Ok(Self(figures))
    }

    fn figure(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or(f64::NAN)
    }
}

/// All runs, by case, calls and server.
#[derive(Debug, Default)]
pub struct Table(BTreeMap<(String, usize), BTreeMap<Server, Vec<Measured>>>);

impl Table {
    /// Adds a run.
    pub fn add(&mut self, case: &str, calls: usize, server: Server, measured: Measured) {
        let runs = self.0.entry((case.to_owned(), calls)).or_default();
        runs.entry(server).or_default().push(measured);
    }

    /// A line for each server and, where both were measured, one with the ratios of the least costs.
    pub fn markdown(&self) -> String {
        let mut text =
            "| case | calls | server | CPU us/packet min / median | loss % median | latency \
             p50 / p99 / p99.9 us | set-up us/call | memory kB/call |\n\
             |---|---|---|---|---|---|---|---|\n"
                .to_owned();
        for ((case, calls), servers) in &self.0 {
            for (server, runs) in servers {
                let name = format!("{server:?}").to_lowercase();
                line(&mut text, &format!("| {case} | {calls} | {name} "), runs);
            }
            if let (Some(peer), Some(ours)) =
                (servers.get(&Server::Rtpengine), servers.get(&Server::Offhook))
            {
                let of = |name| least(ours, name) / least(peer, name);
                let (cpu, setup) = (of("cpu_us_per_packet"), of("setup_cpu_us_per_call"));
                let ratio =
                    format!("| {case} | {calls} | ratio | **{cpu:.2}** | | | {setup:.2} | |\n");
                text.push_str(&ratio);
            }
        }
        text
    }
}

fn line(text: &mut String, front: &str, runs: &[Measured]) {
    let written = writeln!(
        text,
        "{front}| {:.2} / {:.2} | {:.3} | {:.0} / {:.0} / {:.0} | {:.0} | {:.1} |",
        least(runs, "cpu_us_per_packet"),
        median(runs, "cpu_us_per_packet"),
        median(runs, "loss_percent"),
        median(runs, "latency_us_p50"),
        median(runs, "latency_us_p99"),
        median(runs, "latency_us_p999"),
        least(runs, "setup_cpu_us_per_call"),
        least(runs, "memory_kb_per_call"),
    );
    written.expect("a string takes everything");
}

fn least(runs: &[Measured], name: &str) -> f64 {
    runs.iter().map(|run| run.figure(name)).fold(f64::NAN, f64::min)
}

fn median(runs: &[Measured], name: &str) -> f64 {
    let mut figures: Vec<f64> = runs.iter().map(|run| run.figure(name)).collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(cpu: f64) -> Measured {
        let text = format!(
            "{{\"case\":\"relay\",\"cpu_us_per_packet\":{cpu},\"setup_cpu_us_per_call\":50,\
             \"loss_percent\":0.0000}}\n"
        );
        Measured::parse(&text).unwrap()
    }

    #[test]
    fn the_ratio_is_that_of_the_least_costs() {
        let mut table = Table::default();
        for cpu in [12.0, 10.0, 11.0] {
            table.add("relay", 100, Server::Rtpengine, measured(cpu));
        }
        for cpu in [5.0, 4.0, 9.0] {
            table.add("relay", 100, Server::Offhook, measured(cpu));
        }
        let text = table.markdown();
        assert!(text.contains("| relay | 100 | rtpengine | 10.00 / 11.00 | 0.000 |"), "{text}");
        assert!(text.contains("| relay | 100 | offhook | 4.00 / 5.00 |"), "{text}");
        assert!(text.contains("| ratio | **0.40** | | | 1.00 | |"), "{text}");
    }

    #[test]
    fn a_text_without_a_result_is_refused() {
        assert!(Measured::parse("NG timeout\n").is_err());
    }
}
