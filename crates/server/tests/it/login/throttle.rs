//! Guessing is slow, and does not tell who exists.

use jiff::SignedDuration;
use ledger::Verdict;

use super::*;
use crate::harness::{ALICE, AUTOMATION_APP};

pub async fn guess(server: &Harness, name: &str) -> Answer {
    password(server, "organizations", name, "wrong-password").await
}

fn locks(server: &Harness) -> Vec<ledger::Entry> {
    let entries = server.running.app().store.transact(|tx| tx.ledger(0, 1000));
    let mut entries = entries.unwrap();
    entries.retain(|entry| entry.operation == "directory.signIn.locked");
    entries
}

#[tokio::test]
async fn ten_wrong_passwords_lock_an_account_whether_it_exists_or_not() {
    let server = Harness::start().await;
    for name in [ALICE_NAME, "nobody@contoso.example"] {
        for _ in 0..10 {
            assert_eq!(aadsts(&guess(&server, name).await), 50126);
        }
        let locked = password(&server, "organizations", name, PASSWORD).await;
        assert_eq!((locked.status, aadsts(&locked)), (400, 50053), "{name}");
        let wait: i64 = locked.header("retry-after").parse().unwrap();
        assert!((1..=61).contains(&wait), "{wait}");
    }
    let entries = locks(&server);
    assert_eq!(entries.len(), 1, "only an account that exists is worth an entry");
    assert_eq!(entries[0].verdict, Verdict::Refused);
    assert_eq!(entries[0].target, format!("/tenants/{}/users/{ALICE}", contoso()));
    assert_eq!(entries[0].actor.address.as_deref(), Some("127.0.0.1"));

    server.advance(SignedDuration::from_secs(59));
    let locked = password(&server, "organizations", ALICE_NAME, PASSWORD).await;
    assert_eq!(aadsts(&locked), 50053);
    server.advance(SignedDuration::from_secs(1));
    assert_eq!(password(&server, "organizations", ALICE_NAME, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_success_clears_the_account() {
    let server = Harness::start().await;
    for _ in 0..3 {
        for _ in 0..9 {
            guess(&server, ALICE_NAME).await;
        }
        alice(&server).await;
    }
    assert!(locks(&server).is_empty());
}

#[tokio::test]
async fn fifty_failures_lock_an_address_for_all_accounts() {
    let server = Harness::start().await;
    for n in 0..50 {
        assert_eq!(aadsts(&guess(&server, &format!("user{n}@contoso.example")).await), 50126);
    }
    let locked = password(&server, "organizations", ALICE_NAME, PASSWORD).await;
    assert_eq!(aadsts(&locked), 50053);
    assert_eq!(locks(&server).len(), 1);
    assert_eq!(locks(&server)[0].facts["locked"], "address:127.0.0.1");
    server.advance(SignedDuration::from_secs(60));
    alice(&server).await;
}

#[tokio::test]
async fn attempts_at_the_same_time_do_not_pass_together() {
    let server = Harness::start().await;
    let attempts = (0..30).map(|_| guess(&server, ALICE_NAME));
    let mut wrong = 0;
    for answer in join_all(attempts).await {
        match aadsts(&answer) {
            50126 => wrong += 1,
            other => assert_eq!(other, 50053),
        }
    }
    assert_eq!(wrong, 10, "no more is told than the limit allows");
}

pub async fn join_all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut pinned: Vec<_> = futures.map(Box::pin).collect();
    let mut done: Vec<Option<F::Output>> = pinned.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, slot) in pinned.iter_mut().zip(&mut done) {
            if slot.is_none()
                && let std::task::Poll::Ready(output) = future.as_mut().poll(context)
            {
                *slot = Some(output);
            }
        }
        match done.iter().all(Option::is_some) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[tokio::test]
async fn client_secrets_are_guessed_as_slowly() {
    let server = Harness::start().await;
    let id = AUTOMATION_APP.to_string();
    let attempt = |secret: &'static str| {
        let (server, id) = (&server, id.clone());
        async move {
            let form =
                [("client_id", id.as_str()), ("grant_type", "client_credentials"), ("client_secret", secret)];
            aadsts(&token(server, &contoso(), &form).await)
        }
    };
    for _ in 0..10 {
        assert_eq!(attempt("wrong-secret").await, 7_000_215);
    }
    assert_eq!(attempt(PASSWORD).await, 50053);
    assert_eq!(locks(&server).len(), 1);
    server.advance(SignedDuration::from_secs(60));
    assert_eq!(attempt(PASSWORD).await, 0);
}

#[tokio::test]
async fn failures_are_counted_in_the_metrics() {
    let server = Harness::start().await;
    guess(&server, ALICE_NAME).await;
    guess(&server, "nobody@contoso.example").await;
    let metrics = server.anonymous("GET", "/metrics").await.text;
    assert!(metrics.contains("countersign_failed_sign_ins_total 2"), "{metrics}");
    assert!(
        metrics.contains(r#"countersign_requests_total{face="login",method="POST",status="400"} 2"#),
        "{metrics}"
    );
}
