/*
 * expr.h - a selection of messages as one text, for --where:
 *
 *	auth_user = billing@v.example and not (host = 192.0.2.0/24 or
 *	subject ~ "^Invoice [0-9]+$") and age < 2h
 *
 *	expr := and { "or" and }		and := part { "and" part }
 *	part := "not" part | "(" expr ")" | FLAG | FIELD OP VALUE
 *	OP   := = != ~ !~ for texts,  = != < <= > >= for numbers
 *
 * A value is a word without blanks and parentheses, or stands in double
 * quotes, where \" and \\ are those two characters, or in single quotes.
 * "not" binds more than "and", that more than "or".  Everything is pure.
 */
#ifndef IR_EXIM_EXPR_H
#define IR_EXIM_EXPR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/buf.h"
#include "../core/err.h"

#define IR_EXPR_MAX 65536	/* bytes of the text */
#define IR_EXPR_NODES 4096
#define IR_EXPR_DEPTH 64	/* parentheses and nots in each other */

enum ir_field {
	/* texts */
	IR_F_SENDER, IR_F_SENDER_DOMAIN, IR_F_AUTH_USER, IR_F_AUTH_SENDER,
	IR_F_IDENT, IR_F_LOGIN, IR_F_HOST, IR_F_HELO, IR_F_PROTOCOL,
	IR_F_SCRIPT, IR_F_RECIPIENT, IR_F_RECIPIENT_DOMAIN, IR_F_SUBJECT,
	IR_F_BODY, IR_F_HEADER,
	/* numbers; age and deferred are seconds, size is bytes */
	IR_F_RECIPIENTS, IR_F_AGE, IR_F_SIZE, IR_F_DEFERRED,
	/* flags; deferred alone is one, too */
	IR_F_FROZEN, IR_F_BOUNCE, IR_F_LOCAL, IR_F_AUTHENTICATED, IR_F_PARTLY,
	IR_F_N
};

enum ir_expr_op {
	IR_X_AND, IR_X_OR, IR_X_NOT,	/* a, b are nodes; not: only a */
	IR_X_IS, IR_X_MATCHES,		/* text */
	IR_X_LT, IR_X_EQ, IR_X_GT,	/* number; <= is "not >" */
	IR_X_FLAG
};

struct ir_expr_node {
	enum ir_expr_op op;
	enum ir_field field;
	int a, b;
	const char *text;	/* value, NUL-terminated; NULL for numbers */
	const char *name;	/* of the header */
	int64_t number;
};

struct ir_expr {
	struct ir_expr_node *v;	/* the last one is the root */
	size_t n, cap;
	char *texts[IR_EXPR_NODES];	/* owned copies of values */
	size_t ntexts;
};

/*
 * Parse n bytes; the nodes are appended, and *root is the one to begin at.
 * 0, or -1: 64 and where it is wrong, 71.
 */
int ir_expr_parse(struct ir_expr *x, const char *s, size_t n, int *root,
    struct ir_err *err);

/* Append a node (its texts are borrowed); its number, or -1 and 71. */
int ir_expr_add(struct ir_expr *x, struct ir_expr_node node,
    struct ir_err *err);

void ir_expr_free(struct ir_expr *x);

/* "90", "15m", "24h", "14d" in seconds; -1 when it is none. */
int64_t ir_expr_seconds(const char *s);

/* The field's name in an expression; "header" for a header. */
const char *ir_field_name(enum ir_field f);

/* Append value in double quotes, so that it is read back the same. */
void ir_expr_quote(struct ir_buf *out, const char *value, size_t n);

#endif
