//! Server-Sent Events from bytes.
//!
//! Source: WHATWG HTML, "Server-sent events", "Interpreting an event stream". Other
//! than there, what has an id and no data is told too: it is where a reader that
//! loses the connection next goes on.

/// Longest single event, bytes; real ones are below 1 KiB.
pub(crate) const MAX_EVENT: usize = 64 * 1024;

/// Longest id that is taken. A position in the log has 20 digits at most; an id is kept for
/// every message after it, so a longer one would be a server's way to fill this memory.
const MAX_ID: usize = 20;

/// Everything between two blank lines.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// Its kind; empty where the server names none.
    pub(crate) kind: String,
    /// Its lines; `None` for a comment or an id alone.
    pub(crate) data: Option<String>,
    /// The last id that the server sent on this connection, with this message or before
    /// it; empty before the first.
    pub(crate) id: String,
}

/// An event longer than [`MAX_EVENT`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Overlong;

/// Reads a stream that arrives in pieces cut anywhere.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    line: Vec<u8>,
    /// The last piece ended with a carriage return, whose line feed may come.
    after_return: bool,
    is_begun: bool,
    message: Message,
    /// Something was said since the last blank line.
    is_open: bool,
    length: usize,
}

impl Parser {
    /// The messages that this piece completes, in order.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<Vec<Message>, Overlong> {
        let mut complete = Vec::new();
        for &byte in piece {
            let is_second_half = byte == b'\n' && self.after_return;
            self.after_return = byte == b'\r';
            if is_second_half {
                continue;
            }
            if matches!(byte, b'\n' | b'\r') {
                complete.extend(self.end_line());
                continue;
            }
            self.length += 1;
            if self.length > MAX_EVENT {
                return Err(Overlong);
            }
            self.line.push(byte);
        }
        Ok(complete)
    }

    /// The message, if the line that ends is blank.
    fn end_line(&mut self) -> Option<Message> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let mut line: &str = &line;
        if !self.is_begun {
            // A byte order mark may stand at the very beginning.
            line = line.strip_prefix('\u{feff}').unwrap_or(line);
            self.is_begun = true;
        }
        if line.is_empty() {
            self.length = 0;
            // One blank line after another says nothing more.
            if !std::mem::take(&mut self.is_open) {
                return None;
            }
            let id = self.message.id.clone();
            let next = Message {
                id,
                ..Message::default()
            };
            return Some(std::mem::replace(&mut self.message, next));
        }
        self.is_open = true;
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.message.kind),
            "data" => match &mut self.message.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                data @ None => *data = Some(value.to_owned()),
            },
            "id" if !value.contains('\0') && value.len() <= MAX_ID => {
                value.clone_into(&mut self.message.id);
            }
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn message(kind: &str, data: Option<&str>, id: &str) -> Message {
        Message {
            kind: kind.to_owned(),
            data: data.map(str::to_owned),
            id: id.to_owned(),
        }
    }

    #[test]
    fn messages_are_the_same_wherever_the_stream_is_cut() {
        let text = "\u{feff}: open\nid: 3\n\nevent: attested\r\nid: 5\r\ndata: {\"a\":\r\
                    data:\u{fc}}\r\n\r\n: heartbeat\rid: 7\r\revent: state\ndata\n\nid: x\0\n\n";
        let due = [
            message("", None, "3"),
            message("attested", Some("{\"a\":\n\u{fc}}"), "5"),
            message("", None, "7"),
            message("state", Some(""), "7"),
            message("", None, "7"),
        ];
        let bytes = text.as_bytes();
        assert_eq!(Parser::default().push(bytes).unwrap(), due);
        for cut in 0..bytes.len() {
            let (first, second) = bytes.split_at(cut);
            let mut parser = Parser::default();
            let mut got = parser.push(first).unwrap();
            got.extend(parser.push(second).unwrap());
            assert_eq!(got, due, "cut at {cut}");
        }
    }

    #[test]
    fn an_event_without_end_is_cut_off_and_heartbeats_are_not() {
        let mut parser = Parser::default();
        for _ in 0..MAX_EVENT {
            assert_eq!(parser.push(b": beat\n\n").unwrap().len(), 1);
        }
        assert!(parser.push(&vec![b'x'; MAX_EVENT]).is_ok());
        assert_eq!(parser.push(b"x"), Err(Overlong));
        let mut parser = Parser::default();
        let long = format!("id: {}\n\n", "9".repeat(MAX_ID + 1));
        assert_eq!(
            parser.push(long.as_bytes()).unwrap(),
            [message("", None, "")]
        );
        assert_eq!(parser.push(&vec![b'\n'; MAX_EVENT]).unwrap(), []);
        let mut parser = Parser::default();
        assert!(!(0..=MAX_EVENT).all(|_| parser.push(b"data: x\n").is_ok()));
    }
}
