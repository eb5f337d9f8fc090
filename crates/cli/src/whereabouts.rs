//! Where a server keeps what it has, as options of the commands that look at it or change it beside `serve`.

use std::path::PathBuf;

use clap::Args;
use server::settings::Settings;
use store::{Database, Place};

/// The same options as `serve` has, so that the same environment serves both.
#[derive(Args)]
pub(crate) struct Whereabouts {
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
    /// The configuration file, as `serve` takes it: it says whether a bucket holds what is stored in repositories.
    #[arg(long, env = "COUNTERSIGN_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Whereabouts {
    /// Reads them.
    pub(crate) fn place(self) -> anyhow::Result<Place> {
        let settings = self.config.as_deref().map(Settings::read).transpose()?.unwrap_or_default();
        Ok(Place {
            folder: self.data,
            database: Database::at(self.database.as_deref())?,
            repositories: self.repositories,
            bucket: settings.bucket.map(|bucket| bucket.place),
        })
    }
}
