//! `countersign migrate`: moves everything from one database to another.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use store::{Database, Progress};

/// Move everything from one database to another, ledger and all, and compare the two.
///
/// Stop the servers first. From the moment it begins, the old database refuses every change, so that nothing can be
/// acknowledged that the new one does not have; afterwards no server starts on the old one any more. When it fails, the
/// old database is as it was. The bytes of repositories stay where they are.
#[derive(Args)]
pub(crate) struct Migrate {
    /// The data folder: its SQLite database is the one that is not named.
    #[arg(long, env = "COUNTERSIGN_DATA")]
    data: PathBuf,
    /// The database to move from, as postgres://USER:PASSWORD@HOST/NAME. Default: SQLite in the data folder.
    #[arg(long, value_name = "URL")]
    // Not parsed by clap, which repeats what it cannot read: there may be a password in it.
    from: Option<String>,
    /// The database to move to, which must be empty. Default: SQLite in the data folder.
    #[arg(long, value_name = "URL")]
    to: Option<String>,
}

impl Migrate {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        if self.from.is_none() && self.to.is_none() {
            bail!("say where to move to with --to URL, or where from with --from URL");
        }
        let from = Database::at(self.from.as_deref())?;
        let to = Database::at(self.to.as_deref())?;
        let mut meter = Meter { live: std::io::stderr().is_terminal(), shown: false };
        let moved = store::migrate(&self.data, &from, &to, &mut |progress| meter.show(progress));
        meter.end();
        let moved = moved?;
        let rows: Vec<String> = moved.rows.iter().map(|(table, rows)| format!("{rows} {table}")).collect();
        println!("everything was moved and compared: {}", rows.join(", "));
        println!("the ledger is whole on both sides: head {}:{}", moved.head.size, moved.head.chain);
        match &to {
            Database::Sqlite => println!("start the server without --database from now on"),
            _ => println!("start servers with --database from now on; the old database refuses to be used"),
        }
        Ok(())
    }
}

/// One line on a terminal that counts; nothing anywhere else.
struct Meter {
    live: bool,
    shown: bool,
}

impl Meter {
    fn show(&mut self, progress: Progress) {
        if self.live {
            let Progress { step, table, rows } = progress;
            // A terminal that went away is no reason to stop half-way.
            let _ = write!(std::io::stderr(), "\r\x1b[K{step}: {rows} {table}");
            self.shown = true;
        }
    }

    fn end(&mut self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
