/*
 * spf_record.h - the text of an SPF record (RFC 7208, sections 4.5, 4.6,
 * 5, 6 and the grammar of section 12).  Pure.
 */
#ifndef IR_SPF_RECORD_H
#define IR_SPF_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ir_spf_kind {
	IR_SPF_ALL, IR_SPF_INCLUDE, IR_SPF_A, IR_SPF_MX, IR_SPF_PTR,
	IR_SPF_IP4, IR_SPF_IP6, IR_SPF_EXISTS,
	IR_SPF_REDIRECT, IR_SPF_EXP, IR_SPF_OTHER,	/* modifiers */
};

struct ir_spf_term {
	enum ir_spf_kind kind;
	char qualifier;			/* + - ~ ? */
	const char *text;		/* all of it, in the record */
	size_t len;
	const char *spec;		/* its domain-spec; NULL: none */
	size_t spec_len;
	int cidr4, cidr6;		/* prefix lengths */
	uint8_t ip[16];			/* of ip4 and ip6 */
};

struct ir_spf_record {
	struct ir_spf_term *term;	/* owned; they point into the text */
	size_t n;
	const struct ir_spf_term *redirect, *exp;	/* may be NULL */
};

#define IR_SPF_RECORD_MAX 65535

/* Is this TXT one: "v=spf1" alone or before a space? */
bool ir_spf_is_record(const char *s, size_t n);

/*
 * Read a record, which must stay where it is.  0; -1 and *where is the term
 * with the first mistake (may point at the end: too long, no memory).
 */
int ir_spf_parse(const char *s, size_t n, struct ir_spf_record *r,
    struct ir_spf_term *where);
void ir_spf_record_free(struct ir_spf_record *r);

/* "a", "include", "redirect", ...; "modifier" for what is not known. */
const char *ir_spf_kind_word(enum ir_spf_kind k);

#endif
