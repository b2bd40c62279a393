/* rules.c - see rules.h */
#include <string.h>

#include "../net/prefix.h"
#include "rules.h"

bool
ir_web_plain(const char *s)
{
	return *s && s[strspn(s, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._~/-")] == '\0';
}

/* For a regular expression; the bytes are plain. */
static void
quote(struct ir_buf *out, const char *s, size_t n)
{
	for (; n--; s++) {
		if (*s == '.')
			ir_buf_chr(out, '\\');
		ir_buf_chr(out, *s);
	}
}

static void
of_url(const struct ir_web_rules *r, const struct ir_web_url *u,
    struct ir_buf *out)
{
	const char *path = u->key + u->host_len;
	int n = (int)u->host_len;

	switch (r->server) {
	case IR_WEB_FAIL2BAN:
		ir_buf_str(out, "            ^(?:\\S+ )?<HOST> \\S+ \\S+ "
		    "\\[\\] \"POST ");
		quote(out, path, strlen(path));
		ir_buf_str(out, "(?:[?;][^\"]*)? HTTP/[0-9.]+\" "
		    "[23]\\d\\d\\b\n");
		break;
	case IR_WEB_NGINX:
		ir_buf_fmt(out, "set $quell_form \"$request_method %s$uri\";\n"
		    "if ($quell_form = \"POST %s\") { return 403; }\n",
		    n ? "$host" : "", u->key);
		break;
	case IR_WEB_APACHE:
		ir_buf_str(out, "<If \"%{REQUEST_METHOD} == 'POST' && ");
		if (n) {
			ir_buf_str(out, "%{HTTP_HOST} =~ m#^");
			quote(out, u->key, (size_t)n);
			ir_buf_str(out, "(:[0-9]+)?$#i && ");
		}
		ir_buf_fmt(out, "%%{REQUEST_URI} == '%s'\">\n"
		    "\tRequire all denied\n</If>\n", path);
		break;
	}
}

/* Does one of the networks that are allowed touch it? */
static bool
allowed(const struct ir_web_rules *r, const char *net)
{
	struct ir_prefix a, b;
	size_t i;

	if (ir_prefix_parse(net, &b))
		return true;
	for (i = 0; i < r->nallow; i++)
		if (ir_prefix_parse(r->allow[i], &a) == 0 &&
		    (ir_prefix_holds(&a, &b.ip) || ir_prefix_holds(&b,
		    &a.ip)))
			return true;
	return false;
}

static size_t
nets(const struct ir_web_rules *r, struct ir_buf *out)
{
	char net[IR_PREFIX_TEXT];
	size_t i, n = 0;

	for (i = 0; i < r->nwhos; i++) {
		if (r->who[i].agent)
			continue;
		ir_web_net_text(r->who[i].key, net, sizeof net);
		if (allowed(r, net))
			continue;
		n++;
		if (r->server == IR_WEB_NGINX)
			ir_buf_fmt(out, "deny %s;\n", net);
		else
			ir_buf_fmt(out, "<If \"-R '%s'\">\n"
			    "\tRequire all denied\n</If>\n", net);
	}
	return n;
}

static void
jail(const struct ir_web_rules *r, size_t n, struct ir_buf *out)
{
	size_t i, logs = 0;

	ir_buf_str(out, "# == jail.d/quell-web-forms.conf: below "
	    "/etc/fail2ban\n[quell-web-forms]\n");
	for (i = 0; i < r->nlogs; i++)
		logs += ir_web_plain(r->logs[i]);
	ir_buf_fmt(out, "enabled = %s\n", logs && n ? "true" : "false");
	ir_buf_str(out, "filter = quell-web-forms\nport = http,https\n"
	    "maxretry = 3\nfindtime = 3600\nbantime = 86400\n");
	if (r->nallow) {
		ir_buf_str(out, "ignoreip = 127.0.0.1/8 ::1");
		for (i = 0; i < r->nallow; i++)
			ir_buf_fmt(out, " %s", r->allow[i]);
		ir_buf_chr(out, '\n');
	}
	if (!logs)
		ir_buf_str(out, "# which log?  say it by --logpath\n");
	for (i = 0, logs = 0; i < r->nlogs; i++)
		if (ir_web_plain(r->logs[i]))
			ir_buf_fmt(out, "%s%s\n", logs++ ? "          " :
			    "logpath = ", r->logs[i]);
}

static void
head(const struct ir_web_rules *r, struct ir_buf *out)
{
	switch (r->server) {
	case IR_WEB_FAIL2BAN:
		ir_buf_str(out, "# == filter.d/quell-web-forms.conf: below "
		    "/etc/fail2ban\n[Definition]\n"
		    "datepattern = ^[^\\[]*\\[({DATE})\nfailregex =\n");
		break;
	case IR_WEB_NGINX:
		ir_buf_str(out, "# == quell-web-forms.conf: include it in the "
		    "server blocks of nginx\n");
		break;
	case IR_WEB_APACHE:
		ir_buf_str(out, "# == quell-web-forms.conf: below conf-enabled "
		    "or conf.d of Apache 2.4\n");
		break;
	}
}

size_t
ir_web_rules(const struct ir_web_rules *r, struct ir_buf *out,
    size_t *refused)
{
	const struct ir_web_url *u;
	size_t i, n = 0;

	*refused = 0;
	head(r, out);
	for (i = 0; i < r->nscores; i++) {
		u = r->score[i].url;
		if (u->cut || !ir_web_plain(u->key)) {
			ir_buf_str(out, "# refused: a path that no rule can "
			    "be sure of\n");
			++*refused;
			continue;
		}
		of_url(r, u, out);
		n++;
	}
	if (r->server == IR_WEB_FAIL2BAN)
		jail(r, n, out);
	else
		n += nets(r, out);
	return n;
}
