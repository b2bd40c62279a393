/*
 * step.h - what the files of this room share, and nobody else: the state of
 * a rotation, and its steps.
 */
#ifndef IR_ROTATE_STEP_H
#define IR_ROTATE_STEP_H

#include "rotate.h"

/* state.c: put the entry into the state file.  0, or -1: 73, 74. */
int ir_rot_save(struct ir_rotate *r, struct ir_err *err);
int ir_rot_note(struct ir_rotate *r, const char *event, const char *phase,
    const char *id, const char *what, struct ir_err *err);
void ir_rot_warn(struct ir_rotate *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* "begun" or "done", or NULL; and unmarked. */
const char *ir_rot_marked(const struct ir_rec *entry, const char *step);
int ir_rot_mark(struct ir_rotate *r, const char *step, const char *stage,
    struct ir_err *err);
void ir_rot_unmark(struct ir_rotate *r, const char *step);
bool ir_rot_active(struct ir_rotate *r, const char *id);
const char *ir_rot_vault_name(const struct ir_rotate *r);
int ir_rot_vault(struct ir_rotate *r, struct ir_vault **v, bool write,
    struct ir_err *err);
/* The file with the new passwords, or where it was to be; may be NULL. */
const char *ir_rot_path(const struct ir_rotate *r);
/* UpdateAccessKey, journalled before and after. */
int ir_rot_switch(struct ir_rotate *r, const char *id, const char *status,
    const char *phase, const char *what, struct ir_err *err);
/*
 * claim.c: this user's rotation is ours.  0, or -1: 75 when another state has
 * one that is not over, and no person says to take over.
 */
int ir_rot_claim(struct ir_rotate *r, struct ir_err *err);
/* AWS's clock. */
int64_t ir_rot_now(const struct ir_rotate *r);

/* seal.c: where secrets are kept, and had again. */
int ir_rot_preflight(struct ir_rotate *r, struct ir_err *err);
/*
 * The key whose secret is in the place, if it is not one of before: whether
 * it is the user's is for the list to say.
 */
bool ir_rot_sealed(struct ir_rotate *r, char id[IR_KEY_ID]);
/* Does any record of the vault have this key? */
bool ir_rot_in_vault(struct ir_rotate *r, const char *id);
bool ir_rot_before(const struct ir_rotate *r, const char *id);
/* Everything but the secret access key of `id`.  0, or -1: 65, 66, ... */
int ir_rot_load(struct ir_rotate *r, const char *id,
    struct ir_credential *c, struct ir_err *err);
/* The same from the vault's version of it, whole. */
int ir_rot_load_vault(struct ir_rotate *r, const char *id,
    struct ir_credential *c, struct ir_err *err);
int ir_rot_write_file(struct ir_rotate *r, const struct ir_credential *c,
    struct ir_err *err);

/* The steps. */
int ir_rot_plan(struct ir_rotate *r, struct ir_err *err);
int ir_rot_deactivate(struct ir_rotate *r, struct ir_err *err);
int ir_rot_prove_dead(struct ir_rotate *r, struct ir_err *err);
int ir_rot_check(struct ir_rotate *r, struct ir_err *err);
int ir_rot_create(struct ir_rotate *r, struct ir_err *err);
int ir_rot_seal(struct ir_rotate *r, struct ir_err *err);
int ir_rot_prove_alive(struct ir_rotate *r, struct ir_err *err);
int ir_rot_publish(struct ir_rotate *r, struct ir_err *err);
int ir_rot_verify(struct ir_rotate *r, struct ir_err *err);
int ir_rot_finish(struct ir_rotate *r, struct ir_err *err);
int ir_rot_prove_key(struct ir_rotate *r, const char *id,
    const struct ir_credential *c, struct ir_err *err);
int ir_rot_publish_key(struct ir_rotate *r, const struct ir_credential *c,
    const char *id, struct ir_err *err);

#endif
