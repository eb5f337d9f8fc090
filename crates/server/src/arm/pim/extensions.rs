//! Requests for more time: made by holders, decided by admins, and shown to both.

use arm::{ErrorKind, ResourceId, Result};
use ledger::Verdict;
use pim::{DirectAssignment, Eligibility, ExtensionRequest, Family, Listing, People, Status};
use serde_json::Value;
use store::{Document, pim_key, schedule_requests};

use super::people::Directory;
use super::requests::{Ask, at_and_above, demand_unless_concerned};
use super::{ASSIGN, notify};
use crate::arm::call::Call;
use crate::arm::reply::Reply;

/// Keeps a request for more time.
pub(super) fn put(call: &mut Call<'_>, ask: &Ask) -> Result<Reply> {
    let request = settle(call, ask)?;
    if let Some(failed) = ask.kept_as_failed(call)? {
        return Ok(failed);
    }
    call.tx.put(&request)?;
    notify::renewal(call, &request)?;
    let status = request.status_at(call.now);
    call.fact("status", status.as_str());
    Ok(Reply::created(request.to_json(&ask.people, status)))
}

/// What a request for more time would be.
pub(super) fn dry_run(call: &mut Call<'_>, ask: &Ask) -> Result<Value> {
    Ok(settle(call, ask)?.to_json(&ask.people, Status::PendingEvaluation))
}

fn settle(call: &mut Call<'_>, ask: &Ask) -> Result<ExtensionRequest> {
    let requests: Vec<ExtensionRequest> = call.tx.below(&ask.scope)?;
    let cx = ask.people.context();
    match ask.family {
        Family::Eligibility => {
            let existing: Vec<Eligibility> = call.tx.below(&ask.scope)?;
            pim::extend_eligibility(ask.name, &ask.body, &ask.policy, &existing, &requests, &cx)
        }
        Family::Assignment => {
            let existing: Vec<DirectAssignment> = call.tx.below(&ask.scope)?;
            pim::extend_assignment(ask.name, &ask.body, &ask.policy, &existing, &requests, &cx)
        }
    }
}

/// Keeps what an admin's request decided about a holder's.
pub(super) fn store_answer(call: &mut Call<'_>, answered: Option<&ExtensionRequest>) -> Result<()> {
    let Some(answered) = answered else { return Ok(()) };
    call.tx.put(answered)?;
    call.fact("answers", answered.name().to_string());
    call.fact("requester", answered.person().0.clone());
    Ok(())
}

/// Taken back by whoever asked, or denied by an admin.
pub(super) fn cancel(call: &mut Call<'_>, request: &ExtensionRequest) -> Result<Reply> {
    let may_administer = call.may(ASSIGN, request.scope())?;
    let people = Directory::of(call)?;
    let ended = match request.cancel(may_administer, &people.context()) {
        Ok(ended) => ended,
        Err(error) => {
            if error.kind == ErrorKind::Forbidden {
                let entry = call.entry_of(Verdict::Refused, error.message.clone());
                call.tx.record_refusal(entry);
            }
            return Err(error);
        }
    };
    call.tx.put(&ended)?;
    notify::renewal(call, &ended)?;
    let status = ended.status_at(call.now).as_str();
    call.fact("status", status);
    call.because(format!("a request for more time; it is {status} now"));
    Ok(Reply::empty(200))
}

/// The request that the path names, if it is one for more time.
pub(super) fn find(
    call: &mut Call<'_>,
    scope: &ResourceId,
    family: Family,
) -> Result<Option<ExtensionRequest>> {
    let name = call.guid("name")?;
    call.tx.get(&pim_key(scope, schedule_requests(family), &name))
}

/// For whoever asked, and for readers of the scope.
pub(super) fn get(call: &mut Call<'_>, request: &ExtensionRequest) -> Result<Reply> {
    demand_unless_concerned(call, request.scope(), &[request.principal()])?;
    Ok(Reply::ok(request.to_json(&Directory::of(call)?, request.status_at(call.now))))
}

/// Those of a family that a list shows. The approvers of one are the admins of roles at its scope.
pub(super) fn listed(
    call: &mut Call<'_>,
    scope: &ResourceId,
    listing: &Listing,
    family: Family,
    people: &Directory,
) -> Result<Vec<(String, Value)>> {
    let (caller, now) = (call.who().object, call.now);
    let groups = |object| people.groups_of(object);
    let mut shown = Vec::new();
    for request in at_and_above::<ExtensionRequest>(call, scope, |request| request.scope())? {
        let status = request.status_at(now);
        let fits = request.family() == family
            && listing.admits(&request.entry(), scope, caller, &groups)
            && listing.admits_status(status);
        if !fits {
            continue;
        }
        let may_administer = listing.as_approver && call.may(ASSIGN, request.scope())?;
        if !listing.as_approver || request.awaits(may_administer, &people.context()) {
            shown.push((request.key(), request.to_json(people, status)));
        }
    }
    Ok(shown)
}
