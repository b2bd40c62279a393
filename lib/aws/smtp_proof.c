/* smtp_proof.c - see smtp_proof.h */
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "../core/cli.h"
#include "../core/text.h"
#include "../net/smtp_probe.h"
#include "smtp_proof.h"

#define PORT 587
#define STEP_MS 10000
#define BETWEEN_MS 300

/* One connection: AUTH, and with from one mail. */
static int
probe(const struct ir_smtp_proof *p, const char *from,
    struct ir_smtp_answer *a, struct ir_err *err)
{
	struct ir_smtp_probe q = { .user = p->user, .password = p->password,
		.from = from, .to = IR_SMTP_SIMULATOR };
	int64_t left = p->deadline - ir_mono_ms();
	char host[256];

	a->facts.reply = (struct ir_smtp_reply){ 0, "", "connect" };
	q.server.port = PORT;
	if (ir_smtp_endpoint(p->endpoint, p->region, host, sizeof host,
	    &q.server.port, err))
		return -1;
	q.server.host = host;
	q.server.tls = ir_smtp_tls_of(q.server.port);
	q.server.timeout_ms = left < 1 ? 1 : left < STEP_MS ? (int)left :
	    STEP_MS;
	return ir_smtp_probe(&q, a, err);
}

int
ir_smtp_proof_auth(const struct ir_smtp_proof *p, struct ir_err *err)
{
	struct ir_smtp_answer a;

	(void)probe(p, NULL, &a, err);
	return strcmp(a.facts.reply.stage, "auth") == 0 ?
	    a.facts.reply.code : 0;
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

int
ir_smtp_proof_data(const struct ir_smtp_proof *p, const char *from,
    bool *paused, struct ir_err *err)
{
	struct ir_smtp_answer a = { .judged = { .verdict = IR_SV_COUNT } };
	int rc = probe(p, from, &a, err);

	/* a key may die at any point of a session */
	if (rc && a.judged.verdict == IR_SV_BAD_CREDENTIALS)
		err->code = IR_NOPERM;
	*paused = rc && a.judged.verdict == IR_SV_PAUSED;
	return rc;
}
