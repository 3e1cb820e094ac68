//! One fork: its session, its connection, and the time between.

use super::connection::{Connector, Socket};
use super::{ForkInbox, Notice, tell};
use crate::fork::{Order, Outgoing, Session};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt, future};
use offhook_bus::{ForkEvent, MediaCommand, MediaEvents};
use offhook_model::{ForkEnd, ForkFailure, ForkId, LegId};
use std::sync::Arc;
use std::sync::mpsc::TryRecvError;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

/// How often it is looked what the media threads have handed over.
const TICK: Duration = Duration::from_millis(20);
/// How long the engine may take to say that it feeds the fork.
const BEGIN_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a receiver may take nothing while something waits for it.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a receiver is asked whether it is there, and how long it may be silent.
const PING_INTERVAL: Duration = Duration::from_secs(15);
const SILENCE_MAX: Duration = Duration::from_secs(45);
/// How long the last messages may take.
const FAREWELL: Duration = Duration::from_secs(1);
/// How long it is waited before the first try to connect again, and at most; it doubles.
const RETRY_FIRST: Duration = Duration::from_millis(500);
const RETRY_LONGEST: Duration = Duration::from_secs(8);
/// A connection that lasted this long was a good one: the tries are counted anew.
const GOOD_AFTER: Duration = Duration::from_secs(10);
/// Tries in a row before it is given up.
const RETRIES_MAX: u32 = 10;

pub(super) struct Client {
    pub(super) leg: LegId,
    pub(super) fork: ForkId,
    pub(super) session: Session,
    pub(super) inbox: ForkInbox,
    pub(super) connector: Arc<Connector>,
    pub(super) events: MediaEvents,
    pub(super) notices: mpsc::Sender<Notice>,
    pub(super) stopped: watch::Receiver<bool>,
}

/// Why a connection is over.
enum Over {
    /// The session has ended and has said so.
    Ended,
    Lost(ForkEnd),
}

/// Whether the fork ended since its receiver was lost.
pub(super) fn is_loss(why: &ForkEnd) -> bool {
    match why {
        ForkEnd::ReceiverClosed(code) => *code != u16::from(CloseCode::Normal),
        ForkEnd::ConnectionLost(_) | ForkEnd::TooSlow => true,
        ForkEnd::Stopped | ForkEnd::CallEnded | ForkEnd::ServerStopped => false,
    }
}

impl Client {
    /// Serves the fork; what the switch is told in the end.
    pub(super) async fn run(mut self) -> ForkEvent {
        if let Err(why) = self.wait_for_engine().await {
            return ForkEvent::Failed(why);
        }
        let mut retries = 0;
        loop {
            let lost = match self.connect().await {
                Ok(Some(socket)) => {
                    let connected = Instant::now();
                    let over = self.converse(socket).await;
                    if connected.elapsed() >= GOOD_AFTER {
                        retries = 0;
                    }
                    match over {
                        Over::Ended => return self.ended(),
                        Over::Lost(why) => why,
                    }
                }
                Ok(None) => return self.ended(),
                Err(why) if !self.session.was_connected() => return ForkEvent::Failed(why),
                Err(why) => ForkEnd::ConnectionLost(why.to_string()),
            };
            let was_connected = self.session.is_connected();
            self.session.handle_disconnected();
            self.carry_out();
            let may_retry = self.session.request().reconnects && is_loss(&lost);
            if !may_retry || retries >= RETRIES_MAX {
                self.session.finish(lost);
                self.carry_out();
                return self.ended();
            }
            if was_connected {
                tell(&self.events, self.leg, self.fork, ForkEvent::Reconnecting);
            }
            let wait = (RETRY_FIRST * 2_u32.saturating_pow(retries)).min(RETRY_LONGEST);
            retries += 1;
            if self.live_until(tokio::time::sleep(wait)).await.is_none() {
                return self.ended();
            }
        }
    }

    fn ended(&self) -> ForkEvent {
        let why = self.session.end().cloned().unwrap_or(ForkEnd::Stopped);
        ForkEvent::Ended { why, counts: self.session.counts() }
    }

    async fn wait_for_engine(&mut self) -> Result<(), ForkFailure> {
        let begun = Instant::now();
        let mut tick = ticks();
        while !self.session.has_begun() {
            tick.tick().await;
            self.take_forked();
            if let Some(why) = self.session.failure() {
                return Err(why.clone());
            }
            if begun.elapsed() > BEGIN_TIMEOUT {
                return Err(ForkFailure::NoSuchLeg);
            }
        }
        Ok(())
    }

    /// Connects; nothing when the fork has ended meanwhile.
    async fn connect(&mut self) -> Result<Option<Socket>, ForkFailure> {
        let connector = Arc::clone(&self.connector);
        let request = self.session.request().clone();
        let connecting = connector.connect(&request);
        self.live_until(connecting).await.transpose()
    }

    /// Lets the session live until something is done; nothing when it has ended before.
    async fn live_until<T>(&mut self, done: impl Future<Output = T>) -> Option<T> {
        let mut tick = ticks();
        tokio::pin!(done);
        loop {
            tokio::select! {
                outcome = &mut done => return Some(outcome),
                _ = tick.tick() => self.advance(),
            }
            if self.session.end().is_some() {
                return None;
            }
        }
    }

    /// Takes what the media threads handed over and does what is due.
    fn advance(&mut self) {
        self.take_forked();
        if *self.stopped.borrow() {
            self.session.finish(ForkEnd::ServerStopped);
        }
        self.session.handle_timeout(Instant::now());
        self.carry_out();
    }

