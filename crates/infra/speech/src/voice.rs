//! Who speaks: the embedded voice, a program, or a server.

use crate::{Pcm, SpeechError, ffi, text};
use offhook_audio::sound_file;
use std::fmt::Debug;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

/// Bytes of a sound file that a program or server may give for one text.
pub const SOUND_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Samples of the longest speech: ten minutes at 48 kHz.
const SAMPLES_MAX: usize = 600 * 48_000;
/// How often it is asked whether a program has ended.
const EXIT_POLL: Duration = Duration::from_millis(5);

/// Something that speaks texts. It may block, and is called by several threads at once.
pub trait Voice: Debug + Send + Sync {
    /// Speaks a text of a sentence or so.
    ///
    /// # Errors
    /// When it cannot be had at present.
    fn speak(&self, text: &str) -> Result<Pcm, SpeechError>;

    /// Names the voice: the same text of the same name sounds the same.
    fn name(&self) -> String;

    /// The text in the characters that the voice knows.
    ///
    /// # Errors
    /// When nothing of it can be said.
    fn prepare(&self, text: &str) -> Result<String, SpeechError> {
        text::plain(text)
    }
}

/// flite's `cmu_us_slt`, linked in.
#[derive(Debug, Clone, Copy, Default)]
pub struct Flite;

impl Voice for Flite {
    fn speak(&self, text: &str) -> Result<Pcm, SpeechError> {
        ffi::speak(text)
    }

    fn name(&self) -> String {
        // To be changed whenever the same text would sound different.
        "flite-cmu_us_slt-1".to_owned()
    }

    fn prepare(&self, text: &str) -> Result<String, SpeechError> {
        text::speakable(text)
    }
}

/// A program that reads a text (UTF-8) on its standard input and writes a sound file to its standard output.
#[derive(Debug, Clone)]
pub struct Program {
    argv: Vec<String>,
    timeout: Duration,
}

impl Program {
    /// The program and its arguments, which no shell reads; `None` when there is no program.
    #[must_use]
    pub fn new(argv: Vec<String>, timeout: Duration) -> Option<Self> {
        let is_named = argv.first().is_some_and(|program| !program.is_empty());
        is_named.then_some(Self { argv, timeout })
    }

    fn run(&self, text: &str) -> Result<Vec<u8>, SpeechError> {
        let deadline = Instant::now() + self.timeout;
        let mut child = Command::new(&self.argv[0])
            .args(&self.argv[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| failed("the program does not start", &error))?;
        let sound = converse(&mut child, text, deadline);
        let ended = wait(&mut child, deadline);
        match (sound, ended) {
            (Ok(sound), Ok(true)) => Ok(sound),
            (Err(error), _) | (Ok(_), Err(error)) => Err(error),
            (Ok(_), Ok(false)) => Err(SpeechError::Engine),
        }
    }
}

/// Hands the text over and takes the sound.
fn converse(child: &mut Child, text: &str, deadline: Instant) -> Result<Vec<u8>, SpeechError> {
    let (mut stdin, stdout) =
        child.stdin.take().zip(child.stdout.take()).ok_or(SpeechError::Engine)?;
    let (sender, receiver) = sync_channel(1);
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stdout.take(SOUND_BYTES_MAX + 1).read_to_end(&mut bytes).map(|_| bytes);
        // Nobody listens any longer when the time was over.
        sender.send(read).ok();
    });
    // The text is shorter than a pipe is long, so that writing it does not block.
    let written = stdin.write_all(text.as_bytes());
    drop(stdin);
    written.map_err(|error| failed("the program takes no text", &error))?;
    match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(Ok(bytes)) if bytes.len() as u64 <= SOUND_BYTES_MAX => Ok(bytes),
        Ok(Ok(_)) => Err(SpeechError::Engine),
        Ok(Err(error)) => Err(failed("the program's sound cannot be read", &error)),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Err(SpeechError::Engine),
    }
}

/// Whether the program has ended well. One that goes on beyond its time is killed.
fn wait(child: &mut Child, deadline: Instant) -> Result<bool, SpeechError> {
    let lost = |error| failed("the program is lost", &error);
    loop {
        if let Some(status) = child.try_wait().map_err(lost)? {
            return Ok(status.success());
        }
        if Instant::now() >= deadline {
            child.kill().map_err(lost)?;
            child.wait().map_err(lost)?;
            return Ok(false);
        }
        std::thread::sleep(EXIT_POLL);
    }
}

impl Voice for Program {
    fn speak(&self, text: &str) -> Result<Pcm, SpeechError> {
        pcm(self.run(text)?)
    }

    fn name(&self) -> String {
        format!("command {}", self.argv.join("\u{0}"))
    }
}

/// A server that takes a text (`text/plain; charset=utf-8`) by POST and answers with a sound file.
#[derive(Debug, Clone)]
pub struct Server {
    agent: ureq::Agent,
    url: String,
    authorization: Option<String>,
}

impl Server {
    /// The server at a URL. `authorization` is the value of that header. The certificates of `https` are
    /// checked against the machine's.
    ///
    /// # Errors
    /// When the URL is none of `http` or `https`.
    pub fn new(
        url: &str,
        authorization: Option<String>,
        timeout: Duration,
    ) -> Result<Self, SpeechError> {
        let is_https = url.starts_with("https://");
        if !is_https && !url.starts_with("http://") {
            return Err(SpeechError::Engine);
        }
        let agent = offhook_outgoing::requests(timeout, is_https).build().new_agent();
        Ok(Self { agent, url: url.to_owned(), authorization })
    }

    fn post(&self, text: &str) -> Result<Vec<u8>, SpeechError> {
        let mut request = self
            .agent
            .post(&self.url)
            .header("Content-Type", "text/plain; charset=utf-8")
            .header("Accept", "audio/wav, audio/ogg, audio/mpeg");
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        let answered = request.send(text).and_then(|mut response| {
            response.body_mut().with_config().limit(SOUND_BYTES_MAX).read_to_vec()
        });
        answered.map_err(|error| failed("the speech server fails", &error))
    }
}

impl Voice for Server {
    fn speak(&self, text: &str) -> Result<Pcm, SpeechError> {
        pcm(self.post(text)?)
    }

    fn name(&self) -> String {
        format!("http {}", self.url)
    }
}

fn pcm(bytes: Vec<u8>) -> Result<Pcm, SpeechError> {
    let sound = sound_file::read(bytes).map_err(|error| failed("no sound came", &error))?;
    let has_size = sound.samples.len() <= SAMPLES_MAX;
    has_size.then_some(Pcm { samples: sound.samples, rate: sound.rate }).ok_or(SpeechError::Engine)
}

fn failed(what: &'static str, error: &dyn std::fmt::Display) -> SpeechError {
    tracing::debug!(%error, "{what}");
    SpeechError::Engine
}
