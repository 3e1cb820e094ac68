//! `cargo xtask bench rtp`: this project and Debian's rtpengine under the same RTP load.
//!
//! Both are started in turn in a network namespace of their own, so that neither the load nor a running
//! server of this machine gets into the way. The load is `benches/rtp`; it speaks NG to either.

mod table;

use crate::workspace::Workspace;
use crate::{program, setup, system, web};
use anyhow::{Context, Result, bail};
use clap::Parser;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use table::{Measured, Table};

/// How a server is asked to stop, and how long it may take.
const STOP_PATIENCE_MS: u64 = 3_000;
/// The real-time priority of both servers and of the load, the lowest: other programs do not disturb.
const PRIORITY: &str = "1";

/// Options of the measurement.
#[derive(Parser)]
#[command(name = "cargo xtask bench rtp")]
struct Arguments {
    /// Few calls for a few seconds, once: whether it works, not how well.
    #[arg(long)]
    quick: bool,
    /// What the parties speak: relay, srtp (SDES to plain), pcma (PCMU to PCMA), opus (Opus to PCMU).
    #[arg(long, value_delimiter = ',', default_value = "relay,srtp,pcma,opus")]
    cases: Vec<String>,
    /// Calls at a time. With opus at most 100 are made: the load and two servers' work for more of them
    /// does not fit on small machines.
    #[arg(long, value_delimiter = ',', default_value = "100,500,1000")]
    calls: Vec<usize>,
    /// Seconds that are measured in each run.
    #[arg(long, default_value_t = 6)]
    seconds: u64,
    /// How often each run is repeated; the least and the median are shown.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Media threads of both servers; zero means one for each processor.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// How Offhook reaches its packets: auto, io_uring or epoll.
    #[arg(long, default_value = "auto")]
    packet_io: String,
    /// Only this server: offhook or rtpengine.
    #[arg(long)]
    only: Option<Server>,
}

/// Calls of the opus case at most.
const OPUS_CALLS_MAX: usize = 100;

/// One of the two that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Server {
    /// The peer.
    Rtpengine,
    /// This project.
    Offhook,
}

/// Builds what is needed, measures and prints the table.
pub fn rtp(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let words = std::iter::once("rtp".to_owned()).chain(arguments.iter().cloned());
    let mut arguments = Arguments::parse_from(words);
    if arguments.quick {
        (arguments.calls, arguments.seconds, arguments.rounds) = (vec![50], 3, 1);
    }
    system::provide(system::TO_BENCH_RTP)?;
    build(workspace, &arguments)?;
    let bench = Bench { namespace: Namespace::make()?, workspace, arguments };
    let table = bench.measure()?;
    eprintln!();
    std::io::stdout().write_all(table.markdown().as_bytes())?;
    Ok(())
}

fn build(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    setup::for_build(workspace)?;
    let mut words = vec!["build", "--release", "--locked", "--package", "rtp-load"];
    if arguments.only != Some(Server::Rtpengine) {
        web::build(workspace)?;
        words.extend(["--package", "offhook"]);
    }
    program::run(&mut program::cargo(&workspace.root, &words))
}

struct Bench<'a> {
    namespace: Namespace,
    workspace: &'a Workspace,
    arguments: Arguments,
}

