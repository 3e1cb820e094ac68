//! All transactions of one element: finds the one a message belongs to and runs their timers.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use super::invite_client::{self, InviteClient};
use super::invite_server::{self, InviteServer};
use super::matching::{ClientMatch, ServerMatch};
use super::non_invite_client::{self, NonInviteClient};
use super::non_invite_server::{self, NonInviteServer};
use super::{Output, Schedule, TimerName, TransactionKey, Transmit, hop};
use crate::message::{Message, Method, StatusCode};

/// Transactions a layer holds at once before it answers a new request with 503.
pub const TRANSACTION_COUNT_MAX: usize = 100_000;

/// One part in this many is kept free for CANCEL and for requests within dialogs, so that a full
/// table can still be talked out of.
const RESERVE_DIVISOR: usize = 4;

/// What the layer tells the transaction user.
#[derive(Debug, Clone)]
pub enum Event<O> {
    /// A new request other than ACK and CANCEL. For INVITE a 100 has been sent.
    Request {
        /// For [`TransactionLayer::respond`].
        key: TransactionKey,
        /// The request as it came.
        request: Message,
        /// Who sent it.
        origin: O,
    },
    /// A CANCEL. The user owes it a 200, or 481 when `invite` is `None`.
    Cancel {
        /// The CANCEL's own transaction.
        key: TransactionKey,
        /// The INVITE server transaction it means to end.
        invite: Option<TransactionKey>,
        /// The request as it came.
        request: Message,
        /// Who sent it.
        origin: O,
    },
    /// The ACK of a 2xx; an ACK of a failure is absorbed.
    Ack {
        /// The INVITE it has the branch of; mostly `None`, as a 2xx's ACK has its own branch.
        invite: Option<TransactionKey>,
        /// The request as it came.
        request: Message,
        /// Who sent it.
        origin: O,
    },
    /// A response to a request of this side. A retransmitted response comes only once, except for
    /// 2xx to INVITE.
    Response {
        /// The client transaction; `None` when none matches.
        key: Option<TransactionKey>,
        /// The response as it came.
        response: Message,
        /// Who sent it.
        origin: O,
    },
    /// A client got no final response, or a server no ACK for its failure response.
    Timeout {
        /// The transaction.
        key: TransactionKey,
    },
    /// A message could not be sent.
    TransportError {
        /// The transaction.
        key: TransactionKey,
    },
    /// The transaction is forgotten. Comes once for each, last.
    Terminated {
        /// The transaction.
        key: TransactionKey,
    },
}

/// One thing to do, in order.
#[derive(Debug, Clone)]
pub enum LayerOutput<O> {
    /// Bytes for the network.
    Transmit(Transmit<O>),
    /// Something for the transaction user. Boxed: events are much larger than transmits.
    Event(Box<Event<O>>),
}

/// Why a request or response was not taken. Nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The table is full; try again later.
    #[error("too many transactions")]
    Full,
    /// The request has no Via with a branch, no CSeq, or is an ACK.
    #[error("the request cannot have a transaction")]
    NotARequest,
    /// Another transaction has this branch and method.
    #[error("the branch is in use")]
    BranchInUse,
    /// The transaction has ended.
    #[error("the transaction has ended")]
    Over,
}

/// What was refused or ignored, for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests answered with 503 because the table was full.
    pub refused_full: u64,
    /// Responses that match no transaction.
    pub unmatched_responses: u64,
    /// Messages that are broken or lack what identifies a transaction.
    pub unreadable: u64,
}

#[derive(Debug)]
enum Machine {
    InviteClient(Box<InviteClient>),
    InviteServer(Box<InviteServer>),
    NonInviteClient(Box<NonInviteClient>),
    NonInviteServer(Box<NonInviteServer>),
}

#[derive(Debug)]
enum Match {
    Client(ClientMatch),
    Server(ServerMatch),
}

