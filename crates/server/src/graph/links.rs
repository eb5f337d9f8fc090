//! Linked accounts: `users/{id}/linkedAccounts`, an addition of ours to Graph. Which accounts belong to one human, so that
//! none of them approves what another one asks for (`directory::AccountLink` says why, and who may undo it).
//!
//! - `GET` lists the links of the human behind an account.
//! - `POST …/$ref` links two accounts that the tenant knows, as members or guests. One administrator does it; it counts at
//!   once.
//! - `DELETE …/{account}/$ref` agrees to undo a link, for the tenant of whoever calls; the account is named by its id
//!   here or at home. It is undone when an administrator of every tenant that knows any account of that human has agreed:
//!   204 then, 202 until then. Nobody agrees about themselves, nor while a request of theirs waits for approval.

use std::collections::BTreeSet;

use arm::{Error, ErrorKind, ObjectId, Result, TenantId};
use directory::{AccountLink, Agreement, Person};
use pim::{ActivationRequest, Status};
use rbac::PrincipalKind;
use serde_json::{Value, json};
use store::Principal;

use super::ask::{Ask, bad, not_found};
use super::groups::referenced;
use super::query;
use crate::arm::reply::Reply;
use crate::people::Change;

/// The links of a user's human.
pub fn list(ask: &Ask<'_>, id: &str) -> Result<Reply> {
    let account = account(ask.of_kind(PrincipalKind::User, id)?)?;
    let concerned = knowing(ask, account);
    let links = ask.access.links().of(account).map(|link| show(ask, link, &concerned));
    query::list(ask.request, "linkedAccounts", links.collect())
}

/// Links two accounts.
pub fn add(ask: &mut Ask<'_>, id: &str) -> Result<Reply> {
    ask.demand_administrator()?;
    let user = ask.of_kind(PrincipalKind::User, id)?.clone();
    let other = referenced(ask, ask.body()?.required_text("@odata.id")?)?;
    let other = ask.of_kind(PrincipalKind::User, &other.to_string())?.clone();
    let accounts = [account(&user)?, account(&other)?];
    let link = AccountLink::new(accounts, ask.tenant(), caller(ask)?, ask.now)?;
    let known: Option<AccountLink> = ask.tx.get(&link.key())?;
    if known.as_ref().is_some_and(|known| known.undoing.is_empty()) {
        return Err(bad(
            "One or more added object references already exist for the following modified properties: 'linkedAccounts'.",
        ));
    }
    let change = Change { linked: Some(accounts), ..Change::default() };
    let weighed = ask.weigh(&change)?;
    weighed.demand_kept_everywhere(&format!("Linking '{}' with '{}'", user.name, other.name))?;
    // Whatever was agreed about undoing it is void: somebody says again that they are one.
    ask.tx.put(&link)?;
    let mut facts = facts(&user, accounts);
    facts.push(("linkedAccountName", other.name.clone()));
    facts.extend(weighed.fact());
    let operation = "directory.users.linkedAccounts.add";
    ask.record(operation, user.object, "two accounts were linked as one person's", &facts);
    Ok(Reply::empty(204))
}

/// Agrees to undo a link.
pub fn remove(ask: &mut Ask<'_>, id: &str, other: &str) -> Result<Reply> {
    ask.demand_administrator()?;
    let user = ask.of_kind(PrincipalKind::User, id)?.clone();
    let account = account(&user)?;
    let link = between(ask, account, other).ok_or_else(|| not_found(other))?;
    let by = caller(ask)?;
    let links = ask.access.links();
    if !by.is_human() || links.one(by) == links.one(account) {
        return Err(Error::forbidden(
            "Authorization_RequestDenied",
            "A link is undone by people, and by nobody whose own accounts it is about.",
        ));
    }
    let concerned = knowing(ask, account);
    let after = link.agree(ask.tenant(), Agreement { by, at: ask.now }, &concerned);
    let mut facts = facts(&user, link.accounts);
    facts.push(("mustAgree", texts(&concerned)));
    let operation = "directory.users.linkedAccounts.remove";
    match after {
        Some(agreed) => {
            ask.tx.put(&agreed)?;
            facts.push(("haveAgreed", texts(&agreed.undoing.keys().copied().collect())));
            let reason = "it was agreed to undo a link of two accounts; others must agree as well";
            ask.record(operation, user.object, reason, &facts);
            let shown = show(ask, &agreed, &concerned);
            Ok(Reply { status: 202, ..Reply::ok(shown) })
        }
        None => {
            demand_nothing_waiting(ask, account)?;
            ask.tx.delete::<AccountLink>(&link.key());
            facts.push(("haveAgreed", texts(&concerned)));
            ask.record(operation, user.object, "a link of two accounts was undone", &facts);
            Ok(Reply::empty(204))
        }
    }
}

