//! Purity: protocol and domain crates, and every role's `state.rs`, read no clock, open no socket
//! and never sleep. Time is an argument there.

use crate::rust_source::{self, RustSource};
use crate::tidy::rust_files;
use crate::workspace::Workspace;
use anyhow::{Result, bail};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// Paths that pure code does not name, by their last segments.
const IMPURE: [&[&str]; 9] = [
    &["Instant", "now"],
    &["SystemTime", "now"],
    &["thread", "sleep"],
    &["thread", "spawn"],
    &["net", "UdpSocket"],
    &["net", "TcpStream"],
    &["net", "TcpListener"],
    &["std", "fs"],
    &["std", "env"],
];

/// Fails when pure code names something impure.
pub fn check(workspace: &Workspace) -> Result<()> {
    eprintln!("\n==> no clock, socket or file in proto, domain and state.rs");
    let mut found = Vec::new();
    let mut files = 0;
    for file in rust_files(workspace)? {
        let source = RustSource::read(&workspace.root, &file)?;
        if is_pure(&source) {
            files += 1;
            found.extend(impurities(&source));
        }
    }
    if found.is_empty() {
        eprintln!("    {files} files, all pure");
        return Ok(());
    }
    bail!("impure code:\n    {}", found.join("\n    "));
}

fn is_pure(source: &RustSource) -> bool {
    let layer = ["crates/proto/", "crates/domain/"].iter().any(|at| source.path.starts_with(at));
    (layer || source.path.ends_with("/state.rs") || source.path.contains("/state/"))
        && !source.is_test()
        && !source.path.ends_with("/build.rs")
}

fn impurities(source: &RustSource) -> Vec<String> {
    let mut paths = Paths { file: &source.path, found: Vec::new() };
    paths.visit_file(&source.syntax);
    paths.found
}

/// Collects the impure paths.
struct Paths<'a> {
    file: &'a str,
    found: Vec<String>,
}

impl Paths<'_> {
    fn note(&mut self, names: &[String], line: usize) {
        for impure in IMPURE {
            if names.windows(impure.len()).any(|window| window == impure) {
                self.found.push(format!("{}:{line} names {}", self.file, impure.join("::")));
            }
        }
    }

    /// Notes every path of a `use`, which may be a tree.
    fn note_use(&mut self, tree: &syn::UseTree, before: &[String], line: usize) {
        let with = |ident: &syn::Ident| [before, &[ident.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.note_use(&path.tree, &with(&path.ident), line),
            syn::UseTree::Name(name) => self.note(&with(&name.ident), line),
            syn::UseTree::Rename(rename) => self.note(&with(&rename.ident), line),
            syn::UseTree::Glob(_) => self.note(before, line),
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.note_use(tree, before, line);
                }
            }
        }
    }
}

impl<'ast> Visit<'ast> for Paths<'_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !rust_source::is_for_tests(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    /// Entry points for fuzzing run in no product.
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        if !function.sig.ident.to_string().starts_with("fuzz") {
            visit::visit_item_fn(self, function);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.note_use(&item.tree, &[], item.span().start().line);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        self.note(&names, path.span().start().line);
        visit::visit_path(self, path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        let source = RustSource::parse(path.to_owned(), text).unwrap();
        if is_pure(&source) { impurities(&source).len() } else { 0 }
    }

    #[test]
    fn the_clock_and_sockets_are_found_where_they_must_not_be() {
        let clock = "fn f() { let now = std::time::Instant::now(); }";
        assert_eq!(found("crates/proto/sip/src/a.rs", clock), 1);
        assert_eq!(found("crates/roles/edge/src/state.rs", clock), 1);
        assert_eq!(found("crates/roles/edge/src/driver.rs", clock), 0);
        assert_eq!(found("crates/domain/call/tests/rig.rs", clock), 0);
        assert_eq!(found("crates/domain/call/src/a.rs", "use std::{fs, net::UdpSocket as U};"), 2);
        assert_eq!(found("crates/domain/call/src/a.rs", "use std::fs::*;"), 1);
    }

    #[test]
    fn tests_and_the_types_of_time_are_left_alone() {
        let test = "#[cfg(test)] mod tests { fn f() { Instant::now(); } }";
        assert_eq!(found("crates/proto/sip/src/a.rs", test), 0);
        let fuzzing = "pub fn fuzz_rtp(input: &[u8]) { let now = Instant::now(); }";
        assert_eq!(found("crates/proto/rtp/src/a.rs", fuzzing), 0);
        let typed = "use std::time::Instant; fn f(now: Instant) -> std::net::IpAddr { g(now) }";
        assert_eq!(found("crates/proto/sip/src/a.rs", typed), 0);
    }
}
