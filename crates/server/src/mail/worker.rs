//! Sending what is in the outbox.
//!
//! Each thing is claimed in a commit before it is sent, and the outcome committed right after, before the next one. So
//! several servers can do this at once, and none of them needs a lease for it. Mails and webhooks do not wait for each
//! other, and one webhook that is down does not hold up the others.

use std::collections::BTreeSet;
use std::time::Duration;

use arm::Result;
use jiff::SignedDuration;
use store::{Delivery, Destination, Outgoing};
use tokio::sync::watch;

use super::Post;
use super::smtp::Line;
use super::{alerts, hook};
use crate::app::App;
use crate::arm::pim::overdue;
use crate::metrics::Channel;
use crate::turn::Turn;

/// How often it is looked whether there is something to send.
const PERIOD: Duration = Duration::from_secs(1);
/// How much longer that is for each thing that waits: whoever has thousands waiting has no server that takes them.
const PERIOD_PER_WAITING: Duration = Duration::from_millis(5);
/// The longest of it.
const LONGEST_PERIOD: Duration = Duration::from_secs(30);
/// How long what is being sent may take when the server stops.
const GRACE: Duration = Duration::from_secs(10);

/// Finding what is over without anybody doing anything, and deleting what was sent long ago.
pub(crate) static TIDYING: Turn = Turn {
    every: Duration::from_secs(60),
    lease: "notices",
    term: SignedDuration::from_secs(150),
    failed: "what is overdue could not be told",
    work: |app| overdue(app).and(tidy(app)),
};

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The other side has it.
    Sent,
    /// Not now.
    Later(String),
    /// Never.
    Refused(String),
}

