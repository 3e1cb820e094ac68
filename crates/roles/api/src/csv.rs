mod cdr;

use crate::moment;
use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use offhook_model::RecordingId;
use offhook_store::{
    CallRow, HISTORY_LIMIT_MAX, HistoryFilter, RecordingFilter, RecordingRow, Store, StoreError,
};

const COLUMNS: &str = "id,caller,caller_name,dialled,answered_by,started_at,answered_at,ended_at,\
    ring_seconds,talk_seconds,hangup_cause,hangup_cause_name,sip_status,hung_up_by,caller_codec,\
    callee_codec,packets_lost,loss_percent,jitter_ms,mos,verdict,verdict_evidence,recordings,\
    queue,agent,wait_seconds,disposition,notes\r\n";

const RECORDING_COLUMNS: &str = "id,call,conference,caller,dialled,started_at,state,failure,seconds,\
    bytes,pauses,frames_dropped,encrypted,path\r\n";

/// Rows that are fetched page by page.
trait Table: Send + 'static {
    /// The name of the file that a browser makes of it.
    const DISPOSITION: &str;
    const COLUMNS: &str;

    /// The lines of the next page of at most so many rows, and whether there are more.
    fn next_page(
        &mut self,
        limit: u32,
    ) -> impl Future<Output = Result<(String, bool), StoreError>> + Send;
}

/// Where a table that is being sent stands.
struct Progress<T> {
    table: T,
    /// How many rows are still wanted; `None` is all.
    wanted: Option<u32>,
    more: bool,
}

struct Calls {
    store: Store,
    filter: HistoryFilter,
}

impl Table for Calls {
    const DISPOSITION: &str = "attachment; filename=\"calls.csv\"";
    const COLUMNS: &str = COLUMNS;

    async fn next_page(&mut self, limit: u32) -> Result<(String, bool), StoreError> {
        let page = self.store.history(&self.filter, limit).await?;
        self.filter.cursor = page.next;
        Ok((page.calls.iter().map(line).collect(), self.filter.cursor.is_some()))
    }
}

/// Calls in other makers' columns, by how a line is written.
struct Cdr {
    calls: Calls,
    line: fn(&CallRow) -> String,
}

impl Table for Cdr {
    const DISPOSITION: &str = "attachment; filename=\"Master.csv\"";
    const COLUMNS: &str = "";

    async fn next_page(&mut self, limit: u32) -> Result<(String, bool), StoreError> {
        let page = self.calls.store.history(&self.calls.filter, limit).await?;
        self.calls.filter.cursor = page.next;
        Ok((page.calls.iter().map(self.line).collect(), self.calls.filter.cursor.is_some()))
    }
}

struct Recordings {
    store: Store,
    filter: RecordingFilter,
}

impl Table for Recordings {
    const DISPOSITION: &str = "attachment; filename=\"recordings.csv\"";
    const COLUMNS: &str = RECORDING_COLUMNS;

    async fn next_page(&mut self, limit: u32) -> Result<(String, bool), StoreError> {
        let rows = self.store.recordings(&self.filter, limit).await?;
        self.filter.cursor = rows.last().and_then(|row| RecordingId::parse(&row.id));
        Ok((rows.iter().map(recording_line).collect(), rows.len() == limit as usize))
    }
}

/// The calls as CSV (RFC 4180), fetched page by page while they are sent.
pub(crate) fn calls(store: Store, filter: HistoryFilter, wanted: Option<u32>) -> Response {
    table(Calls { store, filter }, wanted)
}

/// The calls in Asterisk's columns.
pub(crate) fn asterisk(store: Store, filter: HistoryFilter) -> Response {
    table(Cdr { calls: Calls { store, filter }, line: cdr::asterisk }, None)
}

/// The calls in FreeSWITCH's columns.
pub(crate) fn freeswitch(store: Store, filter: HistoryFilter) -> Response {
    table(Cdr { calls: Calls { store, filter }, line: cdr::freeswitch }, None)
}

/// The recordings as CSV (RFC 4180), fetched page by page while they are sent.
pub(crate) fn recordings(store: Store, filter: RecordingFilter, wanted: Option<u32>) -> Response {
    table(Recordings { store, filter }, wanted)
}

