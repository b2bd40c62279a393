/* journal.c: the hash chain, under crashes, tampering and bad clocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/file.h"
#include "incident/ack.h"
#include "incident/incident.h"
#include "incident/journal.h"

static char dir[PATH_MAX];

static int
fresh(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/quell-journal-XXXXXX");
	return mkdtemp(dir) && ir_journal_create(dir, NULL) == 0 ? 0 : -1;
}

static int
gone(void **state)
{
	char cmd[PATH_MAX];
	pid_t pid = fork();

	(void)state;
	snprintf(cmd, sizeof cmd, "%s", dir);
	if (pid == 0) {
		execlp("rm", "rm", "-rf", cmd, (char *)NULL);
		_exit(127);
	}
	return waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

static void
add(const char *event, const char *text)
{
	struct ir_journal *j;
	struct ir_rec *d = ir_rec_object();
	struct ir_err err = IR_ERR_INIT;

	ir_rec_str(d, "text", text);
	assert_int_equal(ir_journal_open(&j, dir, "test", &err), 0);
	assert_int_equal(ir_journal_add(j, event, d, &err), 0);
	ir_journal_close(j);
}

static void
raw(const char *bytes)
{
	char path[PATH_MAX + 32];
	int fd;

	snprintf(path, sizeof path, "%s/journal.jsonl", dir);
	fd = open(path, O_WRONLY | O_APPEND);
	assert_true(fd >= 0);
	assert_int_equal(ir_write_all(fd, bytes, strlen(bytes)), 0);
	close(fd);
}

static void
slurp(struct ir_buf *b)
{
	char path[PATH_MAX + 32];

	snprintf(path, sizeof path, "%s/journal.jsonl", dir);
	assert_int_equal(ir_buf_read_file(b, path, NULL), 0);
}

static struct ir_journal_check
verify(void)
{
	struct ir_journal_check c;

	assert_int_equal(ir_journal_verify(dir, &c, NULL), 0);
	return c;
}

static void
chain(void **state)
{
	struct ir_journal_check c;
	char head[65];

	(void)state;
	c = verify();
	assert_int_equal(c.bad_line, 1);	/* empty: nothing is proven */
	add("a.b", "one");
	add("a.b", "two");
	c = verify();
	assert_int_equal(c.bad_line, 0);
	assert_int_equal(c.lines, 2);
	assert_int_equal(ir_journal_head(dir, head, NULL), 0);
	assert_string_equal(head, c.head);
}

/* Change each byte in turn: the check must see it, but in the last line. */
static void
every_byte(void **state)
{
	struct ir_buf b = IR_BUF(1 << 20);
	struct ir_journal_check c;
	size_t i, last;
	char keep;

	(void)state;
	add("a.b", "one");
	add("a.b", "two");
	add("a.b", "three");
	slurp(&b);
	last = b.len - 1;
	while (b.data[last - 1] != '\n')
		last--;
	/* without the newline before the last line: that is a torn tail */
	for (i = 0; i < last - 1; i++) {
		keep = b.data[i];
		b.data[i] ^= 1;
		ir_journal_check(b.data, b.len, NULL, &c);
		if (!c.bad_line)
			fail_msg("byte %zu was changed unseen", i);
		b.data[i] = keep;
	}
	ir_buf_free(&b);
}

/* Cut anywhere, as a crash does; then go on: the chain must hold. */
static void
torn_anywhere(void **state)
{
	struct ir_buf b = IR_BUF(1 << 20);
	struct ir_journal_check c;
	char path[PATH_MAX + 32];
	size_t i, whole;

	(void)state;
	snprintf(path, sizeof path, "%s/journal.jsonl", dir);
	add("a.b", "one");
	slurp(&b);
	whole = b.len;
	add("a.b", "two");
	ir_buf_trunc(&b, 0);
	slurp(&b);
	for (i = whole; i <= b.len; i++) {
		assert_int_equal(truncate(path, 0), 0);
		assert_int_equal(ir_file_replace(path, b.data, i, 0600, NULL),
		    0);
		c = verify();
		assert_int_equal(c.bad_line, 0);
		add("a.b", "after");
		add("a.b", "and on");
		c = verify();
		if (c.bad_line)
			fail_msg("cut at %zu: %s", i, c.why);
	}
	ir_buf_free(&b);
}

