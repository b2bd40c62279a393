/* view.c - see view.h */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../core/buf.h"
#include "../core/file.h"
#include "../core/text.h"
#include "incident.h"
#include "join.h"
#include "view.h"

int
ir_view_lock(const char *dir, struct ir_err *err)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 && flock(fd, LOCK_EX) == 0)
		return fd;
	ir_fail_errno(err, ir_errno_code(errno, IR_NOINPUT), errno, "%s", dir);
	if (fd >= 0)
		close(fd);
	return -1;
}

static int64_t
journal_size(const char *dir)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof path, "%s/journal.jsonl", dir);
	return stat(path, &st) ? -1 : (int64_t)st.st_size;
}

struct ir_rec *
ir_view_known(const char *dir)
{
	struct ir_buf b = IR_BUF(1u << 20);
	struct ir_rec *r = NULL, *known = NULL;
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/incident.json", dir);
	if (ir_buf_read_kept(&b, path, NULL) == 0)
		r = ir_rec_parse(ir_buf_cstr(&b), b.len, NULL);
	if (r && ir_rec_get_int(r, "journal_bytes", -2) == journal_size(dir) &&
	    ir_rec_kind(ir_rec_at(r, "known")) == IR_REC_OBJECT)
		known = ir_rec_copy(ir_rec_at(r, "known"));
	ir_rec_free(r);
	ir_buf_free(&b);
	return known;
}

bool
ir_view_fresh(const char *dir)
{
	struct ir_rec *known = ir_view_known(dir);

	ir_rec_free(known);
	return known != NULL;
}

static int
write_due(const char *dir, const struct ir_rec *r, struct ir_err *err)
{
	const char *due = ir_rec_get(r, "due");
	char path[PATH_MAX], text[32];
	int64_t t;
	int n;

	snprintf(path, sizeof path, "%s/due", dir);
	if (!due || ir_rec_get_bool(r, "answered", false) ||
	    ir_time_parse(due, &t)) {
		if (unlink(path) && errno != ENOENT)
			return ir_fail_errno(err, IR_IOERR, errno, "%s", path);
		return 0;
	}
	n = snprintf(text, sizeof text, "%lld\n", (long long)t);
	return ir_file_replace(path, text, (size_t)n, 0600, err);
}

int
ir_view_write(const char *dir, int64_t now, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(1u << 20);
	struct ir_rec *r = NULL, *known = NULL;
	char path[PATH_MAX];
	int64_t size;
	int lock, rc = -1;

	if ((size_t)snprintf(path, sizeof path, "%s/incident.json", dir) >=
	    sizeof path)
		return ir_fail(err, IR_CANTCREAT, "%s: name too long", dir);
	lock = ir_view_lock(dir, err);
	if (lock < 0)
		return -1;
	/* a line that is added meanwhile makes it outdated, not wrong */
	size = journal_size(dir);
	r = ir_incident_record(dir, now, err);
	if (r)
		known = ir_incident_known(dir, err);
	if (!known)
		goto out;
	ir_rec_int(r, "journal_bytes", size);
	ir_rec_set(r, "known", known);
	ir_rec_del(r, "seconds_left");	/* true for a moment only */
	ir_rec_del(r, "overdue");
	ir_rec_json(r, &b);
	ir_buf_chr(&b, '\n');
	/* who finds a fresh incident.json may believe due as well */
	if (ir_buf_check(&b, "incident.json", err) == 0 &&
	    write_due(dir, r, err) == 0)
		rc = ir_file_replace(path, b.data, b.len, 0600, err);
out:
	ir_rec_free(r);
	ir_buf_free(&b);
	close(lock);
	return rc;
}
