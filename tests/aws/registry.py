"""The table of operations. A service file adds one function per operation:

    @operation("iam", "GetUser", resource=user_arn)
    def get_user(call): ... return {"User": ...}

`call.params` is checked against the model before, the returned dict after.
A list that AWS would page is returned whole and named in `pages`.
"""

import base64
import hashlib
import hmac
import json
import re
from dataclasses import dataclass

from errors import AwsError

READING = re.compile("Get|List|Describe|Simulate|Lookup|Generate|Assume")
PREFIX = {"sesv2": "ses", "mailmanager": "ses",
          "accessanalyzer": "access-analyzer"}

# service -> (token asked with, token answered, limit, flag, default size)
PAGING = {
    "iam": ("Marker", "Marker", "MaxItems", "IsTruncated", 100),
    "ses": ("NextToken", "NextToken", "MaxItems", None, 100),
    "sesv2": ("NextToken", "NextToken", "PageSize", None, 100),
    "cloudwatch": ("NextToken", "NextToken", None, None, 500),
    "ec2": ("NextToken", "NextToken", "MaxResults", None, 1000),
    "health": ("nextToken", "nextToken", "maxResults", None, 100),
    "support": ("nextToken", "nextToken", "maxResults", None, 100),
    "cloudtrail": ("NextToken", "NextToken", "MaxResults", None, 50),
    "secretsmanager": ("NextToken", "NextToken", "MaxResults", None, 100),
    "mailmanager": ("NextToken", "NextToken", "PageSize", None, 50),
    "organizations": ("NextToken", "NextToken", "MaxResults", None, 20),
    "guardduty": ("NextToken", "NextToken", "MaxResults", None, 50),
    "accessanalyzer": ("nextToken", "nextToken", "maxResults", None, 50),
}
BAD_TOKEN = {
    "iam": ("InvalidInput", "Invalid Marker"),
    "ses": ("InvalidParameterValue", "Invalid NextToken"),
    "sesv2": ("BadRequestException", "Invalid NextToken"),
    "cloudwatch": ("InvalidNextToken", "The token is not valid"),
    "ec2": ("InvalidNextToken", "The specified NextToken is not valid"),
    "health": ("InvalidPaginationToken", "The token is not valid"),
    "cloudtrail": ("InvalidNextTokenException", "Invalid token"),
    "secretsmanager": ("InvalidNextTokenException", "Invalid token"),
    "mailmanager": ("ValidationException", "Invalid NextToken"),
    "guardduty": ("BadRequestException", "Invalid nextToken"),
    "accessanalyzer": ("ValidationException", "Invalid nextToken"),
}


@dataclass
class Operation:
    service: str
    name: str
    function: object
    mutating: bool
    resource: object        # call -> ARN, list of ARNs or "*"
    action: object          # call -> "service:Action"
    context: object         # call -> {lower-case key: [text]}
    always: bool            # allowed whatever the policies say
    unsigned: bool          # asked by nobody in particular
    pages: tuple


@dataclass
class Call:
    world: object
    service: str
    region: str
    caller: object
    params: dict
    sent: object = None     # appends a mail to DIR/sent
    violation: object = None


OPERATIONS = {}


def operation(service, name, mutating=None, resource=None, action=None,
              context=None, always=False, unsigned=False, pages=()):
    def add(function):
        OPERATIONS[service, name] = Operation(
            service, name, function,
            not READING.match(name) if mutating is None else mutating,
            resource or (lambda call: "*"),
            action or (lambda call: f"{PREFIX.get(service, service)}:{name}"),
            context or (lambda call: {}), always, unsigned,
            (pages,) if isinstance(pages, str) else tuple(pages))
        return function
    return add


# Every token begins with "+/+/": a client that does not encode it, in a form
# or a query string, gets it wrong at once.
_ODD = base64.b64decode("+/+/")
_TOKEN_KEY = b"paging tokens of the emulator"


def _fingerprint(op, params):
    """Tokens hold for one operation with unchanged parameters."""
    token_in, _, limit, _, _ = PAGING[op.service]
    rest = {k: v for k, v in params.items() if k not in (token_in, limit)}
    return f"{op.service} {op.name} " + json.dumps(rest, sort_keys=True,
                                                   default=str)


def _mac(text):
    return hmac.new(_TOKEN_KEY, text.encode(), hashlib.sha256).digest()[:12]


def paginate(op, call, result):
    """Cut the lists named in op.pages to one page, as one sequence."""
    token_in, token_out, limit, flag, default = PAGING[op.service]
    print_ = _fingerprint(op, call.params)
    start = 0
    token = call.params.get(token_in)
    if token:
        code, message = BAD_TOKEN[op.service]
        try:
            raw = base64.b64decode(token, validate=True)
            start = int.from_bytes(raw[3:7], "big")
            if raw[:3] != _ODD or raw[7:] != _mac(f"{start} {print_}"):
                raise ValueError
        except ValueError:
            raise AwsError(code, message, 400, violation=(
                f"{op.name}: token unknown, or other parameters than on the "
                "page that gave it")) from None
    size = min(filter(None, (call.params.get(limit),
                             call.world.settings["page_size"], default)))
    items = [(name, item) for name in op.pages
             for item in result.get(name) or []]
    page, rest = items[start:start + size], items[start + size:]
    for name in op.pages:
        result[name] = [item for where, item in page if where == name]
    if flag:
        result[flag] = bool(rest)
    if rest:
        offset = start + size
        result[token_out] = base64.b64encode(
            _ODD + offset.to_bytes(4, "big")
            + _mac(f"{offset} {print_}")).decode()
    return result
