/*
 * ip-origin - which network, AS and country do these addresses belong to?
 *
 * Reads addresses (operands; records, bare keys or lines with columns on
 * standard input), looks them up in local databases and, if it is told to,
 * by DNS; writes the records with "origin" added, or the lines with columns.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cli.h"
#include "core/sandbox.h"
#include "core/text.h"
#include "incident/journal.h"
#include "log/input.h"
#include "net/origin.h"

#define BATCH 1024		/* addresses that are asked about together */
#define CACHE "ip-origin.cache"

struct item {
	struct ir_rec *rec;	/* owned; NULL: a line */
	char *line;
	size_t len;
	struct ir_ip ip;
	bool has;		/* there is an address */
};

struct run {
	struct ir_common common;
	struct ir_list db;
	const char *aws, *resolver, *field;
	long column;
	bool dns, no_cache;
	char cache[4096];
	struct ir_origins *origins;
	struct ir_out *out;
	struct ir_tally tally;
	struct item item[BATCH];
	size_t n, batch;
	size_t addresses, unknown;
};

static const struct ir_cmd cmd = {
	"ip-origin", "which network, AS and country do addresses belong to?",
	"[options] [ip ...]"
};

static const struct ir_col cols[] = {
	{ "id", "ID" }, { "origin.asn", "ASN" }, { "origin.prefix", "PREFIX" },
	{ "origin.country", "CC" }, { "origin.as_name", "NAME" },
	{ "origin.aws.services", "AWS" }, { "origin.aws.region", "REGION" },
	{ "origin.source", "SOURCE" }, { "origin.why", "WHY" }, { NULL, NULL }
};

/* --- what is known, written --------------------------------------------- */

static void
put_cell(const char *s)
{
	struct ir_buf b = IR_BUF(4096);

	ir_text_clean(&b, s, strlen(s));
	putchar('\t');
	fputs(b.len ? ir_buf_cstr(&b) : "-", stdout);
	ir_buf_free(&b);
}

/* What has no address gets the columns as well, so that they stay in line. */
static void
put_line(const struct run *r, const struct item *it,
    const struct ir_origin *o)
{
	char asns[IR_ORIGIN_ASNS * 11 + 1] = "";
	size_t i, n = 0;

	fwrite(it->line, 1, it->len, stdout);
	for (i = 0; i < o->nasn; i++)
		n += (size_t)snprintf(asns + n, sizeof asns - n, "%s%u",
		    i ? "," : "", o->asn[i]);
	put_cell(asns);
	put_cell(o->prefix);
	put_cell(o->country);
	put_cell(o->name);
	if (r->aws) {
		put_cell(o->aws.services);
		put_cell(o->aws.region);
	}
	putchar('\n');
}

/* Not to be known is an answer; not to have been told is a failure. */
static void
count(struct run *r, const struct item *it, const struct ir_origin *o)
{
	if (!it->has)
		return;
	r->addresses++;
	r->unknown += !o->known;
	ir_tally_add(&r->tally, o->why && !o->special &&
	    strcmp(o->why, "no-source-knows") &&
	    strcmp(o->why, "not-announced") ? IR_TEMPFAIL : 0);
}

/* Look up all that is held, and write it. */
static int
flush(struct run *r, struct ir_err *err)
{
	static struct ir_ip ips[BATCH];
	struct ir_origin o;
	struct item *it;
	size_t i, n = 0;
	int rc = 0;

	for (i = 0; r->dns && i < r->n; i++)
		if (r->item[i].has)
			ips[n++] = r->item[i].ip;
	if (n)
		rc = ir_origins_fetch(r->origins, ips, n, err);
	for (i = 0; i < r->n; i++) {
		it = &r->item[i];
		memset(&o, 0, sizeof o);
		if (rc == 0 && it->has)
			ir_origins_find(r->origins, &it->ip, &o);
		if (rc == 0)
			count(r, it, &o);
		if (rc == 0 && it->line)
			put_line(r, it, &o);
		if (rc == 0 && it->rec && it->has)
			ir_rec_set(it->rec, "origin", ir_origin_record(&o));
		if (rc == 0 && it->rec)
			ir_out_put(r->out, it->rec);
		else
			ir_rec_free(it->rec);
		free(it->line);
		memset(it, 0, sizeof *it);
	}
	r->n = 0;
	return rc;
}

