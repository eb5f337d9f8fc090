//! `$filter` of a list: which properties it may name, and what it asks of them.

use arm::{Clause, Comparison, Error, Filter, Result};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::call::Call;

/// A filter that names only properties that its list knows, so that none is silently ignored.
pub struct Asked {
    filter: Filter,
}

/// A span of time, both ends included; an end that is absent is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Where it begins.
    pub from: Option<Timestamp>,
    /// Where it ends.
    pub to: Option<Timestamp>,
}

impl Span {
    /// Whether an instant lies in it.
    pub fn holds(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| at >= from) && self.to.is_none_or(|to| at <= to)
    }
}

impl Asked {
    /// Reads the request's filter. `equal` are the properties that may be compared with `eq`, `ordered` those that may
    /// be compared in other ways too.
    ///
    /// # Errors
    /// `InvalidFilter` for a filter that is malformed or names anything else.
    pub fn read(call: &Call<'_>, equal: &[&str], ordered: &[&str]) -> Result<Self> {
        Self::parse(call.request.query("$filter").unwrap_or_default(), equal, ordered)
    }

    /// The same, of a filter's text.
    ///
    /// # Errors
    /// As [`Asked::read`].
    pub fn parse(text: &str, equal: &[&str], ordered: &[&str]) -> Result<Self> {
        let filter = understood(text, equal, ordered, &[])?;
        Ok(Self { filter })
    }

    /// The comparisons with a property, in the order sent.
    fn compared<'a, 'n>(
        &'a self,
        name: &'n str,
    ) -> impl Iterator<Item = (Comparison, &'a str)> + use<'a, 'n> {
        self.filter.clauses.iter().filter_map(move |clause| match clause {
            Clause::Compare { property, comparison, value } if property.eq_ignore_ascii_case(name) => {
                Some((*comparison, value.as_str()))
            }
            _ => None,
        })
    }

    /// Whether everything asked of a property fits what it is, without regard to ASCII case.
    pub fn admits(&self, property: &str, actual: &str) -> bool {
        self.compared(property).all(|(_, wanted)| wanted.eq_ignore_ascii_case(actual))
    }

    /// The value that a property must equal; the first if there are several.
    pub fn equal(&self, property: &str) -> Option<&str> {
        self.compared(property).map(|(_, value)| value).next()
    }

    /// The instant that a property must equal.
    ///
    /// # Errors
    /// `InvalidFilter` for a text that is no time.
    pub fn instant(&self, property: &str) -> Result<Option<Timestamp>> {
        self.equal(property).map(|text| moment(property, text)).transpose()
    }

    /// The span that comparisons with a property leave open.
    ///
    /// # Errors
    /// `InvalidFilter` for a text that is no time, and for `ne`, which leaves no span.
    pub fn span(&self, property: &str) -> Result<Span> {
        let mut span = Span::default();
        for (comparison, text) in self.compared(property) {
            let at = moment(property, text)?;
            let (from, to) = match comparison {
                Comparison::AtLeast | Comparison::Above => (Some(at), None),
                Comparison::AtMost | Comparison::Below => (None, Some(at)),
                Comparison::Equal => (Some(at), Some(at)),
                Comparison::NotEqual => {
                    let message = format!("'{property}' cannot be compared with 'ne'");
                    return Err(Error::invalid("InvalidFilter", message));
                }
            };
            span.from = span.from.max(from);
            span.to = match (span.to, to) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        Ok(span)
    }
}

/// Reads the request's filter, which may compare these properties for equality and call these functions.
///
/// # Errors
/// `InvalidFilter` for anything else.
pub fn filter(call: &Call<'_>, properties: &[&str], functions: &[&str]) -> Result<Filter> {
    understood(call.request.query("$filter").unwrap_or_default(), properties, &[], functions)
}

/// Reads the request's filter and refuses a clause that the list does not understand: it must not silently widen it.
fn understood(text: &str, equal: &[&str], ordered: &[&str], functions: &[&str]) -> Result<Filter> {
    let filter = Filter::parse(text)?;
    let among = |names: &[&str], name: &str| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    for clause in &filter.clauses {
        let (name, known) = match clause {
            Clause::Compare { property, comparison: Comparison::Equal, .. } => {
                (property, among(equal, property) || among(ordered, property))
            }
            Clause::Compare { property, .. } => (property, among(ordered, property)),
            Clause::Call { name, .. } => (name, among(functions, name)),
            Clause::Any { collection, .. } => (collection, false),
        };
        if !known {
            let shown: String = name.chars().take(80).collect();
            let known = [equal, ordered, functions].concat().join("', '");
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

/// Reads a time in the ways that clients write one. Without an offset it is in UTC.
fn moment(property: &str, text: &str) -> Result<Timestamp> {
    /// az writes the times of jobs and recovery points with a twelve-hour clock.
    const TWELVE_HOURS: &str = "%Y-%m-%d %I:%M:%S %p";
    let naive = || {
        let civil = text
            .parse::<DateTime>()
            .or_else(|_| DateTime::strptime(TWELVE_HOURS, text))
            .or_else(|_| text.parse::<Date>().map(Date::into))
            .ok()?;
        civil.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp())
    };
    text.parse().ok().or_else(naive).ok_or_else(|| {
        let text: String = text.chars().take(80).collect();
        let message =
            format!("'{property}' is compared with '{text}', which is no time, e.g. 2026-01-01T12:00:00Z");
        Error::invalid("InvalidFilter", message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Asked {
        Asked { filter: Filter::parse(text).unwrap() }
    }

    #[test]
    fn times_are_read_as_clients_write_them() {
        let noon = "2026-01-01T12:00:00Z".parse().unwrap();
        for text in [
            "2026-01-01T12:00:00Z",
            "2026-01-01T13:00:00+01:00",
            "2026-01-01T12:00:00.000000",
            "2026-01-01 12:00:00",
            "2026-01-01 12:00:00 PM",
        ] {
            assert_eq!(moment("t", text), Ok(noon), "{text}");
        }
        assert_eq!(moment("t", "2026-01-01"), moment("t", "2026-01-01 12:00:00 AM"));
        for text in ["", "yesterday", "2026-13-01", "12:00"] {
            assert!(moment("t", text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_span_is_what_all_comparisons_leave() {
        let span = asked("t ge 2026-01-01 and t ge 2026-01-02 and t le 2026-01-05 and t lt 2026-01-04")
            .span("T")
            .unwrap();
        let day = |day: &str| moment("t", day).unwrap();
        assert_eq!((span.from, span.to), (Some(day("2026-01-02")), Some(day("2026-01-04"))));
        assert!(span.holds(day("2026-01-03")) && !span.holds(day("2026-01-01")));
        assert!(asked("t ne 2026-01-01").span("t").is_err());
    }

    #[test]
    fn two_values_for_one_property_leave_nothing() {
        let asked = asked("status eq 'A' and status eq 'B'");
        assert!(!asked.admits("status", "a") && !asked.admits("status", "B"));
        assert!(asked.admits("other", "x"));
    }
}
