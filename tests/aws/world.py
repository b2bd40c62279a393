"""The state of the emulated account, and how slowly it becomes true.

AWS is eventually consistent: what an API call stored is not yet what every
front end acts on.  `Eventual` models that gap for keys, policies and the SES
account switch.  All chance comes from seeds, so a failed test fails again.
"""

import bisect
import json
import math
import random
import re
import threading
import time
import uuid
from datetime import datetime, timezone

import iam_policy
import services_secrets
from iam_policy import Policy
from managed_policies import DOCUMENTS

SES_REGIONS = """af-south-1 ap-northeast-1 ap-northeast-2 ap-northeast-3
    ap-south-1 ap-south-2 ap-southeast-1 ap-southeast-2 ap-southeast-3
    ap-southeast-5 ca-central-1 ca-west-1 eu-central-1 eu-central-2 eu-north-1
    eu-south-1 eu-west-1 eu-west-2 eu-west-3 il-central-1 me-central-1
    me-south-1 sa-east-1 us-east-1 us-east-2 us-west-1 us-west-2""".split()
OTHER_REGIONS = """ap-east-1 ap-southeast-4 ap-southeast-7 eu-south-2
    mx-central-1""".split()
REGIONS = sorted(SES_REGIONS + OTHER_REGIONS)

POINT = 900                      # seconds in one GetSendStatistics point
HISTORY = 14 * 86400

RESPONDER_SECRET = "r3sp0nd/+ErSecretKeyForTheEmulator+00001"
STOLEN_SECRET = "st0len/+SecretKeyForTheSmtpUser/0000001+"
NOBODY_SECRET = "n0body/SecretKeyWithoutAnyRights+0000010"
# Tests that send a wrong secret on purpose use this one: it is refused like
# any other, but is not taken for a signing bug.
WRONG_SECRET = "wrong" * 8
assert len(RESPONDER_SECRET) == len(STOLEN_SECRET) == 40

DEFAULT = {
    "account": "111122223333",
    "groups": {
        "AWSSESSendingGroupDoNotRename": {"policies": {
            "AmazonSesSendingAccess": {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow",
                               "Action": "ses:SendRawEmail",
                               "Resource": "*"}]}}},
    },
    "users": {
        "responder": {
            "policies": {"QuellResponder": {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Resource": "*", "Action": [
                    "iam:*", "ses:*", "sts:*", "cloudwatch:*", "ec2:*",
                    "health:*", "support:*", "cloudtrail:*",
                    "kms:*", "secretsmanager:*", "guardduty:*",
                    "access-analyzer:*", "organizations:*", "account:*"]}]}},
            "mfa": ["arn:aws:iam::111122223333:mfa/responder"],
            "keys": [{"id": "AKIARESPONDERKEY0001",
                      "secret": RESPONDER_SECRET, "created": "-90d"}]},
        "ses-smtp": {
            "groups": ["AWSSESSendingGroupDoNotRename"],
            "keys": [{"id": "AKIASTOLENKEY0000001", "secret": STOLEN_SECRET,
                      "created": "-400d"}]},
        "nobody": {"keys": [{"id": "AKIANOBODYKEY0000001",
                             "secret": NOBODY_SECRET,
                             "created": "-30d"}]},
    },
    "roles": {
        "mail-host": {
            "trust": {"Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Action": "sts:AssumeRole",
                "Principal": {
                    "AWS": "arn:aws:iam::111122223333:user/responder",
                    "Service": "ec2.amazonaws.com"}}]},
            "attached": ["arn:aws:iam::aws:policy/AmazonSESFullAccess"]},
    },
    "regions": {
        "us-east-1": {"daily_volume": 24000},
        "eu-west-1": {"daily_volume": 9600},
        "ap-northeast-1": {"daily_volume": 1200},
        "eu-central-1": {"sending_enabled": False},
    },
    "instances": [
        {"id": "i-0a1b2c3d4e5f60001", "region": "us-east-1", "name": "mail1",
         "public_ip": "203.0.113.25", "private_ip": "10.0.1.25",
         "role": "mail-host", "groups": ["sg-0a1b2c3d4e5f60001"]},
        {"id": "i-0a1b2c3d4e5f60002", "region": "us-east-1", "name": "web1",
         "public_ip": "203.0.113.80", "private_ip": "10.0.1.80",
         "groups": ["sg-0a1b2c3d4e5f60002"]},
    ],
    "security_groups": [
        {"id": "sg-0a1b2c3d4e5f60001", "region": "us-east-1", "name": "mail",
         "ingress": [[25, "0.0.0.0/0"], [587, "0.0.0.0/0"]]},
        {"id": "sg-0a1b2c3d4e5f60002", "region": "us-east-1", "name": "web",
         "ingress": [[443, "0.0.0.0/0"]]},
        {"id": "sg-0a1b2c3d4e5f60003", "region": "us-east-1",
         "name": "isolate", "ingress": [], "egress": False},
    ],
    "health": {"plan": False, "events": []},
    "kms": {
        "us-east-1": {"0a1b2c3d-0000-4000-8000-000000000001": {
            "aliases": ["alias/quell-vault"]}},
        "eu-west-1": {"0a1b2c3d-0000-4000-8000-000000000002": {
            "aliases": ["alias/quell-vault"]}},
    },
    "secrets": {},
}
IDENTITIES = {"shop.example.net": {}, "mail.example.net": {}}

