//! `countersign serve`.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use server::edge::{Edge, SystemClock, SystemEntropy};
use server::settings::Settings;
use server::{Config, bootstrap};
use store::{Database, Place, Store};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// How long is waited, at the end, for what still waits for others.
const GRACE: Duration = Duration::from_secs(1);

/// Serve vaults, Resource Guards, sign-in and repositories from a data folder.
#[derive(Args)]
pub(crate) struct Serve {
    /// The data folder; made when it does not exist.
    #[arg(long, env = "COUNTERSIGN_DATA")]
    data: PathBuf,
    /// The database, as postgres://USER:PASSWORD@HOST/NAME, that this server shares with others, or may. Default: SQLite
    /// in the data folder.
    #[arg(long, env = "COUNTERSIGN_DATABASE", value_name = "URL", hide_env_values = true)]
    // Not parsed by clap, which repeats what it cannot read: there may be a password in it.
    database: Option<String>,
    /// The folder with what is stored in repositories; servers that share a database share it, too. Default:
    /// `repositories` in the data folder. It can be a bucket of an S3 service instead: `[storage]` in the configuration.
    #[arg(long, env = "COUNTERSIGN_REPOSITORIES", value_name = "DIR")]
    repositories: Option<PathBuf>,
    /// Where ARM, sign-in and repositories listen (port 0 takes a free one).
    #[arg(long, env = "COUNTERSIGN_LISTEN", default_value = "127.0.0.1:8443")]
    listen: SocketAddr,
    /// Where Graph listens (port 0 takes a free one).
    #[arg(long, env = "COUNTERSIGN_GRAPH_LISTEN", default_value = "127.0.0.1:8444")]
    graph_listen: SocketAddr,
    /// Also answer the `userrealm` call of `az login -u -p`, which goes to port 443 of the login host.
    #[arg(long, env = "COUNTERSIGN_USERREALM_LISTEN", value_name = "ADDRESS")]
    userrealm_listen: Option<SocketAddr>,
    /// The name that clients know this server by, besides localhost and the loopback addresses.
    #[arg(long, env = "COUNTERSIGN_PUBLIC_NAME", value_name = "HOST")]
    public_name: Option<String>,
    /// Fill an empty data folder with the organisations in this TOML file.
    #[arg(long, value_name = "FILE")]
    bootstrap: Option<PathBuf>,
    /// Where mail and webhooks go, and in which S3 bucket repositories are: a TOML file. Without it, mail stays in the
    /// outbox, and repositories are in a folder.
    #[arg(long, env = "COUNTERSIGN_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Write log lines as JSON. What is logged follows RUST_LOG (default: info).
    #[arg(long, env = "COUNTERSIGN_LOG_JSON")]
    log_json: bool,
}

impl Serve {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        start_log(self.log_json);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let served = runtime.block_on(self.serve());
        // A mail that an SMTP server takes its time over must not hold up the end.
        runtime.shutdown_timeout(GRACE);
        served
    }

    async fn serve(self) -> anyhow::Result<()> {
        // Before anything else, so that a signal during start is not lost.
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let settings = self.config.as_deref().map(Settings::read).transpose()?.unwrap_or_default();
        let place = Place {
            folder: self.data.clone(),
            database: Database::at(self.database.as_deref())?,
            repositories: self.repositories,
            bucket: settings.bucket.as_ref().map(|bucket| bucket.place.clone()),
        };
        let store = Store::open_at(&place)?;
        let mark = server::clock_mark(&store).map_err(|error| anyhow::anyhow!(error.message))?;
        let edge = Edge::new(Arc::new(SystemClock::start(mark.as_ref())), Arc::new(SystemEntropy));
        if let Some(file) = &self.bootstrap {
            bootstrap::fill(&store, &edge, file)?;
        }
        warn_if_empty(&store)?;
        let config = Config {
            data: self.data,
            listen: self.listen,
            graph_listen: self.graph_listen,
            userrealm_listen: self.userrealm_listen,
            public_name: self.public_name,
            settings,
        };
        tracing::info!("{}", config.settings.summary());
        let running = server::start(&config, store.clone(), edge).await?;
        // A closed standard output must not stop the server.
        let _ = writeln!(std::io::stdout(), "countersign is ready at {}", running.address);
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
            _ = interrupt.recv() => tracing::info!("interrupted: stopping"),
        }
        running.stop().await;
        store.close();
        Ok(())
    }
}

fn warn_if_empty(store: &Store) -> anyhow::Result<()> {
    let pristine = store.transact(|tx| Ok(tx.access()?.tenants().next().is_none()));
    if pristine.map_err(|error| anyhow::anyhow!(error.message)).context("the store cannot be read")? {
        tracing::warn!(
            "there are no organisations yet, so nobody can sign in; start on an empty database with --bootstrap FILE"
        );
    }
    Ok(())
}

fn start_log(json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours);
    if json {
        builder.json().init();
    } else {
        builder.init();
    }
}
