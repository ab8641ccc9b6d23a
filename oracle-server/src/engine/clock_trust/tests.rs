//! Laws of what is known about the time.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::clock::TestClock;

fn clock() -> TestClock {
    TestClock::at(DateTime::from_timestamp(1_000, 0).unwrap())
}

#[test]
fn a_clock_that_jumps_ahead_passes_no_deadline_and_announces_nothing() {
    let clock = clock();
    let mut trust = ClockTrust::new(&clock);
    assert!(!trust.runs_ahead(&clock));
    clock.jump(TimeDelta::days(365));
    assert!(trust.runs_ahead(&clock));
    assert!(!trust.has_passed(2_000, clock.uptime()));
    trust.measured("a", Moment::of(&clock), &clock, 365 * 86_400);
    assert!(trust.runs_ahead(&clock));
    assert!(!trust.has_passed(2_000, clock.uptime()));
    clock.advance(TimeDelta::seconds(1_000));
    assert!(trust.has_passed(2_000, clock.uptime()));
}

#[test]
fn a_machine_that_slept_announces_again_unless_a_provider_contradicts() {
    let clock = clock();
    let mut trust = ClockTrust::new(&clock);
    clock.jump(TimeDelta::hours(8));
    assert!(trust.runs_ahead(&clock));
    clock.advance(TimeDelta::minutes(5));
    trust.measured("a", Moment::of(&clock), &clock, 8 * 3_600);
    clock.advance(TimeDelta::minutes(10));
    assert!(trust.runs_ahead(&clock), "a provider says so");

    let mut trust = ClockTrust::new(&clock);
    clock.jump(TimeDelta::hours(8));
    assert!(trust.runs_ahead(&clock));
    clock.advance(TimeDelta::minutes(10));
    assert!(!trust.runs_ahead(&clock), "nobody says otherwise");
}

#[test]
fn a_jump_during_an_observation_spoils_its_measurement() {
    let clock = clock();
    let mut trust = ClockTrust::new(&clock);
    let begun = Moment::of(&clock);
    clock.jump(TimeDelta::days(3));
    trust.measured("a", begun, &clock, 0);
    assert!(!trust.has_passed(2_000, clock.uptime()));
}

/// At the start of a process whose last work is that old, with so many to ask.
fn started(clock: &TestClock, since_work_s: i64, asked: usize) -> ClockTrust {
    let started = Started {
        last_work: Some(clock.now() - TimeDelta::seconds(since_work_s)),
        is_accepted: false,
    };
    ClockTrust::started(clock, started, asked)
}

#[test]
fn a_deadline_before_the_start_waits_for_those_who_can_be_asked_however_long() {
    let clock = clock();
    let mut trust = started(&clock, 0, 1);
    clock.advance(TimeDelta::hours(1));
    for deadline in [999, 1_500] {
        assert!(!trust.has_passed(deadline, clock.uptime()), "{deadline}");
    }
    trust.measured("a", Moment::of(&clock), &clock, 0);
    for deadline in [999, 1_500] {
        assert!(trust.has_passed(deadline, clock.uptime()), "{deadline}");
    }
    trust.measured("a", Moment::of(&clock), &clock, 86_400);
    assert!(
        !trust.has_passed(999, clock.uptime()),
        "a provider says otherwise"
    );
}

#[test]
fn a_deadline_waits_for_two_words_where_two_can_be_asked() {
    let clock = clock();
    let mut trust = started(&clock, 0, 3);
    trust.measured("a", Moment::of(&clock), &clock, 0);
    assert!(!trust.has_passed(999, clock.uptime()));
    assert!(trust.wants_words());
    trust.measured("b", Moment::of(&clock), &clock, 0);
    assert!(trust.has_passed(999, clock.uptime()));
    assert!(!trust.wants_words());
}

#[test]
fn a_deadline_before_the_start_waits_for_the_operator_where_nobody_can_be_asked() {
    let clock = clock();
    let trust = started(&clock, 0, 0);
    clock.advance(TimeDelta::days(1));
    assert!(!trust.has_passed(999, clock.uptime()));
    let accepted = Started {
        last_work: None,
        is_accepted: true,
    };
    let trust = ClockTrust::started(&clock, accepted, 0);
    assert!(trust.has_passed(999, clock.uptime()));
    // And where they cannot be reached, until they say otherwise.
    let mut trust = ClockTrust::started(&clock, accepted, 2);
    assert!(!trust.runs_ahead(&clock));
    assert!(trust.has_passed(999, clock.uptime()));
    told(&mut trust, &clock, &[("a", 86_400), ("b", 86_400)]);
    assert!(!trust.has_passed(86_000 * 2, clock.uptime()));
}

#[test]
fn one_root_is_enough_for_deadlines_a_day_after_the_start() {
    let clock = clock();
    let mut trust = started(&clock, 0, 3);
    clock.advance(TimeDelta::hours(23));
    told(&mut trust, &clock, &[("a", 0)]);
    assert!(!trust.has_passed(999, clock.uptime()));
    clock.advance(TimeDelta::hours(1));
    told(&mut trust, &clock, &[("a", 0)]);
    assert!(trust.has_passed(999, clock.uptime()));
}

