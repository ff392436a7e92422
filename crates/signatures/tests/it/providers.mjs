// The providers' own libraries as senders and as judges.
//
// Reads {"op": "sign" | "judge", "cases": [{preset, secret, method, url, headers, body, now, certificate}]} from standard
// input: `headers` with lower-case names, `now` in seconds. Writes one answer for each case, in order: the headers that the
// library signs with, or whether the library takes the request. A case that the library has no word for is an error.

import { createHmac } from "node:crypto";
import { createRequire } from "node:module";
import { EventEmitter } from "node:events";

const require = createRequire(import.meta.url);

const taken = async (judge) => {
    try {
        return (await judge()) !== false;
    } catch {
        return false;
    }
};

const paramsOf = (body) => {
    const found = {};
    for (const [name, value] of new URLSearchParams(body)) {
        found[name] = name in found ? [found[name], value].flat() : value;
    }
    return found;
};

const signers = {
    async github({ secret, body }) {
        const { sign } = await import("@octokit/webhooks-methods");
        return { "x-hub-signature-256": await sign(secret, body) };
    },
    async stripe({ secret, body, now }) {
        const { default: Stripe } = await import("stripe");
        const header = Stripe.webhooks.generateTestHeaderString({ payload: body, secret, timestamp: now });
        return { "stripe-signature": header };
    },
    async "standard-webhooks"({ secret, body, now }) {
        const { Webhook } = await import("standardwebhooks");
        const signature = new Webhook(secret).sign("msg_1", new Date(now * 1000), body);
        return { "webhook-id": "msg_1", "webhook-timestamp": String(now), "webhook-signature": signature };
    },
    async svix({ secret, body, now }) {
        const { Webhook } = require("svix");
        const signature = new Webhook(secret).sign("msg_1", new Date(now * 1000), body);
        return { "svix-id": "msg_1", "svix-timestamp": String(now), "svix-signature": signature };
    },
    async twilio({ secret, url, body, headers }) {
        const { getExpectedTwilioSignature, getExpectedBodyHash } = require("twilio/lib/webhooks/webhooks");
        if (headers["content-type"] === "application/json") {
            const query = `bodySHA256=${getExpectedBodyHash(body)}`;
            return { query, "x-twilio-signature": getExpectedTwilioSignature(secret, `${url}?${query}`, {}) };
        }
        return { "x-twilio-signature": getExpectedTwilioSignature(secret, url, paramsOf(body)) };
    },
    async notion({ secret, body }) {
        const { signWebhookPayload } = require("@notionhq/client");
        return { "x-notion-signature": await signWebhookPayload({ body, verificationToken: secret }) };
    },
    async hubspot({ secret, method, url, body, now }) {
        const { Signature } = require("@hubspot/api-client");
        const timestamp = now * 1000;
        const options = { clientSecret: secret, requestBody: body, url, method, timestamp };
        const signature = Signature.getSignature(method, "v3", options);
        return { "x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": String(timestamp) };
    },
    async sanity({ secret, body, now }) {
        const { encodeSignatureHeader } = require("@sanity/webhook");
        return { "sanity-webhook-signature": await encodeSignatureHeader(body, now * 1000, secret) };
    },
    async rfc9421({ secret, method, url, headers, now }) {
        const { httpbis } = require("http-message-signatures");
        const sign = async (text) => createHmac("sha256", secret).update(text).digest();
        const signed = await httpbis.signMessage(
            {
                key: { id: "k", alg: "hmac-sha256", sign },
                fields: ["@method", "@target-uri", "content-digest"],
                params: ["created", "keyid", "alg"],
                paramValues: { created: new Date(now * 1000) },
            },
            { method, url, headers },
        );
        const { Signature: signature, "Signature-Input": input } = signed.headers;
        return { signature, "signature-input": input };
    },
};

