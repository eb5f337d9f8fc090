//! What a PUT of a backup instance asks for, and what becomes of the instance (contract 3.4). Values in, values out.
//!
//! A member that is absent changes nothing. Whether the step needs consent is not decided here.

use std::collections::BTreeMap;

use arm::{Error, Fields, ResourceId, Result};
use jiff::Timestamp;
use serde_json::Value;
use vault::{Instance, ProtectedItem, Protection};

use crate::arm::tags;
use crate::arm::vaults::settings::merged;

/// Members of `properties` that say nothing about what is kept, and are kept as they were sent.
pub const FREE: [&str; 4] =
    ["dataSourceSetInfo", "datasourceAuthCredentials", "identityDetails", "validationType"];

/// The longest name for people, in bytes.
const MAX_NAME: usize = 260;

/// The body of a PUT.
#[derive(Debug)]
pub struct Ask<'a> {
    source: Option<Source<'a>>,
    friendly_name: Option<&'a str>,
    /// The policy, if one is named.
    pub policy: Option<ResourceId>,
    parameters: Option<&'a Value>,
    free: BTreeMap<String, Value>,
    tags: Option<BTreeMap<String, String>>,
}

/// `dataSourceInfo`.
#[derive(Debug)]
struct Source<'a> {
    kind: &'a str,
    id: ResourceId,
    name: Option<&'a str>,
    sent: &'a Value,
}

impl<'a> Ask<'a> {
    /// Reads a backup instance; its members are those of `properties`, tags stand beside them.
    ///
    /// # Errors
    /// For a wrong type, or a name that cannot be shown.
    pub fn read(properties: &Fields<'a>, tagged: &Fields<'_>) -> Result<Self> {
        let friendly_name = properties.text("friendlyName")?.filter(|name| !name.is_empty());
        if friendly_name.is_some_and(|name| name.len() > MAX_NAME || name.chars().any(char::is_control)) {
            return Err(properties.wrong("friendlyName", "at most 260 bytes without control characters"));
        }
        let policy = properties.object("policyInfo")?;
        policy.object("policyParameters")?;
        let free = FREE.iter().filter_map(|name| Some(((*name).to_string(), properties.get(name)?.clone())));
        Ok(Self {
            source: source(properties)?,
            friendly_name,
            policy: policy.id("policyId")?,
            parameters: policy.get("policyParameters"),
            free: free.collect(),
            tags: tags::read(tagged)?,
        })
    }

    /// A new instance. Its policy is already known to exist.
    ///
    /// # Errors
    /// When something is missing that only an existing instance can do without.
    pub fn create(&self, id: ResourceId, short: String, now: Timestamp) -> Result<ProtectedItem> {
        let source = self.source.as_ref();
        let source =
            source.ok_or_else(|| invalid("dataSourceInfo", "'properties.dataSourceInfo' is missing"))?;
        if self.policy.is_none() {
            let message = "'properties.policyInfo.policyId' is missing: it names a policy of the vault";
            return Err(invalid("policyInfo", message));
        }
        let name = self.friendly_name.or(source.name).unwrap_or_else(|| source.id.name());
        Ok(ProtectedItem {
            standstill: None,
            created: now,
            deletion: None,
            friendly_name: name.to_string(),
            frozen: None,
            id,
            instance: Some(Instance {
                data_source: source.sent.clone(),
                free: self.free.clone(),
                parameters: self.parameters.cloned(),
                tags: self.tags.clone().unwrap_or_default(),
            }),
            item_type: source.kind.to_string(),
            policy: self.policy.clone(),
            protection: Protection::Protected,
            short,
            source: Some(source.id.clone()),
        })
    }

    /// What becomes of an existing instance. Protection that was stopped stays so: it is resumed by name.
    ///
    /// # Errors
    /// When the request is about another source.
    pub fn change(&self, before: &ProtectedItem) -> Result<ProtectedItem> {
        self.check_same(before)?;
        let mut after = before.clone();
        if let Some(name) = self.friendly_name {
            after.friendly_name = name.to_string();
        }
        if let Some(policy) = &self.policy {
            after.policy = Some(policy.clone());
        }
        if let Some(instance) = &mut after.instance {
            if let Some(sent) = self.parameters {
                instance.parameters = Some(merged(instance.parameters.as_ref(), sent));
            }
            for (name, sent) in &self.free {
                let value = merged(instance.free.get(name), sent);
                instance.free.insert(name.clone(), value);
            }
            if let Some(tags) = &self.tags {
                instance.tags = tags.clone();
            }
        }
        Ok(after)
    }

    fn check_same(&self, before: &ProtectedItem) -> Result<()> {
        let Some(source) = &self.source else {
            return Ok(());
        };
        let same =
            before.source.as_ref() == Some(&source.id) && before.item_type.eq_ignore_ascii_case(source.kind);
        if same {
            return Ok(());
        }
        let is = before.source.as_ref().map_or("", |source| source.as_str());
        let message = format!(
            "the instance backs up '{is}' as a '{}'; another source is another instance",
            before.item_type
        );
        Err(invalid("dataSourceInfo", message))
    }
}

fn source<'a>(properties: &Fields<'a>) -> Result<Option<Source<'a>>> {
    let fields = properties.object("dataSourceInfo")?;
    let Some(sent) = properties.get("dataSourceInfo") else {
        return Ok(None);
    };
    let id = fields.id("resourceID")?.ok_or_else(|| fields.missing("resourceID"))?;
    Ok(Some(Source {
        kind: fields.required_text("datasourceType")?,
        id,
        name: fields.text("resourceName")?.filter(|name| !name.is_empty() && name.len() <= MAX_NAME),
        sent,
    }))
}

/// The error for an instance that makes no sense.
pub fn invalid(member: &str, message: impl Into<String>) -> Error {
    Error::invalid("UserErrorInvalidBackupInstance", message).with_target(format!("properties.{member}"))
}
