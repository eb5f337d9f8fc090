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
    ends: Ends,
}

impl ResourceId {
    /// The root scope `/`, above everything.
    pub fn root() -> Self {
        Self { text: "/".into(), folded: "/".into(), ends: Ends::default() }
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
        let (mut start, mut segments) = (0, 0);
        while start < text.len() {
            let end = slash_from(text, start);
            let segment = text.get(start..end).unwrap_or_default();
            if !segment.is_empty() {
                check_segment(segment)?;
                clean.push('/');
                clean.push_str(segment);
                segments += 1;
            }
            start = end + 1;
        }
        Ok(if clean.is_empty() { Self::root() } else { Self::of_clean(clean, segments) })
    }

    /// The id with this text, which has a leading slash and so many segments, none of them empty.
    fn of_clean(text: String, segments: usize) -> Self {
        let folded = text.to_ascii_lowercase();
        let ends = Ends::of(&folded, segments.is_multiple_of(2));
        Self { text, folded, ends }
    }

    /// The scope of a whole subscription.
    pub fn subscription(id: SubscriptionId) -> Self {
        Self::of_clean(format!("/subscriptions/{id}"), 2)
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
        for segment in below.split('/').filter(|segment| !segment.is_empty()) {
            check_segment(segment)?;
            text.push('/');
            text.push_str(segment);
        }
        let segments = text.bytes().filter(|byte| *byte == b'/').count();
        Ok(if text.is_empty() { Self::root() } else { Self::of_clean(text, segments) })
    }

