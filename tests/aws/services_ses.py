"""SES version 1 (query) and version 2 (REST-JSON)."""

import re
from email.message import EmailMessage
from email.utils import getaddresses, parseaddr

from errors import AwsError
from registry import operation
from world import parse_when

SIMULATOR = "@simulator.amazonses.com"


def _region(call):
    return call.world.regions[call.region]


def _identity_arn(member):
    return lambda call: call.world.identity_arn(call.region,
                                                call.params[member])


def _configuration_set_arn(call):
    return (f"arn:aws:ses:{call.region}:{call.world.account}:"
            f"configuration-set/{call.params['ConfigurationSetName']}")


# --- sending, shared with the SMTP side ------------------------------------

def sending_identity(world, region, mail_from):
    """What a policy's Resource is matched with: the most specific identity
    that covers the sender, or the address if there is none."""
    address = parseaddr(mail_from)[1].lower()
    name = world.regions[region].identity_for(address) or address
    return world.identity_arn(region, name)


def sending_context(mail_from, recipients, display=""):
    context = {"ses:fromaddress": [parseaddr(mail_from)[1]],
               "ses:recipients": [parseaddr(r)[1] for r in recipients],
               "ses:feedbackaddress": [parseaddr(mail_from)[1]]}
    if display:
        context["ses:fromdisplayname"] = [display]
    return context


def unverified(region, mail_from, recipients, envelope=""):
    """Addresses that SES would refuse: From, envelope sender and, in the
    sandbox, recipients."""
    check = [parseaddr(mail_from)[1]]
    if envelope and envelope not in check:
        check.append(envelope)
    if not region.production_access:
        check += [parseaddr(r)[1] for r in recipients]
    return [a for a in check if not a.lower().endswith(SIMULATOR)
            and region.identity_for(a) is None]


def _send(call, mail_from, recipients, raw, version):
    region = _region(call)
    state = call.world.may_send(region)
    if state == "quota":
        raise AwsError("Throttling" if version == 1 else
                       "TooManyRequestsException",
                       "Daily message quota exceeded.")
    if state:
        if version == 1:
            raise AwsError("AccountSendingPausedException",
                           "Email sending is disabled for this account.")
        if state == "shutdown":
            raise AwsError("AccountSuspendedException", "Sending paused for "
                           "this account. For more information, please check "
                           "the inbox of the email address associated with "
                           "your AWS account.")
        raise AwsError("SendingPausedException", "Sending paused for this "
                       "account. For more information, please check the "
                       "inbox of the email address associated with your AWS "
                       "account.")
    bad = unverified(region, mail_from, recipients)
    if bad:
        raise AwsError("MessageRejected", "Email address is not verified. "
                       "The following identities failed the check in region "
                       f"{call.region.upper()}: {', '.join(bad)}")
    if not recipients:
        raise AwsError("InvalidParameterValue" if version == 1 else
                       "BadRequestException", "Missing final recipients", 400)
    return {"MessageId": call.sent(region, mail_from, recipients, raw)}


def _destinations(destination):
    return [a for name in ("ToAddresses", "CcAddresses", "BccAddresses")
            for a in (destination or {}).get(name) or []]


def header_addresses(raw, *names):
    head = re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0]
    head = re.sub(rb"\r?\n[ \t]+", b" ", head).decode("utf-8", "replace")
    lines = [line.partition(":")[2] for line in re.split(r"\r?\n", head)
             if line.partition(":")[0].lower() in names]
    return [a for _, a in getaddresses(lines) if a]


def _compose(mail_from, destination, subject, text, html):
    message = EmailMessage()
    message["From"] = mail_from
    for header, member in (("To", "ToAddresses"), ("Cc", "CcAddresses")):
        if (destination or {}).get(member):
            message[header] = ", ".join(destination[member])
    message["Subject"] = subject
    message.set_content(text or "")
    if html:
        message.add_alternative(html, subtype="html")
    return message.as_bytes()


def _v2_sender(call):
    params = call.params
    raw = params["Content"].get("Raw")
    sender = params.get("FromEmailAddress")
    if raw and not sender:
        sender = (header_addresses(raw["Data"], "from") or [""])[0]
    return sender or ""


