//! Filling an empty data folder with organisations, from a TOML file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use ::arm::{ObjectId, ResourceId, SubscriptionId, TenantId};
use directory::{
    Domain, Group, PasswordHash, ServicePrincipal, Subscription, SubscriptionState, Tenant, Totp, TotpSecret,
    Upn, User,
};
use jiff::Timestamp;
use rbac::{Assignment, PrincipalKind, role_ids};
use serde::Deserialize;
use store::{Store, Transaction};
use toml::Spanned;
use uuid::Uuid;

use crate::edge::Edge;
use crate::toml_file::{FileError, SecretEntry, Span, TomlFile};

/// Why a bootstrap file was not taken.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// The file cannot be read, or says something that makes no sense.
    #[error(transparent)]
    File(#[from] FileError),
    /// There are organisations already.
    #[error(
        "the data folder, or the database it uses, is not empty: a bootstrap file only fills a new one. Start without \
         --bootstrap to use it; if several servers start with a bootstrap file, one fills it for all"
    )]
    NotEmpty,
    /// The store failed.
    #[error("the organisations could not be stored: {0}")]
    Store(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    tenants: Vec<Spanned<TenantEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TenantEntry {
    id: Option<Uuid>,
    name: String,
    domain: Spanned<String>,
    #[serde(default)]
    users: Vec<Spanned<UserEntry>>,
    #[serde(default)]
    guests: Vec<Spanned<GuestEntry>>,
    #[serde(default)]
    groups: Vec<Spanned<GroupEntry>>,
    #[serde(default)]
    service_principals: Vec<Spanned<ApplicationEntry>>,
    #[serde(default)]
    subscriptions: Vec<Spanned<SubscriptionEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserEntry {
    upn: String,
    display_name: Option<String>,
    mail: Option<String>,
    password: Option<SecretEntry>,
    totp_secret: Option<SecretEntry>,
    id: Option<Uuid>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GuestEntry {
    upn: String,
    id: Option<Uuid>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupEntry {
    name: String,
    description: Option<String>,
    id: Option<Uuid>,
    #[serde(default)]
    members: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApplicationEntry {
    name: String,
    app_id: Option<Uuid>,
    secret: SecretEntry,
    id: Option<Uuid>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SubscriptionEntry {
    name: String,
    id: Option<Uuid>,
    #[serde(default)]
    owners: Vec<Spanned<String>>,
}

/// What a file says, checked and with every id made up: ready to be written.
struct Organisations {
    tenants: Vec<Tenant>,
    users: Vec<User>,
    groups: Vec<Group>,
    applications: Vec<ServicePrincipal>,
    subscriptions: Vec<Subscription>,
    owners: Vec<Assignment>,
}

/// Reads a bootstrap file and fills the store with it. Of several servers that do so at once, one does.
///
/// # Errors
/// When the file makes no sense, naming the line; or the store is not empty. Then nothing was written.
pub fn fill(store: &Store, edge: &Edge, path: &Path) -> Result<(), BootstrapError> {
    let file = TomlFile::read(path)?;
    let organisations = Reader { file: &file, edge, now: edge.now() }.read()?;
    let (correlation, now) = (edge.uuid(), edge.now());
    let written = store.transact(|tx| {
        if !is_empty(tx)? {
            return Ok(false);
        }
        organisations.write(tx)?;
        let mut entry = entry(&organisations, correlation, now);
        entry.change = tx.digest();
        tx.record(entry);
        Ok(true)
    });
    match written {
        Ok(true) => Ok(()),
        Ok(false) => Err(BootstrapError::NotEmpty),
        Err(error) => Err(BootstrapError::Store(error.internal.unwrap_or(error.message))),
    }
}

/// Whether nothing was decided yet. What servers keep for themselves, such as keys and leases, does not count: another
/// one may have started a moment ago.
fn is_empty(tx: &mut Transaction) -> ::arm::Result<bool> {
    // This is part of the commit's condition, so that whoever fills the store meanwhile has won.
    let tenants: Vec<Tenant> = tx.all()?;
    Ok(tenants.is_empty() && tx.ledger(0, 1)?.is_empty())
}

struct Reader<'a> {
    file: &'a TomlFile,
    edge: &'a Edge,
    now: Timestamp,
}

impl Reader<'_> {
    fn read(&self) -> Result<Organisations, FileError> {
        let file: File = self.file.parse()?;
        let mut all = Organisations {
            tenants: Vec::new(),
            users: Vec::new(),
            groups: Vec::new(),
            applications: Vec::new(),
            subscriptions: Vec::new(),
            owners: Vec::new(),
        };
        // Guests name users of tenants that may come later in the file.
        for tenant in &file.tenants {
            let document = self.tenant(tenant.get_ref())?;
            self.members(&mut all, tenant.get_ref(), &document)?;
            all.tenants.push(document);
        }
        for (tenant, document) in file.tenants.iter().zip(all.tenants.clone()) {
            self.guests(&mut all, tenant.get_ref(), &document)?;
        }
        for (tenant, document) in file.tenants.iter().zip(all.tenants.clone()) {
            self.groups(&mut all, tenant.get_ref(), &document)?;
            self.subscriptions(&mut all, tenant.get_ref(), &document)?;
        }
        self.check_ids(&all, &file)?;
        Ok(all)
    }

    fn tenant(&self, entry: &TenantEntry) -> Result<Tenant, FileError> {
        let domain = Domain::parse(entry.domain.get_ref())
            .map_err(|error| self.wrong(&entry.domain.span(), message(&error)))?;
        Ok(Tenant { id: TenantId(self.id(entry.id)), name: entry.name.clone(), domain, created: self.now })
    }

    fn members(
        &self,
        all: &mut Organisations,
        entry: &TenantEntry,
        tenant: &Tenant,
    ) -> Result<(), FileError> {
        for user in &entry.users {
            all.users.push(self.user(user, tenant)?);
        }
        for application in &entry.service_principals {
            let secret =
                application.get_ref().secret.read().map_err(|what| self.wrong(&application.span(), what))?;
            let hash = PasswordHash::new(&secret, self.edge.bytes())
                .map_err(|error| self.wrong(&application.span(), message(&error)))?;
            let application = application.get_ref();
            all.applications.push(ServicePrincipal {
                id: ObjectId(self.id(application.id)),
                tenant: tenant.id,
                app_id: self.id(application.app_id),
                name: application.name.clone(),
                secrets: vec![hash],
            });
        }
        Ok(())
    }

    fn user(&self, entry: &Spanned<UserEntry>, tenant: &Tenant) -> Result<User, FileError> {
        let wrong = |what: String| self.wrong(&entry.span(), what);
        let fields = entry.get_ref();
        let upn = Upn::parse(&fields.upn).map_err(|error| wrong(message(&error)))?;
        let display_name = fields.display_name.clone().unwrap_or_else(|| fields.upn.clone());
        let mut user = User::member(tenant, ObjectId(self.id(fields.id)), upn, display_name, self.now)
            .map_err(|error| wrong(message(&error)))?;
        user.mail = fields.mail.clone();
        if let Some(password) = &fields.password {
            let password = password.read().map_err(wrong)?;
            let hash = PasswordHash::new(&password, self.edge.bytes());
            user.password = Some(hash.map_err(|error| wrong(message(&error)))?);
        }
        if let Some(secret) = &fields.totp_secret {
            let secret =
                TotpSecret::parse(&secret.read().map_err(wrong)?).map_err(|error| wrong(message(&error)))?;
            user.totp = Some(Totp::given(self.edge.uuid(), secret, self.now));
        }
        Ok(user)
    }

    fn guests(&self, all: &mut Organisations, entry: &TenantEntry, tenant: &Tenant) -> Result<(), FileError> {
        for guest in &entry.guests {
            let home = find_user(&all.users, &guest.get_ref().upn).ok_or_else(|| {
                let what =
                    format!("no tenant has a user `{}` who could be a guest here", guest.get_ref().upn);
                self.wrong(&guest.span(), what)
            })?;
            let id = ObjectId(self.id(guest.get_ref().id));
            let user = home
                .as_guest_of(tenant, id, self.now)
                .map_err(|error| self.wrong(&guest.span(), message(&error)))?;
            all.users.push(user);
        }
        Ok(())
    }

    fn groups(&self, all: &mut Organisations, entry: &TenantEntry, tenant: &Tenant) -> Result<(), FileError> {
        let ids: Vec<ObjectId> =
            entry.groups.iter().map(|group| ObjectId(self.id(group.get_ref().id))).collect();
        let names: BTreeMap<String, ObjectId> = entry
            .groups
            .iter()
            .zip(&ids)
            .map(|(group, id)| (group.get_ref().name.to_ascii_lowercase(), *id))
            .collect();
        for (group, id) in entry.groups.iter().zip(ids) {
            let mut members = BTreeSet::new();
            for member in &group.get_ref().members {
                let nested = names.get(&member.get_ref().to_ascii_lowercase()).copied();
                let found =
                    nested.or_else(|| find_principal(all, tenant.id, member.get_ref()).map(|(id, _)| id));
                members.insert(found.ok_or_else(|| self.dangling(member, tenant))?);
            }
            let nickname: String = group.get_ref().name.chars().filter(char::is_ascii_alphanumeric).collect();
            all.groups.push(Group {
                id,
                tenant: tenant.id,
                name: group.get_ref().name.clone(),
                mail_nickname: nickname.to_ascii_lowercase(),
                description: group.get_ref().description.clone(),
                members,
            });
        }
        Ok(())
    }

    fn subscriptions(
        &self,
        all: &mut Organisations,
        entry: &TenantEntry,
        tenant: &Tenant,
    ) -> Result<(), FileError> {
        for subscription in &entry.subscriptions {
            let fields = subscription.get_ref();
            let id = SubscriptionId(self.id(fields.id));
            all.subscriptions.push(Subscription {
                id,
                tenant: tenant.id,
                name: fields.name.clone(),
                state: SubscriptionState::Enabled,
            });
            for owner in &fields.owners {
                let (principal, kind) = find_principal(all, tenant.id, owner.get_ref())
                    .ok_or_else(|| self.dangling(owner, tenant))?;
                let assignment = self.owner(id, principal, kind);
                all.owners.push(assignment.map_err(|error| self.wrong(&owner.span(), message(&error)))?);
            }
        }
        Ok(())
    }

    fn owner(
        &self,
        subscription: SubscriptionId,
        principal: ObjectId,
        principal_kind: PrincipalKind,
    ) -> ::arm::Result<Assignment> {
        let scope = ResourceId::subscription(subscription);
        let id = scope
            .child(&format!("providers/Microsoft.Authorization/roleAssignments/{}", self.edge.uuid()))?;
        Ok(Assignment {
            description: Some("Owner from the bootstrap file".into()),
            created_on: Some(self.now),
            updated_on: Some(self.now),
            ..Assignment::new(id, scope, role_ids::OWNER, principal, principal_kind)
        })
    }

    /// Ids, names and domains must be unique; one that is not would make one document of two.
    fn check_ids(&self, all: &Organisations, file: &File) -> Result<(), FileError> {
        let spans: BTreeMap<TenantId, Span> =
            all.tenants.iter().zip(&file.tenants).map(|(tenant, entry)| (tenant.id, entry.span())).collect();
        let mut seen = BTreeSet::new();
        let mut check = |tenant: TenantId, what: String| match seen.insert(what.to_ascii_lowercase()) {
            true => Ok(()),
            false => {
                Err(self
                    .wrong(&spans.get(&tenant).cloned().unwrap_or_default(), format!("{what} appears twice")))
            }
        };
        for (tenant, entry) in all.tenants.iter().zip(&file.tenants) {
            check(tenant.id, format!("the tenant id `{}`", tenant.id))?;
            let domain = format!("the domain `{}`", tenant.domain);
            check(tenant.id, domain).map_err(|_| {
                let span = entry.get_ref().domain.span();
                self.wrong(&span, format!("the domain `{}` belongs to another tenant already", tenant.domain))
            })?;
        }
        for subscription in &all.subscriptions {
            check(subscription.tenant, format!("the subscription id `{}`", subscription.id))?;
        }
        for user in &all.users {
            check(user.tenant, format!("the object id `{}`", user.id))?;
            check(user.tenant, format!("the user `{}`", user.upn))?;
        }
        for group in &all.groups {
            check(group.tenant, format!("the object id `{}`", group.id))?;
        }
        for application in &all.applications {
            let tenant = application.tenant;
            check(tenant, format!("the object id `{}`", application.id))?;
            check(tenant, format!("the application `{}` in the tenant `{tenant}`", application.app_id))?;
        }
        Ok(())
    }

    fn id(&self, given: Option<Uuid>) -> Uuid {
        given.unwrap_or_else(|| self.edge.uuid())
    }

    fn dangling(&self, name: &Spanned<String>, tenant: &Tenant) -> FileError {
        let what = format!(
            "the tenant `{}` has no user, guest, group or service principal `{}`",
            tenant.name,
            name.get_ref()
        );
        self.wrong(&name.span(), what)
    }

    fn wrong(&self, span: &Span, what: impl fmt::Display) -> FileError {
        self.file.wrong(span, what)
    }
}

fn message(error: &::arm::Error) -> String {
    error.message.clone()
}

fn find_user<'a>(users: &'a [User], upn: &str) -> Option<&'a User> {
    users.iter().find(|user| user.upn.as_str().eq_ignore_ascii_case(upn) && !user.is_guest())
}

/// A user by name (guests also by the name they have at home), a group or an application by its name, within one tenant.
fn find_principal(all: &Organisations, tenant: TenantId, name: &str) -> Option<(ObjectId, PrincipalKind)> {
    let home = find_user(&all.users, name).map(User::person);
    let is_user = |user: &&User| {
        user.tenant == tenant
            && (user.upn.as_str().eq_ignore_ascii_case(name)
                || home.is_some_and(|person| user.person() == person))
    };
    let user = all.users.iter().find(is_user).map(|user| (user.id, PrincipalKind::User));
    let group = || {
        let group = all
            .groups
            .iter()
            .find(|group| group.tenant == tenant && group.name.eq_ignore_ascii_case(name))?;
        Some((group.id, PrincipalKind::Group))
    };
    let application = || {
        let fits = |app: &&ServicePrincipal| app.tenant == tenant && app.name.eq_ignore_ascii_case(name);
        Some((all.applications.iter().find(fits)?.id, PrincipalKind::ServicePrincipal))
    };
    user.or_else(group).or_else(application)
}

impl Organisations {
    fn write(&self, tx: &mut Transaction) -> ::arm::Result<()> {
        self.tenants.iter().try_for_each(|tenant| tx.put(tenant))?;
        self.users.iter().try_for_each(|user| tx.put(user))?;
        self.groups.iter().try_for_each(|group| tx.put(group))?;
        self.applications.iter().try_for_each(|application| tx.put(application))?;
        self.subscriptions.iter().try_for_each(|subscription| tx.put(subscription))?;
        self.owners.iter().try_for_each(|owner| tx.put(owner))
    }
}

/// The first entry of the ledger: what the server started out with.
fn entry(organisations: &Organisations, correlation: Uuid, at: Timestamp) -> ledger::Entry {
    let facts = [
        ("tenants", organisations.tenants.len()),
        ("users", organisations.users.len()),
        ("groups", organisations.groups.len()),
        ("servicePrincipals", organisations.applications.len()),
        ("subscriptions", organisations.subscriptions.len()),
    ];
    ledger::Entry {
        sequence: 0,
        at,
        correlation,
        actor: ledger::Actor {
            person: "system".into(),
            object: Uuid::nil(),
            tenant: Uuid::nil(),
            kind: ledger::ActorKind::System,
            name: "bootstrap".into(),
            authentication: Vec::new(),
            address: None,
        },
        operation: "countersign.bootstrap".into(),
        target: "/".into(),
        change: None,
        verdict: ledger::Verdict::Done,
        reason: "the data folder was filled from a bootstrap file".into(),
        consent: Vec::new(),
        facts: facts.map(|(name, count)| (name.to_string(), count.to_string())).into(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::edge::{SystemClock, SystemEntropy};

    const GOOD: &str = r#"
[[tenants]]
id = "11111111-1111-4111-8111-111111111111"
name = "Contoso"
domain = "contoso.example"
users = [{ upn = "alice@contoso.example", display_name = "Alice Backup", password = "Correct-Horse-9" }]
groups = [{ name = "Backup operators", members = ["alice@contoso.example"] }]
service_principals = [{ name = "automation", secret = "A-Secret-1234" }]
subscriptions = [{ name = "Backup production", owners = ["Alice@contoso.example", "Backup operators", "automation"] }]

[[tenants]]
name = "Fabrikam Security"
domain = "fabsec.example"
guests = [{ upn = "alice@contoso.example" }]
users = [{ upn = "sam@fabsec.example", password = { env = "PATH" } }]
subscriptions = [{ name = "Security", owners = ["sam@fabsec.example", "alice@contoso.example"] }]
"#;

    fn fill_with(text: &str) -> (Result<(), BootstrapError>, Store, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bootstrap.toml");
        std::fs::write(&path, text).unwrap();
        let store = Store::open(&folder.path().join("data")).unwrap();
        let edge = Edge::new(Arc::new(SystemClock::start(None)), Arc::new(SystemEntropy));
        (fill(&store, &edge, &path), store, folder)
    }

    #[test]
    fn organisations_are_filled_in_once() {
        let (filled, store, folder) = fill_with(GOOD);
        filled.unwrap();
        let access = store.transact(|tx| tx.access()).unwrap();
        assert_eq!((access.tenants().count()), 2);
        let edge = Edge::new(Arc::new(SystemClock::start(None)), Arc::new(SystemEntropy));
        let again = fill(&store, &edge, &folder.path().join("bootstrap.toml"));
        assert!(matches!(again, Err(BootstrapError::NotEmpty)));
    }

    #[test]
    fn of_two_servers_that_fill_one_store_at_once_one_does() {
        for _ in 0..3 {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("bootstrap.toml");
            std::fs::write(&path, GOOD).unwrap();
            let store = Store::open(&folder.path().join("data")).unwrap();
            let barrier = std::sync::Barrier::new(2);
            let start = || {
                let edge = Edge::new(Arc::new(SystemClock::start(None)), Arc::new(SystemEntropy));
                barrier.wait();
                fill(&store, &edge, &path)
            };
            let (a, b) = std::thread::scope(|scope| {
                let other = scope.spawn(start);
                (start(), other.join().unwrap())
            });
            let refused = [a, b].into_iter().filter_map(Result::err).collect::<Vec<_>>();
            assert!(matches!(refused.as_slice(), [BootstrapError::NotEmpty]), "{refused:?}");
            assert_eq!(store.transact(|tx| Ok(tx.all::<User>()?.len())).unwrap(), 3);
        }
    }

    #[test]
    fn whoever_fills_the_store_between_the_look_and_the_commit_has_won() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bootstrap.toml");
        std::fs::write(&path, GOOD).unwrap();
        let store = Store::open(&folder.path().join("data")).unwrap();
        let edge = Edge::new(Arc::new(SystemClock::start(None)), Arc::new(SystemEntropy));
        // What servers keep for themselves is in nobody's way.
        store.transact(|tx| tx.put(&store::ClockMark::at(edge.now()))).unwrap();
        let mut looks = Vec::new();
        let outcome = store.transact(|tx| {
            looks.push(is_empty(tx)?);
            if looks == [true] {
                fill(&store, &edge, &path).unwrap();
                tx.put(&store::ClockMark::at(edge.now()))?;
            }
            Ok(())
        });
        outcome.unwrap();
        assert_eq!(looks, [true, false]);
    }

    #[test]
    fn what_makes_no_sense_names_its_line() {
        for (from, to, line, says) in [
            ("upn = \"sam@fabsec.example\"", "upm = \"sam@fabsec.example\"", 15, "unknown field"),
            ("members = [\"alice@", "members = [\"malice@", 7, "malice@contoso.example"),
            ("guests = [{ upn = \"alice@", "guests = [{ upn = \"nobody@", 14, "nobody@contoso.example"),
            ("owners = [\"sam@", "owners = [\"max@", 16, "max@fabsec.example"),
            ("{ env = \"PATH\" }", "{ env = \"COUNTERSIGN_NOT_SET\" }", 15, "COUNTERSIGN_NOT_SET"),
            ("upn = \"sam@fabsec.example\"", "upn = \"sam@contoso.example\"", 15, "fabsec.example"),
            ("\"Correct-Horse-9\"", "\"short\"", 6, "8"),
            ("domain = \"fabsec.example\"", "domain = \"Contoso.example\"", 13, "another tenant"),
            ("name = \"Contoso\"", "nome = \"Contoso\"", 4, "unknown field"),
        ] {
            assert!(GOOD.contains(from), "{from}");
            let text = GOOD.replacen(from, to, 1);
            let text =
                if says == "another tenant" { text.replace("sam@fabsec", "sam@contoso") } else { text };
            let (filled, store, _folder) = fill_with(&text);
            let error = filled.unwrap_err();
            let text = error.to_string();
            assert!(text.contains(says) && text.contains(&format!("line {line}:")), "{from}: {text}");
            assert!(store.transact(|tx| tx.is_pristine()).unwrap());
        }
    }
}
