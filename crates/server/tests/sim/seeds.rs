//! Which seeds are run, each in a process of its own: what is random for each process must make no difference.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::json;

use crate::run::{from_environment, play, printed};

/// What has to happen in some run, so that it was tested at all.
const EXPECTED: [&str; 19] = [
    "a critical change of a policy",
    "a critical change of settings",
    "a critical deletion",
    "a denial",
    "a device signed in",
    "a person was disabled or enabled",
    "an activation was ended",
    "an approval",
    "an eligibility was removed",
    "answers that were lost",
    "clocks that were set",
    "commits cut off by a crash",
    "commits made unheard",
    "crashes",
    "delays",
    "multi-user authorization was removed",
    "partitions",
    "quiet times",
    "times without the database",
];

/// Runs at a time.
const AT_ONCE: usize = 2;

/// The seeds that are run when nobody asks for others.
const FIXED: &str = "0..6";

/// What a process of one seed said.
struct Said {
    seed: u64,
    output: String,
    trace: String,
    counts: BTreeMap<String, u64>,
    wrong: usize,
}

/// Runs a seed in a process of its own.
fn started(seed: u64, unchecked: bool) -> Said {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "seeds::one_seed", "--ignored", "--nocapture"])
        .env("COUNTERSIGN_SEED", seed.to_string())
        .env("COUNTERSIGN_UNCHECKED", if unchecked { "1" } else { "" })
        .output()
        .unwrap();
    let output =
        format!("{}{}", String::from_utf8_lossy(&child.stdout), String::from_utf8_lossy(&child.stderr));
    let verdict = printed(&output).unwrap_or_else(|| panic!("seed {seed} came to no end:\n{output}"));
    Said {
        seed,
        trace: verdict["trace"].as_str().unwrap().into(),
        counts: serde_json::from_value(verdict["counts"].clone()).unwrap(),
        wrong: verdict["wrong"].as_array().unwrap().len(),
        output,
    }
}

/// Runs seeds, a few at a time.
fn all(seeds: &[u64], unchecked: bool) -> Vec<Said> {
    let mut said = Vec::new();
    for some in seeds.chunks(AT_ONCE) {
        std::thread::scope(|scope| {
            let running: Vec<_> =
                some.iter().map(|seed| scope.spawn(move || started(*seed, unchecked))).collect();
            said.extend(running.into_iter().map(|thread| thread.join().unwrap()));
        });
    }
    said
}

/// Not a test of its own: what the others start.
#[test]
#[ignore = "started by other tests, in a process of its own"]
fn one_seed() {
    let Some(seed) = from_environment("COUNTERSIGN_SEED") else { return };
    let unchecked = from_environment("COUNTERSIGN_UNCHECKED").is_some();
    let verdict = play(seed.parse().unwrap(), unchecked).judge();
    for wrong in &verdict.wrong {
        println!("seed {seed}: {wrong}");
    }
    let verdict = json!({"trace": verdict.trace, "counts": verdict.counts, "wrong": verdict.wrong});
    println!("verdict: {verdict}");
}

fn seeds() -> Vec<u64> {
    if let Some(seed) = from_environment("COUNTERSIGN_SEED") {
        return vec![seed.parse().unwrap()];
    }
    let range = from_environment("COUNTERSIGN_SEEDS").unwrap_or(FIXED.into());
    let (from, to) = range.split_once("..").unwrap();
    (from.parse().unwrap()..to.parse().unwrap()).collect()
}

#[test]
fn nothing_is_lost_and_nothing_is_allowed_that_must_not_be() {
    let said = all(&seeds(), false);
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for run in &said {
        run.counts.iter().for_each(|(what, times)| *counts.entry(what).or_default() += times);
    }
    println!("{} seeds: {counts:#?}", said.len());
    let failed: Vec<&Said> = said.iter().filter(|run| run.wrong > 0).collect();
    for run in &failed {
        println!("{}\nreplay with COUNTERSIGN_SEED={} cargo test -p server --test sim", run.output, run.seed);
    }
    assert!(failed.is_empty(), "{} of {} seeds failed", failed.len(), said.len());
    let never: Vec<&str> = EXPECTED.iter().copied().filter(|what| !counts.contains_key(what)).collect();
    assert!(said.len() < 6 || never.is_empty(), "what never happened: {never:?}");
}

/// A run comes out the same in another process, whatever that draws for its hash tables.
#[test]
fn a_seed_says_it_all() {
    let both = all(&[2, 2], false);
    assert_eq!(both[0].trace, both[1].trace);
}

/// An engine that commits whatever has changed meanwhile is found out.
#[test]
fn a_broken_engine_is_caught() {
    let caught = all(&[0, 1, 2, 3], true).into_iter().filter(|run| run.wrong > 0).count();
    assert!(caught >= 2, "{caught} of 4 runs on a broken engine were found to be wrong");
}
