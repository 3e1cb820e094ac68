//! Which formats each side is shown.

use offhook_ng::{CodecFlags, Switches};
use offhook_sdp::{AudioFormat, EditedFormat, Encoding, MediaDescription, RtpMap};

/// The payload types of formats that we add.
const DYNAMIC_PAYLOAD_TYPES: std::ops::RangeInclusive<u8> = 96..=127;

/// A format of a description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) payload_type: u8,
    format: AudioFormat,
}

/// The formats of a section that the media role knows.
pub(super) fn formats(section: &MediaDescription) -> Vec<Format> {
    let known = section.rtpmaps().filter_map(|map| {
        let format = AudioFormat::from_rtpmap(&map)?;
        Some(Format { payload_type: map.payload_type, format })
    });
    known.collect()
}

/// What is shown to the receiver of an offer with these formats.
pub(super) fn offered(theirs: &[Format], flags: &CodecFlags) -> Vec<EditedFormat> {
    let hides = |format: &Format| {
        let is_named =
            |names: &[String]| names.iter().any(|name| names_format(name, format.format));
        let is_hidden = is_named(&flags.strip) || is_named(&flags.mask) || is_named(&flags.consume);
        is_hidden && !is_named(&flags.except) && !is_named(&flags.offer)
    };
    let mut shown: Vec<Format> = theirs.iter().filter(|format| !hides(format)).cloned().collect();
    prefer(&mut shown, &flags.offer);
    let mut edited: Vec<EditedFormat> =
        shown.iter().map(|format| EditedFormat::kept(format.payload_type)).collect();
    let mut taken: Vec<u8> = theirs.iter().map(|format| format.payload_type).collect();
    let added = flags.transcode.iter().filter_map(|name| format_of(name));
    for format in added.collect::<Vec<_>>() {
        if shown.iter().any(|known| known.format == format) {
            continue;
        }
        let known = theirs.iter().find(|known| known.format == format).cloned();
        let place = speech_count(&shown);
        if let Some(known) = known {
            edited.insert(place, EditedFormat::kept(known.payload_type));
            shown.insert(place, known);
        } else if let Some(new) = new_format(format, &mut taken) {
            edited.insert(place, added_format(&new));
            shown.insert(place, new);
        }
    }
    if !flags.transcode.is_empty() {
        fit_events(theirs, &mut shown, &mut edited, &mut taken);
    }
    edited
}

/// Those of a list go first, in its order.
fn prefer(shown: &mut [Format], names: &[String]) {
    let place = |format: &Format| {
        let found = names.iter().position(|name| names_format(name, format.format));
        (!format.format.is_speech(), found.unwrap_or(usize::MAX))
    };
    if !names.is_empty() {
        shown.sort_by_key(place);
    }
}

fn speech_count(formats: &[Format]) -> usize {
    formats.iter().take_while(|format| format.format.is_speech()).count()
}

