/* act.c - see act.h */
#include "../core/proc.h"
#include "act.h"

int
ir_exim_act(const struct ir_exim_config *c, enum ir_act what,
    const struct ir_item *v, size_t n, struct ir_buf *said,
    struct ir_err *err)
{
	static const char *const option[] = { "-Mf", "-Mt", "-Mrm" };
	const char *argv[IR_ACT_BATCH + 6];
	struct ir_proc p = { .argv = argv, .timeout_ms = 120000 };
	struct ir_proc_result r = IR_PROC_RESULT(1u << 20);
	size_t i, k = 0;
	int rc;

	argv[k++] = c->exim;
	if (c->file[0]) {
		argv[k++] = "-C";
		argv[k++] = c->file;
	}
	argv[k++] = option[what];
	for (i = 0; i < n && i < IR_ACT_BATCH; i++)
		argv[k++] = v[i].id;
	argv[k] = NULL;
	rc = ir_proc_run(&p, &r, err);
	if (rc == 0) {
		ir_buf_add(said, ir_buf_cstr(&r.out), r.out.len);
		ir_buf_add(said, ir_buf_cstr(&r.err), r.err.len);
	}
	ir_buf_free(&r.out);
	ir_buf_free(&r.err);
	return rc;
}
