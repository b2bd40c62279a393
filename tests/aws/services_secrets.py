"""KMS (one kind of key, what an envelope needs) and Secrets Manager (versions
and their staging labels)."""

import hashlib
import hmac
import json
import os
import uuid

from errors import AwsError
from registry import operation

# --- KMS -------------------------------------------------------------------


def _not_found(text):
    return AwsError("NotFoundException", text, 400)


def _key_arn(call, key_id):
    return f"arn:aws:kms:{call.region}:{call.world.account}:key/{key_id}"


def _key(call, name):
    """(id, key) from an id, an alias, or the ARN of either."""
    if name.startswith("arn:"):
        part = name.split(":", 5)
        if len(part) != 6 or part[2] != "kms":
            raise _not_found(f"Invalid arn {name}")
        if part[3] != call.region:
            raise _not_found(f"Invalid arn {call.region}")
        if part[4] != call.world.account:
            raise AwsError("AccessDeniedException", "The ciphertext or key "
                           "is of an account that is not modelled", 400)
        name = part[5].removeprefix("key/")
    for key_id, key in call.world.kms.get(call.region, {}).items():
        if name == key_id or name in key.get("aliases", ()):
            return key_id, key
    if name.startswith("alias/"):
        raise _not_found(f"Alias arn:aws:kms:{call.region}:"
                         f"{call.world.account}:{name} is not found.")
    raise _not_found(f"Key '{_key_arn(call, name)}' does not exist")


def _usable(call, name):
    key_id, key = _key(call, name)
    state = key.get("state", "Enabled")
    arn = _key_arn(call, key_id)
    if state == "Disabled":
        raise AwsError("DisabledException", f"{arn} is disabled.", 400)
    if state != "Enabled":
        raise AwsError("KMSInvalidStateException", f"{arn} is pending "
                       "deletion.", 400)
    if key.get("usage", "ENCRYPT_DECRYPT") != "ENCRYPT_DECRYPT":
        raise AwsError("InvalidKeyUsageException", f"{arn} key usage is "
                       f"{key['usage']} which is not valid here.", 400)
    if call.params.get("EncryptionAlgorithm",
                       "SYMMETRIC_DEFAULT") != "SYMMETRIC_DEFAULT":
        raise AwsError("InvalidKeyUsageException", "The algorithm does not "
                       "fit the key.", 400)
    return key_id


def _material(call, key_id):
    """The same after a restart, so that what was sealed can be opened."""
    return hashlib.sha256(f"kms {call.world.account} {call.region} {key_id}"
                          .encode()).digest()


def _stream(material, nonce, data):
    out, n = b"", 0
    while len(out) < len(data):
        out += hmac.new(material, nonce + n.to_bytes(4, "big"),
                        hashlib.sha256).digest()
        n += 1
    return bytes(a ^ b for a, b in zip(data, out))


def _tag(material, context, rest):
    aad = json.dumps(context or {}, sort_keys=True).encode()
    return hmac.new(material, len(aad).to_bytes(4, "big") + aad + rest,
                    hashlib.sha256).digest()


HEAD = b"\x01\x02\x02\x00x"


def _encrypt(call, key_id, plain):
    material = _material(call, key_id)
    nonce = os.urandom(16)
    rest = (HEAD + len(key_id).to_bytes(1, "big") + key_id.encode() + nonce
            + _stream(material, nonce, plain))
    return rest + _tag(material, call.params.get("EncryptionContext"), rest)


def _invalid():
    return AwsError("InvalidCiphertextException", "", 400)


def _blob_key(call):
    """Which key a ciphertext names."""
    blob = call.params["CiphertextBlob"]
    n = blob[5] if len(blob) > 5 else 0
    if blob[:5] != HEAD or len(blob) < 6 + n + 16 + 32:
        raise _invalid()
    return blob[6:6 + n].decode("latin-1"), 6 + n


