//! Sizes: no file beyond 1,000 lines and no function beyond 70, tests apart, but for the
//! exceptions in `tidy.toml`, which may only shrink.

use crate::rust_source::{self, RustSource};
use crate::workspace::{Workspace, files_below};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::path::PathBuf;
use syn::visit::{self, Visit};

/// The longest file, in lines without its tests.
const MAX_FILE_LINES: usize = 1000;

/// The longest function, in lines from its signature to its closing brace.
const MAX_FUNCTION_LINES: usize = 70;

/// What is longer than allowed: where, and how many lines. Files by their path, functions by path
/// and name.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sizes {
    files: BTreeMap<String, usize>,
    functions: BTreeMap<String, usize>,
}

/// Fails on what is too long and no exception, and on exceptions that are larger than needed.
pub fn check(workspace: &Workspace) -> Result<()> {
    eprintln!("\n==> sizes of files and functions");
    let found = oversized(workspace)?;
    let excepted = read_exceptions(workspace)?;
    let mut problems = compare(&found.files, &excepted.files, MAX_FILE_LINES);
    problems.extend(compare(&found.functions, &excepted.functions, MAX_FUNCTION_LINES));
    if problems.is_empty() {
        let count = excepted.files.len() + excepted.functions.len();
        eprintln!("    all within limits, {count} exceptions");
        return Ok(());
    }
    bail!("sizes:\n    {}", problems.join("\n    "));
}

/// Lowers the exceptions to what is there and drops those that are not needed. What grew or is new
/// is left to fail the check.
pub fn update(workspace: &Workspace) -> Result<()> {
    let found = oversized(workspace)?;
    let excepted = read_exceptions(workspace)?;
    let lowered = Sizes {
        files: lower(&found.files, &excepted.files),
        functions: lower(&found.functions, &excepted.functions),
    };
    std::fs::write(exceptions_file(workspace), print_exceptions(&lowered))?;
    check(workspace)
}

fn lower(
    found: &BTreeMap<String, usize>,
    excepted: &BTreeMap<String, usize>,
) -> BTreeMap<String, usize> {
    let lowered = |(place, &allowed): (&String, &usize)| {
        found.get(place).map(|&lines| (place.clone(), lines.min(allowed)))
    };
    excepted.iter().filter_map(lowered).collect()
}

fn compare(
    found: &BTreeMap<String, usize>,
    excepted: &BTreeMap<String, usize>,
    limit: usize,
) -> Vec<String> {
    let too_long = found.iter().filter_map(|(place, &lines)| {
        let allowed = excepted.get(place).copied().unwrap_or(limit);
        (lines > allowed).then(|| format!("{place} has {lines} lines, {allowed} are allowed"))
    });
    let too_generous = excepted.iter().filter_map(|(place, &allowed)| match found.get(place) {
        Some(&lines) if lines >= allowed => None,
        Some(&lines) => Some(format!("{place} shrank to {lines}: cargo xtask tidy --update")),
        None => Some(format!("{place} needs no exception: cargo xtask tidy --update")),
    });
    too_long.chain(too_generous).collect()
}

fn oversized(workspace: &Workspace) -> Result<Sizes> {
    let mut sizes = Sizes::default();
    for file in rust_files(workspace)? {
        measure(&RustSource::read(&workspace.root, &file)?, &mut sizes);
    }
    Ok(sizes)
}

/// Every Rust file of ours.
pub fn rust_files(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for folder in ["crates", "xtask", "tests", "fuzz"] {
        let folder = workspace.root.join(folder);
        if folder.exists() {
            files.extend(files_below(&folder, "rs")?);
        }
    }
    Ok(files)
}

fn measure(source: &RustSource, sizes: &mut Sizes) {
    let lines = source.lines_without_tests();
    if lines > MAX_FILE_LINES {
        sizes.files.insert(source.path.clone(), lines);
    }
    if !source.is_test() {
        let mut functions = Functions { path: &source.path, oversized: &mut sizes.functions };
        functions.visit_file(&source.syntax);
    }
}

/// Collects the functions that are too long.
struct Functions<'a> {
    path: &'a str,
    oversized: &'a mut BTreeMap<String, usize>,
}

