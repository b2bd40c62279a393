"""IAM and STS."""

import csv
import io
import json
from urllib.parse import quote

import iam_policy
from errors import AwsError
from iam_policy import Policy
from registry import operation
from world import iso, parse_when


def _user(call, name=None):
    """The named user; without a name the caller's own."""
    name = name or call.params.get("UserName")
    if name is None:
        if call.caller.user is None or call.caller.session:
            raise AwsError("ValidationError", "Must specify userName when "
                           "calling with non-User credentials", 400)
        return call.caller.user
    return _find(call.world.users, name, "user")


def _find(table, name, kind):
    if name not in table:
        raise AwsError("NoSuchEntity", f"The {kind} with name {name} cannot "
                       "be found.", 404)
    return table[name]


def _user_arn(call):
    name = call.params.get("UserName")
    if name is None:
        return call.caller.arn
    user = call.world.users.get(name)
    return call.world.arn_of(user) if user else call.world.arn("user", name)


def _arn_by(kind, member):
    def resource(call):
        name = call.params.get(member)
        table = getattr(call.world, kind + "s")
        return (call.world.arn_of(table[name]) if name in table
                else call.world.arn(kind, name))
    return resource


def _encoded(document):
    """IAM hands documents back percent-encoded."""
    text = getattr(document, "text", None) or (
        document if isinstance(document, str) else json.dumps(document))
    return quote(text, safe="-._~")


class Document(dict):
    """A policy as it was put: IAM keeps its very text."""
    text = None


def _parse_document(text):
    try:
        document = json.loads(text)
        iam_policy.check_document(document)
    except ValueError:
        raise AwsError("MalformedPolicyDocument",
                       "Syntax errors in policy.", 400) from None
    except iam_policy.MalformedDocument as e:
        raise AwsError("MalformedPolicyDocument", str(e), 400) from None
    document = Document(document)
    document.text = text
    return document


# --- access keys -----------------------------------------------------------

def _key(call):
    key = call.world.keys.get(call.params["AccessKeyId"])
    user = _user(call)
    if key is None or key.status is None or key.user != user.name:
        raise AwsError("NoSuchEntity", "The Access Key with id "
                       f"{call.params['AccessKeyId']} cannot be found.", 404)
    return key


@operation("iam", "CreateAccessKey", resource=_user_arn)
def create_access_key(call):
    user = _user(call)
    if len(call.world.keys_of(user.name)) >= 2:
        raise AwsError("LimitExceeded", "Cannot exceed quota for "
                       "AccessKeysPerUser: 2", 409)
    key = call.world.add_key(user.name)
    return {"AccessKey": {"UserName": user.name, "AccessKeyId": key.id,
                          "Status": key.status, "SecretAccessKey": key.secret,
                          "CreateDate": key.created}}


@operation("iam", "UpdateAccessKey", resource=_user_arn)
def update_access_key(call):
    key = _key(call)
    if call.params["Status"] == "Expired":
        raise AwsError("InvalidInput", "Status Expired cannot be set", 400)
    call.world.set_key_status(key, call.params["Status"])


@operation("iam", "DeleteAccessKey", resource=_user_arn)
def delete_access_key(call):
    call.world.delete_key(_key(call))


@operation("iam", "ListAccessKeys", resource=_user_arn,
           pages="AccessKeyMetadata")
def list_access_keys(call):
    user = _user(call)
    return {"AccessKeyMetadata": [
        {"UserName": user.name, "AccessKeyId": k.id, "Status": k.status,
         "CreateDate": k.created} for k in call.world.keys_of(user.name)
        if call.world.seen(k.listed)]}


