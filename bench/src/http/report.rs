//! Medians, Markdown tables, and limits that hold or do not.

use std::fmt::Write as _;
use std::path::PathBuf;

/// The middle of some measurements; of an even number, the lower of the two in the middle.
pub fn median(mut values: Vec<f64>) -> f64 {
    assert!(!values.is_empty(), "a median of nothing");
    values.sort_by(f64::total_cmp);
    values[(values.len() - 1) / 2]
}

/// What one benchmark says: text and tables, and which of its limits do not hold.
pub struct Report {
    name: &'static str,
    text: String,
    broken: Vec<String>,
}

impl Report {
    pub fn new(name: &'static str, title: &str) -> Self {
        Self { name, text: format!("## {title}\n"), broken: Vec::new() }
    }

    /// A paragraph.
    pub fn say(&mut self, text: &str) {
        let _ = write!(self.text, "\n{text}\n");
    }

    pub fn table(&mut self, heads: &[&str], rows: &[Vec<String>]) {
        let line = |cells: Vec<&str>| format!("| {} |\n", cells.join(" | "));
        self.text.push('\n');
        self.text += &line(heads.to_vec());
        self.text += &line(vec!["---"; heads.len()]);
        for row in rows {
            self.text += &line(row.iter().map(String::as_str).collect());
        }
    }

    /// A limit and whether it holds.
    pub fn limit(&mut self, what: &str, measured: f64, holds: bool) {
        let verdict = if holds { "holds" } else { "DOES NOT HOLD" };
        let line = format!("- {what}: {measured:.2}, **{verdict}**");
        let _ = writeln!(self.text, "{}{line}", if self.text.ends_with("**\n") { "" } else { "\n" });
        if !holds {
            self.broken.push(line);
        }
    }

    /// Prints it, keeps it under `target/bench`, and fails if a limit does not hold.
    pub fn finish(self) -> anyhow::Result<()> {
        println!("{}", self.text);
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(format!("{}.md", self.name)), &self.text)?;
        anyhow::ensure!(self.broken.is_empty(), "limits that do not hold:\n{}", self.broken.join("\n"));
        Ok(())
    }
}
