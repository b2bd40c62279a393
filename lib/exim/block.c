/* block.c - see block.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/proc.h"
#include "../core/text.h"
#include "block.h"

static const struct {
	const char *name, *file;
} kinds[IR_BLOCK_N] = {
	{ "auth", "deny_accounts" }, { "local", "deny_users" },
	{ "sender", "deny_senders" }, { "host", "deny_hosts" },
	{ "script", "deny_scripts" }, { "domain", "deny_domains" },
	{ "limit", "limits" },
};

const char *
ir_block_name(enum ir_block k)
{
	return kinds[k].name;
}

const char *
ir_block_file(enum ir_block k)
{
	return kinds[k].file;
}

int
ir_block_kind(const char *name)
{
	int k;

	for (k = 0; k < IR_BLOCK_N; k++)
		if (strcmp(kinds[k].name, name) == 0)
			return k;
	return -1;
}

const char *
ir_block_lacks(const struct ir_exim_hook *h, enum ir_block k)
{
	static const char mail[] = "the ACL of acl_smtp_mail";
	static const char local[] = "the ACL of acl_not_smtp";
	static const char rcpt[] = "the ACL of acl_smtp_rcpt";

	switch (k) {
	case IR_BLOCK_AUTH:
		return h->mail_acl ? NULL : mail;
	case IR_BLOCK_LOCAL:
		return h->not_smtp_acl ? NULL : local;
	case IR_BLOCK_SENDER:
		return h->sender_acl ? NULL : mail;
	case IR_BLOCK_HOST:
		return h->host_acl ? NULL : mail;
	case IR_BLOCK_SCRIPT:
		return h->script_acl ? NULL : local;
	case IR_BLOCK_LIMIT:
		return h->limit_acl ? NULL : rcpt;
	case IR_BLOCK_DOMAIN:
	case IR_BLOCK_N:
	default:
		return !h->domain_acl ? rcpt :
		    h->block_router ? NULL : "the first router";
	}
}

/* --- the lines ----------------------------------------------------------- */

/*
 * Is the key in the file, and not over yet?  A file that is not there would
 * make lsearch defer.
 */
static void
listed(struct ir_buf *b, const char *dir, enum ir_block k, const char *key,
    bool queued)
{
	const char *f = kinds[k].file;

	ir_buf_fmt(b, "${if exists{%s/%s}{${lookup{%s}lsearch{%s/%s}"
	    "{${if %s<{$tod_epoch}{${extract{until}{$value}{$value}"
	    "{9999999999}}}%s{yes}{no}}}{no}}}{no}}", dir, f, key, dir, f,
	    queued ? "and{{!eq{${extract{new}{$value}}}{1}}{" : "",
	    queued ? "}}" : "");
}

/* What the headers call the script, without what varies. */
#define SCRIPT "${sg{$h_X-PHP-Originating-Script:}" \
	"{\\N\\([0-9]+\\) : .*$\\N}{}}"
#define SCRIPT_FILE "${sg{" SCRIPT "}{\\N^[0-9]+:\\N}{}}"
#define SCRIPT_SITE "${sg{$h_X-PHP-Script:}{\\N for .*$\\N}{}}"

static void
scripts(struct ir_buf *b, const char *dir, bool queued)
{
	static const char *const keys[] = { SCRIPT, SCRIPT_FILE,
		SCRIPT_SITE };
	size_t i;

	ir_buf_str(b, "or{");
	for (i = 0; i < sizeof keys / sizeof *keys; i++) {
		ir_buf_str(b, "{bool{");
		listed(b, dir, IR_BLOCK_SCRIPT, keys[i], queued);
		ir_buf_str(b, "}}");
	}
	ir_buf_str(b, "}");
}

static void
deny(struct ir_buf *b, const char *dir, enum ir_block k, const char *key,
    const char *what)
{
	ir_buf_str(b, "  deny    condition     = ");
	listed(b, dir, k, key, false);
	ir_buf_fmt(b, "\n          message       = %ssending is suspended "
	    "for this %s " IR_BLOCK_SAID "\n",
	    k == IR_BLOCK_LOCAL ? "" : "5.7.1 ", what);
}

static void
print_mail(struct ir_buf *b, const char *dir)
{
	ir_buf_str(b, "  deny    authenticated = *\n"
	    "          condition     = ");
	listed(b, dir, IR_BLOCK_AUTH, "$authenticated_id", false);
	ir_buf_str(b, "\n          message       = 5.7.1 sending is "
	    "suspended for this account " IR_BLOCK_SAID "\n");
	deny(b, dir, IR_BLOCK_SENDER, "$sender_address", "sender");
	deny(b, dir, IR_BLOCK_HOST, "$sender_host_address", "host");
}

static void
print_not_smtp(struct ir_buf *b, const char *dir)
{
	deny(b, dir, IR_BLOCK_LOCAL, "$sender_ident", "user");
	deny(b, dir, IR_BLOCK_SENDER, "$sender_address", "sender");
	ir_buf_str(b, "  deny    condition     = ${if ");
	scripts(b, dir, false);
	ir_buf_str(b, "{yes}{no}}\n          message       = sending is "
	    "suspended for this script " IR_BLOCK_SAID "\n");
}

