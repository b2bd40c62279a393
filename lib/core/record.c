/* record.c - see record.h */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "record.h"
#include "text.h"

static json_object *
js(const struct ir_rec *r)
{
	union { const struct ir_rec *r; json_object *j; } u = { r };

	return u.j;
}

static struct ir_rec *
rec(json_object *j)
{
	union { json_object *j; struct ir_rec *r; } u = { j };

	return u.r;
}

static json_object *
clean_string(const char *s, size_t n)
{
	struct ir_buf b = IR_BUF(n * 3 + 1);
	json_object *j;

	/* nearly always there is nothing to clean */
	if (ir_text_plain(s, n) == n)
		return json_object_new_string_len(s, (int)n);
	ir_text_clean(&b, s, n);
	j = json_object_new_string_len(ir_buf_cstr(&b), (int)b.len);
	ir_buf_free(&b);
	return j;
}

struct ir_rec *
ir_rec_object(void)
{
	return rec(json_object_new_object());
}

struct ir_rec *
ir_rec_array(void)
{
	return rec(json_object_new_array());
}

struct ir_rec *
ir_rec_string(const char *s, size_t n)
{
	return rec(clean_string(s, n));
}

struct ir_rec *
ir_rec_new(const char *type, const char *id)
{
	struct ir_rec *r = ir_rec_object();

	ir_rec_str(r, "type", type);
	if (id)
		ir_rec_str(r, "id", id);
	return r;
}

struct ir_rec *
ir_rec_copy(const struct ir_rec *r)
{
	json_object *copy = NULL;

	if (json_object_deep_copy(js(r), &copy, NULL) < 0)
		return NULL;
	return rec(copy);
}

void
ir_rec_free(struct ir_rec *r)
{
	if (r)
		json_object_put(js(r));
}

void
ir_rec_strn(struct ir_rec *r, const char *key, const char *s, size_t n)
{
	json_object_object_add(js(r), key, clean_string(s, n));
}

void
ir_rec_str(struct ir_rec *r, const char *key, const char *s)
{
	if (s)
		ir_rec_strn(r, key, s, strlen(s));
	else
		ir_rec_null(r, key);
}

void
ir_rec_text(struct ir_rec *r, const char *key, const char *s)
{
	struct ir_buf b = IR_BUF(strlen(s) * 3 + 1);
	size_t n;

	for (;; s += n + 1) {
		n = strcspn(s, "\n");
		ir_text_clean(&b, s, n);
		if (!s[n])
			break;
		ir_buf_chr(&b, '\n');
	}
	json_object_object_add(js(r), key,
	    json_object_new_string_len(ir_buf_cstr(&b), (int)b.len));
	ir_buf_free(&b);
}

void
ir_rec_fmt(struct ir_rec *r, const char *key, const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	ir_rec_strn(r, key, s, (size_t)n);
	free(s);
}

void
ir_rec_int(struct ir_rec *r, const char *key, int64_t v)
{
	json_object_object_add(js(r), key, json_object_new_int64(v));
}

void
ir_rec_num(struct ir_rec *r, const char *key, double v)
{
	char text[40];

	/* as short as it may be: 0.0002, not 0.00020000000000000001 */
	snprintf(text, sizeof text, "%.15g", v);
	json_object_object_add(js(r), key, isfinite(v) &&
	    strtod(text, NULL) == v && strpbrk(text, ".e") ?
	    json_object_new_double_s(v, text) : json_object_new_double(v));
}

void
ir_rec_bool(struct ir_rec *r, const char *key, bool v)
{
	json_object_object_add(js(r), key, json_object_new_boolean(v));
}

void
ir_rec_null(struct ir_rec *r, const char *key)
{
	json_object_object_add(js(r), key, NULL);
}

void
ir_rec_time(struct ir_rec *r, const char *key, int64_t t)
{
	char buf[IR_TIME_LEN];

	ir_rec_str(r, key, ir_time_rfc3339(t, buf));
}

