//! `countersign mail`: tries out what the configuration file says about mail.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use clap::{Args, Subcommand};
use server::edge::{Edge, SystemClock, SystemEntropy};
use server::mail::test_mail;
use server::settings::Settings;

/// Commands on mail.
#[derive(Subcommand)]
pub(crate) enum Mail {
    /// Send a mail that says that mail works, and say what the SMTP server answers if it does not.
    Test(Test),
}

/// `countersign mail test`
#[derive(Args)]
pub(crate) struct Test {
    /// The configuration file, as `serve` takes it.
    #[arg(long, env = "COUNTERSIGN_CONFIG", value_name = "FILE")]
    config: PathBuf,
    /// Whom to send it to.
    #[arg(long, value_name = "ADDRESS")]
    to: String,
}

impl Mail {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Test(test) => test.run(),
        }
    }
}

impl Test {
    fn run(self) -> anyhow::Result<()> {
        let settings = Settings::read(&self.config)?;
        let smtp = settings.smtp.context("the configuration file has no [mail]")?;
        let edge = Edge::new(Arc::new(SystemClock::start(None)), Arc::new(SystemEntropy));
        let public_url = settings.public_url.unwrap_or_default();
        test_mail(&smtp, &public_url, &self.to, edge.now()).map_err(|why| anyhow!("not sent: {why}"))?;
        println!("{smtp} has accepted a mail to {}", self.to);
        Ok(())
    }
}