@operation("iam", "GetAccessKeyLastUsed")
def get_access_key_last_used(call):
    key = call.world.keys.get(call.params["AccessKeyId"])
    if key is None or key.status is None:
        raise AwsError("AccessDenied", f"User: {call.caller.arn} is not "
                       "authorized to perform: iam:GetAccessKeyLastUsed on "
                       "resource: access key "
                       f"{call.params['AccessKeyId']}", 403)
    used = {"ServiceName": "N/A", "Region": "N/A"}
    if key.last_used:
        used = dict(zip(("LastUsedDate", "ServiceName", "Region"),
                        key.last_used))
    return {"UserName": key.user, "AccessKeyLastUsed": used}


# --- users, groups, roles --------------------------------------------------

def _user_shape(call, user):
    return {"Path": user.path, "UserName": user.name, "UserId": user.id,
            "Arn": call.world.arn_of(user), "CreateDate": user.created}


def _group_shape(call, group):
    return {"Path": group.path, "GroupName": group.name, "GroupId": group.id,
            "Arn": call.world.arn_of(group), "CreateDate": group.created}


def _role_shape(call, role):
    return {"Path": role.path, "RoleName": role.name, "RoleId": role.id,
            "Arn": call.world.arn_of(role), "CreateDate": role.created,
            "AssumeRolePolicyDocument": _encoded(role.trust)}


def _boundary(entity, shape):
    if entity.boundary:
        shape["PermissionsBoundary"] = {
            "PermissionsBoundaryType": "Policy",
            "PermissionsBoundaryArn": entity.boundary}
    if entity.tags:
        shape["Tags"] = [{"Key": k, "Value": v}
                         for k, v in entity.tags.items()]
    return shape


@operation("iam", "ListUsers", pages="Users")
def list_users(call):
    prefix = call.params.get("PathPrefix", "/")
    return {"Users": [_user_shape(call, u)
                      for _, u in sorted(call.world.users.items())
                      if u.path.startswith(prefix)]}


@operation("iam", "GetUser", resource=_user_arn)
def get_user(call):
    user = _user(call)
    return {"User": _boundary(user, _user_shape(call, user))}


@operation("iam", "ListRoles", pages="Roles")
def list_roles(call):
    prefix = call.params.get("PathPrefix", "/")
    return {"Roles": [_role_shape(call, r)
                      for _, r in sorted(call.world.roles.items())
                      if r.path.startswith(prefix)]}


@operation("iam", "GetRole", resource=_arn_by("role", "RoleName"))
def get_role(call):
    role = _find(call.world.roles, call.params["RoleName"], "role")
    return {"Role": _boundary(role, _role_shape(call, role))}


@operation("iam", "ListGroups", pages="Groups")
def list_groups(call):
    return {"Groups": [_group_shape(call, g)
                       for _, g in sorted(call.world.groups.items())]}


@operation("iam", "GetLoginProfile", resource=_user_arn)
def get_login_profile(call):
    user = _user(call)
    if not user.password:
        raise AwsError("NoSuchEntity", f"Login Profile for User {user.name} "
                       "cannot be found.", 404)
    return {"LoginProfile": {"UserName": user.name,
                             "CreateDate": user.created,
                             "PasswordResetRequired": False}}


@operation("iam", "DeleteLoginProfile", resource=_user_arn)
def delete_login_profile(call):
    get_login_profile(call)
    _user(call).password = False


@operation("iam", "ListServiceSpecificCredentials", resource=_user_arn)
def list_service_specific_credentials(call):
    _user(call)
    return {"ServiceSpecificCredentials": []}


@operation("iam", "ListGroupsForUser", resource=_user_arn, pages="Groups")
def list_groups_for_user(call):
    return {"Groups": [_group_shape(call, call.world.groups[g])
                       for g in sorted(_user(call).groups)]}


@operation("iam", "ListMFADevices", resource=_user_arn, pages="MFADevices")
def list_mfa_devices(call):
    user = _user(call)
    return {"MFADevices": [{"UserName": user.name, "SerialNumber": serial,
                            "EnableDate": user.created}
                           for serial in user.mfa]}


# --- policies --------------------------------------------------------------