/// A CANCEL for an INVITE client transaction.
#[derive(Debug)]
enum Cancel {
    None,
    /// To be sent when a provisional response comes (RFC 3261 9.1).
    Wanted(Option<String>),
    Sent,
}

#[derive(Debug)]
struct Transaction<O> {
    machine: Machine,
    matching: Match,
    peer: O,
    reliable: bool,
    /// Of an INVITE client transaction, for ACK and CANCEL.
    invite: Option<Message>,
    cancel: Cancel,
    /// True for a CANCEL of this layer, whose outcome nobody waits for.
    is_own: bool,
}

/// The layer. `O` is where messages come from and go to.
#[derive(Debug)]
pub struct TransactionLayer<O> {
    limit: usize,
    last_key: u64,
    transactions: HashMap<TransactionKey, Transaction<O>>,
    clients: HashMap<ClientMatch, TransactionKey>,
    servers: HashMap<ServerMatch, TransactionKey>,
    schedule: Schedule<TransactionKey>,
    outputs: VecDeque<LayerOutput<O>>,
    counters: Counters,
}

impl<O: Clone> TransactionLayer<O> {
    /// A layer that holds at most `limit` transactions.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            last_key: 0,
            transactions: HashMap::new(),
            clients: HashMap::new(),
            servers: HashMap::new(),
            schedule: Schedule::new(),
            outputs: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// Takes a message from the network. `reliable` is said of the transport it came over.
    pub fn handle_message(&mut self, message: Message, origin: O, reliable: bool, now: Instant) {
        match message.method() {
            None => self.handle_response(message, origin, now),
            Some(method) => {
                let method = method.clone();
                let Ok(matching) = ServerMatch::of(&message) else {
                    self.counters.unreadable += 1;
                    return;
                };
                match method {
                    Method::Ack => self.handle_ack(message, &matching, origin, now),
                    _ => self.handle_request(message, matching, origin, reliable, now),
                }
            }
        }
    }

    /// Sends a request other than ACK and CANCEL in a transaction of its own. Its top Via must
    /// carry a branch that no other request has.
    pub fn send_request(
        &mut self,
        request: Message,
        destination: O,
        reliable: bool,
        now: Instant,
    ) -> Result<TransactionKey, SendError> {
        let matching = client_match(&request).ok_or(SendError::NotARequest)?;
        let has_room = self.has_room_for(&request);
        if self.clients.contains_key(&matching) {
            return Err(SendError::BranchInUse);
        }
        let bytes = request.to_bytes();
        let (machine, invite) = match request.method() {
            None | Some(Method::Ack) => return Err(SendError::NotARequest),
            Some(_) if !has_room => return Err(SendError::Full),
            Some(Method::Invite) => (
                Machine::InviteClient(Box::new(InviteClient::new(bytes, reliable, now))),
                Some(request),
            ),
            Some(_) => (
                Machine::NonInviteClient(Box::new(NonInviteClient::new(bytes, reliable, now))),
                None,
            ),
        };
        let matching = Match::Client(matching);
        let key = self.insert(machine, matching, destination, reliable, invite);
        self.settle(key, None);
        Ok(key)
    }

    /// Sends a response of the transaction user.
    pub fn respond(
        &mut self,
        key: TransactionKey,
        response: &Message,
        now: Instant,
    ) -> Result<(), SendError> {
        let status = response.status().ok_or(SendError::NotARequest)?;
        let bytes = response.to_bytes();
        let transaction = self.transactions.get_mut(&key).ok_or(SendError::Over)?;
        match &mut transaction.machine {
            Machine::InviteServer(server) => server.respond(status, bytes, now),
            Machine::NonInviteServer(server) => server.respond(status, bytes, now),
            Machine::InviteClient(_) | Machine::NonInviteClient(_) => {
                return Err(SendError::NotARequest);
            }
        }
        self.settle(key, None);
        Ok(())
    }

