"""Requests and answers according to botocore's service models.

From a model come: which operation a request is, its parameters as one nested
dict, every constraint on them, and the answer's bytes.  A new operation needs
no code here.
"""

import base64
import json
import math
import re
import threading
import uuid
from datetime import datetime, timezone
from urllib.parse import parse_qsl, unquote
from xml.sax.saxutils import escape

from errors import AwsError

# name -> (signing name, wire protocol(s), host labels a client may use)
SERVICES = {
    "iam": ("iam", ("query",), {"iam"}),
    "sts": ("sts", ("query",), {"sts"}),
    "ses": ("ses", ("query",), {"ses", "email"}),
    "sesv2": ("ses", ("rest-json",), {"ses", "sesv2", "email"}),
    "cloudwatch": ("monitoring", ("json", "query"),
                   {"monitoring", "cloudwatch"}),
    "ec2": ("ec2", ("ec2",), {"ec2"}),
    "health": ("health", ("json",), {"health"}),
    "support": ("support", ("json",), {"support"}),
    "cloudtrail": ("cloudtrail", ("json",), {"cloudtrail"}),
    "kms": ("kms", ("json",), {"kms"}),
    "secretsmanager": ("secretsmanager", ("json",), {"secretsmanager"}),
    "mailmanager": ("ses", ("json",), {"mail-manager", "mailmanager"}),
    "organizations": ("organizations", ("json",), {"organizations"}),
    "account": ("account", ("rest-json",), {"account"}),
    "guardduty": ("guardduty", ("rest-json",), {"guardduty"}),
    "accessanalyzer": ("access-analyzer", ("rest-json",),
                       {"access-analyzer", "accessanalyzer"}),
}
# Old models (Debian's botocore) know CloudWatch by query only.
TARGETS = {"cloudwatch": ("GraniteServiceVersion20100801", "1.0")}
# Services that exist in few regions only. Health has a passive second one.
HOME = {"iam": {"us-east-1"}, "support": {"us-east-1"},
        "organizations": {"us-east-1"}, "account": {"us-east-1"},
        "health": {"us-east-1", "us-east-2"}}

# botocore 1.44 moved two lists from GET to POST. AWS has to serve both, older
# clients are everywhere: (service, method, path) -> operation, and where its
# parameters are.
BOTH_WAYS = {
    ("sesv2", "GET", "/v2/email/identities"):
        ("ListEmailIdentities", "querystring"),
    ("sesv2", "POST", "/v2/email/list-identities"):
        ("ListEmailIdentities", "body"),
    ("sesv2", "GET", "/v2/email/configuration-sets"):
        ("ListConfigurationSets", "querystring"),
    ("sesv2", "POST", "/v2/email/list-configuration-sets"):
        ("ListConfigurationSets", "body"),
}

SECRET_NAMES = re.compile("secret(?!id$)|password|sessiontoken|tokencode",
                          re.I)


class Service:
    def __init__(self, name):
        from botocore.loaders import Loader
        from botocore.model import ServiceModel
        self.name = name
        self.signing_name, self.protocols, self.labels = SERVICES[name]
        self.model = ServiceModel(
            Loader().load_service_model(name, "service-2"), name)
        metadata = self.model.metadata
        self.api_version = metadata["apiVersion"]
        prefix, version = TARGETS.get(name, (
            metadata.get("targetPrefix"), metadata.get("jsonVersion", "1.0")))
        self.target_prefix, self.json_version = prefix, version
        self.namespace = metadata.get("xmlNamespace") or (
            f"http://{metadata['endpointPrefix']}.amazonaws.com/doc/"
            f"{self.api_version}/")
        # The model leaves out the slash that EC2 sends.
        if "ec2" in self.protocols:
            self.namespace = self.namespace.rstrip("/") + "/"
        self.errors = {}
        for shape in self.model.error_shapes:
            error = shape.metadata.get("error", {})
            self.errors[error.get("code", shape.name)] = (
                error.get("httpStatusCode", 400), shape.name)
        self.routes = []
        if "rest-json" in self.protocols:
            for operation in self.model.operation_names:
                http = self.model.operation_model(operation).http
                path = http["requestUri"].partition("?")[0]
                pattern = re.sub(r"\\\{(\w+)(\\\+)?\\\}", lambda m:
                                 f"(?P<{m[1]}>{'.+' if m[2] else '[^/]+'})",
                                 re.escape(path))
                self.routes.append((http["method"], re.compile(
                    pattern + "/?" if not path.endswith("/") else pattern),
                    operation))
            # A fixed word wins over a label: longest literal text first.
            self.routes.sort(key=lambda r: -len(r[1].pattern))

    def operation(self, name):
        return self.model.operation_model(name)

    def status_of(self, code):
        return self.errors.get(code, (400,))[0]


