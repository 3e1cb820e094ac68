use crate::caller::{Caller, Entrance, PIN_DIGITS_MAX, Stage, asks_for_pin, entrance};
use offhook_model::{
    ConferenceCommand, ConferenceEvent, ConferenceId, ConferenceSettings, HangupCause, JoinRefusal,
    LegId, MediaCommand,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use thiserror::Error;

/// How often a caller may type a wrong PIN, or none.
const TRIES_MAX: u32 = 3;
/// What is heard when somebody comes, and when somebody goes.
const ENTRY_TONE: &str = "tone:660,120,-20";
const EXIT_TONE: &str = "tone:440,120,-20";
/// How long the next key may take.
const KEY_WAIT: &str = "silence:6000";
const ASK_PIN: &str = "tts:Please enter the PIN, followed by the pound key.";
const WRONG_PIN: &str = "tts:That is not the PIN.";
const ALONE: &str = "tts:You are the first in this conference.";
const LOCKED: &str = "tts:This conference is locked. Goodbye.";
const FULL: &str = "tts:This conference is full. Goodbye.";
const BUSY: &str = "tts:All lines are busy. Please try again later. Goodbye.";
const REFUSED: &str = "tts:You cannot join this conference. Goodbye.";
const MUTED: &str = "tts:You are muted.";
const UNMUTED: &str = "tts:You are no longer muted.";

/// What a conference wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// A command for the media role.
    Media(MediaCommand),
    /// The caller's call is to end.
    HangUp(LegId, HangupCause),
}

/// The leg is not in the conference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{0} is not in the conference")]
pub struct NotThere(pub LegId);

/// A member, for those who watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberView {
    /// The member's leg.
    pub leg: LegId,
    /// Whether it may mute, lock and put out.
    pub is_moderator: bool,
    /// Whether nobody hears it.
    pub is_muted: bool,
    /// Whether it hears nobody.
    pub is_deaf: bool,
    /// Whether it is speaking.
    pub is_speaking: bool,
    /// Whether it waits for a moderator.
    pub is_waiting: bool,
}

/// One conference and all who have dialled it.
///
/// Keys of a member: `*6` mutes it and lets it speak again. Keys of a moderator: `*5` mutes all others and
/// lets them speak again, `*7` locks and unlocks, `*9` ends the conference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conference {
    id: ConferenceId,
    settings: ConferenceSettings,
    callers: BTreeMap<LegId, Caller>,
    is_locked: bool,
    all_muted: bool,
    #[serde(skip)]
    outputs: VecDeque<Output>,
}

impl Conference {
    /// A conference that nobody has dialled yet.
    #[must_use]
    pub fn new(id: ConferenceId, settings: ConferenceSettings) -> Self {
        Self {
            id,
            settings,
            callers: BTreeMap::new(),
            is_locked: false,
            all_muted: false,
            outputs: VecDeque::new(),
        }
    }

    /// The media role's name for it.
    #[must_use]
    pub fn id(&self) -> ConferenceId {
        self.id
    }

