//! Webhooks of menus, asked on threads of their own: no call waits for a server but the one that asks.

use crate::{Question, WebhookConfig};
use offhook_model::{AllowedHost, LegId, Target, WebhookUrl};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// How long a webhook may take for its whole answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// Bytes of an answer.
const ANSWER_BYTES_MAX: u64 = 16 * 1024;
/// Webhooks that are asked at a time.
const ASKED_MAX: usize = 64;

/// What a webhook has said.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) leg: LegId,
    /// The question's number.
    pub(super) number: u64,
    /// Where the caller goes; `None` when the webhook failed.
    pub(super) target: Option<Target>,
}

/// Why there is no answer that can be followed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the URL cannot be read")]
    Url,
    #[error("switch.webhook.allowed_hosts does not name the host")]
    NotAllowed,
    #[error("{ASKED_MAX} others are being asked")]
    Busy,
    #[error("{0}")]
    Failed(Box<ureq::Error>),
    #[error("it answered with the status {0}")]
    Status(u16),
    #[error("the answer is no target: {0}")]
    NoTarget(serde_json::Error),
}

impl Failure {
    fn name(&self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::NotAllowed => "not_allowed",
            Self::Busy => "busy",
            Self::Failed(error) if matches!(**error, ureq::Error::Timeout(_)) => "timeout",
            Self::Failed(_) => "failed",
            Self::Status(_) => "status",
            Self::NoTarget(_) => "no_target",
        }
    }
}

/// Whoever asks webhooks.
pub(super) struct Webhooks {
    agent: ureq::Agent,
    allowed: Vec<AllowedHost>,
    answers: mpsc::Sender<Answer>,
    room: Arc<Semaphore>,
}

impl Webhooks {
    /// Asks the hosts of the configuration; the answers come out of the queue.
    pub(super) fn new(config: &WebhookConfig) -> (Self, mpsc::Receiver<Answer>) {
        let (answers, answered) = mpsc::channel(ASKED_MAX);
        let requests = offhook_outgoing::requests(ANSWER_TIMEOUT, !config.allowed_hosts.is_empty());
        let agent = requests.http_status_as_error(false).build().new_agent();
        let (allowed, room) = (config.allowed_hosts.clone(), Arc::new(Semaphore::new(ASKED_MAX)));
        (Self { agent, allowed, answers, room }, answered)
    }

    /// Asks. The answer comes later, or is given at once when nobody can be asked.
    pub(super) fn ask(&self, question: Question) -> Option<Answer> {
        let (url, permit) = match self.admit(&question) {
            Ok(admitted) => admitted,
            Err(why) => {
                note(&question, &why);
                return Some(Answer { leg: question.leg, number: question.number, target: None });
            }
        };
        let (agent, answers) = (self.agent.clone(), self.answers.clone());
        tokio::task::spawn_blocking(move || {
            let target = post(&agent, &url, &question);
            let target = target.inspect_err(|why| note(&question, why)).ok();
            let answer = Answer { leg: question.leg, number: question.number, target };
            // The switch is gone, and its calls with it.
            answers.blocking_send(answer).ok();
            drop(permit);
        });
        None
    }

    fn admit(&self, question: &Question) -> Result<(WebhookUrl, OwnedSemaphorePermit), Failure> {
        let url = WebhookUrl::parse(&question.url).map_err(|_| Failure::Url)?;
        if !self.allowed.iter().any(|host| host.allows(url.parts())) {
            return Err(Failure::NotAllowed);
        }
        let room = Arc::clone(&self.room).try_acquire_owned();
        room.map(|permit| (url, permit)).map_err(|_| Failure::Busy)
    }
}

fn post(agent: &ureq::Agent, url: &WebhookUrl, question: &Question) -> Result<Target, Failure> {
    let failed = |error| Failure::Failed(Box::new(error));
    let body = serde_json::to_vec(question).map_err(Failure::NoTarget)?;
    let mut response = agent
        .post(url.to_string())
        .header("Content-Type", "application/json")
        .header("Accept", "application/json")
        .send(&body[..])
        .map_err(failed)?;
    if !response.status().is_success() {
        return Err(Failure::Status(response.status().as_u16()));
    }
    let answer = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
    serde_json::from_slice(&answer.map_err(failed)?).map_err(Failure::NoTarget)
}

