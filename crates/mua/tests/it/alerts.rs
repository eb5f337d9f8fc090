//! Which event raises which alert: a list to be read, in `tests/golden/alerts.txt`, which only `UPDATE_GOLDEN=1` rewrites,
//! and never in CI.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use jiff::Timestamp;
use ledger::{Actor, ActorKind, Consent, Entry, Verdict};
use mua::CriticalOperation;
use mua::alert::{
    APPROVERS_UNREACHABLE, AlertRule, AlertState, CLOCK_ACCEPTED, CLOCK_IN_DOUBT, CRITICAL_OPERATIONS,
    EXEMPTED, Handling, PROTECTED, SEPARATION_OF_DUTIES, alerts,
};
use uuid::Uuid;

const GUARD: &str = "/subscriptions/s/resourceGroups/sec/providers/Microsoft.DataProtection/resourceGuards/g";
const GUARDS: &str = "Microsoft.DataProtection/subscriptions/resourceGroups/providers/resourceGuards";
const POLICY: &str = "Microsoft.DataProtection/backupVaults/backupPolicies/write";

fn vault(resource_type: &str) -> String {
    format!("/subscriptions/b/resourceGroups/rg/providers/{resource_type}/v")
}

fn entry(verdict: Verdict, operation: &str, target: &str, facts: &[(&str, &str)]) -> Entry {
    Entry {
        sequence: 7,
        at: Timestamp::UNIX_EPOCH,
        correlation: Uuid::nil(),
        actor: Actor {
            person: "user:1/2".into(),
            object: Uuid::nil(),
            tenant: Uuid::nil(),
            kind: ActorKind::User,
            name: "alice".into(),
            authentication: Vec::new(),
            address: None,
        },
        operation: operation.into(),
        target: target.into(),
        change: None,
        verdict,
        reason: "why".into(),
        consent: Vec::new(),
        facts: facts
            .iter()
            .map(|(name, fact)| (name.to_string(), fact.to_string()))
            .collect::<BTreeMap<_, _>>(),
    }
}

fn done(operation: &str, target: &str, facts: &[(&str, &str)]) -> Entry {
    entry(Verdict::Done, operation, target, facts)
}

/// A change below a vault that was a critical operation: free, with consent, or refused.
fn critical(operation: CriticalOperation) -> [(String, Entry); 3] {
    let name = operation.name();
    let target = format!("{}/some/thing", vault(operation.vault_kind().resource_type()));
    let free = done("some/action", &target, &[(CRITICAL_OPERATIONS, &name)]);
    let mut consented = free.clone();
    consented.consent.push(Consent {
        operation: name.clone(),
        request: format!("{GUARD}/{}/default", operation.request_kind()),
        guard: GUARD.to_uppercase().replace("/SUBSCRIPTIONS/", "/subscriptions/"),
        holder: "user:1/2".into(),
        assignment: "/a".into(),
        expires: None,
    });
    consented.facts.insert("guard".into(), GUARD.into());
    let refused = entry(Verdict::Refused, &name, &target, &[("guard", GUARD)]);
    [
        (format!("{name}, without a guard"), free),
        (format!("{name}, with consent"), consented),
        (format!("{name}, refused"), refused),
    ]
}

/// What a server notices by itself.
fn by_the_server(kind: &str, item: &str, target: &str) -> Vec<(String, Entry)> {
    let mut events = Vec::new();
    for (verb, what) in [
        ("freeze", "something out of the ordinary is noticed in a repository"),
        ("recoveryPoints/missed", "no recovery point arrives for two periods"),
        ("recoveryPoints/resumed", "recovery points arrive again"),
        ("repository/damage", "stored bytes are damaged"),
        ("repository/heal", "damaged bytes are whole again"),
    ] {
        events.push((format!("{kind}: {what}"), done(&format!("{kind}/{item}/{verb}"), target, &[])));
    }
    for (operation, what) in [
        (CLOCK_IN_DOUBT, "the clock of the host cannot be relied on"),
        (CLOCK_ACCEPTED, "somebody vouches for the clock of the host"),
    ] {
        events.push((format!("{kind}: {what}"), done(operation, &vault(kind), &[])));
    }
    events
}

