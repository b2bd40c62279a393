/*
 * seen.h - what a vault looked like when it was last seen, kept outside it.
 *
 *	STATE/vaults/ID			"GENERATION MAC\n": the newest
 *	STATE/vaults/at-HASH		"ID\n": which vault is at this path
 *
 * ID is hex, HASH the SHA-256 of the path, MAC that of the file.  Both are
 * a memory, not a secret: who can write to the state folder can erase it.
 */
#ifndef IR_VAULT_SEEN_H
#define IR_VAULT_SEEN_H

#include <stdbool.h>
#include <stdint.h>

#include "../core/err.h"
#include "format.h"

struct ir_vault_seen {
	uint64_t generation;		/* 0: never seen */
	char mac[2 * IR_VAULT_MAC + 1];
};

/*
 * Is this one as new as what was seen, and the vault that was at path?
 * *seen is filled in.  0, or -1 and 78, with a hint.
 */
int ir_vault_seen_check(const char *path, const struct ir_vault_head *h,
    const unsigned char mac[IR_VAULT_MAC], struct ir_vault_seen *seen,
    struct ir_err *err);

/*
 * Remember it, unless a newer one is remembered.  A full disk must not keep
 * a credential from who needs it: what cannot be remembered is left.
 */
void ir_vault_seen_note(const char *path, const struct ir_vault_head *h,
    const unsigned char mac[IR_VAULT_MAC]);

#endif
