//! Tables as text.

use proptest::prelude::*;
use proptest::sample::Index;

use super::{Damage, Lists, Read, Reading, observed, runner};

/// What a cell that nobody looks at may hold.
const ODD: [&str; 5] = ["", "odd", "1.2e-07", "-1", "\u{a0}"];

/// What a cell that decides must not hold.
const DAMAGED: [&str; 2] = ["", "§ nonsense"];

/// A table to be put to the tests.
pub(crate) struct Csv<'a> {
    /// Lines before the header, as they are.
    preamble: Vec<String>,
    /// Header and rows, cell by cell.
    rows: Vec<Vec<String>>,
    end: &'static str,
    delimiter: char,
    lists: Lists,
    read: Read<'a>,
}

/// A table with its header in the line of that index, the adapter's lists (names
/// of columns) and what reads it. Quoted cells are not known here: samples have
/// none.
pub(crate) fn csv<'a>(
    body: &str,
    delimiter: u8,
    header: usize,
    lists: &Lists,
    read: Read<'a>,
) -> Csv<'a> {
    let delimiter = char::from(delimiter);
    let end = if body.contains("\r\n") { "\r\n" } else { "\n" };
    let mut lines = body.lines();
    let preamble = lines.by_ref().take(header).map(str::to_owned).collect();
    let cells = |line: &str| line.split(delimiter).map(str::to_owned).collect();
    Csv {
        preamble,
        rows: lines.filter(|l| !l.is_empty()).map(cells).collect(),
        end,
        delimiter,
        lists: lists.clone(),
        read,
    }
}

impl Csv<'_> {
    /// Strict about the deciding columns that the table has, and deaf.
    #[track_caller]
    pub(crate) fn is_strict_and_deaf(&self) {
        let before = observed(self.read, &self.write(&self.rows));
        self.is_strict(&before);
        for column in self.columns(&self.lists.hints) {
            let _ = self.damaged(&before, column);
        }
        let idle: Vec<usize> = (0..self.rows[0].len())
            .filter(|column| {
                let name = &self.rows[0][*column];
                !self.lists.deciding.contains(name) && !self.lists.hints.contains(name)
            })
            .collect();
        for column in &idle {
            self.changes_nothing(&before, &without(&self.rows, *column), *column);
            let mut renamed = self.rows.clone();
            "Renamed".clone_into(&mut renamed[0][*column]);
            self.changes_nothing(&before, &renamed, *column);
            for odd in ODD {
                self.changes_nothing(&before, &filled(&self.rows, *column, odd), *column);
            }
        }
        self.takes_new_columns(&before);
        self.several_at_random(&before, &idle);
    }

    #[track_caller]
    fn is_strict(&self, before: &Reading) {
        for column in self.columns(&self.lists.deciding) {
            for (way, damage) in self.damaged(before, column) {
                let name = &self.rows[0][column];
                assert!(damage.refused, "{way} of the column {name} is no refusal");
            }
        }
    }

    /// The column away, under another name, damaged in all rows, and in each.
    #[track_caller]
    fn damaged(&self, before: &Reading, column: usize) -> Vec<(&'static str, Damage)> {
        let mut renamed = self.rows.clone();
        "Renamed".clone_into(&mut renamed[0][column]);
        let mut all = vec![
            ("removal", without(&self.rows, column)),
            ("another name", renamed),
        ];
        all.extend(DAMAGED.map(|text| ("damage", filled(&self.rows, column, text))));
        for (row, text) in (1..self.rows.len()).zip(DAMAGED.iter().cycle()) {
            let mut rows = self.rows.clone();
            if let Some(cell) = rows[row].get_mut(column) {
                (*text).clone_into(cell);
            }
            let after = (self.read)(&self.write(&rows));
            Damage::default().take(before, &after, &format!("row {row}, column {column}"));
        }
        all.into_iter()
            .map(|(way, rows)| {
                let mut damage = Damage::default();
                let what = format!("{way} of {}", self.rows[0][column]);
                damage.take(before, &(self.read)(&self.write(&rows)), &what);
                (way, damage)
            })
            .collect()
    }

    #[track_caller]
    fn takes_new_columns(&self, before: &Reading) {
        for at in [0, self.rows[0].len()] {
            let mut rows = self.rows.clone();
            for (index, row) in rows.iter_mut().enumerate() {
                let cell = if index == 0 { "Unknown" } else { "1.2e-07" };
                row.insert(at.min(row.len()), cell.to_owned());
            }
            self.changes_nothing(before, &rows, at);
        }
    }

    #[track_caller]
    fn several_at_random(&self, before: &Reading, idle: &[usize]) {
        if idle.is_empty() || self.rows.len() < 2 {
            return;
        }
        let one = (any::<Index>(), any::<Index>(), 0..ODD.len());
        let result = runner().run(&prop::collection::vec(one, 2..12), |picks| {
            let mut rows = self.rows.clone();
            for (row, column, odd) in picks {
                let row = 1 + row.index(rows.len() - 1);
                if let Some(cell) = rows[row].get_mut(*column.get(idle)) {
                    ODD[odd].clone_into(cell);
                }
            }
            self.changes_nothing(before, &rows, 0);
            Ok(())
        });
        if let Err(error) = result {
            panic!("{error}");
        }
    }

    #[track_caller]
    fn changes_nothing(&self, before: &Reading, rows: &[Vec<String>], column: usize) {
        let body = self.write(rows);
        assert_eq!(before, &(self.read)(&body), "column {column}:\n{body}");
    }

    fn columns(&self, names: &[String]) -> Vec<usize> {
        let place = |name: &String| self.rows[0].iter().position(|cell| cell == name);
        names.iter().filter_map(place).collect()
    }

    fn write(&self, rows: &[Vec<String>]) -> String {
        let mut body = String::new();
        for line in &self.preamble {
            body.push_str(line);
            body.push_str(self.end);
        }
        for row in rows {
            body.push_str(&row.join(&self.delimiter.to_string()));
            body.push_str(self.end);
        }
        body
    }
}

fn without(rows: &[Vec<String>], column: usize) -> Vec<Vec<String>> {
    let mut rows = rows.to_vec();
    for row in &mut rows {
        if column < row.len() {
            row.remove(column);
        }
    }
    rows
}

fn filled(rows: &[Vec<String>], column: usize, text: &str) -> Vec<Vec<String>> {
    let mut rows = rows.to_vec();
    for row in rows.iter_mut().skip(1) {
        if let Some(cell) = row.get_mut(column) {
            text.clone_into(cell);
        }
    }
    rows
}