NO_DELAY = [0, 0]
PRESETS = {
    "immediate": {"new": NO_DELAY, "dead": NO_DELAY, "policy": NO_DELAY,
                  "sending": NO_DELAY, "list": NO_DELAY, "flap": True},
    # What people measured: a few seconds, and the last nodes a little later.
    "realistic": {"new": [2, 9], "dead": [2, 6], "policy": [2, 6],
                  "sending": [1, 5], "list": [0, 1], "flap": True},
}


class Eventual:
    """A value whose last change is seen by all front ends only after `hi`
    seconds, by none before `lo`, and in between by chance (flapping)."""

    def __init__(self, value):
        self.value = self.old = value
        self.since = self.lo = self.hi = 0.0
        self.flap = False
        self.fixed = 0.0

    def change(self, value, delay, flap, now, chance, scale=1.0):
        self.old = self.seen(now, chance)
        self.value, self.since, self.flap = value, now, flap
        self.lo, self.hi = (float(d) / scale for d in delay)
        self.fixed = chance.uniform(self.lo, self.hi)

    def seen(self, now, chance):
        age = now - self.since
        if age >= self.hi:
            return self.value
        if age < self.lo:
            return self.old
        if not self.flap:
            return self.value if age >= self.fixed else self.old
        done = (age - self.lo) / (self.hi - self.lo)
        return self.value if chance.random() < done else self.old


class Key:
    def __init__(self, key_id, secret, user, status, created):
        self.id, self.secret, self.user = key_id, secret, user
        self.status, self.created = status, created
        self.visible = Eventual(status)
        self.listed = Eventual(True)     # in ListAccessKeys
        self.last_used = None            # (time, service, region)


class Session:
    """Temporary credentials: of a role, or of a user (GetSessionToken)."""

    def __init__(self, key_id, secret, token, expires, issued, role=None,
                 name=None, user=None, policy=None, mfa=False):
        self.id, self.secret, self.token = key_id, secret, token
        self.expires, self.issued = expires, issued
        self.role, self.name, self.user = role, name, user
        self.policy, self.mfa = policy, mfa


