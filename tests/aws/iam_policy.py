"""IAM policy evaluation: identity policies, boundary, conditions.

One evaluator answers both the authorisation of every call and
SimulatePrincipalPolicy, so that the two cannot disagree.
Source: IAM User Guide, "Policy evaluation logic", "Condition operators".
"""

import functools
import ipaddress
import re
from dataclasses import dataclass, field
from datetime import datetime, timezone

ALLOWED, EXPLICIT_DENY, IMPLICIT_DENY = ("allowed", "explicitDeny",
                                         "implicitDeny")


@dataclass
class Policy:
    """A document with the name that a simulation reports for it."""
    name: str
    kind: str              # SourcePolicyType: "IAM Policy"
    document: dict


@dataclass
class Decision:
    verdict: str
    matched: list = field(default_factory=list)     # Policy objects
    boundary_allows: bool = None                    # None: no boundary
    missing_keys: set = field(default_factory=set)

    @property
    def allowed(self):
        return self.verdict == ALLOWED


class MalformedDocument(Exception):
    pass


def as_list(value):
    return value if isinstance(value, list) else [value]


@functools.lru_cache(maxsize=4096)
def _wildcard(pattern, fold):
    """* and ? only; brackets are ordinary characters in IAM."""
    body = "".join(".*" if c == "*" else "." if c == "?" else re.escape(c)
                   for c in pattern)
    return re.compile(body, re.S | (re.I if fold else 0))


def like(pattern, value, fold=False):
    return _wildcard(pattern, fold).fullmatch(value) is not None


def arn_like(pattern, value):
    """Six colon-separated parts, a wildcard never crosses the first five."""
    want, have = pattern.split(":", 5), value.split(":", 5)
    return len(want) == len(have) == 6 and all(map(like, want, have))


def substitute(text, context):
    """Policy variables. One without a value matches nothing."""
    missing = []

    def replace(match):
        name = match.group(1)
        if name in ("*", "?", "$"):
            return name
        values = context.get(name.lower())
        if not values:
            missing.append(name)
            return ""
        return values[0]

    result = re.sub(r"\$\{([^}]+)\}", replace, text)
    return None if missing else result


def _number(text):
    return float(text)


def _date(text):
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    when = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if when.tzinfo is None:
        when = when.replace(tzinfo=timezone.utc)
    return when.timestamp()


def _in_network(want, have):
    return ipaddress.ip_address(have) in ipaddress.ip_network(want,
                                                              strict=False)


def _fold_equal(want, have):
    return want.lower() == have.lower()


def _bool(want, have):
    return want.lower() == have.lower()


# operator -> (test(policy value, request value), negated)
OPERATORS = {
    "StringEquals": (lambda w, h: w == h, False),
    "StringNotEquals": (lambda w, h: w == h, True),
    "StringEqualsIgnoreCase": (_fold_equal, False),
    "StringNotEqualsIgnoreCase": (_fold_equal, True),
    "StringLike": (like, False),
    "StringNotLike": (like, True),
    "ArnEquals": (arn_like, False),
    "ArnLike": (arn_like, False),
    "ArnNotEquals": (arn_like, True),
    "ArnNotLike": (arn_like, True),
    "Bool": (_bool, False),
    "IpAddress": (_in_network, False),
    "NotIpAddress": (_in_network, True),
    "BinaryEquals": (lambda w, h: w == h, False),
}
for _kind, _read in (("Numeric", _number), ("Date", _date)):
    for _name, _test, _negated in (
            ("Equals", lambda w, h: h == w, False),
            ("NotEquals", lambda w, h: h == w, True),
            ("LessThan", lambda w, h: h < w, False),
            ("LessThanEquals", lambda w, h: h <= w, False),
            ("GreaterThan", lambda w, h: h > w, False),
            ("GreaterThanEquals", lambda w, h: h >= w, False)):
        OPERATORS[_kind + _name] = (
            lambda w, h, t=_test, r=_read: t(r(w), r(h)), _negated)


def split_operator(name):
    """(set qualifier or "", base operator, IfExists)"""
    qualifier, _, base = name.rpartition(":")
    if_exists = base.endswith("IfExists")
    if if_exists:
        base = base[:-len("IfExists")]
    return qualifier, base, if_exists


