/*
 * facts.h - what a notice of AWS says, found in its subject and in its own
 * half of the text (never in the quoted complaint, which strangers write).
 *
 * Pure, linear, bounded.  A value that is not there stays empty; values that
 * contradict each other are all kept, and ir_facts_one() then gives none.
 */
#ifndef IR_FACTS_H
#define IR_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IR_FACT_VALUES 16
#define IR_FACT_RESOURCES 64
#define IR_FACT_TEXT (256U << 10)	/* bytes of text that are read */

enum ir_fact_source {
	IR_FROM_NOWHERE, IR_FROM_SUBJECT, IR_FROM_BODY, IR_FROM_HEADER,
	IR_FROM_HEALTH, IR_FROM_QUOTE, IR_FROM_DEFAULT
};

struct ir_fact {
	char value[160];		/* "" when there is none */
	enum ir_fact_source source;
	unsigned line;			/* of the body, from 1; else 0 */
	int rank;			/* of two readings the higher counts */
};

struct ir_fact_set {
	struct ir_fact v[IR_FACT_VALUES];
	size_t n;
};

struct ir_resource {
	char kind[24];			/* instance, bucket, access-key, ... */
	char id[200];
	char region[32], account[16];	/* "" when not said */
	bool gone;			/* the notice says it is terminated */
	unsigned line;
	size_t at;			/* offset in the text */
};

struct ir_facts {
	struct ir_fact_set cases, accounts, regions;
	struct ir_fact activity;	/* a word of ir_activity_word() */
	struct ir_fact activity_text;	/* as the notice puts it */
	struct ir_fact when;		/* of the abuse, as written */
	struct ir_fact stage;		/* new, reminder, final, resolved */
	struct ir_fact urgent;		/* the word that makes it so */
	struct ir_fact due;		/* the words of the time limit */
	struct ir_fact due_on;		/* those of the date */
	int64_t due_seconds;		/* after its base; or -1 */
	int64_t due_at;			/* the earliest date; or -1 */
	struct ir_resource resources[IR_FACT_RESOURCES];
	size_t nresources;
	bool support_case;		/* it is answered in Support Center */
	bool about_aws;			/* it speaks like a notice of AWS */
	bool truncated;			/* a limit was met */
};

void ir_facts_init(struct ir_facts *f);
void ir_facts_subject(struct ir_facts *f, const char *s, size_t n);
/* s: the upper half after ir_text_regular() and ir_text_unquote(). */
void ir_facts_body(struct ir_facts *f, const char *s, size_t n);

/* A value from elsewhere (a Health event). */
void ir_facts_add(struct ir_fact_set *set, const char *value, size_t n,
    enum ir_fact_source source, unsigned line, int rank);
/* One resource, by its kind. */
void ir_facts_resource(struct ir_facts *f, const char *kind, const char *id,
    unsigned line);
/* Resource ids and ARNs in s, which is not a text but a list. */
void ir_facts_resources(struct ir_facts *f, const char *s, size_t n);

/* The only value among those of the highest rank, or NULL. */
const struct ir_fact *ir_facts_one(const struct ir_fact_set *set);
/* Two cases agree when the part before the child number does. */
const struct ir_fact *ir_facts_case(const struct ir_fact_set *set);

/*
 * spam, phishing, port-scan, dos, intrusion, malware, open-proxy, botnet,
 * copyright, credentials-exposed, account-review; NULL when none is named.
 */
const char *ir_activity_word(const char *s, size_t n);

/* Length of the case id without "-1", its child number. */
size_t ir_case_root(const char *id);

#endif
