//! Who looks at a page: somebody with a session, as the directories know them now.

use std::sync::Arc;

use arm::{ErrorKind, ObjectId, TenantId};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Redirect, Response};
use directory::session::Session;
use directory::{Person, SecretDigest, SignIn, User, admit};
use jiff::Timestamp;
use ledger::ActorKind;
use store::{Access, Transaction};

use super::{link, session};
use crate::app::App;
use crate::arm::call::SignedIn;
use crate::login::session::{cookie, digest};
use crate::login::{Visit, is_revoked, policy_of, user};

/// Somebody who looks at a page.
#[derive(Clone)]
pub struct Viewer {
    pub(super) app: App,
    /// The circumstances of the request.
    pub visit: Visit,
    /// The session.
    pub session: Session,
    /// The name that they sign in with.
    pub username: String,
    /// Their accounts in the directories that let them in: the one at home first, the others by name.
    pub accounts: Vec<Account>,
    /// When the request was looked at.
    pub now: Timestamp,
    /// What a form of this session has to hold.
    pub csrf: String,
    /// What was done just before, to be said once.
    pub notice: Option<String>,
    pub(super) access: Arc<Access>,
}

/// A person's account in a directory.
#[derive(Clone)]
pub struct Account {
    /// The directory.
    pub tenant: TenantId,
    /// Its name.
    pub directory: String,
    /// How people know them there.
    pub name: String,
    /// What a token of it would say.
    pub signed_in: SignedIn,
}

/// What the store says of a session.
struct Found {
    session: Session,
    username: String,
    accounts: Vec<Account>,
    access: Arc<Access>,
    now: Timestamp,
}

impl Viewer {
    /// The account in the directory that the viewer looks at; the one at home if that does not let them in any more.
    pub fn account(&self) -> Option<&Account> {
        self.account_in(self.session.directory).or_else(|| self.accounts.first())
    }

    /// The account in a directory.
    pub fn account_in(&self, tenant: TenantId) -> Option<&Account> {
        self.accounts.iter().find(|account| account.tenant == tenant)
    }

    /// The viewer's directories, each by the account that asks there: somebody may have several in one.
    pub fn directories(&self) -> Vec<&Account> {
        let mut accounts: Vec<&Account> = Vec::new();
        for account in &self.accounts {
            if accounts.iter().all(|known| known.tenant != account.tenant) {
                accounts.push(account);
            }
        }
        accounts
    }

    /// Who is behind the session, the same in every directory.
    pub fn person(&self) -> String {
        self.session.sign_in.person.to_string()
    }
}

impl FromRequestParts<App> for Viewer {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let visit = Visit::from_request_parts(parts, app).await?;
        let found = match digest(&parts.headers) {
            Some(digest) => find(app, digest).await,
            None => Ok(None),
        };
        match found {
            Ok(Some(found)) => Ok(Self {
                csrf: csrf_of(&found.session),
                notice: notice(&parts.headers),
                app: app.clone(),
                visit,
                session: found.session,
                username: found.username,
                accounts: found.accounts,
                now: found.now,
                access: found.access,
            }),
            Ok(None) => Err(nobody(parts, &visit)),
            Err(error) => Err(session::failed(&visit, &error)),
        }
    }
}

/// The token of a session's forms: it follows from the session and does not give its secret away.
fn csrf_of(session: &Session) -> String {
    SecretDigest::of(&format!("form {}", session.digest)).to_hex()
}

fn notice(headers: &HeaderMap) -> Option<String> {
    let text = cookie(headers, super::shell::NOTICE)?;
    percent_encoding::percent_decode_str(text).decode_utf8().ok().map(|text| text.into_owned())
}

/// Nobody is signed in: they come back to the page afterwards. What a form held is still in the browser's page before.
fn nobody(parts: &Parts, visit: &Visit) -> Response {
    if parts.method != Method::GET {
        return session::ended(visit);
    }
    let back = parts.uri.path_and_query().map_or(link::HOME, |uri| uri.as_str());
    match back {
        link::HOME => Redirect::to(crate::login::session::ACTION).into_response(),
        back => Redirect::to(&link::with(crate::login::session::ACTION, "back", back)).into_response(),
    }
}

async fn find(app: &App, digest: SecretDigest) -> arm::Result<Option<Found>> {
    let edge = app.edge.clone();
    let found = app.decide(move |tx| {
        let now = edge.now();
        let session = tx.get::<Session>(&digest.to_string())?.filter(|session| !session.is_over(now));
        let Some(session) = session else { return Ok(None) };
        if is_revoked(tx, session.family)? {
            return Ok(None);
        }
        let found = accounts(tx, session, now)?;
        if let Some(used) = found.as_ref().and_then(|found| found.session.used(now)) {
            tx.put(&used)?;
        }
        Ok(found)
    });
    found.await
}

/// The accounts for which the sign-in counts; `None` when it does not count at home.
fn accounts(tx: &mut Transaction, session: Session, now: Timestamp) -> arm::Result<Option<Found>> {
    let access = tx.access()?;
    let person = session.sign_in.person;
    let Person::Human { tenant, object } = person else { return Ok(None) };
    let home = user(tx, object, tenant)?;
    let mut known: Vec<(String, TenantId, ObjectId)> = access
        .accounts(person)
        .filter_map(|account| {
            Some((access.tenant(account.tenant)?.name.clone(), account.tenant, account.object))
        })
        .collect();
    known.sort();
    let mut username = None;
    let mut accounts = Vec::new();
    for (directory, tenant, object) in known {
        let here = user(tx, object, tenant)?;
        let Ok(admitted) = admit(&session.sign_in, home.as_ref(), here.as_ref()) else { continue };
        let contexts = policy_of(tx, tenant)?.met_by(&session.sign_in, now);
        let here = admitted.here();
        let account = Account {
            tenant,
            directory,
            name: here.display_name.clone(),
            signed_in: signed_in(&session, here, contexts.into_iter().collect()),
        };
        if here.is_guest() {
            accounts.push(account);
        } else {
            username = Some(admitted.username().to_string());
            accounts.insert(0, account);
        }
    }
    Ok(username.map(|username| Found { session, username, accounts, access, now }))
}

fn signed_in(session: &Session, here: &User, acrs: Vec<String>) -> SignedIn {
    let SignIn { methods, at, .. } = &session.sign_in;
    SignedIn {
        tenant: here.tenant,
        object: here.id,
        person: session.sign_in.person.to_string(),
        kind: ActorKind::User,
        name: here.upn.to_string(),
        amr: methods.iter().map(|method| method.as_str().to_string()).collect(),
        auth_time: Some(*at),
        acrs,
        answers_challenges: true,
        family: Some(session.family),
    }
}

/// Whether an error says that the session does not count any more.
pub fn is_over(error: &arm::Error) -> bool {
    error.kind == ErrorKind::Unauthenticated && error.code == "InvalidAuthenticationToken"
}
