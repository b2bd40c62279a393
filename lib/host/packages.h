/*
 * packages.h - what the package manager knows of the files of a host: dpkg's
 * md5sums and lists, what "rpm -Va" prints.  Pure, but for the hash of an
 * open file.
 *
 * Sources: deb-md5sums(5), dpkg-divert(1), rpm(8) "VERIFY OPTIONS".
 */
#ifndef IR_HOST_PACKAGES_H
#define IR_HOST_PACKAGES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "../core/buf.h"
#include "../core/err.h"

#define IR_PATHS_MAX 5000000
#define IR_PATHS_BYTES (512u << 20)

/* Paths, to be asked whether they are among them. */
struct ir_paths {
	struct ir_buf text;
	size_t *at;		/* owned; where each begins */
	size_t n, cap;
	bool sorted;
};

#define IR_PATHS_INIT { IR_BUF(IR_PATHS_BYTES), NULL, 0, 0, false }

/*
 * A path without its first '/'; of /bin, /sbin and /lib as in /usr, as usr
 * and / are one in systems of today.  0, or -1: 71, 65 too many.
 */
int ir_paths_add(struct ir_paths *p, const char *path, size_t n,
    struct ir_err *err);
void ir_paths_sort(struct ir_paths *p);
bool ir_paths_have(const struct ir_paths *p, const char *path);
void ir_paths_free(struct ir_paths *p);

/* A line "HASH  PATH" of a md5sums file; 0 or -1. */
int ir_md5sums_line(const char *s, size_t n, char hash[33],
    char path[PATH_MAX]);

/* A line of "rpm -Va". */
struct ir_rpm_line {
	char flags[16];		/* "S.5....T." */
	char attribute;		/* c, d, g, l, r; 0: none */
	bool missing, content, mode, owner;	/* what differs */
	char path[PATH_MAX];
};

/* 0 or -1: it is none. */
int ir_rpm_line(const char *s, size_t n, struct ir_rpm_line *out);

/* Hex MD5 of what can be read from fd, 0, or -1 and errno. */
int ir_md5_fd(int fd, char hash[33]);
/* Hex SHA-256 of at most max bytes; 1: there are more. */
int ir_sha256_fd(int fd, size_t max, char hash[65]);

#endif
