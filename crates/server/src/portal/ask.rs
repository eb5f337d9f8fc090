//! Asking the API in the viewer's name. It is the same decision that a client's request over HTTP comes to.

use arm::{Error, ErrorKind, ResourceId, Result, TenantId};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::viewer::Viewer;
use crate::arm::call::{Request, SignedIn};
use crate::arm::dispatch::dispatch;
use crate::arm::route::Method;
use crate::graph;
use crate::http::query_of;

/// The version under which the portal asks; ARM's answers do not depend on it.
const API_VERSION: &str = "2025-08-01";
/// How many entries a list has at the most when all of it is wanted. Pages of longer ones show a part.
const LONGEST: usize = 2_000;

/// Parameters of a query.
pub type Query<'a> = &'a [(&'a str, &'a str)];

/// A page of a list.
pub struct Part<T> {
    /// The entries.
    pub entries: Vec<T>,
    /// What asks for the next page (`$skiptoken`).
    pub next: Option<String>,
}

impl Viewer {
    /// Reads a resource.
    ///
    /// # Errors
    /// What ARM answers, or `Internal` for an answer of an unexpected form.
    pub async fn read<T: DeserializeOwned>(&self, path: &str, query: Query<'_>) -> Result<T> {
        of(self.arm(Method::Get, path, query, Value::Null).await?)
    }

    /// Reads a resource that may not be there, or not for this viewer.
    ///
    /// # Errors
    /// Any but 403 and 404.
    pub async fn read_if_any<T: DeserializeOwned>(&self, path: &str, query: Query<'_>) -> Result<Option<T>> {
        if_shown(self.read(path, query).await)
    }

