//! Typed ids, so that a tenant cannot be passed where a person is meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! typed_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            /// Accepts the hyphenated form in either case, as Azure's clients write it.
            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                text.parse().map(Self)
            }
        }
    };
}

typed_id!(
    /// A tenant (directory): the `tid` of a token.
    TenantId
);
typed_id!(
    /// A subscription. It belongs to exactly one tenant.
    SubscriptionId
);
typed_id!(
    /// A user, group or service principal *as one tenant knows it*: the `oid` of a token.
    ///
    /// A guest has one object id at home and another in each tenant that invited the person.
    ObjectId
);
typed_id!(
    /// A role definition: the last segment of its resource id.
    RoleId
);
typed_id!(
    /// A caller-chosen name of an assignment, a schedule request, an approval or a stage.
    RequestId
);