void
ir_rec_set(struct ir_rec *r, const char *key, struct ir_rec *child)
{
	json_object_object_add(js(r), key, js(child));
}

void
ir_rec_del(struct ir_rec *r, const char *key)
{
	json_object_object_del(js(r), key);
}

void
ir_rec_push(struct ir_rec *arr, struct ir_rec *child)
{
	json_object_array_add(js(arr), js(child));
}

void
ir_rec_push_str(struct ir_rec *arr, const char *s)
{
	ir_rec_push(arr, ir_rec_string(s, strlen(s)));
}

void
ir_rec_push_int(struct ir_rec *arr, int64_t v)
{
	ir_rec_push(arr, rec(json_object_new_int64(v)));
}

const struct ir_rec *
ir_rec_at(const struct ir_rec *r, const char *path)
{
	json_object *j = js(r), *next;
	char key[256], *end;
	size_t n;
	unsigned long i;

	while (j && *path) {
		n = strcspn(path, ".");
		if (n >= sizeof key)
			return NULL;
		memcpy(key, path, n);
		key[n] = '\0';
		path += n + (path[n] == '.');
		if (json_object_is_type(j, json_type_object)) {
			if (!json_object_object_get_ex(j, key, &next))
				return NULL;
			j = next;
		} else if (json_object_is_type(j, json_type_array)) {
			i = strtoul(key, &end, 10);
			if (*end || i >= json_object_array_length(j))
				return NULL;
			j = json_object_array_get_idx(j, i);
		} else {
			return NULL;
		}
	}
	return rec(j);
}

enum ir_rec_kind
ir_rec_kind(const struct ir_rec *r)
{
	switch (json_object_get_type(js(r))) {
	case json_type_boolean:
		return IR_REC_BOOL;
	case json_type_double:
		return IR_REC_DOUBLE;
	case json_type_int:
		return IR_REC_INT;
	case json_type_object:
		return IR_REC_OBJECT;
	case json_type_array:
		return IR_REC_ARRAY;
	case json_type_string:
		return IR_REC_STRING;
	case json_type_null:
	default:
		return IR_REC_NULL;
	}
}

const char *
ir_rec_cstr(const struct ir_rec *r)
{
	if (ir_rec_kind(r) != IR_REC_STRING)
		return NULL;
	return json_object_get_string(js(r));
}

const char *
ir_rec_get(const struct ir_rec *r, const char *path)
{
	return ir_rec_cstr(ir_rec_at(r, path));
}

int64_t
ir_rec_get_int(const struct ir_rec *r, const char *path, int64_t otherwise)
{
	const struct ir_rec *v = ir_rec_at(r, path);

	if (ir_rec_kind(v) != IR_REC_INT && ir_rec_kind(v) != IR_REC_DOUBLE)
		return otherwise;
	return json_object_get_int64(js(v));
}

double
ir_rec_get_num(const struct ir_rec *r, const char *path, double otherwise)
{
	const struct ir_rec *v = ir_rec_at(r, path);

	if (ir_rec_kind(v) != IR_REC_INT && ir_rec_kind(v) != IR_REC_DOUBLE)
		return otherwise;
	return json_object_get_double(js(v));
}

bool
ir_rec_get_bool(const struct ir_rec *r, const char *path, bool otherwise)
{
	const struct ir_rec *v = ir_rec_at(r, path);

	if (ir_rec_kind(v) != IR_REC_BOOL)
		return otherwise;
	return json_object_get_boolean(js(v));
}

bool
ir_rec_has(const struct ir_rec *r, const char *key)
{
	return json_object_is_type(js(r), json_type_object) &&
	    json_object_object_get_ex(js(r), key, NULL);
}

size_t
ir_rec_len(const struct ir_rec *r)
{
	if (json_object_is_type(js(r), json_type_array))
		return json_object_array_length(js(r));
	if (json_object_is_type(js(r), json_type_object))
		return (size_t)json_object_object_length(js(r));
	return 0;
}

