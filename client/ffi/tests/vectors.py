"""Runs the vectors through the C interface, by ctypes alone, and then what no caller should do.

    python3 vectors.py LIBRARY VECTORS CALLS

Writes every call and what it was answered to CALLS, for `replay.c`.
"""

import base64
import ctypes
import hashlib
import json
import pathlib
import random
import sys

from contract import contracts

OK, POINTER, TOO_LONG, REQUEST, REFUSED, INTERNAL = range(6)
FUNCTIONS = {
    "oracle_verify_bundle": 3,
    "oracle_verify_hour": 3,
    "oracle_verify_log_proof": 3,
    "oracle_read_announcement": 1,
    "oracle_read_attestation": 2,
    "oracle_verify_nonces": 2,
    "oracle_points": 1,
    "oracle_range": 1,
    "oracle_payout": 1,
    "oracle_locktimes": 1,
    "oracle_adaptor_sign": 1,
    "oracle_adaptor_verify": 1,
    "oracle_adaptor_adapt": 1,
    "oracle_adaptor_extract": 1,
}


class Answer(ctypes.Structure):
    _fields_ = [
        ("code", ctypes.c_int32),
        ("data", ctypes.POINTER(ctypes.c_uint8)),
        ("len", ctypes.c_size_t),
    ]


class Oracle:
    def __init__(self, library, calls):
        self.library = ctypes.CDLL(library)
        self.calls = calls
        self.count = 0
        self.library.oracle_abi.restype = ctypes.c_uint32
        self.library.oracle_version.restype = ctypes.c_char_p
        self.library.oracle_free.argtypes = [ctypes.POINTER(Answer)]
        self.library.oracle_free.restype = None
        for name, arguments in FUNCTIONS.items():
            function = getattr(self.library, name)
            function.argtypes = [ctypes.c_void_p, ctypes.c_size_t] * arguments
            function.restype = ctypes.POINTER(Answer)

    def raw(self, name, *pointers_and_lengths):
        answer = getattr(self.library, name)(*pointers_and_lengths)
        assert answer, "an answer is never null"
        code, length = answer.contents.code, answer.contents.len
        data = ctypes.string_at(answer.contents.data, length)
        assert ctypes.string_at(answer.contents.data, length + 1)[-1] == 0
        self.library.oracle_free(answer)
        said = json.loads(data)
        assert (code == OK) == ("error" not in said), (name, code, said)
        assert code != INTERNAL, (name, said)
        return code, said, data

    def call(self, name, *arguments):
        """Code and answer; arguments are bytes, text or an object to be JSON."""
        assert len(arguments) == FUNCTIONS[name], name
        flat = []
        given = []
        for argument in arguments:
            if isinstance(argument, (dict, list)):
                argument = json.dumps(argument)
            if isinstance(argument, str):
                argument = argument.encode()
            given.append(argument)
            flat += [argument if argument else None, len(argument)]
        code, said, data = self.raw(name, *flat)
        hexed = [argument.hex() or "-" for argument in given]
        print(name, code, data.hex(), *hexed, file=self.calls)
        self.count += 1
        return code, said

    def holds(self, name, *arguments):
        code, said = self.call(name, *arguments)
        assert code == OK, (name, said, arguments)
        return said

    def refuses(self, error, name, *arguments):
        code, said = self.call(name, *arguments)
        assert (code, said.get("error")) == (REFUSED, error), (name, error, code, said)


def unhex(text):
    return bytes.fromhex(text)


def bundles(oracle, vectors):
    content = vectors("bundles")
    for case in content["cases"] + vectors("forged")["cases"]:
        identity = case.get("identity") or vectors("forged")["identity"]
        options = {"known": case["known"]} if "known" in case else b""
        # Some cases are about a document that is no JSON object.
        bundle = case["bundle"]
        arguments = ("oracle_verify_bundle", bundle, identity, options)
        if case["error"] is None:
            said = oracle.holds(*arguments)
            end = said["end"] or {}
            outcome = end.get("attestation", {}).get("outcome")
            assert outcome == case["outcome"], case["name"]
            assert (end.get("kind") == "refunded") == case.get("refunded", False), case["name"]
            if "nonces_proven" in case:
                assert (said["nonce_proof"] is not None) == case["nonces_proven"]
            assert said["attest_by"] > said["announcement"]["maturity"]
        else:
            oracle.refuses(case["error"], *arguments)


