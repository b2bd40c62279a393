#!/usr/bin/env python3
"""Is the emulator right?  Unmodified botocore and smtplib against it, raw
requests for what they would never send.  Prints "ok/total"."""

import base64
import json
import os
import smtplib
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import botocore.exceptions                      # noqa: E402
import botocore.session                         # noqa: E402
from botocore.config import Config              # noqa: E402
from botocore.parsers import ResponseParserError    # noqa: E402
import api                                      # noqa: E402, F401
import iam_policy                               # noqa: E402
import model                                    # noqa: E402
import registry                                 # noqa: E402
import sigv4                                    # noqa: E402
from iam_policy import Policy, evaluate         # noqa: E402
from world import (NOBODY_SECRET, RESPONDER_SECRET,  # noqa: E402
                   SES_REGIONS, STOLEN_SECRET, WRONG_SECRET)

RESPONDER, STOLEN = "AKIARESPONDERKEY0001", "AKIASTOLENKEY0000001"
NOBODY = "AKIANOBODYKEY0000001"
ACCOUNT = "111122223333"
SESSION = botocore.session.Session()
# Debian's botocore still talks to CloudWatch by the query protocol.
JSON_CLOUDWATCH = "protocols" in SESSION.get_service_model(
    "cloudwatch").metadata
MAIL = (b"From: Shop <info@shop.example.net>\r\nTo: a@example.org\r\n"
        b"Subject: x\r\n\r\n.dot\r\n..two\r\n")
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Emulator:
    def __init__(self, *args):
        self.dir = tempfile.mkdtemp(prefix="emu-selftest.")
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "emulator.py"), "--dir",
             self.dir, "--parent-pid", str(os.getpid()), "--max-seconds",
             "120", *args])
        path = os.path.join(self.dir, "ports.json")
        end = time.monotonic() + 20
        while not os.path.exists(path):
            if time.monotonic() > end or self.process.poll() is not None:
                raise RuntimeError("the emulator did not start")
            time.sleep(0.01)
        with open(path, encoding="ascii") as file:
            self.ports = json.load(file)

    def stop(self):
        self.process.terminate()
        self.process.wait(5)

    def control(self, method, path, content=None):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports['http']}/_emu/{path}",
            json.dumps(content).encode() if content is not None else
            (b"" if method == "POST" else None), method=method)
        with opener.open(request) as answer:
            return json.load(answer)

    def set(self, **settings):
        self.control("POST", "set", settings)

    def fault(self, do, **spec):
        self.control("POST", "fault", {"do": do, **spec})

    def violations(self):
        return self.control("GET", "violations")

    def client(self, service, region="us-east-1", key=RESPONDER,
               secret=RESPONDER_SECRET, token=None, https=False, **config):
        config = {"retries": {"max_attempts": 0}, "read_timeout": 3,
                  "connect_timeout": 3, "proxies": {}, **config}
        return SESSION.create_client(
            service, region_name=region,
            endpoint_url=(f"https://localhost:{self.ports['https']}" if https
                          else f"http://127.0.0.1:{self.ports['http']}"),
            verify=os.path.join(self.dir, "ca.pem") if https else None,
            aws_access_key_id=key, aws_secret_access_key=secret,
            aws_session_token=token, config=Config(**config))

    def raw(self, service, region, body=b"", method="POST", path="/",
            query="", headers=(), key=RESPONDER, secret=RESPONDER_SECRET,
            date=None, host=None, signed=None, target=None):
        """A request that botocore would not send. (status, headers, body)"""
        host = host or f"127.0.0.1:{self.ports['http']}"
        amz_date = date or time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        if isinstance(body, dict):
            body = urlencode(body).encode()
            headers = [("Content-Type",
                        "application/x-www-form-urlencoded"), *headers]
        headers = [("Host", host), ("X-Amz-Date", amz_date), *headers]
        if target:
            headers += [("X-Amz-Target", target)]
        headers.append(("Authorization", sigv4.sign(
            secret, key, region, service, method, path, query, headers, body,
            amz_date, signed)))
        return self.send(method, path, query, headers, body)

    def send(self, method, path, query, headers, body):
        target = path + ("?" + query if query else "")
        head = f"{method} {target} HTTP/1.1\r\n" + "".join(
            f"{k}: {v}\r\n" for k, v in headers)
        head += f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        with socket.create_connection(("127.0.0.1", self.ports["http"]),
                                      5) as connection:
            connection.sendall(head.encode("latin-1") + body)
            data = b""
            while chunk := connection.recv(65536):
                data += chunk
        head, _, content = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        return (int(lines[0].split()[1]),
                dict(line.lower().split(": ", 1) for line in lines[1:]),
                content.decode("utf-8", "replace"))

    def smtp(self, region, tls=False, general=True):
        """A connection whose TLS server name carries the region: addresses of
        *.localhost are not resolved by every C library."""
        ports = self.ports["region_smtp"][region]
        port = (self.ports["smtp_tls" if tls else "smtp_starttls"] if general
                else ports["tls" if tls else "starttls"])
        context = ssl.create_default_context(
            cafile=os.path.join(self.dir, "ca.pem"))
        name = f"email-smtp.{region}.localhost"

        class Smtp(smtplib.SMTP):
            def _get_socket(self, host, port, timeout):
                found = super()._get_socket(host, port, timeout)
                return context.wrap_socket(found, server_hostname=name) \
                    if tls else found

        server = Smtp("127.0.0.1", port, "client.example.net", 5)
        if not tls:
            server._host = name
        return server, context


class Case(unittest.TestCase):
    args = ()

    @classmethod
    def setUpClass(cls):
        cls.emu = Emulator(*cls.args)

    @classmethod
    def tearDownClass(cls):
        cls.emu.stop()

    def setUp(self):
        self.emu.control("POST", "reset_log")
        self.emu.control("POST", "clear_faults")

    def fails(self, code, call, *args, **params):
        with self.assertRaises(botocore.exceptions.ClientError) as caught:
            call(*args, **params)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)
        return caught.exception.response

    def clean(self):
        self.assertEqual(self.emu.violations(), [])

    def violated(self, text):
        found = " | ".join(v["what"] for v in self.emu.violations())
        self.assertIn(text, found)


