//! An SMTP server that keeps what it accepts, and a web server that keeps what it is sent; both can be told to refuse.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What was accepted.
#[derive(Clone, Debug)]
pub struct Mail {
    pub to: String,
    pub data: String,
}

impl Mail {
    /// A header, unfolded.
    pub fn header(&self, name: &str) -> String {
        let head = self.data.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ");
        let found = head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        found.unwrap_or_default().to_string()
    }
}

#[derive(Default)]
struct Kept {
    mails: Vec<Mail>,
    /// What is answered next, instead of yes: the command it is for, and the answer.
    refusals: VecDeque<(&'static str, &'static str)>,
    connections: usize,
}

/// An SMTP server on loopback.
pub struct Postbox {
    pub port: u16,
    kept: Arc<Mutex<Kept>>,
}

impl Postbox {
    pub fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, kept) = (listener.local_addr().unwrap().port(), Arc::new(Mutex::new(Kept::default())));
        let shared = Arc::clone(&kept);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                // A client that goes away is none of the test's business.
                std::thread::spawn(move || drop(converse(&stream, &shared)));
            }
        });
        Self { port, kept }
    }

    pub fn mails(&self) -> Vec<Mail> {
        self.kept.lock().unwrap().mails.clone()
    }

    /// Who got mail, sorted.
    pub fn recipients(&self) -> Vec<String> {
        let mut all: Vec<String> = self.mails().into_iter().map(|mail| mail.to).collect();
        all.sort();
        all
    }

    pub fn clear(&self) {
        self.kept.lock().unwrap().mails.clear();
    }

    pub fn connections(&self) -> usize {
        self.kept.lock().unwrap().connections
    }

    /// Answers the next command of this sort otherwise; `""` hangs up.
    pub fn refuse(&self, command: &'static str, answer: &'static str) {
        self.kept.lock().unwrap().refusals.push_back((command, answer));
    }
}

fn converse(stream: &TcpStream, kept: &Mutex<Kept>) -> std::io::Result<()> {
    let mut out = stream.try_clone()?;
    let mut lines = BufReader::new(stream);
    kept.lock().unwrap().connections += 1;
    out.write_all(b"220 postbox ESMTP\r\n")?;
    let mut to = String::new();
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        let mut answer = match verb.as_str() {
            "EHLO" => "250-postbox\r\n250 8BITMIME\r\n",
            "DATA" => "354 go on\r\n",
            "QUIT" => "221 bye\r\n",
            _ => "250 ok\r\n",
        };
        if verb == "RCPT" {
            to = line.split(['<', '>']).nth(1).unwrap_or_default().to_string();
        }
        if let Some(refusal) = refusal(kept, &verb) {
            answer = refusal;
        }
        if answer.is_empty() {
            return Ok(());
        }
        out.write_all(answer.as_bytes())?;
        if verb == "QUIT" {
            return Ok(());
        }
        if verb == "DATA" && answer.starts_with("354") {
            let data = read_data(&mut lines)?;
            // `.` stands for the end of the data: it is accepted, and yet nothing is answered.
            let lost = refusal(kept, ".");
            if lost.is_none_or(str::is_empty) {
                kept.lock().unwrap().mails.push(Mail { to: to.clone(), data });
            }
            match lost {
                Some("") => return Ok(()),
                answer => out.write_all(answer.unwrap_or("250 kept\r\n").as_bytes())?,
            }
        }
    }
}

fn refusal(kept: &Mutex<Kept>, command: &str) -> Option<&'static str> {
    let mut kept = kept.lock().unwrap();
    let next = kept.refusals.front().filter(|(of, _)| *of == command).map(|(_, answer)| *answer);
    if next.is_some() {
        kept.refusals.pop_front();
    }
    next
}

fn read_data(lines: &mut impl BufRead) -> std::io::Result<String> {
    let mut data = String::new();
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 || line == ".\r\n" {
            return Ok(data);
        }
        data.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}

/// A request to a webhook.
#[derive(Clone, Debug)]
pub struct Call {
    pub head: String,
    pub body: String,
}

impl Call {
    pub fn header(&self, name: &str) -> String {
        let of = |line: &str| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then(|| value.to_string())
        };
        self.head.lines().find_map(of).unwrap_or_default()
    }
}

/// A web server on loopback that answers with these statuses, and then 204.
pub struct Hook {
    pub port: u16,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Hook {
    pub fn open(statuses: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, calls) = (listener.local_addr().unwrap().port(), Arc::new(Mutex::new(Vec::new())));
        let shared = Arc::clone(&calls);
        std::thread::spawn(move || {
            let mut statuses = statuses.iter();
            for stream in listener.incoming().flatten() {
                let call = read_call(&stream).unwrap();
                shared.lock().unwrap().push(call);
                let status = statuses.next().unwrap_or(&"204 No Content");
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                (&stream).write_all(answer.as_bytes()).unwrap();
            }
        });
        Self { port, calls }
    }

    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

fn read_call(stream: &TcpStream) -> std::io::Result<Call> {
    let mut lines = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        lines.read_line(&mut head)?;
    }
    let mut call = Call { head, body: String::new() };
    let mut body = vec![0; call.header("content-length").parse().unwrap()];
    lines.read_exact(&mut body)?;
    call.body = String::from_utf8(body).unwrap();
    Ok(call)
}
