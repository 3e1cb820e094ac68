use crate::seed_menus::demo_menus;
use crate::store::{from_sql, now_ms};
use crate::{NewUser, RING_TIMEOUT_S_DEFAULT, Role, Store, StoreError, random_password};
use offhook_model::{
    AgentId, AgentStatus, ConferenceSettings, Extension, Forwarding, GuestPolicy, LogEntry, Queue,
    QueueId, RecordPolicy, Secret, Service, Target, Tier, WhenEmpty,
};
use std::ops::RangeInclusive;

/// The administrator made at a first start.
#[derive(Clone, PartialEq, Eq)]
pub struct Administrator {
    /// The name to sign in with.
    pub username: String,
    /// The password, which is kept nowhere: print it once.
    pub password: String,
}

const ADMINISTRATOR: &str = "admin";
/// Marks that the demo's data was put in, so that what was removed since does not come back.
const DEMO_SEEDED: &str = "demo_seeded";
const DEMO_GUEST_NUMBERS: [&str; 8] =
    ["6000", "9999", "555XXXX", "30XX", "9195", "9196", "9197", "9664"];
/// The extension of the demo's supervisor.
const DEMO_SUPERVISOR: &str = "1009";
const DEMO_AGENTS: [&str; 4] = ["2001", "2002", "2003", "2004"];
/// The demo's queues: name, what people call it, and who serves it.
const DEMO_QUEUES: [(&str, &str, &[&str]); 3] = [
    ("reception", "Reception", &DEMO_AGENTS),
    ("sales", "Sales", &["2001", "2002"]),
    ("support", "Support", &["2003", "2004"]),
];
const DEMO_CONFERENCES: RangeInclusive<u32> = 3000..=3099;

impl Store {
    /// Makes the administrator with a random password when there is no administrator yet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn first_start(&self) -> Result<Option<Administrator>, StoreError> {
        let exists: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM users WHERE role = 'admin')")
                .fetch_one(self.pool())
                .await?;
        if exists {
            return Ok(None);
        }
        let password = random_password()?;
        self.create_user(&NewUser {
            username: ADMINISTRATOR.to_owned(),
            password: password.clone(),
            role: Role::Admin,
            extension: None,
        })
        .await?;
        Ok(Some(Administrator { username: ADMINISTRATOR.to_owned(), password }))
    }

    /// Puts the demo's extensions, users, services, menus and guest policy in. What is there already stays as it
    /// is, and a second call does nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn seed_demo(&self) -> Result<(), StoreError> {
        if self.setting::<bool>(DEMO_SEEDED).await?.unwrap_or_default() {
            return Ok(());
        }
        for (number, service) in demo_services() {
            self.set_service(number, &service).await?;
        }
        for number in DEMO_CONFERENCES {
            let service = Service::Conference(ConferenceSettings::default());
            self.set_service(&number.to_string(), &service).await?;
        }
        for menu in demo_menus() {
            keep(self.create_menu(&menu).await)?;
        }
        for number in (1001..=1009).chain(2001..=2004) {
            keep(self.create_extension(&demo_extension(number)).await)?;
        }
        for user in demo_users() {
            keep(self.create_user(&user).await)?;
        }
        // Online, so that whoever registers as an agent is called.
        self.write_entries(&DEMO_AGENTS.map(online)).await?;
        for (queue, name, agents) in DEMO_QUEUES {
            keep(self.create_queue(&demo_queue(queue, name, agents)).await)?;
        }
        let allowed = DEMO_GUEST_NUMBERS.map(str::to_owned).to_vec();
        self.set_guest_policy(&GuestPolicy { allowed }).await?;
        self.set_setting(DEMO_SEEDED, &true).await
    }
}

/// What is there already stays as it is.
fn keep(result: Result<(), StoreError>) -> Result<(), StoreError> {
    match result {
        Err(StoreError::Taken(_)) => Ok(()),
        other => other,
    }
}

fn demo_extension(number: u32) -> Extension {
    let kind = if number < 2000 { "Extension" } else { "Agent" };
    Extension {
        number: number.to_string(),
        display_name: format!("{kind} {number}"),
        secret: Secret::Password(format!("demo-{number}")),
        ring_timeout_s: RING_TIMEOUT_S_DEFAULT,
        record: RecordPolicy::None,
        forward: Forwarding::default(),
    }
}

fn online(agent: &str) -> LogEntry {
    LogEntry::AgentStatus {
        agent: AgentId(agent.to_owned()),
        status: AgentStatus::Online,
        reason: None,
        at_ms: from_sql(now_ms()),
    }
}

fn demo_queue(id: &str, name: &str, agents: &[&str]) -> Queue {
    let tier = |agent: &&str| Tier { agent: AgentId((*agent).to_owned()), level: 1, position: 1 };
    Queue {
        display_name: name.to_owned(),
        tiers: agents.iter().map(tier).collect(),
        join_when_empty: WhenEmpty::NoAgents,
        overflow: Target::Voicemail(id.to_owned()),
        ..Queue::new(id)
    }
}

fn demo_users() -> Vec<NewUser> {
    let user = |username: &str, role, extension| NewUser {
        username: username.to_owned(),
        password: format!("demo-{username}"),
        role,
        extension,
    };
    let mut users = vec![
        user(ADMINISTRATOR, Role::Admin, None),
        user("supervisor", Role::Supervisor, Some(DEMO_SUPERVISOR.to_owned())),
    ];
    users.extend((2001..=2004).map(|number: u32| {
        let number = number.to_string();
        user(&number, Role::Agent, Some(number.clone()))
    }));
    users
}

fn demo_services() -> [(&'static str, Service); 8] {
    let play = |prompt: &str| Service::Play { prompt: prompt.to_owned(), repeat: true };
    let welcome = "tts:Welcome to Offhook. Please hold while we connect you.";
    let direct_call = Service::GoTo {
        welcome: Some(welcome.to_owned()),
        target: Target::Queue(QueueId("reception".to_owned())),
        otherwise: Some(Target::Voicemail("reception".to_owned())),
    };
    let target = Target::Menu("main".to_owned());
    let menu = Service::GoTo { welcome: None, target, otherwise: None };
    [
        ("4000", Service::Mailbox { own: false }),
        ("6000", direct_call),
        ("5900", Service::Park {}),
        ("9195", Service::Echo { delay_ms: 2000 }),
        ("9196", Service::Echo { delay_ms: 0 }),
        ("9197", play("tone:1004,1000")),
        ("9664", play("music:")),
        ("9999", menu),
    ]
}
