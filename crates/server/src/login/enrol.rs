//! Enrolling a second factor: the page that offers a secret, the proof, and the recovery codes.

use axum::response::Response;
use directory::oauth::OAuthError;
use directory::page::{Attempt, Enrolling, Present};
use directory::{Enrolled, NewFactor, RecoveryCode, SignIn, TotpSecret, may_change, needs_pass};
use jiff::Timestamp;
use store::Transaction;

use super::credentials::{self, target};
use super::desk::{keep, proving};
use super::fault::{Fault, Outcome, blocking, decide};
use super::form::Form;
use super::gate::Gate;
use super::pages::{EnrolPage, RecoveryCodesPage, problem};
use super::people::{account_of, home_of, policy_of};
use super::qr;
use super::record::{Event, record};
use super::steps::show;
use super::visit::Visit;
use crate::app::App;

/// Offers somebody who has signed in a new secret.
pub async fn offer(app: &App, visit: &Visit, present: Present) -> Response {
    let secret = TotpSecret::from_random(app.edge.bytes());
    page(app, visit, Enrolling { present, secret }, None).await
}

/// The page with the secret; the same one again when something was wrong with the form.
async fn page(app: &App, visit: &Visit, enrolling: Enrolling, fault: Option<&Fault>) -> Response {
    match page_of(app, visit, &enrolling, fault).await {
        Ok(response) => response,
        Err(failed) => problem(app, visit, &failed),
    }
}

async fn page_of(
    app: &App,
    visit: &Visit,
    enrolling: &Enrolling,
    fault: Option<&Fault>,
) -> Outcome<Response> {
    let present = &enrolling.present;
    let sign_in = present.sign_in.clone();
    let asked = blocking(app, move |app| {
        decide(app, |tx, _| {
            let user = account_of(tx, &sign_in)?;
            may_change(&user, &sign_in)?;
            let policy = policy_of(tx, user.tenant)?;
            Ok((needs_pass(&user, &policy), user.totp.is_some()))
        })
    });
    let (wants_pass, replaces) = asked.await?;
    let secret = keep(app, visit, Attempt::Enrol(Box::new(enrolling.clone()))).await?;
    let uri = enrolling.secret.uri(&present.username);
    let words = fault.map(|fault| match fault {
        Fault::Refused(_) if wants_pass => {
            "The pass or the code is not right. Wait for the next code.".into()
        }
        Fault::Refused(_) => {
            "That code is not right. Check that you added this secret, and wait for the next code.".into()
        }
        other => other.error().description,
    });
    let template = EnrolPage {
        transaction: secret.expose(),
        action: &present.purpose.action,
        username: &present.username,
        secret: &grouped(&enrolling.secret.base32()),
        uri: &uri,
        picture: qr::draw(&uri)?,
        wants_pass,
        replaces,
        problem: words.as_deref(),
    };
    Ok(show(app, visit, &present.purpose, &template, fault))
}

/// The proof came in.
pub async fn prove(app: App, visit: Visit, enrolling: Enrolling, form: Form) -> Response {
    let outcome = proving(&app, {
        let (visit, enrolling) = (visit.clone(), enrolling.clone());
        move |app| {
            let gate = Gate::of_account(&visit, &enrolling.present.username);
            decide(app, |tx, now| enrol(app, tx, &gate, &enrolling, &form, now))
        }
    });
    let outcome = outcome.await;
    credentials::note(&app, &visit, "enrol", &outcome);
    match outcome {
        Ok((sign_in, codes)) => {
            let present = Present { sign_in, ..enrolling.present };
            codes_page(&app, &visit, present, &codes).await
        }
        Err(fault) if fault.is(&OAuthError::invalid_credentials()) || matches!(fault, Fault::Locked(_)) => {
            page(&app, &visit, enrolling, Some(&fault)).await
        }
        Err(fault) => problem(&app, &visit, &fault),
    }
}

fn enrol(
    app: &App,
    tx: &mut Transaction,
    gate: &Gate<'_>,
    enrolling: &Enrolling,
    form: &Form,
    now: Timestamp,
) -> Outcome<(SignIn, Vec<RecoveryCode>)> {
    gate.ask(tx, now)?;
    let sign_in = &enrolling.present.sign_in;
    let user = account_of(tx, sign_in)?;
    let policy = policy_of(tx, home_of(sign_in)?)?;
    let new = NewFactor {
        id: app.edge.uuid(),
        secret: &enrolling.secret,
        code: form.get("code").unwrap_or_default(),
        pass: form.get("pass"),
        random: app.edge.bytes(),
    };
    match directory::enrol(&user, sign_in, &policy, &new, now) {
        Ok(Enrolled { user: after, codes, sign_in: shown, used }) => {
            tx.put(&after)?;
            tx.put(&used)?;
            let proof = if user.totp.is_some() {
                "the factor before"
            } else if needs_pass(&user, &policy) {
                "password and temporary access pass"
            } else {
                "password"
            };
            let replaced = user.totp.as_ref().and_then(|totp| totp.enrolled).map(|at| at.to_string());
            let facts: Vec<(&str, String)> = [("provedBy", Some(proof.to_string())), ("replaced", replaced)]
                .into_iter()
                .filter_map(|(name, fact)| Some((name, fact?)))
                .collect();
            let event = Event {
                operation: "directory.secondFactor.enrol",
                reason: "a second factor was enrolled; all sign-ins before it have ended",
                facts: &facts,
            };
            record(tx, gate.visit(), &user, sign_in, &event, now);
            gate.passed(tx)?;
            Ok((shown, codes))
        }
        Err(error) => {
            if error.is_wrong_guess() {
                gate.failed(tx, Some(&target(&user)), now)?;
            }
            Err(error.into())
        }
    }
}

/// The recovery codes, this once; what the sign-in was for goes on behind it.
pub async fn codes_page(app: &App, visit: &Visit, present: Present, codes: &[RecoveryCode]) -> Response {
    let secret = match keep(app, visit, Attempt::Present(Box::new(present.clone()))).await {
        Ok(secret) => secret,
        Err(failed) => return problem(app, visit, &failed),
    };
    let codes: Vec<String> = codes.iter().map(ToString::to_string).collect();
    let template =
        RecoveryCodesPage { transaction: secret.expose(), action: &present.purpose.action, codes: &codes };
    show(app, visit, &present.purpose, &template, None)
}

/// Letters in groups of four, as people copy them.
fn grouped(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
    groups.join(" ")
}
