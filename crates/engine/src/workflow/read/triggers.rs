//! How triggers are read.

use super::super::decode::{Decode, Fields, tagged, word};
use super::super::node::Node;
use super::super::report::Report;
use super::super::{
    Auth, Credential, FailureAnswer, Memory, Method, Response, ResponseMode, Source, Trigger, Variable, VariableType,
    WebhookTrigger,
};

impl Decode for Trigger {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        tagged(
            node,
            "unknown_trigger",
            &[("webhook", |node, at| match node {
                // `- webhook:` with nothing behind it is a hook with all defaults.
                Node::Null => Some(Self::Webhook(Box::default())),
                node => Decode::decode(node, at).map(Self::Webhook),
            })],
            at,
        )
    }
}

impl Decode for WebhookTrigger {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        let mut fields = Fields::of(node, "a map that describes the webhook", at)?;
        let trigger = Self {
            label: fields.optional("label"),
            description: fields.optional("description"),
            path: fields.optional("path"),
            methods: fields.or_default("methods"),
            auth: fields.optional("auth"),
            variables: fields.or_default("variables"),
            memory: fields.optional("memory"),
            body_bytes_max: fields.optional("body_bytes_max"),
            response: fields.optional("response"),
        };
        fields.finish();
        Some(trigger)
    }
}

impl Decode for Method {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        let words =
            [("GET", Self::Get), ("POST", Self::Post), ("PUT", Self::Put), ("PATCH", Self::Patch), ("DELETE", Self::Delete)];
        word(node, &words, at)
    }
}

impl Decode for Auth {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        let mut fields = Fields::of(node, "a map with the key `any`", at)?;
        let any = fields.required("any");
        fields.finish();
        Some(Self { any: any? })
    }
}

impl Decode for Credential {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        tagged(
            node,
            "unknown_credential",
            &[
                ("shared_key", |node, at| String::decode(node, at).map(Self::SharedKey)),
                ("bearer", |node, at| String::decode(node, at).map(Self::Bearer)),
                ("header", |node, at| {
                    let mut fields = Fields::of(node, "a map with the keys `name` and `secret`", at)?;
                    let (name, secret) = (fields.required("name"), fields.required("secret"));
                    fields.finish();
                    Some(Self::Header { name: name?, secret: secret? })
                }),
            ],
            at,
        )
    }
}

impl Decode for Variable {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        if *node == Node::Null {
            return Some(Self::default());
        }
        let mut fields = Fields::of(node, "a map that describes the variable", at)?;
        let variable = Self {
            kind: fields.or_default("type"),
            description: fields.optional("description"),
            required: fields.or_default("required"),
            default: fields.optional("default"),
            example: fields.optional("example"),
            source: fields.optional("from"),
        };
        fields.finish();
        Some(variable)
    }
}

impl Decode for VariableType {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        let words = [
            ("string", Self::String),
            ("number", Self::Number),
            ("boolean", Self::Boolean),
            ("object", Self::Object),
            ("array", Self::Array),
        ];
        word(node, &words, at)
    }
}

impl Decode for Source {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        tagged(
            node,
            "unknown_source",
            &[
                ("body", |node, at| String::decode(node, at).map(Self::Body)),
                ("query", |node, at| String::decode(node, at).map(Self::Query)),
                ("header", |node, at| String::decode(node, at).map(Self::Header)),
                ("path", |node, at| String::decode(node, at).map(Self::Path)),
            ],
            at,
        )
    }
}

impl Decode for Memory {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        let mut fields = Fields::of(node, "a map with the keys `headers` and `body`", at)?;
        let memory = Self { headers: fields.optional("headers"), body: fields.optional("body") };
        fields.finish();
        Some(memory)
    }
}

impl Decode for Response {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        let mut fields = Fields::of(node, "a map that describes the answer", at)?;
        let response = Self {
            mode: fields.or_default("mode"),
            status: fields.optional("status"),
            headers: fields.or_default("headers"),
            body: fields.optional("body"),
            deadline: fields.optional("deadline"),
            on_failure: fields.optional("on_failure"),
        };
        fields.finish();
        Some(response)
    }
}

impl Decode for ResponseMode {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        let words = [("immediately", Self::Immediately), ("when_finished", Self::WhenFinished), ("respond", Self::Respond)];
        word(node, &words, at)
    }
}

impl Decode for FailureAnswer {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        let mut fields = Fields::of(node, "a map with the keys `status` and `body`", at)?;
        let answer = Self { status: fields.optional("status"), body: fields.optional("body") };
        fields.finish();
        Some(answer)
    }
}
