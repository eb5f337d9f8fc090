//! Telling people: what a request, a decision or the time that passed amounts to, and who is around it.
//!
//! Everything is written in the decision that it tells of. What happens because time passes is found by comparison, by
//! whoever holds the lease, and told once: how far time was looked at is moved in the same commit.

use std::collections::BTreeSet;

use arm::{ObjectId, RequestId, ResourceId, Result, RoleId};
use jiff::fmt::friendly::{Designator, Spacing, SpanPrinter};
use jiff::{SignedDuration, Span, Timestamp};
use mua::{CriticalOperation, ResourceGuard};
use pim::notice::{Addressee, Circle, Event, approver_accounts, notices};
use pim::{
    ActivationRequest, Change, Consent, DirectAssignment, Eligibility, ExtensionRequest, Family, Grant,
    Length, Names, People, Person, PrincipalKind, Progress, RequestRecord, RolePolicy, ScheduleInfo, Settled,
    Ticket, Vote, Window,
};
use rbac::{RoleDefinition, action};
use store::{Bookmark, Document, Transaction};
use vault::GuardProxy;

use super::opens;
use super::people::Directory;
use super::policies::{policy_at, policy_over, role_in};
use crate::app::App;
use crate::arm::call::Call;
use crate::arm::guards;
use crate::mail::{Place, Post, Story, instant, write};

/// How long before the end of an eligibility or assignment people are told.
const ENDING: SignedDuration = SignedDuration::from_hours(14 * 24);
/// How far time was looked at.
const WORK: &str = "notices-of-time";
/// How many events of time are told in one commit.
const AT_ONCE: usize = 50;
/// How many things of a kind are named.
const NAMED: usize = 8;

/// Tells what happened to an activation that is about to be stored.
pub(super) fn activation(call: &mut Call<'_>, after: &ActivationRequest) -> Result<()> {
    let before: Option<ActivationRequest> = call.tx.get(&after.key())?;
    let Some(event) = Event::of_activation(before.as_ref(), after) else {
        return Ok(());
    };
    let people = Directory::of_server(call.tx, call.now)?;
    Telling { people: &people, post: call.post, now: call.now }.activation(call.tx, event, after)
}

/// Tells what an admin's request did. What it did to an activation is told of that.
pub(super) fn settled<S>(call: &mut Call<'_>, settled: &Settled<S>) -> Result<()> {
    if matches!(settled.change, Change::Revoke(_)) {
        return Ok(());
    }
    record(call, &settled.record)
}

/// Tells what a request did that was settled when it was made.
pub(super) fn record(call: &mut Call<'_>, record: &RequestRecord) -> Result<()> {
    let Some(event) = Event::of_record(record) else {
        return Ok(());
    };
    let people = Directory::of_server(call.tx, call.now)?;
    Telling { people: &people, post: call.post, now: call.now }.record(call.tx, event, record)
}

/// Tells what became of a request for more time that was just stored.
pub(super) fn renewal(call: &mut Call<'_>, request: &ExtensionRequest) -> Result<()> {
    let Some(event) = Event::of_renewal(request, call.now) else {
        return Ok(());
    };
    let people = Directory::of_server(call.tx, call.now)?;
    Telling { people: &people, post: call.post, now: call.now }.renewal(call.tx, event, request)
}

/// Tells what happened by itself since it was looked last: requests that nobody decided, and eligibilities and
/// assignments that end soon or have ended.
///
/// # Errors
/// When the store fails.
pub fn overdue(app: &App) -> Result<()> {
    let now = app.edge.now();
    let mark = |at: Timestamp| Bookmark { work: WORK.into(), position: at.as_microsecond() };
    let begun: Option<Bookmark> = app.store.transact(|tx| {
        let seen: Option<Bookmark> = tx.get(WORK)?;
        if seen.is_none() {
            tx.put(&mark(now))?;
        }
        Ok(seen)
    })?;
    let Some(begun) = begun else {
        return Ok(());
    };
    let from = Timestamp::from_microsecond(begun.position).unwrap_or(now);
    let mut due = app.store.transact(|tx| happened(tx, from, now))?;
    due.sort_by_key(|due| due.at);
    let mut until = now;
    if let Some(last) = due.get(AT_ONCE).map(|due| due.at) {
        due.retain(|due| due.at <= last);
        until = last;
    }
    app.store.transact(|tx| {
        // Another server may have been faster.
        if tx.get::<Bookmark>(WORK)?.as_ref() != Some(&begun) {
            return Ok(());
        }
        let people = Directory::of_server(tx, now)?;
        let telling = Telling { people: &people, post: &app.post, now };
        due.iter().try_for_each(|due| telling.overdue(tx, due))?;
        tx.put(&mark(until))
    })
}

