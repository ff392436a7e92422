//! Measures an output as JSON text without writing it anywhere.

use std::io::{self, Write};

use serde_json::Value;

/// Whether `value` as JSON text is longer than `bytes_max`.
pub(crate) fn exceeds(value: &Value, bytes_max: usize) -> bool {
    serde_json::to_writer(Budget(bytes_max), value).is_err()
}

struct Budget(usize);

impl Write for Budget {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_limit_itself_is_allowed() {
        let value = json!({ "a": [1, "é"] });
        let bytes = value.to_string().len();
        assert!(!exceeds(&value, bytes) && exceeds(&value, bytes - 1));
    }
}
