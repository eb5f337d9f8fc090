//! `countersign outbox`: reads the outbox, also while servers fill and empty it.

use std::io::Write;

use anyhow::bail;
use clap::Args;
use serde_json::{Value, json};
use store::{Content, Delivery, Destination, Outgoing};

use crate::ledger_command::Whose;

/// Look at what was and is to be sent.
#[derive(Args)]
pub(crate) struct Outbox {
    #[command(flatten)]
    whose: Whose,
    /// Show the one with this id in full. The first characters of it are enough.
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// Print JSON, one object a line, with everything in it.
    #[arg(long)]
    json: bool,
}

impl Outbox {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let mut all = self.whose.open()?.outbox()?;
        if let Some(id) = &self.id {
            all.retain(|outgoing| outgoing.id().starts_with(id.as_str()));
            if all.is_empty() {
                bail!("there is nothing with the id `{id}` in the outbox");
            }
        }
        let mut out = std::io::stdout().lock();
        for outgoing in &all {
            match (self.json, &self.id) {
                (true, _) => writeln!(out, "{}", as_json(outgoing))?,
                (false, None) => writeln!(out, "{}", line(outgoing))?,
                (false, Some(_)) => writeln!(out, "{}\n", in_full(outgoing))?,
            }
        }
        Ok(())
    }
}

/// How far it has come, in a word, and since when or from when on.
fn state(outgoing: &Outgoing) -> (&'static str, jiff::Timestamp) {
    match outgoing.delivery {
        Delivery::Waiting { from } => ("waiting", from),
        Delivery::Sending { since, .. } => ("sending", since),
        Delivery::Sent { at } => ("sent", at),
        Delivery::GivenUp { at } => ("given up", at),
    }
}

fn recipient(outgoing: &Outgoing) -> String {
    match &outgoing.to {
        Destination::Mailbox { name, address } if address.is_empty() => shown(name),
        Destination::Mailbox { address, .. } => shown(address),
        Destination::Webhook(name) => format!("webhook {}", shown(name)),
    }
}

/// What people are called must not steer the terminal.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn line(outgoing: &Outgoing) -> String {
    let id: String = outgoing.id().chars().take(12).collect();
    let (state, _) = state(outgoing);
    let trouble = outgoing.trouble.as_deref().map(|why| format!("  ({})", shown(why))).unwrap_or_default();
    let to = recipient(outgoing);
    let created = outgoing.created.strftime("%Y-%m-%d %H:%M:%S");
    format!("{id}  {created}  {state:<8}  {to}  {}{trouble}", shown(&outgoing.subject))
}

fn in_full(outgoing: &Outgoing) -> String {
    let (state, at) = state(outgoing);
    let body = match &outgoing.content {
        Content::Mail { text, .. } => text,
        Content::Json(body) => body,
    };
    let body: String = body.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect();
    let trouble = outgoing.trouble.as_deref().map(|why| format!("\nTrouble: {}", shown(why)));
    format!(
        "Id: {}\nAbout: {}\nTo: {}\nSubject: {}\nWritten: {}\nState: {state}, {at}\nAttempts: {}{}\n\n{body}",
        outgoing.id(),
        shown(&outgoing.name),
        recipient(outgoing),
        shown(&outgoing.subject),
        outgoing.created,
        outgoing.attempts,
        trouble.unwrap_or_default(),
    )
}

fn as_json(outgoing: &Outgoing) -> Value {
    let (state, at) = state(outgoing);
    let (to, name) = match &outgoing.to {
        Destination::Mailbox { name, address } => (address.clone(), Some(name.clone())),
        Destination::Webhook(name) => (format!("webhook:{name}"), None),
    };
    let (text, html, body) = match &outgoing.content {
        Content::Mail { text, html } => (Some(text), Some(html), None),
        Content::Json(body) => (None, None, Some(body)),
    };
    json!({
        "id": outgoing.id(), "about": outgoing.name, "to": to, "name": name, "subject": outgoing.subject,
        "state": state, "at": at.to_string(), "created": outgoing.created.to_string(),
        "attempts": outgoing.attempts, "trouble": outgoing.trouble, "text": text, "html": html, "body": body,
    })
}
