//! What is brought up to date change by change answers as what is loaded afresh, and what a decision holds stays as it is.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use arm::{ObjectId, RequestId, ResourceId, RoleId, SubscriptionId, TenantId};
use directory::{
    AccountLink, Domain, Group, Person, ServicePrincipal, Subscription, SubscriptionState, Tenant, Upn, User,
};
use jiff::Timestamp;
use ledger::{Actor, ActorKind, Entry, Verdict};
use proptest::prelude::*;
use rbac::{
    Action, Assignment, Origin, Permission, PrincipalKind, RoleDefinition, RoleKind, Window, role_ids,
};
use serde_json::json;
use uuid::Uuid;

use super::Access;
use crate::{Database, Document, Free, Memory, Place, Store, Transaction};

const TENANTS: u8 = 3;
const SUBSCRIPTIONS: u8 = 3;
const OBJECTS: u8 = 7;
const ACTIONS: [&str; 3] = [
    "Microsoft.Authorization/roleAssignments/write",
    "Microsoft.RecoveryServices/vaults/read",
    "Microsoft.RecoveryServices/vaults/write",
];

/// What one change is made of; what each number means depends on the first.
type Dice = [u8; 7];

fn uuid(space: u128, n: u8) -> Uuid {
    Uuid::from_u128(space << 64 | u128::from(n))
}

fn tenant(n: u8) -> TenantId {
    TenantId(uuid(1, n % TENANTS))
}

fn subscription(n: u8) -> SubscriptionId {
    SubscriptionId(uuid(2, n % SUBSCRIPTIONS))
}

fn object(n: u8) -> ObjectId {
    ObjectId(uuid(3, n % OBJECTS))
}

fn custom_role(n: u8) -> RoleId {
    RoleId(uuid(4, n % 2))
}

fn role(n: u8) -> RoleId {
    [custom_role(0), custom_role(1), role_ids::OWNER, role_ids::READER][usize::from(n % 4)]
}

fn scope(n: u8) -> ResourceId {
    let group = |n| ResourceId::subscription(subscription(n)).child("resourceGroups/Rg").unwrap();
    match n % 5 {
        0 => ResourceId::root(),
        1 => ResourceId::subscription(subscription(0)),
        2 => group(0),
        3 => ResourceId::subscription(subscription(1)),
        _ => group(2),
    }
}

fn time(n: u8) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + i64::from(n)).unwrap()
}

fn put<D: Free>(tx: &mut Transaction, document: Option<D>, key: &str) {
    match document {
        Some(document) => tx.put(&document).unwrap(),
        None => tx.delete::<D>(key),
    }
}

fn user(n: u8, home: u8, enabled: bool) -> User {
    let upn = Upn::parse(&format!("user{n}@t.example")).unwrap();
    let tenant = Tenant {
        id: tenant(home),
        name: "t".into(),
        domain: Domain::parse("t.example").unwrap(),
        created: time(0),
    };
    let user = User::member(&tenant, object(n), upn, "User", time(0)).unwrap();
    User { enabled, ..user }
}

fn put_tenant(tx: &mut Transaction, [_, n, keep, name, ..]: Dice) {
    let document = Tenant {
        id: tenant(n),
        name: format!("tenant {name}"),
        domain: Domain::parse("t.example").unwrap(),
        created: time(0),
    };
    put(tx, (keep % 8 > 0).then_some(document), &tenant(n).to_string());
}

fn put_subscription(tx: &mut Transaction, [_, n, keep, owner, ..]: Dice) {
    let document = Subscription {
        id: subscription(n),
        tenant: tenant(owner),
        name: "subscription".into(),
        state: SubscriptionState::Enabled,
    };
    put(tx, (keep % 4 > 0).then_some(document), &subscription(n).to_string());
}

