//! A Rust file as the checks of sizes and purity see it: without its tests.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use syn::spanned::Spanned;

/// A parsed file.
pub struct RustSource {
    /// Below the workspace's folder, with forward slashes.
    pub path: String,
    /// Lines of the whole file.
    pub lines: usize,
    /// What it declares.
    pub syntax: syn::File,
}

impl RustSource {
    /// Reads and parses a file.
    pub fn read(root: &Path, file: &PathBuf) -> Result<RustSource> {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        let path = file.strip_prefix(root).unwrap_or(file).to_string_lossy().replace('\\', "/");
        RustSource::parse(path, &text)
    }

    /// Parses a text.
    pub fn parse(path: String, text: &str) -> Result<RustSource> {
        let syntax = syn::parse_file(text).with_context(|| format!("{path} is not Rust"))?;
        Ok(RustSource { path, lines: text.lines().count(), syntax })
    }

    /// Whether it lies in a folder of tests, examples or benchmarks.
    pub fn is_test(&self) -> bool {
        self.path.split('/').any(|part| matches!(part, "tests" | "benches" | "examples"))
            || self.path.ends_with("/tests.rs")
    }

    /// Lines without the modules that are for tests.
    pub fn lines_without_tests(&self) -> usize {
        let of_tests = |item: &syn::Item| match item {
            syn::Item::Mod(module) if is_for_tests(&module.attrs) => lines(module),
            _ => 0,
        };
        self.lines - self.syntax.items.iter().map(of_tests).sum::<usize>()
    }
}

/// The lines that something spans.
pub fn lines(item: &impl Spanned) -> usize {
    let span = item.span();
    span.end().line - span.start().line + 1
}

/// Whether attributes say `#[test]` or `#[cfg(test)]`.
pub fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let path = attribute.path();
        path.segments.last().is_some_and(|segment| segment.ident == "test")
            || path.is_ident("cfg")
                && attribute.parse_args::<syn::Path>().is_ok_and(|what| what.is_ident("test"))
    })
}
