//! JSON answers.

use proptest::prelude::*;
use proptest::sample::Index;

use super::tree::{Place, Step, Tree, quoted, shown};
use super::{Damage, Lists, Read, Reading, observed, runner};

/// What a value that nobody looks at may become.
const ODD: [&str; 10] = [
    "null",
    "true",
    "-1",
    "1.2e-07",
    "1e999",
    "123456789012345678901234567890.5",
    "\"\"",
    "\"odd\"",
    "[1,null]",
    "{\"odd\":[{}]}",
];

/// What a value that decides must not be.
const DAMAGED: [&str; 5] = ["null", "true", "[]", "{}", "\"§ nonsense\""];

/// One change to an answer.
#[derive(Debug, Clone, Copy)]
enum Edit {
    /// Away with it (object members only; items of arrays stay).
    Remove,
    /// Under another name (object members only).
    Rename,
    /// An unknown neighbour in the same object.
    Neighbour(&'static str),
    /// Something else in its place.
    Become(&'static str),
}

/// An answer to be put to the tests.
pub(crate) struct Json<'a> {
    tree: Tree,
    deciding: Vec<Vec<Pattern>>,
    hints: Vec<Vec<Pattern>>,
    read: Read<'a>,
}

/// A JSON body, the adapter's lists, and what reads it.
///
/// Paths are keys joined by dots, `[]` for every item of an array, `[4]` for
/// one of them (rows that are arrays), `*` for every key (names that depend on
/// what was asked): `dates[].games[].gamePk`, `result.*[][4]`. A path to an
/// object or array stands for all that is in it.
pub(crate) fn json<'a>(body: &str, lists: &Lists, read: Read<'a>) -> Json<'a> {
    let patterns = |all: &[String]| all.iter().map(|path| pattern(path)).collect();
    Json {
        tree: Tree::parse(body),
        deciding: patterns(&lists.deciding),
        hints: patterns(&lists.hints),
        read,
    }
}

impl Json<'_> {
    /// Strict about every deciding field that the answer has, and deaf.
    #[track_caller]
    pub(crate) fn is_strict_and_deaf(&self) {
        self.is_strict();
        self.is_deaf();
    }

    /// What is not listed changes nothing; what is listed makes no other fact.
    #[track_caller]
    pub(crate) fn is_deaf(&self) {
        let before = observed(self.read, &self.tree.write());
        let places = self.tree.places();
        for pattern in self.deciding.iter().chain(&self.hints) {
            let _ = self.damaged(&before, &places, pattern);
        }
        let idle: Vec<Place> = places.into_iter().filter(|p| self.is_idle(p)).collect();
        let mut edits = vec![Edit::Remove, Edit::Rename];
        edits.extend(ODD.map(Edit::Become));
        for place in &idle {
            for edit in &edits {
                self.changes_nothing(&before, &[(place.clone(), *edit)]);
            }
        }
        let open = self.open_objects();
        for place in &open {
            for odd in ODD {
                self.changes_nothing(&before, &[(place.clone(), Edit::Neighbour(odd))]);
            }
        }
        edits.extend(ODD.map(Edit::Neighbour));
        self.several_at_random(&before, &idle, &open, &edits);
    }

    #[track_caller]
    fn is_strict(&self) {
        let before = observed(self.read, &self.tree.write());
        let places = self.tree.places();
        for pattern in &self.deciding {
            // The field itself, and the objects and arrays that lead to it.
            for length in 1..=pattern.len() {
                let pattern = &pattern[..length];
                let all = self.damaged(&before, &places, pattern);
                // An item of a list, or any key, may be one that does not count.
                let any = matches!(pattern.last(), Some(Pattern::Items | Pattern::AnyKey));
                let counts = !any;
                for (name, damage) in all.into_iter().filter(|(_, d)| d.done && counts) {
                    assert!(damage.refused, "{name} is no refusal");
                }
            }
        }
    }

    /// Damages every place of a pattern in every way; per way, what it did.
    #[track_caller]
    fn damaged(
        &self,
        before: &Reading,
        places: &[Place],
        pattern: &[Pattern],
    ) -> Vec<(String, Damage)> {
        let mut ways = vec![Edit::Remove];
        ways.extend(DAMAGED.map(Edit::Become));
        let mut all = Vec::new();
        for way in ways {
            let mut damage = Damage::default();
            let mut name = String::new();
            for place in places.iter().filter(|p| matches(pattern, p)) {
                if let Edit::Become(text) = way
                    && !self.is_damage(place, text)
                {
                    continue;
                }
                let Some(body) = self.edited(&[(place.clone(), way)]) else {
                    continue;
                };
                name = format!("{way:?} at {}", shown(place));
                damage.take(before, &(self.read)(&body), &name);
            }
            all.push((name, damage));
        }
        all
    }

    /// Whether a value of that text is of another kind than the one at a place;
    /// nonsense is damage to texts too.
    fn is_damage(&self, place: &[Step], text: &str) -> bool {
        let kind = |text: &str| match text.as_bytes().first() {
            Some(b't' | b'f') => 'b',
            Some(b'"') => '"',
            Some(b'[') => '[',
            Some(b'{') => '{',
            Some(b'n') => 'n',
            _ => '0',
        };
        let Some(value) = self.tree.get(place) else {
            return false;
        };
        let now = value.write();
        kind(&now) != kind(text) || kind(text) == '"'
    }

    /// Neither listed, nor inside or around a listed field.
    fn is_idle(&self, place: &[Step]) -> bool {
        let touches = |pattern: &Vec<Pattern>| {
            let common = pattern.len().min(place.len());
            matches(&pattern[..common], &place[..common])
        };
        !self.deciding.iter().chain(&self.hints).any(touches)
    }

    /// Objects in which a new member means nothing: those on the way to listed
    /// fields, and all that are not listed themselves.
    fn open_objects(&self) -> Vec<Place> {
        let listed = |place: &[Step]| {
            let within = |pattern: &Vec<Pattern>| {
                pattern.len() <= place.len() && matches(pattern, &place[..pattern.len()])
            };
            let any_key = |pattern: &Vec<Pattern>| {
                pattern.len() > place.len()
                    && pattern[place.len()] == Pattern::AnyKey
                    && matches(&pattern[..place.len()], place)
            };
            let mut all = self.deciding.iter().chain(&self.hints);
            all.any(|p| within(p) || any_key(p))
        };
        let mut all = self.tree.places();
        all.push(Place::new());
        all.retain(|p| matches!(self.tree.get(p), Some(Tree::Object(_))) && !listed(p));
        all
    }

    #[track_caller]
    fn several_at_random(&self, before: &Reading, idle: &[Place], open: &[Place], edits: &[Edit]) {
        let count = edits.len();
        let one = (any::<Index>(), any::<Index>(), 0..count);
        let several = prop::collection::vec(one, 2..12);
        let result = runner().run(&several, |picks| {
            let mut all = Vec::new();
            for (place, object, edit) in picks {
                let edit = edits[edit];
                let from = if matches!(edit, Edit::Neighbour(_)) {
                    open
                } else {
                    idle
                };
                let index = if matches!(edit, Edit::Neighbour(_)) {
                    object
                } else {
                    place
                };
                if !from.is_empty() {
                    all.push((index.get(from).clone(), edit));
                }
            }
            self.changes_nothing(before, &all);
            Ok(())
        });
        if let Err(error) = result {
            panic!("{error}");
        }
    }

    #[track_caller]
    fn changes_nothing(&self, before: &Reading, edits: &[(Place, Edit)]) {
        let Some(body) = self.edited(edits) else {
            return;
        };
        let after = (self.read)(&body);
        let told: Vec<String> = edits
            .iter()
            .map(|(place, edit)| format!("{edit:?} at {}", shown(place)))
            .collect();
        assert_eq!(before, &after, "{}", told.join(", "));
    }

    /// The body after the edits; those whose place is gone do nothing. None if
    /// all did nothing.
    fn edited(&self, edits: &[(Place, Edit)]) -> Option<String> {
        let mut tree = self.tree.clone();
        for (place, edit) in edits {
            apply(&mut tree, place, *edit);
        }
        (tree != self.tree).then(|| tree.write())
    }
}

