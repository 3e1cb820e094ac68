//! RTP load on a media proxy that speaks RTPengine's NG protocol, and what the proxy paid for it.
//!
//! It makes calls by `offer` and `answer`, sends a packet each 20 ms in both directions of each, takes what
//! comes out on the other side, and reads the processor time of the proxy from `/proc/PID/task/*/schedstat`.
//! One JSON object on standard output is the result. `cargo xtask bench rtp` runs it for two proxies in a
//! network namespace and compares. Nothing in it is specific to one of the two.
//!
//! Packets leave in slots of a millisecond over which the parties are spread evenly, in batches; the latency
//! of a packet is the time from just before its batch was sent to the kernel's receive time stamp.

mod batch;
mod call;
mod latency;
mod ng;
mod party;
mod process;

use anyhow::{Context, Result};
use batch::BatchSocket;
use call::{Call, Case};
use clap::Parser;
use latency::Latencies;
use ng::NgClient;
use party::{Destinations, Party};
use process::Process;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

/// Sockets that all parties share. The proxy sees as many remote ports; it has sockets of its own for each.
const SOCKETS: usize = 16;
/// Slots of a millisecond in a frame of 20 ms.
const SLOTS: usize = 20;
const SLOT: Duration = Duration::from_millis(1);
/// How long the proxy has after its start before its costs are counted.
const SETTLE: Duration = Duration::from_secs(1);
/// How long packets that are still on their way are waited for in the end. The load goes on meanwhile, since
/// it is what pushes the last frames out of a proxy's buffers.
const DRAIN: Duration = Duration::from_millis(300);

#[derive(Parser)]
struct Arguments {
    /// Calls at a time, each of two parties.
    #[arg(long, default_value_t = 100)]
    calls: usize,
    /// Seconds that are measured.
    #[arg(long, default_value_t = 6)]
    seconds: u64,
    /// Seconds of load before that.
    #[arg(long, default_value_t = 2)]
    warm_seconds: u64,
    /// What the two parties of a call speak.
    #[arg(long, value_enum, default_value_t = Case::Relay)]
    case: Case,
    /// The proxy's NG port.
    #[arg(long, default_value = "127.0.0.1:22222")]
    ng: SocketAddrV4,
    /// The proxy's process, for what it costs.
    #[arg(long)]
    pid: u32,
}

/// What the proxy had used at three moments.
struct Costs {
    before: process::Usage,
    set_up: process::Usage,
    warm: process::Usage,
    end: process::Usage,
    measured: Duration,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let sockets = (0..SOCKETS).map(|_| BatchSocket::open(Ipv4Addr::LOCALHOST));
    let mut sockets = sockets.collect::<Result<Vec<_>>>()?;
    let process = Process::new(arguments.pid);
    let mut ng = NgClient::connect(arguments.ng)?;
    std::thread::sleep(SETTLE);
    let before = process.usage().context("the proxy's process")?;
    let (calls, mut parties) = set_up(&arguments, &mut ng, &sockets)?;
    let set_up = process.usage()?;
    let mut load = Load::new(&mut sockets, &mut parties);
    load.run(Duration::from_secs(arguments.warm_seconds), false, &mut None);
    let (warm, begun) = (process.usage()?, Instant::now());
    let mut latencies = Some(Latencies::default());
    load.run(Duration::from_secs(arguments.seconds), true, &mut latencies);
    let (end, measured) = (process.usage()?, begun.elapsed());
    load.run(DRAIN, false, &mut latencies);
    let costs = Costs { before, set_up, warm, end, measured };
    report(&arguments, &parties, &latencies.unwrap_or_default(), &costs)?;
    for call in &calls {
        call.end(&mut ng)?;
    }
    Ok(())
}

/// Makes the calls; party `2 i` and `2 i + 1` are in call `i`.
fn set_up(
    arguments: &Arguments,
    ng: &mut NgClient,
    sockets: &[BatchSocket],
) -> Result<(Vec<Call>, Vec<Party>)> {
    let sounds = party::Sounds::new()?;
    let mut calls = Vec::new();
    let mut parties = Vec::new();
    for number in 0..arguments.calls {
        let ports = [0, 1].map(|side| sockets[(2 * number + side) % SOCKETS].port());
        let (call, pair) = Call::set_up(number, arguments.case, ports, ng, &sounds)
            .with_context(|| format!("setting up call {number}"))?;
        calls.push(call);
        parties.extend(pair);
    }
    Ok((calls, parties))
}

