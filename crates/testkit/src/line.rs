//! The line between a node and its PostgreSQL, which loses what a test wants it to lose: everything ([`Line::cut`]), or
//! only the answer of one commit ([`Line::lose_answer`]), so that the write has happened and its maker does not know.
//!
//! It looks for byte strings in what passes, which is enough to recognise one commit: numbers travel as eight bytes
//! ([`number`]), texts as themselves, and the transaction ends with the text `COMMIT`.

use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::patience;

/// The end of a transaction, as the client asks for it and as the server confirms it.
const COMMIT: &[u8] = b"COMMIT\0";
const CHUNK: usize = 64 * 1024;

/// A line to a PostgreSQL server. It ends when it is dropped.
pub struct Line {
    url: String,
    state: Arc<State>,
    listener: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    /// A trap for the commit that holds all of these.
    trap: Mutex<Option<Trap>>,
    cut: watch::Sender<bool>,
    /// Connections that were made while the line was cut.
    refused: watch::Sender<usize>,
}

struct Trap {
    marks: Vec<Vec<u8>>,
    caught: oneshot::Sender<()>,
    /// The answer goes on when this is told, and is lost when it is dropped.
    go_on: oneshot::Receiver<()>,
}

/// An answer that the line has caught, or will.
pub struct Caught {
    caught: oneshot::Receiver<()>,
    go_on: Option<oneshot::Sender<()>>,
}

/// A number as it travels in a statement.
#[must_use]
pub fn number(value: i64) -> Vec<u8> {
    value.to_be_bytes().to_vec()
}

/// A text as it travels in a statement.
#[must_use]
pub fn text(value: &str) -> Vec<u8> {
    value.as_bytes().to_vec()
}

impl Line {
    /// A line to the server of `url`.
    ///
    /// # Panics
    /// If the URL has no `USER@HOST:PORT/DATABASE`, nobody knows the host, or there is no free port.
    pub async fn to(url: &str) -> Self {
        let (before, rest) = url.split_once('@').expect("the URL of a test server has a user");
        let (server, database) = rest.split_once('/').expect("the URL of a test server names a database");
        let mut found = tokio::net::lookup_host(server).await.expect("the host of the test server is known");
        let server = found.next().expect("the host of the test server has an address");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let state = Arc::new(State::default());
        let url = format!("{before}@{address}/{database}");
        Self { url, listener: tokio::spawn(serve(listener, server, Arc::clone(&state))), state }
    }

    /// The URL to be given to the node.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends all connections, and new ones as soon as they are made, until [`Line::mend`].
    pub fn cut(&self) {
        self.state.cut.send_replace(true);
    }

    /// Lets connections pass again.
    pub fn mend(&self) {
        self.state.cut.send_replace(false);
    }

    /// How many connections were refused so far.
    #[must_use]
    pub fn refused(&self) -> usize {
        *self.state.refused.borrow()
    }

    /// Waits until so many connections were refused.
    ///
    /// # Panics
    /// If that does not happen soon.
    pub async fn refuses(&self, count: usize) {
        let mut refused = self.state.refused.subscribe();
        let waited = tokio::time::timeout(patience::SOON, refused.wait_for(|refused| *refused >= count)).await;
        waited.expect("somebody tries to connect").expect("the line lives");
    }

    /// Catches the answer of the next commit that holds all `marks`. It is lost with its connection, unless it is let go.
    #[must_use]
    pub fn catch_answer(&self, marks: Vec<Vec<u8>>) -> Caught {
        let (tell, caught) = oneshot::channel();
        let (let_go, go_on) = oneshot::channel();
        *self.state.trap.lock() = Some(Trap { marks, caught: tell, go_on });
        Caught { caught, go_on: Some(let_go) }
    }

    /// Loses the answer of the next commit that holds all `marks`.
    #[must_use]
    pub fn lose_answer(&self, marks: Vec<Vec<u8>>) -> Caught {
        Caught { go_on: None, ..self.catch_answer(marks) }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.listener.abort();
        self.cut();
    }
}

impl Caught {
    /// Waits until the commit has happened and its answer is caught.
    ///
    /// # Panics
    /// If it does not happen soon.
    pub async fn caught(&mut self) {
        let caught = tokio::time::timeout(patience::SOON, &mut self.caught).await;
        caught.expect("the commit is made soon").expect("the line lives");
    }

    /// Lets the answer pass.
    pub fn let_go(mut self) {
        // The connection may have been given up meanwhile.
        let _ = self.go_on.take().map(|go_on| go_on.send(()));
    }
}

async fn serve(listener: TcpListener, server: SocketAddr, state: Arc<State>) {
    while let Ok((client, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let mut cut = state.cut.subscribe();
            if *cut.borrow() {
                state.refused.send_modify(|refused| *refused += 1);
            }
            tokio::select! {
                _ = cut.wait_for(|cut| *cut) => {}
                () = connection(client, server, &state) => {}
            }
        });
    }
}

/// Passes everything on until one side ends, or an answer is lost.
async fn connection(client: TcpStream, server: SocketAddr, state: &State) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let trapped = Mutex::new(None);
    tokio::select! {
        () = ask(from_client, to_server, state, &trapped) => {}
        () = answer(from_server, to_client, &trapped) => {}
    }
}

/// From the client to the server. A commit with all marks takes the trap with it.
async fn ask(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: &State, trapped: &Mutex<Option<Trap>>) {
    let mut transaction = Vec::new();
    let mut chunk = vec![0; CHUNK];
    while let Ok(count @ 1..) = from.read(&mut chunk).await {
        transaction.extend_from_slice(&chunk[..count]);
        if holds(&transaction, COMMIT) {
            let mut trap = state.trap.lock();
            if trap.as_ref().is_some_and(|trap| trap.marks.iter().all(|mark| holds(&transaction, mark))) {
                *trapped.lock() = trap.take();
            }
            transaction.clear();
        }
        if to.write_all(&chunk[..count]).await.is_err() {
            return;
        }
    }
}

/// From the server to the client. Once there is a trap, nothing passes before the commit has happened.
async fn answer(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, trapped: &Mutex<Option<Trap>>) {
    let mut kept = Vec::new();
    let mut chunk = vec![0; CHUNK];
    while let Ok(count @ 1..) = from.read(&mut chunk).await {
        kept.extend_from_slice(&chunk[..count]);
        let is_trapped = trapped.lock().is_some();
        if is_trapped {
            if !holds(&kept, COMMIT) {
                continue;
            }
            let Some(trap) = trapped.lock().take() else { return };
            // Whoever waited may have stopped to.
            let _ = trap.caught.send(());
            if trap.go_on.await.is_err() {
                return;
            }
        }
        if to.write_all(&kept).await.is_err() {
            return;
        }
        kept.clear();
    }
}

fn holds(bytes: &[u8], mark: &[u8]) -> bool {
    bytes.windows(mark.len()).any(|window| window == mark)
}
