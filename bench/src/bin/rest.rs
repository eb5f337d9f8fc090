//! The program at rest: how long it takes to be ready with an empty folder, and how much memory it then holds.
//!
//! `rest [PROGRAM] [STARTS]`; the program is `target/release/countersign` if it is not given.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bench::report::Report;
use bench::stats::median;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// In MB of a million bytes.
const MEMORY: f64 = 40.0;
/// In milliseconds.
const READY: f64 = 100.0;
/// How long the program is left alone before its memory is looked at.
const REST: Duration = Duration::from_secs(2);

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let built = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/release/countersign");
    let program = arguments.next().map_or(built, PathBuf::from);
    let starts: usize = arguments.next().as_deref().unwrap_or("7").parse()?;
    ensure!(program.is_file(), "there is no program at {}", program.display());
    let (mut times, mut sizes) = (Vec::new(), Vec::new());
    for _ in 0..starts {
        let (ready, memory) = start(&program)?;
        times.push(ready);
        sizes.push(memory);
    }
    let mut report = Report::new("rest", "The program at rest");
    report.say(&format!("`countersign serve` with an empty folder, {starts} starts."));
    let row = |what: &str, unit: &str, values: &[f64]| {
        let worst = values.iter().copied().fold(0.0, f64::max);
        vec![what.to_string(), format!("{:.1} {unit}", median(values.to_vec())), format!("{worst:.1} {unit}")]
    };
    let rows = [row("from exec to the ready line", "ms", &times), row("resident memory", "MB", &sizes)];
    report.table(&["", "median", "worst"], &rows);
    let (ready, memory) = (median(times), median(sizes));
    report.limit(&format!("ready, below {READY} ms"), ready, ready < READY);
    report.limit(&format!("memory, below {MEMORY} MB"), memory, memory < MEMORY);
    report.finish()
}

/// One start: milliseconds until it is ready, and megabytes that it then holds.
fn start(program: &Path) -> anyhow::Result<(f64, f64)> {
    let folder = tempfile::tempdir()?;
    let begin = Instant::now();
    let mut child = Command::new(program)
        .arg("serve")
        .arg("--data")
        .arg(folder.path().join("data"))
        .args(["--listen", "127.0.0.1:0", "--graph-listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let measured = (|| {
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        let ready = begin.elapsed().as_secs_f64() * 1e3;
        ensure!(line.starts_with("countersign is ready at https://"), "it said '{}'", line.trim());
        std::thread::sleep(REST);
        Ok((ready, resident(child.id())?))
    })();
    child.kill()?;
    child.wait()?;
    measured
}

fn resident(process: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes * 1024.0 / 1e6)
}