class Entity:
    """A user, group or role: the things that policies hang on."""

    def __init__(self, kind, name, entity_id, created, seed):
        self.kind, self.name, self.id = kind, name, entity_id
        self.created = created
        self.path = seed.get("path", "/")
        self.policies = dict(seed.get("policies", {}))
        self.attached = list(seed.get("attached", []))
        self.groups = list(seed.get("groups", []))
        self.boundary = seed.get("boundary")
        self.tags = dict(seed.get("tags", {}))
        self.mfa = list(seed.get("mfa", []))
        self.password = bool(seed.get("password", False))
        self.trust = seed.get("trust", {})
        self.profiles = list(seed.get("profiles", []))
        self.last_used = seed.get("last_used")     # ["-3d", "eu-west-1"]
        self.effective = Eventual(([], None))


class Region:
    def __init__(self, name, seed):
        self.name = name
        self.sending = Eventual(True)
        self.enforcement_status = "HEALTHY"
        self.production_access = True
        self.quota = {"max_24h": 200000.0, "max_rate": 80.0}
        self.daily_volume = 0
        self.bounce_rate, self.complaint_rate = 0.012, 0.0002
        self.identities = {}
        self.configuration_sets = {}
        self.suppressed = []
        self.dedicated_ips, self.ingress_points = [], []
        self.review = None
        self.spike = None                # {"hours": 6, "volume": 69825}
        self.sent_24h = None             # None: from the history
        self.sent_here = []              # times of mails accepted by us
        self.points = None
        self.apply(seed)

    def apply(self, seed):
        for name, value in seed.items():
            if name == "sending_enabled":
                self.sending = Eventual(bool(value))
            elif name in ("quota",):
                self.quota.update(value)
            elif hasattr(self, name) and name not in ("name", "sending"):
                setattr(self, name, value)
            else:
                raise KeyError(f"unknown region field: {name}")
        if {"daily_volume", "spike"} & set(seed):
            self.points = None
        if self.daily_volume and "identities" not in seed \
                and not self.identities:
            self.identities = json.loads(json.dumps(IDENTITIES))
        if isinstance(self.identities, list):
            self.identities = {name: {} for name in self.identities}

    def history(self, now):
        """[(start, attempts, bounces, complaints, rejects)] oldest first,
        15 minutes each.  Busy by day, quiet by night, the same every run."""
        if self.points is None:
            chance = random.Random("history " + self.name)
            end = int(now) // POINT * POINT
            self.points = []
            spike_from = end - 3600 * (self.spike or {}).get("hours", 0)
            for start in range(end - HISTORY, end, POINT):
                hour = start % 86400 / 3600
                shape = 1 + 0.8 * math.sin((hour - 8) / 24 * 2 * math.pi)
                mean = self.daily_volume * POINT / 86400 * shape
                sent = max(0, round(chance.gauss(mean, math.sqrt(mean))))
                if start >= spike_from:
                    sent += round(self.spike["volume"] * POINT / 3600
                                  / self.spike["hours"])
                self.points.append((
                    start, sent,
                    sum(chance.random() < self.bounce_rate
                        for _ in range(min(sent, 4000))),
                    sum(chance.random() < self.complaint_rate
                        for _ in range(min(sent, 4000))), 0))
        return self.points

    def sent_last_24h(self, now):
        here = len(self.sent_here) - bisect.bisect_left(self.sent_here,
                                                        now - 86400)
        if self.sent_24h is not None:
            return float(self.sent_24h + here)
        return float(here + sum(p[1] for p in self.history(now)
                                if p[0] >= now - 86400))

    def identity_for(self, address):
        """The verified identity that covers the address, or None. An address
        identity is more specific than its domain."""
        address = address.lower()
        domain = address.rpartition("@")[2]
        names = [address] + [domain.split(".", n)[n]
                             for n in range(domain.count("."))]
        for name in names:
            identity = self.identities.get(name)
            if identity is not None and identity.get("verified", True):
                return name
        return None

    def dump(self, now):
        return {"sending_enabled": self.sending.value,
                "ingress_points": self.ingress_points,
                "enforcement_status": self.enforcement_status,
                "production_access": self.production_access,
                "identities": self.identities, "quota": self.quota,
                "sent_24h": self.sent_last_24h(now),
                "daily_volume": self.daily_volume,
                "configuration_sets": self.configuration_sets,
                "sent_here": len(self.sent_here)}


