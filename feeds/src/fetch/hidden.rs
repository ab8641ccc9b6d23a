//! Finds a secret in an answer, however it is written.
//!
//! Answers are published, and some providers repeat the key they were asked with:
//! as it is, escaped (JSON, percent-encoding, HTML, quoted-printable) or encoded
//! (hex, base64, base32), alone or within something longer. Adapters decode some of
//! that, and any reader can decode the rest, so an answer that holds a secret in any
//! such form is not kept at all.

use std::collections::HashSet;

use memchr::memmem::Finder;

/// Shortest secret that is looked for in any case and encoded, bytes: of shorter ones
/// the forms stand by chance in long answers.
const RECOGNISABLE: usize = 6;

/// Shortest part of an encoded secret that is looked for.
const PART: usize = 8;

/// Shortest part of a secret, or of a form of it, that is looked for instead of the whole.
const CORE: usize = 8;

/// Longest escape of a character by name or number, bytes.
const ENTITY: usize = 12;

/// How many escapes within each other are undone.
const DEPTH: usize = 3;

/// Secrets that no answer may hold.
#[derive(Default, Clone)]
pub(super) struct Hidden {
    /// As they are.
    exact: Vec<Finder<'static>>,
    /// In lower case, to be found in a text that is.
    any_case: Vec<Finder<'static>>,
}

impl Hidden {
    /// Of no empty secret.
    pub(super) fn of(secrets: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut hidden = Self::default();
        for secret in secrets {
            hidden.add(&secret);
        }
        hidden
    }

    /// Hides one more.
    pub(super) fn add(&mut self, secret: &[u8]) {
        if secret.is_empty() {
            return;
        }
        if secret.len() < RECOGNISABLE {
            self.exact.push(Finder::new(secret).into_owned());
            return;
        }
        let mut forms = vec![secret.to_vec(), hex::encode(secret).into_bytes()];
        for alphabet in [BASE64, BASE64_URL, BASE32, BASE32_HEX] {
            forms.extend(alphabet.parts(secret));
        }
        // What looks like an escape in the secret itself is undone with the others.
        forms.extend(read(secret));
        let mut known = HashSet::new();
        for form in forms.iter().map(|form| core(form)) {
            let form = form.to_ascii_lowercase();
            if known.insert(form.clone()) {
                self.any_case.push(Finder::new(&form).into_owned());
            }
        }
    }

    /// Whether a text holds one of them.
    pub(super) fn is_in(&self, text: &[u8]) -> bool {
        if self.exact.is_empty() && self.any_case.is_empty() {
            return false;
        }
        let without: Vec<u8> = text.iter().copied().filter(|b| *b != b'\\').collect();
        if self.is_written_in(text) || self.is_plainly_in(&without) {
            return true;
        }
        let mut reading = read(text);
        for _ in 0..DEPTH {
            let Some(text) = reading else { return false };
            if self.is_written_in(&text) {
                return true;
            }
            reading = read(&text);
        }
        false
    }

    /// Whether it holds one as it is, in lines or pairs, or as quoted-printable. The
    /// latter reads `key=ab…` otherwise, so that nothing else is undone after it.
    fn is_written_in(&self, text: &[u8]) -> bool {
        let is_in = |text: Option<Vec<u8>>| text.is_some_and(|text| self.is_plainly_in(&text));
        self.is_plainly_in(text) || is_in(joined(text)) || is_in(equals(text))
    }

    fn is_plainly_in(&self, text: &[u8]) -> bool {
        let finds = |finders: &[Finder<'_>], text: &[u8]| {
            let mut finders = finders.iter();
            finders.any(|finder| finder.find(text).is_some())
        };
        finds(&self.exact, text)
            || (!self.any_case.is_empty() && finds(&self.any_case, &text.to_ascii_lowercase()))
    }
}

