//! Reading a policy by the kind of backup it is for (contract 7.2).
//!
//! Each kind lists the members it understands; `rest` keeps all others.

use std::collections::BTreeMap;

use arm::{Fields, Result};
use serde_json::Value;

use super::plan::{Kind, Part, PartName, Plan};
use super::read::{COUNTS, each, number, required_number, required_word, word};
use super::rest::Rest;
use super::retention::Retention;
use super::schedule::Schedule;

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

/// Understood in every policy. The time zone moves backups, but makes them neither fewer nor rarer (contract 7.3
/// rule 4).
const BASE: [&str; 4] =
    ["backupManagementType", "protectedItemsCount", "resourceGuardOperationRequests", "timeZone"];

/// Reads the `properties` of a policy.
pub(super) fn read(fields: &Fields<'_>) -> Result<Plan> {
    check_base(fields)?;
    let plan = match required_word(fields, "backupManagementType", &KINDS)? {
        Kind::IaasVm { .. } => iaas_vm(fields),
        Kind::Mab => mab(fields),
        Kind::Storage => storage(fields),
        Kind::Workload => workload(fields),
        Kind::Sql => sql(fields),
        Kind::Generic => generic(fields),
    }?;
    let settings = fields.object("settings")?;
    let zones = [fields.text("timeZone")?, settings.text("timeZone")?];
    Ok(Plan { is_in_utc: zones.into_iter().flatten().all(is_utc), ..plan })
}

/// Whether a time zone is UTC under one of its names.
fn is_utc(name: &str) -> bool {
    ["", "UTC", "Etc/UTC", "Coordinated Universal Time"].iter().any(|utc| name.eq_ignore_ascii_case(utc))
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
    rest.keep_all_but(fields, &[&BASE[..], &["schedulePolicy", "retentionPolicy"]].concat());
    let part = scheduled(fields, &mut rest)?;
    Ok(one_part(Kind::Mab, None, part, rest))
}

/// File shares: either snapshots in the share alone (`retentionPolicy`), or copies in the vault and snapshots for a
/// while (`vaultRetentionPolicy`).
fn storage(fields: &Fields<'_>) -> Result<Plan> {
    const SNAPSHOTS: &str = "retentionPolicy";
    const VAULTED: &str = "vaultRetentionPolicy";
    let mut rest = Rest::default();
    rest.keep_all_but(fields, &[&BASE[..], &["workLoadType", "schedulePolicy", SNAPSHOTS, VAULTED]].concat());
    let vaulted = fields.object(VAULTED)?;
    let part = if vaulted.is_absent() {
        scheduled(fields, &mut rest)?
    } else if fields.get(SNAPSHOTS).is_some() {
        // With both it would be anybody's guess for how long snapshots are kept.
        return Err(fields.wrong(SNAPSHOTS, "absent beside 'vaultRetentionPolicy'"));
    } else {
        rest.keep_all_but(&vaulted, &["vaultRetention", "snapshotRetentionInDays"]);
        let retention = Retention::required(&vaulted, "vaultRetention", &mut rest)?;
        let schedule = Some(Schedule::required(fields, Some(&retention), &mut rest)?);
        let instant_days = Some(required_number(&vaulted, "snapshotRetentionInDays", COUNTS)?);
        Part { schedule, vault_retention: Some(retention), instant_days, ..Part::default() }
    };
    let workload = fields.text("workLoadType")?.unwrap_or("AzureFileShare").to_ascii_lowercase();
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
    let own = ["workLoadType", "settings", "subProtectionPolicy", "makePolicyConsistent"];
    rest.keep_all_but(fields, &[&BASE[..], &own].concat());
    let workload = Some(fields.required_text("workLoadType")?.to_ascii_lowercase());
    let parts = sub_policies(fields)?;
    Ok(Plan { kind: Kind::Workload, workload, is_in_utc: true, parts, rest })
}

/// Databases in Azure SQL: the platform schedules, the policy only keeps.
fn sql(fields: &Fields<'_>) -> Result<Plan> {
    let mut rest = Rest::default();
    rest.keep_all_but(fields, &[&BASE[..], &["retentionPolicy"]].concat());
    let retention = Some(Retention::required(fields, "retentionPolicy", &mut rest)?);
    let part = Part { retention, ..Part::default() };
    Ok(one_part(Kind::Sql, None, part, rest))
}

fn generic(fields: &Fields<'_>) -> Result<Plan> {
    let mut rest = Rest::default();
    rest.keep_all_but(fields, &[&BASE[..], &["subProtectionPolicy"]].concat());
    let parts = sub_policies(fields)?;
    Ok(Plan { kind: Kind::Generic, workload: None, is_in_utc: true, parts, rest })
}

fn one_part(kind: Kind, workload: Option<String>, part: Part, rest: Rest) -> Plan {
    Plan { kind, workload, is_in_utc: true, parts: [(PartName::Whole, part)].into(), rest }
}

/// A schedule and a retention, both of which must be there.
fn scheduled(fields: &Fields<'_>, rest: &mut Rest) -> Result<Part> {
    let retention = Retention::required(fields, "retentionPolicy", rest)?;
    let schedule = Some(Schedule::required(fields, Some(&retention), rest)?);
    Ok(Part { schedule, retention: Some(retention), ..Part::default() })
}

fn sub_policies(fields: &Fields<'_>) -> Result<BTreeMap<PartName, Part>> {
    const NAME: &str = "subProtectionPolicy";
    let label = |index: usize, element: &Value| {
        let kind = element.get("policyType").and_then(Value::as_str);
        kind.map_or_else(|| index.to_string(), ToString::to_string)
    };
    let read = each(fields, NAME, label, sub_policy)?;
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

fn sub_policy(fields: &Fields<'_>) -> Result<(PartName, Part)> {
    let mut rest = Rest::default();
    check_tiering(fields, &mut rest)?;
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
        let retention = Retention::read(fields, "retentionPolicy", &mut rest)?;
        let schedule = Some(Schedule::required(fields, retention.as_ref(), &mut rest)?);
        Part { schedule, retention, ..Part::default() }
    } else {
        scheduled(fields, &mut rest)?
    };
    Ok((name, Part { instant_days, rest, ..part }))
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
