/* output.c - see output.h */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"
#include "text.h"

#define MAX_COLS 24
#define HOLD_ROWS 512		/* rows that decide the widths of a table */
#define CELL_MAX 4096
#define HOLD_MAX (IR_REC_MAX * 2)

struct ir_out {
	enum ir_format fmt;
	const struct ir_col *cols;
	const char *from;
	size_t ncols;
	size_t width[MAX_COLS];
	char **cells;		/* held rows, ncols each */
	size_t rows;
	bool widths_set;
	bool hold;
	struct ir_buf held;	/* whole lines */
	int64_t now;		/* what stamp says */
	char stamp[IR_TIME_LEN];
	int code;		/* first failure */
	int saved_errno;
};

int
ir_format_parse(const char *s, enum ir_format *fmt)
{
	if (strcmp(s, "json") == 0)
		*fmt = IR_FMT_JSON;
	else if (strcmp(s, "table") == 0)
		*fmt = IR_FMT_TABLE;
	else if (strcmp(s, "tsv") == 0)
		*fmt = IR_FMT_TSV;
	else
		return -1;
	return 0;
}

static void
emit(struct ir_out *o, const char *s, size_t n)
{
	if (o->code)
		return;
	errno = 0;
	if (fwrite(s, 1, n, stdout) != n) {
		o->code = IR_IOERR;
		o->saved_errno = errno;
	}
}

static void
flush(struct ir_out *o)
{
	if (!o->code && fflush(stdout)) {
		o->code = IR_IOERR;
		o->saved_errno = errno;
	}
}

struct ir_out *
ir_out_open(enum ir_format fmt, const struct ir_col *cols, const char *from)
{
	struct ir_out *o = calloc(1, sizeof *o);
	size_t i;

	if (!o)
		abort();
	if (fmt == IR_FMT_AUTO)
		fmt = isatty(STDOUT_FILENO) ? IR_FMT_TABLE : IR_FMT_JSON;
	o->fmt = fmt;
	o->cols = cols;
	o->from = from;
	o->held.max = HOLD_MAX;
	o->now = -1;
	while (o->ncols < MAX_COLS && cols && cols[o->ncols].path)
		o->ncols++;
	if (fmt == IR_FMT_TABLE)
		o->cells = calloc(HOLD_ROWS * (o->ncols + 1), sizeof(char *));
	if (fmt == IR_FMT_TABLE)
		for (i = 0; i < o->ncols; i++)
			o->width[i] = ir_text_width(cols[i].head);
	if (fmt == IR_FMT_TSV) {
		for (i = 0; i < o->ncols; i++) {
			if (i)
				emit(o, "\t", 1);
			emit(o, cols[i].path, strlen(cols[i].path));
		}
		emit(o, "\n", 1);
	}
	return o;
}

/* A value as people read it: strings bare, arrays joined by commas. */
static void
cell_text(const struct ir_rec *v, struct ir_buf *b, bool term)
{
	struct ir_buf raw = IR_BUF(IR_REC_MAX);
	const char *s;
	size_t i;

	switch (ir_rec_kind(v)) {
	case IR_REC_NULL:
		break;
	case IR_REC_ARRAY:
		for (i = 0; i < ir_rec_len(v); i++) {
			if (i)
				ir_buf_chr(b, ',');
			cell_text(ir_rec_item(v, i), b, term);
		}
		break;
	case IR_REC_BOOL:
		if (term) {
			ir_buf_str(b, ir_rec_get_bool(v, "", false) ? "yes" :
			    "no");
			break;
		}
		__attribute__((fallthrough));
	case IR_REC_INT:
	case IR_REC_DOUBLE:
	case IR_REC_OBJECT:
	case IR_REC_STRING:
	default:
		s = ir_rec_cstr(v);
		if (s)
			ir_buf_str(&raw, s);
		else
			ir_rec_json(v, &raw);
		if (term)
			ir_text_term(b, ir_buf_cstr(&raw), raw.len);
		else
			ir_buf_add(b, ir_buf_cstr(&raw), raw.len);
	}
	ir_buf_free(&raw);
}

static char *
cell(struct ir_out *o, const struct ir_rec *r, size_t col)
{
	struct ir_buf b = IR_BUF(IR_REC_MAX * 4);

	cell_text(ir_rec_at(r, o->cols[col].path), &b,
	    o->fmt == IR_FMT_TABLE);
	if (o->fmt == IR_FMT_TABLE && b.len > CELL_MAX)
		ir_buf_trunc(&b, ir_text_cut(b.data, b.len, CELL_MAX));
	return ir_buf_take(&b);
}

