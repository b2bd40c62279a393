/* answer.c - see answer.h */
#include <stdio.h>
#include <string.h>

#include "../core/record.h"
#include "../core/text.h"
#include "answer.h"
#include "xml.h"

static bool
is_one_of(const char *s, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(s, *list) == 0)
			return true;
	return false;
}

/*
 * Without what AWS adds to "signature does not match": the canonical
 * request, and the session token is in that.
 */
static void
take(char *out, size_t size, const char *s)
{
	const char *cut = s ? strstr(s, "The Canonical String") : NULL;
	size_t n = cut ? (size_t)(cut - s) : s ? strlen(s) : 0;

	if (!s)
		return;
	while (n && (s[n - 1] == ' ' || s[n - 1] == '\n'))
		n--;
	snprintf(out, size, "%.*s", (int)ir_text_cut(s, n, size - 1), s);
	ir_text_printable(out);
}

/* "ns#Code", "Code:http://...", "Code;Sender": the code. */
static void
take_code(char *out, size_t size, const char *s)
{
	const char *p;
	size_t n;

	if (!s || !*s)
		return;
	p = strchr(s, '#');
	if (p)
		s = p + 1;
	n = strcspn(s, ":;, ");
	if (n >= size)
		n = size - 1;
	memcpy(out, s, n);
	out[n] = '\0';
	ir_text_printable(out);
}

static void
read_xml(const char *bytes, size_t n, struct ir_aws_error *e)
{
	struct ir_rec *r = ir_xml_parse(bytes, n, NULL, NULL, NULL);
	const struct ir_rec *x;

	if (!r)
		return;
	x = ir_rec_at(r, "Error");
	if (!x)
		x = ir_rec_at(r, "Errors.Error");
	if (x) {
		take(e->code, sizeof e->code, ir_rec_get(x, "Code"));
		take(e->text, sizeof e->text, ir_rec_get(x, "Message"));
	}
	ir_rec_free(r);
}

static void
read_json(const char *bytes, size_t n, struct ir_aws_error *e)
{
	struct ir_rec *r = n ? ir_rec_parse(bytes, n, NULL) : NULL;
	const char *s;

	if (!r)
		return;
	s = ir_rec_get(r, "message");
	take(e->text, sizeof e->text, s ? s : ir_rec_get(r, "Message"));
	s = ir_rec_get(r, "__type");
	if (!*e->code)
		take_code(e->code, sizeof e->code,
		    s ? s : ir_rec_get(r, "code"));
	ir_rec_free(r);
}

void
ir_aws_error_read(enum ir_aws_protocol protocol, const char *bytes, size_t n,
    const char *query_error, const char *error_type, struct ir_aws_error *e)
{
	memset(e, 0, sizeof *e);
	if (protocol == IR_AWS_QUERY || protocol == IR_AWS_EC2) {
		read_xml(bytes, n, e);
		return;
	}
	/* the query code, where there is one, is the documented one */
	take_code(e->code, sizeof e->code,
	    *query_error ? query_error : error_type);
	read_json(bytes, n, e);
}

static bool
is_throttle(const char *code)
{
	/* IAM's LimitExceeded is a quota, and is not here. */
	static const char *const list[] = { "Throttling",
	    "ThrottlingException", "ThrottledException",
	    "RequestThrottledException", "TooManyRequestsException",
	    "ProvisionedThroughputExceededException",
	    "TransactionInProgressException", "RequestLimitExceeded",
	    "BandwidthLimitExceeded", "LimitExceededException",
	    "RequestThrottled", "SlowDown", "EC2ThrottledException", NULL };

	return is_one_of(code, list);
}

static bool
is_denied(const char *code)
{
	static const char *const list[] = { "AccessDenied",
	    "AccessDeniedException", "UnauthorizedOperation",
	    "UnauthorizedException", "NotAuthorized", "AuthFailure",
	    "InvalidClientTokenId", "UnrecognizedClientException",
	    "SignatureDoesNotMatch", "InvalidSignatureException",
	    "IncompleteSignature", "IncompleteSignatureException",
	    "ExpiredToken", "ExpiredTokenException", "InvalidAccessKeyId",
	    "MissingAuthenticationToken",
	    "MissingAuthenticationTokenException", NULL };

	return is_one_of(code, list);
}

static bool
says_clock(const struct ir_aws_error *e)
{
	static const char *const list[] = { "RequestTimeTooSkewed",
	    "RequestExpired", "RequestInTheFuture", NULL };

	return is_one_of(e->code, list) ||
	    strstr(e->text, "Signature expired") ||
	    strstr(e->text, "Signature not yet current");
}

bool
ir_aws_maybe_clock(const struct ir_aws_error *e)
{
	static const char *const list[] = { "InvalidSignatureException",
	    "SignatureDoesNotMatch", "AuthFailure", NULL };

	return says_clock(e) || is_one_of(e->code, list);
}

bool
ir_aws_maybe_expired(const struct ir_aws_error *e)
{
	/* the last is EC2's word for both: the token, or the date */
	static const char *const list[] = { "ExpiredToken",
	    "ExpiredTokenException", "RequestExpired", NULL };

	return is_one_of(e->code, list);
}

enum ir_aws_class
ir_aws_error_class(int status, const struct ir_aws_error *e)
{
	static const char *const again[] = { "RequestTimeout",
	    "RequestTimeoutException", "PriorRequestNotComplete",
	    "IDPCommunicationError", NULL };

	if (is_throttle(e->code) || status == 429)
		return IR_AWS_SLOW_DOWN;
	if (says_clock(e))
		return IR_AWS_CLOCK;
	if (is_denied(e->code))
		return IR_AWS_DENIED;
	if (status >= 500 || is_one_of(e->code, again))
		return IR_AWS_BROKEN;
	if (status < 200 || (status >= 300 && status < 400))
		return IR_AWS_STRANGE;
	if (status == 401 || status == 403)
		return IR_AWS_DENIED;
	return IR_AWS_REFUSED;
}
