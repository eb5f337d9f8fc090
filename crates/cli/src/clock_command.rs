//! `countersign clock`: what the servers make of the host's clock, and vouching for it.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, Subcommand};
use jiff::SignedDuration;
use server::edge::{Edge, SystemClock, SystemEntropy};
use store::{Database, Place, Store};

use crate::ledger_command::Whose;

/// Commands on the clock.
#[derive(Subcommand)]
pub(crate) enum Clock {
    /// Show the latest time that servers have seen, and the time by which expiry and purges go.
    Show(Show),
    /// Vouch for the clock of this host: time that no server saw pass counts from now on, up to what the clock shows.
    ///
    /// After a long downtime, or when a clock was set forward, expiry and purges wait for as long as nobody saw time pass.
    /// Nothing is lost by waiting. Compare the clock with another one first: what expires by it is gone. The server of the
    /// data folder must be stopped meanwhile; others on the same database go on and take it over within a minute.
    Accept(Accept),
}

/// `countersign clock show`
#[derive(Args)]
pub(crate) struct Show {
    #[command(flatten)]
    whose: Whose,
}

/// `countersign clock accept`
#[derive(Args)]
pub(crate) struct Accept {
    /// The data folder.
    #[arg(long, env = "COUNTERSIGN_DATA")]
    data: PathBuf,
    /// The database, if it is not the one in the data folder, as `serve` takes it.
    #[arg(long, env = "COUNTERSIGN_DATABASE", value_name = "URL", hide_env_values = true)]
    // Not parsed by clap, which repeats what it cannot read: there may be a password in it.
    database: Option<String>,
    /// The folder with what is stored in repositories, as `serve` takes it.
    #[arg(long, env = "COUNTERSIGN_REPOSITORIES", value_name = "DIR")]
    repositories: Option<PathBuf>,
}

impl Clock {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Show(show) => show.run(),
            Self::Accept(accept) => accept.run(),
        }
    }
}

impl Show {
    fn run(self) -> anyhow::Result<()> {
        let Some(mark) = self.whose.open()?.clock_mark()? else {
            println!("no server has run on this store yet");
            return Ok(());
        };
        println!("latest time seen:             {}", mark.at);
        println!("expiry and purges go by:      {}", mark.settled());
        match mark.lag() {
            lag if lag < SignedDuration::from_mins(1) => println!("time that nobody saw pass:    none"),
            lag => println!(
                "time that nobody saw pass:    {}; see `countersign clock accept --help`",
                server::in_words(lag)
            ),
        }
        Ok(())
    }
}

impl Accept {
    fn run(self) -> anyhow::Result<()> {
        let database = Database::at(self.database.as_deref())?;
        let place = Place { folder: self.data, database, repositories: self.repositories };
        let store = Store::open_at(&place).context("the server of this folder must be stopped meanwhile")?;
        let edge = Edge::new(Arc::new(SystemClock::start(None)), Arc::new(SystemEntropy));
        let wall = edge.now();
        let accepted = server::accept_clock(&store, wall, edge.uuid());
        let accepted = accepted.map_err(|error| anyhow::anyhow!(error.internal.unwrap_or(error.message)))?;
        store.close();
        println!("the clock shows:              {wall}");
        println!("expiry and purges went by:    {}", accepted.before);
        println!("expiry and purges go by now:  {}", accepted.after);
        Ok(())
    }
}
