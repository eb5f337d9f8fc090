//! Numbers about the server, in Prometheus' text format at `/metrics`.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// A finished request: which face, which method, which status.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// `arm`, `graph`, `login`, `repository` or `health`.
    pub face: &'static str,
    /// The HTTP method; `other` for one that no client of ours sends.
    pub method: &'static str,
    /// The HTTP status.
    pub status: u16,
}

/// Traffic of one repository, by the names that rest-server's dashboards know.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct BlobLabels {
    /// The repository credential's user name.
    pub user: String,
    /// The repository: `{vault}/{item}`.
    pub repo: String,
    /// The type of object.
    pub r#type: &'static str,
}

/// By which way something is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// By SMTP.
    Mail,
    /// To a webhook.
    Webhook,
}

impl Channel {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Webhook => "webhook",
        }
    }
}

/// What goes by one way.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ChannelLabels {
    /// `mail` or `webhook`.
    pub channel: &'static str,
}

/// An attempt to send something.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OutgoingLabels {
    /// `mail` or `webhook`.
    pub channel: &'static str,
    /// `sent`, `failed` (it will be tried again) or `given_up`.
    pub outcome: &'static str,
}

/// All metrics. Cloning is cheap; all clones count together.
#[derive(Clone)]
pub struct Metrics {
    /// Finished requests.
    pub requests: Family<RequestLabels, Counter>,
    /// Critical operations that were refused.
    pub refused_critical_operations: Counter,
    /// Failed sign-ins.
    pub failed_sign_ins: Counter,
    /// Objects written to repositories.
    pub blob_writes: Family<BlobLabels, Counter>,
    /// Bytes written to repositories.
    pub blob_write_bytes: Family<BlobLabels, Counter>,
    /// Objects read from repositories.
    pub blob_reads: Family<BlobLabels, Counter>,
    /// Bytes read from repositories.
    pub blob_read_bytes: Family<BlobLabels, Counter>,
    /// Objects deleted (hidden) in repositories.
    pub blob_deletes: Family<BlobLabels, Counter>,
    /// Bytes of the objects deleted (hidden) in repositories.
    pub blob_delete_bytes: Family<BlobLabels, Counter>,
    /// Attempts to send something.
    pub outgoing: Family<OutgoingLabels, Counter>,
    /// What waits in the outbox.
    pub outbox_open: Family<ChannelLabels, Gauge>,
    /// The state of what is kept.
    pub keeping: Keeping,
    store: StoreGauges,
    registry: Arc<Registry>,
}

/// The state of what is kept, as this server saw it last.
#[derive(Clone, Default)]
pub struct Keeping {
    /// By how many seconds the time by which things are destroyed is behind.
    pub clock_lag: Gauge,
    /// Items of which nothing is destroyed.
    pub frozen_items: Gauge,
    /// Items that no recovery points arrive for.
    pub silent_items: Gauge,
    /// Objects that were verified in the present pass.
    pub scrubbed_objects: Gauge,
    /// Bytes that were verified in the present pass.
    pub scrubbed_bytes: Gauge,
    /// When the last pass ended, in seconds since 1970.
    pub scrub_finished: Gauge,
    /// Objects whose bytes are damaged.
    pub damaged_objects: Gauge,
}

impl Keeping {
    fn register(registry: &mut Registry) -> Self {
        let gauges = Self::default();
        for (name, text, gauge) in [
            (
                "countersign_clock_lag_seconds",
                "Seconds that nobody saw pass, by which expiry and purges are later",
                &gauges.clock_lag,
            ),
            (
                "countersign_frozen_items",
                "Items that are frozen because something out of the ordinary was noticed",
                &gauges.frozen_items,
            ),
            (
                "countersign_silent_items",
                "Items without a recovery point for more than two periods of their schedule",
                &gauges.silent_items,
            ),
            (
                "countersign_scrubbed_objects",
                "Objects that were verified in the present pass",
                &gauges.scrubbed_objects,
            ),
            (
                "countersign_scrubbed_bytes",
                "Bytes that were verified in the present pass",
                &gauges.scrubbed_bytes,
            ),
            (
                "countersign_scrub_finished_timestamp_seconds",
                "When the last whole pass over all that is stored ended, in seconds since 1970",
                &gauges.scrub_finished,
            ),
            (
                "countersign_damaged_objects",
                "Objects whose bytes are damaged and were not sent again",
                &gauges.damaged_objects,
            ),
        ] {
            registry.register(name, text, gauge.clone());
        }
        gauges
    }
}