def _v2_recipients(call):
    raw = call.params["Content"].get("Raw")
    found = _destinations(call.params.get("Destination"))
    if raw and not found:
        found = header_addresses(raw["Data"], "to", "cc", "bcc")
    return found


@operation("sesv2", "SendEmail",
           action=lambda call: "ses:SendRawEmail"
           if call.params["Content"].get("Raw") else "ses:SendEmail",
           resource=lambda call: sending_identity(
               call.world, call.region, _v2_sender(call)),
           context=lambda call: sending_context(_v2_sender(call),
                                                _v2_recipients(call)))
def send_email_v2(call):
    content = call.params["Content"]
    sender, recipients = _v2_sender(call), _v2_recipients(call)
    if not sender:
        raise AwsError("BadRequestException", "Missing From address")
    if sum(k in content for k in ("Raw", "Simple", "Template")) != 1:
        raise AwsError("BadRequestException", "Exactly one content type must "
                       "be given")
    name = call.params.get("ConfigurationSetName")
    if name and name not in _region(call).configuration_sets:
        raise AwsError("NotFoundException",
                       f"Configuration set <{name}> does not exist.")
    if "Raw" in content:
        raw = content["Raw"]["Data"]
    elif "Simple" in content:
        body = content["Simple"]["Body"]
        raw = _compose(sender, call.params.get("Destination"),
                       content["Simple"]["Subject"]["Data"],
                       body.get("Text", {}).get("Data"),
                       body.get("Html", {}).get("Data"))
    else:
        raise AwsError("NotFoundException", "Template does not exist")
    return _send(call, sender, recipients, raw, 2)


def _v1_raw_sender(call):
    raw = call.params["RawMessage"]["Data"]
    return call.params.get("Source") or (
        header_addresses(raw, "from") or [""])[0]


def _v1_raw_recipients(call):
    return call.params.get("Destinations") or header_addresses(
        call.params["RawMessage"]["Data"], "to", "cc", "bcc")


@operation("ses", "SendRawEmail",
           resource=lambda call: sending_identity(
               call.world, call.region, _v1_raw_sender(call)),
           context=lambda call: sending_context(_v1_raw_sender(call),
                                                _v1_raw_recipients(call)))
def send_raw_email(call):
    return _send(call, _v1_raw_sender(call), _v1_raw_recipients(call),
                 call.params["RawMessage"]["Data"], 1)


@operation("ses", "SendEmail",
           resource=lambda call: sending_identity(
               call.world, call.region, call.params["Source"]),
           context=lambda call: sending_context(
               call.params["Source"],
               _destinations(call.params["Destination"])))
def send_email_v1(call):
    message = call.params["Message"]
    raw = _compose(call.params["Source"], call.params["Destination"],
                   message["Subject"]["Data"],
                   message["Body"].get("Text", {}).get("Data"),
                   message["Body"].get("Html", {}).get("Data"))
    return _send(call, call.params["Source"],
                 _destinations(call.params["Destination"]), raw, 1)


# --- account ---------------------------------------------------------------

@operation("sesv2", "GetAccount")
def get_account(call):
    region = _region(call)
    result = {"DedicatedIpAutoWarmupEnabled": False,
              "EnforcementStatus": region.enforcement_status,
              "ProductionAccessEnabled": region.production_access,
              "SendQuota": {"Max24HourSend": region.quota["max_24h"],
                            "MaxSendRate": region.quota["max_rate"],
                            "SentLast24Hours": region.sent_last_24h(
                                call.world.now())},
              "SendingEnabled": region.sending.value,
              "SuppressionAttributes": {
                  "SuppressedReasons": ["BOUNCE", "COMPLAINT"]}}
    if region.review:
        result["Details"] = {
            "MailType": "TRANSACTIONAL",
            "WebsiteURL": "https://shop.example.net/",
            "ReviewDetails": {"Status": region.review["status"],
                              "CaseId": region.review["case"]}}
    return result


