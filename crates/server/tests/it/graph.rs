//! People and groups: who reads them, who writes them, and what follows for access.

use arm::ObjectId;
use directory::{Subscription, SubscriptionState};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    ALICE, ALICE_GUEST, AUTOMATION, AUTOMATION_APP, Answer, BACKUP_SUB, BOB, CONTOSO, Harness, PASSWORD, SAM,
    SECURITY_SUB, SUE,
};

const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";
const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";

pub async fn graph(server: &Harness, who: ObjectId, method: &str, path: &str, body: Value) -> Answer {
    let address = &server.running.graph_address;
    let token = server.token_for(who, address, &["pwd"]);
    with_token(server, &token, method, path, body).await
}

async fn with_token(server: &Harness, token: &str, method: &str, path: &str, body: Value) -> Answer {
    let url = if path.starts_with("https://") {
        path.to_string()
    } else {
        format!("{}/v1.0{path}", server.running.graph_address)
    };
    let mut request = server.request(method, &url).bearer_auth(token);
    if !body.is_null() {
        request = request.json(&body);
    }
    server.send(request).await
}

async fn get(server: &Harness, who: ObjectId, path: &str) -> Answer {
    graph(server, who, "GET", path, Value::Null).await
}

fn ids(list: &Value) -> Vec<&str> {
    let values = list["value"].as_array().unwrap();
    values.iter().map(|one| one["id"].as_str().unwrap()).collect()
}

pub fn reference(server: &Harness, object: &str) -> Value {
    json!({"@odata.id": format!("{}/v1.0/directoryObjects/{object}", server.running.graph_address)})
}

fn new_user(upn: &str) -> Value {
    json!({
        "accountEnabled": true,
        "displayName": "Carol",
        "mailNickname": "carol",
        "passwordProfile": {"password": "X1234567!a", "forceChangePasswordNextSignIn": false},
        "userPrincipalName": upn,
    })
}

fn new_group(name: &str) -> Value {
    json!({"displayName": name, "mailNickname": "g", "mailEnabled": false, "securityEnabled": true})
}

async fn make_group(server: &Harness, who: ObjectId, name: &str) -> String {
    let made = graph(server, who, "POST", "/groups", new_group(name)).await.expect(201);
    made["id"].as_str().unwrap().to_string()
}

async fn add(server: &Harness, who: ObjectId, group: &str, member: &str) -> Answer {
    let path = format!("/groups/{group}/members/$ref");
    graph(server, who, "POST", &path, reference(server, member)).await
}

pub async fn assign(server: &Harness, owner: ObjectId, scope: &str, role: &str, who: &str) {
    let name = server.running.app().edge.uuid();
    let path = format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{name}");
    let role = format!("/providers/Microsoft.Authorization/roleDefinitions/{role}");
    let body = json!({"properties": {"roleDefinitionId": role, "principalId": who}});
    server.as_(owner).put(&path, body).await.expect(201);
}

