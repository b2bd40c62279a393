/* origin_mmdb.c - see origin_mmdb.h */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../core/text.h"
#include "origin_mmdb.h"

/* The metadata begins with this, at most so far from the end. */
#define MARK "\xab\xcd\xefMaxMind.com"
#define MARK_WITHIN (128 << 10)

bool
ir_mmdb_is(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	char *buf = NULL;
	bool is = false;
	size_t want;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode))
		goto out;
	want = st.st_size < MARK_WITHIN ? (size_t)st.st_size : MARK_WITHIN;
	buf = malloc(want + 1);
	if (!buf)
		goto out;
	n = pread(fd, buf, want, st.st_size - (off_t)want);
	is = n > 0 && memmem(buf, (size_t)n, MARK, sizeof MARK - 1);
out:
	free(buf);
	if (fd >= 0)
		close(fd);
	return is;
}

#ifdef HAVE_LIBMAXMINDDB
#include <arpa/inet.h>
#include <maxminddb.h>
#include <netinet/in.h>

#define CACHE 8192		/* records that are kept read */

struct fields {
	uint32_t place;		/* 1 + where the record is; 0: free */
	uint32_t asn;
	char country[3];
	char name[IR_ORIGIN_NAME];
};

struct ir_mmdb {
	MMDB_s db;
	char type[48], date[IR_TIME_LEN];
	struct fields *cache;
};

int
ir_mmdb_open(struct ir_mmdb **out, const char *path, struct ir_err *err)
{
	struct ir_mmdb *m = calloc(1, sizeof *m);
	int rc;

	*out = NULL;
	if (m)
		m->cache = calloc(CACHE, sizeof *m->cache);
	if (!m || !m->cache) {
		free(m);
		return ir_fail(err, IR_OSERR, "no memory");
	}
	errno = 0;
	rc = MMDB_open(path, MMDB_MODE_MMAP, &m->db);
	if (rc != MMDB_SUCCESS) {
		free(m->cache);
		free(m);
		if (rc == MMDB_FILE_OPEN_ERROR || rc == MMDB_IO_ERROR)
			return ir_fail_errno(err, ir_errno_code(errno,
			    IR_NOINPUT), errno, "%s", path);
		return ir_fail(err, IR_DATAERR, "%s: %s", path,
		    MMDB_strerror(rc));
	}
	snprintf(m->type, sizeof m->type, "%s",
	    m->db.metadata.database_type ? m->db.metadata.database_type :
	    "mmdb");
	ir_text_printable(m->type);
	ir_time_rfc3339((int64_t)m->db.metadata.build_epoch, m->date);
	m->date[10] = '\0';
	*out = m;
	return 0;
}

void
ir_mmdb_close(struct ir_mmdb *m)
{
	if (!m)
		return;
	MMDB_close(&m->db);
	free(m->cache);
	free(m);
}

const char *
ir_mmdb_type(const struct ir_mmdb *m)
{
	return m->type;
}

const char *
ir_mmdb_date(const struct ir_mmdb *m)
{
	return m->date;
}

/* A string of the record, at one or two names; "" when there is none. */
static void
get_str(MMDB_entry_s *e, const char *a, const char *b, char *to, size_t size)
{
	MMDB_entry_data_s d;
	size_t n;

	to[0] = '\0';
	if ((b ? MMDB_get_value(e, &d, a, b, NULL) :
	    MMDB_get_value(e, &d, a, NULL)) != MMDB_SUCCESS || !d.has_data ||
	    d.type != MMDB_DATA_TYPE_UTF8_STRING)
		return;
	n = d.data_size < size ? d.data_size : size - 1;
	n = ir_text_cut(d.utf8_string, d.data_size, n);
	memcpy(to, d.utf8_string, n);
	to[n] = '\0';
}

