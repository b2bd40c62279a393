/*
 * mailbox.h - one mailbox of this host: where Dovecot looks its password up,
 * the line that it has there, and a new password.  But for the last two all
 * of this is pure.
 *
 * Sources: Dovecot's documentation, "Password databases", "Passwd-file",
 * "Config variables" (2.3 and 2.4); crypt(5); cPanel's UAPI, "Email".
 */
#ifndef IR_MAILBOX_H
#define IR_MAILBOX_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "../core/buf.h"
#include "../core/err.h"
#include "../core/secret.h"

#define IR_MAILBOX_NAME 254		/* bytes of a mailbox's name */
#define IR_PASSDBS 16
#define IR_PASSWD_FILE_MAX (16u << 20)
#define IR_PASSWD_FIELD 1024		/* bytes of a password field */
#define IR_MAILBOX_HASH 160		/* "{SHA512-CRYPT}$6$...", NUL */

struct ir_passdb {
	char driver[32];	/* "passwd-file", "pam", "sql", ... */
	char file[PATH_MAX];	/* of a passwd-file; may have variables */
	char format[128];	/* key in that file; "": the name as it is */
	bool deny, master;
};

struct ir_doveconf {
	struct ir_passdb db[IR_PASSDBS];	/* in their order */
	size_t n;
	bool more;			/* than IR_PASSDBS */
	char format[128];		/* auth_username_format */
};

/* What "doveconf -n" prints.  0, or -1 and 65: it is no configuration. */
int ir_doveconf_parse(const char *s, size_t n, struct ir_doveconf *c,
    struct ir_err *err);

/*
 * What a mailbox may be called here: [A-Za-z0-9._%+=@-], at most one '@',
 * not beginning with '-' or '.', no "..".  Names become parts of paths and
 * lines of files.
 */
bool ir_mailbox_name_ok(const char *name);

/*
 * Dovecot's variables in a format: %u %n %d with the modifiers L and U, and
 * %{user | username | domain | lower | upper}.  0, or -1: another one, or it
 * does not fit.
 */
int ir_mailbox_expand(const char *format, const char *user, char *out,
    size_t size);

/* Where a key's line stands, and its second field (none: len 0 at the end). */
struct ir_passwd_line {
	size_t line, end;	/* end: of the line, without its newline */
	size_t field, len;
	bool has_field;
};

/* Find the first line of that key; names are compared byte by byte. */
bool ir_passwd_find(const char *s, size_t n, const char *key,
    struct ir_passwd_line *l);
/* Append the file with another second field in that line. */
void ir_passwd_put(const char *s, size_t n, const struct ir_passwd_line *l,
    const char *field, struct ir_buf *out);
/* Append the file with a line of that key, or without its lines. */
void ir_passwd_add(const char *s, size_t n, const char *key,
    struct ir_buf *out);
void ir_passwd_without(const char *s, size_t n, const char *key,
    struct ir_buf *out);

/* Is it "{SHA512-CRYPT}$6$SALT$HASH" and nothing else? */
bool ir_mailbox_hash_ok(const char *hash);

/* The owner of a domain in cPanel's /etc/userdomains.  0 or -1. */
int ir_cpanel_owner(const char *s, size_t n, const char *domain, char *owner,
    size_t size);

/*
 * An answer of "uapi --output=json": 0 when its status is 1, else -1 and 69
 * with its first error.  restricted, when not NULL: of the one mailbox in its
 * data, [0] may not log in, [1] may not send; -1 not said.
 */
int ir_uapi_answer(const char *s, size_t n, int restricted[2],
    struct ir_err *err);

/* 24 random characters, about 139 bits, on the secure heap.  0, or -1: 71. */
int ir_mailbox_password(struct ir_secret *out, struct ir_err *err);
/* Its hash, by SHA512-CRYPT with a random salt.  0, or -1: 71. */
int ir_mailbox_hash(const struct ir_secret *password,
    char hash[IR_MAILBOX_HASH], struct ir_err *err);

#endif
