//! Names that follow from what they name, so that a thing can be found without having been created.

use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

/// A GUID (RFC 9562 version 8) from the SHA-256 of the parts.
///
/// Each part goes in behind its length, so that no two lists of parts run together into one.
pub(crate) fn guid(parts: &[&str]) -> Uuid {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(hash.finalize()) {
        *to = from;
    }
    Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_depends_on_every_part_and_its_borders() {
        assert_eq!(guid(&["a", "b"]), guid(&["a", "b"]));
        assert_ne!(guid(&["a", "b"]), guid(&["b", "a"]));
        assert_ne!(guid(&["ab", "c"]), guid(&["a", "bc"]));
        assert_eq!(guid(&["a"]).get_version_num(), 8);
    }
}
