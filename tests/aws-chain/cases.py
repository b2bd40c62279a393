"""The table of differential.py.

name        of the case
profile     what --profile says; absent: nothing
config, credentials, files
            what is in ~/.aws/config, ~/.aws/credentials and others below ~
env         the environment; @PORT@ and @HOME@ are filled in; None: not set
services    settings of fake.Fake; without "imds" metadata is switched off
mfa         the code that a person would type
error       both fail
differs     why the reference is followed and not botocore; then
want        what quell gives: how its key id begins, a region, or "error"
says        words of quell's answer: its message, hint or source
asks        requests that quell has to make
"""

import hashlib

A = ("AKIAAAAAAAAAAAAAAAAA", "secret/of+A", "")
B = ("AKIABBBBBBBBBBBBBBBB", "secret/of+B", "")
T = ("ASIATTTTTTTTTTTTTTTT", "secret/of+T", "token/of+T==")
KEYS = {one[0]: (one[1], one[2] or None) for one in (A, B, T)}
ROLE = "role_arn = arn:aws:iam::111122223333:role/r\n"
WEB = "arn:aws:iam::111122223333:role/web"
OFF = {"imds": "off"}


def keys(of):
    return (f"aws_access_key_id = {of[0]}\n"
            f"aws_secret_access_key = {of[1]}\n"
            + (f"aws_session_token = {of[2]}\n" if of[2] else ""))


def env(of):
    return {"AWS_ACCESS_KEY_ID": of[0], "AWS_SECRET_ACCESS_KEY": of[1],
            **({"AWS_SESSION_TOKEN": of[2]} if of[2] else {})}


def prints(of, version="1", more=""):
    """A program for credential_process."""
    token = f', "SessionToken": "{of[2]}"' if of[2] else ""
    return ("#!/bin/sh\ncat <<'E'\n"
            f'{{"Version": {version}, "AccessKeyId": "{of[0]}", '
            f'"SecretAccessKey": "{of[1]}"{token}{more}}}\nE\n')


def sso_cache(of, text):
    return {".aws/sso/cache/" + hashlib.sha1(of.encode()).hexdigest()
            + ".json": text}


START = "https://example.awsapps.com/start"
TOKEN = ('{"startUrl": "' + START + '", "region": "eu-west-1", '
         '"accessToken": "bearer-token", "expiresAt": '
         '"2099-01-01T00:00:00Z"}')
OLD = TOKEN.replace("2099", "2020")
SSO = ("sso_account_id = 111122223333\nsso_role_name = Mail Admin\n")
LEGACY = SSO + f"sso_start_url = {START}\nsso_region = eu-west-1\n"
SESSION = (SSO + "sso_session = s\n[sso-session s]\n"
           f"sso_start_url = {START}\nsso_region = eu-west-1\n")

