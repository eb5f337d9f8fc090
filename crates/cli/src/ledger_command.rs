//! `countersign ledger`: reads the ledger of a data folder, also while a server has it open.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use ledger::Head;
use store::Inspector;

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

/// `countersign ledger verify`
#[derive(Args)]
pub(crate) struct Verify {
    /// The data folder.
    #[arg(long, env = "COUNTERSIGN_DATA")]
    data: PathBuf,
    /// A head noted earlier, as `SIZE:CHAIN`: the ledger must still contain exactly that.
    #[arg(long, value_name = "SIZE:CHAIN")]
    expect: Option<String>,
}

/// `countersign ledger show`
#[derive(Args)]
pub(crate) struct Show {
    /// The data folder.
    #[arg(long, env = "COUNTERSIGN_DATA")]
    data: PathBuf,
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
        let inspector = Inspector::open(&self.data)?;
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
        let inspector = Inspector::open(&self.data)?;
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
