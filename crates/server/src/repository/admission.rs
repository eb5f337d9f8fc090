//! Who may do what in a repository: the credential, the item and its state.

use std::net::IpAddr;

use arm::{Error, ErrorKind, ObjectId, Result};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use directory::SecretDigest;
use jiff::Timestamp;
use store::{ObjectType, Transaction};
use uuid::Uuid;
use vault::{ProtectedItem, Protection, RepositoryCredential, RepositoryRight, Vault};

use super::address::Address;
use super::pin;
use super::rights::{self, Act, Reach};
use crate::edge::Edge;

/// Who asks, and with what. Has no `Debug`: the secret is in it.
pub struct Client {
    /// The credential's user name.
    pub user: String,
    secret: String,
    /// Where the request came from.
    pub address: Option<IpAddr>,
    /// What ties the request to its ledger entries.
    pub correlation: Uuid,
    /// The security PIN that came along.
    pub pin: Option<String>,
    /// When the request came.
    pub at: Timestamp,
    /// The settled time when it came.
    settled: Timestamp,
}

/// A client that may.
pub struct Admitted {
    /// The vault.
    pub vault: Vault,
    /// The item whose repository it is.
    pub item: ProtectedItem,
    /// How far it may do what it asked for; never [`Reach::Refused`].
    pub reach: Reach,
    credential: RepositoryCredential,
}

impl Admitted {
    /// Why the credential's right is not enough, and what would be.
    pub fn refuse(
        &self,
        act: Act,
        object_type: ObjectType,
        is_enough: impl Fn(RepositoryRight) -> bool,
    ) -> Error {
        let what = match act {
            Act::List => "list",
            Act::Read => "read",
            Act::Store => "store",
            Act::Remove => "remove",
        };
        let text = format!(
            "the right of this credential is {}, with which it may not {what} this ({}): that needs {}; POST \
             {}/repositoryCredentials with {{\"right\": …}} issues a credential that has it",
            self.credential.right.as_str(),
            object_type.as_str(),
            rights::enough(is_enough),
            self.item.id
        );
        Error::forbidden("RightMissing", text)
    }
}

impl Client {
    /// What is kept of its secret.
    pub fn secret_digest(&self) -> SecretDigest {
        SecretDigest::of(&self.secret)
    }

    /// Whether this is the secret behind a hash.
    pub fn shows(&self, secret_hash: &str) -> bool {
        SecretDigest::from_hex(secret_hash).is_some_and(|stored| stored.matches(&self.secret))
    }

    /// Reads HTTP Basic credentials.
    ///
    /// # Errors
    /// 401 when there are none.
    pub fn of(headers: &HeaderMap, address: Option<IpAddr>, edge: &Edge) -> Result<Self> {
        let credentials = headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok()).and_then(basic);
        let (user, secret) = credentials.ok_or_else(unauthenticated)?;
        let (user, pin) = pin::split(user, headers);
        let (correlation, at, settled) = (edge.uuid(), edge.now(), edge.settled());
        Ok(Self { user, secret, address, correlation, pin, at, settled })
    }

    /// The form that the decision about consent takes.
    pub fn caller(&self, tenant: arm::TenantId) -> mua::Caller {
        mua::Caller { tenant, object: ObjectId(Uuid::nil()), person: self.person() }
    }

    /// Its stable id.
    pub fn person(&self) -> String {
        format!("repositoryCredential:{}", self.user)
    }
}

fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, secret) = decoded.split_once(':')?;
    Some((user.to_string(), secret.to_string()))
}

/// One text for every reason, so that nobody learns which half was wrong, or which items exist.
fn unauthenticated() -> Error {
    Error::new(
        ErrorKind::Unauthenticated,
        "AuthenticationFailed",
        "this repository needs the user name and the secret of one of its own credentials; a new one can be issued with \
         POST <protected item>/repositoryCredentials",
    )
}

/// Decides whether a client may do something with objects of a type. Whoever then writes in the same transaction writes
/// only while it is so.
///
/// # Errors
/// 401 for credentials that are not of this repository; 404 for an item that is gone; 403 when the credential's right is
/// not enough; and while the item is soft-deleted 404 for reading, so that it looks empty, and 403 for writing, so that
/// clients say why they cannot.
pub fn admit(
    tx: &mut Transaction,
    client: &Client,
    address: &Address,
    act: Act,
    object_type: ObjectType,
) -> Result<Admitted> {
    let credential = authenticate(tx, client)?;
    let credential =
        credential.filter(|credential| credential.repository == address.item).ok_or_else(unauthenticated)?;
    let items: Vec<ProtectedItem> = tx.find(&address.item)?;
    let vaults: Vec<Vault> = tx.find(&address.vault)?;
    let item = items.into_iter().find(|item| item.id == credential.item && !item.is_gone(client.settled));
    let found = item.and_then(|item| {
        let vault = vaults.into_iter().find(|vault| item.id.is_within(&vault.id))?;
        Some((vault, item))
    });
    let (vault, item) = found.ok_or_else(|| {
        let text = "there is no such item in this vault any more";
        Error::not_found("ItemNotFound", text)
    })?;
    let reach = rights::reach(credential.right, act, object_type);
    let admitted = Admitted { vault, item, reach, credential };
    let may_enter = |right| address.point.is_none() || rights::opens_views(right);
    if reach == Reach::Refused || !may_enter(admitted.credential.right) {
        return Err(admitted.refuse(act, object_type, |right| {
            rights::reach(right, act, object_type) == Reach::All && may_enter(right)
        }));
    }
    check_state(&admitted.item, act, object_type)?;
    Ok(admitted)
}

/// The credential that a client shows, if its secret is right. The secrets have 256 random bits, so that a plain hash
/// keeps them, and a check costs a microsecond: there is nothing to cache, and one that was revoked is refused at once.
///
/// # Errors
/// When the store fails.
pub fn authenticate(tx: &mut Transaction, client: &Client) -> Result<Option<RepositoryCredential>> {
    let credential: Option<RepositoryCredential> = tx.get(&client.user)?;
    // Compared even when there is nothing to compare with, so that the time it takes does not tell.
    let nothing = SecretDigest::of("");
    let hashes = credential.iter().flat_map(|credential| credential.secret_hashes(client.at));
    let mut stored: Vec<SecretDigest> = hashes.filter_map(SecretDigest::from_hex).collect();
    let known = !stored.is_empty();
    stored.resize(stored.len().max(2), nothing);
    let same = stored.iter().fold(false, |same, stored| same | stored.matches(&client.secret));
    Ok(credential.filter(|_| known && same && !client.secret.is_empty()))
}

fn check_state(item: &ProtectedItem, act: Act, object_type: ObjectType) -> Result<()> {
    let reads = matches!(act, Act::List | Act::Read);
    let name = &item.friendly_name;
    if let Some(deletion) = &item.deletion {
        let text = format!(
            "'{name}' was deleted on {}; until {} it can be undeleted in its vault, with all its backups",
            arm::timestamp(deletion.at),
            arm::timestamp(deletion.until)
        );
        return Err(match reads {
            true => Error::not_found("ItemDeleted", text),
            false => Error::forbidden("ItemDeleted", text),
        });
    }
    let writes = !reads && object_type != ObjectType::Locks;
    match (item.protection, writes) {
        (Protection::Stopped | Protection::Suspended, true) => Err(Error::forbidden(
            "ProtectionStopped",
            format!(
                "protection of '{name}' is stopped: its backups can be read and restored, but nothing is stored or \
                 removed until protection is resumed in its vault"
            ),
        )),
        _ => Ok(()),
    }
}
