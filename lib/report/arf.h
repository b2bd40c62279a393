/*
 * arf.h - the fields of a feedback report: message/feedback-report (RFC
 * 5965, 6591, 6692) and the second part of an X-ARF 0.1 or 0.2 mail, which
 * has the same form.
 *
 * Pure and bounded; what a stranger wrote is taken as he wrote it.
 */
#ifndef IR_ARF_H
#define IR_ARF_H

#include <stdbool.h>
#include <stddef.h>

struct ir_rec;

#define IR_ARF_BYTES 65536	/* of a report that are read */
#define IR_ARF_LIST 20		/* of a field that may be repeated */
#define IR_ARF_VALUE 300	/* bytes of a value that are kept */

/*
 * Set in o what is there: feedback_type, user_agent, version, source_ip,
 * source_port, arrived (RFC 3339), mail_from, rcpt_to[], domains[], uris[],
 * envelope_id, reporting_mta, auth_failure, incidents.  The first of a field
 * wins that may stand only once.  How many fields were known.
 */
size_t ir_arf_parse(const char *s, size_t n, struct ir_rec *o);

/*
 * X-ARF: category, kind (its Report-Type), source_ip, source_port, domains[]
 * or uris[] by its Source-Type, service, arrived, report_id, user_agent,
 * reporter.  How many fields were known.
 */
size_t ir_xarf_text(const char *s, size_t n, struct ir_rec *o);

/* One field: a value without line ends and the white space around it. */
void ir_claim_put(struct ir_rec *o, const char *key, const char *s, size_t n);
/* The same, of a list. */
void ir_claim_add(struct ir_rec *o, const char *key, const char *s, size_t n);
/* A date of any form as RFC 3339. */
void ir_claim_time(struct ir_rec *o, const char *key, const char *s, size_t n);
/* An address that is one: else false. */
bool ir_claim_ip(struct ir_rec *o, const char *key, const char *s, size_t n);

#endif