/* --- records ------------------------------------------------------------- */

/* The address of a record: in the field that is asked for, or as is usual. */
static bool
find_ip(const struct run *r, const struct ir_rec *rec, struct ir_ip *ip)
{
	static const char *const usual[] = { "ip", "address", "client_ip",
		"source_ip", "id" };
	const char *s;
	size_t i;

	if (r->field && ir_rec_has(rec, "type")) {
		s = ir_rec_get(rec, r->field);
		return s && ir_ip_parse(s, false, ip) == 0;
	}
	for (i = 0; i < sizeof usual / sizeof *usual; i++) {
		s = ir_rec_get(rec, usual[i]);
		if (s && ir_ip_parse(s, false, ip) == 0)
			return true;
	}
	return false;
}

static int
take_record(struct run *r, struct ir_rec *rec, const char *where,
    struct ir_err *err)
{
	struct item *it = &r->item[r->n];
	bool bare = !ir_rec_has(rec, "type");
	char text[64];

	it->has = find_ip(r, rec, &it->ip);
	if (!it->has && bare && ir_rec_len(rec) <= 1) {
		ir_fail(err, IR_DATAERR, "%s: not an IP address: %.80s",
		    where, ir_rec_get(rec, "id") ? ir_rec_get(rec, "id") :
		    "no \"id\"");
		ir_rec_free(rec);
		return -1;
	}
	if (bare) {
		ir_rec_str(rec, "type", "ip-origin");
		if (!ir_rec_has(rec, "id") && it->has)
			ir_rec_str(rec, "id", ir_ip_text(&it->ip, text,
			    sizeof text));
	}
	it->rec = rec;
	if (++r->n == r->batch)
		return flush(r, err);
	return 0;
}

static int
read_records(struct run *r, char **operands, size_t n, struct ir_err *err)
{
	struct ir_in *in = ir_in_open(operands, n, err);
	struct ir_rec *rec;
	int rc = -1;

	while (in && !ir_stopped() && (rc = ir_in_next(in, &rec, err)) > 0)
		if ((rc = take_record(r, rec, ir_in_where(in), err)))
			break;
	ir_in_close(in);
	return rc;
}

/* --- columns ------------------------------------------------------------- */

/* Column N of a line: between tabs if there are any, else between blanks. */
static bool
find_column(const char *p, size_t n, long want, struct ir_ip *ip)
{
	const char *end = p + n, *from = p, *sep;
	bool tabs = memchr(p, '\t', n) != NULL;
	char text[64];

	for (;;) {
		while (!tabs && from < end && *from == ' ')
			from++;
		for (sep = from; sep < end && *sep != '\t' &&
		    (tabs || *sep != ' '); sep++)
			continue;
		if (--want == 0)
			break;
		if (sep == end)
			return false;
		from = sep + 1;
	}
	/* as logs write it: [192.0.2.1], (192.0.2.1), */
	while (from < sep && strchr(" [(<\"", *from))
		from++;
	while (sep > from && strchr(" ])>\",;", sep[-1]))
		sep--;
	n = (size_t)(sep - from);
	if (n == 0 || n >= sizeof text || memchr(from, '\0', n))
		return false;
	memcpy(text, from, n);
	text[n] = '\0';
	return ir_ip_parse(text, false, ip) == 0;
}

static int
read_lines(struct run *r, struct ir_err *err)
{
	struct ir_log_input *in = NULL;
	struct item *it;
	const char *p;
	size_t n, line = 0;
	bool cut;
	int rc = ir_log_open(&in, "-", err);

	while (rc == 0 && !ir_stopped() &&
	    (rc = ir_log_line(in, &p, &n, &cut, err)) > 0) {
		line++;
		it = &r->item[r->n];
		rc = cut ? ir_fail(err, IR_DATAERR, "standard input:%zu: "
		    "longer than %d bytes", line, IR_LOG_LINE_MAX) : 0;
		if (rc == 0 && !(it->line = malloc(n + 1)))
			rc = ir_fail(err, IR_OSERR, "no memory");
		if (rc)
			break;
		memcpy(it->line, p, n);
		it->len = n;
		it->has = find_column(p, n, r->column, &it->ip);
		if (++r->n == r->batch)
			rc = flush(r, err);
	}
	ir_log_close(in);
	return rc;
}

