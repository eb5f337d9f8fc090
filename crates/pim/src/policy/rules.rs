//! The seventeen rules of a role's policy (contract 6.7), one struct for each kind.

use std::collections::BTreeSet;

use arm::ObjectId;
use serde::{Deserialize, Serialize};

use crate::Length;

/// Whom a rule binds, and when: the caller and the level of its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Occasion {
    /// An admin makes somebody eligible.
    AdminEligibility,
    /// An admin assigns a role directly.
    AdminAssignment,
    /// Somebody who is eligible activates.
    EndUserAssignment,
}

impl Occasion {
    /// The three occasions.
    pub const ALL: [Self; 3] = [Self::AdminEligibility, Self::AdminAssignment, Self::EndUserAssignment];

    /// The target's `caller`.
    pub(crate) fn caller(self) -> &'static str {
        match self {
            Self::AdminEligibility | Self::AdminAssignment => "Admin",
            Self::EndUserAssignment => "EndUser",
        }
    }

    /// The target's `level`.
    pub(crate) fn level(self) -> &'static str {
        match self {
            Self::AdminEligibility => "Eligibility",
            Self::AdminAssignment | Self::EndUserAssignment => "Assignment",
        }
    }
}

/// One thing for each occasion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PerOccasion<T> {
    /// For an admin who makes somebody eligible.
    pub admin_eligibility: T,
    /// For an admin who assigns directly.
    pub admin_assignment: T,
    /// For somebody who activates.
    pub end_user_assignment: T,
}

impl<T> PerOccasion<T> {
    /// The one for this occasion.
    pub fn get(&self, occasion: Occasion) -> &T {
        match occasion {
            Occasion::AdminEligibility => &self.admin_eligibility,
            Occasion::AdminAssignment => &self.admin_assignment,
            Occasion::EndUserAssignment => &self.end_user_assignment,
        }
    }

    pub(crate) fn get_mut(&mut self, occasion: Occasion) -> &mut T {
        match occasion {
            Occasion::AdminEligibility => &mut self.admin_eligibility,
            Occasion::AdminAssignment => &mut self.admin_assignment,
            Occasion::EndUserAssignment => &mut self.end_user_assignment,
        }
    }
}

/// Who receives a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Recipient {
    /// Those who administer the role.
    Admin,
    /// The one it is about.
    Requestor,
    /// Those who may approve.
    Approver,
}

impl Recipient {
    /// The three recipients.
    pub const ALL: [Self; 3] = [Self::Admin, Self::Requestor, Self::Approver];

    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "Admin",
            Self::Requestor => "Requestor",
            Self::Approver => "Approver",
        }
    }
}

/// One thing for each recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PerRecipient<T> {
    /// For the admins.
    pub admin: T,
    /// For the one it is about.
    pub requestor: T,
    /// For the approvers.
    pub approver: T,
}

impl<T> PerRecipient<T> {
    /// The one for this recipient.
    pub fn get(&self, recipient: Recipient) -> &T {
        match recipient {
            Recipient::Admin => &self.admin,
            Recipient::Requestor => &self.requestor,
            Recipient::Approver => &self.approver,
        }
    }

    pub(crate) fn get_mut(&mut self, recipient: Recipient) -> &mut T {
        match recipient {
            Recipient::Admin => &mut self.admin,
            Recipient::Requestor => &mut self.requestor,
            Recipient::Approver => &mut self.approver,
        }
    }
}

/// How long something may last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpirationRule {
    /// Whether it must end by itself. An activation always must.
    pub required: bool,
    /// The longest it may last, if it must end.
    pub maximum: Length,
}

/// What a request must come with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Requirement {
    /// A sign-in with a second factor.
    MultiFactorAuthentication,
    /// A justification.
    Justification,
    /// A ticket.
    Ticketing,
}

impl Requirement {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MultiFactorAuthentication => "MultiFactorAuthentication",
            Self::Justification => "Justification",
            Self::Ticketing => "Ticketing",
        }
    }
}

/// What requests must come with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnablementRule {
    /// The things required.
    pub enabled: BTreeSet<Requirement>,
}

/// In how many stages approval is sought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ApprovalMode {
    /// In one.
    SingleStage,
    /// In several that are open at once, each with approvers and a number of its own: the rule's first, and these.
    /// (Azure's API has the word; Azure's service does not offer it for resources.)
    Parallel(Vec<ApprovalStage>),
    /// In none: the same as approval not being required, whatever the flag says.
    NoApproval,
}

/// What an approver is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ApproverKind {
    /// One account.
    User,
    /// Whoever is in the group when a decision is made.
    Group,
}

/// One line of the approver list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approver {
    /// An account or a group.
    pub kind: ApproverKind,
    /// Its object id in the tenant of the scope.
    pub id: ObjectId,
    /// What the list calls it.
    pub description: String,
}

