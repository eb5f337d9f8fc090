//! What a list of alerts is asked for. Azure takes it as query parameters of their own, not as a `$filter`.

use std::fmt;

use arm::{Error, ResourceId, Result};
use jiff::{SignedDuration, Timestamp};
use mua::alert::AlertState;

use super::Raised;
use crate::arm::call::Call;
use crate::arm::filters::Span;

/// What all alerts here come from, by Azure's name.
pub const MONITOR_SERVICE: &str = "Azure Backup";

/// Alerts on one page, and the most that may be asked for: Azure's numbers.
const PAGE: usize = 25;
const MOST: usize = 250;

/// How far back a request looks that does not say: as long as Azure keeps alerts. (Azure looks back one day, which is
/// easily missed.)
const DEFAULT_RANGE: &str = "30d";

/// What is looked for.
pub struct Asked {
    /// When alerts were raised.
    pub span: Span,
    /// Alerts on one page.
    pub page: usize,
    /// Whether to tell all that the ledger says.
    pub with_context: bool,
    resource: Option<ResourceId>,
    state: Option<AlertState>,
    /// What must equal what, without regard to case.
    equal: Vec<(&'static str, String)>,
}

/// Properties that must equal what is asked for.
const EQUAL: [&str; 7] = [
    "targetResourceGroup",
    "targetResourceType",
    "monitorService",
    "monitorCondition",
    "severity",
    "alertRule",
    // There are no smart groups, so that none is in one.
    "smartGroupId",
];

impl Asked {
    /// Reads what a request asks for.
    ///
    /// # Errors
    /// `BadRequest` for a value that means nothing: it must not widen the list.
    pub fn read(call: &Call<'_>) -> Result<Self> {
        let text = |name: &str| call.request.query(name).map(str::trim).filter(|text| !text.is_empty());
        let truth = |name: &str| match text(name) {
            None => Ok(false),
            Some(text) => text.to_ascii_lowercase().parse().map_err(|_| wrong(name, "'true' or 'false'")),
        };
        let state = |text: &str| {
            AlertState::parse(text).ok_or_else(|| wrong("alertState", "'New', 'Acknowledged' or 'Closed'"))
        };
        let page = match text("pageCount") {
            None => PAGE,
            Some(count) => count
                .parse()
                .ok()
                .filter(|count| (1..=MOST).contains(count))
                .ok_or_else(|| wrong("pageCount", "a number from 1 to 250"))?,
        };
        let newest_first = text("sortOrder").is_none_or(|order| order.eq_ignore_ascii_case("desc"));
        let by_start = text("sortBy").is_none_or(|by| by.eq_ignore_ascii_case("startDateTime"));
        if !newest_first || !by_start {
            return Err(wrong(
                "sortBy",
                "'startDateTime', and sortOrder 'desc': alerts are listed newest first",
            ));
        }
        let span = match text("customTimeRange") {
            Some(range) => custom_span(range)?,
            None => recent(call.now, text("timeRange").unwrap_or(DEFAULT_RANGE))?,
        };
        let equal = EQUAL.into_iter().filter_map(|name| Some((name, text(name)?.to_string())));
        Ok(Self {
            span,
            page,
            with_context: truth("includeContext")?,
            resource: text("targetResource").map(ResourceId::parse).transpose()?,
            state: text("alertState").map(state).transpose()?,
            equal: equal.collect(),
        })
    }

    /// Whether an alert is looked for.
    pub fn admits(&self, raised: &Raised<'_>) -> bool {
        let alert = &raised.alert;
        let is = |(name, wanted): &(&'static str, String)| {
            let actual = match *name {
                "targetResourceGroup" => alert.target.resource_group_name().unwrap_or_default().to_string(),
                "targetResourceType" => alert.target.resource_type().unwrap_or_default().to_string(),
                "monitorService" => MONITOR_SERVICE.to_string(),
                "monitorCondition" => "Fired".to_string(),
                "severity" => alert.rule.severity().as_str().to_string(),
                "alertRule" => alert.rule.title().to_string(),
                _ => return false,
            };
            actual.eq_ignore_ascii_case(wanted)
        };
        self.span.holds(raised.entry.at)
            && self.resource.as_ref().is_none_or(|resource| alert.target == *resource)
            && self.state.is_none_or(|state| raised.state() == state)
            && self.equal.iter().all(is)
    }
}

fn wrong(name: &str, expected: &str) -> Error {
    Error::invalid("BadRequest", format!("the query parameter '{name}' must be {expected}"))
}

fn recent(now: Timestamp, range: &str) -> Result<Span> {
    let hours = match range.to_ascii_lowercase().as_str() {
        "1h" => 1,
        "1d" => 24,
        "7d" => 7 * 24,
        "30d" => 30 * 24,
        _ => return Err(wrong("timeRange", "'1h', '1d', '7d' or '30d'")),
    };
    Ok(Span { from: now.checked_sub(SignedDuration::from_hours(hours)).ok(), to: None })
}

/// `<from>/<to>`, both RFC 3339.
fn custom_span(range: &str) -> Result<Span> {
    let both = range.split_once('/').and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    let (from, to) = both.ok_or_else(|| {
        wrong(
            "customTimeRange",
            "two times with a slash between them, e.g. 2026-01-01T00:00:00Z/2026-01-02T00:00:00Z",
        )
    })?;
    Ok(Span { from: Some(from), to: Some(to) })
}

/// Where a list goes on: at an entry, of which some alerts were looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The entry.
    pub sequence: u64,
    /// How many of its alerts were; `usize::MAX` for all there may be.
    pub shown: usize,
}

impl Position {
    /// Reads what a link to the next page says.
    ///
    /// # Errors
    /// `BadRequest` for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        let parts = text.split_once('.').and_then(|(sequence, shown)| {
            Some(Self { sequence: sequence.parse().ok()?, shown: shown.parse().ok()? })
        });
        parts.ok_or_else(|| wrong("$skipToken", "one of this list"))
    }

    /// Entries before this one are yet to be looked at.
    pub fn before(self) -> u64 {
        if self.shown == usize::MAX { self.sequence } else { self.sequence.saturating_add(1) }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.sequence, self.shown)
    }
}
