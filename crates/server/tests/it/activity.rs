//! The activity log: the ledger, by subscription.

use jiff::SignedDuration;
use mua::CriticalOperation;
use rbac::role_ids;
use serde_json::Value;

use crate::fixture::{FILES, Fixture, at, guard_id, vault_id};
use crate::harness::{BACKUP_SUB, BOB, SAM, SECURITY_SUB};

fn log(subscription: arm::SubscriptionId, filter: &str) -> String {
    format!(
        "/subscriptions/{subscription}/providers/Microsoft.Insights/eventtypes/management/values?api-version=2015-04-01&{filter}"
    )
}

async fn events(fixture: &Fixture, filter: &str) -> Vec<Value> {
    let list = fixture.alice().get(&log(BACKUP_SUB, filter)).await.expect(200);
    list["value"].as_array().unwrap().clone()
}

fn actions(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["operationName"]["value"].as_str().unwrap()).collect()
}

/// A fixture in which Alice protected a folder, was refused its deletion, and then stopped trying.
async fn story() -> Fixture {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    fixture.link_guard();
    fixture.server.advance(SignedDuration::from_secs(60));
    assert_eq!(fixture.alice().delete(&at(FILES)).await.status, 403);
    fixture
}

#[tokio::test]
async fn what_was_done_and_refused_is_listed_newest_first() {
    let fixture = story().await;
    let all = events(&fixture, "").await;
    let expected = [
        CriticalOperation::DeleteProtection.name(),
        "Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems/write".into(),
        "Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/write".into(),
    ];
    assert_eq!(actions(&all), expected);
    let refused = &all[0];
    assert_eq!(refused["status"]["value"], "Failed");
    assert_eq!(refused["subStatus"]["value"], "Forbidden");
    assert_eq!(refused["level"], "Error");
    assert_eq!(refused["caller"], "alice@contoso.example");
    assert_eq!(refused["resourceId"], at(FILES));
    assert_eq!(refused["resourceGroupName"], "rg");
    assert_eq!(refused["resourceProviderName"]["value"], "Microsoft.RecoveryServices");
    assert_eq!(refused["authorization"]["scope"], at(FILES));
    assert_eq!(refused["properties"]["guard"], guard_id().as_str());
    assert!(refused["properties"]["message"].as_str().unwrap().contains("unlocked"));
    let done = &all[1];
    assert_eq!(
        (done["status"]["value"].as_str(), done["level"].as_str()),
        (Some("Succeeded"), Some("Informational"))
    );
    assert_eq!(events(&fixture, "").await, all);
}

#[tokio::test]
async fn the_guards_owner_sees_what_the_guard_was_asked() {
    let fixture = story().await;
    let sam = fixture.server.as_(SAM);
    let seen = sam.get(&log(SECURITY_SUB, "")).await.expect(200);
    let seen = seen["value"].as_array().unwrap();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0]["operationName"]["value"], CriticalOperation::DeleteProtection.name());
    assert_eq!(seen[0]["resourceId"], guard_id().as_str());
    assert_eq!(seen[0]["authorization"]["scope"], at(FILES));
}

#[tokio::test]
async fn filters_narrow_the_log() {
    let fixture = story().await;
    let all = events(&fixture, "").await;
    let correlation = all[1]["correlationId"].as_str().unwrap();
    let now = fixture.server.now();
    let naive = |at: jiff::Timestamp| at.strftime("%Y-%m-%dT%H:%M:%S.%6f").to_string();
    let (before, after) = (naive(now - SignedDuration::from_secs(30)), naive(now));
    for (filter, count) in [
        (format!("eventTimestamp ge {before} and eventTimestamp le {after}"), 1),
        (format!("eventTimestamp ge '{before}'"), 1),
        (format!("eventTimestamp le {before}"), 2),
        (format!("correlationId eq '{correlation}'"), 1),
        ("status eq 'Failed'".into(), 1),
        ("status eq 'Succeeded' and caller eq 'ALICE@contoso.example'".into(), 2),
        ("caller eq 'bob@contoso.example'".into(), 0),
        ("resourceGroupName eq 'RG'".into(), 3),
        ("resourceGroupName eq 'other'".into(), 0),
        ("resourceProvider eq Microsoft.RecoveryServices".into(), 3),
        ("resourceProvider eq 'Microsoft.Authorization'".into(), 0),
        (format!("resourceUri eq '{}'", at(FILES).to_lowercase()), 2),
        (format!("resourceId eq '{}'", at("")), 3),
        ("eventChannels eq 'Admin, Operation'".into(), 3),
        (format!("operationName eq '{}'", actions(&all)[1]), 1),
        (format!("ledgerSequence eq '{}'", all[1]["ledger"]["sequence"]), 1),
        (format!("ledgerSequence eq '{}' and status eq 'Failed'", all[1]["ledger"]["sequence"]), 0),
        ("ledgerSequence eq '0'".into(), 0),
    ] {
        let found = events(&fixture, &format!("$filter={filter}")).await;
        assert_eq!(found.len(), count, "{filter}");
    }
    let selected = events(&fixture, "$select=eventTimestamp,Caller").await;
    let members: Vec<&String> = selected[0].as_object().unwrap().keys().collect();
    assert_eq!(members, ["caller", "eventTimestamp"]);
    for bad in [
        "$filter=eventTimestamp ge soon",
        "$filter=eventTimestamp ne 2026-01-01",
        "$filter=weather eq 'rain'",
        "$filter=caller ne 'x'",
        "$filter=resourceUri eq '/a/../b'",
        "$skipToken=x",
        "$filter=ledgerSequence eq 'x'",
    ] {
        let refused = fixture.alice().get(&log(BACKUP_SUB, bad)).await;
        assert_eq!(refused.status, 400, "{bad}: {}", refused.text);
    }
}

