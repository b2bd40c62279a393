/*
 * volume.h - how much was sent in each quarter of an hour, counted from what
 * is in an incident's evidence.  Pure.
 *
 * Sources: lines of an Exim main log ("<=" accepted, "=>" and "->" delivered;
 * Exim specification, chapter 52), records of type ses-history (by
 * the quarter, or by the hour: then a quarter of it is put in each), and the
 * JSON of the AWS CLI's cloudwatch get-metric-data and get-metric-statistics.
 *
 * A source covers the time from the first thing that it says to the last:
 * outside of it nothing is known, which is not nothing sent.
 */
#ifndef IR_VOLUME_H
#define IR_VOLUME_H

#include <stddef.h>
#include <stdint.h>

#include "../core/record.h"

#define IR_VOLUME_STEP 900		/* seconds of a slot */
#define IR_VOLUME_SLOTS 5760		/* of a series: 60 days */
#define IR_VOLUME_SERIES 12

struct ir_volume {
	char label[96];
	char unit[64];			/* what is counted */
	int64_t *slot;			/* time / IR_VOLUME_STEP, ascending */
	double *count;
	size_t n, cap;
	int64_t from, to;		/* slots that are covered */
	bool hourly;			/* spread over its hour */
};

struct ir_volumes {
	struct ir_volume v[IR_VOLUME_SERIES];
	size_t n;
	bool full;			/* something was left out */
};

void ir_volumes_free(struct ir_volumes *vs);

/* A line of a main log; zone: of its times when they do not say one. */
void ir_volume_log(struct ir_volumes *vs, const char *line, size_t n,
    long zone);

/* A record or the CLI's JSON; anything else is passed over. */
void ir_volume_json(struct ir_volumes *vs, const struct ir_rec *r);

/*
 * Of two files that tell of the same (a log that was copied twice), each
 * slot counts once: the larger number.
 */
void ir_volumes_join(struct ir_volumes *to, const struct ir_volumes *from);

/* What was counted in a slot; -1 when it is not known. */
double ir_volume_at(const struct ir_volume *v, int64_t slot);

#endif
