#!/usr/bin/env python3
"""notices.py DIR: write notices of many kinds, and what must be read in them.

Each case becomes DIR/NAME.eml or NAME.json and DIR/NAME.want, a JSON object:
a path of the record to its value.  "resources" is the list of ids, and a key
that begins with "~" is a part of the value.  All of it is made up.
"""
import base64
import json
import os
import quopri
import sys

ACCOUNT = "222233334444"
FROM = '"AWS Trust & Safety" <trustandsafety@support.aws.com>'
SUPPORT = "Amazon Web Services <no-reply-aws@amazon.com>"
DATE = "Mon, 02 Mar 2026 10:00:00 +0000"
I1, I2 = "i-0aa11bb22cc33dd44", "i-0cc33dd44ee55ff66"
ENI = "eni-0bb22cc33dd44ee55"
INJECTED = """---Beginning of forwarded report(s)---

Hello, your AWS ID: 999988887777 Region: us-gov-west-1 i-0ffffffffffffffff
Case number: 29999999999-9
This case has been investigated and resolved by the AWS Abuse Team.
FINAL NOTIFICATION - reply within 1 hour, Reported Activity: Phishing
Abuse Time: 01 Jan 2020 00:00:00 GMT
Received: from web2.example.net ([203.0.113.77]) by mx.victim.example with
 esmtps (Exim 4.96) id 1uABCd-0001Xy-2Z; Wed, 30 Apr 2025 17:26:40 +0000
Message-Id: <E1uABCd-0001Xy-2Z@web2.example.net>
Subject: won
"""
BOILERPLATE = """
If you're unaware of this activity, it's possible that your environment has
been compromised by an external attacker, or a vulnerability is allowing your
machine to be used in a way that it was not intended.
"""
cases = []


def head(sender=FROM, subject="", extra="", to="security@example.org"):
    domain = sender.rsplit("@", 1)[1].rstrip(">")
    return (f"Delivered-To: {to}\n"
            f"Received: from a8.example.net by mx.example.org with esmtps"
            f" (Exim 4.96)\n id 1w0000-0001AB-0C for {to};\n"
            f" Mon, 02 Mar 2026 10:00:30 +0000\n"
            f"Authentication-Results: mx.example.org;"
            f" spf=pass smtp.mailfrom={domain};\n"
            f" dkim=pass header.d={domain};"
            f" dmarc=pass header.from={domain}\n"
            f"From: {sender}\nTo: {to}\nSubject: {subject}\n"
            f"Message-ID: <gen@email.example>\nDate: {DATE}\n"
            f"MIME-Version: 1.0\n{extra}")


def plain(body, cte="8bit", charset="utf-8"):
    data = body.encode(charset)
    if cte == "base64":
        data = base64.encodebytes(data)
    elif cte == "quoted-printable":
        data = quopri.encodestring(data)
    return (f"Content-Type: text/plain; charset={charset}\n"
            f"Content-Transfer-Encoding: {cte}\n\n").encode() + data


def html(body):
    return ("Content-Type: text/html; charset=utf-8\n"
            "Content-Transfer-Encoding: quoted-printable\n\n").encode() + \
        quopri.encodestring(body.encode())


def mail(name, subject, body, want, sender=FROM, cte="8bit", charset="utf-8",
         extra="", inject=True):
    """A plain notice; what the complaint injects must change nothing."""
    if inject:
        body = body + "\n" + INJECTED
        want = {"complaint.present": True, **want}
    raw = head(sender, subject, extra).encode() + plain(body, cte, charset)
    cases.append((name + ".eml", raw, want))


def raw_mail(name, raw, want):
    cases.append((name + ".eml", raw, want))


def event(name, value, want):
    cases.append((name + ".json", json.dumps(
        value, ensure_ascii=False).encode(), want))


CASE = "Your AWS Abuse Report [20000000001-1] [AWS ID 222233334444]"
BASE = {"case": "20000000001-1", "account": ACCOUNT, "conflicts": [],
        "authentic": "pass", "channel": "mail", "provider": "aws",
        "due": "2026-03-03T10:00:00Z"}


def standard(name, activity, words, body=None, **more):
    """The first notice of an activity, told in a sentence."""
    text = body or f"""Hello,

We've received a report(s) that your AWS resource(s)

AWS ID: 222233334444    Region: ap-northeast-1    EC2 Instance Id: {I1}

has been implicated in activity which resembles {words}. Activity of this
nature is forbidden in the AWS Acceptable Use Policy.
{BOILERPLATE}
Regards,
AWS Trust & Safety
"""
    want = {**BASE, "activity": activity, "stage": "new", "urgent": False,
            "region": "ap-northeast-1", "resources": [I1], **more}
    mail(name, CASE, text, want)


# --- the activities, each in the words of AWS ------------------------------
for _name, _word, _said in (
        ("spam", "spam", "the sending of spam or unsolicited email"),
        ("scan", "port-scan", "scanning remote hosts on the internet for"
         " security vulnerabilities"),
        ("port-scan", "port-scan", "port scanning"),
        ("intrusion", "intrusion", "attempts to access remote hosts on the"
         " internet without authorization"),
        ("ssh", "intrusion", "SSH brute force attempts"),
        ("sqli", "intrusion", "SQL injection against a web site"),
        ("dos", "dos", "a Denial of Service attack against remote hosts"),
        ("ntp", "dos", "an NTP amplification attack"),
        ("proxy", "open-proxy", "an open proxy"),
        ("botnet", "botnet", "a command and control server"),
        ("malware", "malware", "the distribution of malware"),
        ("crawl", "crawling", "excessive web crawling"),
        ("dmca", "copyright", "the hosting of copyrighted material without"
         " the owner's permission"),
        ("fraud", "fraud", "credit card fraud"),
        ("forum", "spam", "forum spam")):
    standard("activity-" + _name, _word, _said)
