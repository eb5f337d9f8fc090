//! Security alerts (contract 8.6): which entries of the ledger somebody should look at, whose alert each is, and how
//! severe.
//!
//! An alert is read off the ledger, not kept beside it: it exists from the same commit on as what it tells of, cannot be
//! lost, and cannot be deleted. Only what people do with it ([`Handling`]) is a document.
//!
//! What concerns a guard raises an alert on the guard besides the one on the vault, which is handled on its own: the backup
//! admin cannot close what the security admin should see.

use arm::ResourceId;
use jiff::Timestamp;
use ledger::{Entry, Verdict};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{CriticalOperation, VaultKind};

/// The fact of a ledger's entry that names the critical operations which a change was, whether or not they needed
/// consent; separated by `, `.
pub const CRITICAL_OPERATIONS: &str = "criticalOperations";
/// The fact that names who is not bound by what was enabled.
pub const SEPARATION_OF_DUTIES: &str = "separationOfDuties";
/// The operation of an entry that says that too few people are left to approve consent for its target, a guard: since what
/// else the same commit did.
pub const APPROVERS_UNREACHABLE: &str = "approvers.unreachable";
/// The operation of an entry that says that a host's clock, or the time since the last start, cannot be relied on.
pub const CLOCK_IN_DOUBT: &str = "clock.inDoubt";
/// The operation of an entry that says that somebody vouched for the clock of the host.
pub const CLOCK_ACCEPTED: &str = "clock.accept";
/// The facts that name what a guard protects no more, and what it protects from now on.
pub const EXEMPTED: &str = "exempted";
/// See [`EXEMPTED`].
pub const PROTECTED: &str = "protected";

/// How severe an alert is, as Azure Monitor counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Critical: backups are weaker than before.
    Sev0,
    /// Error: somebody tried, or a protection has a gap.
    Sev1,
    /// Warning.
    Sev2,
    /// Informational.
    Sev3,
    /// Verbose.
    Sev4,
}

impl Severity {
    /// Azure's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sev0 => "Sev0",
            Self::Sev1 => "Sev1",
            Self::Sev2 => "Sev2",
            Self::Sev3 => "Sev3",
            Self::Sev4 => "Sev4",
        }
    }
}

macro_rules! rules {
    ($($name:ident = $code:literal, $title:literal, $severity:ident;)*) => {
        /// Why there is an alert. Where Azure Backup has a built-in alert for it, it has that one's name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum AlertRule {
            $(#[doc = $title] $name,)*
        }

        impl AlertRule {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// A number that is part of an alert's id and so never changes.
            pub fn code(self) -> u8 {
                match self { $(Self::$name => $code,)* }
            }

            /// What people read.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// How severe it is.
            pub fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }
        }
    };
}

rules! {
    DeleteBackupData = 1, "Delete Backup Data", Sev0;
    SoftDeleteDisabled = 2, "Soft Delete Disabled for Vault", Sev0;
    WeakerPolicy = 3, "Modify Policy with Shorter Retention", Sev0;
    WeakerProtection = 4, "Modify Protection with Shorter Retention", Sev0;
    MuaDisabled = 5, "MUA Disabled", Sev0;
    ImmutabilityDisabled = 6, "Immutability Disabled for Vault", Sev0;
    ProtectionStopped = 7, "Stop Protection with Retain Data", Sev1;
    EncryptionModified = 8, "Modify Encryption Settings", Sev1;
    SecurityPinIssued = 9, "Security PIN Generated", Sev2;
    DataRestored = 10, "Restore of Protected Data", Sev3;
    DeletionUnlocked = 11, "Deletion Unlocked", Sev2;
    CriticalOperationRefused = 12, "Critical Operation Refused", Sev1;
    ApprovalRefused = 13, "Approval Refused", Sev1;
    MuaEnabled = 14, "MUA Enabled", Sev4;
    DutiesNotSeparated = 15, "Duties Not Separated", Sev1;
    OperationsExempted = 16, "Resource Guard Protects Fewer Operations", Sev1;
    OperationsProtected = 17, "Resource Guard Protects More Operations", Sev4;
    GuardDeleted = 18, "Resource Guard Deleted", Sev1;
    PurgeComplete = 19, "Purge Complete", Sev2;
    SecurityPinWrong = 20, "Wrong Security PIN", Sev1;
    RepositoryConfigRemoved = 21, "Repository Config Removed", Sev1;
    UpcomingPurge = 22, "Upcoming Purge", Sev1;
    ApproversUnreachable = 25, "Approvers Unreachable", Sev1;
    ClockInDoubt = 30, "Clock in Doubt", Sev2;
    ClockAccepted = 31, "Clock Accepted", Sev1;
    ItemFrozen = 32, "Backup Item Frozen", Sev0;
    RecoveryPointsMissed = 33, "Recovery Points Missed", Sev1;
    DataDamaged = 34, "Backup Data Damaged", Sev0;
}

