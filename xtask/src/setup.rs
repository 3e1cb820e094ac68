//! What must be there before a command can begin. When all of it is, this takes no time.

use crate::tools::{self, Tools};
use crate::web;
use crate::workspace::Workspace;
use crate::{program, system};
use anyhow::{Result, bail};
use std::process::Command;

/// The oldest Node.js that the portals' build runs on.
const NODE: (u32, u32) = (20, 19);

/// For building and running.
pub fn for_build(workspace: &Workspace) -> Result<()> {
    system::provide(system::TO_BUILD)?;
    provide_node()?;
    web::provide_packages(&workspace.web())
}

/// For checking.
pub fn for_checks(workspace: &Workspace) -> Result<Tools> {
    for_build(workspace)?;
    provide_components()?;
    tools::provide(workspace)
}

/// For testing.
pub fn for_tests(workspace: &Workspace) -> Result<Tools> {
    system::provide(system::TO_BUILD.iter().chain(system::TO_TEST))?;
    for_build(workspace)?;
    web::provide_packages(&workspace.e2e())?;
    tools::provide(workspace)
}

/// clippy and rustfmt, which a minimal toolchain lacks.
fn provide_components() -> Result<()> {
    if program::output("cargo", &["clippy", "--version"]).is_some()
        && program::output("cargo", &["fmt", "--version"]).is_some()
    {
        return Ok(());
    }
    program::run(Command::new("rustup").args(["component", "add", "clippy", "rustfmt"]))
}

fn provide_node() -> Result<()> {
    let found = program::output("node", &["--version"]);
    let npm = program::find("npm").is_some();
    if npm && found.as_deref().and_then(node_version).is_some_and(|version| version >= NODE) {
        return Ok(());
    }
    let there = match (&found, npm) {
        (Some(version), true) => format!("Node.js {version}"),
        (Some(version), false) => format!("Node.js {version} without npm"),
        (None, _) => "none".to_owned(),
    };
    bail!(
        "the portals need Node.js {}.{} or newer with npm; there is {there}.\n\
         Get it from https://nodejs.org/ or, on Debian 13 and later: apt-get install nodejs npm",
        NODE.0,
        NODE.1
    );
}

/// Major and minor of a version written `v20.19.1`.
fn node_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.strip_prefix('v')?.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_versions_are_compared_as_numbers() {
        assert_eq!(node_version("v20.19.1"), Some((20, 19)));
        assert!(node_version("v9.99.0").is_some_and(|version| version < NODE));
        assert!(node_version("v24.0.0").is_some_and(|version| version >= NODE));
        assert_eq!(node_version("unknown"), None);
    }
}
