//! English, as it is spoken in America.

use super::{Date, Language, Money, TimeOfDay};

const BELOW_TWENTY: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] =
    ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const THOUSANDS: [(u64, &str); 4] = [
    (1_000_000_000_000, "trillion"),
    (1_000_000_000, "billion"),
    (1_000_000, "million"),
    (1_000, "thousand"),
];
/// Ordinals that are no cardinal with an ending.
const IRREGULAR: [(&str, &str); 7] = [
    ("one", "first"),
    ("two", "second"),
    ("three", "third"),
    ("five", "fifth"),
    ("eight", "eighth"),
    ("nine", "ninth"),
    ("twelve", "twelfth"),
];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// Currencies: the code, one and several units, one and several hundredths.
const CURRENCIES: [(&str, [&str; 4]); 6] = [
    ("USD", ["dollar", "dollars", "cent", "cents"]),
    ("EUR", ["euro", "euros", "cent", "cents"]),
    ("GBP", ["pound", "pounds", "penny", "pence"]),
    ("CHF", ["franc", "francs", "centime", "centimes"]),
    ("CAD", ["Canadian dollar", "Canadian dollars", "cent", "cents"]),
    ("AUD", ["Australian dollar", "Australian dollars", "cent", "cents"]),
];

/// American English.
#[derive(Debug, Clone, Copy, Default)]
pub struct English;

impl Language for English {
    fn cardinal(&self, number: u64) -> String {
        cardinal(number)
    }

    fn ordinal(&self, number: u64) -> String {
        let words = cardinal(number);
        let (before, last) = match words.rfind(' ') {
            Some(at) => words.split_at(at + 1),
            None => ("", words.as_str()),
        };
        let irregular = IRREGULAR.iter().find(|(word, _)| *word == last);
        let last = match (irregular, last.strip_suffix('y')) {
            (Some((_, ordinal)), _) => (*ordinal).to_owned(),
            (None, Some(stem)) => format!("{stem}ieth"),
            (None, None) => format!("{last}th"),
        };
        format!("{before}{last}")
    }

    fn negative(&self, words: &str) -> String {
        format!("minus {words}")
    }

    fn decimal(&self, whole: &str, digits: &str) -> String {
        format!("{whole} point {}", digits.replace(',', ""))
    }

    fn character(&self, character: char) -> Option<String> {
        let word = match character {
            '0'..='9' => cardinal(u64::from(character.to_digit(10)?)),
            'a' | 'A' => "eh".to_owned(),
            'b'..='z' | 'B'..='Z' => character.to_ascii_uppercase().to_string(),
            '*' => "star".to_owned(),
            '#' => "pound".to_owned(),
            '+' => "plus".to_owned(),
            '-' => "dash".to_owned(),
            '.' => "dot".to_owned(),
            '/' => "slash".to_owned(),
            '@' => "at".to_owned(),
            '_' => "underscore".to_owned(),
            _ => return None,
        };
        Some(word)
    }

    fn date(&self, Date { year: y, month, day }: Date) -> String {
        let month = MONTHS[usize::from(month.clamp(1, 12)) - 1];
        format!("{month} {}, {}", self.ordinal(day.into()), year(y.into()))
    }

    fn time(&self, TimeOfDay { hour, minute }: TimeOfDay) -> String {
        let of_twelve = cardinal(u64::from(match hour % 12 {
            0 => 12,
            hour => hour,
        }));
        let half = if hour < 12 { "a m" } else { "p m" };
        match (hour, minute) {
            (0, 0) => "midnight".to_owned(),
            (12, 0) => "noon".to_owned(),
            (_, 0) => format!("{of_twelve} {half}"),
            (_, 1..=9) => format!("{of_twelve} oh {} {half}", cardinal(minute.into())),
            (_, minute) => format!("{of_twelve} {} {half}", cardinal(minute.into())),
        }
    }

    fn date_and_time(&self, date: Date, time: TimeOfDay) -> String {
        format!("{}, at {}", self.date(date), self.time(time))
    }

    fn duration(&self, seconds: u64) -> String {
        let (hours, minutes, rest) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        let parts = [(hours, "hour"), (minutes, "minute"), (rest, "second")];
        let parts = parts.into_iter().filter(|(count, _)| *count > 0);
        let parts: Vec<_> =
            parts.map(|(count, unit)| counted(count, [unit, &format!("{unit}s")])).collect();
        match &parts[..] {
            [] => "zero seconds".to_owned(),
            [before @ .., last] if !before.is_empty() => {
                format!("{} and {last}", before.join(", "))
            }
            parts => parts.concat(),
        }
    }

    fn money(&self, money: Money<'_>) -> Option<String> {
        let is_it = |(code, _): &&(&str, _)| code.eq_ignore_ascii_case(money.currency);
        let (_, [unit, units, hundredth, hundredths]) = CURRENCIES.iter().find(is_it)?;
        let whole = counted(money.units, [unit, units]);
        let part = counted(money.hundredths.into(), [hundredth, hundredths]);
        let words = match (money.units, money.hundredths) {
            (_, 0) => whole,
            (0, _) => part,
            _ => format!("{whole} and {part}"),
        };
        Some(if money.is_negative { self.negative(&words) } else { words })
    }
}

fn counted(count: u64, [one, several]: [&str; 2]) -> String {
    format!("{} {}", cardinal(count), if count == 1 { one } else { several })
}

fn cardinal(number: u64) -> String {
    let (mut words, mut rest) = (Vec::new(), number);
    for (size, name) in THOUSANDS {
        if rest >= size {
            words.push(format!("{} {name}", below_thousand(rest / size)));
            rest %= size;
        }
    }
    if rest > 0 || words.is_empty() {
        words.push(below_thousand(rest));
    }
    words.join(" ")
}