impl AlertRule {
    /// The rule for a critical operation that was done.
    fn of(operation: CriticalOperation) -> Self {
        use CriticalOperation as Op;
        match operation {
            Op::DeleteProtection | Op::DeleteServer | Op::DeleteInstance => Self::DeleteBackupData,
            Op::ModifyProtection | Op::ModifyInstance => Self::WeakerProtection,
            Op::ModifyPolicy => Self::WeakerPolicy,
            Op::RemoveMua | Op::RemoveBackupMua => Self::MuaDisabled,
            Op::SecurityPin => Self::SecurityPinIssued,
            Op::DisableSoftDelete | Op::ReduceSoftDelete => Self::SoftDeleteDisabled,
            Op::StopProtection | Op::StopInstance | Op::SuspendInstance => Self::ProtectionStopped,
            Op::ReduceImmutability | Op::ReduceBackupImmutability => Self::ImmutabilityDisabled,
            Op::Restore | Op::RestoreInstance => Self::DataRestored,
            Op::ModifyEncryption | Op::ModifyBackupEncryption => Self::EncryptionModified,
        }
    }
}

/// Whose alert it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Concerns {
    /// Whoever owns the vault.
    Vault,
    /// Whoever owns the guard.
    Guard,
}

/// An alert that an entry raises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Why.
    pub rule: AlertRule,
    /// Whose.
    pub concerns: Concerns,
    /// The vault or guard.
    pub target: ResourceId,
}

const GUARD_TYPE: &str = "Microsoft.DataProtection/resourceGuards";

/// The alerts that an entry raises, in a fixed order; none for most entries.
pub fn alerts(entry: &Entry) -> Vec<Alert> {
    let mut rules = Vec::new();
    match entry.verdict {
        Verdict::Refused => {
            if CriticalOperation::by_name(&entry.operation).is_some() {
                rules.push(AlertRule::CriticalOperationRefused);
            }
            if is(entry, "Microsoft.Authorization/roleAssignmentApprovals/stages/write") {
                rules.push(AlertRule::ApprovalRefused);
            }
            if is(entry, "repository.pin.try") {
                rules.push(AlertRule::SecurityPinWrong);
            }
        }
        Verdict::Done => done(entry, &mut rules),
    }
    rules.sort();
    rules.dedup();
    let mut all = Vec::new();
    if rules.is_empty() {
        return all;
    }
    let (vault, guards) = (vault_of(entry), guards_of(entry));
    for rule in rules {
        all.extend(vault.iter().map(|vault| Alert {
            rule,
            concerns: Concerns::Vault,
            target: vault.clone(),
        }));
        all.extend(guards.iter().map(|guard| Alert {
            rule,
            concerns: Concerns::Guard,
            target: guard.clone(),
        }));
    }
    all
}

