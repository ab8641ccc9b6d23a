//! Who is asking, and whether they ask too often.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::HeaderMap;
use axum::http::header::FORWARDED;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::HttpConfig;
use super::held::{Client, Held};
use super::problem::{Kind, Problem};
use crate::config::ForwardedHeader;

/// How often one client address may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests at once.
    pub burst: NonZeroU32,
    /// Between two requests once those are used up.
    pub interval: Duration,
}

/// Requests between two sweeps of addresses not seen for a while.
const SWEEP_EVERY: u64 = 10_000;

/// The rate limit per client address.
pub(crate) struct Admission {
    limiter: DefaultKeyedRateLimiter<IpAddr>,
    clock: DefaultClock,
    trusted: Vec<IpAddr>,
    header: ForwardedHeader,
    held: Arc<Held>,
    seen: AtomicU64,
}

impl Admission {
    pub(crate) fn new(config: &HttpConfig) -> Self {
        let rate = config.rate_limit;
        // Only a zero interval has no quota: that many requests a nanosecond is no limit.
        let quota = Quota::with_period(rate.interval.max(Duration::from_nanos(1)))
            .unwrap_or(Quota::per_second(NonZeroU32::MAX))
            .allow_burst(rate.burst);
        Self {
            limiter: RateLimiter::keyed(quota),
            clock: DefaultClock::default(),
            trusted: config
                .trusted_proxies
                .iter()
                .map(IpAddr::to_canonical)
                .collect(),
            header: config.forwarded_header,
            held: Held::new(config.held_per_client),
            seen: AtomicU64::new(0),
        }
    }

    fn admit(&self, client: IpAddr) -> Result<(), Problem> {
        // The limiter remembers every address it ever saw until told otherwise.
        if self.seen.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(&budget(client)).map_err(|denied| {
            let wait = denied.wait_time_from(self.clock.now());
            let seconds = i64::try_from(wait.as_secs()).unwrap_or(i64::MAX);
            Kind::RateLimited
                .because("this address sends more requests than it may")
                .retry_after_s(seconds.saturating_add(1))
        })
    }

    /// The address of the client: the peer, or, when the peer is a trusted
    /// proxy, the last address on the way that is not one.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        for hop in forwarded_for(self.header, headers).into_iter().rev() {
            if !self.trusted.contains(&client) {
                break;
            }
            match hop {
                Some(address) => client = address.to_canonical(),
                // What a trusted proxy wrote and we cannot read ends the trail.
                None => break,
            }
        }
        client
    }
}

/// The addresses that proxies wrote down in the one header that is believed, client
/// first; `None` where unreadable. What stands in another header, a client may have
/// sent through a proxy that does not write it.
fn forwarded_for(header: ForwardedHeader, headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let list = |name: &str| -> Vec<String> {
        headers
            .get_all(name)
            .iter()
            .flat_map(|v| v.to_str().unwrap_or("?").split(','))
            .map(|v| v.trim().to_owned())
            .collect()
    };
    let simple = |name| list(name).iter().map(|hop| node(hop)).collect();
    match header {
        ForwardedHeader::XForwardedFor => return simple("x-forwarded-for"),
        ForwardedHeader::XRealIp => return simple("x-real-ip"),
        ForwardedHeader::Forwarded => {}
    }
    list(FORWARDED.as_str())
        .iter()
        .map(|element| {
            element
                .split(';')
                .filter_map(|pair| pair.trim().split_once('='))
                .find(|(name, _)| name.eq_ignore_ascii_case("for"))
                .and_then(|(_, value)| node(value.trim_matches('"')))
        })
        .collect()
}

/// An address with or without port and brackets (RFC 7239, 6).
fn node(text: &str) -> Option<IpAddr> {
    text.parse()
        .ok()
        .or_else(|| text.parse().ok().map(|a: SocketAddr| a.ip()))
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
}

/// Whose budget an address draws on: an IPv6 subscriber has a whole /64.
pub(super) fn budget(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
    }
}