class Calls(Case):
    """One representative call for each service and protocol."""

    def test_query(self):
        identity = self.emu.client("sts").get_caller_identity()
        self.assertEqual(identity["Arn"],
                         f"arn:aws:iam::{ACCOUNT}:user/responder")
        users = self.emu.client("iam").list_users()["Users"]
        self.assertEqual([u["UserName"] for u in users],
                         ["nobody", "responder", "ses-smtp"])
        policy = self.emu.client("iam").get_group_policy(
            GroupName="AWSSESSendingGroupDoNotRename",
            PolicyName="AmazonSesSendingAccess")
        self.assertEqual(policy["PolicyDocument"]["Statement"][0]["Action"],
                         "ses:SendRawEmail")
        quota = self.emu.client("ses", "eu-west-1").get_send_quota()
        self.assertGreater(quota["SentLast24Hours"], 8000)
        points = self.emu.client("ses").get_send_statistics()[
            "SendDataPoints"]
        self.assertGreater(len(points), 1300)
        self.clean()

    def test_rest_json(self):
        ses = self.emu.client("sesv2", "eu-central-1")
        self.assertFalse(ses.get_account()["SendingEnabled"])
        ses = self.emu.client("sesv2", "eu-west-1")
        self.assertTrue(ses.get_email_identity(
            EmailIdentity="shop.example.net")["VerifiedForSendingStatus"])
        # The path is encoded twice in the signature.
        self.fails("NotFoundException", ses.get_email_identity,
                   EmailIdentity="a b@example.net")
        self.fails("NotFoundException", ses.get_configuration_set,
                   ConfigurationSetName="none")
        self.assertEqual(ses.list_suppressed_destinations(
            Reasons=["BOUNCE", "COMPLAINT"],
            StartDate=time.time())["SuppressedDestinationSummaries"], [])
        self.clean()

    def test_json(self):
        watch = self.emu.client("cloudwatch", "us-east-1")
        names = {m["MetricName"] for m in watch.list_metrics()["Metrics"]}
        self.assertIn("Reputation.BounceRate", names)
        now = int(time.time())
        data = watch.get_metric_data(
            StartTime=now - 86400, EndTime=now, MetricDataQueries=[
                {"Id": "s", "MetricStat": {
                    "Metric": {"Namespace": "AWS/SES", "MetricName": "Send"},
                    "Period": 3600, "Stat": "Sum"}}])
        total = sum(data["MetricDataResults"][0]["Values"])
        self.assertGreater(total, 20000)
        self.assertEqual(self.emu.client("cloudwatch", "sa-east-1")
                         .list_metrics()["Metrics"], [])
        self.fails("SubscriptionRequiredException",
                   self.emu.client("health").describe_events)
        self.clean()

    def test_kms(self):
        kms = self.emu.client("kms", "us-east-1")
        context = {"quell-vault": "x"}
        made = kms.generate_data_key(KeyId="alias/quell-vault",
                                     KeySpec="AES_256",
                                     EncryptionContext=context)
        self.assertEqual(len(made["Plaintext"]), 32)
        self.assertIn(":key/", made["KeyId"])
        blob = made["CiphertextBlob"]
        back = kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)
        self.assertEqual(back["Plaintext"], made["Plaintext"])
        for other in ({}, {"quell-vault": "y"}, {"other": "x"}):
            self.fails("InvalidCiphertextException", kms.decrypt,
                       CiphertextBlob=blob, EncryptionContext=other)
        self.fails("InvalidCiphertextException", kms.decrypt,
                   CiphertextBlob=blob[:-1] + b"?", EncryptionContext=context)
        sealed = kms.encrypt(KeyId=made["KeyId"], Plaintext=b"text")
        self.assertEqual(kms.decrypt(
            CiphertextBlob=sealed["CiphertextBlob"],
            KeyId="alias/quell-vault")["Plaintext"], b"text")
        meta = kms.describe_key(KeyId="alias/quell-vault")["KeyMetadata"]
        self.assertEqual((meta["Arn"], meta["KeyState"]),
                         (made["KeyId"], "Enabled"))
        self.fails("NotFoundException", kms.describe_key,
                   KeyId="alias/none")
        self.fails("NotFoundException", self.emu.client(
            "kms", "eu-west-1").decrypt, CiphertextBlob=blob,
            EncryptionContext=context)
        for state, code in (("Disabled", "DisabledException"),
                            ("PendingDeletion", "KMSInvalidStateException"),
                            ("Enabled", None)):
            self.emu.set(kms={"us-east-1": {meta["KeyId"]: {
                "state": state}}})
            if code:
                self.fails(code, kms.decrypt, CiphertextBlob=blob,
                           EncryptionContext=context)
        nobody = self.emu.client("kms", key=NOBODY, secret=NOBODY_SECRET)
        self.fails("AccessDeniedException", nobody.encrypt,
                   KeyId="alias/quell-vault", Plaintext=b"x")
        self.clean()

    def test_secrets_manager(self):
        sm = self.emu.client("secretsmanager", "us-east-1")
        one, two, three = ("%032d" % n for n in (1, 2, 3))
        self.fails("ResourceNotFoundException", sm.get_secret_value,
                   SecretId="smtp")
        made = sm.create_secret(Name="smtp", SecretString="1",
                                ClientRequestToken=one)
        again = sm.create_secret(Name="smtp", SecretString="1",
                                 ClientRequestToken=one)
        self.assertEqual(made["ARN"], again["ARN"])
        self.fails("ResourceExistsException", sm.create_secret, Name="smtp",
                   SecretString="2")
        got = sm.get_secret_value(SecretId=made["ARN"])
        self.assertEqual((got["SecretString"], got["VersionStages"]),
                         ("1", ["AWSCURRENT"]))
        sm.put_secret_value(SecretId="smtp", SecretString="2",
                            ClientRequestToken=two,
                            VersionStages=["AWSPENDING"])
        # the same again is the same; another under its name is not
        sm.put_secret_value(SecretId="smtp", SecretString="2",
                            ClientRequestToken=two,
                            VersionStages=["AWSPENDING"])
        self.fails("ResourceExistsException", sm.put_secret_value,
                   SecretId="smtp", SecretString="3", ClientRequestToken=two)
        self.assertEqual(sm.get_secret_value(
            SecretId="smtp")["SecretString"], "1")
        self.assertEqual(sm.get_secret_value(
            SecretId="smtp", VersionStage="AWSPENDING")["SecretString"], "2")
        self.fails("InvalidParameterException",
                   sm.update_secret_version_stage, SecretId="smtp",
                   VersionStage="AWSCURRENT", MoveToVersionId=two)
        self.fails("InvalidParameterException",
                   sm.update_secret_version_stage, SecretId="smtp",
                   VersionStage="AWSCURRENT", RemoveFromVersionId=one)
        self.fails("InvalidParameterException",
                   sm.update_secret_version_stage, SecretId="smtp",
                   VersionStage="AWSCURRENT", RemoveFromVersionId=two,
                   MoveToVersionId=two)
        sm.update_secret_version_stage(
            SecretId="smtp", VersionStage="AWSCURRENT",
            RemoveFromVersionId=one, MoveToVersionId=two)
        self.assertEqual(
            sm.describe_secret(SecretId="smtp")["VersionIdsToStages"],
            {one: ["AWSPREVIOUS"], two: ["AWSCURRENT", "AWSPENDING"]})
        # and back: what was current is previous then
        sm.update_secret_version_stage(
            SecretId="smtp", VersionStage="AWSCURRENT",
            RemoveFromVersionId=two, MoveToVersionId=one)
        self.assertEqual(
            sm.describe_secret(SecretId="smtp")["VersionIdsToStages"],
            {one: ["AWSCURRENT"], two: ["AWSPENDING", "AWSPREVIOUS"]})
        sm.put_secret_value(SecretId="smtp", SecretBinary=b"\0\xff",
                            ClientRequestToken=three)
        self.assertEqual(sm.get_secret_value(
            SecretId="smtp")["SecretBinary"], b"\0\xff")
        self.assertEqual(
            sm.describe_secret(SecretId="smtp")["VersionIdsToStages"],
            {one: ["AWSPREVIOUS"], two: ["AWSPENDING"],
             three: ["AWSCURRENT"]})
        sm.update_secret_version_stage(
            SecretId="smtp", VersionStage="AWSPENDING",
            RemoveFromVersionId=two)
        self.assertEqual(len(sm.list_secret_version_ids(
            SecretId="smtp")["Versions"]), 2)
        self.assertEqual(len(sm.list_secret_version_ids(
            SecretId="smtp", IncludeDeprecated=True)["Versions"]), 3)
        self.fails("ResourceNotFoundException", sm.get_secret_value,
                   SecretId="smtp", VersionStage="AWSPENDING")
        self.fails("InvalidRequestException", sm.get_secret_value,
                   SecretId="smtp", VersionId=one,
                   VersionStage="AWSCURRENT")
        self.clean()

    def test_json_raw(self):
        status, headers, body = self.emu.raw(
            "monitoring", "us-east-1",
            b'{"Namespace":"AWS/SES","MetricName":"Send"}',
            headers=[("Content-Type", "application/x-amz-json-1.0"),
                     ("x-amzn-query-mode", "true")],
            target="GraniteServiceVersion20100801.ListMetrics")
        self.assertEqual((status, len(json.loads(body)["Metrics"])), (200, 1))
        status, headers, body = self.emu.raw(
            "monitoring", "us-east-1", b'{}',
            headers=[("Content-Type", "application/x-amz-json-1.0"),
                     ("x-amzn-query-mode", "true")],
            target="GraniteServiceVersion20100801.GetMetricData")
        self.assertEqual(status, 400)
        self.assertTrue(headers["x-amzn-query-error"].endswith(";sender"))

    def test_cloudwatch_by_query(self):
        status, _, body = self.emu.raw(
            "monitoring", "eu-west-1", {
                "Action": "ListMetrics", "Version": "2010-08-01",
                "MetricName": "Bounce"})
        self.assertEqual(status, 200)
        self.assertIn("<MetricName>Bounce</MetricName>", body)
        self.clean()

    def test_ec2(self):
        ec2 = self.emu.client("ec2")
        found = ec2.describe_instances(Filters=[
            {"Name": "ip-address", "Values": ["203.0.113.25"]}])
        self.assertEqual(found["Reservations"][0]["Instances"][0]["Tags"],
                         [{"Key": "Name", "Value": "mail1"}])
        self.assertEqual(len(ec2.describe_network_interfaces()[
            "NetworkInterfaces"]), 2)
        self.assertEqual(len(ec2.describe_security_groups()[
            "SecurityGroups"]), 3)
        self.assertIn("eu-west-1", [r["RegionName"] for r in
                                    ec2.describe_regions()["Regions"]])
        self.fails("InvalidInstanceID.NotFound", ec2.describe_instances,
                   InstanceIds=["i-00000000000000000"])
        self.fails("DryRunOperation", ec2.describe_instances, DryRun=True)
        self.clean()

    def test_https(self):
        self.emu.client("sts", https=True).get_caller_identity()
        self.clean()

    def test_log(self):
        self.emu.client("iam").get_user(UserName="nobody")
        self.emu.client("iam").put_user_policy(
            UserName="nobody", PolicyName="p", PolicyDocument=json.dumps(
                {"Version": "2012-10-17", "Statement": [
                    {"Effect": "Deny", "Action": "*", "Resource": "*"}]}))
        calls = self.emu.control("GET", "calls?mutating=1")
        self.assertEqual([c["operation"] for c in calls], ["PutUserPolicy"])
        self.assertEqual(calls[0]["params"]["UserName"], "nobody")
        with open(os.path.join(self.emu.dir, "calls.jsonl"),
                  encoding="utf-8") as file:
            self.assertEqual(len(file.readlines()), 2)

    def test_parallel(self):
        client = self.emu.client("sesv2", max_pool_connections=64)
        with ThreadPoolExecutor(64) as pool:
            found = list(pool.map(lambda _: client.get_account(), range(192)))
        self.assertEqual(len(found), 192)
        self.clean()

    def test_credential_report(self):
        iam = self.emu.client("iam")
        self.fails("ReportNotPresent", iam.get_credential_report)
        self.assertEqual(iam.generate_credential_report()["State"], "STARTED")
        self.fails("ReportInProgress", iam.get_credential_report)
        self.assertEqual(iam.generate_credential_report()["State"],
                         "COMPLETE")
        lines = iam.get_credential_report()["Content"].decode().splitlines()
        self.assertEqual({len(x.split(",")) for x in lines}, {22})
        self.assertTrue(lines[1].startswith("<root_account>,"))


