//! What a whole policy means, by kind of backup (contract 7.2).

use std::collections::BTreeMap;
use std::fmt;

use arm::{Fields, Result};
use jiff::civil::Date;
use serde_json::{Value, json};

use super::read::{COUNTS, each, number, required_number, required_word, word};
use super::rest::{Rest, refuse_ambiguity};
use super::retention::Retention;
use super::schedule::Schedule;

/// What a policy means.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    /// What it is for.
    pub(super) kind: Kind,
    /// Which workload, in lower case, for kinds that have several.
    pub(super) workload: Option<String>,
    /// What runs and what is kept: one part, or one for each sub-policy of a workload.
    pub(super) parts: BTreeMap<PartName, Part>,
    /// Members that nobody understands.
    pub(super) rest: Rest,
}

/// One schedule with its retention.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    /// When backups run. Some kinds leave that to others.
    pub(super) schedule: Option<Schedule>,
    /// What is kept.
    pub(super) retention: Option<Retention>,
    /// What is kept in the vault, where snapshots are kept elsewhere (file shares).
    pub(super) vault_retention: Option<Retention>,
    /// For how many days snapshots are kept for instant restore.
    pub(super) instant_days: Option<u32>,
}

/// The discriminator `backupManagementType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Virtual machines, with a policy of version 1 or 2.
    IaasVm {
        version: u8,
    },
    Mab,
    Storage,
    Workload,
    Sql,
    Generic,
}

const KINDS: [(&str, Kind); 6] = [
    ("AzureIaasVM", Kind::IaasVm { version: 1 }),
    ("MAB", Kind::Mab),
    ("AzureStorage", Kind::Storage),
    ("AzureWorkload", Kind::Workload),
    ("AzureSql", Kind::Sql),
    ("GenericProtectionPolicy", Kind::Generic),
];

/// `policyType` of virtual machines.
const VERSIONS: [(&str, u8); 2] = [("V1", 1), ("V2", 2)];

impl Kind {
    /// As Azure spells it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::IaasVm { .. } => "AzureIaasVM",
            Self::Mab => "MAB",
            Self::Storage => "AzureStorage",
            Self::Workload => "AzureWorkload",
            Self::Sql => "AzureSql",
            Self::Generic => "GenericProtectionPolicy",
        }
    }
}

/// Which part of a policy: the only one, or a sub-policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PartName {
    Whole,
    Full,
    Differential,
    Incremental,
    Log,
    CopyOnlyFull,
    SnapshotFull,
    SnapshotCopyOnlyFull,
}

/// `policyType` of sub-policies.
const PARTS: [(&str, PartName); 7] = [
    ("Full", PartName::Full),
    ("Differential", PartName::Differential),
    ("Incremental", PartName::Incremental),
    ("Log", PartName::Log),
    ("CopyOnlyFull", PartName::CopyOnlyFull),
    ("SnapshotFull", PartName::SnapshotFull),
    ("SnapshotCopyOnlyFull", PartName::SnapshotCopyOnlyFull),
];

