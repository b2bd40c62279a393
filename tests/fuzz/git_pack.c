/*
 * git_pack.c - a pack whose entries say what they like: bases that are not
 * there, rings, wrong sizes, damaged data.  Walking it and asking for origins
 * ends, and gives no byte from elsewhere.
 *
 * Input: entries, each of type (low 3 bits; bit 3: its size is wrong, bit 4:
 * its data is damaged, bit 5: no entry of its own in the index), a byte for
 * its base (how many entries before it, or the base's number), a byte for its
 * length, the data.  The names of objects are their numbers.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "leak/git.h"

#define ENTRIES 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char dir[] = "/tmp/git_pack.XXXXXX";

struct out {
	uint8_t b[ENTRIES * 512 + 4096];
	size_t n;
};

static void
add(struct out *o, const void *p, size_t n)
{
	memcpy(o->b + o->n, p, n);
	o->n += n;
}

static void
add32(struct out *o, uint32_t v)
{
	add(o, (uint8_t[]){ (uint8_t)(v >> 24), (uint8_t)(v >> 16),
	    (uint8_t)(v >> 8), (uint8_t)v }, 4);
}

static void
save(const char *name, const struct out *o)
{
	char path[256];
	int fd;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, o->b, o->n) != (ssize_t)o->n)
		abort();
	close(fd);
}

static void
clean(void)
{
	static const char *const made[] = {
		"objects/pack/pack-1.pack", "objects/pack/pack-1.idx",
		"objects/pack", "objects", "refs", "HEAD", "",
	};
	char path[256];

	for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, made[i]);
		remove(path);
	}
}

static void
prepare(void)
{
	static const char *const made[] = {
		"", "/objects", "/objects/pack", "/refs",
	};
	struct out o = { .n = 0 };
	char path[256];

	if (!mkdtemp(dir) || atexit(clean))
		abort();
	for (size_t i = 1; i < 4; i++) {
		snprintf(path, sizeof path, "%s%s", dir, made[i]);
		mkdir(path, 0700);
	}
	memset(o.b, 'a', 40);
	/* HEAD: object 0 */
	memset(o.b, '0', 40);
	o.n = 40;
	save("HEAD", &o);
}

static void
entry(struct out *o, const uint8_t *p, const size_t *at, size_t i, size_t len)
{
	uint8_t packed[512], name[20] = { 0 };
	uint64_t size = p[0] & 8 ? len + 3 : len;
	uLongf n = sizeof packed;
	size_t back;

	if (compress2(packed, &n, p + 3, len, 1) != Z_OK)
		abort();
	if (p[0] & 16)
		packed[n / 2] ^= 0x55;
	add(o, (uint8_t[]){ (uint8_t)(0x80u | (p[0] & 7u) << 4 | (size & 15)),
	    (uint8_t)(size >> 4) }, 2);
	if ((p[0] & 7) == 6) {
		back = p[1] && p[1] <= i ? at[i] - at[i - p[1]] : p[1];
		if (back >= 128)
			add(o, (uint8_t[]){ (uint8_t)(0x80 |
			    ((back >> 7) - 1)) }, 1);
		add(o, (uint8_t[]){ (uint8_t)(back & 0x7f) }, 1);
	} else if ((p[0] & 7) == 7) {
		name[19] = p[1];
		add(o, name, 20);
	}
	add(o, packed, n);
}

/* How many entries; the pack and its index are written. */
static size_t
build(const uint8_t *p, size_t n)
{
	static struct out pack, idx;
	static size_t at[ENTRIES];
	uint8_t name[20] = { 0 };
	size_t count = 0;

	pack.n = idx.n = 0;
	add(&pack, "PACK\0\0\0\2\0\0\0\0", 12);
	while (n > 3 && count < ENTRIES) {
		size_t len = p[2] < n - 3 ? p[2] : n - 3;

		at[count] = pack.n;
		entry(&pack, p, at, count, len);
		if (p[0] & 32 && count)
			at[count] = at[count - 1];
		count++;
		p += 3 + len;
		n -= 3 + len;
	}
	add(&pack, name, 20);
	add(&idx, "\377tOc\0\0\0\2", 8);
	for (int i = 0; i < 256; i++)
		add32(&idx, (uint32_t)count);
	for (size_t i = 0; i < count; i++) {
		name[19] = (uint8_t)i;
		add(&idx, name, 20);
	}
	for (size_t i = 0; i < count; i++)
		add32(&idx, 0);
	for (size_t i = 0; i < count; i++)
		add32(&idx, (uint32_t)at[i]);
	add(&idx, idx.b, 40);
	save("objects/pack/pack-1.pack", &pack);
	save("objects/pack/pack-1.idx", &idx);
	return count;
}

static int
piece(void *arg, const struct ir_git_piece *p)
{
	size_t *sum = arg;

	if (p->from > p->to || p->to > p->n)
		abort();
	for (size_t i = 0; i < p->n; i++)
		*sum += p->data[i];
	for (size_t i = p->from; i < p->to; i++)
		if (p->data[i] == 'K')
			ir_git_seen(p, p->data[i + 1 < p->n ? i + 1 : i], i, 1);
	return 0;
}

static int
origin(void *arg, const struct ir_git_origin *o)
{
	size_t *sum = arg;

	*sum += strlen(o->path) + strlen(o->author) + strlen(o->commit);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static bool ready;
	size_t sum = 0, count;
	struct ir_git_walk w = { piece, NULL, &sum, 1, 4, 8 };
	struct ir_git_stats s;
	struct ir_git *g;

	if (!ready)
		prepare();
	ready = true;
	count = build(data, n);
	if (ir_git_open(&g, dir, NULL) || ir_git_walk(g, &w, &s, NULL))
		abort();
	if (s.objects > count || ir_git_origins(g, origin, &sum, &s, NULL))
		abort();
	ir_git_close(g);
	return sum == SIZE_MAX;
}
