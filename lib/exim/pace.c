/* pace.c - see pace.h */
#include <time.h>

#include "../core/text.h"
#include "pace.h"

int
ir_pace(const struct ir_pace *p, size_t done, size_t total,
    struct ir_err *err)
{
	const struct timespec nap = { 0, 50000000 };
	int64_t due = p->rate > 0 ?
	    p->since + (int64_t)done * 1000 / p->rate : 0;
	size_t left = total > done ? total - done : 0;

	ir_progress(p->common, p->what, done, total, p->since);
	while (ir_mono_ms() < due && !ir_stopped())
		nanosleep(&nap, NULL);
	if (ir_stopped())
		return ir_fail(err, IR_TEMPFAIL, "stopped, %zu messages are "
		    "left", left);
	if (p->deadline && ir_mono_ms() > p->deadline)
		return ir_fail(err, IR_TEMPFAIL, "time is up, %zu messages "
		    "are left", left);
	return 0;
}