/// Sends what there is to send by one channel until the server stops.
pub(crate) async fn keep(app: App, channel: Channel, mut stop: watch::Receiver<bool>) {
    let mut period = PERIOD;
    loop {
        tokio::select! {
            () = tokio::time::sleep(period) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let until = stop.clone();
        let pass = app.blocking(move |app| pass(app, channel, &|| *until.borrow()));
        let outcome = tokio::select! {
            outcome = pass => outcome,
            () = stopped(&mut stop) => return,
        };
        match outcome {
            Ok(waiting) => {
                let more = PERIOD_PER_WAITING.saturating_mul(u32::try_from(waiting).unwrap_or(u32::MAX));
                period = PERIOD.saturating_add(more).min(LONGEST_PERIOD);
            }
            Err(error) => {
                let internal = error.internal.unwrap_or(error.message);
                tracing::warn!(%internal, "the outbox could not be emptied; it will be tried again");
            }
        }
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error says that the server is gone, which is a stop as well.
    drop(stop.wait_for(|stop| *stop).await);
    tokio::time::sleep(GRACE).await;
}

/// Sends what is due now. Returns how much is left.
///
/// # Errors
/// When the store fails; whatever an SMTP server or a webhook says is noted in the outbox.
pub fn deliver(app: &App) -> Result<usize> {
    Ok(pass(app, Channel::Mail, &|| false)? + pass(app, Channel::Webhook, &|| false)?)
}

fn pass(app: &App, channel: Channel, stopping: &dyn Fn() -> bool) -> Result<usize> {
    if channel == Channel::Webhook {
        alerts::follow(app)?;
    }
    let now = app.edge.now();
    let mut open = open(app, channel)?;
    open.sort_by(|a, b| (a.created, &a.name).cmp(&(b.created, &b.name)));
    let mut sender = Sender { app, post: &app.post, line: None, down: BTreeSet::new() };
    for outgoing in open.iter().filter(|outgoing| outgoing.is_due(now)) {
        if stopping() {
            break;
        }
        sender.handle(outgoing)?;
    }
    if let Some(line) = sender.line {
        line.close();
    }
    let left = self::open(app, channel)?.len();
    app.metrics.waiting(channel, left);
    Ok(left)
}

/// What has not come to an end and goes by this channel.
fn open(app: &App, channel: Channel) -> Result<Vec<Outgoing>> {
    let mut open: Vec<Outgoing> = app.store.transact(|tx| tx.find(Outgoing::OPEN))?;
    open.retain(|outgoing| channel_of(outgoing) == channel);
    Ok(open)
}

fn channel_of(outgoing: &Outgoing) -> Channel {
    match outgoing.to {
        Destination::Mailbox { .. } => Channel::Mail,
        Destination::Webhook(_) => Channel::Webhook,
    }
}

/// Whom a server is asked for: all mail goes to one, and each webhook is one.
fn peer_of(outgoing: &Outgoing) -> &str {
    match &outgoing.to {
        Destination::Mailbox { .. } => "",
        Destination::Webhook(name) => name,
    }
}

/// One pass over what is due, with at most one connection.
struct Sender<'a> {
    app: &'a App,
    post: &'a Post,
    line: Option<Line<'a>>,
    /// Who did not take something in this pass, and is not asked again in it.
    down: BTreeSet<String>,
}

impl Sender<'_> {
    fn handle(&mut self, outgoing: &Outgoing) -> Result<()> {
        if self.down.contains(peer_of(outgoing)) {
            return Ok(());
        }
        let now = self.app.edge.now();
        let cannot = match &outgoing.to {
            Destination::Mailbox { .. } if self.post.smtp.is_none() => {
                Some("there was no SMTP server in the configuration")
            }
            Destination::Mailbox { .. } => None,
            Destination::Webhook(name) if self.post.webhooks.iter().any(|one| one.name == *name) => None,
            Destination::Webhook(_) => Some("there was no webhook of this name in the configuration"),
        };
        let stale = outgoing.is_stale(now);
        match (cannot, stale) {
            // Another server may be configured otherwise.
            (Some(_), false) => Ok(()),
            (Some(why), true) => self.give_up(outgoing, why),
            (None, true) => self.give_up(outgoing, "it is too old to be news"),
            (None, false) => self.send(outgoing),
        }
    }

    fn send(&mut self, outgoing: &Outgoing) -> Result<()> {
        let Some(claimed) = self.claim(outgoing)? else {
            return Ok(());
        };
        let outcome = match &claimed.to {
            Destination::Mailbox { .. } => self.mail(&claimed),
            Destination::Webhook(name) => self.post_to(name, &claimed),
        };
        // Of an SMTP server, an answer is about the mail.
        if channel_of(&claimed) == Channel::Webhook && outcome != Outcome::Sent {
            self.down.insert(peer_of(&claimed).into());
        }
        self.settle(&claimed, outcome)
    }

    /// The connection is opened by the first mail and kept as long as it works.
    fn mail(&mut self, outgoing: &Outgoing) -> Outcome {
        let Some(smtp) = &self.post.smtp else {
            return Outcome::Later("there is no SMTP server in the configuration".into());
        };
        if self.line.is_none() {
            match Line::open(smtp, &self.post.public_url) {
                Ok(line) => self.line = Some(line),
                Err(why) => {
                    self.down.insert(peer_of(outgoing).into());
                    return Outcome::Later(why);
                }
            }
        }
        let outcome = match self.line.as_mut() {
            Some(line) => line.send(outgoing),
            None => Outcome::Later("there is no connection".into()),
        };
        if outcome != Outcome::Sent {
            self.line = None;
        }
        outcome
    }

    fn post_to(&self, name: &str, outgoing: &Outgoing) -> Outcome {
        let webhook = self.post.webhooks.iter().find(|webhook| webhook.name == *name);
        match (webhook, &outgoing.content) {
            (Some(webhook), store::Content::Json(body)) => {
                hook::post(webhook, &outgoing.id(), body, self.app.edge.now())
            }
            _ => Outcome::Later("there is no such webhook in the configuration".into()),
        }
    }

    /// Takes something to send it, if nobody else has.
    fn claim(&self, outgoing: &Outgoing) -> Result<Option<Outgoing>> {
        let app = self.app;
        let claimed = app.store.transact(|tx| {
            let stored: Option<Outgoing> = tx.get(&outgoing.name)?;
            let claimed = stored.and_then(|stored| stored.claimed(app.server, app.edge.now()));
            claimed.as_ref().map(|claimed| tx.put(claimed)).transpose()?;
            Ok(claimed)
        })?;
        if matches!(outgoing.delivery, Delivery::Sending { .. }) && claimed.is_some() {
            tracing::warn!(id = outgoing.id(), "sent again: whether it arrived before is not known");
        }
        Ok(claimed)
    }

    /// Notes what became of it.
    fn settle(&self, claimed: &Outgoing, outcome: Outcome) -> Result<()> {
        let (app, name) = (self.app, claimed.name.as_str());
        let [dice] = app.edge.bytes();
        let settled = app.store.transact(|tx| {
            let stored: Option<Outgoing> = tx.get(name)?;
            let Some(stored) = stored.filter(|stored| stored.is_claimed_by(app.server)) else {
                return Ok(None);
            };
            let now = app.edge.now();
            let settled = match &outcome {
                Outcome::Sent => stored.sent(now),
                Outcome::Later(why) => stored.failed(why, now, dice),
                Outcome::Refused(why) => stored.refused(why, now),
            };
            tx.put(&settled)?;
            Ok(Some(settled))
        })?;
        if let Some(settled) = settled {
            self.report(&settled);
        }
        Ok(())
    }

    fn give_up(&self, outgoing: &Outgoing, why: &str) -> Result<()> {
        let (app, name) = (self.app, outgoing.name.as_str());
        let given_up = app.store.transact(|tx| {
            let stored: Option<Outgoing> = tx.get(name)?;
            let given_up = stored.filter(|stored| stored.is_due(app.edge.now()));
            let given_up = given_up.map(|stored| stored.refused(why, app.edge.now()));
            given_up.as_ref().map(|given_up| tx.put(given_up)).transpose()?;
            Ok(given_up)
        })?;
        if let Some(given_up) = given_up {
            self.report(&given_up);
        }
        Ok(())
    }

    /// To the log and the numbers. Addresses are not for the log.
    fn report(&self, outgoing: &Outgoing) {
        let channel = channel_of(outgoing);
        let (id, trouble) = (outgoing.id(), outgoing.trouble.as_deref().unwrap_or_default());
        match outgoing.delivery {
            Delivery::Sent { .. } => self.app.metrics.sent(channel, "sent"),
            Delivery::GivenUp { .. } => {
                self.app.metrics.sent(channel, "given_up");
                tracing::error!(
                    id,
                    channel = channel.as_str(),
                    trouble,
                    "given up; `countersign outbox` shows it"
                );
            }
            Delivery::Waiting { .. } | Delivery::Sending { .. } => {
                self.app.metrics.sent(channel, "failed");
                tracing::warn!(id, channel = channel.as_str(), trouble, "not sent; it will be tried again");
            }
        }
    }
}

/// Deletes what was sent, or given up, long ago.
///
/// # Errors
/// When the store fails.
fn tidy(app: &App) -> Result<()> {
    crate::login::sweep(app, |outgoing: &Outgoing, now| outgoing.is_over(now))
}