static void
torn_twice_and_tampered(void **state)
{
	struct ir_buf b = IR_BUF(1 << 20);
	struct ir_journal_check c;
	char *p;

	(void)state;
	add("a.b", "one");
	raw("{\"type\":\"jour");
	raw("\n{\"again");		/* the next writer was cut off, too */
	add("a.b", "two");
	c = verify();
	assert_int_equal(c.bad_line, 0);
	assert_int_equal(c.torn, 2);
	slurp(&b);
	p = strstr(b.data, "jour\n");
	assert_non_null(p);
	*p = 'J';
	ir_journal_check(b.data, b.len, NULL, &c);
	assert_int_equal(c.bad_line, 4);
	ir_buf_free(&b);
}

/* Torn bytes must not let a line before them be exchanged. */
static void
torn_hides_nothing(void **state)
{
	struct ir_buf b = IR_BUF(1 << 20);
	struct ir_journal_check c;

	(void)state;
	add("a.b", "one");
	add("a.b", "two");
	raw("{\"cut");
	add("a.b", "three");
	slurp(&b);
	strstr(b.data, "two")[0] = 'T';
	ir_journal_check(b.data, b.len, NULL, &c);
	assert_int_equal(c.bad_line, 4);
	ir_buf_free(&b);
}

/* A whole line that only lost its newline is no torn line. */
static void
newline_lost(void **state)
{
	struct ir_journal_check c;
	struct ir_buf b = IR_BUF(1 << 20);
	char path[PATH_MAX + 32];

	(void)state;
	snprintf(path, sizeof path, "%s/journal.jsonl", dir);
	add("a.b", "one");
	slurp(&b);
	assert_int_equal(truncate(path, (off_t)b.len - 1), 0);
	add("a.b", "two");
	c = verify();
	assert_int_equal(c.bad_line, 0);
	assert_int_equal(c.torn, 0);
	assert_int_equal(c.lines, 2);
	ir_buf_free(&b);
}

static void
clock_backwards(void **state)
{
	struct ir_buf b = IR_BUF(1 << 20), line = IR_BUF(4096);
	struct ir_journal_check c;
	struct ir_journal_tail t;
	const char *times[] = { "2026-11-21T10:00:00Z",
	    "2026-11-21T09:00:00Z", "2026-11-21T11:00:00Z" };
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		ir_journal_scan(ir_buf_cstr(&b), b.len, &t, NULL, NULL);
		ir_buf_fmt(&b, "{\"type\":\"journal\",\"id\":\"%zu\","
		    "\"time\":\"%s\",\"prev\":\"%s\"}\n", i + 1, times[i],
		    t.head);
	}
	ir_journal_check(b.data, b.len, NULL, &c);
	assert_int_equal(c.bad_line, 0);
	assert_int_equal(c.backwards, 1);
	ir_buf_free(&b);
	ir_buf_free(&line);
}

static void
evidence(void **state)
{
	struct ir_journal *j;
	struct ir_journal_check c;
	char path[PATH_MAX + 64];
	struct stat st;

	(void)state;
	assert_int_equal(ir_journal_open(&j, dir, "test", NULL), 0);
	assert_int_equal(ir_journal_evidence(j, "../we ird\n.eml", "a\0b", 3,
	    NULL), 0);
	assert_int_equal(ir_journal_evidence(j, "second", "x", 1, NULL), 0);
	ir_journal_close(j);
	snprintf(path, sizeof path, "%s/evidence/0001-_._we_ird_.eml", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0400);
	c = verify();
	assert_int_equal(c.evidence, 2);
	assert_int_equal(c.bad_line, 0);
	assert_int_equal(unlink(path), 0);
	c = verify();
	assert_int_equal(c.bad_line, 1);
	assert_non_null(strstr(c.why, "missing"));
}