impl Bench<'_> {
    fn measure(&self) -> Result<Table> {
        let mut table = Table::default();
        let both = [Server::Rtpengine, Server::Offhook];
        let servers = both
            .into_iter()
            .filter(|server| self.arguments.only.is_none_or(|only| only == *server));
        let servers: Vec<_> = servers.collect();
        for round in 1..=self.arguments.rounds {
            for (case, calls) in self.runs() {
                for server in &servers {
                    eprintln!("round {round}: {server:?}, {case}, {calls} calls");
                    let measured = self.run(*server, &case, calls)?;
                    table.add(&case, calls, *server, measured);
                }
            }
        }
        Ok(table)
    }

    /// Every case with every number of calls.
    fn runs(&self) -> Vec<(String, usize)> {
        let mut runs = Vec::new();
        for case in &self.arguments.cases {
            let most = if case == "opus" { OPUS_CALLS_MAX } else { usize::MAX };
            for calls in &self.arguments.calls {
                let run = (case.clone(), (*calls).min(most));
                if !runs.contains(&run) {
                    runs.push(run);
                }
            }
        }
        runs
    }

    fn run(&self, server: Server, case: &str, calls: usize) -> Result<Measured> {
        let running = self.start(server)?;
        let pid = running.child.id().to_string();
        let load = self.workspace.target.join("release").join("rtp-load");
        let (calls, seconds) = (calls.to_string(), self.arguments.seconds.to_string());
        let mut command = self.namespace.command(&load.display().to_string());
        command.args(["--case", case, "--calls", &calls, "--seconds", &seconds, "--pid", &pid]);
        let output = command.stderr(Stdio::inherit()).output().context("the load")?;
        if !output.status.success() {
            bail!("the load failed on {server:?}; its log is {}", running.log.display());
        }
        let text = String::from_utf8_lossy(&output.stdout);
        eprint!("{text}");
        Measured::parse(&text)
    }

    fn start(&self, server: Server) -> Result<Running> {
        let log = self.workspace.target.join(format!("bench-rtp-{server:?}.log").to_lowercase());
        let data = self.workspace.target.join("bench-rtp-data");
        let mut command = match server {
            Server::Rtpengine => self.rtpengine(),
            Server::Offhook => {
                // What a run before has left would be recovered.
                if data.exists() {
                    std::fs::remove_dir_all(&data)?;
                }
                self.offhook(&data)
            }
        };
        let file = std::fs::File::create(&log)?;
        command.stdout(file.try_clone()?).stderr(file).stdin(Stdio::null());
        let child = command.spawn().with_context(|| format!("cannot start {server:?}"))?;
        Ok(Running { child, log })
    }

    fn rtpengine(&self) -> Command {
        let mut command = self.namespace.command("rtpengine");
        command.args(["--config-file=none", "--table=-1", "--interface=127.0.0.1"]);
        command.args(["--listen-ng=127.0.0.1:22222", "--port-min=30000", "--port-max=40000"]);
        command.args(["--foreground", "--log-stderr", "--log-level=3", "--delete-delay=0"]);
        command.arg("--timeout=60");
        let pid_file = self.workspace.target.join("bench-rtp-rtpengine.pid");
        command.arg(format!("--pidfile={}", pid_file.display()));
        command.arg(format!("--num-threads={}", self.threads()));
        command
    }

    fn offhook(&self, data: &std::path::Path) -> Command {
        let binary = self.workspace.target.join("release").join("offhook");
        let mut command = self.namespace.command(&binary.display().to_string());
        command.args(["serve", "--demo", "--data-dir"]).arg(data);
        command.env("OFFHOOK_MEDIA__THREADS", self.threads().to_string());
        command.env("OFFHOOK_MEDIA__PACKET_IO", &self.arguments.packet_io);
        command
    }

    fn threads(&self) -> usize {
        match self.arguments.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }
}

/// A server that runs.
struct Running {
    child: Child,
    log: PathBuf,
}

impl Drop for Running {
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status();
        let begun = std::time::Instant::now();
        let patience = std::time::Duration::from_millis(STOP_PATIENCE_MS);
        while asked.is_ok() && begun.elapsed() < patience {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            eprintln!("the server does not end: {error}");
        }
    }
}

/// A network namespace with loopback and nothing else.
struct Namespace {
    name: String,
}

impl Namespace {
    fn make() -> Result<Self> {
        if program::output("id", &["-u"]).as_deref() != Some("0") {
            bail!("a network namespace needs root: run this as root");
        }
        let name = format!("offhook-bench-{}", std::process::id());
        program::run(Command::new("ip").args(["netns", "add", &name]))?;
        let made = Self { name };
        let up = ["-n", &made.name, "link", "set", "lo", "up"];
        program::run(Command::new("ip").args(up))?;
        Ok(made)
    }

    /// A command that runs in it, with [`PRIORITY`]. Its process id is that of the program itself.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, "chrt", "--rr", PRIORITY, program]);
        command
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if let Err(error) = program::run(Command::new("ip").args(["netns", "del", &self.name])) {
            eprintln!("the namespace {} is left: {error:#}", self.name);
        }
    }
}
