//! Writing what is to be sent, in the decision that it tells about.

use std::collections::BTreeMap;

use arm::Result;
use jiff::Timestamp;
use pim::notice::Notice;
use store::{Content, Destination, Outgoing, Transaction};

use super::Post;
use super::chat::Message;
use super::letter::{Letter, letter};
use super::story::Story;

/// Writes the notices of an event to the outbox, and a message for every webhook. `event` names the event; what is there
/// under its name and the recipient's stays as it is.
///
/// # Errors
/// When the store fails, or a template.
pub(crate) fn write(
    tx: &mut Transaction,
    post: &Post,
    event: &str,
    story: &Story,
    notices: &[Notice],
) -> Result<()> {
    let mut letters: BTreeMap<&str, Letter> = BTreeMap::new();
    for notice in notices {
        let class = notice.recipient.as_str();
        if !letters.contains_key(class) {
            letters.insert(class, letter(story, notice.recipient, &post.public_url)?);
        }
        if let Some(letter) = letters.get(class) {
            write_mail(tx, event, notice, letter, story.at)?;
        }
    }
    tell_webhooks(tx, post, event, &Message::of(story, &post.public_url))
}

fn write_mail(
    tx: &mut Transaction,
    event: &str,
    notice: &Notice,
    letter: &Letter,
    now: Timestamp,
) -> Result<()> {
    let address = notice.to.address.clone().unwrap_or_default();
    let recipient = if address.is_empty() { notice.to.name.clone() } else { address.to_lowercase() };
    let name = format!("{event}/mail/{recipient}");
    let content = Content::Mail { text: letter.text.clone(), html: letter.html.clone() };
    let deliverable = address.parse::<lettre::Address>().is_ok();
    let to = Destination::Mailbox { name: notice.to.name.clone(), address };
    let outgoing = Outgoing::new(name, to, letter.subject.clone(), content, now);
    put_once(
        tx,
        match deliverable {
            true => outgoing,
            false => outgoing
                .hopeless("there is no usable mail address: set `mail` of the user, or the rule's recipient"),
        },
    )
}

/// Writes a message for every webhook.
///
/// # Errors
/// When the store fails.
pub(super) fn tell_webhooks(tx: &mut Transaction, post: &Post, event: &str, message: &Message) -> Result<()> {
    for webhook in &post.webhooks {
        let name = format!("{event}/webhook/{}", webhook.name);
        let to = Destination::Webhook(webhook.name.clone());
        let content = Content::Json(message.body(webhook.kind).to_string());
        put_once(tx, Outgoing::new(name, to, message.title.clone(), content, message.at))?;
    }
    Ok(())
}

fn put_once(tx: &mut Transaction, outgoing: Outgoing) -> Result<()> {
    if tx.get::<Outgoing>(&outgoing.name)?.is_none() {
        tx.put(&outgoing)?;
    }
    Ok(())
}
