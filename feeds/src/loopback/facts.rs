//! Matches and elections as their providers would tell them.
//!
//! The bodies are recorded shapes with other ids, times and results written
//! into the places where the provider has them.

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

/// A match as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptedMatch {
    /// The provider's id of it.
    pub id: u64,
    /// The provider's id of the home side.
    pub home: u64,
    /// The provider's id of the away side.
    pub away: u64,
    /// Kickoff, Unix seconds.
    pub kickoff: i64,
    /// How far it is.
    pub stage: MatchStage,
}

/// How far a match is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchStage {
    /// Not begun.
    Scheduled,
    /// Under way; the score so far.
    Playing(u32, u32),
    /// Over after regular time.
    Finished(u32, u32),
    /// Over after overtime: what regular time ended at on both sides, and the end.
    Overtime(u32, (u32, u32)),
    /// Put off. `OpenLigaDB` does not know this: it goes on saying `scheduled`.
    Postponed,
}

/// A race as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptedRace {
    /// `2026-11-03`.
    pub date: String,
    /// Postal code of the state.
    pub state: String,
    /// Office id.
    pub office: String,
    /// Candidates' ids and votes.
    pub candidates: Vec<(String, u64)>,
    /// `live`, `certified` or `test`.
    pub results_type: &'static str,
    /// The candidate declared to have won.
    pub winner: Option<String>,
}

impl ScriptedMatch {
    /// Where a provider serves it; none for a provider of something else.
    pub fn path(&self, provider: &str) -> Option<String> {
        let id = self.id;
        Some(match provider {
            "openligadb" => format!("/getmatchdata/{id}"),
            "football-data" => format!("/v4/matches/{id}"),
            "api-football" => format!("/fixtures?id={id}"),
            "mlb" => format!("/api/v1/schedule?sportId=1&gamePk={id}"),
            _ => return self.league_path(provider),
        })
    }

    /// What a provider answers; none for a provider of something else.
    pub fn body(&self, provider: &str) -> Option<String> {
        let body = match provider {
            "openligadb" => self.openligadb(),
            "football-data" => self.football_data(),
            "api-football" => self.api_football(),
            "mlb" => self.mlb(),
            _ => self.league_body(provider)?,
        };
        Some(body.to_string())
    }

    /// As it runs, or in the end.
    pub(super) fn score(&self) -> Option<(u32, u32)> {
        match self.stage {
            MatchStage::Playing(home, away)
            | MatchStage::Finished(home, away)
            | MatchStage::Overtime(_, (home, away)) => Some((home, away)),
            MatchStage::Scheduled | MatchStage::Postponed => None,
        }
    }

    pub(super) fn is_finished(&self) -> bool {
        matches!(
            self.stage,
            MatchStage::Finished(..) | MatchStage::Overtime(..)
        )
    }

    /// After regular time, if that was not the end, and what came on top.
    fn overtime(&self) -> Option<((u32, u32), (u32, u32))> {
        let MatchStage::Overtime(level, (home, away)) = self.stage else {
            return None;
        };
        let added = (home.saturating_sub(level), away.saturating_sub(level));
        Some(((level, level), added))
    }