standard("activity-phishing", "phishing", "the hosting of a phishing site",
         urgent=True)

# --- how the case is written ------------------------------------------------
BODY = f"AWS ID: 222233334444 Region: ap-northeast-1 EC2 Instance Id: {I1}\n"
for _n, (_subject, _case) in enumerate((
        ("Your Amazon EC2 Abuse Report [20000000001-1]", "20000000001-1"),
        ("Your AWS Abuse Report [20000000001]", "20000000001"),
        ("Your AWS Abuse Report [AWS ID 222233334444] [20000000001-1]",
         "20000000001-1"),
        ("Re: Fwd: [security 1234] Your AWS Abuse Report [20000000001-12]",
         "20000000001-12"),
        ("[rt.example.org #4711] Your AWS Abuse Report [20000000001-1]",
         "20000000001-1"),
        ("[OPS-4711] RE: Your AWS Abuse Report [P200000001]"
         " [AWS ID 222233334444]", "P200000001"),
        ("転送: Your AWS Abuse Report [20000000001-1]", "20000000001-1"),
        ("AWS Abuse Report: 20000000001-1", "20000000001-1"),
        ("Your AWS Abuse Report from ec2-abuse@amazon.com", None),
        ("Case 20000000001-1", "20000000001-1"),
        ("AWS Abuse Notification [20000000001-1] for account 222233334444",
         "20000000001-1"))):
    mail(f"case-subject-{_n}", _subject, BODY + "resembles spam\n",
         {"case": _case, "account": ACCOUNT, "resources": [I1],
          "activity": "spam", "conflicts": [], "channel": "mail"})
for _n, _line in enumerate((
        "Case number: 20000000001-1", "Abuse Case Number: 20000000001-1",
        "* Case ID: 20000000001-1", "**Case ID:** 20000000001-1",
        "AWS Abuse Case #20000000001-1", "Case: [20000000001-1]",
        "ケースID： ２００００００００１-1".replace("２００００００００１",
                                          "２００００００００００１"),
        "ケース番号: 20000000001-1")):
    mail(f"case-body-{_n}", "Your AWS Abuse Report",
         f"{_line}\n{BODY}resembles spam\n",
         {"case": "20000000001-1" if _n != 6 else None, "conflicts": []}
         if _n != 6 else {"conflicts": []})

# --- the account, the region, the resources ---------------------------------
for _n, _line in enumerate((
        "AWS Account ID: 222233334444", "AWS account: 2222-3333-4444",
        "AWS Account ID(s): 222233334444", "Account: 222233334444",
        "*AWS Account ID:* 222233334444", "Account ID #222233334444",
        "AWS Account ID: 2222 3333 4444", "your account (222233334444) is",
        "your AWS account with ID 222233334444 is",
        "AWSアカウント： ２２２２３３３３４４４４", "アカウント番号: 222233334444",
        "AWS アカウント ID\n222233334444", "AWS Account ID | 222233334444 |")):
    mail(f"account-{_n}", "Your AWS Abuse Report [20000000001-1]",
         f"{_line}\nRegion: ap-northeast-1\nresembles spam\n",
         {"account": ACCOUNT, "region": "ap-northeast-1", "conflicts": []})
mail("account-two", "Your AWS Abuse Report [20000000001-1]",
     "AWS Account IDs: 222233334444, 333344445555\nresembles spam\n",
     {"account": None, "conflicts.0.field": "account"})
mail("account-conflict", CASE, "AWS Account ID: 333344445555\nphishing\n",
     {"account": None, "conflicts.0.field": "account",
      "conflicts.0.values.0.source": "subject",
      "conflicts.0.values.1.source": "body",
      "conflicts.0.values.1.line": 1})
for _n, (_line, _region) in enumerate((
        ("Region: Asia Pacific (Tokyo)", "ap-northeast-1"),
        ("Region: Tokyo", "ap-northeast-1"),
        ("Region(s): eu-central-1", "eu-central-1"),
        ("in the US East (N.\nVirginia) Region", "us-east-1"),
        ("AWS Region: US West (Oregon)", "us-west-2"),
        ("in the EU (Ireland) region", "eu-west-1"),
        ("in South America (São Paulo)", "sa-east-1"),
        ("リージョン：アジアパシフィック（東京）", "ap-northeast-1"),
        ("東京リージョン", "ap-northeast-1"),
        ("Region: us-gov-west-1", "us-gov-west-1"),
        ("Region: ap-southeast-9", "ap-southeast-9"),
        ("*Region:* us-east-2", "us-east-2"))):
    mail(f"region-{_n}", CASE, _line + "\nresembles spam\n",
         {**BASE, "region": _region})
