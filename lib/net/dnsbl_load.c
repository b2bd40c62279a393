/* dnsbl_load.c - see dnsbl_load.h */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../core/buf.h"
#include "../core/secret.h"
#include "dnsbl_load.h"

#ifndef QUELL_DATADIR
#define QUELL_DATADIR "/usr/local/share/quell"
#endif
#define SHIPPED QUELL_DATADIR "/dnsbl-zones.tsv"

/* 1 when read, 0 when there is none, -1. */
static int
read_table(struct ir_dnsbl_table *t, const char *path, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(IR_DNSBL_MAX_TEXT);
	int rc;

	if (access(path, F_OK) && errno == ENOENT)
		return 0;
	rc = ir_buf_read_file(&b, path, err);
	if (rc == 0)
		rc = ir_dnsbl_parse(t, ir_buf_cstr(&b), b.len, path, err);
	ir_buf_free(&b);
	return rc ? -1 : 1;
}

/* The table that came with this program, or lies beside its source. */
static int
read_shipped(struct ir_dnsbl_table *t, struct ir_err *err)
{
	static const char *const near[] = { "../../", "../../../" };
	char exe[4096], path[4200];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
	size_t i;
	int rc = read_table(t, SHIPPED, err);

	exe[n < 0 ? 0 : n] = '\0';
	for (i = 0; i < 2 && rc == 0 && strrchr(exe, '/'); i++) {
		snprintf(path, sizeof path, "%.*s%slib/net/dnsbl-zones.tsv",
		    (int)(strrchr(exe, '/') + 1 - exe), exe, near[i]);
		rc = read_table(t, path, err);
	}
	return rc;
}

/* A file of the user's own; "" when there is no place for one. */
static void
user_file(const char *name, char *path, size_t size)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (xdg && *xdg == '/')
		snprintf(path, size, "%s/quell/%s", xdg, name);
	else if (home && *home == '/')
		snprintf(path, size, "%s/.config/quell/%s", home, name);
	else
		path[0] = '\0';
}

static int
read_user(struct ir_dnsbl_table *t, struct ir_err *err)
{
	struct ir_dnsbl_table own = { NULL, 0, 0 };
	char path[4096];
	int rc;

	user_file("dnsbl.zones", path, sizeof path);
	rc = path[0] ? read_table(&own, path, err) : 0;
	if (rc > 0)
		rc = ir_dnsbl_merge(t, &own, err);
	ir_dnsbl_free(&own);
	return rc;
}

int
ir_dnsbl_load(struct ir_dnsbl_tables *t, const char *path,
    struct ir_err *err)
{
	int shipped = read_shipped(&t->shipped, err), rc;

	if (shipped < 0)
		return -1;
	if (!shipped)
		snprintf(t->missing, sizeof t->missing, "%s", SHIPPED);
	rc = read_table(&t->table, path ? path : IR_DNSBL_ETC, err);
	if (rc < 0)
		return -1;
	t->own = rc > 0;
	if (rc == 0 && path)
		return ir_fail(err, IR_NOINPUT, "%s: no such file", path);
	if (rc == 0 && !shipped)
		return ir_fail(err, IR_NOINPUT, "no table of lists: neither "
		    IR_DNSBL_ETC " nor " SHIPPED);
	if (rc == 0 && ir_dnsbl_merge(&t->table, &t->shipped, err))
		return -1;
	return path ? 0 : read_user(&t->table, err);
}

void
ir_dnsbl_tables_free(struct ir_dnsbl_tables *t)
{
	ir_dnsbl_free(&t->table);
	ir_dnsbl_free(&t->shipped);
}

/* --- keys --------------------------------------------------------------- */

/* One line of n bytes.  0, or -1; no word of the key in the message. */
static int
key_line(struct ir_dnsbl_table *t, const char *s, size_t n)
{
	char name[128], key[64];
	size_t len = 0, at, i;
	struct ir_err err = IR_ERR_INIT;
	int rc = 0;

	while (len < n && s[len] != ' ' && s[len] != '\t')
		len++;
	for (at = len; at < n && (s[at] == ' ' || s[at] == '\t'); at++)
		continue;
	while (n > at && strchr(" \t\r", s[n - 1]) && s[n - 1])
		n--;
	if (len >= sizeof name || at == n || n - at >= sizeof key)
		return -1;
	memcpy(name, s, len);
	name[len] = '\0';
	memcpy(key, s + at, n - at);
	key[n - at] = '\0';
	for (i = 0; i < t->n && rc == 0; i++)
		if (strcmp(t->zone[i].key_name, name) == 0)
			rc = ir_dnsbl_set_key(&t->zone[i], key, &err);
	ir_secret_wipe(key, sizeof key);
	return rc;
}

int
ir_dnsbl_keys(struct ir_dnsbl_table *t, const char *text, size_t n,
    const char *name, struct ir_err *err)
{
	size_t line = 0, len, at;
	const char *nl;

	for (; n; text += len + (nl != NULL), n -= len + (nl != NULL)) {
		line++;
		nl = memchr(text, '\n', n);
		len = nl ? (size_t)(nl - text) : n;
		for (at = 0; at < len && strchr(" \t\r", text[at]) &&
		    text[at]; at++)
			continue;
		if (at == len || text[at] == '#')
			continue;
		if (key_line(t, text + at, len - at))
			return ir_fail(err, IR_CONFIG,
			    "%s:%zu: not \"NAME KEY\"", name, line);
	}
	return 0;
}

static int
read_keys(struct ir_dnsbl_table *t, const char *path, struct ir_err *err)
{
	struct ir_secret s = IR_SECRET_INIT;
	int rc = ir_secret_read_file(&s, path, err);

	if (rc == 0)
		rc = ir_dnsbl_keys(t, s.data, s.len, path, err);
	ir_secret_free(&s);
	return rc;
}

int
ir_dnsbl_load_keys(struct ir_dnsbl_table *t, const char *path,
    struct ir_err *err)
{
	char user[4096];

	if (path)
		return read_keys(t, path, err);
	/* not ours to read: as if it were not there */
	if (access(IR_DNSBL_ETC_KEYS, R_OK) == 0 &&
	    read_keys(t, IR_DNSBL_ETC_KEYS, err))
		return -1;
	user_file("dnsbl.keys", user, sizeof user);
	return user[0] && access(user, F_OK) == 0 ? read_keys(t, user, err) :
	    0;
}

int
ir_dnsbl_choose(struct ir_dnsbl_table *t, const char *name,
    struct ir_err *err)
{
	struct ir_dnsbl_table one = { NULL, 0, 0 };
	struct ir_dnsbl_zone *z;
	int rc = 0;

	if (ir_dnsbl_find(t, name))
		return 0;
	if (strpbrk(name, "\t\n") ||
	    ir_dnsbl_parse(&one, name, strlen(name), "--zone", err) ||
	    one.n != 1) {
		rc = ir_fail(err, IR_USAGE,
		    "--zone: not the name of a zone: %.100s", name);
	} else if (one.zone[0].key[0] &&
	    (z = ir_dnsbl_find(t, one.zone[0].shown)) && z->key_name[0]) {
		rc = ir_dnsbl_set_key(z, one.zone[0].key, err);
	} else {
		rc = ir_dnsbl_merge(t, &one, err);
	}
	ir_dnsbl_free(&one);
	return rc;
}
