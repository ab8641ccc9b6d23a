//! Asking a host what time it is.

use url::Url;

use super::{Asked, Fetcher, authority, base_url, origin, pace};
use crate::provider::{GENERIC, Provider, provider};

impl Fetcher {
    /// Scheme, host and port of a provider, or of the entry of that name in the
    /// settings; none where nothing says so.
    pub fn origin_of(&self, name: &str) -> Option<String> {
        let (_, url) = self.host_of(name)?;
        Some(authority(&url))
    }

    /// Asks a provider or an entry for the headers of its first page: how far the local
    /// clock is ahead of what they say, seconds, whatever the status. The request
    /// carries no key. None where nothing tells the time, or where the host wants to be
    /// left alone.
    pub async fn ask_time(&self, name: &str) -> Option<i64> {
        let (adapter, url) = self.host_of(name)?;
        let settings = self.settings_of(name);
        let host = authority(&url);
        self.limits.wait(&host, pace(adapter, &settings)).await;
        if self.limits.held(&host, self.time.now()).is_some() {
            return None;
        }
        let asked = Asked {
            url,
            posted: None,
            is_bare: true,
            credential: None,
            longest: 0,
        };
        // A refusal tells the time as well. It says nothing of questions with a key to
        // where the provider answers them, so they are not held.
        let exchange = self.exchange(asked, settings.timeout).await;
        exchange.clock_ahead_s()
    }

    fn host_of(&self, name: &str) -> Option<(&'static dyn Provider, Url)> {
        let adapter = provider(name).or_else(|| provider(GENERIC))?;
        let url = origin(base_url(adapter, &self.settings_of(name)))?;
        Some((adapter, url))
    }
}