const judges = {
    async github({ secret, body, headers }) {
        const { verify } = await import("@octokit/webhooks-methods");
        return verify(secret, body, headers["x-hub-signature-256"]);
    },
    async stripe({ secret, body, headers }) {
        const { default: Stripe } = await import("stripe");
        Stripe.webhooks.constructEvent(body, headers["stripe-signature"], secret, 300);
    },
    async "standard-webhooks"({ secret, body, headers }) {
        const { Webhook } = await import("standardwebhooks");
        new Webhook(secret).verify(body, headers);
    },
    async svix({ secret, body, headers }) {
        const { Webhook } = require("svix");
        new Webhook(secret).verify(body, headers);
    },
    async twilio({ secret, url, body, headers }) {
        const { validateRequest, validateRequestWithBody } = require("twilio/lib/webhooks/webhooks");
        const signature = headers["x-twilio-signature"];
        if (url.includes("bodySHA256=")) return validateRequestWithBody(secret, signature, url, body);
        return validateRequest(secret, signature, url, paramsOf(body));
    },
    async notion({ secret, body, headers }) {
        const { verifyWebhookSignature } = require("@notionhq/client");
        return verifyWebhookSignature({ body, signature: headers["x-notion-signature"], verificationToken: secret });
    },
    async hubspot({ secret, method, url, body, headers }) {
        const { Signature } = require("@hubspot/api-client");
        return Signature.isValid({
            signatureVersion: "v3",
            signature: headers["x-hubspot-signature-v3"],
            timestamp: Number(headers["x-hubspot-request-timestamp"]),
            clientSecret: secret,
            requestBody: body,
            method,
            url,
        });
    },
    async sanity({ secret, body, headers }) {
        const { isValidSignature } = require("@sanity/webhook");
        return isValidSignature(body, headers["sanity-webhook-signature"], secret);
    },
    async slack({ secret, body, headers }) {
        const { verifySlackRequest } = require("@slack/bolt/dist/receivers/verify-request.js");
        const timestamp = Number(headers["x-slack-request-timestamp"]);
        verifySlackRequest({ signingSecret: secret, body, headers: { ...headers, "x-slack-request-timestamp": timestamp } });
    },
    async shopify({ secret, body, headers }) {
        await import("@shopify/shopify-api/adapters/web-api");
        const { shopifyApi, LogSeverity } = await import("@shopify/shopify-api");
        const shopify = shopifyApi({
            apiKey: "key",
            apiSecretKey: secret,
            hostName: "hooks.example.com",
            isEmbeddedApp: true,
            apiVersion: "2026-01",
            logger: { level: LogSeverity.Error, log: () => {} },
        });
        const named = {
            "x-shopify-topic": "orders/create",
            "x-shopify-shop-domain": "a.myshopify.com",
            "x-shopify-api-version": "2026-01",
            "x-shopify-webhook-id": "1",
        };
        const rawRequest = new Request("https://hooks.example.com/", { method: "POST", headers: { ...named, ...headers } });
        const found = await shopify.webhooks.validate({ rawBody: body, rawRequest });
        return found.valid;
    },
    async discord({ secret, body, headers }) {
        const { verifyKey } = require("discord-interactions");
        return verifyKey(body, headers["x-signature-ed25519"], headers["x-signature-timestamp"], secret);
    },
    async sendgrid({ secret, body, headers }) {
        const { EventWebhook } = require("@sendgrid/eventwebhook");
        const webhook = new EventWebhook();
        const key = webhook.convertPublicKeyToECDSA(secret);
        const [signature, timestamp] = ["signature", "timestamp"].map((name) => headers[`x-twilio-email-event-webhook-${name}`]);
        return webhook.verifySignature(key, body, signature, timestamp);
    },
    async paddle({ secret, body, headers }) {
        const { Paddle } = require("@paddle/paddle-node-sdk");
        return new Paddle("key").webhooks.isSignatureValid(body, secret, headers["paddle-signature"]);
    },
    async linear({ secret, body, headers }) {
        const { LinearWebhookClient } = await import("@linear/sdk/webhooks");
        const { webhookTimestamp } = JSON.parse(body);
        return new LinearWebhookClient(secret).verify(Buffer.from(body), headers["linear-signature"], webhookTimestamp);
    },
    async line({ secret, body, headers }) {
        const { validateSignature } = require("@line/bot-sdk");
        return validateSignature(body, secret, headers["x-line-signature"]);
    },
    async razorpay({ secret, body, headers }) {
        const { validateWebhookSignature } = require("razorpay/dist/utils/razorpay-utils");
        return validateWebhookSignature(body, headers["x-razorpay-signature"], secret);
    },
    async mux({ secret, body, headers }) {
        const { default: Mux } = await import("@mux/mux-node");
        await new Mux({ tokenId: "a", tokenSecret: "b" }).webhooks.verifySignature(body, headers, secret);
    },
    async workos({ secret, body, headers }) {
        const { WorkOS } = await import("@workos-inc/node");
        const sigHeader = headers["workos-signature"];
        return new WorkOS("key").webhooks.verifyHeader({ payload: JSON.parse(body), sigHeader, secret });
    },
    async sns({ body, certificate }) {
        const https = require("node:https");
        // The one thing of the outside world: Amazon's host that serves the certificate.
        https.get = (_, answered) => {
            const answer = Object.assign(new EventEmitter(), { statusCode: 200 });
            queueMicrotask(() => {
                answered(answer);
                answer.emit("data", Buffer.from(certificate));
                answer.emit("end");
            });
            return new EventEmitter();
        };
        const Validator = require("sns-validator");
        await new Promise((right, wrong) => {
            new Validator().validate(JSON.parse(body), (error) => (error ? wrong(error) : right()));
        });
    },
};

const input = [];
for await (const chunk of process.stdin) input.push(chunk);
const { op, cases } = JSON.parse(Buffer.concat(input).toString());
const answers = [];
for (const each of cases) {
    const library = (op === "sign" ? signers : judges)[each.preset];
    if (!library) throw new Error(`no library knows how to ${op} for ${each.preset}`);
    answers.push(op === "sign" ? await library(each) : await taken(() => library(each)));
}
process.stdout.write(JSON.stringify(answers));
// Some libraries keep timers or sockets.
process.exit(0);
