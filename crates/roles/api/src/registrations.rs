use crate::context::ApiState;
use crate::extract::{Asked, SignedIn};
use crate::moment;
use crate::page::{self, Page, PageQuery};
use crate::problem::{Problem, ProblemBody};
use axum::Json;
use axum::extract::State;
use offhook_model::{Aor, Binding};
use offhook_store::Role;
use serde::Serialize;
use utoipa::ToSchema;

/// A device that is registered (RFC 3261 section 10).
#[derive(Serialize, ToSchema)]
pub(crate) struct Registration {
    /// Names the registration for as long as it is there.
    id: String,
    /// The address-of-record.
    #[schema(example = "1001@offhook.local")]
    aor: String,
    /// The Contact's URI as the device wrote it.
    contact: String,
    /// `udp`, `tcp`, `tls`, `ws` or `wss`.
    transport: String,
    /// The address that the REGISTER came from.
    source: String,
    /// Preference, 0 to 1.
    q: f64,
    /// When it ends.
    #[schema(format = DateTime)]
    expires_at: String,
    /// The device's own name for itself (RFC 5626).
    instance: Option<String>,
    /// The device's User-Agent.
    user_agent: Option<String>,
}

/// The devices that are registered, by address. For supervisors.
#[utoipa::path(
    get, path = "/api/registrations", tag = "registrations", operation_id = "registrations",
    params(PageQuery),
    responses(
        (status = 200, description = "A page of registrations", body = Page<Registration>),
        (status = 401, description = "Nobody is signed in", body = ProblemBody),
        (status = 403, description = "Not a supervisor", body = ProblemBody),
        (status = 422, description = "A value is not allowed", body = ProblemBody),
    ),
    security(("token" = []), ("cookie" = [])),
)]
pub(crate) async fn list(
    State(state): State<ApiState>,
    who: SignedIn,
    Asked(query): Asked<PageQuery>,
) -> Result<Json<Page<Registration>>, Problem> {
    who.demand(Role::Supervisor)?;
    let limit = page::limit(query.limit)?;
    let mut all = current(&state);
    all.sort_by(|a, b| a.id.cmp(&b.id));
    let after = query.cursor.unwrap_or_default();
    let rows = all.into_iter().filter(|row| row.id > after).take(limit as usize + 1).collect();
    Ok(Json(page::cut(rows, limit, |row: &Registration| &row.id, |row| row)))
}

/// Registrations that have not ended.
fn current(state: &ApiState) -> Vec<Registration> {
    let now = moment::now_ms() / 1_000;
    let all = state.shared.all_bindings().into_iter();
    all.flat_map(|(aor, bindings)| {
        let live = bindings.into_iter().filter(|binding| binding.expires_at > now);
        live.map(|binding| view(&aor, binding)).collect::<Vec<_>>()
    })
    .collect()
}

/// How many registrations have not ended.
pub(crate) fn count(state: &ApiState) -> usize {
    let now = moment::now_ms() / 1_000;
    let all = state.shared.all_bindings();
    all.iter().flat_map(|(_, bindings)| bindings).filter(|binding| binding.expires_at > now).count()
}

fn view(aor: &Aor, binding: Binding) -> Registration {
    Registration {
        id: format!("{aor} {}", binding.contact),
        aor: aor.to_string(),
        transport: binding.transport.via_token().to_ascii_lowercase(),
        source: binding.source,
        q: f64::from(binding.q_thousandths) / 1_000.0,
        expires_at: moment::print(binding.expires_at.saturating_mul(1_000)),
        instance: binding.instance,
        user_agent: binding.user_agent,
        contact: binding.contact,
    }
}