_INLINE_SIZE = {"User": 2048, "Group": 5120, "Role": 10240}
_OWNERS = {"User": ("users", "user"), "Group": ("groups", "group"),
           "Role": ("roles", "role")}


def _policy_operations(kind):
    table, word = _OWNERS[kind]
    name = kind + "Name"
    arn = _user_arn if kind == "User" else _arn_by(word, name)

    def owner(call):
        return _find(getattr(call.world, table), call.params[name], word)

    @operation("iam", f"List{kind}Policies", resource=arn,
               pages="PolicyNames")
    def list_inline(call):
        return {"PolicyNames": sorted(owner(call).policies)}

    @operation("iam", f"Get{kind}Policy", resource=arn)
    def get_inline(call):
        one, policy = owner(call), call.params["PolicyName"]
        if policy not in one.policies:
            raise AwsError("NoSuchEntity", f"The {word} policy with name "
                           f"{policy} cannot be found.", 404)
        return {name: one.name, "PolicyName": policy,
                "PolicyDocument": _encoded(one.policies[policy])}

    @operation("iam", f"Put{kind}Policy", resource=arn)
    def put_inline(call):
        one, policy = owner(call), call.params["PolicyName"]
        document = _parse_document(call.params["PolicyDocument"])
        others = [d for n, d in one.policies.items() if n != policy]
        # White space does not count.
        size = sum(len(json.dumps(d, separators=(",", ":")))
                   for d in [*others, document])
        if size > _INLINE_SIZE[kind]:
            raise AwsError("LimitExceeded", "Maximum policy size of "
                           f"{_INLINE_SIZE[kind]} bytes exceeded for {word} "
                           f"{one.name}", 409)
        one.policies[policy] = document
        call.world.policy_changed(one)

    @operation("iam", f"Delete{kind}Policy", resource=arn)
    def delete_inline(call):
        one, policy = owner(call), call.params["PolicyName"]
        if one.policies.pop(policy, None) is None:
            raise AwsError("NoSuchEntity", f"The {word} policy with name "
                           f"{policy} cannot be found.", 404)
        call.world.policy_changed(one)

    @operation("iam", f"ListAttached{kind}Policies", resource=arn,
               pages="AttachedPolicies")
    def list_attached(call):
        return {"AttachedPolicies": [
            {"PolicyName": a.rpartition("/")[2], "PolicyArn": a}
            for a in sorted(owner(call).attached)]}

    @operation("iam", f"Attach{kind}Policy", resource=arn)
    def attach(call):
        one = owner(call)
        policy = call.params["PolicyArn"]
        _managed(call, policy)
        if policy not in one.attached:
            if len(one.attached) >= 10:
                raise AwsError("LimitExceeded", "Cannot exceed quota for "
                               f"PoliciesPer{kind}: 10", 409)
            one.attached.append(policy)
            call.world.policy_changed(one)

    @operation("iam", f"Detach{kind}Policy", resource=arn)
    def detach(call):
        one, policy = owner(call), call.params["PolicyArn"]
        if policy not in one.attached:
            raise AwsError("NoSuchEntity", f"Policy {policy} was not found.",
                           404)
        one.attached.remove(policy)
        call.world.policy_changed(one)


for _kind in _OWNERS:
    _policy_operations(_kind)


def _managed(call, arn):
    if arn not in call.world.policies:
        raise AwsError("NoSuchEntity", f"Policy {arn} was not found.", 404)
    return call.world.policies[arn]


def _policy_resource(call):
    return call.params["PolicyArn"]


def _policy_shape(call, arn):
    policy = call.world.policies[arn]
    users = sum(arn in e.attached for e in call.world.all_entities())
    return {"PolicyName": arn.rpartition("/")[2], "Arn": arn,
            "PolicyId": "ANPA" + arn.encode().hex()[-17:].upper(),
            "Path": "/", "DefaultVersionId": policy["default"],
            "AttachmentCount": users, "IsAttachable": True,
            "CreateDate": call.world.started - 500 * 86400,
            "UpdateDate": call.world.started - 100 * 86400}


