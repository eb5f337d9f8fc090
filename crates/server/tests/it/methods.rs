//! What Graph tells of second factors, and what administrators do with them.

use arm::ObjectId;
use directory::{AccountLink, Person, User};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::graph::graph;
use crate::harness::{ALICE, ALICE_GUEST, Answer, BOB, CONTOSO, Harness, PASSWORD, SAM, SUE};
use crate::login::enrol::{Authenticator, account, enrolled};
use crate::login::{
    ALICE_NAME, aadsts, claims, contoso, edit_user, password, password_with, refresh, submit,
};

const CONTEXTS: &str = "/identity/conditionalAccess/authenticationContextClassReferences";
const POLICY: &str = "/policies/authenticationMethodsPolicy";

async fn get(server: &Harness, who: ObjectId, path: &str) -> Answer {
    graph(server, who, "GET", path, Value::Null).await
}

fn of(user: ObjectId, rest: &str) -> String {
    format!("/users/{user}/authentication/{rest}")
}

fn kinds(list: &Value) -> Vec<&str> {
    let values = list["value"].as_array().unwrap();
    values
        .iter()
        .map(|one| one["@odata.type"].as_str().unwrap().strip_prefix("#microsoft.graph.").unwrap())
        .collect()
}

/// Makes Bob somebody who administers the directory besides Alice.
async fn bob_administers(server: &Harness) {
    let scope = format!("/subscriptions/{}", crate::harness::BACKUP_SUB);
    let name = server.running.app().edge.uuid();
    let role = "/providers/Microsoft.Authorization/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
    let path = format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{name}");
    let body = json!({"properties": {"roleDefinitionId": role, "principalId": BOB}});
    server.as_(ALICE).put(&path, body).await.expect(201);
}

#[tokio::test]
async fn a_factor_is_shown_without_its_secret_to_its_owner_and_to_administrators() {
    let server = Harness::start().await;
    bob_administers(&server).await;
    let before = get(&server, ALICE, "/me/authentication/methods").await.expect(200);
    assert_eq!(kinds(&before), ["passwordAuthenticationMethod"]);
    let (_, codes) = enrolled(&server).await;
    for (who, path) in [(ALICE, "/me/authentication/methods".into()), (BOB, of(ALICE, "methods"))] {
        let answer = get(&server, who, &path).await;
        for secret in [codes[0].as_str(), "recovery", "argon2", "\"secret\""] {
            assert!(!answer.text.contains(secret), "{secret} in {}", answer.text);
        }
        let list = answer.expect(200);
        assert_eq!(kinds(&list), ["passwordAuthenticationMethod", "softwareOathAuthenticationMethod"]);
        let factor = &list["value"][1];
        assert_eq!(factor["secretKey"], Value::Null);
        assert!(factor["createdDateTime"].is_string());
        let id = factor["id"].as_str().unwrap();
        let one = get(&server, who, &of(ALICE, &format!("softwareOathMethods/{id}"))).await.expect(200);
        assert_eq!(one["id"], id);
    }
    // Not to others, and a guest has none here: it is proved at home.
    assert_eq!(get(&server, ALICE_GUEST, &of(SAM, "methods")).await.status, 403);
    assert_eq!(get(&server, SUE, &of(SAM, "methods")).await.status, 403);
    assert_eq!(get(&server, SAM, &of(ALICE, "methods")).await.status, 404, "another directory's");
    let guest = get(&server, SAM, &of(ALICE_GUEST, "methods")).await.expect(200);
    assert_eq!(guest["value"], json!([]));
}

#[tokio::test]
async fn an_administrator_resets_somebody_elses_factor_and_never_their_own() {
    let server = Harness::start().await;
    bob_administers(&server).await;
    let (authenticator, _) = enrolled(&server).await;
    server.advance(SignedDuration::from_secs(30));
    let code = authenticator.code(&server);
    let body = password_with(&server, "organizations", &[("otp", &code)]).await.expect(200);
    let methods = get(&server, ALICE, "/me/authentication/softwareOathMethods").await.expect(200);
    let path = of(ALICE, &format!("softwareOathMethods/{}", methods["value"][0]["id"].as_str().unwrap()));
    server.advance(SignedDuration::from_secs(1));

    let own = graph(&server, ALICE, "DELETE", &path, Value::Null).await;
    assert_eq!(own.status, 403, "{}", own.text);
    assert_eq!(graph(&server, SAM, "DELETE", &path, Value::Null).await.status, 404, "another directory's");
    let wrong = of(ALICE, "softwareOathMethods/00000000-0000-0000-0000-000000000009");
    assert_eq!(graph(&server, BOB, "DELETE", &wrong, Value::Null).await.status, 404);
    assert_eq!(graph(&server, BOB, "DELETE", &path, Value::Null).await.status, 204);
    assert_eq!(graph(&server, BOB, "DELETE", &path, Value::Null).await.status, 404);

    let refreshed = refresh(&server, &contoso(), body["refresh_token"].as_str().unwrap()).await;
    assert_eq!(aadsts(&refreshed), 50173, "what she had signed in is signed out");
    let body = password(&server, "organizations", ALICE_NAME, PASSWORD).await.expect(200);
    assert_eq!(claims(&body["access_token"])["amr"], json!(["pwd"]));
    let entries = server.ledger();
    let entry = entries.iter().find(|entry| entry.operation == "directory.secondFactor.reset").unwrap();
    assert_eq!((entry.actor.object, entry.facts["userPrincipalName"].as_str()), (BOB.0, ALICE_NAME));
}