    fn take_forked(&mut self) {
        let lost = self.inbox.take_lost();
        if lost > 0 {
            self.session.handle_lost(lost);
        }
        loop {
            match self.inbox.try_recv() {
                Ok(forked) => self.session.handle_forked(&forked),
                Err(TryRecvError::Empty) => return,
                // The media threads are gone.
                Err(TryRecvError::Disconnected) => {
                    return self.session.finish(ForkEnd::ServerStopped);
                }
            }
        }
    }

    /// Hands on what the session wants of others.
    fn carry_out(&mut self) {
        let (leg, fork) = (self.leg, self.fork);
        while let Some(order) = self.session.poll_order() {
            let notice = match order {
                Order::Tell(event) => {
                    tell(&self.events, leg, fork, event);
                    continue;
                }
                Order::Speak(spoken) => Notice::Spoken { leg, fork, spoken },
                Order::Press { digits, duration_ms } => {
                    Notice::Command(MediaCommand::SendDtmf { leg, digits, duration_ms })
                }
            };
            if self.notices.try_send(notice).is_err() {
                tracing::debug!(%fork, "what a receiver wants is lost: too much waits");
                metrics::counter!("offhook_audio_fork_messages_refused_total", "why" => "busy")
                    .increment(1);
            }
        }
    }

    /// Exchanges messages until the fork ends or the connection is lost.
    async fn converse(&mut self, socket: Socket) -> Over {
        self.session.handle_connected(Instant::now());
        self.carry_out();
        let (mut sink, mut stream) = socket.split();
        let over = self.exchange(&mut sink, &mut stream).await;
        let code = match &over {
            Over::Ended => CloseCode::Normal,
            Over::Lost(ForkEnd::TooSlow) => CloseCode::Policy,
            Over::Lost(_) => CloseCode::Away,
        };
        let goodbye = Message::Close(Some(CloseFrame { code, reason: "".into() }));
        let farewell = async {
            // Whoever closed first has no use for it.
            sink.send(goodbye).await.ok();
            // What is left unread when a socket is closed takes the last messages with it.
            while let Some(Ok(_)) = stream.next().await {}
        };
        // Whoever does not answer is gone.
        timeout(FAREWELL, farewell).await.ok();
        over
    }

    async fn exchange(
        &mut self,
        sink: &mut SplitSink<Socket, Message>,
        stream: &mut SplitStream<Socket>,
    ) -> Over {
        let begun = Instant::now();
        let (mut wrote, mut heard, mut pinged) = (begun, begun, begun);
        let mut tick = ticks();
        let mut ended_at = None;
        let mut may_read = true;
        loop {
            let has_outgoing = self.session.has_outgoing();
            tokio::select! {
                biased;
                _ = tick.tick() => {
                    self.advance();
                    let now = Instant::now();
                    may_read = true;
                    if !has_outgoing {
                        wrote = now;
                    }
                    if self.session.end().is_some() && now - *ended_at.get_or_insert(now) >= FAREWELL {
                        return Over::Ended;
                    }
                    if now - wrote >= WRITE_TIMEOUT {
                        return Over::Lost(ForkEnd::TooSlow);
                    }
                    if now - heard >= SILENCE_MAX {
                        return Over::Lost(ForkEnd::ConnectionLost("it was silent".to_owned()));
                    }
                    if now - pinged >= PING_INTERVAL
                        && future::poll_immediate(sink.feed(Message::Ping(Bytes::new()))).await.is_some()
                    {
                        pinged = now;
                    }
                }
                ready = future::poll_fn(|cx| sink.poll_ready_unpin(cx)), if has_outgoing => {
                    wrote = Instant::now();
                    if let Err(why) = ready.and_then(|()| self.send_next(sink)) {
                        return Over::Lost(lost(&why));
                    }
                }
                message = stream.next(), if may_read => {
                    heard = Instant::now();
                    let refused = self.session.counts().messages_refused;
                    match message {
                        Some(Ok(message)) => {
                            if let Some(why) = self.handle_message(message) {
                                return Over::Lost(why);
                            }
                        }
                        Some(Err(error)) => return Over::Lost(lost(&error)),
                        None => return Over::Lost(closed(None)),
                    }
                    // Whoever sends what is refused is not read again before the next tick.
                    may_read = self.session.counts().messages_refused == refused;
                }
            }
            if self.session.end().is_some() && !self.session.has_outgoing() {
                return Over::Ended;
            }
        }
    }

    fn send_next(&mut self, sink: &mut SplitSink<Socket, Message>) -> Result<(), Error> {
        match self.session.poll_send() {
            Some(Outgoing::Text(text)) => sink.start_send_unpin(Message::Text(text.into())),
            Some(Outgoing::Frame(frame)) => sink.start_send_unpin(Message::Binary(frame.into())),
            None => Ok(()),
        }
    }

    /// Takes a message of the receiver; why the connection is over when it is.
    fn handle_message(&mut self, message: Message) -> Option<ForkEnd> {
        let now = Instant::now();
        match message {
            Message::Text(text) => self.session.handle_text(&text, now),
            Message::Binary(bytes) => self.session.handle_binary(&bytes, now),
            // The library answers pings.
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            Message::Close(frame) => return Some(closed(frame.map(|frame| frame.code))),
        }
        None
    }
}

/// RFC 6455 section 7.1.5: 1005 stands for no code.
fn closed(code: Option<CloseCode>) -> ForkEnd {
    ForkEnd::ReceiverClosed(code.map_or(1_005, u16::from))
}

fn lost(error: &Error) -> ForkEnd {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => closed(None),
        other => ForkEnd::ConnectionLost(other.to_string()),
    }
}

fn ticks() -> tokio::time::Interval {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