CASES = [
    # --- the environment ---------------------------------------------------
    {"name": "environment: keys", "env": env(A), "says": ["environment"]},
    {"name": "environment: keys and token", "env": env(T)},
    {"name": "environment: an empty token is none",
     "env": {**env(A), "AWS_SESSION_TOKEN": ""}},
    {"name": "environment: empty keys are none",
     "env": {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
     "credentials": "[default]\n" + keys(B)},
    {"name": "environment: a key without its secret",
     "env": {"AWS_ACCESS_KEY_ID": A[0]},
     "credentials": "[default]\n" + keys(B), "error": True},
    {"name": "environment: a secret without its key",
     "env": {"AWS_SECRET_ACCESS_KEY": A[1]},
     "credentials": "[default]\n" + keys(B), "want": "error",
     "differs": "half a pair is an error of the person; botocore passes it "
                "over and uses other keys"},
    {"name": "environment: wins over AWS_PROFILE",
     "env": {**env(A), "AWS_PROFILE": "p"},
     "credentials": "[p]\n" + keys(B)},
    {"name": "environment: loses to --profile", "profile": "p",
     "env": env(A), "credentials": "[p]\n" + keys(B),
     "says": ["profile p: keys"]},
    {"name": "environment: wins over a profile that is not there",
     "env": {**env(A), "AWS_PROFILE": "nosuch"}, "want": A[0],
     "differs": "the environment comes first and the search stops there; "
                "botocore looks for the profile before it"},
    {"name": "environment: AWS_SECURITY_TOKEN",
     "env": {**env(A), "AWS_SECURITY_TOKEN": "old"}, "want": A[0],
     "differs": "the reference knows only AWS_SESSION_TOKEN"},
    {"name": "environment: keys that have expired",
     "env": {**env(T), "AWS_CREDENTIAL_EXPIRATION": "2020-01-01T00:00:00Z"},
     "error": True, "says": ["expired"]},
    {"name": "environment: keys that expire later",
     "env": {**env(T), "AWS_CREDENTIAL_EXPIRATION": "2099-01-01T00:00:00Z"}},

    # --- profiles and their files ------------------------------------------
    {"name": "profile: default in credentials",
     "credentials": "[default]\n" + keys(A)},
    {"name": "profile: default in config", "config": "[default]\n" + keys(A)},
    {"name": "profile: [profile default] in config",
     "config": "[profile default]\n" + keys(A)},
    {"name": "profile: [profile default] beats [default]",
     "config": "[profile default]\n" + keys(A) + "[default]\n" + keys(B),
     "want": A[0],
     "differs": "the prefixed section wins wherever it stands; botocore "
                "takes the last"},
    {"name": "profile: credentials beats config",
     "credentials": "[p]\n" + keys(A), "config": "[profile p]\n" + keys(B),
     "profile": "p"},
    {"name": "profile: not without the prefix in config", "profile": "p",
     "config": "[p]\n" + keys(A), "error": True, "says": ["no profile p"]},
    {"name": "profile: none of that name", "profile": "nosuch",
     "credentials": "[p]\n" + keys(A), "error": True},
    {"name": "profile: AWS_PROFILE", "env": {"AWS_PROFILE": "p"},
     "credentials": "[p]\n" + keys(A) + "[default]\n" + keys(B)},
    {"name": "profile: AWS_DEFAULT_PROFILE",
     "env": {"AWS_DEFAULT_PROFILE": "p"},
     "credentials": "[p]\n" + keys(A) + "[default]\n" + keys(B)},
    {"name": "profile: AWS_PROFILE before AWS_DEFAULT_PROFILE",
     "env": {"AWS_DEFAULT_PROFILE": "q", "AWS_PROFILE": "p"},
     "credentials": "[p]\n" + keys(A) + "[q]\n" + keys(B), "want": A[0],
     "differs": "the reference knows AWS_PROFILE; the older name must not "
                "beat it, as it does in botocore"},
    {"name": "profile: static keys of a role session", "profile": "p",
     "credentials": "[p]\n" + keys(T), "says": ["session keys"]},
    {"name": "profile: half a pair", "profile": "p",
     "credentials": f"[p]\naws_access_key_id = {A[0]}\n", "error": True,
     "says": ["aws_secret_access_key"]},
    {"name": "profile: a pair in two files", "profile": "p",
     "credentials": f"[p]\naws_access_key_id = {A[0]}\n",
     "config": f"[profile p]\naws_secret_access_key = {A[1]}\n",
     "error": True},
    {"name": "profile: a token of the other file is not added",
     "profile": "p", "credentials": "[p]\n" + keys(A),
     "config": "[profile p]\naws_session_token = stale\n"},
    {"name": "profile: nothing is inherited from default", "profile": "p",
     "config": "[default]\n" + keys(A) + "[profile p]\nregion=eu-west-1\n",
     "error": True, "says": ["profile p has no credentials"]},
    {"name": "files: AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE",
     "files": {"c": "[default]\nregion = eu-north-1\n",
               "s": "[default]\n" + keys(A)},
     "env": {"AWS_CONFIG_FILE": "@HOME@/c",
             "AWS_SHARED_CREDENTIALS_FILE": "~/s"}},
    {"name": "files: none at all", "error": True},
    {"name": "files: CRLF, comments, blanks around =",
     "credentials": ("# c\r\n; c\r\n[default]\r\n\r\n"
                     f"aws_access_key_id={A[0]}\r\n"
                     f"aws_secret_access_key\t=  {A[1]}  \r\n")},
    {"name": "files: a value with = and #",
     "credentials": ("[default]\naws_access_key_id = X1\n"
                     "aws_secret_access_key = a=b#c;d==\n")},
    {"name": "files: an inline comment",
     "credentials": (f"[default]\naws_access_key_id = {A[0]} # mine\n"
                     f"aws_secret_access_key = {A[1]}\n"), "want": A[0],
     "differs": "blank and # begin a comment; for botocore they are part "
                "of the value"},
    {"name": "files: a section twice",
     "credentials": ("[default]\n" + keys(A) + "[default]\n" + keys(B)),
     "want": B[0],
     "differs": "sections of one name are one; botocore refuses the file"},
    {"name": "files: names of keys in capitals",
     "credentials": (f"[default]\nAWS_ACCESS_KEY_ID = {A[0]}\n"
                     f"AWS_SECRET_ACCESS_KEY = {A[1]}\n")},
    {"name": "files: sub-properties do not disturb",
     "config": ("[default]\ns3 =\n  max_concurrent_requests = 20\n"
                "  addressing_style = path\n" + keys(A))},
    {"name": "files: a line that is none", "error": True,
     "config": "[default]\nword\n", "credentials": "[default]\n" + keys(A),
     "says": ["config:2"]},
    {"name": "files: aws_security_token", "profile": "p", "want": A[0],
     "credentials": "[p]\n" + keys(A) + "aws_security_token = old\n",
     "differs": "the reference knows only aws_session_token"},

    # --- regions -----------------------------------------------------------
    {"name": "region: of the profile", "profile": "p",
     "config": "[profile p]\nregion = ap-south-1\n" + keys(A)},
    {"name": "region: in the credentials file", "profile": "p",
     "credentials": "[p]\nregion = ap-south-1\n" + keys(A),
     "config": "[profile p]\nregion = eu-west-1\n"},
    {"name": "region: AWS_DEFAULT_REGION before the profile",
     "env": {**env(A), "AWS_DEFAULT_REGION": "sa-east-1"},
     "config": "[default]\nregion = ap-south-1\n"},
    {"name": "region: AWS_REGION", "want": "us-west-2",
     "env": {**env(A), "AWS_REGION": "us-west-2"},
     "differs": "AWS_REGION is the reference's name; botocore does not "
                "know it"},
    {"name": "region: AWS_REGION before AWS_DEFAULT_REGION",
     "env": {**env(A), "AWS_REGION": "us-west-2",
             "AWS_DEFAULT_REGION": "sa-east-1"}, "want": "us-west-2",
     "differs": "AWS_REGION is the reference's name; botocore does not "
                "know it"},
    {"name": "region: of the profile that AWS_PROFILE names",
     "env": {**env(A), "AWS_PROFILE": "p"},
     "config": "[profile p]\nregion = eu-central-1\n"},
    {"name": "region: none", "env": env(A)},

    # --- roles -------------------------------------------------------------
    {"name": "role: source_profile", "profile": "r",
     "config": "[profile r]\n" + ROLE + "source_profile = b\n"
               "region = eu-west-1\n",
     "credentials": "[b]\n" + keys(A),
     "says": ["profile r: role arn:aws:iam::111122223333:role/r with "
              "profile b: keys"]},
    {"name": "role: external id, session name, duration", "profile": "r",
     "config": "[profile r]\n" + ROLE + "source_profile = b\n"
               "region = us-east-1\nexternal_id = a/b+c d&e\n"
               "role_session_name = night@ops\nduration_seconds = 1800\n",
     "credentials": "[b]\n" + keys(A)},
    {"name": "role: the source's keys have a token", "profile": "r",
     "config": "[profile r]\n" + ROLE + "source_profile = b\n"
               "region = us-east-1\n", "credentials": "[b]\n" + keys(T)},
    {"name": "role: named by AWS_PROFILE", "env": {"AWS_PROFILE": "r"},
     "config": "[profile r]\n" + ROLE + "source_profile = b\n"
               "region = us-east-1\n", "credentials": "[b]\n" + keys(A)},
    {"name": "role: before the profile's own keys", "profile": "r",
     "config": "[profile r]\n" + ROLE + "source_profile = b\n"
               "region = us-east-1\n" + keys(B),
     "credentials": "[b]\n" + keys(A)},
    {"name": "role: its own profile's keys", "profile": "r",
     "config": "[profile r]\n" + ROLE + "source_profile = r\n"
               "region = us-east-1\n" + keys(B)},
    {"name": "role: its own profile, without keys", "profile": "r",
     "config": "[profile r]\n" + ROLE + "source_profile = r\n",
     "error": True, "says": ["a loop"]},
    {"name": "role: two in a row", "profile": "r2",
     "config": "[profile r2]\n" + ROLE.replace("/r\n", "/two\n")
               + "source_profile = r1\nregion = us-east-1\n"
               "[profile r1]\n" + ROLE + "source_profile = b\n",
     "credentials": "[b]\n" + keys(A)},
    {"name": "role: the source's keys before the source's role",
     "profile": "r2",
     "config": "[profile r2]\n" + ROLE + "source_profile = r1\n"
               "region = us-east-1\n[profile r1]\n" + ROLE
               + "source_profile = b\n" + keys(B),
     "credentials": "[b]\n" + keys(A)},
    {"name": "role: a loop of two", "profile": "r1", "error": True,
     "config": "[profile r1]\n" + ROLE + "source_profile = r2\n"
               "[profile r2]\n" + ROLE + "source_profile = r1\n",
     "says": ["a loop"]},
    {"name": "role: a source that is not there", "profile": "r",
     "config": "[profile r]\n" + ROLE + "source_profile = nosuch\n",
     "error": True, "says": ["nosuch"]},
    {"name": "role: a source without credentials", "profile": "r",
     "config": "[profile r]\n" + ROLE + "source_profile = b\n"
               "[profile b]\nregion = eu-west-1\n", "error": True},
    {"name": "role: neither source nor source_profile", "profile": "r",
     "config": "[profile r]\n" + ROLE + keys(A), "error": True},
    {"name": "role: both source_profile and credential_source",
     "profile": "r", "credentials": "[b]\n" + keys(A), "env": env(A),
     "config": "[profile r]\n" + ROLE + "source_profile = b\n"
               "credential_source = Environment\n", "error": True},
    {"name": "role: credential_source Environment", "profile": "r",
     "env": env(T), "config": "[profile r]\n" + ROLE
     + "credential_source = Environment\nregion = us-east-1\n",
     "says": ["with environment"]},
    {"name": "role: credential_source Environment, which is empty",
     "profile": "r", "config": "[profile r]\n" + ROLE
     + "credential_source = Environment\n", "error": True},
    {"name": "role: credential_source Ec2InstanceMetadata", "profile": "r",
     "services": {"imds": "on"}, "config": "[profile r]\n" + ROLE
     + "credential_source = Ec2InstanceMetadata\nregion = us-east-1\n"},
    {"name": "role: credential_source EcsContainer", "profile": "r",
     "env": {"AWS_CONTAINER_CREDENTIALS_FULL_URI":
             "http://127.0.0.1:@PORT@/container/x"},
     "config": "[profile r]\n" + ROLE
     + "credential_source = EcsContainer\nregion = us-east-1\n"},
    {"name": "role: credential_source of another kind", "profile": "r",
     "config": "[profile r]\n" + ROLE + "credential_source = Magic\n",
     "env": env(A), "error": True},
    {"name": "role: with an MFA code", "profile": "r", "mfa": "123456",
     "config": "[profile r]\n" + ROLE + "source_profile = b\n"
               "region = us-east-1\nmfa_serial = arn:aws:iam::1:mfa/u\n",
     "credentials": "[b]\n" + keys(A)},
    {"name": "role: with a wrong MFA code", "profile": "r", "mfa": "654321",
     "config": "[profile r]\n" + ROLE + "source_profile = b\n"
               "region = us-east-1\nmfa_serial = arn:aws:iam::1:mfa/u\n",
     "credentials": "[b]\n" + keys(A), "error": True,
     "says": ["AccessDenied"]},
    {"name": "role: denied", "profile": "r", "error": True,
     "config": "[profile r]\nrole_arn = arn:aws:iam::1:role/denied\n"
               "source_profile = b\nregion = us-east-1\n",
     "credentials": "[b]\n" + keys(A), "says": ["AccessDenied"]},
    {"name": "role: STS is throttled, then answers", "profile": "r",
     "config": "[profile r]\n" + ROLE + "source_profile = b\n"
               "region = us-east-1\n", "credentials": "[b]\n" + keys(A),
     "services": {"imds": "off", "sts_fail": [(400, "Throttling")]}},
    {"name": "role: STS breaks, then answers", "profile": "r",
     "config": "[profile r]\n" + ROLE + "source_profile = b\n"
               "region = us-east-1\n", "credentials": "[b]\n" + keys(A),
     "services": {"imds": "off", "sts_fail": [(500, "InternalFailure")]}},
    {"name": "role: a duration that is no number", "profile": "r",
     "config": "[profile r]\n" + ROLE + "source_profile = b\n"
               "region = us-east-1\nduration_seconds = 1h\n",
     "credentials": "[b]\n" + keys(A), "want": "error",
     "differs": "botocore drops what it cannot read, and the session is "
                "longer than was asked for"},
    {"name": "role: without a region", "profile": "r", "want": "ASIA",
     "config": "[profile r]\n" + ROLE + "source_profile = b\n",
     "credentials": "[b]\n" + keys(A),
     "differs": "a role is the same in every region: STS is asked in that "
                "of IAM; botocore wants one to be named"},
    {"name": "role: its source by credential_process", "profile": "r",
     "config": "[profile r]\n" + ROLE + "source_profile = b\n"
               "region = us-east-1\n[profile b]\n"
               "credential_process = @HOME@/bin/p\n",
     "files": {"bin/p": prints(A)}},
    {"name": "role: its source by SSO", "profile": "r",
     "config": "[profile r]\n" + ROLE + "source_profile = b\n"
               "region = us-east-1\n[profile b]\n" + LEGACY,
     "files": sso_cache(START, TOKEN)},

    # --- web identity ------------------------------------------------------
    {"name": "web identity: environment", "files": {"t": "ey.web.token"},
     "env": {"AWS_WEB_IDENTITY_TOKEN_FILE": "@HOME@/t",
             "AWS_ROLE_ARN": WEB, "AWS_DEFAULT_REGION": "eu-west-1",
             "AWS_ROLE_SESSION_NAME": "pod"}, "says": ["web identity"]},
    {"name": "web identity: before the profile's keys",
     "files": {"t": "ey.web.token"}, "credentials": "[default]\n" + keys(A),
     "env": {"AWS_WEB_IDENTITY_TOKEN_FILE": "@HOME@/t",
             "AWS_ROLE_ARN": WEB, "AWS_DEFAULT_REGION": "eu-west-1"}},
    {"name": "web identity: the environment's is not for --profile",
     "profile": "p", "files": {"t": "ey.web.token"},
     "credentials": "[p]\n" + keys(A),
     "env": {"AWS_WEB_IDENTITY_TOKEN_FILE": "@HOME@/t",
             "AWS_ROLE_ARN": WEB}},
    {"name": "web identity: a role by source_profile comes before it",
     "files": {"t": "ey.web.token"}, "credentials": "[b]\n" + keys(A),
     "config": "[default]\n" + ROLE + "source_profile = b\n"
               "region = us-east-1\n",
     "env": {"AWS_WEB_IDENTITY_TOKEN_FILE": "@HOME@/t",
             "AWS_ROLE_ARN": WEB}},
    {"name": "web identity: profile", "profile": "w",
     "files": {"t": "ey.web.token"},
     "config": f"[profile w]\nrole_arn = {WEB}\nregion = us-east-1\n"
               "web_identity_token_file = @HOME@/t\n"
               "role_session_name = ci\n"},
    {"name": "web identity: as the source of a role", "profile": "r",
     "files": {"t": "ey.web.token"},
     "config": "[profile r]\n" + ROLE + "source_profile = w\n"
               f"region = us-east-1\n[profile w]\nrole_arn = {WEB}\n"
               "web_identity_token_file = @HOME@/t\n"},
    {"name": "web identity: no role", "files": {"t": "ey.web.token"},
     "env": {"AWS_WEB_IDENTITY_TOKEN_FILE": "@HOME@/t",
             "AWS_DEFAULT_REGION": "eu-west-1"}, "error": True},
    {"name": "web identity: no such file", "error": True,
     "env": {"AWS_WEB_IDENTITY_TOKEN_FILE": "@HOME@/nosuch",
             "AWS_ROLE_ARN": WEB, "AWS_DEFAULT_REGION": "eu-west-1"},
     "credentials": "[default]\n" + keys(A)},
    {"name": "web identity: the provider cannot be reached at first",
     "files": {"t": "ey.web.token"},
     "services": {"imds": "off",
                  "sts_fail": [(400, "IDPCommunicationError")]},
     "env": {"AWS_WEB_IDENTITY_TOKEN_FILE": "@HOME@/t",
             "AWS_ROLE_ARN": WEB, "AWS_DEFAULT_REGION": "eu-west-1"}},

    # --- credential_process ------------------------------------------------
    {"name": "process: keys", "profile": "p", "files": {"bin/p": prints(A)},
     "config": "[profile p]\ncredential_process = @HOME@/bin/p\n",
     "says": ["profile p: credential_process"]},
    {"name": "process: session", "profile": "p",
     "files": {"bin/p": prints(T, more=', "Expiration": '
                               '"2099-01-01T00:00:00Z"')},
     "config": "[profile p]\ncredential_process = @HOME@/bin/p\n"},
    {"name": "process: an expiry with an offset", "profile": "p",
     "files": {"bin/p": prints(T, more=', "Expiration": '
                               '"2099-01-01T00:00:00+02:00"')},
     "config": "[profile p]\ncredential_process = @HOME@/bin/p\n"},
    {"name": "process: slashes that are escaped", "profile": "p",
     "files": {"bin/p": prints((A[0], A[1].replace("/", "\\/"), ""))},
     "config": "[profile p]\ncredential_process = @HOME@/bin/p\n"},
    {"name": "process: quotes and blanks", "profile": "p",
     "files": {"my bin/p": "#!/bin/sh\n"
               "[ $# = 4 ] && [ \"$1\" = 'a b' ] && [ \"$2\" = 'c\"d' ] &&\n"
               "[ \"$3\" = '$HOME;e' ] && [ -z \"$4\" ] || exit 1\n"
               + prints(A)[10:]},
     "config": "[profile p]\ncredential_process = \"@HOME@/my bin/p\" "
               "'a b' \"c\\\"d\" $HOME\\;e ''\n"},
    {"name": "process: a quote that is open", "profile": "p",
     "config": "[profile p]\ncredential_process = /bin/echo 'a\n",
     "error": True, "says": ["open quote"]},
    {"name": "process: sees the environment", "profile": "p",
     "env": {"VAULT_ADDR": "x", **env(B)},
     "files": {"bin/p": "#!/bin/sh\n[ \"$VAULT_ADDR$AWS_ACCESS_KEY_ID\" = "
               f"x{B[0]} ] || exit 1\n" + prints(A)[10:]},
     "config": "[profile p]\ncredential_process = @HOME@/bin/p\n"},
    {"name": "process: found by PATH", "profile": "p",
     "env": {"PATH": "@HOME@/bin:/usr/bin:/bin"},
     "files": {"bin/my-process": prints(A)},
     "config": "[profile p]\ncredential_process = my-process\n"},
    {"name": "process: in the credentials file", "profile": "p",
     "files": {"bin/p": prints(A)},
     "credentials": "[p]\ncredential_process = @HOME@/bin/p\n"},
    {"name": "process: after keys of the credentials file", "profile": "p",
     "files": {"bin/p": prints(A)}, "credentials": "[p]\n" + keys(B),
     "config": "[profile p]\ncredential_process = @HOME@/bin/p\n"},
    {"name": "process: before keys of the config file", "profile": "p",
     "files": {"bin/p": prints(A)},
     "config": "[profile p]\ncredential_process = @HOME@/bin/p\n" + keys(B)},
    {"name": "process: another version", "profile": "p",
     "files": {"bin/p": prints(A, "2")}, "error": True,
     "config": "[profile p]\ncredential_process = @HOME@/bin/p\n",
     "says": ["Version"]},
    {"name": "process: the version as a string", "profile": "p",
     "files": {"bin/p": prints(A, '"1"')}, "error": True,
     "config": "[profile p]\ncredential_process = @HOME@/bin/p\n"},
    {"name": "process: fails", "profile": "p", "error": True,
     "config": "[profile p]\ncredential_process = /bin/false\n",
     "says": ["exit 1"]},
    {"name": "process: is not there", "profile": "p", "error": True,
     "config": "[profile p]\ncredential_process = @HOME@/nosuch\n"},
    {"name": "process: no JSON", "profile": "p", "error": True,
     "config": "[profile p]\ncredential_process = /bin/echo hello\n"},
    {"name": "process: no secret", "profile": "p", "error": True,
     "files": {"bin/p": "#!/bin/sh\necho '{\"Version\": 1, "
               "\"AccessKeyId\": \"X\"}'\n"},
     "config": "[profile p]\ncredential_process = @HOME@/bin/p\n"},
    {"name": "process: has expired", "profile": "p", "error": True,
     "files": {"bin/p": prints(T, more=', "Expiration": '
                               '"2020-01-01T00:00:00Z"')},
     "config": "[profile p]\ncredential_process = @HOME@/bin/p\n",
     "says": ["expired"]},

    # --- SSO ---------------------------------------------------------------
    {"name": "SSO: in the profile", "profile": "s",
     "config": "[profile s]\n" + LEGACY, "files": sso_cache(START, TOKEN),
     "says": ["SSO role Mail Admin"]},
    {"name": "SSO: with a session", "profile": "s",
     "config": "[profile s]\nregion = us-west-2\n" + SESSION,
     "files": sso_cache("s", TOKEN)},
    {"name": "SSO: before keys", "profile": "s",
     "config": "[profile s]\n" + LEGACY, "files": sso_cache(START, TOKEN),
     "credentials": "[s]\n" + keys(A)},
    {"name": "SSO: the token has expired", "profile": "s", "error": True,
     "config": "[profile s]\n" + LEGACY, "files": sso_cache(START, OLD),
     "says": ["expired", "aws sso login --profile s"]},
    {"name": "SSO: the session's token has expired", "profile": "s",
     "config": "[profile s]\n" + SESSION, "files": sso_cache("s", OLD),
     "error": True, "says": ["aws sso login --profile s"]},
    {"name": "SSO: nobody has logged in", "profile": "s", "error": True,
     "config": "[profile s]\n" + LEGACY, "credentials": "[s]\n" + keys(A),
     "says": ["aws sso login --profile s"]},
    {"name": "SSO: the older form of time", "profile": "s",
     "config": "[profile s]\n" + LEGACY,
     "files": sso_cache(START, TOKEN.replace("00Z", "00UTC"))},
    {"name": "SSO: the portal refuses the token", "profile": "s",
     "config": "[profile s]\n" + LEGACY, "files": sso_cache(START, TOKEN),
     "services": {"imds": "off", "sso_status": 401}, "error": True,
     "says": ["aws sso login --profile s"]},
    {"name": "SSO: the portal refuses the role", "profile": "s",
     "config": "[profile s]\n" + LEGACY, "files": sso_cache(START, TOKEN),
     "services": {"imds": "off", "sso_status": 403}, "error": True},
    {"name": "SSO: no role name", "profile": "s", "error": True,
     "config": "[profile s]\n" + LEGACY.replace("sso_role_name", "x"),
     "files": sso_cache(START, TOKEN), "says": ["sso_role_name"]},
    {"name": "SSO: no such session", "profile": "s", "error": True,
     "config": "[profile s]\n" + SSO + "sso_session = nosuch\n"},
    {"name": "SSO: profile and session disagree", "profile": "s",
     "config": "[profile s]\nsso_region = us-east-1\n" + SESSION,
     "files": sso_cache("s", TOKEN), "error": True, "says": ["differs"]},
    {"name": "SSO: a session without a role is no credentials",
     "profile": "s", "credentials": "[s]\n" + keys(A),
     "config": "[profile s]\nsso_session = s\n"},

    # --- containers --------------------------------------------------------
    {"name": "container: by URI",
     "env": {"AWS_CONTAINER_CREDENTIALS_FULL_URI":
             "http://127.0.0.1:@PORT@/container/x?id=1"},
     "says": ["container"]},
    {"name": "container: with a token",
     "services": {"imds": "off", "container_token": "Bearer x"},
     "env": {"AWS_CONTAINER_CREDENTIALS_FULL_URI":
             "http://localhost:@PORT@/container/x",
             "AWS_CONTAINER_AUTHORIZATION_TOKEN": "Bearer x"}},
    {"name": "container: the token file before the token",
     "services": {"imds": "off", "container_token": "of the file"},
     "files": {"t": "of the file"},
     "env": {"AWS_CONTAINER_CREDENTIALS_FULL_URI":
             "http://localhost:@PORT@/container/x",
             "AWS_CONTAINER_AUTHORIZATION_TOKEN": "x",
             "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "@HOME@/t"}},
    {"name": "container: a line break in the token", "error": True,
     "services": {"imds": "off", "container_token": "x"},
     "files": {"t": "x\n"}, "says": ["line break"],
     "env": {"AWS_CONTAINER_CREDENTIALS_FULL_URI":
             "http://localhost:@PORT@/container/x",
             "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "@HOME@/t"}},
    {"name": "container: after the profile's keys",
     "credentials": "[default]\n" + keys(A),
     "env": {"AWS_CONTAINER_CREDENTIALS_FULL_URI":
             "http://127.0.0.1:@PORT@/container/x"}},
    {"name": "container: before the instance", "services": {"imds": "on"},
     "env": {"AWS_CONTAINER_CREDENTIALS_FULL_URI":
             "http://127.0.0.1:@PORT@/container/x"}},
    {"name": "container: a host that is not allowed", "error": True,
     "env": {"AWS_CONTAINER_CREDENTIALS_FULL_URI":
             "http://192.0.2.1/container/x"}, "services": {"imds": "on"},
     "says": ["not allowed"]},
    {"name": "container: a host that only looks allowed", "error": True,
     "env": {"AWS_CONTAINER_CREDENTIALS_FULL_URI":
             "http://127.0.0.1.example.com/x"}, "says": ["not allowed"]},
    {"name": "container: refuses", "error": True, "services": {"imds": "on"},
     "env": {"AWS_CONTAINER_CREDENTIALS_FULL_URI":
             "http://127.0.0.1:@PORT@/container/fails"}},

    # --- the instance ------------------------------------------------------
    {"name": "instance: its role", "services": {"imds": "on"},
     "says": ["instance role mail-host"],
     "asks": ["PUT /latest/api/token"]},
    {"name": "instance: for a profile without credentials", "profile": "p",
     "services": {"imds": "on"},
     "config": "[profile p]\nregion = eu-west-1\n"},
    {"name": "instance: switched off", "error": True},
    {"name": "instance: without a role", "error": True,
     "services": {"imds": "on", "role": None}},
    {"name": "instance: the address in the profile",
     "services": {"imds": "on"},
     "env": {"AWS_EC2_METADATA_SERVICE_ENDPOINT": None},
     "config": "[default]\nec2_metadata_service_endpoint = "
               "http://127.0.0.1:@PORT@\n"},
    {"name": "instance: version 1 only", "want": "error",
     "services": {"imds": "v1only"}, "says": ["IMDSv2"],
     "differs": "who cleans up after stolen keys does not ask without a "
                "token"},
    {"name": "instance: what it gives has expired",
     "services": {"imds": "on", "life": -60}},

    # --- left out ----------------------------------------------------------
    {"name": "login_session is named, not passed over", "profile": "l",
     "config": "[profile l]\nlogin_session = arn:aws:iam::1:user/x\n"
               + keys(A), "error": True,
     "says": ["export-credentials --profile l --format process"]},
]
