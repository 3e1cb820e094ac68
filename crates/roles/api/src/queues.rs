//! Queues: their settings, who waits in them, and today's figures.

use crate::context::ApiState;
use crate::extract::{Asked, Body, SignedIn};
use crate::moment;
use crate::page::{self, Page, PageQuery};
use crate::problem::{Problem, ProblemBody};
use crate::target::{self, TargetView};
use crate::validate::Check;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use offhook_bus::{LiveQueue, LiveWaiting, SwitchOrder};
use offhook_model::{
    AgentState, Announcements, CallRef, Queue, QueueId, Strategy, Target, Tier, WhenEmpty,
};
use offhook_store::Role;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A queue, its settings and how it stands.
#[derive(Serialize, ToSchema)]
pub(crate) struct QueueView {
    /// The queue's name.
    #[schema(example = "sales")]
    id: String,
    #[serde(flatten)]
    #[schema(inline)]
    settings: QueueSettings,
    /// How it stands.
    live: LiveView,
}

/// What can be set of a queue; what is absent stays as it is.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub(crate) struct QueueSettings {
    /// What agents are shown.
    display_name: Option<String>,
    /// `ring-all`, `longest-idle`, `round-robin`, `fewest-calls`, `least-talk-time`, `top-down`, `random` or
    /// `skill-based`; other servers' names for these are taken too.
    #[schema(example = "longest-idle")]
    strategy: Option<String>,
    /// How long an agent is rung, 5 to 300 seconds.
    ring_timeout_s: Option<u32>,
    /// How long an agent has for work after a call, seconds up to 3600; 0 for none.
    wrap_up_s: Option<u32>,
    /// How long a caller waits at most, seconds up to 86400; 0 for as long as it likes.
    max_wait_s: Option<u32>,
    /// How many may wait at once; 0 for as many as the server takes.
    max_size: Option<u32>,
    /// Whether somebody may join without agents: `allow`, `no_agents` refuses when none is signed in,
    /// `no_ready_agents` when none is ready either.
    #[schema(value_type = Option<String>)]
    join_when_empty: Option<WhenEmpty>,
    /// The same for those who wait already.
    #[schema(value_type = Option<String>)]
    stay_when_empty: Option<WhenEmpty>,
    /// Where those go who may not join or stay, or have waited too long.
    #[schema(value_type = Option<TargetView>)]
    overflow: Option<Target>,
    /// The prompt URI that those who wait hear.
    music: Option<String>,
    /// What they are told: `{position, expected_wait, first_after_s, every_s, comfort, comfort_every_s}`.
    #[schema(value_type = Option<Object>)]
    announcements: Option<Announcements>,
    /// A caller who is answered within so many seconds counts towards the service level.
    service_level_s: Option<u32>,
    /// A caller who leaves within so many seconds does not count as abandoned.
    short_abandon_s: Option<u32>,
    /// Of two queues whose callers an agent could take, that of the greater weight comes first.
    weight: Option<u32>,
    /// The agent who had a caller last is asked first, and alone for so many seconds; 0 for never.
    sticky_s: Option<u32>,
    /// Skills that the callers need: the least proficiency, 1 to 10.
    skills: Option<BTreeMap<String, u8>>,
    /// After each so many seconds of wait the proficiency asked for is one less; 0 for never.
    relax_every_s: Option<u32>,
    /// The key by which a caller asks to be called back and keeps the place; empty for none.
    callback_key: Option<String>,
    /// How often somebody who is to be called back is called at most, when nobody answers: 1 to 20.
    callback_tries_max: Option<u32>,
    /// How long after one of these calls the next one may follow, seconds.
    callback_retry_s: Option<u32>,
    /// The key by which a caller leaves for the overflow; empty for none.
    exit_key: Option<String>,
    /// Who serves it: `{agent, level, position}`.
    #[schema(value_type = Option<Vec<Object>>)]
    tiers: Option<Vec<Tier>>,
}

/// A queue to be made.
#[derive(Deserialize, ToSchema)]
pub(crate) struct NewQueue {
    /// Its name: letters, digits and - _ .
    id: String,
    #[serde(flatten)]
    #[schema(inline)]
    settings: serde_json::Map<String, serde_json::Value>,
}

