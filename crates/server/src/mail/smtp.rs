//! One connection to the SMTP server.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart, MultiPartKind, SinglePart};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{Certificate, SmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use reqwest::Url;
use store::{Content, Destination, Outgoing};

use super::worker::Outcome;
use crate::settings::{Protection, Smtp};

/// How long the server may take for each answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long it may take to accept a mail that it has in full: whoever gives up earlier sends it twice (RFC 5321, section
/// 4.5.3.2.6). The store's claim outlasts this and all time-outs before it.
const ACCEPTANCE: Duration = Duration::from_secs(4 * 60);
/// What a server says that wants somebody to sign in: that is no judgement about the mail.
const SIGN_IN: [u16; 4] = [530, 534, 535, 538];

/// A connection on which mails are sent.
pub(super) struct Line<'a> {
    connection: SmtpConnection,
    smtp: &'a Smtp,
}

impl<'a> Line<'a> {
    /// Connects, protects the connection, signs in.
    ///
    /// # Errors
    /// Says why not. None of it is about any one mail.
    pub(super) fn open(smtp: &'a Smtp, public_url: &str) -> Result<Self, String> {
        let why = |error: Error| format!("{smtp}: {error}");
        let hello = hello(public_url);
        let tls = tls(smtp).map_err(why)?;
        let server = (smtp.host.as_str(), smtp.port);
        let wrapped = tls.as_ref().filter(|_| smtp.protection == Protection::Tls);
        let mut connection =
            SmtpConnection::connect(server, Some(TIMEOUT), &hello, wrapped, None).map_err(why)?;
        if let Some(tls) = tls.as_ref().filter(|_| smtp.protection == Protection::StartTls) {
            connection.starttls(tls, &hello).map_err(why)?;
        }
        if let Some((user, password)) = &smtp.credentials {
            let credentials = Credentials::new(user.clone(), password.expose().to_string());
            connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).map_err(why)?;
        }
        Ok(Self { connection, smtp })
    }

    /// Sends one mail. After anything but a success the connection is used no more.
    pub(super) fn send(&mut self, outgoing: &Outgoing) -> Outcome {
        let message = match message(outgoing, &self.smtp.from) {
            Ok(message) => message,
            Err(why) => return Outcome::Refused(why),
        };
        match self.transfer(&message) {
            Ok(()) => Outcome::Sent,
            Err(error) => {
                self.connection.abort();
                let code = error.status().map(u16::from);
                match error.is_permanent() && code.is_none_or(|code| !SIGN_IN.contains(&code)) {
                    true => Outcome::Refused(error.to_string()),
                    false => Outcome::Later(error.to_string()),
                }
            }
        }
    }

    fn transfer(&mut self, message: &Message) -> Result<(), Error> {
        let (envelope, connection) = (message.envelope(), &mut self.connection);
        connection.command(Mail::new(envelope.from().cloned(), Vec::new()))?;
        for to in envelope.to() {
            connection.command(Rcpt::new(to.clone(), Vec::new()))?;
        }
        connection.command(Data)?;
        // Should that fail, the shorter time-out stays, which is safe as well.
        drop(connection.set_timeout(Some(ACCEPTANCE)));
        connection.message(&message.formatted())?;
        drop(connection.set_timeout(Some(TIMEOUT)));
        Ok(())
    }

    /// Says goodbye.
    pub(super) fn close(mut self) {
        if !self.connection.has_broken() {
            // Everything that matters was answered before.
            drop(self.connection.quit());
        }
    }
}

fn tls(smtp: &Smtp) -> Result<Option<TlsParameters>, Error> {
    if smtp.protection == Protection::Plaintext {
        return Ok(None);
    }
    let mut tls = TlsParameters::builder(smtp.host.clone());
    if let Some(pem) = &smtp.authority {
        tls = tls.add_root_certificate(Certificate::from_pem(pem)?);
    }
    tls.build().map(Some)
}

/// What the server calls itself: the name in its public address.
fn hello(public_url: &str) -> ClientId {
    let url = Url::parse(public_url).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or("localhost").trim_matches(['[', ']']);
    match host.parse() {
        Ok(IpAddr::V4(address)) => ClientId::Ipv4(address),
        Ok(IpAddr::V6(address)) => ClientId::Ipv6(address),
        Err(_) => ClientId::Domain(host.to_string()),
    }
}

