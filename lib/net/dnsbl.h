/*
 * dnsbl.h - DNS lists of addresses, domains and mail addresses (RFC 5782,
 * 6471): the table of lists, the names to ask for, and what an answer means.
 * All of it is pure; asking is dnsbl_ask.h.
 *
 * The table is text: a line is a list, '#' begins a comment line, columns
 * are separated by tabs, and missing columns at the end take the default,
 * so that a plain list of zone names is a table.
 *
 *	zone	bl.example.net; "*.example.net" (class dead): all below it;
 *		"KEY.bl.example.net": an access key takes the place of KEY
 *	kind	what it lists, letters of: 4 IPv4, 6 IPv6, d domains, h mail
 *		addresses (as their SHA-1) [4]
 *	class	black, white, or dead: never to be asked [black]
 *	tier	1 widely used to reject, 2 used in scoring, 3 niche [1]
 *	codes	what A records mean [*=listed]: items CODE=MEANING joined by
 *		';'.  CODE is an address, or its last octets after 127.
 *		(".0.2" is 127.0.0.2), a range of them (.0.5-.0.7), "bit:N"
 *		(the last octet is a mask) or "*" (any of 127.0.0.0/8).  A
 *		MEANING that begins with '+' speaks well of what is listed,
 *		with '~' neither well nor ill; one that begins with "high:",
 *		"medium:", "low:" or "policy:" has that severity, else it has
 *		that of the tier (1 high, 2 medium, 3 low)
 *	errors	codes by which the list says that it will not answer [-].
 *		127.255.255.0/24 and 127.0.0.1 are that anyway, unless they
 *		are among the codes
 *	test	"std": 127.0.0.2, ::ffff:7f00:2 and the domain TEST are
 *		listed, 127.0.0.1, ::ffff:7f00:1 and INVALID are not; or items
 *		joined by ';', "+POINT" and "-POINT", POINT an address or a
 *		name; or "none" [std]
 *	delist	where removal is asked for [-]
 *	status	how far it is known to live, or how it died [-]
 *	limits	"5/s" questions a second, "100000/d" a day, joined by ';' [-]
 *	options	joined by ';' [-]: "registered" (domains are asked for by the
 *		registered domain only), "part-of=ZONE" (the whole of it is in
 *		ZONE: not asked when that is), "key=NAME" (of the key; default:
 *		the zone without KEY)
 *	steps	what to do to be taken off, in a sentence or two [-]
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
 * Why nobody out there knows anything about the address, and nobody may be
 * asked ("private", "loopback", "documentation", ...), or NULL.
 */
const char *ir_ip_special(const struct ir_ip *ip);

/*
 * A network (prefix.h): "192.0.2.0/24", "2001:db8::/32"; IPv4 in its mapped
 * form becomes IPv4.  0, or -1 when it is none.
 */
struct ir_prefix;
int ir_net_parse(const char *s, struct ir_prefix *net);
/* How many addresses; UINT64_MAX when there are more than that. */
uint64_t ir_net_size(const struct ir_prefix *net);
/* The address i places after ip. */
struct ir_ip ir_ip_add(const struct ir_ip *ip, uint64_t i);

/* --- what is asked about ------------------------------------------------ */

enum ir_dnsbl_kind { IR_DNSBL_IP4, IR_DNSBL_IP6, IR_DNSBL_DOMAIN,
	IR_DNSBL_MAIL, IR_DNSBL_KINDS };

struct ir_dnsbl_target {
	enum ir_dnsbl_kind kind;
	struct ir_ip ip;
	/*
	 * Owned, NULL for addresses: the domain as an A-label in lower case,
	 * or the mail address; and the registered domain, NULL when that
	 * cannot be told: no libpsl here, or the domain is a public suffix.
	 */
	char *name, *registered;
};

/*
 * An address, a domain (other than ASCII: with libidn2) or a mail address.
 * A last dot is taken away.  0, or -1: 65 and what is wrong, 71.
 */
int ir_dnsbl_target(const char *s, struct ir_dnsbl_target *t,
    struct ir_err *err);
void ir_dnsbl_target_free(struct ir_dnsbl_target *t);
bool ir_dnsbl_target_same(const struct ir_dnsbl_target *a,
    const struct ir_dnsbl_target *b);

/* As text: what a record has as its id; buf holds at least 320 bytes. */
char *ir_dnsbl_target_text(const struct ir_dnsbl_target *t, char *buf,
    size_t size);

/*
 * As ir_ip_special, also for names that only a house or a book has; but lists
 * may be asked about 127.0.0/24, where their test points are.
 */
const char *ir_dnsbl_special(const struct ir_dnsbl_target *t);

/* Was libpsl, libidn2 built in? */
bool ir_dnsbl_have_psl(void);
bool ir_dnsbl_have_idn(void);

/* --- the table ---------------------------------------------------------- */

