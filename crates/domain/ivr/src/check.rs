//! What is wrong with menus, by field.

use crate::hours::{is_date, minutes, zone};
use crate::session::KEYS;
use crate::targets::{PROMPT, is_prompt, nowhere};
use offhook_model::{Collect, Directory, Hours, Menu, MenuAction, Service, Target, WebhookUrl};
use std::collections::BTreeSet;

/// Menus of an installation.
pub const MENUS_MAX: usize = 500;
/// Options of a menu.
pub const OPTIONS_MAX: usize = 100;
/// Keys of an option.
const OPTION_KEYS_MAX: usize = 8;
/// Characters of a menu's name.
const ID_CHARACTERS_MAX: usize = 64;
/// Wrong entries and silences that may be forgiven.
const RETRIES_MAX: u32 = 10;
/// Opening times of a week.
const OPENINGS_MAX: usize = 50;
/// Holidays of a menu.
const HOLIDAYS_MAX: usize = 400;
/// Digits of an extension that is dialled.
const EXTENSION_DIGITS_MAX: u8 = 20;
/// Digits that are collected.
const COLLECTED_DIGITS_MAX: u8 = 40;
/// Characters of a variable's name.
const VARIABLE_CHARACTERS_MAX: usize = 32;

/// A value of a menu that is not allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The menu.
    pub menu: String,
    /// Where it stands: `options.3.parameters.to`.
    pub field: String,
    /// What is allowed there.
    pub allowed: String,
}

/// All that is wrong with the menus of a directory.
#[must_use]
pub fn check(directory: &Directory) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (id, menu) in &directory.menus {
        let mut checker = Checker { id, directory, problems: &mut problems };
        checker.menu(menu);
    }
    problems
}

/// Where a menu is named: numbers, and fields of other menus.
#[must_use]
pub fn users_of(menu: &str, directory: &Directory) -> Vec<String> {
    let names = |target: &Target| matches!(target, Target::Menu(id) if id == menu);
    let numbers = directory.services.iter().filter(|(_, service)| match service {
        Service::GoTo { target, otherwise, .. } => {
            names(target) || otherwise.as_ref().is_some_and(names)
        }
        Service::Echo { .. }
        | Service::Play { .. }
        | Service::Voicemail { .. }
        | Service::Mailbox { .. }
        | Service::Conference(_)
        | Service::Park {} => false,
    });
    let others = directory.menus.iter().filter(|(id, _)| *id != menu);
    let fields = others.flat_map(|(id, other)| {
        let targets = targets(other).into_iter().filter(|(_, target)| names(target));
        targets.map(move |(field, _)| format!("{field} of the menu {id}"))
    });
    numbers.map(|(number, _)| format!("the number {number}")).chain(fields).collect()
}

/// All targets of a menu and the fields in which they stand.
fn targets(menu: &Menu) -> Vec<(String, &Target)> {
    let mut targets = vec![("failure".to_owned(), &menu.failure)];
    targets.extend(menu.hours.iter().map(|hours| ("hours.closed".to_owned(), &hours.closed)));
    targets.extend(menu.options.iter().filter_map(|(keys, action)| match action {
        MenuAction::GoTo(target) => Some((format!("options.{keys}.parameters"), target)),
        MenuAction::Collect(collect) => {
            Some((format!("options.{keys}.parameters.otherwise"), &collect.otherwise))
        }
        MenuAction::Say(_)
        | MenuAction::Back
        | MenuAction::Repeat
        | MenuAction::DialExtension { .. } => None,
    }));
    targets
}

struct Checker<'a> {
    id: &'a str,
    directory: &'a Directory,
    problems: &'a mut Vec<Problem>,
}

