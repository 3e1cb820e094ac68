//! Numbers, dates, times and money as words, before any voice sees them.
//!
//! Engines read `0123` and `2026-11-22` each in its own way, and seldom as a person would.
//! [`say`] reads the value and asks a [`Language`] for the words.

mod english;

pub use english::English;

use std::fmt::Debug;
use thiserror::Error;

/// The most characters of a value.
pub const VALUE_CHARS_MAX: usize = 64;
/// The largest number, either way.
pub const NUMBER_MAX: u64 = 999_999_999_999_999;

/// Why a value cannot be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SayError {
    /// The kind is none of those that are known.
    #[error(
        "what is said is number, ordinal, digits, letters, date, time, datetime, duration or money"
    )]
    UnknownKind,
    /// The value is not of that kind; the text is an example of one that is.
    #[error("the value is written like {0}")]
    Value(&'static str),
}

/// A day of the Gregorian calendar that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date {
    /// 1 to 9999.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

/// A time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeOfDay {
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
}

/// An amount of a currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Money<'a> {
    /// The currency's code (ISO 4217).
    pub currency: &'a str,
    /// Whether it is owed.
    pub is_negative: bool,
    /// Whole units.
    pub units: u64,
    /// Hundredths.
    pub hundredths: u8,
}

/// How a language says things.
pub trait Language: Debug + Send + Sync {
    /// A number: forty two.
    fn cardinal(&self, number: u64) -> String;
    /// A place in an order: forty second.
    fn ordinal(&self, number: u64) -> String;
    /// A number below zero.
    fn negative(&self, words: &str) -> String;
    /// A number with digits behind the point.
    fn decimal(&self, whole: &str, digits: &str) -> String;
    /// A digit, letter or sign by itself; `None` when it has no name.
    fn character(&self, character: char) -> Option<String>;
    /// A day.
    fn date(&self, date: Date) -> String;
    /// A time of day.
    fn time(&self, time: TimeOfDay) -> String;
    /// A time on a day.
    fn date_and_time(&self, date: Date, time: TimeOfDay) -> String;
    /// How long something lasts, in seconds.
    fn duration(&self, seconds: u64) -> String;
    /// An amount; `None` for a currency that has no name here.
    fn money(&self, money: Money<'_>) -> Option<String>;
}

/// The words for a value of a kind: `number` 42, `ordinal` 3, `digits` 0123, `letters` AB12, `date`
/// 2026-11-22, `time` 17:05, `datetime` 2026-11-22T17:05, `duration` 95 (seconds), `money` 12.50 EUR.
///
/// # Errors
/// When the kind is unknown or the value is none of that kind.
pub fn say(kind: &str, value: &str, language: &dyn Language) -> Result<String, SayError> {
    let value = value.trim();
    let is_long = value.chars().count() > VALUE_CHARS_MAX;
    let (words, example) = match kind {
        "number" => (number(value, language), "42 or -3.5"),
        "ordinal" => (whole(value).map(|number| language.ordinal(number)), "3"),
        "digits" => (digits(value, language), "0123"),
        "letters" => (characters(value, language), "AB12"),
        "date" => (date(value).map(|date| language.date(date)), "2026-11-22"),
        "time" => (time(value).map(|time| language.time(time)), "17:05"),
        "datetime" => (date_and_time(value, language), "2026-11-22T17:05"),
        "duration" => (whole(value).map(|seconds| language.duration(seconds)), "95"),
        "money" => (money(value, language), "12.50 EUR"),
        _ => return Err(SayError::UnknownKind),
    };
    words.filter(|_| !is_long).ok_or(SayError::Value(example))
}

/// Entry point for fuzzing: says `input`, a kind and a value behind a colon.
///
/// It must return for every input.
#[doc(hidden)]
pub fn fuzz(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input)
        && let Some((kind, value)) = text.split_once(':')
        && let Ok(words) = say(kind, value, &English)
    {
        debug_assert!(!words.is_empty());
    }
}

fn whole(value: &str) -> Option<u64> {
    let is_plain = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    value.parse().ok().filter(|number| is_plain && *number <= NUMBER_MAX)
}

fn number(value: &str, language: &dyn Language) -> Option<String> {
    let (is_negative, value) = match value.strip_prefix('-') {
        Some(value) => (true, value),
        None => (false, value),
    };
    let (before, behind) = match value.split_once('.') {
        Some((before, behind)) => (before, Some(behind)),
        None => (value, None),
    };
    let before = language.cardinal(whole(before)?);
    let words = match behind {
        Some(behind) => language.decimal(&before, &digits(behind, language)?),
        None => before,
    };
    Some(if is_negative { language.negative(&words) } else { words })
}

/// Digits one by one; spaces and hyphens between them are left out.
fn digits(value: &str, language: &dyn Language) -> Option<String> {
    let is_digit = |c: char| c.is_ascii_digit() || matches!(c, '*' | '#' | '+' | ' ' | '-');
    if !value.chars().all(is_digit) {
        return None;
    }
    characters(&value.replace('-', " "), language)
}

fn characters(value: &str, language: &dyn Language) -> Option<String> {
    let characters = value.chars().filter(|c| !c.is_whitespace());
    let names: Option<Vec<_>> = characters.map(|c| language.character(c)).collect();
    names.filter(|names| !names.is_empty()).map(|names| names.join(", "))
}

/// RFC 3339's full-date.
fn date(value: &str) -> Option<Date> {
    let mut parts = value.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let has_form = (year.len(), month.len(), day.len()) == (4, 2, 2) && parts.next().is_none();
    let (year, month, day) = (whole(year)?, whole(month)?, whole(day)?);
    let date = Date {
        year: year.try_into().ok()?,
        month: month.try_into().ok()?,
        day: day.try_into().ok()?,
    };
    (has_form && date.year > 0 && (1..=days_in(date.year, date.month)?).contains(&date.day))
        .then_some(date)
}

fn days_in(year: u16, month: u8) -> Option<u8> {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        4 | 6 | 9 | 11 => Some(30),
        2 => Some(if is_leap { 29 } else { 28 }),
        1..=12 => Some(31),
        _ => None,
    }
}

/// Hours and minutes; seconds may follow and are left out.
fn time(value: &str) -> Option<TimeOfDay> {
    let mut parts = value.split(':').map(whole);
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = parts.next().unwrap_or(Some(0))?;
    let fits = hour < 24 && minute < 60 && second < 60 && parts.next().is_none();
    let (hour, minute) = (hour.try_into().ok()?, minute.try_into().ok()?);
    fits.then_some(TimeOfDay { hour, minute })
}

fn date_and_time(value: &str, language: &dyn Language) -> Option<String> {
    let (day, clock) = value.split_once(['T', ' '])?;
    Some(language.date_and_time(date(day)?, time(clock)?))
}

fn money(value: &str, language: &dyn Language) -> Option<String> {
    let (amount, currency) = value.split_once(' ')?;
    let (is_negative, amount) = match amount.strip_prefix('-') {
        Some(amount) => (true, amount),
        None => (false, amount),
    };
    let (units, hundredths) = amount.split_once('.').unwrap_or((amount, "0"));
    let tenfold = if hundredths.len() == 1 { 10 } else { 1 };
    let hundredths = whole(hundredths).filter(|_| hundredths.len() <= 2)? * tenfold;
    let (units, hundredths) = (whole(units)?, hundredths.try_into().ok()?);
    language.money(Money { currency: currency.trim(), is_negative, units, hundredths })
}