class Signatures(Case):
    def tearDown(self):
        self.emu.set(clock_skew_s=0)

    def test_wrong_secret(self):
        for service, code, call in (
                ("iam", "SignatureDoesNotMatch", "list_users"),
                ("sesv2", "InvalidSignatureException", "get_account"),
                ("cloudwatch", "InvalidSignatureException"
                 if JSON_CLOUDWATCH else "SignatureDoesNotMatch",
                 "list_metrics"),
                ("ec2", "AuthFailure", "describe_instances")):
            client = self.emu.client(service, secret=WRONG_SECRET)
            self.fails(code, getattr(client, call))
        self.clean()
        client = self.emu.client("iam", secret="x" * 40)
        self.fails("SignatureDoesNotMatch", client.list_users)
        self.violated("signature does not match")

    def test_unknown_key(self):
        for service, code, call in (
                ("iam", "InvalidClientTokenId", "list_users"),
                ("sesv2", "UnrecognizedClientException", "get_account"),
                ("ec2", "AuthFailure", "describe_instances")):
            client = self.emu.client(service, key="AKIAUNKNOWNKEY000001")
            self.fails(code, getattr(client, call))
        self.clean()

    def test_stale_date(self):
        self.emu.set(clock_skew_s=600)
        answer = self.fails("SignatureDoesNotMatch",
                            self.emu.client("iam").list_users)
        self.assertRegex(answer["Error"]["Message"],
                         r"^Signature expired: \d{8}T\d{6}Z is now earlier "
                         r"than \d{8}T\d{6}Z \(\d{8}T\d{6}Z - 5 min\.\)$")
        self.fails("RequestExpired", self.emu.client("ec2").describe_regions)
        self.fails("InvalidSignatureException",
                   self.emu.client("sesv2").get_account)
        self.emu.set(clock_skew_s=-600)
        answer = self.fails("SignatureDoesNotMatch",
                            self.emu.client("iam").list_users)
        self.assertIn("Signature not yet current", answer["Error"]["Message"])
        # The Date header is how a client finds out.
        server = answer["ResponseMetadata"]["HTTPHeaders"]["date"]
        self.assertLess(time.mktime(time.strptime(
            server, "%a, %d %b %Y %H:%M:%S GMT")) - time.timezone,
            time.time() - 500)
        self.clean()

    def test_scope(self):
        ask = {"Action": "ListUsers", "Version": "2010-05-08"}
        for service, region, host, text in (
                ("iam", "eu-west-1", None, "scope region"),
                ("iam", "us-east-1", "iam.eu-west-1.localhost:1",
                 "but scope region"),
                ("iam", "us-east-1", "sts.us-east-1.localhost:1", "host sts"),
                ("sts", "us-east-9", None, "scope region us-east-9"),
                ("email", "us-east-1", None, "no service")):
            self.emu.control("POST", "reset_log")
            status, _, body = self.emu.raw(service, region, ask, host=host)
            self.assertEqual(status, 403, body)
            self.assertIn("Credential should be scoped to", body)
            self.violated(text)
        self.emu.control("POST", "reset_log")
        status, _, _ = self.emu.raw("iam", "us-east-1", ask,
                                    host="iam.us-east-1.localhost:1")
        self.assertEqual(status, 200)
        self.clean()

    def test_unsigned(self):
        status, _, body = self.emu.send(
            "POST", "/", "", [("Host", "iam.us-east-1.localhost")],
            b"Action=ListUsers&Version=2010-05-08")
        self.assertEqual(status, 403)
        self.assertIn("MissingAuthenticationToken", body)
        status, _, body = self.emu.send(
            "GET", "/v2/email/account", "", [
                ("Host", "x"), ("Authorization", "AWS4-HMAC-SHA256 Cred")],
            b"")
        self.assertIn("not a valid key=value pair", body)

    def test_headers_signed(self):
        ask = {"Action": "ListUsers", "Version": "2010-05-08"}
        status, _, body = self.emu.raw("iam", "us-east-1", ask,
                                       signed=["host", "x-amz-date"])
        self.assertEqual(status, 403)
        self.violated("not signed: content-type")
        self.emu.control("POST", "reset_log")
        status, _, body = self.emu.raw("iam", "us-east-1", ask,
                                       headers=[("User-Agent", "x")])
        self.assertEqual(status, 200)
        self.violated("signs headers that proxies change: user-agent")

    def test_canonical(self):
        """What is signed must survive odd spellings of the same thing."""
        for query in ("PageSize=2", "PageSize=%32"):
            status, _, body = self.emu.raw(
                "ses", "us-east-1", method="GET",
                path="/v2/email/identities", query=query)
            self.assertEqual((status, body.count("IdentityName")), (200, 2))
        for path in ("/v2/email/list-identities",
                     "/v2/email/list-configuration-sets"):
            status, _, _ = self.emu.raw(
                "ses", "us-east-1", b'{"PageSize":2}', "POST", path,
                headers=[("Content-Type", "application/json")])
            self.assertEqual(status, 200)
        self.clean()
        self.assertEqual(sigv4.canonical_query("k-2=1&k=2&a=%2f+"),
                         "a=%2F%2B&k=2&k-2=1")
        self.assertEqual(sigv4.canonical_path("/a%40b//./c/../d/"),
                         "/a%2540b/d/")
        self.assertEqual(sigv4.canonical_path("/%2E%2E/%2f"),
                         "/%252E%252E/%252f")
        self.assertEqual(sigv4.canonical_headers(
            [("X", " a   b\n c "), ("x", "d")], ["x"]), "x:a b c,d\n")

    def test_official_vector(self):
        """get-vanilla of AWS's Signature Version 4 test suite."""
        value = sigv4.sign(
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "AKIDEXAMPLE",
            "us-east-1", "service", "GET", "/", "",
            [("Host", "example.amazonaws.com"),
             ("X-Amz-Date", "20150830T123600Z")], b"", "20150830T123600Z")
        self.assertTrue(value.endswith(
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        ))
        self.assertEqual(sigv4.smtp_password(
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1"),
            "BLBM/9hSUELfq8Gw+rU1YcBjkOxGbhT2XG763xVLGWL9")

    def test_session_token(self):
        got = self.emu.client("sts").get_session_token()["Credentials"]
        key, secret = got["AccessKeyId"], got["SecretAccessKey"]
        self.emu.client("sesv2", key=key, secret=secret,
                        token=got["SessionToken"]).get_account()
        # Not for IAM without MFA.
        self.fails("InvalidClientTokenId", self.emu.client(
            "iam", key=key, secret=secret,
            token=got["SessionToken"]).list_users)
        self.clean()
        self.fails("UnrecognizedClientException", self.emu.client(
            "sesv2", key=key, secret=secret, token="bad").get_account)
        self.fails("UnrecognizedClientException", self.emu.client(
            "sesv2", key=key, secret=secret).get_account)
        self.violated("without X-Amz-Security-Token")

    def test_role(self):
        got = self.emu.client("sts").assume_role(
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/mail-host",
            RoleSessionName="drill")["Credentials"]
        who = {"key": got["AccessKeyId"], "secret": got["SecretAccessKey"],
               "token": got["SessionToken"]}
        self.assertTrue(self.emu.client("sts", **who).get_caller_identity()[
            "Arn"].endswith(":assumed-role/mail-host/drill"))
        self.fails("AccessDenied", self.emu.client("iam", **who).list_users)
        self.emu.set(clock_skew_s=7200)
        date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(
            time.time() + 7200))
        status, _, body = self.emu.raw(
            "sts", "us-east-1", {"Action": "GetCallerIdentity",
                                 "Version": "2011-06-15"},
            key=who["key"], secret=who["secret"], date=date,
            headers=[("X-Amz-Security-Token", who["token"])])
        self.assertEqual(status, 403)
        self.assertIn("ExpiredToken", body)


