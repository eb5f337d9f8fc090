//! Restoring: an operation and a job that say where to read, and the repository's reads, which a guard shuts.

use jiff::SignedDuration;
use ledger::Verdict;
use mua::{CriticalOperation, ResourceGuard, RestoreWindow};
use serde_json::{Value, json};

use crate::fixture::{FILES, Fixture, at, guard_id, guard_request};
use crate::harness::Answer;
use crate::repository::world::place;

/// A backup host with something in its repository.
struct Host<'a> {
    fixture: &'a Fixture,
    url: String,
    user: String,
    secret: String,
}

const PACK: &[u8] = b"pack";

impl Host<'_> {
    fn request(&self, method: &str, place: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{place}", self.url.trim_end_matches('/'));
        self.fixture.server.request(method, &url).basic_auth(&self.user, Some(&self.secret))
    }

    async fn send(&self, method: &str, place: &str) -> u16 {
        self.fixture.server.send(self.request(method, place)).await.status
    }

    async fn store(&self, folder: &str, bytes: &'static [u8]) {
        let request = self.request("POST", &place(folder, bytes)).body(bytes);
        assert_eq!(self.fixture.server.send(request).await.status, 200);
    }

    /// Reads a pack, whole and in part; both are answered alike.
    async fn reads(&self) -> bool {
        let place = place("data", PACK);
        let part = self.request("GET", &place).header("range", "bytes=0-1");
        let part = self.fixture.server.send(part).await.status;
        match (self.send("GET", &place).await, part) {
            (200, 206) => true,
            (403, 403) => false,
            other => panic!("{other:?}"),
        }
    }
}

async fn host(fixture: &Fixture) -> Host<'_> {
    fixture.protect_files().await;
    let credentials = at(&format!("{FILES}/repositoryCredentials"));
    let issued = fixture.alice().post(&credentials, Value::Null).await.expect(200);
    let text = |name: &str| issued[name].as_str().unwrap().to_string();
    let host = Host { fixture, url: text("repositoryUrl"), user: text("userName"), secret: text("secret") };
    host.store("data", PACK).await;
    host.store("index", b"index").await;
    host.store("snapshots", b"snapshot").await;
    host
}

fn restore_path() -> String {
    let (_, name) = place("snapshots", b"snapshot")
        .rsplit_once('/')
        .map(|(a, b)| (a.to_string(), b.to_string()))
        .unwrap();
    at(&format!("{FILES}/recoveryPoints/{name}/restore"))
}

fn body(consent: bool) -> Value {
    let mut properties = json!({"objectType": "IaasVMRestoreRequest", "recoveryType": "OriginalLocation"});
    if consent {
        properties["resourceGuardOperationRequests"] = json!([guard_request(CriticalOperation::Restore)]);
    }
    json!({"properties": properties})
}

async fn restore(fixture: &Fixture, consent: bool) -> Answer {
    fixture.alice_with_guest_token().post(&restore_path(), body(consent)).await
}

#[tokio::test]
async fn a_restore_is_an_operation_whose_job_says_where_to_read() {
    let fixture = Fixture::start().await;
    let host = host(&fixture).await;
    let accepted = restore(&fixture, false).await;
    assert_eq!(accepted.status, 202, "{}", accepted.text);
    let status = fixture.alice().get(accepted.header("azure-asyncoperation")).await.expect(200);
    assert_eq!(status["status"], "Succeeded");
    fixture.alice().get(accepted.header("location")).await.expect(200);
    let job = status["properties"]["jobId"].as_str().unwrap();
    let job = fixture.alice().get(&at(&format!("backupJobs/{job}"))).await.expect(200);
    assert_eq!(job["properties"]["operation"], "Restore");
    assert_eq!(job["properties"]["entityFriendlyName"], "data");
    let bag = &job["properties"]["extendedInfo"]["propertyBag"];
    let view = format!("{}@{}/", host.url.trim_end_matches('/'), bag["Snapshot"].as_str().unwrap());
    assert_eq!(bag["Repository"], view);
    assert_eq!(format!("/snapshots/{}", bag["Snapshot"].as_str().unwrap()), place("snapshots", b"snapshot"));
    let command = bag["Command"].as_str().unwrap();
    assert!(command.contains(&format!("restic -r rest:{view} restore ")), "{command}");
    let jobs = fixture.alice().get(&at("backupJobs?$filter=operation eq 'Restore'")).await.expect(200);
    assert_eq!(jobs["value"].as_array().unwrap().len(), 1);
    let entry = fixture.server.ledger().pop().unwrap();
    assert!(entry.operation.ends_with("/recoveryPoints/restore/action"), "also a free one is told");
    assert!(entry.change.is_some() && entry.facts.contains_key("recoveryPoint"));
    assert!(host.reads().await);
}