    /// Reads one page of a list.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn part<T: DeserializeOwned>(&self, path: &str, query: Query<'_>) -> Result<Part<T>> {
        part_of(self.arm(Method::Get, path, query, Value::Null).await?)
    }

    /// Reads a whole list, or its first 2,000 entries.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn list<T: DeserializeOwned>(&self, path: &str, query: Query<'_>) -> Result<Vec<T>> {
        self.list_in(None, path, query).await
    }

    /// The same in one of the viewer's directories, for what belongs to none.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn list_in<T: DeserializeOwned>(
        &self,
        directory: Option<TenantId>,
        path: &str,
        query: Query<'_>,
    ) -> Result<Vec<T>> {
        let mut part = part_of(self.arm_in(directory, Method::Get, path, query, Value::Null).await?)?;
        let mut all: Vec<T> = part.entries;
        while let Some(next) = part.next.filter(|_| all.len() < LONGEST) {
            let on: Vec<(&str, &str)> =
                query.iter().copied().chain([("$skiptoken", next.as_str())]).collect();
            part = part_of(self.arm_in(directory, Method::Get, path, &on, Value::Null).await?)?;
            all.append(&mut part.entries);
        }
        Ok(all)
    }

    /// Reads a list as far as this viewer may: an empty one where they may not.
    ///
    /// # Errors
    /// As [`Self::read_if_any`].
    pub async fn list_if_any<T: DeserializeOwned>(&self, path: &str, query: Query<'_>) -> Result<Vec<T>> {
        Ok(if_shown(self.list(path, query).await)?.unwrap_or_default())
    }

    /// Asks ARM, in the directory that owns what the path names; elsewhere in the one that the viewer looks at.
    ///
    /// # Errors
    /// What ARM answers.
    pub async fn arm(&self, method: Method, path: &str, query: Query<'_>, body: Value) -> Result<Value> {
        self.arm_in(None, method, path, query, body).await
    }

    /// The same in one of the viewer's directories, for what belongs to none.
    ///
    /// # Errors
    /// What ARM answers.
    pub async fn arm_in(
        &self,
        directory: Option<TenantId>,
        method: Method,
        path: &str,
        query: Query<'_>,
        body: Value,
    ) -> Result<Value> {
        let path = ResourceId::parse(path)?;
        let owner = directory.or_else(|| self.access.tenant_of(&path));
        let (signed_in, auxiliary) = self.identities(owner)?;
        let mut parameters = query_of("")?;
        for (name, value) in query {
            parameters.insert(name.to_ascii_lowercase(), (*value).to_string());
        }
        parameters.entry("api-version".into()).or_insert_with(|| API_VERSION.into());
        let request = Request {
            method,
            path,
            query: parameters,
            body,
            origin: self.visit.origin.arm.clone(),
            graph_origin: self.visit.origin.graph.clone(),
            correlation: self.visit.correlation,
            signed_in,
            auxiliary,
            address: self.visit.address,
        };
        let reply = dispatch(&self.app, request).await.inspect_err(|error| self.note(error))?;
        Ok(reply.body.unwrap_or_default())
    }

    /// Asks Graph about a directory, or about the one that the viewer looks at. `path` has no version:
    /// `users/{id}`.
    ///
    /// # Errors
    /// What Graph answers.
    pub async fn graph(
        &self,
        directory: Option<TenantId>,
        method: &str,
        path: &str,
        query: Query<'_>,
        body: Value,
    ) -> Result<Value> {
        let (who, _) = self.identities(directory)?;
        let request = graph::Request {
            method: method.into(),
            path: path.split('/').filter(|segment| !segment.is_empty()).map(String::from).collect(),
            query: query
                .iter()
                .map(|(name, value)| (name.to_ascii_lowercase(), (*value).to_string()))
                .collect(),
            body,
            base: format!("{}/v1.0", self.visit.origin.graph),
            correlation: self.visit.correlation,
            who,
            address: self.visit.address,
        };
        let reply = graph::dispatch(&self.app, request).await.inspect_err(|error| self.note(error))?;
        Ok(reply.body.unwrap_or_default())
    }

    /// Reads a list of Graph's.
    ///
    /// # Errors
    /// What Graph answers.
    pub async fn people<T: DeserializeOwned>(
        &self,
        directory: Option<TenantId>,
        path: &str,
        query: Query<'_>,
    ) -> Result<Part<T>> {
        part_of(self.graph(directory, "GET", path, query, Value::Null).await?)
    }

    /// Who asks, and the same person in other directories, which may hold the consent.
    fn identities(&self, directory: Option<TenantId>) -> Result<(SignedIn, Vec<SignedIn>)> {
        let account = directory.and_then(|tenant| self.account_in(tenant)).or_else(|| self.account());
        let account = account.ok_or_else(|| Error::internal("a session of nobody"))?;
        let others = self.accounts.iter().filter(|other| other.tenant != account.tenant);
        let auxiliary = others.map(|other| other.signed_in.clone()).collect();
        Ok((account.signed_in.clone(), auxiliary))
    }

    fn note(&self, error: &Error) {
        if let Some(internal) = &error.internal {
            tracing::error!(correlation = %self.visit.correlation, code = %error.code, %internal, "a page failed");
        }
        if error.additional_info.iter().any(|(kind, _)| kind == "ResourceGuardOperation") {
            self.app.metrics.refused_critical_operations.inc();
        }
    }
}

/// The path of something of Microsoft.Authorization's at a scope: access, and roles for a while.
pub fn authorization(scope: &str, rest: &str) -> String {
    format!("{}/providers/Microsoft.Authorization/{rest}", scope.trim_end_matches('/'))
}

/// Whether an error says no more than that the viewer may not see something, or that it is not there.
pub fn is_hidden(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::Forbidden | ErrorKind::NotFound)
}

/// What was read, if the viewer may see it.
///
/// # Errors
/// Any other.
pub fn if_shown<T>(outcome: Result<T>) -> Result<Option<T>> {
    match outcome {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_hidden(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// An answer as what the page reads of it.
///
/// # Errors
/// `Internal` for an unexpected form.
pub fn of<T: DeserializeOwned>(answer: Value) -> Result<T> {
    serde_json::from_value(answer)
        .map_err(|error| Error::internal(format!("a page cannot read an answer: {error}")))
}

fn part_of<T: DeserializeOwned>(mut answer: Value) -> Result<Part<T>> {
    let link = answer.get("nextLink").or_else(|| answer.get("@odata.nextLink"));
    let link = link.and_then(Value::as_str).and_then(|link| link.split_once('?'));
    let next = match link {
        Some((_, query)) => query_of(query)?.remove("$skiptoken"),
        None => None,
    };
    let entries = answer.get_mut("value").map(Value::take).unwrap_or_default();
    Ok(Part { entries: of(entries)?, next })
}