/// What of a form is left whatever stands before and after it: of `50%` and `ab…` the
/// reader makes one byte, of a stray backslash and `n…` a line feed, and of `…%a` and `0`
/// a byte as well. Where too little would be left, the whole form.
fn core(form: &[u8]) -> &[u8] {
    let core = form.get(begun(form)..unfinished(form)).unwrap_or_default();
    if core.len() < CORE { form } else { core }
}

/// How many bytes at its beginning may end an escape that stands before them.
fn begun(form: &[u8]) -> usize {
    let is_hex =
        |from: usize, count: usize| hex_number(form.get(from..).unwrap_or_default(), count);
    // Two digits after `%` and `\x`, four after `\u`.
    let digits = form.iter().take(4).take_while(|b| b.is_ascii_hexdigit());
    let digits = digits.count();
    let behind_backslash = match form.first() {
        Some(b'n' | b'r' | b't' | b'\\') => 1,
        Some(b'x') if is_hex(1, 2).is_some() => 3,
        Some(b'u') if is_hex(1, 4).is_some() => 5,
        _ => 0,
    };
    let window = form.get(..ENTITY).unwrap_or(form);
    let named = memchr::memchr(b';', window).map_or(0, |end| end + 1);
    digits.max(behind_backslash).max(named)
}

/// Where an escape begins that what follows may end.
fn unfinished(form: &[u8]) -> usize {
    let last = |begin: u8, is_open: &dyn Fn(&[u8]) -> bool| {
        let at = memchr::memrchr(begin, form)?;
        is_open(form.get(at + 1..)?).then_some(at)
    };
    let is_open_entity = |rest: &[u8]| {
        let is_digits = |rest: &[u8]| rest.iter().all(u8::is_ascii_hexdigit);
        let is_number = rest.strip_prefix(b"#").is_some_and(|number| {
            let number = number.strip_prefix(b"x").unwrap_or(number);
            let number = number.strip_prefix(b"X").unwrap_or(number);
            number.len() < ENTITY && is_digits(number)
        });
        let mut names = NAMED.iter();
        rest.is_empty() || is_number || names.any(|(name, _)| name.as_bytes().starts_with(rest))
    };
    let starts = [
        last(b'%', &|rest| rest.len() < 2),
        last(b'&', &is_open_entity),
        last(b'\\', &|rest| rest.len() < ENTITY),
    ];
    starts.into_iter().flatten().min().unwrap_or(form.len())
}

/// Digits that stand for a few bits each.
struct Alphabet {
    digits: &'static [u8],
    bits: usize,
    /// Bytes after which digits begin with a byte again.
    period: usize,
}

const BASE64: Alphabet = Alphabet {
    digits: b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    bits: 6,
    period: 3,
};
const BASE64_URL: Alphabet = Alphabet {
    digits: b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
    bits: 6,
    period: 3,
};
const BASE32: Alphabet = Alphabet {
    digits: b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
    bits: 5,
    period: 5,
};
const BASE32_HEX: Alphabet = Alphabet {
    digits: b"0123456789ABCDEFGHIJKLMNOPQRSTUV",
    bits: 5,
    period: 5,
};

impl Alphabet {
    /// The digits that the secret alone determines, for each place it may have in
    /// what is encoded.
    fn parts(&self, secret: &[u8]) -> Vec<Vec<u8>> {
        let parts = (0..self.period).map(|before| {
            let first = (before * 8).div_ceil(self.bits);
            let end = (before + secret.len()) * 8 / self.bits;
            (first..end)
                .map(|digit| self.digit(secret, digit * self.bits - before * 8))
                .collect::<Vec<u8>>()
        });
        parts.filter(|part| part.len() >= PART).collect()
    }

    /// The digit that begins at a bit of the secret.
    fn digit(&self, secret: &[u8], bit: usize) -> u8 {
        let value = (bit..bit + self.bits).fold(0_usize, |value, bit| {
            let byte = secret.get(bit / 8).copied().unwrap_or(0);
            value << 1 | usize::from(byte >> (7 - bit % 8) & 1)
        });
        self.digits.get(value).copied().unwrap_or(b'=')
    }
}

