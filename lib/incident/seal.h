/*
 * seal.h - close an incident's folder against changes that nobody sees.
 *
 * A seal is a line "incident.sealed" in the journal, with the hash of
 *
 *	DIR/seal/NNNN.SHA256SUMS	of all files of the folder, as
 *					sha256sum -c reads them in it
 *
 * so that the hash of that line, the head, stands for the journal up to it
 * and all files.  A third party can put its time to that hash (RFC 3161):
 *
 *	DIR/seal/NNNN.tsq, .tsr		what it was asked, and its answer
 *
 * and then neither can be made anew by who has the folder.  Not in it: what
 * is derived (view.h, DIR/SHA256SUMS), locks, and the folder secrets, which
 * no seal and no archive may hold.  An incident goes on after a seal; the
 * next one has the next number.
 *
 * Incidents that were merged into it (join.h) are sealed first, each in its
 * own folder, and the line has their heads ("merged"): the head of the one
 * that goes on stands for all of them.  The archive has all their folders.
 */
#ifndef IR_SEAL_H
#define IR_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/err.h"
#include "../core/record.h"
#include "stamp.h"

#define IR_SEAL_FILES 100000		/* files of one folder */

struct ir_seal {
	unsigned number;	/* 0: there is none */
	size_t line;		/* of the journal */
	size_t files;
	size_t odd;		/* links, pipes, ...: not sealed */
	char head[65];		/* hash of that line */
	char file[64];		/* "seal/0001.SHA256SUMS" */
	char sha256[65];	/* of that file */
	char merged[65];	/* hash of the list of heads; "": no list */
	char time[40];
	bool fresh;		/* no other event came after it */
	bool stamped;
};

/* The last seal of an incident; number 0 when there is none.  0 or -1. */
int ir_seal_last(const char *dir, struct ir_seal *s, struct ir_err *err);

/*
 * Seal it and what was merged into it, unless nothing came after the last
 * seal: 1 sealed, 0 it was, or -1: 65 the journal or the evidence does not
 * verify, 66, 73, 74.
 */
int ir_seal_make(const char *dir, const char *from, struct ir_seal *s,
    struct ir_err *err);

/* The request for its stamp; made once and kept.  0, or -1: 71, 73, 74. */
int ir_seal_query(const char *dir, const struct ir_seal *s,
    struct ir_buf *der, struct ir_err *err);

/*
 * Verify the answer, keep it and journal "seal.stamped".  1 done, 0 it is
 * stamped already, or -1: as ir_stamp_verify(), 64 nothing was asked, 73, 74.
 */
int ir_seal_stamp(const char *dir, const struct ir_seal *s, const char *from,
    const void *reply, size_t n, const char *ca_file, struct ir_stamp *stamp,
    struct ir_err *err);

/* Verify the stamp that is kept.  0, or -1 as above. */
int ir_seal_stamp_check(const char *dir, const struct ir_seal *s,
    const char *ca_file, struct ir_stamp *stamp, struct ir_err *err);

/*
 * What became of the incidents that the seal s has the heads of: an array of
 * objects with incident, ok, why, changed_since, which the caller frees.
 * NULL: 65, 66.
 */
struct ir_rec *ir_seal_merged(const char *dir, const struct ir_seal *s,
    struct ir_err *err);

/*
 * Names of the files that are no longer what was sealed, or gone: an array
 * that the caller frees.  NULL: 65, 66.
 */
struct ir_rec *ir_seal_changed(const char *dir, const struct ir_seal *s,
    struct ir_err *err);

/*
 * The folder, and those merged into it, as a .tar.zst at path, which must not
 * exist, with a SHA256SUMS at its end.  0, or -1: 73, 74.
 */
int ir_seal_tar(const char *dir, const char *path, struct ir_err *err);

#endif