fn put_role(tx: &mut Transaction, [_, n, keep, first, second, action, _]: Dice) {
    let action = ACTIONS[usize::from(action) % ACTIONS.len()];
    let document = RoleDefinition {
        id: custom_role(n),
        role_name: "custom".into(),
        description: String::new(),
        kind: RoleKind::Custom,
        assignable_scopes: vec![scope(first), scope(second)],
        permissions: vec![Permission {
            actions: vec![rbac::ActionPattern::parse(action).unwrap()],
            ..Permission::default()
        }],
        created_on: None,
        updated_on: None,
        created_by: None,
        updated_by: None,
    };
    put(tx, (keep % 4 > 0).then_some(document), &custom_role(n).to_string());
}

fn put_user(tx: &mut Transaction, [_, n, keep, home, enabled, ..]: Dice) {
    let n = n % OBJECTS;
    put(tx, (keep % 4 > 0).then(|| user(n, home, enabled % 4 > 0)), &object(n).to_string());
}

fn put_application(tx: &mut Transaction, [_, n, keep, home, ..]: Dice) {
    let document = ServicePrincipal {
        id: object(n),
        tenant: tenant(home),
        app_id: uuid(5, n % OBJECTS),
        name: "application".into(),
        secrets: Vec::new(),
    };
    put(tx, (keep % 2 > 0).then_some(document), &object(n).to_string());
}

fn put_group(tx: &mut Transaction, [_, n, keep, home, members, ..]: Dice) {
    // The last objects are groups more often than not, so that some are nested.
    let n = OBJECTS - 1 - n % 4;
    let document = Group {
        id: object(n),
        tenant: tenant(home % 2),
        name: "group".into(),
        mail_nickname: "group".into(),
        description: None,
        members: (0..OBJECTS).filter(|bit| members & (1 << bit) > 0).map(object).collect(),
    };
    put(tx, (keep % 4 > 0).then_some(document), &object(n).to_string());
}

fn put_link(tx: &mut Transaction, [_, one, other, keep, ..]: Dice) {
    let account = |n: u8| Person::Human { tenant: tenant(n / OBJECTS), object: object(n) };
    let accounts = [account(one), account(other)];
    if let Ok(link) = AccountLink::new(accounts, tenant(0), account(0), time(0)) {
        put(tx, (keep % 4 > 0).then_some(link), &AccountLink::key_of(accounts));
    }
}

fn request(n: u8) -> RequestId {
    RequestId(uuid(6, n % 2))
}

fn assignment(name: u8, at: u8, holder: u8, role_: u8, origin: Origin) -> Assignment {
    let at = scope(at);
    // One of them has a name that is no GUID.
    let name = if name % 4 == 3 { "odd".to_string() } else { uuid(7, name % 4).to_string() };
    let id = at.child(&format!("providers/Microsoft.Authorization/roleAssignments/{name}")).unwrap();
    let made = Assignment::new(id, at, role(role_), object(holder), PrincipalKind::User);
    Assignment { origin, ..made }
}

fn put_assignment(tx: &mut Transaction, [_, name, at, keep, holder, role, more]: Dice) {
    let origin = match more % 4 {
        0 => Origin::Activated { request: request(name) },
        _ => Origin::Assigned,
    };
    let made = Assignment {
        window: (more & 4 > 0).then(|| Window { start: time(0), end: (more & 8 > 0).then(|| time(1)) }),
        condition: (more & 0x70 == 0).then(|| "a condition".into()),
        description: Some("for the test".into()),
        ..assignment(name, at, holder, role, origin)
    };
    let key = made.key();
    put(tx, (keep % 4 > 0).then_some(made), &key);
}

fn put_eligibility(tx: &mut Transaction, [_, name, at, keep, holder, role_, _]: Dice) {
    let document: pim::Eligibility = serde_json::from_value(json!({
        "name": RequestId(uuid(8, name % 2)), "scope": scope(at), "role": role(role_),
        "principal": object(holder), "principal_kind": "User", "window": {"start": time(0), "end": null},
        "asked": pim::ScheduleInfo::default(), "created": time(0), "updated": null,
        "request": RequestId(uuid(8, name % 2)),
    }))
    .unwrap();
    let key = document.key();
    put(tx, (keep % 4 > 0).then_some(document), &key);
}

