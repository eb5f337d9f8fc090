//! Recovery points as the control plane lists them.

use jiff::SignedDuration;
use serde_json::Value;

use crate::fixture::{FILES, Fixture, at};

fn points(query: &str) -> String {
    at(&format!("{FILES}/recoveryPoints{query}"))
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
