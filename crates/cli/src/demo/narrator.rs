//! Telling the story: who does what, and what the server answers.

use std::io::IsTerminal;

use super::client::Answer;
use super::stage::Stage;

/// Writes the story to standard output, in colour where that is wanted.
pub(crate) struct Narrator {
    colour: bool,
}

impl Narrator {
    pub(crate) fn new() -> Self {
        Self { colour: std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_string() }
    }

    /// A new chapter.
    pub(crate) fn chapter(&self, title: &str) {
        println!("\n{}", self.paint("1", title));
    }

    /// What somebody does, and the request that does it.
    pub(crate) fn act(&self, who: &str, what: &str, request: &str) {
        println!("\n  {} {what}", self.paint("1;36", who));
        println!("    {}", self.paint("2", request));
    }

    /// The server's answer to it.
    pub(crate) fn answer(&self, answer: &Answer) {
        match answer.code() {
            Some(code) => {
                println!("    {} {code}", self.paint("1;31", &format!("refused, {}", answer.status)));
                for line in wrapped(&shortened(answer.message()), 100) {
                    println!("      {line}");
                }
            }
            None => println!("    {}", self.paint("1;32", &format!("done, {}", answer.status))),
        }
    }

    /// Something worth knowing.
    pub(crate) fn note(&self, text: &str) {
        for line in text.lines().flat_map(|line| wrapped(line, 104)) {
            println!("    {line}");
        }
    }

    /// What to do next.
    pub(crate) fn epilogue(&self, stage: &Stage, exit: bool) {
        self.chapter("The end");
        if exit {
            return;
        }
        let o = &stage.organisations;
        let (origin, ca) = (&stage.origin, stage.ca());
        println!("\n  The server goes on at {origin} until you press Ctrl-C.");
        println!("\n  Sign-ins (this demo only):");
        for (person, tenant) in [(&o.alice, &o.backup_tenant), (&o.sam, &o.security_tenant)] {
            println!("    {:<24} password {}   tenant {tenant}", person.upn, person.password);
        }
        println!(
            "\n  Look at it in a browser (which will ask about the certificate, unless you give it the CA {}):",
            ca.display()
        );
        println!("    {origin}/portal");
        println!("\n  Try it with the az CLI:");
        println!("    export REQUESTS_CA_BUNDLE={} AZURE_CORE_INSTANCE_DISCOVERY=false", ca.display());
        println!("    az cloud register -n Countersign --endpoint-resource-manager {origin}");
        println!("    az cloud set -n Countersign");
        println!("    az login --use-device-code");
        println!("    az backup vault list -o table");
        println!("\n  Try it with restic (repository password {}):", o.repository_password);
        println!(
            "    the address and its credentials are in {}",
            stage.folder.join("repository.txt").display()
        );
    }
}

/// Ids in a message without what is the same in all of them, up to the provider.
fn shortened(message: &str) -> String {
    let words = message.split_inclusive(' ').map(|word| {
        match (word.find("/subscriptions/"), word.find("/providers/")) {
            (Some(from), Some(to)) if from < to => {
                let (before, after) = (
                    word.get(..from).unwrap_or_default(),
                    word.get(to + "/providers".len()..).unwrap_or_default(),
                );
                format!("{before}…{after}")
            }
            _ => word.to_string(),
        }
    });
    words.collect()
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(line) = lines.last_mut() else { break };
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_string());
        }
    }
    lines
}