impl fmt::Display for PartName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Understood in every policy. The time zone moves backups, but makes them neither fewer nor rarer (contract 7.3
/// rule 4).
const BASE: [&str; 4] = [
    "backupManagementType",
    "protectedItemsCount",
    "resourceGuardOperationRequests",
    "timeZone",
];

impl Plan {
    /// Reads a policy's `properties`.
    pub(super) fn read(properties: &Value) -> Result<Self> {
        refuse_ambiguity(properties, "properties")?;
        let whole = json!({ "properties": properties });
        let fields = Fields::of(&whole)?.object("properties")?;
        check_base(&fields)?;
        match required_word(&fields, "backupManagementType", &KINDS)? {
            Kind::IaasVm { .. } => iaas_vm(&fields),
            Kind::Mab => mab(&fields),
            Kind::Storage => storage(&fields),
            Kind::Workload => workload(&fields),
            Kind::Sql => sql(&fields),
            Kind::Generic => generic(&fields),
        }
    }

    /// See [`super::PolicyBody::days_kept`].
    pub(super) fn days_kept(&self, day: Date) -> u32 {
        self.parts
            .values()
            .map(|part| part.days_kept(day))
            .max()
            .unwrap_or_default()
    }
}

impl Part {
    fn days_kept(&self, day: Date) -> u32 {
        let retentions = self.retention.iter().chain(&self.vault_retention);
        let longest = retentions.map(|retention| retention.days_kept(day)).max();
        longest.max(self.instant_days).unwrap_or_default()
    }
}

fn check_base(fields: &Fields<'_>) -> Result<()> {
    fields.count("protectedItemsCount")?;
    fields.texts("resourceGuardOperationRequests")?;
    fields.text("timeZone")?;
    Ok(())
}

fn iaas_vm(fields: &Fields<'_>) -> Result<Plan> {
    let mut rest = Rest::default();
    // Crash-consistent snapshots are no fewer (contract 7.3 rule 4).
    fields.text("snapshotConsistencyType")?;
    check_tiering(fields, &mut rest)?;
    let own = [
        "schedulePolicy",
        "retentionPolicy",
        "tieringPolicy",
        "instantRpRetentionRangeInDays",
        "policyType",
        "snapshotConsistencyType",
    ];
    rest.keep_all_but(fields, &[&BASE[..], &own].concat());
    let part = Part {
        instant_days: number(fields, "instantRpRetentionRangeInDays", COUNTS)?,
        ..scheduled(fields, &mut rest)?
    };
    let version = word(fields, "policyType", &VERSIONS)?.unwrap_or(1);
    Ok(one_part(Kind::IaasVm { version }, None, part, rest))
}

fn mab(fields: &Fields<'_>) -> Result<Plan> {
    let mut rest = Rest::default();
    rest.keep_all_but(
        fields,
        &[&BASE[..], &["schedulePolicy", "retentionPolicy"]].concat(),
    );
    let part = scheduled(fields, &mut rest)?;
    Ok(one_part(Kind::Mab, None, part, rest))
}

/// File shares: snapshots in the share alone (`retentionPolicy`), or copies in the vault as well
/// (`vaultRetentionPolicy`).
fn storage(fields: &Fields<'_>) -> Result<Plan> {
    let mut rest = Rest::default();
    let own = [
        "workLoadType",
        "schedulePolicy",
        "retentionPolicy",
        "vaultRetentionPolicy",
    ];
    rest.keep_all_but(fields, &[&BASE[..], &own].concat());
    let retention = Retention::read(fields, "retentionPolicy", &mut rest)?;
    let vaulted = fields.object("vaultRetentionPolicy")?;
    let (vault_retention, instant_days) = if vaulted.is_absent() {
        (None, None)
    } else {
        rest.keep_all_but(&vaulted, &["vaultRetention", "snapshotRetentionInDays"]);
        let snapshots = required_number(&vaulted, "snapshotRetentionInDays", COUNTS)?;
        (
            Some(Retention::required(&vaulted, "vaultRetention", &mut rest)?),
            Some(snapshots),
        )
    };
    let Some(leading) = retention.as_ref().or(vault_retention.as_ref()) else {
        return Err(fields.missing("retentionPolicy"));
    };
    let schedule = Some(Schedule::required(fields, Some(leading), &mut rest)?);
    let part = Part {
        schedule,
        retention,
        vault_retention,
        instant_days,
    };
    let workload = fields
        .text("workLoadType")?
        .unwrap_or("AzureFileShare")
        .to_ascii_lowercase();
    Ok(one_part(Kind::Storage, Some(workload), part, rest))
}

/// Databases in virtual machines.
fn workload(fields: &Fields<'_>) -> Result<Plan> {
    let mut rest = Rest::default();
    // Compression makes backups smaller, not fewer; `makePolicyConsistent` asks for a repair.
    fields.boolean("makePolicyConsistent")?;
    let settings = fields.object("settings")?;
    settings.text("timeZone")?;
    settings.boolean("issqlcompression")?;
    settings.boolean("isCompression")?;
    rest.keep_all_but(&settings, &["timeZone", "issqlcompression", "isCompression"]);
    let own = [
        "workLoadType",
        "settings",
        "subProtectionPolicy",
        "makePolicyConsistent",
    ];
    rest.keep_all_but(fields, &[&BASE[..], &own].concat());
    let workload = Some(fields.required_text("workLoadType")?.to_ascii_lowercase());
    let parts = sub_policies(fields, &mut rest)?;
    Ok(Plan {
        kind: Kind::Workload,
        workload,
        parts,
        rest,
    })
}

/// Databases in Azure SQL: the platform schedules, the policy only keeps.
fn sql(fields: &Fields<'_>) -> Result<Plan> {
    let mut rest = Rest::default();
    rest.keep_all_but(fields, &[&BASE[..], &["retentionPolicy"]].concat());
    let retention = Some(Retention::required(fields, "retentionPolicy", &mut rest)?);
    let part = Part {
        schedule: None,
        retention,
        vault_retention: None,
        instant_days: None,
    };
    Ok(one_part(Kind::Sql, None, part, rest))
}

fn generic(fields: &Fields<'_>) -> Result<Plan> {
    let mut rest = Rest::default();
    rest.keep_all_but(fields, &[&BASE[..], &["subProtectionPolicy"]].concat());
    let parts = sub_policies(fields, &mut rest)?;
    Ok(Plan {
        kind: Kind::Generic,
        workload: None,
        parts,
        rest,
    })
}

fn one_part(kind: Kind, workload: Option<String>, part: Part, rest: Rest) -> Plan {
    Plan {
        kind,
        workload,
        parts: [(PartName::Whole, part)].into(),
        rest,
    }
}

/// A schedule and a retention, both of which must be there.
fn scheduled(fields: &Fields<'_>, rest: &mut Rest) -> Result<Part> {
    let retention = Retention::required(fields, "retentionPolicy", rest)?;
    let schedule = Some(Schedule::required(fields, Some(&retention), rest)?);
    Ok(Part {
        schedule,
        retention: Some(retention),
        vault_retention: None,
        instant_days: None,
    })
}

fn sub_policies(fields: &Fields<'_>, rest: &mut Rest) -> Result<BTreeMap<PartName, Part>> {
    const NAME: &str = "subProtectionPolicy";
    let label = |index: usize, element: &Value| {
        let kind = element.get("policyType").and_then(Value::as_str);
        kind.map_or_else(|| index.to_string(), ToString::to_string)
    };
    let read = each(fields, NAME, label, |fields| sub_policy(fields, rest))?;
    if read.is_empty() {
        return Err(fields.missing(NAME));
    }
    let mut parts = BTreeMap::new();
    for (name, part) in read {
        if parts.insert(name, part).is_some() {
            return Err(fields.wrong(NAME, &format!("a list with one '{name}' policy at most")));
        }
    }
    Ok(parts)
}

fn sub_policy(fields: &Fields<'_>, rest: &mut Rest) -> Result<(PartName, Part)> {
    check_tiering(fields, rest)?;
    let details = fields.object("snapshotBackupAdditionalDetails")?;
    rest.keep_all_but(&details, &["instantRpRetentionRangeInDays"]);
    let own = [
        "policyType",
        "schedulePolicy",
        "retentionPolicy",
        "tieringPolicy",
        "snapshotBackupAdditionalDetails",
    ];
    rest.keep_all_but(fields, &own);
    let name = required_word(fields, "policyType", &PARTS)?;
    let instant_days = number(&details, "instantRpRetentionRangeInDays", COUNTS)?;
    let snapshots = matches!(name, PartName::SnapshotFull | PartName::SnapshotCopyOnlyFull);
    let part = if snapshots && instant_days.is_some() {
        let retention = Retention::read(fields, "retentionPolicy", rest)?;
        let schedule = Some(Schedule::required(fields, retention.as_ref(), rest)?);
        Part {
            schedule,
            retention,
            vault_retention: None,
            instant_days,
        }
    } else {
        Part {
            instant_days,
            ..scheduled(fields, rest)?
        }
    };
    Ok((name, part))
}

/// When backups move to the archive is not how long they are kept (contract 7.3 rule 4). By name of the tier.
fn check_tiering(parent: &Fields<'_>, rest: &mut Rest) -> Result<()> {
    let fields = parent.object("tieringPolicy")?;
    for (name, _) in fields.members() {
        let tier = fields.object(name)?;
        tier.text("tieringMode")?;
        tier.count("duration")?;
        tier.text("durationType")?;
        rest.keep_all_but(&tier, &["tieringMode", "duration", "durationType"]);
    }
    Ok(())
}
