//! Files that people write, in TOML: what is wrong is told with its line, and secrets can stand elsewhere.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A part of a file's text, in bytes.
pub type Span = Range<usize>;

/// Why a file was not taken.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file cannot be read.
    #[error("cannot read `{}`: {}", .0.display(), .1)]
    Read(PathBuf, #[source] std::io::Error),
    /// The file says something that makes no sense.
    #[error("`{}` line {line}: {what}", .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong, and what would be right.
        what: String,
    },
}

/// A file with its text.
pub struct TomlFile {
    path: PathBuf,
    text: String,
}

impl TomlFile {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let text =
            std::fs::read_to_string(path).map_err(|error| FileError::Read(path.to_path_buf(), error))?;
        Ok(Self { path: path.to_path_buf(), text })
    }

    /// What it says.
    ///
    /// # Errors
    /// When that makes no sense, naming the line.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, FileError> {
        let wrong = |error: toml::de::Error| self.wrong(&error.span().unwrap_or_default(), error.message());
        toml::from_str(&self.text).map_err(wrong)
    }

    /// What is wrong with a part of it.
    pub fn wrong(&self, span: &Span, what: impl fmt::Display) -> FileError {
        let line = self.text.bytes().take(span.start).filter(|byte| *byte == b'\n').count() + 1;
        FileError::Invalid { path: self.path.clone(), line, what: what.to_string() }
    }
}

/// A secret: in the file, in an environment variable, or in a file of its own.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum SecretEntry {
    Text(String),
    Environment { env: String },
    File { file: PathBuf },
}

impl SecretEntry {
    /// The secret itself.
    pub(crate) fn read(&self) -> Result<String, String> {
        let secret = match self {
            Self::Text(text) => text.clone(),
            Self::Environment { env } => {
                std::env::var(env).map_err(|_| format!("the environment variable `{env}` is not set"))?
            }
            Self::File { file } => std::fs::read_to_string(file)
                .map_err(|error| format!("the secret's file `{}` cannot be read: {error}", file.display()))?
                .trim_end_matches(['\r', '\n'])
                .to_string(),
        };
        if secret.is_empty() { Err("the secret is empty".into()) } else { Ok(secret) }
    }
}
