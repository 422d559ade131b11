use hyper_util::client::legacy::connect::CaptureConnection;

/// The connection of a response, as a response extension. A
/// [`RetireConnectionLayer`](super::RetireConnectionLayer) sets it.
///
/// ```
/// use http::Response;
/// use tower_recourse::http::retire_connection::ConnectionHandle;
///
/// /// The server behind this connection shuts down.
/// fn retire_if_draining<B>(response: &Response<B>) {
///     let connection = response.extensions().get::<ConnectionHandle>();
///     if let (Some(connection), true) = (connection, response.headers().contains_key("x-draining")) {
///         connection.retire();
///     }
/// }
/// # let _ = retire_if_draining::<()>;
/// ```
#[derive(Debug, Clone)]
pub struct ConnectionHandle {
    connection: CaptureConnection,
    /// Whether a time limit of the body retires the connection.
    pub(super) on_timeout: bool,
}

impl ConnectionHandle {
    pub(super) fn new(connection: CaptureConnection, on_timeout: bool) -> Self {
        Self { connection, on_timeout }
    }

    /// Marks the connection as unusable for further requests. Requests that are in flight on it go
    /// on.
    pub fn retire(&self) {
        if let Some(connection) = self.connection.connection_metadata().as_ref() {
            connection.poison();
        }
    }

    /// Retires the connection after a time limit has ended the body of its response.
    pub(in crate::http) fn body_timed_out(&self) {
        if self.on_timeout {
            self.retire();
        }
    }
}