/// What an escape stands for: up to four bytes.
struct Escaped {
    /// Of the escape.
    length: usize,
    bytes: [u8; 4],
    count: usize,
}

impl Escaped {
    fn byte(length: usize, byte: u8) -> Self {
        Self {
            length,
            bytes: [byte, 0, 0, 0],
            count: 1,
        }
    }

    fn nothing(length: usize) -> Self {
        Self {
            count: 0,
            ..Self::byte(length, 0)
        }
    }

    /// A character by its number; half of a pair is no character.
    fn character(length: usize, number: u32) -> Self {
        let mut bytes = [0; 4];
        let count = char::from_u32(number).map_or(0, |c| c.encode_utf8(&mut bytes).len());
        Self {
            length,
            bytes,
            count,
        }
    }
}

/// A text with every escape undone that `escape` knows, where `next` finds the
/// characters that may begin one. None where there is none.
fn undone(
    text: &[u8],
    next: impl Fn(&[u8]) -> Option<usize>,
    escape: impl Fn(&[u8]) -> Option<Escaped>,
) -> Option<Vec<u8>> {
    let mut rest = text;
    let mut read = Vec::new();
    let mut is_changed = false;
    while let Some(at) = next(rest) {
        let (before, begin) = rest.split_at_checked(at)?;
        read.extend_from_slice(before);
        let length = if let Some(escaped) = escape(begin) {
            is_changed = true;
            read.extend_from_slice(escaped.bytes.get(..escaped.count).unwrap_or_default());
            escaped.length
        } else {
            read.extend(begin.first());
            1
        };
        rest = begin.get(length.max(1)..).unwrap_or_default();
    }
    read.extend_from_slice(rest);
    is_changed.then_some(read)
}

/// The number that the first `digits` of a text are in hex.
fn hex_number(text: &[u8], digits: usize) -> Option<u32> {
    let digits = std::str::from_utf8(text.get(..digits)?).ok()?;
    let is_hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
    is_hex.then(|| u32::from_str_radix(digits, 16).ok())?
}

/// The byte that two hex digits are.
fn hex_byte(text: &[u8]) -> Option<u8> {
    u8::try_from(hex_number(text, 2)?).ok()
}

/// A text with the escapes of JSON, percent-encoding and HTML undone, once.
fn read(text: &[u8]) -> Option<Vec<u8>> {
    let next = |text: &[u8]| memchr::memchr3(b'\\', b'%', b'&', text);
    undone(text, next, |escape| match escape.first()? {
        b'%' => Some(Escaped::byte(3, hex_byte(escape.get(1..)?)?)),
        b'&' => entity(escape),
        _ => backslash(escape),
    })
}

/// What JSON and programs escape by a backslash: `\u002B`, `\u{2b}`, `\x2b`, `\/`.
fn backslash(escape: &[u8]) -> Option<Escaped> {
    let numbered = || {
        let digits = escape.get(2..)?;
        match escape.get(1)? {
            b'x' => Some(Escaped::byte(4, hex_byte(digits)?)),
            b'u' if digits.first() == Some(&b'{') => {
                let digits = digits.get(1..)?;
                let count = memchr::memchr(b'}', digits.get(..9).unwrap_or(digits))?;
                Some(Escaped::character(count + 4, hex_number(digits, count)?))
            }
            b'u' => Some(Escaped::character(6, hex_number(digits, 4)?)),
            _ => None,
        }
    };
    numbered().or_else(|| {
        Some(match escape.get(1)? {
            b'n' | b'r' | b't' => Escaped::byte(2, b' '),
            b'\\' => Escaped::byte(2, b'\\'),
            // Before anything else it stands for nothing.
            _ => Escaped::nothing(1),
        })
    })
}

