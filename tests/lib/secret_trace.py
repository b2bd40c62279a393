#!/usr/bin/env python3
"""Judge a trace of strace -f -v -y -s N: where did the secrets go?

usage: secret_trace.py TRACE SECRETS [--file PATH]... [--socket] [--pipe]

SECRETS has one a line.  What AWS answers with (<SecretAccessKey>) is added.
Each secret is looked for as it is and in base64, in what was executed
(arguments and environment) and in what was written or sent.  It may be
written to the files named by --file (a temporary beside one counts as it)
and, with --socket, to sockets, with --pipe, to pipes.  Every file that was
made must have been made for its owner only, whatever the umask.  Prints what is wrong; exit 1.
"""
import argparse
import base64
import os
import re
import sys

OUT = re.compile(r"(write|writev|pwrite64|pwritev2?|sendto|sendmsg|sendmmsg"
                 r"|send)\((\d+)(?:<([^>]*)>)?")
MAKE = re.compile(r"(openat|open|creat|mkdir|mkdirat|fchmodat|chmod|fchmod)\(")


def forms(secret):
    raw = secret.encode()
    # base64 at each of the three places that a byte can have in it
    for skip in range(3):
        text = base64.b64encode(b"x" * skip + raw).decode()
        yield text[4 if skip else 0:-4]
    yield secret


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("trace")
    parser.add_argument("secrets")
    parser.add_argument("--file", action="append", default=[])
    parser.add_argument("--socket", action="store_true")
    parser.add_argument("--pipe", action="store_true")
    opts = parser.parse_args()
    lines = open(opts.trace, errors="surrogateescape").read().splitlines()
    secrets = set(open(opts.secrets).read().split())
    for line in lines:
        if re.search(r"(recvfrom|read)\(", line):
            secrets.update(re.findall(
                r"<SecretAccessKey>([^<]{20,})</SecretAccessKey>", line))
    if not secrets:
        sys.exit("no secret to look for")
    wanted = {f for s in secrets for f in forms(s) if len(f) >= 8}
    allowed = [os.path.abspath(f) for f in opts.file]
    used, wrong, execs = set(), [], 0
    for line in lines:
        line = re.sub(r"^(\[pid +)?\d+\]? +", "", line)
        execs += line.startswith("execve(")
        made = MAKE.match(line)
        if made and " = -1 E" not in line:
            mode = re.search(r", (0[0-7]*)(?:\)| <unf)", line)
            # O_CREAT without it would not have a mode; existing ones have none
            if mode and int(mode[1], 8) & 0o077:
                wrong.append("open to others: " + line[:200])
        if not any(w in line for w in wanted):
            continue
        out = OUT.match(line)
        if line.startswith("execve("):
            wrong.append("a secret was handed to a program: " + line[:60])
        elif out:
            path = out[3] or ""
            mine = next((f for f in allowed if path == f or
                         path.startswith(f + ".")), None)
            if mine:
                used.add(mine)
            elif not (opts.socket and re.match(r"(socket|TCP)", path)) \
                    and not (opts.pipe and re.match(r"pipe:", path)):
                wrong.append("a secret was written to %s (%s)" %
                             (path or out[2], out[1]))
        elif not re.match(r"(read|recvfrom|recvmsg|pread64|<\.\.\.)", line):
            wrong.append("a secret in " + line[:60])
    if not execs:
        wrong.append("the trace has no execve: was anything traced?")
    for path in set(allowed) - used:
        wrong.append("nothing was written to " + path)
    print("\n".join(wrong))
    sys.exit(1 if wrong else 0)


main()
