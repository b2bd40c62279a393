/* ack.c - see ack.h */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "../core/file.h"
#include "../core/text.h"
#include "ack.h"

#define MAX_ACKS 9999

static const char *const words[] = { "none", "prepared", "sending", "sent",
    "handed-over", "failed", "unknown", "relayed", "bounced", "delivered",
    "posted" };

#define NWORDS (sizeof words / sizeof *words)

const char *
ir_ack_word(const struct ir_ack *a)
{
	return words[a->state];
}

void
ir_ack_key(const char *const *parts, size_t n, char key[33])
{
	struct ir_buf b = IR_BUF(65536);
	char hash[65];
	size_t i;

	for (i = 0; i < n; i++)
		ir_buf_add(&b, parts[i], strlen(parts[i]) + 1);
	ir_sha256_hex(ir_buf_cstr(&b), b.len, hash);
	ir_buf_free(&b);
	snprintf(key, 33, "%.32s", hash);
}

static void
take(const struct ir_rec *data, const char *key, char *to, size_t size)
{
	const char *s = ir_rec_get(data, key);

	if (s)
		snprintf(to, size, "%s", s);
}

bool
ir_ack_waits(const struct ir_ack *a)
{
	return a->state == IR_ACK_RELAYED || a->state == IR_ACK_HANDED_OVER;
}

bool
ir_ack_arrived(const struct ir_ack *a)
{
	return a->state == IR_ACK_SENT || a->state == IR_ACK_DELIVERED ||
	    a->state == IR_ACK_POSTED;
}

/* The key of an acknowledgement's line; NULL when it is no such line. */
static const char *
line_key(const struct ir_rec *line)
{
	const char *event = ir_rec_get(line, "event");

	return event && strncmp(event, "ack.", 4) == 0 ?
	    ir_rec_get(line, "data.key") : NULL;
}

static void
apply(struct ir_ack *a, const struct ir_rec *line)
{
	const struct ir_rec *data = ir_rec_at(line, "data");
	const char *event = ir_rec_get(line, "event") + 4;
	const char *time = ir_rec_get(line, "time"), *as;
	size_t i;

	for (i = 1; i < NWORDS; i++)
		if (strcmp(event, words[i]) == 0)
			a->state = (enum ir_ack_state)i;
	if (strcmp(event, "settled") == 0) {
		as = ir_rec_get(data, "as");
		a->state = as && strcmp(as, "not-sent") == 0 ?
		    IR_ACK_FAILED : as && strcmp(as, "relayed") == 0 ?
		    IR_ACK_RELAYED : IR_ACK_SENT;
	}
	/* what was said of an earlier sending is not of this one */
	if (strcmp(event, "prepared") == 0 || strcmp(event, "sending") == 0)
		a->how[0] = a->reply[0] = a->accepted_by[0] = '\0';
	a->temporary = ir_rec_get_bool(data, "temporary", false);
	take(data, "message_id", a->message_id, sizeof a->message_id);
	take(data, "remote_id", a->remote_id, sizeof a->remote_id);
	take(data, "to", a->to, sizeof a->to);
	take(data, "cc", a->cc, sizeof a->cc);
	take(data, "accepted_by", a->accepted_by, sizeof a->accepted_by);
	take(data, "file", a->file, sizeof a->file);
	take(data, "sha256", a->sha256, sizeof a->sha256);
	take(data, "transport", a->transport, sizeof a->transport);
	take(data, "reply", a->reply, sizeof a->reply);
	take(data, "how", a->how, sizeof a->how);
	a->date = ir_rec_get_int(data, "date", a->date);
	/* a delay says nothing of when it was sent */
	if (time && strcmp(event, "delayed") != 0)
		(void)ir_time_parse(time, &a->when);
	if (strcmp(event, "bounced") == 0)
		a->bounced = a->when;
}

static int
load_line(const struct ir_rec *line, void *arg)
{
	struct ir_ack *a = arg;
	const char *key = line_key(line);

	if (key && strcmp(key, a->key) == 0)
		apply(a, line);
	return 0;
}

int
ir_ack_load(const char *dir, struct ir_ack *a, struct ir_err *err)
{
	return ir_journal_each(dir, load_line, a, err);
}

static int
load_any(const struct ir_rec *line, void *arg)
{
	struct ir_acks *all = arg;
	const char *key = line_key(line);
	struct ir_ack *v;
	size_t i;

	if (!key || strlen(key) >= sizeof v->key)
		return 0;
	for (i = 0; i < all->n; i++)
		if (strcmp(all->v[i].key, key) == 0)
			break;
	if (i == all->n) {
		if (i == IR_ACKS_MAX)
			return 0;
		v = realloc(all->v, (i + 1) * sizeof *v);
		if (!v)
			return 1;
		all->v = v;
		memset(&v[all->n++], 0, sizeof *v);
		memcpy(v[i].key, key, strlen(key) + 1);
	}
	apply(&all->v[i], line);
	return 0;
}