#[test]
fn one_root_against_one_that_confirms_the_clock_holds_no_start_and_two_alike_do() {
    let clock = clock();
    for (skews, is_held) in [
        (&[("a", 0), ("b", 3_600)][..], false),
        (&[("a", 0), ("b", 3_600), ("c", -7_200)], false),
        (&[("a", 0), ("b", 86_400), ("c", 86_401)], true),
        (&[("b", 86_400), ("a", 0), ("c", 86_401), ("d", 0)], true),
        (&[("a", 3_600)], true),
        // Late, which only delays; and so late that the past would be announced.
        (&[("a", -90), ("b", -91)], false),
        (&[("a", -7_200), ("b", -7_201)], true),
    ] {
        let mut trust = started(&clock, 86_400, 4);
        trust.asks_first("slow");
        told(&mut trust, &clock, skews);
        trust.heard("slow");
        assert_eq!(trust.runs_ahead(&clock), is_held, "{skews:?}");
        assert_eq!(trust.is_confirmed(), !is_held, "{skews:?}");
        assert_eq!(trust.has_jumped(), is_held, "{skews:?}");
    }
}

#[test]
fn the_first_word_alone_ends_nothing_while_others_are_asked() {
    let clock = clock();
    let mut trust = started(&clock, 86_400, 3);
    trust.asks_first("slow");
    told(&mut trust, &clock, &[("near", 0)]);
    assert!(trust.runs_ahead(&clock));
    let mut alone = started(&clock, 86_400, 3);
    alone.asks_first("slow");
    told(&mut alone, &clock, &[("near", 0)]);
    alone.heard("slow");
    assert!(!alone.runs_ahead(&clock), "nobody else answers");
    told(&mut trust, &clock, &[("far", 0)]);
    assert!(!trust.runs_ahead(&clock));
}

#[test]
fn a_start_long_after_the_last_work_is_a_jump_until_somebody_tells_the_time() {
    let clock = clock();
    for (since_work_s, asked, is_jump) in [
        (60, 1, false),
        (61, 1, true),
        (86_400, 0, false),
        (86_401, 0, true),
    ] {
        let mut trust = started(&clock, since_work_s, asked);
        assert_eq!(trust.runs_ahead(&clock), is_jump, "{since_work_s} {asked}");
        assert!(!trust.has_jumped(), "nothing to be alarmed about");
        assert!(!(is_jump && trust.is_confirmed()));
    }
    let mut new = ClockTrust::started(&clock, Started::default(), 1);
    assert!(new.runs_ahead(&clock), "nothing committed yet");
    let mut alone = ClockTrust::started(&clock, Started::default(), 0);
    assert!(!alone.runs_ahead(&clock), "nobody to ask");
    new.measured("a", Moment::of(&clock), &clock, 0);
    assert!(!new.runs_ahead(&clock));
    assert!(new.is_confirmed());
}

#[test]
fn silence_believes_a_start_only_where_nobody_can_be_asked() {
    let clock = clock();
    let mut asking = started(&clock, 90_000, 1);
    let mut alone = started(&clock, 90_000, 0);
    clock.advance(TimeDelta::seconds(599));
    assert!(asking.runs_ahead(&clock) && alone.runs_ahead(&clock));
    clock.advance(TimeDelta::seconds(1));
    assert!(!alone.runs_ahead(&clock));
    assert!(
        asking.runs_ahead(&clock),
        "far ahead no certificate is valid"
    );
    clock.jump(TimeDelta::days(1));
    assert!(asking.runs_ahead(&clock));
    asking.measured("a", Moment::of(&clock), &clock, 0);
    assert!(!asking.runs_ahead(&clock));
}

#[test]
fn a_start_that_a_root_contradicts_is_believed_when_it_is_set_right() {
    let clock = clock();
    // A long time after the last work, and a day of it is the clock's.
    let mut trust = started(&clock, 30 * 86_400, 2);
    told(&mut trust, &clock, &[("a", 86_400), ("b", 86_401)]);
    assert!(trust.runs_ahead(&clock));
    assert!(trust.has_jumped() && !trust.is_confirmed());
    clock.jump(TimeDelta::days(-1));
    assert!(!trust.runs_ahead(&clock));
    assert!(!trust.has_jumped() && trust.is_confirmed());
}

