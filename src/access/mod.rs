//! Who may do what, decided here as the API server would: the RBAC authorizer in process, over what was read or what would
//! be there, joined with who is in which group.
//!
//! Everything here is pure.

mod caller;
pub mod rbac;

pub use self::caller::Caller;
pub use self::rbac::{Grant, Rbac, Way};
