use offhook_call::Call;
use offhook_model::{
    LegId, LiveRecording, MediaCommand, RecordingCommand, RecordingEvent, RecordingForm,
    RecordingFormat, RecordingId, RecordingLayout, RecordingRecord, RecordingSource,
    RecordingState, RecordingSummary, recording_path,
};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Recordings whose end has not been told. When it is not told of more, which the limit of the media role rules
/// out unless events are lost, those of the oldest legs are forgotten.
const UNFINISHED_MAX: usize = 8_192;
/// Recordings of one call.
pub(super) const RECORDINGS_OF_CALL_MAX: u32 = 1_000;

/// How recordings are made unless the one who orders them says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Usual {
    pub(super) format: RecordingFormat,
    pub(super) layout: RecordingLayout,
    pub(super) tone: bool,
}

/// What is known of the recordings of calls. Each is made at its caller's leg.
#[derive(Debug)]
pub(super) struct Recordings {
    usual: Usual,
    of_call: HashMap<LegId, OfCall>,
    /// By the leg, in the order in which they began.
    unfinished: BTreeMap<LegId, Vec<Unfinished>>,
}

/// The recordings of a call that lives.
#[derive(Debug, Default)]
struct OfCall {
    begun: u32,
    /// Those whose files are there.
    ids: Vec<RecordingId>,
    live: Option<LiveRecording>,
    /// Whether one was begun without being asked for.
    is_automatic: bool,
}

#[derive(Debug)]
struct Unfinished {
    record: RecordingRecord,
    has_started: bool,
}

impl Recordings {
    pub(super) fn new(usual: Usual) -> Self {
        Self { usual, of_call: HashMap::new(), unfinished: BTreeMap::new() }
    }

    /// Begins a recording, unless one runs.
    pub(super) fn start(
        &mut self,
        call: &Call,
        form: RecordingForm,
        now_ms: u64,
    ) -> Option<MediaCommand> {
        let leg = call.caller();
        let known = self.of_call.entry(leg).or_default();
        if known.live.is_some() || known.begun >= RECORDINGS_OF_CALL_MAX {
            return None;
        }
        known.begun += 1;
        known.live = Some(LiveRecording::Running);
        let id = RecordingId::new(call.reference(), known.begun);
        let format = form.format.unwrap_or(self.usual.format);
        let path = recording_path(&id, format, call.started_at_ms());
        let record = RecordingRecord {
            id,
            call: Some(call.reference().clone()),
            leg: Some(leg),
            conference: None,
            caller: Some(call.caller_number().to_owned()),
            dialled: Some(call.dialled().to_owned()),
            started_at_ms: now_ms,
            state: RecordingState::Recording,
            failure: None,
            summary: RecordingSummary { path: path.clone(), ..RecordingSummary::default() },
        };
        self.keep(leg, Unfinished { record, has_started: false });
        let layout = form.layout.unwrap_or(self.usual.layout);
        let tone = form.tone.unwrap_or(self.usual.tone);
        Some(order(leg, RecordingCommand::Start { path, layout, format, tone }))
    }

    /// Begins a recording that nobody asked for, once in the life of a call.
    pub(super) fn start_automatically(&mut self, call: &Call, now_ms: u64) -> Option<MediaCommand> {
        let known = self.of_call.entry(call.caller()).or_default();
        if std::mem::replace(&mut known.is_automatic, true) {
            return None;
        }
        self.start(call, RecordingForm::default(), now_ms)
    }

    /// Pauses, resumes or ends the recording that runs.
    pub(super) fn change(&mut self, leg: LegId, command: RecordingCommand) -> Option<MediaCommand> {
        let known = self.of_call.get_mut(&leg).filter(|known| known.live.is_some())?;
        known.live = match command {
            RecordingCommand::Start { .. } | RecordingCommand::Resume => {
                Some(LiveRecording::Running)
            }
            RecordingCommand::Pause => Some(LiveRecording::Paused),
            RecordingCommand::Stop => None,
        };
        Some(order(leg, command))
    }

    /// Takes what the media role tells of a recording; what is to be written down of it.
    pub(super) fn handle_event(
        &mut self,
        source: RecordingSource,
        event: &RecordingEvent,
        now_ms: u64,
    ) -> Option<RecordingRecord> {
        let RecordingSource::Leg(leg) = source else { return None };
        match event {
            RecordingEvent::FallingBehind => None,
            RecordingEvent::Started { path, is_encrypted } => {
                self.note_start(leg, path, *is_encrypted, now_ms)
            }
            RecordingEvent::Stopped(summary) => {
                self.note_end(leg, summary, RecordingState::Complete, None)
            }
            RecordingEvent::Failed { why, summary } => {
                let failure = Some(why.to_string());
                self.note_end(leg, summary, RecordingState::Failed, failure)
            }
        }
    }

    fn note_start(
        &mut self,
        leg: LegId,
        path: &Path,
        is_encrypted: bool,
        now_ms: u64,
    ) -> Option<RecordingRecord> {
        let unfinished = self.unfinished.get_mut(&leg)?.iter_mut().find(|one| !one.has_started)?;
        unfinished.has_started = true;
        let record = &mut unfinished.record;
        record.started_at_ms = now_ms;
        record.summary.path = path.to_owned();
        record.summary.is_encrypted = is_encrypted;
        if let Some(known) = self.of_call.get_mut(&leg) {
            known.ids.push(record.id.clone());
        }
        Some(record.clone())
    }

    fn note_end(
        &mut self,
        leg: LegId,
        summary: &RecordingSummary,
        state: RecordingState,
        failure: Option<String>,
    ) -> Option<RecordingRecord> {
        let of_leg = self.unfinished.get_mut(&leg)?;
        let at = of_leg.iter().position(|one| one.record.summary.path == summary.path)?;
        let is_latest = at + 1 == of_leg.len();
        let Unfinished { record, .. } = of_leg.remove(at);
        if of_leg.is_empty() {
            self.unfinished.remove(&leg);
        }
        if let Some(known) = self.of_call.get_mut(&leg).filter(|_| is_latest) {
            known.live = None;
        }
        Some(RecordingRecord { state, failure, summary: summary.clone(), ..record })
    }

    /// How the recording of a call stands.
    pub(super) fn live(&self, leg: LegId) -> Option<LiveRecording> {
        self.of_call.get(&leg)?.live
    }

    /// Forgets a call that has ended, and says which recordings it has. The end of the last is told yet.
    pub(super) fn forget(&mut self, leg: LegId) -> Vec<RecordingId> {
        self.of_call.remove(&leg).map(|known| known.ids).unwrap_or_default()
    }

    fn keep(&mut self, leg: LegId, unfinished: Unfinished) {
        self.unfinished.entry(leg).or_default().push(unfinished);
        if self.unfinished.len() > UNFINISHED_MAX {
            self.unfinished.pop_first();
        }
    }
}

fn order(leg: LegId, command: RecordingCommand) -> MediaCommand {
    MediaCommand::Record { source: RecordingSource::Leg(leg), command }
}
