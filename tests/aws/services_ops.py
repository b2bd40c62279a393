"""CloudWatch, EC2, and the small part of Health and Support."""

import random

from errors import AwsError
from registry import operation
from world import REGIONS

# --- CloudWatch: AWS/SES from the same history as GetSendStatistics --------

_COUNTS = {"Send": 1, "Bounce": 2, "Complaint": 3, "Reject": 4}
_RATES = {"Reputation.BounceRate": "bounce_rate",
          "Reputation.ComplaintRate": "complaint_rate"}
_METRICS = [*_COUNTS, "Delivery", *_RATES]


def _series(call, namespace, metric, dimensions, period, stat, start, end):
    """[(time, value)], oldest first; nothing where nothing was sent."""
    region = call.world.regions.get(call.region)
    if (namespace != "AWS/SES" or metric not in _METRICS or dimensions
            or region is None or not (region.daily_volume or region.spike)):
        return []
    buckets = {}
    for point in region.history(call.world.now()):
        if start <= point[0] < end and point[1]:
            if metric in _COUNTS:
                value = point[_COUNTS[metric]]
            elif metric == "Delivery":
                value = point[1] - point[2]
            else:
                value = getattr(region, _RATES[metric])
            buckets.setdefault(point[0] // period * period, []).append(value)
    combine = {"Sum": sum, "Average": lambda v: sum(v) / len(v),
               "Minimum": min, "Maximum": max, "SampleCount": len}
    if stat not in combine:
        raise AwsError("InvalidParameterValue", f"The value {stat} for "
                       "parameter Stat is not supported", 400)
    return [(when, float(combine[stat](values)))
            for when, values in sorted(buckets.items())]


def _check_range(params, period):
    if params["EndTime"] <= params["StartTime"]:
        raise AwsError("InvalidParameterValue", "The parameter StartTime "
                       "must be less than the parameter EndTime.", 400)
    if period % 60 and period not in (1, 5, 10, 30):
        raise AwsError("InvalidParameterValue", "The parameter Period must "
                       "be a multiple of 60", 400)


@operation("cloudwatch", "ListMetrics", pages="Metrics")
def list_metrics(call):
    region = call.world.regions.get(call.region)
    if region is None or not (region.daily_volume or region.spike):
        return {"Metrics": []}
    wanted = call.params.get("MetricName")
    if call.params.get("Namespace", "AWS/SES") != "AWS/SES" \
            or call.params.get("Dimensions"):
        return {"Metrics": []}
    return {"Metrics": [{"Namespace": "AWS/SES", "MetricName": m,
                         "Dimensions": []} for m in sorted(_METRICS)
                        if wanted in (None, m)]}


@operation("cloudwatch", "GetMetricStatistics")
def get_metric_statistics(call):
    params = call.params
    _check_range(params, params["Period"])
    if "Statistics" not in params and "ExtendedStatistics" not in params:
        raise AwsError("MissingParameter", "Must specify either Statistics "
                       "or ExtendedStatistics", 400)
    if (params["EndTime"] - params["StartTime"]) / params["Period"] > 1440:
        raise AwsError("InvalidParameterCombination", "You have requested up "
                       "to more than 1,440 datapoints, which exceeds the "
                       "limit", 400)
    points = {}
    for stat in params.get("Statistics", []):
        for when, value in _series(
                call, params["Namespace"], params["MetricName"],
                params.get("Dimensions"), params["Period"], stat,
                params["StartTime"], params["EndTime"]):
            points.setdefault(when, {"Timestamp": when, "Unit": "None" if
                                     params["MetricName"] in _RATES else
                                     "Count"})[stat] = value
    found = list(points.values())
    random.Random(1).shuffle(found)      # AWS promises no order
    return {"Label": params["MetricName"], "Datapoints": found}


@operation("cloudwatch", "GetMetricData")
def get_metric_data(call):
    params = call.params
    ids = [q["Id"] for q in params["MetricDataQueries"]]
    if len(set(ids)) != len(ids):
        raise AwsError("ValidationError", "The ids of the queries must be "
                       "unique", 400)
    everything = []
    for number, query in enumerate(params["MetricDataQueries"]):
        if "MetricStat" not in query:
            raise AwsError("ValidationError", "Expressions are not modelled "
                           "by the emulator", 400,
                           violation="metric maths is not modelled")
        stat = query["MetricStat"]
        _check_range(params, stat["Period"])
        series = _series(call, stat["Metric"].get("Namespace"),
                         stat["Metric"].get("MetricName"),
                         stat["Metric"].get("Dimensions"), stat["Period"],
                         stat["Stat"], params["StartTime"], params["EndTime"])
        if params.get("ScanBy") != "TimestampAscending":
            series.reverse()
        everything += [(number, when, value) for when, value in series]
    # Paged by data points across all queries, as AWS does it.
    size = min(filter(None, (params.get("MaxDatapoints"),
                             call.world.settings["page_size"], 100800)))
    try:
        start = int(params.get("NextToken", "md-0").removeprefix("md-"))
    except ValueError:
        raise AwsError("InvalidNextToken", "The token is not valid", 400,
                       violation="unknown NextToken") from None
    page = everything[start:start + size]
    more = start + size < len(everything)
    results = []
    for number, query in enumerate(params["MetricDataQueries"]):
        mine = [p for p in page if p[0] == number]
        later = any(p[0] == number for p in everything[start + size:])
        results.append({
            "Id": query["Id"],
            "Label": query.get("Label")
            or query["MetricStat"]["Metric"]["MetricName"],
            "Timestamps": [p[1] for p in mine], "Values": [p[2] for p in mine],
            "StatusCode": "PartialData" if later else "Complete"})
    answer = {"MetricDataResults": results, "Messages": []}
    if more:
        answer["NextToken"] = f"md-{start + size}"
    return answer


# --- EC2 -------------------------------------------------------------------

VPC, SUBNET = "vpc-0a1b2c3d4e5f60001", "subnet-0a1b2c3d4e5f60001"


def _dry_run(call):
    if call.params.get("DryRun"):
        raise AwsError("DryRunOperation", "Request would have succeeded, but "
                       "DryRun flag is set.", 412)


def _filtered(call, items, fields, id_member, missing, name_of):
    """items narrowed by ids and by Filters. fields: filter name -> item ->
    list of values; an unknown filter is an error, as in EC2."""
    ids = call.params.get(id_member) or []
    if not 5 <= call.params.get("MaxResults", 5) <= 1000:
        raise AwsError("InvalidParameterValue", "Value ( "
                       f"{call.params['MaxResults']} ) for parameter "
                       "maxResults is invalid. Expecting a value between 5 "
                       "and 1000.", 400, violation="MaxResults")
    if ids and call.params.get("MaxResults"):
        raise AwsError("InvalidParameterCombination", "The parameter "
                       f"{id_member} cannot be used with the parameter "
                       "maxResults", 400)
    known = {name_of(i) for i in items}
    for one in ids:
        if one not in known:
            raise AwsError(missing, f"The ID '{one}' does not exist", 400)
    if ids:
        items = [i for i in items if name_of(i) in ids]
    for filter_ in call.params.get("Filters") or []:
        name = filter_.get("Name", "")
        if name not in fields:
            raise AwsError("InvalidParameterValue",
                           f"The filter '{name}' is invalid", 400,
                           violation=f"filter {name}")
        items = [i for i in items
                 if set(fields[name](i)) & set(filter_.get("Values", []))]
    return items


@operation("ec2", "DescribeRegions")
def describe_regions(call):
    _dry_run(call)
    names = call.params.get("RegionNames") or REGIONS
    for name in names:
        if name not in REGIONS:
            raise AwsError("InvalidParameterValue",
                           f"Invalid region names: {name}", 400)
    disabled = call.world.settings["disabled_regions"]
    return {"Regions": [{"RegionName": n, "OptInStatus": "not-opted-in"
                         if n in disabled else "opt-in-not-required",
                         "Endpoint": f"ec2.{n}.amazonaws.com"}
                        for n in names
                        if n not in disabled or call.params.get("AllRegions")]}


def _in_region(call, things):
    return [t for t in things if t["region"] == call.region]


def _group_names(call):
    return {g["id"]: g["name"] for g in call.world.security_groups}


def _groups_of(call, ids):
    names = _group_names(call)
    return [{"GroupId": g, "GroupName": names.get(g, g)} for g in ids]


def _interface(call, instance):
    number = instance["id"][-5:]
    result = {
        "NetworkInterfaceId": f"eni-0a1b2c3d4e5f{number}",
        "Status": "in-use", "VpcId": VPC, "SubnetId": SUBNET,
        "OwnerId": call.world.account, "MacAddress": "02:00:00:00:00:01",
        "PrivateIpAddress": instance["private_ip"], "SourceDestCheck": True,
        "Groups": _groups_of(call, instance["groups"])}
    address = {"PrivateIpAddress": instance["private_ip"], "Primary": True}
    if instance.get("public_ip"):
        result["Association"] = {"PublicIp": instance["public_ip"],
                                 "IpOwnerId": call.world.account}
        address["Association"] = result["Association"]
    result["PrivateIpAddresses"] = [address]
    return result


@operation("ec2", "DescribeInstances", pages="Reservations")
def describe_instances(call):
    _dry_run(call)
    found = _filtered(
        call, _in_region(call, call.world.instances), {
            "instance-id": lambda i: [i["id"]],
            "ip-address": lambda i: [i.get("public_ip")],
            "private-ip-address": lambda i: [i["private_ip"]],
            "network-interface.addresses.association.public-ip":
                lambda i: [i.get("public_ip")],
            "instance-state-name": lambda i: [i.get("state", "running")],
            "instance.group-id": lambda i: i["groups"],
            "tag:Name": lambda i: [i["name"]],
            "vpc-id": lambda i: [VPC],
        }, "InstanceIds", "InvalidInstanceID.NotFound", lambda i: i["id"])
    result = []
    for number, one in enumerate(found):
        instance = {
            "InstanceId": one["id"], "InstanceType": "t3.small",
            "ImageId": "ami-0a1b2c3d4e5f60001", "VpcId": VPC,
            "SubnetId": SUBNET, "PrivateIpAddress": one["private_ip"],
            "LaunchTime": call.world.started - 60 * 86400,
            "State": {"Code": 16, "Name": one.get("state", "running")},
            "Tags": [{"Key": "Name", "Value": one["name"]}],
            "SecurityGroups": _groups_of(call, one["groups"]),
            "NetworkInterfaces": [_interface(call, one)]}
        if one.get("public_ip"):
            instance["PublicIpAddress"] = one["public_ip"]
        if one.get("role"):
            instance["IamInstanceProfile"] = {
                "Arn": call.world.arn("instance-profile", one["role"]),
                "Id": "AIPA" + one["id"][-16:].upper()}
        result.append({"ReservationId": f"r-0a1b2c3d4e5f6{number:04d}",
                       "OwnerId": call.world.account,
                       "Instances": [instance]})
    return {"Reservations": result}


@operation("ec2", "DescribeNetworkInterfaces", pages="NetworkInterfaces")
def describe_network_interfaces(call):
    _dry_run(call)
    found = _filtered(
        call, _in_region(call, call.world.instances), {
            "attachment.instance-id": lambda i: [i["id"]],
            "association.public-ip": lambda i: [i.get("public_ip")],
            "addresses.association.public-ip":
                lambda i: [i.get("public_ip")],
            "addresses.private-ip-address": lambda i: [i["private_ip"]],
            "private-ip-address": lambda i: [i["private_ip"]],
            "group-id": lambda i: i["groups"],
            "vpc-id": lambda i: [VPC],
        }, "NetworkInterfaceIds", "InvalidNetworkInterfaceID.NotFound",
        lambda i: _interface(call, i)["NetworkInterfaceId"])
    return {"NetworkInterfaces": [
        {**_interface(call, i), "InterfaceType": "interface", "Attachment": {
            "AttachmentId": "eni-attach-0" + i["id"][-16:],
            "InstanceId": i["id"], "DeviceIndex": 0, "Status": "attached",
            "InstanceOwnerId": call.world.account}} for i in found]}


@operation("ec2", "DescribeSecurityGroups", pages="SecurityGroups")
def describe_security_groups(call):
    _dry_run(call)
    found = _filtered(
        call, _in_region(call, call.world.security_groups), {
            "group-id": lambda g: [g["id"]],
            "group-name": lambda g: [g["name"]],
            "vpc-id": lambda g: [VPC],
        }, "GroupIds", "InvalidGroup.NotFound", lambda g: g["id"])

    def rule(port, network):
        return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port,
                "IpRanges": [{"CidrIp": network}]}

    return {"SecurityGroups": [
        {"GroupId": g["id"], "GroupName": g["name"], "VpcId": VPC,
         "Description": g["name"], "OwnerId": call.world.account,
         "IpPermissions": [rule(*r) for r in g["ingress"]],
         "IpPermissionsEgress": [{"IpProtocol": "-1", "IpRanges": [
             {"CidrIp": "0.0.0.0/0"}]}] if g.get("egress", True) else []}
        for g in found]}