class Services:
    """Models, loaded when first asked for: EC2's is large."""

    def __init__(self):
        self._loaded, self._lock = {}, threading.Lock()

    def get(self, name):
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = Service(name)
            return self._loaded[name]


# --- reading ---------------------------------------------------------------

class Problems:
    """What is wrong with the parameters. `unknown` are members that the model
    does not have: AWS lets some pass, here they are always an error."""

    def __init__(self):
        self.constraints, self.unknown = [], []

    def add(self, where, value, rule):
        self.constraints.append((where, value, rule))


def _timestamp(value):
    if isinstance(value, bool):
        raise ValueError("not a time")
    if isinstance(value, (int, float)):
        return float(value)
    if re.fullmatch(r"\d+(\.\d+)?", value):
        return float(value)
    when = datetime.fromisoformat(value.replace("Z", "+00:00"))
    if when.tzinfo is None:
        raise ValueError("no time zone")
    return when.timestamp()


def _scalar(shape, value, where, problems, text=True):
    """text: the wire carries text (query, headers); else it was JSON."""
    kind = shape.type_name
    try:
        if kind == "boolean":
            if text:
                if value not in ("true", "false"):
                    raise ValueError("neither true nor false")
                return value == "true"
            if not isinstance(value, bool):
                raise ValueError("not a boolean")
            return value
        if kind in ("integer", "long"):
            if isinstance(value, (bool, float)) or (
                    not text and not isinstance(value, int)):
                raise ValueError("not an integer")
            return int(value)
        if kind in ("float", "double"):
            if isinstance(value, bool) or (
                    not text and not isinstance(value, (int, float))):
                raise ValueError("not a number")
            number = float(value)
            if not math.isfinite(number):
                raise ValueError("not finite")
            return number
        if kind == "timestamp":
            if text and not isinstance(value, str):
                raise ValueError("not a time")
            return _timestamp(value)
        if kind == "blob":
            return base64.b64decode(value, validate=True)
        if kind == "string":
            if not isinstance(value, str):
                raise ValueError("not a string")
            return value
    except (ValueError, TypeError) as e:
        problems.add(where, value, f"Member must be a valid {kind} ({e})")
        return None
    raise AssertionError(f"type {kind}")


class QueryReader:
    """The flat names of query and EC2 requests, back to a tree."""

    def __init__(self, fields, ec2, problems):
        self.fields, self.ec2, self.problems = fields, ec2, problems
        self.used = set()

    def has(self, prefix):
        return prefix in self.fields or any(
            name.startswith(prefix + ".") for name in self.fields)

    def member_name(self, name, shape):
        serialization = shape.serialization
        if self.ec2:
            if "queryName" in serialization:
                return serialization["queryName"]
            if "name" in serialization:
                first = serialization["name"]
                return first[0].upper() + first[1:]
            return name
        return serialization.get("name", name)

    def structure(self, shape, prefix):
        value = {}
        for name, member in shape.members.items():
            wire = self.member_name(name, member)
            if member.type_name == "list" and not self.ec2 and \
                    member.serialization.get("flattened"):
                wire = member.member.serialization.get("name", wire)
            full = prefix + "." + wire if prefix else wire
            if self.has(full):
                value[name] = self.any(member, full)
        return value

    def any(self, shape, prefix):
        kind = shape.type_name
        if kind == "structure":
            return self.structure(shape, prefix)
        if kind == "list":
            if not self.ec2 and not shape.serialization.get("flattened"):
                if self.fields.get(prefix) == "":      # an empty list
                    self.used.add(prefix)
                    return []
                prefix += "." + shape.member.serialization.get("name",
                                                               "member")
            return self.numbered(
                prefix, lambda p: self.any(shape.member, p))
        if kind == "map":
            if not shape.serialization.get("flattened"):
                prefix += ".entry"
            key = shape.key.serialization.get("name", "key")
            item = shape.value.serialization.get("name", "value")
            return dict(self.numbered(prefix, lambda p: (
                self.any(shape.key, f"{p}.{key}"),
                self.any(shape.value, f"{p}.{item}"))))
        self.used.add(prefix)
        if prefix not in self.fields:
            self.problems.add(prefix, None, "Member must not be null")
            return None
        return _scalar(shape, self.fields[prefix], prefix, self.problems)

    def numbered(self, prefix, read):
        found = sorted({int(m[1]) for name in self.fields if (m := re.match(
            re.escape(prefix) + r"\.(\d+)(?:\.|$)", name))})
        if found != list(range(1, len(found) + 1)):
            self.problems.add(prefix, found,
                              "list items must count from 1 without a gap")
        return [read(f"{prefix}.{n}") for n in found]

    def leftover(self):
        return sorted(set(self.fields) - self.used)


