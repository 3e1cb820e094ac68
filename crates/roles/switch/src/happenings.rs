//! What the switch's outputs tell those who follow events.

use offhook_bus::Happening;
use offhook_model::{CallState, LiveCall, LogEntry};

/// What a call's new state tells, next to what was known of it.
pub(crate) fn of_live(before: Option<&LiveCall>, call: &LiveCall) -> Option<Happening> {
    let answered = |call: &LiveCall| call.state == CallState::Answered;
    let party = |call: &LiveCall| call.answered_by.clone();
    match before {
        None if !answered(call) => Some(Happening::CallRinging(Box::new(call.clone()))),
        Some(before) if answered(before) && party(before) == party(call) => None,
        _ => answered(call).then(|| Happening::CallAnswered(Box::new(call.clone()))),
    }
}

/// What an entry that is written down tells.
pub(crate) fn of_entry(entry: &LogEntry) -> Option<Happening> {
    match entry {
        LogEntry::Call(record) => Some(Happening::CallEnded(record.clone())),
        LogEntry::Recording(record) => Some(Happening::Recording(record.clone())),
        LogEntry::AgentStatus { agent, status, reason, .. } => {
            Some(Happening::AgentStatusChanged(agent.clone(), *status, reason.clone()))
        }
        // An agent's state is told as a change of the agent.
        LogEntry::Queue(record) => {
            record.call.is_some().then(|| Happening::InQueue(record.clone()))
        }
        LogEntry::RecordingsExpired(_)
        | LogEntry::Voicemail(_)
        | LogEntry::VoicemailHeard(_)
        | LogEntry::VoicemailDeleted(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use offhook_model::CallRef;

    fn live(state: CallState, answered_by: Option<&str>) -> LiveCall {
        LiveCall {
            call: CallRef::from_bits(1),
            caller: "1001".into(),
            dialled: "6000".into(),
            answered_by: answered_by.map(str::to_owned),
            state,
            started_at_ms: 1,
            answered_at_ms: None,
            recording: None,
            supervisors: Vec::new(),
        }
    }

    #[test]
    fn a_call_is_told_when_it_comes_and_when_another_party_has_it() {
        let ringing = live(CallState::Ringing, None);
        let queued = live(CallState::Answered, Some("6000"));
        let agent = live(CallState::Answered, Some("2001"));
        assert!(matches!(of_live(None, &ringing), Some(Happening::CallRinging(_))));
        assert_eq!(of_live(Some(&ringing), &ringing), None);
        assert!(matches!(of_live(Some(&ringing), &queued), Some(Happening::CallAnswered(_))));
        assert!(matches!(of_live(Some(&queued), &agent), Some(Happening::CallAnswered(_))));
        assert_eq!(of_live(Some(&agent), &agent), None);
        assert!(matches!(of_live(None, &agent), Some(Happening::CallAnswered(_))));
    }
}
