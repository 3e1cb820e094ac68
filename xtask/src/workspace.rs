//! Where things are.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// The project's folders.
pub struct Workspace {
    /// The folder of the workspace's `Cargo.toml`.
    pub root: PathBuf,
    /// Cargo's target folder, `CARGO_TARGET_DIR` when that is set.
    pub target: PathBuf,
}

impl Workspace {
    /// Finds them from where cargo says that xtask's sources are. The environment goes first: two
    /// clones that share a target folder share the compiled xtask too.
    pub fn find() -> Result<Workspace> {
        let sources = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = sources.parent().context("xtask lies in the workspace's folder")?.to_owned();
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => std::path::absolute(folder)?,
            None => root.join("target"),
        };
        Ok(Workspace { root, target })
    }

    /// The portals' folder.
    pub fn web(&self) -> PathBuf {
        self.root.join("web")
    }

    /// The end-to-end tests' folder.
    pub fn e2e(&self) -> PathBuf {
        self.root.join("tests").join("e2e")
    }

    /// The Python environment with the tools that come from there.
    pub fn python_environment(&self) -> PathBuf {
        self.target.join("pyenv")
    }
}

/// All files below `folder` with the extension, sorted; build results and dependencies left out.
pub fn files_below(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    collect(folder, extension, &mut files)
        .with_context(|| format!("cannot list {}", folder.display()))?;
    files.sort();
    Ok(files)
}

fn collect(folder: &Path, extension: &str, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let name = entry.file_name();
        if entry.file_type()?.is_dir() {
            let foreign = name == "target" || name == "node_modules" || name == "dist";
            if !foreign && !name.to_string_lossy().starts_with('.') {
                collect(&path, extension, files)?;
            }
        } else if path.extension().is_some_and(|found| found == extension) {
            files.push(path);
        }
    }
    Ok(())
}
