"""The world of the named cases: who has which policies.  What must come out
stands in tests/data/senders.tsv, worked out by hand.

Prints the seed of the emulator; with a number, that many users and their
like more, by chance but always the same: see more()."""

import json
import random
import sys

ACCOUNT, OTHER = "111122223333", "999988887777"
IAM = f"arn:aws:iam::{ACCOUNT}:"
SES = "arn:aws:ses:us-east-1:" + ACCOUNT + ":identity/"
EU = "arn:aws:ses:eu-west-1:" + ACCOUNT + ":identity/"
RAW, SEND = "ses:SendRawEmail", "ses:SendEmail"
FULL = "arn:aws:iam::aws:policy/AmazonSESFullAccess"
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
QUARANTINE = "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantine"


def doc(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def st(effect, action, resource="*", **more):
    one = {"Effect": effect}
    for name, value in (("Action", action), ("Resource", resource)):
        if value is not None:
            one[name] = value
    one.update(more)
    return one


def allow(action, resource="*", **more):
    return st("Allow", action, resource, **more)


def deny(action, resource="*", **more):
    return st("Deny", action, resource, **more)


def when(operator, key, value):
    return {"Condition": {operator: {key: value}}}


def inline(*statements):
    return {"policies": {"own": doc(*statements)}}


MANAGED = {
    # the real V4 is not published in full: two that it could be
    QUARANTINE + "V4": doc(deny(["ses:Send*", "iam:*"])),
    QUARANTINE: doc(deny(["iam:CreateUser", "ec2:RunInstances"])),
    IAM + "policy/OnlyS3": doc(allow("s3:*")),
    IAM + "policy/AllSes": doc(allow("ses:*")),
    IAM + "policy/OnlySend": doc(allow(SEND)),
    IAM + "policy/AllButRaw": doc(allow("*"), deny(RAW)),
    IAM + "policy/SendByTag": doc(allow(
        "ses:Send*", **when("StringEquals", "aws:PrincipalTag/team",
                            "mail"))),
}
GROUPS = {
    "g-deny": {"policies": {"stop": doc(deny("ses:*"))}},
    "g-managed": {"attached": [IAM + "policy/AllSes"]},
    "g-tag": {"attached": [IAM + "policy/SendByTag"]},
    "g-nothing": {},
}
SMTP_GROUP = "AWSSESSendingGroupDoNotRename"
ONLY_S3, ALL_SES = IAM + "policy/OnlyS3", IAM + "policy/AllSes"
SHOP = SES + "shop.example.net"

USERS = {
    "inline-raw": inline(allow(RAW)),
    "group-raw": {"groups": [SMTP_GROUP]},
    "group-managed": {"groups": ["g-managed"]},
    "full": {"attached": [FULL]},
    "admin": {"attached": [ADMIN]},
    "none": {},
    "other-service": inline(allow("s3:*"), allow("ses:Get*")),
    "wild-action": inline(allow("ses:Send*")),
    "wild-one": inline(allow("ses:Send?awEmail")),
    "letter-case": inline(allow("SES:sendrawemail")),
    "not-action": inline(allow(None, NotAction="iam:*")),
    "not-action-send": inline(allow(None, NotAction=["ses:Send*"])),
    "one-statement": {"policies": {"own": {
        "Version": "2012-10-17", "Statement": allow([SEND, "s3:*"])}}},
    "deny-all": {"attached": [FULL], "policies": {"stop": doc(deny("*"))}},
    "deny-raw": {"attached": [FULL], "policies": {"stop": doc(deny(RAW))}},
    "deny-not-action": {"attached": [FULL], "policies": {
        "stop": doc(deny(None, NotAction=SEND))}},
    "group-deny": {"attached": [FULL], "groups": ["g-deny"]},
    "boundary-blocks": {"attached": [FULL], "boundary": ONLY_S3},
    "boundary-allows": {"attached": [ADMIN], "boundary": ALL_SES},
    "boundary-part": {"attached": [FULL],
                      "boundary": IAM + "policy/OnlySend"},
    "boundary-denies": {"attached": [FULL],
                        "boundary": IAM + "policy/AllButRaw"},
    "boundary-only": {"boundary": ALL_SES},
    "one-identity": inline(allow(RAW, SHOP)),
    "one-region": inline(allow(RAW, EU + "*")),
    "any-region": inline(allow(
        RAW, f"arn:aws:ses:*:{ACCOUNT}:identity/mail.*")),
    "not-there": inline(allow(RAW, SES + "unverified.example.net")),
    "not-ours": inline(allow(
        RAW, f"arn:aws:ses:us-east-1:{OTHER}:identity/partner.example")),
    "not-resource": inline(allow(RAW, None, NotResource=SHOP)),
    "deny-resources": inline(allow(RAW), deny(
        RAW, "arn:aws:ses:*:*:identity/*")),
    "deny-one": inline(allow(RAW), deny(RAW, SHOP)),
    "deny-all-but-one": inline(allow(RAW), deny(
        RAW, None, NotResource=SHOP)),
    "from": inline(allow(RAW, **when(
        "StringEquals", "ses:FromAddress", "info@shop.example.net"))),
    "from-deny": inline(allow(RAW), deny(RAW, **when(
        "StringNotEquals", "ses:FromAddress", "info@shop.example.net"))),
    "recipients": inline(allow(RAW, **when(
        "ForAllValues:StringLike", "ses:Recipients", "*@example.net"))),
    "ip": inline(allow(RAW, **when(
        "IpAddress", "aws:SourceIp", "198.51.100.0/24"))),
    "ip-deny": inline(allow(RAW), deny("*", **when(
        "NotIpAddress", "aws:SourceIp", "198.51.100.0/24"))),
    "vpc-if-exists": inline(allow(RAW, **when(
        "StringEqualsIfExists", "aws:SourceVpc", "vpc-1"))),
    "mfa": inline(allow(RAW, **when(
        "Bool", "aws:MultiFactorAuthPresent", "true"))),
    "mfa-device": {**inline(allow(RAW, **when(
        "Bool", "aws:MultiFactorAuthPresent", "true"))),
        "mfa": [IAM + "mfa/mfa-device"]},
    "mfa-deny-if-exists": inline(allow(RAW), deny("*", **when(
        "BoolIfExists", "aws:MultiFactorAuthPresent", "false"))),
    "mfa-deny": inline(allow(RAW), deny("*", **when(
        "Bool", "aws:MultiFactorAuthPresent", "false"))),
    "region-used": inline(allow(RAW, **when(
        "StringEquals", "aws:RequestedRegion", "eu-west-1"))),
    "region-unused": inline(allow(RAW, **when(
        "StringEquals", "aws:RequestedRegion", "sa-east-1"))),
    "tls": inline(allow(RAW, **when("Bool", "aws:SecureTransport", "true"))),
    "no-tls": inline(allow(RAW, **when(
        "Bool", "aws:SecureTransport", "false"))),
    "expired": inline(allow(RAW, **when(
        "DateLessThan", "aws:CurrentTime", "2020-01-01T00:00:00Z"))),
    "begun": inline(allow(RAW, **when(
        "DateGreaterThan", "aws:CurrentTime", "2020-01-01T00:00:00Z"))),
    "shop": inline(allow(RAW, SES + "${aws:username}.example.net")),
    "stranger": inline(allow(RAW, SES + "${aws:username}.example.net")),
    "tag": {"tags": {"team": "mail"}, "groups": ["g-tag"]},
    "tag-other": {"tags": {"team": "web"}, "groups": ["g-tag"]},
    "tag-none": {"groups": ["g-tag"]},
    "tag-not-equals": inline(allow(RAW, **when(
        "StringNotEquals", "aws:PrincipalTag/team", "web"))),
    "long-term": inline(allow(RAW, **when(
        "Null", "aws:TokenIssueTime", "true"))),
    "session-only": inline(allow(RAW, **when(
        "Null", "aws:TokenIssueTime", "false"))),
    "quarantine-1": {"attached": [FULL, QUARANTINE]},
    "quarantine-2": {"attached": [FULL, QUARANTINE + "V2"]},
    "quarantine-3": {"attached": [FULL, QUARANTINE + "V3"]},
    "quarantine-4": {"attached": [FULL, QUARANTINE + "V4"]},
    "quarantine-own": {"attached": [FULL],
                       "policies": {"QuellQuarantine": doc(deny("*"))}},
    "verify-mail": inline(allow("ses:SendCustomVerificationEmail")),
    "bulk": inline(allow("ses:SendBulk*")),
    "granted": {},
    "granted-bounded": {"boundary": ONLY_S3},
    "granted-denied": inline(deny(RAW)),
    "identity-denies": inline(allow(RAW, SES + "mail.example.net")),
    "spared": inline(allow(RAW, EU + "closed.example.net")),
    "not-spared": inline(allow(RAW, EU + "closed.example.net")),
    "spared-bounded": {**inline(allow(RAW, EU + "closed.example.net")),
                       "boundary": ALL_SES},
    "walk-in": {"path": "/open/"},
    "walk-in-bounded": {"path": "/open/", "boundary": ONLY_S3},
}

EC2 = {"Version": "2012-10-17", "Statement": [{
    "Effect": "Allow", "Action": "sts:AssumeRole",
    "Principal": {"Service": "ec2.amazonaws.com"}}]}


def role(**more):
    return {"trust": EC2, **more}


ROLES = {
    "r-full": role(attached=[FULL], profiles=["mail"],
                   last_used=["-3d", "eu-west-1"]),
    "r-none": role(),
    "r-linked": {"path": "/aws-service-role/mail.example/", **role(
        policies={"own": doc(allow(RAW))})},
    "r-revoked": role(attached=[FULL], policies={"revoke": doc(deny(
        "*", **when("DateLessThan", "aws:TokenIssueTime",
                    "2026-01-01T00:00:00Z")))}),
    "r-mfa": role(policies={"own": doc(allow(RAW, **when(
        "Bool", "aws:MultiFactorAuthPresent", "true")))}),
    "r-session": role(policies={"own": doc(allow(RAW, **when(
        "Null", "aws:TokenIssueTime", "false")))}),
    "r-username": role(policies={"own": doc(allow(
        RAW, SES + "${aws:username}.example.net"))}),
    "r-tag": role(attached=[IAM + "policy/SendByTag"],
                  tags={"team": "mail"}),
    "r-boundary": role(attached=[ADMIN], boundary=ONLY_S3),
    "r-granted": role(),
    "r-granted-bounded": role(boundary=ONLY_S3),
    "r-spared": role(policies={"own": doc(allow(
        RAW, EU + "closed.example.net"))}),
    "r-partner": {"attached": [FULL], "trust": doc({
        "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"},
        "Condition": {"StringEquals": {"sts:ExternalId": "x"}}})},
}


