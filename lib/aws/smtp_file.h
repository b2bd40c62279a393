/*
 * smtp_file.h - the file that holds SES SMTP credentials for the mail
 * server: an lsearch file (Exim specification, 9.3), as
 *
 *	user: AKIA...
 *	pass: B...			for the first region
 *	pass.eu-west-1: B...		for each, when there are several
 *
 * so that ${lookup{pass}lsearch{FILE}} reads it.
 */
#ifndef IR_SMTP_FILE_H
#define IR_SMTP_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "../core/buf.h"
#include "../core/err.h"
#include "../core/secret.h"

#define IR_SMTP_FILE_MAX 16384

/*
 * The value of name ("pass.eu-west-1") in the bytes of such a file: it
 * points into them.  false when there is none.  Pure.
 */
bool ir_smtp_file_find(const char *p, size_t n, const char *name,
    const char **value, size_t *len);

/*
 * Read one into b, a secret buffer.  0, or -1: 66, 78 when others than its
 * group may read it or it is a link.
 */
int ir_smtp_file_read(const char *path, struct ir_buf *b, struct ir_err *err);

/*
 * The password for a region: pass.REGION, else pass, else, when the file
 * has no such lines, its only line.  0, or -1: 65 not there.
 */
int ir_smtp_file_password(const struct ir_buf *b, const char *region,
    struct ir_secret *out, struct ir_err *err);

/*
 * Can path be written later?  What is there already must be a file like
 * this one, not a link.  0, or -1: 73 and 78.
 */
int ir_smtp_file_check(const char *path, struct ir_err *err);

/*
 * Replace path: 0600 from the first byte, then group (when not -1) and
 * mode, fsync, rename.  pass[i] is for regions[i].  0, or -1: 73, 74, 77.
 */
int ir_smtp_file_write(const char *path, mode_t mode, gid_t group,
    const char *user, const char *const *regions,
    const struct ir_secret *pass, size_t n, struct ir_err *err);

#endif
