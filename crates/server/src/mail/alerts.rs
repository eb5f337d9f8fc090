//! The security alerts for the webhooks: read off the ledger, as alerts are, so that none is missing that is in it.
//!
//! It begins where the ledger ends when the first webhook is configured.

use arm::Result;
use ledger::Entry;
use mua::alert::{Alert, AlertRule, alerts};
use store::{Bookmark, Transaction};

use super::Post;
use super::chat::Message;
use super::outbox::tell_webhooks;
use crate::app::App;

/// How far the ledger was read.
const WORK: &str = "webhook-alerts";
/// How many entries are read in one commit.
const AT_ONCE: u32 = 200;

/// Writes a message for every alert that is new.
///
/// # Errors
/// When the store fails.
pub(super) fn follow(app: &App) -> Result<()> {
    if app.post.webhooks.is_empty() {
        return Ok(());
    }
    while app.store.transact(|tx| read_on(tx, &app.post))? {}
    Ok(())
}

/// Reads some entries on; whether there may be more.
fn read_on(tx: &mut Transaction, post: &Post) -> Result<bool> {
    let mark = |next: u64| Bookmark { work: WORK.into(), position: i64::try_from(next).unwrap_or(i64::MAX) };
    let Some(read) = tx.get::<Bookmark>(WORK)? else {
        let last = tx.ledger_back(None, 1)?;
        tx.put(&mark(last.first().map_or(0, |entry| entry.sequence + 1)))?;
        return Ok(false);
    };
    let entries = tx.ledger(u64::try_from(read.position).unwrap_or_default(), AT_ONCE)?;
    let Some(last) = entries.last() else {
        return Ok(false);
    };
    for entry in &entries {
        tell(tx, post, entry)?;
    }
    tx.put(&mark(last.sequence + 1))?;
    Ok(entries.len() >= AT_ONCE as usize)
}

/// One message for each rule that an entry falls under, whomever it concerns.
fn tell(tx: &mut Transaction, post: &Post, entry: &Entry) -> Result<()> {
    let raised = alerts(entry);
    let mut rules: Vec<AlertRule> = raised.iter().map(|alert| alert.rule).collect();
    rules.dedup();
    for rule in rules {
        let of_rule = raised.iter().filter(|alert| alert.rule == rule);
        let event = format!("alert/{}/{}", entry.sequence, rule.code());
        tell_webhooks(tx, post, &event, &message(entry, rule, of_rule))?;
    }
    Ok(())
}

fn message<'a>(entry: &Entry, rule: AlertRule, alerts: impl Iterator<Item = &'a Alert>) -> Message {
    let targets: Vec<String> = alerts.map(|alert| alert.target.to_string()).collect();
    Message {
        kind: "alert".into(),
        at: entry.at,
        title: format!("{}: {}", rule.severity().as_str(), rule.title()),
        fields: vec![
            ("rule", "Alert", rule.title().into()),
            ("severity", "Severity", rule.severity().as_str().into()),
            ("who", "Who", entry.actor.name.clone()),
            ("operation", "Operation", entry.operation.clone()),
            ("targets", "Concerns", targets.join(", ")),
            ("entry", "Entry in the ledger", entry.sequence.to_string()),
        ],
        link: None,
    }
}
