//! Two servers on one store behave as one.

use directory::page::OpenPage;
use directory::throttle::Counter;
use jiff::SignedDuration;
use rbac::role_ids;
use serde_json::{Value, json};
use store::ClockMark;

use crate::estate::{group, vault_body, vault_path};
use crate::harness::{ALICE, Answer, BACKUP_SUB, BOB, Harness, PASSWORD};
use crate::login::enrol::{Authenticator, recovery_codes};
use crate::login::throttle::{guess, join_all};
use crate::login::{
    ALICE_NAME, aadsts, arm_refusal, authenticator, browser, claims, device, enrol, field, password,
    password_with, refresh, submit,
};
use crate::mua::{PLACES, link, proxy};
use crate::repository::world::{ITEM, SECRET, World};
use crate::unlocking::{unlock, unlock_path};

const CREDENTIALS: [(&str, &str); 2] = [("username", ALICE_NAME), ("password", PASSWORD)];

fn documents<D: store::Document>(server: &Harness) -> Vec<D> {
    server.running.app().store.transact(|tx| tx.all()).unwrap()
}

/// Whether a page brings a code to the client.
fn is_signed_in(page: &Answer) -> bool {
    page.status == 200 && page.text.contains("name=\"code\"")
}

#[tokio::test]
async fn they_have_one_name_one_authority_and_the_same_keys() {
    let [a, b] = Harness::two().await;
    assert_eq!(a.origin(), b.origin());
    assert_ne!(a.running.app().server, b.running.app().server);
    let ca = |server: &Harness| std::fs::read(server.folder.path().join("tls/ca.pem")).unwrap();
    assert_eq!(ca(&a), ca(&b));
    let path = "/organizations/discovery/v2.0/keys";
    let keys = a.anonymous("GET", path).await.expect(200);
    assert_eq!(keys, b.anonymous("GET", path).await.expect(200));
}

#[tokio::test]
async fn a_page_opened_at_one_is_posted_to_the_other_and_counts_once() {
    let [a, b] = Harness::two().await;
    let page = browser::open(&a, "organizations", &[]).await;
    assert_eq!(page.status, 200, "{}", page.text);
    let done = submit(&b, &page, &CREDENTIALS).await;
    assert!(is_signed_in(&done), "{}", done.text);
    for server in [&a, &b] {
        assert_eq!(submit(server, &page, &CREDENTIALS).await.status, 400, "it was used");
    }
    let code = field(&done, "code");
    let tokens = browser::redeem(&a, "organizations", &code, browser::VERIFIER).await.expect(200);
    assert_eq!(arm_refusal(&b, &tokens["access_token"]).await, None);
    let again = browser::redeem(&b, "organizations", &code, browser::VERIFIER).await;
    assert_eq!(aadsts(&again), 54005, "a code works once, too");
    assert!(arm_refusal(&a, &tokens["access_token"]).await.is_some(), "and has leaked when it comes twice");

    let page = browser::open(&b, "organizations", &[]).await;
    let outcomes = join_all([&a, &b, &a, &b].into_iter().map(|one| submit(one, &page, &CREDENTIALS))).await;
    assert_eq!(outcomes.iter().filter(|outcome| is_signed_in(outcome)).count(), 1);
}

#[tokio::test]
async fn pages_opened_at_once_are_not_in_each_others_way() {
    let [a, b] = Harness::two().await;
    let servers = [&a, &b];
    let opened = join_all((0..40).map(|n| browser::open(servers[n % 2], "organizations", &[]))).await;
    assert!(opened.iter().all(|page| page.status == 200));
    assert_eq!(documents::<OpenPage>(&a).len(), 40);
    for (n, page) in opened.iter().enumerate().take(4) {
        assert!(is_signed_in(&submit(servers[(n + 1) % 2], page, &CREDENTIALS).await));
    }
    assert_eq!(documents::<OpenPage>(&b).len(), 36, "a form takes its page away");
}

#[tokio::test]
async fn a_password_shown_to_one_waits_for_its_second_factor_at_the_other() {
    let [a, b] = Harness::two().await;
    enrol(&a, ALICE);
    let page = browser::open(&a, "organizations", &[]).await;
    let page = submit(&b, &page, &CREDENTIALS).await;
    assert!(page.text.contains("one-time-code"), "{}", page.text);
    let kept = documents::<OpenPage>(&a);
    let kept = serde_json::to_string(&kept).unwrap();
    assert!(!kept.contains(PASSWORD) && !kept.contains("$argon2"), "{kept}");
    assert!(!kept.contains(&field(&page, "transaction")), "{kept}");
    let done = submit(&a, &page, &[("code", &authenticator(&a))]).await;
    assert!(is_signed_in(&done), "{}", done.text);

    // A one-time password is used up for both.
    let page = browser::open(&b, "organizations", &[]).await;
    let page = submit(&b, &page, &CREDENTIALS).await;
    assert_eq!(submit(&b, &page, &[("code", &authenticator(&a))]).await.status, 400);
}

