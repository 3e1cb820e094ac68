//! Calls in the columns of other makers' CDRs.

use offhook_store::CallRow;
use time::OffsetDateTime;

/// A call as a line of Asterisk's Master.csv: accountcode, src, dst, dcontext, clid, channel, dstchannel,
/// lastapp, lastdata, start, answer, end, duration, billsec, disposition, amaflags, uniqueid, userfield.
pub(super) fn asterisk(call: &CallRow) -> String {
    let name = call.caller_name.as_deref().unwrap_or_default();
    let channel = |number: &str| format!("SIP/{number}-{}", &call.id[call.id.len().min(24)..]);
    let (app, data) = match &call.queue {
        Some(queue) => ("Queue", queue.as_str()),
        None => ("Dial", call.answered_by.as_deref().unwrap_or(&call.dialled)),
    };
    let fields = [
        quoted(""),
        quoted(&call.caller),
        quoted(&call.dialled),
        quoted("offhook"),
        quoted(&format!("\"{name}\" <{}>", call.caller)),
        quoted(&channel(&call.caller)),
        quoted(&call.answered_by.as_deref().map(channel).unwrap_or_default()),
        quoted(app),
        quoted(data),
        quoted(&stamp(Some(call.started_at_ms))),
        quoted(&stamp(call.answered_at_ms)),
        quoted(&stamp(Some(call.ended_at_ms))),
        whole_seconds(call.started_at_ms, call.ended_at_ms).to_string(),
        billed(call).to_string(),
        quoted(disposition(call)),
        quoted("DOCUMENTATION"),
        quoted(&call.id),
        quoted(call.disposition.as_deref().unwrap_or_default()),
    ];
    format!("{}\n", fields.join(","))
}

/// A call as a line of FreeSWITCH's `cdr_csv`, template `example`: caller_id_name, caller_id_number,
/// destination_number, context, start_stamp, answer_stamp, end_stamp, duration, billsec, hangup_cause, uuid,
/// bleg_uuid, accountcode, read_codec, write_codec.
pub(super) fn freeswitch(call: &CallRow) -> String {
    let fields = [
        call.caller_name.clone().unwrap_or_default(),
        call.caller.clone(),
        call.dialled.clone(),
        "offhook".to_owned(),
        stamp(Some(call.started_at_ms)),
        stamp(call.answered_at_ms),
        stamp(Some(call.ended_at_ms)),
        whole_seconds(call.started_at_ms, call.ended_at_ms).to_string(),
        billed(call).to_string(),
        call.hangup_cause_name.clone(),
        uuid(&call.id),
        String::new(),
        String::new(),
        call.caller_codec.clone().unwrap_or_default(),
        call.caller_codec.clone().unwrap_or_default(),
    ];
    format!("{}\n", fields.map(|field| quoted(&field)).join(","))
}

/// A field as these programs write it. They read lines, so a line's end within a field is a space.
fn quoted(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("\"{}\"", text.replace('"', "\"\""))
}

fn stamp(at_ms: Option<i64>) -> String {
    let moment = at_ms.and_then(|ms| OffsetDateTime::from_unix_timestamp(ms / 1_000).ok());
    let two = |number: u8| format!("{number:02}");
    moment.map_or_else(String::new, |at| {
        let date = [format!("{:04}", at.year()), two(at.month().into()), two(at.day())].join("-");
        format!("{date} {}", [two(at.hour()), two(at.minute()), two(at.second())].join(":"))
    })
}

fn whole_seconds(from_ms: i64, to_ms: i64) -> i64 {
    (to_ms / 1_000 - from_ms / 1_000).max(0)
}

fn billed(call: &CallRow) -> i64 {
    call.answered_at_ms.map_or(0, |answered_ms| whole_seconds(answered_ms, call.ended_at_ms))
}

/// What Asterisk says of how a call ended, by the cause of Q.850.
fn disposition(call: &CallRow) -> &'static str {
    match call.hangup_cause {
        _ if call.answered_at_ms.is_some() => "ANSWERED",
        17 => "BUSY",
        34 | 42 => "CONGESTION",
        16 | 18 | 19 | 20 | 26 | 31 => "NO ANSWER",
        _ => "FAILED",
    }
}

/// The call's 128 bits as FreeSWITCH writes them.
fn uuid(id: &str) -> String {
    let part = |from: usize, to: usize| id.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}