fn note(question: &Question, why: &Failure) {
    let (call, menu) = (&question.call, &question.menu);
    tracing::warn!(%call, menu, %why, "a webhook failed: the caller goes the default way");
    metrics::counter!("offhook_ivr_webhook_failures_total", "why" => why.name()).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use offhook_model::CallRef;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    fn question(url: &str) -> Question {
        Question {
            leg: LegId(7),
            number: 3,
            url: url.to_owned(),
            call: CallRef::from_bits(1),
            caller: "1002".to_owned(),
            dialled: "9999".to_owned(),
            menu: "main".to_owned(),
            variables: [("customer".to_owned(), "1234".to_owned())].into(),
        }
    }

    /// Answers one request with this text; what was asked comes out of the thread.
    fn server(answer: &'static str) -> (String, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/next", listener.local_addr().expect("an address"));
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut request = Vec::new();
            let mut buffer = [0; 4_096];
            while !request.ends_with(b"}}") {
                let length = stream.read(&mut buffer).expect("a request");
                request.extend(&buffer[..length]);
            }
            stream.write_all(answer.as_bytes()).expect("an answer");
            String::from_utf8(request).expect("text")
        });
        (url, thread)
    }

    async fn answer_of(allowed: &str, url: &str) -> Answer {
        let allowed_hosts = vec![AllowedHost::parse(allowed).expect("a host")];
        let (webhooks, mut answers) = Webhooks::new(&WebhookConfig { allowed_hosts });
        match webhooks.ask(question(url)) {
            Some(answer) => answer,
            None => answers.recv().await.expect("an answer"),
        }
    }

    #[tokio::test]
    async fn a_webhook_is_told_what_the_caller_entered_and_says_where_to() {
        let (url, asked) = server(
            "HTTP/1.1 200 OK\r\nContent-Length: 39\r\nConnection: close\r\n\r\n\
             {\"kind\":\"extension\",\"to\":\"1001\"}        ",
        );
        let answer = answer_of("127.0.0.1", &url).await;
        let target = Some(Target::Extension("1001".to_owned()));
        assert_eq!(answer, Answer { leg: LegId(7), number: 3, target });
        let asked = asked.join().expect("it was asked");
        assert!(asked.starts_with("POST /next HTTP/1.1\r\n"), "{asked}");
        let body = asked.split("\r\n\r\n").nth(1).expect("a body");
        let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
        let expected = serde_json::json!({
            "call": "00000000000000000000000000000001", "caller": "1002", "dialled": "9999",
            "menu": "main", "variables": {"customer": "1234"},
        });
        assert_eq!(body, expected);
    }

    #[tokio::test]
    async fn what_is_no_answer_leads_the_default_way() {
        for answer in [
            "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            "HTTP/1.1 302 Elsewhere\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999\r\nConnection: close\r\n\r\n{",
        ] {
            let (url, _asked) = server(answer);
            assert_eq!(answer_of("127.0.0.1", &url).await.target, None, "{answer}");
        }
    }

    #[tokio::test]
    async fn a_host_that_was_not_named_is_not_asked() {
        let (url, asked) = server("");
        assert_eq!(answer_of("other.example", &url).await.target, None);
        assert!(!asked.is_finished(), "nobody has come");
        assert_eq!(answer_of("*", "ftp://127.0.0.1/").await.target, None);
    }

    /// The time is real here: the client's own.
    #[tokio::test]
    async fn a_webhook_that_says_nothing_is_given_up() {
        let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/", silent.local_addr().expect("an address"));
        let begun = std::time::Instant::now();
        assert_eq!(answer_of("127.0.0.1", &url).await.target, None);
        let waited = begun.elapsed();
        assert!(waited >= ANSWER_TIMEOUT && waited < ANSWER_TIMEOUT * 2, "{waited:?}");
    }
}
