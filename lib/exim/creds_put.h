/*
 * creds_put.h - what has to change in which file for a new credential, or to
 * move one into a lookup file.  Nothing is written here.
 */
#ifndef IR_CREDS_PUT_H
#define IR_CREDS_PUT_H

#include "../core/file.h"
#include "creds.h"

#define IR_CREDS_EDITS 256
#define IR_CREDS_CHANGES 32		/* files */

struct ir_creds_edit {
	size_t conf, file, from, to;
	struct ir_buf text;		/* secret */
};

struct ir_creds_change {
	char path[PATH_MAX];		/* the file itself, no link */
	char name[PATH_MAX];		/* as the configuration has it */
	struct ir_buf old, new;		/* secret */
	struct ir_file_meta meta;
	bool made;			/* it is not there yet */
	bool config;			/* Exim reads it when it starts */
};

struct ir_creds_plan {
	struct ir_creds_edit edit[IR_CREDS_EDITS];
	size_t nedit;
	struct ir_creds_change change[IR_CREDS_CHANGES];
	size_t n;
	bool config;			/* one of them is configuration */
};

struct ir_creds_plan *ir_creds_plan_new(struct ir_err *err);
void ir_creds_plan_free(struct ir_creds_plan *plan);

/*
 * Put user and password into one place.  0, or -1: 78 it cannot stand there,
 * or two places want different bytes of one line; 65.
 */
int ir_creds_put(struct ir_creds_plan *plan, const struct ir_creds *c,
    const struct ir_creds_place *p, const char *user,
    const struct ir_secret *pass, struct ir_err *err);

/*
 * Make the place read its user and password from the lookup file at path.
 * 0, or -1: 78.
 */
int ir_creds_move(struct ir_creds_plan *plan, const struct ir_creds *c,
    const struct ir_creds_place *p, const char *path, struct ir_err *err);

/*
 * And that file, 0640, of root and the group.  One that is there already
 * must hold the same: else 73.
 */
int ir_creds_move_file(struct ir_creds_plan *plan, const char *path,
    const char *user, const struct ir_secret *pass, gid_t group,
    struct ir_err *err);

/* Make the changes of the edits; files that stay the same are left out. */
int ir_creds_plan_end(struct ir_creds_plan *plan, const struct ir_creds *c,
    struct ir_err *err);

#endif