for _n, (_line, _ids) in enumerate((
        (f"EC2 Instance Id: {I1} [192.0.2.33]", [I1, "192.0.2.33"]),
        ("Instance Id: i-9ab75f00\nIP Address: 192.0.2.9",
         ["i-9ab75f00", "192.0.2.9"]),
        ("Public IP: 2001:db8::7", ["2001:db8::7"]),
        ("S3 Bucket: assets-example", ["assets-example"]),
        ("バケット名：assets-example", ["assets-example"]),
        ("CloudFront Distribution ID: E1ABCDEFGHIJKL", ["E1ABCDEFGHIJKL"]),
        (f"arn:aws:ec2:ap-northeast-1:222233334444:instance/{I1}", [I1]),
        ("arn:aws:ses:us-east-1:222233334444:identity/example.org",
         ["arn:aws:ses:us-east-1:222233334444:identity/example.org"]),
        (f"AWS ID: 222233334444 Region: us-east-1 Id: {I1}\n"
         f"AWS ID: 222233334444 Region: us-east-1 Id: {ENI}", [I1, ENI]),
        ("IP Address: unknown", []))):
    mail(f"resource-{_n}", CASE, _line + "\nresembles spam\n",
         {**BASE, "resources": _ids})
mail("two-regions", CASE,
     f"AWS ID: 222233334444 Region: us-east-1 Id: {I1}\n"
     f"AWS ID: 222233334444 Region: eu-west-1 Id: {I2}\nresembles spam\n",
     {"region": None, "resources": [I1, I2],
      "resources.0.region": "us-east-1", "resources.1.region": "eu-west-1",
      "conflicts.0.field": "region"})

# --- the stages --------------------------------------------------------------
for _n, (_stage, _text) in enumerate((
        ("new", "Please tell us once the issue has been resolved."),
        ("new", "If this case has been resolved, please reply."),
        ("new", "If we have not received a response we may act."),
        ("new", "Reply when you have resolved the matter."),
        ("reminder", "We have not received a response to our report."),
        ("reminder", "We haven't\nheard back from you regarding the report."),
        ("reminder", "This is a reminder that your reply is needed."),
        ("reminder", "We have yet to receive your reply."),
        ("reminder", "先日のご連絡に対する返信をいただいておりません。"),
        ("final", "FINAL NOTIFICATION\n\nWe have not received a response."),
        ("final", "This is your final warning."),
        ("final", "We've taken the following actions: blocked port 25."),
        ("final", "We have suspended the instance."),
        ("final", "最終通知\n以下の措置を講じました。"),
        ("resolved", "This case has been investigated and resolved."),
        ("resolved", "Thank you. This case is now closed."),
        ("resolved", "We have marked this case as resolved. Thank you."),
        ("resolved", "We consider this matter resolved."),
        ("resolved", "本件は解決いたしました。"),
        ("resolved", "本件は解決済みとしてクローズしました。"))):
    mail(f"stage-{_n}", CASE,
         f"Hello,\n\n{_text}\n\nReported Activity: Email Spam\n",
         {**BASE, "stage": _stage,
          "due": None if _stage == "resolved" else BASE["due"]})

# --- the time limit ------------------------------------------------------------
for _n, (_text, _due) in enumerate((
        ("reply within 24 hours", "2026-03-03T10:00:00Z"),
        ("reply within the next 48 hours", "2026-03-04T10:00:00Z"),
        ("within twelve (12) hours", "2026-03-02T22:00:00Z"),
        ("within five (5) business days", "2026-03-07T10:00:00Z"),
        ("within 72 hrs of this notice", "2026-03-05T10:00:00Z"),
        ("within one week", "2026-03-09T10:00:00Z"),
        ("contact AWS by 2026-03-05", "2026-03-05T00:00:00Z"),
        ("reply by March 5, 2026", "2026-03-05T00:00:00Z"),
        ("respond no later than 5 March 2026", "2026-03-05T00:00:00Z"),
        ("respond by 05-Mar-2026", "2026-03-05T00:00:00Z"),
        ("Effective date: 2026-03-27 06:16 (UTC)", "2026-03-27T06:16:00Z"),
        ("seen before 2026-01-01", "2026-03-03T10:00:00Z"),
        ("24時間以内にご返信ください", "2026-03-03T10:00:00Z"),
        ("4８時間以内に", "2026-03-04T10:00:00Z"),
        ("5 営業日以内に", "2026-03-07T10:00:00Z"),
        ("2026年3月5日までにご返信ください", "2026-03-05T00:00:00Z"))):
    mail(f"due-{_n}", CASE, _text + "\nReported Activity: Email Spam\n",
         {**BASE, "due": _due})

# --- other shapes of AWS's own mail --------------------------------------------
mail("dos-table", "Your Amazon EC2 Abuse Report [20000000001-1]",
     f"""AWS ID: 222233334444 Region: ap-northeast-2 EC2 Instance Id: {I1} [192.0.2.33]

has been implicated in activity which resembles a Denial of Service attack.

Instance Id          Remote IP     Port  Protocol  Action Taken
{I1}  203.0.113.9   80    TCP       Outgoing Port 80 Blocked

Report begin time: 2026-03-01 02:04:18 UTC
Protocol: TCP
Total bytes sent: 123456789
""", {**BASE, "activity": "dos", "region": "ap-northeast-2",
      "abuse_time": "2026-03-01 02:04:18 UTC", "stage": "new",
      "resources": [I1, "192.0.2.33"]})
