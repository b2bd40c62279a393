/* sarif.c - see sarif.h */
#include <stdio.h>
#include <string.h>

#include "core/record.h"
#include "sarif.h"

static const char *
says(enum ir_leak_kind kind)
{
	static const char *const text[IR_LEAK_KINDS] = {
		"an AWS access key id", "an AWS secret access key",
		"an SMTP password of Amazon SES",
		"a password of a mail server", "a private key",
		"a web hook's address",
	};

	return text[kind];
}

static struct ir_rec *
rules(void)
{
	struct ir_rec *list = ir_rec_array(), *rule, *text;
	int k;

	for (k = 0; k < IR_LEAK_KINDS; k++) {
		rule = ir_rec_object();
		text = ir_rec_object();
		ir_rec_str(rule, "id",
		    ir_leak_kind_name((enum ir_leak_kind)k));
		ir_rec_str(text, "text", says((enum ir_leak_kind)k));
		ir_rec_set(rule, "shortDescription", text);
		ir_rec_push(list, rule);
	}
	return list;
}

/* A path as a URI reference: all but what may stand there is %XX. */
static void
put_uri(struct ir_rec *rec, const char *path)
{
	struct ir_buf b = IR_BUF(65536);
	unsigned char c;

	for (; (c = (unsigned char)*path); path++)
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || strchr("/-_.~!", c))
			ir_buf_chr(&b, c);
		else
			ir_buf_fmt(&b, "%%%02X", c);
	ir_rec_str(rec, "uri", ir_buf_cstr(&b));
	ir_buf_free(&b);
}

static struct ir_rec *
location(const struct ir_leak_find *v)
{
	struct ir_rec *all = ir_rec_array(), *one = ir_rec_object(),
	    *place = ir_rec_object(), *file = ir_rec_object(),
	    *region = ir_rec_object();

	put_uri(file, v->where);
	ir_rec_set(place, "artifactLocation", file);
	if (v->line)
		ir_rec_int(region, "startLine", (int64_t)v->line);
	else
		ir_rec_int(region, "byteOffset", (int64_t)v->offset);
	ir_rec_set(place, "region", region);
	ir_rec_set(one, "physicalLocation", place);
	ir_rec_push(all, one);
	return all;
}

static struct ir_rec *
result(const struct ir_leak_find *v)
{
	struct ir_rec *r = ir_rec_object(), *text = ir_rec_object(),
	    *prints = ir_rec_object();
	char id[IR_LEAK_PRINT + 1];

	ir_rec_str(r, "ruleId", ir_leak_kind_name(v->kind));
	ir_rec_int(r, "ruleIndex", v->kind);
	ir_rec_str(r, "level", v->kind == IR_LEAK_AWS_KEY ? "warning" :
	    "error");
	ir_rec_fmt(text, "text", "%s: %s%s%s", says(v->kind), v->shown,
	    v->proven ? ", proven for " : "", v->proven ? v->region : "");
	ir_rec_set(r, "message", text);
	ir_rec_set(r, "locations", location(v));
	ir_leak_find_id(v, id);
	ir_rec_str(prints, "quellLeak/v1", id);
	ir_rec_set(r, "partialFingerprints", prints);
	return r;
}

void
ir_leak_sarif(const struct ir_leak_finds *f, const bool *skip,
    const char *version, struct ir_buf *out)
{
	struct ir_rec *doc = ir_rec_object(), *runs = ir_rec_array(),
	    *run = ir_rec_object(), *tool = ir_rec_object(),
	    *driver = ir_rec_object(), *results = ir_rec_array();
	size_t i;

	ir_rec_str(driver, "name", "quell leak-scan");
	ir_rec_str(driver, "version", version);
	ir_rec_set(driver, "rules", rules());
	ir_rec_set(tool, "driver", driver);
	ir_rec_set(run, "tool", tool);
	for (i = 0; i < f->n; i++)
		if (!skip || !skip[i])
			ir_rec_push(results, result(&f->v[i]));
	ir_rec_set(run, "results", results);
	ir_rec_str(doc, "$schema",
	    "https://json.schemastore.org/sarif-2.1.0.json");
	ir_rec_str(doc, "version", "2.1.0");
	ir_rec_push(runs, run);
	ir_rec_set(doc, "runs", runs);
	ir_rec_json(doc, out);
	ir_buf_chr(out, '\n');
	ir_rec_free(doc);
}
