//! A call in Go, with its standard library.

use std::collections::BTreeSet;

use hookmill_signatures::{Encoding, Hash};

use super::quote::{comment, go as quoted, go_lines, joined, json};
use crate::sender_docs::call::{Call, Signing, Text};

/// What follows every call that may fail.
const OR_DIE: &str = "\tif err != nil {\n\t\tlog.Fatal(err)\n\t}\n";

pub(super) fn say(call: &Call) -> String {
    let mut imports = BTreeSet::from(["fmt", "io", "log", "net/http"]);
    let mut main = String::new();
    let body = match &call.body {
        Some(body) => {
            main.push_str(&format!("\tbody := {}\n", go_lines(&json(body))));
            imports.insert("strings");
            "strings.NewReader(body)"
        }
        None => "nil",
    };
    if let Some(signing) = &call.signing {
        main.push_str(&sign(signing, &mut imports));
    }
    let url = match &call.secret_query {
        None => quoted(&call.url),
        Some((name, env)) => {
            imports.extend(["net/url", "os"]);
            let joint = if call.url.contains('?') { '&' } else { '?' };
            format!("{}+url.QueryEscape(os.Getenv(\"{env}\"))", quoted(&format!("{}{joint}{name}=", call.url)))
        }
    };
    main.push_str(&format!("\trequest, err := http.NewRequest(\"{}\", {url}, {body})\n{OR_DIE}", call.method));
    if let Some((user, env)) = &call.basic {
        imports.insert("os");
        main.push_str(&format!("\trequest.SetBasicAuth({}, os.Getenv(\"{env}\"))\n", quoted(user)));
    }
    for (name, value) in &call.headers {
        let value = match value {
            Text::Fixed(value) => quoted(value),
            Text::Env(before, env) => {
                imports.insert("os");
                if before.is_empty() {
                    format!("os.Getenv(\"{env}\")")
                } else {
                    format!("{}+os.Getenv(\"{env}\")", quoted(before))
                }
            }
        };
        main.push_str(&set(name, &value));
    }
    if let Some(signing) = &call.signing {
        main.extend(signing.id_header.iter().map(|name| set(name, "id")));
        main.extend(signing.time_header.iter().map(|name| set(name, "timestamp")));
        main.push_str(&set(&signing.header, &joined(&signing.value, quoted, "", "+")));
    }
    main.push_str(&format!(
        "\tresponse, err := http.DefaultClient.Do(request)\n{OR_DIE}\tdefer response.Body.Close()\n\
         \tanswer, err := io.ReadAll(response.Body)\n{OR_DIE}\tfmt.Println(response.StatusCode, string(answer))\n"
    ));
    let imports: String = imports.iter().map(|name| format!("\t\"{name}\"\n")).collect();
    let notes: String = call.notes.iter().map(|note| comment("//", note)).collect();
    format!("package main\n\nimport (\n{imports})\n\n{notes}func main() {{\n{main}}}\n")
}

fn set(name: &str, value: &str) -> String {
    format!("\trequest.Header.Set({}, {value})\n", quoted(name))
}

fn sign(signing: &Signing, imports: &mut BTreeSet<&'static str>) -> String {
    let mut text = String::new();
    imports.extend(["crypto/hmac", "os"]);
    if signing.has_id() {
        imports.extend(["crypto/rand", "encoding/hex"]);
        text.push_str(
            "\trandom := make([]byte, 16)\n\tif _, err := rand.Read(random); err != nil {\n\t\tlog.Fatal(err)\n\t}\n\
             \tid := hex.EncodeToString(random)\n",
        );
    }
    if signing.has_time() {
        imports.extend(["strconv", "time"]);
        let now = if signing.in_millis { "UnixMilli" } else { "Unix" };
        text.push_str(&format!("\ttimestamp := strconv.FormatInt(time.Now().{now}(), 10)\n"));
    }
    let mut secret = |prefix: &str| match prefix {
        "" => "os.Getenv(\"WEBHOOK_SECRET\")".to_owned(),
        prefix => {
            imports.insert("strings");
            format!("strings.TrimPrefix(os.Getenv(\"WEBHOOK_SECRET\"), {})", quoted(prefix))
        }
    };
    match &signing.key {
        None => text.push_str(&format!("\tkey := []byte({})\n", secret(""))),
        Some((Encoding::Hex, prefix)) => {
            text.push_str(&format!("\tkey, err := hex.DecodeString({})\n{OR_DIE}", secret(prefix)));
            imports.insert("encoding/hex");
        }
        Some((_, prefix)) => {
            text.push_str(&format!("\tkey, err := base64.StdEncoding.DecodeString({})\n{OR_DIE}", secret(prefix)));
            imports.insert("encoding/base64");
        }
    }
    let hash = match signing.hash {
        Hash::Sha1 => ("crypto/sha1", "sha1.New"),
        Hash::Sha256 => ("crypto/sha256", "sha256.New"),
        Hash::Sha384 => ("crypto/sha512", "sha512.New384"),
        Hash::Sha512 => ("crypto/sha512", "sha512.New"),
    };
    imports.insert(hash.0);
    let (package, form) = match signing.encoding {
        Encoding::Hex => ("encoding/hex", "hex.EncodeToString"),
        Encoding::Base64 => ("encoding/base64", "base64.StdEncoding.EncodeToString"),
        Encoding::Base64Url => ("encoding/base64", "base64.URLEncoding.EncodeToString"),
    };
    imports.insert(package);
    let signed = joined(&signing.signed, quoted, "", "+");
    text + &format!("\tmac := hmac.New({}, key)\n\tmac.Write([]byte({signed}))\n\tsignature := {form}(mac.Sum(nil))\n", hash.1)
}