#[tokio::test]
async fn an_event_tells_what_it_proves_and_what_it_rests_on() {
    let fixture = story().await;
    fixture.consent();
    fixture.unlock(CriticalOperation::DeleteProtection, FILES);
    fixture.alice_with_guest_token().delete(&at(FILES)).await.expect(202);
    let all = events(&fixture, "").await;
    let ledger = fixture.server.ledger();
    for event in &all {
        let shown = &event["ledger"];
        let entry = &ledger[usize::try_from(shown["sequence"].as_u64().unwrap()).unwrap()];
        assert_eq!(shown["leaf"], entry.leaf().to_string());
        assert_eq!(shown["change"].as_str(), entry.change.map(|change| change.to_string()).as_deref());
        assert_eq!(shown["person"], entry.actor.person);
        let guards: Vec<&Value> =
            shown["consent"].as_array().unwrap().iter().map(|one| &one["guard"]).collect();
        assert_eq!(guards, entry.consent.iter().map(|consent| consent.guard.as_str()).collect::<Vec<_>>());
    }
    assert_eq!(all[0]["ledger"]["consent"][0]["guard"], guard_id().as_str());
    // All of one request are found together.
    let correlation = all[0]["correlationId"].as_str().unwrap();
    let together = events(&fixture, &format!("$filter=correlationId eq '{correlation}'")).await;
    assert_eq!(together, all[..together.len()]);
}

#[tokio::test]
async fn what_lies_in_the_subscription_has_a_log_for_those_who_may_read_no_more() {
    let fixture = story().await;
    let values = "providers/Microsoft.Insights/eventtypes/management/values";
    fixture.grant(BOB, role_ids::READER, &vault_id("other"));
    fixture.add_vault("other");
    let of = |scope: &str| format!("{scope}/{values}");
    let bob = fixture.server.as_(BOB);
    assert_eq!(bob.get(&of(at("").trim_end_matches('/'))).await.status, 403);
    assert_eq!(bob.get(&of(vault_id("other").as_str())).await.expect(200)["value"], serde_json::json!([]));
    let all = fixture.alice().get(&of(at("").trim_end_matches('/'))).await.expect(200);
    assert_eq!(all["value"], serde_json::json!(events(&fixture, "").await));
    // A list is no scope, and the root nobody's.
    for scope in [at("backupPolicies"), String::new()] {
        assert_eq!(fixture.alice().get(&of(&scope)).await.status, 403);
    }
}

/// The search begins where the span ends, and not at the newest entry.
#[tokio::test]
async fn a_span_long_ago_is_found_behind_many_later_entries() {
    let fixture = story().await;
    let all = events(&fixture, "").await;
    let entry = fixture.server.ledger().pop().unwrap();
    let until = fixture.server.now();
    fixture.server.advance(SignedDuration::from_hours(1));
    let now = fixture.server.now();
    let later = ledger::Entry { at: now, target: "/elsewhere".into(), ..entry };
    let store = &fixture.server.running.app().store;
    for _ in 0..11 {
        store
            .transact(|tx| {
                (0..1000).for_each(|_| tx.record(later.clone()));
                Ok(())
            })
            .unwrap();
    }
    let filter = format!("$filter=eventTimestamp le {until}");
    let page = fixture.alice().get(&log(BACKUP_SUB, &filter)).await.expect(200);
    assert_eq!(page["value"], serde_json::json!(all));
    assert!(page.get("nextLink").is_none());
}

#[tokio::test]
async fn a_long_log_comes_in_pages() {
    let fixture = story().await;
    let entry = fixture.server.ledger().pop().unwrap();
    let store = &fixture.server.running.app().store;
    store
        .transact(|tx| {
            (0..450).for_each(|_| tx.record(entry.clone()));
            Ok(())
        })
        .unwrap();
    let mut next = log(BACKUP_SUB, "$filter=status eq 'Failed'");
    let mut pages = Vec::new();
    let mut ids = std::collections::BTreeSet::new();
    loop {
        let page = fixture.alice().get(&next).await.expect(200);
        let events = page["value"].as_array().unwrap();
        pages.push(events.len());
        ids.extend(events.iter().map(|event| event["id"].as_str().unwrap().to_string()));
        match page["nextLink"].as_str() {
            Some(link) => next = link.to_string(),
            None => break,
        }
    }
    assert_eq!((pages, ids.len()), (vec![200, 200, 51], 451));
}

#[tokio::test]
async fn only_who_may_read_the_subscription_sees_its_log() {
    let fixture = story().await;
    let bob = fixture.server.as_(BOB);
    let refused = bob.get(&log(BACKUP_SUB, "")).await;
    assert_eq!((refused.status, refused.code()), (403, "AuthorizationFailed"));
    fixture.grant(BOB, role_ids::READER, &vault_id("v1"));
    assert_eq!(bob.get(&log(BACKUP_SUB, "")).await.status, 403);
    fixture.grant(BOB, role_ids::READER, &arm::ResourceId::subscription(BACKUP_SUB));
    bob.get(&log(BACKUP_SUB, "")).await.expect(200);
    assert_eq!(fixture.alice().get(&log(SECURITY_SUB, "")).await.code(), "InvalidAuthenticationTokenTenant");
}
