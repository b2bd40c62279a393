/*
 * profile.h - providers beside AWS whose notices are read: data, not code.
 *
 * A table of lines "PROVIDER<TAB>KEY<TAB>VALUE"; '#' begins a comment line.
 * Keys: domain (senders at or below it), case, account, resource (extended
 * regular expressions, POSIX; the first group is the value; case and account
 * are looked for in the subject, then in the provider's own text), reply
 * (mail, web or ticket), reply-url (an expression), deadline (hours).
 *
 * AWS's rules are code (facts.h); its name cannot be used here.
 */
#ifndef IR_PROFILE_H
#define IR_PROFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/err.h"

#define IR_PROFILE_ROWS 500
#define IR_PROFILE_BYTES 65536	/* of a table */
#define IR_PROFILE_NAME 16	/* bytes of a provider's name */

struct ir_profile_row {
	const char *provider, *key, *value;	/* in text */
};

struct ir_profiles {
	struct ir_profile_row rows[IR_PROFILE_ROWS];
	size_t n;
	char *text[2];		/* owned: what the rows point into */
	size_t ntext;
};

/* Add a table; name is for messages.  0, or -1: 78 and the line, 71. */
int ir_profiles_add(struct ir_profiles *p, const char *s, size_t n,
    const char *name, struct ir_err *err);
void ir_profiles_free(struct ir_profiles *p);

/* The provider that the address belongs to; NULL: none.  p may be NULL. */
const char *ir_profile_sender(const struct ir_profiles *p, const char *addr);
/* The nth (from 0) value of a provider's key, or NULL. */
const char *ir_profile_get(const struct ir_profiles *p, const char *provider,
    const char *key, size_t nth);

/*
 * Where the expression matches in s first: its first group, or all of it.
 * false: nowhere.  At most 64 KiB of s are looked at.
 */
bool ir_profile_match(const char *expression, const char *s, size_t n,
    const char **value, size_t *len);

#endif
