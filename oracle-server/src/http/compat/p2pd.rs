//! `/compat/p2pd`: what rust-dlc's `p2pd-oracle-client` and ddk's
//! `P2PDOracleClient` ask. They read asset and maturity out of the signed event
//! id, so that only series with `id_format = "p2pd"` are offered.

use std::sync::Arc;

use axum::extract::{Extension, FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use chrono::DateTime;
use oracle_schema::Maturity;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Assets, Signed, event_of, maturity, public_key, with_bundle};
use crate::config::Asset;
use crate::http::AppState;
use crate::http::cache::Representation;
use crate::http::events::time;
use crate::http::formats::Format;
use crate::http::messages::{announcement_message, attestation_message};
use crate::http::problem::{Kind, Problem, ProblemJson};
use crate::http::query::Query;

/// `GET /compat/p2pd/oracle/publickey`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"publicKey": "3fa859d8d76ed2358cbaab80ec534e548ecac9b35102a18a7ab45ea1a67ca8ca"}))]
struct PublicKeyJson {
    /// x-only, hex.
    public_key: String,
}

/// The oracle's public key, as p2pd names it.
#[utoipa::path(get, path = "/compat/p2pd/oracle/publickey", tag = "compat",
    responses(
        (status = 200, description = "The key.", body = PublicKeyJson),
        (status = 304, description = "The reader has it.")))]
pub(in crate::http) async fn get_publickey(
    State(app): State<Arc<AppState>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    let public_key = public_key(&app);
    Ok(Representation::json(&PublicKeyJson { public_key })?.revalidated(&headers))
}

/// Names of the assets.
#[utoipa::path(get, path = "/compat/p2pd/asset", tag = "compat",
    responses(
        (status = 200, description = "Six characters each.", body = Vec<String>, example = json!(["btcusd"])),
        (status = 304, description = "The reader has it.")))]
pub(in crate::http) async fn get_assets(
    Extension(assets): Extension<Assets>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    let names: Vec<&str> = offered(&assets).map(|a| a.name.as_str()).collect();
    Ok(Representation::json(&names)?.revalidated(&headers))
}

fn offered(assets: &Assets) -> impl Iterator<Item = &Asset> {
    assets.iter().filter(|a| a.id_format.p2pd().is_some())
}

fn asset<'a>(assets: &'a Assets, name: &str) -> Result<&'a Asset, Problem> {
    offered(assets).find(|a| a.name == name).ok_or_else(|| {
        Kind::UnknownAsset
            .because(format!(
                "there is no asset {name:?}; /compat/p2pd/asset lists them"
            ))
            .field("asset")
    })
}

/// `GET /compat/p2pd/asset/{asset}/config`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"startDate": "1970-01-01T00:00:00Z", "frequency": "PT1H", "range": "P7D"}))]
struct ConfigJson {
    /// Maturities are whole multiples of the frequency after this.
    start_date: String,
    /// ISO 8601 duration from one maturity to the next.
    frequency: String,
    /// ISO 8601 duration: how far ahead events are announced.
    range: String,
}

/// When the events of an asset mature.
#[utoipa::path(get, path = "/compat/p2pd/asset/{asset}/config", tag = "compat",
    params(("asset" = String, Path, description = "Six characters.")),
    responses(
        (status = 200, description = "As configured now.", body = ConfigJson),
        (status = 304, description = "The reader has it."),
        (status = 404, description = "`unknown-asset`, or `not-found` for one that matures by a calendar or a list.", body = ProblemJson, content_type = "application/problem+json")))]
pub(in crate::http) async fn get_config(
    Extension(assets): Extension<Assets>,
    AssetPath(name): AssetPath,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    let asset = asset(&assets, &name)?;
    let every_s = asset.every_s.ok_or_else(|| {
        Kind::NotFound
            .because(format!(
                "the events of {name:?} mature by a calendar or a list, not at a frequency"
            ))
            .field("asset")
    })?;
    let config = ConfigJson {
        start_date: time(DateTime::UNIX_EPOCH),
        frequency: iso_duration(every_s.into()),
        range: iso_duration(asset.announce_ahead.as_secs()),
    };
    Ok(Representation::json(&config)?.revalidated(&headers))
}

