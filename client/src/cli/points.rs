//! `oracle points`.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use oracle_client::bundle::End;
use oracle_client::coinlib::{self, CoinlibError, MedianTimeLocktime};
use oracle_client::points::{
    JointPoint, Nonces, Part, PointsError, Selection, Subject, adaptor_points, joint_points,
};
use oracle_client::{
    Announcement, Attestation, Client, Descriptor, Error, EventId, MirroredEvent, NoteKey, Options,
    Verified,
};
use secp256k1::XOnlyPublicKey;
use serde_json::{Map, Value, json};

use super::output::{eline, note, printable};
use super::sync::FromMirror;
use super::trust::KEY_PROVES_NOTHING;
use super::{Failure, Remote, key, output};

/// From the last possible attestation to the refund: time enough to get a CET
/// mined.
const REFUND_MARGIN: Duration = Duration::from_hours(24);

const EXAMPLES: &str = "\
A digit event without a selection lists every value of every digit; contracts
use sums of these: an outcome, a prefix, or the prefixes that cover a range.

Once the event is attested, what came true also shows `secret`, the scalar of
the compressed point, and `secret_normalised`, that of the x-only point.

Several oracles: every --with adds one, and the points are the sums. Prefixes
and ranges are the same at all of them; an outcome may be worded differently.
A secret appears when all of them have attested it.

Of each of several oracles its log has to prove that it knows its nonces: else
whoever announced last could have chosen a nonce that cancels the others', and
would know the joint secret of one outcome alone, before anyone attests it. An
oracle without such a proof is refused (exit 1) unless --trust-nonces names its
key, which adds it all the same.

WARNING: what --trust-nonces adds needs every oracle only if that oracle could
not see another's announcement when it chose its nonces; nothing shows it. Add
only events that it had announced, and in its log, before the parties chose
them; never one announced after the offer or at a party's wish. And proven or
not, another event of the same oracle is not a second oracle.

Examples:
  oracle points ppcusd-above-025@2026-11-22T16:00:00Z --url $URL
  oracle points ppcusd-daily@2026-11-22T16:00:00Z --url $URL --range 200000..299999
  oracle points ppcusd-daily@2026-11-22T16:00:00Z --url $URL --prefix 0,1,1 --json
  oracle points ppcusd-daily@2026-11-22T16:00:00Z --url $URL --outcome 252000 --coinlib
  oracle points ppcusd-daily@2026-11-22T16:00:00Z --url $URL --range 200000..299999 \\
      --with $URL2,ppcusd-daily@2026-11-22T16:00:00Z --coinlib
  oracle points bl1-2026-r9-fcb-bvb --url $URL --outcome draw \\
      --with $URL2,1x2-7731,X --with-identity $VKEY2";

/// Show adaptor points of an event, with their secrets once it is attested
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Points {
    #[command(flatten)]
    remote: Remote,
    #[command(flatten)]
    select: Select,
    /// Another oracle and its event, to be added; with a third part, what the
    /// outcome is called there. May be repeated
    #[arg(long, value_name = "URL,ID[,OUTCOME]")]
    with: Vec<With>,
    /// The identity of the other oracle: once for each --with, in the same order
    #[arg(long, value_name = "VKEY", requires = "with")]
    with_identity: Vec<NoteKey>,
    /// The key of the other oracle, which must be the one that its log names; alone
    /// it pins no log. Once for each --with, in the same order
    #[arg(long, value_name = "HEX", value_parser = key, requires = "with")]
    with_key: Vec<XOnlyPublicKey>,
    /// The key of an oracle whose log has no proof of its nonces, to be added all the
    /// same: see the warning below. Once for each; a proof that is there is checked
    /// nevertheless
    #[arg(long, value_name = "HEX", value_parser = key, requires = "with")]
    trust_nonces: Vec<XOnlyPublicKey>,
    /// Look the event up in a mirror that `oracle sync` keeps, and ask no server. With
    /// --coinlib there is no refund locktime: until when an event is attested, the
    /// server says
    #[arg(long, value_name = "DIR", conflicts_with = "with")]
    mirror: Option<PathBuf>,
    /// What Peercoin's coinlib takes: x-only point, CET locktime (the expected
    /// reveal time), normalised secret; and a refund locktime, a day after the
    /// last possible attestation
    #[arg(long)]
    coinlib: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Another oracle's event.
#[derive(Clone)]
struct With {
    url: String,
    id: EventId,
    outcome: Option<String>,
}

impl FromStr for With {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.splitn(3, ',').map(str::to_owned);
        let (Some(url), Some(id)) = (parts.next(), parts.next()) else {
            return Err("an oracle is written URL,ID or URL,ID,OUTCOME".to_owned());
        };
        Ok(Self {
            url,
            id: id.parse().map_err(|e| format!("{id:?}: {e}"))?,
            outcome: parts.next(),
        })
    }
}

