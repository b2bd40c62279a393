"""What watches: CloudTrail's Event history, GuardDuty, Access Analyzer.

The seed's `trail` is a list of events. One has AWS's own members (EventTime,
CloudTrailEvent, ...), or says in short what happened:

    {"time": "-3h", "event": "CreateAccessKey", "region": "us-east-1",
     "key": "AKIA...", "user": "x", "ip": "192.0.2.1", "source": "iam",
     "session": "i-0abc", "role": "mail-host", "error": "AccessDenied",
     "request": {...}, "response": {...}, "read_only": false,
     "agent": "aws-cli/2", "times": 120, "step": 60}

`times` makes that many of it, each `step` seconds older.
"""

import json
import uuid

from errors import AwsError
from registry import operation
from world import iso, parse_when

DAYS = 90
_EVENTS = uuid.UUID("6f1e0d52-0000-4000-8000-000000000000")


def _identity(world, one):
    name = one.get("user", "ses-smtp")
    if one.get("session"):
        role = one.get("role", "mail-host")
        return one["session"], {
            "type": "AssumedRole",
            "principalId": f"AROAEXAMPLEROLEID0001:{one['session']}",
            "arn": f"arn:aws:sts::{world.account}:assumed-role/{role}/"
                   f"{one['session']}",
            "accountId": world.account,
            "accessKeyId": one.get("key", "ASIAEXAMPLESESSION01"),
            "sessionContext": {
                "sessionIssuer": {"type": "Role", "userName": role,
                                  "principalId": "AROAEXAMPLEROLEID0001",
                                  "arn": world.arn("role", role),
                                  "accountId": world.account},
                "attributes": {"mfaAuthenticated": "false"}}}
    if name == "root":
        return "root", {"type": "Root", "principalId": world.account,
                        "arn": f"arn:aws:iam::{world.account}:root",
                        "accountId": world.account}
    return name, {
        "type": "IAMUser", "principalId": "AIDAEXAMPLEUSERID0001",
        "arn": world.arn("user", name), "accountId": world.account,
        "accessKeyId": one.get("key", "AKIASTOLENKEY0000001"),
        "userName": name}


def _event(world, one, number, when):
    source = one.get("source", "iam")
    if "." not in source:
        source += ".amazonaws.com"
    region = one.get("region", "us-east-1")
    username, identity = _identity(world, one)
    event_id = str(uuid.uuid5(_EVENTS, json.dumps([one, number],
                                                  sort_keys=True)))
    event = {
        "eventVersion": "1.11", "userIdentity": identity,
        "eventTime": iso(when), "eventSource": source,
        "eventName": one["event"], "awsRegion": region,
        "sourceIPAddress": one.get("ip", "203.0.113.66"),
        "userAgent": one.get("agent", "Boto3/1.34.0 md/Botocore#1.34.0"),
        "requestParameters": one.get("request"),
        "responseElements": one.get("response"),
        "requestID": str(uuid.uuid5(_EVENTS, event_id)),
        "eventID": event_id, "readOnly": one.get("read_only", False),
        "eventType": "AwsApiCall", "managementEvent": True,
        "recipientAccountId": world.account,
        "eventCategory": "Management"}
    if one.get("error"):
        event["errorCode"] = one["error"]
        event["errorMessage"] = f"{one['error']}: by the emulator"
    return {"EventId": event_id, "EventName": one["event"],
            "ReadOnly": str(event["readOnly"]).lower(),
            "AccessKeyId": identity.get("accessKeyId", ""),
            "EventTime": when, "EventSource": source, "Username": username,
            "Resources": [], "CloudTrailEvent": json.dumps(event),
            "region": region}


def _history(world):
    """Newest first, as AWS lists it; none older than 90 days."""
    now = world.now()
    found = []
    for one in world.trail:
        if "EventTime" in one:
            found.append(one)
            continue
        when = parse_when(one.get("time", "-1h"), world.started)
        for number in range(one.get("times", 1)):
            found.append(_event(world, one, number,
                                int(when) - number * one.get("step", 60)))
    return sorted((e for e in found if e["EventTime"] > now - DAYS * 86400),
                  key=lambda e: -e["EventTime"])


@operation("cloudtrail", "LookupEvents", pages="Events")
def lookup_events(call):
    attributes = call.params.get("LookupAttributes") or []
    if len(attributes) > 1:
        raise AwsError("InvalidLookupAttributesException",
                       "You can only specify one lookup attribute", 400,
                       violation="more than one lookup attribute")
    start = call.params.get("StartTime", 0)
    end = call.params.get("EndTime", 2 ** 40)
    if start > end:
        raise AwsError("InvalidTimeRangeException", "The start time is after "
                       "the end time", 400)
    found = []
    for event in _history(call.world):
        if event.get("region", "us-east-1") != call.region:
            continue
        if not start <= event["EventTime"] <= end:
            continue
        if attributes and event.get(attributes[0]["AttributeKey"]) \
                != attributes[0]["AttributeValue"]:
            continue
        found.append({k: v for k, v in event.items() if k != "region"})
    return {"Events": found}


@operation("cloudtrail", "DescribeTrails")
def describe_trails(call):
    """The seed's `trails`, seen from each region when they are of all."""
    return {"trailList": [
        {"Name": t["name"], "S3BucketName": t["bucket"],
         "S3KeyPrefix": t.get("prefix", ""), "HomeRegion": home,
         "IsMultiRegionTrail": t.get("multi_region", True),
         "IncludeGlobalServiceEvents": True,
         "TrailARN": f"arn:aws:cloudtrail:{home}:{call.world.account}:trail/"
                     + t["name"]}
        for t in call.world.trails
        for home in [t.get("region", "us-east-1")]
        if t.get("multi_region", True) or home == call.region]}


