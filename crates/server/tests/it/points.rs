//! Recovery points as the control plane lists them.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::fixture::{FILES, Fixture, at};
use crate::harness::BOB;

fn points(query: &str) -> String {
    at(&format!("{FILES}/recoveryPoints{query}"))
}

fn summaries(query: &str) -> String {
    at(&format!("{FILES}/recoveryPointSummaries{query}"))
}

fn names(list: &Value) -> Vec<&str> {
    let value = list["value"].as_array().unwrap();
    value.iter().map(|point| point["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn points_are_listed_newest_first() {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    let alice = fixture.alice();
    assert_eq!(names(&alice.get(&points("")).await.expect(200)), [""; 0]);
    let now = fixture.server.now();
    let ago = |days: i64| now - SignedDuration::from_hours(24 * days);
    fixture.arrive(FILES, "middle", ago(2));
    fixture.arrive(FILES, "newest", ago(1));
    fixture.arrive(FILES, "oldest", ago(3));

    let list = alice.get(&points("")).await.expect(200);
    assert_eq!(names(&list), ["newest", "middle", "oldest"]);
    let properties = &list["value"][0]["properties"];
    assert_eq!(properties["objectType"], "GenericRecoveryPoint");
    assert_eq!(properties["recoveryPointTime"], ago(1).to_string());
    assert_eq!(properties["friendlyName"], "newestff");
    assert_eq!(properties["recoveryPointProperties"]["isSoftDeleted"], false);
    assert_eq!(
        properties["recoveryPointProperties"]["expiryTime"],
        (now + SignedDuration::from_hours(696)).to_string()
    );
    assert_eq!(alice.get(&points("/NEWEST")).await.expect(200), list["value"][0]);
    assert_eq!(alice.get(&points("/none")).await.code(), "ResourceNotFound");

    let item = fixture.item(FILES).await["properties"].clone();
    assert_eq!(item["protectionState"], "Protected");
    assert_eq!(item["lastBackupStatus"], "Completed");
    assert_eq!(item["lastBackupTime"], ago(1).to_string());
    assert_eq!(item["lastRecoveryPoint"], ago(1).to_string());
    assert_eq!(item["extendedInfo"]["recoveryPointCount"], 3);
    assert_eq!(item["extendedInfo"]["oldestRecoveryPoint"], ago(3).to_string());

    let az = |at: jiff::Timestamp| at.strftime("%Y-%m-%d %I:%M:%S %p").to_string();
    let half_a_day = SignedDuration::from_hours(12);
    let filter = format!(
        "?$filter=startDate eq '{}' and endDate eq '{}'",
        az(ago(2) - half_a_day),
        az(ago(2) + half_a_day)
    );
    assert_eq!(names(&alice.get(&points(&filter)).await.expect(200)), ["middle"]);
    let bad = alice.get(&points("?$filter=startDate eq 'soon'")).await;
    assert_eq!((bad.status, bad.code()), (400, "InvalidFilter"));

    let mut next = points("?$top=2");
    let mut seen = Vec::new();
    loop {
        let page = alice.get(&next).await.expect(200);
        seen.extend(names(&page).into_iter().map(String::from));
        match page["nextLink"].as_str() {
            Some(link) => next = link.to_string(),
            None => break,
        }
    }
    assert_eq!(seen, ["newest", "middle", "oldest"]);
    alice.delete(&at(FILES)).await.expect(202);
    let kept = alice.get(&points("")).await.expect(200);
    assert_eq!(kept["value"][0]["properties"]["recoveryPointProperties"]["isSoftDeleted"], true);
}

/// What is shown of a year: the days in it, and what of the whole ends next.
#[tokio::test]
async fn a_year_is_summed_up_by_days() {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    let alice = fixture.alice();
    let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
    let now = fixture.server.now();
    let this_year = now.to_zoned(jiff::tz::TimeZone::UTC).year();
    let empty = alice.get(&summaries(&format!("?year={this_year}"))).await.expect(200)["properties"].clone();
    assert_eq!((&empty["days"], &empty["totalCount"]), (&json!([]), &json!(0)));
    assert_eq!((&empty["earliest"], &empty["nextExpiry"]), (&Value::Null, &Value::Null));

    // Points of 30 days each; what is over is summed up as little as it is listed.
    let ago = |hours: i64| now - SignedDuration::from_hours(hours);
    for (name, hours) in [("a", 1), ("b", 24 * 10), ("c", 24 * 10), ("d", 24 * 20), ("over", 24 * 40)] {
        fixture.arrive(FILES, name, ago(hours));
    }
    let mut days = std::collections::BTreeMap::new();
    for year in [this_year - 1, this_year] {
        let shown = alice.get(&summaries(&format!("?year={year}"))).await.expect(200)["properties"].clone();
        assert_eq!(shown["year"], year);
        assert_eq!(
            (&shown["totalCount"], &shown["withoutExpiryCount"]),
            (&json!(4), &json!(1)),
            "the newest"
        );
        assert_eq!((&shown["earliest"]["name"], &shown["latest"]["name"]), (&json!("d"), &json!("a")));
        assert_eq!(shown["nextExpiry"]["name"], "d");
        let end = at(shown["nextExpiry"]["expiryTime"].as_str().unwrap());
        assert_eq!(end, ago(24 * 20) + SignedDuration::from_hours(720));
        assert_eq!(shown["retention"], json!([{"days": 30, "count": 4}]));
        for day in shown["days"].as_array().unwrap() {
            assert!(day["date"].as_str().unwrap().starts_with(&year.to_string()));
            days.insert(day["date"].as_str().unwrap().to_string(), day["count"].as_u64().unwrap());
        }
    }
    // The same as the list says, whenever it is.
    let mut expected = std::collections::BTreeMap::new();
    for point in alice.get(&points("")).await.expect(200)["value"].as_array().unwrap() {
        let day = &point["properties"]["recoveryPointTime"].as_str().unwrap()[..10];
        *expected.entry(day.to_string()).or_insert(0_u64) += 1;
    }
    assert_eq!(days, expected);
    assert_eq!(days.values().sum::<u64>(), 4);

    // What arrives is there at once, and what is stopped is kept without an end.
    fixture.arrive(FILES, "newer", now);
    let shown = alice.get(&summaries("")).await.expect(200)["properties"].clone();
    assert_eq!((&shown["latest"]["name"], &shown["totalCount"]), (&json!("newer"), &json!(5)));
    for bad in ["?year=soon", "?year=0", "?year=-1", "?year=99999"] {
        let refused = alice.get(&summaries(bad)).await;
        assert_eq!((refused.status, refused.code()), (400, "InvalidQueryParameterValue"), "{bad}");
    }
    assert_eq!(fixture.server.as_(BOB).get(&summaries("")).await.status, 403);
}

/// A page is cut out of what was made of all points, and shows what is there now: after an arrival, a page that follows,
/// an end of retention.
#[tokio::test]
async fn pages_of_points_follow_what_happens() {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    let now = fixture.server.now();
    for number in 0..450 {
        fixture.arrive(FILES, &format!("p{number:03}"), now - SignedDuration::from_mins(number));
    }
    let alice = fixture.alice();
    let (mut next, mut seen) = (points(""), Vec::new());
    loop {
        let page = alice.get(&next).await.expect(200);
        seen.extend(names(&page).into_iter().map(String::from));
        // It comes before what was listed already, and moves nothing.
        fixture.arrive(FILES, &format!("n{}", seen.len()), now + SignedDuration::from_secs(1));
        match page["nextLink"].as_str() {
            Some(link) => next = link.to_string(),
            None => break,
        }
    }
    assert_eq!(seen, (0..450).map(|number| format!("p{number:03}")).collect::<Vec<_>>());
    let half = format!("?$filter=startDate eq '{}'", now - SignedDuration::from_mins(9));
    assert_eq!(alice.get(&points(&half)).await.expect(200)["value"].as_array().unwrap().len(), 13);
    fixture.server.advance(SignedDuration::from_hours(24 * 31));
    assert_eq!(names(&alice.get(&points("")).await.expect(200)), ["n200", "n400", "n450"]);
}