fn done(entry: &Entry, rules: &mut Vec<AlertRule>) {
    let critical = entry.facts.get(CRITICAL_OPERATIONS).into_iter().flat_map(|names| names.split(", "));
    // What was consented to was critical, whatever the facts say.
    let consented = entry.consent.iter().map(|consent| consent.operation.as_str());
    rules.extend(critical.chain(consented).filter_map(CriticalOperation::by_name).map(AlertRule::of));
    let by_vault = |below: &str| {
        let kinds = [VaultKind::RecoveryServices, VaultKind::Backup];
        kinds.into_iter().any(|kind| is(entry, &format!("{}/{below}", kind.resource_type())))
    };
    if by_vault("backupResourceGuardProxies/write") {
        rules.push(AlertRule::MuaEnabled);
    }
    if by_vault("backupResourceGuardProxies/unlockDelete/action") {
        rules.push(AlertRule::DeletionUnlocked);
    }
    for (verb, rule) in [
        ("purge", AlertRule::PurgeComplete),
        ("upcomingPurge", AlertRule::UpcomingPurge),
        ("freeze", AlertRule::ItemFrozen),
        ("recoveryPoints/missed", AlertRule::RecoveryPointsMissed),
        ("repository/damage", AlertRule::DataDamaged),
    ] {
        let items = ["backupFabrics/protectionContainers/protectedItems", "backupInstances"];
        if items.into_iter().any(|items| by_vault(&format!("{items}/{verb}"))) {
            rules.push(rule);
        }
    }
    if is(entry, APPROVERS_UNREACHABLE) {
        rules.push(AlertRule::ApproversUnreachable);
    }
    for (operation, rule) in [
        ("repository.config.hide", AlertRule::RepositoryConfigRemoved),
        (CLOCK_IN_DOUBT, AlertRule::ClockInDoubt),
        (CLOCK_ACCEPTED, AlertRule::ClockAccepted),
    ] {
        if is(entry, operation) {
            rules.push(rule);
        }
    }
    let guard = "Microsoft.DataProtection/subscriptions/resourceGroups/providers/resourceGuards";
    if is(entry, &format!("{guard}/delete")) {
        rules.push(AlertRule::GuardDeleted);
    }
    for (fact, rule) in [
        (SEPARATION_OF_DUTIES, AlertRule::DutiesNotSeparated),
        (EXEMPTED, AlertRule::OperationsExempted),
        (PROTECTED, AlertRule::OperationsProtected),
    ] {
        if entry.facts.get(fact).is_some_and(|said| !said.is_empty()) {
            rules.push(rule);
        }
    }
}

fn is(entry: &Entry, operation: &str) -> bool {
    entry.operation.eq_ignore_ascii_case(operation)
}

/// The resource of a kind that an id is, or lies below.
fn within(id: &str, resource_type: &str) -> Option<ResourceId> {
    ResourceId::parse(id).ok()?.tracked().filter(|id| id.is_of_type(resource_type))
}

fn vault_of(entry: &Entry) -> Option<ResourceId> {
    let kinds = [VaultKind::RecoveryServices, VaultKind::Backup];
    kinds.into_iter().find_map(|kind| within(&entry.target, kind.resource_type()))
}

/// The guards that an entry concerns, each once: whichever was asked, linked, changed, or is where a role is asked for.
fn guards_of(entry: &Entry) -> Vec<ResourceId> {
    let facts = ["guard", "scope"].into_iter().filter_map(|name| entry.facts.get(name));
    let consents = entry.consent.iter().map(|consent| &consent.guard);
    let mut guards: Vec<ResourceId> = Vec::new();
    for id in std::iter::once(&entry.target).chain(facts).chain(consents) {
        let guard = within(id, GUARD_TYPE);
        guards.extend(guard.filter(|guard| !guards.contains(guard)));
    }
    guards
}

/// What has become of an alert.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum AlertState {
    /// Nobody has looked at it.
    #[default]
    New,
    /// Somebody has, and is at it.
    Acknowledged,
    /// It is dealt with.
    Closed,
}

impl AlertState {
    /// Azure's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "New",
            Self::Acknowledged => "Acknowledged",
            Self::Closed => "Closed",
        }
    }

    /// Reads Azure's word, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::New, Self::Acknowledged, Self::Closed];
        all.into_iter().find(|state| state.as_str().eq_ignore_ascii_case(text))
    }
}

/// A change of an alert's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Modification {
    /// From which state.
    pub from: AlertState,
    /// To which.
    pub to: AlertState,
    /// When.
    pub at: Timestamp,
    /// The name of who did it.
    pub by: String,
    /// In their words.
    pub comments: Option<String>,
}

/// How many changes of one alert are shown. All of them are in the ledger.
const REMEMBERED: usize = 100;

/// What people have done with an alert. There is none as long as nobody has done anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Handling {
    /// The alert's id.
    pub alert: Uuid,
    /// Its state.
    pub state: AlertState,
    /// The last changes, oldest first.
    pub history: Vec<Modification>,
}

impl Handling {
    /// Of an alert that nobody has looked at.
    pub fn new(alert: Uuid) -> Self {
        Self { alert, state: AlertState::New, history: Vec::new() }
    }

    /// Changes the state. Any state may follow any other, as in Azure.
    pub fn change(&mut self, to: AlertState, at: Timestamp, by: String, comments: Option<String>) {
        self.history.push(Modification { from: self.state, to, at, by, comments });
        let over = self.history.len().saturating_sub(REMEMBERED);
        self.history.drain(..over);
        self.state = to;
    }
}
