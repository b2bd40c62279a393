"""Who can send, by trying it out: every request that a sender could make,
with each value of what it can choose or we cannot see, is put to an evaluator
that says yes or no.  All of them allowed: yes. Some: depends. None: no.

No three-valued logic, and no code in common with lib/policy: it uses the
emulator's iam_policy for single statements.

    oracle.py SEED.json ACTION...    prints name, kind and a verdict for each
"""

import itertools
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "aws"))

from iam_policy import as_list, like, statement_applies    # noqa: E402
from world import World                                    # noqa: E402

ABSENT = None
# what is no policy's business, but not known either
LIMITS, SPARED, MEANT = ("(boundary limits everyone)", "(session is spared)",
                         "(it is the session that is named)")
MYSTERIES = (LIMITS, SPARED, MEANT)


def statements(document):
    return as_list(document.get("Statement", []))


def sample(operator, value):
    """A value that fits what a policy says."""
    if "IpAddress" in operator:
        return value.partition("/")[0]
    return value.replace("*", "x").replace("?", "x")


class Sender:
    def __init__(self, world, entity):
        self.world, self.entity = world, entity
        policies, boundary = world.policies_of(entity)
        self.own = [s for p in policies for s in statements(p.document)]
        self.boundary = boundary and [
            s for p in boundary for s in statements(p.document)]
        self.arn = world.arn_of(entity)

    def ways(self):
        """The contexts that are known, one for each kind of credentials; a
        list of values means: any of them."""
        entity, account = self.entity, self.world.account
        base = {"aws:principalaccount": account,
                "aws:resourceaccount": account,
                "aws:currenttime": "2026-11-21T00:00:00Z",
                "aws:securetransport": "true"}
        old_and_new = ["2001-01-01T00:00:00Z", "2099-01-01T00:00:00Z"]
        if entity.kind == "group":
            yield base
        elif entity.kind == "role":
            yield {**base, "aws:principalarn": self.arn,
                   "aws:username": ABSENT, "aws:tokenissuetime": old_and_new}
        else:
            base.update({"aws:principalarn": self.arn,
                         "aws:username": entity.name,
                         "aws:userid": entity.id})
            for key in self.keys():
                if key.startswith("aws:principaltag/"):
                    base[key] = {k.lower(): v for k, v in
                                 entity.tags.items()}.get(
                        key.partition("/")[2], ABSENT)
            yield {**base, "aws:tokenissuetime": ABSENT,
                   "aws:multifactorauthpresent": ABSENT}
            yield {**base, "aws:tokenissuetime": old_and_new,
                   "aws:multifactorauthpresent":
                   ["true", "false"] if entity.mfa else "false"}

    def keys(self, others=()):
        """Every key that a policy asks for, and values that it names."""
        found = {}
        for one in (*self.own, *(self.boundary or ()), *others):
            for operator, keys in one.get("Condition", {}).items():
                for key, values in keys.items():
                    found.setdefault(key.lower(), []).extend(
                        sample(operator, str(v)) for v in as_list(values))
            for variable in re.findall(r"\$\{([^}]+)\}", json.dumps(one)):
                found.setdefault(variable.lower(), [])
        return found

    def contexts(self, known, region, others):
        keys = self.keys(others)
        pools = {}
        for key, values in keys.items():
            if key == "aws:requestedregion" and region:
                pools[key] = [region]
            elif key in known:
                pools[key] = as_list(known[key])
            else:
                pools[key] = [ABSENT, *dict.fromkeys(values),
                              "203.0.113.99" if key == "aws:sourceip"
                              else "nothing-like-it"]
        for mystery in MYSTERIES:
            pools[mystery] = [True, False]
        for chosen in itertools.product(*pools.values()):
            context = dict(zip(pools, chosen))
            mysteries = {m: context.pop(m) for m in MYSTERIES}
            yield {k: [v] for k, v in context.items()
                   if v is not ABSENT}, mysteries

    # --- one request -------------------------------------------------------

    def hits(self, some, effect, action, resource, context):
        return any(s["Effect"] == effect and
                   statement_applies(s, action, resource, context)
                   for s in some)

    def named(self, statement, mysteries):
        """"me", "all", "account" or None"""
        who = statement.get("Principal", statement.get("NotPrincipal"))
        names = ["*"] if who == "*" else as_list(who.get("AWS", []))
        session = (f"arn:aws:sts::{self.world.account}:assumed-role/"
                   f"{self.entity.name}/")
        if self.arn in names or self.entity.kind == "role" and \
                mysteries[MEANT] and any(n.startswith(session)
                                         for n in names):
            return "me"
        if "*" in names:
            return "all"
        root = f"arn:aws:iam::{self.world.account}:root"
        return "account" if root in names else None

    def denied_by_resource(self, statement, mysteries):
        by = self.named(statement, mysteries)
        if "Principal" in statement:
            return by is not None
        if self.boundary is not None or by != "me":
            return True
        return self.entity.kind == "role" and not mysteries[SPARED]

    def allowed(self, action, resource, granting, context, mysteries):
        active = [s for s in granting
                  if statement_applies(s, action, resource, context)]
        if any(s["Effect"] == "Deny"
               and self.denied_by_resource(s, mysteries) for s in active):
            return False
        if self.hits([*self.own, *(self.boundary or ())], "Deny", action,
                     resource, context):
            return False
        limit = self.boundary is None or self.hits(
            self.boundary, "Allow", action, resource, context)
        if limit and self.hits(self.own, "Allow", action, resource, context):
            return True
        for one in active:
            by = self.named(one, mysteries)
            if one["Effect"] == "Allow" and (
                    by == "me" and (limit or self.entity.kind == "user")
                    or by == "all" and (limit or not mysteries[LIMITS])):
                return True
        return False

    # --- all requests ------------------------------------------------------

    def outcomes(self, action, resource, region, granting, known):
        said = {self.allowed(action, resource, granting, *one)
                for one in self.contexts(known, region, granting)}
        return 2 if said == {True} else 1 if True in said else 0

    def strange(self, known):
        """Identities that the account does not have, as the policies name
        them."""
        for one in self.own:
            for pattern in as_list(one.get("Resource", "*")):
                if one["Effect"] != "Allow":
                    continue
                for name, value in known.items():
                    if isinstance(value, str):
                        pattern = re.sub(re.escape("${" + name + "}"), value,
                                         pattern, flags=re.I)
                if "${" in pattern:
                    continue
                name = "arn:aws:ses:us-east-2:1:identity/nobody.invalid"
                if pattern != "*":
                    name = pattern.replace("*", "q").replace("?", "q")
                yield name

    def verdict(self, action, identities):
        relevant = any(s["Effect"] == "Allow" and
                       any(like(a, action, True) for a in
                           as_list(s.get("Action", "*")))
                       for s in self.own)
        if self.entity.kind == "group":
            identities = [(r, a, []) for r, a, _ in identities]
        best = 0
        for known in self.ways():
            for region, arn, granting in identities:
                if relevant or granting:
                    best = max(best, self.outcomes(action, arn, region,
                                                   granting, known))
        mine = {arn for _, arn, _ in identities}
        for known in self.ways() if relevant and best == 0 else ():
            for arn in self.strange(known):
                if arn not in mine and ":ses:" in arn \
                        and ":identity/" in arn:
                    best = max(best, min(1, self.outcomes(
                        action, arn, None, [], known)))
        return ("no", "depends", "yes")[best]


def main():
    with open(sys.argv[1]) as f:
        world = World(json.load(f))
    identities = [
        (region.name, world.identity_arn(region.name, name),
         [s for p in fields.get("policies", {}).values()
          for s in statements(json.loads(p))])
        for region in world.regions.values()
        for name, fields in region.identities.items()]
    for entity in world.all_entities():
        sender = Sender(world, entity)
        print(entity.name, entity.kind,
              *[sender.verdict(a, identities) for a in sys.argv[2:]],
              sep="\t")


main()