# --- Health, Support: there only with a paid plan --------------------------

def _need_plan(call):
    if not call.world.health["plan"]:
        raise AwsError("SubscriptionRequiredException", "Amazon Web Services "
                       "Premium Support Subscription is required to use this "
                       "service.", 400)


def _event_shape(event):
    return {k: v for k, v in event.items()
            if k not in ("description", "entities")}


@operation("health", "DescribeEvents", pages="events")
def describe_events(call):
    _need_plan(call)
    wanted = call.params.get("filter", {})
    fields = {"services": "service", "eventTypeCodes": "eventTypeCode",
              "eventTypeCategories": "eventTypeCategory",
              "regions": "region", "eventArns": "arn",
              "eventStatusCodes": "statusCode"}
    found = []
    for event in call.world.health["events"]:
        if any(wanted.get(f) and event.get(k) not in wanted[f]
               for f, k in fields.items()):
            continue
        if wanted.get("lastUpdatedTimes") and not any(
                r.get("from", 0) <= event.get("lastUpdatedTime", 0)
                <= r.get("to", 2 ** 40) for r in wanted["lastUpdatedTimes"]):
            continue
        found.append(_event_shape(event))
    return {"events": found}


@operation("health", "DescribeEventDetails")
def describe_event_details(call):
    _need_plan(call)
    events = {e["arn"]: e for e in call.world.health["events"]}
    good, bad = [], []
    for arn in call.params["eventArns"]:
        if arn in events:
            good.append({"event": _event_shape(events[arn]),
                         "eventDescription": {"latestDescription":
                                              events[arn].get("description",
                                                              "")}})
        else:
            bad.append({"eventArn": arn, "errorName": "InvalidEventArn",
                        "errorMessage": "not found"})
    return {"successfulSet": good, "failedSet": bad}


