//! The names of the seventeen rules, `{Kind}_{Caller}_{Level}`, and the type of each.

use std::fmt;

use super::rules::{Occasion, Recipient};

/// Which of a policy's rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RuleId {
    /// How long something may last.
    Expiration(Occasion),
    /// What a request must come with.
    Enablement(Occasion),
    /// Whether somebody else must agree to an activation.
    Approval,
    /// Which authentication context an activation needs.
    AuthenticationContext,
    /// Who is mailed.
    Notification(Recipient, Occasion),
}

impl RuleId {
    /// All seventeen, in the order in which Azure lists them.
    pub fn all() -> impl Iterator<Item = Self> {
        Occasion::ALL.into_iter().flat_map(Self::of_occasion)
    }

    fn of_occasion(occasion: Occasion) -> Vec<Self> {
        let mut rules = match occasion {
            Occasion::AdminEligibility | Occasion::AdminAssignment => Vec::new(),
            Occasion::EndUserAssignment => vec![Self::Approval, Self::AuthenticationContext],
        };
        rules.extend([Self::Enablement(occasion), Self::Expiration(occasion)]);
        rules.extend(Recipient::ALL.map(|recipient| Self::Notification(recipient, occasion)));
        rules
    }

    /// The rule of this name; names compare without case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::all().find(|id| id.to_string().eq_ignore_ascii_case(text))
    }

    /// The rule's `ruleType`.
    pub fn rule_type(self) -> &'static str {
        match self {
            Self::Expiration(_) => "RoleManagementPolicyExpirationRule",
            Self::Enablement(_) => "RoleManagementPolicyEnablementRule",
            Self::Approval => "RoleManagementPolicyApprovalRule",
            Self::AuthenticationContext => "RoleManagementPolicyAuthenticationContextRule",
            Self::Notification(..) => "RoleManagementPolicyNotificationRule",
        }
    }

    /// Whom the rule binds, and when.
    pub fn occasion(self) -> Occasion {
        match self {
            Self::Expiration(occasion) | Self::Enablement(occasion) | Self::Notification(_, occasion) => {
                occasion
            }
            Self::Approval | Self::AuthenticationContext => Occasion::EndUserAssignment,
        }
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expiration(_) => f.write_str("Expiration")?,
            Self::Enablement(_) => f.write_str("Enablement")?,
            Self::Approval => f.write_str("Approval")?,
            Self::AuthenticationContext => f.write_str("AuthenticationContext")?,
            Self::Notification(recipient, _) => write!(f, "Notification_{}", recipient.as_str())?,
        }
        let occasion = self.occasion();
        write!(f, "_{}_{}", occasion.caller(), occasion.level())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn there_are_seventeen_and_each_is_found_by_its_name() {
        let names: BTreeSet<String> = RuleId::all().map(|id| id.to_string()).collect();
        assert_eq!(names.len(), 17);
        for id in RuleId::all() {
            assert_eq!(RuleId::parse(&id.to_string().to_lowercase()), Some(id));
        }
        assert_eq!(RuleId::parse("Expiration_EndUser_Eligibility"), None);
    }
}
