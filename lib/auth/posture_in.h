/* posture_in.h - what the files of posture.h share */
#ifndef IR_AUTH_POSTURE_IN_H
#define IR_AUTH_POSTURE_IN_H

#include "posture.h"

void ir_finding_line(struct ir_finding *f, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void ir_finding_say(struct ir_finding *f, enum ir_verdict v,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* False, and f says so, when the question was not answered. */
bool ir_finding_asked(struct ir_finding *f, const struct ir_rrset *s,
    const char *name);
void ir_finding_seen(struct ir_finding *f, const struct ir_rrset *s);

/* 1 it has an A or AAAA record, 0 not, -1 no answer. */
int ir_posture_has_address(const struct ir_posture *p, const char *name);

#endif