@operation("health", "DescribeAffectedEntities", pages="entities")
def describe_affected_entities(call):
    _need_plan(call)
    return {"entities": [
        {"eventArn": e["arn"], "entityValue": value,
         "awsAccountId": call.world.account}
        for e in call.world.health["events"]
        if e["arn"] in call.params["filter"]["eventArns"]
        for value in e.get("entities", [])]}


@operation("support", "DescribeCases", pages="cases")
def describe_cases(call):
    _need_plan(call)
    wanted = call.params.get("caseIdList")
    return {"cases": [{k: v for k, v in c.items() if k != "communications"}
                      for c in call.world.cases
                      if not wanted or c["caseId"] in wanted]}


def _case(call):
    case = next((c for c in call.world.cases
                 if c["caseId"] == call.params.get("caseId")), None)
    if case is None:
        raise AwsError("CaseIdNotFound", "The requested CaseId could not be "
                       "located.", 400)
    return case


@operation("support", "DescribeCommunications", pages="communications")
def describe_communications(call):
    _need_plan(call)
    return {"communications": _case(call).get("communications", [])}


@operation("support", "AddCommunicationToCase")
def add_communication_to_case(call):
    _need_plan(call)
    _case(call).setdefault("communications", []).append(
        {"caseId": call.params["caseId"], "submittedBy": call.caller.arn,
         "body": call.params["communicationBody"]})
    return {"result": True}
