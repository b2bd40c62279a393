/* dns_server.c - whom to ask; see dns_engine.h */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/text.h"
#include "dns_engine.h"

#define FIRST_TRY_MS 1000

bool
ir_dns_is_localhost(const char *name)
{
	size_t n = strlen(name);

	return ir_ascii_ieq(name, "localhost") ||
	    (n > 10 && ir_ascii_ieq(name + n - 10, ".localhost"));
}

/* "HOST", "HOST:PORT", "[V6]", "[V6]:PORT" or "V6" into host and port. */
static int
split_host(const char *s, size_t n, char *host, size_t size, char *port,
    size_t port_size)
{
	const char *colon, *end = s + n;
	size_t hn;

	if (n && *s == '[') {
		colon = memchr(s, ']', n);
		if (!colon || (colon + 1 < end && colon[1] != ':'))
			return -1;
		s++;
		hn = (size_t)(colon - s);
		colon = colon + 1 < end ? colon + 1 : NULL;
	} else {
		colon = memchr(s, ':', n);
		if (colon && memchr(colon + 1, ':',
		    (size_t)(end - colon - 1)))
			colon = NULL;	/* bare IPv6 */
		hn = colon ? (size_t)(colon - s) : n;
	}
	if (hn == 0 || hn >= size)
		return -1;
	memcpy(host, s, hn);
	host[hn] = '\0';
	if (!colon) {
		snprintf(port, port_size, "53");
		return 0;
	}
	n = (size_t)(end - colon - 1);
	if (n == 0 || n >= port_size || strspn(colon + 1, "0123456789") < n)
		return -1;
	memcpy(port, colon + 1, n);
	port[n] = '\0';
	return atoi(port) >= 1 && atoi(port) <= 65535 ? 0 : -1;
}

/* The server of that address, which may be known already. */
static int
find_server(struct ir_dns *d, const struct addrinfo *ai, const char *name,
    struct server **out, struct ir_err *err)
{
	struct server *s;
	size_t i;

	for (i = 0; i < d->nservers; i++)
		if (strcmp(d->server[i]->name, name) == 0) {
			*out = d->server[i];
			return 0;
		}
	if (d->nservers == IR_DNS_MAX_ALL)
		return ir_fail(err, IR_CONFIG, "more than %d name servers",
		    IR_DNS_MAX_ALL);
	s = calloc(1, sizeof *s);
	if (!s)
		return ir_fail(err, IR_OSERR, "no memory");
	snprintf(s->name, sizeof s->name, "%s", name);
	memcpy(&s->addr, ai->ai_addr, ai->ai_addrlen);
	s->addr_len = ai->ai_addrlen;
	s->ready.count = s->again.count = &s->nready;
	for (i = 0; i < IR_DNS_TRIES; i++)
		s->flying[i].count = &s->nflying;
	ir_dns_window_init(&s->window, d->begin, d->in_flight, d->now);
	*out = d->server[d->nservers++] = s;
	return 0;
}

/* One server of a list. */
static int
add_server(struct ir_dns *d, struct list *l, const char *s, size_t n,
    bool names, struct ir_err *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM,
		.ai_flags = names ? 0 : AI_NUMERICHOST }, *ai = NULL;
	char host[256], port[8], address[INET6_ADDRSTRLEN + 16], name[64];
	int rc;

	if (split_host(s, n, host, sizeof host, port, sizeof port))
		return ir_fail(err, IR_CONFIG,
		    "resolver %.*s: not HOST[:PORT]", (int)n, s);
	if (l->n == IR_DNS_MAX_SERVERS)
		return ir_fail(err, IR_CONFIG, "resolver: more than %d",
		    IR_DNS_MAX_SERVERS);
	if (ir_dns_is_localhost(host))
		snprintf(host, sizeof host, "127.0.0.1");
	if (getaddrinfo(host, port, &hints, &ai))
		return ir_fail(err, IR_CONFIG, names ?
		    "resolver %s: not an address, and no such host" :
		    "resolver %s: not an address", host);
	rc = getnameinfo(ai->ai_addr, ai->ai_addrlen, address, sizeof address,
	    NULL, 0, NI_NUMERICHOST);
	if (rc) {
		freeaddrinfo(ai);
		return ir_fail(err, IR_CONFIG, "resolver %s: %s", host,
		    gai_strerror(rc));
	}
	snprintf(name, sizeof name, strchr(address, ':') ? "[%.50s]:%s" :
	    "%.50s:%s", address, port);
	rc = find_server(d, ai, name, &l->server[l->n], err);
	freeaddrinfo(ai);
	l->n += rc == 0;
	return rc;
}

/*
 * As long as a server has not answered, nothing is known about the way to
 * it: two tries (1 + 2 parts) at each server have to fit into the time.
 */
static void
set_patience(const struct ir_dns *d, const struct list *l)
{
	int64_t ms = d->budget_ms / (int)l->n / 4;
	size_t i;

	for (i = 0; i < l->n; i++)
		l->server[i]->first_wait = 1000 * (ms > FIRST_TRY_MS ?
		    FIRST_TRY_MS : ms);
}

int
ir_dns_add_list(struct ir_dns *d, struct list *l, const char *s, bool names,
    struct ir_err *err)
{
	size_t n;

	for (;; s += n + 1) {
		n = strcspn(s, ",");
		if (add_server(d, l, s, n, names, err))
			return -1;
		if (!s[n])
			break;
	}
	set_patience(d, l);
	return 0;
}

/* resolv.conf(5): at most three nameserver lines count. */
int
ir_dns_add_system(struct ir_dns *d, struct list *l, struct ir_err *err)
{
	FILE *f = fopen("/etc/resolv.conf", "re");
	char line[512], list[512] = "";
	size_t n, used = 0;
	int found = 0;

	while (f && found < 3 && fgets(line, sizeof line, f)) {
		char *p = line + strspn(line, " \t");

		if (strncmp(p, "nameserver", 10) || !strchr(" \t", p[10]))
			continue;
		p += 10;
		p += strspn(p, " \t");
		n = strcspn(p, " \t\r\n#;");
		if (n == 0 || n > 100)
			continue;
		used += (size_t)snprintf(list + used, sizeof list - used,
		    "%s%.*s", found ? "," : "", (int)n, p);
		found++;
	}
	if (f)
		fclose(f);
	return ir_dns_add_list(d, l, found ? list : "127.0.0.1", true, err);
}