@operation("sesv2", "GetDedicatedIps", pages="DedicatedIps")
def get_dedicated_ips(call):
    pool = call.params.get("PoolName")
    return {"DedicatedIps": [
        {"Ip": d["ip"], "WarmupStatus": d.get("warmup", "DONE"),
         "WarmupPercentage": d.get("percent", 100),
         "PoolName": d.get("pool", "ses-default-dedicated-pool")}
        for d in _region(call).dedicated_ips
        if pool in (None, d.get("pool", "ses-default-dedicated-pool"))]}


@operation("mailmanager", "ListIngressPoints", pages="IngressPoints",
           action=lambda call: "ses:ListIngressPoints")
def list_ingress_points(call):
    return {"IngressPoints": [
        {"IngressPointName": p["name"], "IngressPointId": f"inp-{n:019d}",
         "Status": p.get("status", "ACTIVE"), "Type": p.get("type", "AUTH"),
         "ARecord": f"{p['name']}.mail-manager-smtp.amazonaws.com"}
        for n, p in enumerate(_region(call).ingress_points)]}


@operation("mailmanager", "GetIngressPoint",
           action=lambda call: "ses:GetIngressPoint")
def get_ingress_point(call):
    points = list_ingress_points(call)["IngressPoints"]
    for point, seed in zip(points, _region(call).ingress_points):
        if point["IngressPointId"] == call.params["IngressPointId"]:
            auth = {"SecretArn": seed["secret"]} if "secret" in seed else {
                "IngressPointPasswordConfiguration": {
                    "SmtpPasswordVersion": "1"}}
            if point["Type"] == "AUTH":
                point["IngressPointAuthConfiguration"] = auth
            return point
    raise AwsError("ResourceNotFoundException", "Ingress point not found",
                   400)


@operation("mailmanager", "UpdateIngressPoint",
           action=lambda call: "ses:UpdateIngressPoint")
def update_ingress_point(call):
    point = get_ingress_point(call)
    seed = _region(call).ingress_points[int(point["IngressPointId"][4:])]
    if point["Status"] not in ("ACTIVE", "CLOSED"):
        raise AwsError("ConflictException", "Ingress point is in status "
                       + point["Status"], 409)
    if "StatusToUpdate" in call.params:
        seed["status"] = call.params["StatusToUpdate"]
    return {}


@operation("sesv2", "PutAccountSendingAttributes")
def put_account_sending_attributes(call):
    # The member is optional; left out it means false in the model's terms.
    call.world.delayed(_region(call).sending,
                       call.params.get("SendingEnabled", False), "sending")


@operation("ses", "GetAccountSendingEnabled")
def get_account_sending_enabled(call):
    return {"Enabled": _region(call).sending.value}


@operation("ses", "UpdateAccountSendingEnabled")
def update_account_sending_enabled(call):
    call.world.delayed(_region(call).sending,
                       call.params.get("Enabled", False), "sending")


@operation("ses", "GetSendQuota")
def get_send_quota(call):
    region = _region(call)
    return {"Max24HourSend": region.quota["max_24h"],
            "MaxSendRate": region.quota["max_rate"],
            "SentLast24Hours": region.sent_last_24h(call.world.now())}


