"""One API request from its bytes to its answer.

The order is AWS's: who are you (signature), what do you want (model), may you
(policies), do it.  Every refusal that a correct client cannot meet is also
written down as a violation.
"""

import functools
import hashlib
import re
import traceback
from calendar import timegm
from dataclasses import dataclass, field
from time import gmtime, monotonic, sleep, strftime, strptime
from urllib.parse import parse_qsl, quote

import model
import registry
import services_ec2     # noqa: F401  (they register their operations)
import services_iam     # noqa: F401
import services_ops     # noqa: F401
import services_org     # noqa: F401
import services_secrets
import services_ses     # noqa: F401
import services_trail   # noqa: F401
import sigv4
from errors import AwsError
from faults import THROTTLE, THROTTLE_QUERY
from world import REGIONS, SES_REGIONS

MAX_SKEW = 300
SIGNATURE_TEXT = ("The request signature we calculated does not match the "
                  "signature you provided. Check your AWS Secret Access Key "
                  "and signing method. Consult the service documentation for "
                  "details.")


_quoted = functools.lru_cache(4096)(functools.partial(quote, safe=""))


@dataclass
class Request:
    method: str
    path: str               # as sent, still encoded
    query: str
    headers: list           # (name, value) in order of arrival
    body: bytes
    peer: str
    secure: bool

    def __post_init__(self):
        self.by_name = {}
        for name, value in self.headers:
            self.by_name.setdefault(name.lower(), value)

    def get(self, name, default=None):
        return self.by_name.get(name, default)


@dataclass
class Answer:
    status: int
    headers: dict
    body: bytes
    fault: object = None    # to be applied while sending


@dataclass
class Progress:
    """What is known about the request so far; the log shows it."""
    service: str = None
    protocol: str = "query"
    operation: str = None
    region: str = None
    key_id: str = None
    principal: str = None
    params: dict = field(default_factory=dict)
    mutating: bool = True
    action: str = ""        # what IAM calls it, once it was judged
    violations: list = field(default_factory=list)
    auth: object = None
    labels: dict = field(default_factory=dict)
    fields: dict = field(default_factory=dict)


