/*
 * cred_sso.c - the role of a profile by IAM Identity Center, with the token
 * that `aws sso login` left; see chain.h
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* as in core/file.c: EVP would load OpenSSL's configuration for this */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include "../core/buf.h"
#include "../core/record.h"
#include "../core/text.h"
#include "chain.h"
#include "endpoint.h"
#include "sigv4.h"

#define CACHE_MAX 65536
#define TIMEOUT_MS 20000
#define ATTEMPTS 3

struct sso {
	const char *profile, *session;	/* session NULL: the older form */
	const char *start_url, *region, *account, *role;
};

static int
login_hint(const struct sso *s, struct ir_err *err)
{
	ir_hint(err, "aws sso login --profile %s", s->profile);
	return -1;
}

/* A setting of the profile or of its session; both must not differ. */
static int
setting(const struct ir_chain *ch, const struct sso *s, const char *key,
    const char **value, struct ir_err *err)
{
	const char *inner = NULL;

	*value = ir_aws_config_get(ch->o.config, IR_AWS_PROFILE, s->profile,
	    key);
	if (s->session)
		inner = ir_aws_config_get(ch->o.config, IR_AWS_SSO_SESSION,
		    s->session, key);
	if (*value && inner && strcmp(*value, inner) != 0)
		return ir_fail(err, IR_CONFIG, "profile %s: %s differs from "
		    "that of sso-session %s", s->profile, key, s->session);
	if (!*value)
		*value = inner;
	if (*value && **value)
		return 0;
	return ir_fail(err, IR_CONFIG, "profile %s: no %s", s->profile, key);
}

/* 1, 0 no such profile, -1. */
static int
read_settings(const struct ir_chain *ch, struct sso *s, struct ir_err *err)
{
	const struct ir_aws_config *c = ch->o.config;

	if (!ir_aws_config_get(c, IR_AWS_PROFILE, s->profile,
	    "sso_account_id") && !ir_aws_config_get(c, IR_AWS_PROFILE,
	    s->profile, "sso_role_name"))
		return 0;
	s->session = ir_aws_config_get(c, IR_AWS_PROFILE, s->profile,
	    "sso_session");
	if (s->session && !ir_aws_config_has(c, IR_AWS_SSO_SESSION,
	    s->session))
		return ir_fail(err, IR_CONFIG, "profile %s: no sso-session %s",
		    s->profile, s->session);
	if (setting(ch, s, "sso_start_url", &s->start_url, err) ||
	    setting(ch, s, "sso_region", &s->region, err) ||
	    setting(ch, s, "sso_account_id", &s->account, err) ||
	    setting(ch, s, "sso_role_name", &s->role, err))
		return -1;
	return 1;
}

int
ir_sso_parse_token(struct ir_secret *token, int64_t *expires, char *bytes,
    size_t n, struct ir_err *err)
{
	static const char *const others[] = { "refreshToken", "clientSecret" };
	struct ir_secret drop = IR_SECRET_INIT;
	struct ir_rec *r = NULL;
	const char *when;
	char text[64];
	size_t i, k;
	int rc;

	rc = ir_json_cut_secret(bytes, n, "accessToken", token, err);
	for (i = 0; rc >= 0 && i < sizeof others / sizeof *others; i++)
		if (ir_json_cut_secret(bytes, n, others[i], &drop, err) < 0)
			rc = -1;
	ir_secret_free(&drop);
	if (rc < 0)
		return -1;
	r = ir_rec_parse(bytes, n, err);
	when = ir_rec_get(r, "expiresAt");
	k = when ? strlen(when) : 0;
	snprintf(text, sizeof text, "%s", when ? when : "");
	/* older AWS CLIs wrote "...UTC" */
	if (k > 3 && k < sizeof text && strcmp(when + k - 3, "UTC") == 0)
		snprintf(text + k - 3, 4, "Z");
	if (!r || rc || !token->len || strpbrk(token->data, "\r\n") || !when ||
	    ir_time_parse(text, expires))
		rc = ir_fail(err, IR_PROTOCOL, "SSO token not understood");
	ir_rec_free(r);
	return rc;
}

static int
cache_path(const struct sso *s, char *path, size_t size, struct ir_err *err)
{
	const char *home = ir_chain_env("HOME");
	const char *of = s->session ? s->session : s->start_url;
	unsigned char hash[SHA_DIGEST_LENGTH];
	int n, i;

	if (!home)
		return ir_fail(err, IR_CONFIG,
		    "profile %s: SSO: HOME is not set", s->profile);
	SHA1((const unsigned char *)of, strlen(of), hash);
	n = snprintf(path, size, "%s/.aws/sso/cache/", home);
	if (n < 0 || (size_t)n + 2 * sizeof hash + 6 > size)
		return ir_fail(err, IR_CONFIG, "HOME is too long");
	for (i = 0; i < SHA_DIGEST_LENGTH; i++, n += 2)
		snprintf(path + n, 3, "%02x", hash[i]);
	snprintf(path + n, 6, ".json");
	return 0;
}

