use offhook_bus::Outbox;
use offhook_model::MailboxAnswer;
use offhook_store::{MessageCount, Store};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// How often messages are counted: whoever leaves, hears or deletes one, by whatever way, is seen by then.
const COUNT_PERIOD: Duration = Duration::from_secs(1);

/// Tells the switch how many messages wait in each mailbox, so that phones can show it.
pub(crate) struct Counter {
    store: Store,
    answers: Outbox<MailboxAnswer>,
    told: BTreeMap<String, MessageCount>,
}

impl Counter {
    pub(crate) fn new(store: Store, answers: Outbox<MailboxAnswer>) -> Self {
        Self { store, answers, told: BTreeMap::new() }
    }

    pub(crate) async fn run(mut self) {
        let mut period = tokio::time::interval(COUNT_PERIOD);
        period.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            period.tick().await;
            match self.store.count_messages().await {
                Ok(counted) => self.tell(counted),
                Err(error) => tracing::debug!(%error, "the messages cannot be counted"),
            }
        }
    }

    /// Tells what is other than it was told. A mailbox without messages is none of those counted.
    fn tell(&mut self, mut counted: BTreeMap<String, MessageCount>) {
        for mailbox in self.told.keys() {
            counted.entry(mailbox.clone()).or_default();
        }
        for (mailbox, count) in counted {
            if self.told.get(&mailbox) == Some(&count) {
                continue;
            }
            let MessageCount { new, old } = count;
            let told = MailboxAnswer::Counted { mailbox: mailbox.clone(), new, old };
            // What finds no room is told the next time.
            if self.answers.send(told).is_ok() {
                self.told.insert(mailbox, count);
            }
        }
    }
}
