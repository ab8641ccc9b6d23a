//! Where a log is read from: a service, or a directory of the same files.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Error;
use crate::http::{ANY, Get, Http};

/// A log's files: on the service that keeps it, or in a directory with the same
/// layout, as `oracle-server log export` writes it.
#[derive(Debug, Clone)]
pub struct Source(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Service { http: Http, attempts: u32 },
    Dir(PathBuf),
}

/// Why there is no such file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Absent {
    /// The source says that it has none.
    NotThere,
    /// It could not be asked, or what it answers is too long.
    Failed(String),
}

impl std::fmt::Display for Absent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotThere => f.write_str("is not there"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

impl Source {
    /// An address that begins with `http://` or `https://`, else a directory.
    ///
    /// Fails on an address that is none.
    pub fn new(source: &str, options: &crate::Options) -> Result<Self, Error> {
        let is_address = ["http://", "https://"]
            .iter()
            .any(|s| source.starts_with(s));
        if !is_address {
            return Ok(Self(Kind::Dir(Path::new(source).to_path_buf())));
        }
        Ok(Self(Kind::Service {
            http: Http::new(source, options)?,
            attempts: options.attempts,
        }))
    }

    /// The bytes at a relative path of ASCII segments; at most `limit`.
    pub(super) async fn get(
        &self,
        what: &'static str,
        path: &str,
        limit: usize,
    ) -> Result<Vec<u8>, Absent> {
        self.get_with(what, path, &[], limit).await
    }

    /// The same with a query, of which files know nothing.
    pub(super) async fn get_with(
        &self,
        what: &'static str,
        path: &str,
        query: &[(&str, &str)],
        limit: usize,
    ) -> Result<Vec<u8>, Absent> {
        match &self.0 {
            Kind::Service { http, attempts } => {
                let path: Vec<&str> = path.split('/').collect();
                let get = Get {
                    what,
                    path: &path,
                    query,
                    accept: ANY,
                    hold: Duration::ZERO,
                    attempts: *attempts,
                };
                http.get_up_to(limit, get).await.map_err(|e| match e {
                    Error::Problem {
                        status: 404 | 410, ..
                    } => Absent::NotThere,
                    error => Absent::Failed(error.to_string()),
                })
            }
            Kind::Dir(dir) => {
                let file = dir.join(path);
                let read = tokio::task::spawn_blocking(move || read(&file, limit)).await;
                read.unwrap_or_else(|e| Err(Absent::Failed(e.to_string())))
            }
        }
    }
}

fn read(file: &Path, limit: usize) -> Result<Vec<u8>, Absent> {
    use std::io::Read as _;

    let failed = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::NotFound => Absent::NotThere,
        _ => Absent::Failed(e.to_string()),
    };
    let opened = std::fs::File::open(file).map_err(failed)?;
    let mut bytes = Vec::new();
    let mut limited = opened.take(limit as u64 + 1);
    limited.read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > limit {
        let why = format!("is longer than {limit} bytes");
        return Err(Absent::Failed(why));
    }
    Ok(bytes)
}