static void
print_rcpt(struct ir_buf *b, const char *dir)
{
	ir_buf_str(b, "  defer   condition     = ");
	listed(b, dir, IR_BLOCK_DOMAIN, "$domain", false);
	ir_buf_str(b, "\n          message       = 4.7.1 mail to this domain "
	    "is held " IR_BLOCK_SAID "\n"
	    "  defer   authenticated = *\n"
	    "          condition     = ");
	listed(b, dir, IR_BLOCK_LIMIT, "$authenticated_id", false);
	ir_buf_fmt(b, "\n          ratelimit     = ${extract{limit}{${lookup"
	    "{$authenticated_id}lsearch{%s/limits}}}{$value}{1000000}} / 1h "
	    "/ per_rcpt / strict / quell_$authenticated_id\n"
	    "          message       = 4.7.1 this account is limited to "
	    "$sender_rate_limit recipients an hour " IR_BLOCK_SAID "\n", dir);
}

void
ir_block_print_held(struct ir_buf *b, const char *dir)
{
	ir_buf_str(b, "or{{and{{def:sender_host_authenticated}{bool{");
	listed(b, dir, IR_BLOCK_AUTH, "$authenticated_id", true);
	ir_buf_str(b, "}}}}{and{{!def:sender_host_address}{bool{");
	listed(b, dir, IR_BLOCK_LOCAL, "$sender_ident", true);
	ir_buf_str(b, "}}}}{bool{");
	listed(b, dir, IR_BLOCK_SENDER, "$sender_address", true);
	ir_buf_str(b, "}}{bool{");
	listed(b, dir, IR_BLOCK_HOST, "$sender_host_address", true);
	ir_buf_str(b, "}}{bool{");
	listed(b, dir, IR_BLOCK_DOMAIN, "$domain", true);
	ir_buf_str(b, "}}{");
	scripts(b, dir, true);
	ir_buf_str(b, "}}");
}

static void
print_router(struct ir_buf *b, const char *dir)
{
	ir_buf_str(b, "quell_block:\n"
	    "  driver = redirect\n"
	    "  domains = ! +local_domains\n"
	    "  condition = ${if ");
	ir_block_print_held(b, dir);
	ir_buf_str(b, "{yes}{no}}\n"
	    "  allow_defer\n"
	    "  data = :defer: blocked " IR_BLOCK_SAID "\n"
	    "  no_verify\n");
}

void
ir_block_print(struct ir_buf *out, const char *section, const char *dir)
{
	if (strcmp(section, "mail") == 0)
		print_mail(out, dir);
	else if (strcmp(section, "not_smtp") == 0)
		print_not_smtp(out, dir);
	else if (strcmp(section, "rcpt") == 0)
		print_rcpt(out, dir);
	else if (strcmp(section, "router") == 0)
		print_router(out, dir);
}

/* --- entries ------------------------------------------------------------- */

int64_t
ir_block_number(const char *text, size_t n, const char *name)
{
	size_t k = strlen(name);
	const char *p = text, *end = text + n;
	int64_t v = 0;

	for (; (p = memmem(p, (size_t)(end - p), name, k)); p++)
		if ((p == text || p[-1] == ' ') && (size_t)(end - p) > k &&
		    p[k] == '=')
			break;
	if (!p)
		return 0;
	for (p += k + 1; p < end && *p >= '0' && *p <= '9' &&
	    v < 100000000000; p++)
		v = v * 10 + (*p - '0');
	return v;
}

/* --- asking -------------------------------------------------------------- */

/* The n-th reply that is no "250-": its code and text. */
static int
reply(const char *s, int which, char said[200])
{
	const char *nl;

	for (; *s; s = nl + (*nl == '\n')) {
		nl = s + strcspn(s, "\n");
		if (nl - s < 4 || s[0] < '2' || s[0] > '5' || s[1] < '0' ||
		    s[1] > '9' || s[2] < '0' || s[2] > '9' || s[3] != ' ')
			continue;
		if (which-- > 0)
			continue;
		snprintf(said, 200, "%.*s", (int)(nl - s), s);
		ir_text_printable(said);
		said[strcspn(said, "\r")] = '\0';
		return (s[0] - '0') * 100 + (s[1] - '0') * 10 + s[2] - '0';
	}
	said[0] = '\0';
	return 0;
}

int
ir_block_probe(const char *exim, enum ir_block k, const char *key, int *code,
    char said[200], struct ir_err *err)
{
	const char *argv[8] = { exim, "-bh",
		k == IR_BLOCK_HOST ? key : "192.0.2.1" };
	struct ir_proc p = { .argv = argv, .timeout_ms = 30000 };
	struct ir_proc_result r = IR_PROC_RESULT(1u << 20);
	struct ir_buf in = IR_BUF(8192);
	int rc;

	if (k == IR_BLOCK_AUTH) {
		argv[3] = "-oMaa";
		argv[4] = "PLAIN";
		argv[5] = "-oMai";
		argv[6] = key;
	}
	ir_buf_fmt(&in, "EHLO probe.invalid\r\nMAIL FROM:<%s>\r\n",
	    k == IR_BLOCK_SENDER ? key : "probe@probe.invalid");
	if (k == IR_BLOCK_DOMAIN)
		ir_buf_fmt(&in, "RCPT TO:<postmaster@%s>\r\n", key);
	ir_buf_str(&in, "QUIT\r\n");
	p.in = ir_buf_cstr(&in);
	p.in_len = in.len;
	rc = ir_buf_check(&in, "probe", err);
	if (rc == 0)
		rc = ir_proc_run(&p, &r, err);
	if (rc == 0) {
		/* greeting, EHLO, MAIL, RCPT */
		*code = reply(ir_buf_cstr(&r.out),
		    k == IR_BLOCK_DOMAIN ? 3 : 2, said);
		rc = strstr(said, IR_BLOCK_SAID) != NULL;
	}
	ir_buf_free(&in);
	ir_buf_free(&r.out);
	ir_buf_free(&r.err);
	return rc;
}
