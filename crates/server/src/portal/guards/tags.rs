//! Tags as people type them: one a line, `name: value`.

use std::collections::BTreeMap;

use arm::{Error, Result};

/// Reads tags.
///
/// # Errors
/// `InvalidTags` for a line that is none.
pub fn read(text: &str) -> Result<BTreeMap<String, String>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let (name, value) = line.split_once(':').ok_or_else(|| {
                let shown: String = line.chars().take(80).collect();
                Error::invalid(
                    "InvalidTags",
                    format!("The tag “{shown}” has no value. Write one tag a line, as in “team: security”."),
                )
            })?;
            Ok((name.trim().to_string(), value.trim().to_string()))
        })
        .collect()
}

/// Writes tags as [`read`] reads them.
pub fn write(tags: &BTreeMap<String, String>) -> String {
    let lines: Vec<String> = tags.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let tags = read(" team : security \n\nurl: https://x:1/\nempty:").unwrap();
        assert_eq!(tags.get("url").map(String::as_str), Some("https://x:1/"));
        assert_eq!(tags.get("empty").map(String::as_str), Some(""));
        assert_eq!(read(&write(&tags)).unwrap(), tags);
        assert!(read("no value").unwrap_err().message.contains("no value"));
    }
}
