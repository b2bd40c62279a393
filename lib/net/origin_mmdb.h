/*
 * origin_mmdb.h - databases in MaxMind's format, through libmaxminddb; the
 * only place that knows it.  Without the library every open is 78.
 *
 * Source: MaxMind DB File Format Specification 2.0; the fields are those of
 * GeoLite2 and GeoIP2 (ASN, ISP, Country, City), DB-IP lite and IPinfo lite.
 */
#ifndef IR_ORIGIN_MMDB_H
#define IR_ORIGIN_MMDB_H

#include "../core/err.h"
#include "origin.h"

struct ir_mmdb;

/* Does it end as such a file does?  Any other is a table, perhaps. */
bool ir_mmdb_is(const char *path);
/* 0, or -1: 66, 65, 77, 78. */
int ir_mmdb_open(struct ir_mmdb **m, const char *path, struct ir_err *err);
void ir_mmdb_close(struct ir_mmdb *m);
/* "GeoLite2-ASN", and "2026-11-17" */
const char *ir_mmdb_type(const struct ir_mmdb *m);
const char *ir_mmdb_date(const struct ir_mmdb *m);
/* Fill in what is not known yet.  Whether it had something. */
bool ir_mmdb_find(struct ir_mmdb *m, const struct ir_ip *ip,
    struct ir_origin *out);

#endif
