#!/usr/bin/env python3
"""Verifies DKIM signatures with an implementation that is not ours (dkimpy), against records handed in.

Reads one JSON object on standard input: {"message": one character per octet, "records": {name: text}}, and prints one
JSON object: {"signatures": [{"domain", "selector", "algorithm", "valid", "why"}]}, in the order of the headers.
"""

import json
import re
import sys

import dkim


def tag(header, name):
    found = re.search(rb"(?:^|;)\s*" + name + rb"\s*=\s*([^;]*)", header, re.DOTALL)
    return re.sub(rb"\s+", b"", found.group(1)).decode("ascii") if found else None


def main():
    request = json.load(sys.stdin)
    message = request["message"].encode("latin-1")
    records = {name.rstrip(".").lower(): text.encode("ascii") for name, text in request["records"].items()}

    def look_up(name, timeout=5):
        name = name.decode("ascii") if isinstance(name, bytes) else name
        return records.get(name.rstrip(".").lower())

    verifier = dkim.DKIM(message)
    headers = [value for name, value in verifier.headers if name.lower() == b"dkim-signature"]
    signatures = []
    for index, header in enumerate(headers):
        try:
            valid, why = verifier.verify(idx=index, dnsfunc=look_up), None
        except Exception as error:  # a broken signature is an answer, not a crash
            valid, why = False, f"{type(error).__name__}: {error}"
        signatures.append({"domain": tag(header, b"d"), "selector": tag(header, b"s"), "algorithm": tag(header, b"a"),
                           "valid": bool(valid), "why": why})
    print(json.dumps({"signatures": signatures}))


if __name__ == "__main__":
    main()
