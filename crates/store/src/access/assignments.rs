//! Reading role assignments, of which there may be a million.

use std::borrow::Cow;

use arm::{ObjectId, ResourceId, RoleId};
use rbac::{Assignment, PlainAssignment, Window};
use serde::Deserialize;
use serde::de::IgnoredAny;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use super::documents::{broken, parse};
use crate::error::StoreError;

/// What a decision reads of a role assignment; nothing else is read, and what is read is borrowed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct View<'a> {
    #[serde(borrow)]
    scope: Cow<'a, str>,
    role: RoleId,
    principal: ObjectId,
    window: Option<Window>,
    origin: OriginView,
    /// That there is one is enough.
    condition: Option<IgnoredAny>,
}

/// [`rbac::Origin`], which serde reads in a roundabout way, as an enum with its tag inside.
#[derive(Deserialize)]
struct OriginView {
    kind: OriginKind,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum OriginKind {
    Assigned,
    Activated,
}

impl<'a> View<'a> {
    /// Reads an assignment as this program writes it, going from one field to the next without looking for them. `None`
    /// when anything is not as expected, or more than most assignments have: then it is read with all due care.
    ///
    /// The key is the folded id, so that it says how long id and scope are. A text with something escaped in it would be
    /// longer, and what is expected behind it would not be there.
    fn skim(key: &str, body: &'a str) -> Option<Self> {
        let mut rest = Rest(body);
        rest.skip(r#"{"id":""#)?;
        rest.take(key.len())?;
        rest.skip(r#"","scope":""#)?;
        let above = key.len().checked_sub(PlainAssignment::BELOW.len() + Hyphenated::LENGTH)?;
        let scope = rest.take(above.max(1))?;
        rest.skip(r#"","role":""#)?;
        let role = rest.guid()?;
        rest.skip(r#"","principal":""#)?;
        let principal = rest.guid()?;
        rest.skip(r#"","principalKind":""#)?;
        rest.text()?;
        rest.skip(r#","window":"#)?;
        let window = match rest.skip("null") {
            Some(()) => None,
            None => Some(serde_json::from_str(rest.object()?).ok()?),
        };
        rest.skip(r#","origin":{"kind":"assigned"},"description":"#)?;
        if rest.skip("null").is_none() {
            rest.skip("\"")?;
            rest.text()?;
        }
        rest.skip(r#","condition":null,"#)?;
        Some(Self {
            scope: Cow::Borrowed(scope),
            role: RoleId(role),
            principal: ObjectId(principal),
            window,
            origin: OriginView { kind: OriginKind::Assigned },
            condition: None,
        })
    }
}

/// What is left of a JSON text.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn skip(&mut self, expected: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    fn take(&mut self, bytes: usize) -> Option<&'a str> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    fn guid(&mut self) -> Option<Uuid> {
        Uuid::try_parse(self.take(Hyphenated::LENGTH)?).ok()
    }

    /// The rest of a text in which nothing is escaped, and its closing quotation mark.
    fn text(&mut self) -> Option<()> {
        let text = self.take(self.0.find('"')? + 1)?;
        (!text.contains('\\')).then_some(())
    }

    /// An object without objects, and without braces in its texts.
    fn object(&mut self) -> Option<&'a str> {
        self.take(self.0.find('}')? + 1)
    }
}

/// Role assignments as they were read: what decides, without what they are for and who made them when.
#[derive(Default)]
pub(super) struct Assignments {
    /// Scopes, and where the assignments at each end. Read in the order of their keys, those at one scope mostly come one
    /// after the other.
    scopes: Vec<(ResourceId, usize)>,
    plain: Vec<PlainAssignment>,
    /// Those that were activated, and those whose ids do not follow from their scopes.
    other: Vec<Assignment>,
}

impl Assignments {
    /// None yet, with room for so many.
    pub(super) fn with_room(count: usize) -> Self {
        Self { plain: Vec::with_capacity(count), ..Self::default() }
    }

    /// Adds one.
    pub(super) fn read(&mut self, key: &str, body: &str) -> Result<(), StoreError> {
        let broken = |error: &dyn std::fmt::Display| broken::<Assignment>(key, error);
        let view = match View::skim(key, body) {
            Some(view) => view,
            None => serde_json::from_str(body).map_err(|error| broken(&error))?,
        };
        if self.scopes.last().is_none_or(|(scope, _)| scope.as_str() != view.scope) {
            let scope = ResourceId::parse(&view.scope).map_err(|error| broken(&error.message))?;
            self.scopes.push((scope, self.plain.len()));
        }
        let Some((scope, end)) = self.scopes.last_mut() else { return Ok(()) };
        let name = PlainAssignment::name_in(key, scope);
        match (view.origin.kind, name) {
            (OriginKind::Assigned, Some(name)) => {
                self.plain.push(PlainAssignment {
                    name,
                    role: view.role,
                    principal: view.principal,
                    window: view.window,
                    conditional: view.condition.is_some(),
                });
                *end = self.plain.len();
            }
            (OriginKind::Assigned, None) | (OriginKind::Activated, _) => self.other.push(parse(key, body)?),
        }
        Ok(())
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.plain.len() + self.other.len()
    }

    /// What was read, by scope, but for [the others](Self::other).
    pub(super) fn plain(&self) -> impl Iterator<Item = (&ResourceId, &[PlainAssignment])> {
        let mut start = 0;
        self.scopes.iter().map(move |(scope, end)| {
            let plain = self.plain.get(start..*end).unwrap_or_default();
            start = *end;
            (scope, plain)
        })
    }

    /// Those that were activated, and those whose ids do not follow from their scopes.
    pub(super) fn other(&self) -> &[Assignment] {
        &self.other
    }
}

/// The principal of a role assignment.
pub(super) fn assigned_principal(key: &str, body: &str) -> Result<ObjectId, StoreError> {
    #[derive(Deserialize)]
    struct Only {
        principal: ObjectId,
    }
    let only: Only = serde_json::from_str(body).map_err(|error| broken::<Assignment>(key, &error))?;
    Ok(only.principal)
}

#[cfg(test)]
mod tests {
    use arm::RequestId;
    use jiff::Timestamp;
    use proptest::prelude::*;
    use rbac::{Origin, PrincipalKind};

    use super::*;

    const KINDS: [PrincipalKind; 3] =
        [PrincipalKind::User, PrincipalKind::Group, PrincipalKind::ServicePrincipal];

    prop_compose! {
        fn any_assignment()(
            scope in prop_oneof![Just("/".to_string()), "(/[a-zA-Z\"é{},:]{1,9}){1,6}"],
            name in prop_oneof![9 => any::<u128>().prop_map(|n| Uuid::from_u128(n).to_string()), 1 => "[a-z\"]{1,9}"],
            (role, principal, kind) in (any::<u128>(), any::<u128>(), 0..3_usize),
            window in prop::option::of((0..9_i64, prop::option::of(0..9_i64))),
            activated in prop::bool::weighted(0.1),
            description in prop::option::of("[a-z\\\\\"é{},:]{0,9}"),
            condition in prop::option::weighted(0.2, "[a-z\"]{0,9}"),
            made in prop::option::of(any::<u128>()),
        ) -> Assignment {
            let scope = ResourceId::parse(&scope).unwrap();
            let below = format!("providers/Microsoft.Authorization/roleAssignments/{name}");
            let id = scope.child(&below).unwrap();
            let time = |second| Timestamp::from_second(second).unwrap();
            let request = RequestId(Uuid::nil());
            Assignment {
                window: window.map(|(start, end)| Window { start: time(start), end: end.map(time) }),
                origin: if activated { Origin::Activated { request } } else { Origin::Assigned },
                description,
                condition,
                created_by: made.map(|by| ObjectId(Uuid::from_u128(by))),
                ..Assignment::new(id, scope, RoleId(Uuid::from_u128(role)), ObjectId(Uuid::from_u128(principal)), KINDS[kind])
            }
        }
    }

    /// What is read of one, and whether it was skimmed.
    fn read(key: &str, body: &str) -> Option<(Assignments, bool)> {
        let mut read = Assignments::default();
        read.read(key, body).ok()?;
        Some((read, View::skim(key, body).is_some()))
    }

    #[test]
    fn most_are_skimmed() {
        let scope = ResourceId::parse("/subscriptions/a/resourceGroups/b").unwrap();
        let id = scope.child(&format!("{}{}", PlainAssignment::BELOW, Uuid::nil())).unwrap();
        let made = Assignment::new(
            id.clone(),
            scope,
            RoleId(Uuid::nil()),
            ObjectId(Uuid::nil()),
            PrincipalKind::User,
        );
        let window = Some(Window { start: Timestamp::UNIX_EPOCH, end: Some(Timestamp::MAX) });
        for made in [
            made.clone(),
            Assignment { window, description: Some("what for".into()), ..made.clone() },
            Assignment { created_by: Some(ObjectId(Uuid::nil())), ..made },
        ] {
            assert!(read(id.folded(), &serde_json::to_string(&made).unwrap()).unwrap().1);
        }
    }

    proptest! {
        #[test]
        fn all_that_decides_is_read(made in any_assignment()) {
            let body = serde_json::to_string(&made).unwrap();
            let (read, _) = read(made.id.folded(), &body).unwrap();
            let name = PlainAssignment::name_in(made.id.folded(), &made.scope);
            match name.filter(|_| made.origin == Origin::Assigned) {
                None => prop_assert_eq!(read.other(), &[made]),
                Some(name) => {
                    let expected = PlainAssignment {
                        name,
                        role: made.role,
                        principal: made.principal,
                        window: made.window,
                        conditional: made.condition.is_some(),
                    };
                    prop_assert_eq!(read.plain().collect::<Vec<_>>(), [(&made.scope, &[expected][..])]);
                    prop_assert_eq!(read.len(), 1);
                }
            }
        }

        /// What is skimmed is what a careful reader reads, also of what nobody wrote.
        #[test]
        fn skimming_reads_nothing_into_a_text(
            made in any_assignment(), at in any::<prop::sample::Index>(), with in "[\\\\\"a}{,:/]{0,2}", cut in 0..3_usize
        ) {
            let mut body = serde_json::to_string(&made).unwrap();
            let at = at.index(body.len());
            if body.is_char_boundary(at) && body.is_char_boundary((at + cut).min(body.len())) {
                body.replace_range(at..(at + cut).min(body.len()), &with);
            }
            let (Some(view), Ok(careful)) =
                (View::skim(made.id.folded(), &body), serde_json::from_str::<View<'_>>(&body)) else { return Ok(()) };
            prop_assert_eq!(view.scope, careful.scope);
            prop_assert_eq!((view.role, view.principal, view.window), (careful.role, careful.principal, careful.window));
            prop_assert!(careful.condition.is_none() && matches!(careful.origin.kind, OriginKind::Assigned));
        }
    }
}