/// Whoever has stolen one of somebody's two accounts is not to get rid of the factor of the other.
#[tokio::test]
async fn another_account_of_the_same_human_is_no_other_administrator() {
    let server = Harness::start().await;
    bob_administers(&server).await;
    enrolled(&server).await;
    let methods = get(&server, ALICE, "/me/authentication/softwareOathMethods").await.expect(200);
    let factor = of(ALICE, &format!("softwareOathMethods/{}", methods["value"][0]["id"].as_str().unwrap()));
    let path = format!("/users/{ALICE}/linkedAccounts/$ref");
    let body = crate::graph::reference(&server, &BOB.to_string());
    assert_eq!(graph(&server, ALICE, "POST", &path, body).await.status, 204);
    for refused in [
        graph(&server, BOB, "DELETE", &factor, Value::Null).await,
        graph(&server, ALICE, "POST", &of(BOB, "temporaryAccessPassMethods"), json!({})).await,
    ] {
        assert_eq!(
            (refused.status, refused.code()),
            (403, "Authorization_RequestDenied"),
            "{}",
            refused.text
        );
    }
    assert_eq!(get(&server, ALICE, "/me/authentication/softwareOathMethods").await.expect(200), methods);
}

#[tokio::test]
async fn nobody_resets_a_factor_of_theirs_from_another_account_of_theirs() {
    let server = Harness::start().await;
    bob_administers(&server).await;
    enrolled(&server).await;
    let methods = get(&server, BOB, &of(ALICE, "softwareOathMethods")).await.expect(200);
    let path = of(ALICE, &format!("softwareOathMethods/{}", methods["value"][0]["id"].as_str().unwrap()));
    let person = |object| Person::Human { tenant: CONTOSO, object };
    server.seed(|tx| {
        tx.put(&AccountLink::new([person(ALICE), person(BOB)], CONTOSO, person(ALICE), server.now())?)
    });
    let refused = graph(&server, BOB, "DELETE", &path, Value::Null).await;
    assert_eq!(refused.status, 403, "{}", refused.text);
}

#[tokio::test]
async fn a_directory_may_want_a_pass_before_the_first_factor() {
    let server = Harness::start().await;
    bob_administers(&server).await;
    let demand = json!({"secondFactorEnrolment": "temporaryAccessPass"});
    assert_eq!(graph(&server, SUE, "PATCH", POLICY, demand.clone()).await.status, 403);
    assert_eq!(graph(&server, BOB, "PATCH", POLICY, demand).await.status, 204);
    let policy = get(&server, ALICE, POLICY).await.expect(200);
    assert_eq!(policy["secondFactorEnrolment"], "temporaryAccessPass");

    let passes = of(ALICE, "temporaryAccessPassMethods");
    let made = |who| graph(&server, who, "POST", &passes, json!({"lifetimeInMinutes": 10}));
    assert_eq!(made(ALICE).await.status, 403, "nobody gives one to themselves");
    let old = made(BOB).await.expect(201)["temporaryAccessPass"].as_str().unwrap().to_string();
    let answer = made(BOB).await.expect(201);
    let pass = answer["temporaryAccessPass"].as_str().unwrap().to_string();
    assert_eq!((&answer["lifetimeInMinutes"], &answer["isUsableOnce"]), (&json!(10), &json!(true)));
    let again = get(&server, BOB, &passes).await;
    assert!(!again.text.contains(&pass) && again.body["value"][0]["isUsable"] == true, "{}", again.text);

    let mut page = submit(&server, &account(&server).await, &[("decision", "enrol")]).await;
    assert!(page.text.contains("name=\"pass\""), "{}", page.text);
    for wrong in ["", "nothing", &old] {
        let code = Authenticator::scan(&page).code(&server);
        page = submit(&server, &page, &[("code", &code), ("pass", wrong)]).await;
        assert_eq!(page.status, 400, "{wrong}");
    }
    let code = Authenticator::scan(&page).code(&server);
    let done = submit(&server, &page, &[("code", &code), ("pass", &pass)]).await;
    assert!(done.text.contains("recovery codes"), "{}", done.text);
    assert_eq!(get(&server, BOB, &passes).await.expect(200)["value"], json!([]), "it is used up");
    let entries = server.ledger();
    let enrolled = entries.iter().find(|entry| entry.operation == "directory.secondFactor.enrol").unwrap();
    assert_eq!(enrolled.facts["provedBy"], "password and temporary access pass");
    assert!(!serde_json::to_string(&entries).unwrap().contains(&pass));
}

