//! Which of its names a client used for this server. Token audiences and the addresses in answers follow it.

/// The addresses that clients may use.
#[derive(Clone, Debug)]
pub struct Origins {
    /// The port of ARM and sign-in.
    pub arm_port: u16,
    /// The port of Graph.
    pub graph_port: u16,
    /// The configured public name, besides localhost and the loopback addresses.
    pub public_name: Option<String>,
}

/// The two origins of this server under the name that a client used, without trailing slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// ARM and sign-in.
    pub arm: String,
    /// Graph.
    pub graph: String,
}

impl Origins {
    /// The origins under the name of a `Host` header; `None` for a name that is not ours, so that nobody can make this
    /// server hand out addresses of another one.
    pub fn of_host(&self, host: &str) -> Option<Origin> {
        let name = match host.strip_prefix('[') {
            Some(rest) => host.get(..rest.find(']')? + 2)?,
            None => host.split(':').next()?,
        };
        self.names().any(|known| known.eq_ignore_ascii_case(name)).then(|| self.of_name(name))
    }

    /// All origins of ARM and sign-in, without trailing slashes.
    pub fn arm(&self) -> Vec<String> {
        self.names().map(|name| self.of_name(name).arm).collect()
    }

    /// All origins of Graph, without trailing slashes.
    pub fn graph(&self) -> Vec<String> {
        self.names().map(|name| self.of_name(name).graph).collect()
    }

    /// The origin that the server names itself by.
    pub fn preferred(&self) -> Origin {
        self.of_name(self.public_name.as_deref().unwrap_or("127.0.0.1"))
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        ["localhost", "127.0.0.1", "[::1]"].into_iter().chain(self.public_name.as_deref())
    }

    fn of_name(&self, name: &str) -> Origin {
        let name = name.to_ascii_lowercase();
        Origin { arm: origin(&name, self.arm_port), graph: origin(&name, self.graph_port) }
    }
}

fn origin(name: &str, port: u16) -> String {
    if port == 443 { format!("https://{name}") } else { format!("https://{name}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins() -> Origins {
        Origins { arm_port: 8443, graph_port: 8444, public_name: Some("backup.example".into()) }
    }

    #[test]
    fn an_origin_follows_the_name_that_was_used() {
        for (host, arm) in [
            ("localhost:8443", "https://localhost:8443"),
            ("[::1]:8443", "https://[::1]:8443"),
            ("Backup.example:8443", "https://backup.example:8443"),
        ] {
            assert_eq!(origins().of_host(host).unwrap().arm, arm);
        }
        assert_eq!(origins().of_host("evil.example:8443"), None);
        assert_eq!(origins().of_host("["), None);
    }
}
