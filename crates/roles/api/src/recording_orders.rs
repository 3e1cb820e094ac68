//! Recordings of calls in progress: begun, paused, resumed and ended by order.

use crate::calls;
use crate::context::ApiState;
use crate::extract::{OptionalBody, SignedIn};
use crate::problem::{Problem, ProblemBody};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use offhook_bus::{RecordingOrder, SwitchOrder};
use offhook_model::{
    CallState, LiveCall, LiveRecording, RecordingForm, RecordingFormat, RecordingLayout,
};
use serde::Deserialize;
use utoipa::ToSchema;

/// The kind of file.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Format {
    Wav,
    OggOpus,
}

/// The channels: the caller left and what it hears right, or both in one.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Layout {
    Stereo,
    Mixed,
}

/// How a recording is to be made; what is absent is as the configuration of the switch says.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordingToMake {
    /// The kind of file.
    #[schema(inline)]
    format: Option<Format>,
    /// The channels.
    #[schema(inline)]
    layout: Option<Layout>,
    /// Whether those who are recorded hear a short tone in the beginning and every 15 seconds.
    tone: Option<bool>,
}

impl RecordingToMake {
    /// The same for the switch.
    pub(crate) fn form(&self) -> RecordingForm {
        RecordingForm {
            format: self.format.map(|format| match format {
                Format::Wav => RecordingFormat::Wav,
                Format::OggOpus => RecordingFormat::OggOpus,
            }),
            layout: self.layout.map(|layout| match layout {
                Layout::Stereo => RecordingLayout::Stereo,
                Layout::Mixed => RecordingLayout::Mixed,
            }),
            tone: self.tone,
        }
    }
}

/// Begins to record a call in progress. For supervisors.
///
/// A call may have several recordings, one after the other; what is paused goes on with `resume`.
#[utoipa::path(
    post, path = "/api/calls/active/{id}/recording", tag = "calls", operation_id = "startRecording",
    params(("id" = String, Path, description = "The call")), request_body = Option<RecordingToMake>,
    responses(
        (status = 202, description = "The switch was told to record it"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 404, description = "No such call is in progress", body = ProblemBody),
        (status = 409, description = "It is not answered, or is being recorded", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
        (status = 503, description = "The switch is too busy", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn start(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
    OptionalBody(wanted): OptionalBody<RecordingToMake>,
) -> Result<StatusCode, Problem> {
    let form = wanted.unwrap_or_default().form();
    order(&state, &who, &id, RecordingOrder::Start(form))
}

/// Ends the recording of a call in progress. For supervisors.
#[utoipa::path(
    delete, path = "/api/calls/active/{id}/recording", tag = "calls", operation_id = "stopRecording",
    params(("id" = String, Path, description = "The call")),
    responses(
        (status = 202, description = "The switch was told to end it"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 404, description = "No such call is in progress", body = ProblemBody),
        (status = 409, description = "The call's recording does not stand so", body = ProblemBody),
        (status = 503, description = "The switch is too busy", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn stop(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    order(&state, &who, &id, RecordingOrder::Stop)
}

/// Lets the recording of a call be silent until it is resumed. For supervisors.
#[utoipa::path(
    post, path = "/api/calls/active/{id}/recording/pause", tag = "calls",
    operation_id = "pauseRecording",
    params(("id" = String, Path, description = "The call")),
    responses(
        (status = 202, description = "The switch was told to pause it"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 404, description = "No such call is in progress", body = ProblemBody),
        (status = 409, description = "The call's recording does not stand so", body = ProblemBody),
        (status = 503, description = "The switch is too busy", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn pause(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    order(&state, &who, &id, RecordingOrder::Pause)
}

/// Lets the recording of a call have sound again. For supervisors.
#[utoipa::path(
    post, path = "/api/calls/active/{id}/recording/resume", tag = "calls",
    operation_id = "resumeRecording",
    params(("id" = String, Path, description = "The call")),
    responses(
        (status = 202, description = "The switch was told to resume it"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 404, description = "No such call is in progress", body = ProblemBody),
        (status = 409, description = "The call's recording does not stand so", body = ProblemBody),
        (status = 503, description = "The switch is too busy", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn resume(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    order(&state, &who, &id, RecordingOrder::Resume)
}

fn order(
    state: &ApiState,
    who: &SignedIn,
    id: &str,
    order: RecordingOrder,
) -> Result<StatusCode, Problem> {
    let allowed = |live: &LiveCall| why_not(live, order).map_or(Ok(()), Err);
    calls::order(state, who, id, allowed, |call| SwitchOrder::Record(call, order))
}

/// Why an order does not fit how the call stands.
fn why_not(live: &LiveCall, order: RecordingOrder) -> Option<Problem> {
    let detail = match (order, live.recording) {
        (RecordingOrder::Start(_), None) if live.state == CallState::Ringing => {
            "The call is not answered yet."
        }
        (RecordingOrder::Start(_), None)
        | (RecordingOrder::Stop, Some(_))
        | (RecordingOrder::Pause, Some(LiveRecording::Running))
        | (RecordingOrder::Resume, Some(LiveRecording::Paused)) => return None,
        (RecordingOrder::Start(_), Some(_)) => "The call is being recorded already.",
        (RecordingOrder::Pause, Some(LiveRecording::Paused)) => "The recording is paused already.",
        (RecordingOrder::Resume, Some(LiveRecording::Running)) => "The recording is not paused.",
        (RecordingOrder::Stop | RecordingOrder::Pause | RecordingOrder::Resume, None) => {
            "The call is not being recorded."
        }
    };
    Some(Problem::conflict(detail))
}
