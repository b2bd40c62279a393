/*
 * input.h - the bytes of a log, however it is kept: plain, gzip (RFC 1952,
 * also several members in a row), Zstandard (RFC 8878), from a file or from
 * standard input.  The first bytes say which; the name does not matter.
 *
 * What is read at once is bounded, however much it unpacks to.  Open all
 * inputs, or list the files and call ir_sandbox_read_only(), before the
 * first byte is unpacked.
 */
#ifndef IR_LOG_INPUT_H
#define IR_LOG_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../core/err.h"

#define IR_LOG_FILES_MAX 1000000	/* files of one run */
#define IR_LOG_LINE_MAX 65536		/* bytes of a line; more is cut */

struct ir_log_input;

/* "-" is standard input.  0, or -1: 66, 77, 71. */
int ir_log_open(struct ir_log_input **in, const char *path,
    struct ir_err *err);
/* From a descriptor, which it then owns; name is for messages. */
int ir_log_open_fd(struct ir_log_input **in, int fd, const char *name,
    struct ir_err *err);
void ir_log_close(struct ir_log_input *in);

/*
 * The next bytes, as many as are at hand: *p points to them until the next
 * call.  Their number, 0 at the end, or -1: 65 damaged or cut off (all that
 * could be unpacked was given before), 74.
 */
ssize_t ir_log_read(struct ir_log_input *in, const char **p,
    struct ir_err *err);

/*
 * The same, to where the caller wants it: at most size bytes, which plain
 * files are read into without a copy.  After 0 a file that grows may be asked
 * again.
 */
ssize_t ir_log_read_into(struct ir_log_input *in, char *to, size_t size,
    struct ir_err *err);

/* 1: neither gzip nor Zstandard, 0, or -1 as above.  Its descriptor. */
int ir_log_plain(struct ir_log_input *in, struct ir_err *err);
int ir_log_fd(const struct ir_log_input *in);

/*
 * The next line, without its end (LF or CR LF): *p is not NUL-terminated
 * and lives until the next call.  1, 0 at the end, or -1 as above.  *cut
 * (may be NULL): it was longer than IR_LOG_LINE_MAX, the rest is passed over.
 * Not to be mixed with ir_log_read.
 */
int ir_log_line(struct ir_log_input *in, const char **p, size_t *n,
    bool *cut, struct ir_err *err);

const char *ir_log_name(const struct ir_log_input *in);
/* Bytes as they are kept, and unpacked, so far. */
uint64_t ir_log_bytes_in(const struct ir_log_input *in);
uint64_t ir_log_bytes_out(const struct ir_log_input *in);

/*
 * The files that operands mean: a file, "-", or all files below a folder, in
 * the order of their names.  Names that begin with '.' are passed over, links
 * inside of folders not followed.
 */
struct ir_log_files {
	char **v;		/* owned */
	size_t n, cap;
};

/* 0, or -1: 66 no such file, 77, 65 too many, 71. */
int ir_log_files_add(struct ir_log_files *f, const char *operand,
    struct ir_err *err);
void ir_log_files_free(struct ir_log_files *f);
/*
 * What a command that reads logs begins with: the files of n operands, or
 * standard input without any; then rights are given up (these files, and no
 * other, may still be opened) and signals are caught.  0, or -1: as above,
 * and 66 when there is no file in them.
 */
int ir_log_files_open(struct ir_log_files *f, char **operands, size_t n,
    struct ir_err *err);

#endif
