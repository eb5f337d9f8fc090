//! Tags: names and values that people put on resources.

use std::collections::BTreeMap;

use arm::{Error, Fields, Result};

/// Azure's limits: how many, and how long a name and a value may be, in characters.
const LIMITS: (usize, usize, usize) = (50, 512, 256);

/// The body's `tags`; `None` when it has none.
///
/// # Errors
/// `InvalidRequestContent` for a value that is no text, `InvalidTagValue` for too many or too long ones.
pub fn read(body: &Fields<'_>) -> Result<Option<BTreeMap<String, String>>> {
    if body.get("tags").is_none() {
        return Ok(None);
    }
    let fields = body.object("tags")?;
    let mut tags = BTreeMap::new();
    for (name, _) in fields.members() {
        let value = fields.text(name)?.unwrap_or_default();
        tags.insert(name.clone(), value.to_string());
    }
    let (count, longest_name, longest_value) = LIMITS;
    let fits = |(name, value): (&String, &String)| {
        !name.trim().is_empty()
            && name.chars().count() <= longest_name
            && value.chars().count() <= longest_value
    };
    if tags.len() > count || !tags.iter().all(fits) {
        return Err(Error::invalid(
            "InvalidTagValue",
            format!(
                "at most {count} tags, each with a name of 1 to {longest_name} and a value of up to \
                 {longest_value} characters"
            ),
        )
        .with_target("tags"));
    }
    Ok(Some(tags))
}
