//! Finding people, groups and applications, through Graph.

use arm::{Error, Result};
use serde::Deserialize;

use super::Listed;
use crate::portal::link;
use crate::portal::viewer::Viewer;

/// Rows on a page.
const PAGE: usize = 50;
/// How many objects are read for a list at the most.
const LONGEST: usize = 2_000;

/// What a list is asked for, in its address.
#[derive(Default, Deserialize)]
pub struct Asked {
    /// How the name begins.
    #[serde(default)]
    pub q: String,
    /// Which of them.
    #[serde(default)]
    pub only: String,
    /// How many rows come before.
    #[serde(default)]
    pub after: usize,
}

/// Rows of a page, of all that were found.
pub struct Rows {
    /// The rows.
    pub shown: Vec<Listed>,
    /// How many there are on all pages.
    pub total: usize,
    /// The page before.
    pub previous: Option<String>,
    /// The page after.
    pub next: Option<String>,
    /// Whether there are more than a list has.
    pub cut: bool,
}

/// By name.
pub fn sort(objects: &mut [Listed]) {
    objects.sort_by_cached_key(|object| (object.display_name.to_lowercase(), object.id.clone()));
}

/// A text in a filter.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

impl Asked {
    /// Cuts a page out of what was found.
    pub fn cut(&self, page: &str, found: Vec<Listed>) -> Rows {
        let total = found.len();
        let address = |after: usize| {
            let mut address = page.to_string();
            for (name, value) in [("q", self.q.as_str()), ("only", self.only.as_str())] {
                if !value.is_empty() {
                    address = link::with(&address, name, value);
                }
            }
            if after > 0 { link::with(&address, "after", &after.to_string()) } else { address }
        };
        let end = self.after.saturating_add(PAGE);
        Rows {
            shown: found.into_iter().skip(self.after).take(PAGE).collect(),
            total,
            previous: (self.after > 0).then(|| address(self.after.saturating_sub(PAGE))),
            next: (end < total).then(|| address(end)),
            cut: total >= LONGEST,
        }
    }

    /// Whether anything is looked for.
    pub fn is_narrow(&self) -> bool {
        !self.q.is_empty() || !self.only.is_empty()
    }
}

impl Viewer {
    /// The objects of a collection whose name begins with what is asked for; `names` are the properties that hold one, and
    /// `only` is a filter besides.
    ///
    /// # Errors
    /// What Graph answers.
    pub async fn find_objects(
        &self,
        collection: &str,
        names: &[&str],
        q: &str,
        only: &str,
    ) -> Result<Vec<Listed>> {
        let q = q.trim();
        let and = |filter: &str| match only {
            "" => filter.to_string(),
            only => format!("{filter} and {only}"),
        };
        let mut found: Vec<Listed> = Vec::new();
        if q.is_empty() {
            found = self.all(collection, only).await?;
        } else {
            for name in names {
                let filter = and(&format!("startswith({name},{})", quoted(q)));
                let more = self.all(collection, &filter).await?;
                found.extend(more);
            }
        }
        sort(&mut found);
        found.dedup_by(|one, other| one.id == other.id);
        Ok(found)
    }

    async fn all(&self, collection: &str, filter: &str) -> Result<Vec<Listed>> {
        let mut all = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let mut query = vec![("$top", "999"), ("$filter", filter)];
            query.extend(after.as_deref().map(|after| ("$skiptoken", after)));
            let part = self.people(None, collection, &query).await?;
            all.extend(part.entries);
            after = part.next;
            if after.is_none() || all.len() >= LONGEST {
                all.truncate(LONGEST);
                return Ok(all);
            }
        }
    }

    /// The one object that somebody means by a user name, a name or an id.
    ///
    /// # Errors
    /// For none and for several, with what to type instead.
    pub async fn object_named(&self, collections: &[&str], text: &str) -> Result<Listed> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Error::invalid("NameMissing", "Who? Give a user name, a name or an object id."));
        }
        let mut found: Vec<Listed> = Vec::new();
        for collection in collections {
            let names: &[&str] = match *collection {
                "users" => &["displayName", "userPrincipalName", "id"],
                _ => &["displayName", "id"],
            };
            for name in names {
                let filter = format!("{name} eq {}", quoted(text));
                let mut part = self.people::<Listed>(None, collection, &[("$filter", &filter)]).await?;
                for one in &mut part.entries {
                    one.kind = format!(".{}", collection.trim_end_matches('s'));
                }
                found.append(&mut part.entries);
            }
        }
        sort(&mut found);
        found.dedup_by(|one, other| one.id == other.id);
        match found.as_slice() {
            [one] => Ok(one.clone()),
            [] => {
                let message = format!(
                    "The directory has nobody and nothing called “{text}”. Check the spelling, or search the lists."
                );
                Err(Error::not_found("NameUnknown", message))
            }
            several => {
                let all: Vec<String> = several.iter().take(5).map(distinct).collect();
                let message =
                    format!("Several are called “{text}”: {}. Give the user name or the id.", all.join(", "));
                Err(Error::invalid("NameAmbiguous", message))
            }
        }
    }
}

fn distinct(object: &Listed) -> String {
    match object.user_principal_name.as_str() {
        "" => format!("{} {}", object.word().to_lowercase(), object.id),
        name => name.to_string(),
    }
}
