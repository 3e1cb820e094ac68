//! Agents: who serves the queues, and how each of them stands.

use crate::context::ApiState;
use crate::extract::{Asked, Body, OptionalBody, SignedIn};
use crate::page::{self, Page, PageQuery};
use crate::problem::{Problem, ProblemBody};
use crate::validate::Check;
use crate::{moment, notes};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use offhook_acd::AgentCounts;
use offhook_bus::{AgentOrder, LiveAgent, OnCall, SwitchOrder};
use offhook_model::{Agent, AgentId, AgentState, AgentStatus, Directory};
use offhook_store::{CallNotes, Role};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use utoipa::ToSchema;

/// How long an answer waits until the switch has done what was asked.
const DONE_WITHIN: Duration = Duration::from_secs(2);
/// Characters of a reason for not being ready.
const REASON_CHARACTERS_MAX: usize = 64;
/// The longest extension of a wrap-up, in seconds.
const EXTENSION_S_MAX: u64 = 3_600;

/// An agent, its settings and how it stands.
#[derive(Serialize, ToSchema)]
pub(crate) struct AgentView {
    /// The agent's name.
    #[schema(example = "2001")]
    id: String,
    /// Who signs in for it.
    username: String,
    /// Where it is rung.
    extension: String,
    /// The name shown to others: the extension's.
    display_name: String,
    /// What it has chosen to be.
    #[schema(inline)]
    status: StatusWord,
    /// The reason for being busy or away.
    reason: Option<String>,
    /// What it does: `offline`, `ready`, `reserved`, `ringing`, `on_call`, `acw` or `not_ready`.
    state: &'static str,
    /// On a call: `talking` or `hold`.
    sub_state: Option<&'static str>,
    /// Since when.
    #[schema(format = DateTime)]
    since: Option<String>,
    /// Whether one of its devices is registered.
    reachable: bool,
    /// Until when it works after a call.
    #[schema(format = DateTime)]
    wrap_up_ends_at: Option<String>,
    /// The queues it serves.
    queues: Vec<PlaceView>,
    /// What it can do, 1 to 10.
    skills: BTreeMap<String, u8>,
    /// After so many calls in a row that were not answered it is made away; 0 for never.
    max_misses: u32,
    /// Whether its devices are told to answer by themselves.
    auto_answer: bool,
    /// Whether a call is offered to it while it is on one.
    takes_second_call: bool,
    /// Its calls.
    calls: Vec<AgentCallView>,
    /// The first of its calls.
    call: Option<AgentCallView>,
    /// What it did today.
    today: TodayView,
}

/// A word for what an agent has chosen to be.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StatusWord {
    Online,
    Busy,
    Away,
    Offline,
}

impl From<StatusWord> for AgentStatus {
    fn from(word: StatusWord) -> Self {
        match word {
            StatusWord::Online => Self::Online,
            StatusWord::Busy => Self::Busy,
            StatusWord::Away => Self::Away,
            StatusWord::Offline => Self::Offline,
        }
    }
}

impl From<AgentStatus> for StatusWord {
    fn from(status: AgentStatus) -> Self {
        match status {
            AgentStatus::Online => Self::Online,
            AgentStatus::Busy => Self::Busy,
            AgentStatus::Away => Self::Away,
            AgentStatus::Offline => Self::Offline,
        }
    }
}

/// An agent's place in a queue.
#[derive(Serialize, ToSchema)]
struct PlaceView {
    queue: String,
    level: u32,
    position: u32,
}

/// A call of an agent.
#[derive(Clone, Serialize, ToSchema)]
struct AgentCallView {
    /// The call.
    id: String,
    /// The queue it came from.
    queue: Option<String>,
    /// Who called.
    number: Option<String>,
    /// Since when the agent takes part.
    #[schema(format = DateTime)]
    since: String,
    /// Whether the agent has it on hold.
    on_hold: bool,
}

/// What an agent did since midnight UTC; durations in seconds.
#[derive(Serialize, ToSchema)]
struct TodayView {
    offered: u64,
    answered: u64,
    missed: u64,
    refused: u64,
    other_calls: u64,
    talk_s: u64,
    hold_s: u64,
    acw_s: u64,
    ready_s: u64,
    not_ready_s: u64,
    ring_s: u64,
    /// (talk + hold + ACW + ring) / (those + ready).
    occupancy: Option<f64>,
}