def read_json(shape, value, where, problems):
    kind = shape.type_name
    if value is None:
        return None
    if getattr(shape, "is_document_type", False):
        return value
    if kind == "structure":
        if not isinstance(value, dict):
            problems.add(where, value, "Member must be a structure")
            return None
        wire = {m.serialization.get("name", n): n
                for n, m in shape.members.items()}
        result = {}
        for name, item in value.items():
            path = f"{where}.{name}" if where else name
            if name not in wire:
                problems.unknown.append(path)
            elif item is not None:
                result[wire[name]] = read_json(
                    shape.members[wire[name]], item, path, problems)
        return result
    if kind == "list":
        if not isinstance(value, list):
            problems.add(where, value, "Member must be a list")
            return None
        return [read_json(shape.member, item, f"{where}.{n + 1}", problems)
                for n, item in enumerate(value)]
    if kind == "map":
        if not isinstance(value, dict):
            problems.add(where, value, "Member must be a map")
            return None
        return {k: read_json(shape.value, item, f"{where}.{k}", problems)
                for k, item in value.items()}
    return _scalar(shape, value, where, problems, text=False)


def check(shape, value, where, problems):
    """Every constraint in the model: required, enum, pattern, min, max."""
    if value is None:
        return
    kind, rules = shape.type_name, shape.metadata
    if kind == "structure":
        for name in shape.required_members:
            if value.get(name) is None:
                problems.add(f"{where}.{name}" if where else name, None,
                             "Member must not be null")
        for name, item in value.items():
            check(shape.members[name], item,
                  f"{where}.{name}" if where else name, problems)
        return
    if kind == "list":
        for number, item in enumerate(value):
            check(shape.member, item, f"{where}.{number + 1}.member", problems)
    elif kind == "map":
        for key, item in value.items():
            check(shape.key, key, f"{where}.key", problems)
            check(shape.value, item, f"{where}.{key}", problems)
    low, high = rules.get("min"), rules.get("max")
    if kind in ("integer", "long", "float", "double"):
        if low is not None and value < low:
            problems.add(where, value, "Member must have value greater than "
                         f"or equal to {low}")
        if high is not None and value > high:
            problems.add(where, value, "Member must have value less than or "
                         f"equal to {high}")
    elif kind in ("string", "blob", "list", "map"):
        if low is not None and len(value) < low:
            problems.add(where, value, "Member must have length greater than "
                         f"or equal to {low}")
        if high is not None and len(value) > high:
            problems.add(where, value, "Member must have length less than or "
                         f"equal to {high}")
    if kind == "string":
        if shape.enum and value not in shape.enum:
            problems.add(where, value, "Member must satisfy enum value set: "
                         f"[{', '.join(shape.enum)}]")
        pattern = rules.get("pattern")
        if pattern and not _matches(pattern, value):
            problems.add(where, value, "Member must satisfy regular "
                         f"expression pattern: {pattern}")


