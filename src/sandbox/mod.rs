//! An embedded tenant and embedded clusters, for trying, tests and demos.
