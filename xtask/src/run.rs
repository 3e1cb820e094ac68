//! `cargo xtask run`: from a fresh clone to a running demo.

use crate::workspace::Workspace;
use crate::{program, setup, web};
use anyhow::{Context, Result};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Sets up, builds and becomes `offhook serve --demo`.
pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    setup::for_build(workspace)?;
    web::build(workspace)?;
    let build = ["build", "--release", "--locked", "--package", "offhook"];
    program::run(&mut program::cargo(&workspace.root, &build))?;
    let binary = workspace.target.join("release").join("offhook");
    let error = Command::new(&binary).args(["serve", "--demo"]).args(arguments).exec();
    Err(error).with_context(|| format!("cannot start {}", binary.display()))
}