    /// Cancels an INVITE of this side: at once when a provisional response has come, or when one
    /// comes (RFC 3261 9.1). `reason` is the value of the CANCEL's Reason header. The CANCEL's own
    /// response is absorbed; the INVITE's final response tells the outcome.
    pub fn cancel(
        &mut self,
        key: TransactionKey,
        reason: Option<&str>,
        now: Instant,
    ) -> Result<(), SendError> {
        let transaction = self.transactions.get_mut(&key).ok_or(SendError::Over)?;
        let Machine::InviteClient(client) = &transaction.machine else {
            return Err(SendError::NotARequest);
        };
        match client.state() {
            invite_client::State::Calling | invite_client::State::Proceeding => {
                if matches!(transaction.cancel, Cancel::None) {
                    transaction.cancel = Cancel::Wanted(reason.map(str::to_owned));
                    self.send_wanted_cancel(key, now);
                }
                Ok(())
            }
            invite_client::State::Accepted
            | invite_client::State::Completed
            | invite_client::State::Terminated => Err(SendError::Over),
        }
    }

    /// Takes note that a [`Transmit`] of this transaction could not be sent.
    pub fn handle_transport_error(&mut self, key: TransactionKey, now: Instant) {
        let Some(transaction) = self.transactions.get_mut(&key) else {
            return;
        };
        match &mut transaction.machine {
            Machine::InviteClient(client) => client.handle_transport_error(now),
            Machine::InviteServer(server) => server.handle_transport_error(now),
            Machine::NonInviteClient(client) => client.handle_transport_error(now),
            Machine::NonInviteServer(server) => server.handle_transport_error(now),
        }
        self.settle(key, None);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(key) = self.schedule.due(now) {
            if let Some(transaction) = self.transactions.get_mut(&key) {
                transaction.machine.handle_timeout(now);
            }
            self.settle(key, None);
        }
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<LayerOutput<O>> {
        self.outputs.pop_front()
    }

    /// When `handle_timeout` is due.
    pub fn poll_timeout(&self) -> Option<(Instant, TimerName)> {
        self.schedule.next()
    }

    /// Transactions held.
    pub fn transaction_count(&self) -> usize {
        self.transactions.len()
    }

    /// What was refused or ignored so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Counts a message that the layer's user could not hand to it.
    pub(crate) fn count_unreadable(&mut self) {
        self.counters.unreadable += 1;
    }

    fn handle_ack(&mut self, request: Message, matching: &ServerMatch, origin: O, now: Instant) {
        let invite = self.servers.get(&matching.invite()).copied();
        let event = Event::Ack { invite, request, origin };
        let Some(key) = invite else {
            self.emit(event);
            return;
        };
        if let Some(Machine::InviteServer(server)) = self.machine(key) {
            server.handle_ack(now);
        }
        self.settle(key, Some(event));
    }

    fn handle_request(
        &mut self,
        request: Message,
        matching: ServerMatch,
        origin: O,
        reliable: bool,
        now: Instant,
    ) {
        if let Some(key) = self.servers.get(&matching).copied() {
            self.handle_retransmission(key, now);
        } else if self.has_room_for(&request) {
            self.start_server(request, matching, origin, reliable, now);
        } else {
            self.counters.refused_full += 1;
            let refusal = hop::response_to(&request, StatusCode::SERVICE_UNAVAILABLE);
            self.outputs.push_back(LayerOutput::Transmit(Transmit {
                bytes: refusal.to_bytes(),
                destination: origin,
                transaction: None,
            }));
        }
    }

    fn handle_retransmission(&mut self, key: TransactionKey, now: Instant) {
        match self.machine(key) {
            Some(Machine::InviteServer(server)) => server.handle_invite(now),
            Some(Machine::NonInviteServer(server)) => server.handle_request(now),
            Some(Machine::InviteClient(_) | Machine::NonInviteClient(_)) | None => {}
        }
        self.settle(key, None);
    }

    fn start_server(
        &mut self,
        request: Message,
        matching: ServerMatch,
        origin: O,
        reliable: bool,
        now: Instant,
    ) {
        let invite = self.servers.get(&matching.invite()).copied();
        let is_invite = request.method() == Some(&Method::Invite);
        let is_cancel = request.method() == Some(&Method::Cancel);
        let machine = if is_invite {
            let mut server = InviteServer::new(reliable);
            let trying = hop::response_to(&request, StatusCode::TRYING);
            server.respond(StatusCode::TRYING, trying.to_bytes(), now);
            Machine::InviteServer(Box::new(server))
        } else {
            Machine::NonInviteServer(Box::new(NonInviteServer::new(reliable, now)))
        };
        let matching = Match::Server(matching);
        let key = self.insert(machine, matching, origin.clone(), reliable, None);
        self.settle(key, None);
        let event = if is_cancel {
            Event::Cancel { key, invite, request, origin }
        } else {
            Event::Request { key, request, origin }
        };
        self.emit(event);
    }

    fn handle_response(&mut self, response: Message, origin: O, now: Instant) {
        let status = response.status().expect("a message without method is a response");
        let Some(matching) = client_match(&response) else {
            self.counters.unreadable += 1;
            return;
        };
        let key = self.clients.get(&matching).copied();
        let transaction = key.and_then(|key| self.transactions.get_mut(&key));
        match transaction {
            None => self.counters.unmatched_responses += 1,
            Some(transaction) => transaction.handle_response(status, &response, now),
        }
        let event = Event::Response { key, response, origin };
        match key {
            None => self.emit(event),
            Some(key) => {
                self.settle(key, Some(event));
                self.send_wanted_cancel(key, now);
            }
        }
    }

    fn send_wanted_cancel(&mut self, key: TransactionKey, now: Instant) {
        let Some(transaction) = self.transactions.get_mut(&key) else {
            return;
        };
        let Some((cancel, destination)) = transaction.take_wanted_cancel(now) else {
            return;
        };
        let reliable = transaction.reliable;
        let Some(matching) = client_match(&cancel) else {
            return;
        };
        let client = NonInviteClient::new(cancel.to_bytes(), reliable, now);
        let machine = Machine::NonInviteClient(Box::new(client));
        let cancel_key = self.insert(machine, Match::Client(matching), destination, reliable, None);
        if let Some(cancel) = self.transactions.get_mut(&cancel_key) {
            cancel.is_own = true;
        }
        self.settle(key, None);
        self.settle(cancel_key, None);
    }

    fn has_room_for(&self, request: &Message) -> bool {
        let within_dialog = request.to().is_ok_and(|to| to.tag().is_some());
        let is_cancel = request.method() == Some(&Method::Cancel);
        let reserve = if within_dialog || is_cancel { self.limit / RESERVE_DIVISOR } else { 0 };
        self.transactions.len() < self.limit + reserve
    }

    fn emit(&mut self, event: Event<O>) {
        self.outputs.push_back(LayerOutput::Event(Box::new(event)));
    }

    fn machine(&mut self, key: TransactionKey) -> Option<&mut Machine> {
        self.transactions.get_mut(&key).map(|transaction| &mut transaction.machine)
    }

    fn insert(
        &mut self,
        machine: Machine,
        matching: Match,
        peer: O,
        reliable: bool,
        invite: Option<Message>,
    ) -> TransactionKey {
        self.last_key += 1;
        let key = TransactionKey(self.last_key);
        match &matching {
            Match::Client(client) => self.clients.insert(client.clone(), key),
            Match::Server(server) => self.servers.insert(server.clone(), key),
        };
        let transaction = Transaction {
            machine,
            matching,
            peer,
            reliable,
            invite,
            cancel: Cancel::None,
            is_own: false,
        };
        self.transactions.insert(key, transaction);
        key
    }

    /// Drains a machine that has just made a step. `delivered` is what `Output::Deliver` means.
    fn settle(&mut self, key: TransactionKey, mut delivered: Option<Event<O>>) {
        let Some(transaction) = self.transactions.get_mut(&key) else {
            self.schedule.set(key, None);
            return;
        };
        while let Some(output) = transaction.machine.poll_output() {
            let event = match output {
                Output::Transmit(bytes) => {
                    self.outputs.push_back(LayerOutput::Transmit(Transmit {
                        bytes,
                        destination: transaction.peer.clone(),
                        transaction: Some(key),
                    }));
                    continue;
                }
                Output::Deliver => delivered.take(),
                Output::TimedOut => Some(Event::Timeout { key }),
                Output::TransportError => Some(Event::TransportError { key }),
            };
            let event = event.filter(|_| !transaction.is_own);
            self.outputs.extend(event.map(Box::new).map(LayerOutput::Event));
        }
        let next = transaction.machine.poll_timeout();
        let is_over = transaction.machine.is_terminated();
        self.schedule.set(key, next);
        if is_over {
            self.remove(key);
        }
    }

    fn remove(&mut self, key: TransactionKey) {
        self.schedule.set(key, None);
        let Some(transaction) = self.transactions.remove(&key) else {
            return;
        };
        match &transaction.matching {
            Match::Client(matching) => self.clients.remove(matching),
            Match::Server(matching) => self.servers.remove(matching),
        };
        if !transaction.is_own {
            let event = Event::Terminated { key };
            self.emit(event);
        }
    }
}

impl<O: Clone> Transaction<O> {
    fn handle_response(&mut self, status: StatusCode, response: &Message, now: Instant) {
        match &mut self.machine {
            Machine::InviteClient(client) => {
                let invite = self.invite.as_ref().expect("an INVITE client has its INVITE");
                client.handle_response(status, || hop::ack_of_failure(invite, response), now);
            }
            Machine::NonInviteClient(client) => client.handle_response(status, now),
            Machine::InviteServer(_) | Machine::NonInviteServer(_) => {}
        }
    }

