/*
 * dns_msg.h - DNS messages (RFC 1035, 4; EDNS: RFC 6891) as the engine needs
 * them.  Pure.  Reading an answer is ir_dns_parse() of dns.h.
 */
#ifndef IR_DNS_MSG_H
#define IR_DNS_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IR_DNS_HEAD 12
#define IR_DNS_MAX_QUESTION (IR_DNS_HEAD + 255 + 4 + 11)

/*
 * The question name IN type, with RD and AD, and with EDNS that allows
 * answers of edns bytes (0: none).  Its length, or 0: not a name (a label of
 * none or more than 63 bytes, more than 253 in all).
 */
size_t ir_dns_question(uint8_t out[IR_DNS_MAX_QUESTION], uint16_t id,
    const char *name, unsigned type, unsigned edns);

/*
 * Is this an answer to that question?  Whoever forges one has to know the
 * id, the name (in any case, RFC 4343), the type and the class.  An answer
 * without a question is taken only with an rcode that says that the server
 * did not understand it (FORMERR, NOTIMP).
 */
bool ir_dns_answers(const uint8_t *msg, size_t len, uint16_t id,
    const char *name, unsigned type);

#define IR_DNS_RCODE(msg) ((msg)[3] & 0x0f)
#define IR_DNS_CUT_OFF(msg) ((msg)[2] & 0x02)

#endif