/// Refuses to split a human while a request of theirs waits: the other account could approve it then.
fn demand_nothing_waiting(ask: &mut Ask<'_>, account: Person) -> Result<()> {
    let human = ask.access.links().one(account);
    let waiting = ask.tx.all::<ActivationRequest>()?.into_iter().any(|request| {
        request.status_at(ask.now) == Status::PendingApproval
            && ask.access.human(request.principal()) == Some(human)
    });
    match waiting {
        false => Ok(()),
        true => Err(Error::new(
            ErrorKind::Conflict,
            "RequestPending",
            "A request of this person waits for approval. It must be decided or taken back before the link is undone.",
        )),
    }
}

/// The direct link between an account and another one, which is named by an id of this tenant or by its id at home.
fn between(ask: &Ask<'_>, account: Person, other: &str) -> Option<AccountLink> {
    let id: ObjectId = other.parse().ok()?;
    let here = ask.object(other).ok().and_then(|known| known.person);
    let named =
        |other: Person| Some(other) == here || matches!(other, Person::Human { object, .. } if object == id);
    ask.access.links().of(account).find(|link| link.other(account).is_some_and(named)).cloned()
}

/// The tenants that know any account of a human: where it is at home, and where it is a guest.
fn knowing(ask: &Ask<'_>, account: Person) -> BTreeSet<TenantId> {
    let accounts = ask.access.links().accounts(account);
    let knows = |tenant: &TenantId| {
        let mut people = ask.access.principals(*tenant).filter_map(|known| known.person);
        people.any(|person| accounts.contains(&person))
    };
    ask.access.tenants().map(|tenant| tenant.id).filter(knows).collect()
}

fn account(user: &Principal) -> Result<Person> {
    user.person.ok_or_else(|| Error::internal("a user who is nobody"))
}

fn caller(ask: &Ask<'_>) -> Result<Person> {
    let caller = ask.access.principal(ask.request.who.object).and_then(|caller| caller.person);
    caller.ok_or_else(|| Error::internal("a caller who is nobody"))
}

fn texts(tenants: &BTreeSet<TenantId>) -> String {
    tenants.iter().map(TenantId::to_string).collect::<Vec<_>>().join(", ")
}

fn facts(user: &Principal, accounts: [Person; 2]) -> Vec<(&'static str, String)> {
    let [one, other] = accounts.map(|account| account.to_string());
    vec![("userPrincipalName", user.name.clone()), ("accounts", format!("{one}, {other}"))]
}

fn show(ask: &Ask<'_>, link: &AccountLink, concerned: &BTreeSet<TenantId>) -> Value {
    let [one, other] = link.accounts;
    let account = |account: Person| {
        let Person::Human { tenant, object } = account else {
            return Value::Null;
        };
        let here = ask.access.principals(ask.tenant()).find(|known| known.person == Some(account));
        json!({
            "id": object,
            "tenantId": tenant,
            "localId": here.map(|here| here.object),
            "userPrincipalName": here.map(|here| here.name.as_str()),
        })
    };
    json!({
        "id": link.key(),
        "accounts": [account(one), account(other)],
        "createdDateTime": arm::timestamp(link.created),
        "createdInTenant": link.tenant,
        "removal": {
            "mustAgree": concerned,
            "haveAgreed": link.undoing.keys().collect::<Vec<_>>(),
        },
    })
}