class Model(Case):
    def test_table_agrees_with_models(self):
        services = model.Services()
        for (service, name), op in registry.OPERATIONS.items():
            shape = services.get(service).operation(name).output_shape
            for member in op.pages:
                self.assertEqual(shape.members[member].type_name, "list")
            if op.pages:
                self.assertIn(registry.PAGING[service][1], shape.members)
        changing = {n for (_, n), op in registry.OPERATIONS.items()
                    if op.mutating}
        self.assertFalse({n for n in changing if n.startswith(
            ("Get", "List", "Describe", "Simulate"))})
        self.assertIn("PutAccountSendingAttributes", changing)

    def test_unknown_member(self):
        status, _, body = self.emu.raw("iam", "us-east-1", {
            "Action": "ListUsers", "Version": "2010-05-08", "Max": "1"})
        self.assertEqual(status, 400)
        self.assertIn("ValidationError", body)
        self.violated("Max is not a member")
        status, headers, body = self.emu.raw(
            "ses", "us-east-1", b'{"Enabled":true}', "PUT",
            "/v2/email/account/sending",
            headers=[("Content-Type", "application/json")])
        self.assertEqual((status, headers["x-amzn-errortype"]),
                         (400, "badrequestexception"))
        status, _, body = self.emu.raw("ec2", "us-east-1", {
            "Action": "DescribeInstances", "Version": "2016-11-15",
            "InstanceIds.1": "i-1"})
        self.assertIn("UnknownParameter", body)

    def test_constraints(self):
        for params, text in (
                ({}, "Value null at 'userName' failed to satisfy constraint: "
                     "Member must not be null"),
                ({"UserName": "a b", "PolicyName": "p",
                  "PolicyDocument": "{}"},
                 "Member must satisfy regular expression pattern"),
                ({"UserName": "a" * 129, "PolicyName": "p",
                  "PolicyDocument": "{}"}, "less than or equal to 128")):
            status, _, body = self.emu.raw("iam", "us-east-1", {
                "Action": "PutUserPolicy", "Version": "2010-05-08", **params})
            self.assertEqual(status, 400)
            self.assertIn(text, body)
        status, _, body = self.emu.raw("iam", "us-east-1", {
            "Action": "UpdateAccessKey", "Version": "2010-05-08",
            "AccessKeyId": STOLEN, "Status": "inactive"})
        self.assertIn("enum value set: [Active, Inactive", body)
        status, _, body = self.emu.raw(
            "ses", "us-east-1", b'{"SendingEnabled":"false"}', "PUT",
            "/v2/email/account/sending",
            headers=[("Content-Type", "application/json")])
        self.assertEqual(status, 400)
        self.assertEqual(len(self.emu.violations()), 5)

    def test_unknown_operation(self):
        for version, action in (("2010-05-08", "ListUserz"),
                                ("2010-05-09", "ListUsers")):
            status, _, body = self.emu.raw("iam", "us-east-1", {
                "Action": action, "Version": version})
            self.assertEqual(status, 400)
            self.assertIn("InvalidAction", body)
        status, _, _ = self.emu.raw("ses", "us-east-1", method="DELETE",
                                    path="/v2/email/account")
        self.assertEqual(status, 405)

    def test_pages(self):
        self.emu.set(page_size=1)
        self.addCleanup(self.emu.set, page_size=None)
        iam = self.emu.client("iam")
        first = iam.list_users()
        self.assertTrue(first["Marker"].startswith("+/+/"))
        self.assertTrue(first["IsTruncated"])
        pages = list(iam.get_paginator("list_users").paginate())
        self.assertEqual([len(p["Users"]) for p in pages], [1, 1, 1])
        ses = self.emu.client("sesv2")
        one = ses.list_email_identities()
        two = ses.list_email_identities(NextToken=one["NextToken"])
        self.assertEqual({i["IdentityName"] for p in (one, two)
                          for i in p["EmailIdentities"]},
                         {"shop.example.net", "mail.example.net"})
        pages = self.emu.client("ec2").get_paginator(
            "describe_network_interfaces").paginate()
        self.assertEqual([len(p["NetworkInterfaces"]) for p in pages], [1, 1])
        pages = list(iam.get_paginator(
            "get_account_authorization_details").paginate())
        self.assertGreater(len(pages), 4)
        self.clean()
        self.fails("InvalidInput", iam.list_users, Marker="AAAAmadeup")
        self.fails("InvalidInput", iam.list_roles, Marker=first["Marker"])


class Keys(Case):
    def fresh(self, user):
        return self.emu.control("POST", "key", {"user": user})

    def test_inactive(self):
        key = self.fresh("inactive")
        client = self.emu.client("sts", key=key["id"], secret=key["secret"])
        client.get_caller_identity()
        self.emu.client("iam").update_access_key(
            UserName="inactive", AccessKeyId=key["id"], Status="Inactive")
        self.fails("InvalidClientTokenId", client.get_caller_identity)
        self.emu.client("iam").update_access_key(
            UserName="inactive", AccessKeyId=key["id"], Status="Active")
        client.get_caller_identity()
        self.emu.client("iam").delete_access_key(
            UserName="inactive", AccessKeyId=key["id"])
        self.fails("InvalidClientTokenId", client.get_caller_identity)
        self.fails("NoSuchEntity", self.emu.client("iam").update_access_key,
                   UserName="inactive", AccessKeyId=key["id"],
                   Status="Active")
        self.clean()

    def test_two_keys(self):
        iam = self.emu.client("iam")
        self.fresh("two")
        made = iam.create_access_key(UserName="two")["AccessKey"]
        self.assertRegex(made["AccessKeyId"], "^AKIA[A-Z0-9]{16}$")
        self.assertRegex(made["SecretAccessKey"], r"^(?=.*/)(?=.*\+).{40}$")
        iam.update_access_key(UserName="two", AccessKeyId=made["AccessKeyId"],
                              Status="Inactive")
        answer = self.fails("LimitExceeded", iam.create_access_key,
                            UserName="two")
        self.assertEqual(answer["ResponseMetadata"]["HTTPStatusCode"], 409)

    def test_last_used(self):
        key = self.fresh("used")
        iam = self.emu.client("iam")
        used = iam.get_access_key_last_used(AccessKeyId=key["id"])
        self.assertEqual(used["AccessKeyLastUsed"],
                         {"ServiceName": "N/A", "Region": "N/A"})
        self.emu.client("sts", key=key["id"],
                        secret=key["secret"]).get_caller_identity()
        used = iam.get_access_key_last_used(AccessKeyId=key["id"])
        self.assertEqual((used["UserName"],
                          used["AccessKeyLastUsed"]["ServiceName"]),
                         ("used", "sts"))

    def test_propagation(self):
        self.emu.set(propagation={"new": [0.3, 0.8], "dead": [0.3, 0.8]})
        self.addCleanup(self.emu.set, preset="immediate")
        iam = self.emu.client("iam")
        self.emu.control("POST", "key", {"user": "slow"})
        made = iam.create_access_key(UserName="slow")["AccessKey"]
        client = self.emu.client("sts", key=made["AccessKeyId"],
                                 secret=made["SecretAccessKey"])

        def works():
            try:
                client.get_caller_identity()
                return True
            except botocore.exceptions.ClientError:
                return False

        self.assertFalse(works())
        time.sleep(0.35)
        seen = [works() for _ in range(40) if not time.sleep(0.01)]
        self.assertTrue(True in seen and False in seen, seen)   # flapping
        time.sleep(0.3)
        self.assertTrue(all(works() for _ in range(5)))
        iam.update_access_key(UserName="slow", Status="Inactive",
                              AccessKeyId=made["AccessKeyId"])
        self.assertEqual(iam.list_access_keys(UserName="slow")[
            "AccessKeyMetadata"][-1]["Status"], "Inactive")
        self.assertTrue(works())           # the attacker still works
        time.sleep(0.85)
        self.assertFalse(any(works() for _ in range(5)))
        self.clean()