fn apply(tree: &mut Tree, place: &[Step], edit: Edit) {
    match edit {
        Edit::Become(text) => {
            if let Some(value) = tree.get_mut(place) {
                *value = Tree::Leaf(text.to_owned());
            }
        }
        Edit::Neighbour(text) => {
            if let Some(Tree::Object(members)) = tree.get_mut(place) {
                members.insert("unknownNeighbour".to_owned(), Tree::Leaf(text.to_owned()));
            }
        }
        Edit::Remove | Edit::Rename => {
            if let Some((Step::Key(key), parent)) = place.split_last()
                && let Some(Tree::Object(members)) = tree.get_mut(parent)
                && let Some(value) = members.remove(key)
                && let Edit::Rename = edit
            {
                members.insert(format!("{key}Renamed"), value);
            }
        }
    }
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    Key(String),
    AnyKey,
    Item(usize),
    Items,
}

fn pattern(path: &str) -> Vec<Pattern> {
    let mut steps = Vec::new();
    for part in path.split('.') {
        let (key, items) = part.split_at(part.find('[').unwrap_or(part.len()));
        match key {
            "" => assert!(!items.is_empty(), "{}: an empty step", quoted(path)),
            "*" => steps.push(Pattern::AnyKey),
            key => steps.push(Pattern::Key(key.to_owned())),
        }
        for item in items.split_terminator(']') {
            let index = item.strip_prefix('[').unwrap();
            steps.push(match index {
                "" => Pattern::Items,
                index => Pattern::Item(index.parse().unwrap()),
            });
        }
    }
    steps
}

fn matches(pattern: &[Pattern], place: &[Step]) -> bool {
    pattern.len() == place.len()
        && pattern.iter().zip(place).all(|steps| match steps {
            (Pattern::Key(a), Step::Key(b)) => a == b,
            (Pattern::Item(a), Step::Item(b)) => a == b,
            (Pattern::AnyKey, Step::Key(_)) | (Pattern::Items, Step::Item(_)) => true,
            _ => false,
        })
}
