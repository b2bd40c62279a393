/* leak_tree.c - files that change, vanish or become something else while a
 * tree is read: said, and nothing waits */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "leak/tree.h"
#include "leak/unpack.h"

struct world {
	char dir[64];
	void (*act)(struct world *w, const char *seen);
	int windows, problems;
	bool stop;
	char why[64], path[256];
};

static void
put(const struct world *w, const char *name, size_t n, int flags)
{
	char path[128];
	char *p = calloc(1, n);
	int fd;

	snprintf(path, sizeof path, "%s/%s", w->dir, name);
	fd = open(path, O_WRONLY | O_CREAT | flags, 0600);
	assert_true(p && fd >= 0 && write(fd, p, n) == (ssize_t)n);
	close(fd);
	free(p);
}

static void
window(const char *path, const unsigned char *p, size_t n, size_t from,
    size_t to, uint64_t base, uint64_t line, const char *member, void *arg)
{
	struct world *w = arg;

	(void)p;
	(void)base;
	assert_true(from <= to && to <= n && line == 1 && member[0] == '\0');
	if (w->windows++ == 0 && w->act)
		w->act(w, strrchr(path, '/') + 1);
}

static void
problem(const char *path, const char *member, const char *why, void *arg)
{
	struct world *w = arg;

	(void)member;
	w->problems++;
	snprintf(w->why, sizeof w->why, "%s", why);
	snprintf(w->path, sizeof w->path, "%s", path);
}

static bool
stop(void *arg)
{
	return ((struct world *)arg)->stop;
}

static struct ir_tree_count
look(struct world *w)
{
	const struct ir_tree_to to = { window, problem, NULL, stop, w };
	const struct ir_tree_opts o = { .threads = 1 };
	struct ir_err err = IR_ERR_INIT;
	struct ir_tree_count count;
	char *dir = w->dir;

	assert_int_equal(ir_tree_run(&dir, 1, &o, &to, &count, &err), 0);
	return count;
}

static void
begin(struct world *w, void (*act)(struct world *w, const char *seen))
{
	memset(w, 0, sizeof *w);
	snprintf(w->dir, sizeof w->dir, "/tmp/quell-tree-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	w->act = act;
}

static void
end(struct world *w)
{
	static const char *const name[] = { "a", "b" };
	char path[128];
	size_t i;

	for (i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s/%s", w->dir, name[i]);
		(void)unlink(path);
	}
	assert_int_equal(rmdir(w->dir), 0);
}

static void
grow(struct world *w, const char *seen)
{
	put(w, seen, 10, O_APPEND);
}

static void
changes(void **state)
{
	struct world w;

	(void)state;
	begin(&w, grow);
	put(&w, "a", 700000, 0);
	assert_int_equal(look(&w).unread, 1);
	assert_string_equal(w.why, "changed while it was read");
	end(&w);
}

/* The other one of a and b. */
static void
other(const struct world *w, const char *seen, char path[128])
{
	snprintf(path, 128, "%s/%s", w->dir, seen[0] == 'a' ? "b" : "a");
}

static void
take_away(struct world *w, const char *seen)
{
	char path[128];

	other(w, seen, path);
	assert_int_equal(unlink(path), 0);
}

static void
vanishes(void **state)
{
	struct world w;

	(void)state;
	begin(&w, take_away);
	put(&w, "a", 100, 0);
	put(&w, "b", 100, 0);
	assert_int_equal(look(&w).files, 1);
	assert_int_equal(w.problems, 1);
	assert_string_equal(w.why, "vanished while it was looked for");
	end(&w);
}

static void
make_fifo(struct world *w, const char *seen)
{
	char path[128];

	take_away(w, seen);
	other(w, seen, path);
	assert_int_equal(mkfifo(path, 0600), 0);
}

static void
make_link(struct world *w, const char *seen)
{
	char path[128];

	take_away(w, seen);
	other(w, seen, path);
	assert_int_equal(symlink("/etc/passwd", path), 0);
}

static void
becomes_something_else(void **state)
{
	struct world w;

	(void)state;
	/* nobody writes into the FIFO: whoever opened it would wait */
	begin(&w, make_fifo);
	put(&w, "a", 100, 0);
	put(&w, "b", 100, 0);
	(void)look(&w);
	assert_int_equal(w.windows, 1);
	end(&w);
	/* a link is not followed, though it was a file before */
	begin(&w, make_link);
	put(&w, "a", 100, 0);
	put(&w, "b", 100, 0);
	(void)look(&w);
	assert_int_equal(w.windows, 1);
	assert_int_equal(w.problems, 1);
	end(&w);
}

static void
say_stop(struct world *w, const char *seen)
{
	(void)seen;
	w->stop = true;
}

static void
stops(void **state)
{
	struct world w;

	(void)state;
	begin(&w, say_stop);
	put(&w, "a", 100, 0);
	put(&w, "b", 100, 0);
	assert_int_equal(look(&w).files, 1);
	end(&w);
}

static void
lines(void **state)
{
	unsigned char p[10000];
	size_t i, n, want;

	(void)state;
	for (n = 0; n < sizeof p; n += 97) {
		for (i = want = 0; i < n; i++) {
			p[i] = i % 3 ? '\n' : 'x';
			want += i % 3 != 0;
		}
		assert_int_equal(ir_leak_lines(p, n), want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes),
		cmocka_unit_test(vanishes),
		cmocka_unit_test(becomes_something_else),
		cmocka_unit_test(stops),
		cmocka_unit_test(lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
