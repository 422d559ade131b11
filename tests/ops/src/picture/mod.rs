//! A picture of the dashboard, drawn from the queries of its panels. Grafana isn't needed.

mod draw;
mod panel;

pub use draw::draw;
pub use panel::{Line, Panel, panels};
