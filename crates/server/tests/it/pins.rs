//! The security PIN: issued with consent, shown by a backup host, good for one thing, once, for five minutes.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use ledger::Verdict;
use mua::CriticalOperation;
use serde_json::{Value, json};
use vault::SecurityPin;

use crate::fixture::{FILES, Fixture, at, guard_request, in_vault};
use crate::harness::{Answer, Harness};
use crate::login::throttle::join_all;
use crate::repository::world::{ITEM, SECRET, VAULT, World};

const PIN: &str = "backupSecurityPIN";
const HEADER: &str = "Countersign-Security-Pin";

/// A backup host with the credentials of the item of files, whose repository has a config.
struct Host {
    url: String,
    user: String,
    secret: String,
}

impl Host {
    async fn of(fixture: &Fixture) -> Self {
        let issued = fixture.alice().post(&at(&format!("{FILES}/repositoryCredentials")), Value::Null).await;
        let issued = issued.expect(200);
        let text = |name: &str| issued[name].as_str().unwrap().to_string();
        let host = Self { url: text("repositoryUrl"), user: text("userName"), secret: text("secret") };
        let request = host.request(fixture, "POST", "config").body("config");
        assert_eq!(fixture.server.send(request).await.status, 200);
        host
    }

    fn request(&self, fixture: &Fixture, method: &str, place: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{place}", self.url);
        fixture.server.request(method, &url).basic_auth(&self.user, Some(&self.secret))
    }

    /// Asks for the removal of the config, with a PIN.
    async fn remove(&self, fixture: &Fixture, pin: Option<&str>) -> Answer {
        let mut request = self.request(fixture, "DELETE", "config");
        if let Some(pin) = pin {
            request = request.header(HEADER, pin);
        }
        fixture.server.send(request).await
    }

    async fn has_config(&self, fixture: &Fixture) -> bool {
        fixture.server.send(self.request(fixture, "GET", "config")).await.status == 200
    }
}

async fn with_files() -> Fixture {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    fixture
}

async fn issued(fixture: &Fixture) -> String {
    let answer = fixture.alice().post(&at(PIN), Value::Null).await.expect(200);
    answer["securityPIN"].as_str().unwrap().to_string()
}

/// Another PIN of six digits.
fn other(pin: &str) -> String {
    format!("{:06}", (pin.parse::<u32>().unwrap() + 1) % 1_000_000)
}

#[tokio::test]
async fn a_pin_has_six_digits_and_is_kept_only_as_a_slow_hash() {
    let fixture = with_files().await;
    let mut seen = BTreeSet::new();
    for _ in 0..3 {
        let answer = fixture.alice().post(&at(PIN), Value::Null).await.expect(200);
        let pin = answer["securityPIN"].as_str().unwrap().to_string();
        assert!(pin.len() == 6 && pin.bytes().all(|byte| byte.is_ascii_digit()), "{pin}");
        // .NET's ticks: 100 nanoseconds since the year 1.
        let expires = fixture.server.now() + SignedDuration::from_mins(5);
        let ticks = 621_355_968_000_000_000 + expires.as_microsecond() * 10;
        assert_eq!(answer["expiryTimeInUtcTicks"], ticks);
        let stored: SecurityPin = fixture.server.stored(&at("")).unwrap();
        assert!(stored.hash.starts_with("$argon2id$"));
        let json = serde_json::to_string(&stored).unwrap();
        assert!(!json.contains(&format!("\"{pin}\"")), "{json}");
        assert_eq!(stored.token, answer["token"]);
        let entry = fixture.server.ledger().pop().unwrap();
        assert_eq!(entry.facts["securityPin"], answer["token"]);
        assert!(!serde_json::to_string(&entry.facts).unwrap().contains(&format!("\"{pin}\"")));
        seen.insert(pin);
    }
    assert!(seen.len() > 1, "PINs are drawn");
}

