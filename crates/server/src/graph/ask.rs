//! One request on its way through the directory: who asks, for what, and what it writes into the ledger.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use arm::{Error, ErrorKind, Fields, ObjectId, Result, TenantId};
use directory::PasswordHash;
use jiff::Timestamp;
use ledger::{Entry, Verdict};
use mua::alert::APPROVERS_UNREACHABLE;
use rbac::PrincipalKind;
use serde_json::Value;
use store::{Access, Principal, Transaction};
use uuid::Uuid;

use crate::administrators;
use crate::approvers::{self, Weighed};
use crate::arm::call::SignedIn;
use crate::arm::dispatch::check_subject;
use crate::edge::Edge;
use crate::people::Change;

/// A request, read and authenticated, free of the HTTP framework.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The segments of the path behind the version.
    pub path: Vec<String>,
    /// Query parameters by their name in lower case.
    pub query: BTreeMap<String, String>,
    /// The JSON body; null when there is none.
    pub body: Value,
    /// Scheme, host, port and version that the client used, e.g. `https://localhost:8444/v1.0`.
    pub base: String,
    /// The correlation id.
    pub correlation: Uuid,
    /// Who asks.
    pub who: SignedIn,
    /// Where the request came from.
    pub address: Option<IpAddr>,
}

/// A request under decision.
pub struct Ask<'a> {
    /// The decision's view of the store.
    pub tx: &'a mut Transaction,
    /// The request.
    pub request: &'a Request,
    /// Who is who.
    pub access: Arc<Access>,
    /// Randomness.
    pub edge: &'a Edge,
    /// When this decision is made.
    pub now: Timestamp,
    /// The hash of the password in the body. It is slow to make, and so was made before the decision.
    pub password: Option<PasswordHash>,
}

impl<'a> Ask<'a> {
    /// Begins a decision: the token's owner must still be there.
    ///
    /// # Errors
    /// 401 for an account that is gone, disabled or signed out.
    pub fn new(
        tx: &'a mut Transaction,
        edge: &'a Edge,
        request: &'a Request,
        password: Option<PasswordHash>,
    ) -> Result<Self> {
        let access = tx.access()?;
        check_subject(tx, &access, &request.who)?;
        Ok(Self { tx, request, access, edge, now: edge.now(), password })
    }

    /// The tenant whose directory this is: the token's.
    pub fn tenant(&self) -> TenantId {
        self.request.who.tenant
    }

    /// The members of the body.
    pub fn body(&self) -> Result<Fields<'a>> {
        Fields::of(&self.request.body)
    }

    /// Refuses a caller who does not administer the directory.
    ///
    /// # Errors
    /// `Authorization_RequestDenied`, saying who may.
    pub fn demand_administrator(&self) -> Result<()> {
        if administrators::may_write_directory(&self.access, &self.request.who, self.now)? {
            return Ok(());
        }
        Err(Error::forbidden(
            "Authorization_RequestDenied",
            "Insufficient privileges to complete the operation. The directory is written by members, not guests, who are \
             Owner or User Access Administrator of every subscription of the tenant.",
        ))
    }

    /// An object of the tenant by its id.
    ///
    /// # Errors
    /// `Request_ResourceNotFound`.
    pub fn object(&self, id: &str) -> Result<&Principal> {
        let known = id.parse().ok().and_then(|id: ObjectId| self.access.principal(id));
        known.filter(|object| object.tenant == self.tenant()).ok_or_else(|| not_found(id))
    }

    /// An object of the tenant and of a kind; a user also by name.
    ///
    /// # Errors
    /// `Request_ResourceNotFound`.
    pub fn of_kind(&self, kind: PrincipalKind, id: &str) -> Result<&Principal> {
        if let Ok(found) = self.object(id) {
            return Some(found).filter(|found| found.kind == kind).ok_or_else(|| not_found(id));
        }
        let named =
            |user: &&Principal| user.kind == PrincipalKind::User && user.name.eq_ignore_ascii_case(id);
        let mut found = self.access.principals(self.tenant()).filter(named);
        found.next().filter(|_| kind == PrincipalKind::User).ok_or_else(|| not_found(id))
    }

    /// Whoever asks, if it is a person.
    ///
    /// # Errors
    /// `Request_BadRequest` for an application: it has no `/me`.
    pub fn me(&self) -> Result<&Principal> {
        let me = self.access.principal(self.request.who.object);
        me.filter(|me| me.kind == PrincipalKind::User).ok_or_else(|| {
            let message = "/me request is only valid with delegated authentication flow.";
            Error::invalid("Request_BadRequest", message)
        })
    }

    /// All objects of a kind in the tenant, by id.
    pub fn all(&self, kind: PrincipalKind) -> Vec<&Principal> {
        let of_kind = |object: &&Principal| object.kind == kind;
        let mut all: Vec<&Principal> = self.access.principals(self.tenant()).filter(of_kind).collect();
        all.sort_by_key(|object| object.object);
        all
    }

    /// Says in the ledger what was done to an object of the directory.
    pub fn record(&mut self, operation: &str, object: ObjectId, reason: &str, facts: &[(&str, String)]) {
        let target = format!("/tenants/{}/directoryObjects/{object}", self.tenant());
        self.record_at(operation, target, reason, facts);
    }

    /// Says in the ledger what was changed of what the organisation demands of sign-ins.
    pub fn record_policy(&mut self, reason: &str, facts: &[(&str, String)]) {
        let target = format!("/tenants/{}/signInPolicy", self.tenant());
        self.record_at("directory.signInPolicy.update", target, reason, facts);
    }

    fn record_at(&mut self, operation: &str, target: String, reason: &str, facts: &[(&str, String)]) {
        let entry = Entry {
            sequence: 0,
            at: self.now,
            correlation: self.request.correlation,
            actor: self.request.who.actor(self.request.address),
            operation: operation.to_string(),
            target,
            change: self.tx.digest(),
            verdict: Verdict::Done,
            reason: reason.to_string(),
            consent: Vec::new(),
            facts: facts.iter().map(|(name, value)| ((*name).to_string(), value.clone())).collect(),
        };
        self.tx.record(entry);
    }

    /// What a change of the directory does to those who approve.
    pub fn weigh(&mut self, change: &Change) -> Result<Weighed> {
        let tenant = self.tenant();
        approvers::weigh(self.tx, &self.access, tenant, change, self.now)
    }

    /// Tells the owners of guards for which, after `cause`, too few people are left to approve.
    pub fn tell_lost(&mut self, weighed: &Weighed, cause: &str) -> Result<()> {
        for (lost, target) in weighed.lost(self.tx)? {
            let facts =
                [("policy", lost.policy.id()), ("role", lost.role.clone()), ("cause", cause.to_string())];
            self.record_at(APPROVERS_UNREACHABLE, target.to_string(), &lost.why, &facts);
        }
        Ok(())
    }
}

/// The refusal for an object that the tenant does not have.
pub fn not_found(id: &str) -> Error {
    let shown: String = id.chars().filter(|c| !c.is_control()).take(120).collect();
    Error::not_found(
        "Request_ResourceNotFound",
        format!(
            "Resource '{shown}' does not exist or one of its queried reference-property objects are not present."
        ),
    )
}

/// The refusal for a request that makes no sense.
pub fn bad(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, "Request_BadRequest", message)
}
