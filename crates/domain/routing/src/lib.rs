//! Numbers and dial plan: from a request and a snapshot to a decision.
//!
//! [`route`] looks a dialled number up in a [`Directory`] and says what to do with the call. It asks
//! nobody, keeps nothing and knows no SIP: the switch turns a [`Decision`] into a call.
//! A caller without an account may dial only what the directory's guest policy names.

use offhook_model::{
    Directory, Extension, Forwarding, HangupCause, QueueId, Service, SupervisorMode, Target,
};
use serde::{Deserialize, Serialize};

/// The most digits and letters a dialled number may have, visual separators not counted.
pub const NUMBER_MAX: usize = 64;

/// What an extension dials to hear its messages.
pub const OWN_MAILBOX: &str = "*98";

/// What an extension dials so as not to be disturbed, and to be disturbed again.
pub const DO_NOT_DISTURB_CODES: [(&str, bool); 2] = [("*78", true), ("*79", false)];

/// Whether a dialled number turns do not disturb on or off.
#[must_use]
pub fn do_not_disturb(dialled: &str) -> Option<bool> {
    let codes = DO_NOT_DISTURB_CODES.into_iter();
    codes.into_iter().find(|(code, _)| *code == dialled).map(|(_, is_on)| is_on)
}

/// Who dials what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// The authenticated user; `None` for somebody without an account.
    pub caller: Option<&'a str>,
    /// The user part of the Request-URI.
    pub dialled: &'a str,
}

/// What to do with a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decision {
    /// Ring the devices of this extension.
    Extension {
        /// The extension.
        number: String,
        /// How long they ring, milliseconds.
        ring_timeout_ms: u64,
        /// Where the call goes that they do not take.
        forward: Forwarding,
    },
    /// The extension's calls go elsewhere.
    Forward {
        /// The extension.
        number: String,
        /// Where to.
        target: Target,
    },
    /// Answer it ourselves.
    Service {
        /// The number.
        number: String,
        /// What is done there.
        service: Service,
    },
    /// Run a menu for the caller.
    Menu {
        /// The menu.
        menu: String,
    },
    /// Let the caller wait in a queue.
    Queue {
        /// The queue.
        queue: QueueId,
    },
    /// Put the caller, who is a supervisor, on the call of an extension.
    Supervise {
        /// The extension.
        extension: String,
        /// What the supervisor does there.
        mode: SupervisorMode,
    },
    /// Turn it away.
    Refuse {
        /// Why, which gives the SIP status too.
        cause: HangupCause,
        /// The reason phrase.
        reason: String,
    },
}

/// What an extension hears that has dialled one of [`DO_NOT_DISTURB_CODES`].
const DO_NOT_DISTURB_ON: &str = "tts:You will not be disturbed.";
const DO_NOT_DISTURB_OFF: &str = "tts:You can be called again.";

/// Decides what happens to a call.
#[must_use]
pub fn route(request: Request<'_>, directory: &Directory) -> Decision {
    let number = normalize(request.dialled);
    if number.is_empty() || number.len() > NUMBER_MAX {
        return refuse(HangupCause::INVALID_NUMBER_FORMAT, "That is not a number");
    }
    if !may_dial(request.caller, &number, directory) {
        return refuse(HangupCause::OUTGOING_CALL_BARRED, "Guests may not dial this number");
    }
    if let Some(decision) = known(&number, directory) {
        return decision;
    }
    if number == OWN_MAILBOX {
        return Decision::Service { number, service: Service::Mailbox { own: true } };
    }
    if let Some(is_on) = do_not_disturb(&number) {
        let prompt = if is_on { DO_NOT_DISTURB_ON } else { DO_NOT_DISTURB_OFF }.to_owned();
        return Decision::Service { number, service: Service::Play { prompt, repeat: false } };
    }
    if let Some((mode, extension)) = SupervisorMode::of_code(&number) {
        return supervise(request.caller, extension, mode, directory);
    }
    refuse(HangupCause::UNALLOCATED_NUMBER, "No such number")
}

