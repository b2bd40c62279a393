"""EC2: instances, their interfaces and security groups, snapshots, tags.

A security group rule here is a dict: id, egress, protocol, from, to, and one
of cidr, cidr6, prefix, group.  A flow of an interface is one open connection:
{"dst": "198.51.100.9", "port": 25, "tracked": true}.
"""

import ipaddress
import re

from errors import AwsError
from registry import operation
from world import REGIONS, iso

VPC, SUBNET = "vpc-0a1b2c3d4e5f60001", "subnet-0a1b2c3d4e5f60001"
RULES_QUOTA = 60                # each of: in, out; IPv4, IPv6
NAMES = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6"}


class Groups:
    """The security groups of the world, made from its seed when first asked
    for."""

    def __init__(self, world):
        self.world = world
        self.table = {}
        for seed in world.security_groups:
            self.add(seed["id"], seed["region"], seed["name"], seed["name"],
                     seed)

    def add(self, group_id, region, name, description, seed=None):
        seed = seed or {}
        group = {"id": group_id, "region": region, "name": name,
                 "description": description, "rules": [],
                 "tags": dict(seed.get("tags", {}))}
        self.table[group_id] = group
        for rule in seed.get("ingress", []):
            self.add_rule(group, False, self._seeded(rule))
        egress = seed.get("egress", True)
        if egress is True:
            egress = [{"protocol": "-1", "cidr": "0.0.0.0/0"}]
        for rule in egress or []:
            self.add_rule(group, True, self._seeded(rule))
        return group

    @staticmethod
    def _seeded(rule):
        if isinstance(rule, dict):
            return rule
        port, cidr = rule
        return {"protocol": "tcp", "from": port, "to": port,
                "cidr6" if ":" in cidr else "cidr": cidr}

    def add_rule(self, group, egress, rule):
        rule = {"id": "sgr-0" + self.world.random_id(16).lower(),
                "egress": egress, "from": -1, "to": -1, **rule}
        rule["protocol"] = NAMES.get(rule["protocol"], rule["protocol"])
        group["rules"].append(rule)
        return rule


def key_of(rule):
    """What makes two rules the same."""
    return (rule["egress"], rule["protocol"], rule["from"], rule["to"],
            rule.get("cidr"), rule.get("cidr6"), rule.get("prefix"),
            rule.get("group"))


def groups(world):
    if world.ec2_groups is None:
        world.ec2_groups = Groups(world)
    return world.ec2_groups


def interfaces(world, instance):
    """The interfaces of an instance; the seed may leave them out."""
    if "interfaces" not in instance:
        instance["interfaces"] = [{}]
    number = instance["id"][-5:]
    for i, one in enumerate(instance["interfaces"]):
        if "id" not in one:
            one.update(
                id=f"eni-0a1b2c3d4e{i:02d}{number}", index=i,
                private_ip=one.get("private_ip", instance["private_ip"]),
                public_ip=one.get("public_ip", None if i else
                                  instance.get("public_ip")),
                groups=list(one.get("groups", instance["groups"])),
                flows=[dict(f) for f in one.get("flows", [])],
                region=instance["region"], instance=instance["id"])
    return instance["interfaces"]


def _all_interfaces(call):
    return [e for i in call.world.instances if i["region"] == call.region
            for e in interfaces(call.world, i)]


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
        values = set(filter_.get("Values", []))
        if name.startswith("tag:") and "tag" in fields:
            items = [i for i in items
                     if fields["tag"](i).get(name[4:]) in values]
            continue
        if name not in fields or name == "tag":
            raise AwsError("InvalidParameterValue",
                           f"The filter '{name}' is invalid", 400,
                           violation=f"filter {name}")
        items = [i for i in items if set(fields[name](i)) & values]
    return items


def _tags(tags):
    return [{"Key": k, "Value": v} for k, v in tags.items()]


def _tag_specification(call, kind):
    tags = {}
    for one in call.params.get("TagSpecifications") or []:
        if one.get("ResourceType") != kind:
            raise AwsError("InvalidParameterValue", f"'{kind}' is the only "
                           "resource type to be tagged here", 400)
        tags.update({t["Key"]: t.get("Value", "") for t in one["Tags"]})
    if any(name.lower().startswith("aws:") for name in tags):
        raise AwsError("InvalidParameterValue", "Tag keys starting with "
                       "'aws:' are reserved for internal use", 400)
    return tags


