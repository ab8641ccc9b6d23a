//! A Peercoin node's JSON-RPC: height, time, difficulty and supply of its chain.
//!
//! Source: Peercoin Core 0.15, `src/rpc/blockchain.cpp` and `src/httprpc.cpp`.
//!
//! - A height names a block, and so does a time: the last block whose `mediantime`
//!   is at most T. Blocks are not in the order of their own times; the median is
//!   the clock that the chain keeps (lock times are compared with it) and lags it
//!   by about an hour, so that block's own time is usually after T.
//! - A block counts with enough `confirmations`, itself included; of a time the
//!   block that ends it. `getblockheader` says -1 of a block that left the chain.
//! - `difficulty` of a block is that of its own kind, proof of work or of stake,
//!   which are many orders apart; a float that the node prints with 16 digits and
//!   an exponent where it is small.
//! - `moneysupply` is gone from the RPC: `getinfo` was removed, and no call states
//!   the block index's. The supply is `total_amount` of `gettxoutsetinfo`: the
//!   coins in the set of unspent outputs after the block, what was burnt by
//!   `OP_RETURN` not among them. For a block other than the last only a node with
//!   `-coinstatsindex=1` knows it; others answer code -8.
//! - While a node starts every call is error -28; while it fetches the chain
//!   `initialblockdownload` is true, and its last block is not the chain's.

mod block;
mod search;

use oracle_schema::policy::FactSource;
use serde_json::value::RawValue;

use self::block::Block;
use self::search::{Found, Search, search};
use super::rpc::{self, Call, Failed};
use super::{Provider, Step, Subject, parameter};
use crate::decimal;
use crate::fact::ValueFact;
use crate::json;
use crate::observation::{Exchange, Observation, Query, Reading};
use crate::rate::Rate;

pub(super) struct Peercoin;

/// The provider's name, and that of the entry without one.
pub use oracle_schema::source_id::PEERCOIN;

/// Parameters, as policies name them.
pub const CHAIN: &str = "chain";
/// What of a block is asked for.
pub const OF: &str = "of";
/// Which block, by its height …
pub const HEIGHT: &str = "height";
/// … or by a time, Unix seconds.
pub const UNTIL: &str = "until";
/// How many blocks deep it must be.
pub const CONFIRMATIONS: &str = "confirmations";
/// The configuration's entry of the node.
const NAME: &str = super::GENERIC_NAME;

/// Deeper than any of these says nothing more.
const MAX_CONFIRMATIONS: u64 = 1000;
/// Higher than any chain will be in a lifetime.
pub(super) const MAX_HEIGHT: u64 = 100_000_000;

impl Provider for Peercoin {
    fn name(&self) -> &'static str {
        PEERCOIN
    }
    fn longest_answer(&self) -> usize {
        super::MIB
    }
    fn base_url(&self) -> &'static str {
        "http://127.0.0.1:9902"
    }
    fn rate(&self) -> Rate {
        Rate::per_second(20)
    }
    fn subject(&self) -> Subject {
        Subject::Value
    }
    fn parameters(&self) -> &'static [&'static str] {
        &[CHAIN, OF, CONFIRMATIONS]
    }
    fn optional_parameters(&self) -> &'static [&'static str] {
        &[HEIGHT, UNTIL, NAME]
    }
    fn check_parameter(&self, name: &str, value: &str) -> Result<(), String> {
        check(name, value)
    }
    fn doubt_about_request(
        &self,
        parameters: &std::collections::BTreeMap<String, String>,
    ) -> Option<String> {
        let of = parameters.get(OF).map(String::as_str);
        (of == Some("difficulty")).then(|| {
            "a block's difficulty is that of its own kind, proof of work or proof of stake, and \
             nobody knows beforehand of which kind a block will be"
                .to_owned()
        })
    }
    fn deciding(&self) -> &'static [&'static str] {
        &[
            "getblockchaininfo: result.chain",
            "getblockchaininfo: result.blocks",
            "getblockchaininfo: result.mediantime",
            "getblockhash: result",
            "getblockheader: result.hash",
            "getblockheader: result.height",
            "getblockheader: result.confirmations",
            "getblockheader: result.mediantime",
            "getblockheader: result.previousblockhash",
            "getblockheader: result.time",
            "getblockheader: result.difficulty",
            "gettxoutsetinfo: result.bestblock",
            "gettxoutsetinfo: result.total_amount",
            "several at once: [].id",
        ]
    }
    fn hints(&self) -> &'static [&'static str] {
        &[
            "any: error",
            "getblockchaininfo: result.initialblockdownload",
        ]
    }
    fn step(&self, query: &Query<'_>, done: &[Exchange]) -> Step {
        let Query::Fact(source) = query else {
            return Step::Done(Reading::Permanent("is not asked for prices".to_owned()));
        };
        step(source, done).unwrap_or_else(Step::Done)
    }
}

