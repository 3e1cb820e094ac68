use crate::moment;
use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use offhook_store::{CallRow, HISTORY_LIMIT_MAX, HistoryFilter, Store, StoreError};

const COLUMNS: &str = "id,caller,caller_name,dialled,answered_by,started_at,answered_at,ended_at,\
    ring_seconds,talk_seconds,hangup_cause,hangup_cause_name,sip_status,hung_up_by,caller_codec,\
    callee_codec,packets_lost,loss_percent,jitter_ms,mos,verdict,verdict_evidence\r\n";

/// Where a table that is being sent stands.
struct Progress {
    store: Store,
    filter: HistoryFilter,
    /// How many calls are still wanted; `None` is all.
    wanted: Option<u32>,
    more: bool,
}

/// The calls as CSV (RFC 4180), fetched page by page while they are sent.
pub(crate) fn calls(store: Store, filter: HistoryFilter, wanted: Option<u32>) -> Response {
    let progress = Progress { store, filter, wanted, more: true };
    let rows =
        stream::try_unfold((progress, COLUMNS.to_owned()), |(progress, heading)| async move {
            if !progress.more {
                return Ok::<_, StoreError>(None);
            }
            let (progress, text) = next_page(progress, heading).await?;
            Ok(Some((text, (progress, String::new()))))
        });
    let kind = (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present");
    let name = (header::CONTENT_DISPOSITION, "attachment; filename=\"calls.csv\"");
    ([kind, name], Body::from_stream(rows)).into_response()
}

async fn next_page(
    mut progress: Progress,
    mut text: String,
) -> Result<(Progress, String), StoreError> {
    let limit = progress.wanted.unwrap_or(HISTORY_LIMIT_MAX).min(HISTORY_LIMIT_MAX);
    let page = progress.store.history(&progress.filter, limit).await?;
    page.calls.iter().for_each(|call| text.push_str(&line(call)));
    progress.wanted = progress.wanted.map(|wanted| wanted.saturating_sub(limit));
    progress.more = page.next.is_some() && progress.wanted != Some(0);
    progress.filter.cursor = page.next;
    Ok((progress, text))
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
