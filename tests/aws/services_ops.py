"""CloudWatch, and the small part of Health and Support."""

import random
import statistics

from errors import AwsError
from registry import operation

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
    combine = {"Sum": sum, "Average": statistics.mean,
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


@operation("cloudwatch", "DescribeAlarms", pages="MetricAlarms")
def describe_alarms(call):
    """The seed's `posture.alarms`: region, metric, and whom they tell."""
    return {"MetricAlarms": [
        {"AlarmName": f"alarm-{n}", "Namespace": "AWS/SES",
         "MetricName": a["metric"], "ActionsEnabled": a.get("on", True),
         "AlarmActions": a.get("actions", ["arn:aws:sns:us-east-1:"
                               f"{call.world.account}:ops"])}
        for n, a in enumerate(call.world.posture.get("alarms", []))
        if a.get("region", "us-east-1") == call.region]}


@operation("account", "GetAlternateContact")
def get_alternate_contact(call):
    address = call.world.posture.get("contact")
    if not address or call.params["AlternateContactType"] != "SECURITY":
        raise AwsError("ResourceNotFoundException", "No contact of the "
                       "inputted alternate contact type found.", 404)
    return {"AlternateContact": {
        "AlternateContactType": "SECURITY", "EmailAddress": address,
        "Name": "Security", "Title": "on call", "PhoneNumber": "+15550100"}}


# --- Health, Support: there only with a paid plan --------------------------

def _need_plan(call):
    if not call.world.health["plan"]:
        raise AwsError("SubscriptionRequiredException", "Amazon Web Services "
                       "Premium Support Subscription is required to use this "
                       "service.", 400)


def _event_shape(event):
    return {k: v for k, v in event.items()
            if k not in ("description", "entities", "accounts")}


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


# The organization's view: of the management account, once it is switched on.

def _need_organization(call):
    _need_plan(call)
    if not call.world.health.get("organization"):
        raise AwsError("AccessDeniedException", "Organizational view is not "
                       "enabled for this account.", 400)


def _of_organization(event):
    return {k: v for k, v in _event_shape(event).items()
            if k not in ("availabilityZone",)}


def _accounts(call, event):
    return event.get("accounts", [call.world.account])


@operation("health", "DescribeEventsForOrganization", pages="events")
def describe_events_for_organization(call):
    _need_organization(call)
    wanted = call.params.get("filter", {})
    since = wanted.get("lastUpdatedTime", {}).get("from", 0)
    return {"events": [
        _of_organization(e) for e in call.world.health["events"]
        if (not wanted.get("services") or e["service"] in wanted["services"])
        and e.get("lastUpdatedTime", 0) >= since]}


@operation("health", "DescribeAffectedAccountsForOrganization",
           pages="affectedAccounts")
def describe_affected_accounts_for_organization(call):
    _need_organization(call)
    return {"affectedAccounts": [
        a for e in call.world.health["events"]
        if e["arn"] == call.params["eventArn"] for a in _accounts(call, e)]}


@operation("health", "DescribeEventDetailsForOrganization")
def describe_event_details_for_organization(call):
    _need_organization(call)
    events = {e["arn"]: e for e in call.world.health["events"]}
    good, bad = [], []
    for asked in call.params["organizationEventDetailFilters"]:
        event = events.get(asked["eventArn"])
        account = asked.get("awsAccountId")
        if event and account in _accounts(call, event):
            good.append({"awsAccountId": account,
                         "event": _of_organization(event),
                         "eventDescription": {
                             "latestDescription":
                             event.get("description", "")}})
        else:
            bad.append({**asked, "errorName": "InvalidEventArn",
                        "errorMessage": "not found"})
    return {"successfulSet": good, "failedSet": bad}


@operation("health", "DescribeAffectedEntitiesForOrganization",
           pages="entities")
def describe_affected_entities_for_organization(call):
    _need_organization(call)
    asked = call.params["organizationEntityFilters"]
    return {"entities": [
        {"eventArn": e["arn"], "entityValue": value, "awsAccountId": account}
        for f in asked for e in call.world.health["events"]
        if e["arn"] == f["eventArn"]
        for account in _accounts(call, e) if account == f["awsAccountId"]
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
