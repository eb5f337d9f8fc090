//! Which call answers which path. Names in paths compare without case.

use arm::{Error, ErrorKind, ObjectId, Result};
use rbac::PrincipalKind;

use super::ask::{Ask, Request};
use super::{audits, groups, invitations, links, methods, objects, policies, users};
use crate::arm::reply::Reply;

/// The accounts that are one human's: an addition of ours.
const LINKS: &str = "linkedAccounts";

/// Answers a request.
///
/// # Errors
/// `BadRequest` for a path that is none, 405 for a method that a path does not have; whatever the call refuses.
pub fn answer(ask: &mut Ask<'_>) -> Result<Reply> {
    let request = ask.request;
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
    let (first, rest) = path.split_first().ok_or_else(|| no_such_path(request))?;
    match first.to_ascii_lowercase().as_str() {
        "me" => me(ask, rest),
        "users" => user(ask, rest),
        "groups" => group(ask, rest),
        "serviceprincipals" => application(ask, rest),
        "directoryobjects" => any(ask, rest),
        "identity" => policies::contexts(ask, rest)?.ok_or_else(|| no_such_path(request)),
        "invitations" => match (request.method.as_str(), rest) {
            ("POST", []) => invitations::create(ask),
            (_, []) => Err(wrong_method(request)),
            _ => Err(no_such_path(request)),
        },
        "auditlogs" => audits::answer(ask, rest)?.ok_or_else(|| no_such_path(request)),
        "policies" => policies::policies(ask, rest)?.ok_or_else(|| no_such_path(request)),
        _ => Err(no_such_path(request)),
    }
}

/// Whether a request creates a user, which needs a password hashed first.
pub fn creates_user(request: &Request) -> bool {
    matches!(request.path.as_slice(), [only] if only.eq_ignore_ascii_case("users"))
        && request.method == "POST"
}

fn me(ask: &mut Ask<'_>, rest: &[&str]) -> Result<Reply> {
    match (ask.request.method.as_str(), rest) {
        ("GET", []) => users::me(ask),
        (_, []) => Err(wrong_method(ask.request)),
        (_, [first, rest @ ..]) if is_authentication(first) => {
            let me = ask.me()?.object.to_string();
            authentication(ask, &me, rest)
        }
        _ => {
            let me = ask.me()?.object;
            memberships(ask, me, rest)
        }
    }
}

fn user(ask: &mut Ask<'_>, rest: &[&str]) -> Result<Reply> {
    let is = |segment: &str, word: &str| segment.eq_ignore_ascii_case(word);
    match (ask.request.method.as_str(), rest) {
        ("GET", []) => objects::list(ask, PrincipalKind::User),
        ("POST", []) => users::create(ask),
        ("GET", [id]) => objects::get(ask, PrincipalKind::User, id),
        ("PATCH", [id]) => users::update(ask, id),
        ("DELETE", [id]) => users::delete(ask, id),
        ("GET", [id, links]) if is(links, LINKS) => links::list(ask, id),
        ("POST", [id, links, reference]) if is(links, LINKS) && is(reference, "$ref") => links::add(ask, id),
        ("DELETE", [id, links, other, reference]) if is(links, LINKS) && is(reference, "$ref") => {
            links::remove(ask, id, other)
        }
        (_, [] | [_]) => Err(wrong_method(ask.request)),
        (_, [_, links, ..]) if is(links, LINKS) => Err(wrong_method(ask.request)),
        (_, [id, first, rest @ ..]) if is_authentication(first) => authentication(ask, id, rest),
        (_, [id, rest @ ..]) => memberships_of(ask, PrincipalKind::User, id, rest),
    }
}

fn is_authentication(segment: &str) -> bool {
    segment.eq_ignore_ascii_case("authentication")
}

fn authentication(ask: &mut Ask<'_>, user: &str, rest: &[&str]) -> Result<Reply> {
    let request = ask.request;
    methods::answer(ask, user, rest)?.ok_or_else(|| no_such_path(request))
}

fn group(ask: &mut Ask<'_>, rest: &[&str]) -> Result<Reply> {
    let is = |segment: &str, word: &str| segment.eq_ignore_ascii_case(word);
    match (ask.request.method.as_str(), rest) {
        ("GET", []) => objects::list(ask, PrincipalKind::Group),
        ("POST", []) => groups::create(ask),
        ("GET", [id]) => objects::get(ask, PrincipalKind::Group, id),
        ("DELETE", [id]) => groups::delete(ask, id),
        ("GET", [id, members]) if is(members, "members") => groups::members(ask, id),
        ("POST", [id, members, reference]) if is(members, "members") && is(reference, "$ref") => {
            groups::add_member(ask, id)
        }
        ("DELETE", [id, members, member, reference]) if is(members, "members") && is(reference, "$ref") => {
            groups::remove_member(ask, id, member)
        }
        (_, [] | [_]) => Err(wrong_method(ask.request)),
        (_, [_, members, ..]) if is(members, "members") => Err(wrong_method(ask.request)),
        (_, [id, rest @ ..]) => memberships_of(ask, PrincipalKind::Group, id, rest),
    }
}

fn application(ask: &mut Ask<'_>, rest: &[&str]) -> Result<Reply> {
    match (ask.request.method.as_str(), rest) {
        ("GET", []) => objects::list(ask, PrincipalKind::ServicePrincipal),
        ("GET", [id]) => objects::get(ask, PrincipalKind::ServicePrincipal, id),
        (_, [] | [_]) => Err(wrong_method(ask.request)),
        (_, [id, rest @ ..]) => memberships_of(ask, PrincipalKind::ServicePrincipal, id, rest),
    }
}

fn any(ask: &mut Ask<'_>, rest: &[&str]) -> Result<Reply> {
    match (ask.request.method.as_str(), rest) {
        ("POST", [call]) if call.eq_ignore_ascii_case("getByIds") => objects::get_by_ids(ask),
        ("GET", [id]) => objects::get_any(ask, id),
        (_, [_]) => Err(wrong_method(ask.request)),
        (_, [id, rest @ ..]) => {
            let object = ask.object(id)?.object;
            memberships(ask, object, rest)
        }
        (_, []) => Err(no_such_path(ask.request)),
    }
}

fn memberships_of(ask: &Ask<'_>, kind: PrincipalKind, id: &str, rest: &[&str]) -> Result<Reply> {
    let object = ask.of_kind(kind, id)?.object;
    memberships(ask, object, rest)
}

/// The calls that every object has.
fn memberships(ask: &Ask<'_>, object: ObjectId, rest: &[&str]) -> Result<Reply> {
    let [call] = rest else {
        return Err(no_such_path(ask.request));
    };
    match (ask.request.method.as_str(), call.to_ascii_lowercase().as_str()) {
        ("POST", "getmembergroups" | "getmemberobjects") => Ok(objects::member_groups(ask, object)),
        ("POST", "checkmembergroups") => objects::check_member_groups(ask, object),
        (_, "getmembergroups" | "getmemberobjects" | "checkmembergroups") => Err(wrong_method(ask.request)),
        _ => Err(no_such_path(ask.request)),
    }
}

fn no_such_path(request: &Request) -> Error {
    let shown: String = request.path.join("/").chars().take(120).collect();
    Error::not_found("BadRequest", format!("Resource not found for the path '{shown}'."))
}

fn wrong_method(request: &Request) -> Error {
    let message = format!("'{}' is not supported for this path.", request.method);
    Error::new(ErrorKind::MethodNotAllowed, "Request_BadRequest", message)
}
