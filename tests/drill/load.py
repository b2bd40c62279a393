#!/usr/bin/env python3
"""The mail of the drill, as two plans for smtp_submit.py.

DIR/honest.jsonl  what people and a shop send, an eighth of it through the
                  mailbox whose password is stolen
DIR/spam.jsonl    what the thief sends through that mailbox, senders forged
"""
import json
import random
import sys

BILLING = "billing@shop.example.net"
PEOPLE = ["alice", "bob", "carol", "orders", "support"]
GOODS = ["Your order %d", "Delivery of order %d", "Meeting notes %d",
         "Re: question about invoice %d", "Offer %d as discussed"]
BAIT = ["Your invoice %d is overdue", "Account %d suspended",
        "You have won %d EUR", "Parcel %d is waiting"]


def line(out, **item):
    out.write(json.dumps(item) + "\n")


def main():
    folder, honest, spam, seed = sys.argv[1], *map(int, sys.argv[2:5])
    rnd = random.Random(seed)
    with open(folder + "/honest.jsonl", "w", encoding="utf-8") as out:
        for n in range(honest):
            who = BILLING if n % 8 == 0 else \
                rnd.choice(PEOPLE) + "@shop.example.net"
            line(out, **{"from": who, "to": [f"customer{n}@near.example.com"],
                         "user": who, "pass": "secret-" + who.split("@")[0],
                         "subject": rnd.choice(GOODS) % n,
                         "headers": {"Message-ID":
                                     f"<honest-{n}@shop.example.net>",
                                     "X-Drill": "honest"},
                         "body": "Dear customer,\nthis is number %d.\n" % n})
    with open(folder + "/spam.jsonl", "w", encoding="utf-8") as out:
        for n in range(spam):
            sender = BILLING if n % 7 else \
                f"no-reply{rnd.randrange(99)}@shop.example.net"
            line(out, **{"from": sender,
                         "to": [f"victim{rnd.randrange(10**6)}@"
                                f"d{rnd.randrange(400)}.example.org"],
                         "user": BILLING, "pass": "secret-billing",
                         "helo": "WIN-ATTACKER",
                         "subject": rnd.choice(BAIT) % rnd.randrange(10**5),
                         "headers": {"Message-ID":
                                     f"<spam-queue-{n}@attacker.example>",
                                     "From": "Billing <%s>" % sender,
                                     "X-Drill": "spam"},
                         "body": "Pay at http://pay.example/%d\n" % n})


main()