const struct ir_rec *
ir_rec_item(const struct ir_rec *arr, size_t i)
{
	if (!json_object_is_type(js(arr), json_type_array))
		return NULL;
	return rec(json_object_array_get_idx(js(arr), i));
}

int
ir_rec_each(const struct ir_rec *obj,
    int (*fn)(const char *, const struct ir_rec *, void *), void *arg)
{
	struct json_object_iterator it, end;
	int rc;

	if (!json_object_is_type(js(obj), json_type_object))
		return 0;
	it = json_object_iter_begin(js(obj));
	end = json_object_iter_end(js(obj));
	for (; !json_object_iter_equal(&it, &end);
	    json_object_iter_next(&it)) {
		rc = fn(json_object_iter_peek_name(&it),
		    rec(json_object_iter_peek_value(&it)), arg);
		if (rc)
			return rc;
	}
	return 0;
}

void
ir_rec_json(const struct ir_rec *r, struct ir_buf *out)
{
	size_t n;
	const char *s = json_object_to_json_string_length(js(r),
	    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &n);

	if (s)
		ir_buf_add(out, s, n);
	else
		out->bad = true;
}

/* --- lines as they go --------------------------------------------------- */

/* A string that is clean, in quotes. */
static void
quote(struct ir_buf *out, const char *s, size_t n)
{
	size_t i, from = 0;

	ir_buf_chr(out, '"');
	for (i = 0; i < n; i++)
		if (s[i] == '"' || s[i] == '\\') {
			ir_buf_add(out, s + from, i - from);
			ir_buf_chr(out, '\\');
			from = i;
		}
	ir_buf_add(out, s + from, n - from);
	ir_buf_chr(out, '"');
}

static void
line_key(struct ir_buf *out, const char *key)
{
	ir_buf_add(out, ",\"", 2);
	ir_buf_str(out, key);
	ir_buf_add(out, "\":", 2);
}

void
ir_line_strn(struct ir_buf *out, const char *key, const char *s, size_t n)
{
	struct ir_buf b = IR_BUF(n * 3 + 1);

	line_key(out, key);
	if (ir_text_plain(s, n) == n) {
		quote(out, s, n);
		return;
	}
	ir_text_clean(&b, s, n);
	quote(out, ir_buf_cstr(&b), b.len);
	ir_buf_free(&b);
}

void
ir_line_str(struct ir_buf *out, const char *key, const char *s)
{
	ir_line_strn(out, key, s, strlen(s));
}

void
ir_line_begin(struct ir_buf *out, const char *type, const char *id)
{
	ir_buf_str(out, "{\"type\":");
	quote(out, type, strlen(type));
	if (id)
		ir_line_str(out, "id", id);
}

void
ir_line_int(struct ir_buf *out, const char *key, int64_t v)
{
	char text[24];

	snprintf(text, sizeof text, "%lld", (long long)v);
	line_key(out, key);
	ir_buf_str(out, text);
}

void
ir_line_bool(struct ir_buf *out, const char *key, bool v)
{
	line_key(out, key);
	ir_buf_str(out, v ? "true" : "false");
}

void
ir_line_time(struct ir_buf *out, const char *key, int64_t t)
{
	char text[IR_TIME_LEN];

	ir_line_str(out, key, ir_time_rfc3339(t, text));
}

void
ir_line_end(struct ir_buf *out)
{
	ir_buf_chr(out, '}');
}