struct Load<'a> {
    sockets: &'a mut [BatchSocket],
    parties: &'a mut [Party],
    destinations: Destinations,
    slot: usize,
}

impl<'a> Load<'a> {
    fn new(sockets: &'a mut [BatchSocket], parties: &'a mut [Party]) -> Self {
        let destinations = Destinations::new(parties);
        Self { sockets, parties, destinations, slot: 0 }
    }

    /// Sends and receives for a time. `counts` says whether what is sent is awaited.
    fn run(&mut self, time: Duration, counts: bool, latencies: &mut Option<Latencies>) {
        let begun = Instant::now();
        let slots = u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        for slot in 0..slots {
            let due = begun + SLOT * slot;
            self.receive(latencies);
            if let Some(latencies) = latencies {
                latencies.note_lag(due.elapsed());
            }
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            self.send(counts);
            self.receive(latencies);
        }
    }

    fn send(&mut self, counts: bool) {
        for (index, socket) in self.sockets.iter_mut().enumerate() {
            let own = (index..self.parties.len()).step_by(SOCKETS);
            for party in own.filter(|party| (party / SOCKETS) % SLOTS == self.slot) {
                let party = &mut self.parties[party];
                let destination = party.destination;
                let sent_at = socket.batch_time();
                socket.queue(destination, |buffer| party.next_packet(buffer, sent_at, counts));
            }
            socket.flush();
        }
        self.slot = (self.slot + 1) % SLOTS;
    }

    fn receive(&mut self, latencies: &mut Option<Latencies>) {
        for socket in &mut *self.sockets {
            socket.receive_all(|source, received_at, packet| {
                let Some(receiver) = self.destinations.receiver(source) else { return };
                let [Some(receiver), Some(sender)] = receiver_and_sender(self.parties, receiver)
                else {
                    return;
                };
                receiver.handle_packet(packet, received_at, sender, latencies.as_mut());
            });
        }
    }
}

/// The party and the one at the other end of its call.
fn receiver_and_sender(parties: &mut [Party], receiver: usize) -> [Option<&mut Party>; 2] {
    match parties.get_disjoint_mut([receiver, receiver ^ 1]) {
        Ok([receiver, sender]) => [Some(receiver), Some(sender)],
        Err(_) => [None, None],
    }
}

fn report(
    arguments: &Arguments,
    parties: &[Party],
    latencies: &Latencies,
    costs: &Costs,
) -> Result<()> {
    let sent: u64 = parties.iter().map(|party| party.sent).sum();
    let received: u64 = parties.iter().map(|party| party.received).sum();
    let refused: u64 = parties.iter().map(|party| party.refused).sum();
    let silent = parties.iter().filter(|party| party.received == 0).count();
    let calls = arguments.calls as f64;
    let cpu = costs.end.cpu.saturating_sub(costs.warm.cpu);
    let setup = costs.set_up.cpu.saturating_sub(costs.before.cpu);
    let memory = costs.end.resident_kb.saturating_sub(costs.before.resident_kb);
    let loss = 100.0 * (sent as f64 - received as f64) / (sent as f64).max(1.0);
    writeln!(
        std::io::stdout(),
        "{{\"case\":\"{}\",\"calls\":{},\"sent\":{sent},\"received\":{received},\
         \"loss_percent\":{loss:.4},\"not_authentic\":{refused},\"silent_parties\":{silent},\
         \"cpu_us_per_packet\":{:.3},\"server_cores\":{:.3},\
         \"latency_us_p50\":{},\"latency_us_p99\":{},\"latency_us_p999\":{},\
         \"latency_samples\":{},\"load_lag_ms_max\":{:.1},\
         \"setup_cpu_us_per_call\":{:.0},\"memory_kb_per_call\":{:.1},\"memory_kb_idle\":{}}}",
        arguments.case.name(),
        arguments.calls,
        cpu.as_secs_f64() * 1e6 / (received as f64).max(1.0),
        cpu.as_secs_f64() / costs.measured.as_secs_f64(),
        latencies.percentile_us(0.5),
        latencies.percentile_us(0.99),
        latencies.percentile_us(0.999),
        latencies.count(),
        latencies.lag_max().as_secs_f64() * 1e3,
        setup.as_secs_f64() * 1e6 / calls,
        memory as f64 / calls,
        costs.before.resident_kb,
    )?;
    Ok(())
}
