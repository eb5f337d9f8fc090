//! Resource ids, which are also the scopes of role assignments and locks.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

use crate::{Error, SubscriptionId};

/// The longest id accepted, in bytes. Azure's own documented ids stay far below.
pub const MAX_ID_BYTES: usize = 2048;
/// The longest segment accepted, in bytes (contract 2.2: guard names run to 260 characters).
pub const MAX_SEGMENT_BYTES: usize = 260;

/// A node of root > management group > subscription > resource group > resource, written as ARM writes it.
///
/// It keeps the case it was given and compares without regard to ASCII case. The root is `/`.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct ResourceId {
    text: String,
    folded: String,
}

impl ResourceId {
    /// The root scope `/`, above everything.
    pub fn root() -> Self {
        Self { text: "/".into(), folded: "/".into() }
    }

    /// Reads an id that is already percent-decoded. Runs of slashes count as one (az writes `//resourceGuards`),
    /// and a missing leading slash is added (PowerShell omits it).
    ///
    /// # Errors
    /// `InvalidResourceId` for an id that is too long or has a `.`, `..`, over-long or unprintable segment.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_ID_BYTES {
            return Err(invalid("the resource id is longer than 2048 bytes"));
        }
        let mut clean = String::with_capacity(text.len() + 1);
        for segment in split(text) {
            check_segment(segment)?;
            clean.push('/');
            clean.push_str(segment);
        }
        Ok(Self::of(clean))
    }

    /// The scope of a whole subscription.
    pub fn subscription(id: SubscriptionId) -> Self {
        let text = format!("/subscriptions/{id}");
        Self { folded: text.clone(), text }
    }

    /// This id with more segments below it.
    ///
    /// # Errors
    /// As [`ResourceId::parse`].
    pub fn child(&self, below: &str) -> Result<Self, Error> {
        if self.text.len() + below.len() >= MAX_ID_BYTES {
            return Self::parse(&format!("{}/{below}", self.text));
        }
        let mut text = String::with_capacity(self.text.len() + below.len() + 1);
        text.push_str(self.text.trim_end_matches('/'));
        for segment in split(below) {
            check_segment(segment)?;
            text.push('/');
            text.push_str(segment);
        }
        Ok(Self::of(text))
    }

    /// This id's first segments: it, or a scope above it.
    pub fn first(&self, segments: usize) -> Self {
        let begins = self.text.bytes().enumerate().filter(|(_, byte)| *byte == b'/').map(|(at, _)| at);
        match begins.skip(segments).next().and_then(|end| self.text.get(..end)) {
            Some(text) => Self::of(text.to_string()),
            None => self.clone(),
        }
    }

    /// An id of text that is as [`parse`](Self::parse) leaves it, or nothing, which is the root.
    fn of(text: String) -> Self {
        match text.is_empty() {
            true => Self::root(),
            false => Self { folded: text.to_ascii_lowercase(), text },
        }
    }

    /// The id as it was given, with a leading and without a trailing slash.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The form in which ids are compared and stored as keys: ASCII lower case.
    pub fn folded(&self) -> &str {
        &self.folded
    }

    /// Whether this is `/`.
    pub fn is_root(&self) -> bool {
        self.folded == "/"
    }

    /// The segments, in the case they were given.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &str> {
        split(&self.text)
    }

    /// The last segment: the resource's own name. Empty for the root.
    pub fn name(&self) -> &str {
        self.segments().next_back().unwrap_or_default()
    }

    /// The segment before the name: the last part of the resource's type, e.g. `backupPolicies`.
    pub fn type_name(&self) -> &str {
        self.segments().rev().nth(1).unwrap_or_default()
    }

    /// The subscription this id lies in, if any.
    pub fn subscription_id(&self) -> Option<SubscriptionId> {
        let mut segments = self.folded.split('/').skip(1);
        (segments.next()? == "subscriptions").then_some(())?;
        segments.next()?.parse().ok()
    }

    /// The name of the resource group this id lies in, if any.
    pub fn resource_group_name(&self) -> Option<&str> {
        let mut segments = self.segments().skip(2);
        segments.next()?.eq_ignore_ascii_case("resourceGroups").then_some(())?;
        segments.next()
    }

    /// The resource group this id lies in (or is), if any.
    pub fn resource_group(&self) -> Option<Self> {
        self.resource_group_name()?;
        Some(self.first(4))
    }

    /// The type of a resource, e.g. `Microsoft.RecoveryServices/vaults/backupPolicies`, read from its last
    /// `providers` segment; `None` for ids that name no provider's resource.
    pub fn resource_type(&self) -> Option<String> {
        let mut resource_type = self.namespace()?.to_string();
        for kind in self.segments().skip(self.provider_index()? + 2).step_by(2) {
            resource_type.push('/');
            resource_type.push_str(kind);
        }
        resource_type.contains('/').then_some(resource_type)
    }

    /// The namespace of a resource, e.g. `Microsoft.RecoveryServices`, or what comes behind its last `providers`.
    pub fn namespace(&self) -> Option<&str> {
        self.segments().nth(self.provider_index()? + 1)
    }

    /// Whether this is a resource of a type, e.g. `Microsoft.Authorization/locks`, whatever the case.
    pub fn is_of_type(&self, resource_type: &str) -> bool {
        let Some(at) = self.provider_index() else { return false };
        let mut wanted = resource_type.split('/');
        let namespace = self.segments().skip(at + 1).take(1);
        let mut types = namespace.chain(self.segments().skip(at + 2).step_by(2));
        loop {
            match (types.next(), wanted.next()) {
                (None, None) => return true,
                (Some(is), Some(wanted)) if is.eq_ignore_ascii_case(wanted) => {}
                _ => return false,
            }
        }
    }

    /// Where the last `providers` segment is that announces a namespace. Ids are pairs of a kind and a name, so that it
    /// stands at an even place; a resource that is merely *named* `providers` stands at an odd one.
    pub fn provider_index(&self) -> Option<usize> {
        let announces = |(at, segment): (usize, &str)| {
            (at % 2 == 0 && segment.eq_ignore_ascii_case("providers")).then_some(at)
        };
        self.segments().enumerate().filter_map(announces).last()
    }

    /// The scope directly above: resource > (parent resource) > resource group > subscription > root.
    /// The root has none.
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        let keep = match self.segments().count().checked_sub(2)? {
            // `<scope>/providers/<namespace>/<type>/<name>`: leave the namespace with the resource.
            n if n >= 2 && self.provider_index() == Some(n - 2) => n - 2,
            n => n,
        };
        // Management groups and other tenant-level resources sit directly below the root.
        Some(self.first(keep))
    }

    /// This scope and every scope above it, up to the root.
    pub fn lineage(&self) -> impl Iterator<Item = Self> {
        std::iter::successors(Some(self.clone()), Self::parent)
    }

    /// Whether `self` is `other` or lies below it.
    pub fn is_within(&self, other: &Self) -> bool {
        if other.is_root() {
            return true;
        }
        match self.folded.strip_prefix(&other.folded) {
            Some(rest) => rest.is_empty() || rest.starts_with('/'),
            None => false,
        }
    }
}

