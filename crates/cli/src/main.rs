//! The program `countersign`: the server, and the commands for people.

mod clock_command;
mod demo;
mod import_command;
mod ledger_command;
mod mail_command;
mod migrate_command;
mod outbox_command;
mod purge_command;
mod routes_command;
mod scrub_command;
mod serve;
mod whereabouts;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A request allocates many small things, which this allocator does several times as fast as the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A self-hosted backup server in which no single person and no stolen account can destroy backups.
#[derive(Parser)]
#[command(name = "countersign", version, about, max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve vaults, Resource Guards, sign-in and repositories from a data folder.
    Serve(serve::Serve),
    /// Tell the main story: a real backup survives a stolen administrator account.
    Demo(demo::Demo),
    /// Look at the ledger of a data folder, or check it.
    #[command(subcommand)]
    Ledger(ledger_command::Ledger),
    /// Look at the time by which servers go, or vouch for the clock of this host.
    #[command(subcommand)]
    Clock(clock_command::Clock),
    /// Look at what was and is to be sent: mails, and messages to webhooks.
    Outbox(outbox_command::Outbox),
    /// See what the next purge of deleted objects would remove, and what it keeps for which recovery point.
    Purge(purge_command::Purge),
    /// Try out whether mail can be sent.
    #[command(subcommand)]
    Mail(mail_command::Mail),
    /// Bring a repository that restic or rest-server has in a folder into the repository of an item.
    Import(import_command::Import),
    /// Move everything from one database to another, ledger and all, and compare the two.
    Migrate(migrate_command::Migrate),
    /// Verify everything that is stored against the hash of its bytes, now.
    Scrub(scrub_command::ScrubCommand),
    /// List every route of the control plane, with the right it needs.
    Routes,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Serve(serve) => serve.run(),
        Command::Demo(demo) => demo.run(),
        Command::Ledger(ledger) => ledger.run(),
        Command::Clock(clock) => clock.run(),
        Command::Outbox(outbox) => outbox.run(),
        Command::Purge(purge) => purge.run(),
        Command::Mail(mail) => mail.run(),
        Command::Import(import) => import.run(),
        Command::Migrate(migrate) => migrate.run(),
        Command::Scrub(scrub) => scrub.run(),
        Command::Routes => routes_command::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("countersign: {error:#}");
            ExitCode::FAILURE
        }
    }
}
