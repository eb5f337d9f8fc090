//! The protocol's addresses: `/repositories/{vault}/{item}/…`, and `/repositories/{vault}/{item}@{recovery-point}/…`. Either may
//! have a label behind the item, as `/repositories/{vault}/{item}/~{label}/…`.

use store::ObjectType;

/// Where a request goes.
#[derive(Debug, PartialEq, Eq)]
pub struct Address {
    /// The vault's short name.
    pub vault: String,
    /// The item's short name.
    pub item: String,
    /// The recovery point whose view it is: its name, or the beginning of it. `None` for the repository as it is now.
    pub point: Option<String>,
    /// Which of several sources that share the repository. It is the same repository with every label and with none; what
    /// arrives with one is grouped by it for its retention.
    pub label: Option<String>,
    /// What in its repository.
    pub place: Place,
}

/// A place in a repository.
#[derive(Debug, PartialEq, Eq)]
pub enum Place {
    /// The repository itself.
    Repository,
    /// All objects of a type.
    Folder(ObjectType),
    /// One object.
    Object(ObjectType, String),
}

impl Address {
    /// Reads a path. Nothing in it is percent-decoded: no name that the protocol knows needs it.
    pub fn parse(path: &str) -> Option<Self> {
        let mut segments: Vec<&str> = path.strip_prefix("/repositories/")?.split('/').collect();
        let trailing_slash = segments.last() == Some(&"");
        if trailing_slash {
            segments.pop();
        }
        let label = segments.get(2).and_then(|segment| segment.strip_prefix('~')).map(ToString::to_string);
        if label.is_some() {
            segments.remove(2);
        }
        let (vault, item, place) = match segments.as_slice() {
            [vault, item] => (*vault, *item, Place::Repository),
            [vault, item, "config"] if !trailing_slash => {
                (*vault, *item, Place::Object(ObjectType::Config, "config".into()))
            }
            [vault, item, folder] => (*vault, *item, Place::Folder(ObjectType::parse(folder)?)),
            [vault, item, folder, name] if !trailing_slash && is_name(name) => {
                let object_type = ObjectType::parse(folder)?;
                (*vault, *item, Place::Object(object_type, (*name).into()))
            }
            _ => return None,
        };
        let (item, point) = match item.split_once('@') {
            Some((item, point)) => (item, Some(point)),
            None => (item, None),
        };
        let known = is_short_name(vault)
            && is_short_name(item)
            && point.is_none_or(is_point)
            && label.as_deref().is_none_or(is_label);
        known.then(|| Self {
            vault: vault.into(),
            item: item.into(),
            point: point.map(Into::into),
            label,
            place,
        })
    }

    /// The repository, as people and dashboards name it.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.vault, self.item)
    }
}

/// SHA-256 in lower-case hex.
fn is_name(name: &str) -> bool {
    name.len() == 64 && is_hex(name)
}

/// A recovery point's name, or at least as much of it as clients show.
fn is_point(name: &str) -> bool {
    (8..=64).contains(&name.len()) && is_hex(name)
}

/// What needs no percent-encoding, and fits on a line.
fn is_label(label: &str) -> bool {
    (1..=64).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}

