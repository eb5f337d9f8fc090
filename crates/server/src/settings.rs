//! The configuration file (`--config FILE`, TOML): where mail and webhooks go, and what holds the repositories.
//!
//! ```toml
//! public_url = "https://backup.example:8443"   # where links in mails lead; default: this server's own address
//!
//! [mail]
//! smtp = "smtps://countersign@mail.example"    # or smtp+starttls://…, or smtp://… on this machine
//! password = { file = "/etc/countersign/smtp-password" }
//! from = "Countersign <countersign@mail.example>"
//!
//! [[webhook]]
//! name = "security-team"
//! kind = "slack"                               # or teams, or json
//! url = { file = "/etc/countersign/slack-url" }
//!
//! [scrub]                                      # verifying all that is stored, over and over
//! bytes_per_second = 10485760                  # the most that is read for it
//! days = 30                                    # from the beginning of one pass to that of the next
//! ```
//!
//! `[storage]` is in [`storage`].
//!
//! Every key is known or an error. Secrets can stand in files or environment variables of their own.

mod storage;

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::num::{NonZeroU16, NonZeroU64};
use std::path::{Path, PathBuf};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use lettre::message::Mailbox;
use reqwest::Url;
use serde::Deserialize;
use toml::Spanned;

pub use self::storage::BucketSettings;
use self::storage::StorageEntry;
use crate::scrub::Pace;
use crate::toml_file::{FileError, SecretEntry, Span, TomlFile};

/// Where a signing secret begins that is written as the Standard Webhooks specification has it.
const SECRET_PREFIX: &str = "whsec_";
/// The shortest signing secret, in bytes, as in that specification.
const SHORTEST_SECRET: usize = 24;

/// What the configuration file says.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Where links lead, without a trailing slash.
    pub public_url: Option<String>,
    /// Where mail goes; without one it stays in the outbox.
    pub smtp: Option<Smtp>,
    /// Where events are told besides.
    pub webhooks: Vec<Webhook>,
    /// The bucket that holds the repositories, if no folder does.
    pub bucket: Option<BucketSettings>,
    /// How what is stored is verified.
    pub scrub: Pace,
}

/// How a connection to the SMTP server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// TLS from the first byte.
    Tls,
    /// TLS after STARTTLS, and nothing without it.
    StartTls,
    /// None.
    Plaintext,
}

/// An SMTP server.
#[derive(Clone, Debug)]
pub struct Smtp {
    /// The host, by which its certificate is checked, too.
    pub host: String,
    /// The port.
    pub port: u16,
    /// How the connection is protected.
    pub protection: Protection,
    /// Who signs in, and with what.
    pub credentials: Option<(String, Secret)>,
    /// Whom mails come from.
    pub from: Mailbox,
    /// A certificate authority, in PEM, that is trusted besides those of the system.
    pub authority: Option<Vec<u8>>,
}

impl fmt::Display for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.protection {
            Protection::Tls => "smtps",
            Protection::StartTls => "smtp+starttls",
            Protection::Plaintext => "smtp",
        };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

/// What a webhook's other side takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WebhookKind {
    /// An incoming webhook of Slack.
    Slack,
    /// A workflow of Teams that posts a card.
    Teams,
    /// A program: the event as JSON.
    Json,
}

/// A webhook.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// What it is called in the outbox and in the log.
    pub name: String,
    /// Where requests go. For some services the address is all that it takes to post.
    pub url: Secret,
    /// What the other side takes.
    pub kind: WebhookKind,
    /// What requests are signed with.
    pub key: Option<SigningSecret>,
}

/// Text that neither logs nor errors show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// A key that requests are signed with.
#[derive(Clone)]
pub struct SigningSecret(hmac::Key);