#[tokio::test]
async fn with_a_guard_a_pin_needs_consent() {
    let fixture = with_files().await;
    fixture.link_guard();
    let alice = fixture.alice_with_guest_token();
    let ids = json!({"resourceGuardOperationRequests": [guard_request(CriticalOperation::SecurityPin)]});
    for (body, code) in [
        (Value::Null, "UserErrorResourceGuardOperationRequestMissing"),
        (json!({}), "UserErrorResourceGuardOperationRequestMissing"),
        (ids.clone(), "LinkedAuthorizationFailed"),
    ] {
        let refused = alice.post(&at(PIN), body).await;
        assert_eq!((refused.status, refused.code()), (403, code), "{}", refused.text);
    }
    assert_eq!(fixture.server.stored::<SecurityPin>(&at("")), None);
    fixture.consent();
    alice.post(&at(PIN), ids).await.expect(200);
    assert!(fixture.server.stored::<SecurityPin>(&at("")).is_some());
}

#[tokio::test]
async fn without_a_pin_the_config_stays_and_with_one_it_goes_once() {
    let fixture = with_files().await;
    let host = Host::of(&fixture).await;
    let refused = host.remove(&fixture, None).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text.contains("backupSecurityPIN"), "{}", refused.text);
    assert_eq!(host.remove(&fixture, Some("123456")).await.status, 403, "none was issued");
    for nonsense in ["", "12345", "1234567", "12345x", "١٢٣٤٥٦"] {
        let request = host.request(&fixture, "DELETE", "config").header(HEADER, nonsense.as_bytes());
        assert_eq!(fixture.server.send(request).await.status, 403, "{nonsense}");
    }
    let pin = issued(&fixture).await;
    assert_eq!(host.remove(&fixture, Some(&other(&pin))).await.status, 403);
    assert!(host.has_config(&fixture).await);
    assert_eq!(host.remove(&fixture, Some(&pin)).await.status, 200);
    assert!(!host.has_config(&fixture).await);
    // An answer that was lost is asked for again.
    assert_eq!(host.remove(&fixture, Some(&pin)).await.status, 200);

    let put = host.request(&fixture, "POST", "config").body("another config");
    assert_eq!(fixture.server.send(put).await.status, 200);
    assert_eq!(host.remove(&fixture, Some(&pin)).await.status, 403, "it was used");
    let told: Vec<_> = fixture
        .server
        .ledger()
        .into_iter()
        .filter(|entry| entry.operation.starts_with("repository."))
        .map(|entry| (entry.operation, entry.verdict))
        .collect();
    let (tried, hidden) = ("repository.pin.try".to_string(), "repository.config.hide".to_string());
    assert_eq!(
        told,
        [
            (tried.clone(), Verdict::Done),
            (tried.clone(), Verdict::Refused),
            (tried, Verdict::Done),
            (hidden, Verdict::Done),
        ]
    );
}

#[tokio::test]
async fn a_client_that_sends_no_headers_shows_the_pin_with_its_user_name() {
    let fixture = with_files().await;
    let host = Host::of(&fixture).await;
    let pin = issued(&fixture).await;
    let named = |pin: &str| Host {
        url: host.url.clone(),
        user: format!("{}+{pin}", host.user),
        secret: host.secret.clone(),
    };
    assert_eq!(named("").remove(&fixture, None).await.status, 403);
    // What needs no PIN is as it is without.
    assert!(named("000000").has_config(&fixture).await);
    assert_eq!(named(&pin).remove(&fixture, None).await.status, 200);
    assert!(!host.has_config(&fixture).await);
}

#[tokio::test]
async fn a_pin_ends_after_five_minutes_and_with_the_next_one() {
    for (passed, status) in [(300, 403), (299, 200)] {
        let fixture = with_files().await;
        let host = Host::of(&fixture).await;
        let pin = issued(&fixture).await;
        fixture.server.advance(SignedDuration::from_secs(passed));
        assert_eq!(host.remove(&fixture, Some(&pin)).await.status, status, "after {passed} seconds");
    }
    let fixture = with_files().await;
    let host = Host::of(&fixture).await;
    let (first, second) = (issued(&fixture).await, issued(&fixture).await);
    if first != second {
        assert_eq!(host.remove(&fixture, Some(&first)).await.status, 403);
    }
    assert_eq!(host.remove(&fixture, Some(&second)).await.status, 200);
}

