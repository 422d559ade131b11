//! A server on the loopback interface, with a check that no task is left at the end.

use std::{future::Future, net::SocketAddr};

use tokio::{net::TcpListener, runtime::Handle, task::JoinHandle, time::timeout};

use crate::{LONGEST, until};

pub(crate) struct Serving {
    pub(crate) address: SocketAddr,
    accepting: JoinHandle<()>,
    tasks_before: usize,
}

impl Serving {
    /// Spawns this function with a listener on a free port.
    pub(crate) async fn by<F>(serve: impl FnOnce(TcpListener) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let tasks_before = Handle::current().metrics().num_alive_tasks();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { address, accepting: tokio::spawn(serve(listener)), tasks_before }
    }

    /// Checks that nothing is left over: no task on either side, and so no connection, because each
    /// connection has a task. The caller has to drop the client first.
    pub(crate) async fn ends(self) {
        self.accepting.abort();
        let tasks = || Handle::current().metrics().num_alive_tasks();
        timeout(LONGEST, until(|| tasks() <= self.tasks_before)).await.expect("a task is left over");
    }
}
