//! The server: it listens, looks up what it is to do, and writes down what it has seen.

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
    pub(crate) desk: Arc<Desk>,
    accepting: [AbortHandle; 2],
}

/// How the server feels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Mood {
    /// It has its faults.
    Faulty,
    /// Everything is answered with 503.
    Down,
    /// It has none.
    Well,
}

/// Where all connections ask.
pub(crate) struct Desk {
    pub(crate) account: Arc<Account>,
    mood: AtomicU8,
    open: AtomicUsize,
}

impl Server {
    pub(crate) async fn start(account: Arc<Account>) -> Self {
        let desk = Arc::new(Desk { account, mood: AtomicU8::new(Mood::Faulty as u8), open: AtomicUsize::new(0) });
        let (http1, one) = listen(desk.clone(), http1::serve).await;
        let (http2, two) = listen(desk.clone(), http2::serve).await;
        Self { http1, http2, desk, accepting: [one, two] }
    }

    pub(crate) fn is(&self, mood: Mood) {
        self.desk.mood.store(mood as u8, SeqCst);
    }

    /// Until no connection is left; the clients were dropped before.
    pub(crate) async fn is_left(&self) {
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

impl Desk {
    /// What to do with this call of a request that has come, in the words of its protocol.
    pub(crate) fn looks_at(&self, id: u32, call: usize, by: impl Fn(Fault) -> Fault) -> Fault {
        let before = self.account.comes(id);
        let fault = match self.mood.load(SeqCst) {
            mood if mood == Mood::Down as u8 => Fault::Is503,
            mood if mood == Mood::Well as u8 => Fault::None,
            _ => by(self.account.plan.fault(id, before)),
        };
        self.account.plays(id, call, fault);
        fault
    }
}

async fn listen<F>(
    desk: Arc<Desk>,
    serve: impl Fn(TcpStream, Arc<Desk>) -> F + Send + 'static,
) -> (SocketAddr, AbortHandle)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accepting = tokio::spawn(async move {
        loop {
            // Who has called may be gone again.
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
