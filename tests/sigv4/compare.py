#!/usr/bin/env python3
"""Our signatures against botocore's, or against a folder of vectors.

    compare.py TOOL              some hundred random requests, fixed seed
    compare.py TOOL --vectors D  the aws-c-auth suite and cross-checked.json

Prints "N passed, N failed"; exit 1 when any failed.
"""

import calendar
import json
import os
import random
import subprocess
import sys
import time
from hashlib import sha256
from urllib.parse import quote

COUNT = 400
ID, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


def field(name, *values):
    return " ".join([name] + [(v if isinstance(v, bytes) else
                               v.encode()).hex() for v in values]) + "\n"


def question(r):
    text = "".join(field(n, r[n]) for n in (
        "method", "path", "query", "body", "key", "secret", "token",
        "region", "service") if r.get(n))
    text += field("when", str(r["when"]))
    if r.get("any"):
        text += field("any", "1")
    for name, value in r["headers"]:
        text += field("header", name, value)
    return text + "\n"


def ask(tool, requests):
    """[(canonical, signature, signed headers)], or None for an error."""
    done = subprocess.run([tool], input="".join(map(question, requests)),
                          capture_output=True, text=True, check=True)
    answers = []
    for line in done.stdout.splitlines():
        parts = line.split("\t")
        if parts[0] == "error":
            answers.append((None, parts[1]))
            continue
        answers.append((bytes.fromhex(parts[1]).decode("utf-8", "replace"),
                        parts[2].rpartition("Signature=")[2]))
    assert len(answers) == len(requests), done.stdout + done.stderr
    return answers


def report(results):
    failed = 0
    for name, want, got in results:
        if want != got:
            failed += 1
            print(f"not ok {name}\n--- want\n{want}\n--- got\n{got}")
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed or not results else 0


# --- random requests -------------------------------------------------------

SEGMENTS = ["a", "email", "%40", "b%40example.com", "%2F", "%2e%2e", "..", ".",
            "", "*", "@", "~", "x y".replace(" ", "%20"), "arn%3Aaws%3A1",
            "%", "%2", "=", "k-2", "+", "(1)", "'", ":", "%E1%88%B4"]
KEYS = ["k", "k-2", "k.2", "K", "k_", "k~", "Action", "a b", "ü", "", "x/y",
        "p+q", "%", "=", "&"]
VALUES = ["", "1", "10", "2", "a b", "a+b", "x/y", "==", "%41", "é", "~",
          "a&b", "*"]
HEADERS = ["X-Amz-Target", "X-Amz-A", "X-Amz-A-B", "x-amz-meta-q",
           "X-AMZ-Content-Sha256", "X-Amz-Zz"]
TEXTS = ["v", " v", "v  ", "a   b", "\ta\tb\t", "a\n  folded", '"a   b"', "",
         "b,a", "z"]
TIMES = [0, 951782399, 951782400, 1440938160, 1767225599, 1767225600,
         1795286400, 4102444799]


def random_request(chance):
    path = "/" + "/".join(chance.choice(SEGMENTS)
                          for _ in range(chance.randrange(6)))
    pairs = [(chance.choice(KEYS), chance.choice(VALUES))
             for _ in range(chance.randrange(6))]
    pairs = [(k, v) for k, v in pairs if k or v]
    headers = [("Host", chance.choice(["iam.amazonaws.com", "127.0.0.1:8080",
                                       "[::1]:99", "a.localhost"]))]
    if chance.random() < .5:
        headers.append(("Content-Type", chance.choice(
            ["application/json", "a/b;  charset=utf-8"])))
    headers += [(chance.choice(HEADERS), chance.choice(TEXTS))
                for _ in range(chance.randrange(5))]
    chance.shuffle(headers)
    # AWS SDKs have one place for this header; twice is nobody's case
    seen = set()
    headers = [h for h in headers if h[0] != "X-AMZ-Content-Sha256" or
               not (h[0] in seen or seen.add(h[0]))]
    return {"method": chance.choice(["GET", "POST", "PUT", "DELETE"]),
            "path": path, "pairs": pairs, "headers": headers,
            "body": chance.choice(["", "{}", "Action=X&a=%20", "ü" * 9]),
            "key": ID, "secret": chance.choice([SECRET, "s", "a/b+c=" * 9]),
            "token": chance.choice(["", "", "FwoGZXIvYXdz/+=="]),
            "region": chance.choice(["us-east-1", "eu-central-1"]),
            "service": chance.choice(["iam", "ses", "monitoring"]),
            "when": chance.choice(TIMES) + chance.choice([0, 0, 86399])}


