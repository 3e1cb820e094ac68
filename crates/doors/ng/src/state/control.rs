//! Commands within a call: blocking, playing, keys and recordings.

use super::call::{Party, PartyId};
use super::work::{RecordTask, Refusal, Task, refuse};
use super::{Call, Door, RequestId};
use offhook_bus::{MediaCommand, MediaEvent, SpeechGate};
use offhook_model::{
    LegId, RecordingCommand, RecordingEvent, RecordingFormat, RecordingLayout, RecordingSource,
};
use offhook_ng::{Command, Dictionary, Reply, Request};
use std::path::PathBuf;
use std::time::Instant;

/// Times that a prompt is played at most.
const REPEATS_MAX: u32 = 100;
/// How long a key is pressed unless the request says, in milliseconds.
const KEY_MS: u32 = 250;
/// The shortest and the longest press, in milliseconds.
const KEY_MS_MIN: u32 = 60;
const KEY_MS_MAX: u32 = 5_000;
/// Letters of a call-id that go into the name of a recording.
const NAME_LETTERS_MAX: usize = 80;
/// What a file name of a prompt may begin with, other than the name of a file.
const PROMPT_SCHEMES: [&str; 5] = ["tone:", "silence:", "music:", "tts:", "file:"];

impl Door {
    /// Commands that are answered at once, and the start of a recording, which is not.
    pub(super) fn control(
        &mut self,
        call_id: &str,
        id: RequestId,
        request: &Request,
        now: Instant,
    ) -> Result<(), Refusal> {
        if request.command == Command::StartRecording {
            return self.start_recording(call_id, id, request, now);
        }
        let call = self.calls.get_mut(call_id).ok_or_else(|| refuse("Unknown call-id"))?;
        call.last_signal_s = self.settings.unix_s(now);
        let commands = match request.command {
            Command::SilenceMedia => gates(call, request, |party| party.speech_silenced = true)?,
            Command::UnsilenceMedia => gates(call, request, |party| party.speech_silenced = false)?,
            Command::BlockMedia => gates(call, request, |party| party.speech_blocked = true)?,
            Command::UnblockMedia => gates(call, request, |party| party.speech_blocked = false)?,
            Command::BlockDtmf => gates(call, request, |party| party.dtmf_blocked = true)?,
            Command::UnblockDtmf => gates(call, request, |party| party.dtmf_blocked = false)?,
            Command::PlayMedia => play(call, request)?,
            Command::StopMedia => {
                let legs = legs(call, &named(call, request)?)?;
                legs.into_iter().map(|leg| MediaCommand::Stop { leg }).collect()
            }
            Command::PlayDtmf => press(call, request)?,
            Command::PauseRecording => {
                let pause = record(call, RecordingCommand::Pause)?;
                call.recording_paused = true;
                vec![pause]
            }
            Command::StopRecording => {
                let stop = record(call, RecordingCommand::Stop)?;
                call.recorded = None;
                call.recording_paused = false;
                vec![stop]
            }
            command => return Err(refuse(not_served(command))),
        };
        commands.into_iter().for_each(|command| self.tell(command));
        self.note_change(call_id, now);
        self.reply(id, Reply::ok(Dictionary::new()));
        Ok(())
    }

    /// One file has both parties, since a leg is recorded with what it hears. After a pause it goes on.
    fn start_recording(
        &mut self,
        call_id: &str,
        id: RequestId,
        request: &Request,
        now: Instant,
    ) -> Result<(), Refusal> {
        let call = self.calls.get_mut(call_id).ok_or_else(|| refuse("Unknown call-id"))?;
        if call.recorded.is_some() {
            let resume = record(call, RecordingCommand::Resume)?;
            call.recording_paused = false;
            self.tell(resume);
            self.note_change(call_id, now);
            self.reply(id, Reply::ok(Dictionary::new()));
            return Ok(());
        }
        let parties = named(call, request).or_else(|_| everybody(call))?;
        let leg = legs(call, &parties)?.into_iter().next();
        let leg = leg.ok_or_else(|| refuse("no leg of the call is there yet"))?;
        let path = recording_path(call_id, self.unix_s(now));
        let command = start_of_recording(path);
        self.tell(MediaCommand::Record { source: RecordingSource::Leg(leg), command });
        self.start_work(call_id, id, Task::Record(RecordTask { leg }), now);
        Ok(())
    }

