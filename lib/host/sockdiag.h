/*
 * sockdiag.h - the TCP sockets of this network namespace, from the kernel by
 * netlink: sock_diag(7), <linux/inet_diag.h>.
 */
#ifndef IR_SOCKDIAG_H
#define IR_SOCKDIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

#define IR_SOCKS_MAX 200000	/* that are kept of one look */

struct ir_sock {
	char local[46], remote[46];	/* IPv4 in IPv6 is shown as IPv4 */
	uint16_t lport, rport;
	uint8_t state;			/* TCP_LISTEN, ... */
	uint32_t uid, inode;		/* inode 0: no process has it */
};

/* Growing list of sockets; the caller frees v. */
struct ir_socks {
	struct ir_sock *v;
	size_t n, cap;
	bool full;			/* there were more */
};

/* Is the socket to be kept? */
typedef bool ir_sock_want(const struct ir_sock *s, void *arg);

/*
 * Take what one read from the netlink socket gave.  Pure.  1 at the end of
 * the dump, 0 when more is to come, -1: 71 the kernel refused (or no
 * memory), 76 it is not what sock_diag says.
 */
int ir_sockdiag_parse(const void *bytes, size_t n, ir_sock_want *want,
    void *arg, struct ir_socks *out, struct ir_err *err);

/* Add the sockets, IPv4 and IPv6, but those of TIME_WAIT.  0 or -1. */
int ir_sockdiag_list(ir_sock_want *want, void *arg, struct ir_socks *out,
    struct ir_err *err);

/* "established", "syn-sent", ... */
const char *ir_sock_state(uint8_t state);

#endif
