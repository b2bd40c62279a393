/* credentials.c - see credentials.h */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "../core/buf.h"
#include "../core/record.h"
#include "../core/text.h"
#include "../net/http.h"
#include "credentials.h"

#define IMDS "http://169.254.169.254"
#define IMDS_ROLES "/latest/meta-data/iam/security-credentials/"
#define IMDS_TTL "21600"
#define REFRESH_BEFORE 300	/* seconds */

static const char *
env(const char *name)
{
	const char *v = getenv(name);

	return v && *v ? v : NULL;
}

static int
load_file(struct ir_aws_config *c, enum ir_aws_file file, const char *var,
    const char *leaf, struct ir_err *err)
{
	struct ir_buf b = IR_BUF_SECRET(IR_AWS_CONFIG_MAX);
	const char *path = env(var), *home = env("HOME");
	char own[4096];
	int rc = 0;

	if (!path) {
		if (!home)
			return 0;
		snprintf(own, sizeof own, "%s/.aws/%s", home, leaf);
		path = own;
	}
	if (access(path, F_OK) == 0)
		rc = ir_buf_read_file(&b, path, err);
	if (rc == 0)
		rc = ir_aws_config_parse(c, file, path, ir_buf_cstr(&b),
		    b.len, err);
	else if (err->code != IR_NOPERM)
		err->code = IR_CONFIG;
	ir_buf_free(&b);
	return rc;
}

int
ir_aws_config_load(struct ir_aws_config **c, struct ir_err *err)
{
	*c = ir_aws_config_new();
	if (!*c)
		return ir_fail(err, IR_OSERR, "no memory");
	if (load_file(*c, IR_AWS_FILE_CONFIG, "AWS_CONFIG_FILE", "config",
	    err) == 0 && load_file(*c, IR_AWS_FILE_CREDENTIALS,
	    "AWS_SHARED_CREDENTIALS_FILE", "credentials", err) == 0)
		return 0;
	ir_aws_config_free(*c);
	*c = NULL;
	return -1;
}

const char *
ir_aws_profile(const char *option, bool *named)
{
	const char *p = option;

	if (!p)
		p = env("AWS_PROFILE");
	if (!p)
		p = env("AWS_DEFAULT_PROFILE");
	*named = p != NULL;
	return p ? p : "default";
}

void
ir_aws_cred_free(struct ir_aws_cred *cred)
{
	ir_secret_free(&cred->secret);
	ir_secret_free(&cred->token);
	memset(cred, 0, sizeof *cred);
}

