//! The identity of a person across tenants.

use std::fmt;
use std::str::FromStr;

use arm::{ObjectId, TenantId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One human or one application, whatever tenant it acts in and under whatever object id.
///
/// A human with two accounts at home is two of these, until they are [linked](crate::Links).
///
/// A user and all guests made of that user are one person: the home tenant and the object id there. An
/// application registered in two tenants is one person: its app id. "Nobody approves their own request"
/// compares this.
///
/// Its text form (`user:<tenant>/<object>`, `app:<app id>`) is stored, signed into tokens and written to the
/// ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Person {
    /// A human, by home tenant and object id there.
    Human {
        /// The tenant that holds the person's credentials.
        tenant: TenantId,
        /// The person's object id in that tenant.
        object: ObjectId,
    },
    /// An application, by app (client) id.
    Application(Uuid),
}

impl Person {
    /// Whether this is a human. Only humans approve.
    pub fn is_human(&self) -> bool {
        matches!(self, Self::Human { .. })
    }
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Human { tenant, object } => write!(f, "user:{tenant}/{object}"),
            Self::Application(app) => write!(f, "app:{app}"),
        }
    }
}

impl FromStr for Person {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let human = || {
            let (tenant, object) = text.strip_prefix("user:")?.split_once('/')?;
            Some(Self::Human { tenant: tenant.parse().ok()?, object: object.parse().ok()? })
        };
        let application = || Some(Self::Application(text.strip_prefix("app:")?.parse().ok()?));
        human()
            .or_else(application)
            .ok_or_else(|| "not a person: expected user:<tenant>/<object> or app:<id>".into())
    }
}

impl From<Person> for String {
    fn from(person: Person) -> Self {
        person.to_string()
    }
}

impl TryFrom<String> for Person {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_reads_back() {
        let people = [
            Person::Human { tenant: TenantId(Uuid::from_u128(1)), object: ObjectId(Uuid::from_u128(2)) },
            Person::Application(Uuid::from_u128(1)),
        ];
        for person in people {
            assert_eq!(person.to_string().parse(), Ok(person));
            let json = serde_json::to_string(&person).unwrap();
            assert_eq!(serde_json::from_str::<Person>(&json).unwrap(), person);
        }
        for bad in ["", "user:", "user:1/2", "app:alice", "00000000-0000-0000-0000-000000000001"] {
            assert!(bad.parse::<Person>().is_err(), "{bad}");
        }
    }
}
