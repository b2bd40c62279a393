#!/usr/bin/env python3
"""An SMTP server that says exactly what it is told, once.

smtp_raw.py PORTFILE STEP...: one connection; STEPs are sent in turn, the
first at once, each other after one more line was read.  "\\r" and so on are
read as in Python; "wait" reads a line and sends nothing; "close" resets the
connection; "pause" reads nothing more and keeps it open.
RAW_HOST is the address it listens on.
"""
import os
import socket
import struct
import sys
import time

host = os.environ.get("RAW_HOST", "127.0.0.1")
listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
listener.bind((host, 0))
listener.listen(1)
with open(sys.argv[1] + ".tmp", "w") as file:
    file.write("%d\n" % listener.getsockname()[1])
os.rename(sys.argv[1] + ".tmp", sys.argv[1])
listener.settimeout(30)
connection, _ = listener.accept()
connection.settimeout(10)


def line():
    data = b""
    while not data.endswith(b"\n"):
        byte = connection.recv(1)
        if not byte:
            sys.exit(0)
        data += byte


for number, step in enumerate(sys.argv[2:]):
    if number:
        line()
    if step == "close":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                              struct.pack("ii", 1, 0))
        connection.close()
        sys.exit(0)
    if step == "pause":
        time.sleep(8)
    elif step != "wait":
        connection.sendall(step.encode().decode("unicode_escape")
                           .encode("latin-1"))
try:
    while connection.recv(65536):
        pass
except OSError:
    pass
