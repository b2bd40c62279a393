/* credreport.c - see credreport.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>

#include "../core/text.h"
#include "credreport.h"

#define COLUMNS 64
#define PAUSE_MS 500

/* --- CSV --------------------------------------------------------------- */

struct csv {
	const char *s, *end;
	struct ir_buf text;		/* of the line: fields end with NUL */
	size_t at[COLUMNS], n;
};

/* One field, up to the comma or the line's end; quotes are taken off. */
static void
field(struct csv *c)
{
	bool quoted = c->s < c->end && *c->s == '"';

	if (quoted)
		c->s++;
	for (; c->s < c->end; c->s++) {
		if (quoted && *c->s == '"') {
			if (c->s + 1 == c->end || c->s[1] != '"') {
				quoted = false;
				continue;
			}
			c->s++;
		} else if (!quoted && strchr(",\r\n", *c->s) && *c->s) {
			break;
		}
		ir_buf_chr(&c->text, *c->s ? *c->s : '?');
	}
	ir_buf_chr(&c->text, '\0');
}

/* 1 a line, 0 no more, -1: it has too many fields or is too long. */
static int
line(struct csv *c)
{
	while (c->s < c->end && (*c->s == '\n' || *c->s == '\r'))
		c->s++;
	ir_buf_trunc(&c->text, 0);
	c->n = 0;
	if (c->s == c->end)
		return 0;
	for (;;) {
		if (c->n == COLUMNS)
			return -1;
		c->at[c->n++] = c->text.len;
		field(c);
		if (c->text.bad)
			return -1;
		if (c->s == c->end || *c->s != ',')
			return 1;
		c->s++;
	}
}

static const char *
cell(const struct csv *c, int column)
{
	return column < 0 || (size_t)column >= c->n ? "" :
	    c->text.data + c->at[column];
}

/* --- the report -------------------------------------------------------- */

enum column { USER, ARN, CREATED, PASSWORD, PASSWORD_USED, MFA, KEY };

static const char *const names[KEY] = { "user", "arn", "user_creation_time",
	"password_enabled", "password_last_used", "mfa_active" };
static const char *const key_names[] = { "active", "last_rotated",
	"last_used_date", "last_used_region", "last_used_service" };

#define OF_KEY (sizeof key_names / sizeof *key_names)

struct columns {
	int at[KEY], key[IR_CREDREPORT_KEYS][OF_KEY];
};

static int
column_named(const struct csv *c, const char *name)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (strcmp(cell(c, (int)i), name) == 0)
			return (int)i;
	return -1;
}

static int
find_columns(const struct csv *c, struct columns *to)
{
	char name[64];
	size_t i, k;

	for (i = 0; i < KEY; i++)
		to->at[i] = column_named(c, names[i]);
	for (k = 0; k < IR_CREDREPORT_KEYS; k++)
		for (i = 0; i < OF_KEY; i++) {
			snprintf(name, sizeof name, "access_key_%zu_%s",
			    k + 1, key_names[i]);
			to->key[k][i] = column_named(c, name);
		}
	return to->at[USER] < 0 || to->at[ARN] < 0 || to->key[0][0] < 0 ?
	    -1 : 0;
}

/* "N/A", "no_information", "not_supported": 0 */
static int64_t
when(const char *s)
{
	int64_t t;

	return ir_time_parse(s, &t) == 0 ? t : 0;
}

static bool
yes(const char *s)
{
	return ir_ascii_ieq(s, "true");
}

static void
read_key(const struct csv *c, const int at[OF_KEY],
    struct ir_credreport_key *k)
{
	const char *region = cell(c, at[3]), *service = cell(c, at[4]);

	k->active = yes(cell(c, at[0]));
	k->created = when(cell(c, at[1]));
	k->used = when(cell(c, at[2]));
	/* an inactive key has a time, no key has none */
	k->there = k->active || k->created;
	if (strcmp(region, "N/A") != 0)
		snprintf(k->region, sizeof k->region, "%s", region);
	if (strcmp(service, "N/A") != 0)
		snprintf(k->service, sizeof k->service, "%s", service);
}

static void
read_row(const struct csv *c, const struct columns *at,
    struct ir_credreport_row *r)
{
	size_t i;

	memset(r, 0, sizeof *r);
	snprintf(r->name, sizeof r->name, "%s", cell(c, at->at[USER]));
	snprintf(r->arn, sizeof r->arn, "%s", cell(c, at->at[ARN]));
	r->root = strcmp(r->name, "<root_account>") == 0;
	r->created = when(cell(c, at->at[CREATED]));
	r->password = yes(cell(c, at->at[PASSWORD]));
	r->password_used = when(cell(c, at->at[PASSWORD_USED]));
	r->mfa = yes(cell(c, at->at[MFA]));
	for (i = 0; i < IR_CREDREPORT_KEYS; i++)
		read_key(c, at->key[i], &r->key[i]);
}

