/*
 * rules.h - the table of what is worth a look in a file of a host: scripts of
 * a web root, cron tables, aliases, units.  Pure.
 *
 * The table is text: one rule a line, columns separated by tabs, '#' begins a
 * comment line, "-" is an empty column.
 *
 *	ID LEVEL KINDS PATTERN ALSO WHY
 *		LEVEL: "strong", "look" or "note".  KINDS: kinds of files,
 *		joined by ','; see IR_RULE_KINDS.  PATTERN: a regular
 *		expression (PCRE): case does not matter, '^' begins a line,
 *		'.' is any character but a line's end.  ALSO: another one, that
 *		the file must have as well.  WHY: for a person
 *
 * A later table comes beside an earlier one; a rule with the ID of an earlier
 * one takes its place, and with the LEVEL "off" takes it out.
 */
#ifndef IR_HOST_RULES_H
#define IR_HOST_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "../core/err.h"

#define IR_RULES_BYTES (1u << 20)	/* of one table */
#define IR_RULES_MAX 500
#define IR_RULE_TEXT 160		/* bytes shown of what was found */

#define IR_RULE_KINDS "php", "cgi", "htaccess", "ini", "cron", "alias", \
	"forward", "filter", "unit", "preload", "keys"

enum ir_rule_kind {
	IR_RULE_PHP, IR_RULE_CGI, IR_RULE_HTACCESS, IR_RULE_INI, IR_RULE_CRON,
	IR_RULE_ALIAS, IR_RULE_FORWARD, IR_RULE_FILTER, IR_RULE_UNIT,
	IR_RULE_PRELOAD, IR_RULE_KEYS, IR_RULE_KINDS_N
};

enum ir_rule_level { IR_LEVEL_NOTE, IR_LEVEL_LOOK, IR_LEVEL_STRONG };

struct ir_rules;

struct ir_rule_hit {
	const char *id, *why;		/* borrowed from the table */
	enum ir_rule_level level;
	size_t at, line;		/* byte, line from 1 */
	size_t count;			/* of hits; counted up to 1000 */
	/* as it stands there, cut; *** where a secret may stand */
	char text[IR_RULE_TEXT + 1];
};

/* NULL: no memory. */
struct ir_rules *ir_rules_new(void);
void ir_rules_free(struct ir_rules *t);
/* Add a table.  name is for messages.  0, or -1: 78 "NAME:LINE: ...", 71. */
int ir_rules_add(struct ir_rules *t, const char *text, size_t n,
    const char *name, struct ir_err *err);
size_t ir_rules_count(const struct ir_rules *t);

/*
 * All rules of that kind that the bytes have: fn for each rule once, or with
 * each_line for each line of it (at most 1000).  The count of hits; a pattern
 * that took too long on these bytes makes *gave_up true.
 */
size_t ir_rules_scan(const struct ir_rules *t, enum ir_rule_kind kind,
    bool each_line, const char *bytes, size_t n,
    void (*fn)(const struct ir_rule_hit *hit, void *arg), void *arg,
    bool *gave_up);

const char *ir_rule_level(enum ir_rule_level l);

#endif