def grant(effect, action, principal, resource, **more):
    return {"Effect": effect, "Action": action, "Principal": principal,
            "Resource": resource, **more}


def text(*statements):
    """SES keeps policies as texts."""
    return json.dumps(doc(*statements))


MAIL, OPEN, CLOSED = (SES + "mail.example.net", EU + "open.example.net",
                      EU + "closed.example.net")
REGIONS = {
    "us-east-1": {"identities": {
        "shop.example.net": {},
        "mail.example.net": {"policies": {
            "by-arn": text(grant("Allow", RAW, {"AWS": [
                IAM + "user/granted", IAM + "user/granted-bounded",
                IAM + "user/granted-denied", IAM + "role/r-granted",
                IAM + "role/r-granted-bounded"]}, MAIL)),
            # the own account: its policies decide, this grants nobody
            "own-account": text(grant(
                "Allow", RAW, {"AWS": IAM + "root"}, MAIL)),
            "partner": text(grant("Allow", [RAW, SEND], {
                "AWS": f"arn:aws:iam::{OTHER}:root"}, MAIL)),
            "others": text(grant("Allow", RAW, {"AWS": [
                "AIDADELETEDUSER000001",
                f"arn:aws:sts::{ACCOUNT}:assumed-role/r-none/x",
                f"arn:aws:sts::{ACCOUNT}:federated-user/fed"]}, MAIL)),
            "stop": text(grant("Deny", "ses:Send*", {
                "AWS": IAM + "user/identity-denies"}, MAIL)),
            "cognito": text(grant(
                "Allow", [RAW, SEND],
                {"Service": "email.cognito-idp.amazonaws.com"}, MAIL,
                **when("StringEquals", "aws:SourceAccount", ACCOUNT))),
        }}}},
    "eu-west-1": {"identities": {
        "ops@corp.example.net": {},
        "open.example.net": {"policies": {"walk-in": text(grant(
            "Allow", RAW, "*", OPEN, **when(
                "ArnLike", "aws:PrincipalArn", IAM + "user/open/*")))}},
        "closed.example.net": {"policies": {"few": text({
            "Effect": "Deny", "Action": "ses:*", "Resource": CLOSED,
            "NotPrincipal": {"AWS": [
                IAM + "user/spared", IAM + "user/spared-bounded",
                IAM + "role/r-spared", IAM + "root"]}})}}}},
    "ap-northeast-1": {"daily_volume": 0, "identities": {}},
}


