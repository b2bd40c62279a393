/* subject.c - see subject.h */
#include "../mail/words.h"
#include "subject.h"

/* Decoding may triple the bytes (to U+FFFD) and no more. */
#define RAW_MAX (IR_SUBJECT_MAX / 4)

void
ir_spool_subject(const struct ir_spool_msg *m, struct ir_buf *b)
{
	if (m->subject.n)
		ir_mail_words(b, m->subject.p,
		    m->subject.n < RAW_MAX ? m->subject.n : RAW_MAX);
}
