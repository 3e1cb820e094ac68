//! Which formats each side is shown.

use offhook_ng::{CodecFlags, Switches};
use offhook_sdp::{AudioFormat, EditedFormat, Encoding, MediaDescription, RtpMap};

/// The payload types of formats that we add.
const DYNAMIC_PAYLOAD_TYPES: std::ops::RangeInclusive<u8> = 96..=127;

/// A format of a description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) payload_type: u8,
    /// What `rtpmap` says; `None` where it says nothing, so that only the other side knows.
    map: Option<RtpMap>,
    /// What the media role knows it as; `None` for a format that can only be passed on.
    known: Option<AudioFormat>,
}

impl Format {
    fn of(payload_type: u8, format: AudioFormat) -> Self {
        let map = Some(format.to_rtpmap(payload_type));
        Self { payload_type, map, known: Some(format) }
    }

    /// Whether it carries speech, as far as can be told: what is not known does.
    fn is_speech(&self) -> bool {
        self.known.is_none_or(AudioFormat::is_speech)
    }

    /// Whether it carries speech that the media role can decode.
    pub(super) fn is_decoded(&self) -> bool {
        self.known.is_some_and(AudioFormat::is_speech)
    }

    /// Whether both are the same format, whatever their payload types. One without a name is known by its
    /// payload type alone.
    fn is_like(&self, other: &Self) -> bool {
        match (&self.map, &other.map) {
            _ if self.known.is_some() || other.known.is_some() => self.known == other.known,
            (Some(a), Some(b)) => {
                a.encoding.eq_ignore_ascii_case(&b.encoding)
                    && (a.clock_rate, a.channels) == (b.clock_rate, b.channels)
            }
            _ => self.payload_type == other.payload_type,
        }
    }

    /// Whether a name of a flag means this format: `PCMU`, `opus/48000/2`, `all` for every speech codec and
    /// `full` for every format.
    fn is_named(&self, name: &str) -> bool {
        if is_every(name) {
            return self.is_speech() || name.eq_ignore_ascii_case("full");
        }
        self.is_called(name)
    }

    /// Whether it is the name of this format and no other.
    fn is_called(&self, name: &str) -> bool {
        let known = self.known.map(|format| format.to_rtpmap(self.payload_type));
        let Some(map) = known.as_ref().or(self.map.as_ref()) else { return false };
        let mut parts = name.split('/');
        let encoding = parts.next().unwrap_or_default();
        let mut matches = |own: u32| match parts.next().filter(|part| !part.is_empty()) {
            Some(part) => part.parse() == Ok(own),
            None => true,
        };
        encoding.eq_ignore_ascii_case(&map.encoding)
            && matches(map.clock_rate)
            && matches(u32::from(map.channels))
    }

    /// The name by which it is shown.
    pub(super) fn name(&self) -> Option<&str> {
        self.map.as_ref().map(|map| map.encoding.as_str())
    }
}

/// The formats of a section of RTP.
pub(super) fn formats(section: &MediaDescription) -> Vec<Format> {
    let payload_types = section.formats.iter().filter_map(|format| format.parse::<u8>().ok());
    let format = |payload_type| {
        let map = section.rtpmap(payload_type);
        let known = map.as_ref().and_then(AudioFormat::from_rtpmap);
        Format { payload_type, map, known }
    };
    payload_types.map(format).collect()
}

fn hides(flags: &CodecFlags, is_named: impl Fn(&[String]) -> bool) -> bool {
    let is_hidden = is_named(&flags.strip) || is_named(&flags.mask) || is_named(&flags.consume);
    is_hidden && !is_named(&flags.except) && !is_named(&flags.offer)
}

