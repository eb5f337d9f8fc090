//! Deleted items whose time is over: gone for everybody at once, and removed by and by.

use jiff::SignedDuration;
use mua::alert::AlertRule;
use serde_json::{Value, json};
use vault::{ProtectedItem, RecoveryPoint, RepositoryCredential};

use crate::fixture::{FILES, Fixture, SERVER, at, vault_id};
use crate::harness::Harness;

const PERIOD: SignedDuration = SignedDuration::from_hours(24 * 14);

fn stored(server: &Harness) -> [usize; 3] {
    let store = &server.running.app().store;
    let count = store.transact(|tx| {
        let credentials = tx.all::<RepositoryCredential>()?.len();
        Ok([tx.all::<ProtectedItem>()?.len(), tx.all::<RecoveryPoint>()?.len(), credentials])
    });
    count.unwrap()
}

/// An item that was deleted just now, with a recovery point and credentials: where its repository is, and those.
async fn deleted(fixture: &Fixture) -> (std::path::PathBuf, Value) {
    let item = fixture.protect_files().await;
    fixture.arrive(FILES, "a1", fixture.server.now());
    let credentials = at(&format!("{FILES}/repositoryCredentials"));
    let issued = fixture.alice().post(&credentials, Value::Null).await.expect(200);
    fixture.alice().delete(&at(FILES)).await.expect(202);
    let url = item["repositoryUrl"].as_str().unwrap();
    let short = url.trim_end_matches('/').rsplit('/').next().unwrap();
    let folder = fixture.server.folder.path().join("repositories").join(short);
    std::fs::create_dir_all(folder.join("data")).unwrap();
    (folder, issued)
}

fn purge(fixture: &Fixture) {
    let app = fixture.server.running.app();
    server::purging::purge(app).unwrap();
    app.store.finish_purges().unwrap();
}

#[tokio::test]
async fn nothing_is_purged_before_its_time_and_everything_after_it() {
    let fixture = Fixture::start().await;
    // Nobody needs to consent to what was consented to when it was deleted.
    let (folder, _) = deleted(&fixture).await;
    fixture.link_guard();
    fixture.server.advance(PERIOD - SignedDuration::from_secs(1));
    purge(&fixture);
    assert_eq!((stored(&fixture.server), folder.exists()), ([1, 1, 1], true));
    let entries = fixture.server.ledger().len();
    assert!(
        fixture.server.ledger()[entries - 1].operation.ends_with("/upcomingPurge"),
        "nothing but a warning"
    );
    fixture.server.advance(SignedDuration::from_secs(1));
    purge(&fixture);
    assert_eq!((stored(&fixture.server), folder.exists()), ([0, 0, 0], false));
    let entry = fixture.server.ledger().pop().unwrap();
    assert!(entry.operation.ends_with("/protectedItems/purge"), "{}", entry.operation);
    assert_eq!((entry.target, entry.actor.kind), (at(FILES), ledger::ActorKind::System));
    assert!(entry.change.is_some());
    purge(&fixture);
    assert_eq!(fixture.server.ledger().len(), entries + 1, "once");
}

/// The alerts that warn of a purge.
async fn warnings(fixture: &Fixture) -> Vec<Value> {
    let list = format!("{}/providers/Microsoft.AlertsManagement/alerts", vault_id("v1"));
    let alerts = fixture.alice().get(&list).await.expect(200);
    let rules = alerts["value"].as_array().unwrap().iter().map(|alert| &alert["properties"]["essentials"]);
    rules.filter(|essentials| essentials["alertRule"] == "Upcoming Purge").cloned().collect()
}

