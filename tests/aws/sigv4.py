"""Signature Version 4 from first principles.

Not botocore's signer: a verifier that shares code with the client under test
agrees with its mistakes.  Everything here is pure; time and keys come in as
arguments.  Source of the rules: AWS IAM User Guide, "Create a signed AWS API
request".
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

ALGORITHM = "AWS4-HMAC-SHA256"
EMPTY_HASH = hashlib.sha256(b"").hexdigest()

# Proxies and HTTP libraries may rewrite these on the way, so a client that
# signs them works in the laboratory and fails in the field.
NEVER_SIGN = {
    "authorization", "connection", "expect", "keep-alive",
    "proxy-authenticate", "proxy-authorization", "proxy-connection", "te",
    "trailer", "transfer-encoding", "upgrade", "user-agent",
    "x-amzn-trace-id",
}


class Malformed(Exception):
    """The Authorization header cannot be read."""


@dataclass
class Authorization:
    key_id: str
    date: str
    region: str
    service: str
    signed: list
    signature: str

    @property
    def scope(self):
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def parse_authorization(value):
    if not value.startswith(ALGORITHM):
        raise Malformed("Unsupported AWS 'algorithm': "
                        f"'{value.split(' ')[0]}'")
    fields = {}
    for part in value[len(ALGORITHM):].strip().split(","):
        name, sep, content = part.strip().partition("=")
        if not sep or name in fields:
            raise Malformed(f"'{part.strip()}' not a valid key=value pair "
                            "(missing equal-sign) in Authorization header: "
                            f"'{value}'.")
        fields[name] = content
    for name in ("Credential", "SignedHeaders", "Signature"):
        if not fields.get(name):
            raise Malformed(f"Authorization header requires '{name}' "
                            "parameter. Authorization=" + ALGORITHM)
    credential = fields["Credential"].split("/")
    if len(credential) != 5 or credential[4] != "aws4_request":
        raise Malformed("Credential must have exactly 5 slash-delimited "
                        "elements, e.g. keyid/date/region/service/term, got "
                        f"'{fields['Credential']}'")
    if not re.fullmatch("[0-9a-f]{64}", fields["Signature"]):
        raise Malformed("Signature is not 64 hexadecimal digits")
    return Authorization(*credential[:4], fields["SignedHeaders"].split(";"),
                         fields["Signature"])


def canonical_path(raw):
    """The path as sent, normalised and then encoded once more.

    Normalising comes first and nothing is decoded: %2F is no separator and
    %2E%2E is no parent folder.
    """
    kept = []
    segments = raw.split("/")
    for segment in segments:
        if segment == "..":
            if kept:
                kept.pop()
        elif segment not in ("", "."):
            kept.append(segment)
    path = "/" + "/".join(kept)
    if raw.endswith("/") and kept:
        path += "/"
    return quote(path, safe="/-._~")


def canonical_query(raw):
    """Decoded, encoded strictly, sorted after encoding by name, then value."""
    pairs = []
    for item in raw.split("&"):
        if item:
            name, _, value = item.partition("=")
            # A plus sign is a plus sign here: only %20 is a space.
            pairs.append(tuple(quote(unquote_to_bytes(part), safe="-._~")
                               for part in (name, value)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def canonical_headers(headers, signed):
    """headers: (name, value) in order of arrival."""
    lines = []
    for name in signed:
        values = [re.sub(r"[ \t\r\n]+", " ", value).strip()
                  for other, value in headers if other.lower() == name]
        lines.append(f"{name}:{','.join(values)}\n")
    return "".join(lines)


def canonical_request(method, path, query, headers, signed, payload_hash):
    return "\n".join([method, canonical_path(path), canonical_query(query),
                      canonical_headers(headers, signed), ";".join(signed),
                      payload_hash])


def string_to_sign(amz_date, scope, canonical):
    return "\n".join([ALGORITHM, amz_date, scope,
                      hashlib.sha256(canonical.encode("latin-1", "replace"))
                      .hexdigest()])


def _hmac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signing_key(secret, date, region, service):
    key = ("AWS4" + secret).encode()
    for part in (date, region, service, "aws4_request"):
        key = _hmac(key, part)
    return key


def signature(secret, auth, amz_date, canonical):
    key = signing_key(secret, auth.date, auth.region, auth.service)
    return _hmac(key, string_to_sign(amz_date, auth.scope, canonical)).hex()


def same(a, b):
    return hmac.compare_digest(a, b)


def sign(secret, key_id, region, service, method, path, query, headers, body,
         amz_date, signed=None):
    """The Authorization value; the self-test sends raw requests with it."""
    signed = signed or sorted({n.lower() for n, _ in headers})
    auth = Authorization(key_id, amz_date[:8], region, service, signed, "")
    canonical = canonical_request(method, path, query, headers, signed,
                                  hashlib.sha256(body).hexdigest())
    return (f"{ALGORITHM} Credential={key_id}/{auth.scope}, "
            f"SignedHeaders={';'.join(signed)}, "
            f"Signature={signature(secret, auth, amz_date, canonical)}")


def smtp_password(secret, region):
    """SES SMTP password, version 4 (Amazon SES Developer Guide)."""
    key = signing_key(secret, "11111111", region, "ses")
    return base64.b64encode(b"\x04" + _hmac(key, "SendRawEmail")).decode()


def smtp_password_v2(secret):
    """The old one, of no region; only some regions still take it."""
    return base64.b64encode(b"\x02" + _hmac(secret.encode(),
                                            "SendRawEmail")).decode()
