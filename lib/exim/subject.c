/* subject.c - see subject.h */
#include <string.h>

#include "subject.h"

void
ir_spool_subject(const struct ir_spool_msg *m, struct ir_buf *b)
{
	size_t i, n = m->subject.n;

	if (n > IR_SUBJECT_MAX / 2)
		n = IR_SUBJECT_MAX / 2;
	for (i = 0; i < n; i++)
		if (m->subject.p[i] != '\n' && m->subject.p[i] != '\r')
			ir_buf_chr(b, m->subject.p[i]);
}
