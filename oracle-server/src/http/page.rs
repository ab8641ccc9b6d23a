//! `GET /`: the events as a plain page. No scripts, nothing from elsewhere.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;

use super::AppState;
use super::events::{state_name, time};
use super::openapi::Html;
use super::problem::Problem;
use super::query::{Query, path_segment};
use crate::store::StoreError;
use crate::store::read::{EventFilter, EventView};

/// Rows of each list.
const ROWS: usize = 50;
/// How far back to look, smallest first, until a list is full.
const WINDOWS_H: [i64; 4] = [1, 24, 24 * 7, 24 * 90];

const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

const STYLE: &str =
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #8884;vertical-align:top}
code{overflow-wrap:anywhere}
@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}a{color:#8bf}}
";

/// The page's style sheet.
pub(super) async fn get_style() -> Response {
    (
        [
            (CONTENT_TYPE, "text/css; charset=utf-8"),
            (CACHE_CONTROL, "public, max-age=3600"),
        ],
        STYLE,
    )
        .into_response()
}

/// Upcoming and recent events, for people.
#[utoipa::path(get, path = "/", tag = "pages",
    responses((status = 200, description = "HTML.", content_type = "text/html", body = Html)))]
pub(super) async fn get_index(
    State(app): State<Arc<AppState>>,
    uri: Uri,
) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    let upcoming = upcoming(&app).await?;
    let recent = recent(&app).await?;
    let html = page(&app, &upcoming, &recent);
    Ok((
        [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (CACHE_CONTROL, "no-store"),
            (CONTENT_SECURITY_POLICY, POLICY),
        ],
        html,
    )
        .into_response())
}

async fn upcoming(app: &AppState) -> Result<Vec<EventView>, StoreError> {
    let now = app.clock.now();
    let filter = EventFilter {
        from: Some(now.timestamp() + 1),
        limit: i64::try_from(ROWS).unwrap_or(i64::MAX),
        ..EventFilter::default()
    };
    app.store.events(&filter, now).await
}

/// The latest first. The store lists forward, so a window just large enough is
/// read and turned round.
async fn recent(app: &AppState) -> Result<Vec<EventView>, StoreError> {
    let now = app.clock.now();
    let mut events = Vec::new();
    for hours in WINDOWS_H {
        let filter = EventFilter {
            from: Some((now - TimeDelta::hours(hours)).timestamp()),
            to: Some(now.timestamp()),
            limit: 500,
            ..EventFilter::default()
        };
        events = app.store.events(&filter, now).await?;
        if events.len() >= ROWS {
            break;
        }
    }
    events.reverse();
    events.truncate(ROWS);
    Ok(events)
}

fn page(app: &AppState, upcoming: &[EventView], recent: &[EventView]) -> String {
    let identity = &app.identity;
    let name = escape(&identity.name);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{name}</title>\
         <link rel=\"stylesheet\" href=\"/style.css\"></head><body>\n<h1>{name}</h1>\n\
         <p>{network} oracle <code>{key}</code> · {now} · <a href=\"/v1/oracle\">identity</a> · \
         <a href=\"/v1/events\">events (JSON)</a> · <a href=\"/docs\">API</a></p>\n\
         <h2>Upcoming</h2>\n{upcoming}<h2>Recent</h2>\n{recent}</body></html>\n",
        network = escape(&identity.oracle.network),
        key = hex::encode(identity.oracle.public_key),
        now = time(app.clock.now()),
        upcoming = table(upcoming),
        recent = table(recent),
    )
}

fn table(events: &[EventView]) -> String {
    if events.is_empty() {
        return "<p>None.</p>\n".to_owned();
    }
    let mut html = "<table><thead><tr><th>Event</th><th>Maturity</th><th>State</th>\
         <th>Outcome</th><th>Messages</th></tr></thead><tbody>\n"
        .to_owned();
    for event in events {
        row(&mut html, event);
    }
    html.push_str("</tbody></table>\n");
    html
}

fn row(html: &mut String, event: &EventView) {
    let id = escape(event.event_id.as_str());
    let segment = escape(&path_segment(event.event_id.as_str()));
    let mut links = String::new();
    if event.announced_at.is_some() {
        // Writing to a String cannot fail, here and below.
        let _ = write!(
            links,
            "<a href=\"/v1/announcements/{segment}\">announcement</a> "
        );
    }
    if event.attested_at.is_some() {
        let _ = write!(
            links,
            "<a href=\"/v1/attestations/{segment}\">attestation</a> "
        );
    }
    let _ = writeln!(
        html,
        "<tr><td><a href=\"/v1/events/{segment}\">{id}</a></td><td>{maturity}</td>\
         <td>{state}</td><td>{outcome}</td><td>{links}\
         <a href=\"/v1/events/{segment}/evidence\">evidence</a></td></tr>",
        maturity = event.maturity,
        state = state_name(event.state),
        outcome = escape(event.outcome.as_deref().unwrap_or_default()),
    );
}

/// Text for element content and quoted attributes.
pub(super) fn escape(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_can_leave_its_place_in_the_page() {
        assert_eq!(
            escape("<script>\"x\" & 'y'</script>"),
            "&lt;script&gt;&quot;x&quot; &amp; &#39;y&#39;&lt;/script&gt;"
        );
    }
}