    /// Whether it is known if the recording runs.
    pub(super) fn recording_goes_on(
        &mut self,
        call_id: &str,
        id: RequestId,
        task: &RecordTask,
        event: &MediaEvent,
    ) -> bool {
        let MediaEvent::Recording { source: RecordingSource::Leg(leg), event } = event else {
            return false;
        };
        if *leg != task.leg {
            return false;
        }
        match event {
            RecordingEvent::Started { path, .. } => {
                if let Some(call) = self.calls.get_mut(call_id) {
                    call.recorded = Some(*leg);
                }
                let file = path.display().to_string();
                self.reply(id, Reply::ok(Dictionary::new().text("recording-file", file)));
            }
            RecordingEvent::Failed { why, .. } => {
                self.reply(id, Reply::error(why.to_string()));
            }
            RecordingEvent::FallingBehind
            | RecordingEvent::Speech { .. }
            | RecordingEvent::Stopped(_) => return false,
        }
        true
    }

    /// A flag of an offer or answer asks for a recording; nobody waits for its beginning.
    pub(super) fn record_from_here(&mut self, call_id: &str, leg: LegId, now: Instant) {
        let path = recording_path(call_id, self.unix_s(now));
        let Some(call) = self.calls.get_mut(call_id) else { return };
        if call.recorded.replace(leg).is_none() {
            let source = RecordingSource::Leg(leg);
            self.tell(MediaCommand::Record { source, command: start_of_recording(path) });
        }
    }
}

/// Why a command that is known is refused.
fn not_served(command: Command) -> String {
    let name = command.as_str();
    match command {
        Command::StartForwarding | Command::StopForwarding => {
            format!("{name} is not served: there is no recording daemon; use subscribe request")
        }
        _ => format!("{name} is not served"),
    }
}

fn start_of_recording(path: PathBuf) -> RecordingCommand {
    RecordingCommand::Start {
        path,
        layout: RecordingLayout::Stereo,
        format: RecordingFormat::Wav,
        tone: false,
    }
}

/// A name that no call-id can turn into another folder.
fn recording_path(call_id: &str, unix_s: u64) -> PathBuf {
    let letters = call_id.chars().take(NAME_LETTERS_MAX);
    let safe = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    let name: String = letters.map(safe).collect();
    PathBuf::from(format!("ng/{name}-{unix_s}.wav"))
}

fn record(call: &Call, command: RecordingCommand) -> Result<MediaCommand, Refusal> {
    let leg = call.recorded.ok_or_else(|| refuse("the call is not recorded"))?;
    Ok(MediaCommand::Record { source: RecordingSource::Leg(leg), command })
}

fn everybody(call: &Call) -> Result<Vec<PartyId>, Refusal> {
    Ok((0..call.parties.len()).collect())
}

/// Whether a request names a party.
pub(super) fn names_a_party(request: &Request) -> bool {
    let tag = request.from_tag.as_deref().is_some_and(|tag| !tag.is_empty());
    tag || request.flags.label.is_some() || request.argument("address").is_some()
}

/// The parties that a request names: by tag, by label, by the address in their description, or all.
pub(super) fn named(call: &Call, request: &Request) -> Result<Vec<PartyId>, Refusal> {
    let no_party = || refuse("From-tag or label given, but there is no such party");
    if request.flags.switches.all {
        return everybody(call);
    }
    let tag = request.from_tag.as_deref().filter(|tag| !tag.is_empty());
    let by_tag = tag.map(|tag| call.party_with_tag(tag));
    let by_label =
        request.flags.label.as_deref().map(|label| {
            call.parties.iter().position(|party| party.label.as_deref() == Some(label))
        });
    if let Some(address) = request.argument("address").filter(|_| by_tag.or(by_label).is_none()) {
        let address = address.parse().map_err(|_| refuse("address is not an IP address"))?;
        let has_address = |id: &PartyId| call.parties[*id].address() == Some(address);
        let found: Vec<_> = (0..call.parties.len()).filter(has_address).collect();
        return if found.is_empty() { Err(no_party()) } else { Ok(found) };
    }
    match by_tag.or(by_label) {
        Some(party) => Ok(vec![party.ok_or_else(no_party)?]),
        // Without a name everybody is meant, as RTPengine has it for blocking.
        None => everybody(call),
    }
}

fn legs(call: &Call, parties: &[PartyId]) -> Result<Vec<LegId>, Refusal> {
    let legs: Vec<LegId> = parties.iter().filter_map(|id| call.parties[*id].leg).collect();
    if legs.is_empty() {
        return Err(refuse("no leg of the call is there yet"));
    }
    Ok(legs)
}