/// How a queue stands.
#[derive(Serialize, ToSchema)]
struct LiveView {
    /// Callers who wait.
    waiting: usize,
    /// How long the one waits who has waited longest, seconds.
    longest_wait_s: Option<u64>,
    /// How long a caller who came at this moment would probably wait, seconds.
    expected_wait_s: Option<u64>,
    /// Who waits, in order.
    callers: Vec<CallerView>,
    /// Its agents by what they do.
    agents: AgentsView,
    /// Today's figures.
    today: TodayView,
}

/// A caller who waits.
#[derive(Serialize, ToSchema)]
struct CallerView {
    /// The call.
    call: String,
    /// The caller's number.
    number: String,
    /// Its position, from 1.
    position: usize,
    /// Callers of a greater priority come first.
    priority: i32,
    /// Since when.
    #[schema(format = DateTime)]
    waiting_since: String,
    /// The agents who are being rung for it.
    offered_to: Vec<String>,
    /// Whether it is called back, and has hung up.
    is_callback: bool,
}

/// A queue's agents by what they do.
#[derive(Default, Serialize, ToSchema)]
struct AgentsView {
    ready: usize,
    reserved: usize,
    ringing: usize,
    on_call: usize,
    acw: usize,
    not_ready: usize,
    offline: usize,
}

/// What happened in a queue since midnight UTC.
#[derive(Serialize, ToSchema)]
struct TodayView {
    /// All who came but those who left at once.
    offered: u64,
    answered: u64,
    abandoned: u64,
    /// Who left within `short_abandon_s`.
    short_abandoned: u64,
    overflowed: u64,
    transferred_out: u64,
    answered_within_sl: u64,
    /// answered within the service level / offered, of those whose wait is over.
    service_level: Option<f64>,
    /// Sum of the waits of the answered / answered, seconds.
    average_wait_s: Option<f64>,
    callbacks: u64,
    talk_s: u64,
    hold_s: u64,
    acw_s: u64,
}

/// Another place in the queue.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Move {
    /// From 1; beyond the end is the end.
    position: usize,
}