#[tokio::test]
async fn a_pin_cannot_be_guessed_also_not_at_once() {
    let fixture = with_files().await;
    let host = Host::of(&fixture).await;
    let pin = issued(&fixture).await;
    let wrong: Vec<String> =
        (1..=8).map(|n| format!("{:06}", (pin.parse::<u32>().unwrap() + n) % 1_000_000)).collect();
    let answers = join_all(wrong.iter().map(|pin| host.remove(&fixture, Some(pin)))).await;
    assert!(answers.iter().all(|answer| answer.status == 403));
    let tries = fixture.server.ledger().iter().filter(|entry| entry.reason.contains("showed")).count();
    assert_eq!(tries, usize::from(SecurityPin::TRIES), "not one more, however they come");
    assert_eq!(host.remove(&fixture, Some(&pin)).await.status, 403, "the right one comes too late");
    assert!(host.has_config(&fixture).await);
}

#[tokio::test]
async fn a_pin_is_good_for_one_vault_and_ends_with_it() {
    let fixture = with_files().await;
    let host = Host::of(&fixture).await;
    fixture.add_vault("v2");
    let answer = fixture.alice().post(&in_vault("v2", PIN), Value::Null).await.expect(200);
    let foreign = answer["securityPIN"].as_str().unwrap();
    assert_eq!(host.remove(&fixture, Some(foreign)).await.status, 403);
    assert!(host.has_config(&fixture).await);
    fixture.alice().delete(&in_vault("v2", "")).await.expect(204);
    assert_eq!(fixture.server.stored::<SecurityPin>(&in_vault("v2", "")), None);
}

#[tokio::test]
async fn an_immutable_vault_keeps_its_configs_whoever_agrees() {
    let fixture = with_files().await;
    let host = Host::of(&fixture).await;
    let pin = issued(&fixture).await;
    fixture.set_vault(|vault| vault.immutability = vault::Immutability::Unlocked);
    assert_eq!(host.remove(&fixture, Some(&pin)).await.status, 403);
    assert!(host.has_config(&fixture).await);
    fixture.set_vault(|vault| vault.immutability = vault::Immutability::Disabled);
    assert_eq!(host.remove(&fixture, Some(&pin)).await.status, 200, "and it was not tried");
}

#[tokio::test]
async fn a_pin_issued_at_one_server_is_used_at_the_other_once() {
    let [a, b] = Harness::two().await;
    a.add_groups();
    let world = World::on(a);
    let group = resources::ResourceGroup {
        id: crate::repository::world::vault_id().resource_group().unwrap(),
        location: arm::Region::parse("westeurope").unwrap(),
        tags: Default::default(),
    };
    world.server.seed(|tx| tx.put(&group));
    assert_eq!(world.post("/config", b"config").await.status, 200);
    let path = format!("{}/{PIN}", crate::repository::world::vault_id());
    let answer = world.server.as_(crate::harness::ALICE).post(&path, Value::Null).await.expect(200);
    let pin = answer["securityPIN"].as_str().unwrap();
    let place = format!("/repositories/{VAULT}/{ITEM}/config");
    let ask = |server: &Harness| {
        let request = server.request("DELETE", &place).basic_auth(ITEM, Some(SECRET));
        request.header(HEADER, pin)
    };
    assert_eq!(b.send(ask(&b)).await.status, 200);
    assert_eq!(world.get("/config").await.status, 404);
    assert_eq!(world.post("/config", b"another").await.status, 200);
    for server in [&world.server, &b] {
        assert_eq!(server.send(ask(server)).await.status, 403);
    }
}
