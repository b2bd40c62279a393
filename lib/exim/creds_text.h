/*
 * creds_text.h - how a secret is spelled in the places where Exim reads one
 * (Exim specification, chapters "The Exim run time configuration file",
 * "String expansions", "The plaintext authenticator", and 6.20 "List
 * construction").  Pure.
 *
 * What Exim undoes, in its order: double quotes of the option, the list's
 * doubled separators, the expansion of the item, the circumflex of
 * client_send.  Names of macros are replaced before all of that.
 */
#ifndef IR_CREDS_TEXT_H
#define IR_CREDS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "../core/buf.h"
#include "../core/err.h"

enum {
	IR_SPELL_EXPAND = 1,	/* "$" and "\" mean something */
	IR_SPELL_LIST = 2,	/* the separator is doubled */
	IR_SPELL_CARET = 4,	/* "^" is doubled; alone it is a NUL */
	IR_SPELL_QUOTED = 8,	/* in double quotes */
	IR_SPELL_FIELD = 16,	/* ends at a colon */
	IR_SPELL_PLAIN = 32,	/* stands behind a "^" that separates */
};

struct ir_spelling {
	unsigned how;
	char separator;		/* of IR_SPELL_LIST */
};

/* Does text contain the name of a macro?  Its offset, or -1. */
typedef long ir_spell_macro(const char *text, size_t n, void *arg);

/*
 * Append the n bytes of a secret as they must stand there.  macro (may be
 * NULL) finds names of macros in what was written; their first letter is
 * then written in hexadecimal.  0, or -1 and 78: it cannot stand there,
 * with the reason and never the text; 65: it has a byte that no place takes.
 */
int ir_spell(struct ir_buf *out, const struct ir_spelling *how,
    const char *s, size_t n, ir_spell_macro *macro, void *arg,
    struct ir_err *err);

/*
 * Append an expression: only its list and its quotes matter.  0, or -1 and
 * 78: a macro's name in it.
 */
int ir_spell_expression(struct ir_buf *out, const struct ir_spelling *how,
    const char *s, ir_spell_macro *macro, void *arg, struct ir_err *err);

/*
 * Append what Exim makes of an item that was taken out of its quotes and its
 * list already: EXPAND and CARET are undone.  0, or -1: its text is not
 * known before Exim expands it.
 */
int ir_unspell(struct ir_buf *out, const struct ir_spelling *how,
    const char *s, size_t n);

/* The same for what an authenticator makes of an expanded item: "^". */
void ir_uncaret(struct ir_buf *out, const char *s, size_t n);

/* The bytes behind a backslash, as Exim reads them; how many it took. */
size_t ir_spell_escape(const char *s, size_t n, char *c);

/*
 * A credential that SES can have made: an access key id (AKIA and 16 letters
 * and digits), and 44 characters of base64 that begin with version 4 or 2.
 */
bool ir_ses_user(const char *s, size_t n);
bool ir_ses_password(const char *s, size_t n);

#endif