class Caller:
    """Who signed a request, and with what rights."""

    def __init__(self, arn, user_id, key_id, policies, boundary, context,
                 user=None, session=None):
        self.arn, self.user_id, self.key_id = arn, user_id, key_id
        self.policies, self.boundary = policies, boundary
        self.context, self.user, self.session = context, user, session


def parse_when(text, now):
    """"-90d", "-3h", a number of seconds, or RFC 3339."""
    if isinstance(text, (int, float)):
        return float(text)
    match = re.fullmatch(r"-(\d+)([smhd])", text)
    if match:
        return now - int(match[1]) * {"s": 1, "m": 60, "h": 3600,
                                      "d": 86400}[match[2]]
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def iso(when):
    return datetime.fromtimestamp(when, timezone.utc).strftime(
        "%Y-%m-%dT%H:%M:%SZ")


NAMED = ("users", "groups", "roles", "regions", "managed_policies", "health",
         "organization", "posture", "kms", "secrets", "findings", "settings",
         "root")
LISTS = ("instances", "security_groups", "cases", "trail", "trails")


def merged(seed):
    """The default world with the seed over it, name by name: a seed says only
    what differs. null takes a name away."""
    unknown = set(seed) - {"account", *NAMED, *LISTS}
    if unknown:
        raise KeyError(f"seed: unknown {sorted(unknown)}")
    world = {**DEFAULT, **seed}
    for part in NAMED:
        both = {**DEFAULT.get(part, {}), **seed.get(part, {})}
        world[part] = {k: v for k, v in both.items() if v is not None}
    return world


