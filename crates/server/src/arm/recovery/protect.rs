//! What a PUT of a protected item asks for, and what becomes of the item (contract 4.6). Values in, values out.
//!
//! A member that is absent changes nothing. Whether the step needs consent is not decided here.

use arm::{Error, Fields, ResourceId, Result};
use jiff::Timestamp;
use vault::{ProtectedItem, Protection};

use super::place;

/// Files of a server that backs them up itself.
const FILES: &str = "MabFileFolderProtectedItem";
/// Azure's names for a virtual machine as a protected item; the first is the one that clients send.
const MACHINES: [&str; 3] = [
    "Microsoft.Compute/virtualMachines",
    "Microsoft.ClassicCompute/virtualMachines",
    "AzureIaaSVMProtectedItem",
];
/// The longest name for people.
const MAX_NAME: usize = 260;

/// The body of a PUT.
#[derive(Debug)]
pub struct Ask<'a> {
    item_type: Option<&'static str>,
    source: Option<ResourceId>,
    friendly_name: Option<&'a str>,
    /// The policy, if one is named.
    pub policy: Option<ResourceId>,
    state: Option<Protection>,
    undelete: bool,
}

/// What becomes of an item.
#[derive(Debug, PartialEq)]
pub struct Step {
    /// The item afterwards.
    pub after: ProtectedItem,
    /// What the job is called that shows it.
    pub job: &'static str,
}

impl<'a> Ask<'a> {
    /// Reads `properties`.
    ///
    /// # Errors
    /// For a wrong type, an unknown kind of item or state, or a name that cannot be shown.
    pub fn read(properties: &Fields<'a>) -> Result<Self> {
        let item_type = properties.text("protectedItemType")?.map(item_type).transpose()?;
        let friendly_name = properties.text("friendlyName")?.filter(|name| !name.is_empty());
        if friendly_name.is_some_and(|name| name.len() > MAX_NAME || name.chars().any(char::is_control)) {
            return Err(properties.wrong("friendlyName", "at most 260 bytes without control characters"));
        }
        let state = properties.text("protectionState")?.filter(|state| !state.is_empty());
        Ok(Self {
            item_type,
            source: properties.id("sourceResourceId")?,
            friendly_name,
            policy: properties.id("policyId")?,
            state: state.map(protection).transpose()?,
            undelete: properties.boolean("isRehydrate")?.unwrap_or(false),
        })
    }

    /// A new item. Its policy is already known to exist.
    ///
    /// # Errors
    /// When something is missing that only an existing item can do without.
    pub fn create(&self, id: ResourceId, short: String, now: Timestamp) -> Result<Step> {
        if self.undelete {
            return Err(place::not_found(&id));
        }
        let item_type = self
            .item_type
            .ok_or_else(|| invalid("protectedItemType", "'properties.protectedItemType' is missing"))?;
        if self.policy.is_none() {
            let message = "'properties.policyId' is missing: an item is protected by a policy of its vault";
            return Err(invalid("policyId", message));
        }
        if !matches!(self.state, None | Some(Protection::Protected)) {
            let message = "there is no such item yet, so that its protection cannot be stopped";
            return Err(invalid("protectionState", message));
        }
        if item_type != FILES && self.source.is_none() {
            let message = "'properties.sourceResourceId' is missing: it names the virtual machine";
            return Err(invalid("sourceResourceId", message));
        }
        let name = self
            .friendly_name
            .or(self.source.as_ref().map(ResourceId::name))
            .or(id.name().rsplit(';').next())
            .unwrap_or_default();
        let after = ProtectedItem {
            standstill: None,
            friendly_name: name.to_string(),
            frozen: None,
            short,
            item_type: item_type.to_string(),
            source: self.source.clone(),
            policy: self.policy.clone(),
            protection: Protection::Protected,
            deletion: None,
            instance: None,
            created: now,
            id,
        };
        Ok(Step { after, job: "ConfigureBackup" })
    }