/// Something that happened because time passed.
struct Due {
    event: Event,
    at: Timestamp,
    key: String,
}

/// What happened by itself after `from`, up to `to`.
fn happened(tx: &mut Transaction, from: Timestamp, to: Timestamp) -> Result<Vec<Due>> {
    let within = |at: &Timestamp| from < *at && *at <= to;
    let requests: Vec<ActivationRequest> = tx.all()?;
    let timed_out = requests.iter().filter_map(|request| match request.progress() {
        Progress::PendingApproval { expires, .. } => {
            Some(Due { event: Event::TimedOut, at: *expires, key: request.key() })
        }
        _ => None,
    });
    let mut all: Vec<Due> = timed_out.collect();
    let mut ends = |grant: &Grant, family: Family, key: String| {
        let Some(end) = grant.window.end() else { return };
        let soon = end.checked_sub(ENDING).ok();
        all.push(Due { event: Event::Ended(family), at: end, key: key.clone() });
        all.extend(soon.map(|at| Due { event: Event::Ending(family), at, key }));
    };
    tx.all::<Eligibility>()?.iter().for_each(|e| ends(e.grant(), Family::Eligibility, e.key()));
    tx.all::<DirectAssignment>()?.iter().for_each(|a| ends(a.grant(), Family::Assignment, a.key()));
    all.retain(|due| within(&due.at));
    Ok(all)
}

/// Who tells.
struct Telling<'a> {
    people: &'a Directory,
    post: &'a Post,
    now: Timestamp,
}

