/*
 * dmarc.h - DMARC (RFC 9989): the record, the walk up the DNS tree that
 * finds it, the organizational domain, alignment.
 */
#ifndef IR_DMARC_H
#define IR_DMARC_H

#include <stdbool.h>
#include <stddef.h>

#include "resolve.h"
#include "taglist.h"

#define IR_DMARC_QUERIES 8	/* of one walk */
#define IR_DMARC_URIS 10	/* looked at in one tag */

enum ir_dmarc_policy {
	IR_DMARC_UNSET, IR_DMARC_NONE, IR_DMARC_QUARANTINE, IR_DMARC_REJECT,
	IR_DMARC_BAD,		/* another word */
};

struct ir_dmarc_record {
	enum ir_dmarc_policy p, sp, np;
	char psd;		/* 'y', 'n', 'u' */
	bool testing;		/* t=y */
	bool adkim_strict, aspf_strict;
	size_t rua, ruf;	/* valid URIs in them */
	bool has_rua;		/* the tag is there */
	int pct;		/* of RFC 7489, removed since; -1: not there */
	bool old_tags;		/* pct, rf or ri */
	size_t ignored;		/* mistakes and values that were passed over */
};

/* "v=DMARC1" alone or before a ";" (white space may be around). */
bool ir_dmarc_is_record(const char *s, size_t n);

/* Read a record of that kind.  Pure: mistakes become defaults. */
void ir_dmarc_parse(const char *s, size_t n, struct ir_dmarc_record *r);

/*
 * The address domains of rua's mailto URIs, in lower case; returns how many
 * (at most IR_DMARC_URIS).
 */
size_t ir_dmarc_rua_domains(const char *s, size_t n,
    char out[IR_DMARC_URIS][256]);

struct ir_dmarc_found {
	char domain[256];
	const struct ir_rr *txt;	/* the resolver's */
	struct ir_dmarc_record rec;
};

/* 4.10: what the names from a domain upwards have. */
struct ir_dmarc_walk {
	char start[256];
	struct ir_dmarc_found found[IR_DMARC_QUERIES];
	size_t n;		/* longest name first */
	size_t queries;
	size_t several;		/* names with more than one record */
	enum ir_dns_status failed;	/* IR_DNS_OK: every question was
					   answered */
};

void ir_dmarc_walk(struct ir_resolver *res, const char *domain,
    struct ir_dmarc_walk *w);

/* 4.10.2: the organizational domain of where the walk began. */
void ir_dmarc_org(const struct ir_dmarc_walk *w, char out[256]);

/* 4.10.1: the record that applies to it, NULL: none. */
const struct ir_dmarc_found *ir_dmarc_applies(const struct ir_dmarc_walk *w);

/* The policy of that record for the domain; exists: it has A, AAAA or MX. */
enum ir_dmarc_policy ir_dmarc_effective(const struct ir_dmarc_walk *w,
    const struct ir_dmarc_found *f, bool exists);

/*
 * 1: an identifier of SPF or DKIM is in alignment with the domain of the
 * walk; 0: not; -1: the DNS did not answer.
 */
int ir_dmarc_aligned(struct ir_resolver *res, const struct ir_dmarc_walk *w,
    const char *identifier, bool strict);

const char *ir_dmarc_policy_word(enum ir_dmarc_policy p);

#endif
