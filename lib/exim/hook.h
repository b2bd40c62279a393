/*
 * hook.h - the few lines in Exim's configuration through which an incident
 * is steered by files, and those files.
 *
 *	DIR/hold		while it exists, nothing leaves the host
 *	DIR/queue_only		while it exists, no delivery at once
 *	DIR/deny_accounts	authenticated accounts that get 550 at MAIL
 *	DIR/deny_users		local users that cannot hand mail to Exim
 *	DIR/deny_...		and more, see block.h
 *
 * The deny files are read by Exim's lsearch lookup (specification, chapter
 * "File and database lookups"): the first word of a line is the key, in any
 * case of its letters, up to a colon or white space, or in double quotes.
 * Lines that begin with white space go on with the entry before.
 */
#ifndef IR_EXIM_HOOK_H
#define IR_EXIM_HOOK_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "../core/buf.h"
#include "../core/err.h"
#include "config.h"

#define IR_HOOK_DIR "/etc/quell/exim"
#define IR_HOOK_HELD "held by incident response"	/* Exim says so */
#define IR_DENY_KEY_MAX 512		/* bytes of an account's name */
#define IR_DENY_FILE_MAX (4u << 20)	/* bytes of a deny file */

/* Which of the lines are there, for one folder. */
struct ir_exim_hook {
	bool queue_only_file, hold_domains, router, retry;
	bool mail_acl;		/* deny_accounts, before anything is accepted */
	bool not_smtp_acl;	/* deny_users, the same */
	bool sender_acl, host_acl, script_acl, domain_acl, limit_acl;
	bool block_router;	/* what is queued is held by all of them */
};

/* The lines themselves, with where they go. */
void ir_exim_hook_print(struct ir_buf *out, const char *dir);

/* Find the lines in what "exim -bP config" says; pure. */
void ir_exim_hook_parse(const char *s, size_t n, const char *dir,
    struct ir_exim_hook *h);

/* Ask Exim.  0, or -1: 66, 75, 77 not an admin user, 78. */
int ir_exim_hook_ask(const char *exim, const char *dir,
    struct ir_exim_hook *h, struct ir_err *err);

/* Names of the lines for a hold that are missing; "" when none is. */
void ir_exim_hook_missing(const struct ir_exim_hook *h, struct ir_buf *out);

/*
 * The folder: given (may be NULL), else where queue_only_file is, else
 * IR_HOOK_DIR.  0, or -1 and 78: a name that Exim's strings cannot hold.
 */
int ir_exim_hook_dir(const struct ir_exim_config *c, const char *given,
    char dir[PATH_MAX], struct ir_err *err);

/*
 * Can the owner of Exim's spool, which is Exim's user, enter the folder?  To
 * him a file that he cannot reach does not exist.  make: it is made (0755)
 * when missing.  0, or -1: 77 we may not write there, 78 he cannot enter,
 * 73, 66 no spool.
 */
int ir_exim_hook_ready(const char *dir, const char *spool, bool make,
    struct ir_err *err);

/*
 * Can he read the file?  One that he cannot read makes Exim answer 451 to
 * everybody.  A missing file is fine.  0, or -1 and 78.
 */
int ir_exim_hook_readable(const char *file, const char *spool,
    struct ir_err *err);

/* uid of Exim's user: the owner of the spool.  0, or -1 and 66. */
int ir_exim_uid(const char *spool, uid_t *uid, gid_t *gid,
    struct ir_err *err);

/*
 * Call fn for each key of a deny file, with the line that it begins; pure.
 * Stops at non-zero.
 */
int ir_deny_each(const char *s, size_t n, int (*fn)(const char *key,
    size_t len, const char *line, size_t line_n, void *arg), void *arg);

/* Is key in it, as Exim would find it?  Pure. */
bool ir_deny_has(const char *s, size_t n, const char *key);

/* Append an entry; note is free text for people.  Pure. */
void ir_deny_add(struct ir_buf *file, const char *key, const char *note);

/* Copy without the entries of key, the rest byte for byte; pure. */
size_t ir_deny_without(const char *s, size_t n, const char *key,
    struct ir_buf *out);

/*
 * Can the name be an entry?  Why not, or NULL.  Pure.  In $authenticated_id,
 * as in its log and spool, Exim has each byte that is not printing ASCII as
 * a backslash and three octal digits.
 */
const char *ir_deny_bad_key(const char *key);

/*
 * Let Exim itself look the keys up ("exim -be"; keys are handed over on its
 * standard input, in base 64, so that none is expanded).  found[i] is set.
 * 0, or -1: 66, 75, 76 an answer that is none.
 */
int ir_deny_ask(const char *exim, const char *file, const char *const *keys,
    size_t n, bool *found, struct ir_err *err);

#endif
