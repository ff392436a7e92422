//! Server-sent events, read from a connection.

use serde_json::Value;

use super::super::exit::{Exit, Failed, Result};

/// Bytes of a feed that may wait for the end of their event.
const EVENT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What a feed says.
#[derive(Debug, PartialEq)]
pub(super) struct Event {
    pub(super) name: String,
    pub(super) data: Value,
}

/// A feed as it comes.
pub(super) struct Feed {
    response: reqwest::Response,
    text: Vec<u8>,
}

impl Feed {
    pub(super) fn new(response: reqwest::Response) -> Self {
        Self { response, text: Vec::new() }
    }

    /// The events of the next bytes that come; none of a comment.
    pub(super) async fn next(&mut self) -> Result<Vec<Event>> {
        let broken = |why: &dyn std::fmt::Display| Failed::new(Exit::Unreachable, format!("the server's feed ended: {why}"));
        match self.response.chunk().await.map_err(|error| broken(&error))? {
            None => return Err(broken(&"the server is stopping")),
            Some(part) => self.text.extend_from_slice(&part),
        }
        let events = std::iter::from_fn(|| next(&mut self.text)).collect();
        if self.text.len() > EVENT_BYTES_MAX {
            return Err(broken(&"an event is too long"));
        }
        Ok(events)
    }
}

/// Takes the next whole event out of what has come.
fn next(text: &mut Vec<u8>) -> Option<Event> {
    let end = text.windows(2).position(|two| two == b"\n\n")? + 2;
    let whole: Vec<u8> = text.drain(..end).collect();
    let mut event = Event { name: String::new(), data: Value::Null };
    for line in String::from_utf8_lossy(&whole).lines() {
        if let Some(name) = line.strip_prefix("event:") {
            name.trim().clone_into(&mut event.name);
        } else if let Some(data) = line.strip_prefix("data:") {
            event.data = serde_json::from_str(data.trim_start()).unwrap_or_default();
        }
    }
    Some(event)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_are_read_however_their_bytes_come() {
        let feed = b": hello\n\nevent: run\nid: 1\ndata: {\"id\": 1}\n\nevent: reset\ndata: {}\n\nevent: half";
        let expected = [("", Value::Null), ("run", json!({ "id": 1 })), ("reset", json!({}))];
        let expected: Vec<Event> = expected.into_iter().map(|(name, data)| Event { name: name.into(), data }).collect();
        for cut in 0..feed.len() {
            let mut text = feed[..cut].to_vec();
            let mut events: Vec<Event> = std::iter::from_fn(|| next(&mut text)).collect();
            text.extend_from_slice(&feed[cut..]);
            events.extend(std::iter::from_fn(|| next(&mut text)));
            assert_eq!(events, expected, "{cut}");
            assert_eq!(text, b"event: half");
        }
    }
}
