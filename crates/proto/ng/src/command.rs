//! The commands.

/// What a message asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Command {
    /// Whether anybody is there.
    Ping,
    /// A description that goes to the other side of a call.
    Offer,
    /// The description that answers an offer.
    Answer,
    /// The end of a call or of a part of it.
    Delete,
    /// What is known of one call.
    Query,
    /// The call-ids.
    List,
    /// Counts of the whole process.
    Statistics,
    /// Record the call from here on.
    StartRecording,
    /// Record it no longer.
    StopRecording,
    /// Leave a gap in the recording.
    PauseRecording,
    /// Do not pass on DTMF.
    BlockDtmf,
    /// Pass on DTMF again.
    UnblockDtmf,
    /// Do not pass on media.
    BlockMedia,
    /// Pass on media again.
    UnblockMedia,
    /// Pass on silence in the place of media.
    SilenceMedia,
    /// Pass on media again.
    UnsilenceMedia,
    /// Play a sound to a party.
    PlayMedia,
    /// End the sound.
    StopMedia,
    /// Press a key for a party to hear.
    PlayDtmf,
    /// Send what a party says to a recording daemon.
    StartForwarding,
    /// Send it there no longer.
    StopForwarding,
    /// A description of media that comes in and has no other side.
    Publish,
    /// Somebody wants to hear parties of a call: an offer for it.
    SubscribeRequest,
    /// The answer to that offer.
    SubscribeAnswer,
    /// The end of a subscription.
    Unsubscribe,
    /// Join two parties, of one call or of two.
    Connect,
    /// Take media in with one codec and send it elsewhere with another.
    Transform,
}

impl Command {
    /// All commands with their words.
    const WORDS: [(Self, &'static str); 27] = [
        (Self::Ping, "ping"),
        (Self::Offer, "offer"),
        (Self::Answer, "answer"),
        (Self::Delete, "delete"),
        (Self::Query, "query"),
        (Self::List, "list"),
        (Self::Statistics, "statistics"),
        (Self::StartRecording, "start recording"),
        (Self::StopRecording, "stop recording"),
        (Self::PauseRecording, "pause recording"),
        (Self::BlockDtmf, "block DTMF"),
        (Self::UnblockDtmf, "unblock DTMF"),
        (Self::BlockMedia, "block media"),
        (Self::UnblockMedia, "unblock media"),
        (Self::SilenceMedia, "silence media"),
        (Self::UnsilenceMedia, "unsilence media"),
        (Self::PlayMedia, "play media"),
        (Self::StopMedia, "stop media"),
        (Self::PlayDtmf, "play DTMF"),
        (Self::StartForwarding, "start forwarding"),
        (Self::StopForwarding, "stop forwarding"),
        (Self::Publish, "publish"),
        (Self::SubscribeRequest, "subscribe request"),
        (Self::SubscribeAnswer, "subscribe answer"),
        (Self::Unsubscribe, "unsubscribe"),
        (Self::Connect, "connect"),
        (Self::Transform, "transform"),
    ];

    /// The command of that name, in any case of letters and with hyphens for spaces.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let is_same = |word: &str| {
            let letters = name.bytes().map(|byte| if byte == b'-' { b' ' } else { byte });
            let letters = letters.map(|byte| byte.to_ascii_lowercase());
            letters.eq(word.bytes().map(|byte| byte.to_ascii_lowercase()))
        };
        let mut words = Self::WORDS.iter();
        words.find(|(_, word)| is_same(word)).map(|(command, _)| *command)
    }

    /// The word in messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        let found = Self::WORDS.iter().find(|(command, _)| *command == self);
        found.map_or("", |(_, word)| word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_names_its_command() {
        for (command, word) in Command::WORDS {
            assert_eq!(Command::from_name(word), Some(command));
            assert_eq!(Command::from_name(&word.to_uppercase()), Some(command));
            assert_eq!(Command::from_name(&word.replace(' ', "-")), Some(command));
            assert_eq!(command.as_str(), word);
        }
        assert_eq!(Command::from_name("offers"), None);
    }
}