/// What the store counts by itself.
#[derive(Clone, Default)]
struct StoreGauges {
    retries: Gauge,
    batches: Gauge,
    flushes: Gauge,
    contentions: Gauge,
}

impl StoreGauges {
    fn register(registry: &mut Registry) -> Self {
        let gauges = Self::default();
        let mut add = |name: &str, text: &str, gauge: &Gauge| registry.register(name, text, gauge.clone());
        let text = "Decisions that were made again because what they read had changed";
        add("countersign_store_retries", text, &gauges.retries);
        add("countersign_store_batches", "Decisions that were committed", &gauges.batches);
        add(
            "countersign_store_flushes",
            "Commits of the database; one holds many decisions",
            &gauges.flushes,
        );
        let text = "Commits that were made again because another server's came between";
        add("countersign_store_contentions", text, &gauges.contentions);
        gauges
    }

    fn set(&self, store: &store::Store) {
        let tally = store.tally();
        for (gauge, count) in [
            (&self.retries, store.retries()),
            (&self.batches, tally.batches),
            (&self.flushes, tally.flushes),
            (&self.contentions, tally.contentions),
        ] {
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let requests = Family::default();
        registry.register("countersign_requests", "Finished requests", requests.clone());
        let refused_critical_operations = Counter::default();
        let text = "Critical operations that were refused for want of consent";
        registry.register(
            "countersign_refused_critical_operations",
            text,
            refused_critical_operations.clone(),
        );
        let failed_sign_ins = Counter::default();
        registry.register("countersign_failed_sign_ins", "Failed sign-ins", failed_sign_ins.clone());
        let outgoing = Family::default();
        let text = "Attempts to send mail or to call a webhook";
        registry.register("countersign_outgoing", text, outgoing.clone());
        let outbox_open = Family::default();
        let text = "What waits in the outbox, as this server saw it last";
        registry.register("countersign_outbox_open", text, outbox_open.clone());
        let keeping = Keeping::register(&mut registry);
        let store = StoreGauges::register(&mut registry);
        let mut blob = |name: &str, text: &str| {
            let family: Family<BlobLabels, Counter> = Family::default();
            registry.register(name, text, family.clone());
            family
        };
        Self {
            blob_writes: blob("rest_server_blob_write", "Objects written to repositories"),
            blob_write_bytes: blob("rest_server_blob_write_bytes", "Bytes written to repositories"),
            blob_reads: blob("rest_server_blob_read", "Objects read from repositories"),
            blob_read_bytes: blob("rest_server_blob_read_bytes", "Bytes read from repositories"),
            blob_deletes: blob("rest_server_blob_delete", "Objects deleted in repositories"),
            blob_delete_bytes: blob("rest_server_blob_delete_bytes", "Bytes deleted in repositories"),
            requests,
            refused_critical_operations,
            failed_sign_ins,
            outgoing,
            outbox_open,
            keeping,
            store,
            registry: Arc::new(registry),
        }
    }
}

/// Methods are for clients to invent, and each would be a series of its own for ever.
fn known_method(method: &str) -> &'static str {
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
        .into_iter()
        .find(|known| *known == method)
        .unwrap_or("other")
}

impl Metrics {
    /// Counts a finished request.
    pub fn request(&self, face: &'static str, method: &str, status: u16) {
        self.requests.get_or_create(&RequestLabels { face, method: known_method(method), status }).inc();
    }

    /// Counts an attempt to send something.
    pub fn sent(&self, channel: Channel, outcome: &'static str) {
        self.outgoing.get_or_create(&OutgoingLabels { channel: channel.as_str(), outcome }).inc();
    }

    /// Notes how much waits to go by a channel.
    pub fn waiting(&self, channel: Channel, count: usize) {
        let gauge = self.outbox_open.get_or_create(&ChannelLabels { channel: channel.as_str() });
        gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// All metrics in Prometheus' text format.
    pub fn render(&self, store: &store::Store) -> String {
        self.store.set(store);
        let mut text = String::new();
        if let Err(error) = encode(&mut text, &self.registry) {
            tracing::error!(%error, "the metrics could not be written");
        }
        text
    }
}
