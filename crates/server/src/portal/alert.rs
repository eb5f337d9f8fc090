//! An alert, as every page shows it, and how pages ask for them.

use std::collections::BTreeMap;

use arm::Result;
use jiff::Timestamp;
use serde::Deserialize;

use super::ask::{Part, Query, if_shown};
use super::ledger::entry::story;
use super::link;
use super::moment::Moment;
use super::places;
use super::viewer::Viewer;
use super::words::{name_of, short_ids};

/// Azure's severities, the worst first: what people read, and the kind of badge.
pub const SEVERITIES: [(&str, &str, &str); 5] = [
    ("Sev0", "Critical", "bad"),
    ("Sev1", "Error", "bad"),
    ("Sev2", "Warning", "warn"),
    ("Sev3", "Informational", "info"),
    ("Sev4", "Verbose", "quiet"),
];

/// How many single things of a subscription are asked at the most, for whoever may not read its alerts as a whole.
const SINGLE: usize = 50;

/// An alert.
#[derive(Clone, Deserialize)]
pub struct Alert {
    /// Its id.
    pub id: String,
    /// What happened.
    pub name: String,
    properties: Properties,
}

#[derive(Clone, Deserialize)]
struct Properties {
    essentials: Essentials,
    #[serde(default)]
    context: Option<Context>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Essentials {
    severity: String,
    alert_state: String,
    #[serde(default)]
    description: String,
    target_resource: String,
    start_date_time: Timestamp,
    #[serde(default)]
    source_created_id: String,
}

/// What the ledger says.
#[derive(Clone, Deserialize)]
pub struct Context {
    /// What was asked.
    pub operation: String,
    /// Of what.
    pub resource: String,
    /// How it ended.
    pub verdict: String,
    /// Why.
    pub reason: String,
    /// By whom.
    pub caller: Caller,
    /// What else is known.
    #[serde(default)]
    pub facts: BTreeMap<String, String>,
}

/// Who caused it.
#[derive(Clone, Deserialize)]
pub struct Caller {
    /// Their user name.
    pub name: String,
    /// Where they came from.
    pub address: Option<String>,
}

/// Where alerts live below a scope.
pub fn alerts_at(scope: &str) -> String {
    format!("{}/providers/Microsoft.AlertsManagement/alerts", scope.trim_end_matches('/'))
}

impl Viewer {
    /// The newest alerts at a scope.
    ///
    /// # Errors
    /// What ARM answers.
    pub async fn alerts(&self, scope: &str, query: Query<'_>) -> Result<Part<Alert>> {
        self.part(&alerts_at(scope), query).await
    }

    /// The newest alerts of a subscription that nobody has looked after. Whoever may not read them as a whole is told those
    /// of single things.
    ///
    /// # Errors
    /// What ARM answers.
    pub async fn new_alerts(&self, subscription: &str) -> Result<Vec<Alert>> {
        const NEW: Query<'_> = &[("alertState", "New"), ("pageCount", "250")];
        if let Some(all) = if_shown(self.alerts(subscription, NEW).await)? {
            return Ok(all.entries);
        }
        let mut alerts = Vec::new();
        for resource in places::resources(self, subscription).await?.iter().take(SINGLE) {
            let some = if_shown(self.alerts(&resource.id, NEW).await)?;
            alerts.extend(some.into_iter().flat_map(|some| some.entries));
        }
        Ok(alerts)
    }
}

impl Alert {
    /// The same in a sentence.
    pub fn description(&self) -> String {
        short_ids(&self.properties.essentials.description)
    }

    /// Its place among the severities: the worst is the least.
    pub fn gravity(&self) -> usize {
        let severity = self.properties.essentials.severity.as_str();
        SEVERITIES.iter().position(|(name, ..)| *name == severity).unwrap_or(SEVERITIES.len())
    }

    /// How severe it is.
    pub fn severity(&self) -> &'static str {
        SEVERITIES.get(self.gravity()).map_or("Unknown", |(_, word, _)| word)
    }

    /// The kind of badge for that.
    pub fn badge(&self) -> &'static str {
        SEVERITIES.get(self.gravity()).map_or("warn", |(.., badge)| badge)
    }

    /// What was done with it: `New`, `Acknowledged` or `Closed`.
    pub fn state(&self) -> &str {
        &self.properties.essentials.alert_state
    }

    /// Whether nobody has looked at it.
    pub fn is_new(&self) -> bool {
        self.state() == "New"
    }

    /// When it was raised.
    pub fn raised(&self) -> Moment {
        Moment(self.properties.essentials.start_date_time)
    }

    /// What it is about.
    pub fn target(&self) -> &str {
        &self.properties.essentials.target_resource
    }

    /// What that is called.
    pub fn target_name(&self) -> &str {
        name_of(self.target())
    }

    /// What the ledger says; not in lists.
    pub fn context(&self) -> Option<&Context> {
        self.properties.context.as_ref()
    }

    /// Its page; that of a guard's alert is the story of what raised it.
    pub fn href(&self) -> String {
        match self.target().to_ascii_lowercase().contains("/resourceguards/") {
            true => link::with(&self.story(), "resource", self.target()),
            false => link::page("vaults/alert", &self.id),
        }
    }

    /// The story of what raised it.
    pub fn story(&self) -> String {
        story(&self.properties.essentials.source_created_id, self.raised())
    }
}
