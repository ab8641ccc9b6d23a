"""What schemathesis cannot know from the document: names of events that are there, and how an
operator signs. DEMO is the directory of the demo that is running."""

import base64
import hashlib
import json
import os
import pathlib
import secrets
import time
import urllib.parse
import urllib.request

import requests
import schemathesis
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

# Endless by design; tests/e2e and the tests of http read it.
LEFT_OUT = ["/v1/stream"]
# Up to a minute of waiting each; tests/e2e waits, and the tests of http refuse bad ones.
PARAMETERS_LEFT_OUT = ["wait"]
OPERATOR = "alice"
# The headers of a signature: made below, but for one operation that is sent what they must not be.
SIGNING = ["Content-Digest", "Signature-Input", "Signature"]
BADLY_SIGNED = "/v1/events/{id}/void"


def fetch(base, path):
    with urllib.request.urlopen(base + path, timeout=20) as answer:
        return json.load(answer)


def known(base):
    """Real values by parameter: an event of every kind in every state, hashes of evidence."""
    events = fetch(base, "/v1/events?limit=500")["events"]
    by_standing = {(e["kind"], e["state"]): e["event_id"] for e in events}
    hashes = set()
    for name in by_standing.values():
        evidence = fetch(base, f"/v1/events/{name}/evidence")
        public = [seen["sha256"] for seen in evidence["observations"] if seen["public"]]
        policy = fetch(base, f"/v1/events/{name}")["policy_hash"]
        # Of each kind one: a hash names a body, a manifest or a policy.
        hashes.update(list(filter(None, [*public[:1], evidence["manifest_sha256"], policy])))
    return {
        "id": sorted(by_standing.values()),
        "sha256": sorted(hashes),
        "name": ["0/000.p/1", "entries/000.p/2", "1/000"],
        "series": sorted({e["series"] for e in events if e["series"]}),
        "cursor": [fetch(base, "/v1/events?limit=1")["next_cursor"]],
        "hour": [time.strftime("%Y-%m-%dT%H", time.gmtime())],
        "If-None-Match": ["*"],
        "prefix": ["0", "0,1", "yes", "above", "home"],
    }


@schemathesis.hook
def before_load_schema(context, raw_schema):
    real = known(raw_schema["servers"][0]["url"])
    missing = [name for name, values in real.items() if not values or None in values]
    if missing:
        raise SystemExit(f"the service has no {', '.join(missing)} to ask for")
    for path in LEFT_OUT:
        raw_schema["paths"].pop(path)
    for path, item in raw_schema["paths"].items():
        for operation in item.values():
            parameters = operation.get("parameters", [])
            left_out = PARAMETERS_LEFT_OUT
            if path != BADLY_SIGNED:
                left_out = left_out + SIGNING
                operation.pop("security", None)
            parameters[:] = [p for p in parameters if p["name"] not in left_out]
            for parameter in parameters:
                values = real.get(parameter["name"], [])
                if values:
                    parameter["schema"] = {"anyOf": [{"enum": values}, parameter["schema"]]}
                    parameter["examples"] = {str(i): {"value": v} for i, v in enumerate(values)}
                    parameter.pop("example", None)
    create = raw_schema["paths"]["/v1/events"]["post"]["requestBody"]["content"]
    create["application/json"]["examples"] = {"new": {"value": new_event()}}


def new_event():
    """An event that the demo's operators can make."""
    tomorrow = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86400))
    return {
        "id": f"tried-{secrets.token_hex(4)}",
        "kind": "operators",
        "title": "Does anybody try this?",
        "maturity": tomorrow,
        "outcomes": ["yes", "no", "void"],
        "panel": ["alice", "bob"],
        "k": 2,
    }


class Signed(requests.auth.AuthBase):
    """Signs what a configured operator may send, unless a signature of its own was thought of."""

    def __init__(self):
        seed = pathlib.Path(os.environ["DEMO"], "data", f"{OPERATOR}.key").read_text().strip()
        self.key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))

    def __call__(self, request):
        if request.method != "POST" or "Signature" in request.headers:
            return request
        url = urllib.parse.urlsplit(request.url)
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        now = int(time.time())
        parameters = (
            '("@method" "@authority" "@path" "@query" "content-digest")'
            f';created={now};expires={now + 60};nonce="{secrets.token_hex(16)}"'
            f';keyid="{OPERATOR}";alg="ed25519";tag="oracle-operator"'
        )
        base = "\n".join([
            f'"@method": {request.method}',
            f'"@authority": {url.netloc}',
            f'"@path": {url.path}',
            f'"@query": ?{url.query}',
            f'"content-digest": sha-256=:{digest}:',
            f'"@signature-params": {parameters}',
        ])
        signature = base64.b64encode(self.key.sign(base.encode())).decode()
        request.headers["Content-Digest"] = f"sha-256=:{digest}:"
        request.headers["Signature-Input"] = f"sig1={parameters}"
        request.headers["Signature"] = f"sig1=:{signature}:"
        return request


schemathesis.auth.set_from_requests(Signed())