# --- reading ---------------------------------------------------------------

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


def _groups_of(call, ids):
    table = groups(call.world).table
    return [{"GroupId": g, "GroupName": table[g]["name"]
             if g in table else g} for g in ids]


def _interface(call, one):
    result = {
        "NetworkInterfaceId": one["id"],
        "Status": "in-use", "VpcId": VPC, "SubnetId": SUBNET,
        "OwnerId": call.world.account, "MacAddress": "02:00:00:00:00:01",
        "PrivateIpAddress": one["private_ip"], "SourceDestCheck": True,
        "Groups": _groups_of(call, one["groups"])}
    address = {"PrivateIpAddress": one["private_ip"], "Primary": True}
    if one.get("public_ip"):
        result["Association"] = {"PublicIp": one["public_ip"],
                                 "IpOwnerId": call.world.account}
        address["Association"] = result["Association"]
    result["PrivateIpAddresses"] = [address]
    result["Attachment"] = {
        "AttachmentId": "eni-attach-0" + one["id"][-16:],
        "DeviceIndex": one["index"], "Status": "attached"}
    return result


_STATES = {"pending": 0, "running": 16, "stopping": 64, "stopped": 80,
           "shutting-down": 32, "terminated": 48}


@operation("ec2", "DescribeInstances", pages="Reservations")
def describe_instances(call):
    _dry_run(call)
    for one in call.params.get("InstanceIds") or []:
        if not re.fullmatch("i-([0-9a-f]{8}|[0-9a-f]{17})", one):
            raise AwsError("InvalidInstanceID.Malformed",
                           f'Invalid id: "{one}"', 400)
    found = _filtered(
        call, [i for i in call.world.instances
               if i["region"] == call.region], {
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
        first = interfaces(call.world, one)[0]
        state = one.get("state", "running")
        instance = {
            "InstanceId": one["id"], "InstanceType": "t3.small",
            "ImageId": "ami-0a1b2c3d4e5f60001", "VpcId": VPC,
            "SubnetId": SUBNET, "PrivateIpAddress": one["private_ip"],
            "LaunchTime": call.world.started - 60 * 86400,
            "State": {"Code": _STATES[state], "Name": state},
            "RootDeviceType": one.get("root", "ebs"),
            "BlockDeviceMappings": [
                {"DeviceName": f"/dev/sd{'abcdef'[n]}", "Ebs": {
                    "VolumeId": v, "Status": "attached"}}
                for n, v in enumerate(one.get("volumes", []))],
            "Tags": _tags({"Name": one["name"], **one.get("tags", {})}),
            "SecurityGroups": _groups_of(call, first["groups"]),
            "NetworkInterfaces": [_interface(call, e)
                                  for e in interfaces(call.world, one)]}
        if one.get("public_ip") and state == "running":
            instance["PublicIpAddress"] = one["public_ip"]
        if one.get("lifecycle"):
            instance["InstanceLifecycle"] = one["lifecycle"]
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
        call, _all_interfaces(call), {
            "attachment.instance-id": lambda e: [e["instance"]],
            "association.public-ip": lambda e: [e.get("public_ip")],
            "addresses.association.public-ip":
                lambda e: [e.get("public_ip")],
            "addresses.private-ip-address": lambda e: [e["private_ip"]],
            "private-ip-address": lambda e: [e["private_ip"]],
            "group-id": lambda e: e["groups"],
            "vpc-id": lambda e: [VPC],
        }, "NetworkInterfaceIds", "InvalidNetworkInterfaceID.NotFound",
        lambda e: e["id"])
    result = []
    for one in found:
        shape = {**_interface(call, one), "InterfaceType": "interface"}
        shape["Attachment"] = {**shape["Attachment"],
                               "InstanceId": one["instance"],
                               "InstanceOwnerId": call.world.account}
        result.append(shape)
    return {"NetworkInterfaces": result}


def _permission(rule, account):
    result = {"IpProtocol": rule["protocol"]}
    if rule["protocol"] != "-1":
        result.update(FromPort=rule["from"], ToPort=rule["to"])
    note = {"Description": rule["description"]} if "description" in rule \
        else {}
    for name, member, inner in (
            ("cidr", "IpRanges", "CidrIp"),
            ("cidr6", "Ipv6Ranges", "CidrIpv6"),
            ("prefix", "PrefixListIds", "PrefixListId"),
            ("group", "UserIdGroupPairs", "GroupId")):
        if rule.get(name):
            result[member] = [{inner: rule[name], **note}]
            if name == "group":
                result[member][0]["UserId"] = account
    return result


def _our_groups(call):
    return [g for g in groups(call.world).table.values()
            if g["region"] == call.region]


def _referring(egress):
    return lambda g: [r.get("group") for r in g["rules"]
                      if r["egress"] == egress]


@operation("ec2", "DescribeSecurityGroups", pages="SecurityGroups")
def describe_security_groups(call):
    _dry_run(call)
    found = _filtered(
        call, _our_groups(call), {
            "group-id": lambda g: [g["id"]],
            "group-name": lambda g: [g["name"]],
            "vpc-id": lambda g: [VPC],
            "tag": lambda g: g["tags"],
            "ip-permission.group-id": _referring(False),
            "egress.ip-permission.group-id": _referring(True),
        }, "GroupIds", "InvalidGroup.NotFound", lambda g: g["id"])
    account = call.world.account
    return {"SecurityGroups": [
        {"GroupId": g["id"], "GroupName": g["name"], "VpcId": VPC,
         "Description": g["description"], "OwnerId": account,
         "Tags": _tags(g["tags"]),
         "IpPermissions": [_permission(r, account) for r in g["rules"]
                           if not r["egress"]],
         "IpPermissionsEgress": [_permission(r, account) for r in g["rules"]
                                 if r["egress"]]}
        for g in found]}


def _rule_shape(call, group, rule):
    result = {"SecurityGroupRuleId": rule["id"], "GroupId": group["id"],
              "GroupOwnerId": call.world.account,
              "IsEgress": rule["egress"], "IpProtocol": rule["protocol"],
              "FromPort": rule["from"], "ToPort": rule["to"],
              "Tags": _tags(rule.get("tags", {}))}
    for name, member in (("cidr", "CidrIpv4"), ("cidr6", "CidrIpv6"),
                         ("prefix", "PrefixListId"),
                         ("description", "Description")):
        if rule.get(name):
            result[member] = rule[name]
    if rule.get("group"):
        result["ReferencedGroupInfo"] = {"GroupId": rule["group"],
                                         "UserId": call.world.account}
    return result


@operation("ec2", "DescribeSecurityGroupRules", pages="SecurityGroupRules")
def describe_security_group_rules(call):
    _dry_run(call)
    both = [(g, r) for g in _our_groups(call) for r in g["rules"]]
    found = _filtered(
        call, both, {"group-id": lambda b: [b[0]["id"]],
                     "tag": lambda b: b[1].get("tags", {})},
        "SecurityGroupRuleIds", "InvalidSecurityGroupRuleId.NotFound",
        lambda b: b[1]["id"])
    return {"SecurityGroupRules": [_rule_shape(call, *b) for b in found]}


# --- security groups -------------------------------------------------------

def _group(call, group_id):
    group = groups(call.world).table.get(group_id)
    if group is None or group["region"] != call.region:
        raise AwsError("InvalidGroup.NotFound", f"The security group "
                       f"'{group_id}' does not exist", 400)
    return group


def _new_id(call, prefix):
    return f"{prefix}-0" + "".join(call.world.names.choices(
        "0123456789abcdef", k=16))


@operation("ec2", "CreateSecurityGroup")
def create_security_group(call):
    _dry_run(call)
    name, vpc = call.params["GroupName"], call.params.get("VpcId", VPC)
    if vpc != VPC:
        raise AwsError("InvalidVpcID.NotFound",
                       f"The vpc ID '{vpc}' does not exist", 400)
    if name.startswith("sg-") or not re.fullmatch(
            r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{1,255}", name):
        raise AwsError("InvalidParameterValue", "Invalid group name", 400)
    if not re.fullmatch(r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{1,255}",
                        call.params["Description"]):
        raise AwsError("InvalidParameterValue", "Invalid security group "
                       "description", 400)
    if any(g["name"] == name for g in _our_groups(call)):
        raise AwsError("InvalidGroup.Duplicate", f"The security group "
                       f"'{name}' already exists for VPC '{vpc}'", 400)
    tags = _tag_specification(call, "security-group")
    # a new group lets everything out, over IPv6 too where the VPC has it
    egress = [{"protocol": "-1", "cidr": "0.0.0.0/0"}]
    if call.world.settings["ec2"]["ipv6"]:
        egress.append({"protocol": "-1", "cidr6": "::/0"})
    group = groups(call.world).add(
        _new_id(call, "sg"), call.region, name, call.params["Description"],
        {"tags": tags, "egress": egress})
    return {"GroupId": group["id"], "Tags": _tags(tags)}


@operation("ec2", "DeleteSecurityGroup")
def delete_security_group(call):
    _dry_run(call)
    group = _group(call, call.params.get("GroupId"))
    used = any(group["id"] in e["groups"] for e in _all_interfaces(call))
    if used or any(r.get("group") == group["id"] for g in _our_groups(call)
                   if g is not group for r in g["rules"]):
        raise AwsError("DependencyViolation", f"resource {group['id']} has "
                       "a dependent object", 400)
    del groups(call.world).table[group["id"]]
    return {"Return": True, "GroupId": group["id"]}


def _network(text):
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        raise AwsError("InvalidParameterValue", f"CIDR block {text} is "
                       "malformed", 400, violation=f"CIDR {text}") from None


def _asked(call, egress):
    """The rules in IpPermissions."""
    found = []
    for one in call.params.get("IpPermissions") or []:
        protocol = NAMES.get(one["IpProtocol"], one["IpProtocol"])
        base = {"egress": egress, "protocol": protocol, "from": -1,
                "to": -1}
        if protocol in ("tcp", "udp", "icmp", "icmpv6"):
            if "FromPort" not in one or "ToPort" not in one:
                raise AwsError("InvalidParameterValue", f"Protocol "
                               f"{protocol} wants ports", 400,
                               violation=f"{protocol} without ports")
            base.update({"from": one["FromPort"], "to": one["ToPort"]})
            if protocol in ("tcp", "udp") and not (
                    0 <= base["from"] <= base["to"] <= 65535):
                raise AwsError("InvalidParameterValue",
                               "Invalid TCP/UDP port range", 400,
                               violation="port range")
        elif protocol != "-1" and not protocol.isdigit():
            raise AwsError("InvalidParameterValue",
                           f"Invalid value '{protocol}' for IP protocol.",
                           400, violation=f"protocol {protocol}")
        peers = [{"cidr": _network(r["CidrIp"]), **_note(r)}
                 for r in one.get("IpRanges", [])]
        peers += [{"cidr6": _network(r["CidrIpv6"]), **_note(r)}
                  for r in one.get("Ipv6Ranges", [])]
        peers += [{"prefix": r["PrefixListId"], **_note(r)}
                  for r in one.get("PrefixListIds", [])]
        peers += [{"group": r["GroupId"], **_note(r)}
                  for r in one.get("UserIdGroupPairs", [])]
        if not peers:
            raise AwsError("MissingParameter", "Source group missing", 400,
                           violation="a rule without a peer")
        found += [{**base, **p} for p in peers]
    return found


def _note(peer):
    return {"description": peer["Description"]} if "Description" in peer \
        else {}


def _count(group, egress, version):
    other = "cidr6" if version == 4 else "cidr"
    return sum(r["egress"] == egress and not r.get(other)
               for r in group["rules"])


def _authorize(egress):
    def function(call):
        group = _group(call, call.params["GroupId"])
        asked = _asked(call, egress)
        have = {key_of(r) for r in group["rules"]}
        for rule in asked:
            if key_of(rule) in have:
                raise AwsError("InvalidPermission.Duplicate", "the specified "
                               "rule already exists", 400)
            if rule.get("group"):
                _group(call, rule["group"])
        _dry_run(call)
        if not asked:
            raise AwsError("MissingParameter", "no rules", 400)
        before = list(group["rules"])
        added = [groups(call.world).add_rule(group, egress, r)
                 for r in asked]
        for version in (4, 6):
            if _count(group, egress, version) > RULES_QUOTA:
                group["rules"] = before
                raise AwsError("RulesPerSecurityGroupLimitExceeded", "The "
                               "maximum number of rules per security group "
                               "has been reached.", 400)
        return {"Return": True, "SecurityGroupRules": [
            _rule_shape(call, group, r) for r in added]}
    return function


def _revoke(egress):
    def function(call):
        """In a default VPC a rule that is not there is no error: it is only
        listed, and that is what the setting says for all of them."""
        _dry_run(call)
        group = _group(call, call.params["GroupId"])
        ids = call.params.get("SecurityGroupRuleIds") or []
        mine = {r["id"]: r for r in group["rules"] if r["egress"] == egress}
        asked = _asked(call, egress)
        if call.world.settings["ec2"]["revoke"] == "mismatched":
            unknown = asked + [mine[i] for i in ids if i in mine]
            return {"Return": True, "UnknownIpPermissions": [
                _permission(r, call.world.account) for r in unknown]}
        for one in ids:
            if one not in mine:
                raise AwsError("InvalidSecurityGroupRuleId.NotFound", "The "
                               f"security group rule ID '{one}' does not "
                               "exist", 400)
        keys, unknown = {key_of(mine[i]) for i in ids}, []
        for rule in asked:
            if any(key_of(r) == key_of(rule) for r in mine.values()):
                keys.add(key_of(rule))
            else:
                unknown.append(_permission(rule, call.world.account))
        gone = [r for r in mine.values() if key_of(r) in keys]
        group["rules"] = [r for r in group["rules"] if r not in gone]
        answer = {"Return": True, "RevokedSecurityGroupRules": [
            {"SecurityGroupRuleId": r["id"], "GroupId": group["id"],
             "IsEgress": egress, "IpProtocol": r["protocol"]}
            for r in gone]}
        if unknown:
            answer["UnknownIpPermissions"] = unknown
        return answer
    return function


for _way, _egress in (("Egress", True), ("Ingress", False)):
    operation("ec2", f"AuthorizeSecurityGroup{_way}")(_authorize(_egress))
    operation("ec2", f"RevokeSecurityGroup{_way}")(_revoke(_egress))


# --- interfaces and their connections --------------------------------------

def _open(rules, egress, world4="0.0.0.0/0"):
    return any(r["egress"] == egress and r["protocol"] == "-1"
               and r.get("cidr") == world4 for r in rules)


def _permits(rules, flow):
    return any(r["egress"] and r["protocol"] in ("-1", "tcp")
               and (r["protocol"] == "-1"
                    or r["from"] <= flow["port"] <= r["to"])
               and r.get("cidr") and ipaddress.ip_address(flow["dst"])
               in ipaddress.ip_network(r["cidr"]) for r in rules)


def settle_flows(world, one):
    """Changing groups does not cut a connection that is tracked.  Everything
    allowed both ways makes it untracked; untracked ones live by the rules."""
    table = groups(world).table
    rules = [r for g in one["groups"] if g in table
             for r in table[g]["rules"]]
    kept = []
    for flow in one["flows"]:
        if _open(rules, True) and _open(rules, False):
            kept.append({**flow, "tracked": False})
        elif flow.get("tracked", True) or _permits(rules, flow):
            kept.append({**flow, "tracked": True})
    one["flows"] = kept


def _find_interface(call, interface_id):
    for one in _all_interfaces(call):
        if one["id"] == interface_id:
            return one
    raise AwsError("InvalidNetworkInterfaceID.NotFound", "The "
                   f"networkInterface ID '{interface_id}' does not exist",
                   400)


def _set_groups(call, one, ids):
    if not 1 <= len(ids) <= 5:
        raise AwsError("SecurityGroupsPerInterfaceLimitExceeded", "You have "
                       "exceeded the number of security groups allowed per "
                       "network interface.", 400)
    for group in ids:
        _group(call, group)
    _dry_run(call)
    one["groups"] = list(ids)
    one.setdefault("history", []).append(list(ids))
    settle_flows(call.world, one)


@operation("ec2", "ModifyNetworkInterfaceAttribute")
def modify_network_interface_attribute(call):
    one = _find_interface(call, call.params["NetworkInterfaceId"])
    if "Groups" in call.params:
        _set_groups(call, one, call.params["Groups"])
    else:
        _dry_run(call)


def _instance(call, instance_id):
    for one in call.world.instances:
        if one["id"] == instance_id and one["region"] == call.region:
            return one
    raise AwsError("InvalidInstanceID.NotFound", "The instance ID "
                   f"'{instance_id}' does not exist", 400)


@operation("ec2", "ModifyInstanceAttribute")
def modify_instance_attribute(call):
    one = _instance(call, call.params["InstanceId"])
    if "Groups" in call.params:
        all_ = interfaces(call.world, one)
        if len(all_) > 1:
            raise AwsError("InvalidInstanceID", "There are multiple "
                           f"interfaces attached to instance '{one['id']}'. "
                           "Please specify an interface ID for the operation "
                           "instead.", 400)
        _set_groups(call, all_[0], call.params["Groups"])
    else:
        _dry_run(call)


# --- snapshots, stopping, tags ---------------------------------------------

def _snapshot_shape(call, snapshot, state):
    return {"SnapshotId": snapshot["id"], "VolumeId": snapshot["volume"],
            state: "pending", "OwnerId": call.world.account,
            "Description": snapshot["description"], "VolumeSize": 8,
            "StartTime": snapshot["time"], "Progress": "0%",
            "Encrypted": False, "Tags": _tags(snapshot["tags"])}


@operation("ec2", "CreateSnapshots")
def create_snapshots(call):
    _dry_run(call)
    one = _instance(call, call.params["InstanceSpecification"]["InstanceId"])
    made = []
    for volume in one.get("volumes", []):
        made.append({"id": _new_id(call, "snap"), "volume": volume,
                     "region": call.region, "time": call.world.now(),
                     "description": call.params.get("Description", ""),
                     "tags": _tag_specification(call, "snapshot")})
    call.world.snapshots += made
    return {"Snapshots": [_snapshot_shape(call, s, "State") for s in made]}


@operation("ec2", "DescribeSnapshots", pages="Snapshots")
def describe_snapshots(call):
    _dry_run(call)
    found = _filtered(
        call, [s for s in call.world.snapshots
               if s["region"] == call.region], {
            "volume-id": lambda s: [s["volume"]],
            "status": lambda s: ["pending"],
            "tag": lambda s: s["tags"],
        }, "SnapshotIds", "InvalidSnapshot.NotFound", lambda s: s["id"])
    return {"Snapshots": [_snapshot_shape(call, s, "State")
                          for s in found]}


def _power(call, wanted, verb):
    answer = []
    asked = [_instance(call, i) for i in call.params["InstanceIds"]]
    for one in asked:
        if wanted == "stopped" and one.get("root") == "instance-store":
            raise AwsError("UnsupportedOperation", "The instance "
                           f"'{one['id']}' does not have an 'ebs' root "
                           "device type and cannot be stopped", 400)
    _dry_run(call)
    for one in asked:
        before = one.get("state", "running")
        one["state"] = wanted
        if wanted == "stopped":
            for e in interfaces(call.world, one):
                e["flows"] = []
        answer.append({"InstanceId": one["id"],
                       "PreviousState": {"Name": before,
                                         "Code": _STATES[before]},
                       "CurrentState": {"Name": verb,
                                        "Code": _STATES[verb]}})
    return answer


@operation("ec2", "StopInstances")
def stop_instances(call):
    return {"StoppingInstances": _power(call, "stopped", "stopping")}


@operation("ec2", "StartInstances")
def start_instances(call):
    return {"StartingInstances": _power(call, "running", "pending")}


def _tagged(call, resource):
    if resource.startswith("i-"):
        return _instance(call, resource).setdefault("tags", {})
    if resource.startswith("sg-"):
        return _group(call, resource)["tags"]
    for one in call.world.snapshots:
        if one["id"] == resource:
            return one["tags"]
    raise AwsError("InvalidID", f"The ID '{resource}' is not valid", 400)


@operation("ec2", "CreateTags")
def create_tags(call):
    tables = [_tagged(call, r) for r in call.params["Resources"]]
    _dry_run(call)
    for table in tables:
        for tag in call.params["Tags"]:
            table[tag["Key"]] = tag.get("Value", "")


@operation("ec2", "DeleteTags")
def delete_tags(call):
    tables = [_tagged(call, r) for r in call.params["Resources"]]
    _dry_run(call)
    for table in tables:
        for tag in call.params.get("Tags") or []:
            if tag.get("Value") in (None, table.get(tag["Key"])):
                table.pop(tag["Key"], None)


def dump(world):
    """For the control API: what a test looks at."""
    return {
        "instances": {i["id"]: {
            "state": i.get("state", "running"), "tags": i.get("tags", {}),
            "interfaces": {e["id"]: {k: e.get(k, []) for k in (
                "groups", "flows", "history")}
                for e in interfaces(world, i)}} for i in world.instances},
        "groups": {g["id"]: {
            "name": g["name"], "tags": g["tags"], "rules": sorted(
                [k if k is not None else "" for k in key_of(r)]
                for r in g["rules"])}
            for g in groups(world).table.values()},
        "snapshots": [{**s, "time": iso(s["time"])}
                      for s in world.snapshots]}
