//! Prompt URIs: what is to be played.

use offhook_audio::{TonePrompt, TonePromptError};
use offhook_speech::say::{English, SayError, say};

/// Prompts of one list at most.
pub(crate) const PROMPTS_MAX: usize = 64;
/// Pieces into which the texts of one list are cut at most.
pub(crate) const PIECES_MAX: usize = 256;
/// Bytes of one prompt at most.
const URI_BYTES_MAX: usize = 8 * 1024;
/// The longest silence, in milliseconds.
const SILENCE_MS_MAX: u32 = 600_000;
/// Letters of a piece of text at most. Sentences that are longer are cut where they breathe.
const PIECE_LETTERS_MAX: usize = 240;

/// One thing to play.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Prompt {
    /// Sines.
    Tone(TonePrompt),
    /// Nothing, for so many milliseconds.
    Silence { duration_ms: u32 },
    /// Hold music, without end.
    Music,
    /// A sound that somebody else makes or reads.
    Sound(SoundSource),
}

/// Where a sound comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SoundSource {
    /// A text to be spoken: a sentence or a part of one.
    Text(String),
    /// A file of the prompts folder.
    File(String),
    /// A file of the folder of the recordings.
    Recording(String),
}

/// Why a prompt is skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PromptError {
    /// The scheme is not one of ours.
    #[error("a prompt begins with tone:, silence:, music:, tts:, say:, file: or recording:")]
    UnknownScheme,
    /// It is longer than a prompt may be.
    #[error("the prompt is too long")]
    TooLong,
    /// The tone cannot be read.
    #[error(transparent)]
    Tone(#[from] TonePromptError),
    /// The silence has no duration, or too long a one.
    #[error("silence is 1 to {SILENCE_MS_MAX} ms long")]
    Silence,
    /// The value cannot be said.
    #[error(transparent)]
    Say(#[from] SayError),
    /// The name would leave the prompts folder.
    #[error("a file or recording prompt names a file within its folder")]
    FileName,
}

/// Reads one URI. A text becomes several prompts, so that the first sentence is heard while the others
/// are still being made.
pub(crate) fn parse(uri: &str) -> Result<Vec<Prompt>, PromptError> {
    if uri.len() > URI_BYTES_MAX {
        return Err(PromptError::TooLong);
    }
    let (scheme, rest) = uri.split_once(':').ok_or(PromptError::UnknownScheme)?;
    match scheme {
        "tone" => Ok(vec![Prompt::Tone(uri.parse()?)]),
        "silence" => Ok(vec![silence(rest)?]),
        "music" => Ok(vec![Prompt::Music]),
        "tts" => Ok(spoken(rest)),
        "say" => {
            let (kind, value) = rest.split_once(':').unwrap_or((rest, ""));
            Ok(spoken(&say(kind, value, &English)?))
        }
        "file" => Ok(vec![Prompt::Sound(SoundSource::File(file_name(rest)?))]),
        "recording" => Ok(vec![Prompt::Sound(SoundSource::Recording(file_name(rest)?))]),
        _ => Err(PromptError::UnknownScheme),
    }
}

fn spoken(text: &str) -> Vec<Prompt> {
    pieces(text).map(|text| Prompt::Sound(SoundSource::Text(text))).collect()
}

fn silence(rest: &str) -> Result<Prompt, PromptError> {
    let duration_ms = rest.trim().parse().map_err(|_| PromptError::Silence)?;
    if !(1..=SILENCE_MS_MAX).contains(&duration_ms) {
        return Err(PromptError::Silence);
    }
    Ok(Prompt::Silence { duration_ms })
}

/// A relative path of plain names, so that no prompt reads outside its folder.
fn file_name(name: &str) -> Result<String, PromptError> {
    let is_plain = |part: &str| {
        let letter = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ');
        !part.is_empty() && !part.starts_with('.') && part.chars().all(letter)
    };
    if name.split('/').all(is_plain) { Ok(name.to_owned()) } else { Err(PromptError::FileName) }
}

fn pieces(text: &str) -> impl Iterator<Item = String> + '_ {
    sentences(text).flat_map(|sentence| breaths(sentence.trim())).filter(|piece| !piece.is_empty())
}

