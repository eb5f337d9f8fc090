//! The commands that point restic at an item, ready to be copied.

use super::item::Item;

/// What stands for the user name and the secret where they are not known: a secret is shown once.
const USER: &str = "USER";
const SECRET: &str = "SECRET";
/// Where the commands put what they need on a machine.
const FOLDER: &str = "/etc/restic";

/// The commands for an item.
pub struct Commands {
    /// The contents of the file with the environment.
    pub environment: String,
    /// What the file is called.
    pub file: String,
    /// Writes the file and the password that encrypts the backups.
    pub prepare: String,
    /// Makes the repository, once.
    pub init: String,
    /// Makes a backup.
    pub backup: String,
    /// Checks the repository, its data too.
    pub check: String,
    /// For a restic that knows none of the variables.
    pub older: String,
    /// The unit that makes a backup.
    pub service: String,
    /// The unit that starts it every night.
    pub timer: String,
    /// Turns the timer on.
    pub enable: String,
    /// The name of the units.
    pub unit: String,
}

impl Commands {
    /// For an item, for one of several sources if they are told apart by a label. `credential`: user name and secret.
    pub fn of(item: &Item, label: &str, credential: Option<(&str, &str)>) -> Self {
        let (user, secret) = credential.unwrap_or((USER, SECRET));
        let slug = slug(&item.name, label);
        let repository = item.repository_for(label);
        let file = format!("{FOLDER}/{slug}.env");
        let with_user = repository.replacen("https://", &format!("https://{user}:{secret}@"), 1);
        let unit = format!("restic-{slug}");
        let run = format!("set -a; . {file}; set +a");
        Self {
            environment: format!(
                "RESTIC_REPOSITORY={repository}\n\
                 RESTIC_REST_USERNAME={user}\n\
                 RESTIC_REST_PASSWORD={secret}\n\
                 RESTIC_CACERT={FOLDER}/countersign-ca.pem\n\
                 RESTIC_PASSWORD_FILE={FOLDER}/{slug}.password\n"
            ),
            prepare: format!(
                "install -d -m 700 {FOLDER}\n\
                 (umask 077; openssl rand -base64 32 > {FOLDER}/{slug}.password)"
            ),
            init: format!("{run}\nrestic init"),
            backup: "restic backup /srv".into(),
            check: "restic check --read-data-subset=5%".into(),
            older: format!(
                "restic --cacert {FOLDER}/countersign-ca.pem -p {FOLDER}/{slug}.password \\\n  -r {with_user} backup /srv"
            ),
            service: format!(
                "[Unit]\nDescription=Backup of {slug}\nWants=network-online.target\nAfter=network-online.target\n\n\
                 [Service]\nType=oneshot\nEnvironmentFile={file}\nExecStart=/usr/bin/restic backup /srv\n"
            ),
            timer: format!(
                "[Unit]\nDescription=Backup of {slug} every night\n\n\
                 [Timer]\nOnCalendar=*-*-* 02:00:00\nRandomizedDelaySec=30min\nPersistent=true\n\n\
                 [Install]\nWantedBy=timers.target\n"
            ),
            enable: format!("systemctl daemon-reload\nsystemctl enable --now {unit}.timer"),
            file,
            unit,
        }
    }
}

/// A name that needs no quotes in a shell, in a path and in a unit.
fn slug(name: &str, label: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let joined = if label.is_empty() { name.to_string() } else { format!("{name}-{label}") };
    let slug: String = joined.chars().map(allowed).take(40).collect();
    match slug.trim_matches('-') {
        "" => "backup".into(),
        slug => slug.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_a_command() {
        for (name, expected) in
            [("db1", "db1"), ("a b; rm -rf /", "a-b--rm--rf"), ("…", "backup"), ("$(id)", "id")]
        {
            assert_eq!(slug(name, ""), expected);
        }
        assert_eq!(slug("srv", "Home.1"), "srv-home-1");
    }
}
