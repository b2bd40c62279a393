/*
 * file.h - files written so that a crash or a full disk at any moment leaves
 * the old content or the new, never half of either.
 */
#ifndef IR_FILE_H
#define IR_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "buf.h"
#include "err.h"

/* Owner, mode and extended attributes (SELinux label and ACLs are some). */
struct ir_file_meta {
	uid_t uid;
	gid_t gid;
	mode_t mode;
	struct ir_buf xattr;	/* name NUL, 4 bytes of length, value; ... */
};

#define IR_FILE_META_INIT { 0, 0, 0600, IR_BUF(65536) }

/* Of a regular file, links followed.  0, or -1: 66, 73 not a regular file. */
int ir_file_meta(const char *path, struct ir_file_meta *m,
    struct ir_err *err);
void ir_file_meta_free(struct ir_file_meta *m);
/* Are they the same? */
bool ir_file_meta_same(const struct ir_file_meta *a,
    const struct ir_file_meta *b);

/*
 * Make tmp, which must not exist, with n bytes and what m says, and fsync
 * it: ours alone until it is whole.  ir_file_commit() gives it its name.
 * 0, or -1 with 73 or 74, and then tmp is gone.
 */
int ir_file_stage(const char *tmp, const void *bytes, size_t n,
    const struct ir_file_meta *m, struct ir_err *err);
/* rename, fsync of the folder; 0, or -1 and 74.  tmp stays if it failed. */
int ir_file_commit(const char *tmp, const char *target, struct ir_err *err);

/*
 * Replace the file at path by n bytes: temporary in the same folder, owner,
 * mode and extended attributes of the old file kept (a new file gets mode),
 * write, fsync, close, rename, fsync of the folder.  A symbolic link is
 * followed and kept.  On failure the old file stays and no litter.
 * 0, or -1 with 73 (cannot create) or 74 (not written).
 */
int ir_file_replace(const char *path, const void *bytes, size_t n,
    mode_t mode, struct ir_err *err);

/* The same, but it is an error (73) when path exists already. */
int ir_file_create(const char *path, const void *bytes, size_t n,
    mode_t mode, struct ir_err *err);

/*
 * Replace the file at path by secret bytes: 0600 from the first of them,
 * then group (when not -1) and mode, fsync, rename.  A link is replaced, not
 * followed; owner and attributes of the old file are not kept.  0, or -1:
 * 73, 74, 77.
 */
int ir_file_secret(const char *path, const void *bytes, size_t n,
    mode_t mode, gid_t group, struct ir_err *err);

/*
 * Temporaries of ir_file_replace() that a killed run left beside path:
 * regular files of ours that are empty or begin with these bytes go.  The
 * caller holds the lock that every writer of path takes, so nobody is at work
 * on one.
 */
void ir_file_sweep(const char *path, const void *begin, size_t n);

/* mkdir -p with mode for what is made.  0, or -1 and 73. */
int ir_mkdirs(const char *path, mode_t mode, struct ir_err *err);

/* write() until all is out; 0, or -1 and errno. */
int ir_write_all(int fd, const void *bytes, size_t n);

/* fsync the folder that holds path; 0, or -1 and errno. */
int ir_fsync_dir_of(const char *path);

/* Hex SHA-256 of bytes into out[65]. */
void ir_sha256_hex(const void *bytes, size_t n, char out[65]);

#endif
