//! Where an attempt writes lines for people. Bounded: a chatty action cannot fill the journal.

use std::sync::Arc;

use hookmill_engine::run::{LogLevel, LogLine};
use hookmill_engine::time::Timestamp;
use parking_lot::Mutex;

/// The most lines one attempt keeps; later ones are counted.
pub const LOG_LINES_MAX: usize = 200;
/// The longest line kept; the rest is cut off.
pub const LOG_LINE_BYTES_MAX: usize = 8 * 1024;

/// Takes log lines. Clones write to the same place, so that lines survive an attempt that was dropped.
#[derive(Clone)]
pub struct LogSink {
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    lines: Vec<LogLine>,
    left_out: usize,
}

impl LogSink {
    /// An empty sink whose lines carry the time that `now` tells.
    #[must_use]
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { now: Arc::new(now), kept: Arc::default() }
    }

    /// Adds a line.
    pub fn write(&self, level: LogLevel, message: impl Into<String>) {
        let mut kept = self.kept.lock();
        if kept.lines.len() >= LOG_LINES_MAX {
            kept.left_out += 1;
            return;
        }
        let line = LogLine { at: (self.now)(), level, message: shortened(message.into()) };
        kept.lines.push(line);
    }

    /// Takes what was written, with a last line telling how much was left out.
    #[must_use]
    pub fn take(&self) -> Vec<LogLine> {
        let Kept { mut lines, left_out } = std::mem::take(&mut *self.kept.lock());
        if left_out > 0 {
            let message = format!("{left_out} more lines were left out: one attempt keeps {LOG_LINES_MAX}");
            lines.push(LogLine { at: (self.now)(), level: LogLevel::Warn, message });
        }
        lines
    }
}

fn shortened(mut message: String) -> String {
    if message.len() > LOG_LINE_BYTES_MAX {
        let end = message.floor_char_boundary(LOG_LINE_BYTES_MAX);
        message.truncate(end);
        message.push('…');
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_the_limits_are_cut_and_counted() {
        let sink = LogSink::new(|| Timestamp(7));
        for _ in 0..LOG_LINES_MAX + 5 {
            sink.write(LogLevel::Info, "é".repeat(LOG_LINE_BYTES_MAX));
        }
        let lines = sink.take();
        assert_eq!(lines.len(), LOG_LINES_MAX + 1);
        assert!(lines.iter().all(|line| line.message.len() <= LOG_LINE_BYTES_MAX + '…'.len_utf8()));
        assert!(lines[LOG_LINES_MAX].message.starts_with("5 more lines"));
        assert!(sink.take().is_empty());
    }
}