def _decrypt(call):
    blob = call.params["CiphertextBlob"]
    name, at = _blob_key(call)
    key_id = _usable(call, name)
    material = _material(call, key_id)
    rest, tag = blob[:-32], blob[-32:]
    if not hmac.compare_digest(tag, _tag(
            material, call.params.get("EncryptionContext"), rest)):
        raise _invalid()
    return key_id, _stream(material, rest[at:at + 16], rest[at + 16:])


def _key_resource(call):
    """The ARN that policies see; what does not exist is for nobody."""
    try:
        if "CiphertextBlob" in call.params:
            return _key_arn(call, _key(call, _blob_key(call)[0])[0])
        return _key_arn(call, _key(call, call.params["KeyId"])[0])
    except AwsError:
        return _key_arn(call, "00000000-0000-0000-0000-000000000000")


def _key_context(call):
    context = call.params.get("EncryptionContext") or {}
    return {f"kms:encryptioncontext:{k.lower()}": [v]
            for k, v in context.items()}


def _no_dry_run(call):
    if call.params.get("DryRun"):
        raise AwsError("DryRunOperationException", "The request would have "
                       "succeeded, but the DryRun option is set.", 412)


def kms(name):
    return operation("kms", name, mutating=False, resource=_key_resource,
                     context=_key_context)