class Policies(Case):
    def verdict(self, user, *actions, **more):
        answer = self.emu.client("iam").simulate_principal_policy(
            PolicySourceArn=f"arn:aws:iam::{ACCOUNT}:user/{user}",
            ActionNames=list(actions), **more)
        return [r["EvalDecision"] for r in answer["EvaluationResults"]]

    def test_denied(self):
        key = self.emu.control("POST", "key", {"user": "poor"})
        who = {"key": key["id"], "secret": key["secret"]}
        for service, code, call in (
                ("iam", "AccessDenied", "list_users"),
                ("ses", "AccessDenied", "get_send_quota"),
                ("sesv2", "AccessDeniedException", "get_account"),
                ("cloudwatch", "AccessDenied", "list_metrics"),
                ("ec2", "UnauthorizedOperation", "describe_instances")):
            client = self.emu.client(service, **who)
            with self.assertRaises(botocore.exceptions.ClientError) as e:
                getattr(client, call)()
            self.assertTrue(
                e.exception.response["Error"]["Code"].startswith(code))
        self.emu.client("sts", **who).get_caller_identity()

    def test_quarantine_does_not_stop_mail(self):
        iam = self.emu.client("iam")
        self.emu.control("POST", "key", {
            "user": "leaked", "id": "AKIALEAKEDKEY0000001",
            "secret": STOLEN_SECRET,
            "groups": ["AWSSESSendingGroupDoNotRename"],
            "attached": ["arn:aws:iam::aws:policy/AdministratorAccess"]})
        leaked = {"key": "AKIALEAKEDKEY0000001", "secret": STOLEN_SECRET}
        for version in ("V2", "V3"):
            arn = ("arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantine"
                   + version)
            iam.attach_user_policy(UserName="leaked", PolicyArn=arn)
            self.assertEqual(
                self.verdict("leaked", "ses:SendRawEmail", "ses:SendEmail",
                             "ses:GetSendQuota", "iam:UpdateAccessKey"),
                ["allowed", "allowed", "explicitDeny", "explicitDeny"])
            ses = self.emu.client("ses", **leaked)
            self.fails("AccessDenied", ses.get_send_quota)
            ses.send_raw_email(RawMessage={"Data": MAIL})
            self.fails("AccessDenied", self.emu.client(
                "iam", **leaked).update_access_key, UserName="leaked",
                AccessKeyId=leaked["key"], Status="Active")
            iam.detach_user_policy(UserName="leaked", PolicyArn=arn)
        self.clean()

    def test_boundary(self):
        iam = self.emu.client("iam")
        self.emu.control("POST", "key", {
            "user": "bound",
            "attached": ["arn:aws:iam::aws:policy/AmazonSESFullAccess"]})
        iam.put_user_permissions_boundary(
            UserName="bound",
            PermissionsBoundary="arn:aws:iam::aws:policy/AWSDenyAll")
        self.assertEqual(self.verdict("bound", "ses:SendEmail"),
                         ["explicitDeny"])
        iam.delete_user_permissions_boundary(UserName="bound")
        self.assertEqual(self.verdict("bound", "ses:SendEmail"), ["allowed"])
        self.assertEqual(self.verdict("ses-smtp", "ses:SendEmail"),
                         ["implicitDeny"])

    def one(self, condition, context, effect="Allow", **statement):
        document = {"Statement": [{"Effect": effect, "Action": "ses:*",
                                   "Resource": "*", "Condition": condition,
                                   **statement}]}
        return evaluate([Policy("p", "IAM Policy", document)],
                        "ses:SendEmail", "arn:aws:ses:r:1:identity/x",
                        context).verdict

    def test_operators(self):
        yes, no = "allowed", "implicitDeny"
        for want, operator, key, value, context in (
                (yes, "StringEquals", "ses:FromAddress", ["a", "b"], ["b"]),
                (no, "StringEquals", "ses:FromAddress", "A", ["a"]),
                (yes, "StringEqualsIgnoreCase", "k", "A", ["a"]),
                (yes, "StringLike", "k", "*@x.?z", ["q@x.yz"]),
                (no, "StringLike", "k", "[a]", ["a"]),
                (yes, "StringNotLike", "k", "a*", ["b"]),
                (no, "StringNotEquals", "k", ["a", "b"], ["b"]),
                (yes, "StringNotEquals", "k", "a", None),
                (no, "StringEquals", "k", "a", None),
                (yes, "StringEqualsIfExists", "k", "a", None),
                (yes, "Null", "k", "true", None),
                (no, "Null", "k", True, ["x"]),
                (yes, "Bool", "k", True, ["true"]),
                (yes, "IpAddress", "k", "10.0.0.0/8", ["10.1.2.3"]),
                (no, "NotIpAddress", "k", ["10.0.0.0/8"], ["10.1.2.3"]),
                (no, "IpAddress", "k", "10.0.0.0/8", ["fe80::1"]),
                (yes, "NumericLessThan", "k", "10", ["9"]),
                (no, "NumericGreaterThanEquals", "k", 10, ["9"]),
                (yes, "DateLessThan", "aws:TokenIssueTime",
                 "2026-01-02T00:00:00Z", ["2026-01-01T00:00:00Z"]),
                (no, "DateGreaterThan", "k", "2026-01-02T00:00:00Z",
                 ["2026-01-01T00:00:00Z"]),
                (yes, "ArnLike", "k", "arn:aws:iam::*:user/*",
                 ["arn:aws:iam::1:user/x"]),
                (no, "ArnLike", "k", "arn:aws:*", ["arn:aws:iam::1:user/x"]),
                (yes, "ForAllValues:StringLike", "k", ["*@a", "*@b"],
                 ["1@a", "2@b"]),
                (no, "ForAllValues:StringLike", "k", "*@a", ["1@a", "2@b"]),
                (yes, "ForAnyValue:StringLike", "k", "*@a", ["1@a", "2@b"])):
            have = {key.lower(): context} if context else {}
            self.assertEqual(self.one({operator: {key: value}}, have), want,
                             (operator, value, context))

    def test_not_elements(self):
        self.assertEqual(self.one({}, {}, "Deny"), "explicitDeny")
        document = {"Statement": [
            {"Effect": "Allow", "Action": "*", "Resource": "*"},
            {"Effect": "Deny", "NotAction": "iam:*",
             "NotResource": "arn:aws:ses:*:*:identity/keep"}]}
        policies = [Policy("p", "IAM Policy", document)]
        for action, resource, want in (
                ("iam:ListUsers", "*", "allowed"),
                ("ses:SendEmail", "arn:aws:ses:r:1:identity/x",
                 "explicitDeny"),
                ("SES:sendemail", "arn:aws:ses:r:1:identity/keep",
                 "allowed")):
            self.assertEqual(evaluate(policies, action, resource, {}).verdict,
                             want)
        document = {"Statement": [{"Effect": "Allow", "Action": "iam:*",
                                   "Resource":
                                   "arn:aws:iam::1:user/${aws:username}"}]}
        policies = [Policy("p", "IAM Policy", document)]
        self.assertTrue(evaluate(policies, "iam:GetUser",
                                 "arn:aws:iam::1:user/me",
                                 {"aws:username": ["me"]}).allowed)
        self.assertFalse(evaluate(policies, "iam:GetUser",
                                  "arn:aws:iam::1:user/", {}).allowed)

    def test_documents(self):
        iam = self.emu.client("iam")
        for bad in ("{", "[]", '{"Statement":[]}',
                    '{"Statement":[{"Effect":"deny","Action":"*",'
                    '"Resource":"*"}]}',
                    '{"Statement":[{"Effect":"Deny","Action":"SendEmail",'
                    '"Resource":"*"}]}', '{"Statement":5}',
                    '{"Statement":[{"Effect":"Deny","Action":1,'
                    '"Resource":"*"}]}',
                    '{"Statement":[{"Effect":"Deny","Action":"*",'
                    '"Resource":[{}],"Condition":[]}]}'):
            self.fails("MalformedPolicyDocument", iam.put_user_policy,
                       UserName="nobody", PolicyName="p", PolicyDocument=bad)
        with self.assertRaises(iam_policy.MalformedDocument):
            iam_policy.check_document({"Statement": [{
                "Effect": "Deny", "Action": "*", "Resource": "*",
                "Condition": {"StringIs": {"a": "b"}}}]})

    def test_policy_arrives_late(self):
        """The attacker's few seconds: a deny is stored, not yet enforced."""
        key = self.emu.control("POST", "key", {
            "user": "late",
            "attached": ["arn:aws:iam::aws:policy/AdministratorAccess"]})
        late = self.emu.client("iam", key=key["id"], secret=key["secret"])
        self.emu.set(propagation={"policy": [0.4, 0.4]})
        self.addCleanup(self.emu.set, preset="immediate")
        self.emu.client("iam").attach_user_policy(
            UserName="late", PolicyArn="arn:aws:iam::aws:policy/AWSDenyAll")
        self.assertEqual(self.verdict("late", "iam:ListUsers"),
                         ["explicitDeny"])
        late.list_users()
        time.sleep(0.45)
        self.fails("AccessDenied", late.list_users)

    def test_inline_size(self):
        big = json.dumps({"Statement": [{
            "Effect": "Deny", "Resource": "*",
            "Action": [f"ses:Action{n}" for n in range(150)]}]})
        self.fails("LimitExceeded", self.emu.client("iam").put_user_policy,
                   UserName="nobody", PolicyName="big", PolicyDocument=big)

    def test_revoke_sessions(self):
        """Deny by token age: only tokens older than the line are stopped."""
        context = {"aws:tokenissuetime": ["2026-01-01T12:00:00Z"]}
        for line, want in (("2026-01-01T11:00:00Z", "implicitDeny"),
                           ("2026-01-01T13:00:00Z", "explicitDeny")):
            self.assertEqual(self.one({"DateLessThan": {
                "aws:TokenIssueTime": line}}, context, "Deny"), want)