/// What is shown to the receiver of an offer with these formats; the text says what cannot be.
pub(super) fn offered(theirs: &[Format], flags: &CodecFlags) -> Result<Vec<EditedFormat>, String> {
    let is_hidden =
        |format: &Format| hides(flags, |names| names.iter().any(|name| format.is_named(name)));
    let mut shown: Vec<Format> =
        theirs.iter().filter(|format| !is_hidden(format)).cloned().collect();
    prefer(&mut shown, &flags.offer);
    let mut edited: Vec<EditedFormat> =
        shown.iter().map(|format| EditedFormat::kept(format.payload_type)).collect();
    let mut taken: Vec<u8> = theirs.iter().map(|format| format.payload_type).collect();
    // What the sender speaks must be decoded to be made into something else.
    let is_decoded = theirs.iter().any(Format::is_decoded);
    for name in &flags.transcode {
        let known = theirs.iter().find(|format| format.is_called(name)).cloned();
        let new = match &known {
            Some(known) => known.clone(),
            None => Format::of(0, format_of(name).ok_or_else(|| cannot_make(name))?),
        };
        if shown.iter().any(|format| format.is_like(&new)) {
            continue;
        }
        let place = speech_count(&shown);
        if let Some(known) = known {
            edited.insert(place, EditedFormat::kept(known.payload_type));
            shown.insert(place, known);
        } else if let Some(new) =
            new.known.filter(|_| is_decoded).and_then(|format| new_format(format, &mut taken))
        {
            edited.insert(place, added_format(&new));
            shown.insert(place, new);
        }
    }
    if !flags.transcode.is_empty() {
        fit_events(theirs, &mut shown, &mut edited, &mut taken);
    }
    Ok(edited)
}

/// What of these formats is offered to somebody who listens to a party: only what can be made of its speech.
pub(super) fn overheard(
    theirs: &[Format],
    flags: &CodecFlags,
) -> Result<Vec<EditedFormat>, String> {
    let known = theirs.iter().filter(|format| format.known.is_some()).cloned();
    offered(&known.collect::<Vec<_>>(), flags)
}

fn cannot_make(name: &str) -> String {
    format!("codec transcode: {name} cannot be made; PCMU, PCMA, G722, opus and L16 can")
}

/// What is shown of the formats of a section that is no audio: codecs are taken out by their own names, and
/// retransmissions (RFC 4588) with them. `None` when all of them stay.
pub(super) fn offered_beside(
    section: &MediaDescription,
    flags: &CodecFlags,
) -> Option<Vec<EditedFormat>> {
    let theirs = formats(section);
    let is_hidden =
        |format: &Format| hides(flags, |names| names.iter().any(|name| format.is_called(name)));
    let gone: Vec<u8> = theirs
        .iter()
        .filter(|format| is_hidden(format))
        .map(|format| format.payload_type)
        .collect();
    if gone.is_empty() {
        return None;
    }
    let repeats = |format: &Format| {
        let fmtp = section.fmtp(format.payload_type).unwrap_or_default();
        let of = fmtp.split(';').find_map(|entry| entry.trim().strip_prefix("apt="));
        of.and_then(|of| of.parse().ok()).is_some_and(|of: u8| gone.contains(&of))
    };
    let stays = |format: &&Format| !gone.contains(&format.payload_type) && !repeats(format);
    Some(
        theirs.iter().filter(stays).map(|format| EditedFormat::kept(format.payload_type)).collect(),
    )
}

/// Those of a list go first, in its order.
fn prefer(shown: &mut [Format], names: &[String]) {
    let place = |format: &Format| {
        let found = names.iter().position(|name| format.is_named(name));
        (!format.is_speech(), found.unwrap_or(usize::MAX))
    };
    if !names.is_empty() {
        shown.sort_by_key(place);
    }
}

fn speech_count(formats: &[Format]) -> usize {
    formats.iter().take_while(|format| format.is_speech()).count()
}