    /// Whether nobody is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.callers.is_empty()
    }

    /// Whether nobody else may come in.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.is_locked
    }

    /// Who is in it, or waits for a moderator.
    pub fn members(&self) -> impl Iterator<Item = MemberView> {
        let is_member = |caller: &Caller| matches!(caller.stage, Stage::In | Stage::Waiting);
        self.callers.iter().filter(move |(_, caller)| is_member(caller)).map(|(leg, caller)| {
            MemberView {
                leg: *leg,
                is_moderator: caller.is_moderator,
                is_muted: caller.is_muted,
                is_deaf: caller.is_deaf,
                is_speaking: caller.is_speaking,
                is_waiting: caller.stage == Stage::Waiting,
            }
        })
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Somebody has dialled the conference. Said again of one who is in, as after a renegotiation, it puts
    /// the same in force again.
    pub fn handle_join(&mut self, leg: LegId) {
        match self.callers.get(&leg).map(|caller| (&caller.stage, caller.role())) {
            Some((Stage::In, role)) => self.order(ConferenceCommand::Join { leg, role }),
            Some(_) => {}
            None if asks_for_pin(&self.settings) => {
                let stage = Stage::Entering { typed: String::new(), tries: 0 };
                self.callers.insert(leg, Caller::new(stage));
                self.play(leg, &[ASK_PIN, KEY_WAIT], false);
            }
            None => {
                self.callers.insert(leg, Caller::new(Stage::Waiting));
                self.admit(leg, false);
            }
        }
    }

    /// The caller is gone.
    pub fn handle_leave(&mut self, leg: LegId) {
        let Some(caller) = self.callers.remove(&leg) else { return };
        if !caller.is_in() {
            return;
        }
        self.order(ConferenceCommand::Leave { leg });
        if self.settings.announce && self.count_in() > 0 {
            self.announce(&[EXIT_TONE]);
        }
    }

    /// The caller pressed a key.
    pub fn handle_key(&mut self, leg: LegId, key: char) {
        match self.callers.get(&leg).map(|caller| &caller.stage) {
            Some(Stage::Entering { .. }) => self.type_pin(leg, key),
            Some(Stage::In) => self.handle_command_key(leg, key),
            Some(Stage::Waiting | Stage::TurnedAway) | None => {}
        }
    }

    /// What was played to the caller has ended.
    pub fn handle_play_finished(&mut self, leg: LegId) {
        match self.callers.get(&leg).map(|caller| &caller.stage) {
            Some(Stage::Entering { .. }) => self.check_pin(leg),
            Some(Stage::TurnedAway) => self.put_out(leg),
            Some(Stage::In | Stage::Waiting) | None => {}
        }
    }

    /// What the media role reports of the conference.
    pub fn handle_media(&mut self, event: &ConferenceEvent) {
        match event {
            ConferenceEvent::Speaking { leg, speaks } => {
                if let Some(caller) = self.callers.get_mut(leg) {
                    caller.is_speaking = *speaks;
                }
            }
            ConferenceEvent::Refused { leg, why } => {
                let prompt = match why {
                    JoinRefusal::Full | JoinRefusal::NoSuchLeg => FULL,
                    JoinRefusal::Overloaded => BUSY,
                };
                self.turn_away(*leg, prompt);
            }
            ConferenceEvent::PlayFinished => {}
        }
    }

    /// Mutes a member, or lets it speak again.
    ///
    /// # Errors
    /// When it is not there.
    pub fn set_muted(&mut self, leg: LegId, is_muted: bool) -> Result<(), NotThere> {
        self.change(leg, |caller| caller.is_muted = is_muted)
    }

    /// Lets a member hear nobody, or the others again.
    ///
    /// # Errors
    /// When it is not there.
    pub fn set_deaf(&mut self, leg: LegId, is_deaf: bool) -> Result<(), NotThere> {
        self.change(leg, |caller| caller.is_deaf = is_deaf)
    }

    /// Makes a member a moderator, or one no longer. The first moderator lets in those who wait.
    ///
    /// # Errors
    /// When it is not there.
    pub fn set_moderator(&mut self, leg: LegId, is_moderator: bool) -> Result<(), NotThere> {
        let caller = self.callers.get_mut(&leg).ok_or(NotThere(leg))?;
        caller.is_moderator = is_moderator;
        self.admit_waiting();
        Ok(())
    }

    /// Puts a caller out.
    ///
    /// # Errors
    /// When it is not there.
    pub fn kick(&mut self, leg: LegId) -> Result<(), NotThere> {
        if !self.callers.contains_key(&leg) {
            return Err(NotThere(leg));
        }
        self.put_out(leg);
        Ok(())
    }

    /// Lets nobody else come in, or lets them again. A moderator may always come.
    pub fn set_locked(&mut self, is_locked: bool) {
        self.is_locked = is_locked;
    }

    /// Plays prompts to all members.
    pub fn announce(&mut self, prompts: &[&str]) {
        let prompts = prompts.iter().map(|prompt| (*prompt).to_owned()).collect();
        self.order(ConferenceCommand::Play { prompts, repeat: false });
    }

    /// Puts everybody out.
    pub fn end(&mut self) {
        let all: Vec<LegId> = self.callers.keys().copied().collect();
        for leg in all {
            self.put_out(leg);
        }
    }

    fn type_pin(&mut self, leg: LegId, key: char) {
        let Some(Stage::Entering { typed, .. }) = self.stage(leg) else { return };
        if key == '#' {
            return self.check_pin(leg);
        }
        if typed.len() < PIN_DIGITS_MAX {
            typed.push(key);
        }
        self.play(leg, &[KEY_WAIT], false);
    }

    /// The caller has typed all it wants to.
    fn check_pin(&mut self, leg: LegId) {
        let Some(Stage::Entering { typed, tries }) = self.stage(leg) else { return };
        let typed = std::mem::take(typed);
        *tries += 1;
        let tries = *tries;
        match entrance(&self.settings, &typed) {
            Entrance::Member => self.admit(leg, false),
            Entrance::Moderator => self.admit(leg, true),
            Entrance::Closed if tries >= TRIES_MAX => self.turn_away(leg, REFUSED),
            Entrance::Closed if typed.is_empty() => self.play(leg, &[ASK_PIN, KEY_WAIT], false),
            Entrance::Closed => self.play(leg, &[WRONG_PIN, ASK_PIN, KEY_WAIT], false),
        }
    }

    /// Lets a caller in whose PIN was right, if there is room.
    fn admit(&mut self, leg: LegId, is_moderator: bool) {
        if self.is_locked && !is_moderator {
            return self.turn_away(leg, LOCKED);
        }
        let is_full = self.count_in() >= usize::try_from(self.settings.members_max).unwrap_or(0);
        if is_full {
            return self.turn_away(leg, FULL);
        }
        let has_moderator = is_moderator || self.has_moderator();
        let Some(caller) = self.callers.get_mut(&leg) else { return };
        caller.is_moderator = is_moderator;
        if self.settings.wait_for_moderator && !has_moderator {
            caller.stage = Stage::Waiting;
            return self.play(leg, &["music:"], true);
        }
        self.bring_in(leg);
        self.admit_waiting();
    }

    /// Makes a caller a member.
    fn bring_in(&mut self, leg: LegId) {
        let others = self.count_in();
        let all_muted = self.all_muted;
        let Some(caller) = self.callers.get_mut(&leg) else { return };
        caller.stage = Stage::In;
        caller.is_muted |= all_muted && !caller.is_moderator;
        let role = caller.role();
        self.order(ConferenceCommand::Join { leg, role });
        if others == 0 {
            self.play(leg, &[ALONE], false);
        } else if self.settings.announce {
            self.announce(&[ENTRY_TONE]);
        }
    }

    /// Lets in those who waited for a moderator, when there is one.
    fn admit_waiting(&mut self) {
        if !self.has_moderator() {
            return;
        }
        let is_waiting = |caller: &Caller| caller.stage == Stage::Waiting;
        let waiting = self.callers.iter().filter(|(_, caller)| is_waiting(caller));
        let waiting: Vec<LegId> = waiting.map(|(leg, _)| *leg).collect();
        for leg in waiting {
            self.bring_in(leg);
        }
    }

    fn handle_command_key(&mut self, leg: LegId, key: char) {
        let Some(caller) = self.callers.get_mut(&leg) else { return };
        let is_command = std::mem::replace(&mut caller.has_pressed_star, key == '*');
        if !is_command {
            return;
        }
        match (key, caller.is_moderator) {
            ('6', _) => self.toggle_mute(leg),
            ('5', true) => self.toggle_mute_of_all(leg),
            ('7', true) => self.is_locked = !self.is_locked,
            ('9', true) => self.end(),
            _ => {}
        }
    }

    fn toggle_mute(&mut self, leg: LegId) {
        let Some(caller) = self.callers.get_mut(&leg) else { return };
        // Whoever was muted by a moderator is let speak by a moderator.
        if self.all_muted && !caller.is_moderator {
            return;
        }
        caller.is_muted = !caller.is_muted;
        let (role, prompt) = (caller.role(), if caller.is_muted { MUTED } else { UNMUTED });
        self.order(ConferenceCommand::SetRole { leg, role });
        self.play(leg, &[prompt], false);
    }

    fn toggle_mute_of_all(&mut self, by: LegId) {
        self.all_muted = !self.all_muted;
        let is_muted = self.all_muted;
        let others = self.callers.iter().filter(|(leg, caller)| **leg != by && caller.is_in());
        let others: Vec<LegId> = others.map(|(leg, _)| *leg).collect();
        for leg in others {
            self.change(leg, |caller| caller.is_muted = is_muted).expect("it was just found");
        }
    }

    fn change(&mut self, leg: LegId, change: impl FnOnce(&mut Caller)) -> Result<(), NotThere> {
        let caller = self.callers.get_mut(&leg).ok_or(NotThere(leg))?;
        let before = caller.role();
        change(caller);
        let role = caller.role();
        if caller.is_in() && role != before {
            self.order(ConferenceCommand::SetRole { leg, role });
        }
        Ok(())
    }

    fn turn_away(&mut self, leg: LegId, why: &str) {
        if let Some(caller) = self.callers.get_mut(&leg) {
            caller.stage = Stage::TurnedAway;
            self.play(leg, &[why], false);
        }
    }

    fn put_out(&mut self, leg: LegId) {
        self.handle_leave(leg);
        self.outputs.push_back(Output::HangUp(leg, HangupCause::NORMAL_CLEARING));
    }

    fn stage(&mut self, leg: LegId) -> Option<&mut Stage> {
        self.callers.get_mut(&leg).map(|caller| &mut caller.stage)
    }

    fn count_in(&self) -> usize {
        self.callers.values().filter(|caller| caller.is_in()).count()
    }

    fn has_moderator(&self) -> bool {
        let is_there = |caller: &Caller| matches!(caller.stage, Stage::In | Stage::Waiting);
        self.callers.values().any(|caller| caller.is_moderator && is_there(caller))
    }

    fn play(&mut self, leg: LegId, prompts: &[&str], repeat: bool) {
        let prompts = prompts.iter().map(|prompt| (*prompt).to_owned()).collect();
        self.outputs.push_back(Output::Media(MediaCommand::Play { leg, prompts, repeat }));
    }

    fn order(&mut self, command: ConferenceCommand) {
        let conference = self.id;
        self.outputs.push_back(Output::Media(MediaCommand::Conference { conference, command }));
    }
}
