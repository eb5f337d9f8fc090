//! The names of regions.
//!
//! A region is only a name here: it says which guards and vaults belong together. Clients offer people a list to
//! choose from, so there is one, with the names that they know; any other name is as good.

use arm::{Region, SubscriptionId};
use serde_json::{Value, json};

/// Display names by geography.
const REGIONS: &[(&str, &[&str])] = &[
    (
        "US",
        &[
            "East US",
            "East US 2",
            "Central US",
            "North Central US",
            "South Central US",
            "West Central US",
            "West US",
            "West US 2",
            "West US 3",
        ],
    ),
    ("Canada", &["Canada Central", "Canada East"]),
    ("Mexico", &["Mexico Central"]),
    ("South America", &["Brazil South", "Brazil Southeast", "Chile Central"]),
    (
        "Europe",
        &[
            "North Europe",
            "West Europe",
            "Austria East",
            "France Central",
            "France South",
            "Germany North",
            "Germany West Central",
            "Italy North",
            "Norway East",
            "Norway West",
            "Poland Central",
            "Spain Central",
            "Sweden Central",
            "Switzerland North",
            "Switzerland West",
        ],
    ),
    ("UK", &["UK South", "UK West"]),
    (
        "Asia Pacific",
        &[
            "East Asia",
            "Southeast Asia",
            "Australia Central",
            "Australia East",
            "Australia Southeast",
            "Central India",
            "South India",
            "West India",
            "Indonesia Central",
            "Japan East",
            "Japan West",
            "Korea Central",
            "Korea South",
            "Malaysia West",
            "New Zealand North",
        ],
    ),
    ("Middle East", &["Israel Central", "Qatar Central", "UAE Central", "UAE North"]),
    ("Africa", &["South Africa North", "South Africa West"]),
];

/// The display names.
pub fn names() -> impl Iterator<Item = &'static str> {
    REGIONS.iter().flat_map(|(_, names)| names.iter().copied())
}

/// The list that a subscription offers.
pub fn list(subscription: SubscriptionId) -> Vec<Value> {
    let in_geography = |(geography, names): &(&'static str, &'static [&'static str])| {
        let geography = *geography;
        names.iter().filter_map(move |name| region(subscription, geography, name))
    };
    REGIONS.iter().flat_map(in_geography).collect()
}

fn region(subscription: SubscriptionId, geography: &str, display_name: &str) -> Option<Value> {
    let name = Region::parse(display_name)?;
    Some(json!({
        "id": format!("/subscriptions/{subscription}/locations/{name}"),
        "name": name,
        "type": "Region",
        "displayName": display_name,
        "regionalDisplayName": format!("({geography}) {display_name}"),
        "metadata": {
            "regionType": "Physical",
            "regionCategory": "Recommended",
            "geography": geography,
            "geographyGroup": geography,
        },
    }))
}