/// Telephone-event for the clocks of the speech, where the other side has any.
fn fit_events(
    theirs: &[Format],
    shown: &mut Vec<Format>,
    edited: &mut Vec<EditedFormat>,
    taken: &mut Vec<u8>,
) {
    let is_event =
        |format: &Format| format.known.filter(|known| known.encoding == Encoding::TelephoneEvent);
    if !theirs.iter().any(|format| is_event(format).is_some()) {
        return;
    }
    let clocks: Vec<u32> = {
        let speech = shown.iter().filter(|format| format.is_speech());
        speech.filter_map(|format| format.map.as_ref()).map(|map| map.clock_rate).collect()
    };
    let fits =
        |format: &Format| is_event(format).is_none_or(|event| clocks.contains(&event.clock_rate));
    let mut kept = shown.iter().map(fits).collect::<Vec<_>>().into_iter();
    edited.retain(|_| kept.next().unwrap_or(true));
    shown.retain(fits);
    for clock in &clocks {
        let format = AudioFormat::new(Encoding::TelephoneEvent, *clock, 1);
        if shown.iter().any(|known| known.known == Some(format)) {
            continue;
        }
        if let Some(new) = new_format(format, taken) {
            edited.push(added_format(&new));
            shown.push(new);
        }
    }
}

fn new_format(format: AudioFormat, taken: &mut Vec<u8>) -> Option<Format> {
    let own = format.static_payload_type().filter(|own| !taken.contains(own));
    let events =
        (format.encoding == Encoding::TelephoneEvent && !taken.contains(&101)).then_some(101);
    let free = || DYNAMIC_PAYLOAD_TYPES.clone().find(|free| !taken.contains(free));
    let payload_type = own.or(events).or_else(free)?;
    taken.push(payload_type);
    Some(Format::of(payload_type, format))
}

/// A format that is added where it was not.
fn added_format(format: &Format) -> EditedFormat {
    let Some(known) = format.known else { return EditedFormat::kept(format.payload_type) };
    let fmtp = match known.encoding {
        Encoding::Opus => "useinbandfec=1",
        Encoding::TelephoneEvent => "0-15",
        _ => "",
    };
    EditedFormat::added(format.payload_type, rtpmap(known), fmtp)
}

fn rtpmap(format: AudioFormat) -> String {
    let text = format.to_rtpmap(0).to_string();
    text.split_once(' ').map_or_else(String::new, |(_, map)| map.to_owned())
}

/// The bits per second that a list has for Opus, as in `opus/48000/2/32000`.
pub(super) fn opus_bitrate(names: &[String]) -> Option<u32> {
    let of_opus = |name: &String| {
        let mut parts = name.split('/');
        let is_opus = parts.next()?.eq_ignore_ascii_case(Encoding::Opus.as_str());
        parts.nth(2).filter(|_| is_opus)?.parse().ok()
    };
    names.iter().find_map(of_opus)
}

/// The codec in which a publisher shall send: the first of those that are preferred and offered, or else the
/// first that is offered; its payload type.
pub(super) fn published(offered: &[Format], flags: &CodecFlags) -> Option<u8> {
    let mut speech = offered.iter().filter(|format| format.is_decoded());
    let known = speech.clone();
    let preferred =
        flags.accept.iter().find_map(|name| known.clone().find(|format| format.is_named(name)));
    preferred.or_else(|| speech.next()).map(|format| format.payload_type)
}

/// What a party that offered is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answered {
    /// The media role speaks with both.
    Spoken {
        /// Its formats that stay, by their payload types in its offer.
        kept: Vec<u8>,
        /// How the other side's answer is edited; `None` when nothing is in common, so that what the media
        /// role answers stands for it.
        edited: Option<Vec<EditedFormat>>,
    },
    /// What both speak is passed on as it is, and so is the answer.
    PassedOn,
}

