use crate::protocol::{Command, Told, to_bytes, to_samples};
use crate::tap::{ForkTap, Progress, Rings};
use crate::{
    CONNECT_TIMEOUT, ForkSettings, ForkSettingsError, MARKS_MAX, MESSAGE_BYTES_MAX, NOTICES_MAX,
    SEND_INTERVAL, WRITE_TIMEOUT,
};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use rtrb::{Consumer, Producer};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config, tungstenite::Error,
};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What becomes of a fork.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForkEvent {
    /// The program has accepted the connection.
    Started,
    /// The fork is over; the call goes on.
    Ended(ForkEnd),
}

/// Why a fork is over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForkEnd {
    /// The connection could not be made.
    #[error("cannot connect: {0}")]
    Unreachable(String),
    /// The program closed the connection or asked for the end.
    #[error("the program ended it")]
    ByProgram,
    /// This side ended it.
    #[error("the call or the operator ended it")]
    ByUs,
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Lost(String),
    /// The program did not read for longer than [`WRITE_TIMEOUT`].
    #[error("the program does not read")]
    Stalled,
}

/// Something to tell the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForkNotice {
    /// The party pressed a key.
    Dtmf(char),
}

/// The way to a fork's connection. The fork ends when it is dropped.
#[derive(Debug)]
pub struct ForkControl {
    notices: mpsc::Sender<ForkNotice>,
}

impl ForkControl {
    /// Tells the program something, unless it has fallen too far behind for that.
    pub fn notify(&self, notice: ForkNotice) {
        if self.notices.try_send(notice).is_err() {
            tracing::debug!("a fork's program misses a notice");
        }
    }
}

/// Begins a fork; it must be called on a tokio runtime.
///
/// `events` is called on that runtime: at most once with [`ForkEvent::Started`], and exactly once with
/// [`ForkEvent::Ended`].
///
/// # Errors
/// The settings cannot be used; nothing was begun.
pub fn connect(
    settings: ForkSettings,
    events: impl Fn(ForkEvent) + Send + Sync + 'static,
) -> Result<(ForkTap, ForkControl), ForkSettingsError> {
    settings.validate()?;
    let (tap, rings) = ForkTap::new(&settings);
    let (notices, inbox) = mpsc::channel(NOTICES_MAX);
    tokio::spawn(async move {
        let end = run(&settings, rings, inbox, &events).await;
        let why = end_word(&end);
        metrics::counter!("offhook_audio_forks_ended_total", "why" => why).increment(1);
        events(ForkEvent::Ended(end));
    });
    Ok((tap, ForkControl { notices }))
}

async fn run(
    settings: &ForkSettings,
    rings: Rings,
    notices: mpsc::Receiver<ForkNotice>,
    events: &(impl Fn(ForkEvent) + Send + Sync),
) -> ForkEnd {
    let socket = match open(&settings.url).await {
        Ok(socket) => socket,
        Err(why) => return ForkEnd::Unreachable(why),
    };
    let (sink, stream) = socket.split();
    let (tell, told) = mpsc::channel(NOTICES_MAX);
    let Rings { to_program, from_program, progress } = rings;
    let progress_of_reader = Arc::clone(&progress);
    let mut writer =
        Writer { sink, to_program, progress, rate: settings.rate, marks: VecDeque::new() };
    if let Err(end) = writer.start(settings).await {
        return end;
    }
    events(ForkEvent::Started);
    let mut reader = Reader { stream, from_program, progress: progress_of_reader, pushed: 0, tell };
    let end = tokio::select! {
        end = writer.run(told, notices) => end,
        end = reader.run() => end,
    };
    writer.stop(&end).await;
    end
}

async fn open(url: &str) -> Result<Socket, String> {
    let config = WebSocketConfig::default().max_message_size(Some(MESSAGE_BYTES_MAX));
    match timeout(CONNECT_TIMEOUT, connect_async_with_config(url, Some(config), true)).await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", CONNECT_TIMEOUT.as_secs())),
    }
}

/// What the reader lets the writer know.
enum FromProgram {
    Mark { at: u64, name: String },
    Cleared,
    Wrong(String),
}

struct Reader {
    stream: SplitStream<Socket>,
    from_program: Producer<i16>,
    progress: Arc<Progress>,
    pushed: u64,
    tell: mpsc::Sender<FromProgram>,
}

impl Reader {
    async fn run(&mut self) -> ForkEnd {
        loop {
            let message = match self.stream.next().await {
                Some(Ok(message)) => message,
                None | Some(Err(Error::ConnectionClosed)) => return ForkEnd::ByProgram,
                Some(Err(error)) => return ForkEnd::Lost(error.to_string()),
            };
            let result = match message {
                Message::Binary(bytes) => self.handle_audio(&bytes).await,
                Message::Text(text) => match Command::parse(&text) {
                    Ok(Command::Stop {}) => return ForkEnd::ByProgram,
                    Ok(command) => self.handle_command(command).await,
                    Err(why) => Err(why),
                },
                Message::Close(_) => return ForkEnd::ByProgram,
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(()),
            };
            if let Err(why) = result {
                self.tell(FromProgram::Wrong(why)).await;
            }
        }
    }

    /// Samples that find no room wait here, and so does the program's socket.
    async fn handle_audio(&mut self, bytes: &[u8]) -> Result<(), String> {
        let samples = to_samples(bytes)?;
        let mut rest = samples.as_slice();
        loop {
            let (pushed, left) = self.from_program.push_partial_slice(rest);
            self.pushed += u64::try_from(pushed.len()).unwrap_or(0);
            rest = left;
            if rest.is_empty() {
                return Ok(());
            }
            sleep(SEND_INTERVAL).await;
        }
    }