static int
set_key_id(struct ir_aws_cred *cred, const char *id, struct ir_err *err)
{
	size_t n = strlen(id);

	if (n == 0 || n >= sizeof cred->key_id ||
	    strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789_") != n)
		return ir_fail(err, IR_CONFIG, "not an access key id: %s", id);
	memcpy(cred->key_id, id, n + 1);
	return 0;
}

/* Neither a secret nor a token can hold these; a header could be split. */
static int
check_secrets(const struct ir_aws_cred *cred, struct ir_err *err)
{
	if ((cred->secret.len && strpbrk(cred->secret.data, "\r\n")) ||
	    (cred->token.len && strpbrk(cred->token.data, "\r\n")))
		return ir_fail(err, IR_CONFIG,
		    "AWS credentials: line break in the secret or token");
	return 0;
}

/* 1 found, 0 not there, -1. */
static int
from_environment(struct ir_aws_cred *cred, struct ir_err *err)
{
	const char *id = env("AWS_ACCESS_KEY_ID");
	bool secret = env("AWS_SECRET_ACCESS_KEY") != NULL;

	if (!id && !secret)
		return 0;
	if (!id || !secret)
		return ir_fail(err, IR_CONFIG, "%s is set without %s",
		    id ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
		    id ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
	if (set_key_id(cred, id, err) ||
	    ir_secret_take_env(&cred->secret, "AWS_SECRET_ACCESS_KEY", err) ||
	    ir_secret_take_env(&cred->token, "AWS_SESSION_TOKEN", err) ||
	    check_secrets(cred, err))
		return -1;
	unsetenv("AWS_ACCESS_KEY_ID");
	cred->source = "environment";
	return 1;
}

static int
unsupported(const char *profile, const char *what, struct ir_err *err)
{
	ir_fail(err, IR_CONFIG, "profile %s: %s is not supported yet", profile,
	    what);
	ir_hint(err, "eval \"$(aws configure export-credentials --profile %s "
	    "--format env)\" gives keys for a while", profile);
	return -1;
}

/* 1 found, 0 it has no credentials, -1. */
static int
from_profile(struct ir_aws_cred *cred, const struct ir_aws_config *c,
    const char *profile, struct ir_err *err)
{
	static const char *const other[] = { "web_identity_token_file",
	    "sso_session", "sso_start_url", "login_session",
	    "credential_process", "credential_source" };
	const char *id, *secret, *token;
	size_t i;

	/* A role wins over keys in the same profile, in every SDK. */
	if (ir_aws_config_get(c, IR_AWS_PROFILE, profile, "role_arn"))
		return unsupported(profile, "role_arn", err);
	id = ir_aws_config_get(c, IR_AWS_PROFILE, profile,
	    "aws_access_key_id");
	secret = ir_aws_config_get(c, IR_AWS_PROFILE, profile,
	    "aws_secret_access_key");
	token = ir_aws_config_get(c, IR_AWS_PROFILE, profile,
	    "aws_session_token");
	if (!id && !secret) {
		for (i = 0; i < sizeof other / sizeof *other; i++)
			if (ir_aws_config_get(c, IR_AWS_PROFILE, profile,
			    other[i]))
				return unsupported(profile, other[i], err);
		return 0;
	}
	if (!id || !secret || !*id || !*secret)
		return ir_fail(err, IR_CONFIG, "profile %s: no %s", profile,
		    id && *id ? "aws_secret_access_key" : "aws_access_key_id");
	if (set_key_id(cred, id, err) ||
	    ir_secret_set(&cred->secret, secret, strlen(secret), err) ||
	    (token && ir_secret_set(&cred->token, token, strlen(token), err)) ||
	    check_secrets(cred, err))
		return -1;
	cred->source = "profile";
	return 1;
}

int
ir_json_cut_secret(char *bytes, size_t n, const char *name,
    struct ir_secret *out, struct ir_err *err)
{
	size_t k = strlen(name), i, from;

	for (i = 0; i + k + 2 < n; i++) {
		if (bytes[i] != '"' || memcmp(bytes + i + 1, name, k) != 0 ||
		    bytes[i + 1 + k] != '"')
			continue;
		for (from = i + k + 2; from < n &&
		    strchr(" \t\r\n:", bytes[from]) && bytes[from]; from++)
			;
		if (from >= n || bytes[from] != '"')
			return 1;
		from++;
		for (i = from; i < n && bytes[i] != '"'; i++)
			if (bytes[i] == '\\')
				return 1;
		if (i == n)
			return 1;
		if (ir_secret_set(out, bytes + from, i - from, err))
			return -1;
		memset(bytes + from, 'x', i - from);
		return 0;
	}
	return 1;
}

int
ir_aws_cred_parse_imds(struct ir_aws_cred *cred, char *bytes, size_t n,
    struct ir_err *err)
{
	struct ir_rec *r = NULL;
	const char *code, *id, *expires;
	int a, b, rc = -1;

	a = ir_json_cut_secret(bytes, n, "SecretAccessKey", &cred->secret, err);
	b = ir_json_cut_secret(bytes, n, "Token", &cred->token, err);
	if (a < 0 || b < 0)
		return -1;
	r = ir_rec_parse(bytes, n, err);
	if (!r) {
		ir_fail(err, IR_PROTOCOL, "metadata service: not JSON");
		goto out;
	}
	code = ir_rec_get(r, "Code");
	id = ir_rec_get(r, "AccessKeyId");
	expires = ir_rec_get(r, "Expiration");
	if (code && strcmp(code, "Success") != 0)
		ir_fail(err, IR_NOPERM, "metadata service: %s", code);
	else if (a || b || !id || !expires ||
	    ir_time_parse(expires, &cred->expires))
		ir_fail(err, IR_PROTOCOL,
		    "metadata service: credentials not understood");
	else
		rc = set_key_id(cred, id, err);
	if (rc == 0)
		rc = check_secrets(cred, err);
	cred->source = "instance";
out:
	ir_rec_free(r);
	return rc;
}

/* One request to the metadata service; 0 when it answered at all. */
static int
imds(struct ir_http *h, const char *method, const char *path,
    const struct ir_http_header *header, struct ir_http_req *r,
    struct ir_err *err)
{
	const char *base = env("AWS_EC2_METADATA_SERVICE_ENDPOINT");
	char url[1024];
	size_t n;

	if (!base)
		base = IMDS;
	n = strlen(base);
	if (n && base[n - 1] == '/')
		n--;
	snprintf(url, sizeof url, "%.*s%s", (int)n, base, path);
	memset(r, 0, sizeof *r);
	r->method = method;
	r->url = url;
	r->headers = header;
	r->nheaders = 1;
	r->max = 16384;
	r->secret = true;
	ir_http_run(h, r, 1, 1);
	r->url = NULL;
	if (r->status && r->err.code == 0)
		return 0;
	if (r->err.code == IR_CONFIG || r->err.code == IR_OSERR) {
		*err = r->err;
	} else if (!r->sent) {
		/* nobody there: this is no EC2 instance */
		ir_fail(err, IR_NOPERM, "no AWS credentials");
		ir_hint(err, "set AWS_ACCESS_KEY_ID and "
		    "AWS_SECRET_ACCESS_KEY, or use --profile");
	} else {
		ir_fail(err, IR_TEMPFAIL, "metadata service: %s", r->err.msg);
		ir_hint(err, "in a container, the instance's metadata hop "
		    "limit must be 2 or more");
	}
	return -1;
}

static int
imds_status(const struct ir_http_req *r, const char *what, struct ir_err *err)
{
	if (r->status == 200)
		return 0;
	if (r->status == 404) {
		ir_fail(err, IR_NOPERM,
		    "no AWS credentials: the instance has no role");
		ir_hint(err, "set AWS_ACCESS_KEY_ID and "
		    "AWS_SECRET_ACCESS_KEY, or use --profile");
		return -1;
	}
	return ir_fail(err, r->status >= 500 ? IR_TEMPFAIL : IR_NOPERM,
	    "metadata service: %s: status %d", what, r->status);
}

static int
role_credentials(struct ir_aws_cred *cred, struct ir_http *h,
    const struct ir_http_header *token, struct ir_err *err)
{
	struct ir_http_req r;
	char path[512];
	size_t n;

	if (imds(h, "GET", IMDS_ROLES, token, &r, err) ||
	    imds_status(&r, "role", err)) {
		ir_buf_free(&r.reply);
		return -1;
	}
	n = strcspn(ir_buf_cstr(&r.reply), " \t\r\n");
	snprintf(path, sizeof path, IMDS_ROLES "%.*s", (int)(n < 256 ? n : 0),
	    ir_buf_cstr(&r.reply));
	ir_buf_free(&r.reply);
	if (n == 0 || n >= 256 || strpbrk(path, "?#%\\\""))
		return ir_fail(err, IR_PROTOCOL,
		    "metadata service: role not understood");
	if (imds(h, "GET", path, token, &r, err) ||
	    imds_status(&r, "credentials", err) ||
	    ir_aws_cred_parse_imds(cred, r.reply.data ? r.reply.data : path,
	    r.reply.len, err)) {
		ir_buf_free(&r.reply);
		return -1;
	}
	ir_buf_free(&r.reply);
	return 0;
}

static int
from_instance(struct ir_aws_cred *cred, struct ir_err *err)
{
	static const struct ir_http_opts o = { .connect_ms = 1000,
	    .total_ms = 1000, .parallel = 1, .no_proxy = true };
	static const struct ir_http_header ttl = {
		"X-aws-ec2-metadata-token-ttl-seconds", IMDS_TTL };
	struct ir_http_header token = { "X-aws-ec2-metadata-token", NULL };
	struct ir_http *h;
	struct ir_http_req r;
	int rc;

	if (ir_http_open(&h, &o, err))
		return -1;
	rc = imds(h, "PUT", "/latest/api/token", &ttl, &r, err);
	if (rc == 0 && r.status != 200)
		rc = ir_fail(err, IR_NOPERM, "metadata service: no token "
		    "(status %d); only IMDSv2 is used", r.status);
	token.value = ir_buf_cstr(&r.reply);
	if (rc == 0 && (r.reply.len == 0 || strpbrk(token.value, "\r\n")))
		rc = ir_fail(err, IR_PROTOCOL,
		    "metadata service: token not understood");
	if (rc == 0)
		rc = role_credentials(cred, h, &token, err);
	ir_buf_free(&r.reply);
	ir_http_close(h);
	return rc;
}

static int
nothing(const char *profile, bool named, struct ir_err *err)
{
	if (named)
		return ir_fail(err, IR_NOPERM,
		    "profile %s has no credentials", profile);
	ir_fail(err, IR_NOPERM, "no AWS credentials");
	ir_hint(err, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
	    "use --profile");
	return -1;
}

int
ir_aws_cred_find(struct ir_aws_cred *cred, const struct ir_aws_config *c,
    const char *option, struct ir_err *err)
{
	static const char *const later[] = { "AWS_WEB_IDENTITY_TOKEN_FILE",
	    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
	    "AWS_CONTAINER_CREDENTIALS_FULL_URI" };
	const char *profile, *off = env("AWS_EC2_METADATA_DISABLED");
	bool named;
	size_t i;
	int rc = 0;

	memset(cred, 0, sizeof *cred);
	profile = ir_aws_profile(option, &named);
	if (!option)
		rc = from_environment(cred, err);
	if (rc == 0 && named &&
	    !ir_aws_config_has(c, IR_AWS_PROFILE, profile))
		rc = ir_fail(err, IR_CONFIG, "no profile %s", profile);
	if (rc == 0)
		rc = from_profile(cred, c, profile, err);
	if (rc > 0)
		return 0;
	for (i = 0; rc == 0 && i < sizeof later / sizeof *later; i++)
		if (env(later[i]))
			rc = ir_fail(err, IR_CONFIG,
			    "%s is not supported yet", later[i]);
	if (rc == 0 && !named && !(off && ir_ascii_ieq(off, "true")))
		rc = from_instance(cred, err);
	else if (rc == 0)
		rc = nothing(profile, named, err);
	if (rc)
		ir_aws_cred_free(cred);
	return rc;
}

int
ir_aws_cred_refresh(struct ir_aws_cred *cred, int64_t now, struct ir_err *err)
{
	struct ir_aws_cred fresh;

	if (cred->expires == 0 || now < cred->expires - REFRESH_BEFORE ||
	    strcmp(cred->source, "instance") != 0)
		return 0;
	memset(&fresh, 0, sizeof fresh);
	if (from_instance(&fresh, err)) {
		ir_aws_cred_free(&fresh);
		/* those at hand may still do */
		return now < cred->expires ? 0 : -1;
	}
	ir_aws_cred_free(cred);
	*cred = fresh;
	return 0;
}
