/*
 * dnsbl.h - DNS lists of addresses (RFC 5782, 6471): the table of lists, the
 * names to ask for, and what an answer means.  All of it is pure; asking is
 * the caller's (dns.h).
 *
 * The table is text: a line is a list, '#' begins a comment line, columns
 * are separated by tabs, and missing columns at the end take the default,
 * so that a plain list of zone names is a table.
 *
 *	zone	bl.example.net; "*.example.net" (class dead): all below it
 *	kind	4, 6 or 46: the addresses that it covers [4]
 *	class	black, white, or dead: never to be asked [black]
 *	tier	1 widely used to reject, 2 used in scoring, 3 niche [1]
 *	codes	what A records mean [*=listed]: items CODE=MEANING joined by
 *		';'.  CODE is an address, or its last octets after 127.
 *		(".0.2" is 127.0.0.2), a range of them (.0.5-.0.7), "bit:N"
 *		(the last octet is a mask) or "*" (any of 127.0.0.0/8).  A
 *		MEANING that begins with '+' speaks well of the address, with
 *		'~' neither well nor ill
 *	errors	codes by which the list says that it will not answer [-].
 *		127.255.255.0/24 and 127.0.0.1 are that anyway, unless they
 *		are among the codes
 *	test	"std": 127.0.0.2 (::ffff:7f00:2) is listed, 127.0.0.1
 *		(::ffff:7f00:1) is not; or items joined by ';', "+ADDRESS"
 *		and "-ADDRESS"; or "none" [std]
 *	delist	where removal is asked for [-]
 *	status	how far it is known to live, or how it died [-]
 */
#ifndef IR_DNSBL_H
#define IR_DNSBL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dns.h"

#define IR_DNSBL_MAX_ZONES 512
#define IR_DNSBL_MAX_CODES 24
#define IR_DNSBL_MAX_TEXT (256u << 10)	/* bytes of one table */

/* --- addresses ---------------------------------------------------------- */

struct ir_ip {
	bool v6;
	uint8_t b[16];		/* 4 or 16 of them count */
};

/*
 * Read an address.  ::ffff:192.0.2.1 becomes 192.0.2.1, which is how lists
 * know it, unless mapped is to stay.  0, or -1 when it is none.
 */
int ir_ip_parse(const char *s, bool keep_mapped, struct ir_ip *ip);

/* As text, the usual form; buf holds at least 46 bytes. */
char *ir_ip_text(const struct ir_ip *ip, char *buf, size_t size);

/*
 * Why no public list can say anything about the address ("private",
 * "loopback", ...), or NULL.  The networks kept for documentation and
 * 127.0.0.0/24, where the test points are, may be asked about.
 */
const char *ir_ip_special(const struct ir_ip *ip);

/* --- the table ---------------------------------------------------------- */

struct ir_dnsbl_code {
	uint32_t low, high;	/* addresses; unused for a bit */
	uint8_t bit;		/* 0: none */
	bool any;		/* "*" */
	char sign;		/* '+' good, '~' neither, '!' bad */
	char meaning[80];
};

enum ir_dnsbl_class { IR_DNSBL_BLACK, IR_DNSBL_WHITE, IR_DNSBL_DEAD };

struct ir_dnsbl_zone {
	char name[256];
	char shown[256];	/* the same with an access key hidden */
	bool v4, v6;
	enum ir_dnsbl_class class;
	int tier;
	struct ir_dnsbl_code code[IR_DNSBL_MAX_CODES];
	size_t ncodes;
	struct ir_dnsbl_code error[IR_DNSBL_MAX_CODES];
	size_t nerrors;
	/* test points by family (0: v4, 1: v6); have: there is one */
	struct ir_ip listed[2], unlisted[2];
	bool have_listed[2], have_unlisted[2];
	char delist[160], status[160];
};

struct ir_dnsbl_table {
	struct ir_dnsbl_zone *zone;	/* owned */
	size_t n, cap;
};

/*
 * Add the lines of a table.  name is for messages.  0, or -1: 78 and
 * "NAME:LINE: what is wrong", 71.
 */
int ir_dnsbl_parse(struct ir_dnsbl_table *t, const char *text, size_t n,
    const char *name, struct ir_err *err);
void ir_dnsbl_free(struct ir_dnsbl_table *t);

/* The entry for a zone itself, or NULL. */
const struct ir_dnsbl_zone *ir_dnsbl_find(const struct ir_dnsbl_table *t,
    const char *name);
/* The entry that says that a zone is dead, or NULL. */
const struct ir_dnsbl_zone *ir_dnsbl_dead(const struct ir_dnsbl_table *t,
    const char *name);

/* --- questions and answers ---------------------------------------------- */

/* The name to ask for: reversed octets or nibbles.  0, or -1: too long. */
int ir_dnsbl_name(const struct ir_ip *ip, const char *zone, char out[256]);

enum ir_dnsbl_verdict {
	IR_DNSBL_CLEAN, IR_DNSBL_LISTED, IR_DNSBL_WHITELISTED,
	IR_DNSBL_UNKNOWN, IR_DNSBL_REFUSED, IR_DNSBL_NOT_COVERED,
};

struct ir_dnsbl_result {
	enum ir_dnsbl_verdict verdict;
	/* of what is unknown or refused: "refused", "servfail", "timeout",
	 * "bad-reply", "error-code", "dead-zone", "lists-the-world",
	 * "empty-zone"; NULL else */
	const char *why;
	char detail[128];	/* more about it; may be empty */
	const struct ir_dnsbl_code *hit[IR_DNSBL_MAX_CODES];
	size_t nhits;		/* codes that the answer matched */
};

/* What the answer to an A question says, if the list can be believed. */
void ir_dnsbl_judge(const struct ir_dnsbl_zone *z,
    const struct ir_dns_query *q, struct ir_dnsbl_result *r);

/*
 * Can the list be believed?  The three are answers to A questions: for the
 * test point that is listed, the one that is not (each may be NULL: has
 * none) and a random name.  True, or false and *r says why not; then that is
 * the verdict for every address.
 */
bool ir_dnsbl_believe(const struct ir_dnsbl_zone *z,
    const struct ir_dns_query *listed, const struct ir_dns_query *unlisted,
    const struct ir_dns_query *random, struct ir_dnsbl_result *r);

/* "listed", "clean", "unknown", "not-covered", "whitelisted",
 * "policy-refused". */
const char *ir_dnsbl_verdict_word(enum ir_dnsbl_verdict v);

#endif
