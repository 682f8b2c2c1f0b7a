//! From a checked config to the desired state.
