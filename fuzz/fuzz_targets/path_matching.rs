//! Any stored path against any asked one. Input: the stored path, line, the asked path.
#![no_main]

use hookmill_fuzz::line_and_rest;
use hookmill_store::hooks::fit;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((path, asked)) = line_and_rest(input) else { return };
    let Ok(asked) = std::str::from_utf8(asked) else { return };
    let segments: Vec<&str> = asked.split('/').collect();
    let Some((specificity, parameters)) = fit(path, &segments) else {
        assert!(path != asked || path.is_empty(), "a path fits itself");
        return;
    };
    assert_eq!(specificity.len(), segments.len());
    assert_eq!(parameters.len(), specificity.iter().filter(|parameter| **parameter).count());
    // What was found puts the asked path together again.
    let mut values = parameters.iter();
    let again = path.split('/').map(|segment| match segment.strip_prefix(':') {
        Some(name) => {
            let (found, value) = values.next().expect("a value for each parameter");
            assert_eq!(found, name);
            value.as_str()
        }
        None => segment,
    });
    assert_eq!(again.collect::<Vec<_>>().join("/"), asked);
});
