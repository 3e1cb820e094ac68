//! Offhook: a whole call centre in one binary.
//!
//! This crate reads arguments, environment and files, starts the roles, connects them by the bus and stops
//! them. It decides nothing about calls. [`serve`] is the life of the server from start to stop, [`config`]
//! everything an operator can set.

mod ask;
mod config;
mod kept;
mod recordings;
mod serve;

use ask::{AgentCommand, QueueCommand};
use clap::{Args, Parser, Subcommand};
use config::Config;
use std::path::PathBuf;
use std::process::ExitCode;

/// A whole call centre in one binary.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Starts the server.
    Serve {
        #[command(flatten)]
        place: Place,
        /// Seeds the demo's extensions, numbers and logins, whose passwords are public, and binds to
        /// loopback only.
        #[arg(long)]
        demo: bool,
    },
    /// Checks or shows the configuration.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Shows the queues of the server that runs.
    Queue {
        #[command(subcommand)]
        command: QueueCommand,
    },
    /// Shows the agents of the server that runs.
    Agent {
        #[command(subcommand)]
        command: AgentCommand,
    },
    /// Works with the files of recordings.
    Recording {
        #[command(subcommand)]
        command: RecordingCommand,
    },
}

#[derive(Debug, Subcommand)]
enum RecordingCommand {
    /// Writes an encrypted recording to standard output as it can be played.
    Decrypt {
        /// The recording.
        file: PathBuf,
        /// The file of the key that it was encrypted with; several, when it may have been any of them.
        #[arg(long, value_name = "FILE", required = true)]
        key_file: Vec<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Says whether the configuration is valid, and if not, where and what is allowed.
    Check(Place),
    /// Prints the configuration in force, defaults included.
    Show(Place),
}

/// Where the configuration and the data are.
#[derive(Debug, Args)]
struct Place {
    /// The configuration file (TOML).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the database, recordings and keys are; `./offhook-data` by default.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl Place {
    fn load(&self, demo: bool) -> anyhow::Result<Config> {
        let mut config = Config::load(self.config.as_deref(), std::env::vars(), demo)?;
        if let Some(folder) = &self.data_dir {
            config.data_dir.clone_from(folder);
        }
        Ok(config)
    }
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("offhook: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve { place, demo } => serve::run(place.load(demo)?, demo),
        Command::Queue { command } => ask::queue(command),
        Command::Agent { command } => ask::agent(command),
        Command::Recording { command: RecordingCommand::Decrypt { file, key_file } } => {
            recordings::decrypt(&file, &key_file, &mut std::io::stdout().lock())
        }
        Command::Config { command: ConfigCommand::Check(place) } => {
            recordings::load_keys(&place.load(false)?.media.recordings_key_file)?;
            say("the configuration is valid");
            Ok(())
        }
        Command::Config { command: ConfigCommand::Show(place) } => {
            say(&toml::to_string_pretty(&place.load(false)?)?);
            Ok(())
        }
    }
}

/// Prints a line for the person or program that called us. A reader that has gone away is no fault.
#[expect(clippy::print_stdout, reason = "standard output is this program's answer")]
fn say(line: &str) {
    println!("{line}");
}