/// The mail, byte for byte the same in every attempt: date, id and boundary follow from what is in the outbox.
fn message(outgoing: &Outgoing, from: &Mailbox) -> Result<Message, String> {
    let (Destination::Mailbox { name, address }, Content::Mail { text, html }) =
        (&outgoing.to, &outgoing.content)
    else {
        return Err("this is no mail".into());
    };
    let address = address.parse().map_err(|error| format!("`{address}` is no mail address: {error}"))?;
    let name = super::story::one_line(name);
    let id = outgoing.id();
    let parts = MultiPart::builder()
        .kind(MultiPartKind::Alternative)
        .boundary(format!("=_{id}"))
        .singlepart(SinglePart::plain(text.clone()))
        .singlepart(SinglePart::html(html.clone()));
    let mut message = Message::builder()
        .from(from.clone())
        .to(Mailbox::new((!name.is_empty()).then_some(name), address))
        .subject(super::story::one_line(&outgoing.subject))
        .date(SystemTime::from(outgoing.created))
        .message_id(Some(format!("<{id}@{}>", from.email.domain())))
        .multipart(parts)
        .map_err(|error| format!("the mail cannot be put together: {error}"))?;
    // So that no program answers it (RFC 3834), Exchange's included.
    for (name, value) in [("Auto-Submitted", "auto-generated"), ("X-Auto-Response-Suppress", "All")] {
        if let Ok(name) = HeaderName::new_from_ascii(name.into()) {
            message.headers_mut().insert_raw(HeaderValue::new(name, value.into()));
        }
    }
    Ok(message)
}

/// Sends a mail that says that mail works, past the outbox.
///
/// # Errors
/// Says why it did not.
pub fn test_mail(smtp: &Smtp, public_url: &str, to: &str, now: Timestamp) -> Result<(), String> {
    let text =
        format!("This mail was sent by `countersign mail test`, over {smtp}. Nothing else happened.\n");
    let html = format!(
        "<p>This mail was sent by <code>countersign mail test</code>, over {smtp}. Nothing else happened.</p>"
    );
    let outgoing = Outgoing::new(
        format!("test/{}/{to}", now.as_microsecond()),
        Destination::Mailbox { name: String::new(), address: to.into() },
        "Countersign can send mail".into(),
        Content::Mail { text, html },
        now,
    );
    let mut line = Line::open(smtp, public_url)?;
    let outcome = line.send(&outgoing);
    line.close();
    match outcome {
        Outcome::Sent => Ok(()),
        Outcome::Later(why) | Outcome::Refused(why) => Err(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formatted(name: &str, subject: &str) -> String {
        let to = Destination::Mailbox { name: name.into(), address: "sam@fabsec.example".into() };
        let content = Content::Mail { text: "Grüße\n".into(), html: "<p>Grüße</p>".into() };
        let at = "2026-02-01T09:00:00Z".parse().unwrap();
        let outgoing = Outgoing::new("n".into(), to, subject.into(), content, at);
        let from = "Countersign <c@fabsec.example>".parse().unwrap();
        String::from_utf8(message(&outgoing, &from).unwrap().formatted()).unwrap()
    }

    fn headers(mail: &str) -> Vec<&str> {
        mail.split("\r\n\r\n").next().unwrap().split("\r\n").filter(|line| !line.starts_with(' ')).collect()
    }

    #[test]
    fn a_mail_is_the_same_in_every_attempt() {
        let mail = formatted("Sam", "Approval needed");
        assert_eq!(mail, formatted("Sam", "Approval needed"));
        for line in ["Date: Sun, 01 Feb 2026 09:00:00 +0000", "Auto-Submitted: auto-generated"] {
            assert!(headers(&mail).contains(&line), "{mail}");
        }
        let id = headers(&mail).into_iter().find(|line| line.starts_with("Message-ID: <")).unwrap().len();
        assert_eq!(id, "Message-ID: <@fabsec.example>".len() + 32);
    }

    #[test]
    fn nobody_adds_a_header_by_what_they_are_called() {
        let evil = "Sam\r\nBcc: eve@evil.example\r\n\r\nbody";
        let mail = formatted(evil, evil);
        let names: Vec<&str> =
            headers(&mail).iter().filter_map(|line| line.split_once(':')).map(|h| h.0).collect();
        assert!(!names.contains(&"Bcc"), "{mail}");
        let expected = formatted("Sam", "s");
        assert_eq!(names.len(), headers(&expected).len());
    }

    #[test]
    fn headers_are_ascii_whatever_people_are_called() {
        let mail = formatted("Jürgen Müßig", "Jürgen möchte 🔑");
        let head = mail.split("\r\n\r\n").next().unwrap();
        assert!(head.is_ascii() && head.contains("=?utf-8?b?"), "{head}");
    }

    #[test]
    fn it_introduces_itself_by_its_public_name() {
        assert_eq!(hello("https://b.example:8443").to_string(), "b.example");
        assert_eq!(hello("https://127.0.0.1:8443").to_string(), "[127.0.0.1]");
        assert_eq!(hello("https://[::1]:8443").to_string(), "[IPv6:::1]");
    }
}
