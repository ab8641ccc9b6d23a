//! Contracts, settled.