impl SigningSecret {
    /// Reads a secret: `whsec_` and base64, as in the Standard Webhooks specification, or any text.
    fn parse(text: &str) -> Result<Self, String> {
        let bytes = match text.strip_prefix(SECRET_PREFIX) {
            Some(encoded) => {
                STANDARD.decode(encoded).map_err(|_| "what follows `whsec_` is not base64".to_string())?
            }
            None => text.as_bytes().to_vec(),
        };
        if bytes.len() < SHORTEST_SECRET {
            return Err(format!("the secret is shorter than {SHORTEST_SECRET} bytes, which can be guessed"));
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// The `webhook-signature` of a request, as in that specification.
    pub fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let tag = hmac::sign(&self.0, format!("{id}.{timestamp}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(tag))
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret")
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    public_url: Option<Spanned<String>>,
    mail: Option<Spanned<MailEntry>>,
    #[serde(default)]
    webhook: Vec<Spanned<WebhookEntry>>,
    storage: Option<Spanned<StorageEntry>>,
    scrub: Option<ScrubEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScrubEntry {
    bytes_per_second: Option<NonZeroU64>,
    days: Option<NonZeroU16>,
}

impl ScrubEntry {
    fn pace(&self) -> Pace {
        let default = Pace::default();
        Pace {
            bytes_per_second: self.bytes_per_second.map_or(default.bytes_per_second, NonZeroU64::get),
            every: self
                .days
                .map_or(default.every, |days| SignedDuration::from_hours(24 * i64::from(days.get()))),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MailEntry {
    smtp: String,
    password: Option<SecretEntry>,
    from: String,
    authority: Option<PathBuf>,
    #[serde(default)]
    allow_plaintext: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookEntry {
    name: String,
    url: SecretEntry,
    kind: WebhookKind,
    secret: Option<SecretEntry>,
}

impl Settings {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// When the file makes no sense, naming the line.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let file = TomlFile::read(path)?;
        Self::of(file.parse()?).map_err(|(span, what)| file.wrong(&span, what))
    }

    fn of(file: File) -> Result<Self, (Span, String)> {
        let public_url =
            file.public_url.map(|url| public_origin(url.get_ref()).map_err(|what| (url.span(), what)));
        let smtp = file.mail.map(|mail| Smtp::read(mail.get_ref()).map_err(|what| (mail.span(), what)));
        let mut names = BTreeSet::new();
        let mut webhooks = Vec::new();
        for entry in &file.webhook {
            let webhook = Webhook::read(entry.get_ref()).map_err(|what| (entry.span(), what))?;
            if !names.insert(webhook.name.clone()) {
                return Err((entry.span(), format!("there are two webhooks called `{}`", webhook.name)));
            }
            webhooks.push(webhook);
        }
        let bucket = file.storage.map(|storage| {
            BucketSettings::read(storage.get_ref(), |name| std::env::var(name).ok())
                .map_err(|what| (storage.span(), what))
        });
        let bucket = bucket.transpose()?.flatten();
        let scrub = file.scrub.as_ref().map(ScrubEntry::pace).unwrap_or_default();
        Ok(Self { public_url: public_url.transpose()?, smtp: smtp.transpose()?, webhooks, bucket, scrub })
    }

    /// What a server says at start: where mail goes, and which webhooks there are.
    pub fn summary(&self) -> String {
        let mail = match &self.smtp {
            Some(smtp) => format!("mail is on: {smtp}, from {}", smtp.from),
            None => "mail is off: without an SMTP server in the configuration it stays in the outbox".into(),
        };
        match self.webhooks.as_slice() {
            [] => mail,
            webhooks => {
                let names: Vec<&str> = webhooks.iter().map(|webhook| webhook.name.as_str()).collect();
                format!("{mail}; webhooks: {}", names.join(", "))
            }
        }
    }
}

/// A public address: an origin, to which paths are added.
fn public_origin(text: &str) -> Result<String, String> {
    let wrong = || format!("`public_url` is `{text}`, and must be like https://backup.example:8443");
    let url = Url::parse(text).map_err(|_| wrong())?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if url.scheme() != "https" || !bare || !url.username().is_empty() || url.password().is_some() {
        return Err(wrong());
    }
    Ok(url.as_str().trim_end_matches('/').to_string())
}

impl Smtp {
    fn read(entry: &MailEntry) -> Result<Self, String> {
        // Not repeated in full: somebody may have put the password there.
        let wrong = || "`smtp` must be like smtps://user@mail.example:465".to_string();
        let url = Url::parse(&entry.smtp).map_err(|_| wrong())?;
        let (protection, port) = match url.scheme() {
            "smtps" => (Protection::Tls, 465),
            "smtp+starttls" => (Protection::StartTls, 587),
            "smtp" => (Protection::Plaintext, 25),
            _ => return Err(format!("{}, or smtp+starttls://, or smtp:// on this machine", wrong())),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(wrong)?.to_string();
        if url.password().is_some() {
            return Err("the password does not belong into the address: name it in `password`".into());
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(wrong());
        }
        if protection == Protection::Plaintext && !is_loopback(&host) && !entry.allow_plaintext {
            return Err(format!(
                "mail to `{host}` would travel in plain text: use smtps:// or smtp+starttls://, or say \
                 `allow_plaintext = true`"
            ));
        }
        let credentials = credentials(&url, entry)?;
        if protection == Protection::Plaintext && credentials.is_some() && !is_loopback(&host) {
            return Err(format!("the password would travel to `{host}` in plain text, which is never done"));
        }
        let from = entry
            .from
            .parse()
            .map_err(|_| format!("`from` is `{}`, and must be like Countersign <a@b.example>", entry.from))?;
        let authority = entry.authority.as_ref().map(|file| {
            std::fs::read(file).map_err(|error| format!("`{}` cannot be read: {error}", file.display()))
        });
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_string(),
            port: url.port().unwrap_or(port),
            protection,
            credentials,
            from,
            authority: authority.transpose()?,
        })
    }
}

fn credentials(url: &Url, entry: &MailEntry) -> Result<Option<(String, Secret)>, String> {
    let user = percent_encoding::percent_decode_str(url.username())
        .decode_utf8()
        .map_err(|_| "the user name in `smtp` is not UTF-8".to_string())?;
    match (user.is_empty(), &entry.password) {
        (true, None) => Ok(None),
        (false, Some(password)) => Ok(Some((user.into_owned(), Secret(password.read()?)))),
        (false, None) => Err("`smtp` names a user, and there is no `password`".into()),
        (true, Some(_)) => {
            Err("there is a `password`, and `smtp` names no user: smtps://user@mail.example".into())
        }
    }
}

impl Webhook {
    fn read(entry: &WebhookEntry) -> Result<Self, String> {
        let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if entry.name.is_empty() || entry.name.len() > 64 || !entry.name.chars().all(fine) {
            return Err("the `name` of a webhook is made of letters, digits, '-', '_' and '.'".into());
        }
        let url = entry.url.read()?;
        // Not repeated: it may be a secret.
        let wrong = || "`url` must be like https://hooks.example/path; http only on this machine".to_string();
        let parsed = Url::parse(&url).map_err(|_| wrong())?;
        let host = parsed.host_str().ok_or_else(wrong)?;
        if parsed.scheme() != "https" && !(parsed.scheme() == "http" && is_loopback(host)) {
            return Err(wrong());
        }
        let key = entry.secret.as_ref().map(|secret| SigningSecret::parse(&secret.read()?)).transpose()?;
        if entry.kind == WebhookKind::Json && key.is_none() {
            return Err(
                "a webhook of the kind `json` needs a `secret`, by which the other side can tell that \
                        requests are from this server"
                    .into(),
            );
        }
        Ok(Self { name: entry.name.clone(), url: Secret(url), kind: entry.kind, key })
    }
}

/// Whether a host is this machine.
pub fn is_loopback(host: &str) -> bool {
    let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    host.eq_ignore_ascii_case("localhost") || address.is_some_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Result<Settings, (Span, String)> {
        let told = |error: toml::de::Error| (error.span().unwrap_or_default(), error.message().to_string());
        Settings::of(toml::from_str(text).map_err(told)?)
    }

    fn mail(lines: &str) -> Result<Smtp, String> {
        let text = format!("[mail]\nfrom = \"Countersign <c@fabsec.example>\"\n{lines}\n");
        settings(&text).map(|settings| settings.smtp.unwrap()).map_err(|(_, what)| what)
    }

    fn webhook(lines: &str) -> Result<Webhook, String> {
        let text = format!("[[webhook]]\nname = \"a\"\n{lines}\n");
        settings(&text).map(|settings| settings.webhooks[0].clone()).map_err(|(_, what)| what)
    }

    #[test]
    fn an_address_says_how_the_connection_is_protected() {
        let cases = [
            ("smtps://mail.example", Protection::Tls, 465),
            ("smtp+starttls://mail.example", Protection::StartTls, 587),
            ("smtp://127.0.0.1", Protection::Plaintext, 25),
            ("smtp://[::1]:2525", Protection::Plaintext, 2525),
            ("smtp://localhost:25", Protection::Plaintext, 25),
        ];
        for (address, protection, port) in cases {
            let smtp = mail(&format!("smtp = \"{address}\"")).unwrap();
            assert_eq!((smtp.protection, smtp.port), (protection, port), "{address}");
        }
        let smtp = mail("smtp = \"smtps://us%40er@m.example\"\npassword = \"geheim\"").unwrap();
        let (user, password) = smtp.credentials.clone().unwrap();
        assert_eq!((user.as_str(), password.expose()), ("us@er", "geheim"));
        assert!(!format!("{smtp:?} {smtp}").contains("geheim"));
    }

    #[test]
    fn what_would_leak_or_makes_no_sense_is_refused() {
        let cases = [
            ("smtp = \"smtp://mail.example\"", "plain text"),
            ("smtp = \"smtp://u@mail.example\"\npassword = \"p\"\nallow_plaintext = true", "never"),
            ("smtp = \"smtps://u:p@mail.example\"", "does not belong"),
            ("smtp = \"smtps://u@mail.example\"", "no `password`"),
            ("smtp = \"smtps://mail.example\"\npassword = \"p\"", "no user"),
            ("smtp = \"https://mail.example\"", "smtps://"),
            ("smtp = \"mail.example\"", "smtps://"),
            ("smtp = \"smtps://mail.example\"\npasword = \"p\"", "unknown field"),
        ];
        for (lines, why) in cases {
            let refused = mail(lines).unwrap_err();
            assert!(refused.contains(why), "{lines}: {refused}");
        }
        assert!(mail("smtp = \"smtp://mail.example\"\nallow_plaintext = true").is_ok());
    }

    #[test]
    fn webhooks_are_private_signed_and_named_once() {
        let secret = "secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"";
        assert!(webhook(&format!("url = \"https://h.example/x\"\nkind = \"json\"\n{secret}")).is_ok());
        assert!(webhook("url = \"http://127.0.0.1:9/x\"\nkind = \"slack\"").is_ok());
        let cases = [
            ("url = \"http://h.example/x\"\nkind = \"slack\"", "https://"),
            ("url = \"https://h.example/x\"\nkind = \"json\"", "secret"),
            ("url = \"https://h.example/x\"\nkind = \"json\"\nsecret = \"short\"", "24 bytes"),
            ("url = \"https://h.example/x\"\nkind = \"irc\"", "unknown variant"),
            ("url = \"ftp://h.example/x\"\nkind = \"slack\"", "https://"),
        ];
        for (lines, why) in cases {
            let refused = webhook(lines).unwrap_err();
            assert!(refused.contains(why) && !refused.contains("h.example"), "{lines}: {refused}");
        }
        let one = "[[webhook]]\nname = \"a\"\nurl = \"https://h.example\"\nkind = \"slack\"\n";
        let (span, why) = settings(&format!("{one}{one}")).unwrap_err();
        assert!(span.start > 0 && why.contains("two webhooks"));
    }

    /// The example of the Standard Webhooks specification.
    #[test]
    fn signatures_are_those_of_the_specification() {
        let key = SigningSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = r#"{"test": 2432232314}"#;
        let signature = key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn links_lead_to_an_origin() {
        let url = |url: &str| settings(&format!("public_url = \"{url}\"")).map(|s| s.public_url);
        assert_eq!(url("https://b.example:8443/").unwrap().unwrap(), "https://b.example:8443");
        for bad in ["http://b.example", "https://b.example/x", "https://u@b.example", "b.example"] {
            assert!(url(bad).is_err(), "{bad}");
        }
        assert!(settings("nonsense = 1").is_err());
    }
}