def hours(oracle, vectors):
    kinds = ["other", "announcement", "attestation", None, "other", "other", "nonce_proof"]
    for case in vectors("hours")["cases"]:
        document = json.dumps(case["document"])
        arguments = ("oracle_verify_hour", document, case["hour"], case["identity"])
        if case["error"] not in (None, "gap"):
            oracle.refuses(case["error"], *arguments)
            continue
        said = oracle.holds(*arguments)
        before = case.get("before")
        if before:
            given = {"size": before["size"], "root": root(before["left"])}
            assert (said["before"] == given) == (case["error"] is None), case["name"]
        if case["error"]:
            continue
        after = case["after"]
        end = said["checkpoint"]
        assert (end["size"], end["root"]) == (after["size"], root(after["left"])), case["name"]
        assert said["complete"] == case["complete"] == (said["next"] is not None)
        assert said["unknown"] == case.get("unknown", []), case["name"]
        entries = said["entries"]
        positions = [entry["position"] for entry in entries] + said["unknown"]
        assert sorted(positions) == list(range(said["first"], end["size"])), case["name"]
        assert len(entries) == len(case["types"])
        for entry, number in zip(entries, case["types"]):
            assert entry["kind"] == (kinds[number] or "refund"), case["name"]
            if entry["kind"] == "announcement":
                read = oracle.holds("oracle_read_announcement", entry["tlv"])
                assert read["event_id"] == entry["event_id"]


def root(left):
    """Of a tree whose largest complete subtrees, from left to right, have these hashes."""
    hashes = [base64.b64decode(one) for one in left]
    if not hashes:
        return hashlib.sha256().hexdigest()
    whole = hashes.pop()
    while hashes:
        whole = hashlib.sha256(b"\1" + hashes.pop() + whole).digest()
    return whole.hex()


def messages(oracle, vectors):
    for case in vectors("announcements")["cases"]:
        for form in (unhex(case["tlv"]), case["tlv"], case["json"]):
            said = oracle.holds("oracle_read_announcement", form)
            assert said["tlv"] == case["tlv"], case["name"]
    for case in vectors("attestations")["cases"]:
        for form in ("tlv", "tlv_counted", "tlv_without_event_id", "json"):
            if form not in case:
                continue
            said = oracle.holds("oracle_read_attestation", case[form], case["announcement"])
            assert said["outcome"] == str(case["outcome"]), case["name"]
            assert said["messages"] == case["messages"], case["name"]
    match = vectors("attestations")["cases"][0]["announcement"]
    for case in vectors("invalid")["cases"]:
        given = case["input"]
        if isinstance(given, str) and "json" not in case["form"]:
            given = unhex(given)
        if case["form"].startswith("announcement"):
            oracle.refuses(case["error"], "oracle_read_announcement", given)
        else:
            against = case.get("announcement", match)
            oracle.refuses(case["error"], "oracle_read_attestation", given, against)
    for case in vectors("nonce_proof")["cases"]:
        arguments = ("oracle_verify_nonces", unhex(case["proof"]), case["announcement"])
        if case.get("error"):
            # Of a changed announcement it is the signature that is refused first.
            code, said = oracle.call(*arguments)
            assert code == REFUSED, case["name"]
            assert said["error"] in (case["error"], "announcement-signature"), case["name"]
        else:
            oracle.holds(*arguments)


def proofs(oracle, vectors):
    for case in vectors("tlog")["cases"]:
        if case["kind"] != "tlog-proof":
            continue
        arguments = ("oracle_verify_log_proof", case["text"], b"", case["key"])
        if case["valid"]:
            said = oracle.holds(*arguments)
            entry = unhex(said["entry"])
            again = ("oracle_verify_log_proof", case["text"], entry, case["key"])
            assert oracle.holds(*again) == said
            again = ("oracle_verify_log_proof", case["text"], entry + b"x", case["key"])
            oracle.refuses("log-proof", *again)
        else:
            oracle.refuses("log-proof", *arguments)


