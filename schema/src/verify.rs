//! verify

/// Placeholder.
#[derive(Debug)]
pub struct Verified<T>(T);
