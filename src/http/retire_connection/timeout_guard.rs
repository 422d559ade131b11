use ::http::Response;

use super::ConnectionHandle;
use crate::call_context::timeout_scope;

/// Retires the connection of a response if a time limit drops the guard.
#[derive(Debug)]
pub(in crate::http) struct TimeoutGuard {
    connection: Option<ConnectionHandle>,
    /// The attempt of the call in the [`timeout_scope`].
    attempt: u16,
}

impl TimeoutGuard {
    /// For a call that starts now. It guards nothing until there is a response.
    pub(in crate::http) fn new() -> Self {
        Self { connection: None, attempt: timeout_scope::current() }
    }

    /// Guards the connection of this response.
    pub(in crate::http) fn arm<B>(&mut self, response: &Response<B>) {
        if self.connection.is_none() {
            self.connection = response.extensions().get::<ConnectionHandle>().cloned();
        }
    }

    pub(in crate::http) fn disarm(&mut self) {
        self.connection = None;
    }
}

impl Drop for TimeoutGuard {
    fn drop(&mut self) {
        if let Some(connection) = &self.connection {
            if timeout_scope::is_over(self.attempt) {
                connection.body_timed_out();
            }
        }
    }
}