/* Writers that are killed at random: no line is half there for good. */
static void
killed_writers(void **state)
{
	struct ir_journal_check c;
	struct timespec nap = { 0, 0 };
	int i, st;
	pid_t pid;

	(void)state;
	for (i = 0; i < 12; i++) {
		pid = fork();
		if (pid == 0) {
			for (;;)
				add("a.b", "from a writer that will be killed");
		}
		nap.tv_nsec = 1000000 + i * 700000;
		nanosleep(&nap, NULL);
		kill(pid, SIGKILL);
		waitpid(pid, &st, 0);
	}
	add("a.b", "last");
	c = verify();
	assert_int_equal(c.bad_line, 0);
}

static void
nothing_there(void **state)
{
	struct ir_err err = IR_ERR_INIT;
	struct ir_journal *j;

	(void)state;
	assert_int_equal(ir_journal_open(&j, "/nonexistent", "t", &err), -1);
	assert_int_equal(err.code, IR_NOINPUT);
	assert_int_equal(ir_journal_create(dir, &err), -1);
	assert_int_equal(err.code, IR_CANTCREAT);
	/* no journal: every function takes it */
	assert_int_equal(ir_journal_open(&j, NULL, "t", &err), 0);
	assert_null(j);
	assert_int_equal(ir_journal_add(j, "a.b", ir_rec_object(), &err), 0);
	assert_int_equal(ir_journal_evidence(j, "x", "y", 1, &err), 0);
	ir_journal_close(j);
}

static void
ack_steps(void **state)
{
	struct ir_ack a = { 0 }, b = { 0 };
	struct ir_journal *j;
	struct ir_buf bytes = IR_BUF(100);
	const char *parts[] = { "a", "bc" }, *other[] = { "ab", "c" };

	(void)state;
	ir_ack_key(parts, 2, a.key);
	ir_ack_key(other, 2, b.key);
	assert_string_not_equal(a.key, b.key);
	assert_int_equal(ir_journal_open(&j, dir, "test", NULL), 0);
	ir_sha256_hex("hello", 5, a.sha256);
	snprintf(a.message_id, sizeof a.message_id, "<x@y>");
	snprintf(a.to, sizeof a.to, "t@x");
	assert_int_equal(ir_ack_prepare(j, &a, "hello", 5, NULL), 0);
	assert_int_equal(ir_ack_step(j, &a, IR_ACK_SENDING, NULL, NULL), 0);
	memcpy(b.key, a.key, sizeof b.key);
	assert_int_equal(ir_ack_load(dir, &b, NULL), 0);
	assert_int_equal(b.state, IR_ACK_SENDING);
	assert_string_equal(b.message_id, "<x@y>");
	assert_int_equal(ir_ack_bytes(dir, &b, &bytes, NULL), 0);
	assert_string_equal(bytes.data, "hello");
	assert_int_equal(ir_ack_step(j, &a, IR_ACK_FAILED, "not-sent", NULL),
	    0);
	assert_int_equal(ir_ack_load(dir, &b, NULL), 0);
	assert_int_equal(b.state, IR_ACK_FAILED);
	snprintf(b.file, sizeof b.file, "out/../journal.jsonl");
	assert_int_equal(ir_ack_bytes(dir, &b, &bytes, NULL), -1);
	ir_journal_close(j);
	ir_buf_free(&bytes);
}

#define T(f) cmocka_unit_test_setup_teardown(f, fresh, gone)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(chain), T(every_byte), T(torn_anywhere),
		T(torn_twice_and_tampered), T(torn_hides_nothing),
		T(newline_lost), T(clock_backwards), T(evidence),
		T(killed_writers), T(nothing_there),
		T(ack_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
