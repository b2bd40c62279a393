/*
 * trace.h - from the message that a complaint is about to who sent it here:
 * Exim's main log and its spool.
 *
 * Source: Exim's specification, "Log files" and "Format of spool files".
 */
#ifndef IR_TRACE_H
#define IR_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

struct ir_rec;

#define IR_TRACE_LINES 40	/* of a log that are kept */
#define IR_TRACE_LINE 500	/* bytes of each */
#define IR_TRACE_IDS 20		/* that are looked for */
#define IR_TRACE_BYTES (UINT64_C(16) << 30)	/* of logs, unpacked */

struct ir_trace_opts {
	char *const *logs;	/* in the order of time; may be gzip or zstd */
	size_t nlogs;
	const char *spool;	/* Exim's, or NULL */
};

/*
 * Look for the report's complaint.lead, else its Exim ids that are not
 * refuted, and its Message-IDs.  Sets "local" in the report: {id, account,
 * how: auth, local or relay, authenticator, sender, host, protocol,
 * message_id, cwd, args, php_script, received, from: mainlog or spool, log},
 * or null and "local_why".  0, or -1: 66, 65, 74 of a log.
 */
int ir_trace(struct ir_rec *report, const struct ir_trace_opts *o,
    struct ir_err *err);

#endif
