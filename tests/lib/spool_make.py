#!/usr/bin/env python3
"""Write a spool as Exim would, without Exim: many messages of a hijacked
mailbox among honest ones and bounces.

Every file is what Exim 4.96 (16 characters of id) or 4.97 and later (23)
would leave; real Exim lists them.  One line of JSON on stdout says how many
of each kind there are; --list FILE gets "ID KIND" a line.

Kinds: spam  auth id billing@victim.example, one in seven with another sender
       honest  others, one in fifty from otherbilling@victim.example
       bounce  sender <>
"""
import argparse
import json
import os
import random
import string

DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase


def base62(value, width):
    out = ""
    for _ in range(width):
        out = DIGITS[value % 62] + out
        value //= 62
    return out


def header(flag, text):
    text += "\n"
    return "%03d%s %s" % (len(text), flag, text)


def envelope(rnd, ident, kind, number, when):
    variables = ["-received_time_usec .548436", "-helo_name client",
                 "-host_address [192.0.2.%d]:%d" % (number % 250 + 1, 40000)]
    recipients = ["u%d.%d@%s" % (number, i, rnd.choice(
        ("gmail.example", "yahoo.example", "hotmail.example")))
        for i in range(rnd.choice((1, 1, 3, 20) if kind == "spam" else (1,)))]
    subject = "Hello %d" % number
    sender = "user%d@honest.example" % (number % 40)
    auth = sender
    if kind == "spam":
        auth = sender = "billing@victim.example"
        subject = "Your invoice %d" % number
        if number % 7 == 0:
            sender = "info%d@elsewhere.example" % number
    elif kind == "bounce":
        auth, sender, subject = "", "", "Mail delivery failed"
        recipients = ["billing@victim.example"]
        variables += ["-local", "-localerror"]
    elif number % 50 == 0:
        sender = auth = "otherbilling@victim.example"
    elif number % 50 == 1:
        # text that lies about who logged in, inside a counted value
        lie = "x\n--auth_id billing@victim.example\nXX"
        variables.append("--aclm _lie %d\n%s" % (len(lie), lie))
    if auth:
        variables += ["-host_auth PLAIN", "-received_protocol esmtpsa",
                      "-aclm _orig 0\n", "--auth_id " + auth]
    variables += ["-body_linecount 2", "-deliver_firsttime"]
    headers = [
        header("P", "Received: from client by mx.test.invalid id " + ident),
        header("F", "From: <%s>" % sender),
        header("T", "To: " + ", ".join(recipients)),
        header(" ", "Subject: " + subject)]
    return "%s-H\nDebian-exim 102 105\n<%s>\n%d 0\n%s\nXX\n%d\n%s\n\n%s" % (
        ident, sender, when, "\n".join(variables), len(recipients),
        "\n".join(recipients), "".join(headers))


def main():
    parser = argparse.ArgumentParser()
    add = parser.add_argument
    add("dir")
    add("--count", type=int, default=1000)
    add("--spam", type=float, default=0.7)
    add("--bounces", type=float, default=0.1)
    add("--split", action="store_true")
    add("--long-ids", action="store_true")
    add("--owner", type=int)
    add("--start", type=int, default=1795277193)
    add("--list")
    add("--light", action="store_true",
        help="no message logs and one -D for all, by hard links (tmpfs): a "
        "million messages in 5 GB")
    opt = parser.parse_args()

    rnd = random.Random(opt.count)
    counts = {"spam": 0, "honest": 0, "bounce": 0}
    names = open(opt.list, "w") if opt.list else None
    body = "Hello there.\nBye.\n"
    made = set()

    def folder(path):
        if path not in made:
            os.makedirs(path, 0o750, exist_ok=True)
            made.add(path)
        return path

    def put(path, text):
        with open(path, "w") as out:
            out.write(text)

    os.umask(0o027)
    for number in range(opt.count):
        when = opt.start + number // 20
        head = base62(when, 6) + "-"
        if opt.long_ids:
            ident = head + base62(number + 1000, 11) + "-" + base62(7, 4)
        else:
            ident = head + base62(number + 1000, 6) + "-" + base62(7, 2)
        dice = rnd.random()
        kind = ("spam" if dice < opt.spam else
                "bounce" if dice < opt.spam + opt.bounces else "honest")
        counts[kind] += 1
        if names:
            names.write("%s %s\n" % (ident, kind))
        sub = "/" + ident[5] if opt.split else ""
        queue = folder(opt.dir + "/input" + sub)
        if not opt.light:
            put("%s/%s-D" % (queue, ident), "%s-D\n%s" % (ident, body))
        elif number == 0:
            one = "%s/%s-D" % (queue, ident)
            put(one, "%s-D\n%s" % (ident, body))
        else:
            os.link(one, "%s/%s-D" % (queue, ident))
        put("%s/%s-H" % (queue, ident),
            envelope(rnd, ident, kind, number, when))
        log = folder(opt.dir + "/msglog" + sub)
        if not opt.light:
            put("%s/%s" % (log, ident),
                "2026-11-21 16:06:33 Received from <x>\n")
    if opt.owner is not None:
        for path, folders, files in os.walk(opt.dir):
            os.chown(path, opt.owner, opt.owner)
            for name in files:
                os.chown(os.path.join(path, name), opt.owner, opt.owner)
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
