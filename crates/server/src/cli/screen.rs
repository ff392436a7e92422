//! What commands print: tables and sentences for people, one JSON object a line for programs.
//!
//! Results go to standard output, everything else to standard error. Colour only on a terminal and without `NO_COLOR`.

use std::io::{self, IsTerminal, Write};

use comfy_table::{Cell, Color, ContentArrangement, Table, presets};
use serde_json::Value;

/// Standard output in the form that was asked for.
#[derive(Clone, Copy)]
pub(crate) struct Screen {
    pub(crate) json: bool,
}

impl Screen {
    /// One line of JSON, whether asked for or not.
    pub(crate) fn json_line(self, value: &Value) {
        write_out(&format!("{value}\n"));
    }

    /// Text as it is.
    pub(crate) fn text(self, text: &str) {
        write_out(text);
    }

    /// A sentence for people; nothing with `--json`.
    pub(crate) fn say(self, sentence: &str) {
        if !self.json {
            write_out(&format!("{sentence}\n"));
        }
    }

    /// Items as a table, or as lines of JSON.
    pub(crate) fn items(self, items: &[Value], columns: &[Column], none: &str) {
        if self.json {
            items.iter().for_each(|item| self.json_line(item));
            return;
        }
        if items.is_empty() {
            write_out(&format!("{none}\n"));
            return;
        }
        let rows = items.iter().map(|item| columns.iter().map(|column| (column.show)(item)).collect()).collect();
        table(columns.iter().map(|column| column.title).collect(), rows);
    }
}

/// A column of a table.
pub(crate) struct Column {
    pub(crate) title: &'static str,
    pub(crate) show: fn(&Value) -> Shown,
}

/// The text of a cell, coloured by what it means.
pub(crate) struct Shown {
    text: String,
    colour: Option<Color>,
}

impl From<String> for Shown {
    fn from(text: String) -> Self {
        Self { text, colour: None }
    }
}

impl Shown {
    /// A state or an outcome.
    pub(crate) fn state(text: String) -> Self {
        let colour = match text.as_str() {
            "succeeded" | "accepted" | "ok" | "true" => Some(Color::Green),
            "failed" | "refused" | "problem" => Some(Color::Red),
            "asking" | "held" | "duplicate" | "warning" => Some(Color::Yellow),
            "running" | "ready" | "waiting" => Some(Color::Cyan),
            _ => None,
        };
        Self { text, colour }
    }
}

/// Prints a table.
pub(crate) fn table(titles: Vec<&str>, rows: Vec<Vec<Shown>>) {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if !colours() {
        table.force_no_tty();
    }
    table.set_header(titles.into_iter().map(|title| Cell::new(title.to_uppercase()).fg(Color::DarkGrey)));
    for row in rows {
        table.add_row(row.into_iter().map(|shown| {
            let cell = Cell::new(shown.text);
            shown.colour.into_iter().fold(cell, Cell::fg)
        }));
    }
    write_out(&format!("{}\n", table.trim_fmt()));
}

/// A member of an item as text; a dash if there is none.
pub(crate) fn member(item: &Value, name: &str) -> String {
    match &item[name] {
        Value::Null => "-".to_owned(),
        Value::String(text) => single_line(text),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) => {
            let texts: Vec<String> =
                items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), single_line)).collect();
            texts.join(" ")
        }
        other => other.to_string(),
    }
}

/// Control characters would let stored data steer the terminal.
pub(crate) fn single_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Says something on standard error.
pub(crate) fn complain(text: &str) {
    // Nobody is left to hear that nobody hears.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Whether standard output shows colours.
fn colours() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Writes to standard output. A reader that went away (`| head`) has what it wanted.
fn write_out(text: &str) {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            complain(&format!("cannot write to standard output: {error}"));
            std::process::exit(super::exit::Exit::Failed as i32);
        }
        Ok(()) => {}
    }
}
