//! Each adapter is strict about the fields on its lists and deaf to all others.

use oracle_schema::policy::FactSource;

use super::{CALLED, CERTIFIED, FINAL, RUNOFF, ap, federal, interpret, sample, source};
use crate::deaf::{self, Lists};

/// A source that names its race in every way that there is.
fn named(office: &str, race: &str, seat: Option<&str>) -> FactSource {
    let mut source = ap();
    let parameters = [("office", office), ("race", race), ("race_type", "G")];
    let parameters = parameters
        .into_iter()
        .chain(seat.map(|seat| ("seat", seat)));
    for (name, value) in parameters {
        source.parameters.insert(name.to_owned(), value.to_owned());
    }
    source
}

/// An answer to a source, in which every deciding field has a say or only some.
#[track_caller]
fn tried(source: &FactSource, body: &str, strict: bool) {
    let read = |body: &str| interpret(source, body.as_bytes());
    let tried = deaf::json(body, &Lists::of("ap"), &read);
    if strict {
        tried.is_strict_and_deaf();
    } else {
        tried.is_deaf();
    }
}

#[test]
fn ap_is_read_strictly_where_it_counts_and_nowhere_else() {
    tried(&named("S", "11810", None), CALLED, true);
    tried(&named("S", "11810", None), CERTIFIED, true);
    let seats = sample!("ap/v3_house_seats.json");
    tried(&named("H", "40002", Some("2")), seats, true);
}

#[test]
fn other_answers_of_ap_are_deaf_too_and_never_become_another_fact() {
    tried(&ap(), CALLED, false);
    tried(&ap(), RUNOFF, false);
    for body in [
        sample!("ap/v3_too_early.json"),
        sample!("ap/v3_too_close.json"),
        sample!("ap/v3_unable.json"),
        sample!("ap/v3_uncontested.json"),
        sample!("ap/v3_no_status_yet.json"),
    ] {
        tried(&ap(), body, false);
    }
    let measure = sample!("ap/v3_ballot_measure.json");
    tried(&named("I", "11810", None), measure, false);
    let nation = [("date", "2026-11-03"), ("state", "US"), ("office", "P")];
    let body = sample!("ap/v2_called_national_and_state.json");
    tried(&source("ap", &nation), body, false);
}

/// The lines before the header.
fn header(body: &str) -> usize {
    let mut lines = body.lines();
    lines
        .position(|line| line.contains(";Gebietsart;"))
        .unwrap()
}

#[test]
fn kerg2_is_read_strictly_where_it_counts_and_nowhere_else() {
    let layout = sample!("bundeswahlleiterin/kerg2_real_layout.csv");
    let blank = sample!("bundeswahlleiterin/kerg2_blank_counts.csv");
    for (body, area, vote) in [
        (layout, "Land/1", "2"),
        (layout, "Wahlkreis/5", "1"),
        (blank, "Land/1", "2"),
    ] {
        let mut source = federal();
        for (name, value) in [("area", area), ("vote", vote)] {
            source.parameters.insert(name.to_owned(), value.to_owned());
        }
        let read = |body: &str| interpret(&source, body.as_bytes());
        let lists = Lists::of("bundeswahlleiterin");
        deaf::csv(body, b';', header(body), &lists, &read).is_strict_and_deaf();
    }
}

#[test]
fn the_number_of_an_area_that_there_is_once_has_no_say() {
    let source = federal();
    let read = |body: &str| interpret(&source, body.as_bytes());
    let of = Lists::of("bundeswahlleiterin");
    let (number, deciding) = of.deciding.into_iter().partition(|c| *c == "Gebietsnummer");
    let lists = Lists {
        deciding,
        hints: number,
    };
    deaf::csv(FINAL, b';', header(FINAL), &lists, &read).is_strict_and_deaf();
}
