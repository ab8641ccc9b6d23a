"""`contract.json` once more: BIP340, BIP341 and BIP327 in plain Python, written from the
specifications alone, beside what the library answers of the same contracts."""

import hashlib

P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)
FEE_PER_BYTE, MIN_FEE, MIN_OUTPUT = 10, 1_000, 10_000
DAY = 86_400


# --- points: None is infinity --------------------------------------------------------------


def add(a, b):
    if a is None:
        return b
    if b is None:
        return a
    if a[0] == b[0] and a[1] != b[1]:
        return None
    if a == b:
        slope = 3 * a[0] * a[0] * pow(2 * a[1], -1, P)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def mul(scalar, point=G):
    sum_, scalar = None, scalar % N
    while scalar:
        if scalar & 1:
            sum_ = add(sum_, point)
        point, scalar = add(point, point), scalar >> 1
    return sum_


def neg(point):
    return point[0], P - point[1]


def odd(point):
    return point[1] & 1 == 1


def lift_x(x, is_odd=False):
    y = pow(x**3 + 7, (P + 1) // 4, P)
    assert y * y % P == (x**3 + 7) % P, "not on the curve"
    return (x, y) if (y & 1 == 1) == is_odd else (x, P - y)


def parse(compressed):
    assert len(compressed) == 33 and compressed[0] in (2, 3)
    return lift_x(number(compressed[1:]), compressed[0] == 3)


def number(data):
    return int.from_bytes(data, "big")


def b32(value):
    return value.to_bytes(32, "big")


def xonly(point):
    return b32(point[0])


def compressed(point):
    return bytes([3 if odd(point) else 2]) + xonly(point)


# --- hashes and signatures -----------------------------------------------------------------


def sha(data):
    return hashlib.sha256(data).digest()


def tagged(tag, data):
    return sha(sha(tag.encode()) * 2 + data)


def scalar_of(tag, data):
    return number(tagged(tag, data)) % N


def challenge(nonce, key, message):
    return scalar_of("BIP0340/challenge", xonly(nonce) + xonly(key) + message)


def verifies(key, message, signature):
    key, nonce = lift_x(number(key)), lift_x(number(signature[:32]))
    e = challenge(nonce, key, message)
    return add(mul(number(signature[32:])), mul(N - e, key)) == nonce


def taproot(internal):
    """BIP341's output key of an internal key without a script tree, and the tweak."""
    tweak = scalar_of("TapTweak", xonly(internal))
    return add(lift_x(internal[0]), mul(tweak)), tweak


class Joint:
    """BIP327's key of both."""

    def __init__(self, keys):
        self.keys = sorted(keys)
        self.all = tagged("KeyAgg list", b"".join(self.keys))
        self.internal = None
        for key in self.keys:
            self.internal = add(self.internal, mul(self.coefficient(key), parse(key)))
        self.output, self.tweak = taproot(self.internal)

    def coefficient(self, key):
        second = next((one for one in self.keys if one != self.keys[0]), None)
        return 1 if key == second else scalar_of("KeyAgg coefficient", self.all + key)

    def sign_of_key(self):
        return N - 1 if odd(self.output) else 1

    def session(self, nonces, message):
        """Nonce, its coefficient and the challenge, for the sum of nonces with the point in it."""
        b = scalar_of("MuSig/noncecoef", nonces + xonly(self.output) + message)
        nonce = add(parse(nonces[:33]), mul(b, parse(nonces[33:])))
        return nonce, b, challenge(nonce, self.output, message)

    def half(self, secret, scalars, session):
        nonce, b, e = session
        k = scalars[0] + b * scalars[1]
        key = compressed(mul(secret))
        sign = self.sign_of_key() * (N - 1 if odd(self.internal) else 1)
        return ((-k if odd(nonce) else k) + e * self.coefficient(key) * sign * secret) % N

    def whole(self, halves, session):
        return (sum(halves) + session[2] * self.sign_of_key() * self.tweak) % N


# --- transactions --------------------------------------------------------------------------


class Transaction:
    def __init__(self, data):
        self.data, self.at = data, 0
        self.version = self.take(4)
        self.has_witness = self.data[4:6] == b"\x00\x01"
        self.at += 2 if self.has_witness else 0
        self.inputs = [(self.take(36), self.take(self.count()), self.take(4)) for _ in range(self.count())]
        assert all(script == b"" for _, script, _ in self.inputs)
        self.outputs = [(self.take(8), self.take(self.count())) for _ in range(self.count())]
        self.witnesses = []
        if self.has_witness:
            for _ in self.inputs:
                self.witnesses.append([self.take(self.count()) for _ in range(self.count())])
        self.lock_time = self.take(4)
        assert self.at == len(data)

    def take(self, count):
        self.at += count
        return self.data[self.at - count : self.at]

    def count(self):
        (value,) = self.take(1)
        assert value < 253
        return value

    def body(self):
        """What is signed: everything but the witnesses."""
        return self.version, self.inputs, self.outputs, self.lock_time

    def txid(self):
        assert not self.has_witness
        return sha(sha(self.data))[::-1].hex()

    def amounts(self):
        return [int.from_bytes(amount, "little") for amount, _ in self.outputs]

    def sighash(self, index, spent):
        """BIP341: key path, `SIGHASH_DEFAULT`."""
        size = lambda script: bytes([len(script)]) + script
        parts = [
            b"\x00\x00",
            self.version,
            self.lock_time,
            sha(b"".join(place for place, _, _ in self.inputs)),
            sha(b"".join(coin["amount"].to_bytes(8, "little") for coin in spent)),
            sha(b"".join(size(bytes.fromhex(coin["script"])) for coin in spent)),
            sha(b"".join(sequence for _, _, sequence in self.inputs)),
            sha(b"".join(amount + size(script) for amount, script in self.outputs)),
            b"\x00" + index.to_bytes(4, "little"),
        ]
        return tagged("TapSighash", b"".join(parts))


def published(transaction, unsigned, spent, signatures):
    """The signed bytes of a transaction are those of the unsigned one and the signatures,
    which hold, and it pays what the chain demands and nothing more."""
    signed, plain = Transaction(bytes.fromhex(transaction)), Transaction(bytes.fromhex(unsigned))
    assert signed.body() == plain.body()
    assert signed.version == (3).to_bytes(4, "little")
    assert signed.witnesses == [[bytes.fromhex(one)] for one in signatures]
    for index, coin in enumerate(spent):
        script = bytes.fromhex(coin["script"])
        assert script[:2] == b"\x51\x20" and len(script) == 34
        (signature,) = signed.witnesses[index]
        assert verifies(script[2:], plain.sighash(index, spent), signature), index
    assert all(amount >= MIN_OUTPUT for amount in signed.amounts())
    fee = sum(coin["amount"] for coin in spent) - sum(signed.amounts())
    assert fee == max(MIN_FEE, FEE_PER_BYTE * len(signed.data))


# --- the contracts -------------------------------------------------------------------------


def session(case, joint, given, point):
    """One signature of both: the session and s of the two halves."""
    funded = [case["funding"]["output"]]
    message = bytes.fromhex(given["sighash"])
    assert Transaction(bytes.fromhex(given["unsigned"])).sighash(0, funded) == message
    scalars = [(number(both[:32]), number(both[32:])) for both in map(bytes.fromhex, given["secret_nonces"])]
    public = [compressed(mul(k1)) + compressed(mul(k2)) for k1, k2 in scalars]
    assert [one.hex() for one in public] == given["public_nonces"]
    first, second = (add(parse(public[0][i : i + 33]), parse(public[1][i : i + 33])) for i in (0, 33))
    assert given["nonce_sum"] == (compressed(first) + compressed(second)).hex()
    nonces = compressed(add(first, point)) + compressed(second)
    assert given["session_nonce"] == nonces.hex()
    made = joint.session(nonces, message)
    secrets = [number(bytes.fromhex(party["secret_key"])) for party in case["parties"]]
    halves = [joint.half(secret, pair, made) for secret, pair in zip(secrets, scalars)]
    assert [b32(half).hex() for half in halves] == given["partial_signatures"]
    return made[0], joint.whole(halves, made)


def cet(oracle, case, joint, given):
    """Its adaptor signature, here and by the library."""
    point = parse(bytes.fromhex(given["point"]))
    nonce, s = session(case, joint, given, point)
    assert given["pre_sig"] == (xonly(nonce) + b32(s)).hex()
    assert given["parity"] == odd(nonce)
    assert given["adaptor_signature"] == (compressed(add(nonce, neg(point))) + b32(s)).hex()
    (said,) = points(oracle, case, given["when"])
    assert said["point"] == given["point"]
    coinlib = {"pre_sig": given["pre_sig"], "parity": given["parity"]}
    request = {
        "adaptor_signature": coinlib,
        "public_key": case["key"]["output_key"],
        "message": given["sighash"],
        "point": given["point"],
    }
    assert oracle.holds("oracle_adaptor_verify", request) == {
        "adaptor_signature": given["adaptor_signature"],
        **coinlib,
    }
    return nonce, s, coinlib


def points(oracle, case, when, attestation=None):
    one = {"announcement": case["announcement"], "attestation": attestation, **when}
    said = oracle.holds("oracle_points", {"oracles": [one]})
    assert said["reveal_locktime"] == case["cets"][0]["lock_time"]
    return said["points"]


def settled(oracle, case, given, made):
    """The attestation's secret completes the CET, here and by the library."""
    nonce, s, coinlib = made
    done = case["settled"]
    (said,) = points(oracle, case, given["when"], done["attestation"])
    assert said["secret"] == done["secret"]
    secret = number(bytes.fromhex(done["secret"]))
    assert compressed(mul(secret)).hex() == given["point"]
    signature = xonly(nonce) + b32((s - secret if odd(nonce) else s + secret) % N)
    assert signature.hex() == done["signature"]
    common = {"adaptor_signature": coinlib, "public_key": case["key"]["output_key"]}
    request = {**common, "message": given["sighash"], "secret": done["secret"]}
    assert oracle.holds("oracle_adaptor_adapt", request) == {"signature": done["signature"]}
    request = {"adaptor_signature": coinlib, "signature": done["signature"], "point": given["point"]}
    assert oracle.holds("oracle_adaptor_extract", request)["secret"] == done["secret"]
    published(done["transaction"], given["unsigned"], [case["funding"]["output"]], [done["signature"]])


def contract(oracle, case):
    for party in case["parties"]:
        assert party["public_key"] == compressed(mul(number(bytes.fromhex(party["secret_key"])))).hex()
        wallet, _ = taproot(mul(number(bytes.fromhex(party["wallet_secret_key"]))))
        assert party["payout_script"] == "5120" + xonly(wallet).hex()
    joint, key = Joint([bytes.fromhex(party["public_key"]) for party in case["parties"]]), case["key"]
    assert key["public_keys"] == [one.hex() for one in joint.keys]
    assert key["internal_key"] == xonly(joint.internal).hex()
    assert key["tweak"] == b32(joint.tweak).hex()
    assert key["output_key"] == xonly(joint.output).hex()
    assert key["script"] == "5120" + key["output_key"]

    funding, coins = case["funding"], [party["coin"] for party in case["parties"]]
    plain = Transaction(bytes.fromhex(funding["unsigned"]))
    assert [plain.sighash(i, coins).hex() for i in range(2)] == funding["sighashes"]
    published(funding["transaction"], funding["unsigned"], coins, funding["signatures"])
    output = {"txid": plain.txid(), "index": 0, "amount": plain.amounts()[0], "script": key["script"]}
    assert plain.outputs[0][1].hex() == key["script"] and funding["output"] == output

    made = [cet(oracle, case, joint, given) for given in case["cets"]]
    index = case["settled"]["cet"]
    settled(oracle, case, case["cets"][index], made[index])
    refund = case["refund"]
    nonce, s = session(case, joint, refund, None)
    assert refund["signature"] == (xonly(nonce) + b32(s)).hex()
    published(refund["transaction"], refund["unsigned"], [output], [refund["signature"]])
    maturity = oracle.holds("oracle_read_announcement", case["announcement"])["maturity"]
    request = {"maturities": [maturity], "attest_by": [case["attest_by"]], "margin_s": DAY}
    said = oracle.holds("oracle_locktimes", request)
    assert said["refund"] == refund["lock_time"]
    assert {said["cet"]} == {given["lock_time"] for given in case["cets"]}


def contracts(oracle, vectors):
    cases = vectors("contract")["cases"]
    assert [case["name"] for case in cases] == ["match", "number"]
    for case in cases:
        contract(oracle, case)
