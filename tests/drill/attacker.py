#!/usr/bin/env python3
"""The attacker of the drill: keeps sending through all three doors.

mailbox   SMTP AUTH at the mail host with the stolen mailbox password
ses-smtp  SMTP at SES with the stolen SMTP credentials
ses-api   SendEmail at SES with the stolen key, also in a region that the
          business does not use

Every try is a line of JSON in --log: {"t","door","ok","reply"}.  It ends when
the file --stop appears, after --seconds, or when its parent is gone.
"""
import argparse
import json
import os
import smtplib
import ssl
import sys
import threading
import time

LOCK = threading.Lock()


def message(n, door):
    return (
        f"From: Billing <billing@shop.example.net>\r\n"
        f"To: victim{n}@far.example.org\r\n"
        f"Subject: Your invoice {n} is overdue\r\n"
        f"Message-ID: <spam-{door}-{n}@attacker.example>\r\n"
        f"X-Drill: spam\r\n\r\nPay at http://pay.example/{n}\r\n")


class Door:
    def __init__(self, opt, name, pause):
        self.opt, self.name, self.pause, self.n = opt, name, pause, 0

    def log(self, ok, reply):
        line = json.dumps({"t": time.time(), "door": self.name, "ok": ok,
                           "reply": str(reply)[:200]})
        with LOCK, open(self.opt.log, "a", encoding="utf-8") as f:
            f.write(line + "\n")

    def run(self):
        while not finished(self.opt):
            self.n += 1
            try:
                self.log(True, self.send())
            except Exception as e:  # noqa: BLE001 - an attacker goes on
                self.log(False, e)
                self.close()
            time.sleep(self.pause)

    def close(self):
        pass


class Smtp(Door):
    """One connection for as long as it lasts, as a spam tool does."""
    smtp = None

    def connect(self):
        raise NotImplementedError

    def send(self):
        if self.smtp is None:
            self.smtp = self.connect()
        to = f"victim{self.n}@far.example.org"
        refused = self.smtp.sendmail("billing@shop.example.net", [to],
                                     message(self.n, self.name))
        return refused or "250"

    def close(self):
        if self.smtp is not None:
            self.smtp.close()
        self.smtp = None


class Mailbox(Smtp):
    def connect(self):
        smtp = smtplib.SMTP("127.0.0.1", self.opt.mail_port, timeout=20,
                            local_hostname="WIN-ATTACKER",
                            source_address=("127.0.0.66", 0))
        smtp.login("billing@shop.example.net", self.opt.mailbox_password)
        return smtp


class SesSmtp(Smtp):
    def connect(self):
        context = ssl.create_default_context(cafile=self.opt.ca)
        context.check_hostname = False
        smtp = smtplib.SMTP("127.0.0.1", self.opt.ses_port, timeout=20,
                            local_hostname="attacker.example")
        smtp.starttls(context=context)
        smtp.login(self.opt.key_id, self.opt.smtp_password)
        return smtp


class SesApi(Door):
    clients = None

    def send(self):
        import botocore.config
        import botocore.session
        if self.clients is None:
            session = botocore.session.Session()
            session.set_credentials(self.opt.key_id, self.opt.secret)
            config = botocore.config.Config(retries={"total_max_attempts": 1})
            self.clients = [session.create_client(
                "sesv2", region_name=region, config=config,
                endpoint_url=self.opt.endpoint) for region in
                self.opt.regions.split(",")]
        client = self.clients[self.n % len(self.clients)]
        reply = client.send_email(
            FromEmailAddress="billing@shop.example.net",
            Destination={"ToAddresses": [f"victim{self.n}@far.example.org"]},
            Content={"Raw": {"Data": message(self.n, self.name).encode()}})
        return reply["MessageId"]


def finished(opt):
    return (os.path.exists(opt.stop) or time.time() > opt.end or
            os.getppid() == 1)


def main():
    p = argparse.ArgumentParser()
    for name in ("log", "stop", "mailbox-password", "ca", "key-id",
                 "smtp-password", "secret", "endpoint", "regions"):
        p.add_argument("--" + name, required=True)
    p.add_argument("--mail-port", type=int, required=True)
    p.add_argument("--ses-port", type=int, required=True)
    p.add_argument("--seconds", type=int, default=900)
    p.add_argument("--pause", type=float, default=0.4)
    opt = p.parse_args()
    opt.end = time.time() + opt.seconds
    doors = [Mailbox(opt, "mailbox", opt.pause),
             SesSmtp(opt, "ses-smtp", opt.pause * 2),
             SesApi(opt, "ses-api", opt.pause * 2)]
    threads = [threading.Thread(target=d.run, daemon=True) for d in doors]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return 0


if __name__ == "__main__":
    sys.exit(main())
