//! Announcements and attestations as Nostr events (NIP-01): which kinds are fit, what an
//! event says, and its id.

use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use secp256k1::XOnlyPublicKey;
use sha2::{Digest as _, Sha256};

use crate::codec::Layout;
use crate::policy::{Policy, PolicyError};
use crate::{Announcement, Attestation, EventId, Maturity, OracleEvent};

/// Kinds 0, 3 and 5 are profile, contacts and deletion; of 10000 to 39999 a relay keeps only
/// an author's last event, or none (NIP-01).
const UNFIT_KINDS: [RangeInclusive<u16>; 4] = [0..=0, 3..=3, 5..=5, 10_000..=39_999];

/// NIP-52 counts the days of its `D` tag so.
const SECONDS_IN_A_DAY: i64 = 86_400;

/// Whether relays keep every event of this kind, and take it for what a message is.
pub fn is_fit_kind(kind: u16) -> bool {
    !UNFIT_KINDS.iter().any(|range| range.contains(&kind))
}

/// A list of strings: its name, its value.
pub type Tag = Vec<String>;

/// A Nostr event without its signature.
///
/// Its content is standard base64 of a message's TLV, an attestation in the counted layout.
/// The same message, kind, time and tags always give the same event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NostrEvent {
    /// The key that the message names as the oracle's.
    pub author: XOnlyPublicKey,
    /// When the message was published, Unix seconds.
    pub created_at: i64,
    /// Event kind.
    pub kind: u16,
    /// The event's tags, in order.
    pub tags: Vec<Tag>,
    /// Base64 of the message.
    pub content: String,
}

impl NostrEvent {
    /// An announcement, published at `created_at`.
    pub fn announcement(
        kind: u16,
        created_at: i64,
        message: &Announcement,
        tags: Vec<Tag>,
    ) -> Self {
        Self {
            author: message.oracle_public_key,
            created_at,
            kind,
            tags,
            content: BASE64.encode(message.to_tlv()),
        }
    }

    /// An attestation, published at `created_at`, of what the event with the id
    /// `announcement` announced. Its first tag points there.
    pub fn attestation(
        kind: u16,
        created_at: i64,
        message: &Attestation,
        announcement: [u8; 32],
        tags: Vec<Tag>,
    ) -> Self {
        let mut all = vec![tag("e", &hex::encode(announcement))];
        all.extend(tags);
        Self {
            author: message.oracle_public_key,
            created_at,
            kind,
            tags: all,
            content: BASE64.encode(message.to_tlv(Layout::Counted)),
        }
    }

    /// SHA-256 of the serialisation (NIP-01): `[0,pubkey,created_at,kind,tags,content]`
    /// without white space.
    pub fn id(&self) -> [u8; 32] {
        let author = hex::encode(self.author.to_byte_array());
        let fields = (
            0,
            author,
            self.created_at,
            self.kind,
            &self.tags,
            &self.content,
        );
        // Texts and numbers: nothing that JSON lacks. Of what JSON escapes, tags have only
        // quotes and backslashes, which NIP-01 escapes in the same way.
        let serialised = serde_json::to_string(&fields).unwrap_or_default();
        Sha256::digest(serialised).into()
    }
}

/// The tags by which an event is found (`docs/nostr.md`): the first value of those with one
/// letter is indexed by relays. `policy` is the canonical document behind the announcement.
pub fn tags(event: &OracleEvent, policy: &[u8]) -> Result<Vec<Tag>, PolicyError> {
    let hash = crate::policy::policy_hash(policy);
    let policy = Policy::parse(policy)?;
    let maturity = event.maturity.unix();
    let mut tags = vec![
        tag("d", event.event_id.as_str()),
        tag("t", policy.rule.kind()),
    ];
    tags.extend(series_of(&event.event_id, event.maturity).map(|series| tag("s", series)));
    let price = policy.rule.price().map(|price| price.name.as_str());
    tags.extend(price.into_iter().flat_map(assets).map(|n| tag("n", &n)));
    tags.push(tag("D", &(maturity / SECONDS_IN_A_DAY).to_string()));
    tags.push(tag("x", &hex::encode(hash)));
    tags.push(tag("maturity", &maturity.to_string()));
    let title = policy.question(Some(maturity)).title;
    tags.extend(title.map(|title| tag("title", &title)));
    Ok(tags)
}