    fn winner(&self) -> Option<&'static str> {
        let (home, away) = self.score().filter(|_| self.is_finished())?;
        Some(match home.cmp(&away) {
            std::cmp::Ordering::Greater => "HOME_TEAM",
            std::cmp::Ordering::Less => "AWAY_TEAM",
            std::cmp::Ordering::Equal => "DRAW",
        })
    }

    fn openligadb(&self) -> Value {
        let mut results = Vec::new();
        let mut goals = Vec::new();
        if let Some((home, away)) = self.score().filter(|_| self.is_finished()) {
            let regular = self.overtime().map_or((home, away), |(level, _)| level);
            results.push(json!({
                "resultID": 118_001, "resultName": "Halbzeit", "pointsTeam1": 0, "pointsTeam2": 0,
                "resultOrderID": 1, "resultTypeID": 1, "resultTypeKind": "HalfTime",
                "resultDescription": "Ergebnis nach Ende der ersten Halbzeit"
            }));
            results.push(json!({
                "resultID": 118_002, "resultName": "Endergebnis",
                "pointsTeam1": regular.0, "pointsTeam2": regular.1,
                "resultOrderID": 2, "resultTypeID": 2, "resultTypeKind": "After90Minutes",
                "resultDescription": "Ergebnis nach Ende der offiziellen Spielzeit"
            }));
            if self.overtime().is_some() {
                results.push(json!({
                    "resultID": 118_003, "resultName": "nach Verlängerung",
                    "pointsTeam1": home, "pointsTeam2": away,
                    "resultOrderID": 3, "resultTypeID": 3, "resultTypeKind": "AfterExtraTime",
                    "resultDescription": "Ergebnis nach Verlängerung"
                }));
            }
            let scored = (1..=home)
                .map(|n| (n, 0))
                .chain((1..=away).map(|n| (home, n)));
            for (minute, (home, away)) in (46..).zip(scored) {
                goals.push(json!({
                    "goalID": minute, "scoreTeam1": home, "scoreTeam2": away,
                    "matchMinute": minute, "goalGetterID": 0, "goalGetterName": "A",
                    "isPenalty": false, "isOwnGoal": false, "isOvertime": false, "comment": null
                }));
            }
        }
        json!({
            "matchID": self.id,
            "matchDateTime": stamp(self.kickoff).trim_end_matches('Z'),
            "timeZoneID": "UTC",
            "leagueId": 4911, "leagueName": "1. Fußball-Bundesliga 2026/2027",
            "leagueSeason": 2026, "leagueShortcut": "bl1",
            "matchDateTimeUTC": stamp(self.kickoff),
            "group": {"groupName": "9. Spieltag", "groupOrderID": 9, "groupID": 47111},
            "team1": team(self.home), "team2": team(self.away),
            "lastUpdateDateTime": stamp(self.kickoff).trim_end_matches('Z'),
            "matchIsFinished": self.is_finished(),
            "matchResults": results, "goals": goals, "location": null, "numberOfViewers": null
        })
    }

    fn football_data(&self) -> Value {
        let status = match self.stage {
            MatchStage::Scheduled => "TIMED",
            MatchStage::Playing(..) => "IN_PLAY",
            MatchStage::Finished(..) | MatchStage::Overtime(..) => "FINISHED",
            MatchStage::Postponed => "POSTPONED",
        };
        let (home, away) = self.score().unzip();
        let half = self.score().map(|_| 0);
        let mut score = json!({
            "winner": self.winner(), "duration": "REGULAR",
            "fullTime": {"home": home, "away": away},
            "halfTime": {"home": half, "away": half}
        });
        if let Some((regular, added)) = self.overtime() {
            score["duration"] = "EXTRA_TIME".into();
            score["regularTime"] = json!({"home": regular.0, "away": regular.1});
            score["extraTime"] = json!({"home": added.0, "away": added.1});
        }
        json!({
            "area": {"id": 2088, "name": "Germany", "code": "DEU", "flag": null},
            "competition": {"id": 2002, "name": "Bundesliga", "code": "BL1", "type": "LEAGUE", "emblem": null},
            "season": {"id": 2500, "startDate": "2026-08-28", "endDate": "2027-05-22", "currentMatchday": 9, "winner": null},
            "id": self.id, "utcDate": stamp(self.kickoff), "status": status,
            "matchday": 9, "stage": "REGULAR_SEASON", "group": null,
            "lastUpdated": stamp(self.kickoff),
            "homeTeam": {"id": self.home, "name": "Home", "shortName": "Home", "tla": "HOM", "crest": null},
            "awayTeam": {"id": self.away, "name": "Away", "shortName": "Away", "tla": "AWY", "crest": null},
            "score": score,
            "odds": {"msg": "Activate Odds-Package in User-Panel to retrieve odds."},
            "referees": []
        })
    }

    fn api_football(&self) -> Value {
        let (long, short) = match self.stage {
            MatchStage::Scheduled => ("Not Started", "NS"),
            MatchStage::Playing(..) => ("Second Half", "2H"),
            MatchStage::Finished(..) => ("Match Finished", "FT"),
            MatchStage::Overtime(..) => ("Match Finished", "AET"),
            MatchStage::Postponed => ("Match Postponed", "PST"),
        };
        let (home, away) = self.score().unzip();
        let regular = self.overtime().map(|(level, _)| level).or(self.score());
        let done = regular.filter(|_| self.is_finished()).unzip();
        let added = self.overtime().map(|(_, added)| added).unzip();
        let half = self.score().map(|_| 0);
        let won = |side: &str| self.winner().filter(|w| *w != "DRAW").map(|w| w == side);
        json!({
            "get": "fixtures", "parameters": {"id": self.id.to_string()}, "errors": [],
            "results": 1, "paging": {"current": 1, "total": 1},
            "response": [{
                "fixture": {
                    "id": self.id, "referee": null, "timezone": "UTC",
                    "date": stamp(self.kickoff).replace('Z', "+00:00"), "timestamp": self.kickoff,
                    "periods": {"first": null, "second": null},
                    "venue": {"id": 700, "name": "Arena", "city": "Town"},
                    "status": {"long": long, "short": short, "elapsed": null, "extra": null}
                },
                "league": {"id": 78, "name": "Bundesliga", "country": "Germany", "logo": "",
                    "flag": "", "season": 2026, "round": "Regular Season - 9", "standings": true},
                "teams": {
                    "home": {"id": self.home, "name": "Home", "logo": "", "winner": won("HOME_TEAM")},
                    "away": {"id": self.away, "name": "Away", "logo": "", "winner": won("AWAY_TEAM")}
                },
                "goals": {"home": home, "away": away},
                "score": {
                    "halftime": {"home": half, "away": half},
                    "fulltime": {"home": done.0, "away": done.1},
                    "extratime": {"home": added.0, "away": added.1},
                    "penalty": {"home": null, "away": null}
                }
            }]
        })
    }

    fn mlb(&self) -> Value {
        let (general, coded, detailed, code) = match self.stage {
            MatchStage::Scheduled => ("Preview", "S", "Scheduled", "S"),
            MatchStage::Playing(..) => ("Live", "I", "In Progress", "I"),
            MatchStage::Finished(..) | MatchStage::Overtime(..) => ("Final", "F", "Final", "F"),
            MatchStage::Postponed => ("Final", "D", "Postponed", "DR"),
        };
        let date = stamp(self.kickoff);
        let date = date.split('T').next().unwrap_or_default();
        let side = |id: u64, score: Option<u32>, name: &str| {
            let mut side = json!({
                "leagueRecord": {"wins": 80, "losses": 70, "pct": ".533"},
                "team": {"id": id, "name": name, "link": format!("/api/v1/teams/{id}")},
                "splitSquad": false, "seriesNumber": 48
            });
            if let (Some(score), Some(fields)) = (score, side.as_object_mut()) {
                fields.insert("score".to_owned(), score.into());
            }
            side
        };
        let (home, away) = self.score().unzip();
        json!({
            "copyright": "", "totalItems": 1, "totalEvents": 0, "totalGames": 1,
            "totalGamesInProgress": 0,
            "dates": [{
                "date": date, "totalItems": 1, "totalEvents": 0, "totalGames": 1,
                "totalGamesInProgress": 0, "events": [],
                "games": [{
                    "gamePk": self.id, "link": format!("/api/v1.1/game/{}/feed/live", self.id),
                    "gameType": "R", "season": "2026", "gameDate": stamp(self.kickoff),
                    "officialDate": date,
                    "status": {"abstractGameState": general, "codedGameState": coded,
                        "detailedState": detailed, "statusCode": code, "startTimeTBD": false,
                        "abstractGameCode": general.get(..1)},
                    "teams": {"away": side(self.away, away, "Away"), "home": side(self.home, home, "Home")},
                    "venue": {"id": 3289, "name": "Field", "link": "/api/v1/venues/3289"},
                    "gameNumber": 1, "doubleHeader": "N", "gamedayType": "P", "tiebreaker": "N",
                    "scheduledInnings": 9
                }]
            }]
        })
    }
}

