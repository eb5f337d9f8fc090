//! What a benchmark found: tables in Markdown, and limits that hold or do not.

use std::fmt::Write as _;
use std::path::PathBuf;

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

    pub fn table(&mut self, heads: &[impl AsRef<str>], rows: &[Vec<String>]) {
        let line = |cells: Vec<&str>| format!("| {} |\n", cells.join(" | "));
        self.text.push('\n');
        self.text += &line(heads.iter().map(AsRef::as_ref).collect());
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

/// Nanoseconds for people: with three digits, and the unit that fits.
pub fn duration(nanoseconds: f64) -> String {
    let (value, unit) = match nanoseconds {
        n if n < 1e3 => (n, "ns"),
        n if n < 1e6 => (n / 1e3, "µs"),
        n if n < 1e9 => (n / 1e6, "ms"),
        n => (n / 1e9, "s"),
    };
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$} {unit}")
}

/// A size such as `1e5`.
pub fn size(number: usize) -> String {
    let exponent = number.checked_ilog10().unwrap_or(0);
    if 10_usize.pow(exponent) == number { format!("1e{exponent}") } else { number.to_string() }
}