/// ISO 8601, in days, hours, minutes and seconds.
fn iso_duration(seconds: u64) -> String {
    let part = |value: u64, unit: char| match value {
        0 => String::new(),
        _ => format!("{value}{unit}"),
    };
    let days = part(seconds / 86_400, 'D');
    let time = [
        part(seconds / 3600 % 24, 'H'),
        part(seconds / 60 % 60, 'M'),
        part(seconds % 60, 'S'),
    ]
    .concat();
    match (days.as_str(), time.as_str()) {
        ("", "") => "PT0S".to_owned(),
        (_, "") => format!("P{days}"),
        _ => format!("P{days}T{time}"),
    }
}

/// The announcement of an asset's event.
#[utoipa::path(get, path = "/compat/p2pd/asset/{asset}/announcement/{time}", tag = "compat",
    params(
        ("asset" = String, Path, description = "Six characters."),
        ("time" = String, Path, description = "Exactly the maturity, RFC 3339."),
    ),
    responses(
        (status = 200, description = "The published announcement, as DLC JSON; it never changes.", content_type = "application/json", body = Object),
        (status = 304, description = "The reader has it."),
        (status = 404, description = "`unknown-asset`, `unknown-event`, or `not-announced` with Retry-After.", body = ProblemJson, content_type = "application/problem+json"),
        (status = 410, description = "`withdrawn`.", body = ProblemJson, content_type = "application/problem+json")))]
pub(in crate::http) async fn get_announcement(
    State(app): State<Arc<AppState>>,
    Extension(assets): Extension<Assets>,
    EventOfAsset { name, maturity }: EventOfAsset,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    let event = event_of(&app, asset(&assets, &name)?, maturity).await?;
    let id = event.event_id.as_str();
    let message = announcement_message(&app, id).await?;
    let answer = message.form(Format::Json).immutable(&headers);
    Ok(with_bundle(answer, id))
}

/// `GET /compat/p2pd/asset/{asset}/attestation/{time}`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AttestationJson {
    /// Name of the event: the asset and its maturity in Unix seconds.
    event_id: String,
    /// BIP340, hex, in the order of the nonces.
    signatures: Vec<String>,
    /// What each signs.
    values: Vec<String>,
}

/// The attestation of an asset's event.
#[utoipa::path(get, path = "/compat/p2pd/asset/{asset}/attestation/{time}", tag = "compat",
    params(
        ("asset" = String, Path, description = "Six characters."),
        ("time" = String, Path, description = "Exactly the maturity, RFC 3339."),
    ),
    responses(
        (status = 200, description = "The published attestation; it never changes.", body = AttestationJson),
        (status = 304, description = "The reader has it."),
        (status = 404, description = "`unknown-asset`, `unknown-event`, or `not-attested` with Retry-After.", body = ProblemJson, content_type = "application/problem+json"),
        (status = 410, description = "`refunded` or `withdrawn`.", body = ProblemJson, content_type = "application/problem+json")))]
pub(in crate::http) async fn get_attestation(
    State(app): State<Arc<AppState>>,
    Extension(assets): Extension<Assets>,
    EventOfAsset { name, maturity }: EventOfAsset,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    let event = event_of(&app, asset(&assets, &name)?, maturity).await?;
    let message = attestation_message(&app, event.event_id.as_str()).await?;
    let signed = Signed::of(&message)?;
    let attestation = AttestationJson {
        event_id: signed.event_id,
        signatures: signed.signatures,
        values: signed.outcomes,
    };
    let answer = Representation::json(&attestation)?.immutable(&headers);
    Ok(with_bundle(answer, event.event_id.as_str()))
}

/// The percent-decoded `{asset}` segment of a path.
pub(in crate::http) struct AssetPath(String);

impl<S: Send + Sync> FromRequestParts<S> for AssetPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(name) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| not_utf8())?;
        Ok(Self(name))
    }
}

/// The `{asset}` and `{time}` segments of a path.
pub(in crate::http) struct EventOfAsset {
    name: String,
    maturity: Maturity,
}

impl<S: Send + Sync> FromRequestParts<S> for EventOfAsset {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path((name, time)) = Path::<(String, String)>::from_request_parts(parts, state)
            .await
            .map_err(|_| not_utf8())?;
        Ok(Self {
            name,
            maturity: maturity("time", &time)?,
        })
    }
}

fn not_utf8() -> Problem {
    Problem::bad("asset", "the path is not percent-encoded UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_iso_8601() {
        for (seconds, text) in [
            (0, "PT0S"),
            (1, "PT1S"),
            (3600, "PT1H"),
            (86_400, "P1D"),
            (7 * 86_400, "P7D"),
            (90_061, "P1DT1H1M1S"),
            (5 * 366 * 86_400, "P1830D"),
        ] {
            assert_eq!(iso_duration(seconds), text);
        }
    }
}
