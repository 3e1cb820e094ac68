//! The project's own commands: `cargo xtask run`, `test`, `check`, `setup`, `tidy` and `bench`.
//!
//! Each does all of its own set-up: on a fresh Debian it installs what is missing, elsewhere it
//! names it. What the commands run are the tools' ordinary commands, printed before they start, so
//! that a contributor can repeat any of them by hand.

mod bench;
mod check;
mod imports;
mod program;
mod purity;
mod run;
mod rust_source;
mod setup;
mod system;
mod test;
mod tidy;
mod tools;
mod web;
mod workspace;

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use workspace::Workspace;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own commands")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the portals and the release binary, and start it with the demo's data.
    Run {
        /// Passed on to `offhook serve --demo`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Run every test: Rust, portals, end to end.
    Test {
        /// Only tests whose name, or whose file for those in TypeScript, contains this.
        filter: Option<String>,
    },
    /// Formatting, lints, documentation, licences, import directions, sizes.
    Check,
    /// Install or name what the other commands need, and do no more.
    Setup,
    /// Only the checks that compile nothing: sizes, purity and import directions.
    Tidy {
        /// Lower the exceptions in xtask/tidy.toml to what is there. They are never raised.
        #[arg(long)]
        update: bool,
    },
    /// Measure this project and its peer side by side.
    Bench {
        /// Which measurement; without a name the known ones are listed.
        name: Option<String>,
        /// Options of the measurement.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

fn main() -> ExitCode {
    match carry_out(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nxtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn carry_out(command: Command) -> anyhow::Result<()> {
    let workspace = Workspace::find()?;
    match command {
        Command::Run { arguments } => run::run(&workspace, &arguments),
        Command::Test { filter } => test::test(&workspace, filter.as_deref()),
        Command::Check => check::check(&workspace),
        Command::Setup => setup::for_tests(&workspace).map(drop),
        Command::Tidy { update: true } => tidy::update(&workspace),
        Command::Tidy { update: false } => check::tidy(&workspace),
        Command::Bench { name, arguments } => bench::bench(&workspace, name.as_deref(), &arguments),
    }
}
