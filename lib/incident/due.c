/* due.c - see due.h */
#include <stddef.h>
#include <string.h>

#include "due.h"
#include "journal.h"

static const struct { const char *word; int64_t left; } steps[] = {
	{ "over", 0 }, { "1h", 3600 }, { "6h", 6 * 3600 },
	{ "12h", 12 * 3600 },
};

#define STEPS (sizeof steps / sizeof *steps)

/* The later, the lower; STEPS when it is none. */
static size_t
rank(const char *word)
{
	size_t i;

	for (i = 0; i < STEPS; i++)
		if (word && strcmp(word, steps[i].word) == 0)
			break;
	return i;
}

const char *
ir_due_step(int64_t left)
{
	size_t i;

	for (i = 0; i < STEPS; i++)
		if (left <= steps[i].left)
			return steps[i].word;
	return NULL;
}

struct told {
	const char *due;
	size_t rank;
};

static int
is_told(const struct ir_rec *line, void *arg)
{
	const struct told *t = arg;
	const char *event = ir_rec_get(line, "event");
	const char *due = ir_rec_get(line, "data.due");

	return event && strcmp(event, "due.escalated") == 0 && due &&
	    strcmp(due, t->due) == 0 &&
	    rank(ir_rec_get(line, "data.step")) <= t->rank;
}

int
ir_due_told(const char *dir, const char *due, const char *step,
    struct ir_err *err)
{
	struct told t = { due, rank(step) };

	return ir_journal_each(dir, is_told, &t, err);
}

int
ir_due_tell(const char *dir, const char *from, const char *due,
    const char *step, int64_t left, struct ir_err *err)
{
	struct ir_rec *d = ir_rec_object();
	struct ir_journal *j;
	int rc;

	ir_rec_str(d, "step", step);
	ir_rec_str(d, "due", due);
	ir_rec_int(d, "seconds_left", left);
	if (ir_journal_open(&j, dir, from, err)) {
		ir_rec_free(d);
		return -1;
	}
	rc = ir_journal_add(j, "due.escalated", d, err);
	ir_journal_close(j);
	return rc;
}
