/*
 * origin.h - where an address belongs: its AS, network, country, and AWS's own
 * word for its addresses.
 *
 * Sources, in this order; each fills in what the ones before did not know:
 *
 *	databases	.mmdb files (MaxMind, DB-IP, IPinfo and what is built
 *			like them; needs libmaxminddb), tables of ranges as
 *			iptoasn.com has them (also .gz, .zst)
 *	Team Cymru	by DNS, only when it is asked for: whoever runs the
 *			resolvers learns which addresses are looked up
 *
 * Private, loopback, documentation and other special addresses are looked up
 * in databases only, and never asked about.
 *
 * An answer serves the whole network that it names, as long as no longer one
 * is known, in this run and, by the cache file, for IR_ORIGIN_DAYS.
 */
#ifndef IR_ORIGIN_H
#define IR_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/err.h"
#include "origin_parse.h"

#define IR_ORIGIN_DAYS 7	/* that an answer is kept */
#define IR_ORIGIN_DBS 8		/* databases that are used at once */
#define IR_ORIGIN_ROWS (4u << 20) /* lines of all tables */
#define IR_ORIGIN_BATCH 4096	/* addresses of one ir_origins_fetch() */

struct ir_origin {
	bool known;		/* there is an ASN or a country */
	const char *special;	/* "private", ..., or NULL */
	const char *why;	/* of what is not known: "timeout", ...; NULL */
	uint32_t asn[IR_ORIGIN_ASNS];
	size_t nasn;
	char name[IR_ORIGIN_NAME];	/* of the first AS; "" */
	char prefix[IR_PREFIX_TEXT];	/* the network; "" */
	char country[3];	/* "" */
	char registry[12];	/* "ripencc"; only Team Cymru says it */
	char source[80];	/* "GeoLite2-ASN", "cymru"; comma-separated */
	struct {
		bool known;
		char prefix[IR_PREFIX_TEXT], services[128];
		char region[32], group[40];
	} aws;			/* services: comma-separated */
};

struct ir_origin_opts {
	const char *const *db;	/* files */
	size_t ndb;
	bool usual;		/* no file given: look where they usually are */
	const char *aws;	/* ip-ranges.json; may be NULL */
	bool dns;
	const char *resolver;	/* as for struct ir_dns_opts */
	int deadline_ms;	/* of one ir_origins_fetch(); 0: 10000 */
	const char *cache;	/* file of DNS answers; may be NULL */
};

struct ir_origins;
struct ir_rec;

/*
 * Where databases usually are (geoipupdate(1), Debian's packages): up to
 * IR_ORIGIN_DBS files that are there, in buf; v points into it.  Their number.
 */
size_t ir_origins_usual(const char *v[IR_ORIGIN_DBS], char *buf, size_t size);

/*
 * All files are open after this.  With nothing to ask it is no error: then
 * ir_origins_sources() is 0, and nothing is known.  0, or -1: 66, 65 not such
 * a file, 78 no libmaxminddb here, 71.
 */
int ir_origins_open(struct ir_origins **o, const struct ir_origin_opts *opts,
    struct ir_err *err);
/* How many sources there are, AWS's file not counted. */
size_t ir_origins_sources(const struct ir_origins *o);
/* "GeoLite2-ASN 2026-11-17", for who wants to say it; NULL at the end. */
const char *ir_origins_source(const struct ir_origins *o, size_t i);

/*
 * Ask Team Cymru about those of n <= IR_ORIGIN_BATCH addresses that the other
 * sources do not know.  Without dns nothing is done.  What gets no answer is
 * no error: ir_origin.why says it.  0, or -1: 71, 78.
 */
int ir_origins_fetch(struct ir_origins *o, const struct ir_ip *ips, size_t n,
    struct ir_err *err);

/* What is known now; nothing is asked.  Whether anything is. */
bool ir_origins_find(struct ir_origins *o, const struct ir_ip *ip,
    struct ir_origin *out);

/* The field "origin" of a record; see ip-origin(1).  The caller frees it. */
struct ir_rec *ir_origin_record(const struct ir_origin *o);

/* Write the cache, if it changed.  0, or -1 and 73 or 74. */
int ir_origins_save(struct ir_origins *o, struct ir_err *err);
void ir_origins_close(struct ir_origins *o);

/* Lines of a cache file, from `now` on; any bytes will do. */
void ir_origins_cache_read(struct ir_origins *o, const char *s, size_t n,
    int64_t now);

#endif