fn below_thousand(number: u64) -> String {
    let index = |number: u64| usize::try_from(number).expect("it is below a thousand");
    match number {
        0..20 => BELOW_TWENTY[index(number)].to_owned(),
        20..100 if number.is_multiple_of(10) => TENS[index(number / 10)].to_owned(),
        20..100 => format!("{} {}", TENS[index(number / 10)], BELOW_TWENTY[index(number % 10)]),
        _ if number.is_multiple_of(100) => format!("{} hundred", cardinal(number / 100)),
        _ => format!("{} hundred {}", cardinal(number / 100), below_thousand(number % 100)),
    }
}

/// Nineteen eighty four, nineteen oh five, two thousand six, twenty twenty six.
fn year(year: u64) -> String {
    let (century, rest) = (year / 100, year % 100);
    match (century, rest) {
        (11..=99, 0) if !century.is_multiple_of(10) => format!("{} hundred", cardinal(century)),
        (11..=99, 1..=9) if !century.is_multiple_of(10) => {
            format!("{} oh {}", cardinal(century), cardinal(rest))
        }
        (10..=99, 10..=99) => format!("{} {}", cardinal(century), cardinal(rest)),
        _ => cardinal(year),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::say::{SayError, say};

    fn spoken(kind: &str, value: &str) -> String {
        say(kind, value, &English).unwrap_or_else(|error| panic!("{kind} {value}: {error}"))
    }

    #[test]
    fn numbers() {
        for (value, words) in [
            ("0", "zero"),
            ("7", "seven"),
            ("13", "thirteen"),
            ("42", "forty two"),
            ("100", "one hundred"),
            ("110", "one hundred ten"),
            ("999", "nine hundred ninety nine"),
            ("1000", "one thousand"),
            ("20015", "twenty thousand fifteen"),
            ("1000001", "one million one"),
            ("-3", "minus three"),
            ("3.14", "three point one four"),
            (
                "999999999999999",
                "nine hundred ninety nine trillion nine hundred ninety nine billion nine hundred ninety nine million nine hundred ninety nine thousand nine hundred ninety nine",
            ),
        ] {
            assert_eq!(spoken("number", value), words);
        }
    }

    #[test]
    fn places_in_an_order() {
        for (value, words) in [
            ("1", "first"),
            ("2", "second"),
            ("3", "third"),
            ("4", "fourth"),
            ("12", "twelfth"),
            ("20", "twentieth"),
            ("21", "twenty first"),
            ("100", "one hundredth"),
        ] {
            assert_eq!(spoken("ordinal", value), words);
        }
    }

    #[test]
    fn digits_and_letters_one_by_one() {
        assert_eq!(spoken("digits", "0123"), "zero, one, two, three");
        assert_eq!(
            spoken("digits", "+49 30-1*#"),
            "plus, four, nine, three, zero, one, star, pound"
        );
        assert_eq!(spoken("letters", "b7/X"), "B, seven, slash, X");
    }

    #[test]
    fn dates_and_times() {
        for (kind, value, words) in [
            ("date", "2026-11-22", "November twenty second, twenty twenty six"),
            ("date", "2024-02-29", "February twenty ninth, twenty twenty four"),
            ("date", "2006-01-01", "January first, two thousand six"),
            ("date", "1905-07-12", "July twelfth, nineteen oh five"),
            ("date", "1900-12-31", "December thirty first, nineteen hundred"),
            ("date", "2000-06-03", "June third, two thousand"),
            ("time", "00:00", "midnight"),
            ("time", "12:00", "noon"),
            ("time", "00:30", "twelve thirty a m"),
            ("time", "09:05", "nine oh five a m"),
            ("time", "17:45:30", "five forty five p m"),
            ("time", "23:00", "eleven p m"),
            (
                "datetime",
                "2026-11-22T17:05",
                "November twenty second, twenty twenty six, at five oh five p m",
            ),
            ("duration", "0", "zero seconds"),
            ("duration", "61", "one minute and one second"),
            ("duration", "7325", "two hours, two minutes and five seconds"),
            ("duration", "3600", "one hour"),
        ] {
            assert_eq!(spoken(kind, value), words, "{kind} {value}");
        }
    }

    #[test]
    fn amounts() {
        for (value, words) in [
            ("12.50 EUR", "twelve euros and fifty cents"),
            ("1.01 usd", "one dollar and one cent"),
            ("0.99 GBP", "ninety nine pence"),
            ("-3 CHF", "minus three francs"),
            ("2.5 EUR", "two euros and fifty cents"),
            ("0 EUR", "zero euros"),
        ] {
            assert_eq!(spoken("money", value), words);
        }
    }

    #[test]
    fn what_is_no_value_of_its_kind_is_refused() {
        for (kind, value) in [
            ("number", ""),
            ("number", "four"),
            ("number", "1.2.3"),
            ("number", "1000000000000000"),
            ("ordinal", "-1"),
            ("digits", "12a"),
            ("digits", " - "),
            ("letters", "\u{7}"),
            ("date", "2026-02-29"),
            ("date", "2026-13-01"),
            ("date", "26-1-1"),
            ("time", "24:00"),
            ("time", "5"),
            ("datetime", "2026-11-22"),
            ("duration", "1:30"),
            ("money", "12.505 EUR"),
            ("money", "12 XYZ"),
        ] {
            assert!(
                matches!(say(kind, value, &English), Err(SayError::Value(_))),
                "{kind} {value}"
            );
        }
        assert_eq!(say("song", "x", &English), Err(SayError::UnknownKind));
        assert!(say("digits", &"1".repeat(65), &English).is_err());
    }
}