def more(users, roles, policies, seed=5):
    """Many more, each policy one of the kinds above with other names in it;
    most have nothing to do with mail, as in life."""
    dice = random.Random(seed)
    pick, chance = dice.choice, lambda p: dice.random() < p
    resources = ["*", "*", "*", SHOP, EU + "*", MAIL, CLOSED,
                 "arn:aws:s3:::b/*", SES + "absent.example.org",
                 SES + "${aws:username}.example.net"]
    actions = ["s3:*", "ec2:Describe*", "s3:Get*", "logs:*", "ses:*", RAW,
               SEND, "ses:Send*", "*", "ses:Get*", "SES:send*Email"]
    conditions = [
        when("StringEquals", "ses:FromAddress", "a@shop.example.net"),
        when("IpAddress", "aws:SourceIp", "198.51.100.0/24"),
        when("NotIpAddress", "aws:SourceIp", "192.0.2.0/24"),
        when("Bool", "aws:MultiFactorAuthPresent", "true"),
        when("BoolIfExists", "aws:MultiFactorAuthPresent", "false"),
        when("StringEquals", "aws:PrincipalTag/team", "mail"),
        when("StringLike", "aws:username", "u-1*"),
        when("StringEquals", "aws:RequestedRegion", ["eu-west-1",
                                                     "us-east-1"]),
        when("DateLessThan", "aws:TokenIssueTime", "2026-11-01T00:00:00Z"),
        when("Null", "aws:TokenIssueTime", "true"),
        when("StringEqualsIfExists", "aws:SourceVpce", "vpce-1"),
        when("ArnNotLike", "aws:PrincipalArn", IAM + "user/u-2*"),
    ]

    def statement():
        one = {"Effect": "Deny" if chance(0.15) else "Allow"}
        some = dice.sample(actions, dice.randint(1, 2))
        name = "NotAction" if chance(0.04) else "Action"
        one[name] = some if chance(0.5) else some[0]
        name = "NotResource" if chance(0.05) else "Resource"
        one[name] = pick(resources[3:] if name[0] == "N" else resources)
        if chance(0.25):
            one.update(pick(conditions))
        return one

    def document():
        if chance(0.8):     # nothing about mail
            return doc(allow(dice.sample(actions[:4], 2)))
        return doc(*[statement() for _ in range(dice.randint(1, 3))])

    managed = {IAM + f"policy/p-{i}": document() for i in range(policies)}
    arns = sorted(managed)
    groups = {f"g-{i}": {"attached": dice.sample(arns, 2)}
              for i in range(20)}

    def entity():
        one = {"attached": dice.sample(arns, dice.randint(0, 4))}
        if chance(0.3):
            one["policies"] = {"own": document()}
        if chance(0.1):
            one["boundary"] = pick([ONLY_S3, ALL_SES,
                                    IAM + "policy/AllButRaw", pick(arns)])
        if chance(0.2):
            one["tags"] = {"team": pick(["mail", "web"])}
        return one

    return {
        "managed_policies": managed, "groups": groups,
        "users": {f"u-{i}": {**entity(), "groups": dice.sample(
            sorted(groups), dice.randint(0, 2)), "mfa":
            [IAM + f"mfa/u-{i}"] if chance(0.3) else []}
            for i in range(users)},
        "roles": {f"r-{i}": role(**entity()) for i in range(roles)},
    }


def key_id(number):
    return f"AKIATESTKEY{number:09d}"


def seed(users=0, roles=0, policies=0):
    world = {"users": dict(USERS), "groups": dict(GROUPS),
             "roles": dict(ROLES), "managed_policies": dict(MANAGED),
             "regions": REGIONS}
    for name, part in more(users, roles, policies).items() if users else ():
        world[name].update(part)
    for number, user in enumerate(world["users"].values()):
        user["keys"] = [{"id": key_id(number), "created": "-100d",
                         "secret": f"{number:039d}/"}]
    return world


if __name__ == "__main__":
    json.dump(seed(*map(int, sys.argv[1:])), sys.stdout)