static int
load_token(const struct sso *s, struct ir_secret *token, struct ir_err *err)
{
	struct ir_buf b = IR_BUF_SECRET(CACHE_MAX);
	char path[4096];
	int64_t expires;
	int rc = -1;

	if (cache_path(s, path, sizeof path, err))
		return -1;
	if (access(path, F_OK)) {
		ir_fail(err, IR_NOPERM, "profile %s: no SSO token: %s",
		    s->profile, path);
		return login_hint(s, err);
	}
	if (ir_buf_read_file(&b, path, err) == 0 && b.len)
		rc = ir_sso_parse_token(token, &expires, b.data, b.len, err);
	else if (b.len == 0 && !b.bad)
		ir_fail(err, IR_PROTOCOL, "SSO token not understood");
	if (rc) {
		ir_fail_prefix(err, "profile %s: %s", s->profile, path);
		login_hint(s, err);
	} else if (expires <= ir_now()) {
		ir_fail(err, IR_NOPERM, "profile %s: the SSO token has expired",
		    s->profile);
		rc = login_hint(s, err);
	}
	ir_buf_free(&b);
	return rc;
}

/* What the portal said; 0 when it is credentials. */
static int
take(const struct sso *s, struct ir_http_req *r, struct ir_aws_cred *cred,
    struct ir_err *err)
{
	if (r->err.code) {
		*err = r->err;
	} else if (r->status == 401) {
		ir_fail(err, IR_NOPERM,
		    "the portal does not take the token any more");
		login_hint(s, err);
	} else if (r->status != 200) {
		ir_fail(err, r->status == 429 || r->status >= 500 ?
		    IR_TEMPFAIL : IR_NOPERM, "role %s of account %s: status "
		    "%d", s->role, s->account, r->status);
	} else if (!r->reply.data) {
		ir_fail(err, IR_PROTOCOL, "empty answer");
	} else if (ir_cred_parse(cred, IR_CRED_SSO, r->reply.data,
	    r->reply.len, err) == 0) {
		return 0;
	}
	ir_fail_prefix(err, "profile %s: SSO", s->profile);
	return -1;
}

static int
fetch(const struct ir_chain *ch, const struct sso *s,
    const struct ir_secret *token, struct ir_aws_cred *cred,
    struct ir_err *err)
{
	struct ir_http_opts o = { .total_ms = TIMEOUT_MS, .parallel = 1 };
	struct ir_http_header h = { "x-amz-sso_bearer_token", token->data };
	struct ir_buf url = IR_BUF(4096);
	struct ir_endpoint_opts eo;
	struct ir_endpoint ep;
	struct ir_http *http = NULL;
	int rc, i;

	o.ca_file = ir_chain_setting(ch, "AWS_CA_BUNDLE", "ca_bundle");
	if (ir_endpoint_options("sso", ch->o.config, ch->profile,
	    ch->o.endpoint_url, &eo, err) ||
	    ir_endpoint_find("sso", s->region, &eo, &ep, err))
		return -1;
	ir_buf_fmt(&url, "%s/federation/credentials?role_name=", ep.url);
	ir_sigv4_encode(&url, s->role, strlen(s->role), false);
	ir_buf_str(&url, "&account_id=");
	ir_sigv4_encode(&url, s->account, strlen(s->account), false);
	rc = ir_buf_check(&url, "SSO", err);
	if (rc == 0)
		rc = ir_http_open(&http, &o, err);
	for (i = 0; rc == 0; i++) {
		struct ir_http_req r = { .method = "GET", .url = url.data,
		    .headers = &h, .nheaders = 1, .max = 65536,
		    .secret = true };

		ir_http_run(http, &r, 1, 1);
		rc = take(s, &r, cred, err);
		ir_buf_free(&r.reply);
		if (rc == 0 || err->code != IR_TEMPFAIL || i == ATTEMPTS - 1)
			break;
		usleep((useconds_t)(200000 << i));
		rc = 0;
	}
	ir_http_close(http);
	ir_buf_free(&url);
	return rc;
}

int
ir_cred_sso(const struct ir_chain *ch, struct ir_aws_cred *cred,
    const char *profile, struct ir_err *err)
{
	struct sso s = { .profile = profile };
	struct ir_secret token = IR_SECRET_INIT;
	int rc;

	rc = read_settings(ch, &s, err);
	if (rc <= 0)
		return rc;
	rc = load_token(&s, &token, err);
	if (rc == 0)
		rc = fetch(ch, &s, &token, cred, err);
	ir_secret_free(&token);
	snprintf(cred->source, sizeof cred->source,
	    "profile %s: SSO role %s of account %s", profile, s.role,
	    s.account);
	return rc ? -1 : 1;
}