fn put_request(tx: &mut Transaction, [_, name, at, keep, holder, role_, below]: Dice, eligibility_at: u8) {
    let window = json!({"start": time(0), "end": null});
    let progress = match keep % 8 {
        1 => json!({"PendingApproval": {"expires": time(1), "approvals": []}}),
        2 => json!({"Revoked": {
            "window": window, "consent": "NotRequired", "by": object(0), "at": time(0)
        }}),
        _ => json!({"Provisioned": {"window": window, "consent": "NotRequired"}}),
    };
    let document: pim::ActivationRequest = serde_json::from_value(json!({
        "name": request(name), "scope": scope(at), "role": role(role_), "principal": object(holder),
        "person": "person", "eligibility": RequestId(uuid(8, below % 2)),
        "eligibility_scope": scope(eligibility_at), "through": null, "asked": pim::ScheduleInfo::default(),
        "justification": "", "ticket": pim::Ticket::default(), "signed_in": pim::Authentication::default(),
        "created": time(0), "progress": progress,
    }))
    .unwrap();
    let key = document.key();
    put(tx, (keep % 8 > 0).then_some(document), &key);
}

/// All three that make an activation, which fit together.
fn put_activation(tx: &mut Transaction, [_, name, at, above, holder, role, through]: Dice) {
    // At the scope or at the subscription above, and to a holder or to what is likely a group.
    let eligibility_at = if at % 5 == 2 && above % 2 > 0 { 1 } else { at };
    let eligible = if through % 2 > 0 { OBJECTS - 1 - through / 2 % 4 } else { holder };
    put_eligibility(tx, [0, name, eligibility_at, 1, eligible, role, 0]);
    put_request(tx, [0, name, at, 3, holder, role, name], eligibility_at);
    tx.put(&assignment(name, at, holder, role, Origin::Activated { request: request(name) })).unwrap();
}

fn change(tx: &mut Transaction, dice: Dice) {
    match dice[0] % 16 {
        0 => put_tenant(tx, dice),
        1 => put_subscription(tx, dice),
        2 => put_role(tx, dice),
        3 | 4 => put_user(tx, dice),
        5 => put_application(tx, dice),
        6..=8 => put_group(tx, dice),
        9 => put_eligibility(tx, dice),
        10 => put_request(tx, dice, dice[2]),
        11 | 12 => put_activation(tx, dice),
        13 => put_link(tx, dice),
        _ => put_assignment(tx, dice),
    }
}

/// Tenants, subscriptions and people to begin with, so that not everything is about who is not there.
fn begin(tx: &mut Transaction) {
    for n in 0..2 {
        put_tenant(tx, [0, n, 1, 0, 0, 0, 0]);
        put_subscription(tx, [0, n, 1, n, 0, 0, 0]);
        put_role(tx, [0, n, 1, 1, 3, 2, 0]);
    }
    for n in 0..4 {
        put_user(tx, [0, n, 1, n / 3, 1, 0, 0]);
    }
    put_group(tx, [0, 0, 1, 0, 0b10_0011, 0, 0]);
    put_group(tx, [0, 1, 1, 0, 0b10_0100, 0, 0]);
}