/// What is asked of a node.
struct Asked<'a> {
    chain: &'a str,
    of: Of,
    at: At,
    confirmations: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Height,
    Time,
    Difficulty,
    Supply,
}

enum At {
    Height(u64),
    Until(i64),
}

fn of(text: &str) -> Option<Of> {
    Some(match text {
        "height" => Of::Height,
        "time" => Of::Time,
        "difficulty" => Of::Difficulty,
        "supply" => Of::Supply,
        _ => return None,
    })
}

fn check(name: &str, value: &str) -> Result<(), String> {
    let whole = |most: u64| {
        let digits = value.bytes().all(|b| b.is_ascii_digit());
        let number = value.parse::<u64>().ok().filter(|n| digits && *n <= most);
        number.ok_or_else(|| format!("must be a whole number up to {most}"))
    };
    match name {
        CHAIN => ["main", "test", "regtest"]
            .contains(&value)
            .then_some(())
            .ok_or_else(|| "must be main, test or regtest".to_owned()),
        OF => of(value)
            .map(drop)
            .ok_or_else(|| "must be height, time, difficulty or supply".to_owned()),
        HEIGHT => whole(MAX_HEIGHT).map(drop),
        UNTIL => whole(u64::from(u32::MAX)).map(drop),
        CONFIRMATIONS => match whole(MAX_CONFIRMATIONS) {
            Ok(1..) => Ok(()),
            _ => Err(format!("must be from 1 to {MAX_CONFIRMATIONS}")),
        },
        _ => super::plain(value)
            .then_some(())
            .ok_or_else(|| "must be 1 to 40 of A-Z a-z 0-9 - _".to_owned()),
    }
}

impl<'a> Asked<'a> {
    fn read(source: &'a FactSource) -> Result<Self, Reading> {
        let bad = |name: &str, why: String| Reading::Permanent(format!("{name} {why}"));
        let value = |name: &str| {
            let value = parameter(source, name)?;
            check(name, value).map_err(|why| bad(name, why))?;
            Ok::<&'a str, Reading>(value)
        };
        let number = |name: &str| {
            let number = value(name)?.parse::<u64>();
            number.map_err(|e| bad(name, e.to_string()))
        };
        let given = |name: &str| source.parameters.contains_key(name);
        let at = match (given(HEIGHT), given(UNTIL)) {
            (true, false) => At::Height(number(HEIGHT)?),
            (false, true) => {
                let until = i64::try_from(number(UNTIL)?);
                At::Until(until.map_err(|e| bad(UNTIL, e.to_string()))?)
            }
            _ => {
                let why = "is asked for a height or until a time, and not both".to_owned();
                return Err(Reading::Permanent(why));
            }
        };
        Ok(Self {
            chain: value(CHAIN)?,
            of: of(value(OF)?).ok_or_else(|| bad(OF, "is unknown".to_owned()))?,
            at,
            confirmations: number(CONFIRMATIONS)?,
        })
    }
}

