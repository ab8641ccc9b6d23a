//! What the tests of the whole service stand on.

pub mod process;