class World:
    def __init__(self, seed=None, time_scale=1.0):
        self.lock = threading.RLock()
        self.time_scale = time_scale
        self.clock_skew = 0.0
        self.chance = random.Random(20)       # what flaps
        self.names = random.Random(5)         # ids and secrets
        self.latency = random.Random(7)
        self.settings = {"rtt_ms": None, "page_size": None,
                         "rate": {"cloudtrail": 2},
                         "propagation": dict(PRESETS["immediate"]),
                         "smtp_dead_session": "at_data",
                         "smtp_throttled": False, "smtp_v2": False,
                         "wrong_secrets": [WRONG_SECRET],
                         "disabled_regions": [],
                         "web_identity": None, "session_s": None,
                         "report_polls": 0, "report_age_s": None,
                         "simulated_scp": [],
                         "attacker": None,
                         "ec2": {"ipv6": False, "revoke": "exact"},
                         "imds": {"mode": "on", "role": "mail-host"}}
        self.credential_report = None
        self.root = {"keys": [], "mfa": True}
        seed = merged(seed or {})
        now = self.now()
        self.account = str(seed["account"])
        self.started = now
        self.root.update(seed.get("root", {}))
        self.groups, self.users, self.roles = {}, {}, {}
        self.keys, self.sessions = {}, {}
        self.policies = {
            arn: {"default": version, "versions": {version: document}}
            for arn, (version, document) in DOCUMENTS.items()}
        for arn, document in seed.get("managed_policies", {}).items():
            self.policies[arn] = {"default": "v1",
                                  "versions": {"v1": document}}
        for kind, prefix, into in (("groups", "AGPA", self.groups),
                                   ("roles", "AROA", self.roles),
                                   ("users", "AIDA", self.users)):
            for name, fields in seed.get(kind, {}).items():
                self._add_entity(kind[:-1], prefix, into, name, fields, now)
        for name, fields in seed.get("users", {}).items():
            for key in fields.get("keys", []):
                made = self.add_key(name, key["id"], key["secret"],
                                    key.get("status", "Active"),
                                    parse_when(key.get("created", "-30d"),
                                               now))
                if "used" in key:           # ["-3d", "ses", "us-east-1"]
                    made.last_used = (parse_when(key["used"][0], now),
                                      *key["used"][1:])
        for entity in self.all_entities():
            entity.effective = Eventual(self.policies_of(entity))
        self.regions = {name: Region(name, seed["regions"].get(name, {}))
                        for name in SES_REGIONS}
        self.instances = seed["instances"]
        self.security_groups = seed["security_groups"]
        self.ec2_groups, self.snapshots = None, []
        self.organization = seed.get("organization")
        self.posture = seed.get("posture", {})
        self.health = seed["health"]
        self.kms = json.loads(json.dumps(seed["kms"]))
        self.stored = {}
        services_secrets.seed(self, seed["secrets"])
        self.cases = seed.get("cases", [])
        self.trail = seed.get("trail", [])
        self.trails = seed.get("trails", [])
        self.findings = seed.get("findings", {})
        self.apply(seed.get("settings", {}))

    def _add_entity(self, kind, prefix, into, name, fields, now):
        into[name] = Entity(kind, name, prefix + self.random_id(17),
                            parse_when(fields.get("created", "-500d"), now),
                            fields)
        return into[name]

    def now(self):
        return time.time() + self.clock_skew

    def all_entities(self):
        return [*self.users.values(), *self.groups.values(),
                *self.roles.values()]

    # --- names and secrets -------------------------------------------------

    def random_id(self, length):
        return "".join(self.names.choices(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", k=length))

    def random_secret(self):
        """40 characters that always hold a slash and a plus: whoever decodes
        or splits a secret carelessly shall notice at once."""
        alphabet = ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                    "0123456789/+")
        text = self.names.choices(alphabet, k=40)
        text[11], text[23] = "/", "+"
        return "".join(text)

    def arn(self, kind, name, path="/"):
        return f"arn:aws:iam::{self.account}:{kind}{path}{name}"

    def arn_of(self, entity):
        return self.arn(entity.kind, entity.name, entity.path)

    # --- changes -----------------------------------------------------------

    def delayed(self, eventual, value, kind):
        settings = self.settings["propagation"]
        eventual.change(value, settings[kind], settings["flap"],
                        time.monotonic(), self.chance, self.time_scale)

    def seen(self, eventual):
        """Propagation runs by the monotonic clock: turning the emulator's
        clock forward must not make a key arrive."""
        return eventual.seen(time.monotonic(), self.chance)

    def add_user(self, name, fields):
        user = self._add_entity("user", "AIDA", self.users, name, fields,
                                self.now())
        user.effective = Eventual(self.policies_of(user))
        return user

    def add_key(self, user, key_id=None, secret=None, status="Active",
                created=None):
        """created None: a new key, with the delay of new keys."""
        key = Key(key_id or "AKIA" + self.random_id(16),
                  secret or self.random_secret(), user, status,
                  self.now() if created is None else created)
        if not re.fullmatch("AKIA[A-Z0-9]{16}", key.id):
            raise ValueError(f"not an access key id: {key.id}")
        if len(key.secret) != 40:
            raise ValueError(f"secret of {key.id}: not 40 characters")
        if created is None:
            key.visible = Eventual(None)
            self.delayed(key.visible, status, "new")
            key.listed = Eventual(False)
            self.delayed(key.listed, True, "list")
        self.keys[key.id] = key
        return key

    def set_key_status(self, key, status):
        if status == key.status:
            return
        key.status = status
        self.delayed(key.visible, status,
                     "new" if status == "Active" else "dead")

    def delete_key(self, key):
        key.status = None
        self.delayed(key.visible, None, "dead")

    def keys_of(self, user):
        return sorted((k for k in self.keys.values()
                       if k.user == user and k.status is not None),
                      key=lambda k: (k.created, k.id))

    def policy_changed(self, entity):
        """Call after the entity's policies were changed."""
        touched = [entity]
        if entity.kind == "group":
            touched += [u for u in self.users.values()
                        if entity.name in u.groups]
        for one in touched:
            self.delayed(one.effective, self.policies_of(one), "policy")

    def document_of(self, arn):
        policy = self.policies[arn]
        return policy["versions"][policy["default"]]

    def policies_of(self, entity):
        """(identity policies, boundary or None) as stored now."""
        found = []
        owners = [entity] + [self.groups[g] for g in entity.groups]
        for owner in owners:
            for name, document in owner.policies.items():
                found.append(Policy(f"{owner.kind}_{owner.name}_{name}",
                                    "IAM Policy", document))
            for arn in owner.attached:
                found.append(Policy(arn.rpartition("/")[2], "IAM Policy",
                                    self.document_of(arn)))
        boundary = None
        if entity.boundary:
            boundary = [Policy(entity.boundary.rpartition("/")[2],
                               "Permissions Boundary Policy",
                               self.document_of(entity.boundary))]
        return found, boundary

    def new_session(self, seconds, **who):
        seconds = self.settings["session_s"] or seconds
        session = Session("ASIA" + self.random_id(16), self.random_secret(),
                          "IQoJ" + "".join(self.names.choices(
                              "abcdefghijkmnpqrstuvwxyzABCDEFGH/+", k=120))
                          + "==",
                          self.now() + seconds, self.now(), **who)
        self.sessions[session.id] = session
        return session

    # --- who is calling ----------------------------------------------------

    def key_seen(self, key):
        """The key's state as this request's front end sees it."""
        return self.seen(key.visible)

    def caller(self, key_id, peer):
        session = self.sessions.get(key_id)
        context = {"aws:sourceip": [peer],
                   "aws:currenttime": [iso(self.now())],
                   "aws:epochtime": [str(int(self.now()))],
                   "aws:principalaccount": [self.account],
                   "aws:securetransport": ["false"]}
        key = self.keys.get(key_id)
        name = session.user if session else key.user
        if session:
            context["aws:tokenissuetime"] = [iso(session.issued)]
            context["aws:multifactorauthpresent"] = [
                "true" if session.mfa else "false"]
        if session and session.role:
            role = self.roles[session.role]
            policies, boundary = self.seen(role.effective)
            context["aws:principalarn"] = [self.arn_of(role)]
            context["aws:userid"] = [f"{role.id}:{session.name}"]
            return Caller(f"arn:aws:sts::{self.account}:assumed-role/"
                          f"{role.name}/{session.name}",
                          f"{role.id}:{session.name}", key_id, policies,
                          boundary, context, session=session)
        user = self.users[name]
        policies, boundary = self.seen(user.effective)
        context.update({"aws:username": [user.name],
                        "aws:userid": [user.id],
                        "aws:principalarn": [self.arn_of(user)],
                        "aws:principaltype": ["User"]})
        for tag, value in user.tags.items():
            context["aws:principaltag/" + tag.lower()] = [value]
        return Caller(self.arn_of(user), user.id, key_id, policies, boundary,
                      context, user=user, session=session)

    def decide(self, caller, action, resource, context=None):
        session = None
        if caller.session and caller.session.policy:
            session = [Policy("session", "IAM Policy", caller.session.policy)]
        return iam_policy.evaluate(caller.policies, action, resource,
                                   {**caller.context, **(context or {})},
                                   caller.boundary, session)

    # --- SES ---------------------------------------------------------------

    def secrets(self):
        return [k.secret for k in (*self.keys.values(),
                                   *self.sessions.values())]

    def may_send(self, region):
        """None, "paused", "shutdown" or "quota", as the sending path sees it
        now."""
        if region.enforcement_status == "SHUTDOWN":
            return "shutdown"
        if not self.seen(region.sending):
            return "paused"
        if region.sent_last_24h(self.now()) >= region.quota["max_24h"] >= 0:
            return "quota"
        return None

    def identity_arn(self, region, name):
        return f"arn:aws:ses:{region}:{self.account}:identity/{name}"

    def message_id(self):
        return (f"0100{int(self.now() * 1000):012x}-"
                f"{uuid.UUID(int=self.names.getrandbits(128))}-000000")

    # --- credential report -------------------------------------------------

    def make_report(self, write):
        """settings.report_age_s: it was made so long ago, and says nothing
        of the users and keys that came since."""
        age = self.settings["report_age_s"] or 0
        then = self.now() - age
        users, keys = self.users, self.keys
        try:
            self.users = {n: u for n, u in users.items()
                          if u.created <= then}
            self.keys = {n: k for n, k in keys.items() if k.created <= then}
            self.credential_report = {"state": "COMPLETE", "time": then,
                                      "content": write(self)}
        finally:
            self.users, self.keys = users, keys

    # --- settings ----------------------------------------------------------

    def apply(self, changes):
        """The control API's merge. Unknown names are errors: a typo in a
        test must not silently test nothing."""
        for name, value in changes.items():
            if name == "clock_skew_s":
                self.clock_skew = float(value)
            elif name == "preset":
                self.settings["propagation"] = dict(PRESETS[value])
            elif name == "regions":
                for region, fields in value.items():
                    targets = SES_REGIONS if region == "*" else [region]
                    for target in targets:
                        self.regions[target].apply(fields)
            elif name == "health":
                self.health.update(value)
            elif name == "kms":
                for region, keys in value.items():
                    for key_id, fields in keys.items():
                        self.kms.setdefault(region, {}).setdefault(
                            key_id, {}).update(fields)
            elif name == "secrets":
                services_secrets.seed(self, value)
            elif name in ("cases", "trail", "trails", "findings", "instances",
                          "security_groups", "organization",
                          "posture"):
                setattr(self, name, value)
                if name == "security_groups":
                    self.ec2_groups = None
            elif name in self.settings:
                if name == "rate":
                    self.settings[name] = dict(value)
                elif name == "attacker":
                    self.settings[name] = value and dict(value)
                elif isinstance(self.settings[name], dict):
                    unknown = set(value) - set(self.settings[name])
                    if unknown:
                        raise KeyError(f"{name}: unknown {sorted(unknown)}")
                    self.settings[name].update(value)
                else:
                    self.settings[name] = value
            else:
                raise KeyError(f"unknown setting: {name}")

    def round_trip(self):
        """Seconds of artificial latency for one request."""
        if not self.settings["rtt_ms"]:
            return 0.0
        with self.lock:
            return self.latency.uniform(*self.settings["rtt_ms"]) / 1000

    def dump_ec2(self):
        import services_ec2         # it imports this module
        return services_ec2.dump(self)

    def dump(self):
        now = self.now()

        def entity(one):
            return {"arn": self.arn_of(one), "policies": one.policies,
                    "attached": one.attached, "groups": one.groups,
                    "boundary": one.boundary,
                    "keys": [{"id": k.id, "status": k.status,
                              "created": iso(k.created),
                              "last_used": k.last_used and
                              iso(k.last_used[0])}
                             for k in self.keys_of(one.name)]
                    if one.kind == "user" else []}

        return {"account": self.account, "now": iso(now),
                "clock_skew_s": self.clock_skew,
                "settings": {k: v for k, v in self.settings.items()
                             if k != "wrong_secrets"},
                "users": {n: entity(u) for n, u in self.users.items()},
                "groups": {n: entity(g) for n, g in self.groups.items()},
                "roles": {n: entity(r) for n, r in self.roles.items()},
                "ec2": self.dump_ec2(), "organization": self.organization,
                "kms": self.kms,
                "secrets": {r: {n: s.dump() for n, s in secrets.items()}
                            for r, secrets in self.stored.items()},
                "deleted_keys": [k.id for k in self.keys.values()
                                 if k.status is None],
                "regions": {n: r.dump(now) for n, r in self.regions.items()}}