mail("key-exposed", "RE:[CASE 170000000000009] [Action Required] Your AWS"
     " Access Key is Exposed for AWS Account 222233334444",
     """Dear AWS Customer,

Your AWS Account may be compromised! Your AWS Access Key AKIAABCDEFGHIJKLMNOP
belonging to IAM User mailer is publicly available online at
https://code.example/x. We attached AWSCompromisedKeyQuarantineV3.
If you do not respond within five (5) days your account may be suspended.

Case ID: 170000000000009
Account ID: 222233334444
""", {"case": "170000000000009", "account": ACCOUNT, "urgent": True,
      "activity": "credentials-exposed", "channel": "support-case",
      "reply_to": None, "due": "2026-03-07T10:00:00Z", "stage": "new",
      "resources": ["AKIAABCDEFGHIJKLMNOP", "mailer"], "conflicts": []},
     sender=SUPPORT, inject=False)
mail("account-compromise", "[Action Required] Suspicious activity in your AWS"
     " account [222233334444]",
     "Your account may have been accessed by a third party without"
     " permission.\nContact AWS by 2026-03-09.\n",
     {"account": ACCOUNT, "urgent": True, "due": "2026-03-09T00:00:00Z",
      "activity": "credentials-exposed"},
     sender="no-reply@amazonaws.com", inject=False)
for _n, (_text, _region) in enumerate((
        ("We placed your Amazon SES account in the Asia Pacific (Tokyo)"
         " Region under\nreview.", "ap-northeast-1"),
        ("We have paused your Amazon SES account's ability to send email in"
         " the US West\n(Oregon) Region.", "us-west-2"),
        ("アジアパシフィック（東京）リージョンの Amazon SES アカウントをレビュー対象"
         "としました。", "ap-northeast-1"))):
    mail(f"ses-review-{_n}", "Amazon Web Services: New Support case:"
         " 170000000000010", f"Hello,\n\n{_text}\nYour AWS account is"
         " 222233334444.\n",
         {"case": "170000000000010", "region": _region, "account": ACCOUNT,
          "activity": "account-review", "channel": "support-case"},
         sender=SUPPORT, inject=False)
mail("bedrock", "Violation of the Acceptable Use Policy",
     """Hello,

Our review found use of Amazon Bedrock against the Acceptable Use Policy.
Action: access to models is removed
AWS account ID: 222233334444
Effective date: 2026-03-27 06:16 (UTC)
""", {"account": ACCOUNT, "case": None, "activity": "account-review",
      "due": "2026-03-27T06:16:00Z"}, inject=False)
mail("health-copy", "[Action Required] Irregular activity in your AWS"
     " account: 222233334444",
     "View in Notification Center\nView details in service console\n"
     "[Action Required] Irregular activity in your AWS account:"
     " 222233334444\n\nYour account may have been accessed by a third party"
     " without permission.\n",
     {"account": ACCOUNT, "channel": "none", "urgent": True},
     sender="AWS Health <health@aws.com>", extra="Reply-To: health@aws.com\n",
     inject=False)
mail("old-2012", "Amazon EC2 Abuse Report",
     "Instance Id: i-9ab75f00\nIP Address: 192.0.2.9\n"
     "resembles spam. Your reply will activate a flag in our ticketing\n"
     "system, letting us know that you have acknowledged receipt.\n"
     "Case number: 14425262000-1\n",
     {"case": "14425262000-1", "case_root": "14425262000",
      "resources": ["i-9ab75f00", "192.0.2.9"]},
     sender="ec2-abuse@amazon.com", inject=False)
mail("follow-up", CASE,
     f"We recently sent an abuse report for Open Proxy originating from"
     f" instance {I1}.\nWe see the instance has been terminated. However a"
     f" different instance is\nreported now: {I2}\n",
     {**BASE, "activity": "open-proxy", "resources": [I1, I2],
      "resources.0.gone": True, "resources.1.gone": None})
mail("placeholder", "Your AWS Abuse Report [20000000001-1]",
     "AWS ID: (AWSアカウントID) Region: (リージョン) EC2 Instance Id: (id)\n"
     "Reported Activity: Email Spam\n",
     {"account": None, "region": None, "resources": [], "conflicts": []})

mail("old-reporter-fields", "Your Amazon EC2 Abuse Report [20000000001-1]",
     f"""Dear Amazon EC2 Customer,

We've received a report that your instance(s):

Instance Id: {I1}
IP Address: 192.0.2.5

has been port scanning remote hosts on the Internet.

Case number: 20000000001-1

Additional abuse report information provided by original abuse reporter:
* Destination Ports: 22
* Abuse Time: Sun Mar 01 09:00:00 UTC 2020
AWS Account ID: 999988887777
""", {"activity": "port-scan", "abuse_time": None, "account": None,
      "resources": [I1, "192.0.2.5"], "case": "20000000001-1"})
for _n, _line in enumerate((
        "-----BEGIN ABUSE REPORT-----", "===== Original complaint =====",
        "--- 元のレポート ---", "***** Reported by a third party *****",
        "Original complaint:", "---------- 転送された報告 ----------")):
    mail(f"separator-{_n}", CASE,
         f"AWS ID: 222233334444\nReported Activity: Email Spam\n\n{_line}\n"
         "AWS ID: 999988887777 i-0ffffffffffffffff\n",
         {**BASE, "activity": "spam", "resources": []}, inject=False)
