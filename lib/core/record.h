/*
 * record.h - the record contract of quell-records(5): JSON Lines in and out,
 * bare keys in.  The only file, with record.c, that knows json-c.
 *
 * A struct ir_rec is any JSON value.  Who makes one frees it, unless it is
 * put into another (ir_rec_set, ir_rec_push), which then owns it.  Values
 * that the getters return are borrowed.  Every string that enters a record
 * is made clean UTF-8 first (text.h).
 */
#ifndef IR_RECORD_H
#define IR_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"

#define IR_REC_MAX 65536	/* bytes of one record on a line */
#define IR_REC_DEPTH 32		/* nesting that the parser accepts */

struct ir_rec;

enum ir_rec_kind {
	IR_REC_NULL, IR_REC_BOOL, IR_REC_INT, IR_REC_DOUBLE, IR_REC_STRING,
	IR_REC_ARRAY, IR_REC_OBJECT
};

/* {"type":type,"id":id}; id may be NULL and set later. */
struct ir_rec *ir_rec_new(const char *type, const char *id);
struct ir_rec *ir_rec_object(void);
struct ir_rec *ir_rec_array(void);
struct ir_rec *ir_rec_string(const char *s, size_t n);
struct ir_rec *ir_rec_copy(const struct ir_rec *r);
void ir_rec_free(struct ir_rec *r);

/* Set a member of an object; an older value of that name is replaced. */
void ir_rec_str(struct ir_rec *r, const char *key, const char *s);
void ir_rec_strn(struct ir_rec *r, const char *key, const char *s, size_t n);
void ir_rec_fmt(struct ir_rec *r, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Text of several lines: cleaned, too, but newlines stay. */
void ir_rec_text(struct ir_rec *r, const char *key, const char *s);
void ir_rec_int(struct ir_rec *r, const char *key, int64_t v);
void ir_rec_num(struct ir_rec *r, const char *key, double v);
void ir_rec_bool(struct ir_rec *r, const char *key, bool v);
void ir_rec_null(struct ir_rec *r, const char *key);
void ir_rec_time(struct ir_rec *r, const char *key, int64_t t);
void ir_rec_set(struct ir_rec *r, const char *key, struct ir_rec *child);
void ir_rec_del(struct ir_rec *r, const char *key);

/* Append to an array. */
void ir_rec_push(struct ir_rec *arr, struct ir_rec *child);
void ir_rec_push_str(struct ir_rec *arr, const char *s);
void ir_rec_push_int(struct ir_rec *arr, int64_t v);

/*
 * Look up by path: member names joined by '.', array indices as numbers
 * ("resources.0.id").  NULL / otherwise when absent or of another kind.
 */
const struct ir_rec *ir_rec_at(const struct ir_rec *r, const char *path);
const char *ir_rec_get(const struct ir_rec *r, const char *path);
int64_t ir_rec_get_int(const struct ir_rec *r, const char *path,
    int64_t otherwise);
double ir_rec_get_num(const struct ir_rec *r, const char *path,
    double otherwise);
bool ir_rec_get_bool(const struct ir_rec *r, const char *path, bool otherwise);
bool ir_rec_has(const struct ir_rec *r, const char *key);

/* The value itself. */
enum ir_rec_kind ir_rec_kind(const struct ir_rec *r);
const char *ir_rec_cstr(const struct ir_rec *r);  /* NULL if not a string */
size_t ir_rec_len(const struct ir_rec *arr);	/* items, or members */
const struct ir_rec *ir_rec_item(const struct ir_rec *arr, size_t i);

/* Call fn for each member in order; it stops at the first non-zero return. */
int ir_rec_each(const struct ir_rec *obj,
    int (*fn)(const char *key, const struct ir_rec *val, void *arg),
    void *arg);

/* Append as one line of JSON, no newline. */
void ir_rec_json(const struct ir_rec *r, struct ir_buf *out);

/*
 * The same line written as it goes, for records by the million: a member may
 * not come twice.  ir_line_end() closes it, without a newline.
 */
void ir_line_begin(struct ir_buf *out, const char *type, const char *id);
void ir_line_str(struct ir_buf *out, const char *key, const char *s);
void ir_line_strn(struct ir_buf *out, const char *key, const char *s,
    size_t n);
void ir_line_int(struct ir_buf *out, const char *key, int64_t v);
void ir_line_bool(struct ir_buf *out, const char *key, bool v);
void ir_line_time(struct ir_buf *out, const char *key, int64_t t);
void ir_line_end(struct ir_buf *out);

/*
 * One JSON value, strictly; anything after it but white space is an error.
 * NULL and 65 when it is none, or deeper than IR_REC_DEPTH.  Strings in it
 * are cleaned.  n is at most what the caller was willing to read.
 */
struct ir_rec *ir_rec_parse(const char *s, size_t n, struct ir_err *err);
/*
 * The same with strings as they are, line ends included: for text that is
 * parsed further.  Copy its values out; never put them into a record.
 */
struct ir_rec *ir_rec_parse_raw(const char *s, size_t n, struct ir_err *err);

/*
 * Input: records, or bare keys, one a line.  A line that begins with '{' is
 * a record; any other is a key and becomes {"id":KEY}.  Blank lines are
 * passed over.  Operands, when there are any, are read instead of standard
 * input; the operand "-" is standard input.
 */
struct ir_in;

struct ir_in *ir_in_open(char **operands, size_t n, struct ir_err *err);
/* 1 and *rec (the caller frees it), 0 at the end, -1 and 65 or 74. */
int ir_in_next(struct ir_in *in, struct ir_rec **rec, struct ir_err *err);
/* "standard input:12", for messages about the record just read. */
const char *ir_in_where(struct ir_in *in);
void ir_in_close(struct ir_in *in);

/*
 * All of the input: each record goes to `take`, which returns 0, or -1 with
 * err filled: that ends it, and err then says where the record stood.  The
 * record is freed afterwards.  0 or -1; that nothing came is not an error.
 */
int ir_in_each(char **operands, size_t n,
    int (*take)(const struct ir_rec *rec, void *arg, struct ir_err *err),
    void *arg, struct ir_err *err);

#endif
