/*
 * spf.h - what SPF says of a sender (RFC 7208): check_host(), with a trace
 * of every term that was looked at.
 *
 * Where the RFC leaves a choice:
 *  - a syntax error anywhere in a record is a permerror before anything of
 *    it is evaluated (4.6);
 *  - more than ten MX names are a permerror at once, whatever their order;
 *    of more than ten PTR names the first ten are looked at (4.6.4);
 *  - a term counts at most once as void, however many of its lookups found
 *    nothing (4.6.4 counts terms); the lookups are counted beside it;
 *  - %{p} costs one of the ten lookups, once in a check; exp= costs none;
 *  - a target that cannot be a name (an empty label, one of more than 63
 *    bytes) does not match, and is permerror for include and redirect.
 */
#ifndef IR_SPF_H
#define IR_SPF_H

#include "../core/buf.h"
#include "../net/dnsbl.h"
#include "resolve.h"
#include "spf_record.h"

#define IR_SPF_LOOKUPS 10
#define IR_SPF_VOIDS 2
#define IR_SPF_STEPS 100	/* kept of a trace */
#define IR_SPF_IDENTITY_MAX 1000	/* bytes of HELO, of MAIL FROM */

enum ir_spf_result {
	IR_SPF_NONE, IR_SPF_NEUTRAL, IR_SPF_PASS, IR_SPF_FAIL,
	IR_SPF_SOFTFAIL, IR_SPF_TEMPERROR, IR_SPF_PERMERROR,
};

struct ir_spf_query {
	struct ir_ip ip;	/* ::ffff:a.b.c.d is a.b.c.d */
	const char *helo;	/* may be "" */
	const char *mailfrom;	/* "user@domain", "domain", "" or NULL: the
				   check is of HELO */
	const char *receiver;	/* %{r}; may be NULL */
	int64_t now;		/* %{t} */
};

struct ir_spf_step {
	int depth;		/* of includes and redirects */
	char domain[256];	/* whose record */
	char term[160];		/* printable, cut */
	char target[256];	/* the name asked for; may be "" */
	const char *outcome;	/* "match", "no-match", "modifier", a result
				   word, or "limit" */
	int lookups, voids;	/* used up to here */
};

struct ir_spf_answer {
	enum ir_spf_result result;
	char why[440];		/* of errors and none; may be "" */
	char matched[160];	/* the term that decided; "" by default */
	char record[2048];	/* of the domain itself; cut; may be "" */
	bool has_exp;		/* text of an explanation in exp */
	struct ir_buf exp;
	int lookups;		/* terms that cost one, %{p} */
	int voids;		/* terms that found nothing */
	int void_queries;	/* questions that found nothing */
	int dead;		/* void terms but ptr, whose is the client's */
	bool used_ptr;
	struct ir_spf_step *step;	/* owned */
	size_t nsteps;		/* kept */
};

/* Fill a; free it afterwards, always. */
void ir_spf_check(struct ir_resolver *res, const struct ir_spf_query *q,
    struct ir_spf_answer *a);
void ir_spf_answer_free(struct ir_spf_answer *a);

/*
 * The one SPF record in an answer to a TXT question.  NULL and the result:
 * none, temperror, or permerror when there are several.
 */
const struct ir_rr *ir_spf_select(const struct ir_rrset *set,
    enum ir_spf_result *result);

/* "pass", "softfail", ... */
const char *ir_spf_word(enum ir_spf_result r);

#endif
