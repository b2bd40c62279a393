#!/usr/bin/env python3
"""Write the spool of a host with people, a newsletter, a mailing list and a
shop on it, and a thief of the kind that is asked for.

--thief  none     nobody
         hosts    billing's password, from many addresses, few messages each
         webmail  billing's password, through a webmail on 127.0.0.1 that
                  billing uses, too
         script   a PHP file that was dropped into the web server's folder
         relay    a program on the host that sends by SMTP without a login
         flood    billing's password, one address, many messages
         local    the web server's user, by sendmail, no script named
--list FILE gets "ID KIND" a line, KIND is spam or honest or newsletter ...
"""
import argparse
import random

from spool_make import base62, header

WORDS = ("meeting minutes report question draft contract visit offer photos "
         "holiday schedule budget server lunch trip invoice samples prices "
         "address update project plan notes call").split()
DOMAINS = ["d%d.example.org" % n for n in range(300)]


class Spool:
    def __init__(self, opt):
        import os
        self.dir, self.n, self.when = opt.dir, 0, opt.start
        self.rnd = random.Random(opt.seed)
        self.names = open(opt.list, "w") if opt.list else None
        os.makedirs(opt.dir + "/input", 0o750, exist_ok=True)
        os.makedirs(opt.dir + "/msglog", 0o750, exist_ok=True)

    def put(self, kind, sender, to, subject, auth="", host="", helo="",
            proto="esmtpsa", extra=(), local="", when=None):
        self.n += 1
        when = self.when if when is None else when
        ident = "%s-%s-%s" % (base62(when, 6), base62(self.n + 5000, 6),
                              base62(7, 2))
        lines = ["-received_time_usec .5"]
        if local:
            lines += ["-ident " + local, "-received_protocol local",
                      "-auth_id " + local,
                      "-auth_sender %s@web.example" % local, "-local"]
        else:
            lines += ["--helo_name " + helo, "-host_address [%s]:4000" % host]
            if auth:
                lines += ["-host_auth PLAIN"]
            lines += ["-received_protocol " + proto]
            if auth:
                lines += ["--auth_id " + auth]
        heads = [header("F", "From: <%s>" % sender),
                 header(" ", "Subject: " + subject)]
        heads += [header(" ", x) for x in extra]
        base = "%s/input/%s" % (self.dir, ident)
        with open(base + "-D", "w") as out:
            out.write(ident + "-D\nHello.\n")
        with open(base + "-H", "w") as out:
            out.write("%s-H\n%s 33 33\n<%s>\n%d 0\n%s\n-deliver_firsttime\n"
                      "XX\n%d\n%s\n\n%s" % (
                          ident, local or "Debian-exim", sender, when,
                          "\n".join(lines), len(to), "\n".join(to),
                          "".join(heads)))
        if self.names:
            self.names.write("%s %s\n" % (ident, kind))

    def words(self):
        return " ".join(self.rnd.sample(WORDS, 3)).capitalize()


def people(s, each):
    for who in range(12):
        name = "p%d@firm.example" % who
        for k in range(each + who % 5):
            s.put("honest", name, ["c%d@%s" % (k, s.rnd.choice(DOMAINS[:40]))],
                  s.words(), name, "198.51.100.%d" % who, "laptop%d" % who,
                  when=s.when + s.rnd.randrange(7200))
    for k in range(6):
        s.put("honest", "billing@firm.example", ["k%d@customer.example" % k],
              s.words(), "billing@firm.example", "198.51.100.200", "office",
              when=s.when + s.rnd.randrange(7200))
        s.put("honest", "billing@firm.example", ["k%d@customer.example" % k],
              "Re: " + s.words(), "billing@firm.example", "127.0.0.1",
              "webmail", when=s.when + s.rnd.randrange(7200))
    for k in range(8):
        s.put("honest", "p%d@firm.example" % k, ["q@customer.example"],
              s.words(), "p%d@firm.example" % k, "127.0.0.1", "webmail")


def lists(s):
    for k in range(400):
        s.put("newsletter", "newsletter@firm.example",
              ["n%d@%s" % (k, DOMAINS[k % 250])], "News in November",
              "newsletter@firm.example", "198.51.100.50", "news",
              extra=["List-Unsubscribe: <https://firm.example/u/%d>" % k])
    for k in range(200):
        s.put("list", "talk-bounces+m%d=%s@lists.firm.example" % (
            k, DOMAINS[k % 99]), ["m%d@%s" % (k, DOMAINS[k % 99])],
            "[talk] lunch", local="list",
            extra=["List-Id: <talk.lists.firm.example>", "Precedence: list"])
    for k in range(60):
        s.put("shop", "orders@firm.example", ["o%d@%s" % (k, DOMAINS[k])],
              "Your order %d" % k, local="shop",
              extra=["X-PHP-Originating-Script: 1001:checkout.php"],
              when=s.when + k * 300)


def thief(s, kind, count):
    who = "billing@firm.example"
    bait = ["Your invoice %d is overdue", "Account %d suspended"]
    for k in range(count):
        to = ["v%d@%s" % (k, s.rnd.choice(DOMAINS))]
        subject = bait[k % 2] % s.rnd.randrange(9999)
        if kind == "flood":
            s.put("spam", "x%d@forged.example" % k, to, subject, who,
                  "203.0.113.66", "WIN-1")
        elif kind == "hosts":
            s.put("spam", who, to, subject, who,
                  "203.0.%d.9" % (k % 60), "WIN-%d" % (k % 7))
        elif kind == "webmail":
            s.put("spam", who, to, subject, who, "127.0.0.1", "webmail")
        elif kind == "script":
            s.put("spam", "www-data@web.example", to, subject,
                  local="www-data", extra=[
                      "X-PHP-Originating-Script: 33:x.php(1) : eval()'d code"])
        elif kind == "relay":
            s.put("spam", "a%d@forged%d.example" % (k, k), to, subject,
                  host="127.0.0.1", helo="localhost", proto="esmtp")
        elif kind == "local":
            s.put("spam", "b%d@forged%d.example" % (k, k), to, subject,
                  local="www-data")


def from_two_networks(s, name, count, mark):
    """A list, or who wants to pass for one; the owner writes a little, too."""
    for k in range(count):
        s.put("spam", name, ["v%d@%s" % (k, s.rnd.choice(DOMAINS))],
              "Your invoice %d is overdue" % k, name, "203.0.113.66", "WIN-1",
              extra=["List-Unsubscribe: <%s%d>" % (mark, k),
                     "Precedence: bulk"])
    for k in range(count // 30):
        s.put("honest", name, ["k%d@customer.example" % k], s.words(), name,
              "198.51.100.200", "office",
              when=s.when + s.rnd.randrange(7200))


def main():
    parser = argparse.ArgumentParser()
    add = parser.add_argument
    add("dir")
    add("--thief", default="none")
    add("--count", type=int, default=90)
    add("--each", type=int, default=4)
    add("--seed", type=int, default=7)
    add("--start", type=int, default=1795277193)
    add("--list")
    opt = parser.parse_args()
    s = Spool(opt)
    people(s, opt.each)
    lists(s)
    if opt.thief == "list":
        from_two_networks(s, "sales@firm.example", opt.count,
                          "https://evilfirm.example/?firm.example.evil.example/")
    elif opt.thief == "own-list":
        from_two_networks(s, "sales@news.firm.example", opt.count,
                          "mailto:leave@lists.firm.example?subject=")
    else:
        thief(s, opt.thief, opt.count)


main()
