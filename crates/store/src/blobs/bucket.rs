//! The bytes of repository objects, in a bucket of an S3 service.
//!
//! An upload is first spooled to this machine's disk and hashed there. Once it is known to be what it should be, it is sent
//! with one `PUT` that has to create its object, and a checksum that the service compares. So nothing is ever half
//! there and nothing is overwritten; there are no uploads in parts, which could be left behind.
//!
//! An object's key is `{prefix}{repository}/{type}/{hash}.{upload}`, and a row's content is the part behind the last slash,
//! with the version of the object behind another dot if the bucket has versions. Each upload has a key of its own, so
//! bytes belong to one row, or to none: no upload comes to refer to bytes that somebody else stored and somebody
//! else removes, and servers that share a bucket need no claims against each other. What that costs is space for bytes that
//! are sent again while a deleted lifetime is kept. Reading asks for the version: whoever stole the keys of the bucket can
//! put something over an object, or a delete marker, and nobody sees it.
//!
//! If the bucket has Object Lock, each object is locked for some days when it comes, and again by [`Store::tend_bucket`]
//! before that ends, as long as a row refers to it. A lock has to be ahead of the service's clock; signatures are good
//! for minutes around it. So a wrong clock cannot lock anything for longer than it should: its requests are refused.
//!
//! [`Store::tend_bucket`]: crate::Store::tend_bucket

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::{SignedDuration, Timestamp};
use ledger::Digest;
use reqwest::StatusCode;
use rusty_s3::Method;
use serde::Deserialize;
use uuid::Uuid;

use super::requests::{Answer, Ask, Requests, Sent, checksum};
use super::spool::{Spool, Spooled};
use super::{Bytes, Part};
use crate::ObjectType;
use crate::error::StoreError;

/// The object that says whose bucket it is.
const ID: &str = ".id";
/// What is tried out at start is below this.
const PROBES: &str = ".probe/";
/// For how many days objects are locked, unless somebody says otherwise.
const LOCK_DAYS: u16 = 30;

/// A bucket of an S3 service. What it shows of itself has no secret in it.
#[derive(Clone)]
pub struct BucketPlace {
    /// The address of the service: `https://…`.
    pub endpoint: String,
    /// The bucket.
    pub name: String,
    /// Its region.
    pub region: String,
    /// What all names begin with: empty, or ending in a slash.
    pub prefix: String,
    /// Whether the bucket is named in the path, not in the host.
    pub path_style: bool,
    /// Who asks, and with what.
    pub access_key: String,
    /// The secret that belongs to the access key.
    pub secret_key: String,
    /// For credentials that are lent.
    pub session_token: Option<String>,
    /// Certificate authorities, in PEM, that are trusted besides those of the system.
    pub authority: Option<Vec<u8>>,
    /// How objects are locked, if not as the bucket has it by default.
    pub lock: Option<LockMode>,
    /// For how many days, if not as the bucket has it by default.
    pub lock_days: Option<u16>,
    /// The wall clock, which is what the service compares with its own.
    pub clock: fn() -> Timestamp,
}

impl BucketPlace {
    /// Whether the service is on this machine.
    pub(super) fn is_here(&self) -> bool {
        let host = self.endpoint.split("://").nth(1).unwrap_or_default();
        ["localhost", "127.", "[::1]"].iter().any(|here| host.starts_with(here))
    }
}

impl fmt::Debug for BucketPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bucket `{}` at {}", self.name, self.endpoint)
    }
}

/// How an object is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LockMode {
    /// Who has a right of their own for that can remove it earlier.
    #[serde(alias = "GOVERNANCE")]
    Governance,
    /// Nobody can, not the owner of the account either.
    #[serde(alias = "COMPLIANCE")]
    Compliance,
}

impl LockMode {
    fn as_str(self) -> &'static str {
        match self {
            Self::Governance => "GOVERNANCE",
            Self::Compliance => "COMPLIANCE",
        }
    }
}

/// What a bucket can do, as it said at start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Abilities {
    versions: bool,
    lock: Option<(LockMode, u16)>,
}

/// The bucket.
#[derive(Debug)]
pub(crate) struct Bucket {
    requests: Requests,
    place: BucketPlace,
    pub(super) spool: Spool,
    /// Known once it was looked at.
    abilities: OnceLock<Abilities>,
}

