//! File descriptors: enough for every connection that may be open at once, and a
//! share that readers cannot take.
//!
//! A process out of descriptors cannot ask a source, open its database again or
//! answer on the admin listener. So a start is refused where idle connections of
//! strangers could bring it there.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the service needs besides public connections: the admin listener's
/// connections, both pools of the database, journal and log files, and connections
/// to sources, relays, witnesses and nodes.
const OWN: u64 = 1024;

/// The limit does not hold all that may be open at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "this process may open {limit} files (nofile); {needed} are needed: {connections} for \
     http.max_connections and {OWN} for the database, sources and the admin listener. Set \
     LimitNOFILE={needed} in the systemd unit (ulimits.nofile in compose, `ulimit -n` in a \
     shell), or lower http.max_connections"
)]
pub struct TooFew {
    limit: u64,
    needed: u64,
    connections: u64,
}

/// Raises the soft limit to the hard one. Answers what it is now; none is no limit.
pub fn raise() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit {
            current: limit.maximum,
            ..limit
        };
        // Some systems have a lower bound of their own; what holds is read back.
        let _ = setrlimit(Resource::Nofile, raised);
    }
    getrlimit(Resource::Nofile).current
}

/// Raises the limit, and refuses one that so many public connections could use up.
pub fn ensure(max_connections: usize) -> Result<(), TooFew> {
    enough(raise(), max_connections)
}

fn enough(limit: Option<u64>, max_connections: usize) -> Result<(), TooFew> {
    let connections = u64::try_from(max_connections).unwrap_or(u64::MAX);
    let needed = connections.saturating_add(OWN);
    match limit {
        Some(limit) if limit < needed => Err(TooFew {
            limit,
            needed,
            connections,
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_limit_that_connections_can_use_up_is_refused_with_what_to_set() {
        assert_eq!(enough(None, usize::MAX), Ok(()));
        assert_eq!(enough(Some(2024), 1000), Ok(()));
        let refused = enough(Some(2023), 1000).unwrap_err().to_string();
        assert!(refused.contains("LimitNOFILE=2024"), "{refused}");
    }
}
