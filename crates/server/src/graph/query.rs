//! `$filter`, `$select`, `$top` and pages, over objects as they are answered.

use arm::{Clause, Comparison, Error, Filter, Page, Result, Skip};
use serde_json::{Value, json};

use super::ask::{Request, bad};
use crate::arm::reply::Reply;
use crate::http;

/// Entries on one page when the client does not say, and at the most.
const PAGE: (usize, usize) = (100, 999);

/// Answers with a page of a list. The objects come by id.
///
/// # Errors
/// `Request_UnsupportedQuery` for a filter that is not understood.
pub fn list(request: &Request, context: &str, objects: Vec<Value>) -> Result<Reply> {
    let filter = Filter::parse(parameter(request, "$filter").unwrap_or_default()).map_err(unsupported)?;
    if parameter(request, "$search").is_some() {
        return Err(unsupported(bad("$search is not supported; use $filter")));
    }
    let mut found = Vec::new();
    for object in objects {
        if admits(&filter, &object)? {
            found.push(object);
        }
    }
    let skip = Skip { after: parameter(request, "$skiptoken").map(String::from), limit: top(request)? };
    let cut = Page::cut(found, &skip, |object| {
        object.get("id").and_then(Value::as_str).unwrap_or_default().to_string()
    });
    let value: Vec<Value> = cut.value.into_iter().map(|object| select(request, object)).collect();
    Ok(page(request, context, value, cut.next))
}

/// A page of a list, and what the next one begins after.
pub fn page(request: &Request, context: &str, value: Vec<Value>, next: Option<String>) -> Reply {
    let mut body = json!({
        "@odata.context": format!("{}/$metadata#{context}", request.base),
        "value": value,
    });
    if let (Some(next), Some(members)) = (next, body.as_object_mut()) {
        members.insert("@odata.nextLink".into(), next_link(request, &next).into());
    }
    Reply::ok(body)
}

/// Answers with one object.
pub fn one(request: &Request, context: &str, object: Value) -> Value {
    let mut object = select(request, object);
    if let Some(members) = object.as_object_mut() {
        let context = format!("{}/$metadata#{context}/$entity", request.base);
        members.insert("@odata.context".into(), context.into());
    }
    object
}

fn parameter<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.query.get(name).map(String::as_str).filter(|text| !text.is_empty())
}

/// How many entries a page has.
///
/// # Errors
/// `Request_BadRequest` for a `$top` that makes no sense.
pub fn top(request: &Request) -> Result<usize> {
    let (usual, most) = PAGE;
    match parameter(request, "$top").map(str::parse::<usize>) {
        None => Ok(usual),
        Some(Ok(top)) if (1..=most).contains(&top) => Ok(top),
        Some(_) => Err(bad(format!("$top is a whole number from 1 to {most}"))),
    }
}

/// Leaves the members that were asked for. An object says what it is in any case, and which it is.
pub fn select(request: &Request, mut object: Value) -> Value {
    let asked = parameter(request, "$select").unwrap_or_default();
    let asked: Vec<&str> = asked.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    if let Some(members) = object.as_object_mut()
        && !asked.is_empty()
    {
        let wanted = |name: &str| asked.iter().any(|asked| asked.eq_ignore_ascii_case(name));
        members.retain(|name, _| name == "id" || name.starts_with('@') || wanted(name));
    }
    object
}

fn next_link(request: &Request, after: &str) -> String {
    http::next_link(&request.base, request.path.iter().map(String::as_str), &request.query, after)
}

fn admits(filter: &Filter, object: &Value) -> Result<bool> {
    for clause in &filter.clauses {
        let holds = match clause {
            Clause::Compare { property, comparison: Comparison::Equal, value } => {
                equals(member(object, property)?, value)
            }
            Clause::Compare { property, comparison: Comparison::NotEqual, value } => {
                !equals(member(object, property)?, value)
            }
            Clause::Call { name, arguments } => match arguments.as_slice() {
                [property, prefix] if name.eq_ignore_ascii_case("startswith") => {
                    let text = member(object, property)?.as_str().unwrap_or_default();
                    text.to_lowercase().starts_with(&prefix.to_lowercase())
                }
                _ => {
                    return Err(unsupported(bad(format!("the function '{name}' is not supported"))));
                }
            },
            Clause::Any { collection, value } => {
                let values = member(object, collection)?.as_array();
                values.is_some_and(|values| values.iter().any(|one| equals(one, value)))
            }
            Clause::Compare { property, .. } => {
                let message = format!("'{property}' can be compared with eq and ne");
                return Err(unsupported(bad(message)));
            }
        };
        if !holds {
            return Ok(false);
        }
    }
    Ok(true)
}

fn member<'a>(object: &'a Value, name: &str) -> Result<&'a Value> {
    let found = object.as_object().and_then(|members| {
        let mut members = members.iter();
        members.find(|(known, _)| known.eq_ignore_ascii_case(name))
    });
    found
        .map(|(_, value)| value)
        .ok_or_else(|| unsupported(bad(format!("there is no property '{name}' to filter by"))))
}

/// Texts compare without case, as in Graph.
fn equals(actual: &Value, wanted: &str) -> bool {
    match actual {
        Value::String(actual) => actual.to_lowercase() == wanted.to_lowercase(),
        Value::Bool(actual) => wanted.eq_ignore_ascii_case(&actual.to_string()),
        Value::Null => wanted == "null",
        _ => false,
    }
}

fn unsupported(mut error: Error) -> Error {
    error.code = "Request_UnsupportedQuery".into();
    error
}