/// A text with quoted-printable undone: `=2B`, and line ends that mean nothing.
fn equals(text: &[u8]) -> Option<Vec<u8>> {
    let next = |text: &[u8]| memchr::memchr(b'=', text);
    undone(text, next, |escape| match escape.get(1..)? {
        [b'\n', ..] => Some(Escaped::nothing(2)),
        [b'\r', b'\n', ..] => Some(Escaped::nothing(3)),
        digits => Some(Escaped::byte(3, hex_byte(digits)?)),
    })
}

/// Names of characters in HTML that stand in keys and logins.
const NAMED: [(&str, char); 34] = [
    ("amp", '&'),
    ("apos", '\''),
    ("ast", '*'),
    ("bsol", '\\'),
    ("colon", ':'),
    ("comma", ','),
    ("commat", '@'),
    ("dollar", '$'),
    ("equals", '='),
    ("excl", '!'),
    ("grave", '`'),
    ("gt", '>'),
    ("Hat", '^'),
    ("hyphen", '-'),
    ("lbrace", '{'),
    ("lbrack", '['),
    ("lcub", '{'),
    ("lowbar", '_'),
    ("lpar", '('),
    ("lsqb", '['),
    ("lt", '<'),
    ("num", '#'),
    ("percnt", '%'),
    ("period", '.'),
    ("plus", '+'),
    ("quest", '?'),
    ("quot", '"'),
    ("rcub", '}'),
    ("rpar", ')'),
    ("rsqb", ']'),
    ("semi", ';'),
    ("sol", '/'),
    ("tilde", '~'),
    ("vert", '|'),
];

/// A character as HTML and XML write it: `&#43;`, `&#x2B;`, `&plus;`.
fn entity(escape: &[u8]) -> Option<Escaped> {
    let window = escape.get(..ENTITY).unwrap_or(escape);
    let end = memchr::memchr(b';', window)?;
    let name = std::str::from_utf8(window.get(1..end)?).ok()?;
    let number = match name.strip_prefix('#') {
        Some(digits) => match digits.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => digits.parse().ok()?,
        },
        None => NAMED.iter().find(|(n, _)| *n == name)?.1.into(),
    };
    Some(Escaped::character(end + 1, number))
}

