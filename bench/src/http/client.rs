//! A client that does as little as possible: HTTP/1.1 over TLS, connections that stay open, requests that were put together
//! beforehand. It runs in a process of its own, so that what it costs is not counted as the server's threads'.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// One request, as text.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// What a load consists of. Each client sends its own requests, one after the other, over and over.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    pub address: SocketAddr,
    pub ca: PathBuf,
    pub clients: Vec<Vec<Request>>,
    pub seconds: f64,
}

/// What came of a load.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Outcome {
    pub requests: u64,
    pub per_second: f64,
    /// Microseconds.
    pub p50: f64,
    /// Microseconds.
    pub p99: f64,
    /// Processor time of the process that serves, in microseconds per request.
    #[serde(default)]
    pub cpu: f64,
}

/// Runs a load in another process, which is this program with the argument `load`.
pub fn load(plan: &Plan) -> anyhow::Result<Outcome> {
    let before = cpu_seconds()?;
    let mut child = Command::new(std::env::current_exe()?)
        .arg("load")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("the load cannot be started")?;
    let mut input = child.stdin.take().context("the load has no input")?;
    input.write_all(&serde_json::to_vec(plan)?)?;
    drop(input);
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "the load failed");
    let outcome: Outcome = serde_json::from_slice(&output.stdout)?;
    let cpu = (cpu_seconds()? - before) * 1e6 / outcome.requests as f64;
    Ok(Outcome { cpu, ..outcome })
}

/// Processor time that this process has used so far.
fn cpu_seconds() -> anyhow::Result<f64> {
    /// How finely the kernel counts, in ticks per second; the same on every Linux.
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(") ").context("an unreadable /proc/self/stat")?;
    let field = |number: usize| fields.split(' ').nth(number).and_then(|ticks| ticks.parse::<f64>().ok());
    Ok((field(11).context("no utime")? + field(12).context("no stime")?) / TICKS)
}

/// The other side of [`load`].
pub fn run_load() -> anyhow::Result<()> {
    let plan: Plan = serde_json::from_reader(std::io::stdin())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(drive(plan))?;
    serde_json::to_writer(std::io::stdout(), &outcome)?;
    Ok(())
}

async fn drive(plan: Plan) -> anyhow::Result<Outcome> {
    let mut connections = Vec::new();
    for requests in &plan.clients {
        let mut connection = Connection::open(plan.address, &plan.ca).await?;
        // Warms up the connection, and says early what is wrong with a request.
        for request in requests {
            connection.ask(&connection.bytes(request)).await?;
        }
        connections.push(connection);
    }
    let start = Instant::now();
    let end = start + Duration::from_secs_f64(plan.seconds);
    let mut tasks = Vec::new();
    for (mut connection, requests) in connections.into_iter().zip(plan.clients) {
        let requests: Vec<Vec<u8>> = requests.iter().map(|request| connection.bytes(request)).collect();
        tasks.push(tokio::spawn(async move {
            let mut times = Vec::new();
            let mut before = Instant::now();
            for request in requests.iter().cycle() {
                connection.ask(request).await?;
                let now = Instant::now();
                times.push((now - before).as_secs_f64() * 1e6);
                before = now;
                if now >= end {
                    break;
                }
            }
            anyhow::Ok(times)
        }));
    }
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await??);
    }
    let elapsed = start.elapsed().as_secs_f64();
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    let requests = times.len() as u64;
    Ok(Outcome { requests, per_second: requests as f64 / elapsed, p50: at(0.5), p99: at(0.99), cpu: 0.0 })
}

/// One connection to a server.
pub struct Connection {
    stream: TlsStream<TcpStream>,
    host: String,
    buffer: Vec<u8>,
}

impl Connection {
    pub async fn open(address: SocketAddr, ca: &Path) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca)?)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::IpAddress(address.ip().into());
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        Ok(Self { stream, host: address.to_string(), buffer: vec![0; 64 << 10] })
    }

    /// A request as bytes.
    pub fn bytes(&self, request: &Request) -> Vec<u8> {
        let Request { method, path, headers, body } = request;
        let mut text = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n", self.host);
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += &format!("content-length: {}\r\n\r\n{body}", body.len());
        text.into_bytes()
    }

    /// Sends a request and reads the answer's body. Every status but a good one is an error.
    pub async fn ask(&mut self, request: &[u8]) -> anyhow::Result<&str> {
        let (status, body) = self.exchange(request).await?;
        if !(200..300).contains(&status) {
            bail!("status {status}: {}", self.text(body));
        }
        Ok(self.text(body))
    }

    /// Sends a request; the answer's status and body.
    pub async fn status(&mut self, request: &[u8]) -> anyhow::Result<(u16, &str)> {
        let (status, body) = self.exchange(request).await?;
        Ok((status, self.text(body)))
    }

    fn text(&self, range: std::ops::Range<usize>) -> &str {
        std::str::from_utf8(&self.buffer[range]).unwrap_or("(not text)")
    }

    async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<(u16, std::ops::Range<usize>)> {
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[filled..]).await?;
            ensure!(read > 0, "the server closed the connection");
            filled += read;
            let answer = &self.buffer[..filled];
            let Some(head) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
            let head = std::str::from_utf8(&answer[..head + 4])?;
            let body = head.len()..head.len() + content_length(head)?;
            if filled >= body.end {
                let status = head.split(' ').nth(1).context("an answer without a status")?.parse()?;
                return Ok((status, body));
            }
            ensure!(body.end <= self.buffer.len(), "an answer larger than the buffer");
        }
    }
}

fn content_length(head: &str) -> anyhow::Result<usize> {
    for line in head.lines() {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            return Ok(value.trim().parse()?);
        }
    }
    Ok(0)
}
