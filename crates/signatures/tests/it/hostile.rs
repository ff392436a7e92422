//! Nothing that can be sent makes a verifier panic, and nothing that was not signed is genuine.

use hookmill_signatures::{Need, Place, Proof, Reading, presets};
use proptest::prelude::*;

use crate::sender::{Request, settings};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_header_value_or_body_is_genuine_or_panics(
        value in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            "(t=|v1=|v1,|sha256=|ts=|h1=|[0-9a-f]{2}|,|;| |=|:|\"|\\(|\\)){0,40}".prop_map(String::into_bytes),
        ],
        body in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..100),
            r#"(\{|\}|\[|\]|"signature"|"Type"|:|,|"a"|1|null){0,30}"#.prop_map(String::into_bytes),
        ],
        query in "[ -~]{0,60}",
        method in prop_oneof![Just("GET"), Just("POST"), Just("OPTIONS")],
    ) {
        for preset in presets() {
            let mut request = Request { query: query.clone(), method: method.into(), ..Request::post(body.clone()) };
            let mut places: Vec<&Place> = preset.schemes.iter().map(|scheme| &scheme.signature).collect();
            places.extend(preset.schemes.iter().filter_map(|scheme| scheme.timestamp.as_ref().map(|timestamp| &timestamp.place)));
            if let Proof::Token(tokens) = preset.proof {
                places.extend(tokens);
            }
            for name in ["signature-input", "signature", "content-digest", "webhook-request-origin", "x-hook-secret", "aeg-event-type"] {
                request = request.header(name, &value);
            }
            for place in places {
                if let Place::Header(name) = place {
                    request = request.header(name, &value);
                }
            }
            let judged = request.judge(preset, &settings(), &[b"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U="]);
            let open = preset.proof == Proof::Unproven || preset.secret == Need::Unused && judged.is_err();
            prop_assert!(open || judged.is_err(), "{} took {value:?}", preset.id);
            request.with(|sent| {
                let _ = preset.handshake(&settings(), &[b"secret"], sent);
                let _ = preset.delivery_id(&settings(), sent);
                let _ = preset.event(&settings(), sent);
                let _ = preset.certificate_source(&settings(), &Reading::new(sent));
            });
        }
    }
}
