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
#include "exim/top.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
use(const struct ir_spool_msg *m)
{
	struct ir_select s = IR_SELECT_INIT;
	struct ir_buf b = IR_BUF(IR_SUBJECT_MAX);
	struct ir_top *t = ir_top_new("subject,recipient_domain", NULL);
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
	s.text[IR_SEL_SCRIPT] = "x";
	s.text[IR_SEL_RCPT] = "a@b";
	(void)ir_select_match(&s, m, 0);
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
