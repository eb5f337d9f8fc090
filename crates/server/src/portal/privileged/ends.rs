//! When something that is given shall end: the part of a form that asks for it.

use arm::{Error, Result};
use serde_json::{Value, json};

use super::activate::instant;
use super::rules::Rule;
use crate::login::Form;

/// What a form holds about the time.
#[derive(Clone, Default)]
pub struct Ends {
    /// `days`, `date` or `never`.
    pub how: String,
    /// After how many days.
    pub days: String,
    /// At which day and time, in UTC.
    pub date: String,
    /// From when, in UTC; empty for at once.
    pub start: String,
}

/// How long something may be given.
#[derive(Clone, Debug, Default)]
pub struct Bounds {
    /// Whether without end.
    pub never: bool,
    /// The longest, in words.
    pub longest: String,
}

impl Bounds {
    /// What a rule about expiration allows.
    pub fn of(rule: Option<&Rule>) -> Self {
        match rule {
            Some(rule) => Self {
                never: !rule.is_expiration_required,
                longest: super::length::in_words(&rule.maximum_duration),
            },
            None => Self { never: true, longest: String::new() },
        }
    }
}

impl Ends {
    /// What a form holds.
    pub fn of(form: &Form) -> Self {
        let text = |name: &str| form.owned(name).unwrap_or_default();
        Self { how: text("ends"), days: text("days"), date: text("date"), start: text("start") }
    }

    /// So many days.
    pub fn in_days(days: u32) -> Self {
        Self { how: "days".into(), days: days.to_string(), ..Self::default() }
    }

    /// As the API wants it.
    ///
    /// # Errors
    /// For what is no number of days and no time.
    pub fn schedule(&self) -> Result<Value> {
        let expiration = match self.how.as_str() {
            "never" => json!({"type": "NoExpiration"}),
            "date" => {
                let end = instant(&self.date)?
                    .ok_or_else(|| Error::invalid("InvalidTime", "Until when? Give the day and the time."))?;
                json!({"type": "AfterDateTime", "endDateTime": arm::long_timestamp(end)})
            }
            _ => {
                let days = self.days.trim().parse::<u16>().ok().filter(|days| *days > 0);
                let days = days.ok_or_else(|| {
                    Error::invalid("InvalidDuration", "For how many days? Give a number of days, such as 90.")
                })?;
                json!({"type": "AfterDuration", "duration": format!("P{days}D")})
            }
        };
        let start = instant(&self.start)?.map(arm::long_timestamp);
        Ok(json!({"startDateTime": start, "expiration": expiration}))
    }

    /// Whether a way to end is chosen; days, when none is.
    pub fn is(&self, how: &str) -> bool {
        self.how == how || (self.how.is_empty() && how == "days")
    }
}
