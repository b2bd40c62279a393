"""The table of endpoint.c against the rule sets of botocore."""

import subprocess

from botocore.endpoint_provider import EndpointProvider

SERVICES = {"iam": "iam", "sts": "sts", "ses": "ses", "sesv2": "sesv2",
            "monitoring": "cloudwatch", "ec2": "ec2",
            "cloudtrail": "cloudtrail", "sso": "sso",
            "mailmanager": "mailmanager", "guardduty": "guardduty",
            "kms": "kms", "secretsmanager": "secretsmanager",
            "accessanalyzer": "accessanalyzer"}
REGIONS = ["us-east-1", "us-west-2", "eu-west-1", "eu-central-2",
           "ap-southeast-5", "il-central-1", "us-gov-west-1",
           "us-gov-east-1", "cn-north-1", "cn-northwest-1",
           "eusc-de-east-1"]
# Health and Support are in one region of a partition; asked there, the rule
# sets know them, too.
HOMES = {"health": ["us-east-1", "us-gov-west-1", "cn-northwest-1",
                    "eusc-de-east-1"],
         "support": ["us-east-1", "us-gov-west-1", "cn-north-1",
                     "eusc-de-east-1"]}


def expected(provider, region, fips, dual):
    try:
        found = provider.resolve_endpoint(Region=region, UseFIPS=fips,
                                          UseDualStack=dual)
    except Exception:
        return "error"
    schemes = found.properties.get("authSchemes", [])
    scope = schemes[0].get("signingRegion") if schemes else None
    return f"{found.url} {scope or region}"


def compare(tool, loader):
    """[(name, what is wrong or None)], one for each service."""
    partitions = loader.load_data("partitions")
    asked, wanted = [], []
    for ours, theirs in {**SERVICES, "health": "health",
                         "support": "support"}.items():
        provider = EndpointProvider(loader.load_service_model(
            theirs, "endpoint-rule-set-1"), partitions)
        for region in HOMES.get(ours, REGIONS):
            # there is no SES in China, whatever the rules make up
            if region.startswith("cn-") and ours in ("ses", "sesv2",
                                                     "mailmanager"):
                continue
            for fips in (False, True):
                for dual in (False, True):
                    asked.append((ours, region, int(fips), int(dual)))
                    wanted.append(expected(provider, region, fips, dual))
    done = subprocess.run(
        [tool, "endpoints"], capture_output=True, text=True, timeout=30,
        input="".join("%s %s %d %d\n" % one for one in asked))
    got = done.stdout.splitlines()
    wrong = {}
    for one, want, have in zip(asked, wanted, got, strict=True):
        if want != have:
            wrong.setdefault(one[0], []).append(f"{one}: {want}, not {have}")
    return [(f"endpoints of {service}", "; ".join(wrong[service][:6])
             if service in wrong else None)
            for service in {one[0]: None for one in asked}]