@kms("Encrypt")
def encrypt(call):
    key_id = _usable(call, call.params["KeyId"])
    _no_dry_run(call)
    return {"CiphertextBlob": _encrypt(call, key_id,
                                       call.params["Plaintext"]),
            "KeyId": _key_arn(call, key_id),
            "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}


@kms("Decrypt")
def decrypt(call):
    key_id, plain = _decrypt(call)
    if "KeyId" in call.params and _key(call, call.params["KeyId"])[0] \
            != key_id:
        raise AwsError("IncorrectKeyException", "The key ID in the request "
                       "does not identify a CMK that can perform this "
                       "operation.", 400)
    _no_dry_run(call)
    return {"KeyId": _key_arn(call, key_id), "Plaintext": plain,
            "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}


@kms("GenerateDataKey")
def generate_data_key(call):
    params = call.params
    key_id = _usable(call, params["KeyId"])
    if ("NumberOfBytes" in params) == ("KeySpec" in params):
        raise AwsError("ValidationException", "Please specify either number "
                       "of bytes or key spec.", 400)
    n = params.get("NumberOfBytes") or \
        {"AES_256": 32, "AES_128": 16}[params["KeySpec"]]
    _no_dry_run(call)
    plain = os.urandom(n)
    return {"CiphertextBlob": _encrypt(call, key_id, plain),
            "Plaintext": plain, "KeyId": _key_arn(call, key_id)}


@kms("DescribeKey")
def describe_key(call):
    key_id, key = _key(call, call.params["KeyId"])
    state = key.get("state", "Enabled")
    return {"KeyMetadata": {
        "AWSAccountId": call.world.account, "KeyId": key_id,
        "Arn": _key_arn(call, key_id), "CreationDate": call.world.started,
        "Enabled": state == "Enabled", "Description": "", "KeyState": state,
        "KeyUsage": key.get("usage", "ENCRYPT_DECRYPT"),
        "KeySpec": "SYMMETRIC_DEFAULT", "Origin": "AWS_KMS",
        "KeyManager": "CUSTOMER", "MultiRegion": False,
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"]}}


# --- Secrets Manager -------------------------------------------------------

CURRENT, PREVIOUS = "AWSCURRENT", "AWSPREVIOUS"
MISSING = "Secrets Manager can't find the specified secret"


class Secret:
    def __init__(self, world, region, name):
        self.name, self.created = name, world.now()
        self.arn = (f"arn:aws:secretsmanager:{region}:{world.account}:secret:"
                    f"{name}-" + hashlib.sha256(name.encode()).hexdigest()[:6])
        self.changed = self.created
        self.versions = {}          # id -> {"value", "created"}
        self.stages = {}            # label -> version id

    def stages_of(self, version):
        return sorted(s for s, v in self.stages.items() if v == version)

    def move(self, label, version):
        """To a version; AWSPREVIOUS follows AWSCURRENT by itself."""
        was = self.stages.get(label)
        if was == version:
            return
        self.stages[label] = version
        if label == CURRENT and was:
            self.stages[PREVIOUS] = was
            if self.stages[PREVIOUS] == version:
                del self.stages[PREVIOUS]

    def put(self, version, value, labels, now):
        self.versions[version] = {"value": value, "created": now}
        self.changed = now
        for label in labels:
            self.move(label, version)

    def dump(self):
        return {"arn": self.arn, "versions": {
            v: {"stages": self.stages_of(v),
                "sha256": hashlib.sha256(
                    one["value"].encode() if isinstance(one["value"], str)
                    else one["value"]).hexdigest()}
            for v, one in self.versions.items()}}


def _secrets(call):
    return call.world.stored.setdefault(call.region, {})


def _find(call):
    wanted = call.params["SecretId"]
    for secret in _secrets(call).values():
        # an ARN may come without its last six characters
        if wanted in (secret.name, secret.arn, secret.arn[:-7]):
            return secret
    return None


def _secret(call):
    found = _find(call)
    if found is None:
        raise AwsError("ResourceNotFoundException", MISSING + ".", 400)
    return found


def _secret_resource(call):
    if "SecretId" not in call.params:
        name = call.params["Name"]
    elif _find(call):
        return _find(call).arn
    else:
        name = call.params["SecretId"]
        if name.startswith("arn:"):
            return name
    return (f"arn:aws:secretsmanager:{call.region}:{call.world.account}:"
            f"secret:{name}-??????")


def sm(name, **more):
    return operation("secretsmanager", name, resource=_secret_resource,
                     **more)


def _token(call):
    token = call.params.get("ClientRequestToken")
    if not token:
        raise AwsError("InvalidRequestException", "You must provide a "
                       "ClientRequestToken value. We recommend a UUID-type "
                       "value.", 400, violation="no ClientRequestToken")
    return token


def _value(call, needed):
    text = call.params.get("SecretString")
    raw = call.params.get("SecretBinary")
    if text is not None and raw is not None:
        raise AwsError("InvalidParameterException", "You can't specify both "
                       "a binary secret value and a string secret value in "
                       "the same secret.", 400)
    if text is None and raw is None and needed:
        raise AwsError("InvalidRequestException", "You must provide either "
                       "SecretString or SecretBinary.", 400)
    return raw if text is None else text


def _answer(secret, version):
    return {"ARN": secret.arn, "Name": secret.name, "VersionId": version,
            "VersionStages": secret.stages_of(version)}


@sm("CreateSecret")
def create_secret(call):
    token, value = _token(call), _value(call, False)
    name = call.params["Name"]
    old = _secrets(call).get(name)
    if old:
        known = old.versions.get(token)
        if known and known["value"] == value:
            return {"ARN": old.arn, "Name": name, "VersionId": token}
        raise AwsError("ResourceExistsException", "The operation failed "
                       f"because the secret {name} already exists.", 400)
    secret = _secrets(call)[name] = Secret(call.world, call.region, name)
    if value is None:
        return {"ARN": secret.arn, "Name": name}
    secret.put(token, value, [CURRENT], call.world.now())
    return {"ARN": secret.arn, "Name": name, "VersionId": token}


@sm("PutSecretValue")
def put_secret_value(call):
    secret, token = _secret(call), _token(call)
    value = _value(call, True)
    labels = list(call.params.get("VersionStages") or [CURRENT])
    old = secret.versions.get(token)
    if old:
        if old["value"] != value:
            raise AwsError("ResourceExistsException", "You can't modify an "
                           "existing version, you can only create new ones.",
                           400)
        return _answer(secret, token)
    if not secret.versions and CURRENT not in labels:
        labels.append(CURRENT)
    secret.put(token, value, labels, call.world.now())
    return _answer(secret, token)


@sm("GetSecretValue")
def get_secret_value(call):
    secret, params = _secret(call), call.params
    version = params.get("VersionId")
    stage = params.get("VersionStage")
    if version is None:
        stage = stage or CURRENT
        version = secret.stages.get(stage)
        if version is None:
            raise AwsError("ResourceNotFoundException", MISSING + " value "
                           f"for staging label: {stage}", 400)
    elif version not in secret.versions:
        raise AwsError("ResourceNotFoundException", MISSING + " value for "
                       f"VersionId: {version}", 400)
    elif stage and secret.stages.get(stage) != version:
        raise AwsError("InvalidRequestException", "You provided a "
                       "VersionStage that is not associated to the provided "
                       "VersionId.", 400)
    one = secret.versions[version]
    kind = "SecretString" if isinstance(one["value"], str) else "SecretBinary"
    return {**_answer(secret, version), kind: one["value"],
            "CreatedDate": one["created"]}


@sm("DescribeSecret")
def describe_secret(call):
    secret = _secret(call)
    labelled = sorted(set(secret.stages.values()))
    return {"ARN": secret.arn, "Name": secret.name,
            "CreatedDate": secret.created, "LastChangedDate": secret.changed,
            "VersionIdsToStages": {v: secret.stages_of(v) for v in labelled}}


@sm("ListSecretVersionIds", pages="Versions")
def list_secret_version_ids(call):
    secret = _secret(call)
    every = call.params.get("IncludeDeprecated", False)
    return {"ARN": secret.arn, "Name": secret.name, "Versions": [
        {"VersionId": v, "VersionStages": secret.stages_of(v),
         "CreatedDate": one["created"]}
        for v, one in secret.versions.items()
        if every or secret.stages_of(v)]}


def _bad(text):
    return AwsError("InvalidParameterException", text, 400)


@sm("UpdateSecretVersionStage")
def update_secret_version_stage(call):
    secret, params = _secret(call), call.params
    label = params["VersionStage"]
    source, target = (params.get(n) for n in ("RemoveFromVersionId",
                                              "MoveToVersionId"))
    holder = secret.stages.get(label)
    for version in (source, target):
        if version is not None and version not in secret.versions:
            raise AwsError("ResourceNotFoundException", MISSING + " value "
                           f"for VersionId: {version}", 400)
    if source is None and target is None:
        raise _bad("You must specify at least one of MoveToVersionId and "
                   "RemoveFromVersionId.")
    if source is not None and source != holder:
        raise _bad(f"The parameter RemoveFromVersionId can't be {source}. "
                   f"Staging label {label} is not attached to it.")
    if target is None and label == CURRENT:
        raise _bad(f"You can only move staging label {CURRENT} to a different "
                   "secret version. It can't be completely removed.")
    if source is None and holder not in (None, target):
        raise _bad("The parameter RemoveFromVersionId can't be empty. Staging "
                   f"label {label} is currently attached to version {holder}, "
                   "so you must explicitly reference that version in "
                   "RemoveFromVersionId.")
    if target is None:
        del secret.stages[label]
    else:
        secret.move(label, target)
    secret.changed = call.world.now()
    return {"ARN": secret.arn, "Name": secret.name}


# Their input is there to carry a secret.
CARRIERS = {("secretsmanager", "CreateSecret"),
            ("secretsmanager", "PutSecretValue")}


def seed(world, regions):
    """{"us-east-1": {"name": "text" or {"binary": hex} or null}}"""
    for region, secrets in regions.items():
        stored = world.stored.setdefault(region, {})
        for name, value in secrets.items():
            if value is None:
                stored.pop(name, None)
                continue
            if isinstance(value, dict):
                value = bytes.fromhex(value["binary"])
            secret = stored[name] = Secret(world, region, name)
            secret.put(str(uuid.uuid4()), value, [CURRENT], world.now())
