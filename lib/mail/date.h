/*
 * date.h - the dates of mail: RFC 5322 section 3.3 and 4.3 (obsolete zones,
 * comments, two-digit years), and as people write them in notices
 * ("2026-11-21 02:04:18 UTC", "10 Jul 2026 02:21:07 GMT", "7:05 PM",
 * "2026年11月21日 10:00", which without a zone is Japan's time).
 */
#ifndef IR_MAIL_DATE_H
#define IR_MAIL_DATE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Seconds since the epoch; 0, or -1 when there is no date with a time in s.
 * A missing or unknown zone is read as UTC.  Text after the zone is ignored.
 */
int ir_mail_date(const char *s, size_t n, int64_t *t);

#endif
