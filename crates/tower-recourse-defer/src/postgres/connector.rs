use std::{pin::Pin, sync::Arc};

use tokio::sync::Notify;
use tokio_postgres::{Client, Error};

/// Makes a connection. Notifications with this payload wake the [`Notify`].
pub(super) type Connector = Box<dyn Fn(Arc<Notify>, String) -> Connecting + Send + Sync>;

type Connecting = Pin<Box<dyn Future<Output = Result<Client, Error>> + Send>>;
