/* smtp_proof.c - see smtp_proof.h */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/rand.h>

#include "../core/buf.h"
#include "../core/cli.h"
#include "../core/text.h"
#include "../net/smtp.h"
#include "smtp_proof.h"

#define PORT 587
#define STEP_MS 10000
#define BETWEEN_MS 300
#define SIMULATOR "success@simulator.amazonses.com"

static int
open_one(const struct ir_smtp_proof *p, struct ir_smtp **s,
    struct ir_err *err)
{
	struct ir_smtp_opts o = { .port = PORT, .tls = IR_SMTP_TLS_MUST };
	int64_t left = p->deadline - ir_mono_ms();
	char host[256];

	if (ir_smtp_endpoint(p->endpoint, p->region, host, sizeof host,
	    &o.port, err))
		return -1;
	if (o.port == 465 || o.port == 2465)
		o.tls = IR_SMTP_TLS_WRAP;
	o.host = host;
	o.timeout_ms = left < 1 ? 1 : left < STEP_MS ? (int)left : STEP_MS;
	return ir_smtp_open(s, &o, err);
}

int
ir_smtp_proof_auth(const struct ir_smtp_proof *p, struct ir_err *err)
{
	struct ir_smtp *s = NULL;
	int code;

	if (open_one(p, &s, err))
		return 0;
	(void)ir_smtp_auth(s, p->user, p->password, err);
	code = ir_smtp_last(s)->code;
	ir_smtp_close(s);
	return code;
}

static void
sleep_until(int64_t when, int64_t deadline)
{
	int64_t ms = (when < deadline ? when : deadline) - ir_mono_ms();
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	if (ms > 0)
		nanosleep(&ts, NULL);
}

int
ir_smtp_proof_row(const struct ir_smtp_proof *p, int want, int times,
    int *got, struct ir_err *err)
{
	struct ir_err one;
	int64_t start, between = BETWEEN_MS;
	int code, last = 0;

	if (times > 1 && p->over_ms / (times - 1) > between)
		between = p->over_ms / (times - 1);
	*got = 0;
	for (;;) {
		one = (struct ir_err)IR_ERR_INIT;
		start = ir_mono_ms();
		code = ir_smtp_proof_auth(p, &one);
		if (code == want)
			(*got)++;
		else if (code == 235 || code == 535)
			*got = 0;
		else if (!code && one.code != IR_TEMPFAIL &&
		    one.code != IR_PROTOCOL) {
			*err = one;
			return -1;
		}
		if (*got >= times)
			return 0;
		last = code ? code : last;
		sleep_until(start + (code == want ? between : BETWEEN_MS),
		    p->deadline);
		if (ir_mono_ms() >= p->deadline || ir_stopped())
			break;
	}
	if (last)
		ir_fail(err, IR_TEMPFAIL, "%s: %s: not %d times %d in a row "
		    "in time, but %d; the last was %d", p->region, p->user,
		    times, want, *got, last);
	else
		ir_fail(err, IR_TEMPFAIL, "%s: %s: no answer in time: %.200s",
		    p->region, p->user, one.msg);
	return -1;
}

/* A mail of our own making: who finds it knows what it was. */
static void
compose(const char *from, struct ir_buf *b)
{
	const char *domain = strrchr(from, '@');
	unsigned char id[12] = { 0 };
	size_t i;

	if (!domain)
		domain = "@localhost";
	(void)RAND_bytes(id, sizeof id);
	ir_buf_fmt(b, "From: <%s>\nTo: <" SIMULATOR ">\n"
	    "Subject: quell: proof of sending\nMessage-ID: <", from);
	for (i = 0; i < sizeof id; i++)
		ir_buf_fmt(b, "%02x", (unsigned)id[i]);
	ir_buf_fmt(b, "%s>\nAuto-Submitted: auto-generated\n"
	    "MIME-Version: 1.0\nContent-Type: text/plain\n\n"
	    "Sent to prove that the new key may send.\n", domain);
}

static bool
says_paused(const char *text)
{
	return strstr(text, "disabled") || strstr(text, "paused") ||
	    strstr(text, "suspended") || strstr(text, "shut down");
}

int
ir_smtp_proof_data(const struct ir_smtp_proof *p, const char *from,
    bool *paused, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(4096);
	struct ir_smtp *s = NULL;
	int rc = -1;

	*paused = false;
	compose(from, &b);
	if (ir_buf_check(&b, "proof", err) == 0 && open_one(p, &s, err) == 0 &&
	    ir_smtp_auth(s, p->user, p->password, err) == 0 &&
	    ir_smtp_mail(s, from, err) == 0 &&
	    ir_smtp_rcpt(s, SIMULATOR, err) == 0)
		rc = ir_smtp_data(s, ir_buf_cstr(&b), b.len, err);
	if (rc && s && ir_smtp_last(s)->code == 535)
		err->code = IR_NOPERM;
	if (rc && s && ir_smtp_last(s)->code / 100 == 5)
		*paused = says_paused(ir_smtp_last(s)->text);
	ir_smtp_close(s);
	ir_buf_free(&b);
	return rc;
}
