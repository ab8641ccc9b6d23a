//! Memory that holds keys stays in memory: a page of it in the swap would outlive the
//! process.
//!
//! All of the process is locked, as keys are in more places than the signer's own:
//! ciphers and big numbers work on copies. Only what is touched is locked, so stacks
//! and maps that are never used take nothing.

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{Resource, getrlimit};

/// Why memory is not locked.
#[derive(Debug, thiserror::Error)]
pub enum Unlocked {
    /// With a bound, an allocation beyond it would fail later, in the middle of work.
    #[error(
        "this process may lock {limit} bytes of memory only (memlock), so nothing is locked and \
         keys could reach the swap: set LimitMEMLOCK=infinity in the systemd unit \
         (ulimits.memlock: -1 in compose), or run without swap (MemorySwapMax=0)"
    )]
    Limit {
        /// `RLIMIT_MEMLOCK`.
        limit: u64,
    },
    /// The system's own reason.
    #[error("memory cannot be locked, keys could reach the swap: {0}")]
    System(#[from] std::io::Error),
}

/// Locks what the process has and will have, if it may lock all of it. To be called
/// before a key is read.
pub fn lock() -> Result<(), Unlocked> {
    if let Some(limit) = getrlimit(Resource::Memlock).current
        && !is_unlimited()
    {
        return Err(Unlocked::Limit { limit });
    }
    let all = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    mlockall(all).map_err(std::io::Error::from)?;
    Ok(())
}

/// Whether the limit does not hold for this process: it has `CAP_IPC_LOCK`.
fn is_unlimited() -> bool {
    const IPC_LOCK: u64 = 1 << 14;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
    effective.is_some_and(|capabilities| capabilities & IPC_LOCK != 0)
}
