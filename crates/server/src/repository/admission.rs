//! Who may do what in a repository: the credential, the item and its state.

use std::net::IpAddr;

use arm::{Error, ErrorKind, ObjectId, Result};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use directory::SecretDigest;
use jiff::Timestamp;
use store::Transaction;
use uuid::Uuid;
use vault::{ProtectedItem, Protection, RepositoryCredential, Vault};

use super::address::Address;
use super::pin;

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
    /// The settled time when the request came.
    settled: Timestamp,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Reading what is there.
    Read,
    /// Saying that a command runs, which every command of restic does, those that only read too.
    Lock,
    /// Storing something or hiding something.
    Write,
}

/// A client that may.
pub struct Admitted {
    /// The vault.
    pub vault: Vault,
    /// The item whose repository it is.
    pub item: ProtectedItem,
}

impl Client {
    /// Reads HTTP Basic credentials.
    ///
    /// # Errors
    /// 401 when there are none.
    pub fn of(
        headers: &HeaderMap,
        address: Option<IpAddr>,
        correlation: Uuid,
        settled: Timestamp,
    ) -> Result<Self> {
        let credentials = headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok()).and_then(basic);
        let (user, secret) = credentials.ok_or_else(unauthenticated)?;
        let (user, pin) = pin::split(user, headers);
        Ok(Self { user, secret, address, correlation, pin, settled })
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

/// Decides whether a client may. Whoever then writes in the same transaction writes only while it is so.
///
/// # Errors
/// 401 for credentials that are not of this repository; 404 for an item that is gone; and while it is soft-deleted 404
/// for reading, so that it looks empty, and 403 for writing, so that clients say why they cannot.
pub fn admit(tx: &mut Transaction, client: &Client, address: &Address, purpose: Purpose) -> Result<Admitted> {
    let credential: Option<RepositoryCredential> = tx.get(&client.user)?;
    // Compared even when there is nothing to compare with, so that the time it takes does not tell.
    let stored = credential.as_ref().and_then(|credential| SecretDigest::from_hex(&credential.secret_hash));
    let same = stored.unwrap_or_else(|| SecretDigest::of("")).matches(&client.secret);
    let credential = credential
        .filter(|credential| same && stored.is_some() && credential.repository == address.item)
        .ok_or_else(unauthenticated)?;
    let items: Vec<ProtectedItem> = tx.find(&address.item)?;
    let vaults: Vec<Vault> = tx.find(&address.vault)?;
    let item = items.into_iter().find(|item| item.id == credential.item && !item.is_gone(client.settled));
    let found = item.and_then(|item| {
        let vault = vaults.into_iter().find(|vault| item.id.is_within(&vault.id))?;
        Some(Admitted { vault, item })
    });
    let admitted = found.ok_or_else(|| {
        let text = "there is no such item in this vault any more";
        Error::not_found("ItemNotFound", text)
    })?;
    check_state(&admitted.item, purpose)?;
    Ok(admitted)
}

fn check_state(item: &ProtectedItem, purpose: Purpose) -> Result<()> {
    let name = &item.friendly_name;
    if let Some(deletion) = &item.deletion {
        let text = format!(
            "'{name}' was deleted on {}; until {} it can be undeleted in its vault, with all its backups",
            arm::timestamp(deletion.at),
            arm::timestamp(deletion.until)
        );
        return Err(match purpose {
            Purpose::Read => Error::not_found("ItemDeleted", text),
            Purpose::Lock | Purpose::Write => Error::forbidden("ItemDeleted", text),
        });
    }
    match (item.protection, purpose) {
        (Protection::Stopped | Protection::Suspended, Purpose::Write) => Err(Error::forbidden(
            "ProtectionStopped",
            format!(
                "protection of '{name}' is stopped: its backups can be read and restored, but nothing is stored or \
                 removed until protection is resumed in its vault"
            ),
        )),
        _ => Ok(()),
    }
}
