//! A server of two organisations on free ports, a clock that tests set, and callers with tokens.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arm::{ObjectId, ResourceId, SubscriptionId, TenantId};
use directory::token::{AccessClaims, IdentityType, issue, issuer};
use directory::{
    Domain, PasswordHash, Person, ServicePrincipal, Subscription, SubscriptionState, Tenant, Upn, User,
};
use jiff::{SignedDuration, Timestamp};
use rbac::{Assignment, PrincipalKind, role_ids};
use resources::Registration;
use serde_json::{Value, json};
use server::edge::{Clock, Edge, GuardedClock, SystemEntropy, Timepiece};
use server::settings::Settings;
use server::{Config, Running};
use store::{Inspector, Store, Transaction};
use uuid::Uuid;

pub const CONTOSO: TenantId = TenantId(Uuid::from_u128(0x1111));
pub const FABSEC: TenantId = TenantId(Uuid::from_u128(0x2222));
pub const BACKUP_SUB: SubscriptionId = SubscriptionId(Uuid::from_u128(0xb));
pub const SECURITY_SUB: SubscriptionId = SubscriptionId(Uuid::from_u128(0x5));
/// Alice owns the backup subscription; she is a guest in the security team's tenant.
pub const ALICE: ObjectId = ObjectId(Uuid::from_u128(0xa11ce));
pub const ALICE_GUEST: ObjectId = ObjectId(Uuid::from_u128(0xa11ce2));
/// Bob has no right anywhere at first.
pub const BOB: ObjectId = ObjectId(Uuid::from_u128(0xb0b));
/// Sam owns the security subscription.
pub const SAM: ObjectId = ObjectId(Uuid::from_u128(0x5a11));
/// Sue is a second human of the security team without rights.
pub const SUE: ObjectId = ObjectId(Uuid::from_u128(0x50e));
/// An application of Contoso without rights, and the same application in the security tenant.
pub const AUTOMATION: ObjectId = ObjectId(Uuid::from_u128(0xaa));
pub const AUTOMATION_GUEST: ObjectId = ObjectId(Uuid::from_u128(0xab));
pub const AUTOMATION_APP: Uuid = Uuid::from_u128(0xa99);
/// Everybody's password.
pub const PASSWORD: &str = "Correct-Horse-9";

/// The name that clients know several servers by.
const PUBLIC_NAME: &str = "backup.example";

/// Timepieces that only tests move.
#[derive(Clone, Default)]
pub struct Hands {
    wall: Arc<AtomicI64>,
    passed: Arc<AtomicI64>,
}

impl Timepiece for Hands {
    fn wall(&self) -> Timestamp {
        Timestamp::from_microsecond(self.wall.load(Ordering::SeqCst)).unwrap()
    }

    fn passed(&self) -> SignedDuration {
        SignedDuration::from_micros(self.passed.load(Ordering::SeqCst))
    }
}

pub struct Harness {
    pub running: Running,
    pub hands: Hands,
    pub clock: Arc<GuardedClock<Hands>>,
    pub folder: tempfile::TempDir,
    pub http: reqwest::Client,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
    pub text: String,
}

impl Answer {
    /// ARM's error code, or nothing.
    pub fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    /// ARM's error message, or nothing.
    pub fn message(&self) -> &str {
        self.body["error"]["message"].as_str().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Asserts the status and hands the body on.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.body
    }
}

/// Somebody's tokens: the main one, and those of other tenants that go along.
#[derive(Clone)]
pub struct Caller<'a> {
    server: &'a Harness,
    main: ObjectId,
    auxiliary: Vec<ObjectId>,
}

impl Harness {
    pub async fn start() -> Self {
        Self::start_with(Settings::default()).await
    }

    /// A server with a configuration file that says this.
    pub async fn start_with(settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.transact(|tx| seed(tx, real_now())).unwrap();
        let listen = [SocketAddr::from(([127, 0, 0, 1], 0)); 2];
        Self::on(store, folder, listen, None, settings, Hands::default()).await
    }

    /// Ends the server, and starts another one on the same data, as the program does: its clock begins where the wall
    /// clock is, but not before what the first one has left written.
    pub async fn restart(self) -> Self {
        let Self { running, folder, hands, .. } = self;
        let store = running.app().store.clone();
        running.stop().await;
        store.close();
        drop(store);
        let listen = [SocketAddr::from(([127, 0, 0, 1], 0)); 2];
        let store = Store::open(folder.path()).unwrap();
        Self::on(store, folder, listen, None, Settings::default(), hands).await
    }

    /// Two servers on one store, each with a listener, a clock and a data folder of its own. Clients know both by one
    /// name and the same ports, as behind a balancer: what is sent through the one or the other goes to that one.
    pub async fn two() -> [Self; 2] {
        Self::two_with(Settings::default()).await
    }