int
ir_acks_load(const char *dir, struct ir_acks *all, struct ir_err *err)
{
	int rc;

	*all = (struct ir_acks){ NULL, 0 };
	rc = ir_journal_each(dir, load_any, all, err);
	return rc > 0 ? ir_fail(err, IR_OSERR, "no memory") : rc;
}

void
ir_acks_free(struct ir_acks *all)
{
	free(all->v);
	*all = (struct ir_acks){ NULL, 0 };
}

int
ir_ack_lock(struct ir_journal *j, long wait_ms, struct ir_err *err)
{
	const struct timespec nap = { 0, 50000000 };
	int64_t end = ir_mono_ms() + wait_ms;
	char path[PATH_MAX];
	int fd;

	if (ir_journal_path(j, "state/ack.lock", path, err))
		return -1;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return ir_fail_errno(err, IR_CANTCREAT, errno, "%s", path);
	while (flock(fd, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK && errno != EINTR) {
			ir_fail_errno(err, IR_OSERR, errno, "%s", path);
			close(fd);
			return -1;
		}
		if (ir_mono_ms() >= end) {
			close(fd);
			return ir_fail(err, IR_TEMPFAIL,
			    "another run is sending for this incident");
		}
		nanosleep(&nap, NULL);
	}
	return fd;
}

static int
journal(struct ir_journal *j, const struct ir_ack *a, const char *event,
    struct ir_rec *d, struct ir_err *err)
{
	char name[32];

	snprintf(name, sizeof name, "ack.%s", event);
	ir_rec_str(d, "key", a->key);
	if (a->message_id[0])
		ir_rec_str(d, "message_id", a->message_id);
	if (a->remote_id[0])
		ir_rec_str(d, "remote_id", a->remote_id);
	ir_rec_str(d, "file", a->file);
	ir_rec_str(d, "sha256", a->sha256);
	ir_rec_int(d, "date", a->date);
	if (a->temporary)
		ir_rec_bool(d, "temporary", true);
	if (a->transport[0])
		ir_rec_str(d, "transport", a->transport);
	if (a->reply[0])
		ir_rec_str(d, "reply", a->reply);
	if (a->accepted_by[0])
		ir_rec_str(d, "accepted_by", a->accepted_by);
	if (a->how[0])
		ir_rec_str(d, "how", a->how);
	return ir_journal_add(j, name, d, err);
}

int
ir_ack_prepare(struct ir_journal *j, struct ir_ack *a, const void *bytes,
    size_t n, struct ir_err *err)
{
	struct ir_rec *d;
	char path[PATH_MAX];
	unsigned i;

	for (i = 1; i <= MAX_ACKS; i++) {
		snprintf(a->file, sizeof a->file, "out/ack-%04u.%s", i,
		    a->message_id[0] ? "eml" : "txt");
		if (ir_journal_path(j, a->file, path, err))
			return -1;
		if (access(path, F_OK))
			break;
	}
	if (ir_file_create(path, bytes, n, 0400, err))
		return -1;
	a->transport[0] = a->reply[0] = a->remote_id[0] = '\0';
	a->accepted_by[0] = a->how[0] = '\0';
	a->temporary = false;
	d = ir_rec_object();
	ir_rec_str(d, "to", a->to);
	if (a->cc[0])
		ir_rec_str(d, "cc", a->cc);
	if (journal(j, a, "prepared", d, err)) {
		unlink(path);	/* made here, and nothing refers to it */
		return -1;
	}
	a->state = IR_ACK_PREPARED;
	return 0;
}

int
ir_ack_bytes(const char *dir, const struct ir_ack *a, struct ir_buf *b,
    struct ir_err *err)
{
	char path[PATH_MAX], hash[65];

	snprintf(path, sizeof path, "%s/%s", dir, a->file);
	if (strncmp(a->file, "out/", 4) != 0 || strchr(a->file + 4, '/'))
		return ir_fail(err, IR_CONFIG, "%s: not in out/", a->file);
	if (ir_buf_read_file(b, path, err))
		return -1;
	ir_sha256_hex(ir_buf_cstr(b), b->len, hash);
	if (strcmp(hash, a->sha256) != 0)
		return ir_fail(err, IR_CONFIG,
		    "%s was changed after it was prepared", path);
	return 0;
}

int
ir_ack_step(struct ir_journal *j, struct ir_ack *a, enum ir_ack_state state,
    const char *as, struct ir_err *err)
{
	struct ir_rec *d = ir_rec_object();

	if (as)
		ir_rec_str(d, "as", as);
	if (journal(j, a, as ? "settled" : words[state], d, err))
		return -1;
	a->state = state;
	a->when = ir_now();
	return 0;
}

int
ir_ack_learn(struct ir_journal *j, struct ir_ack *a, enum ir_ack_state state,
    struct ir_rec *extra, struct ir_err *err)
{
	if (journal(j, a, state == IR_ACK_NONE ? "delayed" : words[state],
	    extra ? extra : ir_rec_object(), err))
		return -1;
	if (state == IR_ACK_NONE)
		return 0;
	a->state = state;
	a->when = ir_now();
	return 0;
}
