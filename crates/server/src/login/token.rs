//! The token endpoint: one function per grant.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use directory::oauth::{
    AuthorizationCode, CodeRedemption, DeviceCode, OAuthError, RefreshToken, Scope, public_client,
};
use directory::token::{TokenAnswer, application_tokens};
use directory::{SecretDigest, ServicePrincipal, application_sign_in, prove_application};

use super::answer;
use super::credentials::{self, Shown};
use super::desk::proving;
use super::fault::{Outcome, blocking, decide};
use super::form::Form;
use super::gate::{Gate, Target};
use super::people::{self, Place, home_of};
use super::tokens::{TokenRequest, UserGrant, audience, issue, key, revoke};
use super::visit::Visit;
use crate::app::App;

/// RFC 8628's name for its grant.
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// `POST /{tenant}/oauth2/v2.0/token`
pub async fn serve(
    State(app): State<App>,
    Path(segment): Path<String>,
    visit: Visit,
    form: Form,
) -> Response {
    let request = Arc::new(TokenRequest { visit, segment, form });
    let outcome = grant(&app, &request).await;
    let kind = request.form.get("grant_type").unwrap_or("none");
    credentials::note(&app, &request.visit, kind, &outcome);
    answer::json(&app, &request.visit, outcome)
}

async fn grant(app: &App, request: &Arc<TokenRequest>) -> Outcome<TokenAnswer> {
    let asked = Arc::clone(request);
    match request.form.need("grant_type")? {
        "password" => proving(app, move |app| password(app, &asked)).await,
        "client_credentials" => proving(app, move |app| client_credentials(app, &asked)).await,
        "refresh_token" => blocking(app, move |app| refresh(app, &asked)).await,
        "authorization_code" => blocking(app, move |app| code(app, &asked)).await,
        DEVICE_CODE => blocking(app, move |app| device(app, &asked)).await,
        other => Err(OAuthError::unsupported_grant(other).into()),
    }
}

fn scope(form: &Form) -> Result<Scope, OAuthError> {
    Scope::parse(form.get("scope").unwrap_or_default())
}

fn password(app: &App, request: &TokenRequest) -> Outcome<TokenAnswer> {
    let (form, visit) = (&request.form, &request.visit);
    let client = public_client(form.get("client_id"))?;
    let (username, password) = (form.need("username")?, form.need("password")?);
    let scope = scope(form)?;
    audience(app, visit, &scope)?;
    decide(app, |tx, _| Place::find(tx, &request.segment))?;

    let gate = Gate::of_account(visit, username);
    let proof = credentials::check(app, &gate, username, password)?;
    // MSAL has no place for a code; programs that ask for one themselves do.
    let shown = Shown { username, proof: proof.as_ref(), code: form.get("otp") };
    decide(app, |tx, now| {
        let sign_in = credentials::sign_in(tx, &gate, &shown, now)?;
        let tenant = match Place::find(tx, &request.segment)?.id() {
            Some(tenant) => tenant,
            None => home_of(&sign_in)?,
        };
        let grant = UserGrant {
            tenant,
            client,
            scope: &scope,
            sign_in: &sign_in,
            family: app.edge.uuid(),
            nonce: None,
            refresh_token: None,
        };
        issue(app, tx, request, &grant, now)
    })
}

