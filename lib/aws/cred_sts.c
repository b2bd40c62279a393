/*
 * cred_sts.c - AssumeRole and AssumeRoleWithWebIdentity; see chain.h.  Not by
 * client.h: that needs credentials before it can call anything.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../core/buf.h"
#include "../core/record.h"
#include "../core/text.h"
#include "answer.h"
#include "chain.h"
#include "endpoint.h"
#include "sigv4.h"
#include "xml.h"

#define TIMEOUT_MS 20000
#define ATTEMPTS 3
#define FORM "application/x-www-form-urlencoded; charset=utf-8"
/* AWS takes five minutes; a difference under four is not the reason. */
#define SKEW_MIN 240

struct sts {
	struct ir_chain *ch;
	const struct ir_cred_role *role;
	const char *operation;
	struct ir_endpoint ep;
	struct ir_buf body, url;
	struct ir_http *http;
	bool skew_fixed;
};

/*
 * Cut <name>text</name> out: an XML parser, too, leaves copies.  0; 1 when
 * there is none.
 */
static int
cut(char *bytes, size_t n, const char *name, struct ir_secret *out,
    struct ir_err *err)
{
	size_t k = strlen(name), i, end;

	for (i = 0; i + k + 2 < n; i++) {
		if (bytes[i] != '<' || memcmp(bytes + i + 1, name, k) != 0 ||
		    bytes[i + 1 + k] != '>')
			continue;
		i += k + 2;
		for (end = i; end < n && bytes[end] != '<'; end++)
			if (bytes[end] == '&')
				return 1;
		if (end == n)
			return 1;
		if (ir_secret_set(out, bytes + i, end - i, err))
			return -1;
		memset(bytes + i, 'x', end - i);
		return 0;
	}
	return 1;
}

int
ir_cred_parse_sts(struct ir_aws_cred *cred, char *bytes, size_t n,
    struct ir_err *err)
{
	const char *id, *when;
	struct ir_rec *r;
	int a, b, rc;

	a = cut(bytes, n, "SecretAccessKey", &cred->secret, err);
	b = cut(bytes, n, "SessionToken", &cred->token, err);
	if (a < 0 || b < 0)
		return -1;
	r = ir_xml_parse(bytes, n, NULL, NULL, err);
	if (!r)
		return -1;
	id = ir_rec_get(r, "Credentials.AccessKeyId");
	when = ir_rec_get(r, "Credentials.Expiration");
	if (a || b || !cred->secret.len || !cred->token.len || !id || !when ||
	    ir_time_parse(when, &cred->expires))
		rc = ir_fail(err, IR_PROTOCOL, "credentials not understood");
	else
		rc = ir_cred_set_key_id(cred, id, err);
	if (rc == 0)
		rc = ir_cred_check(cred, err);
	ir_rec_free(r);
	return rc;
}

static void
add(struct ir_buf *b, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	ir_buf_fmt(b, "&%s=", name);
	ir_sigv4_encode(b, value, strlen(value), false);
}

static int
compose(struct sts *s, struct ir_err *err)
{
	const struct ir_cred_role *r = s->role;
	char made_up[64];

	snprintf(made_up, sizeof made_up, "quell-%lld", (long long)ir_now());
	ir_buf_fmt(&s->body, "Action=%s&Version=%s", s->operation,
	    s->ep.version);
	add(&s->body, "RoleArn", r->arn);
	add(&s->body, "RoleSessionName",
	    r->session && *r->session ? r->session : made_up);
	add(&s->body, "DurationSeconds", r->duration);
	add(&s->body, "ExternalId", r->external_id);
	add(&s->body, "SerialNumber", r->mfa_serial);
	add(&s->body, "TokenCode", r->mfa_code);
	if (r->token)
		add(&s->body, "WebIdentityToken", r->token->data);
	ir_buf_fmt(&s->url, "%s/", s->ep.url);
	if (ir_buf_check(&s->body, s->operation, err))
		return -1;
	return ir_buf_check(&s->url, s->operation, err);
}

/* The headers; *sig is freed by the caller. */
static int
sign(const struct sts *s, struct ir_http_header h[5], size_t *n,
    struct ir_sigv4 *sig, struct ir_err *err)
{
	const struct ir_aws_cred *by = s->role->by;
	struct ir_sigv4_req r = { .method = "POST", .path = "/",
	    .headers = h, .nheaders = 2, .body = s->body.data,
	    .body_len = s->body.len, .region = s->ep.region,
	    .service = s->ep.signing, .when = ir_now() + s->ch->skew };

	memset(sig, 0, sizeof *sig);
	h[0] = (struct ir_http_header){ "Host", s->ep.host };
	h[1] = (struct ir_http_header){ "Content-Type", FORM };
	*n = 2;
	if (!by)
		return 0;
	r.key_id = by->key_id;
	r.secret = &by->secret;
	r.token = &by->token;
	if (ir_sigv4_sign(&r, sig, err))
		return -1;
	h[(*n)++] = (struct ir_http_header){ "X-Amz-Date", sig->date };
	if (by->token.len)
		h[(*n)++] = (struct ir_http_header){ "X-Amz-Security-Token",
		    by->token.data };
	h[(*n)++] = (struct ir_http_header){ "Authorization",
	    ir_buf_cstr(&sig->authorization) };
	return 0;
}

