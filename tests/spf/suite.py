#!/usr/bin/env python3
"""Run a public SPF test suite (openspf's YAML) through our evaluator.

    tests/spf/suite.py [--tool build/unit/spf_tool] [--show] [-v] FILE.yml...

The suite itself is not part of this tree; give it a path. Every test of the
file is run: the last line of each file counts those that passed, failed, and
those whose fields it has no use for are named. Needs PyYAML.

How the zone data is read (as the suite's own driver does): a record of the
retired type SPF stands for TXT unless the name has TXT records; TXT "NONE"
means that it has none; a bare TIMEOUT is for every type without data.
--show prints the table instead. "\\x80" in the YAML is the byte 0x80 of the
suite's authors; it is passed on as UTF-8, which is as far from ASCII.
"""
import argparse
import os
import subprocess
import sys

import yaml

KNOWN = {"description", "comment", "spec", "helo", "host", "mailfrom",
         "result", "explanation"}
HERE = os.path.dirname(os.path.abspath(__file__))


def escape(text):
    out = []
    for byte in str(text).encode():
        if byte < 32 or byte > 126:
            out.append("\\x%02x" % byte)
        else:
            out.append("\\\\" if byte == 92 else chr(byte))
    return "".join(out)


def zone_lines(name, records):
    has_txt = any(isinstance(r, dict) and "TXT" in r for r in records)
    for record in records:
        if not isinstance(record, dict):
            if record != "TIMEOUT":
                raise SystemExit("what is %r at %s?" % (record, name))
            yield name, "*", "!timeout"
            continue
        for kind, value in record.items():
            if kind == "SPF" and has_txt:
                continue
            kind = "TXT" if kind == "SPF" else kind
            if value == "NONE":
                continue
            if value == "TIMEOUT":
                yield name, kind, "!timeout"
            elif kind == "TXT":
                yield name, kind, "".join(value) if isinstance(
                    value, list) else value
            elif kind == "MX":
                yield name, kind, "%d %s" % tuple(value)
            else:
                yield name, kind, value


def table(path, unused):
    lines = []
    with open(path, "rb") as stream:
        for number, scenario in enumerate(yaml.safe_load_all(stream), 1):
            lines.append(["scenario", scenario.get(
                "description", scenario.get("comment", str(number)))])
            for name, records in scenario.get("zonedata", {}).items():
                for line in zone_lines(name, records):
                    lines.append(["zone"] + list(line))
            for name, test in scenario["tests"].items():
                for key in set(test) - KNOWN:
                    unused.setdefault(key, []).append(name)
                result = test["result"]
                if isinstance(result, list):
                    result = "|".join(result)
                case = ["case", name, test["host"], test["helo"],
                        test["mailfrom"], result]
                if "explanation" in test:
                    case.append(test["explanation"])
                lines.append(case)
    return "\n".join("\t".join([line[0]] + [escape(col) for col in line[1:]])
                     for line in lines) + "\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+")
    parser.add_argument("--tool", default=os.path.join(
        HERE, "../..", os.environ.get("B", "build"), "unit/spf_tool"))
    parser.add_argument("--show", action="store_true")
    parser.add_argument("-v", action="store_true")
    opt = parser.parse_args()
    worst = 0
    for path in opt.files:
        unused = {}
        text = table(path, unused)
        if opt.show:
            sys.stdout.write(text)
            continue
        print("== " + path, flush=True)
        for key, names in sorted(unused.items()):
            print("field %r has no meaning here: %s" % (key,
                  " ".join(names)), flush=True)
        got = subprocess.run([opt.tool] + (["-v"] if opt.v else []),
                             input=text.encode(), check=False)
        worst = max(worst, got.returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main())