    /// This id's first segments: it, or a scope above it.
    pub fn first(&self, segments: usize) -> Self {
        let mut begins = self.text.bytes().enumerate().filter(|(_, byte)| *byte == b'/').map(|(at, _)| at);
        match begins.nth(segments).and_then(|end| self.text.get(..end)) {
            Some("") => Self::root(),
            Some(text) => Self::of_clean(text.to_string(), segments),
            None => self.clone(),
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
        self.text.split('/').filter(|segment| !segment.is_empty())
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

    /// The resource that lies in a resource group by itself, such as a vault or a guard, and that this id is or names
    /// something in.
    pub fn tracked(&self) -> Option<Self> {
        (self.resource_group_name().is_some() && self.segments().count() >= TRACKED)
            .then(|| self.first(TRACKED))
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

    /// The way from the top of the [lineage](Self::lineage) down to this id, as parts of its folded form: each ends
    /// where a scope of the lineage ends, and all of them, joined, are the id again. The part of the root is empty.
    ///
    /// It gives what `lineage` gives, without making anything.
    #[inline]
    pub fn steps(&self) -> Steps<'_> {
        let text = if self.is_root() { "" } else { self.folded.as_str() };
        let pairs = self.ends.0.first() == Some(&0);
        Steps { text, known: self.ends.0.iter(), pairs, start: None }
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

/// Where the first steps of an id end; what is not needed is zero. Found once, because a decision about access begins
/// with it.
///
/// Ids of resources are pairs of a kind and a name: only their lineage reaches the root, which is their first step, and
/// ends at zero. That of any other id, such as a collection's, ends at its first segment.
#[derive(Clone, Copy, Default)]
struct Ends([u16; 8]);

impl Ends {
    fn of(folded: &str, pairs: bool) -> Self {
        let mut ends = Self::default();
        let mut end = if pairs { 0 } else { slash_from(folded, 1) };
        for place in &mut ends.0 {
            // No id is as long as that.
            *place = u16::try_from(end).unwrap_or_default();
            if end == folded.len() {
                break;
            }
            end = next_end(folded, end, pairs);
        }
        ends
    }
}

/// What [`ResourceId::steps`] returns.
#[derive(Clone, Debug)]
pub struct Steps<'a> {
    text: &'a str,
    known: std::slice::Iter<'a, u16>,
    pairs: bool,
    /// Where the next step starts, once there was one.
    start: Option<usize>,
}

impl<'a> Iterator for Steps<'a> {
    type Item = &'a str;

    #[inline]
    fn next(&mut self) -> Option<&'a str> {
        let start = self.start.unwrap_or(0);
        if self.start.is_some() && start == self.text.len() {
            return None;
        }
        let end = match self.known.next() {
            Some(end) => usize::from(*end),
            None => next_end(self.text, start, self.pairs),
        };
        self.start = Some(end);
        self.text.get(start..end)
    }
}

const PROVIDERS: &str = "/providers/";
/// How many segments the id of a resource in a resource group has.
const TRACKED: usize = 8;

/// Where the step ends that starts here, which is not the first one.
fn next_end(text: &str, start: usize, pairs: bool) -> usize {
    let end = pair_end(text, start);
    let rest = |at| text.get(at..).unwrap_or_default();
    // `providers/<namespace>` stays with the resource behind it: see `parent`.
    let stays = pairs && rest(start).starts_with(PROVIDERS) && !rest(end).starts_with(PROVIDERS);
    if stays && end < text.len() { pair_end(text, end) } else { end }
}

/// Where the two segments end whose first slash is at `start`.
fn pair_end(text: &str, start: usize) -> usize {
    slash_from(text, slash_from(text, start + 1) + 1)
}

/// Where the first slash is at or behind `start`; the end, if there is none.
fn slash_from(text: &str, start: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const LOW: u64 = 0x7f * ONES;
    let (words, rest) = text.as_bytes().get(start..).unwrap_or_default().as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        // Eight bytes at once: the high bit of each that is a slash, and of no other.
        let other = u64::from_le_bytes(*word) ^ (b'/' as u64 * ONES);
        let slashes = !(((other & LOW) + LOW) | other | LOW);
        if slashes != 0 {
            return start + at * 8 + slashes.trailing_zeros() as usize / 8;
        }
    }
    let at = rest.iter().position(|byte| *byte == b'/');
    at.map_or(text.len(), |at| start + words.len() * 8 + at)
}

fn check_segment(segment: &str) -> Result<(), Error> {
    if segment.len() > MAX_SEGMENT_BYTES {
        return Err(invalid("a segment of the resource id is longer than 260 bytes"));
    }
    if segment == "." || segment == ".." {
        return Err(invalid("a resource id has no `.` or `..` segments"));
    }
    let odd = |byte: u8| byte < b' ' || matches!(byte, 0x7f | b'\\' | b'?' | b'#');
    let blank = |byte: Option<&u8>| byte == Some(&b' ');
    let bytes = segment.as_bytes();
    let bad = if segment.is_ascii() {
        bytes.iter().fold(false, |bad, byte| bad | odd(*byte)) || blank(bytes.first()) || blank(bytes.last())
    } else {
        segment.chars().any(|c| c.is_control() || u8::try_from(c).is_ok_and(odd)) || segment.trim() != segment
    };
    if bad {
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
    fn what_lies_in_a_resource_group_by_itself_is_found_from_below() {
        let vault = id(VAULT);
        assert_eq!(vault.tracked(), Some(vault.clone()));
        assert_eq!(vault.child("backupPolicies/p").unwrap().tracked(), Some(vault.clone()));
        assert_eq!(vault.first(7).tracked(), None);
        let elsewhere = "/providers/Microsoft.Management/managementGroups/g/providers/Microsoft.Authorization/roleAssignments/a";
        assert_eq!(id(elsewhere).tracked(), None);
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

    #[test]
    fn the_steps_of_an_item_are_its_own_parts() {
        let item = id(VAULT).child("backupFabrics/Azure").unwrap();
        let steps: Vec<&str> = item.steps().collect();
        let subscription = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590";
        let vault = "/providers/microsoft.recoveryservices/vaults/v1";
        assert_eq!(steps, ["", subscription, "/resourcegroups/rg1", vault, "/backupfabrics/azure"]);
        assert_eq!(ResourceId::root().steps().collect::<Vec<_>>(), [""]);
        assert_eq!(id("/subscriptions").steps().collect::<Vec<_>>(), ["/subscriptions"]);
    }

    #[test]
    fn characters_that_names_never_have_are_refused() {
        for c in (0..=0x2ff_u32).filter_map(char::from_u32) {
            let bad = |text: String| ResourceId::parse(&text).is_err();
            let never = c.is_control() || matches!(c, '\\' | '?' | '#');
            assert_eq!(bad(format!("/a/b{c}b")), never, "{c:?}");
            assert_eq!(bad(format!("/a/\u{e9}{c}b")), never, "{c:?}");
            let blank = c.is_whitespace();
            assert_eq!(bad(format!("/a/{c}b")), never || blank, "{c:?}");
            assert_eq!(bad(format!("/a/b{c}")), never || blank, "{c:?}");
        }
    }

    proptest! {
        #[test]
        fn steps_lead_down_the_lineage(text in "(/(providers|a|Bc|providersX|abcdefgh|[_/a\u{af}\u{12f}]{1,18})){0,24}") {
            let whole = id(&text);
            let mut at = String::new();
            let mut below: Vec<ResourceId> = Vec::new();
            for step in whole.steps() {
                at.push_str(step);
                below.push(id(&at));
            }
            below.reverse();
            prop_assert_eq!(below, whole.lineage().collect::<Vec<_>>());
        }

        #[test]
        fn parsing_is_stable(text in "(/[a-zA-Z0-9;._-]{1,12}){0,9}") {
            if let Ok(once) = ResourceId::parse(&text) {
                let twice = ResourceId::parse(once.as_str()).unwrap();
                prop_assert_eq!(twice.as_str(), once.as_str());
                for segments in 0..12 {
                    let above = once.segments().take(segments).collect::<Vec<_>>().join("/");
                    let (first, above) = (once.first(segments), ResourceId::parse(&above).unwrap());
                    prop_assert_eq!(first.as_str(), above.as_str());
                    let rest = once.segments().skip(segments).collect::<Vec<_>>().join("//");
                    let whole = first.child(&rest).unwrap();
                    prop_assert_eq!(whole.as_str(), once.as_str());
                }
                for above in once.lineage() {
                    prop_assert!(once.is_within(&above));
                }
            }
        }
    }
}
