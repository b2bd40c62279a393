#!/usr/bin/env python3
"""notices_check.py DIR NOW: abuse-parse reads what notices.py wants."""
import glob
import json
import os
import subprocess
import sys


def at(rec, path):
    for key in path.split("."):
        if isinstance(rec, list):
            rec = rec[int(key)] if int(key) < len(rec) else None
        elif isinstance(rec, dict):
            rec = rec.get(key)
        else:
            return None
    return rec


def main():
    folder, now = sys.argv[1:3]
    bad = n = 0
    for path in sorted(glob.glob(os.path.join(folder, "*.want"))):
        with open(path, encoding="utf-8") as f:
            want = json.load(f)
        base = path[:-len(".want")]
        name = base + (".eml" if os.path.exists(base + ".eml") else ".json")
        n += 1
        run = subprocess.run(["abuse-parse", "-o", "json", "--now", now,
                              "--authserv-id", "mx.example.org", name],
                             capture_output=True, text=True, check=False)
        if run.returncode:
            print(f"{os.path.basename(name)}: {run.returncode} {run.stderr}")
            bad += 1
            continue
        rec = json.loads(run.stdout)
        for key, value in want.items():
            got = at(rec, key)
            if key == "resources":
                got = [r["id"] for r in rec["resources"]]
            if got != value:
                bad += 1
                print(f"{os.path.basename(name)}: {key}: {got!r},"
                      f" not {value!r}")
    print(f"{n} notices, {bad} wrong")
    sys.exit(bad > 0)


main()
