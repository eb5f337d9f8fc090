//! Requests to an S3 service: signed, sent, sent again, and what their answers say.
//!
//! What is signed, and how, is rusty-s3's matter. What it does not know (conditions, locks, versions) are headers and
//! parameters, which is why no larger client is here: those that take care of connections have no locks or no versions.

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::blocking::{Body, Client, RequestBuilder, Response};
use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Certificate, StatusCode, Url};
use rusty_s3::signing::sign;
use rusty_s3::{Bucket, Method, UrlStyle};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::bucket::BucketPlace;
use crate::error::StoreError;

/// How long a signature is good for, in seconds. It is made when the request is sent.
const SIGNED_FOR: u64 = 900;
/// How long an answer may take to begin, and each piece of it to come.
const PATIENCE: Duration = Duration::from_secs(30);
/// The slowest upload that is waited for, in bytes per second.
const SLOWEST: u64 = 128 << 10;
/// How often a request is sent, when the service does not answer or says that it cannot just now.
const ATTEMPTS: u32 = 4;
/// How long is waited before the second attempt; twice as long before each further one.
const PAUSE: Duration = Duration::from_millis(100);
/// The most that is read of an answer that is not an object.
const LONGEST_ANSWER: u64 = 16 << 20;

/// The requests to one bucket.
pub(super) struct Requests {
    client: Client,
    bucket: Bucket,
    place: BucketPlace,
}

/// One request.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    /// The object, or the empty name for the bucket.
    pub(super) key: &'a str,
    /// Sorted by name.
    pub(super) query: &'a [(&'a str, &'a str)],
    /// Sorted by name, in lower case.
    pub(super) headers: &'a [(&'static str, String)],
    pub(super) sent: Sent<'a>,
}

/// What goes along with a request.
#[derive(Clone, Copy)]
pub(super) enum Sent<'a> {
    Nothing,
    Text(&'a str),
    /// A file with so many bytes.
    File(&'a File, u64),
}

/// An answer of the service.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// How often the request was sent: whether an answer to it may have been lost.
    pub(super) attempts: u32,
    response: Response,
}

/// What the service says of an error.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Fault {
    pub(super) code: String,
    message: String,
}

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told())
    }
}

impl Requests {
    pub(super) fn new(place: &BucketPlace) -> Result<Self, StoreError> {
        let wrong =
            |what: &dyn fmt::Display| StoreError::Storage(format!("the bucket `{}`: {what}", place.name));
        let endpoint: Url = place.endpoint.parse().map_err(|error| wrong(&error))?;
        let style = if place.path_style { UrlStyle::Path } else { UrlStyle::VirtualHost };
        let bucket = Bucket::new(endpoint, style, place.name.clone(), place.region.clone())
            .map_err(|error| wrong(&error))?;
        let certificates = place.authority.as_deref().map(Certificate::from_pem_bundle).transpose();
        let certificates = certificates.map_err(|error| wrong(&error))?;
        let direct = place.is_here();
        // Not on a thread that serves: the client begins by waiting for its own.
        let client = std::thread::spawn(move || {
            let mut client = Client::builder().redirect(Policy::none()).timeout(PATIENCE);
            if direct {
                client = client.no_proxy();
            }
            if let Some(certificates) = certificates {
                client = client.tls_certs_merge(certificates);
            }
            client.build()
        });
        let client =
            client.join().map_err(|_| wrong(&"no client can be made"))?.map_err(|error| wrong(&error))?;
        Ok(Self { client, bucket, place: place.clone() })
    }

    /// Which bucket, for people.
    pub(super) fn told(&self) -> String {
        format!("the bucket `{}` at {}", self.place.name, self.place.endpoint)
    }

    /// Sends a request until it is answered. An answer that tells of an error is an answer, too.
    pub(super) fn send(&self, ask: &Ask<'_>) -> Result<Answer, StoreError> {
        let mut attempts = 1;
        loop {
            let why = match self.send_once(ask) {
                Ok(response) if !comes_back(response.status()) => {
                    let (status, headers) = (response.status(), response.headers().clone());
                    return Ok(Answer { status, headers, attempts, response });
                }
                Ok(response) => fault(response).to_string(),
                // Not with its address, which is signed.
                Err(error) => told(&error.without_url()),
            };
            if attempts == ATTEMPTS {
                return Err(StoreError::Storage(format!("{} does not answer: {why}", self.told())));
            }
            std::thread::sleep(PAUSE * 2_u32.pow(attempts - 1));
            attempts += 1;
        }
    }

