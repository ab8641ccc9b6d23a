//! Texts and objects that several answers hold, as the document describes them.
//!
//! Nothing here is ever made: the answers are written elsewhere, with plain
//! strings, and what this says about them is tried against a running service.

use std::borrow::Cow;

use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{RefOr, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

use crate::config::KINDS;
use crate::http::events::STATES;

/// Documents a text: what it is, and how to tell it.
macro_rules! texts {
    ($($(#[doc = $doc:literal])+ $name:ident: $schema:expr;)*) => {$(
        $(#[doc = $doc])+
        pub(crate) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let text: ObjectBuilder = $schema;
                let description = concat!($($doc, "\n"),+).trim().replace("\n ", "\n");
                text.description(Some(description)).into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )*};
}

texts! {
    /// Name of an event. One that a series made has the series' name, `@` and the maturity.
    EventName: pattern(r"^[A-Za-z0-9][A-Za-z0-9._:+@-]{0,99}$", "ppcusd-daily@2026-11-22T16:00:00Z");
    /// Name of a series.
    SeriesName: pattern(r"^[A-Za-z0-9][A-Za-z0-9._:+-]{0,99}$", "ppcusd-daily");
    /// Any text without control characters.
    SearchText: pattern(r"^[^\u0000-\u001f\u007f-\u009f]+$", "ppcusd").min_length(Some(1)).max_length(Some(100));
    /// RFC 3339. Answers are in UTC with `Z`; a fraction of a second only where there is one.
    Time: text("2026-11-22T16:00:00Z").format(Some(SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::DateTime)));
    /// An hour of UTC, by its beginning.
    HourName: pattern(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}$", "2026-11-22T16");
    /// 32 bytes in hex: a hash, or an x-only or Ed25519 public key.
    Hex32: pattern("^[0-9a-f]{64}$", "c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5");
    /// A point of secp256k1, SEC 1 compressed, hex.
    CompressedPoint: pattern("^0[23][0-9a-f]{64}$", "03c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5");
    /// A signature, 64 bytes in hex.
    Signature: pattern("^[0-9a-f]{128}$", SIGNATURE);
    /// A DLC message, TLV.
    MessageBytes: ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::Binary)));
    /// A DLC message, TLV in lower-case hex.
    MessageHex: pattern("^([0-9a-f]{2})+$", "fdd822");
    /// Bytes as they came from elsewhere.
    Bytes: ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::Binary)));
    /// Opaque; `next_cursor` of the page before, exactly as given.
    Cursor: pattern("^[0-9a-f]{26,224}$", "8d2a3c11000000006b0315c065");
    /// Outcome values of the first nonces, with commas between them; of an enum event its outcome.
    Prefix: text("0,1,1").min_length(Some(1));
    /// Where an event stands. `matured` follows from the time; `voided` is attested
    /// as `void`, `refund` never attested, `withdrawn` never announced.
    EventState: one_of(STATES.iter().map(|(_, name)| *name), "attested");
    /// What is asked.
    EventKind: one_of(KINDS, "digits");
    /// Peercoin's networks.
    Network: one_of(["peercoin", "peercoin-testnet", "peercoin-regtest"], "peercoin");
    /// What an adapter made of an exchange.
    Verdict: one_of(["observation", "not_yet", "no_data", "transient", "permanent", "contradiction"], "observation");
    /// What an operator did.
    OperatorVerb: one_of(["create", "report", "approve", "veto", "void"], "report");
    /// What an operator may do.
    OperatorScope: one_of(["create", "report", "approve", "void"], "report");
    /// Form of an announcement.
    AnnouncementForm: one_of(["json", "tlv", "hex"], "json");
    /// Form of an attestation; `rust-dlc` is the counted layout.
    AttestationForm: one_of(["json", "tlv", "hex", "rust-dlc"], "json");
    /// Form of evidence.
    EvidenceForm: one_of(["manifest"], "manifest");
    /// Name of a tile or entry bundle (C2SP `tlog-tiles`). Its slashes are slashes in an address.
    TileName: pattern(
        r"^(entries|[0-7])/(x[0-9]{3}/)*[0-9]{3}(\.p/[1-9][0-9]{0,2})?$",
        "entries/000.p/1"
    );
    /// Form of a proof; `tlog-proof` is C2SP's, which verifies offline.
    ProofForm: one_of(["json", "tlog-proof"], "json");
    /// What is proved to be in the log.
    ProofOf: one_of(["announcement", "attestation"], "announcement");
    /// On, or left out.
    Switch: one_of(["1"], "1");
    /// At most 100 event ids, with commas between them.
    EventNames: pattern(
        r"^[A-Za-z0-9][A-Za-z0-9._:+@-]{0,99}(,[A-Za-z0-9][A-Za-z0-9._:+@-]{0,99}){0,99}$",
        "ppcusd-daily@2026-11-22T16:00:00Z,pm-upgrade-2026"
    );
    /// A length of time in whole seconds, such as `90s`, `2h` or `30d`.
    Span: text("2h");
    /// Which result counts: `regular_time` or `final` of a match, the others of an election.
    Basis: one_of(["regular_time", "final", "certified", "called", "endgueltig"], "certified");
    /// What happens while sources contradict each other.
    OnDissent: one_of(["hold"], "hold");
    /// As a form sends it: any text without control characters, or nothing.
    FormText: text("ppcusd").pattern(Some(r"^[^\u0000-\u001f\u007f-\u009f]*$")).max_length(Some(100));
    /// As a form sends it: a kind of events, or nothing.
    FormKind: one_of(KINDS.into_iter().chain([""]), "digits");
    /// As a form sends it: a state, or nothing.
    FormState: one_of(STATES.iter().map(|(_, name)| *name).chain([""]), "attested");
    /// As a form sends it: `latest` or `earliest`, or nothing, which is `latest`.
    FormOrder: one_of(["latest", "earliest", ""], "latest");
    /// As a form sends it: RFC 3339, also without zone, which is then UTC, or nothing.
    FormTime: text("2026-11-22T16:00");
    /// HTML, UTF-8.
    Html: ObjectBuilder::new().schema_type(Type::String);
}

const SIGNATURE: &str = "e907831f80848d1069a5371b402410364bdf1c5f8307b0084c55f1ce2dca821525f66a4a85ea8b71e482a74f382d2ce5ebeee8fdb2172f477df4900d310536c0";

fn text(example: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .examples([example])
}

fn pattern(pattern: &str, example: &str) -> ObjectBuilder {
    text(example).pattern(Some(pattern))
}

fn one_of(values: impl IntoIterator<Item = &'static str>, example: &str) -> ObjectBuilder {
    text(example).enum_values(Some(values))
}