/* Clean every string of a parsed value, names of members included. */
static json_object *
clean_tree(json_object *j)
{
	struct json_object_iterator it, end;
	struct ir_buf key = IR_BUF(IR_REC_MAX * 4);
	json_object *out;
	const char *name;
	size_t i, n;

	switch (json_object_get_type(j)) {
	case json_type_string:
		return clean_string(json_object_get_string(j),
		    (size_t)json_object_get_string_len(j));
	case json_type_array:
		out = json_object_new_array();
		n = json_object_array_length(j);
		for (i = 0; i < n; i++)
			json_object_array_add(out,
			    clean_tree(json_object_array_get_idx(j, i)));
		return out;
	case json_type_object:
		out = json_object_new_object();
		it = json_object_iter_begin(j);
		end = json_object_iter_end(j);
		for (; !json_object_iter_equal(&it, &end);
		    json_object_iter_next(&it)) {
			name = json_object_iter_peek_name(&it);
			ir_buf_trunc(&key, 0);
			ir_text_clean(&key, name, strlen(name));
			json_object_object_add(out, ir_buf_cstr(&key),
			    clean_tree(json_object_iter_peek_value(&it)));
		}
		ir_buf_free(&key);
		return out;
	case json_type_null:
		return NULL;
	case json_type_boolean:
	case json_type_double:
	case json_type_int:
	default:
		return json_object_get(j);
	}
}

/*
 * json-c's strict mode still takes 'x', NaN, Infinity; they are betrayed by
 * characters that JSON has only inside strings.
 */
static bool
strict(const char *s, size_t n)
{
	bool quoted = false;
	size_t i;

	for (i = 0; i < n; i++) {
		if (s[i] == '"')
			quoted = !quoted;
		else if (quoted && s[i] == '\\')
			i++;
		else if (!quoted && (!s[i] ||
		    !strchr("{}[]:,+-.0123456789eEtrufalsn \t\r\n", s[i])))
			return false;
	}
	return true;
}

static json_object *
parse(const char *s, size_t n, struct ir_err *err)
{
	enum json_tokener_error why;
	json_tokener *tok;
	json_object *j;
	size_t end;

	if (n > INT32_MAX) {
		ir_fail(err, IR_DATAERR, "not JSON: too long");
		return NULL;
	}
	while (n && strchr(" \t\r\n", s[n - 1]) && s[n - 1])
		n--;
	tok = json_tokener_new_ex(IR_REC_DEPTH);
	if (!tok) {
		ir_fail(err, IR_OSERR, "no memory");
		return NULL;
	}
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
	j = json_tokener_parse_ex(tok, s, (int)n);
	why = json_tokener_get_error(tok);
	end = json_tokener_get_parse_end(tok);
	if (why == json_tokener_continue && n)	/* a bare number */
		j = json_tokener_parse_ex(tok, "", 1),
		    why = json_tokener_get_error(tok), end = n;
	json_tokener_free(tok);
	if (why != json_tokener_success || end != n || !strict(s, n)) {
		json_object_put(j);
		ir_fail(err, IR_DATAERR, "not JSON: %s",
		    why == json_tokener_success && end != n ?
		    "text after the value" : why == json_tokener_success ?
		    "unexpected character" :
		    why == json_tokener_continue ? "it ends too early" :
		    json_tokener_error_desc(why));
		return NULL;
	}
	return j;
}

struct ir_rec *
ir_rec_parse(const char *s, size_t n, struct ir_err *err)
{
	json_object *j = parse(s, n, err), *out = clean_tree(j);

	json_object_put(j);
	return rec(out);
}

struct ir_rec *
ir_rec_parse_raw(const char *s, size_t n, struct ir_err *err)
{
	return rec(parse(s, n, err));
}

/* --- input -------------------------------------------------------------- */

struct ir_in {
	char **operands;	/* borrowed */
	size_t n, next;		/* how many, and which is read next */
	bool from_stdin;	/* reading standard input now */
	bool eof;
	size_t line;
	char where[64];
	size_t start, end;	/* unread bytes in chunk */
	char chunk[IR_REC_MAX + 1];
};

struct ir_in *
ir_in_open(char **operands, size_t n, struct ir_err *err)
{
	struct ir_in *in = calloc(1, sizeof *in);

	if (!in) {
		ir_fail(err, IR_OSERR, "no memory");
		return NULL;
	}
	in->operands = operands;
	in->n = n;
	in->from_stdin = n == 0;
	return in;
}