/// Cuts behind full stops, question and exclamation marks that a space follows.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let is_space_after_end = |(at, c): (usize, char)| {
        let ends = text[..at].ends_with(['.', '!', '?', ';', ':']);
        (c.is_whitespace() && ends).then_some(at)
    };
    let cuts: Vec<usize> = text.char_indices().filter_map(is_space_after_end).collect();
    let starts = std::iter::once(0).chain(cuts.clone());
    let ends = cuts.into_iter().chain([text.len()]);
    starts.zip(ends).map(|(start, end)| &text[start..end])
}

/// Cuts a sentence that is too long at a comma, at a space, or where it must be.
fn breaths(mut sentence: &str) -> Vec<String> {
    let mut parts = Vec::new();
    while let Some((limit, _)) = sentence.char_indices().nth(PIECE_LETTERS_MAX) {
        let head = &sentence[..limit];
        let cut = head.rfind(", ").map(|at| at + 1).or_else(|| head.rfind(' '));
        let cut = cut.filter(|at| *at > 0).unwrap_or(limit);
        parts.push(sentence[..cut].trim().to_owned());
        sentence = sentence[cut..].trim_start();
    }
    parts.push(sentence.to_owned());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(uri: &str) -> Vec<String> {
        let prompts = parse(uri).expect(uri);
        let text = |prompt| match prompt {
            Prompt::Sound(SoundSource::Text(text)) => text,
            other => panic!("{other:?} is no text"),
        };
        prompts.into_iter().map(text).collect()
    }

    #[test]
    fn every_scheme_is_read() {
        assert!(matches!(parse("tone:1004,1000").unwrap()[..], [Prompt::Tone(_)]));
        assert_eq!(parse("silence:500"), Ok(vec![Prompt::Silence { duration_ms: 500 }]));
        assert_eq!(parse("music:"), Ok(vec![Prompt::Music]));
        let file = SoundSource::File("en/welcome.wav".to_owned());
        assert_eq!(parse("file:en/welcome.wav"), Ok(vec![Prompt::Sound(file)]));
    }

    #[test]
    fn what_cannot_be_played_is_named() {
        assert_eq!(parse("http://example.org/"), Err(PromptError::UnknownScheme));
        assert_eq!(parse("welcome"), Err(PromptError::UnknownScheme));
        assert_eq!(parse("silence:0"), Err(PromptError::Silence));
        assert_eq!(parse("silence:900000000"), Err(PromptError::Silence));
        assert!(matches!(parse("tone:x,1"), Err(PromptError::Tone(_))));
        assert!(matches!(parse("say:number:four"), Err(PromptError::Say(SayError::Value(_)))));
        assert_eq!(parse("say:42"), Err(PromptError::Say(SayError::UnknownKind)));
        let long = format!("tts:{}", "a".repeat(URI_BYTES_MAX));
        assert_eq!(parse(&long), Err(PromptError::TooLong));
    }

    #[test]
    fn no_file_outside_the_folder_can_be_named() {
        let names =
            ["", "/etc/passwd", "../secret", "a/../../b", ".hidden", "a//b", "a\\b", "a\0b"];
        for name in names {
            assert_eq!(parse(&format!("file:{name}")), Err(PromptError::FileName), "{name:?}");
        }
    }

    #[test]
    fn a_text_is_cut_into_its_sentences() {
        let uri = "tts:Welcome to Offhook. Please hold! Version 1.5 is here? Yes";
        let expected = ["Welcome to Offhook.", "Please hold!", "Version 1.5 is here?", "Yes"];
        assert_eq!(texts(uri), expected);
        assert_eq!(texts("tts:  "), [""; 0]);
    }

    #[test]
    fn values_are_said_in_words() {
        assert_eq!(texts("say:number:42"), ["forty two"]);
        assert_eq!(texts("say:time:17:05"), ["five oh five p m"]);
        assert_eq!(texts("say:date:2026-11-22"), ["November twenty second, twenty twenty six"]);
        let long = texts("say:digits:7777777777777777777777777777777777777777777777777777777777");
        assert_eq!(long.join(" ").matches("seven").count(), 58);
    }

    #[test]
    fn a_sentence_without_an_end_is_cut_where_it_breathes() {
        let long = "many words and a comma, ".repeat(40);
        let parts = texts(&format!("tts:{long}"));
        assert!(parts.len() > 3);
        assert!(parts.iter().all(|part| part.chars().count() <= PIECE_LETTERS_MAX));
        assert_eq!(parts.join(" "), long.trim());
        let unbroken = texts(&format!("tts:{}", "ö".repeat(600)));
        assert_eq!(unbroken.concat(), "ö".repeat(600));
    }
}
