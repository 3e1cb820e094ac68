use crate::events::FOLLOWERS_MAX;
use crate::extract::SignedIn;
use crate::problem::Problem;
use crate::throttle::Throttle;
use crate::token::TokenKey;
use crate::{Config, moment};
use axum::http::StatusCode;
use offhook_bus::{Outbox, Shared, SwitchOrder};
use offhook_model::AllowedHost;
use offhook_sealed::KeyRing;
use offhook_store::Store;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, Semaphore};

/// Addresses or names of which a throttle keeps count.
const THROTTLE_KEYS_MAX: usize = 16_384;
/// How long an address waits for one more wrong password.
const ADDRESS_REFILL: Duration = Duration::from_secs(30);
/// Wrong passwords for one user from anywhere, and how long it takes to be allowed one more. Generous, since
/// a stranger's failures must not lock the user out for long.
const USER_FAILURES_MAX: u32 = 50;
const USER_REFILL: Duration = Duration::from_secs(5);
/// Sign-ins whose passwords wait to be checked.
const LOGINS_WAITING_MAX: usize = 64;

/// How a part of Offhook fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// `edge`, `switch`, `media` and so on.
    pub name: &'static str,
    /// What is wrong; `None` when nothing is.
    pub failure: Option<String>,
}

/// Asks every part but the store, which the API asks itself. It must not block.
pub type Checks = Arc<dyn Fn() -> Vec<Check> + Send + Sync>;

/// What the API is made of.
pub struct Parts {
    /// Records and settings.
    pub store: Store,
    /// Live state.
    pub shared: Shared,
    /// The way to the switch.
    pub orders: Outbox<SwitchOrder>,
    /// Signs the tokens of people who are signed in: 32 random bytes, the same at every start.
    pub secret: [u8; 32],
    /// Asked for `/api/health`.
    pub checks: Checks,
    /// The roles that this process runs.
    pub roles: Vec<&'static str>,
    /// The version of the whole.
    pub version: &'static str,
    /// The folder of the recordings.
    pub recordings: PathBuf,
    /// The keys of encrypted recordings.
    pub recording_keys: KeyRing,
    /// The hosts that audio may be forked to.
    pub fork_hosts: Vec<AllowedHost>,
}

/// What the handlers work with. Cheap to clone.
#[derive(Clone)]
pub struct ApiState(Arc<Inner>);

/// What all clones of the state share.
pub struct Inner {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) shared: Shared,
    pub(crate) orders: Outbox<SwitchOrder>,
    pub(crate) checks: Checks,
    pub(crate) roles: Vec<&'static str>,
    pub(crate) version: &'static str,
    pub(crate) recordings: PathBuf,
    pub(crate) recording_keys: KeyRing,
    pub(crate) fork_hosts: Vec<AllowedHost>,
    pub(crate) started: Instant,
    pub(crate) started_at_ms: u64,
    pub(crate) tokens: TokenKey,
    pub(crate) guests: Mutex<Throttle<IpAddr>>,
    pub(crate) failures_by_address: Mutex<Throttle<IpAddr>>,
    pub(crate) failures_by_user: Mutex<Throttle<String>>,
    pub(crate) logins_waiting: Semaphore,
    /// Held while a menu is checked and then written, so that two changes cannot make a circle together.
    pub(crate) menu_change: tokio::sync::Mutex<()>,
    pub(crate) followers: Arc<Semaphore>,
    /// A webhook was made, changed or removed.
    pub(crate) webhooks_changed: Notify,
}

impl std::fmt::Debug for ApiState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApiState")
    }
}

impl std::ops::Deref for ApiState {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl ApiState {
    /// Puts the API together; its uptime counts from here.
    #[must_use]
    pub fn new(config: Config, parts: Parts) -> Self {
        let per_minute = config.guest_sessions_per_minute.max(1);
        let guests =
            Throttle::new(per_minute, Duration::from_mins(1) / per_minute, THROTTLE_KEYS_MAX);
        let by_address =
            Throttle::new(config.login_failures_max, ADDRESS_REFILL, THROTTLE_KEYS_MAX);
        let by_user = Throttle::new(USER_FAILURES_MAX, USER_REFILL, THROTTLE_KEYS_MAX);
        Self(Arc::new(Inner {
            config,
            store: parts.store,
            shared: parts.shared,
            orders: parts.orders,
            checks: parts.checks,
            roles: parts.roles,
            version: parts.version,
            recordings: parts.recordings,
            recording_keys: parts.recording_keys,
            fork_hosts: parts.fork_hosts,
            started: Instant::now(),
            started_at_ms: moment::now_ms(),
            tokens: TokenKey::new(&parts.secret),
            guests: Mutex::new(guests),
            failures_by_address: Mutex::new(by_address),
            failures_by_user: Mutex::new(by_user),
            logins_waiting: Semaphore::new(LOGINS_WAITING_MAX),
            menu_change: tokio::sync::Mutex::new(()),
            webhooks_changed: Notify::new(),
            followers: Arc::new(Semaphore::new(FOLLOWERS_MAX)),
        }))
    }

    /// Gives the switch an order.
    pub(crate) fn order(&self, order: SwitchOrder, who: &SignedIn) -> Result<StatusCode, Problem> {
        tracing::info!(?order, by = who.user.username, "the switch is given an order");
        let sent = self.orders.send(order);
        sent.map_err(|_full| Problem::unavailable("The switch takes no orders at the moment."))?;
        Ok(StatusCode::ACCEPTED)
    }

    /// Puts what the store knows of numbers in force. One at a time, so that the last change wins.
    pub(crate) async fn reload_directory(&self) -> Result<(), Problem> {
        Ok(self.shared.reload_directory(self.store.directory()).await?)
    }
}
