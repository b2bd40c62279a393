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
 * raw bytes of the last whole line before, without its newline; 64 zeros
 * on line 1.  What a crash or a full disk cut off stays where it is: the next
 * line carries its hash as "torn" (all bytes between the two whole lines), so
 * that cut-off bytes cannot be used to slip lines in or out.  A chain shows
 * edits only to who has kept a later head, so the head is printed wherever a
 * message leaves the house.
 */
#ifndef IR_JOURNAL_H
#define IR_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/err.h"
#include "../core/record.h"

#define IR_JOURNAL_MAX (64u << 20)	/* bytes of one journal */
#define IR_EVIDENCE_MAX (64u << 20)	/* bytes of one piece of evidence */

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

/*
 * Keep bytes as evidence (at most IR_EVIDENCE_MAX), then journal it
 * ("evidence.added").  0, or -1: 65, 73 or 74, and then nothing is kept.
 */
int ir_journal_evidence(struct ir_journal *j, const char *name,
    const void *bytes, size_t n, struct ir_err *err);

/* DIR/sub into path (PATH_MAX bytes); the folder of it is made. */
int ir_journal_path(struct ir_journal *j, const char *sub, char *path,
    struct ir_err *err);

/*
 * Read all lines; fn may return non-zero to stop (that is returned).
 * Torn lines are passed over.  -1 and 66 or 65.
 */
int ir_journal_each(const char *dir,
    int (*fn)(const struct ir_rec *line, void *arg), void *arg,
    struct ir_err *err);

/* The bytes of a journal, read line by line: pure, for any bytes. */
struct ir_journal_tail {
	size_t lines, torn;	/* so far; torn ones are counted in lines */
	size_t torn_line;	/* where the last torn bytes begin; 0: none */
	bool open;		/* the last line has no newline */
	char head[65];		/* hash of the last whole line */
	char cut[65];		/* hash of what is torn after it; else "" */
};

struct ir_journal_line {
	size_t number;			/* from 1, torn lines counted */
	struct ir_rec *rec;
	const struct ir_journal_tail *tail;	/* the lines before it */
};

/* fn (may be NULL) may return non-zero to stop; that is returned. */
int ir_journal_scan(const char *bytes, size_t n, struct ir_journal_tail *t,
    int (*fn)(const struct ir_journal_line *line, void *arg), void *arg);

struct ir_journal_check {
	size_t lines;
	size_t torn;		/* lines that a crash cut off */
	size_t torn_line;	/* where the last of them begin; 0: none */
	bool torn_last;		/* nothing was added after it */
	size_t bad_line;	/* first line that breaks the chain; 0: none */
	char why[160];		/* what is wrong with it */
	size_t backwards;	/* times that the clock went back */
	size_t back_line;	/* the first line after that; 0: none */
	size_t evidence;	/* evidence files that were checked */
	char head[65];		/* hash of the last whole line */
};

/* Check the bytes of a journal; dir (may be NULL): the evidence, too. */
void ir_journal_check(const char *bytes, size_t n, const char *dir,
    struct ir_journal_check *c);

/* 0 when it could be read; look at bad_line for the verdict. -1 and 66. */
int ir_journal_verify(const char *dir, struct ir_journal_check *c,
    struct ir_err *err);

/* Hash of the last whole line now. -1 and 66. */
int ir_journal_head(const char *dir, char head[65], struct ir_err *err);

/*
 * Folder for state when there is no incident: $QUELL_STATE_DIR, else
 * /var/lib/quell for root, else ~/.local/state/quell.  Made when missing.
 */
int ir_state_dir(char *path, size_t size, struct ir_err *err);
/* Only its name: a dry run makes no folder. */
int ir_state_name(char *path, size_t size, struct ir_err *err);

#endif
