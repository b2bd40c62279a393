/* request.c - what is sent for a call: body, query, headers, signature */
#include <stdio.h>
#include <string.h>

#include "../core/text.h"
#include "job.h"

#define BODY_MAX (1u << 20)

/* name=value pairs, encoded strictly: the same bytes are signed. */
static void
add_param(struct ir_buf *b, const char *sep, const char *name,
    const char *value)
{
	ir_buf_str(b, sep);
	ir_sigv4_encode(b, name, strlen(name), false);
	ir_buf_chr(b, '=');
	ir_sigv4_encode(b, value, strlen(value), false);
}

static void
add_params(struct ir_buf *b, const struct job *j, const char *sep)
{
	const struct ir_aws_call *c = j->call;
	size_t i;

	for (i = 0; i < c->nparams; i++, sep = "&")
		add_param(b, sep, c->params[i].name, c->params[i].value);
	if (j->token && !c->json)
		add_param(b, sep, ir_job_token_name(j), j->token);
}

/* The input, with the token of the page in it. */
static int
add_json(struct job *j, struct ir_err *err)
{
	const struct ir_rec *in = j->call->json;
	struct ir_rec *copy;

	if (!j->token) {
		if (j->call->body)
			ir_buf_add(&j->body, j->call->body->data,
			    j->call->body->len);
		else if (in)
			ir_rec_json(in, &j->body);
		else
			ir_buf_str(&j->body, "{}");
		return 0;
	}
	copy = in ? ir_rec_copy(in) : ir_rec_object();
	if (!copy)
		return ir_fail(err, IR_OSERR, "no memory");
	ir_rec_str(copy, ir_job_token_name(j), j->token);
	ir_rec_json(copy, &j->body);
	ir_rec_free(copy);
	return 0;
}

static void
add_header(struct job *j, const char *name, const char *value)
{
	j->header[j->nheaders].name = name;
	j->header[j->nheaders++].value = value;
}

/* Body, query and the headers that are signed. */
static int
compose(struct job *j, struct ir_err *err)
{
	struct ir_aws_call *c = j->call;

	j->url = (struct ir_buf)IR_BUF(65536);
	j->query = (struct ir_buf)IR_BUF(65536);
	j->body = (struct ir_buf)IR_BUF_SECRET(BODY_MAX);
	j->nheaders = 0;
	add_header(j, "Host", j->ep.host);
	switch (j->ep.protocol) {
	case IR_AWS_QUERY:
	case IR_AWS_EC2:
		ir_buf_fmt(&j->body, "Action=%s&Version=%s", c->operation,
		    j->ep.version);
		add_params(&j->body, j, "&");
		add_header(j, "Content-Type",
		    "application/x-www-form-urlencoded; charset=utf-8");
		break;
	case IR_AWS_JSON10:
	case IR_AWS_JSON11:
		if (add_json(j, err))
			return -1;
		snprintf(j->target, sizeof j->target, "%s.%s", j->ep.target,
		    c->operation);
		add_header(j, "Content-Type",
		    j->ep.protocol == IR_AWS_JSON10 ?
		    "application/x-amz-json-1.0" :
		    "application/x-amz-json-1.1");
		add_header(j, "X-Amz-Target", j->target);
		break;
	case IR_AWS_REST_JSON:
	default:
		add_params(&j->query, j, "");
		if (c->json || c->body) {
			if (add_json(j, err))
				return -1;
			add_header(j, "Content-Type", "application/json");
		}
		break;
	}
	ir_buf_str(&j->url, j->ep.url);
	ir_buf_str(&j->url, c->path ? c->path : "/");
	if (j->query.len)
		ir_buf_fmt(&j->url, "?%s", j->query.data);
	if (ir_buf_check(&j->body, c->operation, err) ||
	    ir_buf_check(&j->query, c->operation, err))
		return -1;
	return ir_buf_check(&j->url, c->operation, err);
}

static int
sign(struct ir_aws *a, struct job *j, struct ir_err *err)
{
	struct ir_aws_call *c = j->call;
	struct ir_sigv4_req r = {
		.method = c->method ? c->method : "POST",
		.path = c->path ? c->path : "/",
		.query = ir_buf_cstr(&j->query),
		.headers = j->header, .nheaders = j->nheaders,
		.body = j->body.data, .body_len = j->body.len,
		.key_id = c->key_id ? c->key_id : a->cred.key_id,
		.secret = c->key_id ? c->key_secret : &a->cred.secret,
		.token = c->key_id ? NULL : &a->cred.token,
		.region = j->ep.region, .service = j->ep.signing,
		.when = ir_now() + a->skew,
	};

	if (ir_sigv4_sign(&r, &j->sig, err))
		return -1;
	add_header(j, "X-Amz-Date", j->sig.date);
	if (r.token && r.token->len)
		add_header(j, "X-Amz-Security-Token", r.token->data);
	add_header(j, "Authorization", ir_buf_cstr(&j->sig.authorization));
	/* not signed: a proxy may drop these and no harm is done */
	if (j->ep.protocol == IR_AWS_JSON10)
		add_header(j, "x-amzn-query-mode", "true");
	if (j->ep.protocol != IR_AWS_QUERY && j->ep.protocol != IR_AWS_EC2)
		add_header(j, "Accept", "application/json");
	return 0;
}

int
ir_job_compose(struct ir_aws *a, struct job *j, struct ir_err *err)
{
	return compose(j, err) ? -1 : sign(a, j, err);
}

void
ir_job_clear(struct job *j)
{
	ir_sigv4_free(&j->sig);
	ir_buf_free(&j->url);
	ir_buf_free(&j->body);
	ir_buf_free(&j->query);
}
