//! Stands between a store and its database, and loses what it is told to lose.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex};

/// How the store's commits begin.
const COMMIT: &[u8] = b"SELECT 1; COMMIT";

/// What becomes of the next commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// It does not arrive, and the database sees the connection end.
    Before,
    /// It arrives; the answer does not.
    Answer,
    /// It arrives late: the store's connection ends first, and the commit goes on when [`Proxy::release`] is called.
    Late,
}

#[derive(Default)]
struct State {
    loss: Option<Loss>,
    /// Nobody is let through.
    down: bool,
    connections: Vec<TcpStream>,
    held: usize,
    released: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// The proxy. It lives as long as the test's process.
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
}

impl Proxy {
    /// Stands before the database at `server`.
    pub fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if accepting.state.lock().unwrap().down {
                    continue;
                }
                let server = TcpStream::connect(server).unwrap();
                let mut state = accepting.state.lock().unwrap();
                state.connections.extend([client.try_clone().unwrap(), server.try_clone().unwrap()]);
                drop(state);
                forward(&accepting, client, server);
            }
        });
        Self { shared, address }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Loses something about the next commit.
    pub fn lose(&self, loss: Loss) {
        self.shared.state.lock().unwrap().loss = Some(loss);
    }

    /// Ends all connections, and takes none until told otherwise.
    pub fn set_down(&self, down: bool) {
        let mut state = self.shared.state.lock().unwrap();
        state.down = down;
        if down {
            for connection in state.connections.drain(..) {
                let _ = connection.shutdown(Shutdown::Both);
            }
        }
    }

    /// Waits until a commit is held.
    pub fn wait_for_held(&self) {
        let state = self.shared.state.lock().unwrap();
        drop(self.shared.changed.wait_while(state, |state| state.held == 0).unwrap());
    }

    /// Lets the commit go on that is held.
    pub fn release(&self) {
        self.shared.state.lock().unwrap().released = true;
        self.shared.changed.notify_all();
    }
}

fn forward(shared: &Arc<Shared>, client: TcpStream, server: TcpStream) {
    // The store's side is told what the database's side says, unless that is to be lost.
    let (lost, answers): (SyncSender<()>, Receiver<()>) = sync_channel(1);
    let (mut from_server, mut to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    std::thread::spawn(move || {
        let mut buffer = [0; 64 << 10];
        while let Ok(read @ 1..) = from_server.read(&mut buffer) {
            if answers.try_recv().is_ok() {
                break;
            }
            if to_client.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        let _ = to_client.shutdown(Shutdown::Both);
        let _ = from_server.shutdown(Shutdown::Both);
    });
    let shared = Arc::clone(shared);
    std::thread::spawn(move || {
        let _ = pump(&shared, &client, &server, &lost);
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
    });
}

/// Forwards what the store says, up to a commit that is to be lost.
fn pump(
    shared: &Shared,
    mut client: &TcpStream,
    mut server: &TcpStream,
    lost: &SyncSender<()>,
) -> io::Result<()> {
    let mut buffer = [0; 64 << 10];
    loop {
        let read = client.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        let is_commit = buffer[..read].windows(COMMIT.len()).any(|part| part == COMMIT);
        let loss = shared.state.lock().unwrap().loss.take_if(|_| is_commit);
        match loss {
            None => server.write_all(&buffer[..read])?,
            Some(Loss::Before) => return Ok(()),
            Some(Loss::Answer) => {
                lost.send(()).unwrap();
                server.write_all(&buffer[..read])?;
                // The other side ends the connection when the answer has come.
                client.read_exact(&mut [0])?;
            }
            Some(Loss::Late) => {
                lost.send(()).unwrap();
                client.shutdown(Shutdown::Both)?;
                let mut state = shared.state.lock().unwrap();
                state.held += 1;
                shared.changed.notify_all();
                drop(shared.changed.wait_while(state, |state| !state.released).unwrap());
                server.write_all(&buffer[..read])?;
                return Ok(());
            }
        }
    }
}
