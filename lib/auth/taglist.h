/*
 * taglist.h - "tag=value; tag=value" (RFC 6376, section 3.2): the form of
 * DKIM keys, DMARC, MTA-STS and TLS-RPT records.  Pure.
 */
#ifndef IR_AUTH_TAGLIST_H
#define IR_AUTH_TAGLIST_H

#include <stdbool.h>
#include <stddef.h>

#define IR_TAGS_MAX 40		/* what comes after them is left out */

struct ir_tag {
	const char *name, *value;	/* in the text; no space around */
	size_t name_len, value_len;
};

struct ir_tags {
	struct ir_tag tag[IR_TAGS_MAX];
	size_t n;
	size_t bad;		/* items that are no tag, or one again */
};

void ir_tags_parse(const char *s, size_t n, struct ir_tags *t);

/* NULL: not there.  Names count by case, as RFC 6376 has it. */
const struct ir_tag *ir_tags_find(const struct ir_tags *t, const char *name);
/* Is the value this word?  Without regard to case. */
bool ir_tag_is(const struct ir_tag *t, const char *word);

/*
 * The next of the items of a value, separated by sep, without the white
 * space around it; *at begins with 0.  False: no more.
 */
bool ir_tag_item(const struct ir_tag *t, char sep, size_t *at,
    const char **item, size_t *len);

#endif
