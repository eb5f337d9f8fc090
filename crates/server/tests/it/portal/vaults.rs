//! Vaults of both kinds: the list, creating one, overview, policies, properties, jobs, alerts, activity.
