#!/usr/bin/env python3
"""differential.py TOOL FOLDER: the same files, environment and services for
botocore and for quell (aws_chain_tool): same key, secret, token and region?

Prints one TAP line a case.  cases.py is the table; where the SDK reference
says something else than botocore does, the case has its reason, and what
quell has to give is in the table too.
"""

import json
import os
import shutil
import subprocess
import sys
import time

TOOL, HOME = sys.argv[1], sys.argv[2]
# botocore looks these up when it is imported
os.environ.clear()
os.environ.update({"HOME": HOME, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"})

import botocore.credentials                             # noqa: E402
import botocore.loaders                                 # noqa: E402
import botocore.session                                 # noqa: E402
import botocore.utils                                   # noqa: E402

import cases                                            # noqa: E402
import endpoints                                        # noqa: E402
from fake import Fake                                   # noqa: E402

LOADER = botocore.loaders.create_loader()
botocore.utils.ContainerMetadataFetcher.SLEEP_TIME = 0


def prepare(case, fake):
    """Writes the files; returns the environment."""
    fake.reset()
    for name, value in case.get("services", {}).items():
        setattr(fake, name, value)
    for name in os.listdir(HOME):
        shutil.rmtree(os.path.join(HOME, name), ignore_errors=True)
    os.makedirs(os.path.join(HOME, ".aws/sso/cache"))
    fill = {"PORT": str(fake.port), "HOME": HOME}

    def filled(text):
        for name, value in fill.items():
            text = text.replace("@" + name + "@", value)
        return text

    files = {".aws/config": case.get("config"),
             ".aws/credentials": case.get("credentials"),
             **case.get("files", {})}
    for name, text in files.items():
        if text is None:
            continue
        path = os.path.join(HOME, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(filled(text))
        os.chmod(path, 0o755 if text.startswith("#!") else 0o600)
    base = f"http://127.0.0.1:{fake.port}"
    env = {"HOME": HOME, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8",
           "AWS_ENDPOINT_URL_STS": base, "AWS_ENDPOINT_URL_SSO": base,
           "AWS_EC2_METADATA_SERVICE_ENDPOINT": base + "/"}
    for name, value in case.get("env", {}).items():
        env[name] = filled(value or "")
        if value is None:
            del env[name]
    if "imds" not in case.get("services", {}):
        env["AWS_EC2_METADATA_DISABLED"] = "true"
    return env


def by_botocore(case, env):
    os.environ.clear()
    os.environ.update(env)
    try:
        session = botocore.session.Session(profile=case.get("profile"))
        session.register_component("data_loader", LOADER)
        if "mfa" in case:
            session.get_component("credential_provider").get_provider(
                "assume-role")._prompter = lambda _: case["mfa"]
        found = session.get_credentials()
        region = session.get_config_variable("region")
        if found is None:
            return "error", "none found"
        found = found.get_frozen_credentials()
        return (found.access_key, found.secret_key, found.token or "",
                region or ""), ""
    except Exception as e:          # whatever it is, botocore gave none
        return "error", f"{type(e).__name__}: {e}"


def by_quell(case, env):
    argv = [TOOL, "creds"] + [f"{name}={case[name]}" for name in (
        "profile", "mfa") if name in case]
    done = subprocess.run(argv, env=env, capture_output=True, text=True,
                          timeout=30)
    answer = json.loads(done.stdout)
    if answer["code"]:
        return "error", answer
    return (answer["id"], answer["secret"], answer["token"],
            answer["region"]), answer


def check(case, fake):
    """None when all is as the table has it, else what is wrong."""
    env = prepare(case, fake)
    theirs, their_why = by_botocore(case, env)
    # sessions that botocore made must not help
    env = prepare(case, fake)
    ours, answer = by_quell(case, env)
    want = case.get("want")
    if "differs" not in case:
        if ours != theirs:
            return f"botocore {theirs} {their_why}, quell {ours} {answer}"
        if case.get("error") != (ours == "error"):
            return f"both {ours}: {their_why} {answer}"
    else:
        if ours == theirs:
            return f"no difference any more: {ours} {their_why}"
        if want == "error" and ours != "error":
            return f"an error is wanted: {ours}"
        if want != "error" and (ours == "error" or ours[3] != want and
                                not ours[0].startswith(want)):
            return f"{want} is wanted: {ours} {answer}"
    for word in case.get("says", ()):
        if word not in json.dumps(answer):
            return f"does not say {word!r}: {answer}"
    for line in case.get("asks", ()):
        if not any(line in one for one in fake.log):
            return f"{line!r} not in {fake.log}"
    return None


def main():
    fake = Fake(cases.KEYS)
    results = []
    begin = time.monotonic()
    for case in cases.CASES:
        case.setdefault("error", False)
        results.append((case["name"], check(case, fake)))
        if "differs" in case:
            results[-1] = (f"{case['name']} (differs: {case['differs']})",
                           results[-1][1])
    results += endpoints.compare(TOOL, LOADER)
    print(f"1..{len(results)}")
    for number, (name, wrong) in enumerate(results, 1):
        print(f"{'not ok' if wrong else 'ok'} {number} {name}")
        if wrong:
            print(f"# {wrong}")
    print(f"# {len(cases.CASES)} cases of credentials and regions, "
          f"{sum('differs' in c for c in cases.CASES)} of them differ; "
          f"{time.monotonic() - begin:.1f} s")
    return any(wrong for _, wrong in results)


if __name__ == "__main__":
    sys.exit(main())
