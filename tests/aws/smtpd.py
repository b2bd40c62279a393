"""The SES SMTP endpoint: what SES answers, and when.

AUTH proves only the key; identity, policy and account are judged after the
final dot.  Replies: SES Developer Guide, "SMTP response codes".
"""

import base64
import hmac
import re
import time

import services_ses
import sigv4
from listeners import reset

MAX_LINE = 1000
MAX_MAIL = 40 * 1024 * 1024
NAME = "email-smtp.amazonaws.com"


class Done(Exception):
    """The session is over."""


class SmtpServer:
    """region None: taken from the TLS server name."""

    def __init__(self, world, journal, faults, tls, region=None,
                 implicit=False):
        self.world, self.journal, self.faults = world, journal, faults
        self.tls, self.region, self.implicit = tls, region, implicit

    def serve(self, connection, peer):
        Session(self, connection, peer).run()


class Session:
    def __init__(self, server, connection, peer):
        self.server, self.connection, self.peer = server, connection, peer
        self.world = server.world
        self.region = server.region
        self.secure = False
        self.greeted = False
        self.key = None
        self.sender, self.recipients = None, []
        self.buffer = b""

    # --- lines -------------------------------------------------------------

    def _receive(self):
        data = self.connection.recv(65536)
        if not data:
            raise Done
        self.buffer += data

    def _line(self):
        while b"\n" not in self.buffer:
            if len(self.buffer) > 8192:
                self._reply("500 Line too long")
                raise Done
            self._receive()
        line, _, self.buffer = self.buffer.partition(b"\n")
        if not line.endswith(b"\r"):
            self._violation("command ends in bare LF")
        return line.rstrip(b"\r").decode("latin-1")

    def _reply(self, *lines):
        """Plain lines: all but the last with the hyphen."""
        data = "".join(f"{line[:3]}{' ' if n == len(lines) else '-'}"
                       f"{line[4:]}\r\n" for n, line in enumerate(lines, 1))
        self.connection.sendall(data.encode("latin-1"))

    def _violation(self, what):
        self.server.journal.violation(
            what, kind="smtp", service="smtp", region=self.region,
            key_id=self.key.id if self.key else None)

    def _log(self, verb, reply, user=None, **params):
        """user: the key id that AUTH claimed; it may have been refused."""
        status = int(reply[:3])
        self.server.journal.call(
            kind="smtp", service="smtp", operation=verb, region=self.region,
            key_id=self.key.id if self.key else user,
            principal=self.world.arn("user", self.key.user)
            if self.key else None,
            mutating=verb == "DATA" and status < 400, status=status,
            error=reply if status >= 400 else None, params=params)

    def _answer(self, verb, *lines, **params):
        """Log, then reply: who has read the reply finds it in the log."""
        fault = self.fault
        if fault and fault.when == "after":
            self.fault = None
            self._log(verb, lines[-1], fault=fault.do, **params)
            self._fail(fault)
        else:
            self._log(verb, lines[-1], **params)
        self._reply(*lines)

    # --- faults ------------------------------------------------------------

    def _fault_for(self, verb):
        """Queued failures; raises Done when the connection is gone, returns
        a reply when that is the failure."""
        self.fault = self.server.faults.take(
            service="smtp", operation=verb, region=self.region,
            key_id=self.key.id if self.key else None)
        fault = self.fault
        if fault is None or fault.when == "after":
            return None
        self.fault = None
        return self._fail(fault)

    def _fail(self, fault):
        replies = {"throttle": "454 Throttling failure: Maximum sending rate "
                               "exceeded.",
                   "500": "451 Temporary service failure",
                   "503": "421 Service not available, closing transmission "
                          "channel",
                   "reply": fault.reply, "garbage": "\x00\xff{[<",
                   "empty": ""}
        if fault.do in replies:
            return replies[fault.do]
        if fault.do == "slow":
            time.sleep(fault.seconds)
            return None
        if fault.do == "hang":
            self.connection.settimeout(fault.seconds)
            try:
                while self.connection.recv(65536):
                    pass
            except OSError:
                pass
            raise Done
        if not fault.do.startswith("close"):
            reset(self.connection)
        raise Done

    # --- the session -------------------------------------------------------

    def run(self):
        self.connection.settimeout(300)
        self.fault = None
        try:
            if self.server.implicit:
                self._start_tls()
            refused = self._fault_for("CONNECT")
            banner = refused or (f"220 {NAME} ESMTP SimpleEmailService-d "
                                 "quell-emulator")
            self._log("CONNECT", banner if re.match(r"\d{3}", banner)
                      else "000")
            self._reply(banner)
            while refused is None or not refused.startswith(("421", "554")):
                self._command()
                refused = None
        except (Done, OSError):
            pass
        finally:
            self.connection.close()

    def _start_tls(self):
        self.connection = self.server.tls.wrap_socket(self.connection,
                                                      server_side=True)
        # without a peer there was no handshake, and no error: it was killed
        self.connection.getpeername()
        self.connection.settimeout(300)
        self.secure = True
        name = getattr(self.connection, "sni", None) or ""
        match = re.fullmatch(r"email-smtp\.([a-z0-9-]+)\.(localhost|"
                             r"amazonaws\.com)", name)
        if match and match[1] not in self.world.regions:
            self._violation(f"TLS server name {name}: no such region")
            raise Done
        if self.region is None:
            if not match:
                self._violation(f"TLS server name {name or 'none'} names no "
                                "region")
                raise Done
            self.region = match[1]
        elif match and match[1] != self.region:
            self._violation(f"TLS server name {name} on the port of "
                            f"{self.region}")
            raise Done

    def _command(self):
        line = self._line()
        if self.buffer:
            self._violation("commands pipelined, which is not offered")
        verb, _, rest = line.partition(" ")
        verb = verb.upper()
        time.sleep(self.world.round_trip())
        reply = self._fault_for(verb)
        if reply is not None:
            self._log(verb, reply if re.match(r"\d{3}", reply) else "000 ",
                      fault=True)
            self._reply(reply)
            if reply.startswith("421"):
                raise Done
            return
        function = getattr(self, "_do_" + verb.lower(), None)
        if function is None or not verb.isalpha():
            self._answer(verb[:20], "500 Error: command not implemented")
        else:
            function(rest.strip())

    def _do_ehlo(self, name):
        if not name:
            self._answer("EHLO", "501 Syntax: EHLO hostname")
            return
        self._forget()
        self.greeted = True
        lines = [f"250 {NAME}", "250 8BITMIME", f"250 SIZE {MAX_MAIL}"]
        lines.append("250 AUTH PLAIN LOGIN" if self.secure
                     else "250 STARTTLS")
        self._answer("EHLO", *lines, "250 Ok")

    def _do_helo(self, name):
        self._forget()
        self.greeted = True
        self._answer("HELO", f"250 {NAME}")

    def _do_starttls(self, _rest):
        if self.secure:
            self._answer("STARTTLS", "503 TLS already started")
            return
        if self.buffer:
            # RFC 3207, 4.2 and the injection that follows from ignoring it.
            self._violation("plain text after STARTTLS")
            raise Done
        self._answer("STARTTLS", "220 Ready to start TLS")
        self._start_tls()
        self.greeted = False
        self._forget()

    def _do_noop(self, _rest):
        self._answer("NOOP", "250 Ok")

    def _do_rset(self, _rest):
        self._forget()
        self._answer("RSET", "250 Ok")

    def _do_quit(self, _rest):
        self._answer("QUIT", "221 Bye")
        raise Done

    def _do_vrfy(self, _rest):
        self._answer("VRFY", "252 Cannot VRFY user")

    def _forget(self):
        self.sender, self.recipients = None, []

    # --- AUTH --------------------------------------------------------------

    def _do_auth(self, rest):
        if not self.secure:
            self._violation("AUTH before TLS")
            self._answer("AUTH", "530 Must issue a STARTTLS command first")
            return
        if self.key:
            self._answer("AUTH", "503 Already authenticated")
            return
        if not self.greeted:
            self._answer("AUTH", "503 Error: send EHLO first")
            return
        kind, _, initial = rest.partition(" ")
        try:
            if kind.upper() == "PLAIN":
                fields = self._decode(initial or self._ask("334 ")).split(
                    "\0")
                if len(fields) != 3:
                    raise ValueError
                user, password = fields[1:]
            elif kind.upper() == "LOGIN":
                user = self._decode(initial
                                    or self._ask("334 VXNlcm5hbWU6"))
                password = self._decode(self._ask("334 UGFzc3dvcmQ6"))
            else:
                self._answer("AUTH", "504 Unrecognized Authentication Type")
                return
        except ValueError:
            self._violation("AUTH not decodable")
            self._answer("AUTH", "501 Cannot decode response")
            return
        self._answer("AUTH", self._authenticate(user, password), user=user,
                     mechanism=kind.upper())

    def _ask(self, prompt):
        self._reply(prompt)
        line = self._line()
        if line == "*":
            raise ValueError("cancelled")
        return line

    @staticmethod
    def _decode(text):
        if text == "=":
            return ""
        return base64.b64decode(text, validate=True).decode("utf-8")

    def _authenticate(self, user, password):
        world = self.world
        if world.settings["smtp_throttled"]:
            return "454 Temporary authentication failure"
        with world.lock:
            if password in world.secrets():
                self._violation("the secret key itself as SMTP password")
            key = world.keys.get(user)
            good = [] if key is None else [
                sigv4.smtp_password(key.secret, self.region)]
            if good and world.settings["smtp_v2"]:
                good.append(sigv4.smtp_password_v2(key.secret))
            if not good or world.key_seen(key) != "Active" or \
                    not any(hmac.compare_digest(password.encode(),
                                                g.encode()) for g in good):
                return "535 Authentication Credentials Invalid"
            key.last_used = (world.now(), "ses", self.region)
            self.key = key
        return "235 Authentication successful."

    # --- mail --------------------------------------------------------------

    def _still_valid(self):
        """Whether the session's key still works, seen from this front end.
        When AWS ends an established session is not documented: settable."""
        if self.world.settings["smtp_dead_session"] == "never":
            return True
        with self.world.lock:
            return self.world.key_seen(self.key) == "Active"

    def _do_mail(self, rest):
        if not self.secure:
            self._answer("MAIL", "530 Must issue a STARTTLS command first")
        elif self.key is None:
            self._answer("MAIL", "530 Authentication required")
        elif not self.greeted:
            self._answer("MAIL", "503 Error: send HELO/EHLO first")
        elif self.sender is not None:
            self._answer("MAIL", "503 Error: nested MAIL command")
        elif self.world.settings["smtp_dead_session"] == "at_mail" \
                and not self._still_valid():
            self.key = None
            self._answer("MAIL", "535 Authentication Credentials Invalid")
        else:
            match = re.match(r"FROM:<([^<>]*)>(?: .*)?$", rest, re.I)
            if not match:
                self._answer("MAIL", "501 Invalid MAIL FROM address provided")
                return
            self.sender = match[1]
            self._answer("MAIL", "250 Ok", mail_from=self.sender)

    def _do_rcpt(self, rest):
        if self.sender is None:
            self._answer("RCPT", "503 Error: need MAIL command")
            return
        match = re.match(r"TO:<([^<>]+@[^<>]+)>(?: .*)?$", rest, re.I)
        if not match:
            self._answer("RCPT", "501 Invalid RCPT TO address provided")
        elif len(self.recipients) >= 50:
            self._answer("RCPT", "452 Too many recipients")
        else:
            self.recipients.append(match[1])
            self._answer("RCPT", "250 Ok", rcpt=match[1])

    def _do_data(self, _rest):
        if not self.recipients:
            self._answer("DATA", "503 Error: need RCPT command")
            return
        self._reply("354 End data with <CR><LF>.<CR><LF>")
        raw = self._read_data()
        reply = self._fault_for("END")
        if reply is None:
            reply = self._accept(raw)
        if reply.startswith("250"):
            self._answer("DATA", reply, mail_from=self.sender,
                         rcpts=self.recipients, bytes=len(raw))
        else:
            self._answer("DATA", reply, mail_from=self.sender,
                         rcpts=self.recipients)
        self._forget()

    def _read_data(self):
        data, scanned = bytearray(), 0
        if self.buffer:
            self._violation("mail data sent before the 354 reply")
        data += self.buffer
        self.buffer = b""
        while True:
            if data.startswith(b".\r\n"):
                end, rest = 0, 3
                break
            found = data.find(b"\r\n.\r\n", max(0, scanned - 5))
            if found >= 0:
                end, rest = found + 2, found + 5
                break
            if len(data) > MAX_MAIL:
                self._answer("DATA", "552 Message is too long.")
                raise Done
            scanned = len(data)
            self._receive()
            data += self.buffer
            self.buffer = b""
        self.buffer = bytes(data[rest:])
        raw = bytes(data[:end])
        if re.search(rb"(?<!\r)\n|\r(?!\n)", raw):
            self._violation("bare LF or CR in the mail")
        if any(len(line) > MAX_LINE - 2 for line in raw.split(b"\r\n")):
            self._violation("line of more than 998 bytes in the mail")
        # Exactly one dot is taken away, RFC 5321, 4.5.2.
        if any(s.encode() in raw for s in self.world.secrets()):
            self._violation("a secret key in a mail")
        unstuffed = re.sub(rb"(?:\A|(?<=\r\n))\.", b"", raw)
        if re.search(rb"(?:\A|(?<=\r\n))\.(?!\.)", raw):
            self._violation("a line begins with one dot: not stuffed")
        return unstuffed

    def _accept(self, raw):
        """SES's judgement after the final dot, in its order."""
        world = self.world
        with world.lock:
            if not self._still_valid():
                self.key = None
                return "535 Authentication Credentials Invalid"
            caller = world.caller(self.key.id, self.peer)
            caller.context["aws:securetransport"] = ["true"]
            from_ = (services_ses.header_addresses(raw, "from")
                     or [self.sender])[0]
            resource = services_ses.sending_identity(world, self.region,
                                                     from_)
            context = services_ses.sending_context(from_, self.recipients)
            context["ses:feedbackaddress"] = [self.sender]
            if not world.decide(caller, "ses:SendRawEmail", resource,
                                context).allowed:
                return (f"554 Access denied: User `{caller.arn}' is not "
                        "authorized to perform `ses:SendRawEmail' on "
                        f"resource `{resource}'")
            region = world.regions[self.region]
            state = world.may_send(region)
            if state == "quota":
                return "454 Throttling failure: Daily message quota exceeded."
            if state:
                return ("554 Message rejected: Sending has been disabled for "
                        "this account")
            bad = services_ses.unverified(region, from_, self.recipients,
                                          self.sender)
            if bad:
                return ("554 Message rejected: Email address is not "
                        "verified. The following identities failed the check "
                        f"in region {self.region.upper()}: {', '.join(bad)}")
            message_id = world.message_id()
            region.sent_here.append(world.now())
            self.server.journal.mail(
                raw, region=self.region, via="smtp", key_id=self.key.id,
                principal=caller.arn, mail_from=self.sender,
                rcpts=self.recipients, message_id=message_id)
            return f"250 Ok {message_id}"
