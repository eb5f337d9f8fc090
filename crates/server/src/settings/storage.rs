//! `[storage]`: where the bytes of repositories are, if not in a folder.
//!
//! ```toml
//! [storage]
//! kind = "s3"
//! bucket = "backups"
//! region = "eu-central-1"
//! endpoint = "https://s3.example"        # default: that of AWS in the region
//! path_style = true                      # the bucket is named in the path; default: only with an endpoint of its own
//! prefix = "countersign/"                # what all names in the bucket begin with; default: nothing
//! access_key = { env = "S3_KEY" }        # default: the environment's AWS_ACCESS_KEY_ID …
//! secret_key = { file = "/etc/countersign/s3" } # … and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN)
//! authority = "/etc/countersign/s3.pem"  # a certificate authority that is trusted besides those of the system
//! lock = "compliance"                    # or governance: how objects are locked; default: as the bucket has it
//! lock_days = 30                         # for how long, again and again; default: as the bucket has it, or 30
//! sweep = true                           # whether objects are removed that nothing refers to. On a database that
//!                                        # was restored from a backup: false
//! ```

use std::path::PathBuf;

use reqwest::Url;
use serde::Deserialize;
use store::{BucketPlace, LockMode};

use super::is_loopback;
use crate::edge::wall_clock;
use crate::toml_file::SecretEntry;

/// The shortest lock, in days: it has to be made longer in time, by a walk every day.
const SHORTEST_LOCK: u16 = 3;

/// Where the bytes of repositories are.
#[derive(Clone, Debug)]
pub struct BucketSettings {
    /// The bucket.
    pub place: BucketPlace,
    /// Whether objects are removed that nothing refers to.
    pub sweep: bool,
}