    /// The same, with a configuration file that says this.
    pub async fn two_with(settings: Settings) -> [Self; 2] {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.transact(|tx| seed(tx, real_now())).unwrap();
        let listen = [SocketAddr::from(([127, 0, 0, 1], 0)); 2];
        let a =
            Self::on(store.clone(), folder, listen, Some(PUBLIC_NAME), settings.clone(), Hands::default())
                .await;
        let port = |address: &str| address.rsplit_once(':').unwrap().1.parse().unwrap();
        let listen = [&a.running.address, &a.running.graph_address]
            .map(|address| SocketAddr::from(([127, 0, 0, 2], port(address))));
        let b = Self::on(
            store,
            tempfile::tempdir().unwrap(),
            listen,
            Some(PUBLIC_NAME),
            settings,
            Hands::default(),
        )
        .await;
        [a, b]
    }

    async fn on(
        store: Store,
        folder: tempfile::TempDir,
        [listen, graph_listen]: [SocketAddr; 2],
        public_name: Option<&str>,
        settings: Settings,
        hands: Hands,
    ) -> Self {
        // Hands that nobody has set yet.
        let real = real_now().as_microsecond();
        let _ = hands.wall.compare_exchange(0, real, Ordering::SeqCst, Ordering::SeqCst);
        let mark = server::clock_mark(&store).unwrap();
        let clock = Arc::new(GuardedClock::on(hands.clone(), mark.as_ref()));
        let edge = Edge::new(clock.clone(), Arc::new(SystemEntropy));
        let config = Config {
            data: folder.path().to_path_buf(),
            listen,
            graph_listen,
            userrealm_listen: None,
            public_name: public_name.map(String::from),
            settings,
        };
        let running = server::start(&config, store, edge).await.unwrap();
        let ca = std::fs::read(folder.path().join("tls/ca.pem")).unwrap();
        let http = reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(&ca).unwrap()])
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .resolve(PUBLIC_NAME, listen)
            .build()
            .unwrap();
        Self { running, hands, clock, folder, http }
    }

    pub fn origin(&self) -> &str {
        &self.running.address
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets time pass.
    pub fn advance(&self, by: SignedDuration) {
        self.hands.passed.fetch_add(i64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
        self.set_wall(by);
    }

    /// Sets the wall clock, forward or back; no time passes.
    pub fn set_wall(&self, by: SignedDuration) {
        self.hands.wall.fetch_add(i64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }

    /// Writes something straight into the store, as if it had been there before.
    pub fn seed<T>(&self, write: impl Fn(&mut Transaction) -> arm::Result<T>) -> T {
        let now = self.now();
        let seeded = self.running.app().store.transact(|tx| {
            let outcome = write(tx)?;
            tx.record(entry(now, "test.seed"));
            Ok(outcome)
        });
        seeded.unwrap()
    }

    /// Everything in the ledger, which is checked on the way.
    pub fn ledger(&self) -> Vec<ledger::Entry> {
        let inspector = Inspector::open(self.folder.path(), &store::Database::Sqlite).unwrap();
        inspector.verify_ledger(None).unwrap().unwrap();
        inspector.entries(0, u32::MAX).unwrap()
    }

    /// Somebody by object id, with a token of the tenant that knows it.
    pub fn as_(&self, who: ObjectId) -> Caller<'_> {
        Caller { server: self, main: who, auxiliary: Vec::new() }
    }

    /// A token for ARM, as the sign-in would issue it now.
    pub fn token(&self, who: ObjectId) -> String {
        self.token_for(who, self.origin(), &["pwd"])
    }

    /// A token for an audience, with the given ways of signing in.
    pub fn token_for(&self, who: ObjectId, audience: &str, amr: &[&str]) -> String {
        let app = self.running.app();
        let now = self.now().as_second();
        let principal = app.store.transact(|tx| Ok(tx.access()?.principal(who).cloned())).unwrap().unwrap();
        let user = principal.kind == PrincipalKind::User;
        let claims = AccessClaims {
            iss: issuer(self.origin(), principal.tenant),
            aud: audience.to_string(),
            tid: principal.tenant,
            oid: who,
            sub: who,
            appid: if user { Uuid::nil() } else { principal.name.parse().unwrap() },
            idtyp: if user { IdentityType::User } else { IdentityType::App },
            upn: user.then(|| principal.name.clone()),
            unique_name: None,
            name: Some(principal.display_name.clone()),
            amr: amr.iter().map(|method| serde_json::from_value(json!(method)).unwrap()).collect(),
            acrs: Vec::new(),
            auth_time: Some(now),
            iat: now,
            nbf: now,
            exp: now + 3600,
            uti: "test".into(),
            sid: None,
            ver: "1.0".into(),
            person: principal.person.unwrap(),
            xms_cc: Vec::new(),
        };
        issue(&app.keys[0], &claims).unwrap()
    }

    pub async fn anonymous(&self, method: &str, path: &str) -> Answer {
        self.send(self.request(method, path)).await
    }

    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url =
            if path.starts_with("https://") { path.to_string() } else { format!("{}{path}", self.origin()) };
        self.http.request(method.parse().unwrap(), url)
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status, headers, body, text }
    }
}

