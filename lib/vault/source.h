/*
 * source.h - where the key comes from that wraps a vault's data key.
 */
#ifndef IR_VAULT_SOURCE_H
#define IR_VAULT_SOURCE_H

#include "../aws/client.h"
#include "../core/err.h"
#include "../core/secret.h"
#include "format.h"
#include "vault.h"

/* What sources need from outside; kept for all of one run. */
struct ir_vault_ctx {
	const struct ir_vault_opts *o;
	struct ir_aws *aws;	/* opened when first needed, or o->client */
};

/*
 * A new data key, and how it is wrapped: data is filled in, and of head
 * (whose id is set) source and wrapped.  The source is written down so that
 * it is found again from anywhere: an absolute path, an ARN.  What was
 * wrapped is unwrapped once, before anybody relies on it.  0, or -1: 64 not
 * a source, 66 not there, 69, 75, 76, 77, 79 of AWS, 78 unsafe or unusable.
 */
int ir_vault_wrap(struct ir_vault_ctx *x, const char *source,
    struct ir_vault_head *head, unsigned char data[IR_VAULT_KEY],
    struct ir_err *err);

/*
 * The data key of head.  source, when not NULL, is where its wrapping key is
 * now.  0, or -1: 65 this key does not open it, 78 the key is not there or
 * not safe, 69, 75, 76, 77 of AWS.
 */
int ir_vault_unwrap(struct ir_vault_ctx *x, const struct ir_vault_head *head,
    const char *source, unsigned char data[IR_VAULT_KEY],
    struct ir_err *err);

void ir_vault_ctx_free(struct ir_vault_ctx *x);

/* --- for the sources themselves ------------------------------------------ */

/* A kind of source; rest is what follows "kind:". */
struct ir_vault_kind {
	const char *name;
	int (*wrap)(struct ir_vault_ctx *x, const char *rest,
	    struct ir_vault_head *head, unsigned char data[IR_VAULT_KEY],
	    struct ir_err *err);
	int (*unwrap)(struct ir_vault_ctx *x, const struct ir_vault_head *head,
	    const char *rest, unsigned char data[IR_VAULT_KEY],
	    struct ir_err *err);
};

extern const struct ir_vault_kind ir_vault_file_kind, ir_vault_systemd_kind,
    ir_vault_kms_kind, ir_vault_sm_kind, ir_vault_pkcs11_kind;

/*
 * Wrap and unwrap under bytes that a source gave, 32 to 1024 of them: they
 * go through HKDF with the vault's id first.
 */
#define IR_VAULT_RAW_MAX 1024
int ir_vault_raw_wrap(const struct ir_secret *key,
    struct ir_vault_head *head, unsigned char data[IR_VAULT_KEY],
    struct ir_err *err);
int ir_vault_raw_unwrap(const struct ir_secret *key,
    const struct ir_vault_head *head, unsigned char data[IR_VAULT_KEY],
    struct ir_err *err);

/* head->source = kind:rest.  0, or -1: 64 too long, or not printable. */
int ir_vault_set_source(struct ir_vault_head *head, const char *kind,
    const char *rest, struct ir_err *err);

#endif