impl Telling<'_> {
    fn activation(&self, tx: &mut Transaction, event: Event, request: &ActivationRequest) -> Result<()> {
        let policy = policy_over(tx, request)?;
        let mut facts = reasons(request.justification(), request.ticket());
        facts.push(("Asked for", asked(request.asked())));
        facts.extend(request.window().map(|window| ("Holds", held(&window))));
        facts.extend(self.decided(request));
        if event == Event::ApprovalWaiting
            && let Some(role) = role_in(tx, request.scope(), request.role())?
        {
            facts.extend(what_opens(tx, request.scope(), &role)?);
        }
        let about = About { scope: request.scope(), role: request.role(), principal: request.principal() };
        let mut story = self.story(tx, event, request.name(), &about, facts)?;
        story.has_page = policy.needs_approval() || event != Event::Activated;
        story.decide_until = match (event, request.progress()) {
            (Event::ApprovalWaiting, Progress::PendingApproval { expires, .. }) => Some(*expires),
            _ => None,
        };
        let circle = Circle {
            admin: self.addressees(self.admins(request.scope())),
            requestor: self.addressees([request.principal()]),
            approver: self.addressees(approver_accounts(&policy, self.people, Some(request.person()))),
        };
        self.tell(tx, &format!("{}/{}", request.name(), event.name()), &story, &policy, &circle)
    }

    fn record(&self, tx: &mut Transaction, event: Event, record: &RequestRecord) -> Result<()> {
        let policy = policy_at(tx, &record.scope, record.role)?;
        let mut facts = reasons(&record.justification, &record.ticket);
        facts.extend(record.window.map(|window| ("Holds", held(&window))));
        facts.push(("By", self.named(record.by.object)));
        let about = About { scope: &record.scope, role: record.role, principal: record.principal };
        let story = self.story(tx, event, record.name, &about, facts)?;
        let circle = self.circle_of_grant(&record.scope, record.principal, record.principal_kind);
        self.tell(tx, &format!("{}/{}", record.name, event.name()), &story, &policy, &circle)
    }

    fn renewal(&self, tx: &mut Transaction, event: Event, request: &ExtensionRequest) -> Result<()> {
        let policy = policy_at(tx, request.scope(), request.role())?;
        let mut facts = reasons(request.justification(), request.ticket());
        facts.push(("Asked for", asked(request.asked())));
        let about = About { scope: request.scope(), role: request.role(), principal: request.principal() };
        let mut story = self.story(tx, event, request.name(), &about, facts)?;
        story.decide_until = request.expires();
        let admins = self.admins(request.scope());
        // Nobody gives themselves more time.
        let is_other = |admin: &ObjectId| self.people.person_of(*admin).as_ref() != Some(request.person());
        let circle = Circle {
            approver: self.addressees(admins.iter().copied().filter(is_other)),
            requestor: self.addressees([request.principal()]),
            admin: self.addressees(admins),
        };
        self.tell(tx, &format!("{}/{}", request.name(), event.name()), &story, &policy, &circle)
    }

    /// Tells something that happened by itself, if it still did.
    fn overdue(&self, tx: &mut Transaction, due: &Due) -> Result<()> {
        let grant = match due.event {
            Event::TimedOut => {
                let request: Option<ActivationRequest> = tx.get(&due.key)?;
                let request = request.filter(|request| Event::is_time_out(request, self.now));
                return request.map_or(Ok(()), |request| self.activation(tx, due.event, &request));
            }
            Event::Ending(Family::Eligibility) | Event::Ended(Family::Eligibility) => {
                tx.get::<Eligibility>(&due.key)?.map(|eligibility| eligibility.grant().clone())
            }
            _ => tx.get::<DirectAssignment>(&due.key)?.map(|assignment| assignment.grant().clone()),
        };
        let Some((grant, end)) = grant.and_then(|grant| Some((grant.clone(), grant.window.end()?))) else {
            return Ok(());
        };
        let still = match due.event {
            Event::Ended(_) => end == due.at,
            _ => end.checked_sub(ENDING).ok() == Some(due.at),
        };
        if !still {
            return Ok(());
        }
        let policy = policy_at(tx, &grant.scope, grant.role)?;
        let about = About { scope: &grant.scope, role: grant.role, principal: grant.principal };
        let facts = vec![("Holds", held(&grant.window))];
        let story = self.story(tx, due.event, grant.name, &about, facts)?;
        let circle = self.circle_of_grant(&grant.scope, grant.principal, grant.principal_kind);
        // One that was extended ends again.
        let event = format!("{}/{}/{}", grant.name, due.event.name(), end.as_second());
        self.tell(tx, &event, &story, &policy, &circle)
    }

    fn tell(
        &self,
        tx: &mut Transaction,
        event: &str,
        story: &Story,
        policy: &RolePolicy,
        circle: &Circle,
    ) -> Result<()> {
        let notices = notices(story.event, &policy.rules().notification, circle);
        write(tx, self.post, event, story, &notices)
    }

    fn story(
        &self,
        tx: &mut Transaction,
        event: Event,
        request: RequestId,
        about: &About<'_>,
        facts: Vec<(&'static str, String)>,
    ) -> Result<Story> {
        let (who, user_name) = self.people.known_as(about.principal);
        Ok(Story {
            event,
            at: self.now,
            request,
            has_page: false,
            who,
            user_name,
            role: self.people.role(about.role).display_name,
            place: Place {
                kind: kind_of(tx, about.scope)?,
                name: self.people.scope(about.scope),
                id: about.scope.to_string(),
            },
            facts,
            decide_until: None,
        })
    }

    /// Who is around an eligibility or an assignment, which nobody approves.
    fn circle_of_grant(&self, scope: &ResourceId, principal: ObjectId, kind: PrincipalKind) -> Circle {
        let holders: BTreeSet<ObjectId> = match kind {
            PrincipalKind::User => BTreeSet::from([principal]),
            PrincipalKind::Group => self.people.members_of(principal),
            PrincipalKind::ServicePrincipal | PrincipalKind::ForeignGroup | PrincipalKind::Device => {
                BTreeSet::new()
            }
        };
        let admin = self.addressees(self.admins(scope));
        Circle { approver: Vec::new(), requestor: self.addressees(holders), admin }
    }

    /// Who may give the role at the scope, and all the time: not by an activation of their own.
    fn admins(&self, scope: &ResourceId) -> BTreeSet<ObjectId> {
        let access = self.people.access();
        let index = access.tenant_of(scope).and_then(|tenant| access.index(tenant));
        let assign = action!("Microsoft.Authorization/roleAssignments/write");
        let holders = index.map(|index| index.principals_allowed(&assign, scope, Timestamp::MAX));
        holders.unwrap_or_default()
    }

    /// The people among these, each once.
    fn addressees(&self, objects: impl IntoIterator<Item = ObjectId>) -> Vec<Addressee> {
        let mut seen: BTreeSet<Person> = BTreeSet::new();
        let humans = objects.into_iter().filter(|object| self.people.is_human(*object));
        let once = humans.filter(|object| self.people.person_of(*object).is_some_and(|p| seen.insert(p)));
        once.map(|object| self.addressee(object)).collect()
    }

    fn addressee(&self, object: ObjectId) -> Addressee {
        let name = self.people.principal(object).display_name;
        Addressee { name, address: self.people.address_of(object) }
    }

    /// Who decided, and what they said.
    fn decided(&self, request: &ActivationRequest) -> Vec<(&'static str, String)> {
        let said = |label, vote: &Vote| {
            let words = (!vote.justification.is_empty()).then(|| ("Their words", vote.justification.clone()));
            std::iter::once((label, self.named(vote.by))).chain(words).collect()
        };
        match request.progress() {
            Progress::Denied { denial, .. } => said("Denied by", denial),
            Progress::Provisioned { consent: Consent::Given { decisive, .. }, .. } => {
                said("Approved by", decisive)
            }
            Progress::Canceled { by, .. } => vec![("Taken back by", self.named(*by))],
            Progress::Revoked { by, .. } => vec![("Ended by", self.named(*by))],
            Progress::PendingApproval { .. } | Progress::Provisioned { .. } => Vec::new(),
        }
    }

    fn named(&self, object: ObjectId) -> String {
        match self.people.known_as(object) {
            (name, Some(user)) => format!("{name} ({user})"),
            (name, None) => name,
        }
    }
}

