//! Callers who leave messages, and owners who hear them.

use super::{Output, Switch, serial_of};
use crate::VoicemailConfig;
use offhook_call::Call;
use offhook_model::{
    CallRef, Directory, HangupCause, LegId, LogEntry, MailboxRequest, MediaCommand, MediaEvent,
    Opened, RecordingCommand, RecordingEvent, RecordingFormat, RecordingLayout, RecordingSource,
    VoicemailId, VoicemailRecord,
};
use offhook_voicemail::{
    Deposit, DepositOutput, Retrieval, RetrievalOutput, Rules, Taken, default_greeting,
};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Deposits that wait for the end of their recording after the caller is gone are among these.
const DEPOSITS_MAX: usize = 20_000;

/// All who leave messages or hear them.
#[derive(Debug)]
pub(super) struct Voicemail {
    rules: Rules,
    deposits: HashMap<LegId, OfCaller>,
    retrievals: HashMap<LegId, Retrieval>,
    deadlines: BTreeSet<(u64, LegId)>,
}

/// A caller who leaves a message, and what its record is to say.
#[derive(Debug)]
struct OfCaller {
    deposit: Deposit,
    mailbox: String,
    call: CallRef,
    number: String,
    name: Option<String>,
    started_at_ms: u64,
    /// Recordings of this caller so far.
    recorded: u32,
    /// The file of the last one as it was asked for; an encrypted one has something behind it.
    path: PathBuf,
}

impl OfCaller {
    fn id(&self) -> VoicemailId {
        VoicemailId::new(&self.call, self.recorded)
    }

    fn record(&self, taken: Taken, now_ms: u64) -> VoicemailRecord {
        VoicemailRecord {
            id: self.id(),
            mailbox: self.mailbox.clone(),
            call: self.call.clone(),
            number: self.number.clone(),
            name: self.name.clone(),
            received_at_ms: now_ms,
            duration_s: taken.duration_s,
            path: taken.path,
        }
    }

    /// Whether a recorder that tells of this file tells of the message.
    fn is_about(&self, path: &Path) -> bool {
        let asked_for = self.path.as_os_str().as_encoded_bytes();
        path.as_os_str().as_encoded_bytes().starts_with(asked_for) && !asked_for.is_empty()
    }
}

