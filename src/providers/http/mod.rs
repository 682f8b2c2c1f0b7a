//! What every provider needs of HTTP: one transport, credentials, throttling.

mod cloud;
pub mod credential;
mod throttle;
mod transport;

pub use cloud::Cloud;
pub use throttle::{Gate, Pace, Patience, retry_after};
pub use transport::{Answer, NotAnswered, Proxies, Transport, TransportSettings, is_loopback, require_tls};
