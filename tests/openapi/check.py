"""Checks that the document is OpenAPI 3.1 and that every example in it is valid by its schema."""

import json
import sys
import urllib.request

from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

ROOT = "urn:document"


def examples(node, path=""):
    """Every (path, schema, example) below a part of the document."""
    if isinstance(node, list):
        for i, item in enumerate(node):
            yield from examples(item, f"{path}/{i}")
    if not isinstance(node, dict):
        return
    # A media type or a parameter shows its schema's; a schema its own.
    schema = node["schema"] if isinstance(node.get("schema"), dict) else node
    shown = node.get("examples", [])
    if isinstance(shown, dict):
        shown = [example["value"] for example in shown.values()]
    if "example" in node:
        shown = [*shown, node["example"]]
    for example in shown:
        yield path, schema, example
    for name, member in node.items():
        if name not in ("example", "examples"):
            yield from examples(member, f"{path}/{name}")


def absolute(node):
    """References within the document, as seen from a schema taken out of it."""
    if isinstance(node, dict):
        return {k: ROOT + v if k == "$ref" else absolute(v) for k, v in node.items()}
    return [absolute(item) for item in node] if isinstance(node, list) else node


def main(url):
    with urllib.request.urlopen(url, timeout=20) as answer:
        document = json.load(answer)
    validate(document)
    whole = Resource.from_contents(absolute(document), default_specification=DRAFT202012)
    registry = Registry().with_resource(ROOT, whole)
    count = 0
    for path, schema, example in examples(document):
        validator = OAS31Validator(
            absolute(schema), registry=registry, format_checker=OAS31Validator.FORMAT_CHECKER
        )
        for error in validator.iter_errors(example):
            sys.exit(f"{path}: {error.message}")
        count += 1
    print(f"OpenAPI {document['openapi']}, {len(document['paths'])} paths, {count} examples: ok")


main(sys.argv[1])
