/* xml.c - see xml.h */
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <expat.h>
#include <openssl/crypto.h>

#include "xml.h"

/* An element that is being read. */
struct frame {
	char name[128];
	struct ir_rec *object;		/* children by name; NULL: none yet */
	/* The latest child; once its name comes again it is a list. */
	struct ir_rec *last;
	char last_name[128];
	bool last_is_list;
	bool only_words;		/* all children so far: member, ... */
	struct ir_buf text;
};

struct parse {
	XML_Parser expat;
	struct frame frame[IR_XML_DEPTH];
	size_t depth, nodes;
	struct ir_rec *root;
	char root_name[128];
	const char *secret_name;
	struct ir_secret *secret;
	struct ir_err *err;
	bool failed;
};

/* expat copies its input: wipe what it frees. */
union block {
	size_t size;
	max_align_t align;
};

static void *
wiping_malloc(size_t n)
{
	union block *b = malloc(sizeof *b + n);

	if (!b)
		return NULL;
	b->size = n;
	return b + 1;
}

static void
wiping_free(void *p)
{
	union block *b = p;

	if (!b)
		return;
	b--;
	OPENSSL_cleanse(b, sizeof *b + b->size);
	free(b);
}

static void *
wiping_realloc(void *p, size_t n)
{
	union block *old = p;
	void *q = wiping_malloc(n);

	if (q && old) {
		old--;
		memcpy(q, p, old->size < n ? old->size : n);
		wiping_free(p);
	}
	return q;
}

static void
stop(struct parse *p, int code, const char *why)
{
	if (!p->failed)
		ir_fail(p->err, code, "XML: %s", why);
	p->failed = true;
	XML_StopParser(p->expat, XML_FALSE);
}

static bool
is_list_word(const char *s)
{
	return strcmp(s, "member") == 0 || strcmp(s, "item") == 0 ||
	    strcmp(s, "entry") == 0;
}

static bool
ends_in(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);

	return n >= k && strcmp(s + n - k, end) == 0;
}

/* No more children of this name: it becomes a member. */
static void
close_last(struct frame *f)
{
	if (f->last)
		ir_rec_set(f->object, f->last_name, f->last);
	f->last = NULL;
	f->last_is_list = false;
}

static void
free_frame(struct frame *f)
{
	ir_rec_free(f->last);
	ir_rec_free(f->object);
	f->last = f->object = NULL;
	ir_buf_free(&f->text);
}

static void
on_start(void *arg, const XML_Char *name, const XML_Char **attrs)
{
	struct parse *p = arg;
	struct frame *f;

	(void)attrs;
	if (p->failed)
		return;
	if (p->depth == IR_XML_DEPTH || ++p->nodes > IR_XML_NODES) {
		stop(p, IR_PROTOCOL, p->depth == IR_XML_DEPTH ?
		    "nested too deeply" : "too many elements");
		return;
	}
	if (strlen(name) >= sizeof f->name) {
		stop(p, IR_PROTOCOL, "name of an element too long");
		return;
	}
	f = &p->frame[p->depth++];
	memset(f, 0, sizeof *f);
	memcpy(f->name, name, strlen(name) + 1);
	f->text = (struct ir_buf)IR_BUF(IR_XML_MAX);
	f->text.wipe = p->secret_name && strcmp(name, p->secret_name) == 0;
}

static struct ir_rec *
list_of(struct ir_rec *first)
{
	struct ir_rec *list = ir_rec_array();

	ir_rec_push(list, first);
	return list;
}

/* Put a finished child into its parent. */
static void
add_child(struct parse *p, struct frame *f, const char *name,
    struct ir_rec *child)
{
	if (f->last && strcmp(f->last_name, name) == 0) {
		if (!f->last_is_list)
			f->last = list_of(f->last);
		f->last_is_list = true;
		ir_rec_push(f->last, child);
		return;
	}
	f->only_words = !f->object && is_list_word(name);
	if (!f->object)
		f->object = ir_rec_object();
	close_last(f);
	if (ir_rec_has(f->object, name)) {
		ir_rec_free(child);
		stop(p, IR_PROTOCOL, "an element comes twice");
		return;
	}
	f->last = child;
	memcpy(f->last_name, name, strlen(name) + 1);
}

static struct ir_rec *
leaf(struct parse *p, struct frame *f)
{
	if (!f->text.wipe)
		return ir_rec_string(ir_buf_cstr(&f->text), f->text.len);
	if (!p->failed && ir_secret_set(p->secret, ir_buf_cstr(&f->text),
	    f->text.len, p->err)) {
		p->failed = true;
		XML_StopParser(p->expat, XML_FALSE);
	}
	return ir_rec_string("***", 3);
}

