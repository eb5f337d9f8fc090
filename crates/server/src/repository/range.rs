//! Which part of an object a `Range` header asks for (RFC 9110 section 14, one range).

/// What to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All of it, with 200.
    Whole,
    /// A part that is not empty, with 206.
    Part {
        /// The first byte.
        first: u64,
        /// How many.
        length: u64,
    },
    /// Nothing of what was asked for is there: 416.
    Nothing,
}

impl Wanted {
    /// Reads a header. One in another unit, for several ranges or without sense is ignored, as the RFC says; but a range
    /// that is turned round asks for nothing. All of an empty object is 200, because clients ask for `bytes=0-` without
    /// knowing that it is empty.
    pub fn of(header: Option<&str>, size: u64) -> Self {
        let Some((start, end)) = header.and_then(parse) else {
            return Self::Whole;
        };
        let (first, last) = match (start, end) {
            (Some(first), last) => (first, last.unwrap_or(u64::MAX).min(size.saturating_sub(1))),
            (None, Some(0)) => return Self::Nothing,
            (None, Some(suffix)) => (size.saturating_sub(suffix), size.saturating_sub(1)),
            (None, None) => return Self::Whole,
        };
        let reversed = matches!((start, end), (Some(start), Some(end)) if end < start);
        if size == 0 && first == 0 && !reversed {
            return Self::Whole;
        }
        if reversed || first >= size {
            return Self::Nothing;
        }
        Self::Part { first, length: last - first + 1 }
    }
}

/// `bytes=first-last`, `bytes=first-` or `bytes=-suffix`.
fn parse(header: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (unit, range) = header.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (start, end) = range.trim().split_once('-')?;
    match (position(start)?, position(end)?) {
        (None, None) => None,
        both => Some(both),
    }
}

/// The outer option is for what is no number; the inner one for what is absent. A number too large to count in is
/// beyond every object.
fn position(text: &str) -> Option<Option<u64>> {
    if text.is_empty() {
        return Some(None);
    }
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| Some(text.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_range() {
        let part = |first, length| Wanted::Part { first, length };
        for (header, size, wanted) in [
            ("bytes=0-", 10, part(0, 10)),
            ("bytes=0-0", 10, part(0, 1)),
            ("bytes=3-5", 10, part(3, 3)),
            ("BYTES= 3-5 ", 10, part(3, 3)),
            ("bytes=9-9", 10, part(9, 1)),
            ("bytes=5-100", 10, part(5, 5)),
            ("bytes=5-99999999999999999999999", 10, part(5, 5)),
            ("bytes=-3", 10, part(7, 3)),
            ("bytes=-300", 10, part(0, 10)),
            ("bytes=10-", 10, Wanted::Nothing),
            ("bytes=10-12", 10, Wanted::Nothing),
            ("bytes=99999999999999999999999-", 10, Wanted::Nothing),
            ("bytes=-0", 10, Wanted::Nothing),
            ("bytes=5-3", 10, Wanted::Nothing),
            ("bytes=0-", 0, Wanted::Whole),
            ("bytes=-5", 0, Wanted::Whole),
            ("bytes=1-", 0, Wanted::Nothing),
            ("bytes=5-3", 0, Wanted::Nothing),
            ("bytes=0-1,4-5", 10, Wanted::Whole),
            ("bytes=-", 10, Wanted::Whole),
            ("bytes=a-b", 10, Wanted::Whole),
            ("bytes=+1-2", 10, Wanted::Whole),
            ("pages=1-2", 10, Wanted::Whole),
            ("bytes", 10, Wanted::Whole),
        ] {
            assert_eq!(Wanted::of(Some(header), size), wanted, "{header} of {size}");
        }
        assert_eq!(Wanted::of(None, 10), Wanted::Whole);
    }
}
