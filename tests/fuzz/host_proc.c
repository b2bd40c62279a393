/* host_proc.c - any bytes as netlink's answer, and as texts of /proc */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/procfs.h"
#include "host/sockdiag.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool
want(const struct ir_sock *s, void *arg)
{
	(void)arg;
	if (!memchr(s->local, 0, sizeof s->local) ||
	    !memchr(s->remote, 0, sizeof s->remote))
		abort();
	return (s->inode & 1) != 0;
}

static void
arguments(const char *exe, const char *s, size_t n)
{
	struct ir_buf out = IR_BUF(1 << 20);
	size_t i, in = n && s[n - 1] != '\0', got = 0;

	ir_argv_mask(exe, s, n, &out);
	for (i = 0; i < n; i++)
		in += s[i] == '\0';
	for (i = 0; i < out.len; i++)
		got += out.data[i] == '\0';
	/* as many arguments as there were */
	if (out.bad || in != got)
		abort();
	ir_buf_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct ir_socks out = { NULL, 0, 0, false };
	struct ir_err err = IR_ERR_INIT;
	struct ir_proc_group g;
	struct ir_proc_stat st;
	const char *s = (const char *)data;
	char *copy = strndup(s, n);
	uint32_t uid;
	int64_t boot;

	if (!copy)
		abort();
	if (ir_sockdiag_parse(data, n, want, NULL, &out, &err) < 0 &&
	    err.code == 0)
		abort();
	free(out.v);
	if (ir_proc_stat(s, n, &st) == 0 && (st.pid < 0 || st.ppid < 0 ||
	    !memchr(st.comm, 0, sizeof st.comm)))
		abort();
	(void)ir_proc_uid(s, n, &uid);
	(void)ir_proc_boot(s, n, &boot);
	(void)ir_proc_socket(s, n);
	ir_proc_cgroup(s, n, &g);
	if (strpbrk(g.unit, "'\"$`\\ \n;|&") || g.unit[0] == '-' ||
	    strpbrk(g.container, " \n"))
		abort();
	(void)ir_program_kind(copy);
	(void)ir_program_odd_place(copy);
	arguments("/usr/bin/perl", s, n);
	arguments(copy, s, n);
	free(copy);
	return 0;
}
