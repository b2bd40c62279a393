"""trail_make.py COUNT [SEED]: a CloudTrail file of that many made-up events on
standard output, as it is delivered to S3, but not compressed.

One in 1000 is by key AKIASTOLENKEY0000001 from 203.0.113.66.
"""

import json
import random
import sys
import uuid

CALLS = [("ec2", "DescribeInstances", True), ("s3", "GetBucketAcl", True),
         ("sts", "AssumeRole", True), ("kms", "Decrypt", True),
         ("logs", "CreateLogStream", False), ("ssm", "UpdateInstanceInformation",
                                              False),
         ("monitoring", "DescribeAlarms", True), ("iam", "GetRole", True),
         ("ec2", "DescribeVolumes", True), ("lambda", "ListFunctions20150331",
                                            True)]


def event(chance, number):
    service, name, reading = chance.choice(CALLS)
    stolen = number % 1000 == 500
    user = "ses-smtp" if stolen else f"app-{chance.randrange(40)}"
    key = "AKIASTOLENKEY0000001" if stolen else \
        f"AKIAEXAMPLE{chance.randrange(40):09d}"
    if stolen:
        service, name, reading = "ses", "GetSendQuota", True
    day, rest = divmod(number // 50, 86400)
    hour, rest = divmod(rest, 3600)
    request = {"filterSet": {"items": [{"name": "tag:Name", "valueSet": {
        "items": [{"value": f"host-{chance.randrange(900)}"}]}}]},
        "maxResults": chance.randrange(1000),
        "policy": json.dumps({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]})
        if number % 20 == 0 else None}
    return {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "IAMUser",
            "principalId": "AIDA%017d" % chance.randrange(10 ** 12),
            "arn": f"arn:aws:iam::111122223333:user/{user}",
            "accountId": "111122223333", "accessKeyId": key,
            "userName": user},
        "eventTime": f"2026-11-{1 + day % 28:02d}T{hour:02d}:"
                     f"{rest // 60:02d}:{rest % 60:02d}Z",
        "eventSource": f"{service}.amazonaws.com", "eventName": name,
        "awsRegion": chance.choice(["us-east-1", "eu-west-1"]),
        "sourceIPAddress": "203.0.113.66" if stolen else
        f"198.51.100.{chance.randrange(254)}",
        "userAgent": "aws-sdk-java/2.20.1 Linux/6.1.0 OpenJDK_64-Bit_Server_VM",
        "requestParameters": request,
        "responseElements": None,
        "requestID": str(uuid.UUID(int=chance.getrandbits(128))),
        "eventID": str(uuid.UUID(int=chance.getrandbits(128))),
        "readOnly": reading, "eventType": "AwsApiCall",
        "managementEvent": True, "recipientAccountId": "111122223333",
        "eventCategory": "Management",
        "tlsDetails": {"tlsVersion": "TLSv1.3",
                       "cipherSuite": "TLS_AES_128_GCM_SHA256",
                       "clientProvidedHostHeader":
                           f"{service}.us-east-1.amazonaws.com"}}


def main():
    chance = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    write = sys.stdout.write
    write('{"Records":[')
    for number in range(int(sys.argv[1])):
        write("," if number else "")
        write(json.dumps(event(chance, number), separators=(",", ":")))
    write("]}\n")


main()
