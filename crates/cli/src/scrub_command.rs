//! `countersign scrub`: verifies everything that is stored, now, also while servers run.

use std::io::{IsTerminal, Write};

use anyhow::{Context, bail};
use clap::Args;
use server::scrub::verify;
use store::Inspector;

use crate::whereabouts::Whereabouts;

/// Verify everything that is stored against the hash of its bytes, from the first to the last. Fails when anything is damaged.
///
/// Nothing is changed, and a server may run meanwhile. What a running server finds by itself it tells as an alert, and does not
/// hand out until a client sends it again; this only prints it.
#[derive(Args)]
pub(crate) struct ScrubCommand {
    #[command(flatten)]
    whereabouts: Whereabouts,
    /// Only the repository with this short name, the last part of its address.
    #[arg(long, value_name = "NAME")]
    repository: Option<String>,
}

#[derive(Default)]
struct Count {
    objects: u64,
    bytes: u64,
    damaged: u64,
}

impl ScrubCommand {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let place = self.whereabouts.place()?;
        let inspector = Inspector::open(&place.folder, &place.database)?;
        let blobs = inspector.blobs(&place).context("the repositories cannot be opened")?;
        let mut items = inspector.repositories()?;
        if let Some(name) = &self.repository {
            items.retain(|(short, _)| short == name);
            if items.is_empty() {
                bail!("there is no repository `{name}`");
            }
        }
        let (mut count, mut out) = (Count::default(), std::io::stdout().lock());
        for (number, (short, item)) in items.iter().enumerate() {
            progress(&format!("{}/{} {item}", number + 1, items.len()));
            let mut broken = None;
            inspector.each_kept(short, &mut |object_type, object| {
                count.objects += 1;
                count.bytes += object.size;
                if count.objects % 500 == 0 {
                    progress(&format!(
                        "{} objects, {} MiB, {} damaged",
                        count.objects,
                        count.bytes >> 20,
                        count.damaged
                    ));
                }
                if let Some(why) = verify(&blobs, short, object_type, &object)? {
                    // One that was purged meanwhile is not missed.
                    let again = Inspector::open(&place.folder, &place.database)?;
                    if again.is_kept(short, object_type, &object.name)? {
                        count.damaged += 1;
                        let name = &object.name;
                        let told = writeln!(out, "damaged: {short}/{}/{name}: {why}", object_type.as_str());
                        broken = broken.take().or(told.err());
                    }
                }
                Ok(())
            })?;
            if let Some(error) = broken {
                return Err(error.into());
            }
        }
        let Count { objects, bytes, damaged } = count;
        if damaged > 0 {
            bail!("{damaged} of {objects} objects are damaged ({bytes} bytes were to be read)");
        }
        writeln!(out, "all {objects} objects are whole ({bytes} bytes)")?;
        Ok(())
    }
}

/// Tells a person who watches how far it is.
fn progress(text: &str) {
    if std::io::stderr().is_terminal() {
        eprintln!("{text}");
    }
}
