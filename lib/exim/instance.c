/* instance.c - see instance.h */
#include "instance.h"

int
ir_instance_open(struct ir_instance *i, const char *queue, struct ir_err *err)
{
	const char *dir = i->opts.spool;

	if (!dir || i->opts.exim || i->file) {
		if (ir_exim_config_ask_file(i->opts.exim, i->file, &i->conf,
		    err))
			return -1;
		i->asked = true;
	}
	if (ir_spool_open(&i->spool, dir ? dir : i->conf.spool_directory,
	    err))
		return -1;
	if (!dir)
		ir_spool_unused_ok(i->spool);
	return ir_spool_choose(i->spool, queue, err);
}

struct ir_mainlog *
ir_instance_log(const struct ir_instance *i, struct ir_err *why)
{
	return i->asked ? ir_mainlog_open(&i->conf, why) : NULL;
}

void
ir_instance_close(struct ir_instance *i)
{
	ir_spool_close(i->spool);
	i->spool = NULL;
}
