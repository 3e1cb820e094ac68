//! `cargo xtask test`: every test there is.

use crate::program::{self, Steps};
use crate::tools::Tools;
use crate::workspace::Workspace;
use crate::{setup, web};
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::Command;

/// How long a file of end-to-end tests may take: 15 minutes, in milliseconds.
const TIMEOUT: &str = "--test-timeout=900000";

/// Runs the tests; each kind runs whether or not one before failed.
pub fn test(workspace: &Workspace, filter: Option<&str>) -> Result<()> {
    let tools = setup::for_tests(workspace)?;
    web::build(workspace)?;
    let mut steps = Steps::default();
    steps.record(web::test(workspace, filter));
    steps.record(rust(workspace, &tools, filter));
    if filter.is_none() {
        let documentation = ["test", "--doc", "--workspace", "--locked", "--quiet"];
        steps.record(program::run(&mut program::cargo(&workspace.root, &documentation)));
    }
    steps.record(end_to_end(workspace, &tools, filter));
    steps.finish("tests")
}

/// Unit and protocol tests. The binary is built by the same command line and the same features as
/// the tests, so that nothing is compiled twice.
fn rust(workspace: &Workspace, tools: &Tools, filter: Option<&str>) -> Result<()> {
    let build =
        ["build", "--workspace", "--locked", "--lib", "--tests", "--examples", "--bin", "offhook"];
    program::run(&mut program::cargo(&workspace.root, &build))?;
    let mut nextest = Command::new(&tools.nextest);
    nextest
        .current_dir(&workspace.root)
        .args(["nextest", "run", "--workspace", "--locked", "--no-fail-fast"])
        .args(["--status-level=slow", "--final-status-level=slow"]);
    if let Some(filter) = filter {
        nextest.args(["--no-tests=pass", filter]);
    }
    program::run(&mut nextest)
}

/// Real clients against the binary; with a filter those whose file name contains it.
fn end_to_end(workspace: &Workspace, tools: &Tools, filter: Option<&str>) -> Result<()> {
    let files = end_to_end_files(workspace, filter)?;
    if files.is_empty() {
        return Ok(());
    }
    let binary = workspace.target.join("debug").join("offhook");
    program::run(
        Command::new("node")
            .current_dir(workspace.e2e())
            .args(["--test", "--test-concurrency=1", "--test-reporter=spec", TIMEOUT])
            .args(files)
            .env("OFFHOOK_BIN", binary)
            .env("OFFHOOK_PYTHON", &tools.python),
    )
}

fn end_to_end_files(workspace: &Workspace, filter: Option<&str>) -> Result<Vec<PathBuf>> {
    let folder = workspace.e2e();
    let entries =
        std::fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".test.mjs"))
        .filter(|name| filter.is_none_or(|filter| name.contains(filter)))
        .map(PathBuf::from)
        .collect();
    files.sort();
    Ok(files)
}
