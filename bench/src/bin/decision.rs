//! One decision, measured against other engines: the same data, the same questions, every answer compared.
//!
//! ```sh
//! cargo run --release --bins          # builds `footprint`, too, which counts bytes
//! target/release/decision             # all sizes: some ten minutes, and 12 GB for one of the peers
//! target/release/decision --sizes 1e2,1e4
//! ```
//!
//! In each round the engines answer the same questions one after the other, as many as they get through in the time
//! they have. Numbers are medians over the rounds. The cost of looking at the clock is taken off.

use std::collections::BTreeMap;
use std::process::Command;

use bench::engines::{Engine, PEERS, Peer, Raw, load, prepared};
use bench::estate::{Draw, Estate, Question, now};
use bench::report::{self, Report, duration};
use bench::stats::{clock_cost, exponent, median, quantile, timed};
use clap::Parser;
use rbac::Index;

/// How much faster than the best peer, at the least.
const FACTOR: f64 = 50.0;
/// With which power of the number of assignments the time may grow.
const EXPONENT: f64 = 0.22;
/// How many bytes an assignment may take, from this many assignments on.
const BYTES: (f64, usize) = (100.0, 100_000);
/// How much faster than Cedar a million assignments should be loaded.
const LOADING: f64 = 20.0;

#[derive(Parser)]
struct Arguments {
    /// Numbers of assignments.
    #[arg(long, value_delimiter = ',', default_value = "1e2,1e4,1e5,1e6")]
    sizes: Vec<f64>,
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Questions in a round.
    #[arg(long, default_value_t = 4000)]
    questions: usize,
    /// How long an engine may answer in a round, in seconds.
    #[arg(long, default_value_t = 0.4)]
    time: f64,
    /// How long a peer may take to load, in seconds, going by how long it took with fewer assignments.
    #[arg(long, default_value_t = 600.0)]
    patience: f64,
    /// How long a peer may take for an answer, in seconds, going by the same.
    #[arg(long, default_value_t = 0.3)]
    slowest: f64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Measures no peers.
    #[arg(long)]
    alone: bool,
}

/// What was found out about one way to ask an engine, by size.
#[derive(Default)]
struct Row {
    p50: BTreeMap<usize, f64>,
    p99: BTreeMap<usize, f64>,
    asked: BTreeMap<usize, usize>,
    load: BTreeMap<usize, f64>,
    missing: BTreeMap<usize, String>,
}

/// How long the index takes to change, in nanoseconds, and what it takes to keep, by size.
#[derive(Default)]
struct Changes {
    names: Vec<&'static str>,
    times: BTreeMap<usize, Vec<(f64, f64)>>,
    bytes: BTreeMap<usize, f64>,
}

const OURS: &str = "ours";
const RAW: &str = "ours, from raw texts";

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let sizes: Vec<usize> = arguments.sizes.iter().map(|size| *size as usize).collect();
    let mut rows: BTreeMap<&str, Row> = BTreeMap::new();
    let mut changes = Changes::default();
    for size in &sizes {
        eprintln!("{} assignments", report::size(*size));
        measure(&arguments, *size, &mut rows, &mut changes);
        changes.bytes.insert(*size, footprint(*size, arguments.seed) / *size as f64);
    }
    let mut report = Report::new("decision", "One decision");
    tables(&mut report, &sizes, &rows, &changes);
    limits(&mut report, &sizes, &rows, &changes);
    report.finish()
}

fn measure<'a>(arguments: &Arguments, size: usize, rows: &mut BTreeMap<&'a str, Row>, changes: &mut Changes) {
    let estate = Estate::new(size, arguments.seed);
    let (mut index, load_time) = load(&estate);
    let questions = estate.questions(arguments.rounds * arguments.questions);
    let truth = answers(&estate, &index, &questions);
    let yes = truth.iter().filter(|answer| **answer).count();
    eprintln!("  {} of {} questions are answered with yes", yes, truth.len());

    let mut engines: Vec<(&str, Box<dyn Engine + '_>)> =
        vec![(OURS, prepared(&estate, &index)), (RAW, Box::new(Raw { estate: &estate, index: &index }))];
    for name in [OURS, RAW] {
        rows.entry(name).or_default().load.insert(size, load_time);
    }
    for peer in PEERS.iter().filter(|_| !arguments.alone) {
        if let Err(reason) = feasible(arguments, peer, size, rows) {
            for name in peer.names {
                rows.entry(name).or_default().missing.insert(size, reason.clone());
            }
            continue;
        }
        let (time, ways) = timed(|| (peer.load)(&estate));
        eprintln!("  {} loaded in {}", peer.names[0], duration(time));
        for (name, engine) in peer.names.iter().zip(ways) {
            rows.entry(name).or_default().load.insert(size, time);
            engines.push((name, engine));
        }
    }
    let clock = clock_cost();
    let mut found: BTreeMap<&str, Vec<Vec<f64>>> = BTreeMap::new();
    for round in 0..arguments.rounds {
        let part = round * arguments.questions..(round + 1) * arguments.questions;
        for (name, engine) in &mut engines {
            let times = ask(arguments, &mut **engine, &questions[part.clone()], &truth[part.clone()], name);
            let times = times.into_iter().map(|time| (time - clock).max(1.0)).collect();
            found.entry(name).or_default().push(times);
        }
    }
    drop(engines);
    for (name, mut rounds) in found {
        let row = rows.entry(static_name(name)).or_default();
        let mut over = |share| median(rounds.iter_mut().map(|times| quantile(times, share)));
        row.p50.insert(size, over(0.5));
        row.p99.insert(size, over(0.99));
        row.asked.insert(size, rounds.iter().map(Vec::len).sum());
    }
    change(&estate, &mut index, changes, clock);
    // Whatever was put was removed again.
    assert!(answers(&estate, &index, &questions) == truth, "the index is not what it was");
}

/// The name of a row, for longer than the data it was measured with.
fn static_name(name: &str) -> &'static str {
    let names = PEERS.iter().flat_map(|peer| peer.names).chain([&OURS, &RAW]);
    names.copied().find(|known| *known == name).expect("a known name")
}

