"""HTTP/1.1: the AWS front end, the control API and the metadata service."""

import json
import socket
import ssl
import time
from http.client import responses
from urllib.parse import parse_qs

from api import Answer, Request
from faults import Fault
from listeners import reset
from world import iso, parse_when

MAX_HEAD, MAX_BODY = 64 * 1024, 16 * 1024 * 1024


class BadRequest(Exception):
    def __init__(self, status, why):
        super().__init__(why)
        self.status = status


def read_request(stream, peer, secure):
    """One request, or None at the end. The head is kept as it came: the
    signature covers the bytes, not somebody's idea of them."""
    line = stream.readline(MAX_HEAD)
    if not line:
        return None
    parts = line.decode("latin-1").rstrip("\r\n").split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise BadRequest(400, "request line")
    headers, size = [], 0
    while True:
        line = stream.readline(MAX_HEAD)
        size += len(line)
        if not line or size > MAX_HEAD:
            raise BadRequest(431 if line else 400, "header")
        if line in (b"\r\n", b"\n"):
            break
        text = line.decode("latin-1").rstrip("\r\n")
        if text[0] in " \t" and headers:
            headers[-1] = (headers[-1][0], headers[-1][1] + "\n" + text)
            continue
        name, colon, value = text.partition(":")
        if not colon or name != name.strip():
            raise BadRequest(400, "header line")
        headers.append((name, value))
    path, _, query = parts[1].partition("?")
    request = Request(parts[0], path, query, headers, b"", peer, secure)
    if request.get("transfer-encoding"):
        raise BadRequest(411, "chunked request body")
    length = request.get("content-length", "0").strip()
    if not length.isdigit() or int(length) > MAX_BODY:
        raise BadRequest(400, "Content-Length")
    request.by_name = {k: v.strip() for k, v in request.by_name.items()}
    return request, int(length)


