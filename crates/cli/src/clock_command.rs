//! `countersign clock`: what the servers make of the host's clock, and vouching for it.

use std::sync::Arc;

use anyhow::Context;
use clap::{Args, Subcommand};
use jiff::SignedDuration;
use server::edge::{Edge, SystemClock, SystemEntropy};
use store::Store;

use crate::ledger_command::Whose;
use crate::whereabouts::Whereabouts;

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
    #[command(flatten)]
    whereabouts: Whereabouts,
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
        let place = self.whereabouts.place()?;
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
