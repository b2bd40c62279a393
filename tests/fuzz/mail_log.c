/* mail_log.c - any bytes as lines of a mail server's log */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "maillog/run.h"
#include "maillog/score.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool
look(void *arg, uint64_t where, struct ir_mail_text *t)
{
	(void)arg;
	*t = (struct ir_mail_text){ "f", "text", 4, where };
	return true;
}

static void
put(struct ir_rec *r, void *arg)
{
	struct ir_err err = IR_ERR_INIT;

	if (ir_mail_import(arg, r, &err))
		abort();
	ir_rec_free(r);
}

static void
judge_all(struct ir_mail_state *s, int *sum)
{
	struct ir_mail_verdict v;
	struct ir_err err = IR_ERR_INIT;
	size_t i;

	for (i = 0; i < ir_mail_subjects(s); i++) {
		if (ir_mail_judge(s, ir_mail_subject(s, i), NULL, 3, &v,
		    &err))
			abort();
		*sum += v.score;
		ir_mail_verdict_free(&v);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct ir_mlog_clock c = { .now = 1795305600, .utc = true };
	struct ir_mail_opts o = { .now = 1795305600 };
	struct ir_mail_events e = { 0 };
	struct ir_err err = IR_ERR_INIT;
	struct ir_mail_state *s, *t;
	int one = 0, two = 0;
	char *text;

	if (n > IR_MAIL_PART)
		return 0;
	s = ir_mail_state_new(&err);
	t = ir_mail_state_new(&err);
	text = malloc(n + 1);
	if (!s || !t || !text)
		abort();
	memcpy(text, data, n);
	if (ir_mail_parse_part(&e, text, n, &o, &c) ||
	    ir_mail_apply(s, e.v, e.n, 0, text, NULL, NULL, &err))
		abort();
	/* a state that was written and read says the same */
	ir_mail_export(s, look, NULL, put, t);
	ir_mail_finish(s);
	ir_mail_finish(t);
	judge_all(s, &one);
	judge_all(t, &two);
	if (one != two || ir_mail_subjects(s) != ir_mail_subjects(t))
		abort();
	ir_mlog_redact(text, n);
	free(text);
	ir_mail_events_free(&e);
	ir_mail_state_free(s);
	ir_mail_state_free(t);
	return 0;
}
