/* exim_spool.c - fuzz the -H and -J parsers, and what reads their results */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "exim/select.h"
#include "exim/spool.h"
#include "exim/subject.h"
#include "exim/suspects.h"
#include "exim/top.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
forget(struct ir_rec *r, void *arg)
{
	(void)arg;
	ir_rec_free(r);
}

static void
passed(const char *name, size_t n, void *arg)
{
	(void)name;
	(void)n;
	(void)arg;
}

static void
use(const struct ir_spool_msg *m)
{
	struct ir_select s = IR_SELECT_INIT;
	struct ir_buf b = IR_BUF(IR_SUBJECT_MAX);
	struct ir_top *t = ir_top_new("subject,recipient_domain", NULL);
	struct ir_suspects *who = ir_suspects_new(NULL);
	struct ir_span left = m->rcpts, a;
	size_t count = 0, delivered;

	while (ir_spool_next_rcpt(&left, &a)) {
		if (a.p < m->rcpts.p || a.p + a.n > m->rcpts.p + m->rcpts.n)
			abort();
		count++;
	}
	if (count != m->rcpt_count)
		abort();
	for (count = 0, left = m->done; ir_spool_next_done(&left, &a); )
		count++;
	if (count != m->done_count)
		abort();
	if (ir_spool_delivered(m, m->headers, &delivered, NULL) == 0 &&
	    delivered > m->rcpt_count)
		abort();
	ir_spool_subject(m, &b);
	if (b.bad)
		abort();
	s.where = "script = x or recipient = a@b or header.x ~ 'y+' or "
	    "subject ~ z or host = 10.0.0.0/8 or sender_domain = c";
	if (ir_select_begin(&s, NULL))
		abort();
	(void)ir_select_match(&s, &(struct ir_select_msg){ m, NULL, -1, 0 });
	ir_select_end(&s);
	(void)ir_spool_unknown(m);
	if (ir_suspects_add(who, m, NULL) == 0)
		ir_suspects_report(who, forget, passed, NULL);
	ir_suspects_free(who);
	(void)ir_top_add(t, m, "", NULL);
	ir_top_free(t);
	ir_buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *s = malloc(n ? n : 1), id[IR_SPOOL_ID_MAX] = "";
	struct ir_spool_msg m;
	size_t len;

	/* a copy of just that size, so that reading past it is seen */
	memcpy(s, data, n);
	len = ir_spool_id_len(s, n);
	memcpy(id, s, len);
	if (len && ir_spool_parse(s, n, id, &m, NULL) == 0)
		use(&m);
	free(s);
	return 0;
}
