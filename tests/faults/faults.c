/*
 * faults.c - LD_PRELOAD: the Nth call on a matching path fails.
 *
 *	FAULT_WRITE=N:TEXT[:ERRNO]	write() to a file whose path has TEXT
 *	FAULT_FSYNC			the same for fsync() and fdatasync()
 *	FAULT_CLOSE			the same for close()
 *	FAULT_RENAME			rename() and its kin, link(), by the new
 *					name
 *	FAULT_UNLINK			unlink()
 *	FAULT_OPEN			open() for writing, mkostemp(), mkdir()
 *
 *	FAULT_KILL=N:TEXT		SIGKILL before the Nth of these calls
 *					and of send(), on a path that has TEXT
 *					("socket:", or nothing for any)
 *	FAULT_KILL_AFTER		the same, behind it
 *	FAULT_KILL_RENAME=WHEN:TEXT:CONTENT
 *					WHEN (before, after) a file with
 *					CONTENT gets a name with TEXT
 *
 * N counts from 1; "2+" fails the second and all later calls.  A failing
 * write() first puts out half of what it was given, as a full disk does.
 * ERRNO is EIO (the default for all but write) or ENOSPC; KILL ends the
 * process before the call, as a power cut would.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* dlsym gives an object pointer; C wants this way to a function's. */