#[tokio::test]
async fn people_find_themselves_and_each_other() {
    let server = Harness::start().await;
    let me = get(&server, ALICE, "/me").await.expect(200);
    assert_eq!(me["userPrincipalName"], "alice@contoso.example");
    assert_eq!(me["id"], ALICE.to_string());
    let no_me = get(&server, AUTOMATION, "/me").await;
    assert_eq!((no_me.status, no_me.code()), (400, "Request_BadRequest"));

    let all = get(&server, BOB, "/users").await.expect(200);
    let mut wanted = vec![ALICE.to_string(), BOB.to_string()];
    wanted.sort_unstable();
    assert_eq!(ids(&all), wanted);
    let by_name = get(&server, BOB, "/users/Alice@contoso.example").await.expect(200);
    assert_eq!(by_name["displayName"], "Alice Backup");
    let by_id = get(&server, BOB, &format!("/users/{ALICE}?$select=mail")).await.expect(200);
    assert_eq!(by_id["id"], ALICE.to_string());
    assert!(by_id.get("displayName").is_none());

    // A guest is known by the long name, not by the one at home.
    let home = get(&server, SAM, "/users?$filter=userPrincipalName eq 'alice@contoso.example'").await;
    assert_eq!(home.expect(200)["value"], json!([]));
    let long = get(&server, SAM, "/users/alice_contoso.example%23EXT%23@fabsec.example").await.expect(200);
    assert_eq!(
        (long["id"].as_str(), &long["userType"]),
        (Some(ALICE_GUEST.to_string().as_str()), &json!("Guest"))
    );
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let server = Harness::start().await;
    let found = get(&server, BOB, "/users?$filter=startswith(displayName,'ali')").await.expect(200);
    assert_eq!(ids(&found), [ALICE.to_string()]);
    let app = format!("/servicePrincipals?$filter=servicePrincipalNames/any(c:c eq '{AUTOMATION_APP}')");
    let found = get(&server, BOB, &app).await.expect(200);
    assert_eq!(ids(&found), [AUTOMATION.to_string()]);
    let found =
        get(&server, BOB, "/servicePrincipals?$filter=startswith(displayName,'auto')").await.expect(200);
    assert_eq!(found["value"][0]["appId"], AUTOMATION_APP.to_string());
    get(&server, BOB, &format!("/servicePrincipals/{AUTOMATION}")).await.expect(200);

    let first = get(&server, BOB, "/users?$top=1").await.expect(200);
    let next = first["@odata.nextLink"].as_str().unwrap();
    let second = get(&server, BOB, next).await.expect(200);
    assert!(second.get("@odata.nextLink").is_none());
    assert_ne!(ids(&first), ids(&second));
    for (path, code) in [
        ("/users?$filter=secret eq 'x'", "Request_UnsupportedQuery"),
        ("/users?$filter=password ge 'x'", "Request_UnsupportedQuery"),
        ("/users?$filter=displayName eq", "Request_UnsupportedQuery"),
        ("/users?$search=\"x\"", "Request_UnsupportedQuery"),
        ("/users?$top=0", "Request_BadRequest"),
        ("/users?$top=x", "Request_BadRequest"),
    ] {
        let refused = get(&server, BOB, path).await;
        assert_eq!((refused.status, refused.code()), (400, code), "{path}");
    }
}

