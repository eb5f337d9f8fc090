//! One request on its way through a handler: who asks, for what, with what, and what the answer adds to the ledger.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use arm::{Error, Fields, ObjectId, Page, RequestId, ResourceId, Result, Skip, SubscriptionId, TenantId};
use jiff::Timestamp;
use ledger::{Actor, ActorKind, Consent, Digest, Entry, Verdict};
use percent_encoding::utf8_percent_encode;
use serde_json::{Value, json};
use store::{Access, Transaction};
use uuid::Uuid;

use super::door::Considered;
use super::reply::Reply;
use super::route::{Method, Params};
use crate::edge::Edge;
use crate::http;
use crate::mail::Post;

/// Entries on one page of a list.
const PAGE: usize = 200;

/// Somebody who signed in, as a verified token says.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The tenant that the token is for.
    pub tenant: TenantId,
    /// The object id there.
    pub object: ObjectId,
    /// The person behind it, the same in every tenant.
    pub person: String,
    /// A person or an application.
    pub kind: ActorKind,
    /// The user principal name, or the application's id.
    pub name: String,
    /// How they signed in (`pwd`, `otp`, `mfa`, …).
    pub amr: Vec<String>,
    /// When they signed in.
    pub auth_time: Option<Timestamp>,
    /// The authentication contexts that the token names. Whether they still hold is asked again where it matters.
    pub acrs: Vec<String>,
    /// Whether the client said that it can answer a claims challenge.
    pub answers_challenges: bool,
    /// The sign-in that the token descends from; applications have none.
    pub family: Option<Uuid>,
}

impl SignedIn {
    /// The form that the decision about consent takes.
    pub fn caller(&self) -> mua::Caller {
        mua::Caller { tenant: self.tenant, object: self.object, person: self.person.clone() }
    }

    /// The form in which the ledger names them.
    pub fn actor(&self, address: Option<IpAddr>) -> Actor {
        Actor {
            person: self.person.clone(),
            object: self.object.0,
            tenant: self.tenant.0,
            kind: self.kind,
            name: self.name.clone(),
            authentication: self.amr.clone(),
            address: address.map(|address| address.to_string()),
        }
    }
}

/// A request, read and authenticated, free of the HTTP framework.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path, percent-decoded.
    pub path: ResourceId,
    /// Query parameters by their name in lower case.
    pub query: BTreeMap<String, String>,
    /// The JSON body; null when there is none.
    pub body: Value,
    /// Scheme, host and port that the client used, without a trailing slash.
    pub origin: String,
    /// The same for Graph, which has a port of its own.
    pub graph_origin: String,
    /// The correlation id.
    pub correlation: Uuid,
    /// Who asks.
    pub signed_in: SignedIn,
    /// The same person by the tokens of other tenants (`x-ms-authorization-auxiliary`).
    pub auxiliary: Vec<SignedIn>,
    /// Where the request came from.
    pub address: Option<IpAddr>,
}

impl Request {
    /// A query parameter; names compare without case.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.get(&name.to_ascii_lowercase()).map(String::as_str)
    }

    /// Everybody whom the tokens prove, the main one first.
    pub fn callers(&self) -> Vec<mua::Caller> {
        std::iter::once(&self.signed_in).chain(&self.auxiliary).map(SignedIn::caller).collect()
    }

    /// An address on this server, with the request's api-version.
    pub fn url(&self, path: &str) -> String {
        let version = self.query("api-version").unwrap_or_default();
        let path = utf8_percent_encode(path, http::PATH);
        format!("{}{path}?api-version={version}", self.origin)
    }
}

/// A request under decision.
pub struct Call<'a> {
    /// The decision's view of the store.
    pub tx: &'a mut Transaction,
    /// The request.
    pub request: &'a Request,
    /// What the path's placeholders stood for.
    pub params: &'a Params,
    /// Randomness.
    pub edge: &'a Edge,
    /// Where links lead, and what is told besides mail.
    pub post: &'a Post,
    /// When this decision is made.
    pub now: Timestamp,
    /// The time by which things are gone: see [`Edge::settled`].
    pub settled: Timestamp,
    /// The action that was needed, for the ledger.
    pub action: &'a str,
    /// What was found critical so far, while the call is made only to see what it would come to.
    pub(super) rehearsal: Option<Vec<Considered>>,
    note: Note,
}

/// What a handler adds to the ledger's entry.
#[derive(Default)]
struct Note {
    reason: Option<String>,
    change: Option<Digest>,
    consent: Vec<Consent>,
    facts: BTreeMap<String, String>,
}

impl<'a> Call<'a> {
    pub(super) fn new(
        tx: &'a mut Transaction,
        request: &'a Request,
        params: &'a Params,
        edge: &'a Edge,
        post: &'a Post,
        action: &'a str,
    ) -> Self {
        Self {
            tx,
            request,
            params,
            edge,
            post,
            now: edge.now(),
            settled: edge.settled(),
            action,
            rehearsal: None,
            note: Note::default(),
        }
    }

