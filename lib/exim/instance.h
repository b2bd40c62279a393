/*
 * instance.h - which Exim, and its spool: by its program, by a configuration
 * file of its own, or by the folder alone.
 */
#ifndef IR_EXIM_INSTANCE_H
#define IR_EXIM_INSTANCE_H

#include <stdbool.h>

#include "../core/cli.h"
#include "config.h"
#include "mainlog.h"
#include "queue.h"

struct ir_instance {
	struct ir_exim_opts opts;
	const char *file;
	/* found out; nothing when Exim was not asked */
	struct ir_exim_config conf;
	bool asked;
	struct ir_spool *spool;		/* owned */
};

#define IR_OPTS_INSTANCE(i) \
	IR_OPTS_EXIM(&(i)->opts), \
	{ 0, "exim-config", "FILE", IR_STR, &(i)->file, \
	    "configuration of another instance, as for exim -C" }

/*
 * Ask Exim, unless only a spool was named (that may be a copy, or another
 * host's); open the spool and choose queues as ir_spool_choose() does.
 * 0, or -1: 66, 75, 77, 78.
 */
int ir_instance_open(struct ir_instance *i, const char *queue,
    struct ir_err *err);

/* Its main log: NULL when Exim was not asked, or as ir_mainlog_open(). */
struct ir_mainlog *ir_instance_log(const struct ir_instance *i,
    struct ir_err *why);
void ir_instance_close(struct ir_instance *i);

#endif