#[test]
fn answers_without_a_time_decide_only_where_another_has_confirmed_the_clock() {
    let clock = clock();
    let mut trust = started(&clock, 0, 2);
    let untold =
        |trust: &ClockTrust, roots: &[&str]| trust.is_untold(&clock, roots.iter().copied());
    assert!(untold(&trust, &["mute"]) && untold(&trust, &[]));
    told(&mut trust, &clock, &[("a", 300)]);
    assert!(
        untold(&trust, &["mute"]) && untold(&trust, &[]),
        "no confirmation"
    );
    assert!(
        !untold(&trust, &["a", "mute"]),
        "its rules weigh what it said"
    );
    told(&mut trust, &clock, &[("b", 0)]);
    assert!(!untold(&trust, &["mute"]) && !untold(&trust, &[]));
    clock.advance(TimeDelta::seconds(3_601));
    assert!(untold(&trust, &["mute"]), "long ago");
    assert!(!untold(&trust, &[]), "by the monotonic clock since");
    let alone = started(&clock, 0, 0);
    assert!(!untold(&alone, &[]) && !untold(&alone, &["node"]));
}

#[test]
fn a_deadline_this_process_watched_pass_has_passed_though_no_provider_answers() {
    let clock = clock();
    let trust = ClockTrust::new(&clock);
    assert!(!trust.has_passed(1_010, clock.uptime()));
    clock.advance(TimeDelta::seconds(10));
    assert!(trust.has_passed(1_010, clock.uptime()));
}

/// What roots say: by how much the clock is ahead of each.
fn told(trust: &mut ClockTrust, clock: &TestClock, skews: &[(&str, i64)]) {
    for (root, ahead_s) in skews {
        trust.measured(root, Moment::of(clock), clock, *ahead_s);
    }
}

#[test]
fn what_providers_say_of_a_clock_that_did_not_jump_announces_on() {
    let clock = clock();
    let mut trust = ClockTrust::new(&clock);
    for skews in [&[("a", 3_600)][..], &[("a", 600), ("b", 600), ("c", 601)]] {
        told(&mut trust, &clock, skews);
        clock.advance(TimeDelta::minutes(5));
        assert!(!trust.runs_ahead(&clock), "{skews:?}");
    }
}

#[test]
fn a_doubt_is_about_what_rests_on_its_roots() {
    let clock = clock();
    let mut trust = ClockTrust::new(&clock);
    let of = |trust: &ClockTrust, roots: &[&str]| {
        let doubt = trust.doubted_by(&clock, roots.iter().copied());
        doubt.map(|doubt| doubt.ahead_s)
    };
    told(&mut trust, &clock, &[("a", 600), ("c", 0), ("d", 0)]);
    assert_eq!(of(&trust, &["a"]), None, "one root is no doubt");
    told(&mut trust, &clock, &[("b", 600)]);
    for doubted in [&["a"][..], &["a", "b"], &["a", "c"], &["a", "unheard"]] {
        assert_eq!(of(&trust, doubted), Some(600), "{doubted:?}");
    }
    for others in [&[][..], &["c"], &["unheard"], &["a", "c", "d"]] {
        assert_eq!(of(&trust, others), None, "{others:?}");
    }
}

#[test]
fn a_doubt_follows_the_clock_when_it_is_set_right() {
    let clock = clock();
    let mut trust = ClockTrust::new(&clock);
    told(&mut trust, &clock, &[("a", 600), ("b", 600)]);
    assert!(trust.skews(&clock).doubt().is_some());
    clock.jump(TimeDelta::seconds(-600));
    assert_eq!(trust.skews(&clock).doubt(), None);
    clock.advance(TimeDelta::seconds(3_601));
    assert!(trust.skews(&clock).by_root().is_empty(), "old");
}

#[test]
fn a_root_an_hour_behind_does_not_call_a_nights_sleep_a_jump() {
    let clock = clock();
    let mut trust = ClockTrust::new(&clock);
    clock.jump(TimeDelta::hours(8));
    assert!(trust.runs_ahead(&clock));
    clock.advance(TimeDelta::minutes(5));
    told(&mut trust, &clock, &[("a", 3_600)]);
    assert!(trust.runs_ahead(&clock));
    clock.advance(TimeDelta::minutes(5));
    assert!(!trust.runs_ahead(&clock));
}

#[test]
fn a_jump_that_a_root_contradicted_is_not_believed_when_it_falls_silent() {
    let clock = clock();
    let mut trust = ClockTrust::new(&clock);
    clock.jump(TimeDelta::days(365));
    assert!(trust.runs_ahead(&clock));
    told(&mut trust, &clock, &[("a", 365 * 86_400)]);
    assert!(trust.runs_ahead(&clock));
    clock.advance(TimeDelta::hours(3));
    assert!(trust.runs_ahead(&clock));
    assert!(!trust.has_passed(1_000 + 86_400, clock.uptime()));
    // More say that it is right than do not.
    told(&mut trust, &clock, &[("a", 0)]);
    assert!(!trust.runs_ahead(&clock));
}

#[test]
fn a_refund_waits_for_the_later_of_two_words() {
    let clock = clock();
    let mut trust = ClockTrust::new(&clock);
    told(&mut trust, &clock, &[("a", 0), ("b", 3_600)]);
    clock.advance(TimeDelta::seconds(1_000));
    assert!(!trust.has_passed(1_500, clock.uptime()));
    told(&mut trust, &clock, &[("c", 0)]);
    assert!(trust.has_passed(1_500, clock.uptime()));
}
