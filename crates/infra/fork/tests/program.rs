//! A fork with a program at its far end, on real sockets of loopback.

use futures_util::{SinkExt, StreamExt};
use offhook_fork::protocol::{Told, to_bytes, to_samples};
use offhook_fork::{
    ForkChannels, ForkControl, ForkEnd, ForkEvent, ForkNotice, ForkSettings, ForkTap, connect,
};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async};

const PATIENCE: Duration = Duration::from_secs(20);

struct Rig {
    tap: ForkTap,
    control: ForkControl,
    events: mpsc::UnboundedReceiver<ForkEvent>,
    program: WebSocketStream<TcpStream>,
}

fn settings(url: String, channels: ForkChannels) -> ForkSettings {
    let metadata = serde_json::json!({ "call": "a1" });
    ForkSettings { url, rate: 16_000, channels, metadata }
}

impl Rig {
    async fn new(channels: ForkChannels) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let url = format!("ws://{}/agent", listener.local_addr().expect("it is bound"));
        let (tell, events) = mpsc::unbounded_channel();
        let tell = move |event| drop(tell.send(event));
        let (tap, control) = connect(settings(url, channels), tell).expect("settings");
        let (stream, _) = listener.accept().await.expect("a connection");
        let program = accept_async(stream).await.expect("a WebSocket");
        let mut rig = Self { tap, control, events, program };
        assert_eq!(rig.event().await, ForkEvent::Started);
        rig
    }

    async fn event(&mut self) -> ForkEvent {
        timeout(PATIENCE, self.events.recv()).await.expect("in time").expect("an event")
    }

    async fn end(&mut self) -> ForkEnd {
        match self.event().await {
            ForkEvent::Ended(end) => end,
            ForkEvent::Started => panic!("it starts once"),
        }
    }

    async fn message(&mut self) -> Message {
        let message = timeout(PATIENCE, self.program.next()).await.expect("in time");
        message.expect("a message").expect("a good one")
    }

    /// The next text message; audio before it is left out.
    async fn told(&mut self) -> Told {
        loop {
            if let Message::Text(text) = self.message().await {
                return serde_json::from_str(&text).expect("it is ours");
            }
        }
    }

    async fn say(&mut self, text: &str) {
        self.program.send(Message::text(text)).await.expect("the fork reads");
    }

    /// What the party hears of the program, so many samples.
    async fn hear(&mut self, count: usize) -> Vec<i16> {
        let mut heard = vec![0; count];
        let mut length = 0;
        let listen = async {
            while length < count {
                length += self.tap.take(&mut heard[length..]);
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, listen).await.expect("the program is heard");
        heard
    }
}

#[tokio::test]
async fn audio_goes_both_ways() {
    let mut rig = Rig::new(ForkChannels::Both).await;
    let start = rig.told().await;
    let Told::Start { encoding, rate, channels, metadata } = start else { panic!("{start:?}") };
    assert_eq!((encoding.as_str(), rate, channels), ("L16", 16_000, ForkChannels::Both));
    assert_eq!(metadata["call"], "a1");
    let spoken: Vec<i16> = (0..640).collect();
    rig.tap.hand_over(&spoken);
    let Message::Binary(bytes) = rig.message().await else { panic!("audio comes next") };
    assert_eq!(to_samples(&bytes), Ok(spoken));
    let said: Vec<i16> = (0..320).map(|n| n * 3).collect();
    rig.program.send(Message::binary(to_bytes(&said))).await.expect("the fork reads");
    assert_eq!(rig.hear(320).await, said);
}

