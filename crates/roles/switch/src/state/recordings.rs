use offhook_call::Call;
use offhook_model::{
    CallRef, ConferenceId, LegId, LiveRecording, MediaCommand, RecordingCommand, RecordingEvent,
    RecordingForm, RecordingFormat, RecordingId, RecordingLayout, RecordingRecord, RecordingSource,
    RecordingState, RecordingSummary, recording_path,
};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Recordings whose end has not been told. There are more only when events were lost; then those of the
/// oldest legs are forgotten.
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

/// What is known of the recordings of calls, each of which is made at its caller's leg, and of conferences.
#[derive(Debug)]
pub(super) struct Recordings {
    usual: Usual,
    of_source: HashMap<RecordingSource, OfSource>,
    /// Where calls are recorded whose caller has transferred them away.
    followed: HashMap<LegId, LegId>,
    /// By what is recorded, in the order in which they began.
    unfinished: BTreeMap<RecordingSource, Vec<Unfinished>>,
}

/// The recordings of a call or a conference that lives.
#[derive(Debug, Default)]
struct OfSource {
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
        Self {
            usual,
            of_source: HashMap::new(),
            followed: HashMap::new(),
            unfinished: BTreeMap::new(),
        }
    }

    /// Where a call is recorded: at its caller's leg, or whom the caller has left behind.
    pub(super) fn source_of(&self, call: &Call) -> RecordingSource {
        let caller = call.caller();
        RecordingSource::Leg(self.followed.get(&caller).copied().unwrap_or(caller))
    }

    /// The leg at which the call is recorded leaves it, and this one stays: another recording of the call goes
    /// on there.
    pub(super) fn follow(&mut self, call: &Call, stays: LegId, now_ms: u64) -> Vec<MediaCommand> {
        let Some(mut known) = self.of_source.remove(&self.source_of(call)) else {
            return Vec::new();
        };
        let was = known.live.take();
        let source = RecordingSource::Leg(stays);
        self.of_source.insert(source, known);
        self.followed.insert(call.caller(), stays);
        let Some(was) = was else { return Vec::new() };
        let mut commands: Vec<_> =
            self.start(call, RecordingForm::default(), now_ms).into_iter().collect();
        if was == LiveRecording::Paused {
            commands.extend(self.change(source, RecordingCommand::Pause));
        }
        commands
    }

    /// Begins a recording, unless one runs.
    pub(super) fn start(
        &mut self,
        call: &Call,
        form: RecordingForm,
        now_ms: u64,
    ) -> Option<MediaCommand> {
        let source = self.source_of(call);
        let known = self.of_source.entry(source).or_default();
        let id = RecordingId::new(call.reference(), known.begun + 1);
        let record = RecordingRecord {
            call: Some(call.reference().clone()),
            leg: match source {
                RecordingSource::Leg(leg) => Some(leg),
                RecordingSource::Conference(_) => None,
            },
            caller: Some(call.caller_number().to_owned()),
            dialled: Some(call.dialled().to_owned()),
            ..begun(id, now_ms)
        };
        self.begin(source, record, form, call.started_at_ms())
    }

    /// Begins a recording of a conference, unless one runs; `name` is used for no other.
    pub(super) fn start_conference(
        &mut self,
        conference: ConferenceId,
        number: &str,
        name: &CallRef,
        form: RecordingForm,
        now_ms: u64,
    ) -> Option<MediaCommand> {
        let id = RecordingId::new(name, 1);
        let record = RecordingRecord { conference: Some(number.to_owned()), ..begun(id, now_ms) };
        self.begin(RecordingSource::Conference(conference), record, form, now_ms)
    }

    fn begin(
        &mut self,
        source: RecordingSource,
        mut record: RecordingRecord,
        form: RecordingForm,
        day_ms: u64,
    ) -> Option<MediaCommand> {
        let known = self.of_source.entry(source).or_default();
        if known.live.is_some() || known.begun >= RECORDINGS_OF_CALL_MAX {
            return None;
        }
        known.begun += 1;
        known.live = Some(LiveRecording::Running);
        let format = form.format.unwrap_or(self.usual.format);
        let path = recording_path(&record.id, format, day_ms);
        record.summary.path.clone_from(&path);
        self.keep(source, Unfinished { record, has_started: false });
        let layout = form.layout.unwrap_or(self.usual.layout);
        let tone = form.tone.unwrap_or(self.usual.tone);
        Some(order(source, RecordingCommand::Start { path, layout, format, tone }))
    }

    /// Begins a recording that nobody asked for, once in the life of a call.
    pub(super) fn start_automatically(&mut self, call: &Call, now_ms: u64) -> Option<MediaCommand> {
        let known = self.of_source.entry(self.source_of(call)).or_default();
        if std::mem::replace(&mut known.is_automatic, true) {
            return None;
        }
        self.start(call, RecordingForm::default(), now_ms)
    }

    /// Pauses, resumes or ends the recording that runs.
    pub(super) fn change(
        &mut self,
        source: RecordingSource,
        command: RecordingCommand,
    ) -> Option<MediaCommand> {
        let known = self.of_source.get_mut(&source).filter(|known| known.live.is_some())?;
        known.live = match command {
            RecordingCommand::Start { .. } | RecordingCommand::Resume => {
                Some(LiveRecording::Running)
            }
            RecordingCommand::Pause => Some(LiveRecording::Paused),
            RecordingCommand::Stop => None,
        };
        Some(order(source, command))
    }

    /// Takes what the media role tells of a recording; what is to be written down of it.
    pub(super) fn handle_event(
        &mut self,
        source: RecordingSource,
        event: &RecordingEvent,
        now_ms: u64,
    ) -> Option<RecordingRecord> {
        match event {
            RecordingEvent::FallingBehind | RecordingEvent::Speech { .. } => None,
            RecordingEvent::Started { path, is_encrypted } => {
                self.note_start(source, path, *is_encrypted, now_ms)
            }
            RecordingEvent::Stopped(summary) => {
                self.note_end(source, summary, RecordingState::Complete, None)
            }
            RecordingEvent::Failed { why, summary } => {
                let failure = Some(why.to_string());
                self.note_end(source, summary, RecordingState::Failed, failure)
            }
        }
    }

    fn note_start(
        &mut self,
        source: RecordingSource,
        path: &Path,
        is_encrypted: bool,
        now_ms: u64,
    ) -> Option<RecordingRecord> {
        let unfinished =
            self.unfinished.get_mut(&source)?.iter_mut().find(|one| !one.has_started)?;
        unfinished.has_started = true;
        let record = &mut unfinished.record;
        record.started_at_ms = now_ms;
        record.summary.path = path.to_owned();
        record.summary.is_encrypted = is_encrypted;
        if let Some(known) = self.of_source.get_mut(&source) {
            known.ids.push(record.id.clone());
        }
        Some(record.clone())
    }

    fn note_end(
        &mut self,
        source: RecordingSource,
        summary: &RecordingSummary,
        state: RecordingState,
        failure: Option<String>,
    ) -> Option<RecordingRecord> {
        let of_leg = self.unfinished.get_mut(&source)?;
        let at = of_leg.iter().position(|one| one.record.summary.path == summary.path)?;
        let is_latest = at + 1 == of_leg.len();
        let Unfinished { record, .. } = of_leg.remove(at);
        if of_leg.is_empty() {
            self.unfinished.remove(&source);
        }
        if let Some(known) = self.of_source.get_mut(&source).filter(|_| is_latest) {
            known.live = None;
            // Nothing more is to be known of a conference: its next recording has another name.
            if matches!(source, RecordingSource::Conference(_)) {
                self.of_source.remove(&source);
            }
        }
        Some(RecordingRecord { state, failure, summary: summary.clone(), ..record })
    }

    /// How the recording of a call or a conference stands.
    pub(super) fn live(&self, source: RecordingSource) -> Option<LiveRecording> {
        self.of_source.get(&source)?.live
    }

    /// Forgets a call that has ended, and says which recordings it has. The end of the last may be told later.
    pub(super) fn forget(&mut self, call: &Call) -> Vec<RecordingId> {
        let source = self.source_of(call);
        self.followed.remove(&call.caller());
        self.of_source.remove(&source).map(|known| known.ids).unwrap_or_default()
    }

    fn keep(&mut self, source: RecordingSource, unfinished: Unfinished) {
        self.unfinished.entry(source).or_default().push(unfinished);
        if self.unfinished.len() > UNFINISHED_MAX {
            self.unfinished.pop_first();
        }
    }
}

/// A recording of which nothing is known but its name and its beginning.
fn begun(id: RecordingId, now_ms: u64) -> RecordingRecord {
    RecordingRecord {
        id,
        call: None,
        leg: None,
        conference: None,
        caller: None,
        dialled: None,
        started_at_ms: now_ms,
        state: RecordingState::Recording,
        failure: None,
        summary: RecordingSummary::default(),
    }
}

fn order(source: RecordingSource, command: RecordingCommand) -> MediaCommand {
    MediaCommand::Record { source, command }
}
