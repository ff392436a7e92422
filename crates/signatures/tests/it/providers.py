"""The providers' own libraries in Python, as senders and as judges. Reads and writes what providers.mjs does."""

import json
import sys
from datetime import datetime, timezone


def when(case):
    return datetime.fromtimestamp(case["now"], timezone.utc)


def standard_webhooks_sign(case):
    from standardwebhooks import Webhook

    signature = Webhook(case["secret"]).sign("msg_1", when(case), case["body"])
    return {"webhook-id": "msg_1", "webhook-timestamp": str(case["now"]), "webhook-signature": signature}


def standard_webhooks_judge(case):
    from standardwebhooks import Webhook

    Webhook(case["secret"]).verify(case["body"], case["headers"])


def svix_sign(case):
    from svix.webhooks import Webhook

    signature = Webhook(case["secret"]).sign("msg_1", when(case), case["body"])
    return {"svix-id": "msg_1", "svix-timestamp": str(case["now"]), "svix-signature": signature}


def svix_judge(case):
    from svix.webhooks import Webhook

    Webhook(case["secret"]).verify(case["body"], case["headers"])


def slack_sign(case):
    from slack_sdk.signature import SignatureVerifier

    timestamp = str(case["now"])
    signature = SignatureVerifier(case["secret"]).generate_signature(timestamp=timestamp, body=case["body"])
    return {"x-slack-request-timestamp": timestamp, "x-slack-signature": signature}


def slack_judge(case):
    from slack_sdk.signature import SignatureVerifier

    return SignatureVerifier(case["secret"]).is_valid_request(case["body"], case["headers"])


def github_judge(case):
    from gidgethub.sansio import validate_event

    signature = case["headers"]["x-hub-signature-256"]
    validate_event(case["body"].encode(), signature=signature, secret=case["secret"])


def square_judge(case):
    from square.utils.webhooks_helper import verify_signature

    return verify_signature(
        request_body=case["body"],
        signature_header=case["headers"]["x-square-hmacsha256-signature"],
        signature_key=case["secret"],
        notification_url=case["url"],
    )


def discord_sign(case):
    from nacl.signing import SigningKey

    key = SigningKey(case["secret"].encode()[:32])
    timestamp = str(case["now"])
    signature = key.sign((timestamp + case["body"]).encode()).signature.hex()
    # What the owner stores is the public half.
    public = key.verify_key.encode().hex()
    return {"secret": public, "x-signature-ed25519": signature, "x-signature-timestamp": timestamp}


def discord_judge(case):
    from nacl.signing import VerifyKey

    text = case["headers"]["x-signature-timestamp"] + case["body"]
    VerifyKey(bytes.fromhex(case["secret"])).verify(text.encode(), bytes.fromhex(case["headers"]["x-signature-ed25519"]))


SIGNERS = {
    "standard-webhooks": standard_webhooks_sign,
    "svix": svix_sign,
    "slack": slack_sign,
    "discord": discord_sign,
}
JUDGES = {
    "standard-webhooks": standard_webhooks_judge,
    "svix": svix_judge,
    "slack": slack_judge,
    "github": github_judge,
    "square": square_judge,
    "discord": discord_judge,
}


def taken(judge, case):
    try:
        return judge(case) is not False
    except ImportError:
        raise
    except Exception:
        return False


def main():
    question = json.load(sys.stdin)
    if question["op"] == "sign":
        answers = [SIGNERS[case["preset"]](case) for case in question["cases"]]
    else:
        answers = [taken(JUDGES[case["preset"]], case) for case in question["cases"]]
    json.dump(answers, sys.stdout)


main()
