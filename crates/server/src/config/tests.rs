//! The sources in their order, and every mistake with its message.

use super::*;

fn load(file: &str, environment: &[(&str, &str)], flags: &[Flag]) -> Result<Config, String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("hookmill.toml");
    std::fs::write(&path, file).expect("the file can be written");
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(Some(&path), environment, flags)
        .map_err(|error| error.to_string().replace(&path.display().to_string(), "hookmill.toml"))
}

#[test]
fn nothing_set_is_the_default() {
    assert_eq!(Config::load(None, [], &[]).expect("defaults are valid"), Config::default());
}

#[test]
fn flags_win_over_the_environment_which_wins_over_the_file() {
    let file = "[server]\nlisten = '127.0.0.1:1'\nlimits.keep_alive = '5s'\nlimits.headers_max = 7\n";
    let environment = [("HOOKMILL_SERVER__LISTEN", "127.0.0.1:2"), ("HOOKMILL_SERVER__LIMITS__KEEP_ALIVE", "6s"), ("HOME", "/")];
    let flags = [Flag { name: "--listen", key: "server.listen", value: "127.0.0.1:3".into() }];
    let config = load(file, &environment, &flags).expect("valid");
    assert_eq!(config.server.listen.port(), 3);
    assert_eq!(config.server.limits.keep_alive.0, 6_000);
    assert_eq!(config.server.limits.headers_max, 7);
}

#[test]
fn texts_of_the_environment_take_the_type_of_their_key() {
    let environment = [
        ("HOOKMILL_NET__ALLOW", "10.0.0.0/8, 127.0.0.1/32"),
        ("HOOKMILL_STORE__READ_CONNECTIONS", "3"),
        ("HOOKMILL_SERVER__HOOK_BODY_DEFAULT", "1MiB"),
        ("HOOKMILL_LOG__FORMAT", "json"),
        ("HOOKMILL_KEY", "hmk_of_the_command_line"),
    ];
    let config = load("", &environment, &[]).expect("valid");
    assert_eq!(config.net.allow.len(), 2);
    assert_eq!(config.store.read_connections, 3);
    assert_eq!(config.server.hook_body_default, Size::mib(1));
    assert_eq!(config.log.format, LogFormat::Json);
}

#[test]
fn what_is_kept_may_be_kept_for_ever() {
    let environment = [("HOOKMILL_WORKER__RETENTION__DELIVERIES", "forever"), ("HOOKMILL_WORKER__RETENTION__FAILED_RUNS", "1d")];
    let config = load("[worker.retention]\nruns = 'forever'\nfailed_runs = 'forever'", &environment, &[]).expect("valid");
    let kept = &config.worker.retention;
    assert_eq!((kept.runs.span(), kept.deliveries.span()), (None, None));
    assert_eq!(kept.failed_runs.span().map(|span| span.0), Some(86_400_000));
    let again = load(&config.to_toml(), &[], &[]).expect("what is printed can be read");
    assert_eq!(again.worker.retention, config.worker.retention);
}