/* In order of what it does to delivery. */
enum ir_dnsbl_severity { IR_DNSBL_HIGH, IR_DNSBL_MEDIUM, IR_DNSBL_LOW,
	IR_DNSBL_POLICY };

struct ir_dnsbl_code {
	uint32_t low, high;	/* addresses; unused for a bit */
	uint8_t bit;		/* 0: none */
	bool any;		/* "*" */
	char sign;		/* '+' good, '~' neither, '!' bad */
	enum ir_dnsbl_severity severity;
	char meaning[80];
};

enum ir_dnsbl_class { IR_DNSBL_BLACK, IR_DNSBL_WHITE, IR_DNSBL_DEAD };

/* A test point: what stands before the zone; "" when there is none. */
struct ir_dnsbl_point {
	char label[80];
};

struct ir_dnsbl_zone {
	char name[256];		/* what is asked: the key in its place */
	char shown[256];	/* the same with the access key hidden */
	unsigned kinds;		/* 1 << enum ir_dnsbl_kind, ... */
	enum ir_dnsbl_class class;
	int tier;
	struct ir_dnsbl_code code[IR_DNSBL_MAX_CODES];
	size_t ncodes;
	struct ir_dnsbl_code error[IR_DNSBL_MAX_CODES];
	size_t nerrors;
	struct ir_dnsbl_point listed[IR_DNSBL_KINDS];
	struct ir_dnsbl_point unlisted[IR_DNSBL_KINDS];
	char delist[160], status[160], steps[400];
	long per_second, per_day;	/* 0: no limit */
	bool registered;
	char part_of[256];	/* as it is shown; "" */
	char key_name[128];	/* name of its key; "" when it needs none */
	char key[64];		/* the key itself: secret; "" */
};

struct ir_dnsbl_table {
	struct ir_dnsbl_zone *zone;	/* owned; wiped when freed */
	size_t n, cap;
};

/*
 * Add the lines of a table.  name is for messages.  0, or -1: 78 and
 * "NAME:LINE: what is wrong", 71.
 */
int ir_dnsbl_parse(struct ir_dnsbl_table *t, const char *text, size_t n,
    const char *name, struct ir_err *err);
void ir_dnsbl_free(struct ir_dnsbl_table *t);
/* Add what is in `from`, in place of lines of the same zone.  0, or -1. */
int ir_dnsbl_merge(struct ir_dnsbl_table *t,
    const struct ir_dnsbl_table *from, struct ir_err *err);

/* The entry for a zone itself (as it is shown, too), or NULL. */
struct ir_dnsbl_zone *ir_dnsbl_find(const struct ir_dnsbl_table *t,
    const char *name);
/* The entry that says that a zone is dead, or NULL. */
const struct ir_dnsbl_zone *ir_dnsbl_dead(const struct ir_dnsbl_table *t,
    const char *name);

/* Put the key into the zone's name.  0, or -1: 78 not a key. */
int ir_dnsbl_set_key(struct ir_dnsbl_zone *z, const char *key,
    struct ir_err *err);
/* Needs a key and has none. */
bool ir_dnsbl_keyless(const struct ir_dnsbl_zone *z);
/* Overwrite every sight of the zone's key in s by '*'. */
void ir_dnsbl_mask(const struct ir_dnsbl_zone *z, char *s);

/* --- questions and answers ---------------------------------------------- */

/* Reversed octets or nibbles before zone.  0, or -1: too long. */
int ir_dnsbl_name(const struct ir_ip *ip, const char *zone, char out[256]);

/*
 * The name to ask for: reversed octets or nibbles, the domain, or the hash,
 * before the zone.  0, or -1 and *why: "name-too-long", "no-psl" (the list
 * wants the registered domain, which needs libpsl), "public-suffix".
 */
int ir_dnsbl_question(const struct ir_dnsbl_target *t,
    const struct ir_dnsbl_zone *z, char out[256], const char **why);

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
	enum ir_dnsbl_severity severity;	/* of the worst, when listed */
};

/* What the answer to an A question says, if the list can be believed. */
void ir_dnsbl_judge(const struct ir_dnsbl_zone *z,
    const struct ir_dns_query *q, struct ir_dnsbl_result *r);

/*
 * The same for a list that is part of the one that answered: codes that it
 * does not have are another part's.
 */
void ir_dnsbl_judge_part(const struct ir_dnsbl_zone *z,
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

/*
 * Is this how it looks when a list will not speak to this resolver, so that
 * its own name servers may still speak to us?
 */
bool ir_dnsbl_shut_out(const struct ir_dnsbl_result *r);

/* "listed", "clean", "unknown", "not-covered", "whitelisted",
 * "policy-refused". */
const char *ir_dnsbl_verdict_word(enum ir_dnsbl_verdict v);
/* "high", "medium", "low", "policy" */
const char *ir_dnsbl_severity_word(enum ir_dnsbl_severity s);

#endif
