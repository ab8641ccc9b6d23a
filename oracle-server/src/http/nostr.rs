//! The ids of the Nostr events that carry an event's messages: functions of what is stored,
//! whether or not a relay has them yet.

use oracle_schema::nostr::{NostrEvent, Tag, tags};
use oracle_schema::{Announcement, Attestation};
use serde::Serialize;
use utoipa::ToSchema;

use super::AppState;
use super::messages::unreadable;
use super::openapi::Hex32;
use super::problem::Problem;
use crate::store::OutboxTlv;

/// Where an event's messages are on Nostr relays.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct NostrJson {
    /// Id of the announcement's Nostr event, hex.
    #[schema(value_type = Hex32)]
    pub(super) announcement: String,
    /// Id of the attestation's Nostr event, hex; null until attested.
    #[schema(value_type = Option<Hex32>, required)]
    pub(super) attestation: Option<String>,
}

/// The ids for one event; `None` before its announcement, and where this oracle delivers
/// to no relay.
pub(super) async fn ids(app: &AppState, id: &str) -> Result<Option<NostrJson>, Problem> {
    if !app.identity.has_relays {
        return Ok(None);
    }
    let Some(messages) = app.store.nostr_messages(id).await? else {
        return Ok(None);
    };
    let announced = &messages.announcement;
    let tlv = &announced.message;
    let announcement = Announcement::from_tlv(&tlv.tlv).map_err(|e| unreadable(id, &e))?;
    let tags = match tags(&announcement.event, &messages.policy) {
        Ok(tags) => tags,
        Err(error) => {
            tracing::error!(event_id = id, %error, "policy cannot be read: its Nostr ids are not told");
            return Ok(None);
        }
    };
    let tags_of = |message: &OutboxTlv| -> Vec<Tag> {
        let tags = message.has_tags.then(|| tags.clone());
        tags.unwrap_or_default()
    };
    let at = |message: &OutboxTlv| message.published_at.timestamp();
    let announcement =
        NostrEvent::announcement(announced.kind, at(tlv), &announcement, tags_of(tlv)).id();
    let attestation = match &messages.attestation {
        None => None,
        Some(attested) => {
            let tlv = &attested.message;
            let (message, _) = Attestation::from_tlv(&tlv.tlv).map_err(|e| unreadable(id, &e))?;
            let tags = tags_of(tlv);
            let event =
                NostrEvent::attestation(attested.kind, at(tlv), &message, announcement, tags);
            Some(hex::encode(event.id()))
        }
    };
    Ok(Some(NostrJson {
        announcement: hex::encode(announcement),
        attestation,
    }))
}