fn client_credentials(app: &App, request: &TokenRequest) -> Outcome<TokenAnswer> {
    let (form, visit) = (&request.form, &request.visit);
    let client = form.need("client_id")?;
    let secret = form.get("client_secret").ok_or_else(OAuthError::missing_secret)?;
    let scope = scope(form)?;
    let audience = audience(app, visit, &scope)?;
    let place = decide(app, |tx, _| Place::find(tx, &request.segment))?;
    let tenant = place.id().ok_or_else(|| {
        OAuthError::malformed(
            "an application signs in to one tenant, so its id or domain belongs in the path",
        )
    })?;

    let gate = Gate::of_account(visit, client);
    let known = decide(app, |tx, now| {
        gate.ask(tx, now)?;
        Ok(people::application(tx, tenant, client)?)
    })?;
    let proof = prove_application(known.as_ref(), secret);
    decide(app, |tx, now| {
        gate.ask(tx, now)?;
        let known = people::application(tx, tenant, client)?;
        match application_sign_in(client, known.as_ref(), proof.as_ref()) {
            Ok(application) => {
                gate.passed(tx)?;
                let random = app.edge.bytes();
                let origin = &visit.origin.arm;
                let wanted = (&scope, audience.as_str());
                Ok(application_tokens(key(app)?, origin, application, wanted, now, random)?)
            }
            Err(error) => {
                if error.is_wrong_guess() {
                    gate.failed(tx, known.as_ref().map(target).as_ref(), now)?;
                }
                Err(error.into())
            }
        }
    })
}

fn target(application: &ServicePrincipal) -> Target {
    Target {
        id: format!("/tenants/{}/servicePrincipals/{}", application.tenant, application.id),
        name: application.app_id.to_string(),
    }
}

fn refresh(app: &App, request: &TokenRequest) -> Outcome<TokenAnswer> {
    let form = &request.form;
    let client = public_client(form.get("client_id"))?;
    let token = form.need("refresh_token")?;
    let scope = scope(form)?;
    decide(app, |tx, now| {
        let place = Place::find(tx, &request.segment)?;
        let stored = tx
            .get::<RefreshToken>(&SecretDigest::of(token).to_string())?
            .ok_or_else(OAuthError::invalid_grant)?;
        let prolonged = stored.redeem(client, now)?;
        let tenant = match place.id() {
            Some(tenant) => tenant,
            None => home_of(&stored.sign_in)?,
        };
        let grant = UserGrant {
            tenant,
            client,
            scope: &scope,
            sign_in: &stored.sign_in,
            family: stored.family,
            nonce: None,
            refresh_token: Some(token),
        };
        let answer = issue(app, tx, request, &grant, now)?;
        if let Some(prolonged) = prolonged {
            tx.put(&prolonged)?;
        }
        Ok(answer)
    })
}

fn code(app: &App, request: &TokenRequest) -> Outcome<TokenAnswer> {
    let form = &request.form;
    let client = public_client(form.get("client_id"))?;
    let code = form.need("code")?;
    decide(app, |tx, now| {
        let place = Place::find(tx, &request.segment)?;
        let stored = tx
            .get::<AuthorizationCode>(&SecretDigest::of(code).to_string())?
            .ok_or_else(OAuthError::invalid_grant)?;
        let redemption = CodeRedemption {
            client,
            authority: place.id(),
            redirect_uri: form.get("redirect_uri"),
            verifier: form.get("code_verifier"),
        };
        match stored.redeem(redemption, now) {
            Ok((granted, used)) => {
                let answer = issue(app, tx, request, &UserGrant::of(&granted), now)?;
                tx.put(&used)?;
                Ok(answer)
            }
            Err(fault) => {
                if let Some(family) = fault.revoke {
                    revoke(tx, family, now)?;
                }
                Err(fault.error.into())
            }
        }
    })
}

fn device(app: &App, request: &TokenRequest) -> Outcome<TokenAnswer> {
    let form = &request.form;
    let client = public_client(form.get("client_id"))?;
    // RFC 8628 says `device_code`; MSAL sends the old name `code` as well.
    let code = match form.get("device_code") {
        Some(code) => code,
        None => form.need("code")?,
    };
    decide(app, |tx, now| {
        let place = Place::find(tx, &request.segment)?;
        let stored = tx
            .get::<DeviceCode>(&SecretDigest::of(code).to_string())?
            .ok_or_else(OAuthError::invalid_grant)?;
        let (answer, write) = stored.poll(client, place.id(), now);
        let answer = match answer {
            Ok(granted) => Ok(issue(app, tx, request, &UserGrant::of(&granted), now)?),
            Err(error) => Err(error.into()),
        };
        if let Some(write) = write {
            tx.put(&write)?;
        }
        answer
    })
}
