//! `countersign purge --dry-run`: what the next purge would remove and what it would keep, also beside a running server.

use std::io::Write;

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};
use server::edge::{Clock, SystemClock};
use server::foresight::{Findings, Foresight, Tally, look};

use crate::ledger_command::Whose;

/// The recovery points that are named of an item; of more, how many there are.
const NAMED: usize = 5;

/// See what the next purge of deleted objects would remove.
#[derive(Args)]
pub(crate) struct Purge {
    /// Change nothing, and only show what would be removed, what is kept, and for which recovery point until when. There is no
    /// purge without it: the server purges by itself, once an hour, by rules that nobody can hurry.
    #[arg(long, required = true)]
    dry_run: bool,
    #[command(flatten)]
    whose: Whose,
    /// Only the items of this vault: its name or its id.
    #[arg(long, value_name = "VAULT")]
    vault: Option<String>,
    /// Print JSON, one object a line for each item, with everything in it.
    #[arg(long)]
    json: bool,
}

impl Purge {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let mut rehearsal = self.whose.open()?.rehearse();
        let now = SystemClock::start(None).now();
        let items = look(&mut rehearsal, self.vault.as_deref(), now)
            .map_err(|error| anyhow::anyhow!("{}", error.internal.unwrap_or(error.message)))?;
        let mut out = std::io::stdout().lock();
        for item in &items {
            match self.json {
                true => writeln!(out, "{}", as_json(item))?,
                false => write!(out, "{}", in_words(item))?,
            }
        }
        if items.is_empty() && !self.json {
            writeln!(out, "there are no items")?;
        }
        Ok(())
    }
}

/// What people are called must not steer the terminal.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn in_words(item: &Foresight) -> String {
    let mut lines = vec![format!("{} ({})", shown(&item.name), shown(&item.item.to_string()))];
    match &item.findings {
        Err(why) => lines.push(format!("nothing is purged: {}", shown(why))),
        Ok(findings) => lines.extend(told(findings)),
    }
    lines.join("\n  ") + "\n"
}

fn told(findings: &Findings) -> Vec<String> {
    let mut lines = vec![format!("would be removed: {}", amount(findings.removed))];
    if !findings.ending.is_empty() {
        let count = findings.ending.len();
        lines.push(format!(
            "recovery points that are over and go with it: {count}{}",
            names(&findings.ending)
        ));
    }
    if let Some(until) = findings.recent_until {
        let recent = amount(findings.recent);
        lines
            .push(format!("kept, because deleted not long ago: {recent}; the first until {}", second(until)));
    }
    for pinned in findings.pinned.iter().take(NAMED) {
        let point = short(&pinned.point.snapshot);
        let until = pinned.until.map_or("without end".into(), |until| format!("until {}", second(until)));
        let (at, amount) = (second(pinned.point.at), amount(pinned.tally));
        lines.push(format!("kept for the recovery point {point} of {at}, {until}: {amount}"));
    }
    let rest = findings.pinned.get(NAMED..).unwrap_or_default();
    if !rest.is_empty() {
        let tally = rest.iter().fold(Tally::default(), |sum, pinned| Tally {
            objects: sum.objects + pinned.tally.objects,
            bytes: sum.bytes + pinned.tally.bytes,
        });
        lines.push(format!("kept for {} recovery points that end earlier: {}", rest.len(), amount(tally)));
    }
    if findings.uncertain != Tally::default() {
        let why = "because of some recovery point it is not certain what it needs";
        lines.push(format!("kept, {why}: {}", amount(findings.uncertain)));
    }
    lines
}

fn names(snapshots: &[String]) -> String {
    let named: Vec<&str> = snapshots.iter().take(NAMED).map(|name| short(name)).collect();
    let more = if snapshots.len() > NAMED { ", …" } else { "" };
    format!(" ({}{more})", named.join(", "))
}

/// As clients show it.
fn short(snapshot: &str) -> &str {
    snapshot.get(..8).unwrap_or(snapshot)
}

fn second(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// "12 objects, 3.4 MB".
fn amount(tally: Tally) -> String {
    let Tally { objects, bytes } = tally;
    let plural = if objects == 1 { "" } else { "s" };
    let (mut tenths, mut unit) = (u128::from(bytes) * 10, "B");
    for larger in ["kB", "MB", "GB", "TB"] {
        if tenths >= 10_000 {
            (tenths, unit) = (tenths / 1000, larger);
        }
    }
    let size = if unit == "B" { bytes.to_string() } else { format!("{}.{}", tenths / 10, tenths % 10) };
    format!("{objects} object{plural}, {size} {unit}")
}

fn as_json(item: &Foresight) -> Value {
    let tally = |tally: Tally| json!({ "objects": tally.objects, "bytes": tally.bytes });
    match &item.findings {
        Err(why) => json!({ "item": item.item, "name": item.name, "nothingBecause": why }),
        Ok(findings) => json!({
            "item": item.item, "name": item.name, "removed": tally(findings.removed), "ending": findings.ending,
            "recent": tally(findings.recent), "recentUntil": findings.recent_until.map(|at| at.to_string()),
            "uncertain": tally(findings.uncertain),
            "pinned": findings.pinned.iter().map(|pinned| json!({
                "recoveryPoint": pinned.point.snapshot, "at": pinned.point.at.to_string(),
                "until": pinned.until.map(|at| at.to_string()), "objects": pinned.tally.objects,
                "bytes": pinned.tally.bytes,
            })).collect::<Vec<_>>(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_short() {
        let shown = |objects, bytes| amount(Tally { objects, bytes });
        assert_eq!(shown(0, 0), "0 objects, 0 B");
        assert_eq!(shown(1, 999), "1 object, 999 B");
        assert_eq!(shown(2, 1000), "2 objects, 1.0 kB");
        assert_eq!(shown(2, 1_249_999), "2 objects, 1.2 MB");
        assert_eq!(shown(2, u64::MAX), "2 objects, 18446744.0 TB");
    }
}
