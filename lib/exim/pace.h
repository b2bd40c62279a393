/*
 * pace.h - between the batches of a long change: how far it is, whether it
 * may go on, and not faster than was asked for.
 */
#ifndef IR_EXIM_PACE_H
#define IR_EXIM_PACE_H

#include <stddef.h>
#include <stdint.h>

#include "../core/cli.h"
#include "../core/err.h"

struct ir_pace {
	const struct ir_common *common;
	const char *what;		/* for the progress: "quarantine" */
	long rate;			/* a second; 0 or less: any */
	int64_t since, deadline;	/* ir_mono_ms(); deadline 0: none */
};

/* Before what follows the first done of total.  -1: 75 stopped, time is up. */
int ir_pace(const struct ir_pace *p, size_t done, size_t total,
    struct ir_err *err);

#endif