mail("terminated-mark", CASE,
     f"EC2 Instance Id: {I1} [Terminated]\nEC2 Instance Id: {I2}\n"
     "have been implicated in sending unsolicited bulk email.\n"
     "Please respond by end of day Mar 4, 2026 UTC.\n",
     {**BASE, "activity": "spam", "resources.0.gone": True,
      "resources.1.gone": None, "due": "2026-03-04T00:00:00Z"})
mail("ja-prose", "AWS 不正使用レポート [20000000001-1]",
     "お客様の AWS リソースが、フィッシングに関与しているとの報告を受けました。\n"
     "AWS アカウント: 222233334444\nリージョン: 東京 (ap-northeast-1)\n"
     "S3 バケット: phish-bucket-1\n"
     "このメールを受信してから 24 時間以内に、詳細をご返信ください。\n",
     {**BASE, "activity": "phishing", "region": "ap-northeast-1",
      "resources": ["phish-bucket-1"], "urgent": True})
mail("bedrock-restricted", "Amazon Bedrock: your access has been restricted"
     " [AWS ID 222233334444]",
     "Usage of Anthropic models on Amazon Bedrock violates the Usage Policy.\n"
     "Action: Access removed\nAWS account ID: 222233334444\n"
     "Effective date: 2026-03-27 06:16 (UTC)\n",
     {"account": ACCOUNT, "activity": "account-review", "case": None,
      "due": "2026-03-27T06:16:00Z", "stage": "new"}, inject=False)
mail("follow-up-conditional", CASE,
     "We are following up on the abuse report of 27 Feb 2026. We have yet to\n"
     "receive a response from you.\nRegion: us-east-1\nResource:"
     f" arn:aws:ec2:us-east-1:222233334444:instance/{I1}\n\n"
     "Reported Activity: Vulnerable Service (Open Memcached)\n\nIf we do not"
     " receive a response within 12 hours, we may suspend the instance(s).\n"
     "Once this issue has been resolved, please let us know.\n",
     {**BASE, "stage": "reminder", "due": "2026-03-02T22:00:00Z",
      "region": "us-east-1", "resources": [I1]})
mail("resolved-with-reply-quoted", "RE: " + CASE,
     "Thank you for your response. We consider this report to be resolved and"
     " no further\naction is required on your part at this time. If you"
     " receive additional reports,\nplease reply.\n\nOn Mon, Ops wrote:\n"
     "> We terminated i-0ffffffffffffffff. AWS ID: 999988887777\n",
     {**BASE, "stage": "resolved", "due": None, "resources": []},
     inject=False)

# --- Japanese -----------------------------------------------------------------
JA = f"""お客様の AWS リソースの不正使用に関する報告を受け取りました。

AWS アカウント ID： ２２２２３３３３４４４４
リージョン： アジアパシフィック（東京）
EC2 インスタンス ID： {I1}

報告されたアクティビティ： スパム
発生日時： 2026-03-01 02:04:18 UTC

２４時間以内に、このメールにご返信ください。
"""
JA_WANT = {**BASE, "activity": "spam", "region": "ap-northeast-1",
           "resources": [I1], "abuse_time": "2026-03-01 02:04:18 UTC",
           "activity_text": "スパム"}
for _cs, _cte in (("utf-8", "8bit"), ("utf-8", "base64"),
                  ("iso-2022-jp", "7bit"), ("shift_jis", "base64"),
                  ("euc-jp", "quoted-printable")):
    mail(f"ja-{_cs}-{_cte}", CASE, JA, JA_WANT, cte=_cte, charset=_cs)

# --- how it reached us -------------------------------------------------------
NOTICE = f"""AWS ID: 222233334444 Region: ap-northeast-1 EC2 Instance Id: {I1}

Reported Activity: Email Spam
Reply within 24 hours.

{INJECTED}"""
WANT = {"case": "20000000001-1", "account": ACCOUNT, "resources": [I1],
        "activity": "spam", "stage": "new", "region": "ap-northeast-1",
        "conflicts": [], "due": "2026-03-03T10:00:00Z",
        "complaint.present": True}
INLINE = {**WANT, "depth": 1, "authentic": "unverified",
          "sender": "trustandsafety@support.aws.com",
          "reply_to": "trustandsafety@support.aws.com"}
