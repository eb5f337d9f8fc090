//! How pages say things.

use arm::ResourceId;

/// A size in the unit that suits it: `1.4 GiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut unit = 0;
    let mut whole = bytes;
    let mut rest = 0;
    while whole >= 1024 && unit + 1 < UNITS.len() {
        rest = whole % 1024;
        whole /= 1024;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    match unit {
        0 => format!("{whole} {name}"),
        _ if whole >= 100 => format!("{whole} {name}"),
        _ => format!("{whole}.{} {name}", rest * 10 / 1024),
    }
}

/// A number with its noun: `1 item`, `3 items`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// The last segment of an id.
pub fn name_of(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

/// A sentence of the API with the ids in it cut to what tells them apart: their last two segments.
pub fn short_ids(sentence: &str) -> String {
    let words = sentence.split_inclusive([' ', '\'', '(']).map(|word| {
        if !word.starts_with("/subscriptions/") {
            return word;
        }
        let mut slashes = word.rmatch_indices('/').map(|(at, _)| at.saturating_add(1));
        slashes.nth(1).and_then(|from| word.get(from..)).unwrap_or(word)
    });
    words.collect()
}

/// The scope of an id in words: `Resource group rg`, `Subscription 0000…`.
pub fn scope(id: &str) -> String {
    let Ok(id) = ResourceId::parse(id) else { return id.to_string() };
    match (id.provider_index(), id.segments().count()) {
        (Some(_), _) => id.name().to_string(),
        (None, 0) => "All of the directory".into(),
        (None, 2) => format!("Subscription {}", id.name()),
        (None, _) => format!("Resource group {}", id.name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_their_unit() {
        let cases = [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1536, "1.5 KiB"),
            (200 << 20, "200 MiB"),
            (5 << 40, "5.0 TiB"),
        ];
        for (bytes, words) in cases {
            assert_eq!(size(bytes), words);
        }
    }

    #[test]
    fn numbers_have_their_noun() {
        assert_eq!((count(1, "vault"), count(0, "vault")), ("1 vault".into(), "0 vaults".into()));
    }

    #[test]
    fn ids_in_sentences_are_cut_short() {
        let long = "refused by 'a@b' at '/subscriptions/s/resourceGroups/g/providers/N/vaults/v/backupPolicies/daily': 30/7 days";
        assert_eq!(short_ids(long), "refused by 'a@b' at 'backupPolicies/daily': 30/7 days");
        assert_eq!(short_ids("no id"), "no id");
    }

    #[test]
    fn scopes_have_names() {
        assert_eq!(scope("/subscriptions/s/resourceGroups/rg"), "Resource group rg");
        assert_eq!(scope("/subscriptions/s"), "Subscription s");
        assert_eq!(scope("/"), "All of the directory");
        assert_eq!(scope("/subscriptions/s/resourceGroups/rg/providers/N/vaults/v1"), "v1");
    }
}
