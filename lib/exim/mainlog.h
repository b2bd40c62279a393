/*
 * mainlog.h - lines in Exim's main log for what happens to messages without
 * Exim, in the words that Exim itself has for it, so that exigrep(8) and its
 * kin tell the whole story of a message.
 */
#ifndef IR_EXIM_MAINLOG_H
#define IR_EXIM_MAINLOG_H

#include "config.h"
#include "queue.h"

struct ir_mainlog;

/*
 * Open it by log_file_path; of a name with a day or month in it the newest
 * file there is, since Exim makes the next one.  NULL and why (66, 77) when
 * there is none, because all goes to syslog, say: then all below do nothing.
 */
struct ir_mainlog *ir_mainlog_open(const struct ir_exim_config *c,
    struct ir_err *why);
void ir_mainlog_close(struct ir_mainlog *l);

/*
 * "ID moved from (Q) input, msglog to ...", as exim -MG has it.  The folders
 * are NULL for queues of Exim's own spool.
 */
void ir_mainlog_moved(struct ir_mainlog *l, const char *id,
    const struct ir_queue *from, const char *from_folder,
    const struct ir_queue *to, const char *to_folder);

/* "ID removed by USER" and "ID Completed", as exim -Mrm has them. */
void ir_mainlog_removed(struct ir_mainlog *l, const char *id,
    const char *user);

/* Whole lines, in one write.  0, or -1 and errno. */
int ir_mainlog_flush(struct ir_mainlog *l);

#endif