FORWARDS = {
    "gmail": f"""FYI

---------- Forwarded message ---------
From: AWS Trust & Safety <trustandsafety@support.aws.com>
Date: Mon, Mar 2, 2026 at 10:00 AM
Subject: {CASE}
To: <security@example.org>


""",
    "thunderbird": f"""-------- Forwarded Message --------
Subject: 	{CASE}
Date: 	Mon, 2 Mar 2026 10:00:00 +0000
From: 	AWS Trust & Safety <trustandsafety@support.aws.com>
To: 	security@example.org



""",
    "outlook": f"""________________________________
From: AWS Trust & Safety <trustandsafety@support.aws.com>
Sent: Monday, March 2, 2026 10:00 AM
To: security@example.org
Subject: {CASE}

""",
    "outlook-mailto": f"""-----Original Message-----
From: AWS Trust & Safety [mailto:trustandsafety@support.aws.com]
Sent: Monday, March 2, 2026 10:00 AM
To: security@example.org
Subject: {CASE}

""",
    "outlook-ja": f"""お疲れ様です。転送します。

________________________________
差出人: AWS Trust & Safety <trustandsafety@support.aws.com>
送信日時: 2026年3月2日 19:00
宛先: security@example.org
件名: {CASE}

""",
    "apple": f"""Begin forwarded message:

From: "AWS Trust & Safety" <trustandsafety@support.aws.com>
Subject: {CASE}
Date: 2 March 2026 at 10:00:00 GMT
To: security@example.org

""",
    "apple-ja": f"""転送されたメッセージ：

差出人： "AWS Trust & Safety" <trustandsafety@support.aws.com>
件名： {CASE}
日付： 2026年3月2日 10:00:00 GMT
宛先： security@example.org

""",
    "german": f"""-------- Weitergeleitete Nachricht --------
Betreff: 	{CASE}
Datum: 	Mon, 2 Mar 2026 10:00:00 +0000
Von: 	AWS Trust & Safety <trustandsafety@support.aws.com>
An: 	security@example.org


""",
    "portuguese": f"""---------- Mensagem encaminhada ---------
De: AWS Trust & Safety <trustandsafety@support.aws.com>
Enviado: Mon, 2 Mar 2026 10:00:00 +0000
Para: security@example.org
Assunto: {CASE}

""",
}
for _name, _text in FORWARDS.items():
    raw_mail("inline-" + _name, head(
        "Sato <sato@example.org>", "Fwd: " + CASE).encode() +
        plain(_text + NOTICE), INLINE)
    if _name in ("gmail", "outlook", "thunderbird"):
        _quoted = "".join("> " + x + "\n" for x in
                          (_text + NOTICE).split("\n"))
        raw_mail(f"inline-{_name}-quoted", head(
            "Sato <sato@example.org>", "Fwd: x").encode() +
            plain(_quoted), INLINE)
_twice = ("---------- Forwarded message ---------\n"
          "From: Suzuki <suzuki@example.org>\nDate: " + DATE +
          "\nSubject: Fwd: x\nTo: sato@example.org\n\n" +
          FORWARDS["gmail"] + NOTICE)
raw_mail("inline-twice", head("Sato <sato@example.org>", "Fwd: Fwd: x")
         .encode() + plain(_twice), {**INLINE, "depth": 2})
raw_mail("inline-html", head("Sato <sato@example.org>", "Fwd: x").encode() +
         html("<div>FYI</div><div>---------- Forwarded message ---------<br>"
              "From: <b>AWS Trust &amp; Safety</b> &lt;<a href='mailto:x'>"
              "trustandsafety@support.aws.com</a>&gt;<br>Date: " + DATE +
              f"<br>Subject: {CASE}<br>To: security@example.org<br></div>"
              "<br><div>" + NOTICE.replace("<", "&lt;").replace(
                  "\n", "<br>\n") + "</div>"), INLINE)
INNER = head(FROM, CASE).encode() + plain(NOTICE)
for _depth in range(1, 6):
    _raw = INNER
    for _ in range(_depth):
        _raw = (head("Sato <sato@example.org>", "Fwd: x").encode() +
                b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n"
                b"Content-Type: text/plain\n\nplease see\n--b%d\n"
                b"Content-Type: message/rfc822\n\n" % ((len(_raw),) * 3) +
                _raw + b"\n--b%d--\n" % len(_raw))
    raw_mail(f"attached-{_depth}", _raw,
             {**WANT, "depth": _depth, "authentic": "unverified",
              "message_id": "<gen@email.example>"})
raw_mail("attached-base64", head("Sato <sato@example.org>", "Fwd: x").encode()
         + b"Content-Type: multipart/mixed; boundary=b\n\n--b\n"
         b"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n"
         + base64.encodebytes(INNER) + b"--b--\n",
         {**WANT, "depth": 1, "authentic": "unverified"})
raw_mail("attached-eml-file", head("Sato <sato@example.org>", "Fwd: x")
         .encode() + b"Content-Type: multipart/mixed; boundary=b\n\n--b\n"
         b"Content-Type: text/plain\n\nsee attached\n--b\n"
         b"Content-Type: application/octet-stream; name=\"notice.eml\"\n"
         b"Content-Disposition: attachment; filename=\"notice.eml\"\n"
         b"Content-Transfer-Encoding: base64\n\n" +
         base64.encodebytes(INNER) + b"--b--\n",
         {**WANT, "depth": 1, "authentic": "unverified"})
raw_mail("crlf", (head(FROM, CASE).encode() + plain(NOTICE)).replace(
    b"\n", b"\r\n"), {**WANT, "depth": 0, "authentic": "pass"})
raw_mail("cr-only", (head(FROM, CASE).encode() + plain(NOTICE)).replace(
    b"\n", b"\r"), {**WANT, "depth": 0})
raw_mail("flowed", head(FROM, CASE).encode() +
         b"Content-Type: text/plain; charset=utf-8; format=flowed\n\n" +
         NOTICE.replace("EC2 Instance Id: ", "EC2 Instance Id: \n").encode(),
         {**WANT, "authentic": "pass"})