impl Caller<'_> {
    /// Sends a token of this object id's tenant along, in `x-ms-authorization-auxiliary`.
    pub fn with(mut self, auxiliary: ObjectId) -> Self {
        self.auxiliary.push(auxiliary);
        self
    }

    /// Calls ARM. An api-version is added when the path has none; a null body is none.
    pub async fn call(&self, method: &str, path: &str, body: Value) -> Answer {
        let separator = if path.contains('?') { '&' } else { '?' };
        let path = if path.contains("api-version=") {
            path.to_string()
        } else {
            format!("{path}{separator}api-version=2026-08-01")
        };
        let mut request = self.server.request(method, &path).bearer_auth(self.server.token(self.main));
        if !self.auxiliary.is_empty() {
            let tokens: Vec<String> =
                self.auxiliary.iter().map(|who| format!("Bearer {}", self.server.token(*who))).collect();
            request = request.header("x-ms-authorization-auxiliary", tokens.join(", "));
        }
        if !body.is_null() {
            request = request.json(&body);
        }
        self.server.send(request).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, Value::Null).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.call("PUT", path, body).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.call("PATCH", path, body).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path, body).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", path, Value::Null).await
    }
}

/// The clock starts where the real one is, because the client checks the server's certificate by the real one.
#[expect(clippy::disallowed_methods, reason = "a test is an edge of its own")]
fn real_now() -> Timestamp {
    Timestamp::now()
}

fn seed(tx: &mut Transaction, now: Timestamp) -> arm::Result<()> {
    let contoso = tenant(tx, CONTOSO, "Contoso", "contoso.example", now)?;
    let fabsec = tenant(tx, FABSEC, "Fabrikam Security", "fabsec.example", now)?;
    subscription(tx, BACKUP_SUB, CONTOSO, "Backup production")?;
    subscription(tx, SECURITY_SUB, FABSEC, "Security")?;
    let alice = user(tx, &contoso, ALICE, "alice", "Alice Backup", now)?;
    user(tx, &contoso, BOB, "bob", "Bob", now)?;
    user(tx, &fabsec, SAM, "sam", "Sam Security", now)?;
    user(tx, &fabsec, SUE, "sue", "Sue", now)?;
    tx.put(&alice.as_guest_of(&fabsec, ALICE_GUEST, now)?)?;
    for (id, tenant) in [(AUTOMATION, CONTOSO), (AUTOMATION_GUEST, FABSEC)] {
        let secrets = vec![PasswordHash::new(PASSWORD, [1; 16])?];
        tx.put(&ServicePrincipal { id, tenant, app_id: AUTOMATION_APP, name: "automation".into(), secrets })?;
    }
    owner(tx, BACKUP_SUB, ALICE)?;
    owner(tx, SECURITY_SUB, SAM)?;
    tx.record(entry(now, "test.seed"));
    Ok(())
}

fn tenant(
    tx: &mut Transaction,
    id: TenantId,
    name: &str,
    domain: &str,
    created: Timestamp,
) -> arm::Result<Tenant> {
    let tenant = Tenant { id, name: name.into(), domain: Domain::parse(domain)?, created };
    tx.put(&tenant)?;
    Ok(tenant)
}

fn subscription(tx: &mut Transaction, id: SubscriptionId, tenant: TenantId, name: &str) -> arm::Result<()> {
    for namespace in ["Microsoft.RecoveryServices", "Microsoft.DataProtection"] {
        tx.put(&Registration { subscription: id, namespace: namespace.into() })?;
    }
    tx.put(&Subscription { id, tenant, name: name.into(), state: SubscriptionState::Enabled })
}

fn user(
    tx: &mut Transaction,
    tenant: &Tenant,
    id: ObjectId,
    name: &str,
    display: &str,
    now: Timestamp,
) -> arm::Result<User> {
    let upn = Upn::parse(&format!("{name}@{}", tenant.domain))?;
    let mut user = User::member(tenant, id, upn, display, now)?;
    user.password = Some(PasswordHash::new(PASSWORD, [7; 16])?);
    tx.put(&user)?;
    Ok(user)
}

fn owner(tx: &mut Transaction, subscription: SubscriptionId, principal: ObjectId) -> arm::Result<()> {
    let scope = ResourceId::subscription(subscription);
    let id = scope.child(&format!("providers/Microsoft.Authorization/roleAssignments/{}", principal.0))?;
    tx.put(&Assignment::new(id, scope, role_ids::OWNER, principal, PrincipalKind::User))
}

/// An entry for what a test does behind the server's back.
pub fn entry(now: Timestamp, operation: &str) -> ledger::Entry {
    let person = Person::Application(Uuid::nil()).to_string();
    ledger::Entry {
        sequence: 0,
        at: now,
        correlation: Uuid::nil(),
        actor: ledger::Actor {
            person,
            object: Uuid::nil(),
            tenant: Uuid::nil(),
            kind: ledger::ActorKind::System,
            name: "test".into(),
            authentication: Vec::new(),
            address: None,
        },
        operation: operation.into(),
        target: "/".into(),
        change: None,
        verdict: ledger::Verdict::Done,
        reason: "seeded".into(),
        consent: Vec::new(),
        facts: Default::default(),
    }
}