/// The segments of a path, without empty ones.
fn split(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    text.split('/').filter(|segment| !segment.is_empty())
}

fn check_segment(segment: &str) -> Result<(), Error> {
    if segment.len() > MAX_SEGMENT_BYTES {
        return Err(invalid("a segment of the resource id is longer than 260 bytes"));
    }
    if segment == "." || segment == ".." {
        return Err(invalid("a resource id has no `.` or `..` segments"));
    }
    let never = |byte: u8| byte.is_ascii_control() || matches!(byte, b'\\' | b'?' | b'#');
    let plain = segment.bytes().all(|byte| byte.is_ascii() && !never(byte) && byte != b' ');
    if !plain
        && (segment.chars().any(|c| c.is_control() || matches!(c, '\\' | '?' | '#'))
            || segment.trim() != segment)
    {
        return Err(invalid("a segment of the resource id has a character that names never have"));
    }
    Ok(())
}

fn invalid(message: &str) -> Error {
    Error::invalid("InvalidResourceId", message)
}

impl PartialEq for ResourceId {
    fn eq(&self, other: &Self) -> bool {
        self.folded == other.folded
    }
}

impl Eq for ResourceId {}

impl Hash for ResourceId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded.hash(state);
    }
}

impl Ord for ResourceId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded.cmp(&other.folded)
    }
}

impl PartialOrd for ResourceId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResourceId({})", self.text)
    }
}

impl Serialize for ResourceId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl TryFrom<String> for ResourceId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).map_err(|error| error.message)
    }
}