impl ScriptedRace {
    /// Where AP serves it, up to its other parameters.
    pub fn path(&self) -> String {
        format!(
            "/v3/elections/{}?statePostal={}&officeID={}",
            self.date, self.state, self.office
        )
    }

    /// What AP (v3) answers.
    pub fn body(&self) -> String {
        let candidates: Vec<Value> = self
            .candidates
            .iter()
            .map(|(id, votes)| {
                let mut candidate = json!({
                    "first": "A", "last": "B", "party": "Ind", "candidateID": id,
                    "polID": id, "ballotOrder": 1, "polNum": id, "voteCount": votes
                });
                if let Some(fields) = candidate.as_object_mut()
                    && self.winner.as_ref() == Some(id)
                {
                    fields.insert("winner".to_owned(), "X".into());
                }
                candidate
            })
            .collect();
        let called = if self.winner.is_some() {
            "Called"
        } else {
            "Too Early to Call"
        };
        json!({
            "apiVersion": "3.1", "apiBuild": "3.1.104", "electionDate": self.date,
            "timestamp": "2026-11-04T05:12:44.101Z",
            "races": [{
                "eventID": "11001", "stateID": "10", "test": self.results_type == "test",
                "resultsType": self.results_type, "raceID": "11810", "raceType": "General",
                "raceTypeID": "G", "officeID": self.office, "officeName": "Office", "party": "",
                "eevp": 99, "national": true,
                "reportingUnits": [{
                    "statePostal": self.state, "stateName": self.state, "level": "state",
                    "lastUpdated": "2026-11-04T05:12:40.001Z", "precinctsReporting": 2640,
                    "precinctsTotal": 2664, "precinctsReportingPct": 99.1, "candidates": candidates
                }],
                "raceCallStatus": called
            }],
            "nextrequest": ""
        })
        .to_string()
    }
}