/// Whether a peer is worth trying, going by what it took with fewer assignments.
fn feasible(
    arguments: &Arguments,
    peer: &Peer,
    size: usize,
    rows: &BTreeMap<&str, Row>,
) -> Result<(), String> {
    let before = |of: fn(&Row) -> &BTreeMap<usize, f64>| {
        let best = peer.names.iter().filter_map(|name| of(rows.get(name)?).range(..size).next_back());
        best.min_by(|one, two| one.1.total_cmp(two.1))
            .map(|(at, value)| (size as f64 / *at as f64, value / 1e9))
    };
    if peer.names.iter().any(|name| rows.get(name).is_some_and(|row| !row.missing.is_empty())) {
        return Err("not tried: was too slow with fewer".into());
    }
    if let Some((more, seconds)) = before(|row| &row.load) {
        let forecast = seconds * more.powf(peer.growth);
        if forecast > arguments.patience {
            return Err(format!(
                "not loaded: would take some {forecast:.0} s, over {} s",
                arguments.patience
            ));
        }
    }
    if let Some((more, seconds)) = before(|row| &row.p50).filter(|(_, seconds)| *seconds > 1e-3) {
        let forecast = seconds * more;
        if forecast > arguments.slowest {
            return Err(format!(
                "not asked: an answer would take some {forecast:.1} s, over {} s",
                arguments.slowest
            ));
        }
    }
    Ok(())
}

/// Asks an engine, and compares all it says.
fn ask(
    arguments: &Arguments,
    engine: &mut dyn Engine,
    questions: &[Question],
    truth: &[bool],
    name: &str,
) -> Vec<f64> {
    let mut times = Vec::with_capacity(questions.len());
    let mut spent = 0.0;
    for (question, expected) in questions.iter().zip(truth) {
        let (time, answer) = engine.answer(question);
        assert!(answer == *expected, "{name} says {answer}, and {expected} is right");
        times.push(time);
        spent += time / 1e9;
        // Three at least, however long they take.
        if spent > arguments.time && times.len() >= 3 {
            break;
        }
    }
    times
}

fn answers(estate: &Estate, index: &Index, questions: &[Question]) -> Vec<bool> {
    let answer = |question: &Question| {
        let principal = estate.principals[question.principal];
        let (action, scope) = (&estate.actions[question.action], &estate.scopes[question.scope]);
        index.check(principal, action, scope, now()).is_allowed()
    };
    questions.iter().map(answer).collect()
}

/// Changes the index, and changes it back.
fn change(estate: &Estate, index: &mut Index, changes: &mut Changes, clock: f64) {
    let mut draw = Draw::new(7);
    let mut times: [Vec<f64>; 4] = Default::default();
    for _ in 0..2000 {
        let assignment = estate.another(&mut draw);
        times[0].push(timed(|| index.put_assignment(&assignment)).0);
        times[1].push(timed(|| index.remove_assignment(&assignment.id)).0);
        // A user becomes a member of a group, and leaves it, in which it was not.
        let (group, member) = (estate.principals[estate.principals.len() - 1], *draw.of(&estate.principals));
        if index.groups_of(member).contains(&group) || group == member {
            continue;
        }
        times[2].push(timed(|| index.add_member(group, member)).0);
        times[3].push(timed(|| index.remove_member(group, member)).0);
    }
    changes.names = vec!["put assignment", "remove assignment", "add member", "remove member"];
    let both = |times: &mut Vec<f64>| (quantile(times, 0.5) - clock, quantile(times, 0.99) - clock);
    changes.times.insert(estate.len(), times.iter_mut().map(both).collect());
}

