/*
 * source_aws.c - keys of AWS: KMS, and a secret of Secrets Manager
 *
 * KMS never gives its key away: GenerateDataKey hands out a data key and the
 * same wrapped, Decrypt unwraps it ("AWS KMS Developer Guide", envelope
 * encryption).  The vault's id is the encryption context: CloudTrail shows
 * it, policies can ask for it (kms:EncryptionContext:quell-vault), and what
 * was wrapped for another vault does not unwrap.
 */
#include <stdio.h>
#include <string.h>

#include "../aws/client.h"
#include "../aws/trace.h"
#include "base64.h"
#include "seal.h"
#include "source.h"

#define CONTEXT "quell-vault"

static int
need_aws(struct ir_vault_ctx *x, struct ir_err *err)
{
	static const struct ir_aws_opts none = { NULL, NULL, NULL };

	if (x->aws)
		return 0;
	if (ir_aws_open(&x->aws, x->o->aws ? x->o->aws : &none, x->o->ask,
	    err))
		return -1;
	if (x->o->common)
		ir_aws_follow(x->aws, x->o->common);
	return 0;
}

/* The region that an ARN names; NULL: it is none, or names none. */
static const char *
arn_region(const char *name, char region[64])
{
	const char *p = name, *end;
	int colons;

	if (strncmp(name, "arn:", 4) != 0)
		return NULL;
	for (colons = 0; colons < 3 && p; colons++) {
		p = strchr(p, ':');
		p = p ? p + 1 : NULL;
	}
	end = p ? strchr(p, ':') : NULL;
	if (!end || end == p || end - p >= 64)
		return NULL;
	memcpy(region, p, (size_t)(end - p));
	region[end - p] = '\0';
	return region;
}

static void
hex(const unsigned char *p, size_t n, char *out)
{
	size_t i;

	for (i = 0; i < n; i++)
		snprintf(out + 2 * i, 3, "%02x", p[i]);
}

/* --- kms: ---------------------------------------------------------------- */

static struct ir_rec *
kms_input(const struct ir_vault_head *head)
{
	struct ir_rec *in = ir_rec_object(), *context = ir_rec_object();
	char id[2 * IR_VAULT_ID + 1];

	hex(head->id, IR_VAULT_ID, id);
	ir_rec_str(context, CONTEXT, id);
	ir_rec_set(in, "EncryptionContext", context);
	return in;
}

/* One call whose answer has Plaintext: into data. */
static int
kms_call(struct ir_vault_ctx *x, struct ir_aws_call *call,
    unsigned char data[IR_VAULT_KEY], struct ir_err *err)
{
	struct ir_secret plain = IR_SECRET_INIT;
	int rc;

	call->service = "kms";
	call->secret_name = "Plaintext";
	call->secret = &plain;
	rc = need_aws(x, err) ? -1 : ir_aws_do(x->aws, call, err);
	if (rc == 0 && ir_base64_decode(plain.data, plain.len, data,
	    IR_VAULT_KEY) != IR_VAULT_KEY)
		rc = ir_fail(err, IR_PROTOCOL,
		    "%s: not a data key in the answer", call->operation);
	call->secret = NULL;
	ir_secret_free(&plain);
	ir_secret_burn();
	return rc;
}

static int
kms_take(const struct ir_aws_call *call, struct ir_vault_head *head,
    struct ir_err *err)
{
	const char *arn = ir_rec_get(call->reply, "KeyId");
	const char *blob = ir_rec_get(call->reply, "CiphertextBlob");
	int n = blob ? ir_base64_decode(blob, strlen(blob), head->wrapped,
	    sizeof head->wrapped) : -1;

	if (!arn || n <= 0)
		return ir_fail(err, IR_PROTOCOL,
		    "GenerateDataKey: answer not understood");
	head->nwrapped = (size_t)n;
	/* the key itself: an alias can be given to another one later */
	return ir_vault_set_source(head, "kms", arn, err);
}