#[tokio::test]
async fn a_purge_is_warned_of_two_days_before_and_once() {
    let fixture = Fixture::start().await;
    deleted(&fixture).await;
    let warning = PERIOD - SignedDuration::from_hours(48);
    let upcoming = async || {
        let shown = fixture.alice().get(&at(FILES)).await.expect(200);
        shown["properties"]["isDeferredDeleteScheduleUpcoming"].as_bool().unwrap()
    };
    fixture.server.advance(warning - SignedDuration::from_secs(1));
    purge(&fixture);
    assert!(warnings(&fixture).await.is_empty() && !upcoming().await);
    fixture.server.advance(SignedDuration::from_secs(1));
    purge(&fixture);
    purge(&fixture);
    let [warned] = &warnings(&fixture).await[..] else { panic!("one warning") };
    assert!(warned["description"].as_str().unwrap().contains("until then it can be undeleted"), "{warned}");
    assert!(upcoming().await);
    // Deleted again later, it is warned of again.
    let undelete = json!({"policyId": "", "protectionState": "ProtectionStopped", "isRehydrate": true});
    fixture.put_item(FILES, undelete).await.expect(202);
    purge(&fixture);
    fixture.alice().delete(&at(FILES)).await.expect(202);
    purge(&fixture);
    assert_eq!(warnings(&fixture).await.len(), 1);
    fixture.server.advance(warning);
    purge(&fixture);
    assert_eq!(warnings(&fixture).await.len(), 2);
}

#[tokio::test]
async fn of_two_servers_one_purges_at_a_time() {
    let fixture = Fixture::start().await;
    deleted(&fixture).await;
    fixture.server.advance(PERIOD);
    let app = fixture.server.running.app();
    let mut another = app.clone();
    another.server = uuid::Uuid::from_u128(0xb);
    assert!(server::purging::TURN.take(&another).unwrap());
    assert_eq!(stored(&fixture.server), [0, 0, 0]);
    assert!(!server::purging::TURN.take(app).unwrap(), "it is the other one's turn");
    server::purging::TURN.leave(&another).unwrap();
    assert!(server::purging::TURN.take(app).unwrap());
}

#[tokio::test]
async fn what_is_not_deleted_or_was_undeleted_is_not_purged() {
    let fixture = Fixture::start().await;
    deleted(&fixture).await;
    let undelete = json!({"policyId": "", "protectionState": "ProtectionStopped", "isRehydrate": true});
    fixture.put_item(FILES, undelete).await.expect(202);
    fixture.server.advance(SignedDuration::from_hours(24 * 1000));
    purge(&fixture);
    assert_eq!(stored(&fixture.server), [1, 1, 1]);
}

#[tokio::test]
async fn what_is_over_is_gone_before_anybody_tidies_up() {
    let fixture = Fixture::start().await;
    let (_, issued) = deleted(&fixture).await;
    fixture.server.advance(PERIOD);
    assert_eq!(stored(&fixture.server), [1, 1, 1], "it is still there");
    let alice = fixture.alice();
    for below in ["", "/recoveryPoints", "/recoveryPoints/a1", "/repositoryCredentials"] {
        assert_eq!(alice.get(&at(&format!("{FILES}{below}"))).await.status, 404, "{below}");
    }
    for list in ["backupProtectedItems", "backupUsageSummaries", "backupDeletedProtectionContainers"] {
        assert_eq!(alice.get(&at(list)).await.expect(200)["value"], json!([]), "{list}");
    }
    let usages = alice.get(&at("usages")).await.expect(200);
    for usage in usages["value"].as_array().unwrap() {
        let servers = usage["name"]["value"] == "ProtectedServerCount";
        assert_eq!(usage["currentValue"], u32::from(servers), "{usage}");
    }
    let policy = alice.get(&at("backupPolicies/Files30")).await.expect(200);
    assert_eq!(policy["properties"]["protectedItemsCount"], 0);
    let server = alice.get(&at(SERVER)).await.expect(200);
    assert_eq!(server["properties"]["registrationStatus"], "Registered");
    let url = issued["repositoryUrl"].as_str().unwrap();
    for method in ["GET", "POST"] {
        let request = fixture.server.request(method, &format!("{url}config"));
        let text = |name: &str| issued[name].as_str().unwrap();
        let got = fixture.server.send(request.basic_auth(text("userName"), Some(text("secret")))).await;
        assert_eq!(got.status, 404, "{method}: {}", got.text);
    }
    assert_eq!(alice.delete(&at(FILES)).await.status, 204);
}

