/*
 * rotate.h - an access key replaced by another, as steps that a crash at any
 * moment leaves in a state from which the next run goes on.
 *
 * The steps are a table (ir_rotate_steps).  The state file says of each when
 * it was begun and when it was done; a step that was begun and not done is
 * done again, and finds out for itself how far it came.  No secret is in the
 * state.
 *
 * The one thing that cannot be done again is CreateAccessKey: its secret is
 * shown once.  Nothing is written between its answer and the sealing; what a
 * crash leaves there is a key whose secret nobody has, an orphan: it was not
 * in the list before, was created after we asked and was never used.  It is
 * deactivated, and deleted only when a person names it.
 *
 * One emergency order (the stolen key dies first) and one routine order (it
 * dies last, when its successor is published and works).
 */
#ifndef IR_ROTATE_H
#define IR_ROTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../aws/client.h"
#include "../aws/keys.h"
#include "../aws/ses.h"
#include "../incident/journal.h"
#include "../vault/vault.h"

#define IR_ROTATE_REGIONS 16
#define IR_ROTATE_ORPHANS 4

/* What one run of the command has; the caller fills it in. */
struct ir_rotate_run {
	struct ir_aws *aws;
	struct ir_journal *journal;	/* may be NULL */
	struct ir_state *state;
	const char *vault_key;		/* to make a vault; may be NULL */
	const char *account;
	long proofs;			/* answers in a row */
	long over;			/* seconds that a row of 235 spans */
	long wait;			/* seconds for each proof */
	int64_t end;			/* of --timeout; ir_mono_ms(), or 0 */
	void *arg;			/* for the two below */
	void (*warn)(void *arg, const char *text);
	/* Does a person say so, by repeating the name?  0, or -1 and 1, 64. */
	int (*sure)(void *arg, const char *name, const char *what,
	    const char *question, struct ir_err *err);
};

/*
 * What is wanted of one rotation: the options, and after a crash what the
 * state says they were.  Not secret, so commands must not hold secrets.
 */
struct ir_rotate_want {
	const char *regions;		/* by commas */
	const char *out, *mode, *group;	/* lookup file */
	const char *vault, *vault_name;
	const char *publish, *publish_secret, *verify;
	const char *from;		/* sender of the DATA proof */
	const char *endpoint;		/* SMTP, with {region} */
	const char *host_checked;	/* a person's word */
	const char *password_file, *secret_file;	/* of the old key */
};

enum {
	IR_ROTATE_CONTAIN = 1, IR_ROTATE_CREATE = 2, IR_ROTATE_PROVE = 4,
	IR_ROTATE_PUBLISH = 8, IR_ROTATE_ALL = 15
};

struct ir_rotate {
	struct ir_rotate_run *run;
	struct ir_rotate_want want;	/* borrowed: options, or plan */
	bool use_vault, routine;
	struct ir_rec *plan;		/* of the state; owned */
	struct ir_rec *entry;		/* in the state; owned */
	char old[IR_KEY_ID], user[IR_KEY_USER];
	char names[IR_ROTATE_REGIONS][40];
	const char *regions[IR_ROTATE_REGIONS];
	size_t nregions;
	struct ir_keys keys;		/* as they are now */
	struct ir_rec *may_send;	/* verdict of its policies; owned */

	/* between creation and sealing */
	struct ir_secret secret;
	char made[IR_KEY_ID];
	struct ir_vault *sealing;	/* open, locked and found writable */

	bool old_changed, new_changed;
	char orphans[IR_ROTATE_ORPHANS][IR_KEY_ID];	/* of this run */
	size_t norphans;
	bool orphan_deleted[IR_ROTATE_ORPHANS];
	struct ir_err err;		/* of this rotation */
};

/* One step of a rotation. */
struct ir_rotate_step {
	const char *name;
	int phase;			/* IR_ROTATE_... that it belongs to */
	enum {
		IR_ROTATE_ANY, IR_ROTATE_EMERGENCY, IR_ROTATE_ROUTINE
	} order;
	/* Is there anything to do?  NULL: always. */
	bool (*applies)(const struct ir_rotate *r);
	/* What was done, is it still so?  NULL: it is. */
	bool (*holds)(struct ir_rotate *r);
	int (*act)(struct ir_rotate *r, struct ir_err *err);
	/*
	 * The next step begins where this one ends: nothing is written
	 * between them, and both are marked as done together.
	 */
	bool joined;
	const char *help;
};

/* Both end with a name of NULL. */
extern const struct ir_rotate_step ir_rotate_steps[];
extern const struct ir_rotate_step ir_rollback_steps[];

/*
 * Take one key (r->old; r->user may be "") and what is wanted of it, look
 * up what the state knows, its user and the user's keys.  With keep the order
 * is that of the state, if there is one.  0, or -1 and r->err: 64, 65, 69,
 * 77 ...
 */
int ir_rotate_open(struct ir_rotate *r, struct ir_rotate_run *run,
    const struct ir_rotate_want *want, bool routine, bool keep);
void ir_rotate_close(struct ir_rotate *r);

/*
 * Do the steps of these phases that are not done; again: also those that
 * are.  Stops at the first that fails.  until: the name of the last one to
 * do; NULL: all.  0, or -1 and r->err.
 */
int ir_rotate_go(struct ir_rotate *r, int phases, bool again,
    const char *until);

/* Back to the old key.  0, or -1 and r->err. */
int ir_rotate_back(struct ir_rotate *r);

/* Look at what the new key may do; for the plan.  Into r->may_send. */
void ir_rotate_look(struct ir_rotate *r);

/*
 * What an entry of the state says, network aside: the last step that is
 * done (may be NULL) and the one that is next (NULL: finished).  Pure.
 */
void ir_rotate_stands(const struct ir_rec *entry, const char **done,
    const char **next);

/* Is it on the way back, or was it taken back? */
bool ir_rotate_is_back(const struct ir_rec *entry);

/* Is there a new key with its secret in a safe place? */
bool ir_rotate_made(const struct ir_rotate *r);

/* Mode and group of want; gid -1: none.  0, or -1 and 64. */
int ir_rotate_mode(const struct ir_rotate_want *w, mode_t *mode, gid_t *gid,
    struct ir_err *err);

/* A command line, cut at blanks; no shell, no quotes. */
#define IR_ROTATE_WORDS 64
struct ir_rotate_words {
	char text[4096];
	const char *argv[IR_ROTATE_WORDS + 1];
	size_t n;
};
/* 0, or -1 and 64: none, too many, too long.  Pure. */
int ir_rotate_words(const char *line, struct ir_rotate_words *w,
    struct ir_err *err);

#endif