class Faults(Case):
    def test_throttle(self):
        for service, call, code, status in (
                ("iam", "list_users", "Throttling", 400),
                ("ec2", "describe_regions", "RequestLimitExceeded", 503),
                ("sesv2", "get_account", "TooManyRequestsException", 429)):
            self.emu.fault("throttle", match={"service": service},
                           retry_after_ms=250)
            client = self.emu.client(service)
            answer = self.fails(code, getattr(client, call))
            meta = answer["ResponseMetadata"]
            self.assertEqual(meta["HTTPStatusCode"], status)
            self.assertEqual(meta["HTTPHeaders"]["x-amz-retry-after"], "250")
            getattr(client, call)()

    def test_5xx(self):
        iam = self.emu.client("iam")
        self.emu.fault("500", skip=1)
        iam.list_users()
        self.fails("InternalFailure", iam.list_users)
        self.emu.fault("503")
        self.fails("ServiceUnavailable", iam.list_users)

    def keys(self):
        return len(self.emu.client("iam").list_access_keys(
            UserName="nobody")["AccessKeyMetadata"])

    def test_lost_answers(self):
        iam = self.emu.client("iam")
        only = {"operation": "CreateAccessKey"}
        self.emu.fault("reset_before", match=only)
        with self.assertRaises(botocore.exceptions.HTTPClientError):
            iam.create_access_key(UserName="nobody")
        self.assertEqual(self.keys(), 1)
        self.emu.fault("reset_after", match=only)
        with self.assertRaises(botocore.exceptions.HTTPClientError):
            iam.create_access_key(UserName="nobody")
        self.assertEqual(self.keys(), 2)       # made, and nobody has it
        self.emu.fault("close_after", match={"operation": "ListUsers"})
        with self.assertRaises(botocore.exceptions.HTTPClientError):
            iam.list_users()
        calls = self.emu.control("GET", "calls?mutating=1")
        self.assertEqual([c["status"] for c in calls], [0, 200])

    def test_spoilt_answers(self):
        iam = self.emu.client("iam")
        for do in ("truncate", "garbage"):
            self.emu.fault(do)
            with self.assertRaises((botocore.exceptions.BotoCoreError,
                                    ResponseParserError)):
                iam.list_users()
        self.emu.fault("empty")
        try:
            iam.list_users()
        except (botocore.exceptions.BotoCoreError, ResponseParserError):
            pass
        self.emu.fault("500", when="after",
                       match={"operation": "DeleteUserPolicy"})
        iam.put_user_policy(UserName="nobody", PolicyName="p",
                            PolicyDocument='{"Statement":[{"Effect":"Deny",'
                            '"Action":"*","Resource":"*"}]}')
        self.fails("InternalFailure", iam.delete_user_policy,
                   UserName="nobody", PolicyName="p")
        self.fails("NoSuchEntity", iam.get_user_policy,
                   UserName="nobody", PolicyName="p")

    def test_slow_and_hang(self):
        self.emu.fault("slow", ms=200)
        start = time.monotonic()
        self.emu.client("iam").list_users()
        self.assertGreater(time.monotonic() - start, 0.2)
        self.emu.fault("hang")
        with self.assertRaises(botocore.exceptions.HTTPClientError):
            self.emu.client("iam", read_timeout=0.3).list_users()

    def test_latency_and_rate(self):
        self.emu.set(rtt_ms=[100, 120])
        start = time.monotonic()
        self.emu.client("iam").list_users()
        self.assertGreater(time.monotonic() - start, 0.1)
        self.emu.set(rtt_ms=None, rate={"sesv2": 1})
        ses = self.emu.client("sesv2")
        ses.get_account()
        self.fails("TooManyRequestsException", ses.get_account)
        self.emu.client("sesv2", "eu-west-1").get_account()
        self.emu.set(rate={})