#[tokio::test]
async fn a_factor_offered_by_one_is_proved_at_the_other_and_what_was_used_at_one_is_used_at_both() {
    let [a, b] = Harness::two().await;
    let page = submit(&b, &a.anonymous("GET", "/account/security").await, &CREDENTIALS).await;
    let offer = submit(&a, &page, &[("decision", "enrol")]).await;
    let authenticator = Authenticator::scan(&offer);
    let shown = submit(&b, &offer, &[("code", &authenticator.code(&b))]).await;
    let codes = recovery_codes(&shown);
    assert_eq!(
        submit(&a, &offer, &[("code", &authenticator.code(&a))]).await.status,
        400,
        "the form was sent"
    );

    // Everybody at once, at both: one gets in with each code.
    for server in [&a, &b] {
        server.advance(SignedDuration::from_secs(30));
    }
    for code in [codes[0].clone(), authenticator.code(&a)] {
        let more = [("otp", code.as_str())];
        let all = (0..4).map(|n| password_with([&a, &b][n % 2], "organizations", &more));
        let answers = join_all(all).await;
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
        assert!(answers.iter().all(|answer| answer.status == 200 || aadsts(answer) == 50126));
    }
}

#[tokio::test]
async fn a_password_that_was_right_does_not_count_for_ever() {
    let [a, b] = Harness::two().await;
    enrol(&a, ALICE);
    let page = browser::open(&a, "organizations", &[]).await;
    let page = submit(&a, &page, &CREDENTIALS).await;
    for server in [&a, &b] {
        server.advance(SignedDuration::from_secs(599));
    }
    let page = submit(&b, &page, &[("code", "")]).await;
    assert_eq!(page.status, 200, "shown again");
    b.advance(SignedDuration::from_secs(1));
    let late = submit(&b, &page, &[("code", &authenticator(&b))]).await;
    assert!(!is_signed_in(&late) && late.status == 400, "{}", late.text);
}

#[tokio::test]
async fn a_device_starts_at_one_is_approved_at_the_other_and_polls_the_first() {
    let [a, b] = Harness::two().await;
    let started = device::start(&a, "organizations").await;
    let waiting = device::poll(&b, "organizations", &started).await;
    assert_eq!(device::error(&waiting), "authorization_pending");
    let hasty = device::poll(&a, "organizations", &started).await;
    assert_eq!(device::error(&hasty), "slow_down", "polls count wherever they arrive");
    let consent = device::type_code(&b, started["user_code"].as_str().unwrap()).await;
    let page = submit(&a, &consent, &[("decision", "continue")]).await;
    let done = submit(&b, &page, &CREDENTIALS).await;
    assert!(done.text.contains("You are signed in"), "{}", done.text);
    let tokens = device::poll(&a, "organizations", &started).await.expect(200);
    assert_eq!(claims(&tokens["access_token"])["oid"], ALICE.to_string());
    let again = device::poll(&b, "organizations", &started).await;
    assert_eq!(aadsts(&again), 54005);
}

#[tokio::test]
async fn starts_of_devices_are_counted_across() {
    let [a, b] = Harness::two().await;
    // At the same time: they are not in each other's way.
    join_all((0..30).map(|n| device::start([&a, &b][n % 2], "organizations"))).await;
    for server in [&a, &b] {
        let form = [("client_id", crate::login::CLI)];
        let path = "/organizations/oauth2/v2.0/devicecode";
        assert_eq!(crate::login::post(server, path, &form).await.status, 429);
    }
}

#[tokio::test]
async fn failed_sign_ins_are_counted_across() {
    let [a, b] = Harness::two().await;
    for n in 0..10 {
        assert_eq!(aadsts(&guess([&a, &b][n % 2], ALICE_NAME).await), 50126);
    }
    for server in [&a, &b] {
        let locked = password(server, "organizations", ALICE_NAME, PASSWORD).await;
        assert_eq!(aadsts(&locked), 50053);
    }
}

#[tokio::test]
async fn failures_at_a_repository_are_counted_across_and_shut_nobody_out() {
    let [a, b] = Harness::two().await;
    let a = World::on(a);
    let path = format!("{}/keys/", a.base());
    let attempt = async |server: &Harness, secret: &str| {
        server.send(server.request("GET", &path).basic_auth(ITEM, Some(secret))).await
    };
    for server in [&a.server, &b] {
        attempt(server, SECRET).await.expect(200);
    }
    assert_eq!(documents::<Counter>(&b), [], "a good client leaves nothing behind");
    for n in 0..50 {
        assert_eq!(attempt([&a.server, &b][n % 2], "guess").await.status, 401);
    }
    for server in [&a.server, &b] {
        assert_eq!(attempt(server, "guess").await.status, 429);
        attempt(server, SECRET).await.expect(200);
    }
}

