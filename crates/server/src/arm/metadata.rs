//! `/metadata/endpoints`: what `az cloud register` reads to learn a cloud (contract 9.1, azure-clients 1.1).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::reply::Reply;
use crate::origin::Origin;

/// The first api-version that answers with one object; the ones before answer with a list.
const FIRST_OBJECT_VERSION: &str = "2022-09-01";

/// Describes this server as a cloud. Needs no token.
pub fn endpoints(origin: &Origin, query: &BTreeMap<String, String>) -> Reply {
    let cloud = cloud(origin);
    let version = query.get("api-version").map_or(FIRST_OBJECT_VERSION, String::as_str);
    Reply::ok(if version < FIRST_OBJECT_VERSION { json!([cloud]) } else { cloud })
}

fn cloud(origin: &Origin) -> Value {
    let arm = &origin.arm;
    let graph = format!("{}/", origin.graph);
    let host = arm.trim_start_matches("https://");
    // Services that this cloud does not have get our own address: clients want a value for each.
    json!({
        "name": "Countersign",
        "portal": format!("{arm}/portal"),
        "resourceManager": arm,
        "resourceManagerEndpoint": arm,
        "authentication": {
            "loginEndpoint": arm,
            "audiences": [arm, format!("{arm}/")],
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "graph": graph,
        "graphAudience": graph,
        "microsoftGraphResourceId": graph,
        "gallery": arm,
        "media": arm,
        "batch": arm,
        "sqlManagement": arm,
        "vmImageAliasDoc": arm,
        "activeDirectoryDataLake": arm,
        "ossrDbmsResourceId": arm,
        "ossrdbmsResourceId": arm,
        "logAnalyticsResourceId": arm,
        "appInsightsResourceId": arm,
        "appInsightsTelemetryChannelResourceId": arm,
        "synapseAnalyticsResourceId": arm,
        "attestationResourceId": arm,
        "suffixes": {
            "storage": host,
            "keyVaultDns": host,
            "sqlServerHostname": host,
            "acrLoginServer": host,
            "mysqlServerEndpoint": host,
            "postgresqlServerEndpoint": host,
            "mariadbServerEndpoint": host,
            "azureDataLakeStoreFileSystem": host,
            "azureDataLakeAnalyticsCatalogAndJob": host,
            "synapseAnalytics": host,
            "attestationEndpoint": host,
        },
    })
}
