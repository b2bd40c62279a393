/*
 * output.h - records to standard output: JSON Lines into a pipe or a file,
 * an aligned table on a terminal, TSV when asked.
 */
#ifndef IR_OUTPUT_H
#define IR_OUTPUT_H

#include "record.h"

enum ir_format { IR_FMT_AUTO, IR_FMT_JSON, IR_FMT_TABLE, IR_FMT_TSV };

/* What a table and TSV show of a record; {NULL, NULL} ends the list. */
struct ir_col {
	const char *path;	/* as for ir_rec_at() */
	const char *head;	/* heading of the column */
};

struct ir_out;

/* from: value of the "from" field.  cols is borrowed. */
struct ir_out *ir_out_open(enum ir_format fmt, const struct ir_col *cols,
    const char *from);

/*
 * Write one record and free it.  "time" and "from" are added when missing.
 * JSON is flushed line by line.  Errors are kept for ir_out_close().
 */
void ir_out_put(struct ir_out *o, struct ir_rec *r);

/*
 * The same for a line that was begun with ir_line_begin() and not ended; it
 * must have no "time" and no "from".  It is emptied.
 */
void ir_out_line(struct ir_out *o, struct ir_buf *line);

/*
 * Hold lines back for a moment, for a batch that is done as a whole: at most
 * 64 KiB of them, and until ir_out_flush().
 */
void ir_out_hold(struct ir_out *o);
void ir_out_flush(struct ir_out *o);

/* Write what is buffered and free o; 0, or -1 and 74 (or 70: too long). */
int ir_out_close(struct ir_out *o, struct ir_err *err);

/* 0 or -1: IR_USAGE for an unknown word. */
int ir_format_parse(const char *s, enum ir_format *fmt);

#endif
