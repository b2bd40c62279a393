#!/usr/bin/env python3
"""compare.py [-v] DIR...: our reading of mails beside that of Python's email.

Compares Message-ID, decoded subject and the list of parts of every *.eml
below DIR.  Differences that are Python's limits, or choices of ours, are
explained by a rule here and counted by it; what no rule explains is printed.
Where the part lists differ, the damage in the mail is mended and Python asked
once more: what it then says is the proof of most explanations.
Exit 1 when less than 99 % agree or are explained, or a difference of a mail
below --strict is not.  Needs build/unit/mime_tool (make units).
"""
import collections
import email
import email.header
import email.policy
import json
import os
import re
import subprocess
import sys

TOOL = os.path.join(os.path.dirname(__file__), "..", "..",
                    os.environ.get("B", "build"), "unit", "mime_tool")
WORD = re.compile(r"=\?[^?\s]+\?[bBqQ]\?")


def squeeze(text):
    return re.sub(r"[\s\x00]+", "", text)


def decoded(raw):
    """A header as Python's own decode_header has it, joined by its rules."""
    if raw is None:
        return None
    out = []
    try:
        for part, charset in email.header.decode_header(raw):
            if isinstance(part, str):
                out.append(part)
                continue
            try:
                out.append(part.decode(charset or "ascii", "replace"))
            except LookupError:
                out.append(part.decode("utf-8", "replace"))
    except (email.errors.HeaderParseError, ValueError):
        return raw
    return "".join(out)


def python_parts(msg):
    """The parts as MIME has them: Python's parser opens each message/*, and
    calls the blocks of a delivery status messages of their own."""
    kind = " ".join(msg.get_content_type().split())
    parts = [kind.split(" ")[0].lower()]
    if msg.is_multipart() and (not kind.startswith("message/") or
                               kind in ("message/rfc822", "message/global")):
        for part in msg.get_payload():
            parts.extend(python_parts(part))
    return parts


def python_view(raw):
    msg = email.message_from_bytes(raw, policy=email.policy.compat32)
    # the field as it stands: raw 8-bit text is read as UTF-8
    raw_subject = next((v for k, v in msg.raw_items()
                        if k.lower() == "subject"), None)
    subject = raw_subject and str(raw_subject).encode(
        "ascii", "surrogateescape").decode("utf-8", "replace")
    mid = msg.get("Message-ID")
    return {"message_id": None if mid is None else str(mid),
            "subject": decoded(subject),
            "parts": python_parts(msg), "msg": msg}


def why_subject(ours, theirs, raw, view):
    head = re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0]
    if ours is not None and "\ufffd" in (theirs or ""):
        return "subject: Python gives up on bytes that we guess or convert"
    if re.search(rb"(?im)^subject:[^\r\n]*[\x80-\xff]", head):
        return "subject: raw 8-bit text, which Python does not guess"
    if WORD.search(theirs or ""):
        return "subject: an encoded word that Python leaves as it is"
    if ours is not None and WORD.search(ours):
        return "subject: an encoded word that we leave as it is"
    if len(view["msg"].get_all("Subject", [])) > 1:
        return "subject: more than one field"
    return None


FIELD = re.compile(r"[!-9;-~]+[ \t]*:")


def mended(raw):
    """The mail with its heads as they were before somebody damaged them:
    lines that lost their fold, mbox's ">From", blank lines before a head."""
    text = raw.decode("latin-1").replace("\r\n", "\n")
    marks = {m.strip('"') for m in
             re.findall(r'boundary=("[^"\n]*"|[^\s;]+)', text)}
    out = []
    head = ""  # so far; None in a body
    for line in text.split("\n"):
        mark = line.rstrip()
        if mark[:2] == "--" and mark[2:] in marks:
            head = ""
        elif head is not None and line == "":
            inner = re.search(r"(?im)^content-type:\s*message/rfc822", head)
            encoded = re.search(r"(?im)^content-transfer-encoding:\s*[bq]",
                                head)
            if head == "" and out[-1:] == [""]:
                continue
            head = "" if inner and not encoded else None
        elif head is not None and not FIELD.match(line):
            if line.startswith(">From "):
                continue
            if head == "":
                head = None
            elif line[0] not in " \t":
                line = " " + line
        if head is not None and line and mark[:2] != "--":
            head += line + "\n"
        out.append(line)
    return "\n".join(out).encode("latin-1")