/// Without blanks, line ends and colons: base64 comes in lines, hex in pairs.
fn joined(text: &[u8]) -> Option<Vec<u8>> {
    let is_between = |b: &u8| b.is_ascii_whitespace() || *b == b':';
    let joined = || text.iter().copied().filter(|b| !is_between(b)).collect();
    text.iter().any(is_between).then(joined)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn each(secret: &str, written: impl Fn(char) -> String) -> String {
        secret.chars().map(written).collect()
    }

    /// Digits of an alphabet, by definition and not by place.
    fn encoded(alphabet: &Alphabet, bytes: &[u8]) -> String {
        let digits = (bytes.len() * 8).div_ceil(alphabet.bits);
        let digit = |n: usize| char::from(alphabet.digit(bytes, n * alphabet.bits));
        (0..digits).map(digit).collect()
    }

    /// A secret as others may write it, `n` of them.
    fn written(n: usize, secret: &str, before: &str, after: &str) -> String {
        let longer = format!("{before}{secret}{after}");
        let lines = |text: &str, of: usize, end: &str| {
            let bytes = text.as_bytes().chunks(of);
            let lines: Vec<&str> = bytes.map(|b| std::str::from_utf8(b).unwrap()).collect();
            lines.join(end)
        };
        match n {
            0 => secret.to_owned(),
            1 => each(secret, |c| format!("\\u{:04x}", u32::from(c))),
            2 => each(secret, |c| format!("\\u{:04X}", u32::from(c))),
            3 => each(secret, |c| format!("%{:02X}", u32::from(c))),
            4 => each(secret, |c| format!("%25{:02x}", u32::from(c))),
            5 => each(secret, |c| format!("&#{};", u32::from(c))),
            6 => each(secret, |c| format!("&#x{:x};", u32::from(c))),
            // Go writes `&` so.
            7 => each(secret, |c| format!("\\u0026#{};", u32::from(c))),
            8 => each(secret, |c| format!("\\x{:02x}", u32::from(c))),
            9 => each(secret, |c| {
                format!("\\{c}").replace("\\u", "u").replace("\\x", "x")
            }),
            10 => hex::encode(&longer),
            11 => hex::encode_upper(secret),
            12 => lines(&hex::encode(&longer), 2, ":"),
            13 => encoded(&BASE64, longer.as_bytes()),
            14 => encoded(&BASE64_URL, longer.as_bytes()),
            15 => encoded(&BASE32, longer.as_bytes()),
            16 => lines(&encoded(&BASE64, longer.as_bytes()), 7, "\\r\\n"),
            17 => each(secret, |c| format!("={:02X}", u32::from(c))),
            18 => secret.to_uppercase(),
            19 => secret.replace('+', "\\u002B").replace('/', "\\/"),
            20 => {
                let named = |c: char| NAMED.iter().find(|(_, named)| *named == c);
                each(secret, |c| {
                    named(c).map_or(c.to_string(), |(n, _)| format!("&{n};"))
                })
            }
            _ => each(secret, |c| format!("\\\\u{:04x}", u32::from(c))),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn a_secret_is_found_in_every_common_form_anywhere_in_an_answer(
            secret in "[A-Za-z0-9+/=_.~:!%&-]{24,48}",
            n in 0..22_usize,
            before in "[ -~]{0,7}",
            after in "[ -~]{0,7}",
            place in "[ -~]{0,40}",
        ) {
            let hidden = Hidden::of([secret.clone().into_bytes()]);
            let form = written(n, &secret, &before, &after);
            for answer in [
                format!("{{\"price\":\"0.25\",\"for\":\"{form}\"}}"),
                format!("{{\"{form}\":[1,2,{{\"a\":null}}]}}"),
                format!("{place}{form}{place}"),
            ] {
                prop_assert!(hidden.is_in(answer.as_bytes()), "{secret:?} as {answer:?}");
            }
        }

        #[test]
        fn honest_answers_are_kept(
            secret in "[A-Za-z0-9+/]{16,40}",
            answer in "(\\{\"[a-z]{1,8}\":(\"[ -~&&[^\"\\\\]]{0,40}\"|[0-9.]{1,12})\\}){0,20}",
        ) {
            prop_assume!(!answer.to_lowercase().contains(&secret.to_lowercase()));
            prop_assert!(!Hidden::of([secret.into_bytes()]).is_in(answer.as_bytes()));
        }
    }

    #[test]
    fn what_stands_beside_a_secret_does_not_take_its_ends_away() {
        for (secret, answer) in [
            ("12_abcd+A%!%a", "12_abcd\\u002BA%!%a0"),
            ("12_abcd+A%!~%", "\\u002B12_abcd+A%!~%a0"),
            ("ab+defghijkl", "{\"left\":\"50%ab\\u002Bdefghijkl\"}"),
            ("b+defghijkl", "{\"left\":\"50%ab\\u002Bdefghijkl\"}"),
            (
                "00ab+defghijkl",
                "{\"left\":\"\\u00ab\\u002Bdefghijkl \\u00\"}",
            ),
            ("nab+defghijkl", "\\nab\\u002Bdefghijkl\\"),
            ("xab+defghijkl", "\\xab\\u002Bdefghijkl"),
            ("amp;+defghijkl", "&amp;\\u002Bdefghijkl"),
            ("ab+defghijkl&l", "ab\\u002Bdefghijkl&lt;"),
        ] {
            let hidden = Hidden::of([secret.as_bytes().to_vec()]);
            assert!(hidden.is_in(answer.as_bytes()), "{secret:?} in {answer:?}");
        }
    }

    #[test]
    fn nothing_is_hidden_where_there_is_no_secret() {
        assert!(!Hidden::default().is_in(b"anything"));
        assert!(!Hidden::of([Vec::new()]).is_in(b"anything"));
    }
}