/// Readers differ in how they escape control characters, so there are none.
fn tag(name: &str, value: &str) -> Tag {
    let value = value.chars().filter(|c| !c.is_control()).collect();
    vec![name.to_owned(), value]
}

/// The series that an event's id names, `SERIES@MATURITY`, or the asset of a p2pd id.
fn series_of(id: &EventId, maturity: Maturity) -> Option<&str> {
    let id = id.as_str();
    let named = id.strip_suffix(&maturity.to_string());
    let named = named.and_then(|rest| rest.strip_suffix('@'));
    let asset = || id.strip_suffix(&maturity.unix().to_string());
    named.or_else(asset).filter(|series| !series.is_empty())
}

/// A price's name in capitals; where it is two codes of three letters, each of them too.
fn assets(price: &str) -> Vec<String> {
    let pair = price.to_uppercase();
    let is_pair = pair.len() == 6 && pair.bytes().all(|b| b.is_ascii_uppercase());
    let halves = is_pair.then(|| pair.split_at(3));
    let mut names = vec![pair.clone()];
    names.extend(
        halves
            .into_iter()
            .flat_map(|(base, quote)| [base.to_owned(), quote.to_owned()]),
    );
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Descriptor, EnumDescriptor};

    const KEY: &str = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
    const POLICY: &str = r#"{"give_up_after_s":3600,"rule":{"above":"0.25","kind":"threshold","price":{"legs":[],"name":"ppcusd"}},"title":"\"{price}\" above \\{above}\\, ₿?","version":1}"#;

    fn event(id: &str, epoch: u32) -> OracleEvent {
        let outcomes = vec!["above".to_owned(), "not_above".to_owned()];
        OracleEvent {
            nonces: Vec::new(),
            maturity: Maturity::from_epoch(epoch),
            descriptor: Descriptor::Enum(EnumDescriptor::new(outcomes).unwrap()),
            event_id: EventId::parse(id).unwrap(),
        }
    }

    fn values(tags: &[Tag], name: &str) -> Vec<String> {
        let named = tags.iter().filter(|tag| tag[0] == name);
        named.map(|tag| tag[1].clone()).collect()
    }

    #[test]
    fn an_events_id_is_the_hash_of_what_nip_01_writes() {
        let event = event("ppc-option@2026-11-22T16:00:00Z", 1_795_363_200);
        let tags = tags(&event, POLICY.as_bytes()).unwrap();
        let event = NostrEvent {
            author: KEY.parse().unwrap(),
            created_at: 1_795_000_000,
            kind: 88,
            tags,
            content: "AAAA".to_owned(),
        };
        let hash = hex::encode(Sha256::digest(POLICY));
        let written = format!(
            r#"[0,"{KEY}",1795000000,88,[["d","ppc-option@2026-11-22T16:00:00Z"],["t","threshold"],["s","ppc-option"],["n","PPCUSD"],["n","PPC"],["n","USD"],["D","20779"],["x","{hash}"],["maturity","1795363200"],["title","\"ppcusd\" above \\0.25\\, ₿?"]],"AAAA"]"#
        );
        let expected: [u8; 32] = Sha256::digest(written).into();
        assert_eq!(event.id(), expected);
    }

    #[test]
    fn a_series_is_what_the_id_names_with_its_own_maturity() {
        let series = |id: &str| {
            let tags = tags(&event(id, 1_795_363_200), POLICY.as_bytes()).unwrap();
            values(&tags, "s")
        };
        assert_eq!(series("daily@2026-11-22T16:00:00Z"), ["daily"]);
        assert_eq!(series("btcusd1795363200"), ["btcusd"]);
        for id in [
            "daily@2026-11-22T17:00:00Z",
            "btcusd1795363201",
            "@2026-11-22T16:00:00Z",
            "a-match",
        ] {
            assert_eq!(series(id), [""; 0], "{id}");
        }
    }

    #[test]
    fn a_price_is_found_by_its_name_and_by_each_of_two_codes() {
        assert_eq!(assets("btcusd"), ["BTCUSD", "BTC", "USD"]);
        assert_eq!(assets("gold"), ["GOLD"]);
        assert_eq!(assets("usdt-1"), ["USDT-1"]);
    }
}
