//! The demo's server: a fresh data folder and a child process of this very program.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail};

use super::narrator::Narrator;
use super::organisations::Organisations;

/// Marks a folder as the demo's, so that only such a one is ever removed.
const MARKER: &str = "countersign-demo";

/// A running server with the demo's organisations.
pub(crate) struct Stage {
    pub(crate) origin: String,
    pub(crate) folder: PathBuf,
    pub(crate) organisations: Organisations,
    server: Child,
}

impl Stage {
    /// Makes the folder anew and starts the server in it.
    pub(crate) fn set(folder: &Path, listen: SocketAddr, graph_listen: SocketAddr) -> anyhow::Result<Self> {
        let folder = fresh(folder)?;
        let organisations = Organisations::make();
        let bootstrap = folder.join("organisations.toml");
        fs::write(&bootstrap, organisations.bootstrap())?;
        let log = fs::File::create(folder.join("server.log"))?;
        let mut server = Command::new(std::env::current_exe()?)
            .arg("serve")
            .arg("--data")
            .arg(folder.join("data"))
            .arg("--bootstrap")
            .arg(&bootstrap)
            .args(["--listen", &listen.to_string(), "--graph-listen", &graph_listen.to_string()])
            .stdout(Stdio::piped())
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .context("the server could not be started")?;
        match ready_line(&mut server) {
            Some(origin) => Ok(Self { origin, folder, organisations, server }),
            None => {
                let _ = server.kill();
                let _ = server.wait();
                let log = fs::read_to_string(folder.join("server.log")).unwrap_or_default();
                bail!("the server did not start:\n{}", log.trim());
            }
        }
    }

    pub(crate) fn ca(&self) -> PathBuf {
        self.folder.join("data/tls/ca.pem")
    }

    /// Stops the server as an operator would.
    pub(crate) fn stop(&mut self) {
        let terminated = Command::new("kill").arg(self.server.id().to_string()).status();
        if !terminated.is_ok_and(|status| status.success()) {
            let _ = self.server.kill();
        }
        let _ = self.server.wait();
    }

    /// Checks the ledger that the story left behind, as an auditor would.
    pub(crate) fn verify_ledger(&self, narrator: &Narrator) -> anyhow::Result<()> {
        let output = Command::new(std::env::current_exe()?)
            .args(["ledger", "verify", "--data"])
            .arg(self.folder.join("data"))
            .output()?;
        if !output.status.success() {
            bail!("the ledger is broken: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        narrator.note(String::from_utf8_lossy(&output.stdout).trim());
        Ok(())
    }

    /// Serves until somebody interrupts: the server gets the same signal and stops cleanly.
    pub(crate) fn wait(&mut self) -> anyhow::Result<()> {
        let status = self.server.wait()?;
        if status.success() { Ok(()) } else { bail!("the server ended with {status}") }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if matches!(self.server.try_wait(), Ok(None)) {
            self.stop();
        }
    }
}

/// An empty folder. One that exists is removed if a demo made it, and left alone if not.
fn fresh(folder: &Path) -> anyhow::Result<PathBuf> {
    if folder.exists() {
        if !folder.join(MARKER).is_file() {
            bail!("`{}` exists and is not a demo's folder: name another one with --data", folder.display());
        }
        fs::remove_dir_all(folder).with_context(|| format!("`{}` could not be removed", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("`{}` could not be made", folder.display()))?;
    fs::write(
        folder.join(MARKER),
        "This folder belongs to `countersign demo`, which makes it anew each time.\n",
    )?;
    Ok(folder.canonicalize()?)
}

fn ready_line(server: &mut Child) -> Option<String> {
    let mut lines = BufReader::new(server.stdout.take()?).lines();
    let line = lines.next()?.ok()?;
    line.strip_prefix("countersign is ready at ").map(String::from)
}