static int
by_arn(const void *a, const void *b)
{
	const struct ir_credreport_row *x = a, *y = b;

	return strcmp(x->arn, y->arn);
}

static int
read_rows(struct csv *c, const struct columns *at, struct ir_credreport *out,
    struct ir_err *err)
{
	struct ir_credreport_row *more;
	int rc;

	while ((rc = line(c)) > 0) {
		if (out->n == IR_CREDREPORT_ROWS)
			return ir_fail(err, IR_PROTOCOL,
			    "credential report: too many lines");
		if ((out->n & (out->n - 1)) == 0) {
			more = realloc(out->row, (out->n ? 2 * out->n : 1) *
			    sizeof *more);
			if (!more)
				return ir_fail(err, IR_OSERR, "no memory");
			out->row = more;
		}
		read_row(c, at, &out->row[out->n++]);
	}
	return rc == 0 ? 0 : ir_fail(err, IR_PROTOCOL,
	    "credential report: line %zu not understood", out->n + 2);
}

int
ir_credreport_parse(struct ir_credreport *out, const char *bytes, size_t n,
    struct ir_err *err)
{
	struct csv c = { .s = bytes, .end = bytes + n,
		.text = IR_BUF(16384) };
	struct columns at;
	int rc;

	*out = (struct ir_credreport){ .n = 0 };
	if (n > IR_CREDREPORT_MAX)
		return ir_fail(err, IR_PROTOCOL, "credential report: too long");
	if (line(&c) <= 0 || find_columns(&c, &at))
		rc = ir_fail(err, IR_PROTOCOL,
		    "credential report: not its columns");
	else
		rc = read_rows(&c, &at, out, err);
	ir_buf_free(&c.text);
	if (rc)
		ir_credreport_free(out);
	else if (out->n)
		qsort(out->row, out->n, sizeof *out->row, by_arn);
	return rc;
}

const struct ir_credreport_row *
ir_credreport_find(const struct ir_credreport *c, const char *arn)
{
	size_t low = 0, high = c->n, mid;
	int d;

	while (low < high) {
		mid = low + (high - low) / 2;
		d = strcmp(arn, c->row[mid].arn);
		if (d == 0)
			return &c->row[mid];
		if (d < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

void
ir_credreport_free(struct ir_credreport *c)
{
	free(c->row);
	*c = (struct ir_credreport){ .n = 0 };
}

/* --- fetching ---------------------------------------------------------- */

static int
decode(const struct ir_rec *reply, struct ir_credreport *c,
    struct ir_err *err)
{
	const char *s = ir_rec_get(reply, "Content");
	size_t n = s ? strlen(s) : 0;
	unsigned char *bytes = malloc(n + 1);
	int len, rc;

	if (!bytes)
		return ir_fail(err, IR_OSERR, "no memory");
	len = n && n < INT32_MAX ? EVP_DecodeBlock(bytes,
	    (const unsigned char *)s, (int)n) : -1;
	/* what fills up the last group is decoded as zeros */
	while (len > 0 && n && s[n - 1] == '=') {
		len--;
		n--;
	}
	rc = len < 0 ? ir_fail(err, IR_PROTOCOL,
	    "credential report: not base64") :
	    ir_credreport_parse(c, (char *)bytes, (size_t)len, err);
	free(bytes);
	if (rc == 0) {
		s = ir_rec_get(reply, "GeneratedTime");
		c->time = s ? when(s) : 0;
	}
	return rc;
}

/* 1 it is being made, 0 it is there, -1 */
static int
generate(struct ir_aws *a, size_t *calls, struct ir_err *err)
{
	struct ir_aws_call c = { .service = "iam",
		.operation = "GenerateCredentialReport" };
	const char *state;
	int rc = ir_aws_do(a, &c, err);

	++*calls;
	state = rc ? NULL : ir_rec_get(c.reply, "State");
	if (rc == 0)
		rc = state && strcmp(state, "COMPLETE") == 0 ? 0 : 1;
	ir_aws_call_free(&c);
	return rc;
}

int
ir_credreport_get(struct ir_aws *a, long seconds, struct ir_credreport *c,
    size_t *calls, struct ir_err *err)
{
	const struct timespec pause = { 0, PAUSE_MS * 1000000L };
	struct ir_aws_call get = { .service = "iam",
		.operation = "GetCredentialReport" };
	int64_t end = ir_mono_ms() + seconds * 1000;
	int rc;

	*c = (struct ir_credreport){ .n = 0 };
	while ((rc = generate(a, calls, err)) > 0) {
		if (ir_mono_ms() + PAUSE_MS > end || ir_stopped())
			return ir_fail(err, IR_TEMPFAIL,
			    "the credential report is not ready");
		nanosleep(&pause, NULL);
	}
	if (rc == 0) {
		++*calls;
		rc = ir_aws_do(a, &get, err);
	}
	if (rc == 0)
		rc = decode(get.reply, c, err);
	ir_aws_call_free(&get);
	return rc;
}