class Sending(Case):
    def sent(self):
        return len([n for n in os.listdir(os.path.join(self.emu.dir, "sent"))
                    if n.endswith(".json")])

    def v2(self, region="us-east-1"):
        return self.emu.client("sesv2", region).send_email(
            FromEmailAddress="info@shop.example.net",
            Destination={"ToAddresses": ["success@simulator.amazonses.com"]},
            Content={"Simple": {"Subject": {"Data": "proof"},
                                "Body": {"Text": {"Data": "x"}}}})

    def test_pause(self):
        before = self.sent()
        self.v2()
        self.assertEqual(self.sent(), before + 1)
        ses = self.emu.client("sesv2", "eu-west-1")
        ses.put_account_sending_attributes(SendingEnabled=False)
        self.fails("SendingPausedException", self.v2, "eu-west-1")
        self.fails("AccountSendingPausedException", self.emu.client(
            "ses", "eu-west-1").send_raw_email, RawMessage={"Data": MAIL})
        self.assertFalse(self.emu.client("ses", "eu-west-1")
                         .get_account_sending_enabled()["Enabled"])
        self.v2()                              # other regions go on
        self.emu.client("ses", "eu-west-1").update_account_sending_enabled(
            Enabled=True)
        self.v2("eu-west-1")
        self.emu.set(propagation={"sending": [0.3, 0.3]})
        ses.put_account_sending_attributes(SendingEnabled=False)
        self.assertFalse(ses.get_account()["SendingEnabled"])
        self.v2("eu-west-1")                   # not yet in effect
        time.sleep(0.35)
        self.fails("SendingPausedException", self.v2, "eu-west-1")
        self.emu.set(preset="immediate",
                     regions={"eu-west-1": {"sending_enabled": True}})
        self.clean()

    def test_unverified(self):
        self.fails("MessageRejected", self.v2, "sa-east-1")
        self.emu.set(regions={"us-west-2": {
            "identities": ["shop.example.net"], "quota": {"max_24h": 1}}})
        self.v2("us-west-2")
        self.fails("TooManyRequestsException", self.v2, "us-west-2")

    # --- SMTP --------------------------------------------------------------

    def login(self, region="us-east-1", secret=STOLEN_SECRET, key=STOLEN,
              password_region=None, **how):
        server, context = self.emu.smtp(region, **how)
        self.addCleanup(server.close)
        if not how.get("tls"):
            server.starttls(context=context)
        server.login(key, sigv4.smtp_password(secret,
                                              password_region or region))
        return server

    def transaction(self, server, sender="info@shop.example.net", raw=MAIL):
        """(code, text) of the last reply"""
        server.mail(sender)
        server.rcpt("a@example.org")
        code, text = server.data(raw)
        return code, text.decode()

    def refused_login(self, code, **how):
        with self.assertRaises(smtplib.SMTPAuthenticationError) as caught:
            self.login(**how)
        self.assertEqual(caught.exception.smtp_code, code)

    def test_smtp(self):
        for how in ({}, {"tls": True}, {"general": False},
                    {"tls": True, "general": False}):
            server = self.login("eu-west-1", **how)
            code, text = self.transaction(server)
            self.assertEqual(code, 250)
            self.assertRegex(text, "^Ok 0100[0-9a-f-]+-000000$")
            server.quit()
        number = self.sent()
        base = os.path.join(self.emu.dir, "sent", str(number))
        with open(base + ".eml", "rb") as file:
            self.assertEqual(file.read(), MAIL)
        with open(base + ".json", encoding="utf-8") as file:
            side = json.load(file)
        self.assertEqual((side["via"], side["region"], side["key_id"],
                          side["rcpts"]),
                         ("smtp", "eu-west-1", STOLEN, ["a@example.org"]))
        self.clean()

    def test_smtp_before_tls(self):
        server, _ = self.emu.smtp("us-east-1")
        server.ehlo()
        self.assertFalse(server.has_extn("auth"))
        self.assertEqual(server.docmd("AUTH PLAIN AHgAeQ==")[0], 530)
        self.assertEqual(server.docmd("MAIL FROM:<a@b.example>"),
                         (530, b"Must issue a STARTTLS command first"))
        server.close()

    def test_smtp_not_authenticated(self):
        server, context = self.emu.smtp("us-east-1")
        server.starttls(context=context)
        server.ehlo()
        self.assertEqual(server.docmd("MAIL FROM:<a@b.example>"),
                         (530, b"Authentication required"))
        server.close()

    def test_smtp_535(self):
        self.refused_login(535, secret=WRONG_SECRET)
        self.clean()
        server, context = self.emu.smtp("us-east-1")
        server.starttls(context=context)
        with self.assertRaises(smtplib.SMTPAuthenticationError):
            server.login(STOLEN, STOLEN_SECRET)
        server.close()
        self.violated("the secret key itself")
        self.emu.control("POST", "reset_log")
        self.refused_login(535, password_region="eu-west-1")
        self.refused_login(535, key="AKIAUNKNOWNKEY000001")
        self.emu.set(smtp_throttled=True)
        self.refused_login(454)
        self.emu.set(smtp_throttled=False)
        self.clean()

    def test_smtp_mechanisms(self):
        password = sigv4.smtp_password(STOLEN_SECRET, "us-east-1")
        plain = base64.b64encode(f"\0{STOLEN}\0{password}".encode()).decode()
        user = base64.b64encode(STOLEN.encode()).decode()
        secret = base64.b64encode(password.encode()).decode()
        for dialogue in ([f"AUTH PLAIN {plain}"], ["AUTH PLAIN", plain],
                         ["AUTH LOGIN", user, secret],
                         [f"AUTH LOGIN {user}", secret]):
            server, context = self.emu.smtp("us-east-1")
            server.starttls(context=context)
            server.ehlo()
            for line in dialogue[:-1]:
                self.assertEqual(server.docmd(line)[0], 334)
            self.assertEqual(server.docmd(dialogue[-1])[0], 235)
            server.close()

    def test_smtp_554(self):
        server = self.login()
        code, text = self.transaction(server, "x@elsewhere.example.com")
        self.assertEqual(code, 554)
        self.assertTrue(text.endswith(": x@elsewhere.example.com"), text)
        code, text = self.transaction(server, raw=MAIL.replace(
            b"shop.example.net", b"other.example.com"))
        self.assertEqual(code, 554)
        self.assertIn("Email address is not verified", text)
        self.emu.set(regions={"us-east-1": {"sending_enabled": False}})
        self.assertEqual(self.transaction(server), (
            554, "Message rejected: Sending has been disabled for this "
                 "account"))
        self.emu.set(regions={"us-east-1": {"sending_enabled": True}})
        iam = self.emu.client("iam")
        iam.put_user_policy(
            UserName="ses-smtp", PolicyName="stop", PolicyDocument=json.dumps(
                {"Version": "2012-10-17", "Statement": [
                    {"Effect": "Deny", "Action": "ses:*", "Resource": "*"}]}))
        code, text = self.transaction(server)
        self.assertEqual((code, text), (
            554, f"Access denied: User `arn:aws:iam::{ACCOUNT}:user/ses-smtp'"
            " is not authorized to perform `ses:SendRawEmail' on resource "
            f"`arn:aws:ses:us-east-1:{ACCOUNT}:identity/shop.example.net'"))
        iam.delete_user_policy(UserName="ses-smtp", PolicyName="stop")
        self.assertEqual(self.transaction(server)[0], 250)

    def test_smtp_dead_session(self):
        iam = self.emu.client("iam")
        for mode, codes in (("at_data", (250, 535)), ("at_mail", (535, None)),
                            ("never", (250, 250))):
            self.emu.set(smtp_dead_session=mode)
            server = self.login()
            iam.update_access_key(UserName="ses-smtp", AccessKeyId=STOLEN,
                                  Status="Inactive")
            self.refused_login(535)
            got = server.mail("info@shop.example.net")[0]
            last = None
            if got == 250:
                server.rcpt("a@example.org")
                last = server.data(MAIL)[0]
            self.assertEqual((got, last), codes)
            iam.update_access_key(UserName="ses-smtp", AccessKeyId=STOLEN,
                                  Status="Active")
        self.emu.set(smtp_dead_session="at_data")

    def test_smtp_bytes(self):
        server = self.login()
        server.mail("info@shop.example.net")
        server.rcpt("a@example.org")
        server.docmd("DATA")
        server.send(b"From: info@shop.example.net\n\n.bare\r\n.\r\n")
        self.assertEqual(server.getreply()[0], 250)
        self.violated("bare LF or CR in the mail")
        server.mail("info@shop.example.net")
        server.rcpt("a@example.org")
        server.docmd("DATA")
        server.send(b"From: info@shop.example.net\r\n\r\n.x\r\n.\r\n")
        self.assertEqual(server.getreply()[0], 250)
        self.violated("not stuffed")

    def test_smtp_faults(self):
        self.emu.fault("throttle", match={"service": "smtp",
                                          "operation": "MAIL"})
        server = self.login()
        self.assertEqual(server.mail("info@shop.example.net")[0], 454)
        before = self.sent()
        self.emu.fault("reset_after", match={"service": "smtp",
                                             "operation": "END"})
        with self.assertRaises((smtplib.SMTPServerDisconnected, OSError)):
            self.transaction(server)
        self.assertEqual(self.sent(), before + 1)