#[tokio::test]
async fn what_is_over_is_in_nobodys_way() {
    let fixture = Fixture::start().await;
    deleted(&fixture).await;
    let short = |server: &Harness| server.stored::<ProtectedItem>(&at(FILES)).unwrap().short;
    let before = short(&fixture.server);
    fixture.server.advance(PERIOD);
    // Another item takes its name, and nothing else of it.
    fixture.put_item(FILES, json!({"policyId": at("backupPolicies/Files30")})).await.expect(202);
    assert_ne!(short(&fixture.server), before);
    assert_eq!(stored(&fixture.server), [1, 0, 0]);

    // The vault can be deleted, and its policy and server before.
    fixture.alice().delete(&at(FILES)).await.expect(202);
    assert_eq!(fixture.alice().delete(&at("")).await.code(), "ServiceResourceNotEmptyWithBackendMessage");
    fixture.server.advance(PERIOD);
    fixture.alice().delete(&at("backupPolicies/Files30")).await.expect(200);
    assert_eq!(fixture.alice().delete(&at(SERVER)).await.status, 202);
    fixture.alice().delete(&at("")).await.expect(204);
    assert_eq!(stored(&fixture.server), [0, 0, 0]);
    assert_eq!(fixture.server.stored::<vault::Vault>(vault_id("v1").as_str()), None);
    fixture.server.ledger();
}

/// How many alerts of this rule the vault has. Read from behind: clients of the real time do not take a certificate that was
/// made by a clock ahead of it.
fn alerts(fixture: &Fixture, rule: AlertRule) -> usize {
    let entries = fixture.server.ledger();
    let all = entries.iter().flat_map(mua::alert::alerts);
    all.filter(|alert| alert.rule == rule && alert.target == vault_id("v1")).count()
}

#[tokio::test]
async fn a_clock_that_is_set_forward_purges_nothing_after_a_restart_either() {
    let fixture = Fixture::start().await;
    deleted(&fixture).await;
    fixture.server.set_wall(PERIOD * 30);
    purge(&fixture);
    assert_eq!(stored(&fixture.server), [1, 1, 1]);
    let fixture = Fixture { server: fixture.server.restart().await };
    let app = fixture.server.running.app().clone();
    assert!(app.edge.now() > app.edge.settled() + PERIOD * 29, "the restart begins at the wall clock");
    server::keep_clock(&app, false).unwrap();
    purge(&fixture);
    // It is there, and can be had back.
    assert_eq!(stored(&fixture.server), [1, 1, 1]);
    let item = fixture.server.stored::<ProtectedItem>(&at(FILES)).unwrap();
    assert!(item.is_gone(app.edge.now()) && !item.is_gone(app.edge.settled()));
    let doubts = || alerts(&fixture, AlertRule::ClockInDoubt);
    assert_eq!(doubts(), 2, "that it was set, and that it is not settled");

    // What really passes counts, and nothing else.
    fixture.server.advance(PERIOD - SignedDuration::from_mins(10));
    purge(&fixture);
    assert_eq!(stored(&fixture.server), [1, 1, 1]);
    fixture.server.advance(SignedDuration::from_mins(10));
    purge(&fixture);
    assert_eq!(stored(&fixture.server), [0, 0, 0]);
    server::keep_clock(&app, false).unwrap();
    assert_eq!(doubts(), 2, "told once");
}

#[tokio::test]
async fn whoever_vouches_for_the_clock_lets_go_what_is_over() {
    let fixture = Fixture::start().await;
    deleted(&fixture).await;
    fixture.server.set_wall(PERIOD);
    let fixture = Fixture { server: fixture.server.restart().await };
    let app = fixture.server.running.app().clone();
    purge(&fixture);
    assert_eq!(stored(&fixture.server), [1, 1, 1]);
    server::accept_clock(&app.store, app.edge.now(), uuid::Uuid::nil()).unwrap();
    server::keep_clock(&app, false).unwrap();
    purge(&fixture);
    assert_eq!(stored(&fixture.server), [0, 0, 0]);
    assert_eq!(alerts(&fixture, AlertRule::ClockAccepted), 1);
}