#[tokio::test]
async fn nonsense_restores_nothing() {
    let fixture = Fixture::start().await;
    host(&fixture).await;
    let alice = fixture.alice();
    let entries = fixture.server.ledger().len();
    for body in [
        Value::Null,
        json!({}),
        json!([]),
        json!({"properties": 5}),
        json!({"properties": {"objectType": 5}}),
    ] {
        assert_eq!(alice.post(&restore_path(), body.clone()).await.status, 400, "{body}");
    }
    let missing = at(&format!("{FILES}/recoveryPoints/{}/restore", "b".repeat(64)));
    assert_eq!(alice.post(&missing, body(false)).await.code(), "ResourceNotFound");
    assert_eq!(fixture.server.ledger().len(), entries);
    alice.delete(&at(FILES)).await.expect(202);
    assert_eq!(alice.post(&restore_path(), body(false)).await.code(), "UserErrorItemSoftDeleted");
}

#[tokio::test]
async fn while_a_guard_protects_restores_backups_go_on_and_data_is_shut() {
    let fixture = Fixture::start().await;
    let host = host(&fixture).await;
    assert!(host.reads().await, "without a guard, everything can be read");
    fixture.link_guard();
    assert!(!host.reads().await);
    // What a backup reads and writes, and what tells no content.
    for (method, place, status) in [
        ("GET", place("index", b"index"), 200),
        ("GET", place("snapshots", b"snapshot"), 200),
        ("GET", "/data/".into(), 200),
        ("GET", "/keys/".into(), 200),
        ("HEAD", place("data", PACK), 200),
        ("GET", place("data", b"there is none"), 403),
    ] {
        assert_eq!(host.send(method, &place).await, status, "{method} {place}");
    }
    host.store("data", b"another pack").await;
    host.store("snapshots", b"another snapshot").await;

    let refused = restore(&fixture, false).await;
    assert_eq!((refused.status, refused.code()), (403, "UserErrorResourceGuardOperationRequestMissing"));
    let refused = restore(&fixture, true).await;
    assert_eq!((refused.status, refused.code()), (403, "LinkedAuthorizationFailed"));
    assert!(!host.reads().await);
    assert_eq!(fixture.server.stored::<RestoreWindow>(&at(FILES)), None);

    fixture.consent();
    assert!(!host.reads().await, "the right alone opens nothing");
    assert_eq!(restore(&fixture, true).await.status, 202);
    assert!(host.reads().await);
    let last = fixture.server.ledger().pop().unwrap();
    assert_eq!(last.consent[0].operation, CriticalOperation::Restore.name());
}

#[tokio::test]
async fn a_refused_reader_is_told_whom_to_ask_and_the_ledger_is_told_but_not_flooded() {
    let fixture = Fixture::start().await;
    let host = host(&fixture).await;
    fixture.link_guard();
    let refused = fixture.server.send(host.request("GET", &place("data", PACK))).await;
    assert_eq!(refused.status, 403);
    for part in ["ask sam@fabsec.example", "triggerRestoreRequests", guard_id().as_str()] {
        assert!(refused.text.contains(part), "{}", refused.text);
    }
    assert_eq!(refused.text.lines().count(), 1);
    let entry = fixture.server.ledger().pop().unwrap();
    assert_eq!((entry.verdict, entry.operation), (Verdict::Refused, CriticalOperation::Restore.name()));
    assert_eq!((entry.target, entry.actor.name), (at(FILES), host.user.clone()));
    let entries = fixture.server.ledger().len();
    for _ in 0..40 {
        host.send("GET", &place("data", PACK)).await;
    }
    assert_eq!(fixture.server.ledger().len() - entries, 29, "thirty a minute");
    fixture.server.advance(SignedDuration::from_mins(1));
    host.send("GET", &place("data", PACK)).await;
    assert_eq!(fixture.server.ledger().len() - entries, 30);
}