/// What a party that offered `offered` is answered when the other side answered with `answered`. What the
/// answer names first is spoken, so that a format which only the two sides know makes the section one that
/// is passed on.
pub(super) fn answered(
    offered: &[Format],
    answered: &[Format],
    flags: &CodecFlags,
    switches: Switches,
) -> Answered {
    let is_shared = |theirs: &Format| offered.iter().any(|ours| ours.is_like(theirs));
    let is_spoken =
        |format: &&Format| format.is_speech() && (format.known.is_some() || is_shared(format));
    let first = answered.iter().find(is_spoken);
    if first.is_none_or(|first| !first.is_decoded()) || !offered.iter().any(Format::is_decoded) {
        return Answered::PassedOn;
    }
    let pair = |theirs: &Format| {
        let found = offered.iter().find(|ours| ours.known.is_some() && ours.is_like(theirs))?;
        Some((theirs.clone(), found.clone()))
    };
    let mut common: Vec<(Format, Format)> = answered.iter().filter_map(pair).collect();
    let speaks = common.iter().any(|(_, format)| format.is_speech());
    if !speaks || switches.always_transcode {
        return Answered::Spoken { kept: spoken_by(offered, flags), edited: None };
    }
    if switches.single_codec {
        let mut speech = 0;
        common.retain(|(_, format)| {
            speech += usize::from(format.is_speech());
            !format.is_speech() || speech == 1
        });
    }
    let mut edited: Vec<EditedFormat> = common
        .iter()
        .map(|(theirs, ours)| EditedFormat::renumbered(theirs.payload_type, ours.payload_type))
        .collect();
    let mut kept: Vec<u8> = common.iter().map(|(_, ours)| ours.payload_type).collect();
    for format in offered.iter().filter(|format| format.is_decoded()) {
        let mut names = flags.accept.iter().chain(&flags.consume);
        let is_accepted = names.any(|name| format.is_named(name));
        if is_accepted && !kept.contains(&format.payload_type) {
            kept.push(format.payload_type);
            edited.push(added_format(format));
        }
    }
    Answered::Spoken { kept, edited: Some(edited) }
}

/// What is spoken with a party that has nothing in common with the other: its first codec, or the first
/// that it shall speak, and what goes with it.
fn spoken_by(offered: &[Format], flags: &CodecFlags) -> Vec<u8> {
    let accepted = |format: &&Format| {
        let mut names = flags.accept.iter().chain(&flags.consume);
        names.any(|name| !is_every(name) && format.is_named(name))
    };
    let mut speech = offered.iter().filter(|format| format.is_decoded());
    let first = speech.clone().find(accepted).or_else(|| speech.next());
    let events = offered.iter().filter(|format| !format.is_speech());
    first.into_iter().chain(events).map(|format| format.payload_type).collect()
}

fn is_every(name: &str) -> bool {
    name.eq_ignore_ascii_case("all") || name.eq_ignore_ascii_case("full")
}

