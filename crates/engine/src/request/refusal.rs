//! Why a request is refused: something for the sender to read and act upon. Never quotes values, which may be personal.

use std::fmt;

/// A place in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// From 1, in bytes.
    pub column: usize,
}

impl Position {
    /// The position of the byte at `offset`.
    pub(super) fn at(bytes: &[u8], offset: usize) -> Self {
        let before = &bytes[..offset.min(bytes.len())];
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        Self { line: before.iter().filter(|byte| **byte == b'\n').count() + 1, column: before.len() - line_start + 1 }
    }
}

/// A declared variable that the request does not provide as declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariableProblem {
    /// The variable.
    pub name: String,
    /// `missing` or `mistyped`.
    pub code: &'static str,
    /// What was expected where, and what was found.
    pub message: String,
}

/// One entry of the list that an answer shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding<'a> {
    /// What it is about: a variable's name, or `body`, `content-type`, `content-encoding`.
    pub name: &'a str,
    /// What kind of problem, stable over versions.
    pub code: &'static str,
    /// A sentence.
    pub message: &'a str,
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The body (or the query) is not what its content type says.
    BadBody {
        /// What is wrong.
        message: String,
        /// Where, if that can be told.
        position: Option<Position>,
    },
    /// The body is not taken in the form that a header says it has.
    UnsupportedMediaType {
        /// The header: `content-type` or `content-encoding`.
        header: &'static str,
        /// The content type or content encoding that was sent.
        got: String,
        /// What is accepted instead.
        accepted: Vec<&'static str>,
        /// The whole as a sentence.
        message: String,
    },
    /// The body is larger without its encodings than is allowed.
    TooLarge {
        /// How large it may be.
        bytes_max: u64,
        /// The whole as a sentence.
        message: String,
    },
    /// The body cannot be split into the elements that the hook takes.
    Split {
        /// What was expected where, and what was found.
        message: String,
    },
    /// Variables are missing or have the wrong type: all of them.
    Variables(Vec<VariableProblem>),
}

impl Refusal {
    pub(super) fn bad_body(message: impl Into<String>, position: Option<Position>) -> Self {
        let message = message.into();
        let message = match position {
            Some(Position { line, column }) => format!("{message} at line {line} column {column}"),
            None => message,
        };
        Self::BadBody { message, position }
    }

    pub(super) fn unsupported(header: &'static str, got: &str, accepted: Vec<&'static str>) -> Self {
        let got: String = got.chars().take(100).collect();
        let what = header.replace('-', " ");
        let message = format!("the {what} `{got}` is not supported; accepted are {}", accepted.join(", "));
        Self::UnsupportedMediaType { header, got, accepted, message }
    }

    /// The HTTP status that says it.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::BadBody { .. } | Self::Variables(_) => 400,
            Self::TooLarge { .. } => 413,
            Self::UnsupportedMediaType { .. } => 415,
            Self::Split { .. } => 422,
        }
    }

    /// What kind of refusal, stable over versions.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadBody { .. } => "bad_body",
            Self::TooLarge { .. } => "body_too_large",
            Self::UnsupportedMediaType { .. } => "unsupported_media_type",
            Self::Split { .. } => "split_error",
            Self::Variables(_) => "bad_variables",
        }
    }

    /// Everything that is wrong, as a list for the answer.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding<'_>> {
        match self {
            Self::BadBody { message, .. } => vec![Finding { name: "body", code: "bad_body", message }],
            Self::TooLarge { message, .. } => vec![Finding { name: "body", code: "body_too_large", message }],
            Self::UnsupportedMediaType { header, message, .. } => {
                vec![Finding { name: header, code: "unsupported_media_type", message }]
            }
            Self::Split { message } => vec![Finding { name: "body", code: "split_error", message }],
            Self::Variables(problems) => {
                problems.iter().map(|p| Finding { name: &p.name, code: p.code, message: &p.message }).collect()
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, finding) in self.findings().into_iter().enumerate() {
            if position > 0 {
                f.write_str("; ")?;
            }
            f.write_str(finding.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}