/// `[storage]` as it is written.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum StorageEntry {
    Folder {},
    S3(Box<S3Entry>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct S3Entry {
    bucket: String,
    region: String,
    endpoint: Option<String>,
    path_style: Option<bool>,
    #[serde(default)]
    prefix: String,
    access_key: Option<SecretEntry>,
    secret_key: Option<SecretEntry>,
    authority: Option<PathBuf>,
    lock: Option<LockMode>,
    lock_days: Option<u16>,
    #[serde(default = "yes")]
    sweep: bool,
    #[serde(default)]
    allow_plaintext: bool,
}

fn yes() -> bool {
    true
}

impl BucketSettings {
    /// Reads `[storage]`. `environment` looks up a variable. None for a folder, which is the default.
    pub(super) fn read(
        entry: &StorageEntry,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, String> {
        let StorageEntry::S3(entry) = entry else { return Ok(None) };
        let (access_key, secret_key, session_token) = match (&entry.access_key, &entry.secret_key) {
            (Some(access), Some(secret)) => (access.read()?, secret.read()?, None),
            (None, None) => {
                let needed = |name: &str| {
                    environment(name).ok_or_else(|| {
                        format!("there is no `access_key` and `secret_key`, and no {name} in the environment")
                    })
                };
                let token = environment("AWS_SESSION_TOKEN");
                (needed("AWS_ACCESS_KEY_ID")?, needed("AWS_SECRET_ACCESS_KEY")?, token)
            }
            _ => return Err("`access_key` and `secret_key` go together".into()),
        };
        if entry.lock_days.is_some_and(|days| days < SHORTEST_LOCK) {
            return Err(format!("`lock_days` must be at least {SHORTEST_LOCK}"));
        }
        let authority = entry.authority.as_ref().map(|file| {
            std::fs::read(file).map_err(|error| format!("`{}` cannot be read: {error}", file.display()))
        });
        let place = BucketPlace {
            endpoint: entry.endpoint()?,
            name: entry.bucket()?,
            region: entry.region.clone(),
            prefix: entry.prefix()?,
            path_style: entry.path_style.unwrap_or(entry.endpoint.is_some()),
            access_key,
            secret_key,
            session_token,
            authority: authority.transpose()?,
            lock: entry.lock,
            lock_days: entry.lock_days,
            clock: wall_clock,
        };
        Ok(Some(Self { place, sweep: entry.sweep }))
    }
}

impl S3Entry {
    fn endpoint(&self) -> Result<String, String> {
        let fine = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if self.region.is_empty() || !self.region.chars().all(fine) {
            return Err(format!("`region` is `{}`, and must be like eu-central-1", self.region));
        }
        let Some(endpoint) = &self.endpoint else {
            return Ok(format!("https://s3.{}.amazonaws.com", self.region));
        };
        let wrong = || format!("`endpoint` is `{endpoint}`, and must be like https://s3.example");
        let url = Url::parse(endpoint).map_err(|_| wrong())?;
        let host = url.host_str().ok_or_else(wrong)?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if !bare || !url.username().is_empty() || url.password().is_some() {
            return Err(wrong());
        }
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(host) || self.allow_plaintext => {}
            "http" => {
                return Err(format!(
                    "what is stored at `{host}` would travel in plain text: use https://, or say `allow_plaintext = true`"
                ));
            }
            _ => return Err(wrong()),
        }
        Ok(endpoint.trim_end_matches('/').to_string())
    }

    fn bucket(&self) -> Result<String, String> {
        let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
        match (3..=63).contains(&self.bucket.len()) && self.bucket.chars().all(fine) {
            true => Ok(self.bucket.clone()),
            false => Err(format!("`{}` is no name of a bucket", self.bucket)),
        }
    }

    fn prefix(&self) -> Result<String, String> {
        let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
        let dots = self.prefix.split('/').any(|step| matches!(step, "." | ".."));
        let empty = self.prefix.starts_with('/') || self.prefix.contains("//");
        if dots || empty || self.prefix.len() > 200 || !self.prefix.chars().all(fine) {
            return Err(format!("`prefix` is `{}`, and must be like countersign/", self.prefix));
        }
        match self.prefix.trim_end_matches('/') {
            "" => Ok(String::new()),
            prefix => Ok(format!("{prefix}/")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &str) -> Result<Option<BucketSettings>, String> {
        let keys = "access_key = \"key\"\nsecret_key = \"sesame\"\n";
        read_with(&format!("{keys}{lines}"), &[])
    }

    fn read_with(lines: &str, environment: &[(&str, &str)]) -> Result<Option<BucketSettings>, String> {
        let text = format!("kind = \"s3\"\nbucket = \"backups\"\nregion = \"eu-central-1\"\n{lines}");
        let entry: StorageEntry = toml::from_str(&text).map_err(|error| error.message().to_string())?;
        let look = |name: &str| {
            environment.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_string())
        };
        BucketSettings::read(&entry, look)
    }

    #[test]
    fn an_address_follows_from_the_region_or_is_given() {
        let aws = read("").unwrap().unwrap().place;
        assert_eq!((aws.endpoint.as_str(), aws.path_style), ("https://s3.eu-central-1.amazonaws.com", false));
        let own = read("endpoint = \"http://127.0.0.1:9000/\"\nprefix = \"a/b\"").unwrap().unwrap();
        assert_eq!((own.place.endpoint.as_str(), own.place.path_style), ("http://127.0.0.1:9000", true));
        assert_eq!((own.place.prefix.as_str(), own.sweep), ("a/b/", true));
        assert!(!format!("{own:?}").contains("sesame"));
    }

    #[test]
    fn keys_come_from_the_settings_or_the_environment() {
        let keys = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"), ("AWS_SESSION_TOKEN", "c")];
        let place = read_with("", &keys).unwrap().unwrap().place;
        assert_eq!((place.access_key.as_str(), place.secret_key.as_str()), ("a", "b"));
        assert_eq!(place.session_token.as_deref(), Some("c"));
        assert!(read_with("", &keys[..1]).unwrap_err().contains("AWS_SECRET_ACCESS_KEY"));
        assert!(read_with("access_key = \"a\"", &keys).unwrap_err().contains("together"));
    }

    #[test]
    fn what_would_leak_or_makes_no_sense_is_refused() {
        let cases = [
            ("endpoint = \"http://s3.example\"", "plain text"),
            ("endpoint = \"https://u:p@s3.example\"", "https://"),
            ("endpoint = \"https://s3.example/bucket\"", "https://"),
            ("endpoint = \"s3.example\"", "https://"),
            ("prefix = \"../x\"", "prefix"),
            ("lock = \"forever\"", "unknown variant"),
            ("lock_days = 1", "at least 3"),
            ("colour = \"red\"", "unknown field"),
        ];
        for (lines, why) in cases {
            let refused = read(lines).unwrap_err();
            assert!(refused.contains(why), "{lines}: {refused}");
        }
        assert!(read("endpoint = \"http://s3.example\"\nallow_plaintext = true").is_ok());
        let folder: StorageEntry = toml::from_str("kind = \"folder\"").unwrap();
        assert!(BucketSettings::read(&folder, |_| None).unwrap().is_none());
    }
}