def _text(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _condition_holds(operator, key, wanted, context, missing):
    qualifier, base, if_exists = split_operator(operator)
    have = context.get(key.lower())
    wanted = [_text(w) for w in as_list(wanted)]
    if base == "Null":
        return (not have) == (wanted[0].lower() == "true")
    if not have:
        missing.add(key)
        if if_exists or qualifier == "ForAllValues":
            return True
        return OPERATORS[base][1] and qualifier != "ForAnyValue"
    test, negated = OPERATORS[base]

    def one(value):
        hit = False
        for want in wanted:
            want = substitute(want, context)
            try:
                hit = hit or (want is not None and test(want, value))
            except ValueError:      # not a number, date or address: no match
                pass
        return hit != negated

    return all(map(one, have)) if qualifier == "ForAllValues" or (
        negated and not qualifier) else any(map(one, have))


def statement_applies(statement, action, resource, context, missing=None):
    missing = set() if missing is None else missing
    if "Action" in statement:
        if not any(like(a, action, True)
                   for a in as_list(statement["Action"])):
            return False
    elif any(like(a, action, True) for a in as_list(statement["NotAction"])):
        return False

    def names(patterns):
        filled = (substitute(p, context) for p in as_list(patterns))
        return any(p is not None and like(p, resource) for p in filled)

    if "Resource" in statement:
        if not names(statement["Resource"]):
            return False
    elif "NotResource" in statement and names(statement["NotResource"]):
        return False
    return all(_condition_holds(operator, key, wanted, context, missing)
               for operator, keys in statement.get("Condition", {}).items()
               for key, wanted in keys.items())


def _scan(policies, action, resource, context, missing):
    """(denying policies, allowing policies)"""
    found = {"Deny": [], "Allow": []}
    for policy in policies:
        for statement in as_list(policy.document.get("Statement", [])):
            if statement_applies(statement, action, resource, context,
                                 missing):
                found[statement["Effect"]].append(policy)
    return found["Deny"], found["Allow"]


def evaluate(policies, action, resource, context, boundary=None,
             session=None):
    """policies: the identity's; boundary, session: lists of Policy or None.
    context: {lower-case key: [text, ...]}"""
    missing = set()
    deny, allow = _scan(policies, action, resource, context, missing)
    boundary_allows = None
    caps_allow = True
    for name, cap in (("boundary", boundary), ("session", session)):
        if cap is None:
            continue
        cap_deny, cap_allow = _scan(cap, action, resource, context, missing)
        deny += cap_deny
        caps_allow = caps_allow and bool(cap_allow)
        if name == "boundary":
            boundary_allows = bool(cap_allow) and not cap_deny
    if deny:
        return Decision(EXPLICIT_DENY, deny, boundary_allows, missing)
    if allow and caps_allow:
        return Decision(ALLOWED, allow, boundary_allows, missing)
    return Decision(IMPLICIT_DENY, [], boundary_allows, missing)


def check_document(document):
    """Raise MalformedDocument for what IAM would not store."""
    if not isinstance(document, dict):
        raise MalformedDocument("Syntax errors in policy.")
    if document.get("Version", "2008-10-17") not in ("2012-10-17",
                                                     "2008-10-17"):
        raise MalformedDocument("Syntax errors in policy.")
    if set(document) - {"Version", "Id", "Statement"}:
        raise MalformedDocument("Syntax errors in policy.")
    statements = as_list(document.get("Statement", []))
    if not statements:
        raise MalformedDocument("Syntax errors in policy.")
    known = {"Sid", "Effect", "Action", "NotAction", "Resource",
             "NotResource", "Condition"}
    sids = []
    for statement in statements:
        if not isinstance(statement, dict) or set(statement) - known:
            raise MalformedDocument("Syntax errors in policy.")
        if statement.get("Effect") not in ("Allow", "Deny"):
            raise MalformedDocument("Syntax errors in policy.")
        if ("Action" in statement) == ("NotAction" in statement):
            raise MalformedDocument("Policy statement must contain actions.")
        if ("Resource" in statement) == ("NotResource" in statement):
            raise MalformedDocument(
                "Policy statement must contain resources.")
        for name in ("Action", "NotAction", "Resource", "NotResource"):
            if not all(isinstance(one, str)
                       for one in as_list(statement.get(name, ""))):
                raise MalformedDocument("Syntax errors in policy.")
        if not isinstance(statement.get("Condition", {}), dict) \
                or not isinstance(statement.get("Sid", ""), str):
            raise MalformedDocument("Syntax errors in policy.")
        for action in as_list(statement.get("Action",
                                            statement.get("NotAction"))):
            if action != "*" and not re.fullmatch(r"[A-Za-z0-9-]+:[\w*?]+",
                                                  action):
                raise MalformedDocument(
                    "Actions/Conditions must be prefaced by a vendor, e.g., "
                    "iam, sdb, ec2, etc.")
        for resource in as_list(statement.get("Resource",
                                              statement.get("NotResource"))):
            if "*" != resource and not resource.startswith("arn:"):
                raise MalformedDocument(
                    f"Resource {resource} must be in ARN format or \"*\".")
        for operator, keys in statement.get("Condition", {}).items():
            base = split_operator(operator)[1]
            if base != "Null" and base not in OPERATORS:
                raise MalformedDocument(
                    f"Invalid Condition type : {operator}.")
            if not isinstance(keys, dict) or not all(
                    isinstance(one, (str, int, float))
                    for value in keys.values() for one in as_list(value)) \
                    or [] in keys.values():
                raise MalformedDocument("Syntax errors in policy.")
        if statement.get("Sid"):
            sids.append(statement["Sid"])
    if len(sids) != len(set(sids)):
        raise MalformedDocument("Statement IDs (SID) in a single policy must "
                                "be unique.")