class Api:
    def __init__(self, world, journal, faults):
        self.world, self.journal, self.faults = world, journal, faults
        self.services = model.Services()
        self.last_call = {}

    # --- what is it --------------------------------------------------------

    def _candidates(self, request, progress):
        """The service, from scope, target, path and host."""
        target = request.get("x-amz-target", "").rpartition(".")[0]
        host = request.get("host", "").rpartition(":")[0].lower()
        label = host.partition(".")[0] if host.endswith(".localhost") else ""
        content = request.get("content-type", "")
        signing = progress.auth.service if progress.auth else None
        names = [n for n, (s, _, _) in model.SERVICES.items()
                 if signing in (None, s)]
        if signing is None and label:
            names = [n for n in names if label in model.SERVICES[n][2]]
        if request.path.startswith("/v2/email/"):
            names = [n for n in names if n == "sesv2"]
        elif len(names) > 1:
            names = [n for n in names if n != "sesv2"]
        if target:
            for name in names:
                if self.services.get(name).target_prefix == target:
                    return name, "json"
            return None, "json"
        if not names:
            return None, "rest-json" if "json" in content else "query"
        name = names[0]
        protocols = model.SERVICES[name][1]
        return name, "query" if "query" in protocols else protocols[0]

    def _identify(self, request, progress):
        header = request.get("authorization")
        malformed = None
        if header is not None:
            try:
                progress.auth = sigv4.parse_authorization(header)
                progress.key_id = progress.auth.key_id
                progress.region = progress.auth.region
            except sigv4.Malformed as e:
                malformed = str(e)
        name, progress.protocol = self._candidates(request, progress)
        progress.service = name
        service = self.services.get(name) if name else None
        if service and progress.protocol == "rest-json":
            progress.operation, progress.labels = model.rest_route(
                service, request.method, request.path)
        elif progress.protocol == "json":
            progress.operation = request.get("x-amz-target",
                                             "").rpartition(".")[2] or None
        else:
            text = request.body.decode("utf-8", "replace") or request.query
            pairs = parse_qsl(text, keep_blank_values=True)
            progress.fields = dict(pairs)
            progress.operation = progress.fields.get("Action")
            if len(progress.fields) != len(pairs):
                progress.violations.append("a parameter is given twice")
        if header is None and (name, progress.operation) \
                not in registry.OPERATIONS:
            # without scope and host label the operation says whose it is
            for (owner, operation), op in registry.OPERATIONS.items():
                if op.unsigned and operation == progress.operation:
                    progress.service = name = owner
                    service = self.services.get(name)
        op = registry.OPERATIONS.get((name, progress.operation))
        if op:
            progress.mutating = op.mutating
        elif progress.operation:
            progress.mutating = not registry.READING.match(progress.operation)
        if header is None and not (op and op.unsigned):
            json = progress.protocol in ("json", "rest-json")
            raise AwsError("MissingAuthenticationTokenException" if json else
                           "MissingAuthenticationToken", "Missing "
                           "Authentication Token" if json else
                           "Request is missing Authentication Token", 403,
                           violation="not signed")
        if malformed:
            raise AwsError("IncompleteSignatureException"
                           if progress.protocol in ("json", "rest-json")
                           else "IncompleteSignature", malformed,
                           403 if "json" in progress.protocol else 400,
                           violation=malformed)
        if service is None:
            raise self._scope_error(progress, "correct service: 'unknown'",
                                    "no service fits scope and request")
        return service

    # --- who is it ---------------------------------------------------------

    def _refusal(self, progress, message, violation=None):
        """A bad signature, in the words of the service."""
        if progress.protocol == "ec2":
            return AwsError("AuthFailure", "AWS was not able to validate the "
                            "provided access credentials", 401, violation)
        if progress.protocol in ("json", "rest-json"):
            return AwsError("InvalidSignatureException", message,
                            403 if progress.protocol == "rest-json" else 400,
                            violation)
        return AwsError("SignatureDoesNotMatch", message, 403, violation)

    def _unknown_key(self, progress):
        if progress.protocol == "ec2":
            return AwsError("AuthFailure", "AWS was not able to validate the "
                            "provided access credentials", 401)
        text = "The security token included in the request is invalid."
        if progress.protocol in ("json", "rest-json"):
            return AwsError("UnrecognizedClientException", text,
                            403 if progress.protocol == "rest-json" else 400)
        return AwsError("InvalidClientTokenId", text, 403)

    def _scope_error(self, progress, what, violation):
        return self._refusal(progress, f"Credential should be scoped to "
                             f"{what}. ", violation)

    def _check_scope(self, request, progress, service):
        auth = progress.auth
        known = SES_REGIONS if service.signing_name == "ses" else REGIONS
        home = model.HOME.get(service.name)
        if auth.region not in known or home and auth.region not in home:
            raise self._scope_error(progress, "a valid region",
                                    f"scope region {auth.region} for "
                                    f"{service.name}")
        if auth.service != service.signing_name:
            raise self._scope_error(
                progress, f"correct service: '{service.signing_name}'",
                f"scope service {auth.service} for {service.name}")
        host = request.get("host", "").rpartition(":")[0].lower()
        match = re.fullmatch(r"([a-z0-9-]+)\.([a-z0-9-]+)\.localhost", host)
        if match:
            label, region = match.groups()
            if label not in service.labels:
                raise self._scope_error(
                    progress, f"correct service: '{label}'",
                    f"host {host} is not {service.name}'s")
            if region != auth.region:
                raise self._scope_error(
                    progress, "a valid region",
                    f"host {host} but scope region {auth.region}")

    def _check_headers(self, request, progress):
        auth = progress.auth
        signed = set(auth.signed)
        if auth.signed != sorted(signed):
            raise self._refusal(progress, SIGNATURE_TEXT,
                                "SignedHeaders not sorted or not unique")
        must = {"host", "x-amz-date"} | {
            n for n in request.by_name
            if n.startswith("x-amz-") or n == "content-type"}
        missing = sorted(must - signed)
        if missing:
            raise self._refusal(
                progress, f"'{missing[0]}' must be a 'SignedHeader' in the "
                "AWS Authorization.", f"not signed: {', '.join(missing)}")
        absent = sorted(n for n in signed if n not in request.by_name)
        if absent:
            raise self._refusal(progress, SIGNATURE_TEXT,
                                f"signed but not sent: {', '.join(absent)}")
        risky = sorted(signed & sigv4.NEVER_SIGN)
        if risky:
            progress.violations.append("signs headers that proxies change: "
                                       + ", ".join(risky))
        for name in ("host", "authorization", "x-amz-date", "content-type",
                     "x-amz-security-token"):
            if sum(n.lower() == name for n, _ in request.headers) > 1:
                progress.violations.append(f"{name} is sent twice")
        if any(n.lower() == "date" for n, _ in request.headers):
            progress.violations.append("sends Date beside X-Amz-Date")

    def _check_leak(self, request, progress):
        """A secret signs; it never travels, unless to be kept."""
        if (progress.service, progress.operation) in \
                services_secrets.CARRIERS:
            return
        text = [request.path, request.query,
                request.body.decode("latin-1")]
        text += [value for _, value in request.headers]
        whole = "\n".join(text)
        for one in self.world.secrets():
            if one in whole or _quoted(one) in whole:
                progress.violations.append("a secret key was sent")

    def _check_date(self, request, progress):
        sent = request.get("x-amz-date", "")
        try:
            when = timegm(strptime(sent, "%Y%m%dT%H%M%SZ"))
        except ValueError:
            raise self._refusal(progress, "Date must be in ISO-8601 'basic "
                                f"format'. Got '{sent}'.",
                                "X-Amz-Date unreadable") from None
        if sent[:8] != progress.auth.date:
            raise self._refusal(
                progress, "Date in Credential scope does not match YYYYMMDD "
                "from ISO-8601 version of date from HTTP: "
                f"'{progress.auth.date}' != '{sent[:8]}'",
                "scope date is not X-Amz-Date's")
        now = int(self.world.now())

        def stamp(t):
            return strftime("%Y%m%dT%H%M%SZ", gmtime(t))

        if abs(now - when) <= MAX_SKEW:
            return sent
        if progress.protocol == "ec2":
            raise AwsError("RequestExpired", "Request has expired.", 400)
        if when < now:
            raise self._refusal(progress, f"Signature expired: {sent} is now "
                                f"earlier than {stamp(now - MAX_SKEW)} "
                                f"({stamp(now)} - 5 min.)")
        raise self._refusal(progress, f"Signature not yet current: {sent} is "
                            f"still later than {stamp(now + MAX_SKEW)} "
                            f"({stamp(now)} + 5 min.)")

    def _secret(self, request, progress):
        key_id, world = progress.auth.key_id, self.world
        if progress.region in world.settings["disabled_regions"]:
            # a region without opt-in knows none of the account's keys
            raise self._unknown_key(progress)
        token = request.get("x-amz-security-token")
        if key_id.startswith("ASIA"):
            session = world.sessions.get(key_id)
            if session is None or token != session.token:
                if session is not None and token is None:
                    progress.violations.append(
                        "temporary key without X-Amz-Security-Token")
                raise self._unknown_key(progress)
            if world.now() >= session.expires:
                json = progress.protocol in ("json", "rest-json")
                raise AwsError(
                    "RequestExpired" if progress.protocol == "ec2" else
                    "ExpiredTokenException" if json else "ExpiredToken",
                    "The security token included in the request is expired",
                    403 if progress.protocol != "json" else 400)
            return session.secret
        key = world.keys.get(key_id)
        if key is None or world.key_seen(key) != "Active" or token:
            raise self._unknown_key(progress)
        return key.secret

    def _authenticate(self, request, progress, service):
        self._check_headers(request, progress)
        self._check_scope(request, progress, service)
        amz_date = self._check_date(request, progress)
        secret = self._secret(request, progress)
        payload = hashlib.sha256(request.body).hexdigest()
        claimed = request.get("x-amz-content-sha256")
        if claimed not in (None, payload):
            raise self._refusal(progress, SIGNATURE_TEXT,
                                "x-amz-content-sha256 is not the body's hash")
        auth = progress.auth
        canonical = sigv4.canonical_request(
            request.method, request.path, request.query, request.headers,
            auth.signed, payload)
        if sigv4.same(auth.signature, sigv4.signature(secret, auth, amz_date,
                                                      canonical)):
            return
        # A secret that a test sends wrong on purpose is no signing bug.
        meant = any(sigv4.same(auth.signature, sigv4.signature(
            wrong, auth, amz_date, canonical))
            for wrong in self.world.settings["wrong_secrets"])
        raise self._refusal(progress, SIGNATURE_TEXT, None if meant else
                            "signature does not match; canonical request "
                            f"should be {canonical!r}")

    def _check_rate(self, progress):
        """settings.rate: {"sesv2": 1} allows one call a second of each
        operation in each region, as SES does for most control calls."""
        rate = self.world.settings["rate"].get(progress.service)
        if not rate:
            return
        who = progress.service, progress.operation, progress.region
        now = monotonic()
        if now - self.last_call.get(who, -1e9) < 1 / rate:
            raise self._throttled(progress)
        self.last_call[who] = now

    @staticmethod
    def _throttled(progress, headers=None):
        code, status, text = THROTTLE.get(progress.service, THROTTLE_QUERY)
        return AwsError(code, text, status, headers=headers)

    # --- what exactly, and may it ------------------------------------------

    def _read(self, request, progress, service):
        content = request.get("content-type", "").partition(";")[0].strip()
        name = progress.operation
        op = registry.OPERATIONS.get((service.name, name))
        if name not in service.model.operation_names:
            if progress.protocol == "json":
                raise AwsError("UnknownOperationException", "", 400,
                               violation=f"unknown operation {name}")
            raise AwsError("InvalidAction", f"Could not find operation {name} "
                           f"for version {progress.fields.get('Version')}",
                           400, violation=f"unknown operation {name}")
        if op is None:
            raise AwsError("NotImplemented", f"{service.name} {name} is not "
                           "modelled by the emulator", 501,
                           violation=f"not modelled: {name}")
        operation = service.operation(name)
        if progress.protocol in ("query", "ec2"):
            if request.method != "POST" or request.path != "/":
                progress.violations.append("query protocol wants POST /")
            if content != "application/x-www-form-urlencoded":
                progress.violations.append(f"content-type {content or 'none'}")
            version = progress.fields.get("Version")
            if version != service.api_version:
                raise AwsError("InvalidAction", "Could not find operation "
                               f"{name} for version "
                               f"{version or 'NO_VERSION_SPECIFIED'}", 400,
                               violation=f"Version {version}")
            params = model.read_query(service, operation, progress.fields)
        elif progress.protocol == "json":
            want = f"application/x-amz-json-{service.json_version}"
            if content != want or request.method != "POST" \
                    or request.path != "/":
                progress.violations.append(f"content-type {content}, wants "
                                           f"{want} by POST /")
            params = model.read_json_body(service, operation, request.body)
        else:
            if request.body and content != "application/json":
                progress.violations.append(f"content-type {content or 'none'}")
            params = model.read_rest(service, operation, progress.labels,
                                     request)
        progress.params = model.redact(operation.input_shape, params)
        if params.get("DryRun"):
            progress.mutating = False       # EC2 answers and does nothing
        return op, operation, params

    def _denied(self, progress, call, action, resource, decision):
        why = ("with an explicit deny in an identity-based policy"
               if decision.verdict == "explicitDeny" else
               "because no permissions boundary allows the "
               f"{action} action" if decision.boundary_allows is False else
               f"because no identity-based policy allows the {action} action")
        text = (f"User: {call.caller.arn} is not authorized to perform: "
                f"{action} on resource: {resource} {why}")
        if call.service == "ec2":
            return AwsError("UnauthorizedOperation", "You are not authorized "
                            "to perform this operation. " + text, 403)
        if call.service == "ses":
            return AwsError("AccessDenied", f"User `{call.caller.arn}' is not "
                            f"authorized to perform `{action}' on resource "
                            f"`{resource}'", 403)
        if progress.protocol in ("json", "rest-json"):
            return AwsError("AccessDeniedException", text,
                            403 if progress.protocol == "rest-json" else 400)
        return AwsError("AccessDenied", text, 403)

    def _perform(self, request, progress, service):
        op, operation, params = self._read(request, progress, service)
        world = self.world
        if op.unsigned:
            call = registry.Call(world, service.name, progress.region, None,
                                 params)
            return operation, op.function(call)
        caller = world.caller(progress.key_id, request.peer)
        caller.context["aws:securetransport"] = [str(request.secure).lower()]
        progress.principal = caller.arn
        # GetSessionToken's credentials are not for IAM, unless with MFA.
        if service.name == "iam" and caller.session and caller.user \
                and not caller.session.mfa:
            raise self._unknown_key(progress)
        call = registry.Call(world, service.name, progress.region, caller,
                             params)
        call.sent = lambda *mail: self._sent(progress, *mail)
        if not op.always:
            action = progress.action = op.action(call)
            resource = op.resource(call)
            decision = world.decide(caller, action, resource,
                                    op.context(call))
            if not decision.allowed:
                raise self._denied(progress, call, action, resource, decision)
        result = op.function(call) or {}
        key = world.keys.get(progress.key_id)
        if key is not None:
            key.last_used = (world.now(), service.signing_name,
                             progress.region)
        if op.pages:
            result = registry.paginate(op, call, result)
        return operation, result

    def _sent(self, progress, region, mail_from, recipients, raw):
        message_id = self.world.message_id()
        region.sent_here.append(self.world.now())
        self.journal.mail(raw, region=region.name, via="api",
                          key_id=progress.key_id,
                          principal=progress.principal, mail_from=mail_from,
                          rcpts=recipients, message_id=message_id)
        return message_id

    # --- all of it ---------------------------------------------------------

    def handle(self, request):
        """Returns an Answer; Answer.fault says how to spoil its sending."""
        progress = Progress()
        rid = model.request_id()
        service = fault = error = None
        status = 0
        try:
            try:
                service = self._identify(request, progress)
            finally:
                fault = self.faults.take(
                    service=progress.service, operation=progress.operation,
                    region=progress.region, key_id=progress.key_id)
            sleep(self.world.round_trip())
            if fault and fault.when == "before":
                error = self._fault_error(fault, progress)
                if error is None:          # the connection is all that fails
                    return Answer(0, {}, b"", fault)
                raise error
            with self.world.lock:
                self._check_leak(request, progress)
                if progress.auth:
                    self._authenticate(request, progress, service)
                self._check_rate(progress)
                operation, result = self._perform(request, progress, service)
                status, headers, body = model.write_answer(
                    service, progress.protocol, operation, result, rid)
            if fault:
                late = self._fault_error(fault, progress)
                if late:
                    raise late
            return Answer(status, headers, body, fault)
        except AwsError as e:
            error = e
            if e.violation:
                progress.violations.append(e.violation)
            status, headers, body = model.write_error(
                service, progress.protocol, e, rid,
                request.get("x-amzn-query-mode") == "true")
            return Answer(status, headers, body,
                          fault if fault and fault.when == "after" else None)
        except Exception as e:             # our bug must not look like AWS's
            traceback.print_exc()
            progress.violations.append("emulator bug: "
                                       f"{type(e).__name__}: {e}")
            error = AwsError("EmulatorBug", str(e), 500)
            status, headers, body = model.write_error(
                service, progress.protocol, error, rid)
            return Answer(status, headers, body)
        finally:
            self._log(progress, status, error, fault)

    def _fault_error(self, fault, progress):
        headers = {}
        if fault.retry_after_ms is not None:
            headers["x-amz-retry-after"] = str(fault.retry_after_ms)
        if fault.do == "throttle":
            return self._throttled(progress, headers)
        if fault.do == "500":
            code = ("InternalFailure" if progress.protocol != "ec2"
                    else "InternalError")
            return AwsError(code, "An internal error has occurred.", 500,
                            headers=headers)
        if fault.do == "503":
            return AwsError("ServiceUnavailable" if progress.protocol in (
                "query", "ec2") else "ServiceUnavailableException",
                "Service is unable to handle request.", 503, headers=headers)
        return None

    def _log(self, progress, status, error, fault):
        record = {"kind": "api", "service": progress.service,
                  "operation": progress.operation, "region": progress.region,
                  "key_id": progress.key_id, "principal": progress.principal,
                  "mutating": progress.mutating, "status": status,
                  "error": error.code if error else None,
                  "params": progress.params}
        if progress.action:
            record["action"] = progress.action
        if fault:
            record["fault"] = f"{fault.do} {fault.when}"
        self.journal.call(**record)
        for what in progress.violations:
            self.journal.violation(
                what, kind="api", service=progress.service,
                operation=progress.operation, region=progress.region,
                key_id=progress.key_id)
