//! `hookmill apply`: publishes workflows from files and folders.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::client::{Client, Remote};
use super::exit::{Exit, Failed, Result};
use super::screen::{Screen, complain, single_line};

/// What files in a folder must end with to be taken for workflows.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];
/// The largest file that is read; the server's own limit is lower.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// How deep folders are searched.
const FOLDER_DEPTH_MAX: usize = 16;

/// Publish workflows from files or folders.
#[derive(Args)]
pub(crate) struct Apply {
    /// Files, folders (all *.yaml, *.yml and *.json in them), or - for standard input.
    #[arg(required = true, value_name = "FILE|DIR")]
    files: Vec<PathBuf>,
    /// Only check, publish nothing.
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Apply {
    pub(crate) async fn run(self) -> Result<()> {
        let client = self.remote.client()?;
        let mut files = Vec::new();
        for named in &self.files {
            find(named, 0, &mut files)?;
        }
        if files.is_empty() {
            return Err(Failed::new(Exit::NotFound, "there is no *.yaml, *.yml or *.json file in what was named"));
        }
        let mut worst: Option<Exit> = None;
        for file in &files {
            let text = read(file)?;
            let applied =
                if self.check { self.check(&client, file, &text).await } else { self.publish(&client, file, &text).await };
            match applied {
                Ok(()) => {}
                // The other files may be right; all problems are told at once.
                Err(failed) if matches!(failed.exit, Exit::Invalid | Exit::Failed) => {
                    self.complain(file, &failed.message);
                    worst = worst.max(Some(failed.exit));
                }
                Err(failed) => return Err(failed),
            }
        }
        worst.map_or(Ok(()), |exit| Err(Failed::told(exit)))
    }

    async fn publish(&self, client: &Client, file: &Path, text: &str) -> Result<()> {
        let published = client.post("/api/v1/workflows/publish", &json!({ "text": text })).await?;
        tell(&published, self.remote.screen(), &format!("{}: ", file.display()));
        Ok(())
    }

    async fn check(&self, client: &Client, file: &Path, text: &str) -> Result<()> {
        let checked = client.post("/api/v1/workflows/check", &json!({ "text": text })).await?;
        let problems = checked["problems"].as_array().map(Vec::as_slice).unwrap_or_default();
        let (warnings, errors): (Vec<&Value>, Vec<&Value>) =
            problems.iter().partition(|problem| problem["severity"] == "warning");
        for warning in warnings {
            complain(&format!("{}: warning: {}", file.display(), problem_line(warning)));
        }
        if errors.is_empty() {
            self.remote.screen().say(&format!("{}: valid", file.display()));
            return Ok(());
        }
        let lines: Vec<String> = errors.into_iter().map(problem_line).collect();
        Err(Failed::new(Exit::Invalid, lines.join("\n")))
    }

    fn complain(&self, file: &Path, problems: &str) {
        for line in problems.lines() {
            complain(&format!("{}: {line}", file.display()));
        }
    }
}

/// Tells what was published, and at which URLs it answers. `whose`: what stands before warnings.
pub(super) fn tell(published: &Value, screen: Screen, whose: &str) {
    for warning in published["warnings"].as_array().into_iter().flatten() {
        complain(&format!("{whose}warning: {}", problem_line(warning)));
    }
    if screen.json {
        screen.json_line(published);
        return;
    }
    let name = published["name"].as_str().map(single_line).unwrap_or_default();
    let what = if published["unchanged"] == json!(true) { "unchanged, still" } else { "published as" };
    let id = published["workflow"].as_str().unwrap_or_default();
    screen.say(&format!("{name}: {what} revision {} ({id})", published["revision"]));
    for hook in published["hooks"].as_array().into_iter().flatten() {
        let label = hook["label"].as_str().map(single_line).unwrap_or_default();
        for url in [&hook["url"], &hook["path_url"], &hook["product_url"]].into_iter().filter_map(Value::as_str) {
            screen.say(&format!("  {label}: {url}"));
        }
    }
}

/// One problem of a document: `path: message (suggestion)`.
pub(crate) fn problem_line(problem: &Value) -> String {
    let text = |name: &str| problem[name].as_str().map(single_line).filter(|text| !text.is_empty());
    let path = text("path").map(|path| format!("{path}: ")).unwrap_or_default();
    let message = text("message").unwrap_or_else(|| "invalid".to_owned());
    let suggestion = text("suggestion").map(|suggestion| format!(" ({suggestion})")).unwrap_or_default();
    format!("{path}{message}{suggestion}")
}

fn find(path: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    if path == Path::new("-") || !path.is_dir() {
        found.push(path.to_owned());
        return Ok(());
    }
    if depth > FOLDER_DEPTH_MAX {
        return Err(Failed::usage(format!("{}: folders are searched {FOLDER_DEPTH_MAX} levels deep", path.display())));
    }
    let unreadable = |error: std::io::Error| Failed::file("read", path, &error);
    let entries: std::io::Result<Vec<_>> = std::fs::read_dir(path).map_err(unreadable)?.collect();
    let mut entries: Vec<PathBuf> = entries.map_err(unreadable)?.iter().map(std::fs::DirEntry::path).collect();
    entries.sort();
    for entry in entries {
        let hidden = entry.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let wanted = entry.extension().and_then(|e| e.to_str()).is_some_and(|e| EXTENSIONS.contains(&e));
        if !hidden && (wanted || entry.is_dir()) {
            find(&entry, depth + 1, found)?;
        }
    }
    Ok(())
}

pub(super) fn read(path: &Path) -> Result<String> {
    let unreadable = |error: std::io::Error| Failed::file("read", path, &error);
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    } else {
        let file = std::fs::File::open(path).map_err(unreadable)?;
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    }
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Failed::new(Exit::Invalid, format!("{} is larger than {FILE_BYTES_MAX} bytes", path.display())));
    }
    String::from_utf8(bytes).map_err(|error| {
        let position = error.utf8_error().valid_up_to();
        Failed::new(Exit::Invalid, format!("{} is not UTF-8 text (byte {position})", path.display()))
    })
}