static int
kms_wrap(struct ir_vault_ctx *x, const char *rest,
    struct ir_vault_head *head, unsigned char data[IR_VAULT_KEY],
    struct ir_err *err)
{
	struct ir_rec *in = kms_input(head);
	char region[64];
	struct ir_aws_call call = { .operation = "GenerateDataKey",
		.region = arn_region(rest, region), .json = in };
	int rc;

	ir_rec_str(in, "KeyId", rest);
	ir_rec_str(in, "KeySpec", "AES_256");
	rc = kms_call(x, &call, data, err);
	if (rc == 0)
		rc = kms_take(&call, head, err);
	ir_aws_call_free(&call);
	ir_rec_free(in);
	return rc;
}

static int
kms_unwrap(struct ir_vault_ctx *x, const struct ir_vault_head *head,
    const char *rest, unsigned char data[IR_VAULT_KEY], struct ir_err *err)
{
	char blob[IR_VAULT_WRAPPED * 4 / 3 + 5], region[64];
	struct ir_rec *in = kms_input(head);
	struct ir_aws_call call = { .operation = "Decrypt",
		.region = arn_region(rest, region), .json = in };
	int rc;

	ir_base64_encode(head->wrapped, head->nwrapped, blob);
	ir_rec_str(in, "CiphertextBlob", blob);
	ir_rec_str(in, "KeyId", rest);
	rc = kms_call(x, &call, data, err);
	if (rc && (strcmp(call.error_code, "InvalidCiphertextException") ==
	    0 || strcmp(call.error_code, "IncorrectKeyException") == 0))
		ir_fail(err, IR_DATAERR, "kms:%s is not the key of this vault, "
		    "or the vault was changed", rest);
	ir_aws_call_free(&call);
	ir_rec_free(in);
	return rc;
}

const struct ir_vault_kind ir_vault_kms_kind = { "kms", kms_wrap,
	kms_unwrap };

/* --- secretsmanager: ----------------------------------------------------- */

/* The secret, as current or as it was before; arn may be NULL. */
static int
sm_get(struct ir_vault_ctx *x, const char *name, const char *stage,
    struct ir_secret *key, char arn[512], bool *missing, struct ir_err *err)
{
	struct ir_rec *in = ir_rec_object();
	struct ir_secret text = IR_SECRET_INIT;
	char region[64];
	struct ir_aws_call call = { .service = "secretsmanager",
		.operation = "GetSecretValue", .json = in,
		.region = arn_region(name, region),
		.secret_name = "SecretBinary", .secret = &text };
	unsigned char *raw = ir_vault_alloc(IR_VAULT_RAW_MAX, err);
	int rc = raw ? need_aws(x, err) : -1, n = -1;
	const char *full;

	ir_rec_str(in, "SecretId", name);
	ir_rec_str(in, "VersionStage", stage);
	if (rc == 0)
		rc = ir_aws_do(x->aws, &call, err);
	*missing = strcmp(call.error_code, "ResourceNotFoundException") == 0;
	if (rc && err->code == IR_PROTOCOL && call.http_status == 200)
		rc = ir_fail(err, IR_CONFIG,
		    "secretsmanager:%s: not a binary secret", name);
	if (rc == 0)
		n = ir_base64_decode(text.data, text.len, raw,
		    IR_VAULT_RAW_MAX);
	full = call.reply ? ir_rec_get(call.reply, "ARN") : NULL;
	if (rc == 0 && (n < 0 || !full || strlen(full) >= 512))
		rc = ir_fail(err, IR_PROTOCOL,
		    "GetSecretValue: answer not understood");
	if (rc == 0)
		rc = ir_secret_set(key, (const char *)raw, (size_t)n, err);
	if (rc == 0 && arn)
		snprintf(arn, 512, "%s", full);
	ir_vault_wipe(raw, IR_VAULT_RAW_MAX);
	ir_secret_free(&text);
	ir_aws_call_free(&call);
	ir_rec_free(in);
	ir_secret_burn();
	return rc;
}

