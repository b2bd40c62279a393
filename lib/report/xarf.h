/*
 * xarf.h - XARF reports in JSON: the form of versions 1 to 3 (ReporterInfo,
 * Report) and that of version 4 (xarf_version); see xarf.org.
 */
#ifndef IR_XARF_H
#define IR_XARF_H

#include <stdbool.h>
#include <stddef.h>

struct ir_buf;
struct ir_rec;

#define IR_XARF_EVIDENCE 10	/* pieces of evidence that are looked at */
#define IR_XARF_BYTES (1U << 20)

/* Is this parsed JSON an XARF report? */
bool ir_xarf_is(const struct ir_rec *json);

/*
 * Set in o: version, report_id, arrived, category, kind (its type),
 * reporter, reporter_org, source_ip, source_port or domains[] / uris[],
 * mail_from, rcpt_to[], message_id, subject, and evidence: a list of
 * {content_type, bytes, sha256, hash_ok}.  Evidence that is text or a mail is
 * appended to text, decoded.
 */
void ir_xarf_json(const struct ir_rec *json, struct ir_rec *o,
    struct ir_buf *text);

/* The first JSON object in s that is one: its offset and length, or false. */
bool ir_xarf_find(const char *s, size_t n, size_t *at, size_t *len);

#endif