static bool
fix_skew(struct sts *s, const struct ir_http_req *r,
    const struct ir_aws_error *e)
{
	int64_t skew = r->date - ir_now();

	if (s->skew_fixed || !r->date || !ir_aws_maybe_clock(e) ||
	    (skew - s->ch->skew < SKEW_MIN && s->ch->skew - skew < SKEW_MIN))
		return false;
	s->ch->skew = skew;
	s->skew_fixed = true;
	return true;
}

/* What the answer is worth: *pause_ms < 0 says not to try again. */
static int
take(struct sts *s, const struct ir_http_req *r, struct ir_aws_cred *cred,
    long *pause_ms, struct ir_err *err)
{
	struct ir_aws_error e;
	enum ir_aws_class class;

	*pause_ms = -1;
	if (r->err.code) {
		*err = r->err;
		/* a code of an MFA device works once */
		if (err->code == IR_TEMPFAIL && !s->role->mfa_code)
			*pause_ms = 50;
		return -1;
	}
	if (r->status == 200)
		return r->reply.data ? ir_cred_parse_sts(cred, r->reply.data,
		    r->reply.len, err) :
		    ir_fail(err, IR_PROTOCOL, "empty answer");
	ir_aws_error_read(IR_AWS_QUERY, ir_buf_cstr(&r->reply), r->reply.len,
	    r->query_error, r->error_type, &e);
	class = ir_aws_error_class(r->status, &e);
	if (fix_skew(s, r, &e))
		*pause_ms = 0;
	else if (class == IR_AWS_SLOW_DOWN)
		*pause_ms = 1000;
	else if (class == IR_AWS_BROKEN ||
	    strcmp(e.code, "IDPCommunicationError") == 0)
		*pause_ms = 50;
	if (*e.code)
		return ir_fail(err, *pause_ms > 0 ? IR_TEMPFAIL : IR_NOPERM,
		    "%s%s%s", e.code, *e.text ? ": " : "", e.text);
	return ir_fail(err, *pause_ms > 0 ? IR_TEMPFAIL : IR_NOPERM,
	    "status %d", r->status);
}

static int
call(struct sts *s, struct ir_aws_cred *cred, struct ir_err *err)
{
	struct ir_http_header h[5];
	struct ir_http_req r;
	struct ir_sigv4 sig;
	long pause_ms;
	int rc, i;

	for (i = 0;; i++) {
		memset(&r, 0, sizeof r);
		rc = sign(s, h, &r.nheaders, &sig, err);
		if (rc)
			return -1;
		r.method = "POST";
		r.url = s->url.data;
		r.headers = h;
		r.body = s->body.data;
		r.body_len = s->body.len;
		r.max = 262144;
		r.secret = true;
		/* else libcurl would use an MFA code twice */
		r.fresh = s->role->mfa_code != NULL;
		ir_http_run(s->http, &r, 1, 1);
		rc = take(s, &r, cred, &pause_ms, err);
		if (pause_ms >= 0 && r.retry_after_ms > pause_ms)
			pause_ms = (long)(r.retry_after_ms < pause_ms + 5000 ?
			    r.retry_after_ms : pause_ms + 5000);
		ir_buf_free(&r.reply);
		ir_sigv4_free(&sig);
		if (rc == 0 || pause_ms < 0 ||
		    i >= ATTEMPTS - 1 + s->skew_fixed)
			return rc;
		usleep((useconds_t)(pause_ms * 1000) << (i < 3 ? i : 3));
	}
}

int
ir_cred_assume(struct ir_chain *ch, struct ir_aws_cred *cred,
    const struct ir_cred_role *role, struct ir_err *err)
{
	struct sts s = { .ch = ch, .role = role,
	    .operation = role->by ? "AssumeRole" :
	    "AssumeRoleWithWebIdentity",
	    .body = IR_BUF_SECRET(131072), .url = IR_BUF(1024) };
	struct ir_http_opts o = { .total_ms = TIMEOUT_MS, .parallel = 1 };
	struct ir_endpoint_opts eo;
	int rc;

	o.ca_file = ir_chain_setting(ch, "AWS_CA_BUNDLE", "ca_bundle");
	rc = ir_endpoint_options("sts", ch->o.config, ch->profile,
	    ch->o.endpoint_url, &eo, err);
	if (rc == 0)
		rc = ir_endpoint_find("sts", ch->o.region, &eo, &s.ep, err);
	if (rc == 0)
		rc = compose(&s, err);
	if (rc == 0)
		rc = ir_http_open(&s.http, &o, err);
	if (rc == 0)
		rc = call(&s, cred, err);
	if (rc)
		ir_fail_prefix(err, "%s: %s", s.operation, role->arn);
	ir_http_close(s.http);
	ir_buf_free(&s.body);
	ir_buf_free(&s.url);
	return rc;
}