@operation("iam", "GetPolicy", resource=_policy_resource)
def get_policy(call):
    _managed(call, call.params["PolicyArn"])
    return {"Policy": _policy_shape(call, call.params["PolicyArn"])}


def _version_shape(call, policy, version):
    return {"VersionId": version,
            "IsDefaultVersion": version == policy["default"],
            "Document": _encoded(policy["versions"][version]),
            "CreateDate": call.world.started - 100 * 86400}


@operation("iam", "GetPolicyVersion", resource=_policy_resource)
def get_policy_version(call):
    policy = _managed(call, call.params["PolicyArn"])
    version = call.params["VersionId"]
    if version not in policy["versions"]:
        raise AwsError("NoSuchEntity", f"Policy {call.params['PolicyArn']} "
                       f"version {version} does not exist or is not "
                       "attachable.", 404)
    return {"PolicyVersion": _version_shape(call, policy, version)}


@operation("iam", "PutUserPermissionsBoundary", resource=_user_arn)
def put_user_permissions_boundary(call):
    user = _user(call)
    _managed(call, call.params["PermissionsBoundary"])
    user.boundary = call.params["PermissionsBoundary"]
    call.world.policy_changed(user)


@operation("iam", "DeleteUserPermissionsBoundary", resource=_user_arn)
def delete_user_permissions_boundary(call):
    user = _user(call)
    user.boundary = None
    call.world.policy_changed(user)


def _role_more(call, role):
    """What only the account's details say of a role."""
    world = call.world
    more = {"InstanceProfileList": [
        {"Path": "/", "InstanceProfileName": name,
         "InstanceProfileId": "AIPA" + name.encode().hex()[-17:].upper(),
         "Arn": world.arn("instance-profile", name),
         "CreateDate": role.created, "Roles": []}
        for name in role.profiles]}
    if role.last_used:
        more["RoleLastUsed"] = {
            "LastUsedDate": parse_when(role.last_used[0], world.started),
            "Region": role.last_used[1]}
    return more


@operation("iam", "GetAccountSummary")
def get_account_summary(call):
    world = call.world
    return {"SummaryMap": {
        "Users": len(world.users), "Groups": len(world.groups),
        "Roles": len(world.roles), "Policies": sum(
            not a.startswith("arn:aws:iam::aws:") for a in world.policies),
        "MFADevices": sum(len(u.mfa) for u in world.users.values()),
        "AccountAccessKeysPresent": len(world.root["keys"]),
        "AccountMFAEnabled": int(world.root["mfa"]),
        "AccessKeysPerUserQuota": 2}}


@operation("iam", "GetAccountAuthorizationDetails",
           pages=("UserDetailList", "GroupDetailList", "RoleDetailList",
                  "Policies"))
def get_account_authorization_details(call):
    world = call.world
    wanted = set(call.params.get("Filter") or (
        "User", "Group", "Role", "LocalManagedPolicy", "AWSManagedPolicy"))

    def inline(entity):
        return [{"PolicyName": n, "PolicyDocument": _encoded(d)}
                for n, d in sorted(entity.policies.items())]

    def attached(entity):
        return [{"PolicyName": a.rpartition("/")[2], "PolicyArn": a}
                for a in entity.attached]

    result = {name: [] for name in ("UserDetailList", "GroupDetailList",
                                    "RoleDetailList", "Policies")}
    if "User" in wanted:
        for _, user in sorted(world.users.items()):
            result["UserDetailList"].append(_boundary(user, {
                **_user_shape(call, user), "UserPolicyList": inline(user),
                "GroupList": user.groups,
                "AttachedManagedPolicies": attached(user)}))
    if "Group" in wanted:
        for _, group in sorted(world.groups.items()):
            result["GroupDetailList"].append({
                **_group_shape(call, group), "GroupPolicyList": inline(group),
                "AttachedManagedPolicies": attached(group)})
    if "Role" in wanted:
        for _, role in sorted(world.roles.items()):
            result["RoleDetailList"].append(_boundary(role, {
                **_role_shape(call, role), "RolePolicyList": inline(role),
                **_role_more(call, role),
                "AttachedManagedPolicies": attached(role)}))
    used = {a for e in world.all_entities() for a in e.attached}
    for arn, policy in sorted(world.policies.items()):
        ours = not arn.startswith("arn:aws:iam::aws:")
        if ours and "LocalManagedPolicy" in wanted or \
                not ours and "AWSManagedPolicy" in wanted and arn in used:
            result["Policies"].append({
                **_policy_shape(call, arn),
                "PolicyVersionList": [_version_shape(call, policy, v)
                                      for v in policy["versions"]]})
    return result