    /// The CANCEL that waits to be sent, once a provisional response has come.
    fn take_wanted_cancel(&mut self, now: Instant) -> Option<(Message, O)> {
        let Machine::InviteClient(client) = &mut self.machine else {
            return None;
        };
        let Cancel::Wanted(reason) = &self.cancel else {
            return None;
        };
        if client.state() != invite_client::State::Proceeding {
            return None;
        }
        let cancel = hop::cancel_of(self.invite.as_ref()?, reason.as_deref());
        self.cancel = Cancel::Sent;
        client.handle_cancel(now);
        Some((cancel, self.peer.clone()))
    }
}

impl Machine {
    fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::InviteClient(client) => client.handle_timeout(now),
            Self::InviteServer(server) => server.handle_timeout(now),
            Self::NonInviteClient(client) => client.handle_timeout(now),
            Self::NonInviteServer(server) => server.handle_timeout(now),
        }
    }

    fn poll_output(&mut self) -> Option<Output> {
        match self {
            Self::InviteClient(client) => client.poll_output(),
            Self::InviteServer(server) => server.poll_output(),
            Self::NonInviteClient(client) => client.poll_output(),
            Self::NonInviteServer(server) => server.poll_output(),
        }
    }

    fn poll_timeout(&self) -> Option<(Instant, TimerName)> {
        match self {
            Self::InviteClient(client) => client.poll_timeout(),
            Self::InviteServer(server) => server.poll_timeout(),
            Self::NonInviteClient(client) => client.poll_timeout(),
            Self::NonInviteServer(server) => server.poll_timeout(),
        }
    }

    fn is_terminated(&self) -> bool {
        match self {
            Self::InviteClient(client) => client.state() == invite_client::State::Terminated,
            Self::InviteServer(server) => server.state() == invite_server::State::Terminated,
            Self::NonInviteClient(client) => client.state() == non_invite_client::State::Terminated,
            Self::NonInviteServer(server) => server.state() == non_invite_server::State::Terminated,
        }
    }
}

fn client_match(message: &Message) -> Option<ClientMatch> {
    let via = message.via_top().ok()?;
    let cseq = message.cseq().ok()?;
    ClientMatch::of(&via, &cseq)
}