/// An agent to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAgent {
    /// The agent's name; the user's when absent.
    id: Option<String>,
    /// Who signs in for it.
    username: String,
    /// Where it is rung.
    extension: String,
    #[serde(flatten)]
    #[schema(inline)]
    settings: AgentSettings,
}

/// What can be set of an agent; what is absent stays.
#[derive(Deserialize, ToSchema)]
pub(crate) struct AgentSettings {
    /// What it can do, 1 to 10.
    skills: Option<BTreeMap<String, u8>>,
    /// After so many calls in a row that were not answered it is made away, 0 to 100; 0 for never.
    max_misses: Option<u32>,
    /// Whether its devices are told to answer by themselves.
    auto_answer: Option<bool>,
    /// Whether a call is offered to it while it is on one.
    takes_second_call: Option<bool>,
}

/// What is to be changed of an agent; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AgentChange {
    /// Who signs in for it.
    username: Option<String>,
    /// Where it is rung.
    extension: Option<String>,
    #[serde(flatten)]
    #[schema(inline)]
    settings: AgentSettings,
}

/// What an agent chooses to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatusChange {
    /// `online` takes calls, `busy` and `away` do not, `offline` has signed out.
    #[schema(inline)]
    status: StatusWord,
    /// Why, for `busy` and `away`: at most 64 characters.
    reason: Option<String>,
}

/// How much longer.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrapUpExtension {
    /// 1 to 3600.
    seconds: u64,
}

/// What came of a call.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrapUpEnd {
    /// What came of the call: one of `/api/settings/dispositions`.
    disposition: Option<String>,
    /// What the agent writes of it, at most 4,000 characters.
    notes: Option<String>,
    /// The call; the one that the agent took from a queue last when absent.
    call: Option<String>,
}

