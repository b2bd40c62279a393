#!/usr/bin/env python3
"""Judge a drill from what the servers saw, not from what quell says.

Reads the emulated SES (delivered mail, state), Exim's spool and logs, the
abuse desk's mail and the incident folder.  Prints a table of facts; exit 1
when one of them is not as it must be.
"""
import argparse
import collections
import datetime
import email
import glob
import json
import os
import subprocess
import sys


class Facts:
    def __init__(self):
        self.rows = []

    def must(self, name, found, want):
        self.rows.append((name, found, want, found == want))

    def most(self, name, found, limit):
        ok = found is not None and found <= limit
        self.rows.append((name, "never" if found is None else found,
                          f"<= {limit}", ok))

    def least(self, name, found, limit):
        self.rows.append((name, found, f">= {limit}", found >= limit))

    def info(self, name, found):
        self.rows.append((name, found, "", True))

    def show(self):
        widths = [max(len(str(r[i])) for r in self.rows) for i in range(3)]
        for name, found, want, ok in self.rows:
            mark = "ok" if ok else "WRONG"
            print(f"{name:{widths[0]}}  {found!s:>{widths[1]}}  "
                  f"{want!s:{widths[2]}}  {mark if want != '' else ''}"
                  .rstrip())
        return all(r[3] for r in self.rows)


def lines(path):
    try:
        with open(path, encoding="utf-8") as f:
            return [json.loads(x) for x in f if x.strip()]
    except FileNotFoundError:
        return []


def delivered(emu):
    """Every mail that SES took: (time, kind, message id, access key)."""
    for side in sorted(glob.glob(emu + "/sent/*.json")):
        with open(side, encoding="utf-8") as f:
            info = json.load(f)
        with open(side[:-5] + ".eml", "rb") as f:
            mail = email.message_from_binary_file(f)
        yield (info["t"], mail.get("X-Drill", "other"),
               mail.get("Message-ID", ""), info.get("key_id"))


def queued(spool, kind):
    """Messages of a kind below a folder of the spool: id to what -H says."""
    found = {}
    for root, _, files in os.walk(spool):
        for name in files:
            if not name.endswith("-H"):
                continue
            with open(os.path.join(root, name), "rb") as f:
                text = f.read()
            if kind in text:
                found[name[:-2]] = text
    return found


def step_time(incident, step, what):
    try:
        with open(f"{incident}/steps/{step}/{what}", encoding="utf-8") as f:
            stamp = f.read().strip()
    except FileNotFoundError:
        return None
    return datetime.datetime.fromisoformat(
        stamp.replace("Z", "+00:00")).timestamp()


def answers(desk, notice):
    """Acknowledgements that are in the notice's thread, to its sender."""
    with open(notice, "rb") as f:
        asked = email.message_from_binary_file(f)
    n = 0
    for entry in lines(desk + "/log.jsonl"):
        with open(f"{desk}/{entry['file']}", "rb") as f:
            mail = email.message_from_binary_file(f)
        n += (mail["In-Reply-To"] == asked["Message-ID"] and
              entry["to"] == [asked["Reply-To"]])
    return n


def happened(incident, event, last=False):
    """The line of the journal where an event is: its number, or None."""
    found = [n for n, x in enumerate(lines(incident + "/journal.jsonl"))
             if x.get("event") == event]
    return found[-1 if last else 0] if found else None


def in_order(*numbers):
    return None not in numbers and list(numbers) == sorted(numbers)


def since(start, when):
    return None if when is None else round(when - start)


