/* seen.c - see seen.h */
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "../core/file.h"
#include "../incident/journal.h"
#include "seen.h"

#define NAME_MAX_LEN 80

static void
hex(const unsigned char *p, size_t n, char *out)
{
	size_t i;

	for (i = 0; i < n; i++)
		snprintf(out + 2 * i, 3, "%02x", p[i]);
}

static void
name_of_id(const struct ir_vault_head *h, char name[NAME_MAX_LEN])
{
	hex(h->id, sizeof h->id, name);
}

static void
name_of_path(const char *path, char name[NAME_MAX_LEN])
{
	char real[PATH_MAX];
	const char *p = realpath(path, real) ? real : path;

	memcpy(name, "at-", 3);
	ir_sha256_hex(p, strlen(p), name + 3);
}

/* STATE/vaults/name; 0, or -1. */
static int
place(const char *name, bool make, char *path, struct ir_err *err)
{
	char dir[PATH_MAX - NAME_MAX_LEN - 1], state[PATH_MAX - 100];

	if (ir_state_name(state, sizeof state, err))
		return -1;
	snprintf(dir, sizeof dir, "%s/vaults", state);
	if (make && ir_mkdirs(dir, 0700, err))
		return -1;
	snprintf(path, PATH_MAX, "%s/%s", dir, name);
	return 0;
}

/* What a file there says; "" when there is none. */
static int
recall(const char *name, char *text, size_t size, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(1024);
	char path[PATH_MAX];
	int fd, rc = 0;

	*text = '\0';
	if (place(name, false, path, err))
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return 0;
	rc = ir_buf_read_fd(&b, fd, path, err);
	if (rc == 0)
		snprintf(text, size, "%s", ir_buf_cstr(&b));
	ir_buf_free(&b);
	close(fd);
	return rc;
}

static int
recall_seen(const struct ir_vault_head *h, struct ir_vault_seen *seen,
    struct ir_err *err)
{
	char name[NAME_MAX_LEN], text[128];

	seen->generation = 0;
	seen->mac[0] = '\0';
	name_of_id(h, name);
	if (recall(name, text, sizeof text, err))
		return -1;
	if (sscanf(text, "%" SCNu64 " %64s", &seen->generation, seen->mac) !=
	    2)
		seen->generation = 0;
	return 0;
}

int
ir_vault_seen_check(const char *path, const struct ir_vault_head *h,
    const unsigned char mac[IR_VAULT_MAC], struct ir_vault_seen *seen,
    struct ir_err *err)
{
	char name[NAME_MAX_LEN], id[NAME_MAX_LEN], text[128];
	char now[2 * IR_VAULT_MAC + 1];

	name_of_path(path, name);
	name_of_id(h, id);
	hex(mac, IR_VAULT_MAC, now);
	if (recall_seen(h, seen, err) ||
	    recall(name, text, sizeof text, err))
		return -1;
	text[strcspn(text, "\n")] = '\0';
	if (*text && strcmp(text, id) != 0)
		ir_fail(err, IR_CONFIG,
		    "%s: not the vault that was here before", path);
	else if (seen->generation > h->generation)
		ir_fail(err, IR_CONFIG, "%s: an old copy: generation %" PRIu64
		    ", and %" PRIu64 " was seen", path, h->generation,
		    seen->generation);
	else if (seen->generation == h->generation &&
	    strcmp(seen->mac, now) != 0)
		ir_fail(err, IR_CONFIG, "%s: another copy: generation %" PRIu64
		    " was seen with other content", path, h->generation);
	else
		return 0;
	ir_hint(err, "--old-copy takes it, if it was you who put it there");
	return -1;
}

static int
lock(void)
{
	char path[PATH_MAX];
	int fd;

	if (place("lock", true, path, NULL))
		return -1;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0 && flock(fd, LOCK_EX)) {
		close(fd);
		return -1;
	}
	return fd;
}

static void
keep(const char *name, const char *text)
{
	char path[PATH_MAX], old[128];

	if (recall(name, old, sizeof old, NULL) == 0 &&
	    strcmp(old, text) == 0)
		return;
	if (place(name, true, path, NULL) == 0)
		(void)ir_file_replace(path, text, strlen(text), 0600, NULL);
}

void
ir_vault_seen_note(const char *path, const struct ir_vault_head *h,
    const unsigned char mac[IR_VAULT_MAC])
{
	char name[NAME_MAX_LEN], id[NAME_MAX_LEN], text[128], m[65], was[128];
	struct ir_vault_seen seen;
	int fd;

	name_of_path(path, name);
	name_of_id(h, id);
	hex(mac, IR_VAULT_MAC, m);
	if (recall_seen(h, &seen, NULL) || recall(name, was, sizeof was, NULL))
		return;
	was[strcspn(was, "\n")] = '\0';
	if (seen.generation == h->generation && strcmp(seen.mac, m) == 0 &&
	    strcmp(was, id) == 0)
		return;
	fd = lock();
	if (fd < 0)
		return;
	if (recall_seen(h, &seen, NULL) == 0 &&
	    seen.generation <= h->generation) {
		snprintf(text, sizeof text, "%" PRIu64 " %s\n",
		    h->generation, m);
		keep(id, text);
	}
	snprintf(text, sizeof text, "%s\n", id);
	keep(name, text);
	close(fd);
}
