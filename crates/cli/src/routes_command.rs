//! `countersign routes`.

use std::io::Write;

use server::arm::route::Needs;
use server::arm::routes::ROUTES;

/// Prints method, path and needed action of every route, tab-separated, sorted.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut lines: Vec<String> = ROUTES
        .iter()
        .copied()
        .flatten()
        .map(|route| {
            let needs = match route.needs {
                Needs::Action(action) => action,
                Needs::SignedIn => "-",
            };
            format!("{}\t{}\t{needs}", route.method.as_str(), route.pattern)
        })
        .collect();
    lines.sort();
    let mut out = std::io::stdout().lock();
    for line in lines {
        writeln!(out, "{line}")?;
    }
    Ok(())
}