impl Voicemail {
    pub(super) fn new(config: &VoicemailConfig) -> Self {
        let rules = Rules {
            message_max_ms: u64::from(config.message_max_s) * 1_000,
            silence_ms: u64::from(config.silence_s) * 1_000,
            speech_min_ms: u64::from(config.speech_min_ms),
        };
        Self {
            rules,
            deposits: HashMap::new(),
            retrievals: HashMap::new(),
            deadlines: BTreeSet::new(),
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<u64> {
        self.deadlines.first().map(|(due, _)| *due)
    }

    fn due(&self, leg: LegId) -> Option<u64> {
        let deposit = self.deposits.get(&leg).and_then(|known| known.deposit.poll_timeout());
        deposit.or_else(|| self.retrievals.get(&leg).and_then(Retrieval::poll_timeout))
    }

    /// Does something with what a leg has here, and keeps its deadline.
    fn with<T>(&mut self, leg: LegId, act: impl FnOnce(&mut Self) -> T) -> T {
        if let Some(due) = self.due(leg) {
            self.deadlines.remove(&(due, leg));
        }
        let done = act(self);
        if self.deposits.get(&leg).is_some_and(|known| known.deposit.is_over()) {
            // Its last wishes are carried out before it goes.
            return done;
        }
        if let Some(due) = self.due(leg) {
            self.deadlines.insert((due, leg));
        }
        done
    }
}

/// What is wanted for a leg.
enum Wanted {
    Deposit(DepositOutput),
    Retrieval(RetrievalOutput),
}

impl Switch {
    /// A leg of a call that is being stepped leaves a message, or goes on with it.
    pub(super) fn leave_message(
        &mut self,
        call: &mut Call,
        leg: LegId,
        mailbox: &str,
        now: Instant,
    ) {
        let now_ms = self.unix_ms(now);
        if self.voicemail.deposits.len() >= DEPOSITS_MAX {
            return call.hang_up(HangupCause::SWITCH_CONGESTION, now_ms);
        }
        tracing::info!(call = %call.reference(), mailbox, "a caller leaves a message");
        let (rules, greeting) = (self.voicemail.rules, greeting(mailbox, &self.directory));
        self.voicemail.with(leg, |voicemail| match voicemail.deposits.get_mut(&leg) {
            Some(known) => known.deposit.handle_renegotiated(now_ms),
            None => {
                let known = OfCaller {
                    deposit: Deposit::begin(greeting, rules, now_ms),
                    mailbox: mailbox.to_owned(),
                    call: call.reference().clone(),
                    number: call.number(leg).unwrap_or_default().to_owned(),
                    name: call.caller_name().filter(|_| leg == call.caller()).map(str::to_owned),
                    started_at_ms: call.started_at_ms(),
                    recorded: 0,
                    path: PathBuf::new(),
                };
                voicemail.deposits.insert(leg, known);
            }
        });
        self.serve_within(call, leg, now);
    }

    /// A leg of a call that is being stepped is to hear messages, or goes on with it.
    pub(super) fn hear_messages(&mut self, call: &mut Call, leg: LegId, own: bool, now: Instant) {
        let now_ms = self.unix_ms(now);
        let mailbox = call.account(leg).filter(|_| own).map(str::to_owned);
        self.voicemail.with(leg, |voicemail| match voicemail.retrievals.get_mut(&leg) {
            Some(known) => known.handle_renegotiated(now_ms),
            None => {
                let begun = match &mailbox {
                    Some(mailbox) => Retrieval::of_own(mailbox, now_ms),
                    None => Retrieval::of_any(now_ms),
                };
                voicemail.retrievals.insert(leg, begun);
            }
        });
        self.serve_within(call, leg, now);
    }

    /// A leg is gone, or does something else. A message that is being recorded is kept when its end is told.
    pub(super) fn leave_mailbox(&mut self, leg: LegId, now: Instant) {
        let now_ms = self.unix_ms(now);
        self.voicemail.with(leg, |voicemail| {
            voicemail.retrievals.remove(&leg);
            if let Some(known) = voicemail.deposits.get_mut(&leg) {
                known.deposit.handle_gone(now_ms);
            }
        });
        self.serve(leg, now);
    }

    /// What the mailbox role has answered to a [`MailboxRequest::Open`].
    pub fn handle_opened(&mut self, leg: LegId, opened: Opened, now: Instant) {
        let now_ms = self.unix_ms(now);
        self.voicemail.with(leg, |voicemail| {
            if let Some(known) = voicemail.retrievals.get_mut(&leg) {
                known.handle_opened(opened, now_ms);
            }
        });
        self.serve(leg, now);
    }

    /// What the recorder tells of a message; false when it is about another recording.
    pub(super) fn note_message(
        &mut self,
        source: RecordingSource,
        event: &RecordingEvent,
        now: Instant,
    ) -> bool {
        let RecordingSource::Leg(leg) = source else { return false };
        let Some(known) = self.voicemail.deposits.get(&leg) else { return false };
        let is_ours = match event {
            RecordingEvent::Started { path, .. } => known.is_about(path),
            RecordingEvent::Stopped(summary) | RecordingEvent::Failed { summary, .. } => {
                known.is_about(&summary.path)
            }
            RecordingEvent::Speech { .. } => known.deposit.is_recording(),
            RecordingEvent::FallingBehind => false,
        };
        if is_ours {
            let now_ms = self.unix_ms(now);
            self.voicemail.with(leg, |voicemail| {
                if let Some(known) = voicemail.deposits.get_mut(&leg) {
                    known.deposit.handle_recording(event, now_ms);
                }
            });
            self.serve(leg, now);
        }
        is_ours
    }

    pub(super) fn handle_voicemail_media(&mut self, event: &MediaEvent, now: Instant) {
        let (Some(leg), now_ms) = (event.leg(), self.unix_ms(now)) else { return };
        if self.voicemail.due(leg).is_none() {
            return;
        }
        self.voicemail.with(leg, |voicemail| {
            let deposit = voicemail.deposits.get_mut(&leg).map(|known| &mut known.deposit);
            let retrieval = voicemail.retrievals.get_mut(&leg);
            match event {
                MediaEvent::Dtmf { digit, .. } => {
                    deposit.into_iter().for_each(|known| known.handle_key(*digit, now_ms));
                    retrieval.into_iter().for_each(|known| known.handle_key(*digit, now_ms));
                }
                MediaEvent::PlayFinished { .. } => {
                    deposit.into_iter().for_each(|known| known.handle_play_finished(now_ms));
                    retrieval.into_iter().for_each(|known| known.handle_play_finished(now_ms));
                }
                _ => {}
            }
        });
        self.serve(leg, now);
    }

    pub(super) fn handle_voicemail_timeouts(&mut self, now: Instant) {
        let now_ms = self.unix_ms(now);
        while let Some((due, leg)) = self.voicemail.deadlines.first().copied() {
            if due > now_ms {
                break;
            }
            self.voicemail.with(leg, |voicemail| {
                if let Some(known) = voicemail.deposits.get_mut(&leg) {
                    known.deposit.handle_timeout(now_ms);
                }
                if let Some(known) = voicemail.retrievals.get_mut(&leg) {
                    known.handle_timeout(now_ms);
                }
            });
            self.serve(leg, now);
        }
    }

    /// Carries out what is wanted for a leg whose call is being stepped.
    fn serve_within(&mut self, call: &mut Call, leg: LegId, now: Instant) {
        let now_ms = self.unix_ms(now);
        while let Some(wanted) = self.poll_voicemail(leg) {
            if self.carry_out_for_voicemail(leg, wanted, now_ms) {
                call.hang_up(HangupCause::NORMAL_CLEARING, now_ms);
            }
        }
    }

    fn serve(&mut self, leg: LegId, now: Instant) {
        let now_ms = self.unix_ms(now);
        while let Some(wanted) = self.poll_voicemail(leg) {
            if self.carry_out_for_voicemail(leg, wanted, now_ms) {
                let end = |call: &mut Call| call.hang_up(HangupCause::NORMAL_CLEARING, now_ms);
                self.step(serial_of(leg), now, end);
            }
        }
    }

    /// The next thing that is wanted for a leg. A deposit that is over goes when all was done.
    fn poll_voicemail(&mut self, leg: LegId) -> Option<Wanted> {
        if let Some(known) = self.voicemail.deposits.get_mut(&leg) {
            let wanted = known.deposit.poll_output().map(Wanted::Deposit);
            if wanted.is_none() && known.deposit.is_over() {
                self.voicemail.deposits.remove(&leg);
            }
            return wanted;
        }
        self.voicemail.retrievals.get_mut(&leg)?.poll_output().map(Wanted::Retrieval)
    }

    /// Carries out what is wanted; says whether the call is to end.
    fn carry_out_for_voicemail(&mut self, leg: LegId, wanted: Wanted, now_ms: u64) -> bool {
        match wanted {
            Wanted::Deposit(DepositOutput::Play(prompts))
            | Wanted::Retrieval(RetrievalOutput::Play(prompts)) => {
                let play = MediaCommand::Play { leg, prompts, repeat: false };
                self.outputs.push_back(Output::Media(play));
            }
            Wanted::Deposit(DepositOutput::Stop) | Wanted::Retrieval(RetrievalOutput::Stop) => {
                self.outputs.push_back(Output::Media(MediaCommand::Stop { leg }));
            }
            Wanted::Deposit(DepositOutput::Record) => self.record_message(leg),
            Wanted::Deposit(DepositOutput::EndRecording) => {
                self.command_recorder(leg, RecordingCommand::Stop);
            }
            Wanted::Deposit(DepositOutput::Keep(taken)) => self.keep_message(leg, taken, now_ms),
            Wanted::Deposit(DepositOutput::Drop(path)) => self.delete_file(path),
            Wanted::Retrieval(RetrievalOutput::Open { mailbox, pin }) => {
                let open = MailboxRequest::Open { leg, mailbox, pin };
                self.outputs.push_back(Output::Mailbox(open));
            }
            Wanted::Retrieval(RetrievalOutput::Heard(id)) => {
                self.outputs.push_back(Output::Log(LogEntry::VoicemailHeard(id)));
            }
            Wanted::Retrieval(RetrievalOutput::Delete(id, path)) => {
                tracing::info!(message = %id, "a message was deleted by telephone");
                self.outputs.push_back(Output::Log(LogEntry::VoicemailDeleted(id)));
                self.delete_file(path);
            }
            Wanted::Deposit(DepositOutput::HangUp) | Wanted::Retrieval(RetrievalOutput::HangUp) => {
                return true;
            }
        }
        false
    }

    /// Begins the recording of a message. There is one recording of a leg at a time: one of the call ends here,
    /// and what is said to nobody but the recorder is in the message.
    fn record_message(&mut self, leg: LegId) {
        let of_call = self.recordings.change(RecordingSource::Leg(leg), RecordingCommand::Stop);
        self.outputs.extend(of_call.map(Output::Media));
        let Some(known) = self.voicemail.deposits.get_mut(&leg) else { return };
        known.recorded += 1;
        known.path = known.id().path(known.started_at_ms);
        let start = RecordingCommand::Start {
            path: known.path.clone(),
            layout: RecordingLayout::Said,
            format: RecordingFormat::Wav,
            tone: false,
        };
        self.command_recorder(leg, start);
    }

    fn command_recorder(&mut self, leg: LegId, command: RecordingCommand) {
        let source = RecordingSource::Leg(leg);
        self.outputs.push_back(Output::Media(MediaCommand::Record { source, command }));
    }

    fn keep_message(&mut self, leg: LegId, taken: Taken, now_ms: u64) {
        let Some(known) = self.voicemail.deposits.get(&leg) else { return };
        let record = known.record(taken, now_ms);
        tracing::info!(message = %record.id, mailbox = record.mailbox, "a message was left");
        metrics::counter!("offhook_voicemails_total").increment(1);
        self.outputs.push_back(Output::Log(LogEntry::Voicemail(Box::new(record))));
    }

    fn delete_file(&mut self, path: PathBuf) {
        self.outputs.push_back(Output::Mailbox(MailboxRequest::DeleteFile(path)));
    }
}

/// What a caller hears first.
fn greeting(mailbox: &str, directory: &Directory) -> Vec<String> {
    let default = default_greeting(mailbox, directory);
    match directory.greetings.get(mailbox) {
        Some(own) => vec![own.clone(), format!("else:{default}")],
        None => vec![default],
    }
}