/// What the index of so many assignments takes, in bytes, asked of the program beside this one.
fn footprint(size: usize, seed: u64) -> f64 {
    let program = std::env::current_exe().expect("this program").with_file_name("footprint");
    let output = Command::new(&program).args([size.to_string(), seed.to_string()]).output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}; build all programs", program.display()));
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number of bytes")
}

/// The least time of any peer.
fn best_peer(rows: &BTreeMap<&str, Row>, size: usize) -> Option<f64> {
    let peers = rows.iter().filter(|(name, _)| ![OURS, RAW].contains(name));
    peers.filter_map(|(_, row)| row.p50.get(&size).copied()).min_by(f64::total_cmp)
}

fn growth(row: &Row) -> Option<f64> {
    let points: Vec<(f64, f64)> = row.p50.iter().map(|(size, time)| (*size as f64, *time)).collect();
    (points.len() > 1).then(|| exponent(&points))
}

fn tables(report: &mut Report, sizes: &[usize], rows: &BTreeMap<&str, Row>, changes: &Changes) {
    let head = |first: &str, last: &[&str]| -> Vec<String> {
        let sizes = sizes.iter().map(|size| report::size(*size));
        std::iter::once(first.into()).chain(sizes).chain(last.iter().map(|text| text.to_string())).collect()
    };
    let by_size = |name: &str, cell: &dyn Fn(usize) -> String| -> Vec<String> {
        std::iter::once(name.to_string()).chain(sizes.iter().map(|size| cell(*size))).collect()
    };
    let names: Vec<&str> =
        [OURS, RAW].into_iter().chain(PEERS.iter().flat_map(|peer| peer.names).copied()).collect();
    let known = names.iter().filter_map(|name| Some((*name, rows.get(name)?)));

    let decisions = known.clone().map(|(name, row)| {
        let mut cells = by_size(name, &|size| match (row.p50.get(&size), row.p99.get(&size)) {
            (Some(p50), Some(p99)) => format!("{} / {}", duration(*p50), duration(*p99)),
            _ => row.missing.get(&size).cloned().unwrap_or_default(),
        });
        cells.push(growth(row).map_or(String::new(), |exponent| format!("{exponent:.2}")));
        cells
    });
    let factors = [OURS, RAW].map(|name| {
        let mut cells = by_size(&format!("best peer / {name}"), &|size| {
            let ours = rows.get(name).and_then(|row| row.p50.get(&size));
            let both = best_peer(rows, size).zip(ours);
            both.map_or(String::new(), |(peer, ours)| format!("{:.0}x", peer / ours))
        });
        cells.push(String::new());
        cells
    });
    let all: Vec<Vec<String>> = decisions.chain(factors).collect();
    report
        .say("May this user do this here? The time of an answer, p50 / p99, by number of role assignments.");
    report.table(&head("engine", &["exponent"]), &all);

    let loads = known.clone().map(|(name, row)| {
        by_size(&format!("load: {name}"), &|size| {
            row.load.get(&size).map_or("-".into(), |time| duration(*time))
        })
    });
    let asked = known.map(|(name, row)| {
        by_size(&format!("answers: {name}"), &|size| {
            row.asked.get(&size).map_or("-".into(), usize::to_string)
        })
    });
    let bytes = by_size("bytes an assignment", &|size| format!("{:.0}", changes.bytes[&size]));
    let updates = changes.names.iter().enumerate().map(|(at, name)| {
        by_size(&format!("{name}, p50 / p99"), &|size| {
            let (p50, p99) = changes.times[&size][at];
            format!("{} / {}", duration(p50), duration(p99))
        })
    });
    let all: Vec<Vec<String>> = std::iter::once(bytes).chain(updates).chain(loads).chain(asked).collect();
    report.say("Size, changes, loading:");
    report.table(&head("", &[]), &all);
}

/// Says of each limit whether it holds.
fn limits(report: &mut Report, sizes: &[usize], rows: &BTreeMap<&str, Row>, changes: &Changes) {
    let ours = &rows[OURS];
    for size in sizes {
        let at = report::size(*size);
        if let Some(peer) = best_peer(rows, *size) {
            let factor = peer / ours.p50[size];
            report.limit(&format!("best peer / ours with {at}, at least {FACTOR}"), factor, factor >= FACTOR);
        }
        let bytes = changes.bytes[size];
        if *size >= BYTES.1 {
            report.limit(
                &format!("bytes an assignment with {at}, at most {}", BYTES.0),
                bytes,
                bytes <= BYTES.0,
            );
        }
        let cedar =
            rows.iter().find_map(|(name, row)| row.load.get(size).filter(|_| name.starts_with("cedar")));
        if let Some(cedar) = cedar.filter(|_| *size >= 1_000_000) {
            let factor = cedar / ours.load[size];
            report.limit(
                &format!("loading: cedar / ours with {at}, at least {LOADING}"),
                factor,
                factor >= LOADING,
            );
        }
    }
    if let Some(exponent) = growth(ours) {
        report.limit(&format!("exponent of growth, at most {EXPONENT}"), exponent, exponent <= EXPONENT);
    }
}
