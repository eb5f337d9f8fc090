//! Mail and webhooks: what people are told, and how it gets to them.
//!
//! A handler says what happened ([`outbox`]); what is to be sent is rendered and written in the commit of that, or not at
//! all. [`worker`] sends it, by SMTP ([`smtp`]) or as a request to a webhook ([`hook`]), and notes that at once.
//! [`alerts`] reads the security alerts off the ledger for the webhooks.
//!
//! What it does not know: who is told what. That is [`pim::notice`]'s.
//!
//! Invariants:
//! - Nothing is sent that is not in the outbox, and nothing is in the outbox that was not committed.
//! - A link in a mail opens something and decides nothing.
//! - What people typed is text: it cannot become markup, a header, or another line.
//! - Webhooks hear who, what and where, and nothing that people typed as a reason.

mod alerts;
mod chat;
mod hook;
mod letter;
mod outbox;
mod smtp;
mod story;
mod worker;

pub use crate::arm::pim::overdue;
pub(crate) use outbox::write;
pub use smtp::test_mail;
pub(crate) use story::{Place, Story, instant};
pub use worker::deliver;
pub(crate) use worker::{TIDYING, keep};

use crate::origin::Origins;
use crate::settings::{Settings, Smtp, Webhook};

/// What the server knows of the world outside: where links lead, and where what is to be sent goes.
#[derive(Clone, Debug)]
pub struct Post {
    /// Where links lead, without a trailing slash.
    pub public_url: String,
    /// Where mail goes.
    pub smtp: Option<Smtp>,
    /// Where events are told besides.
    pub webhooks: Vec<Webhook>,
}

impl Post {
    /// As configured; links lead to the server itself when nothing else is said.
    pub fn new(settings: &Settings, origins: &Origins) -> Self {
        Self {
            public_url: settings.public_url.clone().unwrap_or_else(|| origins.preferred().arm),
            smtp: settings.smtp.clone(),
            webhooks: settings.webhooks.clone(),
        }
    }
}