fn table<T: Table>(table: T, wanted: Option<u32>) -> Response {
    let progress = Progress { table, wanted, more: true };
    let heading = T::COLUMNS.to_owned();
    let rows = stream::try_unfold((progress, heading), |(progress, heading)| async move {
        if !progress.more {
            return Ok::<_, StoreError>(None);
        }
        let (progress, text) = next_page(progress, heading).await?;
        Ok(Some((text, (progress, String::new()))))
    });
    let kind = match T::COLUMNS {
        "" => "text/csv; charset=utf-8; header=absent",
        _ => "text/csv; charset=utf-8; header=present",
    };
    let kind = (header::CONTENT_TYPE, kind);
    let name = (header::CONTENT_DISPOSITION, T::DISPOSITION);
    ([kind, name], Body::from_stream(rows)).into_response()
}

async fn next_page<T: Table>(
    mut progress: Progress<T>,
    mut text: String,
) -> Result<(Progress<T>, String), StoreError> {
    let limit = progress.wanted.unwrap_or(HISTORY_LIMIT_MAX).min(HISTORY_LIMIT_MAX);
    let (lines, more) = progress.table.next_page(limit).await?;
    text.push_str(&lines);
    progress.wanted = progress.wanted.map(|wanted| wanted.saturating_sub(limit));
    progress.more = more && progress.wanted != Some(0);
    Ok((progress, text))
}

fn recording_line(row: &RecordingRow) -> String {
    let text = |value: &Option<String>| value.as_deref().map(field).unwrap_or_default();
    let pauses = row.marks().iter().filter(|mark| mark.is_pause).count();
    let fields = [
        field(&row.id),
        text(&row.call_id),
        text(&row.conference),
        text(&row.caller),
        text(&row.dialled),
        moment::print_stored(row.started_at_ms),
        field(&row.state),
        text(&row.failure),
        row.seconds.to_string(),
        row.bytes.to_string(),
        pauses.to_string(),
        row.frames_dropped.to_string(),
        row.encrypted.to_string(),
        field(&row.path),
    ];
    format!("{}\r\n", fields.join(","))
}

fn line(call: &CallRow) -> String {
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let text = |value: &Option<String>| value.as_deref().map(field).unwrap_or_default();
    let fields = [
        field(&call.id),
        field(&call.caller),
        text(&call.caller_name),
        field(&call.dialled),
        text(&call.answered_by),
        moment::print_stored(call.started_at_ms),
        call.answered_at_ms.map(moment::print_stored).unwrap_or_default(),
        moment::print_stored(call.ended_at_ms),
        call.ring_seconds.to_string(),
        call.talk_seconds.to_string(),
        call.hangup_cause.to_string(),
        field(&call.hangup_cause_name),
        call.sip_status.map(|status| status.to_string()).unwrap_or_default(),
        field(&call.hung_up_by),
        text(&call.caller_codec),
        text(&call.callee_codec),
        call.packets_lost.map(|lost| lost.to_string()).unwrap_or_default(),
        number(call.loss_percent),
        number(call.jitter_ms),
        number(call.mos),
        text(&call.verdict),
        text(&call.verdict_evidence),
        field(&call.recordings().collect::<Vec<_>>().join(" ")),
        text(&call.queue),
        text(&call.agent),
        number(call.wait_seconds),
        text(&call.disposition),
        text(&call.notes),
    ];
    format!("{}\r\n", fields.join(","))
}

/// A text as a field. What a spreadsheet would take for a formula gets an apostrophe in front, since a
/// caller chooses its own name; a number in E.164 stays as it is.
fn field(text: &str) -> String {
    let formula = text.starts_with(['=', '@', '-', '\t', '\r'])
        || text
            .strip_prefix('+')
            .is_some_and(|rest| !rest.bytes().all(|byte| byte.is_ascii_digit()));
    let guard = if formula { "'" } else { "" };
    if formula || text.contains(['"', ',', '\r', '\n']) {
        format!("\"{guard}{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_must() {
        assert_eq!(field("1001"), "1001");
        assert_eq!(field("Smith, \"Al\""), "\"Smith, \"\"Al\"\"\"");
        assert_eq!(field("a\r\nb"), "\"a\r\nb\"");
    }

    #[test]
    fn a_callers_name_is_no_formula() {
        assert_eq!(field("=cmd|'/C calc'!A0"), "\"'=cmd|'/C calc'!A0\"");
        assert_eq!(field("+1+1"), "\"'+1+1\"");
        assert_eq!(field("+4930123456"), "+4930123456");
    }
}
