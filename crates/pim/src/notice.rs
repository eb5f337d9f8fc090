//! Who is told that something happened to a role: the nine notification rules of a policy (contract 6.7).
//!
//! What happened and the rules go in, notices come out. A rule is found by its occasion and its recipient, e.g.
//! `Notification_Approver_EndUser_Assignment`; who stands behind a recipient by default comes in as a [`Circle`].
//!
//! Which events there are and whom Azure tells follows Microsoft's page "Email notifications in PIM" (for Azure resource
//! roles: Owners and User Access Administrators when an approval waits, a role is assigned, soon ends, is being renewed,
//! or an activation is completed; users when a role is assigned to them, has ended or was extended, and when their
//! activation is completed; approvers when an approval waits, and when it is decided). Two things are added: who asked for
//! an activation is told so, because it may not have been them; and a denial, time-out or cancellation is told to those
//! who were asked to decide.

use std::collections::{BTreeMap, BTreeSet};

use arm::ObjectId;

use crate::policy::{ApproverKind, Occasion, PerOccasion, PerRecipient, Recipient};
use crate::policy::{NotificationLevel, NotificationRule};
use crate::{
    ActivationRequest, Consent, ExtensionRequest, Family, People, Person, Progress, RequestRecord,
    RequestType, RolePolicy, Status,
};

/// The most notices of one event: Azure's limit, too.
pub const MAX_NOTICES: usize = 1000;

/// Something that happened to a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// An admin gave it: made somebody eligible, or assigned it.
    Given(Family),
    /// An admin changed for how long.
    Changed(Family),
    /// An admin took it away.
    Removed(Family),
    /// Its holder asks for it to last longer, and an admin has to decide.
    RenewalWaiting(Family),
    /// An admin denied that.
    RenewalDenied(Family),
    /// Its holder took that back.
    RenewalCanceled(Family),
    /// It ends soon.
    Ending(Family),
    /// Its time is over.
    Ended(Family),
    /// An activation waits for approval.
    ApprovalWaiting,
    /// Enough people approved an activation.
    Approved,
    /// Somebody denied one.
    Denied,
    /// Nobody decided in time.
    TimedOut,
    /// It was taken back before it was decided.
    Canceled,
    /// Somebody activated, and nobody had to approve.
    Activated,
    /// Its holder gave it back.
    Deactivated,
    /// Somebody else ended it.
    Revoked,
}

