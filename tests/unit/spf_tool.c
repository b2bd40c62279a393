/*
 * spf_tool.c - cases of SPF with the zones they need, as text; not a test by
 * itself: tests/sender-check.bats and tests/spf/suite.py run it.
 *
 *	spf_tool [-v] <FILE
 *
 * Lines of columns that tabs separate; '#' begins a comment line; \xNN and
 * \\ are bytes in any column but the first.
 *
 *	scenario NAME			what follows has zones of its own
 *	zone NAME TYPE DATA		A AAAA MX ("10 host") PTR TXT CNAME
 *	zone NAME TYPE !timeout		no answer; TYPE * is every type that
 *					has no data
 *	case ID IP HELO MAILFROM RESULT[|RESULT...] [EXPLANATION]
 *
 * Prints the cases that went wrong (-v: all, with the trace), then counts.
 * An EXPLANATION of DEFAULT means none; a column that is not there is not
 * looked at.  Exit 1 when one went wrong.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "auth/spf.h"

#define COLUMNS 8
#define MAX_CNAMES 10

struct row {
	char *name;
	int type;		/* 0: any; CNAME is 5 */
	char *data;		/* NULL: no answer */
	size_t len;
};

struct table {
	struct ir_resolver res;
	struct row row[20000];
	size_t n;
	struct ir_rrset *given[20000];	/* all answers, until the next case */
	size_t ngiven;
};

static struct table table;

static int
type_of(const char *s)
{
	static const struct { const char *s; int n; } types[] = {
		{ "*", 0 }, { "A", IR_DNS_A }, { "AAAA", IR_DNS_AAAA },
		{ "MX", IR_DNS_MX }, { "PTR", IR_DNS_PTR },
		{ "TXT", IR_DNS_TXT }, { "CNAME", 5 } };
	size_t i;

	for (i = 0; i < sizeof types / sizeof *types; i++)
		if (strcmp(s, types[i].s) == 0)
			return types[i].n;
	fprintf(stderr, "spf_tool: no such type: %s\n", s);
	exit(64);
}

static void
add_rr(struct ir_rrset *s, const struct row *r)
{
	struct ir_rr *rr;

	s->rr = realloc(s->rr, (s->n + 1) * sizeof *s->rr);
	if (!s->rr)
		abort();
	rr = &s->rr[s->n++];
	rr->data = r->data;
	rr->len = r->len;
	rr->pref = 0;
	if (r->type == IR_DNS_MX) {
		rr->pref = atoi(r->data);
		rr->data = strchr(r->data, ' ') ? strchr(r->data, ' ') + 1 :
		    "";
		rr->len = strlen(rr->data);
	}
}

static bool
same_name(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);

	n -= n && a[n - 1] == '.';
	m -= m && b[m - 1] == '.';
	return n == m && strncasecmp(a, b, n) == 0;
}

static const struct ir_rrset *
ask(struct ir_resolver *res, const char *name, enum ir_dns_type type)
{
	struct ir_rrset *s = calloc(1, sizeof *s);
	const struct row *alias;
	bool silent;
	size_t i;
	int hops;

	(void)res;
	if (!s || table.ngiven == sizeof table.given / sizeof *table.given)
		abort();
	table.given[table.ngiven++] = s;
	s->status = IR_DNS_NXDOMAIN;
	for (hops = 0; ; hops++) {
		alias = NULL;
		silent = false;
		for (i = 0; i < table.n; i++) {
			const struct row *r = &table.row[i];

			if (!same_name(r->name, name))
				continue;
			if (s->status == IR_DNS_NXDOMAIN)
				s->status = IR_DNS_NODATA;
			if (!r->data)
				silent |= r->type == 0 ||
				    r->type == (int)type;
			else if (r->type == (int)type)
				add_rr(s, r);
			else if (r->type == 5)
				alias = r;
		}
		if (s->n || silent || !alias)
			break;
		if (hops == MAX_CNAMES) {
			s->status = IR_DNS_SERVFAIL;
			return s;
		}
		name = alias->data;
		s->status = IR_DNS_NXDOMAIN;
	}
	if (s->n)
		s->status = IR_DNS_OK;
	else if (silent)
		s->status = IR_DNS_TIMEOUT;
	return s;
}

static void
forget_answers(void)
{
	while (table.ngiven) {
		struct ir_rrset *s = table.given[--table.ngiven];

		free(s->rr);
		free(s);
	}
}