    async fn handle_command(&mut self, command: Command) -> Result<(), String> {
        match command {
            Command::Clear {} => {
                self.progress.clear_before(self.pushed);
                self.tell(FromProgram::Cleared).await;
            }
            Command::Mark { name } => {
                self.tell(FromProgram::Mark { at: self.pushed, name }).await;
            }
            Command::Stop {} => {}
        }
        Ok(())
    }

    async fn tell(&mut self, what: FromProgram) {
        // The writer outlives the reader, but for the moment in which the fork ends.
        if self.tell.send(what).await.is_err() {
            tracing::trace!("a fork ends while its program speaks");
        }
    }
}

struct Writer {
    sink: SplitSink<Socket, Message>,
    to_program: Consumer<i16>,
    progress: Arc<Progress>,
    rate: u32,
    marks: VecDeque<(u64, String)>,
}

impl Writer {
    async fn start(&mut self, settings: &ForkSettings) -> Result<(), ForkEnd> {
        let start = Told::Start {
            encoding: "L16".to_owned(),
            rate: settings.rate,
            channels: settings.channels,
            metadata: settings.metadata.clone(),
        };
        self.tell(&start).await
    }

    async fn run(
        &mut self,
        mut told: mpsc::Receiver<FromProgram>,
        mut notices: mpsc::Receiver<ForkNotice>,
    ) -> ForkEnd {
        let mut ticks = interval(SEND_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let done = tokio::select! {
                notice = notices.recv() => match notice {
                    Some(ForkNotice::Dtmf(digit)) => self.tell(&Told::Dtmf { digit }).await,
                    None => return ForkEnd::ByUs,
                },
                Some(what) = told.recv() => self.handle(what).await,
                _ = ticks.tick() => self.tick().await,
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    async fn handle(&mut self, what: FromProgram) -> Result<(), ForkEnd> {
        match what {
            FromProgram::Mark { at, name } if self.marks.len() < MARKS_MAX => {
                self.marks.push_back((at, name));
                Ok(())
            }
            FromProgram::Mark { name, .. } => {
                let reason = format!("the mark {name:?} is refused: {MARKS_MAX} marks wait");
                self.tell(&Told::Error { reason }).await
            }
            FromProgram::Cleared => self.tell_marks(true).await,
            FromProgram::Wrong(reason) => self.tell(&Told::Error { reason }).await,
        }
    }

    async fn tick(&mut self) -> Result<(), ForkEnd> {
        let dropped = self.progress.take_dropped();
        if dropped > 0 {
            let dropped_ms = dropped * 1_000 / u64::from(self.rate);
            metrics::counter!("offhook_audio_fork_dropped_ms_total").increment(dropped_ms);
            self.tell(&Told::Overrun { dropped_ms }).await?;
        }
        self.send_audio().await?;
        self.tell_marks(false).await
    }

    async fn send_audio(&mut self) -> Result<(), ForkEnd> {
        let waiting = self.to_program.slots();
        let mut samples = vec![0; waiting];
        if waiting == 0 || self.to_program.pop_entire_slice(&mut samples).is_err() {
            return Ok(());
        }
        self.send(Message::binary(to_bytes(&samples))).await
    }

    /// Tells of the marks that were reached, or that all were cleared away.
    async fn tell_marks(&mut self, cleared: bool) -> Result<(), ForkEnd> {
        let heard = self.progress.heard();
        while let Some((at, _)) = self.marks.front() {
            let is_reached = *at <= heard;
            if !is_reached && !cleared {
                return Ok(());
            }
            let (_, name) = self.marks.pop_front().expect("it was looked at");
            self.tell(&Told::Mark { name, cleared: !is_reached }).await?;
        }
        Ok(())
    }

    async fn tell(&mut self, told: &Told) -> Result<(), ForkEnd> {
        let text = serde_json::to_string(told).expect("strings and numbers have a JSON form");
        self.send(Message::text(text)).await
    }

    async fn send(&mut self, message: Message) -> Result<(), ForkEnd> {
        match timeout(WRITE_TIMEOUT, self.sink.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Error::ConnectionClosed)) => Err(ForkEnd::ByProgram),
            Ok(Err(error)) => Err(ForkEnd::Lost(error.to_string())),
            Err(_) => Err(ForkEnd::Stalled),
        }
    }

    /// Says good-bye where there is somebody to hear it.
    async fn stop(&mut self, end: &ForkEnd) {
        /// How long the good-bye may take.
        const PARTING: Duration = Duration::from_secs(1);
        let told = Told::Stop { reason: end.to_string() };
        let text = serde_json::to_string(&told).expect("strings have a JSON form");
        let parting = async {
            self.sink.send(Message::text(text)).await?;
            self.sink.close().await
        };
        if !matches!(timeout(PARTING, parting).await, Ok(Ok(()))) {
            tracing::debug!(%end, "a fork ended without a good-bye");
        }
    }
}

fn end_word(end: &ForkEnd) -> &'static str {
    match end {
        ForkEnd::Unreachable(_) => "unreachable",
        ForkEnd::ByProgram => "program",
        ForkEnd::ByUs => "us",
        ForkEnd::Lost(_) => "lost",
        ForkEnd::Stalled => "stalled",
    }
}
