//! How far back in time a policy's tiers reach, as a picture: a bar for each tier, and a row of marks for the recovery points.
//!
//! The scale is even between its marks: the last day has as much room as the last year, because that is where most points are.

use askama::Template;

use super::retention::Tier;

/// The width of a bar, in the units of its drawing.
const WIDTH: u64 = 1000;
/// Marks of the scale: days ago, and what they are called.
const MARKS: [(u32, &str); 9] = [
    (1, "1 day"),
    (7, "1 week"),
    (30, "1 month"),
    (90, "3 months"),
    (365, "1 year"),
    (3 * 365, "3 years"),
    (10 * 365, "10 years"),
    (30 * 365, "30 years"),
    (9999 * 365, "ever"),
];

/// The picture.
#[derive(Template)]
#[template(path = "portal/items/reach.html")]
pub struct Reach {
    /// The tiers, the shortest first.
    rows: Vec<Row>,
    /// The marks of the scale, the oldest first.
    marks: Vec<&'static str>,
    /// Where recovery points lie, from the left.
    points: Vec<u64>,
    /// What the points are, in words.
    summary: String,
}

struct Row {
    tier: Tier,
    from: u64,
}

impl Row {
    fn width(&self) -> u64 {
        WIDTH.saturating_sub(self.from)
    }
}

impl Reach {
    /// Of these tiers; `ages`: how many days ago recovery points arrived; `summary`: what they are, in words.
    pub fn of(tiers: Vec<Tier>, ages: &[u32], summary: String) -> Self {
        let longest = tiers.iter().map(|tier| tier.days).chain(ages.iter().copied()).max().unwrap_or(1);
        let needed = MARKS.iter().position(|(days, _)| *days >= longest).unwrap_or(MARKS.len() - 1);
        let scale: Vec<u32> = MARKS.iter().take(needed + 1).map(|(days, _)| *days).collect();
        let mut points: Vec<u64> = ages.iter().map(|age| place(&scale, *age)).collect();
        points.sort_unstable();
        points.dedup();
        Self {
            rows: tiers.into_iter().map(|tier| Row { from: place(&scale, tier.days), tier }).collect(),
            marks: MARKS.iter().take(needed + 1).rev().map(|(_, name)| *name).collect(),
            points,
            summary,
        }
    }
}

/// Where so many days ago lie on a scale, from the left: now is at the right end.
fn place(scale: &[u32], days: u32) -> u64 {
    let count = u64::try_from(scale.len()).unwrap_or(1).max(1);
    let mut newer = 0_u32;
    for (passed, mark) in (0_u64..).zip(scale) {
        if days <= *mark {
            let part = u64::from(days - newer) * WIDTH / u64::from((mark - newer).max(1));
            return WIDTH.saturating_sub((passed * WIDTH + part) / count);
        }
        newer = *mark;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_is_even_between_its_marks() {
        let scale = [1, 7, 30];
        assert_eq!(place(&scale, 0), 1000);
        assert_eq!(place(&scale, 1), 667);
        assert_eq!(place(&scale, 4), 500);
        assert_eq!(place(&scale, 30), 0);
        assert_eq!(place(&scale, 31), 0);
    }

    #[test]
    fn the_scale_goes_as_far_as_something_is_kept() {
        let tier = |days| Tier { name: "T".into(), of: "every day".into(), length: "x".into(), days };
        let reach = Reach::of(vec![tier(30), tier(400)], &[0, 3, 3, 500], String::new());
        assert_eq!(reach.marks.first().copied(), Some("3 years"));
        assert_eq!(reach.points.len(), 3);
        assert!(reach.rows.iter().all(|row| row.from < 1000));
        assert_eq!(Reach::of(Vec::new(), &[], String::new()).marks, ["1 day"]);
    }
}