    fn send_once(&self, ask: &Ask<'_>) -> reqwest::Result<Response> {
        let place = &self.place;
        let headers = ask.headers.iter().map(|(name, value)| (*name, value.as_str()));
        let (key, secret, token) = (&place.access_key, &place.secret_key, place.session_token.as_deref());
        let url = self.bucket.object_url(ask.key);
        let query = ask.query.iter().copied();
        let now = (place.clock)();
        let url = sign(&now, ask.method, url, key, secret, token, &place.region, SIGNED_FOR, query, headers);
        let request = match ask.method {
            Method::Head => self.client.head(url),
            Method::Get => self.client.get(url),
            Method::Post => self.client.post(url),
            Method::Put => self.client.put(url),
            Method::Delete => self.client.delete(url),
        };
        let add =
            |request: RequestBuilder, (name, value): &(&'static str, String)| request.header(*name, value);
        let request = ask.headers.iter().fold(request, add);
        match ask.sent {
            Sent::Nothing => request.send(),
            Sent::Text(text) => request.body(text.to_string()).send(),
            Sent::File(file, size) => match rewound(file) {
                Ok(file) => request.timeout(time_for(size)).body(Body::sized(file, size)).send(),
                // As an upload that breaks off: the service stores nothing.
                Err(error) => request.body(Body::sized(Failed(Some(error)), size)).send(),
            },
        }
    }

    /// What an answer says that is none of those that were expected.
    pub(super) fn unexpected(&self, what: &str, answer: Answer) -> StoreError {
        StoreError::Storage(format!("{} refuses {what}: {}", self.told(), fault(answer.response)))
    }

    /// What an answer says in XML.
    pub(super) fn read<T: DeserializeOwned>(&self, what: &str, answer: Answer) -> Result<T, StoreError> {
        let text = text(answer.response);
        let read = text.and_then(|text| quick_xml::de::from_str(&text).map_err(std::io::Error::other));
        read.map_err(|error| StoreError::Storage(format!("{} answers {what} with: {error}", self.told())))
    }
}

impl Answer {
    /// A header's value.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// What it says of an error.
    pub(super) fn fault(self) -> Fault {
        fault(self.response)
    }

    /// The bytes that come with it.
    pub(super) fn into_bytes(self) -> impl Read + Send {
        self.response
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message.as_str() {
            "" => f.write_str(&self.code),
            message => write!(f, "{}: {message}", self.code),
        }
    }
}

/// Whether an answer is worth asking again.
fn comes_back(status: StatusCode) -> bool {
    // 409: another request for the same name is under way. 501 stays as it is.
    let busy = [StatusCode::REQUEST_TIMEOUT, StatusCode::CONFLICT, StatusCode::TOO_MANY_REQUESTS];
    busy.contains(&status) || status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED
}

/// How long an upload may take until it is answered.
fn time_for(size: u64) -> Duration {
    PATIENCE + Duration::from_secs(size / SLOWEST)
}

/// The file from its beginning, for one reader at a time.
fn rewound(mut file: &File) -> std::io::Result<File> {
    file.rewind()?;
    file.try_clone()
}

/// A file that could not be read.
struct Failed(Option<std::io::Error>);

impl Read for Failed {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(self.0.take().unwrap_or_else(|| std::io::ErrorKind::Other.into()))
    }
}

fn text(response: Response) -> std::io::Result<String> {
    let mut text = String::new();
    response.take(LONGEST_ANSWER).read_to_string(&mut text)?;
    Ok(text)
}

fn fault(response: Response) -> Fault {
    let status = response.status();
    // An answer to HEAD has no words.
    let said = text(response).ok().and_then(|text| quick_xml::de::from_str::<Fault>(&text).ok());
    said.filter(|fault| !fault.code.is_empty())
        .unwrap_or_else(|| Fault { code: status.to_string(), message: String::new() })
}

/// An error with what caused it, which says more.
fn told(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// The header that lets the service check what it got: a hash in hex becomes one in base 64.
pub(super) fn checksum(hash: &str) -> String {
    let digit = |at: usize| hash.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let bytes: Vec<u8> = (0..hash.len()).step_by(2).filter_map(digit).collect();
    STANDARD.encode(bytes)
}