@operation("cloudtrail", "GetTrailStatus")
def get_trail_status(call):
    for trail in call.world.trails:
        home = trail.get("region", "us-east-1")
        if call.params["Name"].endswith(":trail/" + trail["name"]) \
                and home == call.region:
            return {"IsLogging": trail.get("logging", True)}
    raise AwsError("TrailNotFoundException", "Unknown trail: "
                   f"{call.params['Name']}", 400)


# --- GuardDuty: findings as AWS gives them, with "region" ------------------

def _detector(call):
    return "12abc34d567e8fa901bc2d34e56789f0"


@operation("guardduty", "ListDetectors", pages="DetectorIds")
def list_detectors(call):
    off = call.world.findings.get("off", [])
    return {"DetectorIds": [] if call.region in off else [_detector(call)]}


@operation("guardduty", "GetDetector")
def get_detector(call):
    paused = call.world.findings.get("suspended", [])
    return {"Status": "DISABLED" if call.region in paused else "ENABLED",
            "ServiceRole": "arn:aws:iam::111122223333:role/aws-service-role/"
            "guardduty.amazonaws.com/AWSServiceRoleForAmazonGuardDuty"}


def _findings(call):
    if call.params["DetectorId"] != _detector(call):
        raise AwsError("BadRequestException", "The request is rejected because "
                       "the input detectorId is not owned by the current "
                       "account.", 400)
    return [f for f in call.world.findings.get("guardduty", [])
            if f.get("region", "us-east-1") == call.region]


@operation("guardduty", "ListFindings", pages="FindingIds")
def list_findings(call):
    found = _findings(call)
    wanted = call.params.get("FindingCriteria", {}).get("Criterion", {})
    for name, rule in wanted.items():
        if name == "service.archived":
            found = [f for f in found if str(f.get("archived", False)).lower()
                     in rule["Equals"]]
        elif name == "updatedAt":
            low = rule.get("GreaterThanOrEqual", 0) / 1000
            found = [f for f in found if parse_when(
                f.get("time", "-1h"), call.world.started) >= low]
        else:
            raise AwsError("BadRequestException", f"criterion {name}", 400,
                           violation=f"criterion {name} is not modelled")
    return {"FindingIds": [f["id"] for f in found]}


@operation("guardduty", "GetFindings")
def get_findings(call):
    if len(call.params["FindingIds"]) > 50:
        raise AwsError("BadRequestException", "too many finding ids", 400,
                       violation="more than 50 finding ids")
    result = []
    for f in _findings(call):
        if f["id"] not in call.params["FindingIds"]:
            continue
        when = iso(parse_when(f.get("time", "-1h"), call.world.started))
        result.append({
            "AccountId": call.world.account, "Region": call.region,
            "Arn": f"arn:aws:guardduty:{call.region}:{call.world.account}:"
                   f"detector/{_detector(call)}/finding/{f['id']}",
            "Id": f["id"], "Type": f["type"], "Severity": f["severity"],
            "SchemaVersion": "2.0", "Title": f.get("title", f["type"]),
            "Description": f.get("description", "made up"),
            "CreatedAt": when, "UpdatedAt": when,
            "Resource": {"ResourceType": "AccessKey", "AccessKeyDetails": {
                "AccessKeyId": f.get("key", ""), "UserName": f.get("user", ""),
                "UserType": "IAMUser", "PrincipalId": "AIDAEXAMPLE"}},
            "Service": {"Count": f.get("count", 1),
                        "Archived": f.get("archived", False),
                        "EventFirstSeen": when, "EventLastSeen": when,
                        "Action": {"ActionType": "AWS_API_CALL",
                                   "AwsApiCallAction": {
                                       "Api": f.get("api", "GetSendQuota"),
                                       "ServiceName": "ses.amazonaws.com",
                                       "RemoteIpDetails": {
                                           "IpAddressV4": f.get(
                                               "ip", "203.0.113.66")}}}}})
    return {"Findings": result}


# --- Access Analyzer -------------------------------------------------------

@operation("accessanalyzer", "ListAnalyzers", pages="analyzers",
           action=lambda call: "access-analyzer:ListAnalyzers")
def list_analyzers(call):
    return {"analyzers": [
        {"arn": f"arn:aws:access-analyzer:{call.region}:{call.world.account}:"
                f"analyzer/{a['name']}", "name": a["name"],
         "type": a.get("type", "ACCOUNT"), "status": "ACTIVE",
         "createdAt": call.world.started - 86400}
        for a in call.world.findings.get("analyzers", [])
        if a.get("region", "us-east-1") == call.region]}


@operation("accessanalyzer", "ListFindingsV2", pages="findings",
           action=lambda call: "access-analyzer:ListFindings")
def list_findings_v2(call):
    name = call.params["analyzerArn"].rpartition("/")[2]
    analyzer = next((a for a in call.world.findings.get("analyzers", [])
                     if a["name"] == name
                     and a.get("region", "us-east-1") == call.region), None)
    if analyzer is None:
        raise AwsError("ResourceNotFoundException", "no such analyzer", 404)
    wanted = call.params.get("filter", {}).get("status", {}).get("eq")
    when = call.world.started - 3600
    return {"findings": [
        {"id": f["id"], "resource": f["resource"],
         "resourceType": f.get("resource_type", "AWS::IAM::Role"),
         "resourceOwnerAccount": call.world.account,
         "status": f.get("status", "ACTIVE"), "analyzedAt": when,
         "createdAt": when, "updatedAt": when,
         "findingType": f.get("type", "ExternalAccess")}
        for f in analyzer.get("findings", [])
        if not wanted or f.get("status", "ACTIVE") in wanted]}