impl Functions<'_> {
    fn note(&mut self, signature: &syn::Signature, body: &syn::Block) {
        let begin = signature.fn_token.span.start().line;
        let lines = body.brace_token.span.close().end().line - begin + 1;
        if lines > MAX_FUNCTION_LINES {
            let place = format!("{}::{}", self.path, signature.ident);
            let longest = self.oversized.entry(place).or_default();
            *longest = lines.max(*longest);
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !rust_source::is_for_tests(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.note(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.note(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(body) = &function.default {
            self.note(&function.sig, body);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

fn exceptions_file(workspace: &Workspace) -> PathBuf {
    workspace.root.join("xtask").join("tidy.toml")
}

fn read_exceptions(workspace: &Workspace) -> Result<Sizes> {
    let file = exceptions_file(workspace);
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("cannot read {}", file.display()))?;
    parse_exceptions(&text).with_context(|| format!("{} is not as expected", file.display()))
}

fn parse_exceptions(text: &str) -> Result<Sizes> {
    let mut tables: BTreeMap<String, BTreeMap<String, usize>> = toml::from_str(text)?;
    let files = tables.remove("files").unwrap_or_default();
    let functions = tables.remove("functions").unwrap_or_default();
    if let Some(unknown) = tables.keys().next() {
        bail!("[{unknown}] is neither [files] nor [functions]");
    }
    Ok(Sizes { files, functions })
}

fn print_exceptions(sizes: &Sizes) -> String {
    let table = |entries: &BTreeMap<String, usize>| -> String {
        entries.iter().map(|(place, lines)| format!("{place:?} = {lines}\n")).collect()
    };
    format!(
        "# Files longer than {MAX_FILE_LINES} lines and functions longer than {MAX_FUNCTION_LINES}, \
         tests apart.\n# Entries may only shrink: `cargo xtask tidy --update` lowers them, nothing \
         raises them.\n\n[files]\n{}\n[functions]\n{}",
        table(&sizes.files),
        table(&sizes.functions)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes_of(path: &str, text: &str) -> Sizes {
        let mut sizes = Sizes::default();
        measure(&RustSource::parse(path.to_owned(), text).unwrap(), &mut sizes);
        sizes
    }

    fn function(name: &str, lines: usize) -> String {
        format!("fn {name}() {{\n{}}}\n", "    work();\n".repeat(lines - 2))
    }

    fn places(entries: &[(&str, usize)]) -> BTreeMap<String, usize> {
        entries.iter().map(|&(place, lines)| (place.to_owned(), lines)).collect()
    }

    #[test]
    fn a_function_is_measured_from_signature_to_brace() {
        assert_eq!(sizes_of("a.rs", &function("fits", 70)), Sizes::default());
        let long = sizes_of("a.rs", &format!("/// Words.\n#[inline]\n{}", function("long", 71)));
        assert_eq!(long.functions, places(&[("a.rs::long", 71)]));
    }

    #[test]
    fn methods_count_and_tests_do_not() {
        let method = format!("impl X {{ {} }}", function("method", 80));
        assert_eq!(sizes_of("a.rs", &method).functions, places(&[("a.rs::method", 80)]));
        let test = format!("#[cfg(test)] mod tests {{ {} }}", function("test", 80));
        assert_eq!(sizes_of("a.rs", &test), Sizes::default());
        assert_eq!(sizes_of("x/tests/a.rs", &function("test", 80)), Sizes::default());
    }

    #[test]
    fn a_file_counts_without_its_tests() {
        let short = "const A: u8 = 1;\n".repeat(1000);
        let tests = format!("{short}#[cfg(test)]\nmod tests {{\n{}}}\n", "use x;\n".repeat(500));
        assert_eq!(sizes_of("a.rs", &tests), Sizes::default());
        let long = format!("{short}const B: u8 = 1;\n");
        assert_eq!(sizes_of("a.rs", &long).files, places(&[("a.rs", 1001)]));
    }

    #[test]
    fn exceptions_only_shrink() {
        let excepted = places(&[("a", 90), ("b", 90), ("c", 90), ("d", 90)]);
        let found = places(&[("a", 90), ("b", 91), ("c", 89), ("e", 71)]);
        assert_eq!(compare(&found, &excepted, 70).len(), 4);
        let lowered = lower(&found, &excepted);
        assert_eq!(lowered, places(&[("a", 90), ("b", 90), ("c", 89)]));
    }

    #[test]
    fn exceptions_are_read_as_they_are_written() {
        let sizes = Sizes {
            files: places(&[("a.rs", 1200)]),
            functions: places(&[("a.rs::b", 80), ("a.rs::c", 90)]),
        };
        assert_eq!(parse_exceptions(&print_exceptions(&sizes)).unwrap(), sizes);
        assert!(parse_exceptions("[methods]\n").is_err());
    }
}