@operation("ses", "GetSendStatistics")
def get_send_statistics(call):
    """AWS gives the points in no particular order."""
    points = [{"Timestamp": start, "DeliveryAttempts": sent,
               "Bounces": bounces, "Complaints": complaints,
               "Rejects": rejects}
              for start, sent, bounces, complaints, rejects
              in _region(call).history(call.world.now()) if sent]
    points.sort(key=lambda p: p["Timestamp"] // 900 * 2654435761 % 2 ** 32)
    return {"SendDataPoints": points}


# --- identities ------------------------------------------------------------

@operation("ses", "ListIdentities", pages="Identities")
def list_identities(call):
    kind = call.params.get("IdentityType")
    return {"Identities": [
        n for n in sorted(_region(call).identities)
        if kind is None or ("@" in n) == (kind == "EmailAddress")]}


def _kind(name):
    return "EMAIL_ADDRESS" if "@" in name else "DOMAIN"


@operation("sesv2", "ListEmailIdentities", pages="EmailIdentities")
def list_email_identities(call):
    region = _region(call)
    return {"EmailIdentities": [
        {"IdentityType": _kind(name), "IdentityName": name,
         "SendingEnabled": fields.get("verified", True),
         "VerificationStatus": "SUCCESS" if fields.get("verified", True)
         else "PENDING"}
        for name, fields in sorted(region.identities.items())]}


def _identity(call):
    name = call.params["EmailIdentity"]
    identity = _region(call).identities.get(name)
    if identity is None:
        raise AwsError("NotFoundException",
                       f"Email identity {name} does not exist.")
    return name, identity


@operation("sesv2", "GetEmailIdentity", resource=_identity_arn(
    "EmailIdentity"))
def get_email_identity(call):
    name, identity = _identity(call)
    verified = identity.get("verified", True)
    return {"IdentityType": _kind(name), "FeedbackForwardingStatus": True,
            "VerifiedForSendingStatus": verified,
            "VerificationStatus": "SUCCESS" if verified else "PENDING",
            "DkimAttributes": {
                "SigningEnabled": True, "Status": identity.get(
                    "dkim", "SUCCESS" if verified else "PENDING"),
                "SigningAttributesOrigin": identity.get(
                    "dkim_origin", "AWS_SES"),
                "Tokens": identity.get("dkim_tokens", []),
                "LastKeyGenerationTimestamp": parse_when(
                    identity.get("dkim_key", "-300d"), call.world.started)},
            **({"MailFromAttributes": {
                "MailFromDomain": identity["mail_from"],
                "MailFromDomainStatus": "SUCCESS",
                "BehaviorOnMxFailure": "USE_DEFAULT_VALUE"}}
               if "mail_from" in identity else {}),
            "Policies": identity.get("policies", {}), "Tags": []}


@operation("sesv2", "GetEmailIdentityPolicies", resource=_identity_arn(
    "EmailIdentity"))
def get_email_identity_policies(call):
    return {"Policies": _identity(call)[1].get("policies", {})}


# --- configuration sets ----------------------------------------------------

@operation("sesv2", "ListConfigurationSets", pages="ConfigurationSets")
def list_configuration_sets(call):
    return {"ConfigurationSets": sorted(_region(call).configuration_sets)}


def _configuration_set(call):
    name = call.params["ConfigurationSetName"]
    sets = _region(call).configuration_sets
    if name not in sets:
        raise AwsError("NotFoundException",
                       f"Configuration set <{name}> does not exist.")
    return name, sets[name]


@operation("sesv2", "GetConfigurationSet", resource=_configuration_set_arn)
def get_configuration_set(call):
    name, fields = _configuration_set(call)
    return {"ConfigurationSetName": name,
            "SendingOptions": {"SendingEnabled": fields.get("sending", True)},
            "ReputationOptions": {"ReputationMetricsEnabled": True}}


@operation("sesv2", "PutConfigurationSetSendingOptions",
           resource=_configuration_set_arn)
def put_configuration_set_sending_options(call):
    _configuration_set(call)[1]["sending"] = call.params.get(
        "SendingEnabled", False)


@operation("sesv2", "GetConfigurationSetEventDestinations",
           resource=_configuration_set_arn)
def get_configuration_set_event_destinations(call):
    return {"EventDestinations":
            _configuration_set(call)[1].get("destinations", [])}


@operation("sesv2", "ListSuppressedDestinations",
           pages="SuppressedDestinationSummaries")
def list_suppressed_destinations(call):
    wanted = call.params.get("Reasons")
    now = call.world.now()
    summaries = [{"EmailAddress": s["address"], "Reason": s["reason"],
                  "LastUpdateTime": s.get("time", now - 86400)}
                 for s in _region(call).suppressed
                 if not wanted or s["reason"] in wanted]
    return {"SuppressedDestinationSummaries": [
        s for s in summaries
        if call.params.get("StartDate", 0) <= s["LastUpdateTime"]
        <= call.params.get("EndDate", now)]}
