/* weblog.c - any bytes as an access log, and as Exim's main log */
#include <stdlib.h>
#include <string.h>

#include "weblog/read.h"
#include "weblog/rules.h"
#include "weblog/scan.h"
#include "weblog/score.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct all {
	struct ir_web_counts *c;
	uint64_t lines, hash;
};

static void
take(const char *line, size_t n, uint64_t number, void *arg)
{
	struct ir_web_where w = { line, n, 0, number };
	struct all *a = arg;
	struct ir_web_post p;
	int rc;

	memset(&p, 0xee, sizeof p);
	rc = ir_web_line(line, n, &p);
	(void)ir_web_is_log(line, n);
	if (rc < -1 || rc > 1)
		abort();
	a->hash = a->hash * 31 + ir_web_hash(line, n, number);
	if (rc <= 0)
		return;
	if (!memchr(p.vhost, 0, sizeof p.vhost) || p.path[0] != '/' ||
	    !memchr(p.path, 0, sizeof p.path) ||
	    !memchr(p.agent, 0, sizeof p.agent) || p.status < 0 ||
	    p.status > 599 || (p.vhost[0] && !ir_web_plain(p.vhost)))
		abort();
	if (a->c)
		ir_web_counts_add(a->c, &p, &w, NULL, NULL);
}

/* However it is divided into chunks, the lines are the same. */
static void
scan(struct all *a, const char *p, size_t n, size_t chunk)
{
	struct ir_web_scan s = { .fn = take, .arg = a };
	size_t i, k;

	for (i = 0; i < n; i += k) {
		k = n - i < chunk ? n - i : chunk;
		if (ir_web_feed(&s, p + i, k))
			abort();
	}
	ir_web_end(&s);
	a->lines = s.lines;
	if (a->c)
		ir_web_counts_end(a->c);
	ir_web_scan_free(&s);
}

static void
rules(struct ir_web_counts *c)
{
	struct ir_web_rules r = { .nscores = 1 };
	struct ir_web_score s;
	struct ir_web_who *who;
	struct ir_err err = IR_ERR_INIT;
	size_t i, refused;
	int server, n = ir_web_whos(c, &who, &err);

	if (n < 0)
		abort();
	r.who = who;
	r.nwhos = (size_t)n;
	r.score = &s;
	for (i = 0; i < c->cap; i++) {
		if (!c->url[i])
			continue;
		ir_web_score(c->url[i], c, &s);
		for (server = 0; server < 3; server++) {
			struct ir_buf b = IR_BUF(1 << 20);
			const char *p;

			r.server = (enum ir_web_server)server;
			(void)ir_web_rules(&r, &b, &refused);
			for (p = ir_buf_cstr(&b); *p; p++)
				if (*p != '\n' && *p != '\t' &&
				    (*p < ' ' || *p > '~'))
					abort();
			ir_buf_free(&b);
		}
	}
	free(who);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct ir_delivery_clock clock = { 1795300000, true };
	const char *p = (const char *)data, *end = p + n, *nl, *q;
	struct ir_web_mails *m = ir_web_mails_new();
	struct ir_err err = IR_ERR_INIT;
	struct all whole, bits = { NULL, 0, 0 };
	char host[128], user[64], path[200];

	if (!m)
		abort();
	for (q = p; q < end; q = nl + 1) {
		nl = memchr(q, '\n', (size_t)(end - q));
		if (!nl)
			nl = end;
		ir_web_mails_line(m, q, (size_t)(nl - q), &clock);
	}
	if (ir_web_mails_ready(m, &err))
		abort();
	whole = (struct all){ ir_web_counts_new(m), 0, 0 };
	if (!whole.c)
		abort();
	scan(&whole, p, n, n + 1);
	scan(&bits, p, n, n ? 1 + data[0] % 97 : 1);
	if (whole.lines != bits.lines || whole.hash != bits.hash)
		abort();
	rules(whole.c);
	memset(path, 0, sizeof path);
	memcpy(path, p, n < sizeof path - 1 ? n : sizeof path - 1);
	ir_web_of_path(path, host, user);
	ir_web_counts_free(whole.c);
	ir_web_mails_free(m);
	return 0;
}
