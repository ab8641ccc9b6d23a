//! A source's id as policies and evidence have it: its provider's name, a colon, and
//! what it is asked. Written and read here and nowhere else.

/// The provider of the sources that a configuration describes by itself.
pub const GENERIC: &str = "generic";
/// The provider that is a Peercoin node.
pub const PEERCOIN: &str = "peercoin";

/// A source's id, in its parts.
///
/// - `kraken:XBTUSD`: a provider's.
/// - `generic:NAME`: a source of the configuration, a provider of its own.
/// - `peercoin:ASKED` and `peercoin:NAME/ASKED`: a node, the second with a name, and
///   then a provider of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceId<'a> {
    text: &'a str,
    provider: &'a str,
    asked: &'a str,
}

impl<'a> SourceId<'a> {
    /// Of a source. A text without a colon is a provider that is asked nothing.
    pub fn read(text: &'a str) -> Self {
        let (provider, asked) = text.split_once(':').unwrap_or((text, ""));
        Self {
            text,
            provider,
            asked,
        }
    }

    /// The provider's name.
    pub fn provider(self) -> &'a str {
        self.provider
    }

    /// What of it is asked, its node included.
    pub fn asked(self) -> &'a str {
        self.asked
    }

    /// Whether it is a node.
    pub fn is_node(self) -> bool {
        self.provider == PEERCOIN
    }

    /// Whose record it belongs to: its provider's; every generic source and every node
    /// with a name has one of its own.
    pub fn record(self) -> &'a str {
        match (self.provider, self.asked.split_once('/')) {
            (GENERIC, _) => self.text,
            (PEERCOIN, Some((node, _))) => {
                let end = self.provider.len() + 1 + node.len();
                self.text.get(..end).unwrap_or(self.text)
            }
            _ => self.provider,
        }
    }

    /// The id of a provider's source.
    pub fn write(provider: &str, asked: &str) -> String {
        format!("{provider}:{asked}")
    }

    /// The id of a node's source; `name` is that of the node, where it has one.
    pub fn of_node(name: Option<&str>, asked: &str) -> String {
        match name {
            Some(name) => Self::write(PEERCOIN, &format!("{name}/{asked}")),
            None => Self::write(PEERCOIN, asked),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_texts_are_those_of_published_policies() {
        assert_eq!(SourceId::write("kraken", "XBTUSD"), "kraken:XBTUSD");
        let node = SourceId::of_node(None, "height@1790870400");
        assert_eq!(node, "peercoin:height@1790870400");
        let named = SourceId::of_node(Some("mine"), "hash@7");
        assert_eq!(named, "peercoin:mine/hash@7");
    }

    #[test]
    fn a_record_is_the_providers_but_of_generic_sources_and_named_nodes() {
        for (text, provider, record) in [
            ("kraken:XBTUSD", "kraken", "kraken"),
            ("ap:2026/president", "ap", "ap"),
            ("generic:ppcbtc", "generic", "generic:ppcbtc"),
            ("generic:a/b", "generic", "generic:a/b"),
            ("peercoin:height@7", "peercoin", "peercoin"),
            ("peercoin:mine/height@7", "peercoin", "peercoin:mine"),
            ("peercoin:mine/height/x@7", "peercoin", "peercoin:mine"),
            ("operators", "operators", "operators"),
            ("", "", ""),
        ] {
            let id = SourceId::read(text);
            assert_eq!((id.provider(), id.record()), (provider, record), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(provider in "[a-z0-9-]{1,12}", asked in ".*") {
            let text = SourceId::write(&provider, &asked);
            let id = SourceId::read(&text);
            prop_assert_eq!((id.provider(), id.asked()), (provider.as_str(), asked.as_str()));
        }

        #[test]
        fn a_named_node_has_its_own_record(name in "[a-z0-9_]{1,12}", asked in "[a-z/@0-9]*") {
            let text = SourceId::of_node(Some(&name), &asked);
            prop_assert_eq!(SourceId::read(&text).record(), format!("peercoin:{name}"));
        }
    }
}
