//! The clouds that Microsoft runs.

/// A cloud that Microsoft runs, with login and Graph addresses of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cloud {
    /// The public cloud.
    #[default]
    Public,
    /// US Government L4.
    UsGovernment,
    /// US Government L5, for the Department of Defense: signs in where L4 does and has a Graph of its own.
    UsGovernmentDod,
    /// China, run by 21Vianet.
    China,
}
