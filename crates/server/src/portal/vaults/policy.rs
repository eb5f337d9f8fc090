//! One policy: looking at it, changing it over a page that shows the difference first, deleting it; and a new one.

pub mod fields;
pub mod lines;
pub mod plan;
pub mod rules;

use arm::{Error, Result};
use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use self::fields::{Check, Fields, MONTHS, TIERS, UNITS, WEEKDAYS, WEEKS, checks, wrong};
use self::lines::{Change, Step};
use super::change::{Outlook, consider};
use super::policies::{Policy, read};
use super::vault::Vault;
use crate::arm::route::Method;
use crate::login::Form;
use crate::portal::attempt::Attempt;
use crate::portal::link;
use crate::portal::posted::Posted;
use crate::portal::shell::{Frame, status_of};
use crate::portal::viewer::Viewer;

#[derive(Template)]
#[template(path = "portal/vaults/policy.html")]
struct PolicyPage {
    frame: Frame,
    problem: Option<String>,
    vault: Vault,
    /// The policy; nothing for a new one.
    policy: Option<Policy>,
    typed: Typed,
}

#[derive(Template)]
#[template(path = "portal/vaults/difference.html")]
struct DifferencePage {
    frame: Frame,
    problem: Option<String>,
    policy: Policy,
    changes: Vec<Change>,
    outlook: Outlook,
    /// What was typed, to be sent with the confirmation.
    kept: Vec<(String, String)>,
}

/// What the form holds.
struct Typed {
    name: String,
    kind: String,
    /// The fields; nothing where the policy is written as JSON.
    fields: Option<Fields>,
    json: String,
}

/// A tier of the form.
struct TierView<'a> {
    key: &'static str,
    title: &'static str,
    hint: &'static str,
    on: bool,
    /// Whether it cannot be left out.
    fixed: bool,
    count: &'a str,
    unit: &'a str,
    by: &'a str,
    numbers: &'a str,
    days: Vec<Check>,
    weeks: Vec<Check>,
    months: Vec<Check>,
}

impl Typed {
    fn of(form: &Form) -> Self {
        let text = |name: &str| form.get(name).unwrap_or_default().trim().to_string();
        let json = text("json");
        let fields = json.is_empty().then(|| Fields::of(form));
        Self { name: text("name"), kind: text("kind"), fields, json }
    }

    fn about(policy: &Policy) -> Self {
        let properties = &policy.properties;
        let fields = match is_rules(properties) {
            true => rules::read(properties),
            false => plan::read(properties),
        };
        let json = match fields {
            Some(_) => String::new(),
            None => serde_json::to_string_pretty(&without_count(properties)).unwrap_or_default(),
        };
        Self { name: policy.name.clone(), kind: String::new(), fields, json }
    }

    /// What the form makes of a policy's `properties`.
    fn applied(&self, before: &Value) -> Result<Value> {
        let before = without_count(before);
        match &self.fields {
            Some(fields) if is_rules(&before) => rules::write(&before, fields),
            Some(fields) => plan::write(&before, fields),
            None => serde_json::from_str(&self.json)
                .map_err(|error| wrong("json", &format!("This is not JSON: {error}."))),
        }
    }

    /// The `properties` of a new policy.
    fn created(&self, vault: &Vault) -> Result<Value> {
        let fields = self.fields.as_ref().ok_or_else(|| wrong("frequency", "Say when backups run."))?;
        match vault.is_backup_vault() {
            true => rules::new(&self.kind, fields),
            false => plan::new(&self.kind, fields),
        }
    }

    fn pairs(&self) -> Vec<(String, String)> {
        match &self.fields {
            Some(fields) => fields.pairs(),
            None => vec![("json".into(), self.json.clone())],
        }
    }
}

fn is_rules(properties: &Value) -> bool {
    properties.get("policyRules").is_some()
}

/// How many items have a policy is not part of it.
fn without_count(properties: &Value) -> Value {
    let mut properties = properties.clone();
    if let Some(members) = properties.as_object_mut() {
        members.remove("protectedItemsCount");
    }
    properties
}

/// Tells whether a policy is still what was shown.
fn mark(properties: &Value) -> String {
    directory::SecretDigest::of(&without_count(properties).to_string()).to_hex()
}

