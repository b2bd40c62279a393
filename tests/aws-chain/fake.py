"""The services that hand out credentials, on 127.0.0.1: STS, the SSO portal,
the instance's and the container's metadata.

What they give depends on the request alone, so that two clients that ask for
the same thing get the same keys, and two that do not get different ones.
Signatures are checked as the emulator checks them.
"""

import hashlib
import http.server
import json
import os
import sys
import threading
import time
from urllib.parse import parse_qsl, urlsplit

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "aws"))

import sigv4                                            # noqa: E402

ROLES = "/latest/meta-data/iam/security-credentials/"


def made_from(*facts):
    """(key id, secret, token) out of what was asked for."""
    digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
    return ("ASIA" + digest[:16].upper(), "s/" + digest[16:54],
            "IQoJ/" + digest + "+==")


def when(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ",
                         time.gmtime(time.time() + seconds))


class Fake:
    """settings: what the services do; reset by each case."""

    def __init__(self, keys):
        self.static = dict(keys)
        self.reset()
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self):
                body = self.rfile.read(
                    int(self.headers.get("Content-Length", 0)))
                status, text = fake.serve(self.command, self.path,
                                          self.headers, body)
                data = text.encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = answer

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                                      Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever,
                         daemon=True).start()

    def reset(self):
        self.sessions = {}
        self.log = []
        self.role = "mail-host"
        self.life = 3600
        self.container_token = None
        self.sso_status = 200
        self.sts_fail = []              # (status, code) for the next calls
        self.imds = "on"

    def serve(self, method, path, headers, body):
        route = urlsplit(path)
        self.log.append(f"{method} {path}")
        if method == "POST" and route.path == "/":
            return self.sts(method, route, headers, body)
        if route.path == "/federation/credentials":
            return self.sso(dict(parse_qsl(route.query)), headers)
        if route.path.startswith("/container"):
            return self.container(path, headers)
        if route.path.startswith("/latest/"):
            return self.metadata(method, route.path, headers)
        return 404, ""

    # --- STS ---------------------------------------------------------------

    def error(self, status, code, text="no"):
        return status, ("<ErrorResponse><Error><Type>Sender</Type><Code>"
                        f"{code}</Code><Message>{text}</Message></Error>"
                        "</ErrorResponse>")

    def signer(self, method, route, headers, body):
        """Who signed it, or None."""
        auth = sigv4.parse_authorization(headers["Authorization"])
        secret, token = self.static.get(auth.key_id, (None, None))
        if secret is None:
            secret, token = self.sessions.get(auth.key_id, (None, None))
        if secret is None or (headers.get("X-Amz-Security-Token") or
                              None) != (token or None):
            return None
        canonical = sigv4.canonical_request(
            method, route.path, route.query, list(headers.items()),
            auth.signed, hashlib.sha256(body).hexdigest())
        if not sigv4.same(auth.signature, sigv4.signature(
                secret, auth, headers["X-Amz-Date"], canonical)):
            return None
        return auth.key_id, auth.region

    def sts(self, method, route, headers, body):
        if self.sts_fail:
            return self.error(*self.sts_fail.pop(0))
        form = dict(parse_qsl(body.decode()))
        action = form.pop("Action")
        if form.get("RoleSessionName", "").startswith(("botocore-session-",
                                                       "quell-")):
            form["RoleSessionName"] = "made up"
        if action == "AssumeRole":
            who = self.signer(method, route, headers, body)
            if who is None:
                return self.error(403, "SignatureDoesNotMatch")
        elif headers.get("Authorization"):
            return self.error(400, "signed")
        else:
            who = None
        if "denied" in form["RoleArn"]:
            return self.error(403, "AccessDenied", "not authorized")
        if "SerialNumber" in form and form.get("TokenCode") != "123456":
            return self.error(403, "AccessDenied", "MultiFactor")
        made = made_from(action, who, sorted(form.items()))
        self.sessions[made[0]] = made[1:]
        return 200, (
            f'<{action}Response xmlns="https://sts.amazonaws.com/doc/'
            f'2011-06-15/"><{action}Result><AssumedRoleUser><Arn>'
            "arn:aws:sts::111122223333:assumed-role/x/y</Arn>"
            "<AssumedRoleId>AROA:y</AssumedRoleId></AssumedRoleUser>"
            f"<Credentials><AccessKeyId>{made[0]}</AccessKeyId>"
            f"<SecretAccessKey>{made[1]}</SecretAccessKey>"
            f"<SessionToken>{made[2]}</SessionToken>"
            f"<Expiration>{when(self.life)}</Expiration></Credentials>"
            f"</{action}Result><ResponseMetadata><RequestId>r</RequestId>"
            f"</ResponseMetadata></{action}Response>")

    # --- SSO, container, instance ------------------------------------------

    def sso(self, query, headers):
        if self.sso_status != 200:
            return self.sso_status, '{"message":"no"}'
        made = made_from("sso", sorted(query.items()),
                         headers.get("x-amz-sso_bearer_token"))
        self.sessions[made[0]] = made[1:]
        return 200, json.dumps({"roleCredentials": {
            "accessKeyId": made[0], "secretAccessKey": made[1],
            "sessionToken": made[2],
            "expiration": int((time.time() + self.life) * 1000)}})

    def json(self, made):
        self.sessions[made[0]] = made[1:]
        return 200, json.dumps({
            "Code": "Success", "Type": "AWS-HMAC", "LastUpdated": when(0),
            "AccessKeyId": made[0], "SecretAccessKey": made[1],
            "Token": made[2], "Expiration": when(self.life)})

    def container(self, path, headers):
        if path.startswith("/container/fails"):
            return 403, "no"
        if headers.get("Authorization") != self.container_token:
            return 401, "no"
        return self.json(made_from("container", path,
                                   headers.get("Authorization")))

    def metadata(self, method, path, headers):
        if self.imds == "v1only" and method == "PUT":
            return 405, ""
        if path == "/latest/api/token":
            return (200, "imds-token") if method == "PUT" else (405, "")
        if self.imds != "v1only" and headers.get(
                "x-aws-ec2-metadata-token") != "imds-token":
            return 401, ""
        if self.role is None:
            return 404, ""
        if path in (ROLES, ROLES[:-1]):
            return 200, self.role
        if path == ROLES + self.role:
            return self.json(made_from("instance", self.role))
        return 404, ""
