//! Whether there are enough different people for every place, where one person fills one place only.
//!
//! Counting each stage by itself is not enough: two stages of one and the same person have an approver each, and could
//! never both be approved.

/// How many of the `places` can be filled at once. A place lists the people (by number) who could fill it.
///
/// Kuhn's algorithm for a matching in a bipartite graph: each place takes a free person, or one whose place can be given
/// to somebody else.
pub(super) fn filled(places: &[Vec<usize>]) -> usize {
    let people = places.iter().flatten().max().map_or(0, |most| most + 1);
    let mut seat: Vec<Option<usize>> = vec![None; people];
    let mut filled = 0;
    for place in 0..places.len() {
        let mut asked = vec![false; people];
        if find(place, places, &mut seat, &mut asked) {
            filled += 1;
        }
    }
    filled
}

/// Fills a place, moving others if that helps. Nobody is asked twice, which bounds the depth by the number of places.
fn find(place: usize, places: &[Vec<usize>], seat: &mut [Option<usize>], asked: &mut [bool]) -> bool {
    let Some(candidates) = places.get(place) else { return false };
    for &person in candidates {
        match asked.get_mut(person) {
            Some(asked) if !*asked => *asked = true,
            _ => continue,
        }
        let other = seat.get(person).copied().flatten();
        if other.is_none_or(|other| find(other, places, seat, asked)) {
            if let Some(seat) = seat.get_mut(person) {
                *seat = Some(place);
            }
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Tries everything.
    fn brute(places: &[Vec<usize>], taken: &mut Vec<usize>) -> usize {
        let Some((place, rest)) = places.split_first() else { return 0 };
        let mut best = brute(rest, taken);
        for person in place {
            if !taken.contains(person) {
                taken.push(*person);
                best = best.max(1 + brute(rest, taken));
                taken.pop();
            }
        }
        best
    }

    #[test]
    fn one_person_fills_one_place() {
        assert_eq!(filled(&[]), 0);
        assert_eq!(filled(&[vec![], vec![0]]), 1);
        assert_eq!(filled(&[vec![0], vec![0]]), 1);
        assert_eq!(filled(&[vec![0, 1], vec![0]]), 2, "the first gives way");
        assert_eq!(filled(&[vec![0, 1], vec![0, 2], vec![0]]), 3);
    }

    proptest! {
        #[test]
        fn it_finds_as_many_as_there_are(
            places in proptest::collection::vec(proptest::collection::vec(0_usize..5, 0..5), 0..6)
        ) {
            prop_assert_eq!(filled(&places), brute(&places, &mut Vec::new()));
        }
    }
}
