#!/usr/bin/env python3
"""SES SMTP password of the secret key on stdin, for a region: AWS's rule,
written apart from quell's so that the drill does not trust quell's."""
import base64
import hashlib
import hmac
import sys

key = ("AWS4" + sys.stdin.readline().rstrip("\n")).encode()
for part in ("11111111", sys.argv[1], "ses", "aws4_request", "SendRawEmail"):
    key = hmac.new(key, part.encode(), hashlib.sha256).digest()
print(base64.b64encode(b"\x04" + key).decode())