fn is_hex(name: &str) -> bool {
    name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The words of the protocol are reserved.
fn is_short_name(name: &str) -> bool {
    !name.is_empty() && name != "config" && ObjectType::parse(name).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protocols_places_are_found_and_nothing_else() {
        let place = |path: &str| Address::parse(path).map(|address| address.place);
        let name = "0123456789abcdef".repeat(4);
        assert_eq!(place("/repositories/v/i"), Some(Place::Repository));
        assert_eq!(place("/repositories/v/i/"), Some(Place::Repository));
        let config = Place::Object(ObjectType::Config, "config".into());
        assert_eq!(place("/repositories/v/i/config"), Some(config));
        for folder in ["/repositories/v/i/keys", "/repositories/v/i/keys/"] {
            assert_eq!(place(folder), Some(Place::Folder(ObjectType::Keys)));
        }
        let pack = Place::Object(ObjectType::Data, name.clone());
        assert_eq!(place(&format!("/repositories/v/i/data/{name}")), Some(pack));
        for path in [
            "/repositories".into(),
            "/repositories/v".into(),
            "/repositories/v/".into(),
            "/repositories//i/".into(),
            "/repositories/v/i//".into(),
            "/repositories/v/i/config/".into(),
            "/repositories/v/i/other/".into(),
            "/repositories/v/i/config/x".into(),
            "/repositories/v/data/".into(),
            "/repositories/keys/i/".into(),
            format!("/repositories/v/i/data/{}", name.to_uppercase()),
            format!("/repositories/v/i/data/{name}/"),
            format!("/repositories/v/i/data/01/{name}"),
            format!("/repositories/v/i/data/{}", name.get(1..).unwrap()),
            format!("/repositories/v/i/data/{}%2f", name.get(3..).unwrap()),
            format!("/repositories/v/i/data/../{name}"),
        ] {
            assert_eq!(place(&path), None, "{path}");
        }
    }

    #[test]
    fn a_label_is_no_place() {
        let name = "0123456789abcdef".repeat(4);
        for (path, place) in [
            ("/repositories/v/i/~home".to_string(), Place::Repository),
            ("/repositories/v/i/~home/".into(), Place::Repository),
            ("/repositories/v/i/~home/config".into(), Place::Object(ObjectType::Config, "config".into())),
            ("/repositories/v/i/~home/keys/".into(), Place::Folder(ObjectType::Keys)),
            (format!("/repositories/v/i/~home/data/{name}"), Place::Object(ObjectType::Data, name.clone())),
            ("/repositories/v/i@01234567/~home/keys/".into(), Place::Folder(ObjectType::Keys)),
        ] {
            let address = Address::parse(&path).unwrap();
            assert_eq!((address.label.as_deref(), &address.place), (Some("home"), &place), "{path}");
            assert_eq!(address.repository(), "v/i");
        }
        assert_eq!(Address::parse("/repositories/v/i/").unwrap().label, None);
        for path in [
            "/repositories/v/i/~".to_string(),
            "/repositories/v/i/~/config".into(),
            "/repositories/v/i/~a/~b/config".into(),
            "/repositories/v/i/~a b/config".into(),
            "/repositories/v/i/~a%20b/config".into(),
            "/repositories/v/i/config/~a".into(),
            "/repositories/v/i/keys/~a".into(),
            "/repositories/v/~a/i/".into(),
            format!("/repositories/v/i/~{}/", "a".repeat(65)),
        ] {
            assert_eq!(Address::parse(&path), None, "{path}");
        }
    }

    #[test]
    fn a_recovery_point_is_named_behind_the_item() {
        let name = "0123456789abcdef".repeat(4);
        for point in [name.as_str(), "01234567", "0123456789ab"] {
            let path = format!("/repositories/v/i@{point}/keys/");
            let address = Address::parse(&path).unwrap();
            assert_eq!((address.item.as_str(), address.point.as_deref()), ("i", Some(point)));
            assert_eq!(address.place, Place::Folder(ObjectType::Keys));
            assert_eq!(address.repository(), "v/i");
        }
        assert_eq!(Address::parse("/repositories/v/i/").unwrap().point, None);
        for item in [
            "i@".into(),
            "i@0123456".into(),
            "i@0123456x".into(),
            "i@ABCDEF01".into(),
            "i%4001234567".into(),
            "i@01234567@01234567".into(),
            "@01234567".into(),
            "data@01234567".into(),
            format!("i@{name}0"),
        ] {
            let address = Address::parse(&format!("/repositories/v/{item}/"));
            assert!(address.is_none_or(|address| address.point.is_none() && address.item == item), "{item}");
        }
        assert_eq!(Address::parse("/repositories/v@01234567/i/").map(|address| address.point), Some(None));
    }
}
