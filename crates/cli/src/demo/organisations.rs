//! The two organisations of the demo.

use std::sync::Arc;

use server::edge::{Edge, SystemClock, SystemEntropy};

/// Somebody who signs in.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) name: &'static str,
    pub(crate) upn: &'static str,
    pub(crate) password: String,
}

/// The people, tenants and subscriptions of the story, with fresh ids and passwords.
pub(crate) struct Organisations {
    pub(crate) alice: Person,
    pub(crate) sam: Person,
    pub(crate) backup_tenant: String,
    pub(crate) security_tenant: String,
    pub(crate) backup_subscription: String,
    pub(crate) security_subscription: String,
    pub(crate) alice_in_security: String,
    pub(crate) sam_id: String,
    /// The password of the restic repository, which the server never sees.
    pub(crate) repository_password: String,
    edge: Edge,
}

impl Organisations {
    pub(crate) fn make() -> Self {
        let edge = Edge::new(Arc::new(SystemClock::start(None)), Arc::new(SystemEntropy));
        let id = || edge.uuid().to_string();
        let person = |name, upn| Person { name, upn, password: edge.short_name() };
        Self {
            alice: person("Alice", "alice@contoso.example"),
            sam: person("Sam", "sam@fabsec.example"),
            backup_tenant: id(),
            security_tenant: id(),
            backup_subscription: id(),
            security_subscription: id(),
            alice_in_security: id(),
            sam_id: id(),
            repository_password: edge.short_name(),
            edge,
        }
    }

    /// A fresh id for a request.
    pub(crate) fn new_id(&self) -> String {
        self.edge.uuid().to_string()
    }

    /// The bootstrap file.
    pub(crate) fn bootstrap(&self) -> String {
        format!(
            r#"# The demo's organisations. The backup team and the security team live in different tenants.
[[tenants]]
id = "{backup_tenant}"
name = "Contoso"
domain = "contoso.example"
users = [{{ upn = "{alice}", display_name = "Alice Backup", password = "{alice_password}" }}]
subscriptions = [{{ id = "{backup_subscription}", name = "Backup production", owners = ["{alice}"] }}]

[[tenants]]
id = "{security_tenant}"
name = "Fabrikam Security"
domain = "fabsec.example"
guests = [{{ upn = "{alice}", id = "{alice_in_security}" }}]
users = [{{ upn = "{sam}", display_name = "Sam Security", password = "{sam_password}", id = "{sam_id}" }}]
subscriptions = [{{ id = "{security_subscription}", name = "Security", owners = ["{sam}"] }}]
"#,
            backup_tenant = self.backup_tenant,
            security_tenant = self.security_tenant,
            backup_subscription = self.backup_subscription,
            security_subscription = self.security_subscription,
            alice = self.alice.upn,
            alice_password = self.alice.password,
            alice_in_security = self.alice_in_security,
            sam = self.sam.upn,
            sam_password = self.sam.password,
            sam_id = self.sam_id,
        )
    }
}
