/* host.c - netlink's sockets, texts of /proc, and masked arguments */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include "host/procfs.h"
#include "host/sockdiag.h"

struct message {
	struct nlmsghdr h;
	struct inet_diag_msg m;
};

static bool
want(const struct ir_sock *s, void *arg)
{
	(void)s;
	return *(bool *)arg;
}

static struct message
message(uint8_t family, uint32_t inode)
{
	struct message q;

	memset(&q, 0, sizeof q);
	q.h.nlmsg_len = sizeof q;
	q.h.nlmsg_type = SOCK_DIAG_BY_FAMILY;
	q.m.idiag_family = family;
	q.m.idiag_state = 10;
	q.m.idiag_uid = 33;
	q.m.idiag_inode = inode;
	q.m.id.idiag_sport = htons(25);
	q.m.id.idiag_dport = htons(40000);
	return q;
}

static void
sockets(void **state)
{
	struct message q[3] = { message(AF_INET, 7), message(AF_INET6, 8),
		message(AF_INET6, 9) };
	struct ir_socks out = { NULL, 0, 0, false };
	struct ir_err err = IR_ERR_INIT;
	bool yes = true, no = false;

	(void)state;
	q[0].m.id.idiag_src[0] = htonl(0x7f000001);
	q[1].m.id.idiag_src[0] = htonl(0x20010db8);
	q[2].m.id.idiag_src[2] = htonl(0xffff);
	q[2].m.id.idiag_src[3] = htonl(0xc0000201);
	assert_int_equal(ir_sockdiag_parse(q, sizeof q, want, &no, &out,
	    &err), 0);
	assert_int_equal(out.n, 0);
	assert_int_equal(ir_sockdiag_parse(q, sizeof q, want, &yes, &out,
	    &err), 0);
	assert_int_equal(out.n, 3);
	assert_string_equal(out.v[0].local, "127.0.0.1");
	assert_int_equal(out.v[0].lport, 25);
	assert_int_equal(out.v[0].rport, 40000);
	assert_int_equal(out.v[0].uid, 33);
	assert_int_equal(out.v[0].inode, 7);
	assert_string_equal(ir_sock_state(out.v[0].state), "listen");
	assert_string_equal(out.v[1].local, "2001:db8::");
	assert_string_equal(out.v[2].local, "192.0.2.1");
	/* cut, too short, another family */
	assert_int_equal(ir_sockdiag_parse(q, sizeof q - 1, want, &yes, &out,
	    &err), -1);
	assert_int_equal(err.code, IR_PROTOCOL);
	q[0].h.nlmsg_len = 4;
	assert_int_equal(ir_sockdiag_parse(q, sizeof *q, want, &yes, &out,
	    &err), -1);
	q[0].h.nlmsg_len = sizeof *q - 8;
	assert_int_equal(ir_sockdiag_parse(q, sizeof *q, want, &yes, &out,
	    &err), -1);
	q[0] = message(AF_UNIX, 1);
	assert_int_equal(ir_sockdiag_parse(q, sizeof *q, want, &yes, &out,
	    &err), -1);
	free(out.v);
	assert_string_equal(ir_sock_state(255), "unknown");
}

static void
ends(void **state)
{
	struct { struct nlmsghdr h; int e; } q;
	struct ir_socks out = { NULL, 0, 0, false };
	struct ir_err err = IR_ERR_INIT;
	bool yes = true;

	(void)state;
	memset(&q, 0, sizeof q);
	q.h.nlmsg_len = sizeof q;
	q.h.nlmsg_type = NLMSG_DONE;
	assert_int_equal(ir_sockdiag_parse(&q, sizeof q, want, &yes, &out,
	    &err), 1);
	q.h.nlmsg_type = NLMSG_ERROR;
	q.e = -EPERM;
	assert_int_equal(ir_sockdiag_parse(&q, sizeof q, want, &yes, &out,
	    &err), -1);
	assert_int_equal(err.code, IR_OSERR);
	assert_int_equal(ir_sockdiag_parse(&q, 0, want, &yes, &out, &err), 0);
}

#define STAT(name) "42 (" name ") S 7 1 1 0 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 " \
	"987654 1 2"

static void
texts(void **state)
{
	static const char status[] = "Name:\tx\nUid:\t1000\t33\t0\t0\n";
	struct ir_proc_stat st;
	uint32_t uid = 0;
	int64_t boot;

	(void)state;
	assert_int_equal(ir_proc_stat(STAT("a"), sizeof STAT("a") - 1, &st),
	    0);
	assert_int_equal(st.pid, 42);
	assert_int_equal(st.ppid, 7);
	assert_int_equal(st.start, 987654);
	assert_int_equal(ir_proc_stat(STAT("x) R 1 ("),
	    sizeof STAT("x) R 1 (") - 1, &st), 0);
	assert_string_equal(st.comm, "x) R 1 (");
	assert_int_equal(st.ppid, 7);
	assert_int_equal(ir_proc_stat("42 (a) S 7", 10, &st), -1);
	assert_int_equal(ir_proc_stat("", 0, &st), -1);
	assert_int_equal(ir_proc_stat("1 )(", 4, &st), -1);
	assert_int_equal(ir_proc_uid(status, sizeof status - 1, &uid), 0);
	assert_int_equal(uid, 33);
	assert_int_equal(ir_proc_uid("Uid:\t1", 6, &uid), -1);
	assert_int_equal(ir_proc_boot("cpu 1\nbtime 17\n", 15, &boot), 0);
	assert_int_equal(boot, 17);
	assert_int_equal(ir_proc_boot("xbtime 17\n", 10, &boot), -1);
	assert_int_equal(ir_proc_socket("socket:[123]", 12), 123);
	assert_int_equal(ir_proc_socket("socket:[123", 11), 0);
	assert_int_equal(ir_proc_socket("socket:[99999999999]", 20), 0);
	assert_int_equal(ir_proc_socket("pipe:[123]", 10), 0);
}

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void
groups(void **state)
{
	static const char *const t[][3] = {
		{ "0::/system.slice/exim4.service\n", "", "exim4.service" },
		{ "0::/system.slice/docker-" HEX ".scope\n", "0123456789ab",
		    "" },
		{ "3:cpu:/docker/" HEX "\n", "0123456789ab", "" },
		{ "0::/lxc/mail1\n", "mail1", "" },
		{ "0::/lxc.payload.mail1/system.slice/a@b.service\n",
		    "mail1", "a@b.service" },
		{ "0::/machine.slice/machine-web.scope\n", "web", "" },
		{ "0::/user.slice/x';id;'.service\n", "", "" },
		{ "0::/-all.service\n", "", "" },
		{ "0::/user.slice/session-3.scope\n", "", "" }, { "", "", "" },
	};
	struct ir_proc_group g;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof t / sizeof *t; i++) {
		ir_proc_cgroup(t[i][0], strlen(t[i][0]), &g);
		assert_string_equal(g.container, t[i][1]);
		assert_string_equal(g.unit, t[i][2]);
	}
}

