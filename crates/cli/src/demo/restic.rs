//! Real restic, run as anybody would run it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

/// A repository behind a protected item.
pub(crate) struct Repository {
    pub(crate) address: String,
    pub(crate) ca: PathBuf,
    pub(crate) password: String,
}

/// What restic said.
pub(crate) struct Said {
    pub(crate) succeeded: bool,
    pub(crate) text: String,
}

impl Said {
    /// The text, if the command succeeded.
    pub(crate) fn done(self) -> anyhow::Result<String> {
        if self.succeeded { Ok(self.text) } else { bail!("restic failed: {}", self.text.trim()) }
    }

    /// The last line with something on it.
    pub(crate) fn last_line(&self) -> &str {
        self.text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().trim()
    }
}

/// Says early and clearly that restic is missing.
pub(crate) fn check_installed() -> anyhow::Result<()> {
    let version = Command::new("restic").arg("version").output();
    match version {
        Ok(output) if output.status.success() => Ok(()),
        _ => bail!("restic is needed for the demo and is not installed (Debian: apt-get install restic)"),
    }
}

impl Repository {
    /// Runs one command against the repository.
    pub(crate) fn run(&self, folder: &Path, arguments: &[&str]) -> anyhow::Result<Said> {
        let output = Command::new("restic")
            .args(["--repo", &self.address, "--cacert"])
            .arg(&self.ca)
            .arg("--no-cache")
            .args(arguments)
            .env("RESTIC_PASSWORD", &self.password)
            .current_dir(folder)
            .output()
            .context("restic could not be started")?;
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        Ok(Said { succeeded: output.status.success(), text })
    }
}