def head_of(status, headers, length):
    lines = [f"HTTP/1.1 {status} {responses.get(status, 'Unknown')}"]
    lines += [f"{k}: {v}" for k, v in headers.items()]
    lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class HttpServer:
    """handler(request) -> Answer. tls: an SSLContext or None."""

    def __init__(self, world, handler, journal, tls=None):
        self.world, self.handler = world, handler
        self.journal, self.tls = journal, tls

    def serve(self, connection, peer):
        if self.tls:
            connection.settimeout(30)
            connection = self.tls.wrap_socket(connection, server_side=True)
        connection.settimeout(300)
        stream = connection.makefile("rb")
        try:
            while self._one(connection, stream, peer):
                pass
        except (ssl.SSLError, socket.timeout):
            pass
        finally:
            stream.close()
            connection.close()

    def _one(self, connection, stream, peer):
        """False when the connection is done with."""
        try:
            found = read_request(stream, peer, self.tls is not None)
            if found is None:
                return False
            request, length = found
            if request.get("expect", "").lower() == "100-continue":
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.body = stream.read(length)
            if len(request.body) < length:
                return False
        except BadRequest as e:
            self.journal.violation(f"HTTP: {e}", kind="http")
            connection.sendall(head_of(e.status, {"Connection": "close"}, 0))
            return False
        answer = self.handler(request)
        keep = request.get("connection", "").lower() != "close"
        return self._send(connection, answer) and keep

    def _send(self, connection, answer):
        fault = answer.fault
        do = fault.do if fault else None
        if do in ("reset_before", "reset_after"):
            reset(connection)
            return False
        if do in ("close_before", "close_after"):
            return False
        if do == "hang":
            self._hang(connection, fault.seconds)
            return False
        status, body = answer.status, answer.body
        if do == "garbage":
            status, body = 200, b"\x00\xff<!doctype html>\xfe" + b"{[<" * 50
        if do == "empty":
            status, body = 200, b""
        headers = {"Date": time.strftime("%a, %d %b %Y %H:%M:%S GMT",
                                         time.gmtime(self.world.now())),
                   "Server": "Server", **answer.headers}
        data = head_of(status, headers, len(body)) + body
        if do == "truncate":
            connection.sendall(data[:len(data) - max(1, len(body) // 2)])
            reset(connection)
            return False
        if do == "slow":
            half = len(data) // 2
            connection.sendall(data[:half])
            time.sleep(fault.seconds)
            data = data[half:]
        connection.sendall(data)
        return True

    @staticmethod
    def _hang(connection, seconds):
        """Silence, but no thread left behind when the client gives up."""
        connection.settimeout(seconds)
        try:
            connection.recv(1)
        except OSError:
            pass


class FrontEnd:
    """AWS on every path but /_emu/."""

    def __init__(self, api, world, journal, faults):
        self.api, self.world = api, world
        self.journal, self.faults = journal, faults

    def __call__(self, request):
        if not request.path.startswith("/_emu/"):
            return self.api.handle(request)
        try:
            status, content = self._control(request)
        except (KeyError, ValueError, TypeError) as e:
            status, content = 400, {"error": f"{type(e).__name__}: {e}"}
        body = json.dumps(content, default=str).encode() + b"\n"
        return Answer(status, {"Content-Type": "application/json"}, body)

    def _control(self, request):
        what = request.method + " " + request.path[len("/_emu/"):]
        query = {k: v[0] for k, v in parse_qs(request.query).items()}
        since = int(query.get("since", 0))
        if what == "GET calls":
            calls = self.journal.calls[since:]
            if query.get("mutating"):
                calls = [c for c in calls if c["mutating"]]
            return 200, calls
        if what == "GET violations":
            return 200, self.journal.violations[since:]
        if what == "GET world":
            with self.world.lock:
                return 200, self.world.dump()
        spec = json.loads(request.body or b"{}")
        if what == "POST set":
            with self.world.lock:
                self.world.apply(spec)
            return 200, {}
        if what == "POST fault":
            for one in spec if isinstance(spec, list) else [spec]:
                self.faults.add(one)
            return 200, {}
        if what == "POST clear_faults":
            self.faults.clear()
            return 200, {}
        if what == "POST reset_log":
            self.journal.reset()
            return 200, {}
        if what == "POST key":
            return 200, self._key(spec)
        return 404, {"error": f"no {what}"}

    def _key(self, spec):
        """{"user":..., and optionally "policies", "attached", "groups",
        "id", "secret", "status", "propagate"}: a user and its key at once."""
        with self.world.lock:
            name = spec["user"]
            if name not in self.world.users:
                self.world.add_user(name, spec)
            created = None if spec.get("propagate") else parse_when(
                spec.get("created", 0), self.world.now()) or self.world.now()
            known = self.world.keys.get(spec.get("id"))
            if known:
                self.world.set_key_status(known, spec["status"])
                return {"id": known.id, "status": known.status}
            key = self.world.add_key(name, spec.get("id"), spec.get("secret"),
                                     spec.get("status", "Active"), created)
            return {"id": key.id, "secret": key.secret, "status": key.status}


class Metadata:
    """IMDSv2, on its own port. Modes: on, v1only (no tokens, as an old
    proxy), forbidden, off (connections are reset), hang."""

    PREFIX = "/latest/meta-data/iam/security-credentials/"

    def __init__(self, world, journal):
        self.world, self.journal = world, journal
        self.tokens = {}
        self.session = None

    def __call__(self, request):
        """Logged: a client that was told to leave the service alone has to."""
        answer = self._answer(request)
        self.journal.call(
            kind="imds", service="imds", region=None, key_id=None,
            operation=f"{request.method} {request.path}", principal=None,
            mutating=False, status=answer.status,
            error=answer.status if answer.status >= 400 else None, params={})
        return answer

    def _answer(self, request):
        settings = self.world.settings["imds"]
        mode = settings["mode"]
        if mode in ("off", "hang"):
            return Answer(0, {}, b"", Fault(
                {"do": "reset_before" if mode == "off" else "hang"}))
        if mode == "forbidden":
            return self._text(403)
        if request.method == "PUT" and request.path == "/latest/api/token":
            return self._token(request, mode)
        if request.method != "GET":
            return self._text(405)
        if mode != "v1only":
            expires = self.tokens.get(request.get("x-aws-ec2-metadata-token"))
            if expires is None or expires < self.world.now():
                return self._text(401)
        return self._get(request.path, settings["role"])

    def _token(self, request, mode):
        if mode == "v1only":
            return self._text(405)
        # The real service refuses proxies, by this header.
        if request.get("x-forwarded-for"):
            return self._text(403)
        ttl = request.get("x-aws-ec2-metadata-token-ttl-seconds", "")
        if not ttl.isdigit() or not 1 <= int(ttl) <= 21600:
            return self._text(400)
        with self.world.lock:
            token = "AQAE" + self.world.random_id(52)
            self.tokens[token] = self.world.now() + int(ttl)
        return self._text(200, token, {
            "X-Aws-Ec2-Metadata-Token-Ttl-Seconds": ttl})

    def _get(self, path, role):
        if path == "/latest/meta-data/placement/region":
            return self._text(200, "us-east-1")
        if role is None or not path.startswith(self.PREFIX[:-1]):
            return self._text(404)
        if path in (self.PREFIX, self.PREFIX[:-1]):
            return self._text(200, role)
        if path != self.PREFIX + role:
            return self._text(404)
        with self.world.lock:
            now = self.world.now()
            if self.session is None or self.session.role != role \
                    or self.session.expires < now + 900:
                self.session = self.world.new_session(
                    21600, role=role, name="i-0a1b2c3d4e5f60001")
        return self._text(200, json.dumps({
            "Code": "Success", "LastUpdated": iso(now), "Type": "AWS-HMAC",
            "AccessKeyId": self.session.id,
            "SecretAccessKey": self.session.secret,
            "Token": self.session.token,
            "Expiration": iso(self.session.expires)}))

    @staticmethod
    def _text(status, body="", headers=None):
        return Answer(status, {"Content-Type": "text/plain",
                               **(headers or {})}, body.encode())