impl From<ResourceId> for String {
    fn from(id: ResourceId) -> Self {
        id.text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VAULT: &str = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/RG1/providers/Microsoft.RecoveryServices/vaults/V1";

    fn id(text: &str) -> ResourceId {
        ResourceId::parse(text).unwrap()
    }

    #[test]
    fn ids_compare_without_case_and_keep_theirs() {
        assert_eq!(id(VAULT), id(&VAULT.to_uppercase()));
        assert_eq!(id(VAULT).as_str(), VAULT);
    }

    #[test]
    fn the_first_segments_are_a_scope_above() {
        let vault = id(VAULT);
        assert_eq!(vault.first(0), ResourceId::root());
        assert_eq!(Some(vault.first(4)), vault.resource_group());
        for all in [8, 9, 100] {
            assert_eq!(vault.first(all).as_str(), VAULT);
        }
        assert_eq!(ResourceId::root().first(0), ResourceId::root());
        assert_eq!(ResourceId::root().first(3), ResourceId::root());
    }

    #[test]
    fn slashes_collapse_and_a_missing_one_is_added() {
        assert_eq!(id("subscriptions//x///resourcegroups/y/"), id("/subscriptions/x/resourceGroups/y"));
    }

    #[test]
    fn the_lineage_of_an_item_runs_to_the_root() {
        let item = id(VAULT).child("backupFabrics/Azure/protectionContainers/c/protectedItems/i").unwrap();
        let lineage: Vec<String> = item.lineage().map(|scope| scope.name().to_string()).collect();
        let sub = "0b1f6471-1bf0-4dda-aec3-cb9272f09590";
        assert_eq!(lineage, ["i", "c", "Azure", "V1", "RG1", sub, ""]);
    }

    #[test]
    fn extension_resources_belong_to_their_scope() {
        let assignment = id(VAULT).child("providers/Microsoft.Authorization/roleAssignments/r").unwrap();
        assert_eq!(assignment.parent(), Some(id(VAULT)));
        assert_eq!(assignment.resource_type().as_deref(), Some("Microsoft.Authorization/roleAssignments"));
        assert!(assignment.is_of_type("microsoft.authorization/ROLEASSIGNMENTS"));
        for other in
            ["", "Microsoft.Authorization", "Microsoft.Authorization/roleAssignments/x", "x/roleAssignments"]
        {
            assert!(!assignment.is_of_type(other), "{other}");
        }
        let child = assignment.child("x/y").unwrap();
        assert!(!child.is_of_type("Microsoft.Authorization/roleAssignments"));
        assert!(child.is_of_type("Microsoft.Authorization/roleAssignments/x"));
        for bare in ["/subscriptions/s/providers", "/subscriptions/s/providers/N", "/subscriptions/s", "/"] {
            assert_eq!(id(bare).resource_type(), None, "{bare}");
        }
        assert_eq!(id("/subscriptions/s/providers/N").namespace(), Some("N"));
        let group = id("/providers/Microsoft.Management/managementGroups/mg");
        assert_eq!(group.parent(), Some(ResourceId::root()));
    }

    #[test]
    fn a_resource_may_be_named_providers() {
        let item = id(VAULT)
            .child("backupFabrics/Azure/protectionContainers/providers/protectedItems/providers")
            .unwrap();
        let wanted = "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems";
        assert_eq!(item.resource_type().as_deref(), Some(wanted));
        assert_eq!(item.parent().unwrap().type_name(), "protectionContainers");
        assert_eq!(item.lineage().count(), id(VAULT).lineage().count() + 3);
    }

    #[test]
    fn path_tricks_are_refused() {
        for bad in
            ["/a/../b", "/a/./b", "/a/b\u{0}", "/a/b\\c", "/a/ b", &"/x".repeat(2000), &"y".repeat(300)]
        {
            assert!(ResourceId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn within_respects_segment_borders() {
        assert!(id("/subscriptions/ab/x").is_within(&id("/subscriptions/AB")));
        assert!(!id("/subscriptions/abc").is_within(&id("/subscriptions/ab")));
        assert!(id(VAULT).is_within(&ResourceId::root()));
    }

    proptest! {
        #[test]
        fn parsing_is_stable(text in "(/[a-zA-Z0-9;._-]{1,12}){0,9}") {
            if let Ok(once) = ResourceId::parse(&text) {
                let twice = ResourceId::parse(once.as_str()).unwrap();
                prop_assert_eq!(twice.as_str(), once.as_str());
                for segments in 0..12 {
                    let first = once.segments().take(segments).collect::<Vec<_>>().join("/");
                    prop_assert_eq!(once.first(segments).as_str(), ResourceId::parse(&first).unwrap().as_str());
                    let rest = once.segments().skip(segments).collect::<Vec<_>>().join("//");
                    prop_assert_eq!(once.first(segments).child(&rest).unwrap().as_str(), once.as_str());
                }
                for above in once.lineage() {
                    prop_assert!(once.is_within(&above));
                }
            }
        }
    }
}
