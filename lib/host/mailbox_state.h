/*
 * mailbox_state.h - what mailbox-lock has changed and must be able to take
 * back: STATE/mailbox-lock.json, 0600, for it has old password hashes.
 *
 * An entry is written before the change that it is of, so that a run that
 * was killed finds what it had begun.
 */
#ifndef IR_MAILBOX_STATE_H
#define IR_MAILBOX_STATE_H

#include <limits.h>
#include <stdbool.h>

#include "mailbox.h"

#define IR_MAILBOXES 1000	/* entries */

struct ir_mailbox_entry {
	char name[IR_MAILBOX_NAME + 1];
	char backend[16];
	char file[PATH_MAX];	/* with the password; "": none was changed */
	char was[IR_PASSWD_FIELD + 1];	/* the field before */
	char lock[IR_MAILBOX_HASH];	/* what nobody has the password of */
	char next[IR_MAILBOX_HASH];	/* the new one; "": none was given */
	bool login_was, outgoing_was;	/* cPanel: stopped before */
};

struct ir_mailbox_state {
	char path[PATH_MAX];
	struct ir_mailbox_entry *v;	/* owned */
	size_t n;
};

/* dir is the folder.  No file is no entry.  0, or -1: 65, 66, 71. */
int ir_mailbox_state_load(struct ir_mailbox_state *s, const char *dir,
    struct ir_err *err);
/* Replace the file.  0, or -1: 73, 74. */
int ir_mailbox_state_save(const struct ir_mailbox_state *s,
    struct ir_err *err);
void ir_mailbox_state_free(struct ir_mailbox_state *s);

/*
 * The entry of that name whose password is (or will be) in that file, "" for
 * none; file NULL: any of that name.  NULL when there is none.
 */
struct ir_mailbox_entry *ir_mailbox_state_find(
    const struct ir_mailbox_state *s, const char *name, const char *file);
/* A new one, empty but for its name and backend; NULL: full. */
struct ir_mailbox_entry *ir_mailbox_state_add(struct ir_mailbox_state *s,
    const char *name, const char *backend);
void ir_mailbox_state_drop(struct ir_mailbox_state *s,
    struct ir_mailbox_entry *e);

#endif
