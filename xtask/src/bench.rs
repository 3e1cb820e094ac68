//! `cargo xtask bench NAME`: measurements, each one an example program of the crate it measures.

use crate::program;
use crate::setup;
use crate::workspace::Workspace;
use anyhow::{Result, bail};

/// A measurement.
struct Bench {
    name: &'static str,
    package: &'static str,
    example: &'static str,
    measures: &'static str,
}

const BENCHES: [Bench; 2] = [
    Bench {
        name: "sip-parse",
        package: "offhook-sip",
        example: "parse_cost",
        measures: "a realistic INVITE and the headers that a proxy needs of it",
    },
    Bench {
        name: "srtp",
        package: "offhook-rtp",
        example: "srtp_cost",
        measures: "protecting and unprotecting a 20 ms packet",
    },
];

/// Runs a measurement; without a name, lists those there are.
pub fn bench(workspace: &Workspace, name: Option<&str>) -> Result<()> {
    let Some(name) = name else {
        eprintln!("the measurements are:{}", list());
        return Ok(());
    };
    let Some(bench) = BENCHES.iter().find(|bench| bench.name == name) else {
        bail!("there is no measurement {name}; there are:{}", list());
    };
    setup::for_build(workspace)?;
    let run =
        ["run", "--release", "--locked", "--package", bench.package, "--example", bench.example];
    program::run(&mut program::cargo(&workspace.root, &run))
}

fn list() -> String {
    BENCHES.iter().map(|bench| format!("\n  {:<12} {}", bench.name, bench.measures)).collect()
}