#[tokio::test]
async fn a_token_of_one_is_good_at_the_other_until_it_is_revoked_anywhere() {
    let [a, b] = Harness::two().await;
    b.advance(SignedDuration::from_secs(30));
    let tokens = password(&a, "organizations", "bob@contoso.example", PASSWORD).await.expect(200);
    assert_eq!(arm_refusal(&b, &tokens["access_token"]).await, None);
    let token = tokens["refresh_token"].as_str().unwrap();
    let next = refresh(&b, "organizations", token).await.expect(200);
    assert_eq!(arm_refusal(&a, &next["access_token"]).await, None, "made by a clock that is ahead");

    let bob = format!("{}/v1.0/users/{BOB}", a.running.graph_address);
    let admin = a.token_for(ALICE, &a.running.graph_address, &["pwd"]);
    let disable = a.request("PATCH", &bob).bearer_auth(admin).json(&json!({"accountEnabled": false}));
    a.send(disable).await.expect(204);
    for server in [&b, &a] {
        assert!(arm_refusal(server, &next["access_token"]).await.is_some());
        assert_eq!(aadsts(&refresh(server, "organizations", token).await), 50057);
    }
}

#[tokio::test]
async fn a_role_revoked_through_one_is_refused_at_the_other_at_once() {
    let [a, b] = Harness::two().await;
    a.add_groups();
    let scope = group(BACKUP_SUB, "backup");
    let path =
        format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{}", uuid::Uuid::from_u128(7));
    let role = format!("/providers/Microsoft.Authorization/roleDefinitions/{}", role_ids::READER);
    let body = json!({"properties": {"roleDefinitionId": role, "principalId": BOB.to_string()}});
    for _ in 0..5 {
        assert_eq!(b.as_(BOB).get(&scope).await.status, 403);
        a.as_(ALICE).put(&path, body.clone()).await.expect(201);
        assert_eq!(b.as_(BOB).get(&scope).await.status, 200, "granted at one, good at the other");
        a.as_(ALICE).delete(&path).await.expect(200);
        for server in [&b, &a] {
            assert_eq!(server.as_(BOB).get(&scope).await.status, 403);
        }
    }
}

#[tokio::test]
async fn an_unlock_made_at_one_is_used_at_the_other_once() {
    let place = &PLACES[0];
    let [a, b] = Harness::two().await;
    a.add_groups();
    place.prepare(&a).await;
    let vault = place.guarded_vault(&a, "v1").await;
    place.consent(&a);
    place.admin(&a).post(&unlock_path(&vault), unlock(place)).await.expect(200);
    place.admin(&b).delete(&proxy(&vault)).await.expect(200);
    place.admin(&b).put(&proxy(&vault), link(&place.guard())).await.expect(200);
    for server in [&a, &b] {
        let refused = place.admin(server).delete(&proxy(&vault)).await;
        assert_eq!(refused.code(), "UserErrorDeleteNotUnlocked");
    }

    // Used at both at the same time, it is used once.
    place.admin(&a).post(&unlock_path(&vault), unlock(place)).await.expect(200);
    let admins = [place.admin(&a), place.admin(&b)];
    let path = proxy(&vault);
    let answers = join_all(admins.iter().map(|admin| admin.delete(&path))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 204], "the second finds nothing to remove");
    let used = |entry: &ledger::Entry| !entry.consent.is_empty();
    assert_eq!(a.ledger().iter().filter(|entry| used(entry)).count(), 2, "each unlock was used once");
}

#[tokio::test]
async fn what_one_wrote_the_other_shows_also_when_the_first_has_stopped() {
    let [a, b] = Harness::two().await;
    a.add_groups();
    let path = vault_path("v1");
    let made: Value = a.as_(ALICE).put(&path, vault_body()).await.expect(201);
    assert_eq!(b.as_(ALICE).get(&path).await.expect(200)["id"], made["id"]);
    let now = a.now() + SignedDuration::from_mins(3);
    a.advance(SignedDuration::from_mins(3));
    let Harness { running, folder, .. } = a;
    running.stop().await;
    assert_eq!(b.as_(ALICE).get(&path).await.expect(200)["id"], made["id"]);
    b.as_(ALICE).put(&vault_path("v2"), vault_body()).await.expect(201);
    let mark: Option<ClockMark> = b.running.app().store.transact(|tx| tx.get(ClockMark::KEY)).unwrap();
    assert_eq!(mark.unwrap().at, now, "the first one's clock was ahead");
    let store = b.running.app().store.clone();
    b.running.stop().await;
    let mark: Option<ClockMark> = store.transact(|tx| tx.get(ClockMark::KEY)).unwrap();
    assert_eq!(mark.unwrap().at, now, "and the second does not move the mark back");
    drop(folder);
}
