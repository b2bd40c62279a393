#!/usr/bin/env python3
"""Submit many messages over few SMTP connections, fast.

Either one message --count times (--from --to --subject ...), or a plan: JSON
Lines, one message each, any of
  from, to (string or list), subject, headers {name: value}, body, raw (whole
  message, replaces the former three), user, pass, helo, count
Options are the defaults for what a line leaves out. "%d" in subject, from, to
and body becomes the number of the message.

One JSON summary goes to stdout, with --ids also one line per message:
  {"i":0,"ok":true,"reply":"250 OK id=..."}
Exit: 0 all accepted, 1 some refused, 75 connection lost or none to be had.
"""
import argparse
import base64
import json
import queue
import socket
import ssl
import sys
import threading
import time


class Refused(Exception):
    pass


class Client:
    """One connection; commands of an envelope are pipelined."""

    def __init__(self, opt, helo, user, password):
        source = (opt.bind, 0) if opt.bind else None
        self.sock = socket.create_connection((opt.host, opt.port), 30, source)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.sock.makefile("rb")
        self.expect("220", self.reply())
        ehlo = self.command("EHLO " + helo)
        self.expect("250", ehlo)
        if opt.starttls:
            self.expect("220", self.command("STARTTLS"))
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            self.sock = context.wrap_socket(self.sock)
            self.file = self.sock.makefile("rb")
            ehlo = self.command("EHLO " + helo)
        self.pipelining = "PIPELINING" in ehlo
        if user:
            self.auth(user, password or "", opt.auth)

    def auth(self, user, password, mechanism):
        def b64(text):
            return base64.b64encode(text.encode()).decode()
        if mechanism == "login":
            self.expect("334", self.command("AUTH LOGIN"))
            self.expect("334", self.command(b64(user)))
            reply = self.command(b64(password))
        else:
            reply = self.command(
                "AUTH PLAIN " + b64("\0" + user + "\0" + password))
        self.expect("235", reply)

    def reply(self):
        lines = []
        while True:
            line = self.file.readline().decode("utf-8", "replace")
            if not line:
                raise ConnectionError("connection lost")
            lines.append(line.rstrip("\r\n"))
            if line[3:4] != "-":
                return "\n".join(lines)

    @staticmethod
    def expect(code, reply):
        if not reply.startswith(code):
            raise Refused(reply)

    def command(self, line):
        self.sock.sendall(line.encode() + b"\r\n")
        return self.reply()

    def send(self, sender, recipients, data):
        """Return (accepted, reply)."""
        commands = ["MAIL FROM:<%s>" % sender]
        commands += ["RCPT TO:<%s>" % r for r in recipients]
        commands += ["DATA"]
        if self.pipelining:
            self.sock.sendall("".join(c + "\r\n" for c in commands).encode())
            replies = [self.reply() for _ in commands]
        else:
            replies = []
            for command in commands:
                replies.append(self.command(command))
                if len(replies) == 1 and replies[0][0] != "2":
                    break
        if replies[-1].startswith("354"):
            self.sock.sendall(data)
            last = self.reply()
            if last.startswith("2") or replies[0][0] == "2":
                return last.startswith("2"), last
        bad = next((r for r in replies if r[0] not in "23"), replies[-1])
        if not bad.startswith("421"):
            self.command("RSET")
        return False, bad

    def close(self):
        try:
            self.sock.sendall(b"QUIT\r\n")
            if not isinstance(self.sock, ssl.SSLSocket):
                # Exim waits 200 ms for the client to say no more.
                self.sock.shutdown(socket.SHUT_WR)
            self.reply()
        except (OSError, ConnectionError):
            pass
        self.file.close()   # else the connection stays open
        self.sock.close()


def message(item, number):
    if "raw" in item:
        text = item["raw"]
    else:
        headers = {
            "From": "<%s>" % item["from"],
            "To": ", ".join("<%s>" % r for r in item["to"]),
            "Subject": item["subject"],
            "Date": time.strftime("%a, %d %b %Y %H:%M:%S +0000",
                                  time.gmtime()),
            "Message-ID": "<%d.%d@submit.quell.test>"
                          % (time.time_ns(), number),
        }
        headers.update(item.get("headers") or {})
        text = "".join("%s: %s\n" % h for h in headers.items() if h[1])
        text += "\n" + item["body"]
    data = text.encode("utf-8", "surrogateescape")
    data = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    if not data.endswith(b"\r\n"):
        data += b"\r\n"
    if data.startswith(b"."):
        data = b"." + data
    return data.replace(b"\r\n.", b"\r\n..") + b".\r\n"