/// Telephone-event for the clocks of the speech, where the other side has any.
fn fit_events(
    theirs: &[Format],
    shown: &mut Vec<Format>,
    edited: &mut Vec<EditedFormat>,
    taken: &mut Vec<u8>,
) {
    if !theirs.iter().any(|format| format.format.encoding == Encoding::TelephoneEvent) {
        return;
    }
    let clocks: Vec<u32> = {
        let speech = shown.iter().filter(|format| format.format.is_speech());
        speech.map(|format| format.format.clock_rate).collect()
    };
    let fits = |format: &Format| {
        format.format.encoding != Encoding::TelephoneEvent
            || clocks.contains(&format.format.clock_rate)
    };
    let mut kept = shown.iter().map(fits).collect::<Vec<_>>().into_iter();
    edited.retain(|_| kept.next().unwrap_or(true));
    shown.retain(fits);
    for clock in clocks {
        let format = AudioFormat::new(Encoding::TelephoneEvent, clock, 1);
        if shown.iter().any(|known| known.format == format) {
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
    Some(Format { payload_type, format })
}

fn added_format(format: &Format) -> EditedFormat {
    let fmtp = match format.format.encoding {
        Encoding::Opus => "useinbandfec=1",
        Encoding::TelephoneEvent => "0-15",
        _ => "",
    };
    EditedFormat::added(format.payload_type, rtpmap(format.format), fmtp)
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
    let mut speech = offered.iter().filter(|format| format.format.is_speech());
    let known = speech.clone();
    let preferred = flags
        .accept
        .iter()
        .find_map(|name| known.clone().find(|format| names_format(name, format.format)));
    preferred.or_else(|| speech.next()).map(|format| format.payload_type)
}

/// What a party that offered is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answered {
    /// Its formats that stay, by their payload types in its offer.
    pub(super) kept: Vec<u8>,
    /// How the other side's answer is edited; `None` when nothing is in common, so that what the media
    /// role answers stands for it.
    pub(super) edited: Option<Vec<EditedFormat>>,
}

/// What a party that offered `offered` is answered when the other side answered with `answered`.
pub(super) fn answered(
    offered: &[Format],
    answered: &[Format],
    flags: &CodecFlags,
    switches: Switches,
) -> Answered {
    let pair = |theirs: &Format| {
        let found = offered.iter().find(|ours| ours.format == theirs.format)?;
        Some((theirs.clone(), found.clone()))
    };
    let mut common: Vec<(Format, Format)> = answered.iter().filter_map(pair).collect();
    let speaks = common.iter().any(|(_, format)| format.format.is_speech());
    if !speaks || switches.always_transcode {
        return Answered { kept: spoken_by(offered, flags), edited: None };
    }
    if switches.single_codec {
        let mut speech = 0;
        common.retain(|(_, format)| {
            speech += usize::from(format.format.is_speech());
            !format.format.is_speech() || speech == 1
        });
    }
    let mut edited: Vec<EditedFormat> = common
        .iter()
        .map(|(theirs, ours)| EditedFormat::renumbered(theirs.payload_type, ours.payload_type))
        .collect();
    let mut kept: Vec<u8> = common.iter().map(|(_, ours)| ours.payload_type).collect();
    for format in offered.iter().filter(|format| format.format.is_speech()) {
        let names = flags.accept.iter().chain(&flags.consume);
        let is_accepted = names.into_iter().any(|name| names_format(name, format.format));
        if is_accepted && !kept.contains(&format.payload_type) {
            kept.push(format.payload_type);
            edited.push(added_format(format));
        }
    }
    Answered { kept, edited: Some(edited) }
}

/// What is spoken with a party that has nothing in common with the other: its first codec, or the first
/// that it shall speak, and what goes with it.
fn spoken_by(offered: &[Format], flags: &CodecFlags) -> Vec<u8> {
    let accepted = |format: &&Format| {
        let mut names = flags.accept.iter().chain(&flags.consume);
        names.any(|name| !is_every(name) && names_format(name, format.format))
    };
    let mut speech = offered.iter().filter(|format| format.format.is_speech());
    let first = speech.clone().find(accepted).or_else(|| speech.next());
    let events = offered.iter().filter(|format| !format.format.is_speech());
    first.into_iter().chain(events).map(|format| format.payload_type).collect()
}

fn is_every(name: &str) -> bool {
    name.eq_ignore_ascii_case("all") || name.eq_ignore_ascii_case("full")
}

/// Whether a name of a flag means this format: `PCMU`, `opus/48000/2`, `all` for every speech codec and
/// `full` for every format.
fn names_format(name: &str, format: AudioFormat) -> bool {
    if is_every(name) {
        return format.is_speech() || name.eq_ignore_ascii_case("full");
    }
    let mut parts = name.split('/');
    let encoding = parts.next().unwrap_or_default();
    let mut matches = |own: u32| match parts.next().filter(|part| !part.is_empty()) {
        Some(part) => part.parse() == Ok(own),
        None => true,
    };
    encoding.eq_ignore_ascii_case(format.encoding.as_str())
        && matches(format.clock_rate)
        && matches(u32::from(format.channels))
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

    fn payload_types(formats: &[EditedFormat]) -> Vec<u8> {
        formats.iter().map(|format| format.payload_type).collect()
    }

    #[test]
    fn without_flags_every_format_stays() {
        let shown = offered(&browser(), &CodecFlags::default());
        assert_eq!(payload_types(&shown), [111, 9, 0, 8, 126, 110]);
        assert!(shown.iter().all(|format| format.source.is_some()));
    }

    #[test]
    fn codecs_are_stripped_masked_excepted_and_ordered() {
        let strip = CodecFlags { strip: names(&["opus", "G722/8000"]), ..CodecFlags::default() };
        assert_eq!(payload_types(&offered(&browser(), &strip)), [0, 8, 126, 110]);
        let except = CodecFlags {
            strip: names(&["all"]),
            except: names(&["PCMA"]),
            ..CodecFlags::default()
        };
        assert_eq!(payload_types(&offered(&browser(), &except)), [8, 126, 110]);
        let ordered = CodecFlags {
            mask: names(&["full"]),
            offer: names(&["pcma", "opus"]),
            ..CodecFlags::default()
        };
        assert_eq!(payload_types(&offered(&browser(), &ordered)), [8, 111]);
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
        let shown = offered(&only_opus, &flags);
        assert_eq!(shown[0].rtpmap, "PCMA/8000");
        assert_eq!(shown[1].rtpmap, "telephone-event/8000");
        // 8 and 101 mean something else in this offer.
        assert_eq!(payload_types(&shown), [96, 97]);
        let opus = CodecFlags { transcode: names(&["opus"]), ..CodecFlags::default() };
        let shown = offered(&phone(), &opus);
        assert_eq!(payload_types(&shown), [8, 0, 96, 101, 97]);
        assert_eq!(shown[2].rtpmap, "opus/48000/2");
    }

    #[test]
    fn a_codec_that_is_there_is_not_added_again() {
        let flags = CodecFlags {
            mask: names(&["all"]),
            transcode: names(&["PCMU"]),
            ..CodecFlags::default()
        };
        assert_eq!(payload_types(&offered(&phone(), &flags)), [0, 101]);
    }

    #[test]
    fn an_answer_keeps_what_both_have_under_the_numbers_of_the_offer() {
        let theirs = formats_of(
            "m=audio 9 RTP/AVP 96 0 101\r\na=rtpmap:96 opus/48000/2\r\n\
             a=rtpmap:101 telephone-event/8000\r\n",
        );
        let answer = answered(&browser(), &theirs, &CodecFlags::default(), Switches::default());
        assert_eq!(answer.kept, [111, 0, 126]);
        let edited = answer.edited.expect("something in common");
        assert_eq!(edited[0], EditedFormat::renumbered(96, 111));
        assert_eq!(edited[2], EditedFormat::renumbered(101, 126));
    }

    #[test]
    fn with_nothing_in_common_the_offerers_first_codec_is_spoken() {
        let theirs = formats_of("m=audio 9 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\n");
        let answer = answered(&phone(), &theirs, &CodecFlags::default(), Switches::default());
        assert_eq!(answer, Answered { kept: vec![8, 101], edited: None });
        let consume = CodecFlags { consume: names(&["PCMU"]), ..CodecFlags::default() };
        let answer = answered(&phone(), &theirs, &consume, Switches::default());
        assert_eq!(answer.kept, [0, 101]);
    }

    #[test]
    fn only_one_codec_is_answered_when_asked_for() {
        let switches = Switches { single_codec: true, ..Switches::default() };
        let answer = answered(&phone(), &phone(), &CodecFlags::default(), switches);
        assert_eq!(answer.kept, [8, 101]);
    }
}