#define REAL(name) \
	union { void *object; __typeof__(&name) call; } real = { \
	    dlsym(RTLD_NEXT, #name) }

static bool
due(const char *kind, const char *path, int usual)
{
	static struct { const char *kind; long n; } seen[8];
	const char *spec = getenv(kind), *text, *colon;
	char want[PATH_MAX];
	char *end;
	long n;
	size_t i;

	if (!spec || !path)
		return false;
	n = strtol(spec, &end, 10);
	text = strchr(spec, ':');
	if (!text)
		return false;
	colon = strrchr(++text, ':');
	snprintf(want, sizeof want, "%.*s", colon ? (int)(colon - text) :
	    (int)strlen(text), text);
	if (!strstr(path, want))
		return false;
	for (i = 0; i < 7 && seen[i].kind &&
	    strcmp(seen[i].kind, kind) != 0; i++)
		;
	seen[i].kind = kind;
	seen[i].n++;
	if (seen[i].n != n && !(*end == '+' && seen[i].n > n))
		return false;
	if (colon && strcmp(colon, ":KILL") == 0)
		raise(SIGKILL);
	errno = colon ? strcmp(colon, ":ENOSPC") ? EIO : ENOSPC : usual;
	return true;
}

/* Is it the Nth call?  count is of the calls so far on such a path. */
static void
kill_at(const char *kind, const char *path, long *count)
{
	const char *spec = getenv(kind), *text;
	char *end;
	long n;

	if (!spec || !path)
		return;
	n = strtol(spec, &end, 10);
	text = *end == ':' ? end + 1 : end;
	if (strstr(path, text) && ++*count == n)
		kill(getpid(), SIGKILL);
}

static void
kill_before(const char *path)
{
	static long count;

	kill_at("FAULT_KILL", path, &count);
}

static void
kill_after(const char *path)
{
	static long count;
	int e = errno;

	kill_at("FAULT_KILL_AFTER", path, &count);
	errno = e;
}

/* Does the file hold the text?  Files of tests are small. */
static bool
holds(const char *path, const char *text)
{
	static char bytes[65536];
	REAL(open);
	int fd = real.call(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, bytes, sizeof bytes - 1);

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return false;
	bytes[n] = '\0';
	return strstr(bytes, text) != NULL;
}

/* 1: before, 2: after, 0: it is not the one. */
static int
kill_when(const char *from, const char *to)
{
	const char *spec = getenv("FAULT_KILL_RENAME"), *text, *content;
	char want[PATH_MAX];

	text = spec ? strchr(spec, ':') : NULL;
	content = text ? strchr(text + 1, ':') : NULL;
	if (!content)
		return 0;
	snprintf(want, sizeof want, "%.*s", (int)(content - text - 1),
	    text + 1);
	if (!strstr(to, want) || !holds(from, content + 1))
		return 0;
	return *spec == 'b' ? 1 : 2;
}

static int
renamed(int rc, const char *to, int when)
{
	if (when == 2)
		kill(getpid(), SIGKILL);
	kill_after(to);
	return rc;
}

static int
before_rename(const char *from, const char *to)
{
	int when = kill_when(from, to);

	if (when == 1)
		kill(getpid(), SIGKILL);
	kill_before(to);
	return when;
}

static bool
killing(void)
{
	return getenv("FAULT_KILL") || getenv("FAULT_KILL_AFTER");
}

static const char *
path_of(int fd, char path[PATH_MAX])
{
	char name[64];
	ssize_t n;

	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	n = readlink(name, path, PATH_MAX - 1);
	if (n < 0)
		return NULL;
	path[n] = '\0';
	return path;
}

ssize_t
write(int fd, const void *buf, size_t n)
{
	char path[PATH_MAX];
	REAL(write);
	ssize_t rc;

	if (killing())
		kill_before(path_of(fd, path));
	if (getenv("FAULT_WRITE") &&
	    due("FAULT_WRITE", path_of(fd, path), ENOSPC)) {
		int e = errno;

		(void)!real.call(fd, buf, n / 2);
		errno = e;
		return -1;
	}
	rc = real.call(fd, buf, n);
	if (killing())
		kill_after(path_of(fd, path));
	return rc;
}

ssize_t
send(int fd, const void *buf, size_t n, int flags)
{
	char path[PATH_MAX];
	REAL(send);
	ssize_t rc;

	if (killing())
		kill_before(path_of(fd, path));
	rc = real.call(fd, buf, n, flags);
	if (killing())
		kill_after(path_of(fd, path));
	return rc;
}

int
fsync(int fd)
{
	char path[PATH_MAX];
	REAL(fsync);

	if (killing())
		kill_before(path_of(fd, path));
	if (getenv("FAULT_FSYNC") &&
	    due("FAULT_FSYNC", path_of(fd, path), EIO))
		return -1;
	return real.call(fd);
}

int
fdatasync(int fd)
{
	char path[PATH_MAX];
	REAL(fdatasync);

	if (getenv("FAULT_FSYNC") &&
	    due("FAULT_FSYNC", path_of(fd, path), EIO))
		return -1;
	return real.call(fd);
}

int
close(int fd)
{
	char path[PATH_MAX];
	REAL(close);

	if (getenv("FAULT_CLOSE") &&
	    due("FAULT_CLOSE", path_of(fd, path), EIO)) {
		int e = errno;

		real.call(fd);
		errno = e;
		return -1;
	}
	return real.call(fd);
}

int
rename(const char *from, const char *to)
{
	REAL(rename);
	int when = before_rename(from, to);

	return due("FAULT_RENAME", to, EIO) ? -1 :
	    renamed(real.call(from, to), to, when);
}

int
renameat2(int from_dir, const char *from, int to_dir, const char *to,
    unsigned flags)
{
	REAL(renameat2);
	int when = before_rename(from, to);

	return due("FAULT_RENAME", to, EIO) ? -1 :
	    renamed(real.call(from_dir, from, to_dir, to, flags), to, when);
}

int
unlink(const char *path)
{
	REAL(unlink);

	kill_before(path);
	return due("FAULT_UNLINK", path, EIO) ? -1 : real.call(path);
}

int
link(const char *from, const char *to)
{
	REAL(link);

	return due("FAULT_RENAME", to, EIO) ? -1 : real.call(from, to);
}

int
open(const char *path, int flags, ...)
{
	REAL(open);
	mode_t mode = 0;
	va_list ap;

	if (flags & (O_CREAT | O_TMPFILE)) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	if ((flags & O_ACCMODE) != O_RDONLY)
		kill_before(path);
	if ((flags & O_ACCMODE) != O_RDONLY && due("FAULT_OPEN", path, ENOSPC))
		return -1;
	return real.call(path, flags, mode);
}

int
mkostemp(char *path, int flags)
{
	REAL(mkostemp);

	return due("FAULT_OPEN", path, ENOSPC) ? -1 : real.call(path, flags);
}

int
mkdir(const char *path, mode_t mode)
{
	REAL(mkdir);

	return due("FAULT_OPEN", path, ENOSPC) ? -1 : real.call(path, mode);
}