#[tokio::test]
async fn a_mark_is_told_when_it_was_heard_and_clearing_takes_the_rest_away() {
    let mut rig = Rig::new(ForkChannels::Party).await;
    rig.told().await;
    rig.program.send(Message::binary(to_bytes(&[5; 160]))).await.expect("the fork reads");
    rig.say(r#"{"command":"mark","name":"first"}"#).await;
    rig.program.send(Message::binary(to_bytes(&[6; 160_000]))).await.expect("the fork reads");
    rig.say(r#"{"command":"mark","name":"second"}"#).await;
    assert_eq!(rig.hear(160).await, [5; 160]);
    assert_eq!(rig.told().await, Told::Mark { name: "first".to_owned(), cleared: false });
    rig.say(r#"{"command":"clear"}"#).await;
    assert_eq!(rig.told().await, Told::Mark { name: "second".to_owned(), cleared: true });
    rig.program.send(Message::binary(to_bytes(&[7; 160]))).await.expect("the fork reads");
    assert_eq!(rig.hear(160).await, [7; 160]);
}

#[tokio::test]
async fn keys_are_told_and_nonsense_is_answered() {
    let mut rig = Rig::new(ForkChannels::Party).await;
    rig.told().await;
    rig.control.notify(ForkNotice::Dtmf('5'));
    assert_eq!(rig.told().await, Told::Dtmf { digit: '5' });
    rig.say("sing").await;
    assert!(matches!(rig.told().await, Told::Error { reason } if reason.contains("clear")));
    rig.program.send(Message::binary(vec![1, 2, 3])).await.expect("the fork reads");
    assert!(matches!(rig.told().await, Told::Error { reason } if reason.contains("3 bytes")));
}

#[tokio::test]
async fn a_program_that_does_not_read_loses_audio_and_is_told_how_much() {
    let mut rig = Rig::new(ForkChannels::Party).await;
    rig.told().await;
    // Nothing is awaited meanwhile: the connection's task cannot take anything out of the ring.
    for _ in 0..150 {
        rig.tap.hand_over(&[9; 320]);
    }
    assert_eq!(rig.told().await, Told::Overrun { dropped_ms: 1_000 });
}

#[tokio::test]
async fn a_program_that_sends_faster_than_speech_waits_and_loses_nothing() {
    let mut rig = Rig::new(ForkChannels::Party).await;
    let (mut sink, _stream) = rig.program.split();
    let seconds = 40;
    let sending = tokio::spawn(async move {
        for second in 0..seconds {
            let audio = Message::binary(to_bytes(&vec![second; 16_000]));
            sink.send(audio).await.expect("the fork reads in the end");
        }
        sink
    });
    let mut heard = vec![0; 16_000];
    for second in 0..seconds {
        let mut length = 0;
        while length < heard.len() {
            length += rig.tap.take(&mut heard[length..]);
            tokio::task::yield_now().await;
        }
        assert!(heard.iter().all(|sample| *sample == second), "second {second}");
    }
    drop(timeout(PATIENCE, sending).await.expect("in time").expect("everything was sent"));
}

#[tokio::test]
async fn each_end_has_its_reason() {
    let mut rig = Rig::new(ForkChannels::Party).await;
    rig.say(r#"{"command":"stop"}"#).await;
    assert_eq!(rig.end().await, ForkEnd::ByProgram);

    let mut rig = Rig::new(ForkChannels::Party).await;
    rig.program.close(None).await.expect("it closes");
    assert_eq!(rig.end().await, ForkEnd::ByProgram);

    let rig = Rig::new(ForkChannels::Party).await;
    let Rig { control, mut events, mut program, .. } = rig;
    drop(control);
    let ended = timeout(PATIENCE, events.recv()).await.expect("in time");
    assert_eq!(ended, Some(ForkEvent::Ended(ForkEnd::ByUs)));
    let start = program.next().await.expect("a message").expect("a good one");
    assert!(start.to_text().expect("text").contains("start"));
    let stop = program.next().await.expect("a message").expect("a good one");
    assert!(stop.to_text().expect("text").contains("the call or the operator"));
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let url = format!("ws://{}/", listener.local_addr().expect("it is bound"));
    drop(listener);
    let (tell, mut events) = mpsc::unbounded_channel();
    let tell = move |event| drop(tell.send(event));
    let fork = connect(settings(url, ForkChannels::Party), tell).expect("settings");
    let event = timeout(PATIENCE, events.recv()).await.expect("in time");
    let Some(ForkEvent::Ended(ForkEnd::Unreachable(why))) = event else { panic!("{event:?}") };
    assert!(why.contains("refused"), "{why}");
    drop(fork);
}