def loose(chance, text):
    """One of the ways to write it in a URL; all sign alike."""
    out = ""
    for byte in text.encode():
        c = chr(byte)
        if c.isalnum() and byte < 128 or c in "-._~":
            out += c if chance.random() < .9 else f"%{byte:02x}"
        elif c in "+/*" and chance.random() < .5:
            out += c
        else:
            out += ("%{:02x}" if chance.random() < .5 else "%{:02X}").format(
                byte)
    return out


def by_botocore(r):
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    # botocore does not encode a query again: it gets the strict form
    query = "&".join(f"{quote(k, safe='-._~')}={quote(v, safe='-._~')}"
                     for k, v in r["pairs"])
    request = AWSRequest(method=r["method"], data=r["body"].encode(),
                         url="https://h.example" + r["path"] +
                         ("?" + query if query else ""))
    for name, value in r["headers"]:
        request.headers.add_header(name, value)
    auth = SigV4Auth(Credentials(ID, r["secret"], r["token"] or None),
                     r["service"], r["region"])
    request.context["timestamp"] = time.strftime("%Y%m%dT%H%M%SZ",
                                                 time.gmtime(r["when"]))
    auth._modify_request_before_signing(request)
    canonical = auth.canonical_request(request)
    return canonical, auth.signature(auth.string_to_sign(request, canonical),
                                     request)


def compare(tool):
    chance = random.Random(20261121)
    requests = [random_request(chance) for _ in range(COUNT)]
    for r in requests:
        r["query"] = "&".join(
            loose(chance, k) + ("" if v == "" and chance.random() < .5 and k
                                else "=" + loose(chance, v))
            for k, v in r["pairs"])
        # an x-amz-content-sha256 that is given is what is signed: make it so
        r["headers"] = [(n, sha256(r["body"].encode()).hexdigest())
                        if n == "X-AMZ-Content-Sha256" else (n, v)
                        for n, v in r["headers"]]
    return report([(f"{i} {r['path']}?{r['query']}", by_botocore(r), got)
                   for i, (r, got) in enumerate(
                       zip(requests, ask(tool, requests)))])


# --- published vectors -----------------------------------------------------

def parse_request(text):
    head, _, body = text.partition("\n\n")
    lines = head.split("\n")
    method, _, rest = lines[0].partition(" ")
    target = rest.rpartition(" ")[0]
    headers = []
    for line in lines[1:]:
        if line[:1] in (" ", "\t"):
            headers[-1] = (headers[-1][0], headers[-1][1] + "\n" + line)
        elif line:
            name, _, value = line.partition(":")
            headers.append((name, value))
    path, _, query = target.partition("?")
    return {"method": method, "path": path, "query": query,
            "headers": headers, "body": body}


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


def suite_cases(folder):
    for name in sorted(os.listdir(folder)):
        case = os.path.join(folder, name)
        if not os.path.exists(os.path.join(case, "context.json")):
            continue
        about = json.loads(read(case, "context.json"))
        if not about["normalize"]:      # S3's rule
            continue
        r = parse_request(read(case, "request.txt"))
        who = about["credentials"]
        token = who.get("token", "")
        if about.get("omit_session_token"):
            token = ""
        r.update(key=who["access_key_id"], secret=who["secret_access_key"],
                 token=token, region=about["region"],
                 service=about["service"], any=True,
                 when=calendar.timegm(time.strptime(
                     about["timestamp"], "%Y-%m-%dT%H:%M:%SZ")))
        if about["sign_body"]:
            r["headers"].append(("x-amz-content-sha256", sha256(
                r["body"].encode()).hexdigest()))
        yield (name, r, (read(case, "header-canonical-request.txt"),
                         read(case, "header-signature.txt").strip()))


def cross_cases(path):
    for one in json.loads(read(path)):
        if not (one["normalize"] and one["double_encode"]):
            continue
        r = {k: one[k] for k in ("method", "path", "query", "body", "region",
                                 "service")}
        given = [h for h in one["headers"] if h[0].lower() not in
                 ("x-amz-date", "x-amz-security-token")]
        r.update(key=one["access_key_id"], secret=one["secret_access_key"],
                 token=one["token"] or "", headers=given, any=True,
                 when=calendar.timegm(time.strptime(one["timestamp"],
                                                    "%Y%m%dT%H%M%SZ")))
        yield one["name"], r, (one["canonical_request"], one["signature"])


def vectors(tool, folder):
    cases = list(suite_cases(os.path.join(folder, "aws-c-auth", "v4")))
    cases += cross_cases(os.path.join(folder, "extra", "cross-checked.json"))
    got = ask(tool, [r for _, r, _ in cases])
    return report([(name, want, g)
                   for (name, _, want), g in zip(cases, got)])


def main():
    if len(sys.argv) > 2 and sys.argv[2] == "--vectors":
        return vectors(sys.argv[1], sys.argv[3])
    return compare(sys.argv[1])


if __name__ == "__main__":
    sys.exit(main())
