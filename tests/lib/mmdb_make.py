#!/usr/bin/env python3
"""A small writer of databases in MaxMind's format, for tests.

usage: mmdb_make.py FILE TYPE < records

Records are lines of JSON: {"net": "192.0.2.0/24", "data": {...}}; a longer
network within a shorter one wins. Integers become uint32. Without an IPv6
network the tree is one of IPv4, else IPv4 lies at ::/96.

"many": N instead of "net" makes N networks of /24 from 1.0.0.0 on, each with
an AS number and a name of its own, for the bench.
Source: MaxMind DB File Format Specification 2.0
"""
import ipaddress
import json
import struct
import sys


def control(kind, size):
    """The control byte, and what follows it for a size of 29 and more."""
    more = b""
    if size >= 285:
        more = struct.pack(">H", size - 285)
        size = 30
    elif size >= 29:
        more = bytes([size - 29])
        size = 29
    if kind > 7:
        return bytes([size, kind - 7]) + more
    return bytes([kind << 5 | size]) + more


class Typed:
    """An integer of that type: the metadata has them so."""

    def __init__(self, kind, value):
        self.kind, self.value = kind, value


def encode(value):
    if isinstance(value, Typed):
        raw = value.value.to_bytes(8, "big").lstrip(b"\0")
        return control(value.kind, len(raw)) + raw
    if isinstance(value, str):
        raw = value.encode()
        return control(2, len(raw)) + raw
    if isinstance(value, bool):
        return control(14, int(value))
    if isinstance(value, int):
        return encode(Typed(6, value))
    if isinstance(value, list):
        return control(11, len(value)) + b"".join(map(encode, value))
    return control(7, len(value)) + b"".join(
        encode(k) + encode(v) for k, v in value.items())


def networks(lines):
    for line in lines:
        record = json.loads(line)
        if "many" in record:
            for i in range(record["many"]):
                yield ipaddress.ip_network((0x01000000 + (i << 8), 24)), {
                    "autonomous_system_number": 1000 + i,
                    "autonomous_system_organization": "Network %d" % i,
                    "country": {"iso_code": "DE"}}
        else:
            yield ipaddress.ip_network(record["net"]), record["data"]


def main():
    nets = sorted(networks(sys.stdin), key=lambda n: n[0].prefixlen)
    six = any(net.version == 6 for net, _ in nets)
    tree, data, places = [[None, None]], bytearray(), {}
    for net, record in nets:
        raw = encode(record)
        if raw not in places:
            places[raw] = len(data)
            data += raw
        bits = format(int(net.network_address), "0%db" % net.max_prefixlen)
        bits = bits[:net.prefixlen]
        if six and net.version == 4:
            bits = "0" * 96 + bits
        node = 0
        for bit in bits[:-1]:
            after = tree[node][int(bit)]
            if not isinstance(after, int):
                # what a shorter network said holds below it
                tree.append([after, after])
                after = len(tree) - 1
                tree[node][int(bit)] = after
            node = after
        tree[node][int(bits[-1])] = (places[raw],)
    out = bytearray()
    for node in tree:
        for side in node:
            if side is None:
                side = len(tree)
            elif isinstance(side, tuple):
                side = len(tree) + 16 + side[0]
            out += struct.pack(">I", side)
    out += b"\0" * 16 + data + b"\xab\xcd\xefMaxMind.com"
    out += encode({
        "node_count": len(tree), "record_size": Typed(5, 32),
        "ip_version": Typed(5, 6 if six else 4),
        "database_type": sys.argv[2], "languages": ["en"],
        "binary_format_major_version": Typed(5, 2),
        "binary_format_minor_version": Typed(5, 0),
        "build_epoch": Typed(9, 1789000000),
        "description": {"en": "made for a test"}})
    with open(sys.argv[1], "wb") as f:
        f.write(out)


if __name__ == "__main__":
    main()