/// What a story is about.
struct About<'a> {
    scope: &'a ResourceId,
    role: RoleId,
    principal: ObjectId,
}

fn reasons(justification: &str, ticket: &Ticket) -> Vec<(&'static str, String)> {
    let why = (!justification.is_empty()).then(|| ("Why", justification.to_string()));
    let ticket = match (&ticket.number, &ticket.system) {
        (Some(number), Some(system)) => Some(format!("{number} ({system})")),
        (number, system) => number.clone().or_else(|| system.clone()),
    };
    why.into_iter().chain(ticket.map(|ticket| ("Ticket", ticket))).collect()
}

/// What was asked for: how long, and from when.
fn asked(info: &ScheduleInfo) -> String {
    let long = match info.expiration {
        pim::Expiration::AfterDuration(length) => in_words(length),
        pim::Expiration::AfterDateTime(end) => format!("until {}", instant(end)),
        pim::Expiration::NoExpiration => "until somebody ends it".into(),
    };
    match info.start {
        Some(start) => format!("{long}, not before {}", instant(start)),
        None => long,
    }
}

/// `PT1H30M` as `1 hour 30 minutes`.
fn in_words(length: Length) -> String {
    const WORDS: SpanPrinter =
        SpanPrinter::new().designator(Designator::Verbose).spacing(Spacing::BetweenUnitsAndDesignators);
    let text = length.to_string();
    text.parse().map_or(text, |span: Span| WORDS.span_to_string(&span))
}

fn held(window: &Window) -> String {
    match window.end() {
        Some(end) => format!("from {} until {}", instant(window.start()), instant(end)),
        None => format!("from {} until somebody ends it", instant(window.start())),
    }
}

fn kind_of(tx: &mut Transaction, scope: &ResourceId) -> Result<&'static str> {
    if tx.resource::<ResourceGuard>(scope)?.is_some() {
        return Ok("Resource Guard");
    }
    let subscription = scope.subscription_id().map(ResourceId::subscription);
    Ok(match scope.resource_group() {
        _ if subscription.as_ref() == Some(scope) => "Subscription",
        Some(group) if group == *scope => "Resource group",
        _ => "Resource",
    })
}

/// What approving opens: for each guard at the scope or below it for which the role consents, what and on which vaults.
fn what_opens(
    tx: &mut Transaction,
    scope: &ResourceId,
    role: &RoleDefinition,
) -> Result<Vec<(&'static str, String)>> {
    let mut rows = Vec::new();
    for guard in &guards::within(tx, scope)? {
        let operations: Vec<&str> = opens::operations(guard, role).map(CriticalOperation::title).collect();
        if operations.is_empty() {
            continue;
        }
        let proxies: Vec<GuardProxy> = tx.find(guard.id.folded())?;
        let vaults: Vec<ResourceId> = proxies.iter().filter_map(|proxy| proxy.id.parent()).collect();
        let vaults: Vec<&str> = vaults.iter().map(ResourceId::name).collect();
        let on = if vaults.is_empty() { "no vault yet".into() } else { named_of(&vaults) };
        rows.push(("Opens", format!("{}: {}; on {on}", guard.id.name(), named_of(&operations))));
    }
    let more = rows.len().saturating_sub(NAMED);
    rows.truncate(NAMED);
    rows.extend((more > 0).then(|| ("Opens", format!("and {more} more Resource Guards"))));
    Ok(rows)
}

/// Some of these, and how many there are besides.
fn named_of(names: &[&str]) -> String {
    let some = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => some,
        more => format!("{some} and {more} more"),
    }
}
