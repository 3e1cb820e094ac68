//! Answers the offers that it reads: each line of standard input is one JSON string, a party's SDP; each line
//! of standard output is our answer. What the party hears comes from the arguments: `echo MS`, or prompts.

use offhook_bus::{MEDIA_QUEUE_MAX, MediaCommand, MediaEvent, queue};
use offhook_media::{Config, start};
use offhook_model::LegId;
use offhook_sealed::KeyRing;
use offhook_speech::{Engine, Speech};
use std::io::{BufRead, Write};
use std::sync::Arc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let bind = std::env::var("BIND").unwrap_or("127.0.0.1".into()).parse()?;
    let (commands, inbox) = queue(MEDIA_QUEUE_MAX);
    let (outbox, mut events) = queue(MEDIA_QUEUE_MAX);
    let config = Config { bind, port_min: 0, port_max: 0, silent_after_s: 3, ..Config::default() };
    let speech = Arc::new(Speech::new(Engine::Flite, None));
    let _media = start(&config, inbox, outbox, speech, KeyRing::default())?;
    let mut leg = 0;
    let reader = commands.clone();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            leg += 1;
            let offer: String = serde_json::from_str(&line).expect("a JSON string");
            reader.send(MediaCommand::Answer { leg: LegId(leg), offer }).expect("room");
        }
    });
    while let Some(event) = events.recv().await {
        match event {
            MediaEvent::Described { leg, sdp } => {
                let mut out = std::io::stdout().lock();
                writeln!(out, "{}", serde_json::to_string(&sdp)?)?;
                out.flush()?;
                let command = match args.first().map(String::as_str) {
                    Some("echo") => MediaCommand::Echo { leg, delay_ms: args[1].parse()? },
                    _ => MediaCommand::Play { leg, prompts: args.clone(), repeat: true },
                };
                commands.send(command).expect("room");
            }
            other => eprintln!("{other:?}"),
        }
    }
    Ok(())
}
