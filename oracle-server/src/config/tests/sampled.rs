//! Sources without history.

use oracle_schema::policy::SourcePolicy;

use super::*;

const LEG: &str = "sources = [\"kraken:XBTUSD\"]\nmin_sources = 1";
const SAMPLED: &str = "sources = [\"kraken:XBTUSD\", \"generic:a\"]\nmin_sources = 1\n\
                       sample_every = \"1m\"\nsample_from = \"15m\"";
const ENTRY: &str = "url = \"http://127.0.0.1:9105/?at={unix}\"\nvalue = \"$.price\"\n\
                     time = \"$.ts\"\ntime_unit = \"s\"";
const TICKER: &str = "url = \"http://127.0.0.1:9105/\"\nvalue = \"$.price\"\nhistory = false";

/// The good file with another leg and another entry.
fn config(leg: &str, entry: &str) -> Result<Config, Refusal> {
    assert!(GOOD.contains(LEG) && GOOD.contains(ENTRY));
    let text = GOOD.replacen(LEG, leg, 1).replacen(ENTRY, entry, 1);
    Config::parse(&text, Path::new("/"))
}

fn refused(leg: &str, entry: &str) -> String {
    config(leg, entry).map_or_else(|refusal| refusal.key, |_| "accepted".to_owned())
}

#[test]
fn a_ticker_is_sampled_as_its_price_says() {
    let config = config(SAMPLED, TICKER).unwrap();
    let leg = &config.prices["btcusd"].legs[0];
    let sample = leg.sample.unwrap();
    assert_eq!((sample.every_s.get(), sample.from_s.get()), (60, 900));
    let selector = leg.sources[1].selector.as_ref().unwrap();
    assert_eq!((&selector.time, selector.time_unit), (&None, None));
    let sampled: Vec<bool> = leg.sources.iter().map(SourcePolicy::is_sampled).collect();
    assert_eq!(sampled, [false, true]);
    for entry in [
        format!("{TICKER}\ntime = \"$.ts\"\ntime_unit = \"ms\""),
        format!("{TICKER}\nformat = \"csv\"\ndecimal = \",\""),
    ] {
        assert_eq!(refused(SAMPLED, &entry), "accepted", "{entry}");
    }
}

#[test]
fn what_has_a_history_says_nothing_of_samples() {
    for history in ["", "\nhistory = true"] {
        let entry = format!("{ENTRY}{history}");
        let leg = SAMPLED.split("\nsample").next().unwrap();
        let config = config(leg, &entry).unwrap();
        let json = serde_json::to_string(&config.prices["btcusd"]).unwrap();
        assert!(
            !json.contains("history") && !json.contains("sample"),
            "{json}"
        );
        assert_eq!(refused(SAMPLED, &entry), "price.btcusd.sample_every");
        let from = SAMPLED.replace("sample_every = \"1m\"\n", "");
        assert_eq!(refused(&from, &entry), "price.btcusd.sample_from");
    }
}

#[test]
fn a_ticker_that_nobody_samples_is_refused() {
    for key in ["sample_every = \"1m\"\n", "\nsample_from = \"15m\""] {
        let key_name = key.trim().split(' ').next().unwrap();
        let missing = format!("price.btcusd.{key_name}");
        assert_eq!(refused(&SAMPLED.replace(key, ""), TICKER), missing);
    }
}

#[test]
fn samples_that_could_not_count_are_refused() {
    let every = |text: &str| refused(&SAMPLED.replace("\"1m\"", text), TICKER);
    assert_eq!(every("\"9s\""), "price.btcusd.sample_every");
    assert_eq!(every("\"16m\""), "price.btcusd.sample_every");
    assert_eq!(every("\"10s\""), "accepted");
    assert_eq!(every("\"15m\""), "accepted");
    // max_trade_age is 15 minutes.
    let from = |text: &str| refused(&SAMPLED.replace("sample_from = \"15m\"", text), TICKER);
    assert_eq!(from("sample_from = \"901s\""), "price.btcusd.sample_from");
    let old = GOOD.replacen("max_trade_age = \"15m\"", "max_trade_age = \"7d\"", 1);
    let long = |from: &str| {
        let leg = SAMPLED.replace("\"15m\"", from);
        let text = old.replacen(LEG, &leg, 1).replacen(ENTRY, TICKER, 1);
        Config::parse(&text, Path::new("/")).map_or_else(|r| r.key, |_| "accepted".to_owned())
    };
    assert_eq!(long("\"1d\""), "accepted");
    assert_eq!(long("\"86401s\""), "price.btcusd.sample_from");
}

#[test]
fn a_ticker_is_asked_about_no_time_and_lists_no_bars() {
    let at = TICKER.replace("9105/", "9105/?at={unix}");
    assert_eq!(refused(SAMPLED, &at), "generic.a.url");
    let bars =
        format!("{TICKER}\ntime = \"$.ts\"\ntime_unit = \"s\"\nbar = \"1m\"\nstamped = \"open\"");
    assert_eq!(refused(SAMPLED, &bars), "generic.a.history");
    let unit = format!("{TICKER}\ntime_unit = \"s\"");
    assert_eq!(refused(SAMPLED, &unit), "generic.a.time");
    let time = format!("{TICKER}\ntime = \"$.ts\"");
    assert_eq!(refused(SAMPLED, &time), "generic.a.time_unit");
}

#[test]
fn a_cross_takes_the_samples_of_its_legs() {
    let text = GOOD.replacen(LEG, SAMPLED, 1).replacen(ENTRY, TICKER, 1);
    let cross = "\n[price.squared]\ncross = [\"btcusd\", \"btcusd\"]\n";
    let good = Config::parse(&format!("{text}{cross}"), Path::new("/")).unwrap();
    assert!(
        good.prices["squared"]
            .legs
            .iter()
            .all(|l| l.sample.is_some())
    );
    for key in ["sample_every = \"1m\"", "sample_from = \"15m\""] {
        let refusal = Config::parse(&format!("{text}{cross}{key}\n"), Path::new("/")).unwrap_err();
        assert_eq!(refusal.key, "price.squared.cross");
    }
}
