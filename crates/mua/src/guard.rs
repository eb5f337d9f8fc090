//! The guard's side: what a Resource Guard says, and how it answers the one question it is asked.

use std::collections::{BTreeMap, BTreeSet};

use arm::{Error, Region, ResourceId, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Caller, CriticalOperation};

/// A Resource Guard (contract 2.2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResourceGuard {
    /// Its resource id.
    pub id: ResourceId,
    /// Where it is; never changes. It guards vaults of the same region.
    pub location: Region,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Whom to ask for consent: shown to vault users in the proxy and in every refusal.
    pub description: Option<String>,
    /// The operations that its owner exempted. Empty: everything is protected.
    pub exempt: BTreeSet<CriticalOperation>,
    /// What its owner excluded besides, of the names that Azure takes and no operation goes by. They exempt nothing.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub exempt_names: BTreeSet<String>,
    /// Who created it.
    pub created: vault::Stamp,
    /// Who changed it last.
    pub modified: vault::Stamp,
}

/// Names that Azure takes in an exclusion list and that are no operation of a guard (contract 2.3).
const OTHER_NAMES: [&str; 4] = [
    "Microsoft.RecoveryServices/vaults/backupconfig/delete",
    "Microsoft.RecoveryServices/vaults/backupEncryptionConfigs/backupResourceEncryptionConfig/write",
    "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/delete",
    "Microsoft.RecoveryServices/vaults/backupResourceGuardProxies/write",
];

impl ResourceGuard {
    /// Excludes what `vaultCriticalOperationExclusionList` names, and nothing else (contract 2.3).
    ///
    /// # Errors
    /// `BMSUserErrorInvalidCriticalOperationExclusionList` for a name that Azure does not take, or a mandatory operation.
    pub fn exclude<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) -> Result<()> {
        let code = "BMSUserErrorInvalidCriticalOperationExclusionList";
        let (mut exempt, mut others) = (BTreeSet::new(), BTreeSet::new());
        for name in names {
            match CriticalOperation::by_name(name) {
                Some(operation) if operation.is_mandatory() => {
                    let name = operation.name();
                    let text = format!("the operation '{name}' is always protected and cannot be excluded");
                    return Err(Error::invalid(code, text));
                }
                Some(operation) => drop(exempt.insert(operation)),
                None => {
                    let other = OTHER_NAMES.iter().find(|other| other.eq_ignore_ascii_case(name));
                    let other = other.ok_or_else(|| {
                        let text = format!("'{name}' is not a critical operation that a guard protects");
                        Error::invalid(code, text)
                    })?;
                    others.insert((*other).to_string());
                }
            }
        }
        (self.exempt, self.exempt_names) = (exempt, others);
        Ok(())
    }

    /// The exclusion list: operations in the table's order, then the other names.
    pub fn exclusions(&self) -> Vec<String> {
        let operations = self.exempt.iter().map(|operation| operation.name());
        operations.chain(self.exempt_names.iter().cloned()).collect()
    }

    /// Whether consent is needed for this operation on every linked vault.
    pub fn protects(&self, operation: CriticalOperation) -> bool {
        operation.is_mandatory() || !self.exempt.contains(&operation)
    }

    /// The operations it protects, in the table's order.
    pub fn protected(&self) -> impl Iterator<Item = CriticalOperation> {
        CriticalOperation::ALL.iter().copied().filter(|operation| self.protects(*operation))
    }

    /// The id of the request that consents to an operation.
    ///
    /// # Errors
    /// Never for a guard that could be created; the type allows an over-long id.
    pub fn default_request(guard: &ResourceId, operation: CriticalOperation) -> Result<ResourceId> {
        guard.child(&format!("{}/default", operation.request_kind()))
    }
}

/// What the vault's side asks.
#[derive(Clone, Debug, PartialEq)]
pub struct GuardQuestion {
    /// The guard that the vault is linked to.
    pub guard: ResourceId,
    /// The operations the change amounts to.
    pub operations: Vec<CriticalOperation>,
    /// Who is there to act on the guard: the caller, under each object id that a token proves.
    pub holders: Vec<Caller>,
}

/// What the guard says to it.
#[derive(Clone, Debug, PartialEq)]
pub enum GuardAnswer {
    /// There is no answer: the guard is gone, unreadable or out of reach. Protects everything.
    Unavailable {
        /// Why, for the refusal.
        why: String,
    },
    /// The guard's word on each operation. One that is missing here is protected and not allowed.
    Known {
        /// Which guard this is.
        guard: ResourceId,
        /// Whom to ask for consent.
        description: Option<String>,
        /// Per operation.
        protection: BTreeMap<CriticalOperation, Protection>,
    },
}

/// The guard's word on one operation.
#[derive(Clone, Debug, PartialEq)]
pub enum Protection {
    /// Its owner exempted it: no consent is needed.
    Exempt,
    /// Consent is needed, and this holder has it now.
    Granted {
        /// Under which of the object ids.
        holder: Caller,
        /// What grants it.
        right: Right,
    },
    /// Consent is needed, and nobody who is there has it.
    Denied {
        /// The action that is missing on the guard.
        action: String,
    },
}

/// The role assignment that lets somebody act on a guard.
#[derive(Clone, Debug, PartialEq)]
pub struct Right {
    /// The role assignment's id.
    pub assignment: ResourceId,
    /// When it ends; `None` for a standing right.
    pub until: Option<Timestamp>,
}

/// Answers a question about this guard. `may` decides, for a holder and an action, whether a role assignment allows it
/// on the guard now.
pub fn answer(
    guard: Option<&ResourceGuard>,
    question: &GuardQuestion,
    may: impl Fn(&Caller, &str) -> Option<Right>,
) -> GuardAnswer {
    let Some(guard) = guard.filter(|guard| guard.id == question.guard) else {
        return GuardAnswer::Unavailable { why: "it does not exist any more".into() };
    };
    let word = |operation: CriticalOperation| {
        if !guard.protects(operation) {
            return Protection::Exempt;
        }
        let action = operation.guard_action();
        let granted = question.holders.iter().find_map(|holder| Some((holder, may(holder, &action)?)));
        match granted {
            Some((holder, right)) => Protection::Granted { holder: holder.clone(), right },
            None => Protection::Denied { action },
        }
    };
    GuardAnswer::Known {
        guard: guard.id.clone(),
        description: guard.description.clone(),
        protection: question.operations.iter().map(|operation| (*operation, word(*operation))).collect(),
    }
}
