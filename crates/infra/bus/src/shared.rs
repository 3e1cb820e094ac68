use crate::{Centre, Events};
use offhook_model::{Aor, Binding, CallRef, Directory, LiveCall, LiveConference, LiveFork};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::watch;

/// The secret from which guests' passwords are made: a guest's SIP password is an HMAC over its user name,
/// so that no table of guests is needed. 32 random bytes, drawn by the binary at the first start.
#[derive(Clone, PartialEq, Eq)]
pub struct GuestKey(pub [u8; 32]);

impl std::fmt::Debug for GuestKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GuestKey(..)")
    }
}

/// State that several roles read: bindings, the directory, live calls. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shared {
    bindings: Arc<Mutex<HashMap<Aor, Vec<Binding>>>>,
    live_calls: Arc<Mutex<BTreeMap<CallRef, LiveCall>>>,
    forks: Arc<Mutex<BTreeMap<CallRef, Vec<LiveFork>>>>,
    live_conferences: Arc<Mutex<BTreeMap<String, LiveConference>>>,
    directory: Arc<watch::Sender<Arc<Directory>>>,
    /// Held from the reading of a directory until it is in force.
    directory_turn: Arc<tokio::sync::Mutex<()>>,
    centre: Centre,
    events: Events,
    /// Addresses-of-record that became reachable or unreachable since they were asked for.
    reachable: Arc<Mutex<BTreeSet<Aor>>>,
    reachability: Arc<watch::Sender<()>>,
    guest_key: GuestKey,
}

impl Shared {
    /// Starts with a directory and nobody registered.
    #[must_use]
    pub fn new(directory: Directory, guest_key: GuestKey) -> Self {
        Self {
            bindings: Arc::default(),
            live_calls: Arc::default(),
            forks: Arc::default(),
            live_conferences: Arc::default(),
            directory: Arc::new(watch::Sender::new(Arc::new(directory))),
            directory_turn: Arc::default(),
            centre: Centre::default(),
            events: Events::default(),
            reachable: Arc::default(),
            reachability: Arc::new(watch::Sender::new(())),
            guest_key,
        }
    }

    /// Agents and queues.
    #[must_use]
    pub fn centre(&self) -> &Centre {
        &self.centre
    }

    /// What happens.
    #[must_use]
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// The bindings of an address-of-record, those that have expired among them: the reader knows the time.
    #[must_use]
    pub fn bindings(&self, aor: &Aor) -> Vec<Binding> {
        lock(&self.bindings).get(aor).cloned().unwrap_or_default()
    }

    /// Replaces the bindings of an address-of-record; an empty list removes it.
    pub fn set_bindings(&self, aor: &Aor, bindings: Vec<Binding>) {
        let mut all = lock(&self.bindings);
        let is_reachable = !bindings.is_empty();
        let was_reachable = match is_reachable {
            false => all.remove(aor).is_some(),
            true => all.insert(aor.clone(), bindings).is_some(),
        };
        drop(all);
        if is_reachable != was_reachable {
            lock(&self.reachable).insert(aor.clone());
            self.reachability.send_replace(());
        }
    }

    /// Tells when an address-of-record got its first binding or lost its last one.
    #[must_use]
    pub fn watch_reachability(&self) -> watch::Receiver<()> {
        self.reachability.subscribe()
    }

    /// The addresses-of-record of which that is so since this was asked last. For one reader.
    #[must_use]
    pub fn take_reachability(&self) -> BTreeSet<Aor> {
        std::mem::take(&mut lock(&self.reachable))
    }

    /// Every binding, for the API and the metrics.
    #[must_use]
    pub fn all_bindings(&self) -> Vec<(Aor, Vec<Binding>)> {
        lock(&self.bindings).iter().map(|(aor, list)| (aor.clone(), list.clone())).collect()
    }

    /// The directory as it stands.
    #[must_use]
    pub fn directory(&self) -> Arc<Directory> {
        self.directory.borrow().clone()
    }

    /// Follows the directory's changes.
    #[must_use]
    pub fn watch_directory(&self) -> watch::Receiver<Arc<Directory>> {
        self.directory.subscribe()
    }

    /// Puts a new directory in force, from the next call on.
    pub fn set_directory(&self, directory: Directory) {
        self.directory.send_replace(Arc::new(directory));
    }

    /// Puts the directory in force that `read` gives, one such change at a time, so that the last one wins.
    ///
    /// # Errors
    /// Those of `read`.
    pub async fn reload_directory<E>(
        &self,
        read: impl Future<Output = Result<Directory, E>>,
    ) -> Result<(), E> {
        let _turn = self.directory_turn.lock().await;
        self.set_directory(read.await?);
        Ok(())
    }

    /// Puts a call among the live ones, or replaces what was said of it.
    pub fn set_live_call(&self, call: LiveCall) {
        lock(&self.live_calls).insert(call.call.clone(), call);
    }

    /// Takes an ended call out of the live ones, and its audio forks with it.
    pub fn remove_live_call(&self, call: &CallRef) {
        lock(&self.forks).remove(call);
        lock(&self.live_calls).remove(call);
    }

    /// A live call.
    #[must_use]
    pub fn live_call(&self, call: &CallRef) -> Option<LiveCall> {
        lock(&self.live_calls).get(call).cloned()
    }

    /// The live calls.
    #[must_use]
    pub fn live_calls(&self) -> Vec<LiveCall> {
        lock(&self.live_calls).values().cloned().collect()
    }

    /// Replaces the audio forks of a live call.
    pub fn set_forks(&self, call: &CallRef, forks: Vec<LiveFork>) {
        lock(&self.forks).insert(call.clone(), forks);
    }

    /// The audio forks of a live call, those that are over among them.
    #[must_use]
    pub fn forks(&self, call: &CallRef) -> Vec<LiveFork> {
        lock(&self.forks).get(call).cloned().unwrap_or_default()
    }

    /// Puts a conference among the live ones, or replaces what was said of it; one without members goes.
    pub fn set_live_conference(&self, conference: LiveConference) {
        let mut all = lock(&self.live_conferences);
        if conference.members.is_empty() {
            all.remove(&conference.number);
        } else {
            all.insert(conference.number.clone(), conference);
        }
    }

    /// The live conferences, by number.
    #[must_use]
    pub fn live_conferences(&self) -> Vec<LiveConference> {
        lock(&self.live_conferences).values().cloned().collect()
    }

    /// The secret of guests' passwords.
    #[must_use]
    pub fn guest_key(&self) -> &GuestKey {
        &self.guest_key
    }
}

/// A panic while a map was held cannot leave it half changed: each method makes one change.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
