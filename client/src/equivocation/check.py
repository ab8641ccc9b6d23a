"""Derives an oracle's secret key from two signatures under one nonce.

Run it beside proof.json. It uses the signatures and messages only, not the
secret key that proof.json states.
"""

import hashlib
import json
import pathlib

FIELD = 2**256 - 2**32 - 977
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)


def tagged(tag, data):
    prefix = hashlib.sha256(tag.encode()).digest()
    return hashlib.sha256(prefix + prefix + data).digest()


def add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and a[1] != b[1]:
        return None
    if a == b:
        slope = 3 * a[0] * a[0] * pow(2 * a[1], -1, FIELD)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, FIELD)
    x = (slope * slope - a[0] - b[0]) % FIELD
    return x, (slope * (a[0] - x) - a[1]) % FIELD


def times(n, point):
    result = None
    while n:
        if n & 1:
            result = add(result, point)
        point = add(point, point)
        n >>= 1
    return result


proof = json.loads((pathlib.Path(__file__).parent / "proof.json").read_text())
public = bytes.fromhex(proof["public_key"])
signatures = [bytes.fromhex(s["signature"]) for s in proof["signed"]]
messages = [
    tagged("DLC/oracle/attestation/v0", s["message"].encode()) for s in proof["signed"]
]
assert messages[0] != messages[1], "both sign the same message"
assert signatures[0][:32] == signatures[1][:32], "the nonces differ"
e = [
    int.from_bytes(tagged("BIP0340/challenge", s[:32] + public + m), "big")
    for s, m in zip(signatures, messages)
]
s = [int.from_bytes(signature[32:], "big") for signature in signatures]
d = (s[0] - s[1]) * pow(e[0] - e[1], -1, ORDER) % ORDER
assert times(d, G)[0].to_bytes(32, "big") == public, "no proof: d·G is another key"
print("proven: the secret key is", d.to_bytes(32, "big").hex())
