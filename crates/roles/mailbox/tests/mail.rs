//! Messages by e-mail, to a mail server that speaks as much SMTP as is needed (RFC 5321).

use offhook_mailbox::{Mailer, SmtpConfig, SmtpUrl};
use offhook_model::{CallRef, LogEntry, VoicemailId, VoicemailRecord};
use offhook_sealed::KeyRing;
use offhook_store::{MailboxChange, Store};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A mail server that answers RCPT with these lines in turn, one for each connection; the mails it took.
async fn mail_server(replies: &'static [&'static str]) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("smtp://{}", listener.local_addr().expect("an address"));
    let server = tokio::spawn(async move {
        let mut mails = Vec::new();
        for reply in replies {
            let (stream, _) = listener.accept().await.expect("a client");
            mails.extend(talk(stream, reply).await);
        }
        mails
    });
    (url, server)
}

async fn talk(stream: TcpStream, to_recipient: &str) -> Option<String> {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    writer.write_all(b"220 test\r\n").await.expect("writes");
    let mut mail = None;
    while let Ok(Some(line)) = lines.next_line().await {
        let reply = match line.split([' ', ':']).next().unwrap_or_default() {
            "RCPT" => to_recipient,
            "DATA" => {
                writer.write_all(b"354 go on\r\n").await.expect("writes");
                let mut text = String::new();
                while let Some(line) = lines.next_line().await.expect("a mail") {
                    if line == "." {
                        break;
                    }
                    text.push_str(&line);
                    text.push('\n');
                }
                mail = Some(text);
                "250 taken"
            }
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        let sent = writer.write_all(format!("{reply}\r\n").as_bytes()).await;
        if sent.is_err() || line == "QUIT" {
            break;
        }
    }
    mail
}

/// A store with one message for Sales, whose mailbox has an address.
async fn message(notify: bool) -> (Store, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("offhook.db")).await.expect("opens");
    let change = MailboxChange {
        email: Some(Some("sales@example.org".into())),
        notify: Some(notify),
        ..MailboxChange::default()
    };
    store.change_mailbox("sales", change).await.expect("a store");
    std::fs::write(folder.path().join("m.wav"), b"RIFF of a message").expect("written");
    let record = VoicemailRecord {
        id: VoicemailId::new(&CallRef::from_bits(3), 1),
        mailbox: "sales".into(),
        call: CallRef::from_bits(3),
        number: "0911555".into(),
        name: Some("Bo".into()),
        received_at_ms: 1_000,
        duration_s: 7.0,
        path: "m.wav".into(),
    };
    store.write_entries(&[LogEntry::Voicemail(Box::new(record))]).await.expect("a store");
    (store, folder)
}

fn mailer(url: &str, store: &Store, folder: &TempDir) -> Mailer {
    let config = SmtpConfig { url: SmtpUrl(url.into()), from: "Offhook <pbx@example.org>".into() };
    let made = Mailer::new(&config, store.clone(), folder.path().into(), KeyRing::default());
    made.expect("a good configuration").expect("a mailer")
}

#[tokio::test]
async fn a_message_is_sent_with_its_sound_once_and_a_busy_server_is_tried_again() {
    let (url, server) = mail_server(&["451 later", "250 ok"]).await;
    let (store, folder) = message(true).await;
    let mailer = mailer(&url, &store, &folder);
    assert_eq!(mailer.send_due(10_000).await, 0);
    assert_eq!(mailer.send_due(69_999).await, 0, "not before its time");
    assert_eq!(mailer.send_due(70_000).await, 1);
    assert_eq!(mailer.send_due(9_000_000).await, 0);
    let mails = server.await.expect("a server");
    let [mail] = &mails[..] else { panic!("{mails:?}") };
    assert!(mail.contains("To: sales@example.org") && mail.contains("From: Offhook"), "{mail}");
    assert!(mail.contains("Subject: Voicemail from Bo (0911555)"), "{mail}");
    assert!(mail.contains("a message of 7 seconds for sales at 1970-01-01T00:00:01Z"), "{mail}");
    assert!(mail.contains("filename=\"message.wav\""), "{mail}");
    let in_base64 = "UklGRiBvZiBhIG1lc3NhZ2U=";
    assert!(mail.contains(in_base64) || mail.contains("RIFF of a message"), "{mail}");
}

#[tokio::test]
async fn what_the_server_refuses_for_good_is_not_tried_again() {
    let (url, server) = mail_server(&["550 no such person"]).await;
    let (store, folder) = message(true).await;
    let mailer = mailer(&url, &store, &folder);
    assert_eq!(mailer.send_due(10_000).await, 0);
    assert!(store.mails_due(u64::MAX / 4, 9).await.expect("a store").is_empty());
    assert!(server.await.expect("a server").is_empty());
}

#[tokio::test]
async fn nothing_is_sent_for_a_mailbox_that_does_not_want_it() {
    let (store, _folder) = message(false).await;
    assert!(store.mails_due(u64::MAX / 4, 9).await.expect("a store").is_empty());
}

#[tokio::test]
async fn a_bad_configuration_says_what_is_allowed_and_no_secret() {
    let (store, folder) = message(true).await;
    for (url, from) in [("http://user:secret@mail", "a@b.example"), ("smtp://mail", "nobody")] {
        let config = SmtpConfig { url: SmtpUrl(url.into()), from: from.into() };
        let made = Mailer::new(&config, store.clone(), folder.path().into(), KeyRing::default());
        let error = format!("{:#}", made.expect_err("refused"));
        assert!(error.contains("voicemail.smtp.") && !error.contains("secret"), "{error}");
    }
    let none = Mailer::new(&SmtpConfig::default(), store, folder.path().into(), KeyRing::default());
    assert!(none.expect("is allowed").is_none());
}
