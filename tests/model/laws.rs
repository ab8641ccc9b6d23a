//! What must hold in every state, and what must happen in some.

use stateright::Property;

use super::rules::Rules;
use super::state::{End, World};

/// Of one event's nonces, one message is signed, ever.
pub(crate) const ONE_MESSAGE: &str = "one message under the event's nonces";
/// What is signed is not refunded, and what is shown is not shown otherwise.
pub(crate) const ONE_END: &str = "one end of the event";
/// What was shown is still there wherever a start has passed.
pub(crate) const SHOWN_STAYS: &str = "what was shown stays";
/// A process that compared the database with its journal has the log that this knows.
pub(crate) const KNOWN_STAYS: &str = "what a journal knows of the log stays";
/// What the log has is in the intent row and in a journal.
pub(crate) const PROMISED: &str = "what is shown was promised";
/// All of them.
pub(crate) const LAWS: [&str; 5] = [ONE_MESSAGE, ONE_END, SHOWN_STAYS, KNOWN_STAYS, PROMISED];
/// The model gets somewhere.
pub(crate) const HAPPENS: [&str; 4] = [
    "the event is attested",
    "the event is refunded",
    "a second process attests",
    "a start passes with the end in its journal",
];

pub(crate) fn properties() -> Vec<Property<Rules>> {
    let [attested, refunded, second, known] = HAPPENS;
    vec![
        Property::always(ONE_MESSAGE, |_, world: &World| {
            !(world.signed.has(End::Yes) && world.signed.has(End::No))
        }),
        Property::always(ONE_END, |_, world: &World| {
            world.signed.with(world.shown).count() <= 1
        }),
        Property::always(SHOWN_STAYS, |_, world: &World| stays(world)),
        Property::always(KNOWN_STAYS, |_, world: &World| knows(world)),
        Property::always(PROMISED, |_, world: &World| is_promised(world)),
        Property::sometimes(attested, |_, world: &World| {
            matches!(world.database.log, Some(End::Yes | End::No))
        }),
        Property::sometimes(refunded, |_, world: &World| {
            world.database.log == Some(End::Refund)
        }),
        Property::sometimes(second, |_, world: &World| {
            world.has_changed_hands && matches!(world.database.log, Some(End::Yes | End::No))
        }),
        Property::sometimes(known, |_, world: &World| {
            world.is_reconciled && world.journals.iter().any(|j| j.end.is_some())
        }),
    ]
}

/// A database that went back and that no start has passed is nobody's to trust yet.
fn stays(world: &World) -> bool {
    let is_vouched = world.is_reconciled || !world.has_database_gone_back;
    !is_vouched
        || world.shown.count() == 0
        || world.database.log.is_some_and(|end| world.shown.has(end))
}

/// While the database goes back under a process that leads, it does not look again.
fn knows(world: &World) -> bool {
    (world.servers.iter().zip(&world.journals)).all(|(server, journal)| {
        !server.has_compared || journal.head.is_none() || journal.head == world.database.log
    })
}

/// A journal that went back is completed by the next start.
fn is_promised(world: &World) -> bool {
    world.database.log.is_none_or(|end| {
        world.database.intent == Some(end)
            && (world.has_journal_gone_back
                || world
                    .journals
                    .iter()
                    .any(|j| j.end == Some(end) && j.is_synced))
    })
}