    /// Who asks.
    pub fn who(&self) -> &'a SignedIn {
        &self.request.signed_in
    }

    /// The resource that the path names.
    pub fn id(&self) -> &'a ResourceId {
        &self.request.path
    }

    /// The resource group that the path lies in.
    pub fn group(&self) -> Result<ResourceId> {
        self.id()
            .resource_group()
            .ok_or_else(|| Error::internal("a route without a resource group asked for one"))
    }

    /// The subscription that the path lies in.
    pub fn subscription(&self) -> Result<SubscriptionId> {
        self.id()
            .subscription_id()
            .ok_or_else(|| Error::internal("a route without a subscription asked for one"))
    }

    /// The scope of an extension resource.
    pub fn scope(&self) -> Result<ResourceId> {
        self.params.scope().cloned().ok_or_else(|| Error::internal("a route without a scope asked for one"))
    }

    /// The members of the body.
    pub fn body(&self) -> Result<Fields<'a>> {
        Fields::of(&self.request.body)
    }

    /// The members of the body's `properties`.
    pub fn properties(&self) -> Result<Fields<'a>> {
        self.body()?.object("properties")
    }

    /// A path parameter that must be a GUID.
    pub fn guid(&self, name: &str) -> Result<RequestId> {
        let text = self.params.get(name);
        text.parse().map_err(|_| {
            Error::invalid("InvalidRequestUri", format!("'{text}' is not a GUID, and the name must be one"))
        })
    }

    /// Who is who and who may do what.
    pub fn access(&mut self) -> Result<Arc<Access>> {
        self.tx.access()
    }

    /// Whether the caller holds an action at a scope.
    pub fn may(&mut self, action: &str, scope: &ResourceId) -> Result<bool> {
        let object = self.who().object;
        let now = self.now;
        Ok(self.tx.access()?.may(object, action, scope, now)?.is_some())
    }

    /// Refuses a caller who does not hold an action at a scope.
    ///
    /// # Errors
    /// `AuthorizationFailed`, naming the action and the scope.
    pub fn demand(&mut self, action: &str, scope: &ResourceId) -> Result<()> {
        if self.may(action, scope)? { Ok(()) } else { Err(authorization_failed(self.who(), action, scope)) }
    }

    /// For `systemData` and the like.
    pub fn stamp(&self) -> vault::Stamp {
        let kind = match self.who().kind {
            ActorKind::User => "User",
            ActorKind::ServicePrincipal | ActorKind::System | ActorKind::RepositoryCredential => {
                "Application"
            }
        };
        vault::Stamp { by: self.who().name.clone(), kind: kind.into(), at: self.now }
    }

    /// Cuts a page out of a list and links to the next one.
    pub fn page<T>(&self, all: Vec<T>, key: impl Fn(&T) -> String, json: impl Fn(&T) -> Value) -> Reply {
        let page = self.cut(all, key);
        self.page_of(page.value.iter().map(json).collect(), page.next)
    }

    /// The page of a list that was asked for.
    pub fn cut<T>(&self, all: Vec<T>, key: impl Fn(&T) -> String) -> Page<T> {
        let asked = self.request.query("$top").and_then(|top| top.parse::<usize>().ok());
        let skip = Skip {
            after: self.request.query("$skiptoken").map(String::from),
            limit: asked.unwrap_or(PAGE).clamp(1, PAGE),
        };
        Page::cut(all, &skip, key)
    }

    /// Answers with a page that was cut, and a link to the next one.
    pub fn page_of(&self, value: Vec<Value>, next: Option<String>) -> Reply {
        let mut body = json!({ "value": value });
        if let (Some(next), Some(object)) = (next, body.as_object_mut()) {
            object.insert("nextLink".into(), self.next_link(&next).into());
        }
        Reply::ok(body)
    }

    /// The address of the page that follows an entry.
    pub fn next_link(&self, after: &str) -> String {
        http::next_link(&self.request.origin, self.id().segments(), &self.request.query, after)
    }

    /// Says why, in the ledger's entry.
    pub fn because(&mut self, reason: impl Into<String>) {
        self.note.reason = Some(reason.into());
    }

    /// Adds a fact to the ledger's entry.
    pub fn fact(&mut self, name: &str, value: impl Into<String>) {
        self.note.facts.insert(name.to_string(), value.into());
    }

    /// Adds to a fact of the ledger's entry, which may name several things.
    pub fn add_fact(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        let fact = self.note.facts.entry(name.to_string()).or_default();
        *fact = if fact.is_empty() { value } else { format!("{fact}, {value}") };
    }

    /// Adds the change of a vault and the consent it used to the ledger's entry.
    pub(super) fn cleared(&mut self, change: Digest, consent: impl IntoIterator<Item = Consent>) {
        // A call that makes several changes has one digest: over those of all of them, in their order.
        self.note.change = Some(match self.note.change {
            None => change,
            Some(before) => Digest::of(&[*before.as_bytes(), *change.as_bytes()].concat()),
        });
        self.note.consent.extend(consent);
    }

    /// The ledger's entry for what this call did.
    pub(super) fn entry(&mut self) -> Entry {
        let change = self.note.change.or_else(|| self.tx.digest());
        let reason = self.note.reason.take().unwrap_or_else(|| "allowed".into());
        let mut entry = self.entry_of(Verdict::Done, reason);
        entry.change = change;
        entry.consent = std::mem::take(&mut self.note.consent);
        entry.facts = std::mem::take(&mut self.note.facts);
        entry
    }

    /// An entry about this call, without a change.
    pub(super) fn entry_of(&self, verdict: Verdict, reason: String) -> Entry {
        Entry {
            sequence: 0,
            at: self.now,
            correlation: self.request.correlation,
            actor: self.who().actor(self.request.address),
            operation: self.action.to_string(),
            target: self.id().to_string(),
            change: None,
            verdict,
            reason,
            consent: Vec::new(),
            facts: BTreeMap::new(),
        }
    }
}

/// The refusal for a missing right on the resource itself (contract 1.3).
pub fn authorization_failed(who: &SignedIn, action: &str, scope: &ResourceId) -> Error {
    Error::forbidden(
        "AuthorizationFailed",
        format!(
            "The client '{}' with object id '{}' does not have authorization to perform action '{action}' over scope \
             '{scope}' or the scope is invalid. If access was recently granted, please refresh your credentials.",
            who.name, who.object
        ),
    )
}
