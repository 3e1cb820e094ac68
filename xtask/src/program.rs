//! Starting other programs.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Runs a command in the foreground, after printing it; anything but success is an error.
pub fn run(command: &mut Command) -> Result<()> {
    let line = command_line(command);
    eprintln!("\n==> {line}");
    let began = Instant::now();
    let status = command.status().with_context(|| format!("cannot start `{line}`"))?;
    let seconds = began.elapsed().as_secs_f32();
    if !status.success() {
        bail!("`{line}` failed ({status}) after {seconds:.1} s");
    }
    eprintln!("    done in {seconds:.1} s");
    Ok(())
}

/// What a command prints, or nothing when it cannot be started or fails.
pub fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success().then_some(text)
}

/// The program's file, when it is on the PATH.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

/// The cargo that xtask itself was started by, in the workspace's folder.
pub fn cargo(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root).args(arguments);
    command
}

fn command_line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let words = std::iter::once(name).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// Runs steps one after the other, whether or not one before failed, and then says which did.
#[derive(Default)]
pub struct Steps {
    failures: Vec<String>,
}

impl Steps {
    /// Notes how a step ended.
    pub fn record(&mut self, outcome: Result<()>) {
        if let Err(error) = outcome {
            eprintln!("    FAILED: {error:#}");
            self.failures.push(format!("{error:#}"));
        }
    }

    /// Succeeds when every step did.
    pub fn finish(self, what: &str) -> Result<()> {
        if self.failures.is_empty() {
            eprintln!("\n{what}: all passed");
            return Ok(());
        }
        bail!("{what}: {} failed\n  - {}", self.failures.len(), self.failures.join("\n  - "));
    }
}