/// Decides what a target means that a menu, a queue or a setting of the house names: no policy of callers
/// forbids it.
#[must_use]
pub fn resolve(target: &Target, directory: &Directory) -> Decision {
    let found = match target {
        Target::Queue(queue) => {
            directory.queues.contains_key(queue).then(|| Decision::Queue { queue: queue.clone() })
        }
        Target::Menu(menu) => {
            directory.menus.contains_key(menu).then(|| Decision::Menu { menu: menu.clone() })
        }
        Target::Extension(number) | Target::Number(number) => known(&normalize(number), directory),
        Target::Play(prompt) => {
            let service = Service::Play { prompt: prompt.clone(), repeat: false };
            Some(Decision::Service { number: String::new(), service })
        }
        Target::HangUp => Some(refuse(HangupCause::NORMAL_CLEARING, "Goodbye")),
        Target::Voicemail(mailbox) => {
            directory.has_mailbox(mailbox).then(|| leave_message(mailbox))
        }
        Target::Room(_) => None,
    };
    found.unwrap_or_else(|| refuse(HangupCause::UNALLOCATED_NUMBER, "No such number"))
}

fn leave_message(mailbox: &str) -> Decision {
    let service = Service::Voicemail { mailbox: mailbox.to_owned() };
    Decision::Service { number: String::new(), service }
}

fn known(number: &str, directory: &Directory) -> Option<Decision> {
    if let Some(extension) = directory.extensions.get(number) {
        return Some(reach(extension));
    }
    let service = directory.services.get(number)?;
    Some(Decision::Service { number: number.to_owned(), service: service.clone() })
}

/// Rings an extension, or does what it wants done instead.
fn reach(extension: &Extension) -> Decision {
    let (number, forward) = (extension.number.clone(), extension.forward.clone());
    if let Some(target) = forward.always {
        return Decision::Forward { number, target };
    }
    if forward.do_not_disturb {
        return match forward.busy {
            Some(target) => Decision::Forward { number, target },
            None => refuse(HangupCause::USER_BUSY, "Do Not Disturb"),
        };
    }
    let ring_timeout_ms = u64::from(extension.ring_timeout_s) * 1_000;
    Decision::Extension { number, ring_timeout_ms, forward }
}

fn may_dial(caller: Option<&str>, number: &str, directory: &Directory) -> bool {
    caller.is_some_and(|user| directory.extensions.contains_key(user))
        || directory.guest_policy.allows(number)
}

fn supervise(
    caller: Option<&str>,
    extension: &str,
    mode: SupervisorMode,
    directory: &Directory,
) -> Decision {
    if !caller.is_some_and(|caller| directory.supervisors.contains(caller)) {
        return refuse(HangupCause::OUTGOING_CALL_BARRED, "Only supervisors may dial this number");
    }
    if !directory.extensions.contains_key(extension) {
        return refuse(HangupCause::UNALLOCATED_NUMBER, "No such extension");
    }
    Decision::Supervise { extension: extension.to_owned(), mode }
}

fn refuse(cause: HangupCause, reason: &str) -> Decision {
    Decision::Refuse { cause, reason: reason.to_owned() }
}

