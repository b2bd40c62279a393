/*
 * origin_parse.h - what others write about where addresses belong, read:
 * Team Cymru's answers, tables of ranges, AWS's ip-ranges.json.  Pure; any
 * bytes will do.
 *
 * Sources: team-cymru.com, "IP to ASN mapping", DNS; iptoasn.com, columns of
 * ip2asn-*.tsv; AWS VPC User Guide, "AWS IP address ranges".
 */
#ifndef IR_ORIGIN_PARSE_H
#define IR_ORIGIN_PARSE_H

#include "../core/err.h"
#include "prefix.h"

#define IR_ORIGIN_ASNS 8	/* origins of one network; more are dropped */
#define IR_ORIGIN_NAME 96

/* A network as it is announced. */
struct ir_route {
	struct ir_prefix prefix;
	uint32_t asn[IR_ORIGIN_ASNS];
	size_t nasn;		/* more than one: several announce it */
	char country[3];	/* of the registry's entry; "" */
	char registry[12];	/* "ripencc"; "" */
};

/*
 * One TXT record of origin.asn.cymru.com: "ASN[ ASN...] | PREFIX | CC |
 * REGISTRY | DATE".  -1: it is none, or of a network so large that it cannot
 * be one.
 */
int ir_cymru_route(const char *s, size_t n, struct ir_route *r);
/* A TXT record of ASn.asn.cymru.com: the last of its columns is the name. */
int ir_cymru_name(const char *s, size_t n, char name[IR_ORIGIN_NAME]);
/*
 * Of two records about one address, the one that counts goes into *best: the
 * longer network; of the same network, all its origins.
 */
void ir_route_merge(struct ir_route *best, const struct ir_route *r,
    const struct ir_ip *ip);
void ir_route_add_asn(struct ir_route *r, uint32_t asn);

/* A line "FIRST TAB LAST TAB ASN TAB CC TAB NAME". */
struct ir_range {
	struct ir_ip first, last;
	uint32_t asn;		/* 0: not routed */
	char country[3];
	char name[IR_ORIGIN_NAME];
};

int ir_range_parse(const char *s, size_t n, struct ir_range *r);
/* The largest network around ip that is all in [first, last]. */
void ir_range_prefix(const struct ir_ip *first, const struct ir_ip *last,
    const struct ir_ip *ip, struct ir_prefix *p);

/* AWS's ranges. */
#define IR_AWS_RANGES_MAX 100000
#define IR_AWS_BYTES_MAX (32u << 20)

struct ir_aws_range {
	struct ir_prefix prefix;
	char service[32], region[32], group[40];
	uint32_t next;		/* 1 + index of the same prefix's next; 0 */
};

struct ir_aws_ranges {
	struct ir_aws_range *v;		/* owned */
	size_t n;
	struct ir_prefix_map *map;	/* owned; index of a prefix's first */
	char date[32];			/* createDate, as it is there */
};

/* 0, or -1: 65 not such a file, 71. */
int ir_aws_ranges_parse(struct ir_aws_ranges *a, const char *s, size_t n,
    struct ir_err *err);
void ir_aws_ranges_free(struct ir_aws_ranges *a);

#endif
