//! The house rules as a test: sizes, leftovers, dead files, layers.

#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The crates from the bottom up. Each may use those before it, and none after.
const LAYERS: [&str; 11] = [
    "arm",
    "ledger",
    "rbac",
    "resources",
    "directory",
    "vault",
    "pim",
    "mua",
    "store",
    "server",
    "countersign",
];
/// How many of the layers are pure: no I/O, no async, no clock, no randomness.
const PURE: usize = 8;
const FILE_LINES: usize = 800;
const FUNCTION_LINES: usize = 70;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The files that git tracks, or would.
fn files() -> Vec<PathBuf> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "git ls-files failed");
    let names = String::from_utf8(output.stdout).unwrap();
    names.lines().map(PathBuf::from).filter(|name| root().join(name).is_file()).collect()
}

fn read(name: &Path) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_default()
}

fn with_extension(extension: &str) -> Vec<PathBuf> {
    files().into_iter().filter(|name| name.extension().is_some_and(|found| found == extension)).collect()
}

fn report(findings: Vec<String>) {
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}

#[test]
fn files_hold_one_idea() {
    let sources = with_extension("rs").into_iter().chain(with_extension("py"));
    let long = sources.filter_map(|name| {
        let lines = read(&name).lines().count();
        (lines > FILE_LINES).then(|| format!("{}: {lines} lines, {FILE_LINES} allowed", name.display()))
    });
    report(long.collect());
}

#[test]
fn functions_fit_on_a_page() {
    let mut findings = Vec::new();
    for name in with_extension("rs") {
        let text = read(&name);
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let Some(function) = function_name(line) else {
                continue;
            };
            // rustfmt puts the closing brace at the function's own indentation.
            let indentation: String = line.chars().take_while(|c| *c == ' ').collect();
            let end = format!("{indentation}}}");
            let length = lines[at..].iter().position(|line| *line == end).map_or(1, |length| length + 1);
            let head = lines[at..].iter().find(|line| line.ends_with([';', '{', '}']));
            if length > FUNCTION_LINES && head.is_some_and(|line| line.ends_with('{')) {
                findings.push(format!("{}:{}: {function} has {length} lines", name.display(), at + 1));
            }
        }
    }
    report(findings);
}

fn function_name(line: &str) -> Option<&str> {
    let mut words = line.trim_start();
    while let Some(rest) = ["pub ", "pub(crate) ", "pub(super) ", "const ", "async ", "unsafe "]
        .iter()
        .find_map(|word| words.strip_prefix(word))
    {
        words = rest;
    }
    let rest = words.strip_prefix("fn ")?;
    rest.split(['(', '<']).next()
}

#[test]
fn nothing_is_left_over() {
    // Written in two halves, so that this file does not find itself.
    let markers = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("dbg", "!("),
        concat!("#[ign", "ore]"),
    ];
    let places = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/fa", "rm/")];
    let mut findings = Vec::new();
    for name in files() {
        if name.file_name().is_some_and(|file| file == "Cargo.lock" || file == "LICENSE") {
            continue;
        }
        for (at, line) in read(&name).lines().enumerate() {
            let marked = markers.iter().find(|marker| line.contains(**marker));
            let starts_a_path = |before: &str| {
                !before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '}' | '/'))
            };
            let place = places.iter().find(|place| {
                line.match_indices(**place)
                    .any(|(found, _)| starts_a_path(line.get(..found).unwrap_or_default()))
            });
            for found in marked.into_iter().chain(place) {
                findings.push(format!("{}:{}: `{found}`", name.display(), at + 1));
            }
        }
    }
    report(findings);
}

#[test]
fn every_source_file_is_part_of_something() {
    let sources: Vec<PathBuf> = with_extension("rs");
    let declared: BTreeSet<PathBuf> = sources.iter().flat_map(|name| declared_modules(name)).collect();
    let dead = sources.iter().filter(|name| !is_entry(name) && !declared.contains(*name));
    report(dead.map(|name| format!("{} is in no module", name.display())).collect());
}

/// Files that Cargo, or a test that compiles files by itself, finds without a `mod`.
fn is_entry(name: &Path) -> bool {
    let file = name.file_name().unwrap_or_default();
    let parent = name.parent().and_then(Path::file_name).unwrap_or_default();
    file == "lib.rs"
        || file == "main.rs"
        || file == "build.rs"
        || (parent == "tests" && name.components().count() == 4)
        || ["benches", "bin", "examples"].iter().any(|folder| parent == *folder)
        || name.to_string_lossy().contains("/tests/compile_fail/")
}

fn declared_modules(name: &Path) -> Vec<PathBuf> {
    let folder = name.parent().unwrap();
    let stem = name.file_stem().unwrap();
    let own = is_entry(name) || stem == "mod";
    let below = if own { folder.to_path_buf() } else { folder.join(stem) };
    let text = read(name);
    let modules = text.lines().filter_map(|line| {
        let (_, module) = line.trim().strip_suffix(';')?.rsplit_once("mod ")?;
        module.chars().all(|c| c.is_alphanumeric() || c == '_').then_some(module)
    });
    modules.flat_map(|m| [below.join(format!("{m}.rs")), below.join(m).join("mod.rs")]).collect()
}

#[test]
fn layers_only_stand_on_lower_ones() {
    let mut findings = Vec::new();
    for name in files().into_iter().filter(|name| name.ends_with("Cargo.toml") && name.starts_with("crates"))
    {
        let manifest: toml::Table = read(&name).parse().unwrap();
        let crate_name = manifest["package"]["name"].as_str().unwrap().to_string();
        let Some(level) = LAYERS.iter().position(|layer| *layer == crate_name) else {
            findings.push(format!("{crate_name} has no place among the layers"));
            continue;
        };
        let Some(dependencies) = manifest.get("dependencies").and_then(toml::Value::as_table) else {
            continue;
        };
        for dependency in dependencies.keys() {
            if LAYERS.iter().position(|layer| layer == dependency).is_some_and(|below| below >= level) {
                findings.push(format!("{crate_name} stands on {dependency}, which is above it"));
            }
            let impure = ["tokio", "rusqlite", "reqwest", "axum", "hyper", "getrandom", "rand", "tracing"];
            if level < PURE && impure.contains(&dependency.as_str()) {
                findings.push(format!("{crate_name} is pure and must not use {dependency}"));
            }
        }
    }
    report(findings);
}

#[test]
fn pure_crates_touch_nothing() {
    let impure = [
        "std::fs",
        "std::net::Tcp",
        "std::env",
        "std::process",
        "std::thread",
        "async fn",
        "println!",
        "eprintln!",
    ];
    let mut findings = Vec::new();
    for layer in &LAYERS[..PURE] {
        let folder = format!("crates/{layer}/src");
        let tests = format!("{folder}/tests");
        let of_layer = |name: &PathBuf| name.starts_with(&folder) && !name.starts_with(&tests);
        for name in with_extension("rs").into_iter().filter(of_layer) {
            let text = read(&name);
            for word in impure.iter().filter(|word| text.contains(**word)) {
                findings.push(format!("{}: a pure crate has no `{word}`", name.display()));
            }
        }
    }
    report(findings);
}
