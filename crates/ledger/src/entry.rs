//! An entry of the log, and the bytes it is hashed as.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Digest;
use crate::canonical::{Object, write_text};

/// The version of the canonical form, written into every entry.
pub const VERSION: u64 = 1;

/// First byte under which a leaf is hashed (RFC 6962 section 2.1).
const LEAF: u8 = 0x00;

/// One decision: who, what, where, how it ended and why.
///
/// `serde` writes the same members as the canonical form, for answers and for people; only
/// [`Entry::canonical`] fixes their order and spelling.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// How many entries came before this one.
    pub sequence: u64,
    /// When it was decided, in whole microseconds of the years 0 to 9999. The canonical form cuts off anything
    /// finer.
    pub at: Timestamp,
    /// The correlation id of the request, shared by all entries it caused.
    pub correlation: Uuid,
    /// Who did it, or tried to.
    pub actor: Actor,
    /// What was asked: an RBAC action (contract 3.7, 4.8), or a dotted name of our own where Azure has none.
    pub operation: String,
    /// The id of the resource it was asked for, as given.
    pub target: String,
    /// SHA-256 of the canonical form of the change, when there was one to make.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Digest>,
    /// How it ended.
    pub verdict: Verdict,
    /// Why, in one sentence.
    pub reason: String,
    /// The consents that were used, one for each critical operation in the change.
    pub consent: Vec<Consent>,
    /// Whatever else is worth keeping, by name.
    pub facts: BTreeMap<String, String>,
}

/// Whether the operation happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// It was done, in the same commit as the entry.
    Done,
    /// It was refused, and nothing was changed.
    Refused,
}

/// Who acted, as the sign-in showed them at that moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The stable id of the person, the same for all their accounts and in every tenant that knows them.
    pub person: String,
    /// The object id by which the tenant knows them; nil for the server itself.
    pub object: Uuid,
    /// The tenant that issued the token; nil for the server itself.
    pub tenant: Uuid,
    /// What sort of actor it is.
    pub kind: ActorKind,
    /// A name for people to read, e.g. the user principal name.
    pub name: String,
    /// How they signed in: the token's `amr`, in its order.
    pub authentication: Vec<String>,
    /// The network address the request came from, when there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// What sort of actor it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ActorKind {
    /// A person, signed in.
    User,
    /// An application.
    ServicePrincipal,
    /// The server itself, e.g. a purge that became due.
    System,
    /// A backup client, by the credential of one repository.
    RepositoryCredential,
}

/// One consent that was used, with enough to find out who gave it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// The critical operation it was for (contract 2.4, 2.5).
    pub operation: String,
    /// The id of the guard request that was presented.
    pub request: String,
    /// The id of the Resource Guard.
    pub guard: String,
    /// The person who held the right on the guard.
    pub holder: String,
    /// The id of the role assignment that gave it.
    pub assignment: String,
    /// When that assignment ends, if it does; whole microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

/// Bytes that are not the canonical form of an entry of this [`VERSION`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the canonical form of a ledger entry: {0}")]
pub struct Unreadable(String);

impl Entry {
    /// The ids of what it is about: its target, and the guards that were asked, so that their owners see what for (contract
    /// 8.6). One may be named several times.
    pub fn concerns(&self) -> impl Iterator<Item = &str> {
        let consents = self.consent.iter().map(|consent| consent.guard.as_str());
        std::iter::once(self.target.as_str())
            .chain(self.facts.get("guard").map(String::as_str))
            .chain(consents)
    }

    /// The bytes that are hashed, stored and handed to whoever wants to check them.
    ///
    /// They are one JSON object with the members of this struct and `version`, written by the rules of RFC
    /// 8785 as [`canonical_json`](crate::canonical_json) applies them: members sorted by code point, no white
    /// space, minimal escapes, integers only, absent members left out. Times are RFC 3339 in UTC with six
    /// fractional digits and `Z`; UUIDs and digests are lower-case.
    pub fn canonical(&self) -> Vec<u8> {
        let mut out = String::with_capacity(1024);
        Object::write(&mut out, |entry| {
            entry.object("actor", |actor| self.actor.write(actor));
            entry.plain("at", Micros(self.at));
            if let Some(change) = self.change {
                entry.plain("change", change);
            }
            entry.list("consent", &self.consent, |consent, out| Object::write(out, |o| consent.write(o)));
            entry.plain("correlation", self.correlation);
            entry.texts("facts", &self.facts);
            entry.text("operation", &self.operation);
            entry.text("reason", &self.reason);
            entry.integer("sequence", self.sequence);
            entry.text("target", &self.target);
            entry.plain("verdict", self.verdict.word());
            entry.integer("version", VERSION);
        });
        out.into_bytes()
    }

    /// Reads an entry back from its canonical form.
    ///
    /// # Errors
    /// [`Unreadable`] for any other bytes, also for JSON of the same entry that is merely spelt differently:
    /// what was hashed must be the only way to say it.
    pub fn parse(canonical: &[u8]) -> Result<Self, Unreadable> {
        let entry: Self = serde_json::from_slice(canonical).map_err(|error| Unreadable(error.to_string()))?;
        // Covers the version, unknown members, the order of members and every spelling in one comparison.
        if entry.canonical() == canonical {
            Ok(entry)
        } else {
            Err(Unreadable(format!("spelt differently from version {VERSION}")))
        }
    }

    /// The entry's leaf hash.
    pub fn leaf(&self) -> Digest {
        leaf_hash(&self.canonical())
    }
}

/// The leaf hash of an entry's canonical form: `SHA-256(0x00 ‖ canonical)`.
pub(crate) fn leaf_hash(canonical: &[u8]) -> Digest {
    Digest::of_parts(&[&[LEAF], canonical])
}

impl Actor {
    fn write(&self, actor: &mut Object<'_>) {
        if let Some(address) = &self.address {
            actor.text("address", address);
        }
        actor.list("authentication", &self.authentication, |method, out| write_text(method, out));
        actor.plain("kind", self.kind.word());
        actor.text("name", &self.name);
        actor.plain("object", self.object);
        actor.text("person", &self.person);
        actor.plain("tenant", self.tenant);
    }
}

impl Consent {
    fn write(&self, consent: &mut Object<'_>) {
        consent.text("assignment", &self.assignment);
        if let Some(expires) = self.expires {
            consent.plain("expires", Micros(expires));
        }
        consent.text("guard", &self.guard);
        consent.text("holder", &self.holder);
        consent.text("operation", &self.operation);
        consent.text("request", &self.request);
    }
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }
}

impl ActorKind {
    fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::ServicePrincipal => "servicePrincipal",
            Self::System => "system",
            Self::RepositoryCredential => "repositoryCredential",
        }
    }
}

/// A time with six digits of its second's fraction.
struct Micros(Timestamp);

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}", self.0)
    }
}