# --- simulation ------------------------------------------------------------

@operation("iam", "SimulatePrincipalPolicy", pages="EvaluationResults",
           resource=lambda call: call.params["PolicySourceArn"])
def simulate_principal_policy(call):
    world, params = call.world, call.params
    source = next((e for e in world.all_entities()
                   if world.arn_of(e) == params["PolicySourceArn"]), None)
    if source is None:
        if not params["PolicySourceArn"].startswith("arn:aws:iam::"):
            raise AwsError("InvalidInput", "Invalid Entity Arn: "
                           f"{params['PolicySourceArn']} does not clearly "
                           "define entity type and name.", 400)
        raise AwsError("NoSuchEntity", "The entity with ARN "
                       f"{params['PolicySourceArn']} cannot be found.", 404)
    policies, boundary = world.policies_of(source)
    for number, text in enumerate(params.get("PolicyInputList", []), 1):
        policies.append(Policy(f"PolicyInputList.{number}", "IAM Policy",
                               _parse_document(text)))
    if "PermissionsBoundaryPolicyInputList" in params:
        boundary = [Policy(f"PermissionsBoundaryPolicyInputList.{n}",
                           "Permissions Boundary Policy", _parse_document(t))
                    for n, t in enumerate(
                        params["PermissionsBoundaryPolicyInputList"], 1)]
    context = {"aws:principalarn": [params["PolicySourceArn"]]}
    if source.kind == "user":
        context["aws:username"] = [source.name]
        context["aws:userid"] = [source.id]
    for entry in params.get("ContextEntries", []):
        context[entry["ContextKeyName"].lower()] = \
            entry.get("ContextKeyValues", [])
    results = []
    for action in params["ActionNames"]:
        if action.count(":") != 1:
            raise AwsError("InvalidInput", f"Invalid action: {action}", 400)
        for resource in params.get("ResourceArns") or ["*"]:
            decision = iam_policy.evaluate(policies, action, resource,
                                           context, boundary)
            one = {"EvalActionName": action, "EvalResourceName": resource,
                   "EvalDecision": decision.verdict,
                   "MatchedStatements": [
                       {"SourcePolicyId": p.name, "SourcePolicyType": p.kind,
                        "StartPosition": {"Line": 1, "Column": 1},
                        "EndPosition": {"Line": 1, "Column": 1}}
                       for p in decision.matched],
                   "MissingContextValues": sorted(decision.missing_keys)}
            if decision.boundary_allows is not None:
                one["PermissionsBoundaryDecisionDetail"] = {
                    "AllowedByPermissionsBoundary": decision.boundary_allows}
            if any(iam_policy.like(p, action, True)
                   for p in world.settings["simulated_scp"]):
                one.update(EvalDecision="explicitDeny", MatchedStatements=[],
                           OrganizationsDecisionDetail={
                               "AllowedByOrganizations": False})
            results.append(one)
    return {"EvaluationResults": results}


# --- credential report -----------------------------------------------------

