use crate::problem::{FieldError, Problem};
use offhook_store::PASSWORD_BYTES_MAX;
use std::collections::BTreeMap;

/// Digits of a number.
const NUMBER_DIGITS: std::ops::RangeInclusive<usize> = 2..=20;
/// Characters of a name that is shown.
const DISPLAY_NAME_CHARACTERS_MAX: usize = 64;
/// Characters of a user name.
const USERNAME_CHARACTERS: std::ops::RangeInclusive<usize> = 1..=64;
/// Characters of a password.
const PASSWORD_CHARACTERS_MIN: usize = 8;
/// How long devices may ring, in seconds.
const RING_TIMEOUT_S: std::ops::RangeInclusive<u32> = 5..=300;

/// Gathers what is not allowed of a request, so that all of it is told at once.
#[derive(Default)]
pub(crate) struct Check(Vec<FieldError>);

impl Check {
    pub fn number(&mut self, field: &str, number: &str) {
        let digits = number.bytes().all(|byte| byte.is_ascii_digit());
        self.demand(digits && NUMBER_DIGITS.contains(&number.len()), field, "2 to 20 digits");
    }

    pub fn display_name(&mut self, field: &str, name: &str) {
        let length = name.chars().count();
        let good = (1..=DISPLAY_NAME_CHARACTERS_MAX).contains(&length)
            && !name
                .chars()
                .any(|c| c.is_control() || c == '"' || c == '\\' || c == '<' || c == '>')
            && name.trim() == name;
        let allowed = "1 to 64 characters without quotation marks, <, > and control characters";
        self.demand(good, field, allowed);
    }

    pub fn username(&mut self, field: &str, name: &str) {
        let good = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-@".contains(&byte))
            && USERNAME_CHARACTERS.contains(&name.len());
        self.demand(good, field, "1 to 64 letters, digits and . _ - @");
    }

    pub fn password(&mut self, field: &str, password: &str) {
        let good = password.chars().count() >= PASSWORD_CHARACTERS_MIN
            && password.len() <= PASSWORD_BYTES_MAX
            && !password.chars().any(char::is_control);
        self.demand(good, field, "at least 8 characters, at most 256 bytes, no control characters");
    }

    pub fn ring_timeout(&mut self, field: &str, seconds: u32) {
        self.demand(RING_TIMEOUT_S.contains(&seconds), field, "5 to 300");
    }

    pub fn skills(&mut self, field: &str, skills: &BTreeMap<String, u8>) {
        let is_skill = |(name, level): (&String, &u8)| {
            let length = name.chars().count();
            (1..=DISPLAY_NAME_CHARACTERS_MAX).contains(&length) && (1..=10).contains(level)
        };
        let allowed = "names of 1 to 64 characters, each with 1 to 10";
        self.demand(skills.iter().all(is_skill), field, allowed);
    }

    pub fn demand(&mut self, good: bool, field: &str, allowed: &str) {
        if !good {
            self.0.push(FieldError { field: field.to_owned(), allowed: allowed.to_owned() });
        }
    }

    pub fn done(self) -> Result<(), Problem> {
        if self.0.is_empty() { Ok(()) } else { Err(Problem::fields(self.0)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(check: impl Fn(&mut Check)) -> bool {
        let mut all = Check::default();
        check(&mut all);
        all.done().is_err()
    }

    #[test]
    fn what_is_allowed_is_allowed_and_the_rest_is_not() {
        for good in ["10", "1001", "12345678901234567890"] {
            assert!(!refused(|check| check.number("number", good)), "{good}");
        }
        for bad in ["", "1", "123456789012345678901", "10a", "+49", "1 0", "١٢"] {
            assert!(refused(|check| check.number("number", bad)), "{bad}");
        }
        for bad in ["", "a\"b", "a\r\nTo: x", " a", &"x".repeat(65)] {
            assert!(refused(|check| check.display_name("display_name", bad)), "{bad}");
        }
        assert!(!refused(|check| check.display_name("display_name", "Žofie O'Neil")));
        assert!(refused(|check| check.password("password", "1234567")));
        assert!(refused(|check| check.username("username", "a b")));
        assert!(refused(|check| check.ring_timeout("ring_timeout_s", 4)));
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let mut check = Check::default();
        check.number("number", "x");
        check.ring_timeout("ring_timeout_s", 0);
        let text = format!("{:?}", check.done().unwrap_err());
        assert!(text.contains("number") && text.contains("ring_timeout_s"), "{text}");
    }
}