#[tokio::test]
async fn a_window_shuts_by_itself_at_the_second() {
    let fixture = Fixture::start().await;
    let host = host(&fixture).await;
    fixture.link_guard();
    fixture.consent();
    assert_eq!(restore(&fixture, true).await.status, 202);
    fixture.server.advance(SignedDuration::from_hours(mua::RESTORE_HOURS) - SignedDuration::from_secs(1));
    assert!(host.reads().await);
    fixture.server.advance(SignedDuration::from_secs(1));
    assert!(!host.reads().await);
    assert_eq!(restore(&fixture, true).await.status, 202);
    assert!(host.reads().await, "and can be opened again");
}

#[tokio::test]
async fn reading_ends_with_the_consent_it_came_from() {
    let fixture = Fixture::start().await;
    let host = host(&fixture).await;
    fixture.link_guard();
    let consent = fixture.consent();
    assert_eq!(restore(&fixture, true).await.status, 202);
    assert!(host.reads().await);
    fixture.server.revoke(&consent);
    assert!(!host.reads().await, "at the next read");
    fixture.consent();
    assert!(host.reads().await, "the same person may again, and the restore was agreed to");
}

#[tokio::test]
async fn what_was_restored_without_consent_opens_no_window() {
    let fixture = Fixture::start().await;
    let host = host(&fixture).await;
    // Before there is a guard.
    assert_eq!(restore(&fixture, false).await.status, 202);
    fixture.link_guard();
    assert!(!host.reads().await);
    // While the guard exempts it, it is free, and shut again from the next request on.
    let exempt = |operations: &[CriticalOperation]| {
        fixture.server.seed(|tx| {
            let mut guard: ResourceGuard = tx.resource(&guard_id())?.unwrap();
            guard.exempt = operations.iter().copied().collect();
            tx.put(&guard)
        });
    };
    exempt(&[CriticalOperation::Restore]);
    assert_eq!(restore(&fixture, false).await.status, 202);
    assert!(host.reads().await);
    exempt(&[]);
    assert!(!host.reads().await);
}

#[tokio::test]
async fn a_guard_that_is_gone_shuts_data_and_another_link_is_another_agreement() {
    let fixture = Fixture::start().await;
    let host = host(&fixture).await;
    fixture.link_guard();
    fixture.consent();
    assert_eq!(restore(&fixture, true).await.status, 202);
    assert!(host.reads().await);
    let guard: ResourceGuard = fixture.server.stored(guard_id().as_str()).unwrap();
    fixture.server.seed(|tx| {
        tx.delete::<ResourceGuard>(guard_id().folded());
        Ok(())
    });
    assert!(!host.reads().await, "nobody can say that it may be read");
    fixture.server.seed(|tx| tx.put(&guard));
    assert!(host.reads().await);
    fixture.server.advance(SignedDuration::from_secs(1));
    let now = fixture.server.now();
    fixture.server.seed(|tx| {
        let id = crate::fixture::vault_id("v1").child("backupResourceGuardProxies/VaultProxy")?;
        let before: vault::GuardProxy = tx.resource(&id)?.unwrap();
        let after = vault::GuardProxy { updated: now, ..before.clone() };
        crate::fixture::apply(tx, vault::VaultChange::link(Some(before), after))
    });
    assert!(!host.reads().await);
}

#[tokio::test]
async fn an_item_that_is_gone_takes_its_window_along() {
    let fixture = Fixture::start().await;
    host(&fixture).await;
    fixture.link_guard();
    fixture.consent();
    assert_eq!(restore(&fixture, true).await.status, 202);
    assert!(fixture.server.stored::<RestoreWindow>(&at(FILES)).is_some());
    fixture.set_vault(|vault| vault.soft_delete.state = vault::Feature::Disabled);
    fixture.unlock(CriticalOperation::DeleteProtection, FILES);
    fixture.alice().delete(&at(FILES)).await.expect(202);
    assert_eq!(fixture.server.stored::<RestoreWindow>(&at(FILES)), None);
}