#[tokio::test]
async fn ids_become_names_within_the_tenant_only() {
    let server = Harness::start().await;
    let nobody = Uuid::from_u128(0xdead);
    let body = json!({"ids": [ALICE, AUTOMATION, SAM, nobody], "types": ["user", "group", "servicePrincipal", "directoryObjectPartnerReference"]});
    let found = graph(&server, BOB, "POST", "/directoryObjects/getByIds", body).await.expect(200);
    let kinds: Vec<(&str, &str)> = found["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["@odata.type"].as_str().unwrap(), one["displayName"].as_str().unwrap()))
        .collect();
    let mut kinds = kinds;
    kinds.sort_unstable();
    assert_eq!(
        kinds,
        [("#microsoft.graph.servicePrincipal", "automation"), ("#microsoft.graph.user", "Alice Backup")]
    );
    let users_only = json!({"ids": [ALICE, AUTOMATION], "types": ["user"]});
    let found = graph(&server, BOB, "POST", "/directoryObjects/getByIds", users_only).await.expect(200);
    assert_eq!(ids(&found), [ALICE.to_string()]);
    let foreign = get(&server, BOB, &format!("/users/{SAM}")).await;
    assert_eq!((foreign.status, foreign.code()), (404, "Request_ResourceNotFound"));
    assert_eq!(get(&server, BOB, &format!("/groups/{ALICE}")).await.status, 404);
    let bad = json!({"ids": ["x"]});
    assert_eq!(graph(&server, BOB, "POST", "/directoryObjects/getByIds", bad).await.status, 400);
}

#[tokio::test]
async fn a_group_gives_its_members_what_it_holds() {
    let server = Harness::start().await;
    let subscription = format!("/subscriptions/{BACKUP_SUB}");
    let (inner, outer) =
        (make_group(&server, ALICE, "Readers").await, make_group(&server, ALICE, "All readers").await);
    assign(&server, ALICE, &subscription, READER, &outer).await;
    assert_eq!(server.as_(BOB).get(&subscription).await.status, 403);
    assert_eq!(add(&server, ALICE, &outer, &inner).await.status, 204);
    assert_eq!(add(&server, ALICE, &inner, &BOB.to_string()).await.status, 204);
    server.as_(BOB).get(&subscription).await.expect(200);

    let members = get(&server, BOB, &format!("/groups/{inner}/members")).await.expect(200);
    assert_eq!(members["value"][0]["@odata.type"], "#microsoft.graph.user");
    let body = json!({"securityEnabledOnly": false});
    let groups =
        graph(&server, ALICE, "POST", "/users/bob@contoso.example/getMemberGroups", body.clone()).await;
    assert_eq!(groups.expect(200)["value"].as_array().unwrap().len(), 2);
    let of_me = graph(&server, BOB, "POST", "/me/getMemberGroups", body).await.expect(200);
    assert_eq!(of_me["value"].as_array().unwrap().len(), 2);
    let check = json!({"groupIds": [outer, Uuid::from_u128(1)]});
    let path = format!("/directoryObjects/{BOB}/checkMemberGroups");
    let within = graph(&server, ALICE, "POST", &path, check).await.expect(200);
    assert_eq!(within["value"], json!([outer]));

    let again = add(&server, ALICE, &inner, &BOB.to_string()).await;
    assert_eq!((again.status, again.code()), (400, "Request_BadRequest"));
    let member = format!("/groups/{inner}/members/{BOB}/$ref");
    assert_eq!(graph(&server, ALICE, "DELETE", &member, Value::Null).await.status, 204);
    assert_eq!(server.as_(BOB).get(&subscription).await.status, 403);
    assert_eq!(graph(&server, ALICE, "DELETE", &member, Value::Null).await.status, 404);
}

#[tokio::test]
async fn a_user_is_created_disabled_and_deleted() {
    let server = Harness::start().await;
    let made = graph(&server, ALICE, "POST", "/users", new_user("carol@contoso.example")).await.expect(201);
    let carol: ObjectId = made["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(made["accountEnabled"], true);
    let subscription = format!("/subscriptions/{BACKUP_SUB}");
    assign(&server, ALICE, &subscription, READER, &carol.to_string()).await;
    let group = make_group(&server, ALICE, "Team").await;
    assert_eq!(add(&server, ALICE, &group, &carol.to_string()).await.status, 204);
    server.as_(carol).get(&subscription).await.expect(200);

    // Out with the next request, on both faces; and in again.
    let path = "/users/carol@contoso.example";
    let disable = |enabled: bool| json!({"accountEnabled": enabled});
    assert_eq!(graph(&server, ALICE, "PATCH", path, disable(false)).await.status, 204);
    let refused = server.as_(carol).get(&subscription).await;
    assert_eq!((refused.status, refused.code()), (401, "InvalidAuthenticationToken"));
    let refused = get(&server, carol, "/me").await;
    assert_eq!((refused.status, refused.code()), (401, "InvalidAuthenticationToken"));
    assert_eq!(graph(&server, ALICE, "PATCH", path, disable(true)).await.status, 204);
    server.as_(carol).get(&subscription).await.expect(200);

    let token = server.token(carol);
    assert_eq!(graph(&server, ALICE, "DELETE", path, Value::Null).await.status, 204);
    let request = server.request("GET", &format!("{subscription}?api-version=2022-12-01"));
    assert_eq!(server.send(request.bearer_auth(token)).await.status, 401);
    assert_eq!(get(&server, ALICE, path).await.status, 404);
    let members = get(&server, ALICE, &format!("/groups/{group}/members")).await.expect(200);
    assert_eq!(members["value"], json!([]));
    // The assignment is an orphan: it is shown, and can be removed.
    let orphans = format!(
        "{subscription}/providers/Microsoft.Authorization/roleAssignments?$filter=principalId eq '{carol}'"
    );
    let orphans = server.as_(ALICE).get(&orphans).await.expect(200);
    server.as_(ALICE).delete(orphans["value"][0]["id"].as_str().unwrap()).await.expect(200);
}

#[tokio::test]
async fn a_disabled_account_is_out_in_the_other_tenant_too() {
    let server = Harness::start().await;
    let path = format!("/users/{BOB}");
    assign(&server, ALICE, &format!("/subscriptions/{BACKUP_SUB}"), OWNER, &BOB.to_string()).await;
    get(&server, ALICE_GUEST, "/me").await.expect(200);
    let disable = json!({"accountEnabled": false});
    let alice = format!("/users/{ALICE}");
    assert_eq!(graph(&server, BOB, "PATCH", &alice, disable.clone()).await.status, 204);
    assert_eq!(get(&server, ALICE_GUEST, "/me").await.status, 401);
    // Bob is the last one now.
    let last = graph(&server, BOB, "PATCH", &path, disable).await;
    assert_eq!((last.status, last.code()), (412, "CannotDeleteLastRbacAdminAssignment"));
}

#[tokio::test]
async fn the_directory_is_written_by_those_who_administer_the_whole_tenant() {
    let server = Harness::start().await;
    let team = make_group(&server, SAM, "Approvers").await;
    let security = format!("/subscriptions/{SECURITY_SUB}");
    // No rights, a right to read, and a guest even as Owner: none of them writes.
    assign(&server, SAM, &security, READER, &SUE.to_string()).await;
    assign(&server, SAM, &security, OWNER, &ALICE_GUEST.to_string()).await;
    for who in [SUE, ALICE_GUEST] {
        for refused in [
            graph(&server, who, "POST", "/users", new_user("mallory@fabsec.example")).await,
            graph(&server, who, "POST", "/groups", new_group("x")).await,
            add(&server, who, &team, &ALICE_GUEST.to_string()).await,
            graph(&server, who, "PATCH", &format!("/users/{SAM}"), json!({"accountEnabled": false})).await,
            graph(&server, who, "DELETE", &format!("/users/{SAM}"), Value::Null).await,
            graph(&server, who, "DELETE", &format!("/groups/{team}"), Value::Null).await,
        ] {
            assert_eq!((refused.status, refused.code()), (403, "Authorization_RequestDenied"));
        }
    }
    let members = get(&server, SAM, &format!("/groups/{team}/members")).await.expect(200);
    assert_eq!(members["value"], json!([]));
}

#[tokio::test]
async fn an_owner_of_one_subscription_does_not_walk_into_the_groups_of_another() {
    let server = Harness::start().await;
    let team = make_group(&server, ALICE, "Security").await;
    // The security team's subscription moves into the same tenant, and Bob owns the backup team's.
    let second = arm::SubscriptionId(Uuid::from_u128(0x77));
    let write = |tx: &mut store::Transaction| {
        let entry = tx.ledger(0, 1)?.remove(0);
        tx.record(entry);
        tx.put(&Subscription {
            id: second,
            tenant: CONTOSO,
            name: "Security".into(),
            state: SubscriptionState::Enabled,
        })
    };
    assign(&server, ALICE, &format!("/subscriptions/{BACKUP_SUB}"), OWNER, &BOB.to_string()).await;
    assert_eq!(add(&server, BOB, &team, &AUTOMATION.to_string()).await.status, 204);
    server.running.app().store.transact(write).unwrap();
    let refused = add(&server, BOB, &team, &BOB.to_string()).await;
    assert_eq!((refused.status, refused.code()), (403, "Authorization_RequestDenied"));
    let refused = graph(&server, BOB, "POST", "/users", new_user("mallory@contoso.example")).await;
    assert_eq!(refused.status, 403);
}

#[tokio::test]
async fn groups_do_not_lose_a_subscription_its_last_administrator() {
    let server = Harness::start().await;
    let subscription = format!("/subscriptions/{BACKUP_SUB}");
    let owners = make_group(&server, ALICE, "Owners").await;
    assign(&server, ALICE, &subscription, OWNER, &owners).await;
    assert_eq!(add(&server, ALICE, &owners, &BOB.to_string()).await.status, 204);
    let own = format!("{subscription}/providers/Microsoft.Authorization/roleAssignments/{}", ALICE.0);
    server.as_(BOB).delete(&own).await.expect(200);
    let member = format!("/groups/{owners}/members/{BOB}/$ref");
    for refused in [
        graph(&server, BOB, "DELETE", &member, Value::Null).await,
        graph(&server, BOB, "DELETE", &format!("/groups/{owners}"), Value::Null).await,
        graph(&server, BOB, "DELETE", &format!("/users/{BOB}"), Value::Null).await,
    ] {
        assert_eq!((refused.status, refused.code()), (412, "CannotDeleteLastRbacAdminAssignment"));
    }
    // Alice, who is out, writes nothing any more.
    assert_eq!(graph(&server, ALICE, "DELETE", &member, Value::Null).await.status, 403);
}

#[tokio::test]
async fn bad_users_and_groups_are_refused() {
    let server = Harness::start().await;
    let with = |mut body: Value, name: &str, value: Value| {
        body[name] = value;
        body
    };
    let user = || new_user("carol@contoso.example");
    let group = || new_group("g");
    let weak = json!({"password": "short"});
    let force = json!({"password": "X1234567!a", "forceChangePasswordNextSignIn": true});
    for (path, body) in [
        ("/users", new_user("carol@fabsec.example")),
        ("/users", new_user("ALICE@contoso.example")),
        ("/users", new_user("x_y#EXT#@contoso.example")),
        ("/users", new_user("carol")),
        ("/users", with(user(), "passwordProfile", Value::Null)),
        ("/users", with(user(), "passwordProfile", weak)),
        ("/users", with(user(), "passwordProfile", force)),
        ("/users", with(user(), "displayName", json!("a\nb"))),
        ("/users", with(user(), "displayName", json!(5))),
        ("/users", with(user(), "accountEnabled", Value::Null)),
        ("/users", with(user(), "mail", json!("none"))),
        ("/users", json!("x")),
        ("/groups", with(group(), "mailEnabled", json!(true))),
        ("/groups", with(group(), "securityEnabled", json!(false))),
        ("/groups", with(group(), "groupTypes", json!(["Unified"]))),
        ("/groups", with(group(), "mailNickname", json!("a b"))),
        ("/groups", with(group(), "mailNickname", Value::Null)),
        ("/groups", with(group(), "displayName", json!("x".repeat(257)))),
        ("/groups", with(group(), "members@odata.bind", json!([5]))),
    ] {
        let refused = graph(&server, ALICE, "POST", path, body.clone()).await;
        assert_eq!((refused.status, refused.code()), (400, "Request_BadRequest"), "{body}");
    }
    let id = make_group(&server, ALICE, "g").await;
    let path = format!("/groups/{id}/members/$ref");
    for (body, status) in [
        (json!({}), 400),
        (json!({"@odata.id": "x"}), 400),
        (reference(&server, &SAM.to_string()), 404),
        (reference(&server, "x"), 404),
        (reference(&server, &id), 400),
    ] {
        let refused = graph(&server, ALICE, "POST", &path, body.clone()).await;
        assert_eq!(refused.status, status, "{body}");
    }
    let reset = json!({"passwordProfile": {"password": "X1234567!a"}});
    assert_eq!(graph(&server, ALICE, "PATCH", &format!("/users/{BOB}"), reset).await.status, 400);
    assert_eq!(get(&server, ALICE, "/users").await.expect(200)["value"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn odd_requests_get_graphs_errors() {
    let server = Harness::start().await;
    let address = server.running.graph_address.clone();
    let arm_token = server.token(ALICE);
    let foreign = with_token(&server, &arm_token, "GET", "/me", Value::Null).await;
    assert_eq!((foreign.status, foreign.code()), (401, "InvalidAuthenticationToken"));
    let anonymous = server.anonymous("GET", &format!("{address}/v1.0/me")).await;
    assert_eq!((anonymous.status, anonymous.code()), (401, "InvalidAuthenticationToken"));
    assert!(anonymous.body["error"]["innerError"]["request-id"].is_string());
    assert!(anonymous.header("www-authenticate").starts_with("Bearer "));
    // A slash at the end of the audience is what az sends.
    let token = server.token_for(ALICE, &format!("{address}/"), &["pwd"]);
    with_token(&server, &token, "GET", "/me", Value::Null).await.expect(200);
    for (method, path, status) in [
        ("GET", "/devices", 404),
        ("GET", "/me/messages", 404),
        ("PUT", "/me", 405),
        ("DELETE", "/users", 405),
        ("POST", "/directoryObjects", 404),
        ("GET", "/users/%2e%2e%2fx", 400),
        ("GET", "/users/%ff", 400),
        ("GET", "/users/%00", 400),
        ("GET", "/groups/x/members", 404),
    ] {
        let answer = graph(&server, ALICE, method, path, Value::Null).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
    }
    let versionless = server.request("GET", &format!("{address}/me")).bearer_auth(&token);
    assert_eq!(server.send(versionless).await.status, 400);
    let broken = server.request("POST", &format!("{address}/v1.0/users")).bearer_auth(&token).body("{");
    assert_eq!(server.send(broken).await.status, 400);
    let huge = server.request("POST", &format!("{address}/v1.0/users")).bearer_auth(&token);
    assert_eq!(server.send(huge.body("x".repeat(1_100_000))).await.status, 413);
    assert_eq!(server.anonymous("GET", &format!("{address}/healthz")).await.status, 200);
}

#[tokio::test]
async fn what_is_written_is_in_the_ledger_and_no_secret_is_anywhere() {
    let server = Harness::start().await;
    let mut texts = Vec::new();
    let made = graph(&server, ALICE, "POST", "/users", new_user("carol@contoso.example")).await;
    texts.push(made.text.clone());
    let carol = made.expect(201)["id"].as_str().unwrap().to_string();
    let group = make_group(&server, ALICE, "Team").await;
    assert_eq!(add(&server, ALICE, &group, &carol).await.status, 204);
    for path in [
        "/users",
        "/servicePrincipals",
        "/me",
        &format!("/users/{carol}"),
        &format!("/groups/{group}/members"),
    ] {
        texts.push(get(&server, ALICE, path).await.text);
    }
    let store = &server.running.app().store;
    let entries = store.transact(|tx| tx.ledger(0, 100)).unwrap();
    let operations: Vec<&str> = entries.iter().map(|entry| entry.operation.as_str()).collect();
    assert_eq!(
        operations,
        ["test.seed", "directory.users.create", "directory.groups.create", "directory.groups.members.add"]
    );
    let added = entries.last().unwrap();
    assert_eq!(added.facts["memberName"], "carol@contoso.example");
    assert_eq!(added.actor.name, "alice@contoso.example");
    texts.push(serde_json::to_string(&entries).unwrap());
    for text in texts {
        for secret in ["argon2", "X1234567!a", PASSWORD, "totp", "secrets"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    // Reading it checks it.
    server.ledger();
}

/// Both JSON faces read paths alike. And neither asks browsers for HTTPS alone: that would hold for every port of
/// `localhost`, also for the plain one on which a client waits for the end of a browser sign-in.
#[tokio::test]
async fn a_stray_percent_sign_is_refused_on_both_faces() {
    let server = Harness::start().await;
    let answers = [
        get(&server, ALICE, "/users/x%zz").await,
        get(&server, ALICE, "/users/x%2Fy").await,
        server.as_(ALICE).get("/subscriptions/x%zz").await,
        server.as_(ALICE).get("/subscriptions/x%2Fy").await,
    ];
    for answer in answers {
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert_eq!(answer.header("strict-transport-security"), "");
    }
}

fn invitation(address: &str) -> Value {
    json!({"invitedUserEmailAddress": address, "inviteRedirectUrl": "https://localhost/portal/"})
}

#[tokio::test]
async fn a_guest_is_invited_signs_in_at_home_and_holds_nothing() {
    let server = Harness::start().await;
    let mut body = invitation("Bob@contoso.example");
    body["invitedUserDisplayName"] = json!("Bob of Contoso");
    let invited = graph(&server, SAM, "POST", "/invitations", body).await.expect(201);
    assert_eq!((&invited["status"], &invited["invitedUserType"]), (&json!("Completed"), &json!("Guest")));
    let guest = invited["invitedUser"]["id"].as_str().unwrap().to_string();
    let shown = get(&server, SAM, &format!("/users/{guest}")).await.expect(200);
    assert_eq!(shown["userType"], "Guest");
    assert_eq!(shown["displayName"], "Bob of Contoso");
    assert_eq!(shown["userPrincipalName"], "bob_contoso.example#EXT#@fabsec.example");
    let store = &server.running.app().store;
    let entry = store.transact(|tx| tx.ledger_back(None, 1)).unwrap().remove(0);
    assert_eq!(entry.operation, "directory.users.invite");
    assert_eq!(entry.facts["homeUserPrincipalName"], "bob@contoso.example");
    // Once more is no other guest, and no news.
    let again =
        graph(&server, SAM, "POST", "/invitations", invitation("bob@contoso.example")).await.expect(201);
    assert_eq!(again["invitedUser"]["id"], json!(guest));
    assert_eq!(store.transact(|tx| tx.ledger_back(None, 1)).unwrap()[0].sequence, entry.sequence);
    // He is in, as far as a guest without a role is.
    let object = ObjectId(guest.parse().unwrap());
    assert_eq!(get(&server, object, "/me").await.expect(200)["id"], json!(guest));
    let denied = server.as_(object).get(&format!("/subscriptions/{SECURITY_SUB}")).await;
    assert!([403, 404].contains(&denied.status), "{}", denied.text);
    // Whom the home directory stops is stopped here.
    let stop = json!({"accountEnabled": false});
    assert_eq!(graph(&server, ALICE, "PATCH", &format!("/users/{BOB}"), stop).await.status, 204);
    assert_eq!(get(&server, object, "/me").await.status, 401);
    assert_eq!(graph(&server, SAM, "DELETE", &format!("/users/{guest}"), Value::Null).await.status, 204);
    get(&server, ALICE, &format!("/users/{BOB}")).await.expect(200);
}

#[tokio::test]
async fn not_everybody_is_a_guest_that_can_be_invited() {
    let server = Harness::start().await;
    let mut mailed = invitation("bob@contoso.example");
    mailed["sendInvitationMessage"] = json!(true);
    let mut elsewhere = invitation("bob@contoso.example");
    elsewhere["inviteRedirectUrl"] = json!("javascript:alert(1)");
    for (what, body) in [
        ("somebody who is nowhere", invitation("nobody@contoso.example")),
        ("a mail address of the world", invitation("bob@mail.example")),
        ("a member of the directory", invitation("sam@fabsec.example")),
        ("a guest of it, by that name", invitation("alice_contoso.example#EXT#@fabsec.example")),
        ("no user name", invitation("bob")),
        ("with a mail", mailed),
        ("on the way to a script", elsewhere),
        ("without an address", json!({"invitedUserEmailAddress": "bob@contoso.example"})),
    ] {
        let refused = graph(&server, SAM, "POST", "/invitations", body).await;
        assert_eq!(refused.status, 400, "{what}: {}", refused.text);
    }
    let users = get(&server, SAM, "/users").await.expect(200);
    let bob = invitation("bob@contoso.example");
    let by_nobody = graph(&server, SUE, "POST", "/invitations", bob.clone()).await;
    assert_eq!(by_nobody.status, 403, "{}", by_nobody.text);
    let by_guest = graph(&server, ALICE_GUEST, "POST", "/invitations", bob).await;
    assert_eq!(by_guest.status, 403, "{}", by_guest.text);
    assert_eq!(get(&server, SAM, "/users").await.expect(200)["value"], users["value"]);
    assert_eq!(graph(&server, SAM, "GET", "/invitations", Value::Null).await.status, 405);
    assert_eq!(graph(&server, SAM, "POST", "/invitations/x", json!({})).await.status, 404);
}
