//! Lines as Asterisk writes them into its `queue_log`.

use crate::{AgentState, CallRef, OfferOutcome, OverflowCause, Party, QueueRecord, QueueStep};

/// What a line says beside the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueLogContext<'a> {
    /// The caller's position when it joined.
    pub joined_position: Option<u64>,
    /// Who has hung up, where the record does not say.
    pub hung_up_by: Option<Party>,
    /// The queues that the agent serves: what it does is told of each of them.
    pub queues: &'a [String],
}

/// The lines of a record, `epoch|call|queue|agent|event|data...`, without their ends. A call that joins a
/// full queue, of which Asterisk says nothing, is `FULL`.
#[must_use]
pub fn queue_log_lines(record: &QueueRecord, context: QueueLogContext<'_>) -> Vec<String> {
    let line = |queue: &str, event: &str, data: &[String]| line(record, queue, event, data);
    let queue = record.queue.as_ref().map_or("NONE", |queue| queue.0.as_str());
    if let QueueStep::AgentState { from, to, reason, .. } = &record.step {
        let events = agent_events(*from, *to);
        let of_queue = |queue: &String| {
            let data = |event: &str| match event {
                "PAUSE" => vec![plain(reason.as_deref().unwrap_or_default())],
                _ => Vec::new(),
            };
            events.iter().map(|event| line(queue, event, &data(event))).collect::<Vec<_>>()
        };
        return context.queues.iter().flat_map(of_queue).collect();
    }
    let told = call_event(&record.step, context);
    told.into_iter().map(|(event, data)| line(queue, event, &data)).collect()
}

fn line(record: &QueueRecord, queue: &str, event: &str, data: &[String]) -> String {
    let call = record.call.as_ref().map_or("NONE", CallRef::as_str);
    let agent = record.agent.as_ref().map_or("NONE", |agent| agent.0.as_str());
    let (epoch, data) = (record.at_ms / 1_000, data.join("|"));
    format!("{epoch}|{call}|{}|{}|{event}|{data}", plain(queue), plain(agent))
}

/// A text that cannot be taken for the end of its field.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c == '|' || c.is_control() { ' ' } else { c }).collect()
}

/// What becomes of an agent's membership. Asterisk knows members who are paused, and those who are not.
fn agent_events(from: AgentState, to: AgentState) -> Vec<&'static str> {
    let is_member = |state| state != AgentState::Offline;
    let is_paused = |state| state == AgentState::NotReady;
    let mut events = Vec::new();
    if is_paused(from) && !is_paused(to) {
        events.push("UNPAUSE");
    }
    match (is_member(from), is_member(to)) {
        (false, true) => events.push("ADDMEMBER"),
        (true, false) => events.push("REMOVEMEMBER"),
        _ => {}
    }
    if is_paused(to) && !is_paused(from) {
        events.push("PAUSE");
    }
    events
}

