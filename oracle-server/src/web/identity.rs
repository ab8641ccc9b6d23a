//! `GET /oracle` and `GET /operators`: whose signatures these are.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use oracle_schema::policy::{FORGEABLE_BITS, OpenChoice, choice_bits};

use super::{PublicUrl, Site, page};
use crate::http::AppState;
use crate::http::openapi::Html;
use crate::http::problem::Problem;
use crate::http::query::Query;

#[derive(Template)]
#[template(path = "oracle.html")]
struct OraclePage {
    site: Site,
    identity: String,
    public_key: String,
    log_public_key: String,
    log_origin: String,
    version: &'static str,
    open_choice_bits: u32,
    max_open_choice_bits: u32,
    choosers: Vec<Chooser>,
    public_url: String,
}

/// Who can choose something of what is open.
struct Chooser {
    name: String,
    bits: u64,
    can_forge: bool,
}

/// Those who can choose the most come first.
fn choosers(open: &OpenChoice) -> Vec<Chooser> {
    let operators = ("any one operator".to_owned(), open.operators);
    let sources = open
        .sources
        .iter()
        .map(|(root, bits)| (root.clone(), *bits));
    let all = sources.chain([operators]).map(|(name, bits)| Chooser {
        name,
        bits: bits.whole(),
        can_forge: bits.whole() >= FORGEABLE_BITS,
    });
    let mut all: Vec<Chooser> = all.filter(|chooser| chooser.bits > 0).collect();
    all.sort_by_key(|chooser| std::cmp::Reverse(chooser.bits));
    all
}

/// The oracle's identity: keys, network, bounds, and how to pin it.
#[utoipa::path(get, path = "/oracle", tag = "pages",
    responses((status = 200, description = "HTML.", content_type = "text/html", body = Html)))]
pub(crate) async fn get_oracle_page(
    State(app): State<Arc<AppState>>,
    Extension(url): Extension<PublicUrl>,
    uri: Uri,
) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    let identity = &app.identity;
    let open = app.choices.get(&app).await?;
    page(&OraclePage {
        site: Site::of(&app, "oracle"),
        identity: identity.oracle.identity()?.to_string(),
        public_key: hex::encode(identity.oracle.public_key),
        log_public_key: hex::encode(identity.oracle.log_public_key),
        log_origin: identity.oracle.log_origin.clone(),
        version: env!("CARGO_PKG_VERSION"),
        open_choice_bits: choice_bits(app.store.open_choice().await?),
        max_open_choice_bits: identity.max_open_choice_bits,
        choosers: choosers(&open),
        public_url: url.0.to_string(),
    })
}

#[derive(Template)]
#[template(path = "operators.html")]
struct OperatorsPage {
    site: Site,
    operators: Vec<OperatorRow>,
}

struct OperatorRow {
    name: String,
    public_key: String,
    scopes: Vec<&'static str>,
}

/// The operators: names, keys, what each may do.
#[utoipa::path(get, path = "/operators", tag = "pages",
    responses((status = 200, description = "HTML.", content_type = "text/html", body = Html)))]
pub(crate) async fn get_operators_page(
    State(app): State<Arc<AppState>>,
    uri: Uri,
) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    let operators = app.operator_access.operators.iter().map(|o| OperatorRow {
        name: o.name.clone(),
        public_key: hex::encode(o.public_key),
        scopes: o.scopes.iter().map(|s| s.as_str()).collect(),
    });
    page(&OperatorsPage {
        site: Site::of(&app, "operators"),
        operators: operators.collect(),
    })
}