def _matches(pattern, value):
    try:
        # Java's \p{..} classes: too rare here to be worth a translation.
        if "\\p{" in pattern and "Alnum" not in pattern:
            return True
        return re.fullmatch(pattern.replace("\\p{Alnum}", "[A-Za-z0-9]"),
                            value, re.S) is not None
    except re.error:
        return True


def raise_problems(service, problems):
    if not problems.constraints and not problems.unknown:
        return
    name = service.name
    texts = []
    for where, value, rule in problems.constraints:
        where = where[:1].lower() + where[1:]
        if SECRET_NAMES.search(where):
            value = "***"
        shown = "null" if value is None else str(value)[:80]
        texts.append(f"Value '{shown}' at '{where}' failed to satisfy "
                     f"constraint: {rule}" if value is not None else
                     f"Value null at '{where}' failed to satisfy constraint: "
                     f"{rule}")
    texts += [f"{w} is not a member of the input" for w in problems.unknown]
    count = len(texts)
    message = (f"{count} validation error{'s' * (count > 1)} detected: "
               + "; ".join(texts))
    code = {"iam": "ValidationError", "sts": "ValidationError",
            "ses": "ValidationError", "sesv2": "BadRequestException",
            "cloudwatch": "InvalidParameterValue"}.get(name,
                                                       "ValidationException")
    if name == "ec2":
        missing = [w for w, v, _ in problems.constraints if v is None]
        if problems.unknown:
            code = "UnknownParameter"
            message = f"The parameter {problems.unknown[0]} is not recognized"
        elif missing:
            code = "MissingParameter"
            message = ("The request must contain the parameter "
                       f"{missing[0]}")
        else:
            code = "InvalidParameterValue"
    raise AwsError(code, message, 400, violation=f"model: {message}")


def read_query(service, operation, fields):
    problems = Problems()
    reader = QueryReader(fields, service.name == "ec2", problems)
    reader.used |= {"Action", "Version"}
    shape = operation.input_shape
    value = reader.structure(shape, "") if shape else {}
    problems.unknown += reader.leftover()
    if shape:
        check(shape, value, "", problems)
    raise_problems(service, problems)
    return value


def read_json_body(service, operation, body):
    try:
        value = json.loads(body.decode("utf-8") or "{}")
    except ValueError as e:
        raise AwsError("SerializationException", str(e), 400,
                       violation="the body is not JSON") from None
    problems = Problems()
    shape = operation.input_shape
    result = read_json(shape, value, "", problems) if shape else {}
    if not shape and value:
        problems.unknown += list(value)
    if shape and isinstance(result, dict):
        check(shape, result, "", problems)
    raise_problems(service, problems)
    return result


def rest_route(service, method, path):
    """(operation name, path labels), or an AwsError."""
    other = False
    if (service.name, method, path) in BOTH_WAYS:
        return BOTH_WAYS[service.name, method, path][0], {}
    for verb, pattern, operation in service.routes:
        match = pattern.fullmatch(path)
        if match and verb == method:
            return operation, {k: unquote(v)
                               for k, v in match.groupdict().items()}
        other = other or bool(match)
    raise AwsError("UnknownOperationException",
                   "Unable to determine service/operation name to be "
                   "authorized", 405 if other else 404,
                   violation=f"no operation is {method} {path}")


def read_rest(service, operation, labels, request):
    raw_query, headers, body = request.query, request.by_name, request.body
    forced = BOTH_WAYS.get((service.name, request.method, request.path),
                           (None, None))[1]
    problems = Problems()
    shape = operation.input_shape
    query = {}
    for name, item in parse_qsl(raw_query, keep_blank_values=True):
        query.setdefault(name, []).append(item)
    value, in_body = {}, {}
    for name, member in (shape.members.items() if shape else ()):
        place = member.serialization.get("location")
        if forced and member.type_name in ("string", "integer"):
            place = forced
        wire = member.serialization.get("name", name)
        if place == "uri":
            value[name] = _scalar(member, labels[wire], name, problems)
        elif place == "querystring":
            items = query.pop(wire, None)
            if items is None:
                continue
            if member.type_name == "list":
                value[name] = [_scalar(member.member, i, name, problems)
                               for i in items]
            else:
                if len(items) > 1:
                    problems.add(name, items, "given twice")
                value[name] = _scalar(member, items[0], name, problems)
        elif place in ("header", "headers"):
            if wire.lower() in headers:
                value[name] = _scalar(member, headers[wire.lower()], name,
                                      problems)
        else:
            in_body[wire] = name
    problems.unknown += sorted(query)
    if body:
        try:
            parsed = json.loads(body.decode("utf-8"))
            if not isinstance(parsed, dict):
                raise ValueError("not an object")
        except ValueError as e:
            raise AwsError("BadRequestException", str(e), 400,
                           violation="the body is not JSON") from None
        for wire, item in parsed.items():
            if wire not in in_body:
                problems.unknown.append(wire)
            elif item is not None:
                name = in_body[wire]
                value[name] = read_json(shape.members[name], item, name,
                                        problems)
    if shape:
        check(shape, value, "", problems)
    raise_problems(service, problems)
    return value


