/*
 * files.h - the files of a rotated log, in the order they were written.
 */
#ifndef IR_MAILLOG_FILES_H
#define IR_MAILLOG_FILES_H

#include <stddef.h>

/*
 * Sort: of files of one log (mainlog, mainlog.1, mainlog.02.gz,
 * mainlog-20251101.zst) the oldest comes first, the one that is written to
 * last; different logs stay in the order of the first of each.
 */
void ir_mail_files_sort(char **v, size_t n);

/*
 * Free the names of what stands in v already, and close the gaps: the same
 * file by another name, and a packed one (.gz, .zst) beside the plain one, if
 * the first 4 KiB of their text are equal.  twice is told of each.  How many
 * are left.
 */
size_t ir_mail_files_once(char **v, size_t n, void (*twice)(void *arg,
    const char *path, const char *same), void *arg);

#endif
