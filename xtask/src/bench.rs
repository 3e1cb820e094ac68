//! `cargo xtask bench NAME`: measurements. Most are example programs of the crate that they measure.

mod rtp;

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

/// The measurement that has options of its own.
const RTP: &str = "rtp";

/// Runs a measurement; without a name, lists those there are.
pub fn bench(workspace: &Workspace, name: Option<&str>, arguments: &[String]) -> Result<()> {
    let Some(name) = name else {
        eprintln!("the measurements are:{}", list());
        return Ok(());
    };
    if name == RTP {
        return rtp::rtp(workspace, arguments);
    }
    if !arguments.is_empty() {
        bail!("the measurement {name} takes no options");
    }
    let Some(bench) = BENCHES.iter().find(|bench| bench.name == name) else {
        bail!("there is no measurement {name}; there are:{}", list());
    };
    setup::for_build(workspace)?;
    let run =
        ["run", "--release", "--locked", "--package", bench.package, "--example", bench.example];
    program::run(&mut program::cargo(&workspace.root, &run))
}

fn list() -> String {
    let line = |name, measures| format!("\n  {name:<12} {measures}");
    let examples = BENCHES.iter().map(|bench| line(bench.name, bench.measures));
    let rtp = line(RTP, "media relayed and transcoded, beside rtpengine; --help for its options");
    examples.chain(std::iter::once(rtp)).collect()
}
