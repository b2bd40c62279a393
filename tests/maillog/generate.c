/*
 * generate - SEED ACCOUNTS DAYS [TRUTH]: an Exim main log, to standard output
 *
 * Accounts with rhythms of people, offices, newsletters, telephones behind
 * CGNAT, webmail, printers, travellers, forwarders, monitoring; a dictionary
 * attack on all of them; and twelve ways in.  TRUTH gets the names of those,
 * one a line.  The same seed makes the same log.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define T0 1793491200	/* 2026-11-01 00:00:00 UTC */
#define DAY 86400
#define HOUR 3600

enum flag { UNAUTH = 1, LOCAL = 2, INBOUND = 4, FOREIGN = 8, ROBOT = 16,
	FAIL = 32, CWD = 64, CHECK = 128 };

struct msg {
	uint32_t time, ip, who;
	uint16_t rcpts, bounces;
	uint16_t title;
	uint16_t flags;
	uint32_t sender;
};

struct event {
	uint32_t time, msg;
	uint16_t kind, k;
};

static uint64_t state;
static struct msg *msg;
static size_t nmsg, cap;
static unsigned accounts, days;
static FILE *truth;

static uint64_t
rnd64(void)
{
	uint64_t z = (state += 0x9e3779b97f4a7c15u);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static uint32_t
rnd(uint32_t n)
{
	return (uint32_t)(rnd64() % (n ? n : 1));
}

/* A network out there; not a private one. */
static uint32_t
world(void)
{
	uint32_t a;

	do
		a = 1 + rnd(222);
	while (a == 10 || a == 127 || a == 172 || a == 192 || a == 169);
	return a << 24 | rnd(1 << 24);
}

static struct msg *
add(uint32_t time, uint32_t who, uint32_t ip, unsigned flags)
{
	struct msg *m;

	if (nmsg == cap) {
		cap = cap * 2 + 4096;
		msg = realloc(msg, cap * sizeof *msg);
		if (!msg)
			exit(71);
	}
	m = &msg[nmsg++];
	*m = (struct msg){ .time = time, .ip = ip, .who = who, .rcpts = 1,
		.title = (uint16_t)(1 + rnd(60000)),
		.flags = (uint16_t)flags };
	return m;
}

/* A moment of a working day. */
static uint32_t
office(unsigned day)
{
	return T0 + day * DAY + 8 * HOUR + rnd(10 * HOUR);
}

static int
weekday(unsigned day)
{
	return day % 7 != 0 && day % 7 != 6;
}

/* --- honest ------------------------------------------------------------- */

/* One of the usual people; kind says what he has. */
static void
person(uint32_t who, unsigned kind)
{
	uint32_t home = world(), second = world(), i, n, t, ip, cgnat;
	unsigned rate = 2 + rnd(9), d;
	struct msg *m;

	cgnat = (world() & 0xffff0000u);
	for (d = 0; d < days; d++) {
		n = weekday(d) ? rnd(rate * 2) + 1 : rnd(3);
		for (i = 0; i < n; i++) {
			t = office(d);
			ip = home;
			switch (kind) {
			case 1:		/* telephone: any address of a /16 */
				ip = rnd(3) ? cgnat | rnd(65536) : home;
				break;
			case 2:		/* webmail */
				ip = 0x7f000001;
				break;
			case 3:		/* five offices share it */
				ip = home ^ (rnd(5) << 8);
				break;
			case 4:		/* on a journey in the middle */
				ip = d >= days / 2 && d < days / 2 + 4 ?
				    second : home;
				break;
			case 5:		/* a tunnel, on and off */
				ip = rnd(3) ? home : second;
				break;
			case 6:		/* has changed its provider */
				ip = d >= days / 2 ? second : home;
				break;
			case 7:		/* fetched by a large mail service */
				ip = (rnd(2) ? 0xd1550000u : 0x4a7d0000u) |
				    rnd(65536);
				break;
			}
			m = add(t, who, ip, 0);
			m->rcpts = (uint16_t)(rnd(12) ? 1 : 1 + rnd(8));
			m->bounces = rnd(60) == 0;
		}
		/* the password was changed: the telephone tries on */
		if (kind == 1 && d == days / 2 && rnd(3) == 0)
			for (i = 0; i < 8; i++)
				add(office(d), who, home, FAIL);
	}
}

/* Mails all its readers; weekly, or once. */
static void
newsletter(uint32_t who, int once)
{
	uint32_t ip = world(), i, n = 150 + rnd(400), t;
	unsigned d, first = once ? days * 2 / 3 : rnd(7);
	uint16_t title;
	struct msg *m;

	for (d = 0; d < days; d++) {
		if (weekday(d))
			add(office(d), who, ip, 0);
		if (once ? d != first : d % 7 != first)
			continue;
		t = T0 + d * DAY + 10 * HOUR;
		title = (uint16_t)(1 + rnd(60000));
		for (i = 0; i < n; i++) {
			m = add(t + i * 5 + rnd(4), who, ip, 0);
			m->title = title;
			m->bounces = rnd(70) == 0;
		}
	}
}

/* Printers, tickets, monitoring: day and night, from one place. */
static void
machine(uint32_t who, unsigned gap)
{
	uint32_t ip = world(), t;

	for (t = T0 + rnd(gap); t < T0 + days * DAY; t += gap - 20 + rnd(40))
		add(t, who, ip, 0)->title = (uint16_t)(who % 50 + 1);
}

static void
inbound(uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		add(T0 + rnd(days * DAY), rnd(accounts), world(), INBOUND |
		    (rnd(40) ? 0 : FOREIGN));
}

static void
dictionary(uint32_t n)
{
	uint32_t i, net = world();

	for (i = 0; i < n; i++) {
		if (i % 50 == 0)
			net = world();
		add(T0 + (uint32_t)((uint64_t)days * DAY * i / n), rnd(accounts),
		    net + rnd(8), FAIL);
	}
}

/* --- ways in ------------------------------------------------------------ */

static void
name_of(char *to, size_t size, const struct msg *m)
{
	if (m->flags & CWD)
		snprintf(to, size, "/home/site%u/public_html%s", m->who,
		    m->who == 13 ? "/wp-content/uploads/2026" : "");
	else if (m->flags & LOCAL)
		snprintf(to, size, "site%u", m->who);
	else if (m->flags & UNAUTH)
		snprintf(to, size, "%u.%u.%u.%u", m->ip >> 24,
		    m->ip >> 16 & 255, m->ip >> 8 & 255, m->ip & 255);
	else
		snprintf(to, size, "user%u@d%u.example", m->who, m->who % 97);
}

static void
tell(const struct msg *m)
{
	char b[96];

	name_of(b, sizeof b, m);
	if (truth)
		fprintf(truth, "%s\n", b);
}

/* n messages within span; nets: 0 one place, else that many. */
static void
spam(uint32_t who, uint32_t from, uint32_t span, uint32_t n, uint32_t nets,
    unsigned flags, unsigned bad, uint32_t ip)
{
	uint32_t *net = calloc(nets + 1, sizeof *net), i;
	uint16_t title = (uint16_t)(1 + rnd(60000));
	struct msg *m;

	for (i = 0; i < nets; i++)
		net[i] = world();
	for (i = 0; i < n; i++) {
		m = add(from + rnd(span), who, nets ? net[rnd(nets)] : ip,
		    flags);
		m->title = rnd(20) ? title : (uint16_t)(title + 1);
		m->bounces = rnd(100) < bad;
		m->sender = rnd(40);
	}
	tell(&msg[nmsg - 1]);
	free(net);
}

static void
ways_in(uint32_t base)
{
	uint32_t mid = T0 + (days * 2 / 3) * DAY, ip, i;
	struct msg *m;

	/* 1: a botnet, all at once; 2: one host abroad, fast */
	spam(base, mid + 2 * HOUR, 20 * HOUR, 900, 400, ROBOT, 22, 0);
	spam(base + 1, mid + 3 * HOUR, 2 * HOUR, 1500, 0, 0, 30, world());
	/* 3: a botnet, a few a day for ten days */
	spam(base + 2, mid - 2 * DAY, 8 * DAY, 70, 60, 0, 8, 0);
	/* 4: guessed, then used */
	ip = world();
	for (i = 0; i < 40; i++)
		add(mid + i * 20, base + 3, ip + i % 3, FAIL);
	spam(base + 3, mid + 800, 3 * HOUR, 250, 0, 0, 12, ip);
	/* 5: by webmail, at night */
	spam(base + 4, mid + 2 * HOUR, 2 * HOUR, 400, 0, FOREIGN, 18,
	    0x7f000001);
	/* 6: few messages, many recipients, from somewhere new */
	ip = world();
	for (i = 0; i < 18; i++) {
		m = add(mid + i * 300, base + 5, ip, 0);
		m->rcpts = 80;
		m->bounces = (uint16_t)(8 + rnd(8));
	}
	tell(m);
	/* 7: nobody has used it for weeks */
	spam(base + 6, mid + 5 * HOUR, 6 * HOUR, 350, 4, 0, 16, 0);
	/* 8: a script among pictures; 9: a local user */
	spam(13, mid + HOUR, 5 * HOUR, 600, 0, CWD, 0, 0);
	spam(44, mid + HOUR, 4 * HOUR, 700, 0, LOCAL | FOREIGN, 25, 0);
	/* 10: by hand, over the loopback */
	spam(0, mid + 4 * HOUR, 3 * HOUR, 500, 0, UNAUTH | FOREIGN, 30,
	    0x7f000001);
	/* 11: other people's names, from two new places, day after day */
	spam(base + 7, mid, 5 * DAY, 400, 2, FOREIGN, 9, 0);
	/* 12: tried out first, then used beside its owner */
	for (i = 0; i < 6; i++)
		add(mid - DAY + i * 700, base + 8, world(), CHECK);
	spam(base + 8, mid, 3 * DAY, 160, 12, 0, 6, 0);
}

/* --- out ---------------------------------------------------------------- */

static int
by_time(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	if (x->msg != y->msg)
		return x->msg < y->msg ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return (x->k > y->k) - (x->k < y->k);
}

static void
base62(char *to, uint64_t v, int n)
{
	static const char d[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz";

	for (to += n; n > 0; n--, v /= 62)
		*--to = d[v % 62];
}

static void
arrival(const struct msg *m, const char *when, const char *id)
{
	char name[96], sender[128], ip[24];
	unsigned pad = m->title * 7919u % 1000000u;

	name_of(name, sizeof name, m);
	snprintf(ip, sizeof ip, "%u.%u.%u.%u", m->ip >> 24, m->ip >> 16 & 255,
	    m->ip >> 8 & 255, m->ip & 255);
	if (m->flags & INBOUND) {
		printf("%s %s <= news%u@out%u.example H=mx%u.out.example "
		    "(mx%u.out.example) [%s]:%u P=esmtps "
		    "X=TLS1.3:TLS_AES_256_GCM_SHA384:256 CV=no S=%u "
		    "id=%u.%u@out%u.example T=\"note %u\" for user%u@d%u.example\n",
		    when, id, m->title, m->title % 500, m->title % 9,
		    m->title % 9, ip, 1024 + m->title % 60000,
		    2000 + m->title, m->time, m->title, m->title % 500,
		    m->title, m->who, m->who % 97);
		return;
	}
	if (m->flags & (FOREIGN | UNAUTH))
		snprintf(sender, sizeof sender, "info%u@forged%u.example",
		    m->sender, m->sender % 23);
	else if (m->flags & LOCAL)
		snprintf(sender, sizeof sender, "%s@host.example", name);
	else
		snprintf(sender, sizeof sender, "%s", name);
	if (m->flags & LOCAL)
		printf("%s %s <= %s U=%s P=local S=%u id=%u@host.example "
		    "T=\"subject %u\" for r%u@x.example\n", when, id, sender,
		    name, 900 + m->title % 4000, pad, m->title, pad);
	else
		printf("%s %s <= %s H=%s(%s) [%s]:%u P=%s%s%s S=%u "
		    "id=%u.%u@%s T=\"subject %u\" for r%u@x.example\n", when,
		    id, sender, m->flags & (ROBOT | UNAUTH) ? "" :
		    "pool.isp.example ", m->flags & ROBOT ? "ylmf-pc" :
		    m->flags & UNAUTH ? "localhost" : "[192.168.1.20]", ip,
		    1024 + m->title % 60000, m->flags & UNAUTH ? "smtp" :
		    "esmtpsa X=TLS1.3:TLS_AES_256_GCM_SHA384:256 CV=no",
		    m->flags & UNAUTH ? "" : " A=dovecot_login:",
		    m->flags & UNAUTH ? "" : name, 900 + m->title % 40000,
		    m->time, pad, "pc.example", m->title, pad);
}

static void
print(const struct event *e, const struct msg *m)
{
	static uint32_t last = UINT32_MAX;
	static char when[24];
	char id[24], name[96];
	time_t t = (time_t)e->time;
	struct tm tm;
	unsigned r = m->title * 31u + e->k * 17u;

	if (last != e->time) {
		gmtime_r(&t, &tm);
		strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &tm);
		last = e->time;
	}
	base62(id, m->time, 6);
	id[6] = '-';
	base62(id + 7, e->msg, 11);
	id[18] = '-';
	base62(id + 19, 1, 4);
	id[23] = '\0';
	name_of(name, sizeof name, m);
	if (m->flags & FAIL) {
		printf("%s dovecot_login authenticator failed for (User) "
		    "[%u.%u.%u.%u]:%u: 535 Incorrect authentication data "
		    "(set_id=%s)\n", when, m->ip >> 24, m->ip >> 16 & 255,
		    m->ip >> 8 & 255, m->ip & 255, 1024 + r % 60000, name);
	} else if (m->flags & CHECK) {
		printf("%s no MAIL in SMTP connection from (x) "
		    "[%u.%u.%u.%u]:%u D=1s A=dovecot_login:%s "
		    "C=EHLO,AUTH,QUIT\n", when, m->ip >> 24,
		    m->ip >> 16 & 255, m->ip >> 8 & 255, m->ip & 255,
		    1024 + r % 60000, name);
	} else if (m->flags & CWD) {
		printf("%s cwd=%s 4 args: /usr/sbin/sendmail -t -i "
		    "-fwww@host.example\n", when, name);
	} else if (e->kind == 0) {
		arrival(m, when, id);
	} else if (e->kind == 1 && m->flags & INBOUND) {
		printf("%s %s => user%u <user%u@d%u.example> R=virtual_user "
		    "T=dovecot_lmtp C=\"250 2.0.0 Saved\"\n", when, id,
		    m->who, m->who, m->who % 97);
	} else if (e->kind == 1) {
		printf("%s %s %s r%u@x%u.example R=dnslookup T=remote_smtp "
		    "H=mx.x%u.example [198.51.100.%u] X=TLS1.3:TLS_AES_256_"
		    "GCM_SHA384:256 CV=yes C=\"250 2.0.0 Ok: queued as "
		    "4F%uC\"\n", when, id, e->k ? "->" : "=>", r, r % 3000,
		    r % 3000, r % 254 + 1, r);
	} else if (e->kind == 2) {
		printf("%s %s ** r%u@x%u.example R=dnslookup T=remote_smtp "
		    "H=mx.x%u.example [198.51.100.%u]: SMTP error from remote "
		    "mail server after RCPT TO:<r%u@x%u.example>: 550 5.1.1 "
		    "User unknown\n", when, id, r, r % 3000, r % 3000,
		    r % 254 + 1, r, r % 3000);
	} else {
		printf("%s %s Completed\n", when, id);
	}
}

static size_t
events_of(const struct msg *m, uint32_t i, struct event *e)
{
	uint32_t t = m->time;
	uint16_t k;
	size_t n = 0;

	e[n++] = (struct event){ t, i, 0, 0 };
	if (m->flags & (FAIL | CHECK | CWD))
		return n;
	for (k = 0; k < m->rcpts; k++) {
		t = m->time + 1 + (m->title + k) % 4;
		e[n++] = (struct event){ t, i, k < m->bounces ? 2 : 1, k };
	}
	/* some are tried again later */
	t = m->time + 5 + (m->title % 50 == 0 ? 1800 : 0);
	e[n++] = (struct event){ t, i, 3, 0 };
	return n;
}

static void
write_log(void)
{
	size_t i, n = 0, room = 0;
	struct event *e;

	for (i = 0; i < nmsg; i++)
		room += msg[i].rcpts + 2u;
	e = malloc((room + 1) * sizeof *e);
	if (!e)
		exit(71);
	for (i = 0; i < nmsg; i++)
		n += events_of(&msg[i], (uint32_t)i, e + n);
	qsort(e, n, sizeof *e, by_time);
	for (i = 0; i < n; i++)
		print(&e[i], &msg[e[i].msg]);
	free(e);
}

int
main(int argc, char **argv)
{
	static char buf[1 << 20];
	uint32_t i, k, t;

	if (argc < 4)
		return 64;
	state = strtoull(argv[1], NULL, 10);
	accounts = (unsigned)strtoul(argv[2], NULL, 10);
	days = (unsigned)strtoul(argv[3], NULL, 10);
	truth = argc > 4 ? fopen(argv[4], "w") : NULL;
	setvbuf(stdout, buf, _IOFBF, sizeof buf);
	for (i = 0; i < accounts; i++) {
		k = i % 40;
		if (i >= 500 && i < 509) {
			/* owners of what is stolen; the 7th is away */
			if (i != 506)
				person(i, i == 504 ? 2 : i % 2);
		} else if (k < 20) {
			person(i, 0);
		} else if (k < 34) {
			person(i, k % 7 + 1);
		} else if (k < 36) {
			newsletter(i, k == 35);
		} else if (k < 38) {
			machine(i, k == 36 ? 300 : 1800);
		} else {
			person(i, 2);
		}
	}
	/* programs that mail in honesty: forms, a list, an inside host */
	for (i = 0; i < 60; i++)
		for (k = 0; i != 13 && k < days * 6; k++) {
			t = T0 + rnd(days * DAY);
			add(t, i, 0, CWD);
			add(t, i, 0, LOCAL)->title = (uint16_t)(i + 1);
		}
	for (k = 0; k < days; k++)
		for (i = 0; i < 200; i++)
			add(T0 + k * DAY + 6 * HOUR + i * 3, 77, 0, LOCAL);
	for (k = 0; k < days * 40; k++)
		add(T0 + rnd(days * DAY), 0, 0x0a000005, UNAUTH);
	inbound(accounts * days);
	dictionary(accounts * days / 3);
	ways_in(500);
	if (truth)
		fclose(truth);
	write_log();
	return 0;
}