impl Event {
    /// Its name, for documents, logs and webhooks. It never changes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Given(Family::Eligibility) => "eligibility.given",
            Self::Given(Family::Assignment) => "assignment.given",
            Self::Changed(Family::Eligibility) => "eligibility.changed",
            Self::Changed(Family::Assignment) => "assignment.changed",
            Self::Removed(Family::Eligibility) => "eligibility.removed",
            Self::Removed(Family::Assignment) => "assignment.removed",
            Self::RenewalWaiting(Family::Eligibility) => "eligibility.renewal_waiting",
            Self::RenewalWaiting(Family::Assignment) => "assignment.renewal_waiting",
            Self::RenewalDenied(Family::Eligibility) => "eligibility.renewal_denied",
            Self::RenewalDenied(Family::Assignment) => "assignment.renewal_denied",
            Self::RenewalCanceled(Family::Eligibility) => "eligibility.renewal_canceled",
            Self::RenewalCanceled(Family::Assignment) => "assignment.renewal_canceled",
            Self::Ending(Family::Eligibility) => "eligibility.ending",
            Self::Ending(Family::Assignment) => "assignment.ending",
            Self::Ended(Family::Eligibility) => "eligibility.ended",
            Self::Ended(Family::Assignment) => "assignment.ended",
            Self::ApprovalWaiting => "activation.approval_waiting",
            Self::Approved => "activation.approved",
            Self::Denied => "activation.denied",
            Self::TimedOut => "activation.timed_out",
            Self::Canceled => "activation.canceled",
            Self::Activated => "activation.activated",
            Self::Deactivated => "activation.deactivated",
            Self::Revoked => "activation.revoked",
        }
    }

    /// What a settled request of an admin, or of a holder who gives back, amounts to. `None` for one that is told of by
    /// the activation it ended.
    pub fn of_record(record: &RequestRecord) -> Option<Self> {
        match record.request_type {
            RequestType::AdminAssign | RequestType::AdminRenew => Some(Self::Given(record.family)),
            RequestType::AdminUpdate | RequestType::AdminExtend => Some(Self::Changed(record.family)),
            RequestType::AdminRemove => Some(Self::Removed(record.family)),
            RequestType::SelfActivate
            | RequestType::SelfDeactivate
            | RequestType::SelfExtend
            | RequestType::SelfRenew => None,
        }
    }

    /// What a request for more time has come to. `None` when an admin gave or took the role itself, which is told of that.
    pub fn of_renewal(request: &ExtensionRequest, now: jiff::Timestamp) -> Option<Self> {
        match request.status_at(now) {
            Status::PendingAdminDecision => Some(Self::RenewalWaiting(request.family())),
            Status::AdminDenied => Some(Self::RenewalDenied(request.family())),
            Status::Canceled => Some(Self::RenewalCanceled(request.family())),
            _ => None,
        }
    }

    /// What happened to an activation between two states of it; `None` when nothing did that anybody is told of, such as
    /// one approval of several that it takes.
    pub fn of_activation(before: Option<&ActivationRequest>, after: &ActivationRequest) -> Option<Self> {
        let now = Self::of_progress(after);
        (before.map(Self::of_progress) != Some(now)).then_some(now)
    }

    fn of_progress(request: &ActivationRequest) -> Self {
        match request.progress() {
            Progress::PendingApproval { .. } => Self::ApprovalWaiting,
            Progress::Provisioned { consent: Consent::NotRequired, .. } => Self::Activated,
            Progress::Provisioned { consent: Consent::Given { .. }, .. } => Self::Approved,
            Progress::Denied { .. } => Self::Denied,
            Progress::Canceled { .. } => Self::Canceled,
            Progress::Revoked { by, .. } if *by == request.principal() => Self::Deactivated,
            Progress::Revoked { .. } => Self::Revoked,
        }
    }

    /// Whether nobody decided a request in time, which is known by comparison alone.
    pub fn is_time_out(request: &ActivationRequest, now: jiff::Timestamp) -> bool {
        request.status_at(now) == Status::TimedOut
    }

    /// The occasion whose rules say who is told.
    pub fn occasion(self) -> Occasion {
        match self {
            Self::Given(family)
            | Self::Changed(family)
            | Self::Removed(family)
            | Self::RenewalWaiting(family)
            | Self::RenewalDenied(family)
            | Self::RenewalCanceled(family)
            | Self::Ending(family)
            | Self::Ended(family) => family.occasion(),
            Self::ApprovalWaiting
            | Self::Approved
            | Self::Denied
            | Self::TimedOut
            | Self::Canceled
            | Self::Activated
            | Self::Deactivated
            | Self::Revoked => Occasion::EndUserAssignment,
        }
    }

    /// How much a recipient of this sort is concerned.
    ///
    /// Critical is what calls for an action, as Azure's setting for critical mails alone has it: somebody's request to
    /// extend a role is critical for whoever decides it, and the hint that a role soon ends is not (Microsoft's page on
    /// the settings of Azure resource roles in PIM). The approver's rules on the two admin occasions are, as in Azure, for
    /// requests to renew or extend, and for nothing else.
    pub fn weight(self, recipient: Recipient) -> Weight {
        match (self, recipient) {
            (Self::ApprovalWaiting | Self::RenewalWaiting(_), Recipient::Approver) => Weight::Critical,
            (
                Self::Approved
                | Self::Denied
                | Self::TimedOut
                | Self::Canceled
                | Self::RenewalDenied(_)
                | Self::RenewalCanceled(_),
                Recipient::Approver,
            ) => Weight::Informative,
            (_, Recipient::Approver) => Weight::Nothing,
            (_, Recipient::Admin | Recipient::Requestor) => Weight::Informative,
        }
    }
}