#[derive(Args)]
#[group(multiple = false)]
struct Select {
    /// One outcome: its text, or the attested integer
    #[arg(long, value_name = "X", allow_hyphen_values = true)]
    outcome: Option<String>,
    /// Numbers that begin with these digits, most significant first, after the
    /// sign if there is one
    #[arg(
        long,
        value_name = "0,1,1",
        value_delimiter = ',',
        allow_hyphen_values = true
    )]
    prefix: Option<Vec<String>>,
    /// Numbers of a range, both ends included, in attested integers
    #[arg(long, value_name = "A..B", value_parser = range, allow_hyphen_values = true)]
    range: Option<RangeInclusive<i128>>,
}

impl Select {
    fn selection(&self) -> Selection {
        if let Some(outcome) = &self.outcome {
            Selection::Outcome(outcome.clone())
        } else if let Some(values) = &self.prefix {
            Selection::Prefix(values.clone())
        } else if let Some(range) = &self.range {
            Selection::Range(range.clone())
        } else {
            Selection::All
        }
    }
}

fn range(text: &str) -> Result<RangeInclusive<i128>, String> {
    let (start, end) = text
        .split_once("..")
        .ok_or("a range is written A..B, both ends included")?;
    let number = |text: &str| {
        text.parse::<i128>()
            .map_err(|e| format!("{text:?} is not an integer: {e}"))
    };
    let (start, end) = (number(start)?, number(end)?);
    if start > end {
        return Err(format!("{start} is after {end}"));
    }
    Ok(start..=end)
}

/// One oracle's event, as far as it has come.
struct Fetched {
    announcement: Verified<Announcement>,
    attestation: Option<Verified<Attestation>>,
    nonces: Option<Nonces>,
    selection: Selection,
    attest_by: Option<i64>,
}

impl Fetched {
    fn outcome(&self) -> Option<String> {
        self.attestation.as_ref().map(|a| a.outcome().to_string())
    }

    /// What is known of its nonces, in a word.
    fn nonces(&self) -> &'static str {
        match self.nonces {
            Some(Nonces::Proven(_)) => "proven",
            Some(Nonces::OnTrust) => "on-trust",
            None => "unproven",
        }
    }

    fn describe(&self) -> Value {
        json!({
            "event_id": self.announcement.event.event_id,
            "oracle_public_key": self.announcement.oracle_public_key.to_string(),
            "reveal_time": self.announcement.event.maturity.epoch(),
            "outcome": self.outcome(),
            "nonces": self.nonces(),
        })
    }
}

/// Locktimes of the contract.
struct Locktimes {
    cet: MedianTimeLocktime,
    refund: Option<MedianTimeLocktime>,
}

impl Points {
    pub(super) async fn run(&self) -> Result<(), Failure> {
        if let Some(dir) = &self.mirror {
            let trust = &self.remote.server.trust;
            let found = FromMirror::find(dir, &self.remote.id, trust)?;
            self.answer(&[self.mirrored(&found.event)])?;
            return found.verdict(trust);
        }
        let own = self.remote.server.client()?;
        let oracles = self.fetch_all(&own).await?;
        self.answer(&oracles)?;
        self.verdict(&own).await
    }

    fn answer(&self, oracles: &[Fetched]) -> Result<(), Failure> {
        let points = points(oracles)
            .inspect_err(say_what_to_do)
            .map_err(|error| with_outcomes(error, oracles))?;
        let locktimes = if self.coinlib {
            Some(locktimes(oracles, &points).map_err(|e| Failure::Usage(e.to_string()))?)
        } else {
            None
        };
        let rows = points
            .iter()
            .map(|p| describe(p, locktimes.as_ref()))
            .collect();
        Ok(self.print(oracles, locktimes.as_ref(), rows)?)
    }

    fn mirrored(&self, event: &MirroredEvent) -> Fetched {
        if let Some(End::Refunded { reason, .. }) = &event.end {
            note_refund(&self.remote.id, reason);
        }
        Fetched {
            attestation: event.attestation().cloned(),
            announcement: event.announcement.clone(),
            nonces: event.nonce_proof.map(Nonces::Proven),
            selection: self.select.selection(),
            attest_by: None,
        }
    }

    /// Proven is what every oracle's own pinned log holds.
    async fn verdict(&self, own: &Client) -> Result<(), Failure> {
        self.remote.server.trust.verdict(own).await?;
        if self.with_identity.len() == self.with.len() {
            return Ok(());
        }
        if self.with_key.is_empty() {
            note("note: no identity was pinned for --with; give --with-identity for each");
            return Ok(());
        }
        eline(&format!(
            "unproven: {KEY_PROVES_NOTHING}, and --with-key alone pins no log; give --with-identity"
        ));
        Err(Failure::Verdict(3, None))
    }