fn step(source: &FactSource, done: &[Exchange]) -> Result<Step, Reading> {
    let asked = Asked::read(source)?;
    let Some((first, rest)) = done.split_first() else {
        let info = Call::new("getblockchaininfo", "[]".to_owned());
        return Ok(Step::Ask(info.request()));
    };
    let info = rpc::result(first).map_err(|failed| failed.reading)?;
    let tip = block::tip(info, asked.chain, matches!(asked.at, At::Until(_)))?;
    // The last block that is deep enough.
    let newest = (tip.height + 1).checked_sub(asked.confirmations);
    match asked.at {
        At::Height(height) if newest.is_none_or(|newest| height > newest) => {
            Err(Reading::NotYet(format!(
                "the chain has height {}; height {height} lacks confirmations",
                tip.height
            )))
        }
        At::Height(height) => at_height(&asked, height, rest),
        At::Until(until) if tip.median <= until => Err(Reading::NotYet(format!(
            "the median time of the last blocks is {}, not after {until}",
            tip.median
        ))),
        At::Until(until) => {
            let newest = newest.ok_or_else(|| {
                Reading::NotYet(format!("the chain has height {} only", tip.height))
            })?;
            match search(until, newest, rest)? {
                Search::Ask(request) => Ok(Step::Ask(request)),
                Search::Found(found) => {
                    let Found { last, after, used } = *found;
                    if !after.is_next_of(&last)? {
                        let why = "the chain was reorganised between two answers";
                        return Err(Reading::transient(why));
                    }
                    deep_enough(&asked, &after)?;
                    value(&asked, &last, rest.get(used..).unwrap_or_default())
                }
            }
        }
    }
}

fn at_height(asked: &Asked<'_>, height: u64, done: &[Exchange]) -> Result<Step, Reading> {
    let call = |method, params| Ok(Step::Ask(Call::new(method, params).request()));
    let Some((first, rest)) = done.split_first() else {
        return call("getblockhash", format!("[{height}]"));
    };
    let hash = block::hash(rpc::result(first).map_err(|failed| failed.reading)?)?;
    let Some((second, rest)) = rest.split_first() else {
        return call("getblockheader", format!("[\"{hash}\"]"));
    };
    let header = rpc::result(second).map_err(|failed| failed.reading)?;
    let block = Block::read(header, height, &hash)?;
    deep_enough(asked, &block)?;
    value(asked, &block, rest)
}

/// The node's own count, of when it told the block: the chain may have changed
/// since it told its height.
fn deep_enough(asked: &Asked<'_>, block: &Block<'_>) -> Result<(), Reading> {
    if block.depth >= asked.confirmations {
        return Ok(());
    }
    Err(Reading::NotYet(format!(
        "the block of height {} has {} confirmations of {}",
        block.height, block.depth, asked.confirmations
    )))
}

/// What is asked of a block that counts.
fn value(asked: &Asked<'_>, block: &Block<'_>, done: &[Exchange]) -> Result<Step, Reading> {
    let fact = match asked.of {
        Of::Height => ValueFact {
            literal: block.height.to_string(),
            value: block.height.to_string(),
        },
        Of::Time => {
            let raw = block.time()?;
            let seconds = json::integer(number(raw, "time")?, "time")?;
            ValueFact {
                literal: raw.get().to_owned(),
                value: seconds.to_string(),
            }
        }
        Of::Difficulty => decimal_fact(block.difficulty()?, "difficulty")?,
        Of::Supply => {
            let Some(exchange) = done.first() else {
                let params = format!("[\"none\",\"{}\"]", block.hash);
                let call = Call::new("gettxoutsetinfo", params);
                return Ok(Step::Ask(call.request()));
            };
            let coins = rpc::result(exchange).map_err(without_index)?;
            decimal_fact(block::supply(coins, &block.hash)?, "total_amount")?
        }
    };
    Ok(Step::Done(Reading::Observation(Observation::Value(fact))))
}

/// The block is there; what is missing is the index.
fn without_index(failed: Failed) -> Reading {
    if failed.code != Some(rpc::INVALID_PARAMETER) {
        return failed.reading;
    }
    Reading::Permanent(format!(
        "the node does not know the supply after a block: it needs -coinstatsindex=1; {}",
        failed.reading.detail()
    ))
}

/// A JSON number, and no text.
fn number<'a>(raw: &'a RawValue, field: &str) -> Result<&'a RawValue, Reading> {
    if !raw.get().starts_with('"') {
        return Ok(raw);
    }
    let found = json::quote(raw.get());
    Err(Reading::Contradiction(format!(
        "{field} is {found}, where a number is due"
    )))
}

fn decimal_fact(raw: &RawValue, field: &str) -> Result<ValueFact, Reading> {
    let literal = json::text(number(raw, field)?)?.into_owned();
    let refused = |e| Reading::Contradiction(format!("{field} {:?}: {e}", json::quote(&literal)));
    let number = decimal::parse_scientific(&literal).map_err(refused)?;
    Ok(ValueFact {
        value: number.normalize().to_string(),
        literal,
    })
}
