#!/usr/bin/env python3
"""Small authoritative DNS server whose zones misbehave as told.

DIR/port        where it listens, UDP and TCP
DIR/log.jsonl   one line per query: time, name, type, tcp, rcode or "drop"

--zones FILE (JSON, read again whenever it changes), longest zone wins:
  {"bl.example": {"mode": "answer", "ttl": 60, "delay": 0,
      "records": {"2.0.0.127": [["A", "127.0.0.2"], ["TXT", "listed"]],
                  "*": [["A", "127.0.0.2"]],
                  "@": [["MX", "10 mail.example."], ["NS", "ns.example."]]}}}
Names in records are relative to the zone; "*" matches any name below it, "@"
is the zone itself. Types: A AAAA NS CNAME PTR MX TXT, or "TYPE99" with hex.
mode:  answer    NXDOMAIN for what is not in records, empty NOERROR for a type
       nxdomain  for everything
       refused | servfail | notimp | formerr
       drop      never answers
       empty     NOERROR without answers
       wildcard  "value" (127.0.0.2) for every A query
       blocked   the same with 127.255.255.254, the sign of a refused resolver
       truncate  UDP answers carry TC and nothing else; TCP answers fully
       truncate-drop  the same, and TCP never answers
       garbage   bytes that are no DNS message
       wrong-id | wrong-name   an answer that belongs to another question
"first": N makes the mode hold for the first N queries, "answer" after that.
A name in no zone: --default MODE (refused).
"""
import os
import socket
import socketserver
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import peers  # noqa: E402

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15,
         "TXT": 16, "AAAA": 28, "OPT": 41, "ANY": 255}
NAMES = {number: name for name, number in TYPES.items()}
RCODES = {"formerr": 1, "servfail": 2, "nxdomain": 3, "notimp": 4,
          "refused": 5}


def wire_name(name):
    out = b""
    for label in name.rstrip(".").split("."):
        if label:
            raw = label.encode()
            out += bytes([len(raw)]) + raw
    return out + b"\0"


def rdata(kind, value):
    if kind == "A":
        return socket.inet_aton(value)
    if kind == "AAAA":
        return socket.inet_pton(socket.AF_INET6, value)
    if kind in ("NS", "CNAME", "PTR"):
        return wire_name(value)
    if kind == "MX":
        preference, host = value.split()
        return struct.pack("!H", int(preference)) + wire_name(host)
    if kind == "TXT":
        parts = value if isinstance(value, list) else [value]
        out = b""
        for part in parts:
            raw = part.encode()
            chunks = [raw[i:i + 255] for i in range(0, len(raw), 255)]
            for chunk in chunks or [b""]:
                out += bytes([len(chunk)]) + chunk
        return out
    return bytes.fromhex(value)


def question(data):
    """Return (name in lower case, type, end of the question section)."""
    labels, at = [], 12
    while data[at]:
        labels.append(data[at + 1:at + 1 + data[at]].decode("latin-1"))
        at += 1 + data[at]
    kind = struct.unpack("!H", data[at + 1:at + 3])[0]
    return ".".join(labels).lower(), kind, at + 5


def records(zone, name, zone_name):
    """The records of a name, or None when there is no such name."""
    table = {key.lower(): value
             for key, value in (zone.get("records") or {}).items()}
    relative = name[:-len(zone_name) - 1] if name != zone_name else "@"
    if relative in table:
        return table[relative]
    if relative != "@" and "*" in table:
        return table["*"]
    # A name above an existing one exists too, though empty (RFC 8020).
    below = "." + relative
    if relative == "@" or any(key.endswith(below) for key in table):
        return []
    return None