    async fn fetch_all(&self, own: &Client) -> Result<Vec<Fetched>, Failure> {
        let given = [
            ("--with-key", self.with_key.len()),
            ("--with-identity", self.with_identity.len()),
        ];
        for (name, given) in given {
            let with = self.with.len();
            if given != 0 && given != with {
                return Err(Failure::Usage(format!(
                    "{given} {name} for {with} --with; give one for each, or none"
                )));
            }
        }
        let selection = self.select.selection();
        let mut oracles = vec![self.fetch(own, &self.remote.id, selection.clone()).await?];
        for (i, with) in self.with.iter().enumerate() {
            let options = Options {
                identity: self.with_identity.get(i).cloned(),
                key: self.with_key.get(i).copied(),
                memory: own.memory().clone(),
                ..Options::default()
            };
            let client = Client::with_options(&with.url, options)?;
            let selection = match &with.outcome {
                Some(outcome) => Selection::Outcome(outcome.clone()),
                None => selection.clone(),
            };
            oracles.push(self.fetch(&client, &with.id, selection).await?);
        }
        self.trust(&mut oracles)?;
        Ok(oracles)
    }

    /// Takes on trust what has no proof and was named, and says so.
    fn trust(&self, oracles: &mut [Fetched]) -> Result<(), Failure> {
        for key in &self.trust_nonces {
            let is_of = |o: &&mut Fetched| o.announcement.oracle_public_key == *key;
            let mut named = oracles.iter_mut().filter(is_of).peekable();
            if named.peek().is_none() {
                return Err(Failure::Usage(format!(
                    "--trust-nonces {key}: no event here is by that key"
                )));
            }
            for oracle in named.filter(|o| o.nonces.is_none()) {
                oracle.nonces = Some(Nonces::OnTrust);
                let id = oracle.announcement.event.event_id.as_str();
                note(&printable(&format!(
                    "note: the nonces of {id} are taken on trust: if oracle {key} announced \
                     after another, it may know the joint secret of one outcome alone"
                )));
            }
        }
        Ok(())
    }

    async fn fetch(
        &self,
        client: &Client,
        id: &EventId,
        selection: Selection,
    ) -> Result<Fetched, Error> {
        let proven = client.proven(id).await?;
        if let Some(End::Refunded { reason, .. }) = &proven.end {
            note_refund(id, reason);
        }
        let attest_by = if self.coinlib {
            client.event(id).await?.attest_by
        } else {
            None
        };
        Ok(Fetched {
            attestation: proven.attestation().cloned(),
            announcement: proven.announcement,
            nonces: proven.nonce_proof.map(Nonces::Proven),
            selection,
            attest_by: attest_by.map(|time| time.timestamp()),
        })
    }

    fn print(
        &self,
        oracles: &[Fetched],
        locktimes: Option<&Locktimes>,
        points: Vec<Map<String, Value>>,
    ) -> std::io::Result<()> {
        let refund = locktimes
            .and_then(|l| l.refund)
            .map(MedianTimeLocktime::value);
        if self.json {
            let mut value = oracles.first().map(Fetched::describe).unwrap_or_default();
            if oracles.len() > 1 {
                let all: Vec<_> = oracles.iter().map(Fetched::describe).collect();
                value["oracles"] = all.into();
            }
            if self.coinlib {
                value["refund_locktime"] = refund.into();
            }
            value["points"] = points.into();
            return output::json(&value, true);
        }
        for oracle in oracles {
            let event = &oracle.announcement.event;
            output::line(&format!(
                "event {} reveal_time={} attested={} nonces={}",
                printable(event.event_id.as_str()),
                event.maturity.epoch(),
                oracle
                    .outcome()
                    .map_or("not yet".to_owned(), |o| printable(&o).into_owned()),
                oracle.nonces(),
            ))?;
        }
        if let Some(refund) = refund {
            output::line(&format!("refund_locktime={refund}"))?;
        }
        for point in points {
            let fields: Vec<String> = point
                .iter()
                .map(|(name, value)| match value {
                    Value::String(text) => format!("{name}={}", printable(text)),
                    other => format!("{name}={}", printable(&other.to_string())),
                })
                .collect();
            output::line(&fields.join(" "))?;
        }
        Ok(())
    }
}

fn note_refund(id: &EventId, reason: &str) {
    let refunded = Error::Refunded {
        id: id.clone(),
        reason: reason.to_owned(),
    };
    note(&format!("note: {}", printable(&refunded.to_string())));
}

