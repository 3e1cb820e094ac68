//! Audio forks of a call, by what the media role is told and what is shown.

mod desk;

use desk::{Desk, SDP, invite, within};
use offhook_bus::ForkOrder;
use offhook_model::{
    CallRef, ForkChannels, ForkCommand, ForkCounts, ForkEnd, ForkEvent, ForkFailure, ForkHeaders,
    ForkId, ForkParty, ForkRate, ForkRequest, ForkState, ForkUrl, LegId, MediaCommand, MediaEvent,
};
use offhook_testkit::ScriptedPeer;

const FORK: ForkId = ForkId(7);

/// A guest calls the echo and is answered.
fn on_a_call() -> (ScriptedPeer<Desk>, CallRef) {
    let mut peer = Desk::peer();
    peer.say(&invite("9196", None, Some(SDP)));
    peer.expect("SIP/2.0 100");
    let ok = peer.expect("SIP/2.0 200");
    peer.say(&within("ACK", 1, &ok, ""));
    let call = peer.engine.live.last().expect("a call").call.clone();
    (peer, call)
}

fn start(call: &CallRef, party: ForkParty) -> ForkOrder {
    let request = ForkRequest {
        call: call.clone(),
        party,
        url: ForkUrl::parse("wss://speech.example/?key=hush").expect("a URL"),
        rate: ForkRate::Hz16000,
        channels: ForkChannels::Mixed,
        is_bidirectional: true,
        may_hang_up: true,
        reconnects: false,
        metadata: String::new(),
        headers: ForkHeaders::default(),
    };
    ForkOrder::Start(FORK, Box::new(request))
}

/// What the media role was told of forks since the last time.
fn commands(peer: &mut ScriptedPeer<Desk>) -> Vec<(LegId, ForkCommand)> {
    let commands = std::mem::take(&mut peer.engine.commands).into_iter();
    let forks = commands.filter_map(|command| match command {
        MediaCommand::Fork { leg, fork, command } if fork == FORK => Some((leg, command)),
        _ => None,
    });
    forks.collect()
}

#[test]
fn a_fork_is_begun_at_the_callers_leg_and_shown_as_it_fares() {
    let (mut peer, call) = on_a_call();
    assert!(peer.engine.fork(&call, start(&call, ForkParty::Caller)));
    let begun = commands(&mut peer);
    let [(leg, ForkCommand::Start(_))] = begun[..] else { panic!("{begun:?}") };
    assert_eq!(peer.engine.forks[0].state, ForkState::Connecting);
    assert!(!peer.engine.forks[0].receiver.contains("hush"));
    let counts = ForkCounts { sent_ms: 2_000, ..ForkCounts::default() };
    for (event, state) in [
        (ForkEvent::Connected, ForkState::Connected),
        (ForkEvent::Progress(counts), ForkState::Connected),
        (ForkEvent::Message("{}".into()), ForkState::Connected),
        (ForkEvent::Reconnecting, ForkState::Connecting),
        (ForkEvent::Ended { why: ForkEnd::TooSlow, counts }, ForkState::Ended(ForkEnd::TooSlow)),
    ] {
        peer.engine.media(MediaEvent::Fork { leg, fork: FORK, event });
        assert_eq!(peer.engine.forks[0].state, state);
    }
    let shown = &peer.engine.forks[0];
    assert_eq!((shown.counts, shown.last_message.as_deref()), (counts, Some("{}")));
    assert!(peer.engine.fork(&call, ForkOrder::StopAll));
    assert_eq!(commands(&mut peer), [], "it is over already");
}

#[test]
fn a_fork_is_paused_resumed_and_ended_by_order() {
    let (mut peer, call) = on_a_call();
    peer.engine.fork(&call, start(&call, ForkParty::Caller));
    let leg = commands(&mut peer)[0].0;
    for (order, command, is_paused) in [
        (ForkOrder::Pause(FORK), ForkCommand::Pause, true),
        (ForkOrder::Resume(FORK), ForkCommand::Resume, false),
        (ForkOrder::Stop(FORK), ForkCommand::Stop, false),
        (ForkOrder::StopAll, ForkCommand::Stop, false),
    ] {
        assert!(peer.engine.fork(&call, order));
        assert_eq!(commands(&mut peer), [(leg, command)]);
        assert_eq!(peer.engine.forks[0].is_paused, is_paused);
    }
    assert!(peer.engine.fork(&call, ForkOrder::Stop(ForkId(8))));
    assert_eq!(commands(&mut peer), [], "there is no such fork");
    assert!(!peer.engine.fork(&CallRef::from_bits(1), ForkOrder::StopAll));
}

#[test]
fn a_party_that_is_not_there_cannot_be_forked() {
    let (mut peer, call) = on_a_call();
    peer.engine.fork(&call, start(&call, ForkParty::Callee));
    assert_eq!(commands(&mut peer), []);
    let failed = ForkState::Failed(ForkFailure::NoSuchLeg);
    assert_eq!(peer.engine.forks[0].state, failed);
}

#[test]
fn a_receiver_that_may_ends_the_call() {
    let (mut peer, call) = on_a_call();
    peer.engine.fork(&call, start(&call, ForkParty::Caller));
    let leg = commands(&mut peer)[0].0;
    peer.engine.media(MediaEvent::Fork { leg, fork: FORK, event: ForkEvent::HangUp });
    peer.expect("BYE");
    let event = ForkEvent::Ended { why: ForkEnd::CallEnded, counts: ForkCounts::default() };
    peer.engine.media(MediaEvent::Fork { leg, fork: FORK, event });
}
