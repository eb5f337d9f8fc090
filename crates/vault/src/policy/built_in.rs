//! The policies that are there without anybody writing them, in the shapes that Azure answers (contract 7.2).

use serde_json::{Value, json};

/// The policies that every new Recovery Services vault has, with their names.
pub fn built_in() -> Vec<(&'static str, Value)> {
    vec![
        ("DefaultPolicy", default_policy()),
        ("EnhancedPolicy", enhanced_policy()),
        ("HourlyLogBackup", hourly_log_backup()),
    ]
}

/// File backups of a server: one a day, kept for so many days (1 to 9999).
pub fn mab_daily(days: u32) -> Value {
    json!({
        "backupManagementType": "MAB",
        "schedulePolicy": daily_schedule("2026-01-01T02:00:00Z"),
        "retentionPolicy": daily_retention("2026-01-01T02:00:00Z", days),
    })
}

fn default_policy() -> Value {
    json!({
        "backupManagementType": "AzureIaasVM",
        "policyType": "V1",
        "instantRPDetails": {},
        "schedulePolicy": daily_schedule("2026-01-01T02:00:00Z"),
        "retentionPolicy": daily_retention("2026-01-01T02:00:00Z", 30),
        "instantRpRetentionRangeInDays": 2,
        "timeZone": "UTC",
    })
}

fn enhanced_policy() -> Value {
    json!({
        "backupManagementType": "AzureIaasVM",
        "policyType": "V2",
        "instantRPDetails": {},
        "schedulePolicy": {
            "schedulePolicyType": "SimpleSchedulePolicyV2",
            "scheduleRunFrequency": "Hourly",
            "hourlySchedule": {
                "interval": 4,
                "scheduleWindowStartTime": "2026-01-01T08:00:00Z",
                "scheduleWindowDuration": 12,
            },
        },
        "retentionPolicy": daily_retention("2026-01-01T08:00:00Z", 30),
        "instantRpRetentionRangeInDays": 2,
        "timeZone": "UTC",
    })
}

fn hourly_log_backup() -> Value {
    json!({
        "backupManagementType": "AzureWorkload",
        "workLoadType": "SQLDataBase",
        "settings": { "timeZone": "UTC", "issqlcompression": false, "isCompression": false },
        "subProtectionPolicy": [
            {
                "policyType": "Full",
                "schedulePolicy": daily_schedule("2026-01-01T02:00:00Z"),
                "retentionPolicy": daily_retention("2026-01-01T02:00:00Z", 30),
            },
            {
                "policyType": "Log",
                "schedulePolicy": { "schedulePolicyType": "LogSchedulePolicy", "scheduleFrequencyInMins": 60 },
                "retentionPolicy": {
                    "retentionPolicyType": "SimpleRetentionPolicy",
                    "retentionDuration": { "count": 30, "durationType": "Days" },
                },
            },
        ],
    })
}

fn daily_schedule(time: &str) -> Value {
    json!({
        "schedulePolicyType": "SimpleSchedulePolicy",
        "scheduleRunFrequency": "Daily",
        "scheduleRunTimes": [time],
        "scheduleWeeklyFrequency": 0,
    })
}

fn daily_retention(time: &str, days: u32) -> Value {
    json!({
        "retentionPolicyType": "LongTermRetentionPolicy",
        "dailySchedule": {
            "retentionTimes": [time],
            "retentionDuration": { "count": days, "durationType": "Days" },
        },
    })
}