/// `GET /portal/vaults/policy/{policy}`
pub async fn show(viewer: Viewer, Path(id): Path<String>) -> Response {
    let page = async {
        let policy = read(&viewer, &id).await?;
        let typed = Typed::about(&policy);
        form_page(&viewer, &super::vault_of(&id)?, Some(policy), typed, None).await
    };
    viewer.answer(page.await)
}

/// `GET /portal/vaults/new-policy/{vault}`
pub async fn show_new(viewer: Viewer, Path(id): Path<String>) -> Response {
    let typed =
        Typed { name: String::new(), kind: String::new(), fields: Some(Fields::new()), json: String::new() };
    viewer.answer(form_page(&viewer, &id, None, typed, None).await)
}

async fn form_page(
    viewer: &Viewer,
    vault: &str,
    policy: Option<Policy>,
    typed: Typed,
    error: Option<&Error>,
) -> Result<Response> {
    let vault = Vault::read(viewer, vault).await?;
    let title = policy.as_ref().map_or("New policy", |policy| policy.name.as_str());
    let mut frame = vault.below(viewer, title).crumb("Policies", vault.page("policies"));
    if let Some(policy) = &policy {
        frame = frame.subtitle(format!("Policy for {}", policy.kind().to_lowercase()));
    }
    let problem = error.map(|error| error.message.clone());
    let page = PolicyPage { frame, problem, vault, policy, typed };
    Ok(viewer.page_with(error.map_or(StatusCode::OK, |error| status_of(error.kind)), &page))
}

/// `POST /portal/vaults/new-policy/{vault}`
pub async fn post_new(Path(id): Path<String>, Posted { viewer, form }: Posted) -> Response {
    let typed = Typed::of(&form);
    let outcome = match create(&viewer, &id, &typed).await {
        Ok(response) => Ok(response),
        Err(error) => form_page(&viewer, &id, None, typed, Some(&error)).await,
    };
    viewer.answer(outcome)
}

async fn create(viewer: &Viewer, id: &str, typed: &Typed) -> Result<Response> {
    let vault = Vault::read(viewer, id).await?;
    if typed.name.is_empty() || typed.name.contains(['/', '%', '?', '#']) {
        return Err(wrong("name", "Give the policy a name, without a slash."));
    }
    let path = format!("{}/backupPolicies/{}", vault.id, typed.name);
    if viewer.read_if_any::<Value>(&path, &[]).await?.is_some() {
        let text = format!("There is a policy named ‘{}’ in this vault already.", typed.name);
        return Err(Error::conflict("PolicyExists", text));
    }
    let attempt = Attempt {
        title: format!("create the policy {}", typed.name),
        done: format!("The policy {} was created.", typed.name),
        back: vault.page("policies"),
        vault: &vault.id,
        method: Method::Put,
        path,
        body: json!({"properties": typed.created(&vault)?}),
    };
    viewer.attempt(attempt).await
}

/// `POST /portal/vaults/policy/{policy}`: shows the difference, saves, goes back to the form, or deletes.
pub async fn post(Path(id): Path<String>, Posted { viewer, form }: Posted) -> Response {
    let outcome = async {
        let policy = read(&viewer, &id).await?;
        let vault = super::vault_of(&id)?;
        let typed = Typed::of(&form);
        let outcome = match form.get("do") {
            Some("delete") => delete(&viewer, &vault, &policy).await,
            Some("save") => {
                save(&viewer, &vault, &policy, &typed, form.get("seen").unwrap_or_default()).await
            }
            Some("edit") => form_page(&viewer, &vault, Some(policy.clone()), Typed::of(&form), None).await,
            _ => difference(&viewer, &vault, &policy, &typed, None).await,
        };
        match outcome {
            Err(error) => {
                let typed = if form.get("do") == Some("delete") { Typed::about(&policy) } else { typed };
                form_page(&viewer, &vault, Some(policy), typed, Some(&error)).await
            }
            done => done,
        }
    };
    viewer.answer(outcome.await)
}

async fn difference(
    viewer: &Viewer,
    vault: &str,
    policy: &Policy,
    typed: &Typed,
    problem: Option<&str>,
) -> Result<Response> {
    let after = typed.applied(&policy.properties)?;
    let outlook = consider(viewer, Method::Put, &policy.id, json!({"properties": after})).await?;
    if let Some(refusal) = outlook.refusal() {
        return Err(Error::invalid("Refused", refusal));
    }
    let vault = Vault::read(viewer, vault).await?;
    let weakenings: Vec<String> = outlook.weakenings().map(String::from).collect();
    let mut kept = typed.pairs();
    kept.push(("seen".into(), mark(&policy.properties)));
    let page = DifferencePage {
        frame: vault
            .below(viewer, "What would change")
            .crumb("Policies", vault.page("policies"))
            .crumb(policy.name.clone(), policy.href()),
        problem: problem.map(String::from),
        changes: lines::changes(&policy.properties, &after, &weakenings),
        policy: policy.clone(),
        outlook,
        kept,
    };
    Ok(viewer.page(&page))
}