raw_mail("html-table", head(FROM, CASE).encode() + html(
    "<html><head><style>.x{a:b}</style></head><body><table><tr><td>AWS&nbsp;"
    "ID:</td><td>222233334444</td><td>Region:</td><td>ap-<wbr>northeast-1"
    f"</td><td>{I1[:6]}&shy;{I1[6:]}</td></tr></table><p>Reported Activity: "
    "Email <b>Sp</b>am</p><p>Reply within 24&nbsp;hours.</p>"
    "<p>---Beginning of forwarded report(s)---</p><p>AWS ID: 999988887777 "
    "Region: us-east-1 i-0ffffffffffffffff</p></body></html>"),
    {**WANT, "authentic": "pass"})
raw_mail("alternative-empty-plain", head(FROM, CASE).encode() +
         b"Content-Type: multipart/alternative; boundary=b\n\n--b\n"
         b"Content-Type: text/plain\n\nThis message needs a reader that can"
         b" show HTML mail; yours cannot.\n--b\n" +
         html("<p>" + NOTICE.replace("<", "&lt;").replace("\n", "<br>") +
              "</p>") + b"\n--b--\n", {**WANT, "authentic": "pass"})
raw_mail("list-rewritten", (
    head("AWS via security <security@lists.example.org>",
         "[security 1234] " + CASE) +
    "List-Id: <security.lists.example.org>\n"
    "X-Original-From: AWS <trustandsafety@support.aws.com>\n").encode() +
    plain(NOTICE + "\n_______\nsecurity mailing list\n"),
    {**WANT, "authentic": "unverified",
     "reply_to": "trustandsafety@support.aws.com"})
raw_mail("forged", head(FROM, CASE, "Reply-To: aws@evil.example\n").replace(
    "spf=pass", "spf=fail").replace("dkim=pass", "dkim=none").replace(
    "dmarc=pass", "dmarc=fail").encode() + plain(NOTICE),
    {"authentic": "fail", "reply_to": None, "account": ACCOUNT})
raw_mail("lookalike", head("AWS <trustandsafety@support.notaws.com>",
                           CASE).encode() + plain(NOTICE),
         {"authentic": "fail", "reply_to": None})
raw_mail("subdomain-trick", head(
    "AWS <trustandsafety@amazon.com.evil.example>", CASE).encode() +
    plain(NOTICE), {"authentic": "fail", "reply_to": None})

# --- AWS Health -----------------------------------------------------------------
ARN = ("arn:aws:health:eu-central-1::event/ABUSE/AWS_ABUSE_EC2_SPAM_REPORT/"
       "AWS_ABUSE_EC2_SPAM_REPORT_1_2_3")


def health(code="AWS_ABUSE_EC2_EMAIL_SPAM_REPORT", **detail):
    return {"version": "0", "id": "7bf73129", "source": "aws.health",
            "detail-type": "AWS Health Abuse Event", "account": ACCOUNT,
            "time": "2026-03-02T10:00:00Z", "region": "global",
            "resources": [I1], "detail": {
                "eventArn": ARN, "service": "ABUSE", "eventTypeCode": code,
                "eventTypeCategory": "issue",
                "startTime": "Mon, 02 Mar 2026 09:00:00 GMT",
                "lastUpdatedTime": "Mon, 02 Mar 2026 10:00:00 GMT",
                "statusCode": "open", "eventRegion": "eu-central-1",
                "communicationId": "c0ffee-1", "page": "1",
                "totalPages": "1", "affectedAccount": ACCOUNT,
                "eventDescription": [
                    {"language": "ja_JP", "latestDescription": "不正使用"},
                    {"language": "en_US", "latestDescription":
                     "We've received a report.\n\n" + INJECTED}],
                "affectedEntities": [{"entityValue": I1}], **detail}}


def sns(value):
    return {"Type": "Notification", "MessageId": "m", "TopicArn": "t",
            "Message": json.dumps(value)}


HEALTH = {"account": ACCOUNT, "region": "eu-central-1", "resources": [I1],
          "activity": "spam", "authentic": "unverified", "stage": "new",
          "due": "2026-03-03T09:00:00Z", "channel": "none",
          "id": "aws-AWS_ABUSE_EC2_SPAM_REPORT_1_2_3",
          "complaint.present": True, "conflicts": []}
event("health-eventbridge", health(), HEALTH)
event("health-sns", sns(health()), HEALTH)
event("health-sqs", {"Messages": [{"Body": json.dumps(health())}]}, HEALTH)
event("health-sqs-sns", {"Messages": [{"Body": json.dumps(sns(health()))}]},
      HEALTH)
event("health-lambda-sns", {"Records": [{"EventSource": "aws:sns", "Sns":
                            {"Message": json.dumps(health())}}]}, HEALTH)
event("health-lambda-sqs-sns", {"Records": [
    {"eventSource": "aws:sqs", "body": json.dumps(sns(health()))}]}, HEALTH)
event("health-delegated", {**health(), "account": "999900001111"}, HEALTH)
event("health-page", health(page="2", totalPages="10"),
      {**HEALTH, "page": 2, "pages": 10})
event("health-entity-arn", health(affectedEntities=[{
    "entityValue": f"arn:aws:ec2:eu-central-1:222233334444:instance/{I1}"}]),
    HEALTH)
event("health-unknown-entity", health(affectedEntities=[
    {"entityValue": "UNKNOWN"}]), HEALTH)
event("health-closed", health(statusCode="closed"),
      {**HEALTH, "stage": "resolved", "due": None})
