/*
 * creds_apply.h - change credentials so that Exim has a configuration that
 * works at every moment: look at what it would do with the new files beside
 * the old ones, rename, look at what it does now, else put back.
 */
#ifndef IR_CREDS_APPLY_H
#define IR_CREDS_APPLY_H

#include "config.h"
#include "creds_exim.h"
#include "creds_put.h"
#include "creds_tx.h"

/* What a place must send once it is changed. */
struct ir_creds_want {
	const struct ir_creds_place *place;
	const char *user;
	const struct ir_secret *pass;
};

struct ir_creds_apply {
	const struct ir_exim_config *exim;
	const struct ir_creds *creds;
	const char *address;		/* is routed before and after */
	long reload_ms;			/* patience with the daemon */
	struct ir_tx tx;
	struct ir_creds_view before;
	size_t checked;			/* authenticators that were asked */
	const char *reload;		/* "", "not needed", "no daemon",
					   "done" */
	char wrong[256];		/* authenticators of another kind that
					   would send something else; "" */
};

/* tx is loaded already.  Look at Exim as it is.  0, or -1: 66, 75, 78. */
int ir_creds_apply_init(struct ir_creds_apply *a, struct ir_err *err);
void ir_creds_apply_free(struct ir_creds_apply *a);

/*
 * A run before this one was cut off: put back what it has changed.  1 there
 * was something, 0 nothing, or -1: 73, 74, 78.
 */
int ir_creds_recover(struct ir_creds_apply *a, struct ir_err *err);

/*
 * Would the places send what is wanted, if Exim read conf (NULL: as it is)
 * with those files in place of others?  0, or -1 and 78.
 */
int ir_creds_check_sent(struct ir_creds_apply *a, const char *conf,
    const struct ir_creds_view *v, const struct ir_creds_subst *subst,
    size_t nsubst, const struct ir_creds_want *want, size_t n,
    struct ir_err *err);

/*
 * Do it.  0, or -1 with everything put back: 73, 74, 75 the daemon, 78 it
 * would not do, 70 and higher what else stopped it.
 */
int ir_creds_apply(struct ir_creds_apply *a,
    const struct ir_creds_plan *plan, const struct ir_creds_want *want,
    size_t n, const char *user, struct ir_err *err);

/* Put the files of the last change back.  0, or -1: 73, 74, 75, 78. */
int ir_creds_undo(struct ir_creds_apply *a, struct ir_err *err);

#endif
