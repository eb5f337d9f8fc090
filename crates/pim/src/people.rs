//! Who asks, and what the directory knows about them: the seam to the people, as values and one small trait.

use std::collections::BTreeSet;
use std::fmt;

use arm::ObjectId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A human being, whatever accounts, guest objects and tenants they appear under.
///
/// Two objects with the same person are one voice: neither may approve what the other asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Person(pub String);

/// What this crate asks the directory. The answers are those of *now*, never those of a token.
pub trait People {
    /// The person behind an object; `None` for groups, applications and objects nobody knows.
    fn person_of(&self, object: ObjectId) -> Option<Person>;

    /// Whether the object is an account that a person can sign in with at present: not a service principal, not a
    /// group, not disabled, not deleted.
    fn is_human(&self, object: ObjectId) -> bool;

    /// Every group the object is in, through nested groups too.
    fn groups_of(&self, object: ObjectId) -> BTreeSet<ObjectId>;

    /// Every object in the group that is not itself a group, through nested groups too.
    fn members_of(&self, group: ObjectId) -> BTreeSet<ObjectId>;
}

/// How the caller had signed in, as the token shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authentication {
    /// The token's `amr`: `pwd`, `mfa`, …
    pub methods: BTreeSet<String>,
    /// The token's `acrs`: the authentication contexts it satisfies, e.g. `c1`.
    pub contexts: BTreeSet<String>,
    /// The token's `auth_time`. Kept with the request as evidence; no rule of contract 6.7 compares it.
    pub at: Option<Timestamp>,
    /// When the second factor was enrolled that the person has at this moment. An approver who sees that it is minutes
    /// old asks on another way whether it is theirs.
    #[serde(default)]
    pub factor_enrolled: Option<Timestamp>,
}

impl Authentication {
    /// Whether the sign-in included a second factor.
    pub fn shows_mfa(&self) -> bool {
        self.methods.contains("mfa")
    }
}

/// Who makes a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The caller as the tenant *of the scope* knows them. A guest is another object at home.
    pub object: ObjectId,
    /// How they signed in.
    pub authentication: Authentication,
}

/// Who asks, whom the directory knows, and when: what every decision of this crate depends on besides its documents.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Who asks.
    pub caller: &'a Caller,
    /// The directory, at this moment.
    pub people: &'a dyn People,
    /// This moment.
    pub now: Timestamp,
}

impl Context<'_> {
    /// The person who asks; none for an application, or an account that is not in use.
    pub(crate) fn human(&self) -> Option<Person> {
        let human = self.people.is_human(self.caller.object);
        self.people.person_of(self.caller.object).filter(|_| human)
    }

    /// Whether the caller is the one who asked for something, under any account.
    pub(crate) fn is_voice_of(&self, asker: &Asker<'_>) -> bool {
        let caller = self.caller.object;
        caller == asker.account
            || self.people.person_of(caller).is_some_and(|person| asker.is(&person, self.people))
    }

    /// The caller as it is written into documents.
    pub(crate) fn actor(&self) -> Actor {
        Actor { object: self.caller.object, person: self.people.person_of(self.caller.object) }
    }
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("caller", &self.caller)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

/// Who asked for something, as its document remembers it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker<'a> {
    /// The account they asked with.
    pub(crate) account: ObjectId,
    /// The person behind it then.
    pub(crate) person: &'a Person,
}

impl Asker<'_> {
    /// Whether this is that person: as known then, or as known now.
    pub(crate) fn is(&self, person: &Person, people: &dyn People) -> bool {
        person == self.person || people.person_of(self.account).as_ref() == Some(person)
    }
}

/// Who did something, as a document remembers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The object the caller acted as.
    pub object: ObjectId,
    /// The person behind it at that time; none for an application.
    pub person: Option<Person>,
}

/// What sort of principal an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PrincipalKind {
    /// A person's account, also a guest's.
    User,
    /// A group of principals.
    Group,
    /// An application's account.
    ServicePrincipal,
    /// A group of another tenant.
    ForeignGroup,
    /// A device.
    Device,
}

impl PrincipalKind {
    /// The word of the API (contract 6.2).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
            Self::ServicePrincipal => "ServicePrincipal",
            Self::ForeignGroup => "ForeignGroup",
            Self::Device => "Device",
        }
    }
}
