//! Reading the access files: load, decode, check.