def main():
    p = argparse.ArgumentParser()
    for name in ("emu", "exim", "desk", "incident", "load", "before", "after",
                 "bin", "old-key", "notice"):
        p.add_argument("--" + name, required=True)
    p.add_argument("--start", type=float, required=True)
    p.add_argument("--contain-goal", type=int, default=60)
    p.add_argument("--recover-goal", type=int, default=300)
    p.add_argument("--attack-log", required=True)
    opt = p.parse_args()
    facts = Facts()

    honest = {x["headers"]["Message-ID"]
              for x in lines(opt.load + "/honest.jsonl")}
    sent = list(delivered(opt.emu))
    spam = {x["headers"]["Message-ID"]
            for x in lines(opt.load + "/spam.jsonl")}
    got = collections.Counter(m for _, kind, m, _ in sent if kind == "honest")
    contained = step_time(opt.incident, "44_contain_prove", "ended")
    spam_after = sum(1 for t, kind, _, _ in sent
                     if kind == "spam" and contained and t > contained + 1)

    desk = lines(opt.desk + "/log.jsonl")
    facts.must("acknowledgements that AWS got", len(desk), 1)
    facts.must("of them, answers to the notice",
               answers(opt.desk, opt.notice), 1)
    facts.least("honest messages sent in", len(honest), 1)
    facts.must("honest messages delivered", len(honest & set(got)),
               len(honest))
    facts.must("honest messages delivered twice",
               sum(1 for n in got.values() if n > 1), 0)
    main_queue = opt.exim + "/spool/input"
    facts.must("honest messages in quarantine", len(
        queued(opt.exim + "/spool", b"X-Drill: honest").keys() -
        queued(main_queue, b"X-Drill: honest").keys()), 0)
    with open(opt.exim + "/log/mainlog", encoding="utf-8",
              errors="replace") as f:
        log = f.read()
    facts.must("bounces made", log.count(" <= <> "), 0)
    facts.must("addresses that failed", log.count(" ** "), 0)
    facts.must("spam delivered after containment", spam_after, 0)
    facts.must("spam left in the queue",
               len(queued(main_queue, b"X-Drill: spam")), 0)
    kept = queued(opt.exim + "/spool", b"X-Drill: spam")
    facts.least("spam in quarantine", len(kept), 1)
    left = {m for _, kind, m, _ in sent if kind == "spam"}
    text = b"".join(kept.values())
    facts.must("spam that is nowhere", sum(
        1 for m in spam - left if m.encode() not in text), 0)
    facts.info("spam that left before containment", sum(
        1 for _, kind, _, _ in sent if kind == "spam") - spam_after)

    attack = lines(opt.attack_log)
    for door in ("mailbox", "ses-smtp", "ses-api"):
        tries = [x for x in attack if x["door"] == door]
        facts.must(f"attacker got in by {door} before", any(
            x["ok"] for x in tries if contained and x["t"] < contained), True)
        facts.must(f"attacker got in by {door} after", sum(
            1 for x in tries if contained and x["t"] > contained + 1 and
            x["ok"]), 0)
        facts.must(f"attacker still tried {door} after", any(
            contained and x["t"] > contained + 1 for x in tries), True)

    with open(opt.before, encoding="utf-8") as f:
        before = json.load(f)
    with open(opt.after, encoding="utf-8") as f:
        after = json.load(f)
    facts.must("regions sending otherwise than before", sum(
        1 for name, r in before["regions"].items()
        if after["regions"].get(name, {}).get("sending_enabled") !=
        r["sending_enabled"]), 0)
    off = [name for name, r in after["regions"].items()
           if not r["sending_enabled"]]
    facts.least("regions that were off and stayed off", len(off), 1)
    status = {k["id"]: k["status"] for u in after["users"].values()
              for k in u["keys"]}
    facts.must("stolen key", status.get(opt.old_key), "Inactive")
    new = [k for k in status if k not in
           {k["id"] for u in before["users"].values() for k in u["keys"]}]
    facts.must("new keys", len(new), 1)
    times = [t for t, kind, _, _ in sent if kind == "honest"]
    facts.must("new key delivers", any(
        kind == "honest" and key in new for _, kind, _, key in sent), True)
    facts.must("held before the key was touched", in_order(
        happened(opt.incident, "mail.held"),
        happened(opt.incident, "ses-rotate.begin")), True)
    facts.must("released after the new key was proven", in_order(
        happened(opt.incident, "ses-rotate.proof", last=True),
        happened(opt.incident, "mail.released")), True)
    verify = subprocess.run([opt.bin + "/incident", "verify", opt.incident],
                            capture_output=True, check=False)
    facts.must("journal verifies", verify.returncode, 0)
    show = subprocess.run([opt.bin + "/incident", "show", opt.incident],
                          capture_output=True, check=False)
    facts.must("the incident knows that AWS has the answer",
               b'"answered":true' in show.stdout, True)

    acked = desk[0]["time"] if desk else None
    if isinstance(acked, str):
        acked = datetime.datetime.fromisoformat(
            acked.replace("Z", "+00:00")).timestamp()
    done = max(times) if times and len(honest & set(got)) == len(honest) \
        else None
    facts.most("seconds from notice to acknowledged",
               since(opt.start, acked), opt.contain_goal)
    facts.most("seconds from notice to contained",
               since(opt.start, contained), opt.contain_goal)
    facts.most("seconds from notice to recovered", since(opt.start, done),
               opt.recover_goal)
    return 0 if facts.show() else 1


if __name__ == "__main__":
    sys.exit(main())
