//! The loop between the sockets, the bus and [`State`].

use crate::state::{Moment, Output, State};
use offhook_bus::{Full, SipLink, SipMessage};
use offhook_net::{Flows, Incoming, Network};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::oneshot;
use tokio::time::sleep_until;

/// Messages taken from the network before the switch has its turn.
const BATCH_MAX: usize = 64;
/// Messages taken from the switch before the network has its turn.
const SWITCH_BATCH_MAX: usize = 64;

/// Runs until it is told to stop, or until the switch is gone.
pub(crate) async fn run(
    mut state: State,
    mut network: Network,
    mut link: SipLink,
    mut stop: oneshot::Receiver<()>,
) {
    let flows = network.flows();
    let mut batch = Vec::with_capacity(BATCH_MAX);
    loop {
        let timeout = state.poll_timeout(moment()).map(tokio::time::Instant::from_std);
        tokio::select! {
            taken = network.next_many(&mut batch, BATCH_MAX) => {
                if taken == 0 {
                    break;
                }
                let moment = moment();
                for incoming in batch.drain(..) {
                    take(&mut state, incoming, moment);
                }
            }
            message = link.from_peer.recv() => {
                let Some(message) = message else {
                    tracing::debug!("the switch is gone");
                    break;
                };
                state.handle_switch(message.bytes);
                for _ in 1..SWITCH_BATCH_MAX {
                    let Some(message) = link.from_peer.try_recv() else {
                        break;
                    };
                    state.handle_switch(message.bytes);
                }
            }
            () = wait_until(timeout) => state.handle_timeout(moment()),
            _told_or_dropped = &mut stop => break,
        }
        while let Some(output) = state.poll_output() {
            carry_out(&mut state, &flows, &link, output);
        }
    }
    network.stop().await;
}

fn take(state: &mut State, incoming: Incoming, moment: Moment) {
    match incoming {
        Incoming::Received { flow, message } => state.handle_received(&flow, message, moment),
        Incoming::Unsent { bytes } => state.handle_unsent(bytes),
        Incoming::Closed { flow } => state.handle_closed(&flow),
    }
}

fn carry_out(state: &mut State, flows: &Flows, link: &SipLink, output: Output) {
    match output {
        Output::ToDevice { flow, bytes, fallback } => {
            let sent = match (flows.send(&flow, bytes.clone()), fallback) {
                (Err(_gone), Some((transport, remote))) => {
                    flows.connect_and_send(transport, remote, bytes.clone())
                }
                (sent, _) => sent,
            };
            if let Err(error) = sent {
                tracing::debug!(%flow, %error, "not sent");
                state.handle_unsent(bytes);
            }
        }
        Output::ToSwitch(message) => to_switch(link, message),
    }
}

/// A request that the switch has no room for is lost; its sender repeats it, or gives up.
fn to_switch(link: &SipLink, message: SipMessage) {
    if let Err(Full(_message)) = link.to_peer.send(message) {
        metrics::counter!("offhook_sip_refused_total", "why" => "switch_queue").increment(1);
    }
}

async fn wait_until(timeout: Option<tokio::time::Instant>) {
    match timeout {
        Some(timeout) => sleep_until(timeout).await,
        None => std::future::pending().await,
    }
}

fn moment() -> Moment {
    let unix_s =
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
    Moment { now: Instant::now(), unix_s }
}