    /// What becomes of an existing item.
    ///
    /// # Errors
    /// When the request is about another item than this one, or its state does not allow the step.
    pub fn change(&self, before: &ProtectedItem) -> Result<Step> {
        self.check_same(before)?;
        let mut after = before.clone();
        if let Some(name) = self.friendly_name {
            after.friendly_name = name.to_string();
        }
        let job = match (&before.deletion, self.undelete) {
            (Some(_), false) => return Err(place::soft_deleted(before)),
            (Some(_), true) => self.undelete(&mut after)?,
            (None, true) => {
                let message = format!("the item '{}' is not soft-deleted", before.friendly_name);
                return Err(invalid("isRehydrate", message));
            }
            (None, false) => self.move_to(before, &mut after)?,
        };
        Ok(Step { after, job })
    }

    /// Undeleting leaves an item stopped, with the policy it had: the next one is compared with that.
    fn undelete(&self, after: &mut ProtectedItem) -> Result<&'static str> {
        let resumes = self.policy.is_some() || !matches!(self.state, None | Some(Protection::Stopped));
        if resumes {
            let message = "undeleting leaves an item stopped: undelete it without a policyId and with the \
                           protectionState 'ProtectionStopped', and then give it a policy";
            return Err(invalid("isRehydrate", message));
        }
        after.deletion = None;
        after.protection = Protection::Stopped;
        Ok("Undelete")
    }

    fn move_to(&self, before: &ProtectedItem, after: &mut ProtectedItem) -> Result<&'static str> {
        match self.state {
            Some(state @ (Protection::Stopped | Protection::Suspended)) => {
                if self.policy.is_some() && self.policy != before.policy {
                    let message = "protection is either stopped or given another policy, not both at once";
                    return Err(invalid("policyId", message));
                }
                after.protection = state;
                Ok("DisableBackup")
            }
            Some(Protection::Protected) | None => {
                match &self.policy {
                    Some(policy) => {
                        after.policy = Some(policy.clone());
                        after.protection = Protection::Protected;
                    }
                    None if self.state.is_some() && before.protection != Protection::Protected => {
                        let message = "protection is resumed by naming a policyId";
                        return Err(invalid("policyId", message));
                    }
                    None => {}
                }
                Ok("ConfigureBackup")
            }
        }
    }

    fn check_same(&self, before: &ProtectedItem) -> Result<()> {
        if self.item_type.is_some_and(|asked| (asked == FILES) != (before.management_type() == "MAB")) {
            let message = format!("the item is a '{}' and stays one", before.item_type);
            return Err(invalid("protectedItemType", message));
        }
        if self.source.is_some() && self.source != before.source {
            let message = match &before.source {
                Some(source) => format!("the item backs up '{source}'; another source is another item"),
                None => "the item backs up files of a server; another source is another item".to_string(),
            };
            return Err(invalid("sourceResourceId", message));
        }
        Ok(())
    }
}

fn item_type(text: &str) -> Result<&'static str> {
    let known = std::iter::once(FILES).chain(MACHINES);
    let found = known.into_iter().find(|name| name.eq_ignore_ascii_case(text));
    found.ok_or_else(|| {
        let text: String = text.chars().take(80).collect();
        let message = format!(
            "items of the type '{text}' are not supported: '{FILES}' and '{}' are",
            MACHINES.join("', '")
        );
        invalid("protectedItemType", message)
    })
}

fn protection(text: &str) -> Result<Protection> {
    match text.to_ascii_lowercase().as_str() {
        "protectionstopped" => Ok(Protection::Stopped),
        "backupssuspended" => Ok(Protection::Suspended),
        "protected" | "irpending" => Ok(Protection::Protected),
        _ => {
            let message =
                "'properties.protectionState' must be 'Protected', 'ProtectionStopped' or 'BackupsSuspended'";
            Err(invalid("protectionState", message))
        }
    }
}

fn invalid(member: &str, message: impl Into<String>) -> Error {
    Error::invalid("BMSUserErrorInvalidConfigureProtectionRequest", message)
        .with_target(format!("properties.{member}"))
}