def same_point(said, case):
    (point,) = said["points"]
    for key, name in [
        ("point", "compressed"),
        ("xonly", "xonly"),
        ("odd_y", "odd_y"),
        ("secret", "secret"),
        ("adaptor_scalar", "secret_normalised"),
    ]:
        assert point[key] == case[name], (case, key, point)


def points(oracle, vectors):
    for case in vectors("points")["cases"]:
        # Each of these is a prefix of one event; several events are summed by `joint.json`.
        attestations = case.get("attestations", [None] * len(case["announcements"]))
        request = {
            "oracles": [
                {
                    "announcement": announcement,
                    "attestation": attestation,
                    "trust_nonces": True,
                    "prefix": case["prefix"],
                }
                for announcement, attestation in zip(case["announcements"], attestations)
            ]
        }
        if "error" in case:
            oracle.refuses("points", "oracle_points", request)
        else:
            same_point(oracle.holds("oracle_points", request), case)
    for case in vectors("joint")["cases"]:
        parts = [
            {k: part[k] for k in ("announcement", "attestation", "nonce_proof", "prefix")}
            for part in case["oracles"]
        ]
        same_point(oracle.holds("oracle_points", {"oracles": parts}), case)
        for part in parts:
            del part["nonce_proof"]
        oracle.refuses("points", "oracle_points", {"oracles": parts})
    for case in vectors("coinlib")["cases"]:
        coinlib(oracle, case)


def coinlib(oracle, case):
    if case["name"] == "locktimes":
        # Refunds of the vectors, told as what they come from: a second after `attest_by`.
        request = {
            "maturities": [case["reveal"]],
            "attest_by": [case["refund"] - 1],
            "margin_s": 1,
            "cet": case["cet"],
        }
        if case["error"] is None:
            assert oracle.holds("oracle_locktimes", request)["refund"] == case["refund"]
        else:
            oracle.refuses("locktime", "oracle_locktimes", request)
        return
    for outcome in case["outcomes"]:
        parts = [
            {
                "announcement": part["announcement"],
                "attestation": part["attestation"],
                "nonce_proof": part["nonce_proof"],
                "prefix": prefix,
            }
            for part, prefix in zip(case["oracles"], outcome["prefixes"])
        ]
        said = oracle.holds("oracle_points", {"oracles": parts})
        (point,) = said["points"]
        assert point["xonly"] == outcome["xonly"], case["name"]
        assert point["adaptor_scalar"] == outcome["adaptor_scalar"], case["name"]
        assert said["reveal_locktime"] == case["reveal_locktime"]
    request = {
        "maturities": [case["reveal_locktime"]],
        "attest_by": [case["attest_by"]],
        "margin_s": case["margin"],
    }
    said = oracle.holds("oracle_locktimes", request)
    assert said["refund"] == case["refund_locktime"]


def numbers(oracle, vectors):
    for case in vectors("ranges")["cases"]:
        digits = {"base": case["base"], "nb_digits": case["nb_digits"]}
        wanted = [str(case["start"]), str(case["end"])]
        said = oracle.holds("oracle_range", {"digits": digits, "range": wanted})
        texts = [[str(digit) for digit in prefix] for prefix in case["prefixes"]]
        assert said["prefixes"] == texts, case
    # The contract of `payout.rs`: 101 ranges, flat at both ends.
    digits = {"base": 2, "nb_digits": 20}
    corners = [{"number": "200000", "payout": 0}, {"number": "300000", "payout": 10_000_000}]
    curve = {"corners": corners, "step": 100_000}
    groups = oracle.holds("oracle_payout", {"digits": digits, "curve": curve})["groups"]
    assert len(groups) == 101 and groups[0]["range"] == ["0", "200499"]
    pieces = [{"range": group["range"], "payout": group["payout"]} for group in groups]
    said = oracle.holds("oracle_payout", {"digits": digits, "pieces": pieces})
    assert said["groups"] == groups
    oracle.refuses("payout", "oracle_payout", {"digits": digits, "pieces": pieces[1:]})