/// An object as a listing has it, or one version of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Found {
    /// Its key.
    pub(crate) key: String,
    /// When it was stored, by the service's clock.
    pub(crate) last_modified: Timestamp,
    version_id: Option<String>,
}

/// A page of a listing, with versions or without.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Listing {
    is_truncated: bool,
    next_continuation_token: Option<String>,
    next_key_marker: Option<String>,
    next_version_id_marker: Option<String>,
    contents: Vec<Found>,
    version: Vec<Found>,
    delete_marker: Vec<Found>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Versioning {
    status: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct LockConfiguration {
    object_lock_enabled: String,
    rule: LockRule,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct LockRule {
    default_retention: DefaultRetention,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct DefaultRetention {
    mode: Option<LockMode>,
    days: Option<u16>,
    years: Option<u16>,
}

/// What became of an attempt to create an object.
enum Created {
    /// It is there, as this version if the bucket has versions.
    Done(Option<String>),
    /// Something else was there before.
    Exists,
}

impl Bucket {
    pub(super) fn open(place: &BucketPlace, uploads: &Path) -> Result<Self, StoreError> {
        let spool = Spool::open(uploads).map_err(|error| StoreError::Io(uploads.to_path_buf(), error))?;
        let requests = Requests::new(place)?;
        Ok(Self { requests, place: place.clone(), spool, abilities: OnceLock::new() })
    }

    pub(super) fn told(&self) -> String {
        match self.place.prefix.as_str() {
            "" => self.requests.told(),
            prefix => format!("`{prefix}` in {}", self.requests.told()),
        }
    }

    /// Stores an upload under a key of its own. Returns what the row has to call it.
    pub(super) fn keep(
        &self,
        repository: &str,
        object_type: ObjectType,
        hash: &str,
        unique: &str,
        spooled: &Spooled,
    ) -> Result<String, StoreError> {
        let name = format!("{hash}.{unique}");
        let key = self.key(repository, object_type, &name);
        match self.create(&key, hash, Sent::File(&spooled.file, spooled.size))? {
            Created::Done(None) => Ok(name),
            Created::Done(Some(version)) => Ok(format!("{name}.{version}")),
            Created::Exists => Err(StoreError::Corrupt(format!("`{key}` existed before it was stored"))),
        }
    }

    /// Creates an object that was not there.
    fn create(&self, key: &str, hash: &str, sent: Sent<'_>) -> Result<Created, StoreError> {
        let mut headers = vec![("if-none-match", "*".to_string()), ("x-amz-checksum-sha256", checksum(hash))];
        if let Some((mode, until)) = self.lock()? {
            headers.push(("x-amz-object-lock-mode", mode.as_str().into()));
            headers.push(("x-amz-object-lock-retain-until-date", until));
        }
        headers.push(("x-amz-sdk-checksum-algorithm", "SHA256".into()));
        let answer =
            self.requests.send(&Ask { method: Method::Put, key, query: &[], headers: &headers, sent })?;
        match answer.status {
            StatusCode::OK => Ok(Created::Done(version_of(&answer))),
            // An earlier attempt may have stored it, and its answer was lost. Under this name nobody else stores anything
            // else: the service compared the checksum then.
            StatusCode::PRECONDITION_FAILED if answer.attempts > 1 => {
                let found = self.head(key, None)?;
                let same = found
                    .as_ref()
                    .is_some_and(|found| found.header("content-length") == Some(&size_of(sent)));
                Ok(if same { Created::Done(found.as_ref().and_then(version_of)) } else { Created::Exists })
            }
            StatusCode::PRECONDITION_FAILED => Ok(Created::Exists),
            _ => Err(self.requests.unexpected("to store an object", answer)),
        }
    }

    /// The lock that an object gets now: how, and until when.
    fn lock(&self) -> Result<Option<(LockMode, String)>, StoreError> {
        let Some((mode, days)) = self.abilities()?.lock else { return Ok(None) };
        let until = (self.place.clock)() + SignedDuration::from_hours(24 * i64::from(days));
        Ok(Some((mode, until.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())))
    }

    /// Opens a part of an object.
    pub(super) fn open_part(
        &self,
        repository: &str,
        object_type: ObjectType,
        content: &str,
        part: Part,
    ) -> Result<Bytes, StoreError> {
        let (name, version) = parts_of(content);
        let key = self.key(repository, object_type, name);
        let all = part.length == part.size || part.length == 0;
        let range =
            [("range", format!("bytes={}-{}", part.first, (part.first + part.length).saturating_sub(1)))];
        let answer = self.requests.send(&Ask {
            method: Method::Get,
            key: &key,
            query: &version_query(version),
            headers: if all { &[] } else { &range },
            sent: Sent::Nothing,
        })?;
        let found = match answer.status {
            StatusCode::OK if all => answer.header("content-length"),
            StatusCode::PARTIAL_CONTENT if !all => {
                answer.header("content-range").and_then(|range| range.rsplit('/').next())
            }
            StatusCode::OK | StatusCode::RANGE_NOT_SATISFIABLE => None,
            StatusCode::NOT_FOUND => return Err(missing(&key)),
            _ => return Err(self.requests.unexpected("to read an object", answer)),
        };
        check_size(&key, found, part.size)?;
        Ok(Box::new(answer.into_bytes().take(part.length)))
    }

    /// Whether an object is there, and as large as it should be.
    pub(super) fn check(
        &self,
        repository: &str,
        object_type: ObjectType,
        content: &str,
        size: u64,
    ) -> Result<(), StoreError> {
        let (name, version) = parts_of(content);
        let key = self.key(repository, object_type, name);
        let found = self.head(&key, version)?.ok_or_else(|| missing(&key))?;
        check_size(&key, found.header("content-length"), size)
    }

    fn head(&self, key: &str, version: Option<&str>) -> Result<Option<Answer>, StoreError> {
        let query = version_query(version);
        let ask = Ask { method: Method::Head, key, query: &query, headers: &[], sent: Sent::Nothing };
        let answer = self.requests.send(&ask)?;
        match answer.status {
            StatusCode::OK => Ok(Some(answer)),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(self.requests.unexpected("to look for an object", answer)),
        }
    }

    /// Removes an object. Returns whether it is gone: not when it is locked.
    pub(super) fn remove(
        &self,
        repository: &str,
        object_type: ObjectType,
        content: &str,
    ) -> Result<bool, StoreError> {
        let (name, version) = parts_of(content);
        self.delete(&self.key(repository, object_type, name), version)
    }

    fn delete(&self, key: &str, version: Option<&str>) -> Result<bool, StoreError> {
        let query = version_query(version);
        let ask = Ask { method: Method::Delete, key, query: &query, headers: &[], sent: Sent::Nothing };
        let answer = self.requests.send(&ask)?;
        match answer.status {
            StatusCode::OK | StatusCode::NO_CONTENT | StatusCode::NOT_FOUND => Ok(true),
            StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST if self.abilities()?.lock.is_some() => Ok(false),
            _ => Err(self.requests.unexpected("to remove an object", answer)),
        }
    }

    /// Removes an object that a listing had.
    pub(crate) fn remove_found(&self, found: &Found) -> Result<bool, StoreError> {
        self.delete(&found.key, found.version_id.as_deref())
    }

    /// Removes all objects of a repository, with all their versions.
    pub(super) fn remove_repository(&self, repository: &str, stop: &AtomicBool) -> Result<bool, StoreError> {
        let mut all = true;
        self.walk(&format!("{repository}/"), &mut |found| {
            if stop.load(Ordering::Relaxed) {
                all = false;
                return Ok(false);
            }
            all &= self.remove_found(found)?;
            Ok(true)
        })?;
        Ok(all)
    }

    /// Locks an object that a listing had once more, for as long as one that comes now. Returns whether the service did:
    /// not when it is locked for longer already, or is a delete marker, or the credentials do not allow it.
    pub(crate) fn lock_again(&self, found: &Found) -> Result<bool, StoreError> {
        let Some((mode, until)) = self.lock()? else { return Ok(false) };
        let text = format!(
            "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>{}</Mode>\
             <RetainUntilDate>{until}</RetainUntilDate></Retention>",
            mode.as_str()
        );
        let hash = Digest::of(text.as_bytes()).to_string();
        let mut query = vec![("retention", "")];
        query.extend(version_query(found.version_id.as_deref()));
        let headers =
            [("x-amz-checksum-sha256", checksum(&hash)), ("x-amz-sdk-checksum-algorithm", "SHA256".into())];
        let sent = Sent::Text(&text);
        let answer = self.requests.send(&Ask {
            method: Method::Put,
            key: &found.key,
            query: &query,
            headers: &headers,
            sent,
        })?;
        match answer.status {
            StatusCode::OK => Ok(true),
            status if status.is_client_error() => {
                let fault = answer.fault();
                tracing::warn!(%fault, key = found.key, "an object's lock could not be made longer");
                Ok(false)
            }
            _ => Err(self.requests.unexpected("to lock an object", answer)),
        }
    }

    /// For how many days objects are locked, if they are.
    pub(crate) fn lock_days(&self) -> Result<Option<u16>, StoreError> {
        Ok(self.abilities()?.lock.map(|(_, days)| days))
    }

    /// The time that the service compares with its own.
    pub(crate) fn now(&self) -> Timestamp {
        (self.place.clock)()
    }

    /// Hands on every object below a name, in all versions, delete markers included; until told to stop.
    pub(crate) fn walk(
        &self,
        below: &str,
        each: &mut dyn FnMut(&Found) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let prefix = format!("{}{below}", self.place.prefix);
        let versions = self.abilities()?.versions;
        let (mut key, mut version) = (None, None);
        loop {
            let page = self.page(&prefix, versions, key.as_deref(), version.as_deref())?;
            for found in page.contents.iter().chain(&page.version).chain(&page.delete_marker) {
                if !each(found)? {
                    return Ok(());
                }
            }
            (key, version) = match versions {
                true => (page.next_key_marker, page.next_version_id_marker),
                false => (page.next_continuation_token, None),
            };
            if !page.is_truncated || key.is_none() {
                return Ok(());
            }
        }
    }

    fn page(
        &self,
        prefix: &str,
        versions: bool,
        key: Option<&str>,
        version: Option<&str>,
    ) -> Result<Listing, StoreError> {
        let mut query = Vec::new();
        if versions {
            query.extend(key.map(|key| ("key-marker", key)));
            query.push(("prefix", prefix));
            query.extend(version.map(|version| ("version-id-marker", version)));
            query.push(("versions", ""));
        } else {
            query.extend(key.map(|token| ("continuation-token", token)));
            query.push(("list-type", "2"));
            query.push(("prefix", prefix));
        }
        let answer = self.ask_bucket(&query)?;
        match answer.status {
            StatusCode::OK => self.requests.read("the question what it holds", answer),
            _ => Err(self.requests.unexpected("to say what it holds", answer)),
        }
    }

    fn ask_bucket(&self, query: &[(&str, &str)]) -> Result<Answer, StoreError> {
        self.requests.send(&Ask { method: Method::Get, key: "", query, headers: &[], sent: Sent::Nothing })
    }

    fn key(&self, repository: &str, object_type: ObjectType, name: &str) -> String {
        format!("{}{repository}/{}/{name}", self.place.prefix, object_type.as_str())
    }

    /// Which object of a repository a listing had; none if it is nothing that an upload stored. The content is what a row
    /// would call it.
    pub(crate) fn understand<'a>(&self, found: &'a Found) -> Option<(&'a str, ObjectType, String)> {
        let below = found.key.strip_prefix(&self.place.prefix)?;
        let mut steps = below.split('/');
        let (repository, folder, name) = (steps.next()?, steps.next()?, steps.next()?);
        let object_type = ObjectType::stored(folder)?;
        let (hash, _) = name.split_once('.')?;
        let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hash || repository.is_empty() || repository.starts_with('.') || steps.next().is_some() {
            return None;
        }
        let content = match found.version_id.as_deref() {
            None | Some("null") => name.to_string(),
            Some(version) => format!("{name}.{version}"),
        };
        Some((repository, object_type, content))
    }

    /// Whether a listing had the object that says whose bucket it is.
    pub(crate) fn is_id(&self, found: &Found) -> bool {
        found.key.strip_prefix(&self.place.prefix) == Some(ID)
    }

    /// Whether a listing had something that was tried out at a start.
    pub(crate) fn is_probe(&self, found: &Found) -> bool {
        found.key.strip_prefix(&self.place.prefix).is_some_and(|below| below.starts_with(PROBES))
    }

    pub(super) fn id(&self) -> Result<Option<Uuid>, StoreError> {
        let key = format!("{}{ID}", self.place.prefix);
        let ask = Ask { method: Method::Get, key: &key, query: &[], headers: &[], sent: Sent::Nothing };
        let answer = self.requests.send(&ask)?;
        match answer.status {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(None),
            _ => return Err(self.requests.unexpected("to read an object", answer)),
        }
        let mut text = String::new();
        let read = answer.into_bytes().take(100).read_to_string(&mut text);
        let id = read.ok().and_then(|_| text.trim().parse().ok());
        id.map(Some).ok_or_else(|| StoreError::Storage(format!("`{ID}` in {} is not an id", self.told())))
    }

    pub(super) fn id_or(&self, fresh: Uuid) -> Result<Uuid, StoreError> {
        if let Some(id) = self.id()? {
            return Ok(id);
        }
        let (key, text) = (format!("{}{ID}", self.place.prefix), format!("{fresh}\n"));
        let hash = Digest::of(text.as_bytes()).to_string();
        // Of two servers that write at once, one does.
        self.create(&key, &hash, Sent::Text(&text))?;
        self.id()?.ok_or_else(|| missing(&key))
    }

    fn abilities(&self) -> Result<Abilities, StoreError> {
        if let Some(abilities) = self.abilities.get() {
            return Ok(*abilities);
        }
        let abilities = Abilities { versions: self.has_versions()?, lock: self.locks()? };
        Ok(*self.abilities.get_or_init(|| abilities))
    }

    fn has_versions(&self) -> Result<bool, StoreError> {
        let answer = self.ask_bucket(&[("versioning", "")])?;
        match answer.status {
            // Where versions were switched off, old ones are there still.
            StatusCode::OK => {
                let versioning: Versioning =
                    self.requests.read("the question whether it has versions", answer)?;
                Ok(!versioning.status.is_empty())
            }
            StatusCode::NOT_IMPLEMENTED => Ok(false),
            _ => Err(self.requests.unexpected("to say whether it has versions", answer)),
        }
    }

    /// How and for how many days objects are to be locked.
    fn locks(&self) -> Result<Option<(LockMode, u16)>, StoreError> {
        let answer = self.ask_bucket(&[("object-lock", "")])?;
        let configuration: LockConfiguration = match answer.status {
            StatusCode::OK => self.requests.read("the question whether it has Object Lock", answer)?,
            StatusCode::NOT_FOUND => {
                let fault = answer.fault();
                if fault.code == "NoSuchBucket" {
                    return Err(StoreError::Storage(format!("{} does not exist", self.requests.told())));
                }
                LockConfiguration::default()
            }
            StatusCode::NOT_IMPLEMENTED => LockConfiguration::default(),
            _ => return Err(self.requests.unexpected("to say whether it has Object Lock", answer)),
        };
        let wanted = self.place.lock.is_some() || self.place.lock_days.is_some();
        if configuration.object_lock_enabled != "Enabled" {
            return match wanted {
                false => Ok(None),
                true => {
                    let why = "has no Object Lock, which can only be switched on where there are versions; \
                               leave `lock` and `lock_days` out, or use another bucket";
                    Err(StoreError::Storage(format!("{} {why}", self.requests.told())))
                }
            };
        }
        let default = configuration.rule.default_retention;
        let mode = self.place.lock.or(default.mode).unwrap_or(LockMode::Governance);
        let by_default = default.days.or(default.years.map(|years| years.saturating_mul(366)));
        Ok(Some((mode, self.place.lock_days.or(by_default).unwrap_or(LOCK_DAYS))))
    }

    /// Tries out what everything else relies on.
    pub(super) fn probe(&self, fresh: Uuid) -> Result<(), StoreError> {
        let abilities = self.abilities()?;
        let wrong =
            |what: &str| StoreError::Storage(format!("{} {what}; it is not used", self.requests.told()));
        let key = format!("{}{PROBES}{fresh}", self.place.prefix);
        let create = |text: &str| {
            let hash = Digest::of(text.as_bytes()).to_string();
            self.create(&key, &hash, Sent::Text(text))
        };
        let Created::Done(version) = create("first")? else {
            return Err(wrong("says that a fresh name is taken"));
        };
        if let Created::Done(_) = create("second")? {
            return Err(wrong(
                "overwrites what must be created only once: it ignores the condition `If-None-Match: *`",
            ));
        }
        let query = version_query(version.as_deref());
        let range = [("range", "bytes=1-3".to_string())];
        let ask = Ask { method: Method::Get, key: &key, query: &query, headers: &range, sent: Sent::Nothing };
        let answer = self.requests.send(&ask)?;
        let range = answer.header("content-range").map(str::to_string);
        let partial = answer.status == StatusCode::PARTIAL_CONTENT;
        let mut text = String::new();
        let read = answer.into_bytes().take(100).read_to_string(&mut text);
        if read.is_err() || !partial || text != "irs" || range.as_deref() != Some("bytes 1-3/5") {
            return Err(wrong("does not answer with the part of an object that it was asked for"));
        }
        let gone = self.delete(&key, version.as_deref())?;
        if abilities.lock.is_none() && (!gone || self.head(&key, version.as_deref())?.is_some()) {
            return Err(wrong("still has what it said it had removed"));
        }
        Ok(())
    }
}

/// The name of an object in its row's content, and its version.
fn parts_of(content: &str) -> (&str, Option<&str>) {
    let second = content.match_indices('.').nth(1).and_then(|(at, _)| content.split_at_checked(at));
    second.map_or((content, None), |(name, version)| (name, version.strip_prefix('.')))
}

fn version_query(version: Option<&str>) -> Vec<(&str, &str)> {
    version.map(|version| ("versionId", version)).into_iter().collect()
}

/// The version that an answer speaks of. Where versions were switched off it says `null`.
fn version_of(answer: &Answer) -> Option<String> {
    answer.header("x-amz-version-id").filter(|version| *version != "null").map(str::to_string)
}

fn size_of(sent: Sent<'_>) -> String {
    match sent {
        Sent::Nothing => 0,
        Sent::Text(text) => text.len() as u64,
        Sent::File(_, size) => size,
    }
    .to_string()
}

fn missing(key: &str) -> StoreError {
    StoreError::Corrupt(format!("the bucket lacks `{key}`"))
}

fn check_size(key: &str, found: Option<&str>, size: u64) -> Result<(), StoreError> {
    match found {
        Some(found) if found == size.to_string() => Ok(()),
        found => {
            let found = found.unwrap_or("fewer");
            Err(StoreError::Corrupt(format!("`{key}` has {found} bytes, and the database says {size}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_names_its_object_and_its_version() {
        let hash = "ab".repeat(32);
        assert_eq!(parts_of(&format!("{hash}.upload")), (format!("{hash}.upload").as_str(), None));
        let versioned = format!("{hash}.upload.v.1/+x");
        assert_eq!(parts_of(&versioned), (format!("{hash}.upload").as_str(), Some("v.1/+x")));
    }

    #[test]
    fn a_page_of_a_listing_is_read_with_versions_and_without() {
        let versions = "<ListVersionsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name>\
             <IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker><NextVersionIdMarker>3</NextVersionIdMarker>\
             <Version><Key>a&amp;b</Key><VersionId>1</VersionId><LastModified>2026-11-22T10:00:00.000Z</LastModified>\
             <Size>5</Size></Version><DeleteMarker><Key>a&amp;b</Key><VersionId>2</VersionId>\
             <LastModified>2026-11-22T10:00:00Z</LastModified></DeleteMarker><Version><Key>c</Key><VersionId>null</VersionId>\
             <LastModified>2026-11-22T10:00:00.000Z</LastModified></Version></ListVersionsResult>";
        let page: Listing = quick_xml::de::from_str(versions).unwrap();
        let keys = |found: &[Found]| found.iter().map(|found| found.key.clone()).collect::<Vec<_>>();
        assert_eq!(
            (keys(&page.version), keys(&page.delete_marker)),
            (vec!["a&b".into(), "c".into()], vec!["a&b".into()])
        );
        assert!(page.is_truncated && page.contents.is_empty());
        assert_eq!(
            (page.next_key_marker.as_deref(), page.next_version_id_marker.as_deref()),
            (Some("k"), Some("3"))
        );
        let plain = "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>k</Key>\
             <LastModified>2026-11-22T10:00:00.000Z</LastModified></Contents></ListBucketResult>";
        let page: Listing = quick_xml::de::from_str(plain).unwrap();
        assert_eq!((keys(&page.contents), page.is_truncated), (vec!["k".to_string()], false));
    }

    #[test]
    fn a_default_lock_is_read() {
        let text = "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>\
             <Mode>COMPLIANCE</Mode><Years>2</Years></DefaultRetention></Rule></ObjectLockConfiguration>";
        let read: LockConfiguration = quick_xml::de::from_str(text).unwrap();
        let DefaultRetention { mode, days, years } = read.rule.default_retention;
        assert_eq!((mode, days, years), (Some(LockMode::Compliance), None, Some(2)));
    }

    #[test]
    fn a_checksum_is_the_hash_in_base_64() {
        let hash = Digest::of(b"hello").to_string();
        assert_eq!(checksum(&hash), "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=");
    }
}