static void
programs(void **state)
{
	static const char *const t[][2] = { { "/usr/sbin/exim4", "mta" },
		{ "/usr/lib/postfix/sbin/master", "mta" },
		{ "/tmp/exim4", "unknown" }, { "/home/u/smtpd", "unknown" },
		{ "/usr/bin/python3.11", "script" },
		{ "/home/u/php8.2", "script" },
		{ "/usr/sbin/php-fpm8.2", "script" },
		{ "/bin/nc.openbsd", "tool" }, { "/usr/bin/telnet", "tool" },
		{ "/usr/sbin/nginx", "proxy" }, { "/usr/bin/x", "unknown" },
		{ "", "unknown" }, { "/", "unknown" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof t / sizeof *t; i++)
		assert_string_equal(ir_program_kind(t[i][0]), t[i][1]);
	assert_true(ir_program_odd_place("/tmp/x"));
	assert_true(ir_program_odd_place("/dev/shm"));
	assert_true(ir_program_odd_place("/memfd:x"));
	assert_false(ir_program_odd_place("/tmpfs/x"));
	assert_false(ir_program_odd_place(""));
}

/* '|' stands for NUL in both */
static void
arguments(void **state)
{
	static const char *const t[][3] = {
		{ "/usr/bin/swaks", "swaks|--to|a@b.example|-ap|hunter2|",
		    "swaks|--to|a@b.example|-ap|***|" },
		{ "/x", "x|--password=hun ter2|-v|", "x|--password=***|-v|" },
		{ "/x", "x|--password|hun ter2|-v|", "x|--password|***|-v|" },
		{ "/x", "x|SMTP_PASSWORD=abc://d|", "x|SMTP_PASSWORD=***|" },
		{ "/x", "x --pass hunter2 -v|", "x --pass ***|" },
		{ "/usr/bin/curl", "curl|-u|me:hunter2|smtp://h.example:587|",
		    "curl|-u|me:***|smtp://h.example:587|" },
		{ "/x", "x|--user=me:hunter2|", "x|--user=me:***|" },
		{ "/x", "x|smtp://me:h@nter/2@h.example:25/|",
		    "x|smtp://me:***@h.example:25/|" },
		{ "/x", "x|-phunter2|-p25|", "x|-p***|-p25|" },
		{ "/x", "x|BP3gXw1xU0bJ9cQ2dLk7vZt5aRy8mNe4oHs6iFq0BpWl|",
		    "x|***|" },
		{ "/x", "x|-H|Authorization: Bearer abc|",
		    "x|-H|Authorization:***|" },
		{ "/usr/bin/perl", "perl|-MIO::Socket|-we|login(1)|x|",
		    "perl|-MIO::Socket|-we|*** (code, 8 bytes)|x|" },
		{ "/usr/bin/php8.2", "php|-recho 1;|", "php|-*** (code, 9 "
		    "bytes)|" },
		{ "/usr/bin/bash", "bash|-e|f.sh|", "bash|-e|f.sh|" },
		{ "/usr/sbin/exim4", "/usr/sbin/exim4|-bd|-q30m|",
		    "/usr/sbin/exim4|-bd|-q30m|" },
		{ "/x", "/usr/lib/Python3/site-packages/Mailer2/run.py|",
		    "/usr/lib/Python3/site-packages/Mailer2/run.py|" },
		{ "/x", "||x", "||x|" }, { "/x", "", "" },
	};
	struct ir_buf out = IR_BUF(4096);
	char raw[256];
	size_t i, k, n;

	(void)state;
	for (i = 0; i < sizeof t / sizeof *t; i++) {
		n = strlen(t[i][1]);
		for (k = 0; k < n; k++)
			raw[k] = (char)(t[i][1][k] == '|' ? 0 : t[i][1][k]);
		ir_buf_trunc(&out, 0);
		ir_argv_mask(t[i][0], raw, n, &out);
		for (k = 0; k < out.len; k++)
			if (out.data[k] == '\0')
				out.data[k] = '|';
		assert_string_equal(ir_buf_cstr(&out), t[i][2]);
	}
	ir_buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(sockets),
		cmocka_unit_test(ends), cmocka_unit_test(texts),
		cmocka_unit_test(groups), cmocka_unit_test(programs),
		cmocka_unit_test(arguments) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
