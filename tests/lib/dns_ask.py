#!/usr/bin/env python3
"""dns_ask.py PORT NAME [TYPE] [--tcp]: ask 127.0.0.1, print RCODE [TC] and the
answers, one a line. Exit 75 without an answer within two seconds."""
import os
import socket
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fakedns import NAMES, TYPES, wire_name  # noqa: E402

RCODE = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"]


def skip_name(data, at):
    while data[at]:
        if data[at] >= 0xc0:
            return at + 2
        at += 1 + data[at]
    return at + 1


def read_name(data, at):
    labels = []
    for _ in range(64):
        if not data[at]:
            break
        if data[at] >= 0xc0:
            at = struct.unpack("!H", data[at:at + 2])[0] & 0x3fff
            continue
        labels.append(data[at + 1:at + 1 + data[at]].decode("latin-1"))
        at += 1 + data[at]
    return ".".join(labels)


def show(kind, data, at, size):
    raw = data[at:at + size]
    if kind == "A":
        return socket.inet_ntoa(raw)
    if kind == "AAAA":
        return socket.inet_ntop(socket.AF_INET6, raw)
    if kind == "TXT":
        out, i = b"", 0
        while i < len(raw):
            out += raw[i + 1:i + 1 + raw[i]]
            i += 1 + raw[i]
        return out.decode("utf-8", "replace")
    if kind == "MX":
        return "%d %s" % (struct.unpack("!H", raw[:2])[0],
                          read_name(data, at + 2))
    if kind in ("NS", "CNAME", "PTR"):
        return read_name(data, at)
    return raw.hex()


def main():
    words = [a for a in sys.argv[1:] if a != "--tcp"]
    kind = TYPES[words[2]] if len(words) > 2 else 1
    query = (os.urandom(2) + b"\x01\x00\x00\x01\0\0\0\0\0\0"
             + wire_name(words[1]) + struct.pack("!HH", kind, 1))
    address = ("127.0.0.1", int(words[0]))
    try:
        if "--tcp" in sys.argv:
            sock = socket.create_connection(address, 2)
            sock.sendall(struct.pack("!H", len(query)) + query)
            file = sock.makefile("rb")
            data = file.read(struct.unpack("!H", file.read(2))[0])
        else:
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.settimeout(2)
            sock.connect(address)
            sock.send(query)
            data = sock.recv(65535)
    except (OSError, struct.error) as error:
        print("dns_ask: %s" % error, file=sys.stderr)
        sys.exit(75)
    flags, _, answers = struct.unpack("!HHH", data[2:8])
    rcode = flags & 15
    print((RCODE[rcode] if rcode < 6 else str(rcode))
          + (" TC" if flags & 0x0200 else ""))
    at = skip_name(data, 12) + 4
    for _ in range(answers):
        at = skip_name(data, at)
        number, _, _, size = struct.unpack("!HHIH", data[at:at + 10])
        at += 10
        name = NAMES.get(number, str(number))
        print(name, show(name, data, at, size))
        at += size


if __name__ == "__main__":
    main()