/// The agents, by name, with how each of them stands: the directory of those who take calls.
#[utoipa::path(
    get, path = "/api/agents", tag = "agents", operation_id = "agents", params(PageQuery),
    responses(
        (status = 200, description = "A page of agents", body = Page<AgentView>),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn list(
    State(state): State<ApiState>,
    _who: SignedIn,
    Asked(query): Asked<PageQuery>,
) -> Result<Json<Page<AgentView>>, Problem> {
    let limit = page::limit(query.limit)?;
    let directory = state.shared.directory();
    let after = AgentId(query.cursor.unwrap_or_default());
    let rows = directory.agents.range(after.clone()..).filter(|(id, _)| **id != after);
    let rows: Vec<_> = rows.take(limit as usize + 1).map(|(_, agent)| agent).collect();
    Ok(Json(page::cut(rows, limit, |row| &row.id.0, |row| view(&state, &directory, row))))
}

/// The agent of who is signed in.
#[utoipa::path(
    get, path = "/api/agents/me", tag = "agents", operation_id = "ownAgent",
    responses(
        (status = 200, description = "The agent", body = AgentView),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 404, description = "Who is signed in is no agent", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn me(
    State(state): State<ApiState>,
    who: SignedIn,
) -> Result<Json<AgentView>, Problem> {
    let directory = state.shared.directory();
    let own = directory.agents.values().find(|agent| agent.username == who.user.username);
    let own = own.ok_or_else(|| Problem::not_found("agent"))?;
    Ok(Json(view(&state, &directory, own)))
}

/// One agent.
#[utoipa::path(
    get, path = "/api/agents/{id}", tag = "agents", operation_id = "agent",
    params(("id" = String, Path, description = "The agent")),
    responses(
        (status = 200, description = "The agent", body = AgentView),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 404, description = "There is no such agent", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn one(
    State(state): State<ApiState>,
    _who: SignedIn,
    Path(id): Path<String>,
) -> Result<Json<AgentView>, Problem> {
    shown(&state, &AgentId(id)).map(Json)
}

/// Makes an agent of a user and an extension. It begins offline. For administrators.
#[utoipa::path(
    post, path = "/api/agents", tag = "agents", operation_id = "createAgent", request_body = NewAgent,
    responses(
        (status = 201, description = "Made; Location says where", body = AgentView),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not an administrator", body = ProblemBody),
        (status = 404, description = "There is no such user or extension", body = ProblemBody),
        (status = 409, description = "There is such an agent", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn create(
    State(state): State<ApiState>,
    who: SignedIn,
    Body(new): Body<NewAgent>,
) -> Result<Response, Problem> {
    who.demand(Role::Admin)?;
    let id = new.id.unwrap_or_else(|| new.username.clone());
    let mut agent = Agent { username: new.username, extension: new.extension, ..Agent::new(&id) };
    new.settings.apply(&mut agent);
    check(&agent)?;
    state.store.create_agent(&agent).await?;
    state.reload_directory().await?;
    tracing::info!(by = who.user.username, agent = id, "an agent was made");
    let location = (header::LOCATION, format!("/api/agents/{id}"));
    let made = view(&state, &state.shared.directory(), &agent);
    Ok((StatusCode::CREATED, [location], Json(made)).into_response())
}

/// Changes an agent's settings, from the next offer on. For administrators.
#[utoipa::path(
    patch, path = "/api/agents/{id}", tag = "agents", operation_id = "changeAgent",
    params(("id" = String, Path, description = "The agent")), request_body = AgentChange,
    responses(
        (status = 200, description = "Changed", body = AgentView),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not an administrator", body = ProblemBody),
        (status = 404, description = "There is no such agent, user or extension", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn change(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
    Body(change): Body<AgentChange>,
) -> Result<Json<AgentView>, Problem> {
    who.demand(Role::Admin)?;
    let id = AgentId(id);
    let mut agent = known(&state, &id)?;
    agent.username = change.username.unwrap_or(agent.username);
    agent.extension = change.extension.unwrap_or(agent.extension);
    change.settings.apply(&mut agent);
    check(&agent)?;
    state.store.update_agent(&agent).await?;
    state.reload_directory().await?;
    tracing::info!(by = who.user.username, agent = %id, "an agent was changed");
    shown(&state, &id).map(Json)
}

/// Removes an agent; its user and its extension stay. For administrators.
#[utoipa::path(
    delete, path = "/api/agents/{id}", tag = "agents", operation_id = "deleteAgent",
    params(("id" = String, Path, description = "The agent")),
    responses(
        (status = 204, description = "Removed"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not an administrator", body = ProblemBody),
        (status = 404, description = "There is no such agent", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn delete(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    who.demand(Role::Admin)?;
    state.store.delete_agent(&AgentId(id.clone())).await?;
    state.reload_directory().await?;
    tracing::info!(by = who.user.username, agent = id, "an agent was removed");
    Ok(StatusCode::NO_CONTENT)
}

/// Sets what an agent is: its own, or for supervisors anybody's.
#[utoipa::path(
    put, path = "/api/agents/{id}/status", tag = "agents", operation_id = "setAgentStatus",
    params(("id" = String, Path, description = "The agent")), request_body = StatusChange,
    responses(
        (status = 200, description = "Set", body = AgentView),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Somebody else's, and not a supervisor", body = ProblemBody),
        (status = 404, description = "There is no such agent", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
        (status = 503, description = "The switch is too busy", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn set_status(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
    Body(change): Body<StatusChange>,
) -> Result<Json<AgentView>, Problem> {
    let id = AgentId(id);
    may_steer(&state, &who, &id)?;
    let reason = change.reason.filter(|reason| !reason.trim().is_empty());
    if reason.as_ref().is_some_and(|reason| reason.chars().count() > REASON_CHARACTERS_MAX) {
        return Err(Problem::field("reason", "at most 64 characters"));
    }
    let status = AgentStatus::from(change.status);
    let reason = reason.filter(|_| matches!(status, AgentStatus::Busy | AgentStatus::Away));
    let order = AgentOrder::Status(status, reason.clone());
    carry_out(&state, &who, &id, order, |live| {
        live.view.status == status && live.view.reason == reason
    })
    .await
}

/// Ends an agent's work after a call: its own, or for supervisors anybody's.
#[utoipa::path(
    post, path = "/api/agents/{id}/wrap-up/finish", tag = "agents", operation_id = "finishWrapUp",
    params(("id" = String, Path, description = "The agent")), request_body = Option<WrapUpEnd>,
    responses(
        (status = 200, description = "Ended", body = AgentView),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Somebody else's, and not a supervisor", body = ProblemBody),
        (status = 404, description = "There is no such agent", body = ProblemBody),
        (status = 409, description = "The agent is not working after a call", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
        (status = 503, description = "The switch is too busy", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn finish_wrap_up(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
    OptionalBody(end): OptionalBody<WrapUpEnd>,
) -> Result<Json<AgentView>, Problem> {
    let id = AgentId(id);
    may_steer(&state, &who, &id)?;
    demand_wrap_up(&state, &id)?;
    if let Some(end) = end {
        let written = CallNotes { notes: end.notes, disposition: end.disposition };
        notes::write_of_wrap_up(&state, &who, &id, end.call.as_deref(), written).await?;
    }
    let is_done = |live: &LiveAgent| live.view.wrap_up_until_ms.is_none();
    carry_out(&state, &who, &id, AgentOrder::FinishWrapUp, is_done).await
}

/// Gives an agent longer for its work after a call: its own, or for supervisors anybody's.
#[utoipa::path(
    post, path = "/api/agents/{id}/wrap-up/extend", tag = "agents", operation_id = "extendWrapUp",
    params(("id" = String, Path, description = "The agent")), request_body = WrapUpExtension,
    responses(
        (status = 200, description = "Extended", body = AgentView),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Somebody else's, and not a supervisor", body = ProblemBody),
        (status = 404, description = "There is no such agent", body = ProblemBody),
        (status = 409, description = "The agent is not working after a call", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
        (status = 503, description = "The switch is too busy", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn extend_wrap_up(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
    Body(longer): Body<WrapUpExtension>,
) -> Result<Json<AgentView>, Problem> {
    let id = AgentId(id);
    may_steer(&state, &who, &id)?;
    if !(1..=EXTENSION_S_MAX).contains(&longer.seconds) {
        return Err(Problem::field("seconds", "1 to 3600"));
    }
    let before = demand_wrap_up(&state, &id)?;
    let order = AgentOrder::ExtendWrapUp(longer.seconds * 1_000);
    carry_out(&state, &who, &id, order, |live| live.view.wrap_up_until_ms != Some(before)).await
}

/// Until when the agent works after its call.
fn demand_wrap_up(state: &ApiState, id: &AgentId) -> Result<u64, Problem> {
    let until = state.shared.centre().agent(id).and_then(|live| live.view.wrap_up_until_ms);
    until.ok_or_else(|| Problem::conflict("The agent is not working after a call."))
}

/// Orders something of an agent and waits until it is so.
async fn carry_out(
    state: &ApiState,
    who: &SignedIn,
    id: &AgentId,
    order: AgentOrder,
    is_done: impl Fn(&LiveAgent) -> bool,
) -> Result<Json<AgentView>, Problem> {
    let mut changes = state.shared.centre().watch();
    state.order(SwitchOrder::Agent(id.clone(), order), who)?;
    let done = async {
        while !state.shared.centre().agent(id).is_some_and(|live| is_done(&live)) {
            // The sender lives as long as the state.
            changes.changed().await.ok();
        }
    };
    if tokio::time::timeout(DONE_WITHIN, done).await.is_err() {
        return Err(Problem::unavailable("The switch did not do it in time."));
    }
    shown(state, id).map(Json)
}

/// Agents steer themselves, supervisors anybody.
fn may_steer(state: &ApiState, who: &SignedIn, id: &AgentId) -> Result<(), Problem> {
    let agent = known(state, id)?;
    if agent.username == who.user.username { Ok(()) } else { who.demand(Role::Supervisor) }
}

fn known(state: &ApiState, id: &AgentId) -> Result<Agent, Problem> {
    let directory = state.shared.directory();
    directory.agents.get(id).cloned().ok_or_else(|| Problem::not_found("agent"))
}

impl AgentSettings {
    fn apply(self, agent: &mut Agent) {
        let Self { skills, max_misses, auto_answer, takes_second_call } = self;
        skills.into_iter().for_each(|skills| agent.skills = skills);
        max_misses.into_iter().for_each(|misses| agent.max_misses = misses);
        auto_answer.into_iter().for_each(|answers| agent.auto_answer = answers);
        takes_second_call.into_iter().for_each(|takes| agent.takes_second_call = takes);
    }
}

fn check(agent: &Agent) -> Result<(), Problem> {
    let mut check = Check::default();
    check.username("id", &agent.id.0);
    check.demand(agent.id.0 != "me", "id", "any but `me`");
    check.skills("skills", &agent.skills);
    check.demand(agent.max_misses <= 100, "max_misses", "0 to 100");
    check.done()
}

fn shown(state: &ApiState, id: &AgentId) -> Result<AgentView, Problem> {
    let agent = known(state, id)?;
    Ok(view(state, &state.shared.directory(), &agent))
}

pub(crate) fn view(state: &ApiState, directory: &Directory, agent: &Agent) -> AgentView {
    let live = state.shared.centre().agent(&agent.id);
    let live = live.as_ref();
    let calls = live.map(|live| calls(state, live)).unwrap_or_default();
    let extension = directory.extensions.get(&agent.extension);
    let name = extension.map_or(&agent.id.0, |extension| &extension.display_name);
    let chosen = live.map_or(agent.status, |live| live.view.status);
    AgentView {
        id: agent.id.0.clone(),
        username: agent.username.clone(),
        extension: agent.extension.clone(),
        display_name: name.clone(),
        status: chosen.into(),
        reason: live.map_or(agent.reason.clone(), |live| live.view.reason.clone()),
        state: live.map_or(AgentState::Offline, |live| live.view.state).as_str(),
        sub_state: live.and_then(|live| live.on_call).map(OnCall::as_str),
        since: live.map(|live| moment::print(live.view.since_ms)),
        reachable: live.is_some_and(|live| live.view.is_reachable),
        wrap_up_ends_at: live.and_then(|live| live.view.wrap_up_until_ms).map(moment::print),
        queues: places(directory, &agent.id),
        skills: agent.skills.clone(),
        max_misses: agent.max_misses,
        auto_answer: agent.auto_answer,
        takes_second_call: agent.takes_second_call,
        call: calls.first().cloned(),
        calls,
        today: today(live),
    }
}

fn calls(state: &ApiState, live: &LiveAgent) -> Vec<AgentCallView> {
    let each = live.view.calls.iter().zip(&live.calls);
    let view = each.map(|(view, call)| AgentCallView {
        id: call.to_string(),
        queue: view.queue.as_ref().map(|queue| queue.0.clone()),
        number: state.shared.live_call(call).map(|live| live.caller),
        since: moment::print(view.since_ms),
        on_hold: view.is_on_hold,
    });
    view.collect()
}

fn places(directory: &Directory, agent: &AgentId) -> Vec<PlaceView> {
    let tiers = directory.queues.values().flat_map(|queue| {
        let own = queue.tiers.iter().filter(|tier| tier.agent == *agent);
        own.map(|tier| PlaceView {
            queue: queue.id.0.clone(),
            level: tier.level,
            position: tier.position,
        })
    });
    tiers.collect()
}

/// Today's counts, with the time in the state that lasts.
fn today(live: Option<&LiveAgent>) -> TodayView {
    let mut counts = live.map(|live| live.view.today).unwrap_or_default();
    live.into_iter().for_each(|live| count_on(&mut counts, live));
    TodayView {
        offered: counts.offered,
        answered: counts.answered,
        missed: counts.missed,
        refused: counts.refused,
        other_calls: counts.other_calls,
        talk_s: counts.talk_ms / 1_000,
        hold_s: counts.hold_ms / 1_000,
        acw_s: counts.acw_ms / 1_000,
        ready_s: counts.ready_ms / 1_000,
        not_ready_s: counts.not_ready_ms / 1_000,
        ring_s: counts.ring_ms / 1_000,
        occupancy: counts.occupancy(),
    }
}

/// Counts what the agent does at this moment, since the last change.
fn count_on(counts: &mut AgentCounts, live: &LiveAgent) {
    let lasting_ms = moment::now_ms().saturating_sub(live.view.since_ms);
    match live.view.state {
        AgentState::Ready => counts.ready_ms += lasting_ms,
        AgentState::Reserved | AgentState::Ringing => counts.ring_ms += lasting_ms,
        AgentState::OnCall if live.on_call == Some(OnCall::Hold) => counts.hold_ms += lasting_ms,
        AgentState::OnCall => counts.talk_ms += lasting_ms,
        AgentState::Acw => counts.acw_ms += lasting_ms,
        AgentState::NotReady => counts.not_ready_ms += lasting_ms,
        AgentState::Offline => {}
    }
}