_COLUMNS = """user arn user_creation_time password_enabled password_last_used
    password_last_changed password_next_rotation mfa_active
    access_key_1_active access_key_1_last_rotated access_key_1_last_used_date
    access_key_1_last_used_region access_key_1_last_used_service
    access_key_2_active access_key_2_last_rotated access_key_2_last_used_date
    access_key_2_last_used_region access_key_2_last_used_service cert_1_active
    cert_1_last_rotated cert_2_active cert_2_last_rotated""".split()


REPORT_LIFE = 4 * 3600


@operation("iam", "GenerateCredentialReport")
def generate_credential_report(call):
    """STARTED, INPROGRESS as often as settings.report_polls says, COMPLETE:
    the caller has to ask again. One that is not four hours old yet is handed
    out as it is: what happened since is not in it."""
    world = call.world
    report = world.credential_report
    if report and report["state"] == "COMPLETE" \
            and world.now() - report["time"] >= REPORT_LIFE:
        report = None
    if report is None and world.settings["report_age_s"]:
        world.make_report(_credential_report)
        return {"State": "COMPLETE"}
    if report is None:
        world.credential_report = {
            "state": "STARTED", "left": world.settings["report_polls"]}
        return {"State": "STARTED", "Description":
                "No report exists. Starting a new report generation task"}
    if report["state"] != "COMPLETE":
        if report["left"] > 0:
            report.update(state="INPROGRESS", left=report["left"] - 1)
            return {"State": "INPROGRESS"}
        world.make_report(_credential_report)
    return {"State": "COMPLETE"}


def _credential_report(world):
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(_COLUMNS)
    root = ["<root_account>", f"arn:aws:iam::{world.account}:root",
            iso(world.started - 900 * 86400), "not_supported", "N/A",
            "not_supported", "not_supported",
            "true" if world.root["mfa"] else "false"]
    empty = ["false", "N/A", "N/A", "N/A", "N/A"]
    for key in world.root["keys"]:
        root += ["true", iso(parse_when(key.get("created", "-300d"),
                                        world.started)), "N/A", "N/A", "N/A"]
    rows.writerow(root + empty * (2 - len(world.root["keys"]))
                  + ["false", "N/A"] * 2)
    for _, user in sorted(world.users.items()):
        row = [user.name, world.arn_of(user), iso(user.created),
               "true" if user.password else "false",
               "no_information" if user.password else "N/A",
               iso(user.created) if user.password else "N/A", "N/A",
               "true" if user.mfa else "false"]
        keys = world.keys_of(user.name)
        for key in keys:
            used = key.last_used
            row += ["true" if key.status == "Active" else "false",
                    iso(key.created), iso(used[0]) if used else "N/A",
                    used[2] if used else "N/A", used[1] if used else "N/A"]
        rows.writerow(row + empty * (2 - len(keys)) + ["false", "N/A"] * 2)
    return out.getvalue().encode()


@operation("iam", "GetCredentialReport")
def get_credential_report(call):
    report = call.world.credential_report
    if report is None:
        raise AwsError("ReportNotPresent", "No report is present", 410)
    if report["state"] == "COMPLETE" \
            and call.world.now() - report["time"] >= REPORT_LIFE:
        raise AwsError("ReportExpired", "The report is too old", 410)
    if report["state"] != "COMPLETE":
        raise AwsError("ReportInProgress", "Report is still being created",
                       404)
    return {"Content": report["content"], "ReportFormat": "text/csv",
            "GeneratedTime": report["time"]}


# --- STS -------------------------------------------------------------------

@operation("sts", "GetCallerIdentity", always=True)
def get_caller_identity(call):
    return {"UserId": call.caller.user_id, "Account": call.world.account,
            "Arn": call.caller.arn}


@operation("sts", "GetAccessKeyInfo")
def get_access_key_info(call):
    return {"Account": call.world.account}


def _credentials(session):
    return {"AccessKeyId": session.id, "SecretAccessKey": session.secret,
            "SessionToken": session.token, "Expiration": session.expires}


