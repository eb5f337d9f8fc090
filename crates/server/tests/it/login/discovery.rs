//! What clients read before they sign in.

use serde_json::{Value, json};

use super::*;
use crate::harness::FABSEC;

async fn configuration(server: &Harness, segment: &str) -> Answer {
    server.anonymous("GET", &format!("/{segment}/v2.0/.well-known/openid-configuration")).await
}

#[tokio::test]
async fn a_tenant_is_found_by_id_domain_or_not_at_all() {
    let server = Harness::start().await;
    let (origin, fabsec) = (server.origin().to_string(), tenant(FABSEC));
    for segment in [&fabsec, "fabsec.example", "FabSec.example"] {
        let body = configuration(&server, segment).await.expect(200);
        let endpoint = |name: &str| format!("{origin}/{fabsec}/oauth2/v2.0/{name}");
        assert_eq!(body["token_endpoint"], endpoint("token"), "{segment}");
        assert_eq!(body["authorization_endpoint"], endpoint("authorize"));
        assert_eq!(body["device_authorization_endpoint"], endpoint("devicecode"));
        assert_eq!(body["issuer"], format!("{origin}/{fabsec}/v2.0"));
    }
    for segment in ["organizations", "common", "Organizations"] {
        let body = configuration(&server, segment).await.expect(200);
        let segment = segment.to_lowercase();
        assert_eq!(body["token_endpoint"], format!("{origin}/{segment}/oauth2/v2.0/token"));
        assert_eq!(body["issuer"], format!("{origin}/{{tenantid}}/v2.0"));
    }
    for segment in ["nobody.example", "99999999-0000-4000-8000-000000000000", "consumers", "a%20b"] {
        let answer = configuration(&server, segment).await;
        assert_eq!((answer.status, aadsts(&answer)), (400, 90002), "{segment}");
        assert_eq!(answer.body["error"], "invalid_tenant");
    }
    let old = format!("/{fabsec}/.well-known/openid-configuration");
    assert_eq!(server.anonymous("GET", &old).await.status, 200);
}

#[tokio::test]
async fn addresses_follow_the_name_that_was_dialled_if_it_is_ours() {
    let server = Harness::start().await;
    let port = server.origin().rsplit(':').next().unwrap().to_string();
    let asked = |host: String| {
        server.request("GET", "/common/v2.0/.well-known/openid-configuration").header("host", host)
    };
    let ours = server.send(asked(format!("localhost:{port}"))).await.expect(200);
    assert_eq!(ours["token_endpoint"], format!("https://localhost:{port}/common/oauth2/v2.0/token"));
    let foreign = server.send(asked("evil.example".into())).await;
    assert_eq!((foreign.status, &foreign.body["error"]), (400, &json!("invalid_request")));
}

#[tokio::test]
async fn the_key_set_holds_the_key_that_signs() {
    let server = Harness::start().await;
    let tokens = alice(&server).await;
    let header = decoded(tokens["access_token"].as_str().unwrap().split('.').next().unwrap());
    for path in [
        "/common/discovery/v2.0/keys".to_string(),
        format!("/{}/discovery/v2.0/keys", contoso()),
        "/common/discovery/keys".into(),
    ] {
        let keys = server.anonymous("GET", &path).await.expect(200);
        assert_eq!(keys["keys"][0]["kid"], header["kid"], "{path}");
        assert_eq!(keys["keys"][0].get("d"), None, "the public half alone");
    }
}

#[tokio::test]
async fn instance_discovery_knows_this_server_alone() {
    let server = Harness::start().await;
    let ask = |endpoint: String| {
        let path = format!(
            "/common/discovery/instance?api-version=1.1&authorization_endpoint={}",
            endpoint.replace(':', "%3A").replace('/', "%2F")
        );
        let server = &server;
        async move { server.anonymous("GET", &path).await }
    };
    let ours = ask(format!("{}/fabsec.example/oauth2/v2.0/authorize", server.origin())).await;
    assert_eq!(
        ours.expect(200)["tenant_discovery_endpoint"],
        format!("{}/fabsec.example/v2.0/.well-known/openid-configuration", server.origin())
    );
    let foreign = [
        "https://login.evil.example/common/oauth2/v2.0/authorize".to_string(),
        format!("{}.evil.example/common/oauth2/v2.0/authorize", server.origin()),
        String::new(),
    ];
    for endpoint in foreign {
        let answer = ask(endpoint).await;
        assert_eq!((answer.status, &answer.body["error"]), (400, &json!("invalid_instance")));
    }
}

#[tokio::test]
async fn the_realm_of_a_user_does_not_tell_who_exists() {
    let server = Harness::start().await;
    let realm = |name: &'static str| {
        let server = &server;
        async move {
            let path = format!("/common/userrealm/{name}?api-version=1.0");
            server.anonymous("GET", &path).await.expect(200)
        }
    };
    let known: Value = realm("alice@contoso.example").await;
    assert_eq!(known["account_type"], "Managed");
    assert_eq!(known, realm("nobody@contoso.example").await);
    assert_eq!(known, realm("alice%40contoso.example").await);
}