def numbered(value, number):
    if isinstance(value, list):
        return [numbered(v, number) for v in value]
    return value.replace("%d", str(number)) if value else value


def plan(opt):
    """Yield (number, message fields), defaults filled in."""
    if opt.plan:
        source = sys.stdin if opt.plan == "-" else open(opt.plan)
        lines = (json.loads(line) for line in source if line.strip())
    else:
        lines = [{}]
    defaults = {"from": opt.sender, "to": opt.to.split(","),
                "subject": opt.subject, "body": opt.body, "helo": opt.helo,
                "user": opt.user, "pass": opt.password}
    if opt.header:
        defaults["headers"] = dict(h.split(": ", 1) for h in opt.header)
    number = 0
    for line in lines:
        for _ in range(line.get("count", 1 if opt.plan else opt.count)):
            item = dict(defaults, **line)
            if isinstance(item["to"], str):
                item["to"] = item["to"].split(",")
            for field in ("from", "to", "subject", "body"):
                item[field] = numbered(item[field], number)
            yield number, item
            number += 1


class Run:
    def __init__(self, opt):
        self.opt = opt
        self.lock = threading.Lock()
        self.sent = self.refused = self.lost = 0
        self.first_bad = None
        self.work = queue.Queue(1000)

    def note(self, number, ok, reply):
        with self.lock:
            if ok:
                self.sent += 1
            else:
                self.refused += 1
                self.first_bad = self.first_bad or reply
            if self.opt.ids:
                print(json.dumps({"i": number, "ok": ok, "reply": reply}))

    def worker(self):
        client, key = None, None
        while True:
            job = self.work.get()
            if job is None:
                break
            number, item = job
            want = (item["helo"], item["user"], item["pass"])
            try:
                if client and key != want:
                    client.close()
                    client = None
                if not client:
                    client, key = Client(self.opt, *want), want
                ok, reply = client.send(item["from"], item["to"],
                                        message(item, number))
                self.note(number, ok, reply)
                if reply.startswith("421"):
                    client = None
            except Refused as error:
                self.note(number, False, str(error))
                client = None
            except (OSError, ConnectionError) as error:
                with self.lock:
                    self.lost += 1
                    self.first_bad = self.first_bad or str(error)
                client = None
        if client:
            client.close()


def main():
    parser = argparse.ArgumentParser()
    add = parser.add_argument
    add("--host", default="127.0.0.1")
    add("--port", type=int, required=True)
    add("--bind", help="connect from this address")
    add("--from", dest="sender", default="sender@quell.test")
    add("--to", default="someone@example.net")
    add("--subject", default="test %d")
    add("--body", default="Hello.\n")
    add("--header", action="append", help="'Name: value'")
    add("--helo", default="client.quell.test")
    add("--user")
    add("--pass", dest="password")
    add("--auth", choices=["plain", "login"], default="plain")
    add("--starttls", action="store_true")
    add("--count", type=int, default=1)
    add("--connections", type=int, default=4)
    add("--plan", help="JSON Lines file, - is stdin")
    add("--ids", action="store_true")
    opt = parser.parse_args()

    run = Run(opt)
    started = time.monotonic()
    count = opt.connections if opt.plan else min(opt.connections, opt.count)
    threads = [threading.Thread(target=run.worker, daemon=True)
               for _ in range(max(count, 1))]
    for thread in threads:
        thread.start()
    for job in plan(opt):
        run.work.put(job)
    for _ in threads:
        run.work.put(None)
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - started
    print(json.dumps({
        "sent": run.sent, "refused": run.refused, "lost": run.lost,
        "seconds": round(seconds, 3),
        "rate": round(run.sent / seconds) if seconds else 0,
        "why": run.first_bad}))
    sys.exit(75 if run.lost else 1 if run.refused else 0)


if __name__ == "__main__":
    main()
