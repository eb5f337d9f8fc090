//! Starting with many role assignments in the store: opening it and making the first decision, against one scan of the
//! table and, if its time is given, loading cedar with the same.
//!
//! `start [ASSIGNMENTS] [ROUNDS] [SECONDS THAT CEDAR TAKES]`

#[path = "../http/mod.rs"]
mod http;

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use http::estate::{self, BACKUP_SUB, explain};
use http::report::{Report, median};
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};
use store::Store;

/// As a multiple of one scan.
const TIMES_SCAN: f64 = 2.0;
/// How many times faster than cedar.
const TIMES_CEDAR: f64 = 20.0;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["scan", folder] => println!("{}", scan(Path::new(folder))?),
        ["open", folder] => println!("{}", open(Path::new(folder))?),
        rest => {
            let number = |at: usize, usual: &str| rest.get(at).copied().unwrap_or(usual).parse::<usize>();
            let cedar = rest.get(2).map(|seconds| seconds.parse::<f64>()).transpose()?;
            compare(number(0, "1000000")?, number(1, "3")?, cedar)?;
        }
    }
    Ok(())
}

fn compare(assignments: usize, rounds: usize, cedar: Option<f64>) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    fill(folder.path(), assignments)?;
    let (mut scans, mut opens) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        scans.push(measure("scan", folder.path())?);
        opens.push(measure("open", folder.path())?);
    }
    let ratios = scans.iter().zip(&opens).map(|(scan, open)| open / scan).collect();
    let (scan, open, times) = (median(scans), median(opens), median(ratios));
    let mut report = Report::new("start", "Starting with many role assignments");
    report.say(&format!(
        "{assignments} role assignments in the store, medians of {rounds} interleaved rounds, each in a process of its own, \
         with the file in the page cache."
    ));
    let mut rows = vec![
        vec!["one scan of the table".into(), format!("{scan:.2} s")],
        vec!["open the store and make the first decision".into(), format!("{open:.2} s")],
    ];
    rows.extend(cedar.map(|cedar| vec!["load cedar with the same".into(), format!("{cedar:.2} s")]));
    report.table(&["", "time"], &rows);
    report.limit(&format!("start / scan, at most {TIMES_SCAN}"), times, times <= TIMES_SCAN);
    if let Some(cedar) = cedar {
        let faster = cedar / open;
        report.limit(&format!("cedar / start, at least {TIMES_CEDAR}"), faster, faster >= TIMES_CEDAR);
    }
    report.finish()
}

/// Fills a store and lets its write-ahead log be folded into the database.
fn fill(folder: &Path, assignments: usize) -> anyhow::Result<()> {
    let now = Timestamp::UNIX_EPOCH;
    let store = Store::open(folder)?;
    store.transact(|tx| estate::organisations(tx, now)).map_err(explain)?;
    estate::fill_assignments(&store, assignments, now)?;
    store.close();
    Ok(())
}

/// Seconds, measured in a process of its own.
fn measure(what: &str, folder: &Path) -> anyhow::Result<f64> {
    let output = Command::new(std::env::current_exe()?).arg(what).arg(folder).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// Reads every byte of every role assignment's row once.
fn scan(folder: &Path) -> anyhow::Result<f64> {
    let begin = Instant::now();
    let database =
        Connection::open_with_flags(folder.join("countersign.db"), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut statement =
        database.prepare("SELECT key, revision, body FROM documents WHERE kind = 'roleAssignment'")?;
    let mut rows = statement.query([])?;
    let mut sum = 0u64;
    while let Some(row) = rows.next()? {
        let bytes = row.get_ref(0)?.as_str()?.bytes().chain(row.get_ref(2)?.as_str()?.bytes());
        sum = sum
            .wrapping_add(bytes.map(u64::from).sum::<u64>())
            .wrapping_add(row.get_ref(1)?.as_i64()? as u64);
    }
    ensure!(std::hint::black_box(sum) > 0, "nothing was read");
    Ok(begin.elapsed().as_secs_f64())
}

/// From nothing to the first answer.
fn open(folder: &Path) -> anyhow::Result<f64> {
    let begin = Instant::now();
    let store = Store::open(folder)?;
    let scope = estate::group(BACKUP_SUB, "other1").map_err(explain)?;
    let action = "Microsoft.RecoveryServices/Vaults/read";
    let allowed = store.transact(|tx| tx.access()?.may(estate::ROBOT, action, &scope, Timestamp::UNIX_EPOCH));
    let seconds = begin.elapsed().as_secs_f64();
    allowed.map_err(explain)?.context("the owner may not read")?;
    Ok(seconds)
}