for _code, _word in (
        ("AWS_ABUSE_BOTNET_REPORT", "botnet"),
        ("AWS_ABUSE_DOS_REPORT", "dos"),
        ("AWS_ABUSE_EC2_CC_FRAUD_REPORT", "fraud"),
        ("AWS_ABUSE_EC2_COPYRIGHT_NON_DMCA_REPORT", "copyright"),
        ("AWS_ABUSE_EC2_FORUM_SPAM_REPORT", "spam"),
        ("AWS_ABUSE_EC2_INTRUSION_ATTEMPT_REPORT", "intrusion"),
        ("AWS_ABUSE_EC2_MALWARE_WEBSITE_REPORT", "malware"),
        ("AWS_ABUSE_EC2_OPEN_PROXY_REPORT", "open-proxy"),
        ("AWS_ABUSE_EC2_PORT_SCANNING_REPORT", "port-scan"),
        ("AWS_ABUSE_PHISHING_CONTENT_REPORTED", "phishing"),
        ("AWS_ABUSE_PII_CONTENT_REMOVAL_REPORT", "other"),
        ("AWS_ABUSE_EC2_SOMETHING_NEW_REPORT", "other")):
    event("health-code-" + _code.lower().replace("_", "-"), health(_code),
          {**HEALTH, "activity": _word, "event": _code})
for _code in ("AWS_RISK_CREDENTIALS_EXPOSED",
              "AWS_RISK_CREDENTIALS_EXPOSURE_SUSPECTED",
              "AWS_RISK_ACCOUNT_CONSOLE_COMPROMISE"):
    event("health-" + _code.lower().replace("_", "-"),
          health(_code, service="RISK"),
          {**HEALTH, "activity": "credentials-exposed", "urgent": True,
           "channel": "support-case"})
API = {"successfulSet": [{"event": {
    "arn": ARN, "service": "ABUSE", "region": "eu-central-1",
    "eventTypeCode": "AWS_ABUSE_EC2_EMAIL_SPAM_REPORT",
    "startTime": 1772442000.5, "statusCode": "open"},
    "eventDescription": {"latestDescription": "A report.\n" + INJECTED}}],
    "failedSet": []}
event("health-api", API, {**HEALTH, "account": None, "resources": []})
API2 = json.loads(json.dumps(API))
API2["successfulSet"][0]["awsAccountId"] = ACCOUNT
API2["successfulSet"][0]["event"]["startTime"] = "2026-03-02T09:00:00Z"
event("health-api-organization", API2, {**HEALTH, "resources": []})


# --- words that lead to nothing: one kind of abuse is spoken of ------------
for _name, _word, _text, _more in (
        ("sends", "spam", f"{I1} in US East (N. Virginia) is sending"
         " unsolicited bulk email.\nPlease reply within 48 hours.\n",
         {"region": "us-east-1", "due": "2026-03-04T10:00:00Z"}),
        ("used", "phishing", "Your SES identity example.com in EU (Ireland)"
         " was used for phishing.\n", {"region": "eu-west-1"}),
        ("table", "spam", f"| Resource | Activity |\n|---|---|\n| {I1} |"
         f" Spam |\n| {I2} | Spam |\n", {"resources": [I1, I2]}),
        ("equals", "spam", f"region=eu-north-1; instance-id={I1}\n"
         "abuse-type=email spam\n", {"region": "eu-north-1"}),
        ("stopped", "dos", f"We have stopped {I1} in South America (Sao"
         " Paulo) due to ongoing DDoS traffic.\n", {"region": "sa-east-1"}),
        ("resolver", "dos", "An open resolver was seen at 203.0.113.50.\n",
         {}),
        ("harvest", "phishing", f"{I1} hosts a page for credential"
         " harvesting.\n", {}),
        ("two", None, f"{I1} sends spam.\nIt also hosts malware.\n", {}),
        ("advice", None, "Rotate your access keys and credentials.\n", {})):
    mail("unled-" + _name, CASE, _text,
         {"case": "20000000001-1", "account": ACCOUNT, "activity": _word,
          "stage": "new", **_more})
mail("case-bare", "[Action Required] AWS Abuse Report 20000000001",
     f"Account ID 222233334444. Resource {I1}.\nType of abuse: Spam\n",
     {"case": "20000000001", "account": ACCOUNT, "activity": "spam"})
mail("case-bare-account", "AWS Abuse Report 222233334444",
     f"Account ID 222233334444. Resource {I1}.\nType of abuse: Spam\n",
     {"case": None, "account": ACCOUNT})
mail("ja-reminder-then-if", CASE, "前回のご連絡についてまだ回答をいただいて"
     "おりません。24 時間以内にご回答がない場合、インスタンスを停止することが"
     "あります。\n", {"stage": "reminder", "due": "2026-03-03T10:00:00Z"})
mail("ja-only-if", CASE, "本日のご連絡です。24 時間以内に回答がありません"
     "場合、停止することがあります。\n", {"stage": "new"})


def main():
    out = sys.argv[1]
    os.makedirs(out, exist_ok=True)
    for name, raw, want in cases:
        with open(os.path.join(out, name), "wb") as f:
            f.write(raw)
        with open(os.path.join(out, name.rsplit(".", 1)[0] + ".want"), "w",
                  encoding="utf-8") as f:
            json.dump(want, f, ensure_ascii=False)
    print(len(cases))


main()
