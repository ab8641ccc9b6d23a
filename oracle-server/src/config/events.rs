//! One-off events: `[[event]]`, and the same as JSON over HTTP.

use oracle_schema::{EventId, Maturity};

use super::definition::{Single, check_size, definition};
use super::place::Place;
use super::{Context, OneOff, Refusal, file, instant};

/// Reads the JSON of one event: the keys and values of an `[[event]]`, under
/// the same rules. The same text, in JSON or TOML, pins the same policy
/// document.
///
/// The refusal's key is the event's own (`source[1].match`); `(syntax)` where
/// the bytes are no JSON object.
pub fn parse_event(json: &[u8], context: &Context<'_>) -> Result<OneOff, Refusal> {
    one_off("", &file::read_event(json)?, context)
}

pub(super) fn one_off(
    key: &str,
    section: &file::Entry,
    context: &Context<'_>,
) -> Result<OneOff, Refusal> {
    let place = Place::new(key);
    let id = EventId::one_off(&section.id).map_err(|e| place.refuse("id", e))?;
    for series in context.series.values() {
        if let Some(asset) = series.id_format.p2pd()
            && asset.is_of(&id)
        {
            return Err(place.refuse(
                "id",
                format!(
                    "{asset} followed by digits is reserved for the events of series {:?}",
                    series.id.as_str()
                ),
            ));
        }
    }
    let maturity = place.required("maturity", section.maturity.as_deref())?;
    let maturity = instant(&place.at("maturity"), maturity)?;
    let announce_at = section
        .announce_at
        .as_deref()
        .map(|t| instant(&place.at("announce_at"), t))
        .transpose()?;
    if announce_at.is_some_and(|a| a >= maturity) {
        return Err(place.refuse("announce_at", "must be before the maturity"));
    }
    let single = Single { id: &id, maturity };
    let definition = definition(&place, section, context, Some(single))?;
    check_size(&place, &definition, &id)?;
    Ok(OneOff {
        id,
        definition,
        maturity,
        announce_at: announce_at.map(Maturity::to_datetime),
    })
}