/// A `kerg2.csv` of the Bundeswahlleiterin: second votes of the whole country.
///
/// `status` is `Zwischenergebnis`, `Vorläufig` or `Endgültig`.
pub fn kerg2(status: &str, votes: &[(&str, u64)]) -> String {
    let mut text = format!(
        "\u{feff}# (c) Die Bundeswahlleiterin, Wiesbaden\r\n\
         Datenlizenz Deutschland – Namensnennung – Version 2.0\r\n\r\n\
         Ergebnisse nach Wahlkreisen\r\nWahl zum 22. Deutschen Bundestag\r\n\
         Status: {status}\r\nStand: 13.03.2029\r\n\r\n\r\n\
         Wahlart;Wahltag;Gebietsart;Gebietsnummer;Gebietsname;UegGebietsart;UegGebietsnummer;\
         Gruppenart;Gruppenname;Gruppenreihenfolge;Stimme;Anzahl;Prozent;VorpAnzahl;VorpProzent;\
         DiffProzent;DiffProzentPkt;Bemerkung;Gewählt\r\n"
    );
    for (order, (party, votes)) in votes.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "BT;25.02.2029;Bund;99;Bundesgebiet;;;Partei;{party};{};2;{votes};10,000000;;;;;;\r\n",
            order + 1
        );
    }
    text
}

fn team(id: u64) -> Value {
    json!({"teamId": id, "teamName": format!("Team {id}"), "shortName": "", "teamIconUrl": "", "teamGroupName": null})
}

pub(super) fn stamp(unix: i64) -> String {
    DateTime::<Utc>::from_timestamp(unix, 0)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Secs, true)
}
