//! From a form of the properties page to the request that does what it says.

use arm::{Error, Result};
use serde_json::{Value, json};

use super::super::vault::{Switch, Vault};
use super::GIB;
use crate::arm::route::Method;
use crate::login::Form;
use crate::portal::guards::tags;

/// What somebody wants changed.
pub struct Wish {
    /// What it does, in words that complete "You were about to …".
    pub title: String,
    /// What to say when it is done.
    pub done: String,
    pub method: Method,
    pub path: String,
    pub body: Value,
    /// Whether it may make the vault weaker, so that its outcome is shown first.
    pub is_weighed: bool,
    /// Whether it links the vault to a guard.
    pub links: bool,
}

impl Wish {
    /// What a form asks for.
    ///
    /// # Errors
    /// For fields that make no sense.
    pub fn read(vault: &Vault, form: &Form) -> Result<Self> {
        let text = |name: &str| form.get(name).unwrap_or_default().trim();
        match text("do") {
            "soft-delete" => {
                let on = text("state") == "on";
                Self::soft_delete(vault, if on { Switch::On } else { Switch::Off }, text("days"))
            }
            "soft-delete-always" => {
                named(vault, form)?;
                Self::soft_delete(vault, Switch::Always, text("days"))
            }
            "immutability" => {
                let on = text("state") == "on";
                Ok(Self::immutability(vault, if on { Switch::On } else { Switch::Off }))
            }
            "lock" => {
                named(vault, form)?;
                Ok(Self::immutability(vault, Switch::Always))
            }
            "link" => Self::link(vault, text("guard"), text("guard-id")),
            "unlink" => Ok(Self::unlink(vault)),
            "pin" => Ok(Self::pin(vault)),
            "storage" => Ok(Self::storage(vault, text("redundancy"))),
            "quota" => Self::quota(vault, text("limit")),
            "no-quota" => Ok(Self::no_quota(vault)),
            "tags" => Self::tags(vault, text("tags")),
            _ => Err(Error::invalid("UnknownForm", "This form is not known. Open the page again.")),
        }
    }

    fn security(vault: &Vault, title: String, done: String, settings: Value) -> Self {
        Self {
            title,
            done,
            method: Method::Patch,
            path: vault.id.clone(),
            body: json!({"properties": {"securitySettings": settings}}),
            is_weighed: true,
            links: false,
        }
    }

    fn soft_delete(vault: &Vault, to: Switch, days: &str) -> Result<Self> {
        let days: u16 = match days {
            "" => vault.soft_delete_days(),
            days => days.parse().map_err(|_| {
                Error::invalid("InvalidDays", "For how many days is a number from 14 to 180.")
            })?,
        };
        let word = match (to, vault.is_backup_vault()) {
            (Switch::Off, true) => "Off",
            (Switch::Off, false) => "Disabled",
            (Switch::On, true) => "On",
            (Switch::On, false) => "Enabled",
            (Switch::Always, true) => "AlwaysOn",
            (Switch::Always, false) => "AlwaysON",
        };
        let settings = match vault.is_backup_vault() {
            true => json!({"state": word, "retentionDurationInDays": days}),
            false => json!({"softDeleteState": word, "softDeleteRetentionPeriodInDays": days}),
        };
        let (title, done) = match to {
            Switch::Off => ("switch soft delete off".into(), "Soft delete is off.".into()),
            Switch::On => (
                format!("keep what is deleted for {days} days"),
                format!("What is deleted is kept for {days} days."),
            ),
            Switch::Always => ("switch soft delete on for good".into(), "Soft delete is on for good.".into()),
        };
        Ok(Self::security(vault, title, done, json!({"softDeleteSettings": settings})))
    }

    fn immutability(vault: &Vault, to: Switch) -> Self {
        let (word, title, done) = match to {
            Switch::Off => ("Disabled", "switch immutability off", "Immutability is off."),
            Switch::On => ("Unlocked", "switch immutability on", "Immutability is on."),
            Switch::Always => ("Locked", "lock immutability for good", "Immutability is locked for good."),
        };
        let settings = json!({"immutabilitySettings": {"state": word}});
        Self::security(vault, title.into(), done.into(), settings)
    }