impl Checker<'_> {
    fn demand(&mut self, good: bool, field: &str, allowed: &str) {
        if !good {
            self.problems.push(Problem {
                menu: self.id.to_owned(),
                field: field.to_owned(),
                allowed: allowed.to_owned(),
            });
        }
    }

    fn menu(&mut self, menu: &Menu) {
        self.demand(is_id(self.id), "id", "1 to 64 small letters, digits, - and _");
        let greets = menu.greeting.is_empty() || is_prompt(&menu.greeting);
        self.demand(greets, "greeting", PROMPT);
        self.prompt("invalid", menu.invalid.as_deref());
        self.prompt("timeout", menu.timeout.as_deref());
        self.demand((500..=60_000).contains(&menu.timeout_ms), "timeout_ms", "500 to 60000");
        let inter_digit = (200..=20_000).contains(&menu.inter_digit_ms);
        self.demand(inter_digit, "inter_digit_ms", "200 to 20000");
        self.demand(menu.invalid_retries <= RETRIES_MAX, "invalid_retries", "0 to 10");
        self.demand(menu.timeout_retries <= RETRIES_MAX, "timeout_retries", "0 to 10");
        self.retreat("failure", &menu.failure);
        let count = menu.options.len();
        self.demand((1..=OPTIONS_MAX).contains(&count), "options", "1 to 100 options");
        for (keys, action) in &menu.options {
            self.option(keys, action);
        }
        menu.hours.iter().for_each(|hours| self.hours(hours));
    }

    fn prompt(&mut self, field: &str, prompt: Option<&str>) {
        self.demand(prompt.is_none_or(is_prompt), field, PROMPT);
    }

    fn option(&mut self, keys: &str, action: &MenuAction) {
        let is_keys = (1..=OPTION_KEYS_MAX).contains(&keys.len());
        let field = format!("options.{keys}");
        self.demand(
            is_keys && keys.chars().all(|key| KEYS.contains(key)),
            &field,
            "1 to 8 of the keys 0 to 9, * and #",
        );
        let field = format!("{field}.parameters");
        match action {
            MenuAction::GoTo(target) => {
                self.target(&field, target);
                let goes_elsewhere = !self.is_this(target);
                self.demand(goes_elsewhere, &format!("{field}.to"), "another menu; see repeat");
            }
            MenuAction::Say(prompt) => self.prompt(&field, Some(prompt)),
            MenuAction::DialExtension { prompt, digits_max } => {
                self.prompt(&format!("{field}.prompt"), prompt.as_deref());
                let good = (1..=EXTENSION_DIGITS_MAX).contains(digits_max);
                self.demand(good, &format!("{field}.digits_max"), "1 to 20");
            }
            MenuAction::Collect(collect) => self.collect(&field, collect),
            MenuAction::Back | MenuAction::Repeat => {}
        }
    }

    fn collect(&mut self, field: &str, collect: &Collect) {
        self.prompt(&format!("{field}.prompt"), Some(&collect.prompt));
        let variable = is_variable(&collect.variable);
        let allowed = "1 to 32 letters, digits and _, of which the first is no digit";
        self.demand(variable, &format!("{field}.variable"), allowed);
        let digits = 1..=COLLECTED_DIGITS_MAX;
        self.demand(
            digits.contains(&collect.digits_max),
            &format!("{field}.digits_max"),
            "1 to 40",
        );
        let min = 1..=collect.digits_max.max(1);
        self.demand(
            min.contains(&collect.digits_min),
            &format!("{field}.digits_min"),
            "1 to digits_max",
        );
        let url = WebhookUrl::parse(&collect.webhook);
        let allowed = url.as_ref().err().map(ToString::to_string).unwrap_or_default();
        self.demand(url.is_ok(), &format!("{field}.webhook"), &allowed);
        self.target(&format!("{field}.otherwise"), &collect.otherwise);
    }

    fn hours(&mut self, hours: &Hours) {
        let allowed = "a name of the IANA time zone database, such as Europe/Berlin";
        self.demand(zone(&hours.zone).is_some(), "hours.zone", allowed);
        let count = (1..=OPENINGS_MAX).contains(&hours.open.len());
        self.demand(count, "hours.open", "1 to 50 times");
        for (number, opening) in hours.open.iter().enumerate() {
            let days =
                !opening.days.is_empty() && opening.days.iter().all(|day| (1..=7).contains(day));
            let field = format!("hours.open.{number}");
            self.demand(days, &format!("{field}.days"), "days, 1 for Monday to 7 for Sunday");
            let allowed = "a time after from, both as in 08:00 and at most 24:00";
            self.demand(minutes(opening).is_some(), &format!("{field}.until"), allowed);
        }
        self.demand(hours.holidays.len() <= HOLIDAYS_MAX, "hours.holidays", "at most 400 days");
        for (number, holiday) in hours.holidays.iter().enumerate() {
            let field = format!("hours.holidays.{number}");
            self.demand(is_date(holiday), &field, "a date such as 2026-12-25");
        }
        self.retreat("hours.closed", &hours.closed);
    }

    fn target(&mut self, field: &str, target: &Target) {
        if let Some(allowed) = nowhere(target, self.directory) {
            self.demand(false, &format!("{field}.to"), allowed);
        }
    }

    /// A target to which callers go without a key: it must not lead back here without one.
    fn retreat(&mut self, field: &str, target: &Target) {
        self.target(field, target);
        let leads_back = leads_to(target, self.id, self.directory);
        let allowed = "a target that does not lead back to this menu without a key";
        self.demand(!leads_back, &format!("{field}.to"), allowed);
    }

    fn is_this(&self, target: &Target) -> bool {
        matches!(target, Target::Menu(id) if id == self.id)
    }
}

/// Whether callers who press nothing come from a target to a menu.
fn leads_to(target: &Target, menu: &str, directory: &Directory) -> bool {
    let mut seen = BTreeSet::new();
    let mut next = vec![target];
    while let Some(target) = next.pop() {
        let Target::Menu(id) = target else { continue };
        if id == menu {
            return true;
        }
        if let Some(known) = directory.menus.get(id).filter(|_| seen.insert(id)) {
            next.push(&known.failure);
            next.extend(known.hours.iter().map(|hours| &hours.closed));
        }
    }
    false
}

fn is_id(id: &str) -> bool {
    let is_mark = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    (1..=ID_CHARACTERS_MAX).contains(&id.len()) && id.bytes().all(is_mark)
}

fn is_variable(name: &str) -> bool {
    let is_mark = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    (1..=VARIABLE_CHARACTERS_MAX).contains(&name.len())
        && name.bytes().all(is_mark)
        && !name.starts_with(|c: char| c.is_ascii_digit())
}