/// The queues, by name, with who waits in them.
#[utoipa::path(
    get, path = "/api/queues", tag = "queues", operation_id = "queues", params(PageQuery),
    responses(
        (status = 200, description = "A page of queues", body = Page<QueueView>),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn list(
    State(state): State<ApiState>,
    _who: SignedIn,
    Asked(query): Asked<PageQuery>,
) -> Result<Json<Page<QueueView>>, Problem> {
    let limit = page::limit(query.limit)?;
    let directory = state.shared.directory();
    let after = QueueId(query.cursor.unwrap_or_default());
    let rows = directory.queues.range(after.clone()..).filter(|(id, _)| **id != after);
    let rows: Vec<_> = rows.take(limit as usize + 1).map(|(_, queue)| queue.clone()).collect();
    Ok(Json(page::cut(rows, limit, |row| &row.id.0, |row| view(&state, row))))
}

/// One queue.
#[utoipa::path(
    get, path = "/api/queues/{id}", tag = "queues", operation_id = "queue",
    params(("id" = String, Path, description = "The queue")),
    responses(
        (status = 200, description = "The queue", body = QueueView),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 404, description = "There is no such queue", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn one(
    State(state): State<ApiState>,
    _who: SignedIn,
    Path(id): Path<String>,
) -> Result<Json<QueueView>, Problem> {
    known(&state, &QueueId(id)).map(|queue| Json(view(&state, queue)))
}

/// Makes a queue. Callers reach it by a number or a menu that leads there. For administrators.
#[utoipa::path(
    post, path = "/api/queues", tag = "queues", operation_id = "createQueue", request_body = QueueView,
    responses(
        (status = 201, description = "Made; Location says where", body = QueueView),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not an administrator", body = ProblemBody),
        (status = 404, description = "A tier names an agent who is not there", body = ProblemBody),
        (status = 409, description = "There is such a queue", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn create(
    State(state): State<ApiState>,
    who: SignedIn,
    Body(new): Body<NewQueue>,
) -> Result<Response, Problem> {
    who.demand(Role::Admin)?;
    let queue = changed(&state, Queue::new(&new.id), new.settings)?;
    state.store.create_queue(&queue).await?;
    state.reload_directory().await?;
    tracing::info!(by = who.user.username, queue = %queue.id, "a queue was made");
    let location = (header::LOCATION, format!("/api/queues/{}", queue.id));
    Ok((StatusCode::CREATED, [location], Json(view(&state, queue))).into_response())
}

/// Changes a queue, from the next offer on. For administrators.
#[utoipa::path(
    patch, path = "/api/queues/{id}", tag = "queues", operation_id = "changeQueue",
    params(("id" = String, Path, description = "The queue")), request_body = QueueSettings,
    responses(
        (status = 200, description = "Changed", body = QueueView),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not an administrator", body = ProblemBody),
        (status = 404, description = "There is no such queue or agent", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn change(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
    Body(change): Body<serde_json::Map<String, serde_json::Value>>,
) -> Result<Json<QueueView>, Problem> {
    who.demand(Role::Admin)?;
    let before = known(&state, &QueueId(id))?;
    let queue = changed(&state, before, change)?;
    state.store.update_queue(&queue).await?;
    state.reload_directory().await?;
    tracing::info!(by = who.user.username, queue = %queue.id, "a queue was changed");
    Ok(Json(view(&state, queue)))
}

/// Removes a queue; those who wait go to its overflow. For administrators.
#[utoipa::path(
    delete, path = "/api/queues/{id}", tag = "queues", operation_id = "deleteQueue",
    params(("id" = String, Path, description = "The queue")),
    responses(
        (status = 204, description = "Removed"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not an administrator", body = ProblemBody),
        (status = 404, description = "There is no such queue", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn delete(
    State(state): State<ApiState>,
    who: SignedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    who.demand(Role::Admin)?;
    let id = QueueId(id);
    state.store.delete_queue(&id).await?;
    state.reload_directory().await?;
    tracing::info!(by = who.user.username, queue = %id, "a queue was removed");
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a caller who waits another place. For supervisors.
#[utoipa::path(
    post, path = "/api/queues/{id}/callers/{call}/move", tag = "queues", operation_id = "moveCaller",
    params(
        ("id" = String, Path, description = "The queue"),
        ("call" = String, Path, description = "The caller's call"),
    ),
    request_body = Move,
    responses(
        (status = 202, description = "The switch was told"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 404, description = "That call does not wait in that queue", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
        (status = 503, description = "The switch is too busy", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn move_caller(
    State(state): State<ApiState>,
    who: SignedIn,
    Path((id, call)): Path<(String, String)>,
    Body(to): Body<Move>,
) -> Result<StatusCode, Problem> {
    who.demand(Role::Supervisor)?;
    if to.position == 0 {
        return Err(Problem::field("position", "1 and more"));
    }
    let queue = state.shared.centre().queue(&QueueId(id));
    let call = CallRef::parse(&call);
    let waits = queue.zip(call).filter(|(queue, call)| {
        queue.waiting.iter().any(|waiting| waiting.call == *call && waiting.view.caller.is_some())
    });
    let (_, call) = waits.ok_or_else(|| Problem::not_found("caller in this queue"))?;
    state.order(SwitchOrder::MoveCaller(call, to.position), &who)
}

/// Calls somebody back no more who asked for it and waits for that. For supervisors.
#[utoipa::path(
    delete, path = "/api/queues/{id}/callers/{call}", tag = "queues", operation_id = "cancelCallback",
    params(
        ("id" = String, Path, description = "The queue"),
        ("call" = String, Path, description = "The call in which it was asked for"),
    ),
    responses(
        (status = 202, description = "The switch was told"),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 404, description = "No callback of that call waits in that queue", body = ProblemBody),
        (status = 503, description = "The switch is too busy", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn cancel_callback(
    State(state): State<ApiState>,
    who: SignedIn,
    Path((id, call)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    who.demand(Role::Supervisor)?;
    let queue = state.shared.centre().queue(&QueueId(id));
    let call = CallRef::parse(&call);
    let waits = queue.zip(call).filter(|(queue, call)| {
        queue.waiting.iter().any(|waiting| waiting.call == *call && waiting.view.caller.is_none())
    });
    let (_, call) = waits.ok_or_else(|| Problem::not_found("callback in this queue"))?;
    state.order(SwitchOrder::CancelCallback(call), &who)
}

fn known(state: &ApiState, id: &QueueId) -> Result<Queue, Problem> {
    let directory = state.shared.directory();
    directory.queues.get(id).cloned().ok_or_else(|| Problem::not_found("queue"))
}

/// A queue after a change whose values are allowed.
fn changed(
    state: &ApiState,
    mut queue: Queue,
    change: serde_json::Map<String, serde_json::Value>,
) -> Result<Queue, Problem> {
    let known = serde_json::to_value(QueueSettings::default()).unwrap_or_default();
    if let Some(unknown) = change.keys().find(|key| known.get(key.as_str()).is_none()) {
        let fields: Vec<_> = known.as_object().into_iter().flat_map(|all| all.keys()).collect();
        let allowed = fields.iter().map(|field| field.as_str()).collect::<Vec<_>>().join(", ");
        return Err(Problem::field(unknown, format!("one of {allowed}")));
    }
    let settings = change.into_iter().map(|(field, value)| {
        let one = serde_json::Map::from_iter([(field.clone(), value)]);
        let read = serde_json::from_value::<QueueSettings>(serde_json::Value::Object(one));
        read.map_err(|error| Problem::field(&field, error.to_string()))
    });
    let mut check = Check::default();
    for settings in settings {
        settings?.apply(&mut queue, &mut check);
    }
    check_queue(&mut check, &queue, state);
    check.done()?;
    Ok(queue)
}

/// Takes a value where there is one.
fn set<T>(value: Option<T>, place: &mut T) {
    if let Some(value) = value {
        *place = value;
    }
}

impl QueueSettings {
    fn apply(self, queue: &mut Queue, check: &mut Check) {
        if let Some(word) = self.strategy {
            let names: Vec<_> = Strategy::names().collect();
            let known = Strategy::parse(&word);
            check.demand(known.is_some(), "strategy", &names.join(", "));
            set(known, &mut queue.strategy);
        }
        set(self.display_name, &mut queue.display_name);
        set(self.ring_timeout_s, &mut queue.ring_timeout_s);
        set(self.wrap_up_s, &mut queue.wrap_up_s);
        set(self.max_wait_s, &mut queue.max_wait_s);
        set(self.max_size, &mut queue.max_size);
        set(self.join_when_empty, &mut queue.join_when_empty);
        set(self.stay_when_empty, &mut queue.stay_when_empty);
        set(self.overflow, &mut queue.overflow);
        set(self.music, &mut queue.music);
        set(self.announcements, &mut queue.announcements);
        set(self.service_level_s, &mut queue.service_level_s);
        set(self.short_abandon_s, &mut queue.short_abandon_s);
        set(self.weight, &mut queue.weight);
        set(self.sticky_s, &mut queue.sticky_s);
        set(self.skills, &mut queue.skills);
        set(self.relax_every_s, &mut queue.relax_every_s);
        set(
            self.callback_key.map(|key| one_key(check, "callback_key", &key)),
            &mut queue.callback_key,
        );
        set(self.callback_tries_max, &mut queue.callback_tries_max);
        set(self.callback_retry_s, &mut queue.callback_retry_s);
        set(self.exit_key.map(|key| one_key(check, "exit_key", &key)), &mut queue.exit_key);
        set(self.tiers, &mut queue.tiers);
    }

    fn of(queue: Queue) -> Self {
        let key = |key: Option<char>| Some(key.map(String::from).unwrap_or_default());
        Self {
            display_name: Some(queue.display_name),
            strategy: Some(queue.strategy.as_str().to_owned()),
            ring_timeout_s: Some(queue.ring_timeout_s),
            wrap_up_s: Some(queue.wrap_up_s),
            max_wait_s: Some(queue.max_wait_s),
            max_size: Some(queue.max_size),
            join_when_empty: Some(queue.join_when_empty),
            stay_when_empty: Some(queue.stay_when_empty),
            overflow: Some(queue.overflow),
            music: Some(queue.music),
            announcements: Some(queue.announcements),
            service_level_s: Some(queue.service_level_s),
            short_abandon_s: Some(queue.short_abandon_s),
            weight: Some(queue.weight),
            sticky_s: Some(queue.sticky_s),
            skills: Some(queue.skills),
            relax_every_s: Some(queue.relax_every_s),
            callback_key: key(queue.callback_key),
            callback_tries_max: Some(queue.callback_tries_max),
            callback_retry_s: Some(queue.callback_retry_s),
            exit_key: key(queue.exit_key),
            tiers: Some(queue.tiers),
        }
    }
}

fn one_key(check: &mut Check, field: &str, key: &str) -> Option<char> {
    let is_key = key.is_empty() || (key.len() == 1 && "0123456789*#".contains(key));
    check.demand(is_key, field, "one of 0123456789*#, or nothing");
    key.chars().next()
}

fn check_queue(check: &mut Check, queue: &Queue, state: &ApiState) {
    let directory = state.shared.directory();
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let id = &queue.id.0;
    let good = (1..=64).contains(&id.len()) && id.chars().all(is_name);
    check.demand(good, "id", "1 to 64 letters, digits and - _ .");
    check.demand(id != "audit", "id", "any but `audit`");
    check.display_name("display_name", &queue.display_name);
    check.ring_timeout("ring_timeout_s", queue.ring_timeout_s);
    check.demand(queue.wrap_up_s <= 3_600, "wrap_up_s", "0 to 3600");
    check.demand(queue.max_wait_s <= 86_400, "max_wait_s", "0 to 86400");
    check.demand(queue.service_level_s <= 3_600, "service_level_s", "0 to 3600");
    check.demand(queue.short_abandon_s <= 600, "short_abandon_s", "0 to 600");
    check.demand(queue.sticky_s <= 600, "sticky_s", "0 to 600");
    let is_right = (1..=20).contains(&queue.callback_tries_max);
    check.demand(is_right, "callback_tries_max", "1 to 20");
    check.demand(queue.callback_retry_s <= 86_400, "callback_retry_s", "0 to 86400");
    check.skills("skills", &queue.skills);
    check.demand(queue.music.contains(':'), "music", "a prompt URI such as music:");
    target::check(check, "overflow", &queue.overflow, &directory);
    check.demand(queue.overflow != Target::Queue(queue.id.clone()), "overflow", "another queue");
    for (at, tier) in queue.tiers.iter().enumerate() {
        let known = directory.agents.contains_key(&tier.agent);
        check.demand(known, &format!("tiers.{at}.agent"), "the name of an agent");
        let first = queue.tiers[..at].iter().all(|other| other.agent != tier.agent);
        check.demand(first, &format!("tiers.{at}.agent"), "an agent who is not in the list yet");
    }
}

pub(crate) fn view(state: &ApiState, queue: Queue) -> QueueView {
    let live = state.shared.centre().queue(&queue.id);
    let live = live_view(live, agents(state, &queue));
    QueueView { id: queue.id.0.clone(), settings: QueueSettings::of(queue), live }
}

fn agents(state: &ApiState, queue: &Queue) -> AgentsView {
    let mut view = AgentsView::default();
    for tier in &queue.tiers {
        let agent = state.shared.centre().agent(&tier.agent);
        let count = match agent.map_or(AgentState::Offline, |agent| agent.view.state) {
            AgentState::Offline => &mut view.offline,
            AgentState::Ready => &mut view.ready,
            AgentState::Reserved => &mut view.reserved,
            AgentState::Ringing => &mut view.ringing,
            AgentState::OnCall => &mut view.on_call,
            AgentState::Acw => &mut view.acw,
            AgentState::NotReady => &mut view.not_ready,
        };
        *count += 1;
    }
    view
}

fn live_view(live: Option<LiveQueue>, agents: AgentsView) -> LiveView {
    let now_ms = moment::now_ms();
    let (view, waiting) = live.map(|live| (live.view, live.waiting)).unzip();
    let today = view.as_ref().map(|view| view.today).unwrap_or_default();
    let since_ms = view.as_ref().and_then(|view| view.longest_since_ms);
    LiveView {
        waiting: view.as_ref().map_or(0, |view| view.waiting),
        longest_wait_s: since_ms.map(|since_ms| now_ms.saturating_sub(since_ms) / 1_000),
        expected_wait_s: view.and_then(|view| view.expected_wait_ms).map(|ms| ms / 1_000),
        callers: waiting.unwrap_or_default().into_iter().map(caller_view).collect(),
        agents,
        today: TodayView {
            offered: today.offered(),
            answered: today.answered,
            abandoned: today.abandoned,
            short_abandoned: today.short_abandoned,
            overflowed: today.overflowed,
            transferred_out: today.transferred_out,
            answered_within_sl: today.answered_within_sl,
            service_level: today.service_level(),
            average_wait_s: today.average_wait_ms().map(seconds),
            callbacks: today.callbacks,
            talk_s: today.talk_ms / 1_000,
            hold_s: today.hold_ms / 1_000,
            acw_s: today.acw_ms / 1_000,
        },
    }
}

fn seconds(ms: u64) -> f64 {
    std::time::Duration::from_millis(ms).as_secs_f64()
}

fn caller_view(waiting: LiveWaiting) -> CallerView {
    CallerView {
        call: waiting.call.to_string(),
        number: waiting.view.number,
        position: waiting.view.position,
        priority: waiting.view.priority,
        waiting_since: moment::print(waiting.view.joined_at_ms),
        offered_to: waiting.view.offered_to.into_iter().map(|agent| agent.0).collect(),
        is_callback: waiting.view.caller.is_none(),
    }
}