/// One stage in which approval is sought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalStage {
    /// Days until silence counts as a denial. Azure has it fixed at one. Of several stages the shortest counts.
    pub timeout_days: u8,
    /// Whether approvers must say why.
    pub approver_justification: bool,
    /// Who may decide.
    pub approvers: Vec<Approver>,
    /// How many different people must approve (`requiredApprovals`, our addition; Azure has one).
    pub approvals: u8,
}

/// Whether somebody else must agree to an activation, and who.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRule {
    /// Whether approval is required, unless the mode says none.
    pub required: bool,
    /// Whether it is also required for an extension. Kept for clients: extensions are made by admins here.
    pub required_for_extension: bool,
    /// Whether whoever asks must say why.
    pub requestor_justification: bool,
    /// In how many stages.
    pub mode: ApprovalMode,
    /// The first stage, which is also kept while approval is switched off. To look at approvers, take
    /// [`ApprovalRule::stages`].
    #[serde(rename = "stage")]
    pub first: ApprovalStage,
}

impl ApprovalRule {
    /// Whether an activation waits for somebody else.
    pub fn is_on(&self) -> bool {
        self.required && self.mode != ApprovalMode::NoApproval
    }

    /// All stages, in their order. There is always one.
    pub fn stages(&self) -> impl Iterator<Item = &ApprovalStage> {
        let more = match &self.mode {
            ApprovalMode::Parallel(more) => more.as_slice(),
            ApprovalMode::SingleStage | ApprovalMode::NoApproval => &[],
        };
        std::iter::once(&self.first).chain(more)
    }
}

impl ApprovalStage {
    /// How many different people must approve: never nobody, whatever was stored.
    pub fn needed(&self) -> usize {
        usize::from(self.approvals.max(1))
    }

    /// A stage that nobody has described yet: Azure's defaults, and no approver.
    pub(crate) fn unnamed() -> Self {
        Self { timeout_days: 1, approver_justification: true, approvers: Vec::new(), approvals: 1 }
    }
}

/// An authentication context that a sign-in must satisfy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthenticationContextRule {
    /// Whether one is required.
    pub enabled: bool,
    /// Which one: the value wanted in the token's `acrs`, e.g. `c1`.
    pub claim: String,
}

/// Which mails are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotificationLevel {
    /// None.
    None,
    /// Those that call for an action.
    Critical,
    /// All.
    All,
}

impl NotificationLevel {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Critical => "Critical",
            Self::All => "All",
        }
    }
}

/// Who is mailed on one occasion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationRule {
    /// Whether those whom the rule is named after receive it.
    pub default_recipients: bool,
    /// Which mails.
    pub level: NotificationLevel,
    /// Mail addresses that receive it as well.
    pub recipients: Vec<String>,
}

/// All seventeen rules of one policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// `Expiration_*` (3).
    pub expiration: PerOccasion<ExpirationRule>,
    /// `Enablement_*` (3).
    pub enablement: PerOccasion<EnablementRule>,
    /// `Approval_EndUser_Assignment`.
    pub approval: ApprovalRule,
    /// `AuthenticationContext_EndUser_Assignment`.
    pub authentication_context: AuthenticationContextRule,
    /// `Notification_*` (9).
    pub notification: PerOccasion<PerRecipient<NotificationRule>>,
}

impl Rules {
    /// Azure's defaults (contract 6.7), with approval switched as given and no approver named.
    pub(crate) fn azure_defaults(approval_required: bool) -> Self {
        let justified = EnablementRule { enabled: BTreeSet::from([Requirement::Justification]) };
        let at_most = |maximum| ExpirationRule { required: true, maximum };
        Self {
            expiration: PerOccasion {
                admin_eligibility: at_most(Length::days(365)),
                admin_assignment: at_most(Length::days(180)),
                end_user_assignment: at_most(Length::hours(8)),
            },
            enablement: PerOccasion {
                admin_eligibility: EnablementRule::default(),
                admin_assignment: justified.clone(),
                end_user_assignment: justified,
            },
            approval: ApprovalRule {
                required: approval_required,
                required_for_extension: false,
                requestor_justification: true,
                mode: ApprovalMode::SingleStage,
                first: ApprovalStage::unnamed(),
            },
            authentication_context: AuthenticationContextRule::default(),
            notification: PerOccasion {
                admin_eligibility: mail_everybody(),
                admin_assignment: mail_everybody(),
                end_user_assignment: mail_everybody(),
            },
        }
    }
}

fn mail_everybody() -> PerRecipient<NotificationRule> {
    let mail =
        NotificationRule { default_recipients: true, level: NotificationLevel::All, recipients: Vec::new() };
    PerRecipient { admin: mail.clone(), requestor: mail.clone(), approver: mail }
}
