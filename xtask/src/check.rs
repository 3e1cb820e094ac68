//! `cargo xtask check`: everything that can be said of the sources without running them.

use crate::program::{self, Steps};
use crate::workspace::Workspace;
use crate::{imports, purity, setup, tidy, web};
use anyhow::Result;
use std::io::IsTerminal;
use std::process::Command;

/// Runs every check, and then says which failed.
pub fn check(workspace: &Workspace) -> Result<()> {
    let tools = setup::for_checks(workspace)?;
    // The gateway embeds the built portals, and does not compile without them.
    web::build(workspace)?;
    let mut steps = Steps::default();
    let cargo = |arguments: &[&str]| program::cargo(&workspace.root, arguments);

    // rustfmt colours its differences even where nobody sees colours.
    let colour = if std::io::stdout().is_terminal() { "--color=auto" } else { "--color=never" };
    steps.record(program::run(&mut cargo(&["fmt", "--all", "--check", "--", colour])));
    record_tidiness(workspace, &mut steps);
    let clippy = ["clippy", "--workspace", "--all-targets", "--locked", "--keep-going"];
    steps.record(program::run(cargo(&clippy).args(["--", "-D", "warnings"])));
    let document = ["doc", "--workspace", "--no-deps", "--locked", "--quiet"];
    steps.record(program::run(cargo(&document).env("RUSTDOCFLAGS", "-D warnings")));
    steps.record(program::run(Command::new(&tools.deny).current_dir(&workspace.root).args([
        "--locked",
        "check",
        "--hide-inclusion-graph",
        "licenses",
        "bans",
        "sources",
    ])));
    eprintln!(
        "    (known vulnerabilities are not checked: cargo-deny's advisories need a network)"
    );
    steps.record(web::check(workspace));
    steps.finish("checks")
}

/// Runs the checks that only read the sources.
pub fn tidy(workspace: &Workspace) -> Result<()> {
    let mut steps = Steps::default();
    record_tidiness(workspace, &mut steps);
    steps.finish("tidiness")
}

fn record_tidiness(workspace: &Workspace, steps: &mut Steps) {
    steps.record(tidy::check(workspace));
    steps.record(purity::check(workspace));
    steps.record(imports::check(workspace));
}