/// Everything that can be asked. An index alone may still name who is gone; nobody believes it.
fn answers(access: &Access) -> Vec<String> {
    let mut told = vec![
        format!("{:?}", access.tenants().collect::<Vec<_>>()),
        format!("{:?}", access.subscriptions.values().collect::<Vec<_>>()),
    ];
    let times = [time(0), time(2)];
    for who in (0..OBJECTS).map(object) {
        let Some(principal) = access.principal(who) else {
            told.push(format!("{who}: gone, in {:?}", access.group(who)));
            continue;
        };
        told.push(format!("{who}: {principal:?} {:?} {:?}", access.group(who), access.groups_of(who)));
        told.push(format!("{who} is {:?}, acts as {:?}", access.human(who), access.acting(who)));
        for now in times {
            for at in (0..5).map(scope) {
                for action in ACTIONS {
                    let allowed = access.may(who, action, &at, now).unwrap();
                    told.push(format!("{who} {action} {at} {now}: {allowed:?}"));
                }
                let index = access.index(principal.tenant);
                let permissions = index.map(|index| index.effective_permissions(who, &at, now));
                told.push(format!("{who} {at} {now}: {permissions:?}"));
            }
            let seen = access.index(principal.tenant).map(|index| index.visible_subscriptions(who, now));
            told.push(format!("{who} {now} sees {seen:?}"));
        }
    }
    for tenant in (0..TENANTS).map(tenant) {
        let Some(index) = access.index(tenant) else {
            told.push(format!("{tenant}: none"));
            continue;
        };
        told.extend((0..4).map(role).map(|role| format!("{tenant}: {:?}", index.role(role))));
        for at in (0..5).map(scope) {
            let action = Action::parse(ACTIONS[1]).unwrap();
            let mut who = index.principals_allowed(&action, &at, time(0));
            who.retain(|who| access.principal(*who).is_some_and(|who| who.tenant == tenant));
            told.push(format!("{tenant} {at}: {who:?}"));
        }
    }
    told
}

pub(crate) fn entry() -> Entry {
    let actor = Actor {
        person: "test".into(),
        object: Uuid::nil(),
        tenant: Uuid::nil(),
        kind: ActorKind::System,
        name: "test".into(),
        authentication: Vec::new(),
        address: None,
    };
    Entry {
        sequence: 0,
        at: time(0),
        correlation: Uuid::nil(),
        actor,
        operation: "test".into(),
        target: "/".into(),
        change: None,
        verdict: Verdict::Done,
        reason: "test".into(),
        consent: Vec::new(),
        facts: BTreeMap::new(),
    }
}

fn loaded(store: &Store) -> Access {
    let snapshot = store.shared.engine.snapshot().unwrap();
    let revision = snapshot.access().unwrap();
    Access::load(&*snapshot, revision).unwrap()
}

fn commit(store: &Store, changes: &[Dice]) {
    let decide = |tx: &mut Transaction| {
        tx.record(entry());
        changes.iter().for_each(|dice| change(tx, *dice));
        Ok(())
    };
    store.transact(decide).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn following_is_as_good_as_loading(
        history in prop::collection::vec((prop::collection::vec(any::<Dice>(), 1..4), any::<u8>()), 1..40)
    ) {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::Memory(Memory::default());
        let store = Store::open_at(&Place { database, ..Place::folder(folder.path()) }).unwrap();
        commit(&store, &[]);
        store.transact(|tx| { tx.record(entry()); begin(tx); Ok(()) }).unwrap();
        // What decisions still hold, and what it answered when they began.
        let mut held: VecDeque<(Arc<Access>, Vec<String>)> = VecDeque::new();
        for (changes, hold) in history {
            commit(&store, &changes);
            if hold % 4 == 0 {
                // Several changes are taken in at once.
                continue;
            }
            let access = store.transact(|tx| tx.access()).unwrap();
            let fresh = loaded(&store);
            let told = answers(&access);
            prop_assert_eq!(access.revision(), fresh.revision());
            prop_assert_eq!(&told, &answers(&fresh));
            // From none to several are held, so that what is published is changed in place, exchanged and copied.
            if hold & 0x10 > 0 {
                held.push_back((access, told));
            }
            for _ in 0..(hold >> 6) {
                if let Some((access, told)) = held.pop_front() {
                    prop_assert_eq!(answers(&access), told);
                }
            }
        }
    }
}
