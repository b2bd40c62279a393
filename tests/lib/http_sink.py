#!/usr/bin/env python3
"""HTTP server that records requests and answers as told (chat webhooks).

DIR/port        where it listens
DIR/log.jsonl   one line per request: n, time, method, path, headers, body
                (text; body_base64 when it is not UTF-8), status

--script FILE, read again whenever it changes: {"PATH REGEX": REPLY, ...}, the
first match counts; without one 200 "ok". REPLY is a status, "drop" (close
without an answer), an object {"status":429,"headers":{"Retry-After":"1"},
"body":"slow down","delay":0.5}, or a list of these, used up one by one.
--status N is the answer when the script has none.
"""
import base64
import http.server
import os
import re
import ssl
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import peers  # noqa: E402


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        if self.server.context:
            self.request = self.server.context.wrap_socket(
                self.request, server_side=True)
        super().setup()

    def log_message(self, *_):
        pass

    def body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            data = b""
            while True:
                size = int(self.rfile.readline().split(b";")[0], 16)
                data += self.rfile.read(size)
                self.rfile.readline()
                if not size:
                    return data
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def any(self):
        data = self.body()
        reply = self.server.scripted(self.path)
        if not isinstance(reply, dict):
            reply = {"status": reply}
        record = {"n": self.server.number(), "time": time.time(),
                  "method": self.command, "path": self.path,
                  "headers": dict(self.headers.items()),
                  "status": reply["status"]}
        try:
            record["body"] = data.decode()
        except UnicodeDecodeError:
            record["body_base64"] = base64.b64encode(data).decode()
        self.server.log.write(record)
        time.sleep(reply.get("delay", 0))
        if reply["status"] == "drop":
            self.close_connection = True
            return
        body = reply.get("body", "ok").encode()
        self.send_response(reply["status"])
        for name, value in reply.get("headers", {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = any


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def number(self):
        with self.lock:
            self.count += 1
            return self.count

    def scripted(self, path):
        for pattern, value in self.script.read().items():
            if not re.search(pattern, path):
                continue
            if isinstance(value, list):
                with self.lock:
                    key = (self.script.stamp, pattern)
                    used = self.used.get(key, 0)
                    self.used[key] = used + 1
                if used >= len(value):
                    break
                value = value[used]
            return value
        return self.status

    def handle_error(self, request, client_address):
        pass


def main():
    parser = peers.options(__doc__)
    parser.add_argument("--script")
    parser.add_argument("--status", type=int, default=200)
    parser.add_argument("--cert", help="serve HTTPS")
    parser.add_argument("--key")
    opt = parser.parse_args()
    os.makedirs(opt.dir, exist_ok=True)
    server = Server((opt.host, opt.port), Handler)
    server.context = None
    if opt.cert:
        server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.context.load_cert_chain(opt.cert, opt.key)
    server.lock = threading.Lock()
    server.script = peers.Script(opt.script)
    server.status = opt.status
    server.log = peers.Log(opt)
    server.used, server.count = {}, 0
    peers.settle(opt)
    peers.announce(opt, server.server_address[1])
    server.serve_forever()


if __name__ == "__main__":
    main()
