"""Organizations: service control policies, as the management account sees
them.  They are stored and attached; what they deny is not modelled, for the
principals of the emulated account are those of the management account, which
no such policy binds."""

from errors import AwsError
from registry import operation

import iam_policy
import json

SCP = "SERVICE_CONTROL_POLICY"


def _organization(call):
    organization = call.world.organization
    if not organization:
        raise AwsError("AWSOrganizationsNotInUseException", "Your account is "
                       "not a member of an organization.", 400)
    return organization


def _managed(call):
    """Everything but DescribeOrganization is for the management account."""
    organization = _organization(call)
    if organization["master"] != call.world.account:
        raise AwsError("AccessDeniedException", "You don't have permissions "
                       "to access this resource.", 400)
    return organization


def _arn(call, what, name):
    one = _organization(call)
    return (f"arn:aws:organizations::{one['master']}:{what}/"
            f"{one['id']}/{name}")


@operation("organizations", "DescribeOrganization")
def describe_organization(call):
    one = _organization(call)
    return {"Organization": {
        "Id": one["id"], "MasterAccountId": one["master"],
        "FeatureSet": one.get("features", "ALL"),
        "MasterAccountEmail": "aws@example.net",
        "Arn": _arn(call, "organization", one["id"])}}


@operation("organizations", "ListRoots", pages="Roots")
def list_roots(call):
    one = _managed(call)
    types = [{"Type": SCP, "Status": "ENABLED"}] if one.get("scp", True) \
        else []
    return {"Roots": [{"Id": "r-abcd", "Name": "Root",
                       "Arn": _arn(call, "root", "r-abcd"),
                       "PolicyTypes": types}]}


def _policies(call):
    return _managed(call).setdefault("policies", {})


def _policy(call):
    found = _policies(call).get(call.params["PolicyId"])
    if found is None:
        raise AwsError("PolicyNotFoundException", "We can't find a policy "
                       "with the PolicyId that you specified.", 400)
    return found


def _summary(call, policy_id, policy):
    return {"Id": policy_id, "Name": policy["name"], "Type": SCP,
            "Description": policy["description"], "AwsManaged": False,
            "Arn": _arn(call, "policy", "service_control_policy/"
                        + policy_id)}


def _targets(call):
    accounts = _managed(call).setdefault("accounts", {})
    target = call.params["TargetId"]
    if target not in accounts:
        raise AwsError("TargetNotFoundException", "We can't find a root, OU "
                       "or account with that TargetId.", 400)
    return accounts[target]


@operation("organizations", "CreatePolicy")
def create_policy(call):
    params, all_ = call.params, _policies(call)
    if params["Type"] != SCP:
        raise AwsError("InvalidInputException", "Type", 400)
    try:
        iam_policy.check_document(json.loads(params["Content"]))
    except (ValueError, iam_policy.MalformedDocument):
        raise AwsError("MalformedPolicyDocumentException", "The provided "
                       "policy document does not meet the requirements of "
                       "the specified policy type.", 400) from None
    if len(params["Content"]) > 10240:
        raise AwsError("ConstraintViolationException",
                       "POLICY_CONTENT_LIMIT_EXCEEDED", 400)
    if any(p["name"] == params["Name"] for p in all_.values()):
        raise AwsError("DuplicatePolicyException", "A policy with the same "
                       "name already exists.", 400)
    policy_id = "p-" + call.world.random_id(8).lower()
    all_[policy_id] = {"name": params["Name"], "content": params["Content"],
                       "description": params["Description"]}
    return {"Policy": {"Content": params["Content"], "PolicySummary":
                       _summary(call, policy_id, all_[policy_id])}}


@operation("organizations", "UpdatePolicy")
def update_policy(call):
    policy = _policy(call)
    policy["content"] = call.params.get("Content", policy["content"])
    return {"Policy": {"Content": policy["content"], "PolicySummary":
                       _summary(call, call.params["PolicyId"], policy)}}


@operation("organizations", "DescribePolicy")
def describe_policy(call):
    policy = _policy(call)
    return {"Policy": {"Content": policy["content"], "PolicySummary":
                       _summary(call, call.params["PolicyId"], policy)}}


@operation("organizations", "ListPolicies", pages="Policies")
def list_policies(call):
    return {"Policies": [_summary(call, i, p)
                         for i, p in sorted(_policies(call).items())]}


@operation("organizations", "ListPoliciesForTarget", pages="Policies")
def list_policies_for_target(call):
    table, targets = _policies(call), _targets(call)
    return {"Policies": [_summary(call, i, table[i]) for i in targets]}


@operation("organizations", "AttachPolicy")
def attach_policy(call):
    _policy(call)
    targets, one = _targets(call), call.params["PolicyId"]
    if one in targets:
        raise AwsError("DuplicatePolicyAttachmentException", "A policy with "
                       "the specified name is already attached.", 400)
    if len(targets) >= 4:                   # and FullAWSAccess
        raise AwsError("ConstraintViolationException",
                       "MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED", 400)
    targets.append(one)


@operation("organizations", "DetachPolicy")
def detach_policy(call):
    _policy(call)
    targets, one = _targets(call), call.params["PolicyId"]
    if one not in targets:
        raise AwsError("PolicyNotAttachedException", "The policy isn't "
                       "attached to the specified target.", 400)
    targets.remove(one)


@operation("organizations", "DeletePolicy")
def delete_policy(call):
    _policy(call)
    if any(call.params["PolicyId"] in t
           for t in _managed(call).get("accounts", {}).values()):
        raise AwsError("PolicyInUseException", "The policy is attached to "
                       "one or more entities.", 400)
    del _policies(call)[call.params["PolicyId"]]
