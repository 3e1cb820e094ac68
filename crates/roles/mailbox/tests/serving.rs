//! What the switch asks of the role, and what comes back.

use offhook_bus::{GuestKey, Inbox, MAILBOX_QUEUE_MAX, Outbox, Shared, queue};
use offhook_mailbox::{Config, Links, Running, WRONG_PINS_MAX, start};
use offhook_model::{
    CallRef, LegId, LogEntry, MailboxAnswer, MailboxRequest, Opened, VoicemailId, VoicemailRecord,
};
use offhook_sealed::KeyRing;
use offhook_store::{MailboxChange, Store};
use tempfile::TempDir;

struct Role {
    requests: Outbox<MailboxRequest>,
    answers: Inbox<MailboxAnswer>,
    store: Store,
    shared: Shared,
    folder: TempDir,
    _running: Running,
}

impl Role {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("offhook.db")).await.expect("opens");
        let (requests, wishes) = queue(MAILBOX_QUEUE_MAX);
        let (replies, answers) = queue(MAILBOX_QUEUE_MAX);
        let directory = store.directory().await.expect("reads");
        let shared = Shared::new(directory, GuestKey([7; 32]));
        let links = Links {
            requests: wishes,
            answers: replies,
            store: store.clone(),
            shared: shared.clone(),
            recordings: folder.path().join("recordings"),
            keys: KeyRing::default(),
        };
        let running = start(&Config::default(), links).expect("starts");
        Self { requests, answers, store, shared, folder, _running: running }
    }

    async fn open(&mut self, pin: Option<&str>) -> Opened {
        let (leg, mailbox) = (LegId(7), "1001".to_owned());
        let request = MailboxRequest::Open { leg, mailbox, pin: pin.map(str::to_owned) };
        self.requests.send(request).expect("there is room");
        loop {
            match self.answers.recv().await.expect("an answer") {
                MailboxAnswer::Opened { leg: opened_for, opened } => {
                    assert_eq!(opened_for, leg);
                    return opened;
                }
                MailboxAnswer::Counted { .. } => {}
            }
        }
    }

    /// How many messages the role says are in the mailbox, when it is told of them next.
    async fn counted(&mut self, wanted: &str) -> (u32, u32) {
        loop {
            let answer = self.answers.recv().await.expect("an answer");
            if let MailboxAnswer::Counted { mailbox, new, old } = answer
                && mailbox == wanted
            {
                return (new, old);
            }
        }
    }
}

#[tokio::test]
async fn a_mailbox_opens_by_its_pin_and_is_locked_after_wrong_ones() {
    let mut role = Role::new().await;
    assert_eq!(role.open(None).await, Opened::Messages(Vec::new()));
    assert_eq!(role.open(Some("4711")).await, Opened::Wrong, "it has none");
    let change = MailboxChange { pin: Some(Some("4711".into())), ..MailboxChange::default() };
    role.store.change_mailbox("1001", change).await.expect("a store");
    assert_eq!(role.open(None).await, Opened::PinWanted);
    assert_eq!(role.open(Some("4711")).await, Opened::Messages(Vec::new()));
    for _ in 0..WRONG_PINS_MAX {
        assert_eq!(role.open(Some("4712")).await, Opened::Wrong);
    }
    assert_eq!(role.open(Some("4711")).await, Opened::Locked);
}

#[tokio::test]
async fn files_within_the_folder_are_deleted_and_no_others() {
    let mut role = Role::new().await;
    let recordings = role.folder.path().join("recordings");
    std::fs::create_dir(&recordings).expect("made");
    std::fs::write(recordings.join("m.wav"), b"m").expect("written");
    for path in ["m.wav", "../offhook.db", "missing.wav"] {
        role.requests.send(MailboxRequest::DeleteFile(path.into())).expect("there is room");
    }
    // Requests are served in order.
    assert_eq!(role.open(None).await, Opened::Messages(Vec::new()));
    assert!(!recordings.join("m.wav").exists());
    assert!(role.folder.path().join("offhook.db").exists());
}

#[tokio::test]
async fn the_messages_of_a_mailbox_are_told_as_their_number_changes() {
    let mut role = Role::new().await;
    let record = VoicemailRecord {
        id: VoicemailId::new(&CallRef::from_bits(3), 1),
        mailbox: "1001".into(),
        call: CallRef::from_bits(3),
        number: "0911555".into(),
        name: None,
        received_at_ms: 1_000,
        duration_s: 7.0,
        path: "m.wav".into(),
    };
    let id = record.id.clone();
    let entry = LogEntry::Voicemail(Box::new(record));
    role.store.write_entries(&[entry]).await.expect("a store");
    assert_eq!(role.counted("1001").await, (1, 0));
    role.store.set_voicemail_heard(&id, true).await.expect("a message");
    assert_eq!(role.counted("1001").await, (0, 1));
    role.store.delete_voicemail(&id).await.expect("a message");
    assert_eq!(role.counted("1001").await, (0, 0));
}

#[tokio::test]
async fn do_not_disturb_is_written_down_and_put_in_force() {
    let role = Role::new().await;
    role.store.seed_demo().await.expect("seeds");
    let mut directory = role.shared.watch_directory();
    for is_on in [true, false] {
        let request = MailboxRequest::DoNotDisturb { extension: "1001".into(), is_on };
        role.requests.send(request).expect("there is room");
        directory.changed().await.expect("it lives");
        let now = role.shared.directory().extensions["1001"].forward.clone();
        assert_eq!(now.do_not_disturb, is_on);
        let stored = role.store.directory().await.expect("reads").extensions["1001"].clone();
        assert_eq!(stored.forward, now);
    }
}
