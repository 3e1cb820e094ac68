//! What of a text is handed to the voice.

use crate::SpeechError;

/// The longest text that is spoken at once, in bytes; about a minute.
pub const MAX_TEXT: usize = 1000;

/// The longest run of letters or digits that is spoken as one word; longer ones are broken, since
/// the library looks words up as a whole.
const MAX_WORD: usize = 40;

/// The text in the characters that the voice knows: ASCII letters, digits and punctuation, single
/// spaces, diacritics dropped.
pub(crate) fn speakable(text: &str) -> Result<String, SpeechError> {
    if text.len() > MAX_TEXT {
        return Err(SpeechError::TooLong);
    }
    let mut spoken = String::with_capacity(text.len());
    let mut word = 0;
    for character in text.chars() {
        push_folded(&mut spoken, character, &mut word);
    }
    let spoken = spoken.trim();
    if spoken.contains(|c: char| c.is_ascii_alphanumeric()) {
        Ok(spoken.to_owned())
    } else {
        Err(SpeechError::NothingToSay)
    }
}

/// The text as a voice of many languages takes it: control characters become spaces.
pub(crate) fn plain(text: &str) -> Result<String, SpeechError> {
    if text.len() > MAX_TEXT {
        return Err(SpeechError::TooLong);
    }
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.contains(char::is_alphanumeric) {
        Ok(text.trim().to_owned())
    } else {
        Err(SpeechError::NothingToSay)
    }
}

fn push_folded(spoken: &mut String, character: char, word: &mut usize) {
    let folded = fold(character);
    if folded == " " {
        *word = 0;
        if !spoken.ends_with(' ') {
            spoken.push(' ');
        }
        return;
    }
    if *word >= MAX_WORD {
        spoken.push(' ');
        *word = 0;
    }
    spoken.push_str(folded);
    *word += folded.len();
}

/// A character as the voice can say it; what it cannot say separates words.
fn fold(character: char) -> &'static str {
    const SAME: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789\
                        .,;:!?'\"()-/%&+=@#$*";
    if let Some(at) = SAME.find(character) {
        return &SAME[at..=at];
    }
    match character {
        'à'..='å' | 'ā' | 'ă' | 'ą' => "a",
        'À'..='Å' | 'Ā' | 'Ă' | 'Ą' => "A",
        'æ' | 'Æ' => "ae",
        'ç' | 'ć' | 'č' => "c",
        'Ç' | 'Ć' | 'Č' => "C",
        'ď' | 'đ' | 'ð' => "d",
        'è'..='ë' | 'ē' | 'ę' | 'ě' => "e",
        'È'..='Ë' | 'Ē' | 'Ę' | 'Ě' => "E",
        'ğ' => "g",
        'ì'..='ï' | 'ī' | 'ı' => "i",
        'Ì'..='Ï' | 'İ' => "I",
        'ł' => "l",
        'Ł' => "L",
        'ñ' | 'ń' | 'ň' => "n",
        'Ñ' => "N",
        'ò'..='ö' | 'ø' | 'ő' => "o",
        'Ò'..='Ö' | 'Ø' => "O",
        'œ' => "oe",
        'ř' => "r",
        'ś' | 'š' | 'ş' => "s",
        'Ś' | 'Š' | 'Ş' => "S",
        'ß' => "ss",
        'ť' => "t",
        'ù'..='ü' | 'ū' | 'ů' | 'ű' => "u",
        'Ù'..='Ü' => "U",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        'Ź' | 'Ż' | 'Ž' => "Z",
        '‘' | '’' | '`' | '´' => "'",
        '“' | '”' | '„' | '«' | '»' => "\"",
        '–' | '—' => "-",
        '…' => ".",
        '€' => " euro ",
        '£' => " pound ",
        _ => " ",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_stays() {
        let text = "You are number 3 in the queue. Please hold!";
        assert_eq!(speakable(text).unwrap(), text);
    }

    #[test]
    fn what_cannot_be_said_separates_words() {
        assert_eq!(
            speakable("Grüße,\0\u{7}\n\tJosé 你 – “café”").unwrap(),
            "Grusse, Jose - \"cafe\""
        );
    }

    #[test]
    fn texts_without_a_word_are_refused() {
        for text in ["", "  \n", "...!?", "你好"] {
            assert_eq!(speakable(text), Err(SpeechError::NothingToSay), "{text:?}");
        }
    }

    #[test]
    fn length_is_limited() {
        assert_eq!(speakable(&"a ".repeat(MAX_TEXT)), Err(SpeechError::TooLong));
        let words = speakable(&"a".repeat(MAX_TEXT)).unwrap();
        assert!(words.split(' ').all(|word| word.len() <= MAX_WORD));
    }
}
