/*
 * creds_conf.h - the client side of Exim's authenticators, as its
 * configuration files spell them, with each byte's place in its file (Exim
 * specification, chapter "The Exim run time configuration file": macros,
 * .include, .ifdef, continuation, quotes, lists).  Pure: files come through
 * a callback.
 *
 * Exim itself knows best what its configuration means; this knows where it
 * stands, so that it can be changed there.  Branches of .ifdef that are not
 * taken are read too: what stands there is `dead`.
 */
#ifndef IR_CREDS_CONF_H
#define IR_CREDS_CONF_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/buf.h"
#include "../core/err.h"
#include "creds_text.h"

#define IR_CONF_FILE_MAX (1u << 20)	/* bytes of one file */
#define IR_CONF_FILES 256
#define IR_CONF_MACROS 1024
#define IR_CONF_AUTHS 128
#define IR_CONF_LINE 65536		/* bytes of a logical line */
#define IR_CONF_DEPTH 8			/* .include in .include */
#define IR_CONF_NAME 64

/* Text and where each of its bytes stands. */
struct ir_conf_text {
	struct ir_buf c;		/* secret */
	struct ir_buf o;		/* a uint64_t for each */
};

struct ir_conf_file {
	char *path;
	struct ir_buf bytes;		/* secret */
	bool cpanel;			/* @AUTH@ sections */
	bool included;			/* by this line of another one: */
	size_t by, by_off, by_len;
};

struct ir_conf_macro {
	char name[IR_CONF_NAME];
	struct ir_conf_text value;
	bool dead;			/* another one is in force */
};

struct ir_conf_option {
	struct ir_conf_text value;	/* without quotes */
	bool set, quoted;
};

struct ir_conf_auth {
	char name[IR_CONF_NAME], driver[IR_CONF_NAME];
	char mechanism[IR_CONF_NAME];	/* public_name */
	size_t file, off;		/* of its name */
	long twin;			/* dead: index of the real one, or -1 */
	bool dead;
	struct ir_conf_option send;	/* client_send */
	struct ir_conf_option user;	/* client_name, client_username */
	struct ir_conf_option pass;	/* client_secret, client_password */
};

struct ir_conf {
	struct ir_conf_file file[IR_CONF_FILES];
	size_t nfile;
	struct ir_conf_macro macro[IR_CONF_MACROS];
	size_t nmacro;
	struct ir_conf_auth auth[IR_CONF_AUTHS];
	size_t nauth;
	bool cut;			/* a limit was reached */
	/* 0 loaded, 1 not there, -1 with *err */
	int (*load)(void *arg, const char *path, struct ir_buf *b,
	    struct ir_err *err);
	void *arg;
};

/* Too large for the stack.  NULL and 71. */
struct ir_conf *ir_conf_new(struct ir_err *err);
void ir_conf_free(struct ir_conf *c);

/* The file at path, loaded once; 0, 1 not there, -1 (65, the callback's). */
int ir_conf_file(struct ir_conf *c, const char *path, bool cpanel,
    size_t *file, struct ir_err *err);

/*
 * Read the files one after the other as one configuration.  A file that is
 * not there is passed over when it is included by .include_if_exists, or
 * named here.  0, or -1: 65 a limit, or the callback's error.
 */
int ir_conf_read(struct ir_conf *c, const char *const *paths, size_t n,
    bool cpanel, struct ir_err *err);

/* Offset of the first macro's name in text, or -1: for ir_spell(). */
long ir_conf_macro_in(const char *text, size_t n, void *conf);

enum ir_conf_kind {
	IR_PART_NONE,		/* not there */
	IR_PART_LITERAL,	/* stands there */
	IR_PART_LOOKUP,		/* ${lookup{KEY}lsearch{PATH}... */
	IR_PART_FILE,		/* ${readfile{PATH}... */
	IR_PART_OTHER,		/* some other expression */
};

/* Where the user, or the password, of an authenticator comes from. */
struct ir_conf_part {
	enum ir_conf_kind kind;
	struct ir_spelling how;
	size_t file, from, to;	/* LITERAL: the bytes to replace */
	bool in_macro;		/* LITERAL: they are a macro's value */
	bool apart;		/* LITERAL: not in one piece, see above */
	struct ir_buf value;	/* LITERAL: what is sent; secret */
	char key[128];		/* LOOKUP */
	char type[32];
	char path[PATH_MAX];	/* LOOKUP, FILE */
	int field;		/* of "user:password": 1, 2; 0 all of it */
	bool carets;		/* the expression doubles "^" itself */
};

/* Both parts of one authenticator; false when it is no client. */
bool ir_conf_parts(const struct ir_conf *c, const struct ir_conf_auth *a,
    struct ir_conf_part *user, struct ir_conf_part *pass);
void ir_conf_part_free(struct ir_conf_part *p);

/*
 * The nth item of a list as Exim takes it apart (in item, a secret buffer);
 * false behind its end.
 */
bool ir_conf_item(const char *list, size_t n, size_t nth,
    struct ir_buf *item);

/* Number of the line of an offset, from 1. */
unsigned ir_conf_line(const struct ir_buf *bytes, size_t off);

#endif
