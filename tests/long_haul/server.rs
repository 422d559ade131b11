//! The server: it accepts connections, looks up each fault, and records what it received.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    task::AbortHandle,
    time::sleep,
};

use crate::{account::Account, http1, http2, plan::Fault};

pub(crate) struct Server {
    pub(crate) http1: SocketAddr,
    pub(crate) http2: SocketAddr,
    pub(crate) desk: Arc<ServerState>,
    accepting: [AbortHandle; 2],
}

/// What the server does with requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Mode {
    /// Plays the faults of the plan.
    Faulty,
    /// Responds to everything with 503.
    Down,
    /// Plays no faults.
    Healthy,
}

/// Shared by all connections.
pub(crate) struct ServerState {
    pub(crate) account: Arc<Account>,
    mood: AtomicU8,
    open: AtomicUsize,
}

impl Server {
    pub(crate) async fn start(account: Arc<Account>) -> Self {
        let desk =
            Arc::new(ServerState { account, mood: AtomicU8::new(Mode::Faulty as u8), open: AtomicUsize::new(0) });
        let (http1, one) = listen(desk.clone(), http1::serve).await;
        let (http2, two) = listen(desk.clone(), http2::serve).await;
        Self { http1, http2, desk, accepting: [one, two] }
    }

    pub(crate) fn is(&self, mood: Mode) {
        self.desk.mood.store(mood as u8, SeqCst);
    }

    /// Waits until no connection is left. The caller must have dropped the clients.
    pub(crate) async fn is_idle(&self) {
        while self.desk.open.load(SeqCst) > 0 {
            sleep(Duration::from_millis(1)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.iter().for_each(AbortHandle::abort);
    }
}

impl ServerState {
    /// Records the arrival of a call, and returns the fault to play. `by` replaces a fault that the
    /// protocol doesn't have.
    pub(crate) fn next_fault(&self, id: u32, call: usize, by: impl Fn(Fault) -> Fault) -> Fault {
        let before = self.account.record_arrival(id);
        let fault = match self.mood.load(SeqCst) {
            mood if mood == Mode::Down as u8 => Fault::Is503,
            mood if mood == Mode::Healthy as u8 => Fault::None,
            _ => by(self.account.plan.fault(id, before)),
        };
        self.account.record_fault(id, call, fault);
        fault
    }
}

async fn listen<F>(
    desk: Arc<ServerState>,
    serve: impl Fn(TcpStream, Arc<ServerState>) -> F + Send + 'static,
) -> (SocketAddr, AbortHandle)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accepting = tokio::spawn(async move {
        loop {
            // The client may already have closed the connection.
            let Ok((socket, _)) = listener.accept().await else { continue };
            let _ = socket.set_nodelay(true);
            desk.open.fetch_add(1, SeqCst);
            let (serving, desk) = (serve(socket, desk.clone()), desk.clone());
            tokio::spawn(async move {
                serving.await;
                desk.open.fetch_sub(1, SeqCst);
            });
        }
    });
    (address, accepting.abort_handle())
}