class Fake:
    def __init__(self, opt):
        self.opt = opt
        self.zones = peers.Script(opt.zones)
        self.log = peers.Log(opt)
        self.seen = {}

    def answer(self, data, tcp):
        """Return the reply, or None for silence."""
        name, kind, end = question(data)
        table = self.zones.read()
        zone_name = max((z for z in table
                         if name == z or name.endswith("." + z)),
                        key=len, default=None)
        zone = table[zone_name] if zone_name else {}
        mode = zone.get("mode", "answer") if zone_name else self.opt.default
        if "first" in zone:
            key = (self.zones.stamp, zone_name)
            self.seen[key] = self.seen.get(key, 0) + 1
            if self.seen[key] > zone["first"]:
                mode = "answer"
        time.sleep(zone.get("delay", 0))

        rcode, answers, tc = RCODES.get(mode, 0), [], 0
        if mode in ("wildcard", "blocked") and kind == 1:
            answers = [["A", zone.get("value", "127.0.0.2")
                        if mode == "wildcard" else "127.255.255.254"]]
        elif mode in ("answer", "truncate", "truncate-drop", "wrong-id",
                      "wrong-name"):
            found = records(zone, name, zone_name)
            if found is None:
                rcode = 3
            else:
                answers = [r for r in found if kind == 255 or
                           r[0] == "CNAME" or r[0] == NAMES.get(kind) or
                           r[0] == "TYPE%d" % kind]
        if mode.startswith("truncate") and not tcp:
            answers, tc = [], 0x0200
        silent = mode == "drop" or (mode == "truncate-drop" and tcp)
        self.log.write({
            "time": time.time(), "name": name, "tcp": tcp,
            "type": NAMES.get(kind, "TYPE%d" % kind),
            "rcode": "drop" if silent else rcode, "answers": len(answers)})
        if silent:
            return None
        if mode == "garbage":
            return b"this is no DNS message"

        ttl = zone.get("ttl", 60)
        body = data[12:end]
        if mode == "wrong-name":
            body = wire_name("wrong.example") + data[end - 4:end]
        for kind_name, value in answers:
            number = TYPES.get(kind_name) or int(kind_name[4:])
            raw = rdata(kind_name, value)
            body += b"\xc0\x0c" + struct.pack(
                "!HHIH", number, 1, ttl, len(raw)) + raw
        authority = 0
        if zone_name and not answers and rcode in (0, 3) and not tc:
            soa = wire_name("ns." + zone_name) + wire_name(
                "hostmaster." + zone_name) + struct.pack(
                    "!IIIII", 1, 3600, 600, 86400, ttl)
            body += wire_name(zone_name) + struct.pack(
                "!HHIH", 6, 1, ttl, len(soa)) + soa
            authority = 1
        # AA, RA as a resolver would, and the asker's RD
        flags = 0x8480 | tc | rcode | (data[2] & 1) << 8
        number = struct.unpack("!H", data[:2])[0]
        if mode == "wrong-id":
            number ^= 0x5555
        reply = struct.pack("!HHHHHH", number, flags, 1, len(answers),
                            authority, 0) + body
        limit = 512
        if data[10:12] != b"\0\0" and len(data) >= end + 5:
            limit = max(512, struct.unpack("!H", data[end + 3:end + 5])[0])
        if not tcp and len(reply) > limit:
            reply = struct.pack("!HHHHHH", number, flags | 0x0200, 1, 0, 0,
                                0) + data[12:end]
        return reply


class Udp(socketserver.BaseRequestHandler):
    def handle(self):
        data, sock = self.request
        reply = self.server.fake.answer(data, False)
        if reply:
            sock.sendto(reply, self.client_address)


class Tcp(socketserver.StreamRequestHandler):
    def handle(self):
        while True:
            size = self.rfile.read(2)
            if len(size) < 2:
                return
            data = self.rfile.read(struct.unpack("!H", size)[0])
            reply = self.server.fake.answer(data, True)
            if not reply:
                time.sleep(30)
                return
            self.wfile.write(struct.pack("!H", len(reply)) + reply)


def quiet(request, client_address):
    pass


def main():
    parser = peers.options(__doc__)
    parser.add_argument("--zones", required=True)
    parser.add_argument("--default", default="refused")
    opt = parser.parse_args()
    os.makedirs(opt.dir, exist_ok=True)
    fake = Fake(opt)
    socketserver.ThreadingUDPServer.allow_reuse_address = False
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    while True:
        udp = socketserver.ThreadingUDPServer((opt.host, opt.port), Udp)
        port = udp.server_address[1]
        try:
            tcp = socketserver.ThreadingTCPServer((opt.host, port), Tcp)
            break
        except OSError:
            udp.server_close()
            if opt.port:
                raise
    for server in (udp, tcp):
        server.fake = fake
        server.daemon_threads = True
        server.handle_error = quiet
    peers.settle(opt)
    threading.Thread(target=tcp.serve_forever, daemon=True).start()
    peers.announce(opt, port)
    udp.serve_forever()


if __name__ == "__main__":
    main()