/// Removes the visual separators of RFC 3966 section 5.1.1 and spaces: `555-1234` becomes `5551234`.
#[must_use]
pub fn normalize(dialled: &str) -> String {
    dialled.chars().filter(|c| !matches!(c, '-' | '.' | '(' | ')' | ' ')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use offhook_model::{CallSide, GuestPolicy, RecordPolicy, Secret};

    fn directory() -> Directory {
        let extension = Extension {
            number: "1001".into(),
            display_name: "Ann".into(),
            secret: Secret::Password("secret".into()),
            ring_timeout_s: 25,
            record: RecordPolicy::None,
            forward: Forwarding::default(),
        };
        Directory {
            domain: "offhook.local".into(),
            extensions: [("1001".to_owned(), extension)].into(),
            services: [("9196".to_owned(), Service::Echo { delay_ms: 0 })].into(),
            guest_policy: GuestPolicy { allowed: vec!["9196".into(), "777".into()] },
            supervisors: ["1001".to_owned()].into(),
            ..Directory::default()
        }
    }

    fn rings(ring_timeout_ms: u64) -> Decision {
        let (number, forward) = ("1001".to_owned(), Forwarding::default());
        Decision::Extension { number, ring_timeout_ms, forward }
    }

    fn decide(caller: Option<&str>, dialled: &str) -> Decision {
        route(Request { caller, dialled }, &directory())
    }

    fn refused_with(decision: &Decision) -> Option<u16> {
        match decision {
            Decision::Refuse { cause, .. } => Some(cause.sip_status()),
            _ => None,
        }
    }

    #[test]
    fn an_extension_reaches_extensions_and_services() {
        let expected = rings(25_000);
        assert_eq!(decide(Some("1001"), "1001"), expected);
        let service = Service::Echo { delay_ms: 0 };
        assert_eq!(
            decide(Some("1001"), "91-96"),
            Decision::Service { number: "9196".into(), service }
        );
    }

    #[test]
    fn a_guest_reaches_what_the_policy_names_and_no_more() {
        assert_eq!(refused_with(&decide(None, "9196")), None);
        assert_eq!(refused_with(&decide(None, "1001")), Some(403));
        assert_eq!(refused_with(&decide(Some("guest-1-2"), "1001")), Some(403));
        assert_eq!(refused_with(&decide(None, "777")), Some(404));
    }

    #[test]
    fn a_supervisor_supervises_an_extension_and_nobody_else_does() {
        for (dialled, mode) in [
            ("*331001", SupervisorMode::Listen),
            ("*34-1001", SupervisorMode::Whisper(CallSide::Agent)),
            ("*351001", SupervisorMode::Barge),
        ] {
            let extension = "1001".to_owned();
            assert_eq!(decide(Some("1001"), dialled), Decision::Supervise { extension, mode });
            assert_eq!(refused_with(&decide(Some("1002"), dialled)), Some(403));
            assert_eq!(refused_with(&decide(None, dialled)), Some(403));
        }
        for nobody in ["*33", "*331002", "*339196", "*361001"] {
            assert_eq!(refused_with(&decide(Some("1001"), nobody)), Some(404), "{nobody}");
        }
    }

    #[test]
    fn an_extension_that_is_not_to_be_disturbed_is_busy_or_forwards() {
        let with = |forward: Forwarding| {
            let mut directory = directory();
            directory.extensions.get_mut("1001").unwrap().forward = forward;
            route(Request { caller: Some("1001"), dialled: "1001" }, &directory)
        };
        let quiet = Forwarding { do_not_disturb: true, ..Forwarding::default() };
        assert_eq!(refused_with(&with(quiet.clone())), Some(486));
        let target = Target::Number("9196".into());
        let forwarded = Decision::Forward { number: "1001".into(), target: target.clone() };
        assert_eq!(with(Forwarding { busy: Some(target.clone()), ..quiet }), forwarded);
        let always = Forwarding { always: Some(target), ..Forwarding::default() };
        assert_eq!(with(always), forwarded);
    }

    #[test]
    fn a_target_of_the_house_is_found_or_told_not_to_be_there() {
        let mut directory = directory();
        directory.queues.insert(QueueId("sales".into()), offhook_model::Queue::new("sales"));
        let queue = QueueId("sales".into());
        let found = resolve(&Target::Queue(queue.clone()), &directory);
        assert_eq!(found, Decision::Queue { queue });
        let found = resolve(&Target::Extension("10-01".into()), &directory);
        assert_eq!(found, rings(25_000));
        for nowhere in [Target::Menu("main".into()), Target::Number("4711".into())] {
            assert_eq!(refused_with(&resolve(&nowhere, &directory)), Some(404), "{nowhere:?}");
        }
    }

    #[test]
    fn messages_are_left_for_extensions_and_queues_and_heard_by_extensions() {
        let mut directory = directory();
        directory.queues.insert(QueueId("sales".into()), offhook_model::Queue::new("sales"));
        for mailbox in ["1001", "sales"] {
            let service = Service::Voicemail { mailbox: mailbox.into() };
            let expected = Decision::Service { number: String::new(), service };
            assert_eq!(resolve(&Target::Voicemail(mailbox.into()), &directory), expected);
        }
        let nobody = resolve(&Target::Voicemail("1002".into()), &directory);
        assert_eq!(refused_with(&nobody), Some(404));
        let service = Service::Mailbox { own: true };
        let own = Decision::Service { number: "*98".into(), service };
        assert_eq!(decide(Some("1001"), "*98"), own);
        assert_eq!(refused_with(&decide(None, "*98")), Some(403));
    }

    #[test]
    fn an_extension_turns_do_not_disturb_on_and_off_and_nobody_else_does() {
        for (code, is_on) in DO_NOT_DISTURB_CODES {
            assert_eq!(do_not_disturb(code), Some(is_on));
            let decision = decide(Some("1001"), code);
            assert!(matches!(decision, Decision::Service { service: Service::Play { .. }, .. }));
            assert_eq!(refused_with(&decide(None, code)), Some(403));
        }
        assert_eq!(do_not_disturb("*77"), None);
    }

    #[test]
    fn a_number_that_is_none_is_told_so() {
        assert_eq!(refused_with(&decide(Some("1001"), "--")), Some(484));
        assert_eq!(refused_with(&decide(Some("1001"), &"9".repeat(65))), Some(484));
        assert_eq!(refused_with(&decide(Some("1001"), "4711")), Some(404));
    }
}
