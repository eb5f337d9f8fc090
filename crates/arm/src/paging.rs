//! Paging: a list is cut into pages by a skip token that names the last key of the page before.

use jiff::Timestamp;

/// The beginning of a key that puts the newest entry of a list first.
pub fn newest_first(at: Timestamp) -> String {
    format!("{:020}", i64::MAX.saturating_sub(at.as_microsecond()))
}

/// Where a page starts and how long it may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip {
    /// The key of the last entry already sent; the page starts behind it.
    pub after: Option<String>,
    /// How many entries at the most; at least one.
    pub limit: usize,
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries, in key order.
    pub value: Vec<T>,
    /// The skip token of the next page; `None` on the last one.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Cuts a page out of a list that is in the order of `key`. Entries that come or go between two pages
    /// neither repeat nor hide another entry, because a page starts behind a key and not at a number.
    pub fn cut(all: Vec<T>, skip: &Skip, key: impl Fn(&T) -> String) -> Self {
        let behind = |entry: &T| skip.after.as_ref().is_none_or(|after| key(entry) > *after);
        let mut rest = all.into_iter().filter(behind);
        let value: Vec<T> = rest.by_ref().take(skip.limit.max(1)).collect();
        let next = rest.next().and(value.last()).map(&key);
        Self { value, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_cover_the_list_once() {
        let all: Vec<String> = ["a", "b", "c", "d", "e"].map(String::from).to_vec();
        let mut skip = Skip { after: None, limit: 2 };
        let mut seen = Vec::new();
        loop {
            let page = Page::cut(all.clone(), &skip, String::clone);
            seen.extend(page.value);
            match page.next {
                Some(next) => skip.after = Some(next),
                None => break,
            }
        }
        assert_eq!(seen, all);
    }

    #[test]
    fn a_later_time_has_a_smaller_key() {
        let at = |second| newest_first(Timestamp::from_second(second).unwrap());
        assert!(at(2) < at(1) && at(1) < at(-1) && at(10_000_000_000) < at(9));
    }

    #[test]
    fn an_exact_last_page_has_no_next() {
        let skip = Skip { after: None, limit: 2 };
        assert_eq!(Page::cut(vec!["a".to_string(), "b".into()], &skip, String::clone).next, None);
    }
}