/// How much an event concerns a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Weight {
    /// It does not.
    Nothing,
    /// It is worth knowing.
    Informative,
    /// It calls for an action.
    Critical,
}

impl NotificationLevel {
    /// Whether a rule of this level lets something of this weight through.
    pub fn admits(self, weight: Weight) -> bool {
        match (self, weight) {
            (Self::None, _) | (_, Weight::Nothing) | (Self::Critical, Weight::Informative) => false,
            (Self::All, _) | (Self::Critical, Weight::Critical) => true,
        }
    }
}

/// Somebody to tell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Addressee {
    /// What people call them; the address, for one that a rule names.
    pub name: String,
    /// Their mail address. Without one they cannot be told, which should not go unnoticed.
    pub address: Option<String>,
}

impl Addressee {
    /// What makes two of them the same: the address without regard to case, else the name.
    fn identity(&self) -> String {
        match &self.address {
            Some(address) => address.to_lowercase(),
            None => format!("?{}", self.name),
        }
    }
}

/// Who stands behind each recipient by default.
pub type Circle = PerRecipient<Vec<Addressee>>;

/// One notice to one addressee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// To whom.
    pub to: Addressee,
    /// By which rule: what they are in this.
    pub recipient: Recipient,
    /// Whether it calls for an action of theirs.
    pub critical: bool,
}

/// The notices of an event: one for each address, however many rules name it, and then by the one that calls for an
/// action, if any does. At most [`MAX_NOTICES`], those who have to act first.
pub fn notices(
    event: Event,
    rules: &PerOccasion<PerRecipient<NotificationRule>>,
    circle: &Circle,
) -> Vec<Notice> {
    let rules = rules.get(event.occasion());
    let mut told = BTreeSet::new();
    let mut notices = Vec::new();
    // Whoever may act hears of it as that, whoever it is about as that, and the rest for information.
    for recipient in [Recipient::Approver, Recipient::Requestor, Recipient::Admin] {
        let (rule, weight) = (rules.get(recipient), event.weight(recipient));
        if !rule.level.admits(weight) {
            continue;
        }
        let default = circle.get(recipient).iter().filter(|_| rule.default_recipients).cloned();
        let named = rule
            .recipients
            .iter()
            .map(|address| Addressee { name: address.clone(), address: Some(address.clone()) });
        for to in default.chain(named) {
            if told.insert(to.identity()) {
                notices.push(Notice { to, recipient, critical: weight == Weight::Critical });
            }
        }
    }
    notices.truncate(MAX_NOTICES);
    notices
}

/// The accounts to write to of everybody who could decide about what this person asks: every human behind the approver
/// list, each person by one account, and never the person who asks.
pub fn approver_accounts(policy: &RolePolicy, people: &dyn People, asker: Option<&Person>) -> Vec<ObjectId> {
    let objects = |kind: ApproverKind, id: ObjectId| match kind {
        ApproverKind::User => BTreeSet::from([id]),
        ApproverKind::Group => people.members_of(id),
    };
    let listed = policy.rules().approval.stages().flat_map(|stage| &stage.approvers);
    let mut accounts: BTreeMap<Person, ObjectId> = BTreeMap::new();
    for account in listed.flat_map(|approver| objects(approver.kind, approver.id)) {
        let person = people.person_of(account).filter(|_| people.is_human(account));
        if let Some(person) = person.filter(|person| Some(person) != asker) {
            accounts.entry(person).or_insert(account);
        }
    }
    accounts.into_values().collect()
}