/* A value that can stand in JSON as it is; AWS's names are such. */
static bool
plain(const char *s)
{
	return s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789/_+=.@:-")] == '\0';
}

/*
 * Make it, of 32 random bytes.  The request's token is the name of the
 * version: sent again after a lost answer it makes nothing new.
 */
static int
sm_create(struct ir_vault_ctx *x, const char *name, struct ir_err *err)
{
	unsigned char token[16], *raw = ir_vault_alloc(IR_VAULT_KEY, err);
	struct ir_buf b = IR_BUF_SECRET(4096);
	struct ir_aws_call call = { .service = "secretsmanager",
		.operation = "CreateSecret", .body = &b };
	char *text = ir_vault_alloc(64, err), id[33];
	int rc = -1;

	if (!raw || !text || need_aws(x, err) ||
	    ir_vault_random(raw, IR_VAULT_KEY, err) ||
	    ir_vault_random(token, sizeof token, err))
		goto out;
	hex(token, sizeof token, id);
	ir_base64_encode(raw, IR_VAULT_KEY, text);
	ir_buf_fmt(&b, "{\"Name\":\"%s\",\"ClientRequestToken\":\"%s\","
	    "\"Description\":\"wrapping key of a quell vault\","
	    "\"SecretBinary\":\"", name, id);
	ir_buf_str(&b, text);
	ir_buf_str(&b, "\"}");
	rc = ir_aws_do(x->aws, &call, err);
out:
	ir_aws_call_free(&call);
	ir_buf_free(&b);
	ir_vault_wipe(raw, IR_VAULT_KEY);
	ir_vault_wipe(text, 64);
	ir_secret_burn();
	return rc;
}

static int
sm_wrap(struct ir_vault_ctx *x, const char *rest, struct ir_vault_head *head,
    unsigned char data[IR_VAULT_KEY], struct ir_err *err)
{
	struct ir_secret key = IR_SECRET_INIT;
	char arn[512];
	bool missing;
	int rc;

	if (!plain(rest))
		return ir_fail(err, IR_USAGE,
		    "secretsmanager: not a secret's name: %s", rest);
	rc = sm_get(x, rest, "AWSCURRENT", &key, arn, &missing, err);
	if (rc && missing && !x->o->create_key) {
		ir_fail(err, IR_NOINPUT,
		    "secretsmanager:%s: there is no such secret", rest);
		ir_hint(err, "--create-key makes it");
	} else if (rc && missing && sm_create(x, rest, err) == 0) {
		rc = sm_get(x, rest, "AWSCURRENT", &key, arn, &missing, err);
	}
	/* its full name: another of the name has another one */
	if (rc == 0)
		rc = ir_vault_set_source(head, "secretsmanager", arn, err);
	if (rc == 0)
		rc = ir_vault_raw_wrap(&key, head, data, err);
	ir_secret_free(&key);
	return rc;
}

/* Somebody may have rotated the secret: what it was before counts, too. */
static int
sm_unwrap(struct ir_vault_ctx *x, const struct ir_vault_head *head,
    const char *rest, unsigned char data[IR_VAULT_KEY], struct ir_err *err)
{
	static const char *const stages[] = { "AWSCURRENT", "AWSPREVIOUS" };
	struct ir_secret key = IR_SECRET_INIT;
	struct ir_err first = IR_ERR_INIT;
	bool missing;
	size_t i;
	int rc = -1;

	for (i = 0; i < 2 && rc; i++) {
		rc = sm_get(x, rest, stages[i], &key, NULL, &missing, err);
		if (rc == 0)
			rc = ir_vault_raw_unwrap(&key, head, data, err);
		if (i == 0)
			first = *err;
		if (rc && err->code != IR_DATAERR)
			break;
	}
	if (rc)
		*err = first;
	else
		*err = (struct ir_err)IR_ERR_INIT;
	ir_secret_free(&key);
	return rc;
}

const struct ir_vault_kind ir_vault_sm_kind = { "secretsmanager", sm_wrap,
	sm_unwrap };