fn gates(
    call: &mut Call,
    request: &Request,
    set: fn(&mut Party),
) -> Result<Vec<MediaCommand>, Refusal> {
    let parties = named(call, request)?;
    legs(call, &parties)?;
    let mut commands = Vec::new();
    for id in parties {
        set(&mut call.parties[id]);
        commands.extend(gates_of(&call.parties[id], call.drops_traffic));
    }
    Ok(commands)
}

/// What of a party is passed on, of each of its sections.
pub(super) fn gates_of(party: &Party, drops_traffic: bool) -> impl Iterator<Item = MediaCommand> {
    party.legs().map(move |(_, leg)| gate(party, leg, drops_traffic))
}

/// Whether something of a party is not passed on.
pub(super) fn is_gated(party: &Party, drops_traffic: bool) -> bool {
    drops_traffic || party.speech_blocked || party.speech_silenced || party.dtmf_blocked
}

/// What of a party is passed on from one of its legs.
pub(super) fn gate(party: &Party, leg: LegId, drops_traffic: bool) -> MediaCommand {
    let speech = match (party.speech_blocked || drops_traffic, party.speech_silenced) {
        (true, _) => SpeechGate::Shut,
        (false, true) => SpeechGate::Silent,
        (false, false) => SpeechGate::Open,
    };
    MediaCommand::Gate { leg, speech, dtmf: !party.dtmf_blocked && !drops_traffic }
}

fn play(call: &Call, request: &Request) -> Result<Vec<MediaCommand>, Refusal> {
    let Some(file) = request.argument("file").filter(|file| !file.is_empty()) else {
        let known = ["blob", "db-id"].iter().find(|key| request.argument(key).is_some());
        return Err(refuse(match known {
            Some(key) => format!("play media from a {key} is not served: name a file"),
            None => "No media file specified".to_owned(),
        }));
    };
    let is_prompt = PROMPT_SCHEMES.iter().any(|scheme| file.starts_with(scheme));
    let prompt = if is_prompt { file.to_owned() } else { format!("file:{file}") };
    let times = request.number("repeat-times").unwrap_or(1).clamp(1, REPEATS_MAX);
    let prompts = vec![prompt; usize::try_from(times).unwrap_or(1)];
    let legs = legs(call, &named(call, request)?)?;
    let play = |leg| MediaCommand::Play { leg, prompts: prompts.clone(), repeat: false };
    Ok(legs.into_iter().map(play).collect())
}

/// The named party is the one that presses: its partner hears the key.
fn press(call: &Call, request: &Request) -> Result<Vec<MediaCommand>, Refusal> {
    let code = request.argument("code").or_else(|| request.argument("digit"));
    let code = code.ok_or_else(|| refuse("No DTMF code in message"))?;
    let digits = digits(code).ok_or_else(|| refuse("a DTMF code is 0-9, *, # or A-D"))?;
    let duration_ms = request.number("duration").unwrap_or(KEY_MS);
    let duration_ms = duration_ms.clamp(KEY_MS_MIN, KEY_MS_MAX);
    let partners = named(call, request)?.into_iter().filter_map(|id| call.parties[id].partner);
    let legs = legs(call, &partners.collect::<Vec<_>>())?;
    let send = |leg| MediaCommand::SendDtmf { leg, digits: digits.clone(), duration_ms };
    Ok(legs.into_iter().map(send).collect())
}

/// A code is the key itself, or its number as RFC 4733 has it.
fn digits(code: &str) -> Option<String> {
    const KEYS: &str = "0123456789*#ABCD";
    let code = code.trim().to_ascii_uppercase();
    if let Some(key) = code.parse::<usize>().ok().filter(|number| (10..16).contains(number)) {
        return KEYS.get(key..=key).map(str::to_owned);
    }
    let is_key = |letter: char| KEYS.contains(letter);
    (code.chars().count() == 1 && code.chars().all(is_key)).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_a_key_or_its_number() {
        for (code, key) in
            [("5", "5"), ("#", "#"), ("10", "*"), ("11", "#"), ("12", "A"), ("d", "D")]
        {
            assert_eq!(digits(code).as_deref(), Some(key));
        }
        for bad in ["", "16", "x", "55", "-1"] {
            assert_eq!(digits(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_call_id_cannot_leave_the_folder_of_recordings() {
        let path = recording_path("../../etc/pass wd@[::1]", 7);
        assert_eq!(path, PathBuf::from("ng/______etc_pass_wd____1_-7.wav"));
    }
}