static struct ir_rec *
value_of(struct parse *p, struct frame *f)
{
	struct ir_rec *r;

	if (!f->object)
		return leaf(p, f);
	if (f->only_words) {
		r = f->last_is_list ? f->last : list_of(f->last);
		f->last = NULL;
	} else {
		close_last(f);
		r = f->object;
		f->object = NULL;
	}
	return r;
}

static void
on_end(void *arg, const XML_Char *name)
{
	struct parse *p = arg;
	struct frame *f;
	struct ir_rec *r;

	if (p->failed || p->depth == 0)
		return;
	f = &p->frame[p->depth - 1];
	r = value_of(p, f);
	free_frame(f);
	p->depth--;
	if (p->depth > 0) {
		add_child(p, &p->frame[p->depth - 1], name, r);
		return;
	}
	p->root = r;
	memcpy(p->root_name, name, strlen(name) + 1);
}

static void
on_text(void *arg, const XML_Char *s, int n)
{
	struct parse *p = arg;

	/* text between children is layout */
	if (!p->failed && p->depth && !p->frame[p->depth - 1].object)
		ir_buf_add(&p->frame[p->depth - 1].text, s, (size_t)n);
}

static void
on_doctype(void *arg, const XML_Char *name, const XML_Char *sysid,
    const XML_Char *pubid, int internal)
{
	(void)name, (void)sysid, (void)pubid, (void)internal;
	stop(arg, IR_PROTOCOL, "document type declaration");
}

static int
find_result(const char *key, const struct ir_rec *val, void *arg)
{
	const struct ir_rec **found = arg;

	if (!ends_in(key, "Result"))
		return 0;
	*found = val;
	return 1;
}

/* Take off ...Response and ...Result; frees the root. */
static struct ir_rec *
unwrap(struct ir_rec *root, const char *name, struct ir_err *err)
{
	const struct ir_rec *result = NULL;
	struct ir_rec *r = root;

	if (!ends_in(name, "Response")) {
		ir_rec_free(root);
		ir_fail(err, IR_PROTOCOL, "XML: <%s> is no answer of AWS",
		    name);
		return NULL;
	}
	if (ir_rec_kind(root) == IR_REC_OBJECT &&
	    ir_rec_each(root, find_result, &result))
		r = ir_rec_copy(result);
	if (r != root)
		ir_rec_free(root);
	if (r && ir_rec_kind(r) == IR_REC_STRING) {
		ir_rec_free(r);
		r = ir_rec_object();
	}
	if (!r)
		ir_fail(err, IR_OSERR, "no memory");
	else if (ir_rec_kind(r) == IR_REC_OBJECT)
		ir_rec_del(r, "ResponseMetadata");
	return r;
}

struct ir_rec *
ir_xml_parse(const char *bytes, size_t n, const char *secret_name,
    struct ir_secret *secret, struct ir_err *err)
{
	const XML_Memory_Handling_Suite mem = {
		wiping_malloc, wiping_realloc, wiping_free
	};
	struct parse *p;
	struct ir_rec *r = NULL;

	if (n > IR_XML_MAX) {
		ir_fail(err, IR_PROTOCOL, "XML: too long");
		return NULL;
	}
	p = calloc(1, sizeof *p);
	if (p)
		p->expat = XML_ParserCreate_MM(NULL, &mem, NULL);
	if (!p || !p->expat) {
		free(p);
		ir_fail(err, IR_OSERR, "no memory");
		return NULL;
	}
	p->secret_name = secret ? secret_name : NULL;
	p->secret = secret;
	p->err = err;
	XML_SetUserData(p->expat, p);
	XML_SetElementHandler(p->expat, on_start, on_end);
	XML_SetCharacterDataHandler(p->expat, on_text);
	XML_SetStartDoctypeDeclHandler(p->expat, on_doctype);
	if (XML_Parse(p->expat, bytes, (int)n, 1) != XML_STATUS_OK &&
	    !p->failed) {
		ir_fail(err, IR_PROTOCOL, "XML: line %lu: %s",
		    (unsigned long)XML_GetCurrentLineNumber(p->expat),
		    XML_ErrorString(XML_GetErrorCode(p->expat)));
		p->failed = true;
	}
	while (p->depth)
		free_frame(&p->frame[--p->depth]);
	if (p->failed)
		ir_rec_free(p->root);
	else
		r = unwrap(p->root, p->root_name, err);
	XML_ParserFree(p->expat);
	free(p);
	return r;
}
