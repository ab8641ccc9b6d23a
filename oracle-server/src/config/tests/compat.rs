//! Assets of the p2pd and sibyls dialects, and the ids of p2pd series.

use super::*;

fn good(id: &str, id_format: bool, rest: &str) -> String {
    let format = if id_format {
        "id_format = \"p2pd\"\n"
    } else {
        ""
    };
    GOOD.replacen("id = \"s\"", &format!("id = \"{id}\"\n{format}"), 1) + rest
}

fn refusal(text: &str) -> Refusal {
    match Config::parse(text, Path::new("/")) {
        Ok(_) => panic!("{text} was accepted"),
        Err(refusal) => refusal,
    }
}

fn first_event(text: &str) -> String {
    let config = Config::parse(text, Path::new("/")).unwrap_or_else(|e| panic!("{e}"));
    let series = config.series.values().next().unwrap();
    let maturity = Maturity::from_unix(1_795_363_200).unwrap();
    series.id_format.event_id(maturity).to_string()
}

#[test]
fn p2pd_ids_begin_with_the_assets_name_or_else_the_series_own() {
    let asset = "[compat]\nassets = { btcusd = \"btcusd-hourly\" }\n";
    for (text, id) in [
        (good("btcusd", false, ""), "btcusd@2026-11-22T16:00:00Z"),
        (good("btcusd", true, ""), "btcusd1795363200"),
        (good("btcusd-hourly", true, asset), "btcusd1795363200"),
        (
            good("btcusd-hourly", false, asset),
            "btcusd-hourly@2026-11-22T16:00:00Z",
        ),
    ] {
        assert_eq!(first_event(&text), id);
    }
    for (text, key) in [
        (good("btc-usd", true, ""), "series[0] \"btc-usd\".id_format"),
        (good("btc", true, ""), "series[0] \"btc\".id_format"),
        (
            good(
                "btcusd-hourly",
                true,
                "[compat]\nassets = { btc = \"btcusd-hourly\" }",
            ),
            "compat.assets.btc",
        ),
        (
            good(
                "btcusd",
                true,
                "[compat]\nassets = { btcusd = \"btcusd\", btcus1 = \"btcusd\" }",
            ),
            "compat.assets.btcusd",
        ),
        (
            good("btcusd", true, "").replace("\"p2pd\"", "\"unix\""),
            "series[0] \"btcusd\".id_format",
        ),
    ] {
        let refusal = refusal(&text);
        assert_eq!(refusal.key, key, "{}", refusal.reason);
    }
}

#[test]
fn two_series_cannot_name_their_events_alike() {
    let text = good("btcusd", true, "");
    let section = &text[text.find("[[series]]").unwrap()..];
    let again = section.replace("\"btcusd\"\nid_format", "\"btcusd-b\"\nid_format");
    let text = format!("{text}{again}[compat]\nassets = {{ btcusd = \"btcusd-b\" }}\n");
    assert_eq!(refusal(&text).key, "series[1] \"btcusd-b\".id_format");
}

#[test]
fn another_format_of_ids_is_another_series_to_the_service() {
    let fingerprint = |text: &str| {
        let config = Config::parse(text, Path::new("/")).unwrap();
        config.series.into_values().next().unwrap().fingerprint
    };
    assert_ne!(
        fingerprint(&good("btcusd", false, "")),
        fingerprint(&good("btcusd", true, ""))
    );
}

#[test]
fn nobody_else_takes_an_id_of_a_p2pd_series() {
    let event = |id: &str| {
        format!(
            "[[event]]\nid = \"{id}\"\nkind = \"threshold\"\nprice = \"btcusd\"\nabove = \"1\"\n\
             maturity = \"2026-12-01T16:00:00Z\"\n"
        )
    };
    for id in ["btcusd1795363200", "btcusd0", "btcusd99999999999999999999"] {
        let refusal = refusal(&good("btcusd", true, &event(id)));
        assert_eq!(refusal.key, format!("event[0] {id:?}.id"));
        assert!(refusal.reason.contains("reserved"), "{}", refusal.reason);
    }
    for id in [
        "btcusd",
        "btcusd-1795363200",
        "BTCUSD1795363200",
        "xbtcusd1",
    ] {
        Config::parse(&good("btcusd", true, &event(id)), Path::new("/")).unwrap();
    }
    // Over HTTP, the same.
    let config = Config::parse(&good("btcusd", true, ""), Path::new("/")).unwrap();
    let json = |id: &str| {
        serde_json::json!({
            "id": id, "kind": "threshold", "price": "btcusd", "above": "1",
            "maturity": "2026-12-01T16:00:00Z",
        })
        .to_string()
    };
    let refused = parse_event(json("btcusd1795363200").as_bytes(), &config.context());
    assert_eq!(refused.unwrap_err().key, "id");
    parse_event(json("btcusd-a").as_bytes(), &config.context()).unwrap();
    // Where no series claims them, such ids are anybody's.
    let config = Config::parse(&good("btcusd", false, ""), Path::new("/")).unwrap();
    parse_event(json("btcusd1795363200").as_bytes(), &config.context()).unwrap();
}

#[test]
fn an_asset_is_a_series_of_numbers_that_there_is() {
    let assets = contract().assets;
    assert_eq!(assets.len(), 1);
    assert_eq!(assets[0].name, "btcusd");
    assert_eq!(assets[0].series.as_str(), "btcusd-hourly");
    assert_eq!(assets[0].every_s, Some(3600));
    let asset = "assets = { btcusd = \"btcusd-hourly\" }";
    for (bad, key) in [
        ("assets = { btcusd = \"gone\" }", "compat.assets.btcusd"),
        (
            "assets = { \"btc/usd\" = \"btcusd-hourly\" }",
            "compat.assets.btc/usd",
        ),
        ("assets = { \"\" = \"btcusd-hourly\" }", "compat.assets."),
        (
            "assets = { abcdefghijklmnopq = \"btcusd-hourly\" }",
            "compat.assets.abcdefghijklmnopq",
        ),
        (
            "assets = { BTCUSD = \"btcusd-hourly\", btcusd = \"btcusd-hourly\" }",
            "compat.assets.btcusd",
        ),
        ("assets = { btcusd = 1 }", "compat.assets.btcusd"),
        ("asset = {}", "compat.asset"),
    ] {
        assert_eq!(spoilt(asset, bad).key, key, "{bad}");
    }
    let digits =
        "kind = \"digits\"\nprice = \"btcusd\"\ndecimals = 2\nbase = 2\ndigits = 20\nunit = \"u\"";
    let threshold = "kind = \"threshold\"\nprice = \"btcusd\"\nabove = \"1\"";
    let text = good(
        "btcusd",
        false,
        "[compat]\nassets = { btcusd = \"btcusd\" }",
    );
    let refused = refusal(&text.replacen(digits, threshold, 1));
    assert_eq!(refused.key, "compat.assets.btcusd");
    let two = "assets = { btcusd = \"btcusd-hourly\", XBTUSD = \"btcusd-hourly\" }";
    let text = CONTRACT.replacen(asset, two, 1);
    assert_eq!(
        Config::parse(&text, Path::new("/")).unwrap().assets.len(),
        2
    );
}

#[test]
fn the_format_of_ids_is_a_key_of_series_alone() {
    let event = "maturity = \"2026-11-30T00:00:00Z\"";
    let refusal = spoilt(event, &format!("{event}\nid_format = \"p2pd\""));
    assert!(refusal.key.ends_with(".id_format"), "{}", refusal.key);
}