#[test]
fn mistakes_name_the_key_the_place_and_the_remedy() {
    type Case = (&'static str, &'static [(&'static str, &'static str)], &'static str);
    let cases: [Case; 12] = [
        ("[server]\nlissten = 'x'", &[], "unknown key `server.lissten` in hookmill.toml; did you mean `server.listen`?"),
        ("listen = 'x'", &[], "unknown key `listen` in hookmill.toml; did you mean `server.listen`?"),
        ("[zebra]\nquagga = 1", &[], "unknown key `zebra.quagga` in hookmill.toml"),
        (
            "",
            &[("HOOKMILL_SERVER_LISTEN", "x")],
            "unknown key `HOOKMILL_SERVER_LISTEN` in the environment; did you mean `HOOKMILL_SERVER__LISTEN`?",
        ),
        (
            "[server]\nlimits.keep_alive = 5",
            &[],
            "`server.limits.keep_alive` in hookmill.toml cannot be 5: invalid type: integer `5`, expected a string",
        ),
        (
            "",
            &[("HOOKMILL_SERVER__API_BODY_MAX", "big")],
            "`HOOKMILL_SERVER__API_BODY_MAX` in the environment cannot be \"big\": `big` is not a size; write for example \
             512B, 64KiB, 10MiB or 2GiB",
        ),
        (
            "[worker.retention]\nruns = 'for ever'",
            &[],
            "`worker.retention.runs` in hookmill.toml cannot be \"for ever\": `for ever` is not a length of time; write for \
             example 250ms, 30s, 5m, 2h or 3d, or forever",
        ),
        (
            "store.database = 'mysql://u:s3cret@h/d'",
            &[],
            "`store.database` in hookmill.toml cannot be `***`: write sqlite:FILE or postgres://USER:PASSWORD@HOST/DATABASE",
        ),
        (
            "vault = 3",
            &[],
            "`vault` in hookmill.toml cannot be a single value: it is a section; its keys are vault.master_key_file",
        ),
        (
            "store.read_connections = 0",
            &[],
            "`store.read_connections` in the configuration cannot be 0: nothing would work; it must be at least 1",
        ),
        (
            "server.public_url = 'hooks.example'",
            &[],
            "`server.public_url` in the configuration cannot be \"hooks.example\": write the beginning of a URL, such as \
             https://hooks.example.com",
        ),
        (
            "server.hook_body_default = '65MiB'",
            &[],
            "`server.hook_body_default` in the configuration cannot be 65MiB: it is larger than server.hook_body_max, which \
             is 64MiB",
        ),
    ];
    for (file, environment, message) in cases {
        assert_eq!(load(file, environment, &[]).expect_err(file), message);
    }
    let malformed = load("[server", &[], &[]).expect_err("not TOML");
    assert!(malformed.starts_with("the configuration file hookmill.toml is not valid TOML: "), "{malformed}");
    let missing = Config::load(Some(Path::new("/nonexistent/x.toml")), [], &[]).expect_err("no such file").to_string();
    assert!(missing.starts_with("cannot read the configuration file /nonexistent/x.toml: "), "{missing}");
}

#[test]
fn the_printed_configuration_hides_passwords_and_can_be_read_again() {
    let config = load("store.database = 'postgres://u:s3cret@h/d'", &[], &[]).expect("valid");
    let printed = config.to_toml();
    assert!(printed.contains("postgres://u:***@h/d") && !printed.contains("s3cret"), "{printed}");
    assert_eq!(load(&Config::default().to_toml(), &[], &[]).expect("valid"), Config::default());
}

#[test]
fn the_commented_default_file_names_every_key_with_its_default() {
    // A line `# key = value` is a setting at its default; all other comments are prose.
    let uncommented: String = DEFAULT_FILE
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(setting) if setting.split_once(" = ").is_some_and(|(key, _)| !key.contains(' ')) => setting,
            _ => line,
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    let table: toml::Table = uncommented.parse().expect("the file without its comment signs is TOML");
    let mut named = serde_json::to_value(&table).expect("TOML has a JSON form");
    let mut known = serde_json::to_value(Config::default()).expect("JSON");
    // What has no value by default is shown with an example.
    assert!(blank_unset(&mut known, &mut named) > 0);
    assert_eq!(named, known);
    assert_eq!(load(DEFAULT_FILE, &[], &[]).expect("valid"), Config::default());
}

/// Takes out of both what has no value by default; tells how many those are.
fn blank_unset(known: &mut Value, named: &mut Value) -> usize {
    let Some(members) = known.as_object_mut() else { return 0 };
    let mut count = 0;
    for (name, value) in members.iter_mut() {
        if value.is_null() {
            assert!(!named[name.as_str()].is_null(), "{name} has no example");
            named[name.as_str()] = Value::Null;
            count += 1;
        } else {
            count += blank_unset(value, &mut named[name.as_str()]);
        }
    }
    count
}
