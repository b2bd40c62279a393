/* source.c - see source.h */
#include <stdio.h>
#include <string.h>

#include "seal.h"
#include "source.h"

static const struct ir_vault_kind *const kinds[] = {
	&ir_vault_file_kind, &ir_vault_systemd_kind, &ir_vault_kms_kind,
	&ir_vault_sm_kind, &ir_vault_pkcs11_kind,
};
#define KINDS (sizeof kinds / sizeof *kinds)

static const struct ir_vault_kind *
kind_of(const char *source, const char **rest)
{
	size_t i, n;

	for (i = 0; i < KINDS; i++) {
		n = strlen(kinds[i]->name);
		if (strncmp(source, kinds[i]->name, n) == 0 &&
		    source[n] == ':' && source[n + 1]) {
			*rest = source + n + 1;
			return kinds[i];
		}
	}
	return NULL;
}

int
ir_vault_source_check(const char *source, struct ir_err *err)
{
	const char *rest;

	if (strstr(source, "pin-value=")) {
		ir_fail(err, IR_USAGE, "a PIN does not belong into the URI: "
		    "everybody on this machine can read it there");
		ir_hint(err, "pin-source=file:/PATH, or be asked for it");
		return -1;
	}
	if (kind_of(source, &rest))
		return 0;
	ir_fail(err, IR_USAGE, "not a source of a key: %s", source);
	ir_hint(err, "file:PATH, kms:KEY, secretsmanager:NAME, pkcs11:... or "
	    "systemd:NAME");
	return -1;
}

int
ir_vault_set_source(struct ir_vault_head *head, const char *kind,
    const char *rest, struct ir_err *err)
{
	const char *p;

	if ((size_t)snprintf(head->source, sizeof head->source, "%s:%s", kind,
	    rest) >= sizeof head->source)
		return ir_fail(err, IR_USAGE, "%s: too long", kind);
	for (p = head->source; *p; p++)
		if (*p <= ' ' || *p >= 0x7f)
			return ir_fail(err, IR_USAGE, "%s: blanks or special "
			    "characters in it: %s", kind, rest);
	return 0;
}

static struct ir_vault_aad
wrap_aad(const struct ir_vault_head *head)
{
	return (struct ir_vault_aad){ { "wrap", head->id },
	    { 4, IR_VAULT_ID } };
}

static int
raw_key(const struct ir_secret *key, const struct ir_vault_head *head,
    unsigned char *wk, struct ir_err *err)
{
	if (key->len < IR_VAULT_KEY || key->len > IR_VAULT_RAW_MAX)
		return ir_fail(err, IR_CONFIG, "a key has %d random bytes; "
		    "this has %zu", IR_VAULT_KEY, key->len);
	return ir_vault_hkdf(key->data, key->len, head->id, IR_VAULT_ID,
	    "quell vault 1 wrap", wk, err);
}

int
ir_vault_raw_wrap(const struct ir_secret *key, struct ir_vault_head *head,
    unsigned char data[IR_VAULT_KEY], struct ir_err *err)
{
	const struct ir_vault_aad aad = wrap_aad(head);
	unsigned char *wk = ir_vault_alloc(IR_VAULT_KEY, err);
	int rc = -1;

	head->nwrapped = IR_VAULT_KEY + IR_VAULT_SEAL;
	if (wk && raw_key(key, head, wk, err) == 0 &&
	    ir_vault_random(data, IR_VAULT_KEY, err) == 0)
		rc = ir_vault_seal(wk, &aad, data, IR_VAULT_KEY,
		    head->wrapped, err);
	ir_vault_wipe(wk, IR_VAULT_KEY);
	return rc;
}

int
ir_vault_raw_unwrap(const struct ir_secret *key,
    const struct ir_vault_head *head, unsigned char data[IR_VAULT_KEY],
    struct ir_err *err)
{
	const struct ir_vault_aad aad = wrap_aad(head);
	unsigned char *wk;
	int rc = -1;

	if (head->nwrapped != IR_VAULT_KEY + IR_VAULT_SEAL)
		return ir_fail(err, IR_DATAERR,
		    "damaged: not a key that %s wrapped", head->source);
	wk = ir_vault_alloc(IR_VAULT_KEY, err);
	if (wk && raw_key(key, head, wk, err) == 0) {
		rc = ir_vault_unseal(wk, &aad, head->wrapped, head->nwrapped,
		    data, err);
		if (rc)
			ir_fail(err, IR_DATAERR, "%s is not the key of this "
			    "vault, or the vault was changed", head->source);
	}
	ir_vault_wipe(wk, IR_VAULT_KEY);
	return rc;
}

static int
unwrap(struct ir_vault_ctx *x, const struct ir_vault_head *head,
    const char *source, unsigned char data[IR_VAULT_KEY], struct ir_err *err)
{
	const char *rest;
	const struct ir_vault_kind *k = kind_of(source, &rest);

	if (!k)
		return ir_fail(err, IR_CONFIG,
		    "no such source of a key: %s", source);
	return k->unwrap(x, head, rest, data, err);
}

int
ir_vault_unwrap(struct ir_vault_ctx *x, const struct ir_vault_head *head,
    const char *source, unsigned char data[IR_VAULT_KEY], struct ir_err *err)
{
	if (unwrap(x, head, source ? source : head->source, data, err) == 0)
		return 0;
	/* that its key is not there is not that the vault is not */
	if (err && (err->code == IR_NOINPUT || err->code == IR_USAGE))
		err->code = IR_CONFIG;
	return -1;
}

int
ir_vault_wrap(struct ir_vault_ctx *x, const char *source,
    struct ir_vault_head *head, unsigned char data[IR_VAULT_KEY],
    struct ir_err *err)
{
	const struct ir_vault_kind *k;
	unsigned char *again;
	const char *rest;
	int rc;

	if (ir_vault_source_check(source, err))
		return -1;
	k = kind_of(source, &rest);
	if (k->wrap(x, rest, head, data, err))
		return -1;
	again = ir_vault_alloc(IR_VAULT_KEY, err);
	if (!again)
		return -1;
	rc = ir_vault_unwrap(x, head, NULL, again, err);
	if (rc == 0 && !ir_vault_same(again, data, IR_VAULT_KEY))
		rc = ir_fail(err, IR_CONFIG, "another key came back");
	if (rc)
		ir_fail_prefix(err, "%s: wrapped, but not unwrapped", source);
	ir_vault_wipe(again, IR_VAULT_KEY);
	return rc;
}

void
ir_vault_ctx_free(struct ir_vault_ctx *x)
{
	if (x->aws && (!x->o || x->aws != x->o->client))
		ir_aws_close(x->aws);
	x->aws = NULL;
}