def adaptors(oracle, vectors):
    for case in vectors("adaptor")["cases"]:
        step = case.get("step")
        ours = case["adaptor_signature"]
        common = {"public_key": case["public_key"], "message": case["message"]}

        def verify(signed):
            return {**common, "adaptor_signature": signed, "point": case["point"]}

        def adapt(signed):
            return {**common, "adaptor_signature": signed, "secret": case["secret"]}

        def extract(signed):
            known = {"signature": case["signature"], "point": case["point"]}
            return {"adaptor_signature": signed, **known}

        if step is None:
            theirs = {"pre_sig": case["pre_sig"], "parity": case["parity"]}
            for form in (ours, theirs):
                said = oracle.holds("oracle_adaptor_verify", verify(form))
                assert said == {"adaptor_signature": ours, **theirs}, case["name"]
                said = oracle.holds("oracle_adaptor_adapt", adapt(form))
                assert said["signature"] == case["signature"], case["name"]
                said = oracle.holds("oracle_adaptor_extract", extract(form))
                assert said["secret"] == case["secret"], case["name"]
        elif step in ("decode", "verify"):
            oracle.refuses(case["error"], "oracle_adaptor_verify", verify(ours))
        elif step == "adapt":
            oracle.refuses(case["error"], "oracle_adaptor_adapt", adapt(ours))
        elif step == "extract":
            oracle.refuses(case["error"], "oracle_adaptor_extract", extract(ours))
        else:
            raise AssertionError(step)
    case = vectors("adaptor")["cases"][0]
    request = {"secret_key": "01" * 32, "message": "02" * 32, "point": case["point"], "aux": "03" * 32}
    said = oracle.holds("oracle_adaptor_sign", request)
    key = "1b84c5567b126440995d3ed5aaba0565d71e1834604819ff9c17f5e9d5dd078f"  # of 0101…01
    request = {
        "adaptor_signature": said["adaptor_signature"],
        "public_key": key,
        "message": "02" * 32,
        "point": case["point"],
    }
    oracle.holds("oracle_adaptor_verify", request)


def misuse(oracle, samples):
    """What no caller should do has a code, too, and 10,000 times garbage has one."""
    for name, arguments in FUNCTIONS.items():
        code, _, _ = oracle.raw(name, *[None, 0] * arguments)
        assert code in (REQUEST, REFUSED), (name, code)
        code, _, _ = oracle.raw(name, *[None, 7] * arguments)
        assert code == POINTER, (name, code)
        for length in (2**26 + 1, 2**63, 2**64 - 1):
            code, _, _ = oracle.raw(name, *[b"x", length] * arguments)
            assert code == TOO_LONG, (name, code)
    oracle.library.oracle_free(None)
    chance = random.Random(14)
    names = list(FUNCTIONS)
    for _ in range(10_000):
        name = chance.choice(names)
        arguments = []
        for known in chance.choice(samples[name]):
            given = bytearray(known)
            kind = chance.randrange(4)
            if kind == 0:
                given = bytearray(chance.randbytes(chance.randrange(200)))
            elif kind == 1:
                del given[chance.randrange(len(given) + 1) :]
            elif kind == 2 and given:
                for _ in range(chance.randrange(1, 4)):
                    given[chance.randrange(len(given))] = chance.randrange(256)
            arguments += [bytes(given), len(given)]
        code, _, _ = oracle.raw(name, *arguments)
        assert code in (OK, REQUEST, REFUSED), (name, code)


def main(library, vectors, calls):
    directory = pathlib.Path(vectors)

    def read(name):
        return json.loads((directory / f"{name}.json").read_text())

    with open(calls, "w") as file:
        oracle = Oracle(library, file)
        assert oracle.library.oracle_abi() == 1
        assert oracle.library.oracle_version()
        for part in (bundles, hours, messages, proofs, points, numbers, adaptors, contracts):
            part(oracle, read)
    samples = {name: [[b"{}"] * arguments] for name, arguments in FUNCTIONS.items()}
    for line in pathlib.Path(calls).read_text().splitlines():
        name, _, _, *arguments = line.split(" ")
        samples[name].append([b"" if a == "-" else bytes.fromhex(a) for a in arguments])
    misuse(oracle, samples)
    print(f"{oracle.count} calls, and 10000 of garbage")


if __name__ == "__main__":
    main(*sys.argv[1:])
