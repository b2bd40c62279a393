"""memory.py PID NEEDLE...: where in a process's memory these bytes are.
memory.py PID --hidden: the strings in what is kept out of core dumps.

Looks through every readable mapping but files that are only read; needs
root, or the process to be dumpable.  Prints one JSON object: for each needle
(in order) how often it is inside mappings that are kept out of core dumps
(OpenSSL's secure heap) and where else.
"""

import json
import re
import sys

HEAD = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+\s*(.*)$")


def mappings(pid):
    current = None
    with open(f"/proc/{pid}/smaps", encoding="utf-8") as f:
        for line in f:
            m = HEAD.match(line)
            if m:
                current = (int(m[1], 16), int(m[2], 16), m[3],
                           m[4] or "anonymous")
            elif line.startswith("VmFlags:") and current:
                yield *current, "dd" in line.split()


def main():
    pid, needles = sys.argv[1], [a.encode() for a in sys.argv[2:]]
    strings = needles == [b"--hidden"]
    found = [{"inside": 0, "outside": []} for _ in needles]
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for start, end, rights, name, hidden in mappings(pid):
            if "r" not in rights or name in ("[vvar]", "[vsyscall]"):
                continue
            if "w" not in rights and name.startswith("/"):
                continue
            try:
                mem.seek(start)
                data = mem.read(end - start)
            except OSError:
                continue
            if strings and hidden:
                for s in re.findall(rb"[ -~]{8,}", data):
                    print(s.decode())
            for needle, where in zip(needles, found):
                at = data.find(needle)
                while at >= 0:
                    if hidden:
                        where["inside"] += 1
                    else:
                        where["outside"].append(f"{name}+{at:#x}")
                    at = data.find(needle, at + 1)
    if not strings:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
