/* courier_ses.c - by SendEmail of SES's API, version 2; see courier.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../aws/client.h"
#include "../vault/base64.h"
#include "courier.h"

static struct ir_rec *
addresses(const char *const *v, size_t n)
{
	struct ir_rec *list = ir_rec_array();

	while (n--)
		ir_rec_push_str(list, *v++);
	return list;
}

/* The request: addresses by the record writer, the message as it is. */
static int
body(const struct ir_message *m, struct ir_buf *out, struct ir_err *err)
{
	struct ir_rec *to = ir_rec_object(), *r = ir_rec_object();
	char *data = malloc(m->n * 4 / 3 + 8);
	int rc = -1;

	ir_rec_set(to, "ToAddresses", addresses(m->to, 1));
	if (m->nto > 1)
		ir_rec_set(to, "CcAddresses", addresses(m->to + 1,
		    m->nto - 1));
	ir_rec_str(r, "FromEmailAddress", m->from);
	ir_rec_set(r, "Destination", to);
	if (data) {
		ir_base64_encode((const unsigned char *)m->bytes, m->n, data);
		ir_rec_json(r, out);
		/* beside the rest: a record's strings are shorter */
		ir_buf_trunc(out, out->len ? out->len - 1 : 0);
		ir_buf_str(out, ",\"Content\":{\"Raw\":{\"Data\":\"");
		ir_buf_str(out, data);
		ir_buf_str(out, "\"}}}");
		rc = ir_buf_check(out, "the request", err);
	} else {
		ir_fail(err, IR_OSERR, "no memory");
	}
	free(data);
	ir_rec_free(r);
	return rc;
}

void
ir_courier_ses_id(const char *region, const char *id, char *out, size_t size)
{
	bool first = strcmp(region, "us-east-1") == 0;
	size_t n = strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-");

	out[0] = '\0';
	if (n && !id[n] && n < 100)
		snprintf(out, size, "<%s@%s.amazonses.com>", id, first ?
		    "email" : region);
}

int
ir_courier_by_ses(const struct ir_courier *c, const struct ir_message *m,
    int (*before)(void *, const char *, struct ir_err *), void *arg,
    struct ir_courier_result *r, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(m->n * 2 + 65536);
	struct ir_aws_call call = { .service = "sesv2",
		.operation = "SendEmail", .region = c->ses_region,
		.method = "POST", .path = "/v2/email/outbound-emails",
		.body = &b, .not_repeatable = true };
	const char *id;
	int rc = -1;

	snprintf(r->transport, sizeof r->transport, "ses %.40s %.12s",
	    c->ses_region, c->ses_account);
	if (body(m, &b, err) == 0 && before(arg, r->transport, err) == 0) {
		rc = ir_aws_do(c->ses, &call, err);
		id = ir_rec_get(call.reply, "MessageId");
		if (rc == 0 && id) {
			snprintf(r->reply, sizeof r->reply, "%d MessageId "
			    "%.200s", call.http_status, id);
			ir_courier_ses_id(c->ses_region, id, r->remote_id,
			    sizeof r->remote_id);
		} else {
			snprintf(r->reply, sizeof r->reply, "%d %.400s",
			    call.http_status, rc ? err->msg : "no MessageId");
		}
	}
	ir_aws_call_free(&call);
	ir_buf_free(&b);
	return rc;
}
