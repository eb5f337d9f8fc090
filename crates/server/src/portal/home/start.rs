//! What to do first, for somebody who has neither vault nor guard: it depends on what they may do.

use arm::Result;
use serde::Deserialize;

use super::estate::Estate;
use crate::portal::viewer::Viewer;

/// How many subscriptions are asked what may be done in them.
const ASKED: usize = 5;

/// Something to do.
pub struct Step {
    /// What.
    pub title: &'static str,
    /// Why, or how.
    pub text: &'static str,
    /// The page.
    pub href: &'static str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Checked {
    access_decision: String,
}

const VAULT: &str = "Microsoft.RecoveryServices/Vaults/write";
const GUARD: &str = "Microsoft.DataProtection/subscriptions/resourceGroups/providers/resourceGuards/write";
const ASSIGN: &str = "Microsoft.Authorization/roleAssignments/write";

impl Viewer {
    /// The first steps.
    ///
    /// # Errors
    /// What ARM answers.
    pub(super) async fn first_steps(&self, estate: &Estate) -> Result<Vec<Step>> {
        let (mut vault, mut guard, mut assign) = (false, false, false);
        for subscription in estate.subscriptions.iter().take(ASKED) {
            let [may_vault, may_guard, may_assign] =
                self.may_at(subscription, [VAULT, GUARD, ASSIGN]).await?;
            vault |= may_vault;
            guard |= may_guard;
            assign |= may_assign;
        }
        let mut steps = vec![Step {
            title: "Set up an authenticator",
            text: "With it, your password alone is not you. Roles that consent to critical operations ask for it.",
            href: "/account/security",
        }];
        if vault {
            steps.push(Step {
                title: "Create a vault",
                text: "It holds backups. Then protect a first item in it and point restic at it.",
                href: "/portal/vaults/new",
            });
        }
        if guard {
            steps.push(Step {
                title: "Create a Resource Guard",
                text: "It says which operations on vaults need your consent. Whoever owns the vaults should hold no more than Reader on it.",
                href: "/portal/guards",
            });
        }
        if assign {
            steps.push(Step {
                title: "Make people eligible",
                text: "Give roles for a while and on request rather than for ever, and name who approves.",
                href: "/portal/privileged",
            });
        }
        if !vault && !guard {
            steps.push(Step {
                title: "Look what you may activate",
                text: "You hold no role that creates anything. Roles that you are eligible for are under Privileged access.",
                href: "/portal/privileged",
            });
        }
        Ok(steps)
    }

    /// Whether the viewer may do these at a subscription.
    async fn may_at<const N: usize>(&self, scope: &str, actions: [&str; N]) -> Result<[bool; N]> {
        let mut may = [false; N];
        let Some(account) = self.account_for(scope) else { return Ok(may) };
        let me = account.signed_in.object.to_string();
        let checked: Vec<Checked> = self.check_access(scope, &me, &actions).await?;
        for (may, checked) in may.iter_mut().zip(checked) {
            *may = checked.access_decision == "Allowed";
        }
        Ok(may)
    }
}