/// The event of Asterisk and its data; durations are in seconds but of RINGNOANSWER and RINGCANCELED.
fn call_event(
    step: &QueueStep,
    context: QueueLogContext<'_>,
) -> Option<(&'static str, Vec<String>)> {
    let seconds = |ms: &u64| (ms / 1_000).to_string();
    let joined = context.joined_position.unwrap_or(1).to_string();
    Some(match step {
        QueueStep::Joined { number, position } => {
            ("ENTERQUEUE", vec![String::new(), plain(number), position.to_string()])
        }
        QueueStep::Answered { waited_ms, rang_ms, .. } => {
            ("CONNECT", vec![seconds(waited_ms), String::new(), seconds(rang_ms)])
        }
        QueueStep::Completed { waited_ms, talk_ms, hold_ms, by } => {
            let is_agent = by.or(context.hung_up_by) == Some(Party::Callee);
            let event = if is_agent { "COMPLETEAGENT" } else { "COMPLETECALLER" };
            (event, vec![seconds(waited_ms), seconds(&(talk_ms + hold_ms)), joined])
        }
        QueueStep::Abandoned { position, joined_position, waited_ms, .. } => {
            ("ABANDON", vec![position.to_string(), joined_position.to_string(), seconds(waited_ms)])
        }
        QueueStep::OfferEnded { outcome, rang_ms } => {
            let event = match outcome {
                OfferOutcome::NoAnswer | OfferOutcome::Refused => "RINGNOANSWER",
                OfferOutcome::CallerLeft => "RINGCANCELED",
                OfferOutcome::Answered
                | OfferOutcome::Unreachable
                | OfferOutcome::Fault
                | OfferOutcome::AnsweredElsewhere
                | OfferOutcome::AgentGone
                | OfferOutcome::AgentBusy
                | OfferOutcome::TooLate => return None,
            };
            (event, vec![rang_ms.to_string()])
        }
        QueueStep::Overflowed { position, joined_position, waited_ms, why, key, .. } => {
            let mut data =
                vec![position.to_string(), joined_position.to_string(), seconds(waited_ms)];
            let event = match why {
                OverflowCause::Empty => "EXITEMPTY",
                OverflowCause::MaxWait | OverflowCause::Unreached => "EXITWITHTIMEOUT",
                OverflowCause::ExitKey => {
                    data.insert(0, key.map(String::from).unwrap_or_default());
                    "EXITWITHKEY"
                }
                OverflowCause::Full => "FULL",
                OverflowCause::NoQueue => "WITHDRAW",
            };
            (event, data)
        }
        QueueStep::TransferredOut { position, waited_ms, key } => {
            let data = vec![position.to_string(), joined, seconds(waited_ms)];
            match key {
                Some(key) => ("EXITWITHKEY", [vec![key.to_string()], data].concat()),
                None => ("WITHDRAW", data),
            }
        }
        QueueStep::Offered { .. }
        | QueueStep::CallbackTaken { .. }
        | QueueStep::CallbackPlaced { .. }
        | QueueStep::CallbackFailed { .. }
        | QueueStep::PositionChanged { .. }
        | QueueStep::AgentState { .. } => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AgentId, AgentStatus, QueueId, Target};

    fn record(agent: Option<&str>, step: QueueStep) -> QueueRecord {
        QueueRecord {
            id: "1".into(),
            at_ms: 1_763_836_200_999,
            call: Some(CallRef::from_bits(7)),
            entry: Some(1),
            queue: Some(QueueId("sales".into())),
            agent: agent.map(|agent| AgentId(agent.into())),
            step,
        }
    }

    fn told(agent: Option<&str>, step: QueueStep) -> String {
        let context = QueueLogContext { joined_position: Some(3), ..QueueLogContext::default() };
        let lines = queue_log_lines(&record(agent, step), context);
        let head = format!("1763836200|{}|sales|", CallRef::from_bits(7));
        let rest = lines.iter().map(|line| line.strip_prefix(&head).expect("the head").to_owned());
        rest.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_calls_way_is_told_in_asterisks_words() {
        let joined = QueueStep::Joined { number: "0170|1\n".into(), position: 3 };
        assert_eq!(told(None, joined), "NONE|ENTERQUEUE||0170 1 |3");
        let answered = QueueStep::Answered {
            waited_ms: 61_500,
            rang_ms: 4_200,
            is_callback: false,
            within_service_level: false,
        };
        assert_eq!(told(Some("2001"), answered), "2001|CONNECT|61||4");
        for (by, event) in [
            (Some(Party::Callee), "COMPLETEAGENT"),
            (Some(Party::Caller), "COMPLETECALLER"),
            (None, "COMPLETECALLER"),
        ] {
            let step =
                QueueStep::Completed { waited_ms: 61_500, talk_ms: 30_000, hold_ms: 5_000, by };
            assert_eq!(told(Some("2001"), step), format!("2001|{event}|61|35|3"));
        }
        let missed = QueueStep::OfferEnded { outcome: OfferOutcome::NoAnswer, rang_ms: 20_000 };
        assert_eq!(told(Some("2001"), missed), "2001|RINGNOANSWER|20000");
        let gone = QueueStep::OfferEnded { outcome: OfferOutcome::CallerLeft, rang_ms: 900 };
        assert_eq!(told(Some("2001"), gone), "2001|RINGCANCELED|900");
    }

    #[test]
    fn every_way_out_has_its_event() {
        let abandoned = QueueStep::Abandoned {
            position: 1,
            joined_position: 3,
            waited_ms: 9_000,
            is_short: false,
        };
        assert_eq!(told(None, abandoned), "NONE|ABANDON|1|3|9");
        for (why, key, expected) in [
            (OverflowCause::Empty, None, "EXITEMPTY|1|3|9"),
            (OverflowCause::MaxWait, None, "EXITWITHTIMEOUT|1|3|9"),
            (OverflowCause::ExitKey, Some('9'), "EXITWITHKEY|9|1|3|9"),
            (OverflowCause::Full, None, "FULL|1|3|9"),
            (OverflowCause::NoQueue, None, "WITHDRAW|1|3|9"),
        ] {
            let target = Target::HangUp;
            let (position, joined_position, waited_ms) = (1, 3, 9_000);
            let step =
                QueueStep::Overflowed { position, joined_position, waited_ms, target, why, key };
            assert_eq!(told(None, step), format!("NONE|{expected}"));
        }
        let moved = QueueStep::TransferredOut { position: 1, waited_ms: 9_000, key: None };
        assert_eq!(told(None, moved), "NONE|WITHDRAW|1|3|9");
    }

    #[test]
    fn what_an_agent_does_is_told_of_each_of_its_queues() {
        let step = |from, to| QueueStep::AgentState {
            from,
            to,
            status: AgentStatus::Away,
            reason: Some("Lunch".into()),
            lasted_ms: 1,
        };
        let queues = ["sales".to_owned(), "support".to_owned()];
        let told = |from, to| {
            let record =
                QueueRecord { call: None, queue: None, ..record(Some("2001"), step(from, to)) };
            let context = QueueLogContext { queues: &queues, ..QueueLogContext::default() };
            queue_log_lines(&record, context)
        };
        let lines = told(AgentState::Ready, AgentState::NotReady);
        let expected =
            ["1763836200|NONE|sales|2001|PAUSE|Lunch", "1763836200|NONE|support|2001|PAUSE|Lunch"];
        assert_eq!(lines, expected);
        let lines = told(AgentState::Offline, AgentState::NotReady);
        assert!(lines[0].contains("|ADDMEMBER|") && lines[1].contains("|PAUSE|"), "{lines:?}");
        let lines = told(AgentState::NotReady, AgentState::Offline);
        assert!(lines[0].contains("|UNPAUSE|") && lines[1].contains("|REMOVEMEMBER|"), "{lines:?}");
        assert!(told(AgentState::Ready, AgentState::OnCall).is_empty());
    }
}
