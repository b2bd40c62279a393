/*
 * creds_tx.h - files changed together, so that whatever happens the old
 * ones can come back: what they were is on the disk before the first is
 * touched.
 *
 *	STATE/exim-creds.json		what is going on, and each file's
 *					owner, mode, attributes and hashes
 *	STATE/exim-creds.saved-G-N	the old bytes, 0600: they hold the old
 *					secret
 *	.NAME.quell-new			beside a file: the new one, whole
 *	.NAME.quell-old			the old one by another name
 *
 * STATE is a folder that only we may enter.
 */
#ifndef IR_CREDS_TX_H
#define IR_CREDS_TX_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/err.h"
#include "../core/file.h"
#include "creds_put.h"

enum ir_tx_status {
	IR_TX_NONE,		/* nothing was ever done */
	IR_TX_UNDER_WAY,	/* begun, not ended: to be taken back */
	IR_TX_DONE,		/* may be undone */
	IR_TX_UNDOING,
	IR_TX_UNDONE
};

struct ir_tx_file {
	char path[PATH_MAX];
	char old_sum[65], new_sum[65];	/* old_sum "": it was not there */
	struct ir_file_meta meta;
	bool config;
};

struct ir_tx {
	char dir[PATH_MAX];		/* STATE */
	enum ir_tx_status status;
	long generation;		/* of what is kept */
	int64_t time;
	char user[256];			/* the new one */
	bool generate;			/* update-exim4.conf is to run */
	bool config;
	struct ir_tx_file file[IR_CREDS_CHANGES];
	size_t n;
};

/* Read STATE/exim-creds.json; none is IR_TX_NONE.  0, or -1: 65, 66, 78. */
int ir_tx_load(struct ir_tx *t, const char *dir, struct ir_err *err);
void ir_tx_free(struct ir_tx *t);

/*
 * Keep what the plan will change, and say that it is under way.  What an
 * older, finished change kept is forgotten.  0, or -1: 73, 74; 75 a file is
 * no longer what the plan was made from.
 */
int ir_tx_begin(struct ir_tx *t, const struct ir_creds_plan *plan,
    const char *user, bool generate, struct ir_err *err);

/* Name of the new file beside the nth. */
void ir_tx_staged(const struct ir_tx *t, size_t n, char path[PATH_MAX]);

/* Write all new files beside the old ones.  0, or -1: 73, 74, 78. */
int ir_tx_stage(struct ir_tx *t, const struct ir_creds_plan *plan,
    struct ir_err *err);

/* Give them their names.  0, or -1: 74. */
int ir_tx_commit(struct ir_tx *t, struct ir_err *err);

/*
 * Put all files back as they were: those that were renamed by their other
 * name, which needs no room on the disk, else from the kept bytes.  A file
 * that somebody else has changed since stops it (78) before any is touched.
 */
int ir_tx_restore(struct ir_tx *t, struct ir_err *err);

/* Remove what a change that ended may have left beside the files. */
void ir_tx_tidy(const struct ir_tx *t);

/* Remember how far it is; UNDONE and NONE forget the kept bytes. */
int ir_tx_mark(struct ir_tx *t, enum ir_tx_status status,
    struct ir_err *err);

#endif