def _mfa_given(call, user):
    """TokenCode 123456 is right, all others are wrong."""
    serial = call.params.get("SerialNumber")
    if serial is None:
        return False
    if user is None or serial not in user.mfa \
            or call.params.get("TokenCode") != "123456":
        raise AwsError("AccessDenied", "MultiFactorAuthentication failed "
                       "with invalid MFA one time pass code. ", 403)
    return True


@operation("sts", "GetSessionToken")
def get_session_token(call):
    if call.caller.session:
        raise AwsError("AccessDenied", "Cannot call GetSessionToken with "
                       "session credentials", 403)
    session = call.world.new_session(
        call.params.get("DurationSeconds", 43200), user=call.caller.user.name,
        mfa=_mfa_given(call, call.caller.user))
    return {"Credentials": _credentials(session)}


@operation("sts", "AssumeRole", resource=lambda call: call.params["RoleArn"])
def assume_role(call):
    world = call.world
    role = next((r for r in world.roles.values()
                 if world.arn_of(r) == call.params["RoleArn"]), None)
    mfa = _mfa_given(call, call.caller.user)
    context = {**call.caller.context,
               "aws:multifactorauthpresent": ["true" if mfa else "false"]}
    if "ExternalId" in call.params:
        context["sts:externalid"] = [call.params["ExternalId"]]
    root = f"arn:aws:iam::{world.account}:root"

    def trusted(statement):
        principals = iam_policy.as_list(
            statement.get("Principal", {}).get("AWS", []))
        return (statement["Effect"] == "Allow"
                and {call.caller.arn, root, world.account, "*"}
                & set(principals)
                and iam_policy.statement_applies(
                    {**statement, "Resource": "*"}, "sts:AssumeRole", "*",
                    context))

    if role is None or not any(map(trusted, iam_policy.as_list(
            role.trust.get("Statement", [])))):
        raise AwsError("AccessDenied", f"User: {call.caller.arn} is not "
                       "authorized to perform: sts:AssumeRole on resource: "
                       f"{call.params['RoleArn']}", 403)
    policy = call.params.get("Policy")
    name = call.params["RoleSessionName"]
    session = world.new_session(
        call.params.get("DurationSeconds", 3600), role=role.name, name=name,
        policy=_parse_document(policy) if policy else None, mfa=mfa)
    return {"Credentials": _credentials(session), "AssumedRoleUser": {
        "AssumedRoleId": f"{role.id}:{name}",
        "Arn": f"arn:aws:sts::{world.account}:assumed-role/{role.name}/"
               f"{name}"}}


@operation("sts", "AssumeRoleWithWebIdentity", unsigned=True)
def assume_role_with_web_identity(call):
    """settings.web_identity is the only token that is right."""
    world = call.world
    role = next((r for r in world.roles.values()
                 if world.arn_of(r) == call.params["RoleArn"]), None)
    if call.params["WebIdentityToken"] != world.settings["web_identity"]:
        raise AwsError("InvalidIdentityToken", "Couldn't retrieve "
                       "verification key from your identity provider", 400)
    if role is None or not any(
            s["Effect"] == "Allow" and "Federated" in s.get("Principal", {})
            and "sts:AssumeRoleWithWebIdentity" in iam_policy.as_list(
                s["Action"])
            for s in iam_policy.as_list(role.trust.get("Statement", []))):
        raise AwsError("AccessDenied", "Not authorized to perform "
                       "sts:AssumeRoleWithWebIdentity", 403)
    name = call.params["RoleSessionName"]
    session = world.new_session(call.params.get("DurationSeconds", 3600),
                                role=role.name, name=name)
    return {"Credentials": _credentials(session),
            "SubjectFromWebIdentityToken": "system:serviceaccount:mail:ops",
            "AssumedRoleUser": {
                "AssumedRoleId": f"{role.id}:{name}",
                "Arn": f"arn:aws:sts::{world.account}:assumed-role/"
                       f"{role.name}/{name}"}}