static void
forget_zones(void)
{
	while (table.n) {
		free(table.row[--table.n].name);
		free(table.row[table.n].data);
	}
}

/* \xNN and \\, in place; returns the length. */
static size_t
unescape(char *s)
{
	char *out = s, *start = s;
	unsigned byte;

	while (*s) {
		if (s[0] == '\\' && s[1] == 'x' &&
		    sscanf(s + 2, "%2x", &byte) == 1) {
			*out++ = (char)byte;
			s += 4;
		} else if (s[0] == '\\' && s[1] == '\\') {
			*out++ = '\\';
			s += 2;
		} else {
			*out++ = *s++;
		}
	}
	*out = '\0';
	return (size_t)(out - start);
}

static void
add_zone(char **col, int n)
{
	struct row *r = &table.row[table.n];
	size_t len = n > 3 ? unescape(col[3]) : 0;

	if (n < 4 || table.n == sizeof table.row / sizeof *table.row) {
		fprintf(stderr, "spf_tool: bad zone line\n");
		exit(64);
	}
	unescape(col[1]);
	table.n++;
	r->name = strdup(col[1]);
	r->type = type_of(col[2]);
	r->len = len;
	r->data = NULL;
	if (!r->name)
		abort();
	if (strcmp(col[3], "!timeout") == 0)
		return;
	r->data = malloc(len + 1);
	if (!r->data)
		abort();
	memcpy(r->data, col[3], len + 1);
}

static bool
one_of(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (;; words = strchr(words, '|') + 1) {
		if (strncmp(words, word, n) == 0 &&
		    (words[n] == '\0' || words[n] == '|'))
			return true;
		if (!strchr(words, '|'))
			return false;
	}
}

static bool
run_case(char **col, int n, bool verbose)
{
	struct ir_spf_query q = { .now = 1792627200 };
	struct ir_spf_answer a;
	const char *exp;
	bool ok;
	size_t i;

	if (n < 6 || ir_ip_parse(col[2], true, &q.ip)) {
		fprintf(stderr, "spf_tool: bad case line: %s\n", col[1]);
		exit(64);
	}
	for (i = 3; i < (size_t)n; i++)
		unescape(col[i]);
	q.helo = col[3];
	q.mailfrom = col[4];
	ir_spf_check(&table.res, &q, &a);
	exp = a.has_exp ? ir_buf_cstr(&a.exp) : "DEFAULT";
	ok = one_of(col[5], ir_spf_word(a.result)) &&
	    (n < 7 || strcmp(col[6], exp) == 0);
	if (verbose || !ok)
		printf("%s %s: %s, expected %s; exp \"%s\"%s%s; %s "
		    "(%d lookups, %d void)\n", ok ? "ok" : "NOT OK", col[1],
		    ir_spf_word(a.result), col[5], exp,
		    n < 7 ? "" : ", expected ", n < 7 ? "" : col[6], a.why,
		    a.lookups, a.voids);
	for (i = 0; (verbose || !ok) && i < a.nsteps; i++)
		printf("\t%*s%s %s [%s] %s\n", a.step[i].depth * 2, "",
		    a.step[i].domain, a.step[i].term, a.step[i].target,
		    a.step[i].outcome);
	ir_spf_answer_free(&a);
	forget_answers();
	return ok;
}

int
main(int argc, char **argv)
{
	bool verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
	static char line[200000];
	size_t passed = 0, wrong = 0;
	char *col[COLUMNS], *rest;
	int n;

	table.res.ask = ask;
	while (fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || line[0] == '\0')
			continue;
		for (n = 0, rest = line; rest && n < COLUMNS; n++)
			col[n] = strsep(&rest, "\t");
		if (strcmp(col[0], "scenario") == 0) {
			forget_zones();
			if (verbose)
				printf("--- %s\n", n > 1 ? col[1] : "");
		} else if (strcmp(col[0], "zone") == 0) {
			add_zone(col, n);
		} else if (strcmp(col[0], "case") != 0) {
			fprintf(stderr, "spf_tool: what is %s?\n", col[0]);
			return 64;
		} else if (run_case(col, n, verbose)) {
			passed++;
		} else {
			wrong++;
		}
	}
	forget_zones();
	printf("%zu passed, %zu failed\n", passed, wrong);
	return wrong ? 1 : 0;
}
