#!/usr/bin/env python3
"""Judge what queue.sh left: every message is delivered once, or kept whole."""
import argparse
import collections
import json
import os
import sys


def addresses(path):
    """What a message still has to deliver, by its -H and -J."""
    with open(path + "-H", encoding="latin-1") as f:
        lines = iter(f.read().split("\n"))
    for line in lines:
        if line == "XX" or line[:3] in ("YY ", "YN ", "NY ", "NN "):
            break
        words = line.split(" ")
        if words[0].lstrip("-") in ("acl", "aclc", "aclm"):
            left = int(words[-1])
            while left >= 0:
                left -= len(next(lines)) + 1
    done = set()
    while line != "XX" and not line.isdigit():
        done.add(line[3:])
        line = next(lines)
    if line == "XX":
        line = next(lines)
    todo = [next(lines) for _ in range(int(line))]
    try:
        with open(path + "-J", encoding="latin-1") as f:
            done.update(f.read().split("\n"))
    except FileNotFoundError:
        pass
    return [a for a in todo if a not in done]


def main():
    p = argparse.ArgumentParser()
    for name in ("spool", "sink", "kinds"):
        p.add_argument("--" + name, required=True)
    p.add_argument("--late", required=True)
    p.add_argument("--doubles", type=int, default=0)
    p.add_argument("--all", action="store_true")
    opt = p.parse_args()
    kinds = dict(x.split() for x in open(opt.kinds, encoding="ascii"))

    got = collections.Counter()
    with open(opt.sink, encoding="utf-8") as f:
        for line in f:
            to = json.loads(line)["to"]
            for a in [to] if isinstance(to, str) else to:
                got[a.strip("<>")] += 1
    bounces = got.pop("billing@victim.example", 0)

    kept, files = [], collections.Counter()
    for folder, _, names in os.walk(opt.spool):
        for name in names:
            if name.endswith(("-H", "-D", ".quell")):
                files[(folder.startswith(opt.spool + "/Q/"),
                       name.rsplit("-", 1)[1])] += 1
            if name.endswith("-H"):
                kept.append(folder + "/" + name[:-2])
    todo = collections.Counter(a for m in kept for a in addresses(m))
    lost = 0
    wanted = {"honest": 0, "spam": 0, "bounce": 0}
    for ident, kind in kinds.items():
        wanted[kind] += 1
    # only what Exim has said 250 to: who it received from may be killed
    late = set()
    with open(opt.late, encoding="utf-8") as f:
        for line in f:
            n, answer = line.split(" ", 1)
            answer = json.loads(answer)
            if answer.get("ok") is True and "i" in answer:
                late.add(f"late.{n}.{answer['i']}@late.example")
    lost = sum(1 for a in late if not got[a])
    # spool_make gives each message's recipients its number
    numbers = collections.defaultdict(set)
    for a in list(got) + list(todo):
        if a[0] == "u" and "." in a:
            numbers[int(a[1:a.index(".")])].add(a)
    missing = [n for n, ident in enumerate(kinds)
               if kinds[ident] != "bounce" and not numbers[n]]
    facts = [
        ("honest messages that are nowhere, of those that came late", lost, 0),
        ("messages of which no recipient is anywhere", len(missing), 0),
        ("bounces delivered", bounces, wanted["bounce"]),
        ("addresses both delivered and kept",
         sum(1 for a in todo if got[a]), 0),
        ("-H without -D in the queue", files[(False, "H")] -
         files[(False, "D")], 0),
        ("-H without -D in quarantine", files[(True, "H")] -
         files[(True, "D")], 0),
        ("half copied files", files[(True, "H.quell")] +
         files[(False, "H.quell")], 0),
        ("messages left in the queue", files[(False, "H")], 0),
    ]
    if opt.all:
        facts.append(("messages left in quarantine", files[(True, "H")], 0))
    doubles = sum(n - 1 for n in got.values() if n > 1) + \
        max(0, bounces - wanted["bounce"])
    good = True
    for what, found, want in facts:
        # a -D alone in the queue is what an Exim leaves that is killed
        # while it receives
        ok = found == want or (
            what.startswith(("bounces", "addresses")) and
            0 <= found - want <= opt.doubles) or (
            what == "-H without -D in the queue" and
            -opt.doubles <= found <= 0)
        good = good and ok
        print(f"{what:62} {found:8} {'ok' if ok else 'WRONG'}")
    print(f"{'delivered twice (Exim was killed %d times)' % opt.doubles:62} "
          f"{doubles:8} {'ok' if doubles <= 20 * opt.doubles else 'WRONG'}")
    good = good and doubles <= 20 * opt.doubles
    print(f"{'in quarantine':62} {files[(True, 'H')]:8}")
    print(f"{'delivered addresses':62} {sum(got.values()) + bounces:8}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
