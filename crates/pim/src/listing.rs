//! The `$filter` of PIM's lists (contract 6.3): what is asked for, and whether an entry is it.

use std::collections::BTreeSet;

use arm::{Clause, Comparison, Error, Filter, ObjectId, ResourceId, Result, RoleId};

use crate::{ActivationRequest, DirectAssignment, Eligibility, ExtensionRequest, Grant, RequestRecord};

/// What a list shall show. An empty one shows everything that the caller may read at the scope and below.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// `asTarget()`: what concerns the caller, also through a group.
    pub as_target: bool,
    /// `asRequestor()`: what the caller asked for.
    pub as_requestor: bool,
    /// `asApprover()`: what waits for the caller; see [`ActivationRequest::awaits`].
    pub as_approver: bool,
    /// `atScope()`: nothing from below the scope.
    pub at_scope: bool,
    /// `principalId eq '…'`.
    pub principal: Option<ObjectId>,
    /// `assignedTo('…')`: what concerns a principal, also through a group.
    pub assigned_to: Option<ObjectId>,
    /// `roleDefinitionId eq '…'`, an id or its last segment.
    pub role: Option<RoleId>,
    /// `status eq '…'`.
    pub status: Option<String>,
}

/// What of an entry the filter is compared with.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Where it is.
    pub scope: &'a ResourceId,
    /// Which role it is about.
    pub role: RoleId,
    /// Whom it is about.
    pub principal: ObjectId,
    /// Who asked for it, if it is a request.
    pub requestor: Option<ObjectId>,
}

impl Listing {
    /// Reads a filter.
    ///
    /// # Errors
    /// `InvalidFilter` for any clause that is not one of ours: ignoring it would show more than was asked for.
    pub fn parse(filter: &Filter) -> Result<Self> {
        let mut listing = Self::default();
        for clause in &filter.clauses {
            listing.add(clause)?;
        }
        Ok(listing)
    }

    fn add(&mut self, clause: &Clause) -> Result<()> {
        match clause {
            Clause::Call { name, arguments } => self.add_call(&name.to_ascii_lowercase(), arguments),
            Clause::Compare { property, comparison: Comparison::Equal, value } => {
                match property.to_ascii_lowercase().as_str() {
                    "principalid" => self.principal = Some(id(value)?),
                    "roledefinitionid" => self.role = Some(id(value)?),
                    "status" => self.status = Some(value.clone()),
                    _ => return Err(unknown(property)),
                }
                Ok(())
            }
            Clause::Compare { property, .. } => Err(unknown(property)),
            Clause::Any { collection, .. } => Err(unknown(collection)),
        }
    }

    fn add_call(&mut self, name: &str, arguments: &[String]) -> Result<()> {
        match (name, arguments) {
            ("astarget", []) => self.as_target = true,
            ("asrequestor", []) => self.as_requestor = true,
            ("asapprover", []) => self.as_approver = true,
            ("atscope", []) => self.at_scope = true,
            ("assignedto", [principal]) => self.assigned_to = Some(id(principal)?),
            _ => return Err(unknown(name)),
        }
        Ok(())
    }

    /// Whether every clause but `asApprover()` and `status` admits the entry in a list at `scope` that `caller`
    /// asks for. `groups_of` tells the groups of a principal. (Those two clauses need more than the entry: the
    /// approver list, and the time.)
    pub fn admits(
        &self,
        entry: &Entry<'_>,
        scope: &ResourceId,
        caller: ObjectId,
        groups_of: &dyn Fn(ObjectId) -> BTreeSet<ObjectId>,
    ) -> bool {
        let concerns = |whom: ObjectId| entry.principal == whom || groups_of(whom).contains(&entry.principal);
        (!self.as_target || concerns(caller))
            && (!self.as_requestor || entry.requestor == Some(caller))
            && (!self.at_scope || scope.is_within(entry.scope))
            && self.principal.is_none_or(|principal| principal == entry.principal)
            && self.assigned_to.is_none_or(concerns)
            && self.role.is_none_or(|role| role == entry.role)
    }

    /// Whether a `status eq '…'` is absent or asks for this word.
    pub fn admits_status(&self, status: crate::Status) -> bool {
        let word = status.as_str();
        self.status.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(word))
    }
}

/// A GUID, or a resource id whose last segment is one.
fn id<T: std::str::FromStr>(text: &str) -> Result<T> {
    let last = text.rsplit('/').next().unwrap_or_default();
    last.parse().map_err(|_| unknown(text))
}

fn unknown(what: &str) -> Error {
    let what: String = what.chars().filter(|c| !c.is_control()).take(80).collect();
    Error::invalid(
        "InvalidFilter",
        format!(
            "the $filter is not understood near '{what}'; known are asTarget(), asRequestor(), asApprover(), \
             atScope(), assignedTo('…'), principalId eq '…', roleDefinitionId eq '…' and status eq '…'"
        ),
    )
}

impl Grant {
    /// What a filter compares.
    pub fn entry(&self) -> Entry<'_> {
        Entry { scope: &self.scope, role: self.role, principal: self.principal, requestor: None }
    }
}

impl Eligibility {
    /// What a filter compares.
    pub fn entry(&self) -> Entry<'_> {
        self.grant().entry()
    }
}

impl DirectAssignment {
    /// What a filter compares.
    pub fn entry(&self) -> Entry<'_> {
        self.grant().entry()
    }
}

impl RequestRecord {
    /// What a filter compares.
    pub fn entry(&self) -> Entry<'_> {
        Entry {
            scope: &self.scope,
            role: self.role,
            principal: self.principal,
            requestor: Some(self.by.object),
        }
    }
}

impl ActivationRequest {
    /// What a filter compares.
    pub fn entry(&self) -> Entry<'_> {
        Entry {
            scope: self.scope(),
            role: self.role(),
            principal: self.principal(),
            requestor: Some(self.principal()),
        }
    }
}

impl ExtensionRequest {
    /// What a filter compares.
    pub fn entry(&self) -> Entry<'_> {
        Entry {
            scope: self.scope(),
            role: self.role(),
            principal: self.principal(),
            requestor: Some(self.principal()),
        }
    }
}
