//! `countersign demo`: the main story, told by a client of a real server over HTTPS. There is no back door: everything
//! that happens here could be done with `az`, `curl` and `restic`.

mod client;
mod narrator;
mod organisations;
mod restic;
mod stage;
mod story;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use narrator::Narrator;
use stage::Stage;

/// Tell the main story: a real backup survives a stolen administrator account.
#[derive(Args)]
pub(crate) struct Demo {
    /// The directory to back up.
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// The demo's own data folder, made anew each time.
    #[arg(long, value_name = "DIR", default_value = "demo-data")]
    data: PathBuf,
    /// Where the demo's server listens (port 0 takes a free one).
    #[arg(long, default_value = "127.0.0.1:8443")]
    listen: SocketAddr,
    /// Where the demo's Graph listens (port 0 takes a free one).
    #[arg(long, default_value = "127.0.0.1:8444")]
    graph_listen: SocketAddr,
    /// Stop the server and leave when the story is told, instead of serving on.
    #[arg(long)]
    exit: bool,
}

impl Demo {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let narrator = Narrator::new();
        restic::check_installed()?;
        let mut stage = Stage::set(&self.data, self.listen, self.graph_listen)?;
        let told = story::tell(&stage, &self.dir, &narrator);
        if let Err(error) = told {
            stage.stop();
            return Err(error.context("the story could not be told to its end"));
        }
        narrator.epilogue(&stage, self.exit);
        if self.exit {
            stage.stop();
            return stage.verify_ledger(&narrator);
        }
        stage.wait()
    }
}
