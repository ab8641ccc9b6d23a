//! Games of the American leagues as their providers would tell them.

use serde_json::{Value, json};

use super::facts::{MatchStage, ScriptedMatch, stamp};

impl ScriptedMatch {
    pub(super) fn league_path(&self, provider: &str) -> Option<String> {
        let id = self.id;
        Some(match provider {
            "nhl" => format!("/v1/gamecenter/{id}/boxscore"),
            "nba" => format!("/static/json/liveData/boxscore/boxscore_{id:010}.json"),
            "espn-nfl" => format!("/apis/site/v2/sports/football/nfl/scoreboard/{id}"),
            _ => return None,
        })
    }

    pub(super) fn league_body(&self, provider: &str) -> Option<Value> {
        Some(match provider {
            "nhl" => self.nhl(),
            "nba" => self.nba(),
            "espn-nfl" => self.espn_nfl(),
            _ => return None,
        })
    }

    /// Points of home and away in four quarters, all in the first one, and in
    /// overtime; empty before the game.
    fn lines(&self) -> (Vec<u32>, Vec<u32>) {
        match self.stage {
            MatchStage::Scheduled | MatchStage::Postponed => (Vec::new(), Vec::new()),
            MatchStage::Playing(home, away) => (vec![home], vec![away]),
            MatchStage::Finished(home, away) => (vec![home, 0, 0, 0], vec![away, 0, 0, 0]),
            MatchStage::Overtime(level, (home, away)) => {
                let line = |end: u32| vec![level, 0, 0, 0, end.saturating_sub(level)];
                (line(home), line(away))
            }
        }
    }

    fn nhl(&self) -> Value {
        let (state, planned) = match self.stage {
            MatchStage::Scheduled => ("FUT", "OK"),
            MatchStage::Playing(..) => ("LIVE", "OK"),
            MatchStage::Finished(..) | MatchStage::Overtime(..) => ("OFF", "OK"),
            MatchStage::Postponed => ("FUT", "PPD"),
        };
        let team = |id: u64, name: &str, score: Option<u32>| {
            let mut team = json!({
                "id": id, "commonName": {"default": name}, "abbrev": name, "logo": "",
                "placeName": {"default": name}
            });
            if let Some(score) = score {
                team["score"] = score.into();
            }
            team
        };
        let (home, away) = self.score().unzip();
        let mut body = json!({
            "id": self.id, "season": 20_262_027, "gameType": 2, "limitedScoring": false,
            "gameDate": stamp(self.kickoff).split('T').next(),
            "venue": {"default": "Arena"}, "startTimeUTC": stamp(self.kickoff),
            "easternUTCOffset": "-04:00", "venueUTCOffset": "-04:00", "tvBroadcasts": [],
            "gameState": state, "gameScheduleState": planned, "regPeriods": 3,
            "awayTeam": team(self.away, "Away", away), "homeTeam": team(self.home, "Home", home)
        });
        if self.is_finished() {
            let overtime = matches!(self.stage, MatchStage::Overtime(..));
            let last = if overtime { "OT" } else { "REG" };
            body["gameOutcome"] = json!({"lastPeriodType": last});
        }
        body
    }

    fn nba(&self) -> Value {
        let (status, text) = match self.stage {
            MatchStage::Scheduled => (1, "7:30 pm ET"),
            MatchStage::Playing(..) => (2, "Q1 4:12"),
            MatchStage::Finished(..) => (3, "Final"),
            MatchStage::Overtime(..) => (3, "Final/OT"),
            MatchStage::Postponed => (1, "PPD"),
        };
        let team = |id: u64, name: &str, line: &[u32]| {
            let periods: Vec<Value> = (1..)
                .zip(line)
                .map(|(period, score)| {
                    let kind = if period > 4 { "OVERTIME" } else { "REGULAR" };
                    json!({"period": period, "periodType": kind, "score": score})
                })
                .collect();
            json!({
                "teamId": id, "teamName": name, "teamCity": "Town", "teamTricode": "ABC",
                "score": line.iter().sum::<u32>(), "inBonus": null, "timeoutsRemaining": 1,
                "periods": periods, "players": [], "statistics": {}
            })
        };
        let (home, away) = self.lines();
        json!({
            "meta": {"version": 1, "code": 200, "request": "", "time": ""},
            "game": {
                "gameId": format!("{:010}", self.id), "gameTimeUTC": stamp(self.kickoff),
                "gameCode": "", "gameStatusText": text, "gameStatus": status,
                "regulationPeriods": 4, "period": home.len(), "gameClock": "", "officials": [],
                "homeTeam": team(self.home, "Home", &home),
                "awayTeam": team(self.away, "Away", &away)
            }
        })
    }

    fn espn_nfl(&self) -> Value {
        let (name, state) = match self.stage {
            MatchStage::Scheduled => ("STATUS_SCHEDULED", "pre"),
            MatchStage::Playing(..) => ("STATUS_IN_PROGRESS", "in"),
            MatchStage::Finished(..) | MatchStage::Overtime(..) => ("STATUS_FINAL", "post"),
            MatchStage::Postponed => ("STATUS_POSTPONED", "post"),
        };
        let (home, away) = self.lines();
        let status = json!({
            "clock": 0.0, "displayClock": "0:00", "period": home.len(),
            "type": {"id": "1", "name": name, "state": state, "completed": self.is_finished(),
                "description": name, "detail": name, "shortDetail": name}
        });
        let side = |id: u64, side: &str, line: &[u32]| {
            let quarters: Vec<Value> = (1..)
                .zip(line)
                .map(|(period, points)| json!({"period": period, "value": f64::from(*points)}))
                .collect();
            json!({
                "id": id.to_string(), "homeAway": side,
                "team": {"id": id.to_string(), "abbreviation": "ABC", "displayName": side},
                "score": line.iter().sum::<u32>().to_string(), "linescores": quarters
            })
        };
        let id = self.id.to_string();
        json!({
            "id": id, "date": stamp(self.kickoff).replace(":00Z", "Z"), "name": "Away at Home",
            "season": {"year": 2026, "type": 2}, "week": {"number": 7}, "status": status,
            "competitions": [{
                "id": id, "timeValid": true,
                "competitors": [side(self.home, "home", &home), side(self.away, "away", &away)]
            }]
        })
    }
}