fn events() -> Vec<(String, Entry)> {
    let mut events: Vec<_> = CriticalOperation::ALL.iter().copied().flat_map(critical).collect();
    for kind in ["Microsoft.RecoveryServices/Vaults", "Microsoft.DataProtection/backupVaults"] {
        let vault = vault(kind);
        let proxy = format!("{vault}/backupResourceGuardProxies/p");
        let write = format!("{kind}/backupResourceGuardProxies/write");
        let linked = [("guard", GUARD)];
        let unseparated = [("guard", GUARD), (SEPARATION_OF_DUTIES, "1 can")];
        let unlock = format!("{kind}/backupResourceGuardProxies/unlockDelete/action");
        events.push((format!("{kind}: linked to a guard"), done(&write, &proxy, &linked)));
        events.push((
            format!("{kind}: linked to a guard that somebody overrides"),
            done(&write, &proxy, &unseparated),
        ));
        events.push((
            format!("{kind}: deletion unlocked"),
            done(&unlock, &format!("{proxy}/unlockDelete"), &linked),
        ));
        events.push((format!("{kind}: settings changed"), done(&format!("{kind}/write"), &vault, &[])));
    }
    let guard_write = format!("{GUARDS}/write");
    let exempted = [("exempt", POLICY), (EXEMPTED, POLICY)];
    events.push(("guard: tags changed".into(), done(&guard_write, GUARD, &[("exempt", POLICY)])));
    events.push(("guard: exempts an operation".into(), done(&guard_write, GUARD, &exempted)));
    events.push((
        "guard: protects an operation again".into(),
        done(&guard_write, GUARD, &[(PROTECTED, POLICY)]),
    ));
    events.push(("guard: deleted".into(), done(&format!("{GUARDS}/delete"), GUARD, &[])));
    events.push(("guard: nobody is left to approve".into(), done(APPROVERS_UNREACHABLE, GUARD, &[])));
    let group = done(APPROVERS_UNREACHABLE, "/subscriptions/s/resourceGroups/rg", &[]);
    events.push(("nobody is left to approve where there is no guard".into(), group));
    let approve = "Microsoft.Authorization/roleAssignmentApprovals/stages/write";
    let stage = "/providers/Microsoft.Authorization/roleAssignmentApprovals/1/stages/1";
    let scope = [("scope", GUARD)];
    events.push(("approval refused, for a guard".into(), entry(Verdict::Refused, approve, stage, &scope)));
    let scope = [("scope", "/subscriptions/s")];
    events.push(("approval refused, elsewhere".into(), entry(Verdict::Refused, approve, stage, &scope)));
    events.push(("approval given, for a guard".into(), done(approve, stage, &[("scope", GUARD)])));
    for (kind, item) in [
        ("Microsoft.RecoveryServices/vaults", "backupFabrics/protectionContainers/protectedItems"),
        ("Microsoft.DataProtection/backupVaults", "backupInstances"),
    ] {
        let target = format!("{}/some/item", vault(kind));
        events.push((format!("{kind}: purged"), done(&format!("{kind}/{item}/purge"), &target, &[])));
        let upcoming = done(&format!("{kind}/{item}/upcomingPurge"), &target, &[]);
        events.push((format!("{kind}: purged in two days"), upcoming));
        let tried = entry(Verdict::Refused, "repository.pin.try", &target, &[]);
        events.push((format!("{kind}: a backup client shows a wrong security PIN"), tried));
        let removed = done("repository.config.hide", &target, &[]);
        events.push((format!("{kind}: a backup client removes the config of its repository"), removed));
        events.extend(by_the_server(kind, item, &target));
    }
    events.push((
        "a recovery point arrived".into(),
        done("repository.snapshot.arrive", &vault("Microsoft.RecoveryServices/vaults"), &[]),
    ));
    events
}

fn list() -> String {
    let mut text = String::from(
        "Which event raises which alert, how severe, and on what.\n\
         Written by tests/it/alerts.rs; UPDATE_GOLDEN=1 rewrites it.\n",
    );
    for (event, entry) in events() {
        let _ = writeln!(text, "\n{event}");
        let raised = alerts(&entry);
        for alert in &raised {
            let (rule, target) = (alert.rule, alert.target.name());
            let _ = writeln!(
                text,
                "  {} {}: {:?} {target}",
                rule.severity().as_str(),
                rule.title(),
                alert.concerns
            );
        }
        if raised.is_empty() {
            text.push_str("  none\n");
        }
    }
    text
}

#[test]
fn each_event_raises_the_alerts_that_are_listed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/alerts.txt");
    let set = |name: &str, value: &str| std::env::var(name).is_ok_and(|is| is == value);
    if set("UPDATE_GOLDEN", "1") {
        assert!(!set("CI", "true"), "golden files are updated by people, not by CI");
        std::fs::write(&path, list()).unwrap();
    }
    assert_eq!(list(), std::fs::read_to_string(&path).unwrap());
}

#[test]
fn every_rule_has_an_event_a_name_and_a_number_of_its_own() {
    let raised: BTreeSet<AlertRule> =
        events().iter().flat_map(|(_, entry)| alerts(entry)).map(|alert| alert.rule).collect();
    assert_eq!(raised, AlertRule::ALL.iter().copied().collect());
    let titles: BTreeSet<&str> = AlertRule::ALL.iter().map(|rule| rule.title()).collect();
    let codes: BTreeSet<u8> = AlertRule::ALL.iter().map(|rule| rule.code()).collect();
    assert_eq!((titles.len(), codes.len()), (AlertRule::ALL.len(), AlertRule::ALL.len()));
}

#[test]
fn an_alert_on_a_guard_is_one_however_its_id_is_written() {
    for operation in CriticalOperation::ALL {
        let [(_, free), (_, consented), (_, refused)] = critical(*operation);
        let targets = |entry: &Entry| {
            alerts(entry).into_iter().map(|alert| alert.target.name().to_lowercase()).collect::<Vec<_>>()
        };
        assert_eq!((targets(&free), targets(&consented)), (vec!["v".into()], vec!["v".into(), "g".into()]));
        assert_eq!(targets(&refused), ["v", "g"]);
    }
}

#[test]
fn any_state_follows_any_other_and_the_last_changes_are_remembered() {
    let mut handling = Handling::new(Uuid::nil());
    let states = [AlertState::Closed, AlertState::New, AlertState::Acknowledged];
    for (second, state) in (0..150).zip(states.into_iter().cycle()) {
        handling.change(state, Timestamp::from_second(second).unwrap(), format!("by {second}"), None);
        assert_eq!(handling.state, state);
    }
    assert_eq!((handling.history.len(), handling.history[0].by.as_str()), (100, "by 50"));
    for pair in handling.history.windows(2) {
        assert_eq!(pair[0].to, pair[1].from);
    }
    for state in states {
        assert_eq!(AlertState::parse(&state.as_str().to_uppercase()), Some(state));
    }
    assert_eq!(AlertState::parse("Fired"), None);
}
