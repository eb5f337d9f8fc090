//! What nobody understands may not change (contract 7.3 rule 5).

use serde_json::{Value, json};

use super::shapes::*;

#[test]
fn what_is_not_understood_may_not_change() {
    let extra = |value: Value| with(daily(), "/keepForever", value);
    let inert = with(daily(), "/schedulePolicy/scheduleRunDays", json!(["Sunday"]));
    weaker("appears", &daily(), &extra(json!(true)), "a member that is not understood: keepForever changed");
    weaker("vanishes", &extra(json!(true)), &daily(), "keepForever changed");
    weaker("changes", &extra(json!({ "a": 1 })), &extra(json!({ "a": 2 })), "keepForever changed");
    free("stays", &extra(json!({ "a": 1, "b": null })), &extra(json!({ "A": 1 })));
    free("says nothing", &daily(), &extra(json!({})));
    weaker(
        "in a schedule",
        &daily(),
        &with(daily(), "/schedulePolicy/skip", json!(2)),
        "schedulePolicy.skip",
    );
    weaker(
        "in a retention",
        &daily(),
        &with(daily(), "/retentionPolicy/max", json!(2)),
        "retentionPolicy.max",
    );
    weaker("in a tier", &daily(), &tier(WEEKLY, "max", json!(2)), "retentionPolicy.weeklySchedule.max");
    weaker("in a duration", &daily(), &tier(WEEKLY, "retentionDuration/x", json!(2)), "retentionDuration.x");
    weaker("known, but without a meaning there", &daily(), &inert, "schedulePolicy.scheduleRunDays changed");
    weaker(
        "the other format of a tier",
        &daily(),
        &tier(MONTHLY, "retentionScheduleDaily", json!({ "daysOfTheMonth": [{ "date": 1 }] })),
        "retentionPolicy.monthlySchedule.retentionScheduleDaily changed",
    );
}
