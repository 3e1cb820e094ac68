//! The portals: their packages, their build, their checks and tests.

use crate::program;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

/// What the build reads, in the portals' folder. Everything else there may change freely.
const SOURCES: [&str; 9] = [
    "src",
    "public",
    "index.html",
    "agent.html",
    "admin.html",
    "package.json",
    "package-lock.json",
    "vite.config.ts",
    "tsconfig.json",
];

/// Runs `npm ci` when the folder's packages are not those of its lock file.
pub fn provide_packages(folder: &Path) -> Result<()> {
    let lock = std::fs::read(folder.join("package-lock.json"))
        .with_context(|| format!("{} has no package-lock.json", folder.display()))?;
    let stamp = folder.join("node_modules").join(".offhook-lock");
    if std::fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    program::run(&mut npm(folder, &["ci", "--no-audit", "--no-fund", "--loglevel=error"]))?;
    std::fs::create_dir_all(folder.join("node_modules"))?;
    std::fs::write(stamp, lock).context("cannot note which packages were installed")
}

/// Builds the portals when a source is newer than the last build.
pub fn build(workspace: &Workspace) -> Result<()> {
    let folder = workspace.web();
    let built = folder.join("dist").join("index.html").metadata().and_then(|m| m.modified());
    let changed = SOURCES.iter().filter_map(|source| newest_change(&folder.join(source))).max();
    if let (Ok(built), Some(changed)) = (built, changed)
        && built > changed
    {
        return Ok(());
    }
    program::run(&mut npm(&folder, &["run", "build"]))
}

/// Types and lints.
pub fn check(workspace: &Workspace) -> Result<()> {
    program::run(&mut npm(&workspace.web(), &["run", "check"]))
}

/// The portals' unit tests; with a filter those whose file name contains it.
pub fn test(workspace: &Workspace, filter: Option<&str>) -> Result<()> {
    let mut command = npm(&workspace.web(), &["test"]);
    if let Some(filter) = filter {
        command.args(["--", "--passWithNoTests", filter]);
    }
    program::run(&mut command)
}

fn npm(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("npm");
    command.current_dir(folder).args(arguments);
    command
}

/// When a file, or anything in a folder, changed last. A folder itself changes when something in
/// it is removed.
fn newest_change(path: &Path) -> Option<SystemTime> {
    let itself = path.metadata().ok()?.modified().ok()?;
    let inside = std::fs::read_dir(path).ok().and_then(|entries| {
        entries.flatten().filter_map(|entry| newest_change(&entry.path())).max()
    });
    Some(inside.map_or(itself, |inside| inside.max(itself)))
}