class Rest(Case):
    args = ("--time-scale", "10")

    def imds(self, method, path, **headers):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.emu.ports['imds']}{path}", method=method,
            headers={k.replace("_", "-"): v for k, v in headers.items()})
        try:
            with opener.open(request, timeout=2) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode()

    def test_web_identity(self):
        sts = self.emu.client("sts")
        arn = "arn:aws:iam::111122223333:role/mail-host"
        ask = {"RoleArn": arn, "RoleSessionName": "test",
               "WebIdentityToken": "ey.right"}
        self.fails("InvalidIdentityToken",
                   sts.assume_role_with_web_identity, **ask)
        self.emu.set(web_identity="ey.right")
        # its trust policy names no provider
        self.fails("AccessDenied", sts.assume_role_with_web_identity, **ask)
        self.emu.set(web_identity=None)

    def test_imds(self):
        base = "/latest/meta-data/iam/security-credentials/"
        self.assertEqual(self.imds("GET", base)[0], 401)
        self.assertEqual(self.imds("PUT", "/latest/api/token")[0], 400)
        ttl = {"X_aws_ec2_metadata_token_ttl_seconds": "60"}
        status, token = self.imds("PUT", "/latest/api/token", **ttl)
        self.assertEqual(status, 200)
        auth = {"X_aws_ec2_metadata_token": token}
        self.assertEqual(self.imds("GET", base, **auth), (200, "mail-host"))
        got = json.loads(self.imds("GET", base + "mail-host", **auth)[1])
        client = self.emu.client("sts", key=got["AccessKeyId"],
                                 secret=got["SecretAccessKey"],
                                 token=got["Token"])
        self.assertIn(":assumed-role/mail-host/i-",
                      client.get_caller_identity()["Arn"])
        self.emu.set(imds={"mode": "v1only"})
        self.assertEqual(self.imds("PUT", "/latest/api/token", **ttl)[0], 405)
        self.emu.set(imds={"mode": "forbidden"})
        self.assertEqual(self.imds("PUT", "/latest/api/token", **ttl)[0], 403)
        self.emu.set(imds={"mode": "off"})
        with self.assertRaises(OSError):
            self.imds("PUT", "/latest/api/token", **ttl)
        self.emu.set(imds={"mode": "on"})

    def test_time_scale(self):
        self.emu.set(propagation={"dead": [3, 3]})
        key = self.emu.control("POST", "key", {"user": "fast"})
        client = self.emu.client("sts", key=key["id"], secret=key["secret"])
        self.emu.client("iam").delete_access_key(UserName="fast",
                                                 AccessKeyId=key["id"])
        client.get_caller_identity()
        time.sleep(0.35)
        self.fails("InvalidClientTokenId", client.get_caller_identity)
        self.emu.set(preset="immediate")

    def test_ends_with_its_parent(self):
        gone = subprocess.Popen(["true"])
        gone.wait()
        with tempfile.TemporaryDirectory() as folder:
            process = subprocess.Popen([
                sys.executable, os.path.join(HERE, "emulator.py"), "--dir",
                folder, "--parent-pid", str(gone.pid)])
            self.assertEqual(process.wait(5), 0)

    def test_seed(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump({"regions": {"sa-east-1": {"daily_volume": 96}},
                       "users": {"nobody": None, "more": {}},
                       "health": {"plan": True, "events": [
                           {"arn": "arn:aws:health:us-east-1::event/ABUSE/x/y",
                            "service": "ABUSE", "region": "us-east-1",
                            "eventTypeCode": "AWS_ABUSE_EMAIL_SPAM_REPORT",
                            "lastUpdatedTime": 1.0, "description": "spam",
                            "entities": ["i-0a1b2c3d4e5f60001"]}]},
                       "cases": [{"caseId": "case-1", "subject": "SES"}]},
                      file)
            file.flush()
            emu = Emulator("--seed", file.name)
        try:
            users = emu.client("iam").list_users()["Users"]
            self.assertEqual([u["UserName"] for u in users],
                             ["more", "responder", "ses-smtp"])
            health = emu.client("health")
            events = health.describe_events(filter={"services": ["ABUSE"]})
            arn = events["events"][0]["arn"]
            details = health.describe_event_details(eventArns=[arn, arn + "z"])
            self.assertEqual(details["successfulSet"][0]["eventDescription"],
                             {"latestDescription": "spam"})
            self.assertEqual(len(details["failedSet"]), 1)
            entities = health.describe_affected_entities(
                filter={"eventArns": [arn]})["entities"]
            self.assertEqual(entities[0]["entityValue"],
                             "i-0a1b2c3d4e5f60001")
            support = emu.client("support")
            support.add_communication_to_case(
                caseId="case-1", communicationBody="done")
            found = support.describe_communications(caseId="case-1")
            self.assertEqual(found["communications"][0]["body"], "done")
            self.assertGreater(emu.client("ses", "sa-east-1").get_send_quota()
                               ["SentLast24Hours"], 50)
            self.assertEqual(emu.client("cloudtrail").lookup_events()
                             ["Events"], [])
            self.assertEqual(emu.violations(), [])
        finally:
            emu.stop()

    def test_credentials_of_an_account(self):
        """What only the readers of keys ask for."""
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump({"users": {"nobody": {"keys": [
                           {"id": "AKIANOBODYKEY0000001", "secret": "n" * 40,
                            "created": "-300s",
                            "used": ["-60s", "ses", "eu-west-1"]}]}},
                       "roles": {"linked": {
                           "path": "/aws-service-role/x/", "trust": {},
                           "profiles": ["mail"],
                           "last_used": ["-3d", "eu-west-1"]}},
                       "root": {"keys": [{"created": "-9d"}], "mfa": False},
                       "settings": {"report_age_s": 3600}}, file)
            file.flush()
            emu = Emulator("--seed", file.name)
        try:
            iam = emu.client("iam")
            summary = iam.get_account_summary()["SummaryMap"]
            self.assertEqual((summary["AccountAccessKeysPresent"],
                              summary["AccountMFAEnabled"]), (1, 0))
            self.assertEqual(iam.generate_credential_report()["State"],
                             "COMPLETE")
            report = iam.get_credential_report()["Content"].decode()
            rows = {r.split(",")[0]: r.split(",")
                    for r in report.splitlines()}
            self.assertEqual(rows["<root_account>"][7:9], ["false", "true"])
            # the key is younger than the report
            self.assertEqual(rows["nobody"][8], "false")
            self.assertEqual(iam.get_access_key_last_used(
                AccessKeyId="AKIANOBODYKEY0000001")["AccessKeyLastUsed"]
                ["Region"], "eu-west-1")
            roles = iam.get_account_authorization_details(
                Filter=["Role"])["RoleDetailList"]
            role = next(r for r in roles if r["RoleName"] == "linked")
            self.assertEqual(role["InstanceProfileList"][0]
                             ["InstanceProfileName"], "mail")
            self.assertEqual(role["RoleLastUsed"]["Region"], "eu-west-1")
            emu.set(simulated_scp=["ses:Send*"])
            said = iam.simulate_principal_policy(
                PolicySourceArn=f"arn:aws:iam::{ACCOUNT}:user/responder",
                ActionNames=["ses:SendEmail", "ses:GetAccount"])
            self.assertEqual([r["EvalDecision"] for r in
                              said["EvaluationResults"]],
                             ["explicitDeny", "allowed"])
            self.assertEqual(emu.violations(), [])
        finally:
            emu.stop()

    def test_report_takes_its_time(self):
        self.emu.set(report_polls=1)
        iam = self.emu.client("iam")
        self.fails("ReportNotPresent", iam.get_credential_report)
        self.assertEqual(
            [iam.generate_credential_report()["State"]
             for _ in range(3)], ["STARTED", "INPROGRESS", "COMPLETE"])
        self.clean()

    def test_what_watches(self):
        """CloudTrail, GuardDuty, Access Analyzer, by botocore."""
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump({"trail": [
                {"event": "CreateUser", "time": "-1h", "times": 60},
                {"event": "ListUsers", "time": "-2h", "session": "i-1"}],
                "trails": [{"name": "main", "bucket": "b"}],
                "findings": {"guardduty": [
                    {"id": "f1", "type": "Recon:IAMUser/x", "severity": 5}],
                    "analyzers": [{"name": "a", "findings": [
                        {"id": "x", "resource": "arn:aws:iam::1:role/r"}]}]}},
                file)
            file.flush()
            emu = Emulator("--seed", file.name)
        try:
            emu.set(rate={})
            trail = emu.client("cloudtrail")
            pages = list(trail.get_paginator("lookup_events").paginate(
                LookupAttributes=[{"AttributeKey": "EventName",
                                   "AttributeValue": "CreateUser"}]))
            self.assertEqual([len(p["Events"]) for p in pages], [50, 10])
            found = trail.lookup_events(LookupAttributes=[
                {"AttributeKey": "Username", "AttributeValue": "i-1"}])
            event = json.loads(found["Events"][0]["CloudTrailEvent"])
            self.assertEqual(event["userIdentity"]["type"], "AssumedRole")
            self.assertEqual(trail.describe_trails()["trailList"][0]["Name"],
                             "main")
            guard = emu.client("guardduty")
            detector = guard.list_detectors()["DetectorIds"][0]
            ids = guard.list_findings(
                DetectorId=detector, FindingCriteria={"Criterion": {
                    "service.archived": {"Equals": ["false"]}}})["FindingIds"]
            self.assertEqual(guard.get_findings(
                DetectorId=detector, FindingIds=ids)["Findings"][0]["Type"],
                "Recon:IAMUser/x")
            access = emu.client("accessanalyzer")
            arn = access.list_analyzers()["analyzers"][0]["arn"]
            self.assertEqual(access.list_findings_v2(
                analyzerArn=arn)["findings"][0]["id"], "x")
            self.assertEqual(emu.violations(), [])
            # a token holds only for the call that it came from
            token = trail.lookup_events()["NextToken"]
            with self.assertRaises(botocore.exceptions.ClientError) as caught:
                trail.lookup_events(NextToken=token, EndTime=time.time())
            self.assertEqual(caught.exception.response["Error"]["Code"],
                             "InvalidNextTokenException")
        finally:
            emu.stop()

    def test_lookups_are_two_a_second(self):
        trail = self.emu.client("cloudtrail", "eu-west-1")
        self.emu.set(rate={"cloudtrail": 2})
        trail.lookup_events()
        with self.assertRaises(botocore.exceptions.ClientError) as caught:
            trail.lookup_events()
        self.assertEqual(caught.exception.response["Error"]["Code"],
                         "ThrottlingException")
        time.sleep(0.5)
        trail.lookup_events()

    def test_control_refuses_typos(self):
        for path, content in (("set", {"page_sise": 1}),
                              ("set", {"regions": {"us-east-1": {"sendng":
                                                                 False}}}),
                              ("fault", {"do": "explode"}),
                              ("fault", {"do": "500", "match": {"op": "x"}})):
            with self.assertRaises(urllib.error.HTTPError) as caught:
                self.emu.control("POST", path, content)
            self.assertEqual(caught.exception.code, 400)

    def test_world(self):
        text = json.dumps(self.emu.control("GET", "world"))
        self.assertEqual(len(json.loads(text)["regions"]), 27)
        for secret in (RESPONDER_SECRET, STOLEN_SECRET, WRONG_SECRET):
            self.assertNotIn(secret, text)
        self.assertEqual(len(SES_REGIONS), 27)

    def test_sweep(self):
        """The whole account, all regions at once, as ses-pause does it."""
        def pause(region):
            client = self.emu.client("sesv2", region)
            client.put_account_sending_attributes(SendingEnabled=False)
            return client.get_account()["SendingEnabled"]
        with ThreadPoolExecutor(8) as pool:
            self.assertFalse(any(pool.map(pause, SES_REGIONS)))
        self.clean()


def main():
    result = unittest.main(exit=False, verbosity=1).result
    bad = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - bad}/{result.testsRun}")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