def why_parts(ours, theirs, raw, view):
    if python_view(mended(raw))["parts"] == ours:
        return "parts: as Python says of it once its damaged head is mended"
    defects = [type(d).__name__ for p in view["msg"].walk()
               for d in p.defects]
    if any(d in ("NoBoundaryInMultipartDefect", "StartBoundaryNotFoundDefect",
                 "MultipartInvariantViolationDefect") for d in defects):
        return "parts: a multipart without (its) boundary: we guess it"
    text = raw.decode("latin-1")
    if re.search(r"(?is)content-type:\s*message/rfc822.{0,300}?"
                 r"content-transfer-encoding:\s*(base64|quoted-printable)",
                 text):
        return "parts: an encoded message/rfc822, which Python leaves closed"
    if "MissingHeaderBodySeparatorDefect" in defects:
        return "parts: a line in a head that is no field ends it for Python"
    if len(view["msg"].get_all("Content-Type", [])) > 1:
        return "parts: more than one Content-Type field"
    if re.search(r"(?im)^content-type:\s*[^/\s;]*\s*(;|$)", text):
        return "parts: a Content-Type that is none"
    return None


def files(dirs):
    for top in dirs:
        for folder, _, names in sorted(os.walk(top)):
            for name in sorted(names):
                if name.endswith(".eml"):
                    yield os.path.join(folder, name)


def main():
    args = [a for a in sys.argv[1:] if not a.startswith("-")]
    paths = list(files(args))
    if not paths:
        sys.exit("compare.py: no mails")
    ours = {}
    for i in range(0, len(paths), 500):
        run = subprocess.run([TOOL] + paths[i:i + 500], check=True,
                             capture_output=True)
        for line in run.stdout.decode("utf-8").splitlines():
            rec = json.loads(line)
            ours[rec["file"]] = rec
    reasons = collections.Counter()
    bad = collections.Counter()
    agree = 0
    fields = collections.Counter()
    for path in paths:
        with open(path, "rb") as f:
            raw = f.read()
        # a Mac's mail has CR alone: Python sees one line in it
        mac = b"\r" in raw and b"\n" not in raw
        if mac:
            raw = raw.replace(b"\r", b"\n")
        view = python_view(raw)
        rec = ours[path]
        differs = False
        a, b = rec.get("message_id"), view["message_id"]
        if squeeze(a or "") != squeeze(b or ""):
            differs = True
            fields["message_id"] += 1
            bad["message_id"] += 1
            print(f"{path}: message_id: {a!r}, Python {b!r}")
        a, b = rec.get("subject"), view["subject"]
        if squeeze(a or "") != squeeze(b or ""):
            differs = True
            fields["subject"] += 1
            why = why_subject(a, b, raw, view)
            if why:
                reasons[why] += 1
            else:
                bad["subject"] += 1
                print(f"{path}: subject: {a!r}, Python {b!r}")
            if "-v" in sys.argv:
                print(f"  {path}: {a!r} {b!r} {why}")
        a, b = rec["parts"], view["parts"]
        if a != b:
            differs = True
            fields["parts"] += 1
            why = why_parts(a, b, raw, view)
            if why:
                reasons[why] += 1
            else:
                bad["parts"] += 1
                print(f"{path}: parts: {a}, Python {b}")
            if "-v" in sys.argv:
                print(f"  {path}: {a} {b} {why}")
        agree += not differs
    n = len(paths)
    print(f"{n} mails: {agree} agree ({100 * agree / n:.1f} %), "
          f"{n - agree} differ")
    for name in ("message_id", "subject", "parts"):
        print(f"  {name}: {100 - 100 * fields[name] / n:.1f} % agree")
    for why, count in reasons.most_common():
        print(f"{count:6} {why}")
    unexplained = sum(bad.values())
    print(f"{unexplained:6} differences without an explanation")
    sys.exit(unexplained * 100 > n)


main()
