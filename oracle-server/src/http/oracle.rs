//! `/v1/oracle`: who this oracle is, and its bounds.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use oracle_schema::policy::choice_bits;
use serde::Serialize;
use utoipa::ToSchema;

use super::AppState;
use super::cache::fresh_json;
use super::choice::ChoiceJson;
use super::openapi::{Hex32, Network};
use super::problem::Problem;
use super::query::Query;

/// `GET /v1/oracle`.
#[derive(Debug, Serialize, ToSchema)]
struct OracleJson<'a> {
    /// For people.
    name: &'a str,
    /// `peercoin`, `peercoin-testnet` or `peercoin-regtest`.
    #[schema(value_type = Network)]
    network: &'a str,
    /// What to pin: the verifier key of the oracle's log (C2SP vkey,
    /// `origin+hash+key`). Everything else follows from it.
    identity: String,
    /// x-only, hex. By itself its signature proves nothing but an attestation
    /// under a nonce that the log has announced.
    #[schema(value_type = Hex32)]
    public_key: String,
    /// Origin line of the log's checkpoints.
    log_origin: &'a str,
    /// Ed25519, hex.
    #[schema(value_type = Hex32)]
    log_public_key: String,
    /// Of the software.
    server_version: &'static str,
    /// Which hash is signed; always `tagged`.
    #[schema(pattern = "^tagged$")]
    dialect: &'static str,
    /// Choice, in bits, over open events of facts that one outside party alone
    /// decides, whichever; those not yet announced included.
    open_choice_bits: u32,
    /// The bound on it.
    max_open_choice_bits: u32,
    choice: ChoiceJson,
}

/// Who this oracle is.
#[utoipa::path(get, path = "/v1/oracle", tag = "oracle",
    responses((status = 200, description = "Identity and bounds.", body = OracleJson)))]
pub(crate) async fn get_oracle(
    State(app): State<Arc<AppState>>,
    uri: Uri,
) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    let identity = &app.identity;
    let open_choice_bits = choice_bits(app.store.open_choice().await?);
    let choice = app.choices.get(&app).await?;
    Ok(fresh_json(
        StatusCode::OK,
        &OracleJson {
            name: &identity.name,
            network: &identity.oracle.network,
            identity: identity.oracle.identity()?.to_string(),
            public_key: hex::encode(identity.oracle.public_key),
            log_origin: &identity.oracle.log_origin,
            log_public_key: hex::encode(identity.oracle.log_public_key),
            server_version: env!("CARGO_PKG_VERSION"),
            dialect: "tagged",
            open_choice_bits,
            max_open_choice_bits: identity.max_open_choice_bits,
            choice: ChoiceJson::from(&*choice),
        },
    ))
}