static uint32_t
get_asn(MMDB_entry_s *e)
{
	static const char *const names[] = { "autonomous_system_number",
		"asn" };
	MMDB_entry_data_s d;
	char text[16];
	size_t i;

	for (i = 0; i < 2; i++) {
		if (MMDB_get_value(e, &d, names[i], NULL) != MMDB_SUCCESS ||
		    !d.has_data)
			continue;
		if (d.type == MMDB_DATA_TYPE_UINT32)
			return d.uint32;
		get_str(e, names[i], NULL, text, sizeof text);
		if (ir_ascii_starts(text, "AS"))
			return (uint32_t)strtoul(text + 2, NULL, 10);
	}
	return 0;
}

static void
read_fields(MMDB_entry_s *e, struct fields *f)
{
	static const char *const countries[][2] = { { "country", "iso_code" },
		{ "country_code", NULL }, { "country", NULL },
		{ "registered_country", "iso_code" } };
	static const char *const names[] = {
		"autonomous_system_organization", "as_name", "name", "org" };
	char text[8];
	size_t i;

	memset(f, 0, sizeof *f);
	f->place = e->offset + 1;
	f->asn = get_asn(e);
	for (i = 0; i < 4 && !f->country[0]; i++) {
		get_str(e, countries[i][0], countries[i][1], text,
		    sizeof text);
		if (strlen(text) == 2)
			memcpy(f->country, text, 3);
	}
	for (i = 0; i < 4 && !f->name[0]; i++)
		get_str(e, names[i], NULL, f->name, sizeof f->name);
}

static bool
look_up(struct ir_mmdb *m, const struct ir_ip *ip, MMDB_lookup_result_s *r)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	const struct sockaddr *sa;
	int rc = 0;

	if (ip->v6 && m->db.metadata.ip_version == 4)
		return false;
	memcpy(&v6.sin6_addr, ip->b, 16);
	memcpy(&v4.sin_addr, ip->b, 4);
	sa = ip->v6 ? (const struct sockaddr *)(const void *)&v6 :
	    (const struct sockaddr *)(const void *)&v4;
	*r = MMDB_lookup_sockaddr(&m->db, sa, &rc);
	return rc == MMDB_SUCCESS && r->found_entry;
}

bool
ir_mmdb_find(struct ir_mmdb *m, const struct ir_ip *ip, struct ir_origin *out)
{
	MMDB_lookup_result_s r;
	struct ir_prefix p;
	struct fields *f;
	bool asn, country;
	int bits;

	if (!look_up(m, ip, &r))
		return false;
	f = &m->cache[r.entry.offset * 2654435761u >> 19];
	if (f->place != r.entry.offset + 1)
		read_fields(&r.entry, f);
	asn = f->asn && !out->nasn;
	country = f->country[0] && !out->country[0];
	if (!asn && !country)
		return false;
	/* an IPv4 address lies deep in an IPv6 tree */
	bits = r.netmask;
	if (!ip->v6 && m->db.metadata.ip_version == 6)
		bits -= 96;
	if (asn || !out->prefix[0]) {
		ir_prefix_of(ip, bits, &p);
		ir_prefix_text(&p, out->prefix, sizeof out->prefix);
	}
	if (asn) {
		out->asn[out->nasn++] = f->asn;
		memcpy(out->name, f->name, sizeof out->name);
	}
	if (country)
		memcpy(out->country, f->country, 3);
	return true;
}

#else

struct ir_mmdb {
	char none;
};

int
ir_mmdb_open(struct ir_mmdb **m, const char *path, struct ir_err *err)
{
	*m = NULL;
	ir_fail(err, IR_CONFIG, "%s: built without libmaxminddb", path);
	ir_hint(err, "build again with it there, or use a table of ranges");
	return -1;
}

void
ir_mmdb_close(struct ir_mmdb *m)
{
	(void)m;
}

const char *
ir_mmdb_type(const struct ir_mmdb *m)
{
	(void)m;
	return "";
}

const char *
ir_mmdb_date(const struct ir_mmdb *m)
{
	(void)m;
	return "";
}

bool
ir_mmdb_find(struct ir_mmdb *m, const struct ir_ip *ip, struct ir_origin *out)
{
	(void)m;
	(void)ip;
	(void)out;
	return false;
}

#endif
