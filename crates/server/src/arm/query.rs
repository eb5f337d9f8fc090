//! The `$filter` of a list, held against what the list understands.

use arm::{Clause, Comparison, Error, Filter, Result};

use super::call::Call;

/// Reads the request's filter, which may compare these properties for equality and call these functions.
///
/// # Errors
/// `InvalidFilter` for anything else: a clause that is not understood must not silently widen the list.
pub fn filter(call: &Call<'_>, properties: &[&str], functions: &[&str]) -> Result<Filter> {
    let filter = Filter::parse(call.request.query("$filter").unwrap_or_default())?;
    let among = |names: &[&str], name: &str| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    for clause in &filter.clauses {
        let (name, known) = match clause {
            Clause::Compare { property, comparison: Comparison::Equal, .. } => {
                (property, among(properties, property))
            }
            Clause::Call { name, .. } => (name, among(functions, name)),
            Clause::Compare { property, .. } => (property, false),
            Clause::Any { collection, .. } => (collection, false),
        };
        if !known {
            let shown: String = name.chars().take(80).collect();
            let known = [properties, functions].concat().join("', '");
            return Err(Error::invalid(
                "InvalidFilter",
                format!("the $filter on '{shown}' is not supported here; supported: '{known}'"),
            ));
        }
    }
    Ok(filter)
}

/// The one argument of a function that the filter calls, e.g. the object id of `assignedTo('…')`.
///
/// # Errors
/// `InvalidFilter` when it has another number of arguments.
pub fn argument<'a>(filter: &'a Filter, function: &str) -> Result<Option<&'a str>> {
    match filter.call(function) {
        None => Ok(None),
        Some([one]) => Ok(Some(one)),
        Some(_) => Err(Error::invalid(
            "InvalidFilter",
            format!("the function '{function}' of $filter takes one argument"),
        )),
    }
}