/// Middleware: refuses what exceeds the rate limit with 429, and tells the handlers
/// whose share what they hold open comes from.
pub(super) async fn limit_rate(
    State(admission): State<Arc<Admission>>,
    mut request: Request,
    next: Next,
) -> Response {
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |c| c.0.ip());
    let client = admission.client(peer, request.headers());
    match admission.admit(client) {
        Ok(()) => {
            let client = Client::new(budget(client), &admission.held);
            request.extensions_mut().insert(client);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn admission(trusted: &[&str]) -> Admission {
        believing(ForwardedHeader::XForwardedFor, trusted)
    }

    fn believing(forwarded_header: ForwardedHeader, trusted: &[&str]) -> Admission {
        Admission::new(&HttpConfig {
            // By the hour, so that no test is too slow to exceed it.
            rate_limit: RateLimit {
                burst: NonZeroU32::MIN,
                interval: Duration::from_hours(1),
            },
            trusted_proxies: trusted.iter().map(|t| ip(t)).collect(),
            forwarded_header,
            ..crate::http::tests::settings()
        })
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    #[test]
    fn each_address_has_its_own_budget_and_an_ipv6_subscriber_one() {
        let a = admission(&[]);
        assert!(a.admit(ip("192.0.2.1")).is_ok());
        assert_eq!(
            a.admit(ip("192.0.2.1")).unwrap_err().kind(),
            Kind::RateLimited
        );
        assert!(a.admit(ip("192.0.2.2")).is_ok());
        assert!(a.admit(ip("2001:db8::1")).is_ok());
        assert!(a.admit(ip("2001:db8::2")).is_err());
        assert!(a.admit(ip("2001:db8:0:1::2")).is_ok());
    }

    #[test]
    fn forwarding_headers_of_strangers_are_ignored() {
        let a = admission(&["10.1.2.3"]);
        let h = headers("x-forwarded-for", "198.51.100.7");
        assert_eq!(a.client(ip("192.0.2.1"), &h), ip("192.0.2.1"));
        assert_eq!(a.client(ip("10.1.2.3"), &h), ip("198.51.100.7"));
    }

    #[test]
    fn the_last_untrusted_hop_is_the_client_whatever_it_claims_before() {
        let a = admission(&["10.9.9.9", "::ffff:10.0.0.1", "::1"]);
        let h = headers("x-forwarded-for", "203.0.113.9, 198.51.100.7, 10.9.9.9");
        assert_eq!(a.client(ip("::1"), &h), ip("198.51.100.7"));
        let h = headers("x-forwarded-for", "203.0.113.9, unknown");
        assert_eq!(a.client(ip("10.0.0.1"), &h), ip("10.0.0.1"));
        let a = believing(ForwardedHeader::Forwarded, &["10.0.0.1"]);
        let h = headers(
            "forwarded",
            "for=203.0.113.9, for=\"[2001:db8::7]:443\";proto=https",
        );
        assert_eq!(a.client(ip("10.0.0.1"), &h), ip("2001:db8::7"));
        let a = believing(ForwardedHeader::XRealIp, &["10.0.0.1"]);
        let h = headers("x-real-ip", "198.51.100.7");
        assert_eq!(a.client(ip("10.0.0.1"), &h), ip("198.51.100.7"));
    }

    #[test]
    fn one_header_is_believed_and_what_clients_send_in_another_is_not() {
        use ForwardedHeader::{Forwarded, XForwardedFor, XRealIp};
        let written = |header| match header {
            Forwarded => ("forwarded", "for=198.51.100.7"),
            XForwardedFor => ("x-forwarded-for", "198.51.100.7"),
            XRealIp => ("x-real-ip", "198.51.100.7"),
        };
        for believed in [Forwarded, XForwardedFor, XRealIp] {
            let a = believing(believed, &["10.0.0.1"]);
            let (name, value) = written(believed);
            // The proxy writes one; the client sent others through it.
            let mut h = headers(name, value);
            let sent = [
                ("forwarded", "for=203.0.113.9"),
                ("x-forwarded-for", "203.0.113.9"),
                ("x-real-ip", "203.0.113.9"),
            ];
            for (sent, address) in sent.into_iter().filter(|(sent, _)| *sent != name) {
                h.insert(sent, address.parse().unwrap());
            }
            assert_eq!(a.client(ip("10.0.0.1"), &h), ip("198.51.100.7"), "{name}");
            h.remove(name);
            assert_eq!(a.client(ip("10.0.0.1"), &h), ip("10.0.0.1"), "{name}");
        }
    }
}