fn describe(point: &JointPoint, locktimes: Option<&Locktimes>) -> Map<String, Value> {
    let mut fields = point.subjects.first().map(subject).unwrap_or_default();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    if let [Subject::Outcome(own), others @ ..] = point.subjects.as_slice() {
        let texts: Vec<_> = others.iter().map(worded).collect();
        if texts.iter().any(|text| text != own) {
            put("with", texts.into());
        }
    }
    put("xonly", hex::encode(point.point.xonly()).into());
    if let Some(locktimes) = locktimes {
        put("locktime", locktimes.cet.value().into());
    } else {
        put("compressed", hex::encode(point.point.compressed()).into());
        put("odd_y", point.point.odd_y().into());
    }
    if let Some(secret) = &point.secret {
        let normalised = hex::encode(secret.normalised().to_bytes());
        // Coinlib takes x-only points, whose only right secret is this.
        put("secret_normalised", normalised.into());
        if locktimes.is_none() {
            put("secret", hex::encode(secret.to_bytes()).into());
        }
    }
    fields
}

/// What the library cannot say of a sum that it refused.
fn say_what_to_do(error: &Error) {
    if let Error::Points(PointsError::NoncesNotProven { key, .. }) = error {
        note(&format!(
            "note: --trust-nonces {key} adds it all the same; see the warning of `oracle points --help`"
        ));
    }
}

/// A selection that the event does not have, with those that it has.
fn with_outcomes(error: Error, oracles: &[Fetched]) -> Failure {
    let is_selection = matches!(
        error,
        Error::Points(PointsError::Outcome(_) | PointsError::Point(_) | PointsError::NotDigits)
    );
    if !is_selection {
        return error.into();
    }
    let known: Vec<String> = oracles
        .iter()
        .map(|oracle| {
            let event = &oracle.announcement.event;
            format!("{} has {}", event.event_id, outcomes(&event.descriptor))
        })
        .collect();
    Failure::Usage(format!("{error}; {}", known.join("; ")))
}

/// What can come out.
fn outcomes(descriptor: &Descriptor) -> String {
    match descriptor {
        Descriptor::Enum(choice) => format!("the outcomes {}", choice.outcomes().join(", ")),
        Descriptor::Digits(digits) => format!(
            "whole numbers of {}{} digits of base {} ({}): --outcome N, --range A..B",
            if digits.is_signed() {
                "a sign and "
            } else {
                ""
            },
            digits.nb_digits(),
            digits.base(),
            digits.unit()
        ),
    }
}

/// The points of one oracle, or the sums over several.
fn points(oracles: &[Fetched]) -> Result<Vec<JointPoint>, Error> {
    if let [only] = oracles {
        let attestation = only.attestation.as_ref();
        let points = adaptor_points(&only.announcement, attestation, &only.selection)?;
        let alone = |point: oracle_client::points::AdaptorPoint| JointPoint {
            subjects: vec![point.subject],
            point: point.point,
            secret: point.secret,
        };
        return Ok(points.into_iter().map(alone).collect());
    }
    let parts: Vec<_> = oracles
        .iter()
        .map(|oracle| Part {
            announcement: &oracle.announcement,
            attestation: oracle.attestation.as_ref(),
            nonces: oracle.nonces,
            selection: oracle.selection.clone(),
        })
        .collect();
    Ok(joint_points(&parts)?)
}

/// Refuses what coinlib would not take, by its own rules.
fn locktimes(oracles: &[Fetched], points: &[JointPoint]) -> Result<Locktimes, CoinlibError> {
    let announcements: Vec<_> = oracles.iter().map(|o| &o.announcement).collect();
    let reveal = coinlib::reveal_locktime(&announcements)?;
    coinlib::outcomes(points, reveal)?;
    let attest_by: Option<Vec<_>> = oracles.iter().map(|o| o.attest_by).collect();
    let attest_by = attest_by.and_then(|times| times.into_iter().max());
    let time = attest_by.and_then(|time| chrono::DateTime::from_timestamp(time, 0));
    let refund = time.map(|time| coinlib::refund_locktime(time, REFUND_MARGIN));
    let refund = refund.transpose()?;
    if let Some(refund) = refund {
        coinlib::check_locktimes(reveal, reveal, refund)?;
    }
    Ok(Locktimes {
        cet: reveal,
        refund,
    })
}

/// What an outcome is called.
fn worded(subject: &Subject) -> String {
    match subject {
        Subject::Outcome(text) => text.clone(),
        Subject::Digit { value, .. } => value.clone(),
        Subject::Prefix { values, .. } => values.join(","),
    }
}

fn subject(subject: &Subject) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    match subject {
        Subject::Outcome(outcome) => {
            put("outcome", outcome.as_str().into());
        }
        Subject::Digit { index, value } => {
            put("index", (*index).into());
            put("value", value.as_str().into());
        }
        Subject::Prefix { values, numbers } => {
            put("prefix", values.join(",").into());
            if let Some(numbers) = numbers {
                // Decimal strings, as outcomes are: JSON readers round integers.
                put("first", numbers.start().to_string().into());
                put("last", numbers.end().to_string().into());
            }
        }
    }
    fields
}