/// The format of a name, its clock and channels filled in where it has none.
fn format_of(name: &str) -> Option<AudioFormat> {
    let mut parts = name.split('/');
    let encoding = parts.next()?.to_owned();
    let usual = match Encoding::from_name(&encoding)? {
        Encoding::Opus => AudioFormat::OPUS,
        Encoding::G722 => AudioFormat::G722,
        encoding => AudioFormat::new(encoding, 8_000, 1),
    };
    let clock_rate = parts.next().and_then(|part| part.parse().ok());
    let channels = parts.next().and_then(|part| part.parse().ok());
    AudioFormat::from_rtpmap(&RtpMap {
        payload_type: 0,
        encoding,
        clock_rate: clock_rate.unwrap_or(usual.clock_rate),
        channels: channels.unwrap_or(usual.channels),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use offhook_sdp::SessionDescription;

    fn formats_of(lines: &str) -> Vec<Format> {
        let sdp = format!(
            "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n{lines}"
        );
        let description = SessionDescription::parse(sdp.as_bytes()).expect("a description");
        formats(&description.media[0])
    }

    fn browser() -> Vec<Format> {
        formats_of(
            "m=audio 9 UDP/TLS/RTP/SAVPF 111 9 0 8 126 110\r\na=rtpmap:111 opus/48000/2\r\n\
             a=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\n",
        )
    }

    fn phone() -> Vec<Format> {
        formats_of("m=audio 9 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n")
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn shown(theirs: &[Format], flags: &CodecFlags) -> Vec<EditedFormat> {
        offered(theirs, flags).expect("formats that can be made")
    }

    /// What stays of an offer that is spoken, and how the answer is edited.
    fn spoken(answered: Answered) -> (Vec<u8>, Option<Vec<EditedFormat>>) {
        match answered {
            Answered::Spoken { kept, edited } => (kept, edited),
            Answered::PassedOn => panic!("it is passed on"),
        }
    }

    fn payload_types(formats: &[EditedFormat]) -> Vec<u8> {
        formats.iter().map(|format| format.payload_type).collect()
    }

    #[test]
    fn without_flags_every_format_stays() {
        let formats = shown(&browser(), &CodecFlags::default());
        assert_eq!(payload_types(&formats), [111, 9, 0, 8, 126, 110]);
        assert!(formats.iter().all(|format| format.source.is_some()));
    }

    #[test]
    fn codecs_are_stripped_masked_excepted_and_ordered() {
        let strip = CodecFlags { strip: names(&["opus", "G722/8000"]), ..CodecFlags::default() };
        assert_eq!(payload_types(&shown(&browser(), &strip)), [0, 8, 126, 110]);
        let except = CodecFlags {
            strip: names(&["all"]),
            except: names(&["PCMA"]),
            ..CodecFlags::default()
        };
        assert_eq!(payload_types(&shown(&browser(), &except)), [8, 126, 110]);
        let ordered = CodecFlags {
            mask: names(&["full"]),
            offer: names(&["pcma", "opus"]),
            ..CodecFlags::default()
        };
        assert_eq!(payload_types(&shown(&browser(), &ordered)), [8, 111]);
    }

    #[test]
    fn a_codec_is_added_with_the_events_of_its_clock() {
        let only_opus = formats_of(
            "m=audio 9 RTP/AVP 8 101\r\na=rtpmap:8 opus/48000/2\r\na=rtpmap:101 telephone-event/48000\r\n",
        );
        let flags = CodecFlags {
            mask: names(&["all"]),
            transcode: names(&["PCMA"]),
            ..CodecFlags::default()
        };
        let formats = shown(&only_opus, &flags);
        assert_eq!(formats[0].rtpmap, "PCMA/8000");
        assert_eq!(formats[1].rtpmap, "telephone-event/8000");
        // 8 and 101 mean something else in this offer.
        assert_eq!(payload_types(&formats), [96, 97]);
        let opus = CodecFlags { transcode: names(&["opus"]), ..CodecFlags::default() };
        let formats = shown(&phone(), &opus);
        assert_eq!(payload_types(&formats), [8, 0, 96, 101, 97]);
        assert_eq!(formats[2].rtpmap, "opus/48000/2");
    }

    #[test]
    fn a_codec_that_is_there_is_not_added_again() {
        let flags = CodecFlags {
            mask: names(&["all"]),
            transcode: names(&["PCMU"]),
            ..CodecFlags::default()
        };
        assert_eq!(payload_types(&shown(&phone(), &flags)), [0, 101]);
    }

    #[test]
    fn an_answer_keeps_what_both_have_under_the_numbers_of_the_offer() {
        let theirs = formats_of(
            "m=audio 9 RTP/AVP 96 0 101\r\na=rtpmap:96 opus/48000/2\r\n\
             a=rtpmap:101 telephone-event/8000\r\n",
        );
        let answer = answered(&browser(), &theirs, &CodecFlags::default(), Switches::default());
        let (kept, edited) = spoken(answer);
        assert_eq!(kept, [111, 0, 126]);
        let edited = edited.expect("something in common");
        assert_eq!(edited[0], EditedFormat::renumbered(96, 111));
        assert_eq!(edited[2], EditedFormat::renumbered(101, 126));
    }

    #[test]
    fn with_nothing_in_common_the_offerers_first_codec_is_spoken() {
        let theirs = formats_of("m=audio 9 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\n");
        let answer = answered(&phone(), &theirs, &CodecFlags::default(), Switches::default());
        assert_eq!(answer, Answered::Spoken { kept: vec![8, 101], edited: None });
        let consume = CodecFlags { consume: names(&["PCMU"]), ..CodecFlags::default() };
        let answer = answered(&phone(), &theirs, &consume, Switches::default());
        assert_eq!(spoken(answer).0, [0, 101]);
    }

    #[test]
    fn only_one_codec_is_answered_when_asked_for() {
        let switches = Switches { single_codec: true, ..Switches::default() };
        let answer = answered(&phone(), &phone(), &CodecFlags::default(), switches);
        assert_eq!(spoken(answer).0, [8, 101]);
    }

    fn carrier() -> Vec<Format> {
        formats_of(
            "m=audio 9 RTP/AVP 18 8 96 101 77\r\na=rtpmap:96 AMR/8000\r\n\
             a=rtpmap:101 telephone-event/8000\r\n",
        )
    }

    #[test]
    fn what_is_not_known_stays_in_its_place_and_is_known_by_its_name() {
        let formats = shown(&carrier(), &CodecFlags::default());
        assert_eq!(payload_types(&formats), [18, 8, 96, 101, 77]);
        let strip = CodecFlags { strip: names(&["g729", "AMR/16000"]), ..CodecFlags::default() };
        assert_eq!(payload_types(&shown(&carrier(), &strip)), [8, 96, 101, 77]);
        let all =
            CodecFlags { mask: names(&["all"]), except: names(&["AMR"]), ..CodecFlags::default() };
        assert_eq!(payload_types(&shown(&carrier(), &all)), [96, 101]);
        let first = CodecFlags { offer: names(&["AMR/8000/1"]), ..CodecFlags::default() };
        assert_eq!(payload_types(&shown(&carrier(), &first)), [96, 18, 8, 77, 101]);
    }

    #[test]
    fn what_cannot_be_made_is_refused_unless_it_is_there() {
        let flags = |name: &str| CodecFlags {
            mask: names(&["all"]),
            transcode: names(&[name]),
            ..CodecFlags::default()
        };
        let refused = offered(&phone(), &flags("G729")).expect_err("no such encoder");
        assert!(refused.contains("G729 cannot be made"), "{refused}");
        assert_eq!(payload_types(&shown(&carrier(), &flags("G729"))), [18, 101]);
        // Nobody here hears what a party with G.729 alone says.
        let only = formats_of("m=audio 9 RTP/AVP 18\r\n");
        assert!(shown(&only, &flags("PCMA")).is_empty());
    }

    #[test]
    fn the_first_codec_of_an_answer_decides_whether_it_is_passed_on() {
        let answer = |lines: &str| {
            let (flags, switches) = (CodecFlags::default(), Switches::default());
            answered(&carrier(), &formats_of(lines), &flags, switches)
        };
        assert_eq!(answer("m=audio 9 RTP/AVP 18 8\r\n"), Answered::PassedOn);
        assert_eq!(spoken(answer("m=audio 9 RTP/AVP 8 18\r\n")).0, [8]);
        assert_eq!(
            answer("m=audio 9 RTP/AVP 101 77\r\na=rtpmap:101 telephone-event/8000\r\n"),
            Answered::PassedOn
        );
        // What was not offered is not spoken.
        let lines = "m=audio 9 RTP/AVP 97 8\r\na=rtpmap:97 SPEEX/8000\r\n";
        assert_eq!(spoken(answer(lines)).0, [8]);
    }

    #[test]
    fn a_video_codec_is_taken_out_with_its_retransmissions() {
        let lines = "m=video 9 RTP/AVPF 96 97 98\r\na=rtpmap:96 VP8/90000\r\n\
            a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=rtpmap:98 H264/90000\r\n";
        let sdp = format!("v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nt=0 0\r\n{lines}");
        let description = SessionDescription::parse(sdp.as_bytes()).expect("a description");
        let left = |strip: &[&str]| {
            let flags = CodecFlags { strip: names(strip), ..CodecFlags::default() };
            offered_beside(&description.media[0], &flags).map(|left| payload_types(&left))
        };
        assert_eq!(left(&["VP8"]), Some(vec![98]));
        assert_eq!(left(&["all"]), None);
    }
}