const char *
ir_in_where(struct ir_in *in)
{
	if (in->from_stdin)
		snprintf(in->where, sizeof in->where, "standard input:%zu",
		    in->line);
	else
		snprintf(in->where, sizeof in->where, "operand %zu", in->next);
	return in->where;
}

/* One line of standard input: 1, 0 at the end, -1. */
static int
next_line(struct ir_in *in, char **line, size_t *len, struct ir_err *err)
{
	char *nl;
	ssize_t got;
	size_t have;

	for (;;) {
		have = in->end - in->start;
		nl = have ? memchr(in->chunk + in->start, '\n', have) : NULL;
		if (nl || (in->eof && have)) {
			in->line++;
			*line = in->chunk + in->start;
			*len = nl ? (size_t)(nl - *line) : have;
			in->start += *len + (nl != NULL);
			return 1;
		}
		if (in->eof)
			return 0;
		if (have == IR_REC_MAX) {
			in->line++;
			return ir_fail(err, IR_DATAERR,
			    "%s: longer than %d bytes", ir_in_where(in),
			    IR_REC_MAX);
		}
		memmove(in->chunk, in->chunk + in->start, have);
		in->start = 0;
		in->end = have;
		do {
			got = read(STDIN_FILENO, in->chunk + have,
			    IR_REC_MAX - have);
		} while (got < 0 && errno == EINTR);
		if (got < 0)
			return ir_fail_errno(err, IR_IOERR, errno,
			    "standard input");
		if (got == 0)
			in->eof = true;
		in->end += (size_t)got;
	}
}

static int
from_line(struct ir_in *in, char *s, size_t n, struct ir_rec **out,
    struct ir_err *err)
{
	while (n && (*s == ' ' || *s == '\t')) {
		s++;
		n--;
	}
	while (n && strchr(" \t\r", s[n - 1]) && s[n - 1])
		n--;
	if (n == 0)
		return 0;
	if (*s == '{') {
		*out = ir_rec_parse(s, n, err);
		if (!*out) {
			ir_fail_prefix(err, "%s", ir_in_where(in));
			return -1;
		}
		return 1;
	}
	if (memchr(s, '\0', n))
		return ir_fail(err, IR_DATAERR, "%s: a NUL byte",
		    ir_in_where(in));
	*out = ir_rec_object();
	ir_rec_strn(*out, "id", s, n);
	return 1;
}

int
ir_in_next(struct ir_in *in, struct ir_rec **out, struct ir_err *err)
{
	char *s = NULL;
	size_t n = 0;
	int rc;

	for (;;) {
		if (in->from_stdin) {
			rc = next_line(in, &s, &n, err);
			if (rc < 0)
				return -1;
			if (rc == 0) {
				if (in->next >= in->n)
					return 0;
				in->from_stdin = false;
				continue;
			}
		} else {
			if (in->next >= in->n)
				return 0;
			s = in->operands[in->next++];
			n = strlen(s);
			if (strcmp(s, "-") == 0) {
				in->from_stdin = true;
				continue;
			}
			if (n == 0)
				return ir_fail(err, IR_USAGE,
				    "operand %zu is empty", in->next);
		}
		rc = from_line(in, s, n, out, err);
		if (rc)
			return rc;
	}
}

void
ir_in_close(struct ir_in *in)
{
	free(in);
}

int
ir_in_each(char **operands, size_t n,
    int (*take)(const struct ir_rec *rec, void *arg, struct ir_err *err),
    void *arg, struct ir_err *err)
{
	struct ir_in *in = ir_in_open(operands, n, err);
	struct ir_rec *rec = NULL;
	int rc = -1;

	while (in && (rc = ir_in_next(in, &rec, err)) > 0) {
		rc = take(rec, arg, err);
		ir_rec_free(rec);
		if (rc) {
			ir_fail_prefix(err, "%s", ir_in_where(in));
			break;
		}
	}
	ir_in_close(in);
	return rc;
}
