//! What every provider needs of HTTP: one transport, credentials, throttling.

mod cloud;
pub mod credential;
pub mod proxy;
mod throttle;
pub mod tls;
mod transport;
mod words;

pub use proxy::Proxies;
pub use throttle::{Gate, Listener, OnWait, OpensTooLate, Pace, Patience, Wait, retry_after};
pub use transport::{Answer, NotAnswered, Transport, TransportSettings, ahead, is_loopback, require_tls};
pub use words::{broken_off, excerpt, without, without_user, without_value};
