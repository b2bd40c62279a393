#!/usr/bin/env python3
"""SMTP server that accepts, records and, when told so, misbehaves.

DIR/port            where it listens
DIR/log.jsonl       one line per accepted mail: n, time, from, to, helo, auth,
                    tls, sni, size, file
DIR/N.eml           the mail's bytes, dots unstuffed
DIR/sessions.jsonl  with --sessions: one line per command: verb, line, reply

--cert/--key offer STARTTLS (--implicit: TLS from the start). --auth USER:PASS
(repeatable) offers AUTH PLAIN LOGIN and answers 535 to anything else;
--require-auth answers 530 to MAIL without it; --require-tls as SES does.

--script FILE is read again whenever it changes. Keys are the points of a
session: connect ehlo starttls auth mail rcpt data data_end. A value is
  "450 4.2.1 later"           the reply
  "drop"                      close without a reply (data_end: after the dot)
  "accept+drop"               data_end only: record the mail, close unanswered
  ["450 a", null, "drop"]     used up one by one, then as usual
  {"REGEX": VALUE, ...}       by the argument of MAIL, RCPT or AUTH (its user)
--reply POINT=VALUE says the same on the command line.
"""
import base64
import json
import os
import re
import socket
import socketserver
import ssl
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import peers  # noqa: E402


class Closed(Exception):
    pass


class Session(socketserver.BaseRequestHandler):
    def setup(self):
        self.sink = self.server.sink
        self.sock = self.request
        # Answers to pipelined commands must not wait for delayed ACKs.
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.tls = self.sni = self.user = None
        if self.sink.opt.implicit:
            self.start_tls()
        else:
            self.file = self.sock.makefile("rb")
        self.reset()

    def start_tls(self):
        context = self.sink.tls_context()
        self.sock = context.wrap_socket(self.sock, server_side=True)
        self.tls = self.sock.version()
        self.sni = getattr(self.sock, "quell_sni", None)
        self.file = self.sock.makefile("rb")

    def reset(self):
        self.sender, self.to = None, []

    def say(self, reply):
        self.sock.sendall(reply.encode() + b"\r\n")

    def answer(self, point, usual, argument=""):
        """Send the scripted reply or the usual one; true when it is good."""
        reply = self.sink.scripted(point, argument) or usual
        self.sink.session(point, argument, reply)
        if reply == "drop":
            raise Closed
        self.say(reply)
        return reply[0] in "23"

    def line(self):
        data = self.file.readline(65536)
        if not data.endswith(b"\n"):
            raise Closed
        return data.rstrip(b"\r\n").decode("utf-8", "surrogateescape")

    def handle(self):
        try:
            if not self.answer("connect", "220 sink.quell.test ESMTP"):
                return
            while True:
                line = self.line()
                verb, _, rest = line.partition(" ")
                method = getattr(self, "do_" + verb.lower(), None)
                if not method:
                    self.say("500 5.5.1 unknown command")
                elif method(rest.strip()) is False:
                    return
        except (Closed, OSError, ValueError):
            pass

    def do_ehlo(self, rest):
        self.helo = rest
        opt = self.sink.opt
        lines = ["sink.quell.test", "PIPELINING", "8BITMIME", "SIZE 41943040"]
        if opt.cert and not self.tls:
            lines.append("STARTTLS")
        if opt.auth and (self.tls or not opt.require_tls):
            lines.append(" ".join(["AUTH PLAIN LOGIN"] + opt.mechanism))
        self.answer("ehlo", "".join("250-%s\r\n" % x for x in lines[:-1])
                    + "250 " + lines[-1], rest)

    def do_helo(self, rest):
        self.helo = rest
        self.answer("ehlo", "250 sink.quell.test", rest)

    def do_starttls(self, rest):
        if not self.sink.opt.cert or self.tls:
            self.say("502 5.5.1 not offered")
        elif self.answer("starttls", "220 go ahead"):
            self.start_tls()
            self.reset()

    def do_auth(self, rest):
        opt = self.sink.opt
        if not opt.auth:
            return self.say("502 5.5.1 not offered")
        if opt.require_tls and not self.tls:
            return self.say("530 5.7.0 Must issue a STARTTLS command first")

        def ask(prompt, given=None):
            if given is None:
                self.say("334 " + base64.b64encode(prompt).decode())
                given = self.line()
            return base64.b64decode(given)
        mechanism, _, initial = rest.partition(" ")
        mechanism = mechanism.partition("-")[0]
        try:
            if mechanism.upper() == "PLAIN":
                user, password = ask(b"", initial or None).split(b"\0")[-2:]
            elif mechanism.upper() == "LOGIN":
                user = ask(b"Username:", initial or None)
                password = ask(b"Password:")
            else:
                return self.say("504 5.5.4 unknown mechanism")
        except ValueError:
            return self.say("501 5.5.2 cannot decode")
        pair = (user + b":" + password).decode("utf-8", "surrogateescape")
        good = pair in self.sink.accounts()
        name = user.decode("utf-8", "surrogateescape")
        if self.answer("auth", "235 Authentication successful." if good else
                       "535 Authentication Credentials Invalid", name):
            self.user = name

    def do_mail(self, rest):
        opt = self.sink.opt
        if opt.require_tls and not self.tls:
            return self.say("530 5.7.0 Must issue a STARTTLS command first")
        if opt.require_auth and not self.user:
            return self.say("530 Authentication required")
        address = re.match(r"(?i)from:\s*<([^>]*)>", rest)
        if not address:
            return self.say("501 5.5.2 syntax")
        self.reset()
        if self.answer("mail", "250 2.1.0 ok", address.group(1)):
            self.sender = address.group(1)

    def do_rcpt(self, rest):
        address = re.match(r"(?i)to:\s*<([^>]*)>", rest)
        if self.sender is None or not address:
            return self.say("503 5.5.1 MAIL first")
        if self.answer("rcpt", "250 2.1.5 ok", address.group(1)):
            self.to.append(address.group(1))

    def do_data(self, rest):
        if not self.to:
            return self.say("554 5.5.1 no valid recipients")
        if not self.answer("data", "354 go on"):
            return
        lines = []
        while True:
            line = self.file.readline()
            if not line:
                raise Closed
            if line in (b".\r\n", b".\n"):
                break
            lines.append(line[1:] if line.startswith(b".") else line)
        reply = self.sink.scripted("data_end", self.sender)
        if reply in (None, "accept+drop") or reply[0] == "2":
            number = self.sink.record(self, b"".join(lines))
            reply = reply or "250 2.0.0 Ok sink-%d" % number
        self.sink.session("data_end", self.sender, reply)
        self.reset()
        if reply.endswith("drop"):
            raise Closed
        self.say(reply)

    def do_rset(self, rest):
        self.reset()
        self.say("250 2.0.0 ok")

    def do_noop(self, rest):
        self.say("250 2.0.0 ok")

    def do_quit(self, rest):
        self.say("221 2.0.0 bye")
        return False


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass    # a client that breaks off its handshake, say


