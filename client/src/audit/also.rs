//! stub
use std::io;
use std::path::Path;
use secp256k1::XOnlyPublicKey;
use super::facts::FactsReader;
use super::report::Report;
use super::spool::SpoolReader;
pub(super) fn check(_: &Path, _: XOnlyPublicKey, _: &FactsReader, _: SpoolReader, _: &mut Report) -> io::Result<()> { Ok(()) }
