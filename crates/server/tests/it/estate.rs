//! What tests put into the store where the API that would do it belongs to another topic: groups, roles, and a look
//! behind the answers.

use arm::{ObjectId, ResourceId, RoleId, SubscriptionId};
use directory::{Subscription, SubscriptionState};
use ledger::{Entry, Verdict};
use rbac::{Assignment, PrincipalKind};
use resources::{Registration, ResourceGroup};
use serde_json::{Value, json};
use store::Document;
use uuid::Uuid;

use crate::harness::{BACKUP_SUB, CONTOSO, Harness, SECURITY_SUB};

/// A second subscription of Contoso, which nobody owns at first.
pub const OTHER_SUB: SubscriptionId = SubscriptionId(Uuid::from_u128(0xc));

pub fn group(subscription: SubscriptionId, name: &str) -> String {
    format!("/subscriptions/{subscription}/resourceGroups/{name}")
}

/// A vault in the resource group that [`Harness::with_groups`] makes for vaults.
pub fn vault_path(name: &str) -> String {
    let group = group(BACKUP_SUB, "backup");
    format!("{group}/providers/Microsoft.RecoveryServices/vaults/{name}")
}

/// A guard in the resource group for guards of a subscription.
pub fn guard_path(subscription: SubscriptionId, name: &str) -> String {
    let group = group(subscription, "security");
    format!("{group}/providers/Microsoft.DataProtection/resourceGuards/{name}")
}

/// A vault with every security setting above the lowest.
pub fn vault_body() -> Value {
    json!({
        "location": "westeurope",
        "sku": {"name": "RS0", "tier": "Standard"},
        "properties": {
            "securitySettings": {
                "softDeleteSettings": {"softDeleteState": "Enabled", "softDeleteRetentionPeriodInDays": 30,
                    "enhancedSecurityState": "Enabled"},
                "immutabilitySettings": {"state": "Unlocked"},
            },
            "encryption": {"keyVaultProperties": {"keyUri": "https://keys.example/keys/1"}},
        },
    })
}

impl Harness {
    /// A server with resource groups: `backup` for vaults, and `security` for guards in three subscriptions.
    pub async fn with_groups() -> Self {
        let server = Self::start().await;
        server.add_groups();
        server
    }

    /// Makes those groups.
    pub fn add_groups(&self) {
        self.seed(|tx| {
            tx.put(&Subscription {
                id: OTHER_SUB,
                tenant: CONTOSO,
                name: "Other".into(),
                state: SubscriptionState::Enabled,
            })?;
            for namespace in ["Microsoft.RecoveryServices", "Microsoft.DataProtection"] {
                tx.put(&Registration { subscription: OTHER_SUB, namespace: namespace.into() })?;
            }
            for id in [
                group(BACKUP_SUB, "backup"),
                group(BACKUP_SUB, "security"),
                group(OTHER_SUB, "security"),
                group(SECURITY_SUB, "security"),
            ] {
                tx.put(&ResourceGroup {
                    id: ResourceId::parse(&id)?,
                    location: arm::Region::parse("westeurope").unwrap(),
                    tags: Default::default(),
                })?;
            }
            Ok(())
        });
    }

    /// Gives somebody a role at a scope; answers with the assignment's key.
    pub fn grant(&self, who: ObjectId, role: RoleId, scope: &str) -> String {
        let scope = ResourceId::parse(scope).unwrap();
        let name = format!(
            "providers/Microsoft.Authorization/roleAssignments/{}",
            Uuid::from_u128(who.0.as_u128() ^ role.0.as_u128())
        );
        let assignment = Assignment::new(scope.child(&name).unwrap(), scope, role, who, PrincipalKind::User);
        self.seed(|tx| tx.put(&assignment));
        assignment.key()
    }

    /// Takes a role away again.
    pub fn revoke(&self, assignment: &str) {
        self.seed(|tx| {
            tx.delete::<Assignment>(assignment);
            Ok(())
        });
    }

    /// The document as it is stored.
    pub fn stored<D: Document>(&self, id: &str) -> Option<D> {
        let id = ResourceId::parse(id).unwrap();
        self.running.app().store.transact(|tx| tx.resource::<D>(&id)).unwrap()
    }

    /// The refusals in the ledger.
    pub fn refusals(&self) -> Vec<Entry> {
        let refused = |entry: &Entry| entry.verdict == Verdict::Refused;
        self.ledger().into_iter().filter(refused).collect()
    }
}
