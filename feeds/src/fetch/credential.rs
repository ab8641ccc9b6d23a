//! What opens a provider: an API key, or a node's user and password. Sent in a
//! header to the provider's own host, and shown nowhere.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use reqwest::RequestBuilder;
use reqwest::header::{AUTHORIZATION, HeaderValue};

use super::hidden::Hidden;

/// Longest file of a login that is read, bytes.
const MAX_LOGIN: u64 = 4096;

/// Shortest password that is looked for in answers, bytes: a shorter one stands by
/// chance in the hashes that a node's answers are full of.
const RECOGNISABLE: usize = 8;

/// The failure of a request whose login could not be read.
const NO_LOGIN: &str = "the file with the login cannot be read";

/// A provider's API key. Neither Debug nor an error shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(HeaderValue);

impl ApiKey {
    /// A key that can stand in a header.
    pub fn new(key: &str) -> Option<Self> {
        let mut value = HeaderValue::from_str(key).ok()?;
        value.set_sensitive(true);
        (!key.is_empty()).then_some(Self(value))
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.as_bytes().to_vec()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

/// The files that hold a node's user and password. They are read for every
/// request: a node makes another cookie whenever it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// `user:password`, as a node writes it.
    Cookie(PathBuf),
    /// A user of one's own.
    Password {
        /// The name.
        user: String,
        /// The file that holds nothing but the password.
        file: PathBuf,
    },
}

impl Login {
    /// User and password as they are now.
    fn read(&self) -> Option<(String, String)> {
        match self {
            Self::Cookie(path) => {
                let text = text(path)?;
                let (user, password) = text.trim().split_once(':')?;
                Some((user.to_owned(), password.to_owned()))
            }
            Self::Password { user, file } => {
                let password = text(file)?.trim_end_matches(['\r', '\n']).to_owned();
                Some((user.clone(), password))
            }
        }
    }
}

fn text(path: &Path) -> Option<String> {
    let file = std::fs::File::open(path).ok()?;
    let mut text = String::new();
    file.take(MAX_LOGIN).read_to_string(&mut text).ok()?;
    Some(text)
}

/// What one request is sent with.
pub(super) enum Credential<'a> {
    /// A header's name, and the key in it.
    Key(&'a str, &'a ApiKey),
    /// A login.
    Login(&'a Login),
}

impl Credential<'_> {
    /// Adds it to a request; and what of a login no answer to that may repeat.
    pub(super) fn add(
        &self,
        request: RequestBuilder,
    ) -> Result<(RequestBuilder, Hidden), &'static str> {
        match self {
            Self::Key(header, ApiKey(key)) => Ok((request.header(*header, key), Hidden::default())),
            Self::Login(login) => {
                let (user, password) = login.read().ok_or(NO_LOGIN)?;
                if password.is_empty() {
                    return Err(NO_LOGIN);
                }
                let request = request.basic_auth(user, Some(&password));
                let mut hidden = Hidden::of(token(&request));
                if password.len() >= RECOGNISABLE {
                    hidden.add(password.as_bytes());
                }
                Ok((request, hidden))
            }
        }
    }
}

/// The login as it stands in the header.
fn token(request: &RequestBuilder) -> Option<Vec<u8>> {
    let request = request.try_clone()?.build().ok()?;
    let value = request.headers().get(AUTHORIZATION)?.as_bytes();
    value.strip_prefix(b"Basic ").map(<[u8]>::to_vec)
}