#[tokio::test]
async fn a_pass_expires_and_cannot_be_guessed() {
    let server = Harness::start().await;
    bob_administers(&server).await;
    let demand = json!({"secondFactorEnrolment": "temporaryAccessPass"});
    assert_eq!(graph(&server, BOB, "PATCH", POLICY, demand).await.status, 204);
    let passes = of(ALICE, "temporaryAccessPassMethods");
    let made = graph(&server, BOB, "POST", &passes, json!({"lifetimeInMinutes": 10})).await.expect(201);
    let pass = made["temporaryAccessPass"].as_str().unwrap();
    for bad in
        [json!({"lifetimeInMinutes": 5}), json!({"lifetimeInMinutes": "60"}), json!({"isUsableOnce": false})]
    {
        assert_eq!(graph(&server, BOB, "POST", &passes, bad).await.status, 400);
    }
    let mut page = submit(&server, &account(&server).await, &[("decision", "enrol")]).await;
    for _ in 0..10 {
        let code = Authenticator::scan(&page).code(&server);
        page = submit(&server, &page, &[("code", &code), ("pass", "AAAA-AAAA-AAAA-AAAA")]).await;
        assert_eq!(page.status, 400);
    }
    let code = Authenticator::scan(&page).code(&server);
    let locked = submit(&server, &page, &[("code", &code), ("pass", pass)]).await;
    assert_eq!(locked.status, 429, "the right one does not help while the lock holds");

    server.advance(SignedDuration::from_mins(10));
    let page = submit(&server, &account(&server).await, &[("decision", "enrol")]).await;
    let code = Authenticator::scan(&page).code(&server);
    assert_eq!(submit(&server, &page, &[("code", &code), ("pass", pass)]).await.status, 400, "too late");
    let id = made["id"].as_str().unwrap();
    let one = format!("{passes}/{id}");
    assert_eq!(get(&server, BOB, &one).await.expect(200)["isUsable"], false);
    assert_eq!(graph(&server, BOB, "DELETE", &one, Value::Null).await.status, 204);
    edit_user(&server, ALICE, |user: &mut User| assert!(user.access_pass.is_none()));
}

#[tokio::test]
async fn authentication_contexts_are_made_changed_and_deleted_by_administrators() {
    let server = Harness::start().await;
    let list = get(&server, SUE, CONTEXTS).await.expect(200);
    assert_eq!((&list["value"][0]["id"], list["value"].as_array().unwrap().len()), (&json!("c1"), 1));
    let fresh = json!({"id": "c2", "displayName": "Fresh", "maximumSignInAge": "PT15M"});
    assert_eq!(graph(&server, SUE, "POST", CONTEXTS, fresh.clone()).await.status, 403);
    let made = graph(&server, SAM, "POST", CONTEXTS, fresh.clone()).await.expect(201);
    assert_eq!((&made["id"], &made["maximumSignInAge"]), (&json!("c2"), &json!("PT15M")));
    assert_eq!(graph(&server, SAM, "POST", CONTEXTS, fresh).await.status, 400, "there is one");
    for bad in [
        json!({"id": "p1", "displayName": "x"}),
        json!({"id": "c0", "displayName": "x"}),
        json!({"id": "c3"}),
        json!({"id": "c3", "displayName": "x", "maximumSignInAge": "PT1S"}),
        json!({"id": "c3", "displayName": "x", "maximumSignInAge": 15}),
    ] {
        assert_eq!(graph(&server, SAM, "POST", CONTEXTS, bad.clone()).await.status, 400, "{bad}");
    }
    let one = format!("{CONTEXTS}/c2");
    let unlimited = json!({"maximumSignInAge": null});
    assert_eq!(graph(&server, SAM, "PATCH", &one, unlimited).await.status, 204);
    let shown = get(&server, SUE, &one).await.expect(200);
    assert_eq!((&shown["maximumSignInAge"], &shown["displayName"]), (&Value::Null, &json!("Fresh")));
    assert_eq!(graph(&server, SAM, "DELETE", &one, Value::Null).await.status, 204);
    assert_eq!(get(&server, SUE, &one).await.status, 404);
    assert_eq!(get(&server, ALICE, CONTEXTS).await.expect(200)["value"].as_array().unwrap().len(), 1);
    let told = server.ledger().into_iter().filter(|entry| entry.operation == "directory.signInPolicy.update");
    assert_eq!(told.count(), 3);
}
