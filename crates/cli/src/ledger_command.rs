//! `countersign ledger`: reads the ledger, also while servers write it.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use ledger::Head;
use store::{Database, Inspector};

/// How many entries are read at a time.
const CHUNK: u32 = 1000;

/// Commands on the ledger.
#[derive(Subcommand)]
pub(crate) enum Ledger {
    /// Check every entry against its hash, and every hash against the one before. Fails when anything does not fit.
    Verify(Verify),
    /// Print the entries, one JSON object a line, oldest first.
    Show(Show),
}

/// Whose: that of a data folder, or of a database that servers share.
#[derive(Args)]
pub(crate) struct Whose {
    /// The data folder.
    #[arg(long, env = "COUNTERSIGN_DATA", required_unless_present = "database")]
    data: Option<PathBuf>,
    /// The database, if it is not the one in the data folder, as `serve` takes it.
    #[arg(long, env = "COUNTERSIGN_DATABASE", value_name = "URL", hide_env_values = true)]
    // Not parsed by clap, which repeats what it cannot read: there may be a password in it.
    database: Option<String>,
}

impl Whose {
    pub(crate) fn open(&self) -> anyhow::Result<Inspector> {
        let folder = self.data.clone().unwrap_or_default();
        let database = Database::at(self.database.as_deref())?;
        Ok(Inspector::open(&folder, &database)?)
    }
}

/// `countersign ledger verify`
#[derive(Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    whose: Whose,
    /// A head noted earlier, as `SIZE:CHAIN`: the ledger must still contain exactly that.
    #[arg(long, value_name = "SIZE:CHAIN")]
    expect: Option<String>,
}

/// `countersign ledger show`
#[derive(Args)]
pub(crate) struct Show {
    #[command(flatten)]
    whose: Whose,
    /// The first entry to print.
    #[arg(long, default_value_t = 0)]
    from: u64,
}

impl Ledger {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Verify(verify) => verify.run(),
            Self::Show(show) => show.run(),
        }
    }
}

impl Verify {
    fn run(self) -> anyhow::Result<()> {
        let expected = self.expect.as_deref().map(parse_head).transpose()?;
        let inspector = self.whose.open()?;
        match inspector.verify_ledger(expected)? {
            Ok(head) => {
                println!("the ledger is whole: {} entries; head {}:{}", head.size, head.size, head.chain);
                Ok(())
            }
            Err(fault) => bail!("{fault}"),
        }
    }
}

fn parse_head(text: &str) -> anyhow::Result<Head> {
    let (size, chain) =
        text.split_once(':').context("--expect takes SIZE:CHAIN, as `ledger verify` prints it")?;
    Ok(Head {
        size: size.parse().context("SIZE is not a number")?,
        chain: chain.parse().context("CHAIN is not a hash")?,
    })
}

impl Show {
    fn run(self) -> anyhow::Result<()> {
        let inspector = self.whose.open()?;
        let mut out = std::io::stdout().lock();
        let mut next = self.from;
        loop {
            let entries = inspector.entries(next, CHUNK)?;
            let Some(last) = entries.last() else { return Ok(()) };
            next = last.sequence + 1;
            for entry in &entries {
                writeln!(out, "{}", serde_json::to_string(entry)?)?;
            }
        }
    }
}