def redact(shape, value, name=""):
    """For the log: no secrets, no long bodies."""
    if value is None:
        return None
    if shape is not None and shape.metadata.get("sensitive") \
            or SECRET_NAMES.search(name):
        return "***"
    if isinstance(value, (bytes, bytearray)):
        return f"<{len(value)} bytes>"
    kind = shape.type_name if shape is not None else None
    if kind == "structure":
        return {k: redact(shape.members[k], v, k) for k, v in value.items()}
    if kind == "list":
        return [redact(shape.member, v, name) for v in value]
    if kind == "map":
        return {k: redact(shape.value, v, k) for k, v in value.items()}
    if isinstance(value, str) and len(value) > 4096:
        return value[:4096] + "..."
    return value


# --- writing ---------------------------------------------------------------

def request_id():
    return str(uuid.uuid4())


def _iso(when):
    moment = datetime.fromtimestamp(when, timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _iso_ms(when):
    moment = datetime.fromtimestamp(when, timezone.utc)
    return (moment.strftime("%Y-%m-%dT%H:%M:%S.")
            + f"{moment.microsecond // 1000:03d}Z")


def _xml_text(shape, value, ec2):
    kind = shape.type_name
    if kind == "boolean":
        return "true" if value else "false"
    if kind == "timestamp":
        return (_iso_ms if ec2 else _iso)(value)
    if kind == "blob":
        return base64.b64encode(value).decode()
    # Control characters cannot stand in XML 1.0 at all; CR must be escaped
    # or a parser turns it into LF.
    return escape(str(value), {"\r": "&#xD;"})


def _xml(shape, value, name, ec2):
    kind = shape.type_name
    if kind == "structure":
        unknown = set(value) - set(shape.members)
        if unknown:
            raise AssertionError(f"{shape.name} has no {sorted(unknown)}")
        inner = "".join(
            _xml(member, value[n],
                 member.serialization.get("name", n), ec2)
            for n, member in shape.members.items()
            if value.get(n) is not None)
        return f"<{name}>{inner}</{name}>"
    if kind == "list":
        if shape.serialization.get("flattened") and not ec2:
            name = shape.member.serialization.get("name", name)
            return "".join(_xml(shape.member, v, name, ec2) for v in value)
        item = shape.member.serialization.get("name", "member")
        inner = "".join(_xml(shape.member, v, item, ec2) for v in value)
        return f"<{name}>{inner}</{name}>" if inner else f"<{name}/>"
    if kind == "map":
        key = shape.key.serialization.get("name", "key")
        item = shape.value.serialization.get("name", "value")
        inner = "".join(
            "<entry>" + _xml(shape.key, k, key, ec2)
            + _xml(shape.value, v, item, ec2) + "</entry>"
            for k, v in value.items())
        return f"<{name}>{inner}</{name}>"
    return f"<{name}>{_xml_text(shape, value, ec2)}</{name}>"


def _to_json(shape, value):
    kind = shape.type_name
    if getattr(shape, "is_document_type", False):
        return value
    if kind == "structure":
        unknown = set(value) - set(shape.members)
        if unknown:
            raise AssertionError(f"{shape.name} has no {sorted(unknown)}")
        return {m.serialization.get("name", n): _to_json(m, value[n])
                for n, m in shape.members.items() if value.get(n) is not None}
    if kind == "list":
        return [_to_json(shape.member, v) for v in value]
    if kind == "map":
        return {k: _to_json(shape.value, v) for k, v in value.items()}
    if kind == "timestamp":
        if shape.serialization.get("timestampFormat") == "iso8601":
            return _iso(value)
        return round(value, 3)
    if kind == "blob":
        return base64.b64encode(value).decode()
    return value


def _indent(xml):
    """White space between elements, as AWS sends it. None inside an element
    that holds text or nothing: there it would be content."""
    xml = re.sub(r">(?=<[^/])", ">\n  ", xml)
    return re.sub(r"(</[^>]+>|/>)(?=</)", r"\1\n", xml)


XML_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


def write_answer(service, protocol, operation, value, rid):
    """(status, headers, body)"""
    shape = operation.output_shape
    value = value or {}
    if protocol == "query":
        wrapper = (shape.serialization.get("resultWrapper")
                   if shape else None) or operation.name + "Result"
        inner = _xml(shape, value, wrapper, False) if shape else ""
        body = (f'<{operation.name}Response xmlns="{service.namespace}">'
                f"{inner}<ResponseMetadata><RequestId>{rid}</RequestId>"
                f"</ResponseMetadata></{operation.name}Response>")
        return 200, {"Content-Type": "text/xml",
                     "x-amzn-RequestId": rid}, (_indent(body) + "\n").encode()
    if protocol == "ec2":
        inner = _xml(shape, value, "x", True)[3:-4] if shape else ""
        body = (f"{XML_HEAD}<{operation.name}Response "
                f'xmlns="{service.namespace}"><requestId>{rid}</requestId>'
                f"{inner}</{operation.name}Response>")
        return 200, {"Content-Type": "text/xml;charset=UTF-8",
                     "x-amzn-requestid": rid}, _indent(body).encode()
    content = _to_json(shape, value) if shape else {}
    if protocol == "rest-json":
        headers = {"Content-Type": "application/json",
                   "x-amzn-RequestId": rid}
        status = operation.http.get("responseCode", 200)
        return status, headers, json.dumps(content).encode()
    body = json.dumps(content).encode() if shape else b""
    return 200, {"Content-Type": f"application/x-amz-json-"
                                 f"{service.json_version}",
                 "x-amzn-RequestId": rid}, body


def write_error(service, protocol, error, rid, query_mode=False):
    """service may be None when it was not found out. query_mode: the client
    sent x-amzn-query-mode and gets the query protocol's code in a header."""
    status = error.status or (service.status_of(error.code) if service
                              else 400)
    fault = "Sender" if status < 500 else "Receiver"
    headers = {"x-amzn-RequestId": rid, **error.headers}
    if protocol == "ec2":
        body = (f"{XML_HEAD}<Response><Errors><Error><Code>{error.code}"
                f"</Code><Message>{escape(error.message)}</Message></Error>"
                f"</Errors><RequestID>{rid}</RequestID></Response>")
        headers["Content-Type"] = "text/xml;charset=UTF-8"
        return status, headers, body.encode()
    if protocol in ("json", "rest-json"):
        shape = service.errors.get(error.code, (0, error.code))[1] \
            if service else error.code
        body = {"message": error.message}
        if protocol == "json":
            prefix = "com.amazon.coral.service#" \
                if error.code != shape or service is None else \
                f"com.amazonaws.{service.name}#"
            body = {"__type": prefix + shape, "message": error.message}
            headers["Content-Type"] = ("application/x-amz-json-"
                                       + (service.json_version if service
                                          else "1.1"))
            if query_mode:
                headers["x-amzn-query-error"] = f"{error.code};{fault}"
        else:
            headers["Content-Type"] = "application/json"
            headers["x-amzn-ErrorType"] = shape
        return status, headers, json.dumps(body).encode()
    namespace = f' xmlns="{service.namespace}"' if service else ""
    body = (f"<ErrorResponse{namespace}><Error><Type>{fault}</Type><Code>"
            f"{error.code}</Code><Message>{escape(error.message)}</Message>"
            f"</Error><RequestId>{rid}</RequestId></ErrorResponse>")
    headers["Content-Type"] = "text/xml"
    return status, headers, (_indent(body) + "\n").encode()
