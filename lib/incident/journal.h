/*
 * journal.h - an incident directory and its journal.
 *
 *	DIR/journal.jsonl	append-only, one line an event, hash chain
 *	DIR/evidence/NNNN-name	what was preserved, 0400, hash in the journal
 *	DIR/state/name.json	what a command needs to undo or to resume
 *	DIR/out/name		exact bytes of what was sent
 *	DIR/report.json		the report record the incident was opened with
 *
 * A journal line is a record of type "journal": id (the sequence number),
 * time, host, user, from, event, data, prev.  prev is the hex SHA-256 of the
 * raw bytes of the line before, without its newline; 64 zeros on line 1.  A
 * chain shows edits only to who has kept a later head, so the head is
 * printed wherever a message leaves the house.
 */
#ifndef IR_JOURNAL_H
#define IR_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/err.h"
#include "../core/record.h"

#define IR_JOURNAL_MAX (64u << 20)	/* bytes of one journal */

struct ir_journal;

/*
 * Open the journal of an incident directory for writing.  dir NULL gives
 * *j = NULL, which every function here takes as "no journal".  0, or -1:
 * 66 no such incident, 73, 77.
 */
int ir_journal_open(struct ir_journal **j, const char *dir, const char *from,
    struct ir_err *err);
void ir_journal_close(struct ir_journal *j);

/* Make a new incident directory (0700) with an empty journal. 73 if there. */
int ir_journal_create(const char *dir, struct ir_err *err);

/*
 * Append one event and fsync.  data (may be NULL) is freed in any case.
 * event is "noun.state": "sending.pausing", "sending.paused".  0, or -1 and
 * 74: then the change that was about to be made must not be made.
 */
int ir_journal_add(struct ir_journal *j, const char *event,
    struct ir_rec *data, struct ir_err *err);

/* Keep bytes as evidence, then journal it ("evidence.added"). */
int ir_journal_evidence(struct ir_journal *j, const char *name,
    const void *bytes, size_t n, struct ir_err *err);

/* DIR/sub into path (PATH_MAX bytes); the folder of it is made. */
int ir_journal_path(struct ir_journal *j, const char *sub, char *path,
    struct ir_err *err);

/*
 * Read all lines; fn may return non-zero to stop (that is returned).
 * A torn last line is passed over.  -1 and 66 or 65.
 */
int ir_journal_each(const char *dir,
    int (*fn)(const struct ir_rec *line, void *arg), void *arg,
    struct ir_err *err);

struct ir_journal_check {
	size_t lines;
	size_t torn;		/* lines that a crash cut off */
	size_t bad_line;	/* first line that breaks the chain; 0: none */
	char why[160];		/* what is wrong with it */
	size_t backwards;	/* times that the clock went back */
	size_t evidence;	/* evidence files that were checked */
	char head[65];		/* hash of the last line */
};

/* 0 when it could be read; look at bad_line for the verdict. -1 and 66. */
int ir_journal_verify(const char *dir, struct ir_journal_check *c,
    struct ir_err *err);

/* Hash of the last line now. */
int ir_journal_head(const char *dir, char head[65], struct ir_err *err);

/*
 * Folder for state when there is no incident: $QUELL_STATE_DIR, else
 * /var/lib/quell for root, else ~/.local/state/quell.  Made when missing.
 */
int ir_state_dir(char *path, size_t size, struct ir_err *err);
/* Only its name: a dry run makes no folder. */
int ir_state_name(char *path, size_t size, struct ir_err *err);

#endif
