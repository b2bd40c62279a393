/*
 * smtp_proof.h - what the SES SMTP endpoint says about a key: AUTH proves
 * the key, DATA the right to send.  One answer proves nothing while a
 * change spreads: ask on fresh connections until it is the same k times.
 */
#ifndef IR_SMTP_PROOF_H
#define IR_SMTP_PROOF_H

#include <stdbool.h>
#include <stdint.h>

#include "../core/err.h"
#include "../core/secret.h"

struct ir_smtp_proof {
	const char *endpoint;		/* HOST[:PORT] with {region}; 587 */
	const char *region, *user;
	const struct ir_secret *password;
	int64_t deadline;		/* ir_mono_ms() */
	int64_t over_ms;		/* that a row spans at least; 0: any */
};

/*
 * One AUTH on one connection: the reply code, 235 or 535 among them; 0 when
 * there was none, with *err.  At most 10 s.
 */
int ir_smtp_proof_auth(const struct ir_smtp_proof *p, struct ir_err *err);

/*
 * AUTH until it gave `want` (235 or 535) `times` times in a row; the
 * opposite answer starts the count again, no answer does not count.
 * *got: the row reached.  0, or -1: 75 time is over; what else stops it at
 * once: 64, 69, 77 (certificate), 78.
 */
int ir_smtp_proof_row(const struct ir_smtp_proof *p, int want, int times,
    int *got, struct ir_err *err);

/*
 * One mail from `from` to SES's mailbox simulator.  0, or -1: 69 with
 * *paused when the reply says that sending is off, 75, 77 (535), 79 the
 * answer was lost.
 */
int ir_smtp_proof_data(const struct ir_smtp_proof *p, const char *from,
    bool *paused, struct ir_err *err);

#endif