    fn link(vault: &Vault, chosen: &str, typed: &str) -> Result<Self> {
        let guard = if typed.is_empty() { chosen } else { typed };
        if guard.is_empty() {
            return Err(Error::invalid("MissingGuard", "Choose a Resource Guard, or give the id of one."));
        }
        Ok(Self {
            title: "link the vault to a Resource Guard".into(),
            done: "Multi-user authorization is on: critical operations need the guard owner’s consent from now on."
                .into(),
            method: Method::Put,
            path: vault.proxy(),
            body: json!({"properties": {"resourceGuardResourceId": guard}}),
            is_weighed: false,
            links: true,
        })
    }

    fn unlink(vault: &Vault) -> Self {
        Self {
            title: "switch multi-user authorization off".into(),
            done: "Multi-user authorization is off: nobody else has to consent any more.".into(),
            method: Method::Delete,
            path: vault.proxy(),
            body: Value::Null,
            is_weighed: true,
            links: false,
        }
    }

    fn pin(vault: &Vault) -> Self {
        Self {
            title: "generate a security PIN".into(),
            done: "A security PIN was generated.".into(),
            method: Method::Post,
            path: format!("{}/backupSecurityPIN", vault.id),
            body: json!({}),
            is_weighed: false,
            links: false,
        }
    }

    fn storage(vault: &Vault, redundancy: &str) -> Self {
        let properties = match vault.is_backup_vault() {
            true => json!({"storageSettings": [{"datastoreType": "VaultStore", "type": redundancy}]}),
            false => json!({"redundancySettings": {"standardTierStorageRedundancy": redundancy}}),
        };
        Self {
            title: "change the redundancy".into(),
            done: "The redundancy was changed.".into(),
            method: Method::Patch,
            path: vault.id.clone(),
            body: json!({ "properties": properties }),
            is_weighed: true,
            links: false,
        }
    }

    fn quota(vault: &Vault, limit: &str) -> Result<Self> {
        let gib: Option<u64> = limit.parse().ok();
        let bytes = gib.and_then(|gib| gib.checked_mul(GIB)).filter(|bytes| *bytes > 0);
        let bytes = bytes.ok_or_else(|| {
            Error::invalid("InvalidLimit", "The quota is a whole number of GiB, 1 or more.")
        })?;
        Ok(Self {
            title: format!("limit the vault to {limit} GiB"),
            done: format!("The vault may hold {limit} GiB."),
            method: Method::Put,
            path: format!("{}/repositoryQuotas/default", vault.id),
            body: json!({"properties": {"limitInBytes": bytes}}),
            is_weighed: true,
            links: false,
        })
    }

    fn no_quota(vault: &Vault) -> Self {
        Self {
            title: "remove the quota".into(),
            done: "The quota was removed.".into(),
            method: Method::Delete,
            path: format!("{}/repositoryQuotas/default", vault.id),
            body: Value::Null,
            is_weighed: true,
            links: false,
        }
    }

    fn tags(vault: &Vault, text: &str) -> Result<Self> {
        let tags = tags::read(text)?;
        Ok(Self {
            title: "change the tags".into(),
            done: "The tags were saved.".into(),
            method: Method::Patch,
            path: vault.id.clone(),
            body: json!({ "tags": tags }),
            is_weighed: false,
            links: false,
        })
    }
}

/// Whether the vault's name was typed, for what cannot be undone.
///
/// # Errors
/// If it was not.
pub fn named(vault: &Vault, form: &Form) -> Result<()> {
    let typed = form.get("name").unwrap_or_default().trim();
    if typed == vault.name {
        return Ok(());
    }
    let text = format!("Type the name of the vault, {}, because this cannot be undone.", vault.name);
    Err(Error::invalid("NameNotTyped", text))
}