async fn save(viewer: &Viewer, vault: &str, policy: &Policy, typed: &Typed, seen: &str) -> Result<Response> {
    if seen != mark(&policy.properties) {
        let text = "Somebody else changed the policy meanwhile. This is what your change comes to now.";
        return difference(viewer, vault, policy, typed, Some(text)).await;
    }
    let attempt = Attempt {
        title: format!("change the policy {}", policy.name),
        done: format!("The policy {} was saved.", policy.name),
        back: policy.href(),
        vault,
        method: Method::Put,
        path: policy.id.clone(),
        body: json!({"properties": typed.applied(&policy.properties)?}),
    };
    viewer.attempt(attempt).await
}

async fn delete(viewer: &Viewer, vault: &str, policy: &Policy) -> Result<Response> {
    viewer.arm(Method::Delete, &policy.id, &[], Value::Null).await?;
    let list = link::page("vaults/policies", vault);
    Ok(viewer.done(&list, &format!("The policy {} was deleted.", policy.name)))
}

impl PolicyPage {
    fn kinds(&self) -> Vec<(&'static str, &'static str)> {
        if self.vault.is_backup_vault() { rules::KINDS.to_vec() } else { plan::KINDS.to_vec() }
    }

    fn units(&self) -> [&'static str; 4] {
        UNITS
    }

    fn run_days(&self) -> Vec<Check> {
        self.typed
            .fields
            .as_ref()
            .map(|fields| checks("days", &WEEKDAYS, &fields.when.days))
            .unwrap_or_default()
    }

    fn tiers(&self) -> Vec<TierView<'_>> {
        let Some(fields) = &self.typed.fields else { return Vec::new() };
        let rules = self.vault.is_backup_vault();
        let titles: [(&str, &str); 4] = match rules {
            true => [
                ("The first of each day", "Kept for longer than the others of the day."),
                ("The first of each week", ""),
                ("The first of each month", ""),
                ("The first of each year", ""),
            ],
            false => [
                ("Daily", "What is kept of every day."),
                ("Weekly", "What is kept of a week."),
                ("Monthly", "What is kept of a month."),
                ("Yearly", "What is kept of a year."),
            ],
        };
        let all = TIERS.into_iter().zip(titles).zip(&fields.tiers).map(|((key, (title, hint)), tier)| {
            let days: &[&str] = if key == "daily" || rules { &[] } else { &WEEKDAYS };
            let weeks: &[&str] = if ["monthly", "yearly"].contains(&key) && !rules { &WEEKS } else { &[] };
            let months: &[&str] = if key == "yearly" && !rules { &MONTHS } else { &[] };
            TierView {
                days: checks(&format!("{key}.days"), days, &tier.days),
                weeks: checks(&format!("{key}.weeks"), weeks, &tier.weeks),
                months: checks(&format!("{key}.months"), months, &tier.months),
                ..view(key, title, hint, tier, false)
            }
        });
        let first = rules
            .then(|| view("default", "All backups", "Whatever no rule below keeps.", &fields.default, true));
        first.into_iter().chain(all).collect()
    }
}

fn view<'a>(
    key: &'static str,
    title: &'static str,
    hint: &'static str,
    tier: &'a fields::Tier,
    fixed: bool,
) -> TierView<'a> {
    TierView {
        key,
        title,
        hint,
        on: tier.on || fixed,
        fixed,
        count: &tier.count,
        unit: &tier.unit,
        by: &tier.by,
        numbers: &tier.numbers,
        days: Vec::new(),
        weeks: Vec::new(),
        months: Vec::new(),
    }
}

impl DifferencePage {
    fn changes_anything(&self) -> bool {
        self.changes.iter().any(|change| change.step != Step::Same)
    }

    fn is_shorter(&self) -> bool {
        self.outlook.weakenings().any(|why| why.contains("falls from") || why.contains("is gone"))
    }
}
