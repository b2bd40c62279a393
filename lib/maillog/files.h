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

#endif
