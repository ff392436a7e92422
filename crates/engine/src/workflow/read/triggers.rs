//! How triggers are read: what is in a request, and how it is answered.

use super::super::decode::{Decode, Fields, tagged, word};
use super::super::node::Node;
use super::super::report::Report;
use super::super::{
    BodySchema, ContentType, Cors, Encoding, FallbackAnswer, Memory, Method, ProductIds, RateLimit, Response, ResponseMode,
    Source, Trigger, Variable, VariableType, WebhookTrigger,
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
            preset: fields.optional("preset"),
            secret: fields.optional("secret"),
            ids: fields.optional("ids"),
            public_url: fields.optional("public_url"),
            verify_token: fields.optional("verify_token"),
            certificate: fields.optional("certificate"),
            webhook_id: fields.optional("webhook_id"),
            client_state: fields.optional("client_state"),
            tolerance: fields.optional("tolerance"),
            handshake: fields.optional("handshake"),
            signature: fields.optional("signature"),
            auth: fields.optional("auth"),
            allow_ips: fields.or_default("allow_ips"),
            rate_limit: fields.optional("rate_limit"),
            cors: fields.optional("cors"),
            encodings: fields.or_default("encodings"),
            body_bytes_max: fields.optional("body_bytes_max"),
            dedupe: fields.optional("dedupe"),
            only_if: fields.optional("only_if"),
            split: fields.optional("split"),
            variables: fields.or_default("variables"),
            schema: fields.optional("schema"),
            full_body: fields.optional("full_body"),
            memory: fields.optional("memory"),
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

impl Decode for ProductIds {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        let mut fields = Fields::of(node, "a map with the keys `workspace` and `workflow`", at)?;
        let ids = Self { workspace: fields.optional("workspace"), workflow: fields.optional("workflow") };
        fields.finish();
        Some(ids)
    }
}

impl Decode for RateLimit {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        let mut fields = Fields::of(node, "a map with the keys `requests` and `per`", at)?;
        let (requests, per) = (fields.required("requests"), fields.required("per"));
        fields.finish();
        Some(Self { requests: requests?, per: per? })
    }
}

impl Decode for Cors {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        let mut fields = Fields::of(node, "a map with the key `origins`", at)?;
        let origins = fields.required("origins");
        fields.finish();
        Some(Self { origins: origins? })
    }
}

impl Decode for Encoding {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        let words = [("gzip", Self::Gzip), ("deflate", Self::Deflate), ("br", Self::Br), ("zstd", Self::Zstd)];
        word(node, &words, at)
    }
}

impl Decode for BodySchema {
    fn decode(node: &Node, _: &mut Report) -> Option<Self> {
        Some(Self::new(node.to_value()))
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
            items: fields.optional("items"),
            fields: fields.or_default("fields"),
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
            content_type: fields.optional("content_type"),
            body: fields.optional("body"),
            deadline: fields.optional("deadline"),
            on_failure: fields.optional("on_failure"),
            aborted: fields.optional("aborted"),
            on_deadline: fields.optional("on_deadline"),
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

impl Decode for ContentType {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        word(node, &[("json", Self::Json), ("text", Self::Text), ("xml", Self::Xml)], at)
    }
}

impl Decode for FallbackAnswer {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        let mut fields = Fields::of(node, "a map with the keys `status`, `content_type` and `body`", at)?;
        let answer = Self {
            status: fields.optional("status"),
            content_type: fields.optional("content_type"),
            body: fields.optional("body"),
        };
        fields.finish();
        Some(answer)
    }
}