static void
table_row(struct ir_out *o, char *const *row)
{
	size_t i, w;

	for (i = 0; i < o->ncols; i++) {
		const char *s = row[i] ? row[i] : "";

		emit(o, s, strlen(s));
		if (i + 1 == o->ncols)
			break;
		for (w = ir_text_width(s); w < o->width[i] + 2; w++)
			emit(o, " ", 1);
	}
	emit(o, "\n", 1);
}

static void
table_flush(struct ir_out *o)
{
	char *heads[MAX_COLS];
	size_t i, j;

	if (!o->widths_set && o->rows) {
		for (i = 0; i < o->ncols; i++)
			heads[i] = strdup(o->cols[i].head);
		table_row(o, heads);
		for (i = 0; i < o->ncols; i++)
			free(heads[i]);
		o->widths_set = true;
	}
	for (i = 0; i < o->rows; i++) {
		table_row(o, o->cells + i * o->ncols);
		for (j = 0; j < o->ncols; j++)
			free(o->cells[i * o->ncols + j]);
	}
	o->rows = 0;
	flush(o);
}

static void
table_put(struct ir_out *o, const struct ir_rec *r)
{
	char **row = o->cells + o->rows * o->ncols;
	size_t i, w;

	for (i = 0; i < o->ncols; i++) {
		row[i] = cell(o, r, i);
		w = row[i] ? ir_text_width(row[i]) : 0;
		if (!o->widths_set && w > o->width[i])
			o->width[i] = w < 60 ? w : 60;
	}
	o->rows++;
	if (o->rows == HOLD_ROWS)
		table_flush(o);
}

static void
tsv_put(struct ir_out *o, const struct ir_rec *r)
{
	size_t i;
	char *s;

	for (i = 0; i < o->ncols; i++) {
		if (i)
			emit(o, "\t", 1);
		s = cell(o, r, i);
		if (s)
			emit(o, s, strlen(s));
		free(s);
	}
	emit(o, "\n", 1);
	flush(o);
}

static const char *
stamp(struct ir_out *o)
{
	int64_t now = ir_now();

	if (now != o->now)
		ir_time_rfc3339(now, o->stamp);
	o->now = now;
	return o->stamp;
}

void
ir_out_flush(struct ir_out *o)
{
	if (!o || !o->held.len)
		return;
	emit(o, ir_buf_cstr(&o->held), o->held.len);
	ir_buf_trunc(&o->held, 0);
	flush(o);
}

void
ir_out_hold(struct ir_out *o)
{
	o->hold = o->fmt == IR_FMT_JSON;
}

/* A whole line, its newline included. */
static void
json_put(struct ir_out *o, const struct ir_buf *line)
{
	if (line->bad || line->len > IR_REC_MAX) {
		if (!o->code)
			o->code = IR_SOFTWARE;
		return;
	}
	ir_buf_add(&o->held, ir_buf_cstr(line), line->len);
	if (!o->hold || o->held.len >= IR_REC_MAX)
		ir_out_flush(o);
}

void
ir_out_put(struct ir_out *o, struct ir_rec *r)
{
	struct ir_buf b = IR_BUF(IR_REC_MAX);

	if (!ir_rec_has(r, "time"))
		ir_rec_str(r, "time", stamp(o));
	if (!ir_rec_has(r, "from"))
		ir_rec_str(r, "from", o->from);
	if (o->fmt == IR_FMT_TABLE) {
		table_put(o, r);
	} else if (o->fmt == IR_FMT_TSV) {
		tsv_put(o, r);
	} else {
		ir_rec_json(r, &b);
		ir_buf_chr(&b, '\n');
		json_put(o, &b);
	}
	ir_buf_free(&b);
	ir_rec_free(r);
}

void
ir_out_line(struct ir_out *o, struct ir_buf *line)
{
	struct ir_rec *r;

	if (o->fmt == IR_FMT_JSON) {
		ir_line_str(line, "time", stamp(o));
		ir_line_str(line, "from", o->from);
		ir_buf_add(line, "}\n", 2);
		json_put(o, line);
	} else {
		ir_line_end(line);
		r = ir_rec_parse(ir_buf_cstr(line), line->len, NULL);
		if (r)
			ir_out_put(o, r);
	}
	ir_buf_trunc(line, 0);
}

int
ir_out_close(struct ir_out *o, struct ir_err *err)
{
	int code, e;

	if (!o)
		return 0;
	if (o->fmt == IR_FMT_TABLE)
		table_flush(o);
	ir_out_flush(o);
	flush(o);
	code = o->code;
	e = o->saved_errno;
	free(o->cells);
	ir_buf_free(&o->held);
	free(o);
	if (code == IR_SOFTWARE)
		return ir_fail(err, code, "a record is longer than %d bytes",
		    IR_REC_MAX);
	if (code)
		return ir_fail_errno(err, code, e, "standard output");
	return 0;
}