/* --- the run ------------------------------------------------------------- */

static int
open_sources(struct run *r, struct ir_err *err)
{
	struct ir_origin_opts o = { .db = r->db.v, .ndb = r->db.n,
		.usual = true, .aws = r->aws, .dns = r->dns,
		.resolver = r->resolver };
	char dir[3900];
	size_t i;

	if (r->dns && !r->no_cache) {
		if (ir_state_dir(dir, sizeof dir, err))
			return -1;
		snprintf(r->cache, sizeof r->cache, "%s/" CACHE, dir);
		o.cache = r->cache;
	}
	if (r->common.timeout)
		o.deadline_ms = (int)r->common.timeout * 1000;
	if (ir_origins_open(&r->origins, &o, err))
		return -1;
	for (i = 0; i < ir_origins_sources(r->origins); i++)
		ir_note(&r->common, "source: %s", ir_origins_source(
		    r->origins, i));
	if (i == 0 && !r->aws) {
		ir_warn(&r->common, "no database is here: nothing is known");
		ir_warn(&r->common, "hint: --db FILE, or --dns to ask Team "
		    "Cymru");
	}
	if (!r->dns)
		ir_sandbox_parse_only();
	return 0;
}

/* A cache that cannot be written costs time only. */
static void
finish(struct run *r)
{
	struct ir_err err = IR_ERR_INIT;

	if (ir_origins_save(r->origins, &err))
		ir_warn(&r->common, "answers are not kept: %s", err.msg);
	ir_note(&r->common, "%zu addresses, %zu unknown", r->addresses,
	    r->unknown);
}

static void
check_usage(struct run *r, int n)
{
	if (r->column && (n || r->field))
		ir_die_usage("--column reads lines on standard input: no "
		    "operands, no --field");
	if (r->column > 1000)
		ir_die_usage("--column: more than 1000");
	if (r->common.timeout > 86400)
		ir_die_usage("--timeout: more than a day");
	if ((r->resolver || r->no_cache) && !r->dns)
		ir_die_usage("--resolver and --no-cache are for --dns");
	if (n == 0 && isatty(STDIN_FILENO))
		ir_die_usage("no addresses, and standard input is a terminal");
	r->batch = r->dns ? BATCH : 1;
}

int
main(int argc, char **argv)
{
	static struct run r = { .tally = IR_TALLY_INIT };
	const struct ir_opt opts[] = {
		{ 0, "db", "FILE", IR_LIST, &r.db,
		    "an .mmdb file or a table of ranges; many times" },
		{ 0, "dns", NULL, IR_BOOL, &r.dns,
		    "ask Team Cymru by DNS about what no database knows" },
		{ 0, "resolver", "HOST[:PORT]", IR_STR, &r.resolver,
		    "name server for --dns; default: the system's" },
		{ 0, "no-cache", NULL, IR_BOOL, &r.no_cache,
		    "neither read nor keep answers of --dns" },
		{ 0, "aws", "FILE", IR_STR, &r.aws,
		    "AWS's ip-ranges.json" },
		{ 0, "field", "NAME", IR_STR, &r.field,
		    "field of the records that holds the address" },
		{ 0, "column", "N", IR_INT, &r.column,
		    "lines instead of records: the address is in column N" },
		IR_OPTS_COMMON(&r.common), IR_OPT_END
	};
	struct ir_err err = IR_ERR_INIT;
	int n, rc;

	ir_begin(&cmd);
	n = ir_parse(argc, argv, opts, &r.common);
	check_usage(&r, n);
	if (open_sources(&r, &err))
		goto out;
	(void)ir_catch_stop();
	if (!r.column)
		r.out = ir_open_output(&r.common, cols);
	rc = r.column ? read_lines(&r, &err) :
	    read_records(&r, argv + 1, (size_t)n, &err);
	if (rc == 0 && flush(&r, &err) == 0 && ir_stopped())
		ir_fail(&err, IR_TEMPFAIL, "stopped: the rest was not read");
	finish(&r);
out:
	ir_origins_close(r.origins);
	return ir_end(&err, r.out, &r.tally);
}
