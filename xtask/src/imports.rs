//! Import directions: a crate may import only crates of the layers below its own.

use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use cargo_metadata::{DependencyKind, MetadataCommand, Package};
use std::path::Path;

/// Layers, the lowest first, by the folder in which their crates lie.
const LAYERS: [&[&str]; 5] = [
    &["crates/proto"],
    &["crates/domain"],
    &["crates/infra"],
    &["crates/roles", "crates/doors"],
    &["crates/offhook"],
];

/// Imports within a layer, which are otherwise refused: who may import whom. A `*` stands for
/// every crate of the importer's layer.
const BETWEEN_SIBLINGS: [(&str, &str); 5] = [
    ("*", "offhook-model"),
    ("offhook-call", "offhook-routing"),
    ("offhook-rtc", "*"),
    ("offhook-snapshots", "offhook-bus"),
    ("offhook-speech", "offhook-outgoing"),
];

/// Crates that others may use in their tests only.
const FOR_TESTS_ONLY: [&str; 1] = ["crates/testkit"];

/// What the layers without I/O do not import directly.
const IMPURE: [&str; 12] = [
    "tokio",
    "mio",
    "socket2",
    "rustix",
    "libc",
    "axum",
    "reqwest",
    "hyper",
    "sqlx",
    "rand",
    "getrandom",
    "io-uring",
];

/// One crate of ours.
struct Member {
    name: String,
    /// Its folder below the workspace's.
    folder: String,
    /// What it imports outside of its tests.
    imports: Vec<String>,
}

/// Fails when a crate imports what its layer must not.
pub fn check(workspace: &Workspace) -> Result<()> {
    eprintln!("\n==> import directions");
    let metadata = MetadataCommand::new()
        .manifest_path(workspace.root.join("Cargo.toml"))
        .other_options(vec!["--locked".to_owned()])
        .no_deps()
        .exec()
        .context("cannot read the workspace's metadata")?;
    let members: Vec<Member> =
        metadata.packages.iter().map(|package| member(&workspace.root, package)).collect();
    let wrong = wrong_imports(&members);
    if wrong.is_empty() {
        eprintln!("    {} crates, all imports go down", members.len());
        return Ok(());
    }
    bail!("imports that the layers forbid:\n    {}", wrong.join("\n    "));
}

fn member(root: &Path, package: &Package) -> Member {
    let folder = package.manifest_path.parent().map(|folder| folder.as_std_path());
    let folder = folder.and_then(|folder| folder.strip_prefix(root).ok()).unwrap_or(root);
    let imports = package.dependencies.iter().filter(|d| d.kind != DependencyKind::Development);
    Member {
        name: package.name.to_string(),
        folder: folder.to_string_lossy().into_owned(),
        imports: imports.map(|dependency| dependency.name.clone()).collect(),
    }
}

fn wrong_imports(members: &[Member]) -> Vec<String> {
    let mut wrong = Vec::new();
    for member in members {
        for import in &member.imports {
            let ours = members.iter().find(|other| other.name == *import);
            let problem = match ours {
                Some(other) => forbidden(member, other),
                None => impure(member, import),
            };
            wrong.extend(problem.map(|why| format!("{} imports {import}: {why}", member.name)));
        }
    }
    wrong
}

fn forbidden(importer: &Member, imported: &Member) -> Option<&'static str> {
    if FOR_TESTS_ONLY.contains(&imported.folder.as_str()) {
        return Some("that crate is for tests only");
    }
    // What is in no layer imports what it likes, and is imported by nobody.
    let importer_layer = layer(importer)?;
    let Some(imported_layer) = layer(imported) else {
        return Some("that crate is in no layer");
    };
    match imported_layer.cmp(&importer_layer) {
        std::cmp::Ordering::Less => None,
        std::cmp::Ordering::Greater => Some("that layer is above"),
        std::cmp::Ordering::Equal if siblings_may(importer, imported) => None,
        std::cmp::Ordering::Equal => Some("siblings are strangers"),
    }
}

fn siblings_may(importer: &Member, imported: &Member) -> bool {
    let fits = |pattern: &str, member: &Member| pattern == "*" || pattern == member.name;
    BETWEEN_SIBLINGS.iter().any(|(from, to)| fits(from, importer) && fits(to, imported))
}

fn impure(importer: &Member, import: &str) -> Option<&'static str> {
    let pure = layer(importer).is_some_and(|layer| layer < 2);
    (pure && IMPURE.contains(&import)).then_some("proto and domain have no I/O, clock or chance")
}

fn layer(member: &Member) -> Option<usize> {
    LAYERS.iter().position(|folders| {
        folders.iter().any(|folder| Path::new(&member.folder).starts_with(folder))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(folder: &str, name: &str, imports: &[&str]) -> Member {
        Member {
            name: name.to_owned(),
            folder: folder.to_owned(),
            imports: imports.iter().map(|&import| import.to_owned()).collect(),
        }
    }

    fn wrong_of(importer: Member) -> usize {
        wrong_imports(&[
            importer,
            member("crates/proto/sip", "offhook-sip", &[]),
            member("crates/domain/model", "offhook-model", &[]),
            member("crates/domain/routing", "offhook-routing", &[]),
            member("crates/infra/net", "offhook-net", &[]),
            member("crates/roles/edge", "offhook-edge", &[]),
            member("crates/testkit", "offhook-testkit", &[]),
        ])
        .len()
    }

    #[test]
    fn imports_go_down_only() {
        assert_eq!(wrong_of(member("crates/roles/media", "m", &["offhook-net", "offhook-sip"])), 0);
        assert_eq!(wrong_of(member("crates/proto/sdp", "s", &["offhook-model"])), 1);
        assert_eq!(wrong_of(member("crates/domain/acd", "a", &["offhook-net"])), 1);
        assert_eq!(wrong_of(member("crates/offhook", "offhook", &["offhook-edge"])), 0);
    }

    #[test]
    fn siblings_are_strangers_but_for_a_few() {
        assert_eq!(wrong_of(member("crates/roles/switch", "s", &["offhook-edge"])), 1);
        assert_eq!(wrong_of(member("crates/doors/ng", "n", &["offhook-edge"])), 1);
        assert_eq!(wrong_of(member("crates/domain/ivr", "i", &["offhook-model"])), 0);
        assert_eq!(wrong_of(member("crates/domain/ivr", "i", &["offhook-routing"])), 1);
        assert_eq!(wrong_of(member("crates/domain/call", "offhook-call", &["offhook-routing"])), 0);
        assert_eq!(wrong_of(member("crates/proto/rtc", "offhook-rtc", &["offhook-sip"])), 0);
    }

    #[test]
    fn the_layers_without_io_import_none() {
        assert_eq!(wrong_of(member("crates/proto/sdp", "s", &["tokio", "memchr"])), 1);
        assert_eq!(wrong_of(member("crates/domain/acd", "a", &["rand"])), 1);
        assert_eq!(wrong_of(member("crates/infra/bus", "b", &["tokio"])), 0);
    }

    #[test]
    fn the_testkit_is_for_tests() {
        assert_eq!(wrong_of(member("crates/roles/edge2", "e", &["offhook-testkit"])), 1);
    }
}