class Sink:
    def __init__(self, opt):
        self.opt = opt
        self.lock = threading.Lock()
        self.script = peers.Script(opt.script)
        self.fixed = dict(r.split("=", 1) for r in opt.reply)
        self.used = {}
        self.log = peers.Log(opt)
        self.count = 0
        self.sessions = opt.sessions and open(
            os.path.join(opt.dir, "sessions.jsonl"), "a")

    def tls_context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.opt.cert, self.opt.key)

        def remember(sock, name, _):
            sock.quell_sni = name
        context.sni_callback = remember
        return context

    def accounts(self):
        return self.script.read().get("accounts") or self.opt.auth

    def scripted(self, point, argument):
        script = self.script.read()
        value = script.get(point, self.fixed.get(point))
        key = (self.script.stamp, point)
        if isinstance(value, dict):
            for pattern, choice in value.items():
                if re.search(pattern, argument or ""):
                    value, key = choice, key + (pattern,)
                    break
            else:
                return None
        if isinstance(value, list):
            with self.lock:
                used = self.used.get(key, 0)
                self.used[key] = used + 1
            value = value[used] if used < len(value) else None
        return value

    def session(self, point, argument, reply):
        if self.sessions:
            with self.lock:
                self.sessions.write(json.dumps(
                    {"verb": point, "argument": argument, "reply": reply})
                    + "\n")
                self.sessions.flush()

    def record(self, session, data):
        with self.lock:
            self.count += 1
            number = self.count
        name = "%d.eml" % number
        if not self.opt.no_bodies:
            with open(os.path.join(self.opt.dir, name), "wb") as file:
                file.write(data)
        self.log.write({
            "n": number, "time": time.time(), "from": session.sender,
            "to": session.to, "helo": getattr(session, "helo", None),
            "auth": session.user, "tls": session.tls, "sni": session.sni,
            "size": len(data), "file": name})
        return number


def main():
    parser = peers.options(__doc__)
    add = parser.add_argument
    add("--cert")
    add("--key")
    add("--implicit", action="store_true")
    add("--auth", action="append", default=[], metavar="USER:PASS")
    add("--mechanism", action="append", default=[], metavar="LOGIN-NAME",
        help="offer LOGIN or PLAIN by one more name")
    add("--require-auth", action="store_true")
    add("--require-tls", action="store_true")
    add("--script")
    add("--reply", action="append", default=[], metavar="POINT=VALUE")
    add("--sessions", action="store_true")
    add("--no-bodies", action="store_true", help="log only")
    opt = parser.parse_args()
    os.makedirs(opt.dir, exist_ok=True)
    server = Server((opt.host, opt.port), Session)
    server.sink = Sink(opt)
    peers.settle(opt)
    peers.announce(opt, server.server_address[1])
    server.serve_forever()


if __name__ == "__main__":
    main()
