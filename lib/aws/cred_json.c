/* cred_json.c - credentials in JSON; see chain.h */
#include <stdlib.h>
#include <string.h>

#include "../core/record.h"
#include "../core/text.h"
#include "chain.h"

/* The character that an escape stands for; 0: none that a secret has. */
static char
unescaped(char c)
{
	return c == '"' || c == '\\' || c == '/' ? c : c == 'n' ? '\n' :
	    c == 't' ? '\t' : c == 'r' ? '\r' : '\0';
}

/*
 * The string that begins at bytes[from]: moved together where it has
 * escapes.  *len is its length then, *end where the closing quote is.
 */
static int
read_string(char *bytes, size_t n, size_t from, size_t *len, size_t *end)
{
	size_t i, k = from;

	for (i = from; i < n && bytes[i] != '"'; i++) {
		if (bytes[i] == '\\') {
			if (++i == n || !unescaped(bytes[i]))
				return -1;
			bytes[k++] = unescaped(bytes[i]);
		} else {
			bytes[k++] = bytes[i];
		}
	}
	*len = k - from;
	*end = i;
	return i < n ? 0 : -1;
}

static size_t
skip_blanks(const char *bytes, size_t n, size_t i)
{
	while (i < n && (bytes[i] == ' ' || bytes[i] == '\t' ||
	    bytes[i] == '\r' || bytes[i] == '\n'))
		i++;
	return i;
}

int
ir_json_cut_secret(char *bytes, size_t n, const char *name,
    struct ir_secret *out, struct ir_err *err)
{
	size_t k = strlen(name), i, from, len, end;

	for (i = 0; i + k + 2 < n; i++) {
		if (bytes[i] != '"' || memcmp(bytes + i + 1, name, k) != 0 ||
		    bytes[i + 1 + k] != '"')
			continue;
		from = skip_blanks(bytes, n, i + k + 2);
		if (from == n || bytes[from] != ':')
			continue;	/* a value of that name */
		from = skip_blanks(bytes, n, from + 1);
		if (from == n || bytes[from] != '"' ||
		    read_string(bytes, n, ++from, &len, &end))
			return 1;
		if (ir_secret_set(out, bytes + from, len, err))
			return -1;
		memset(bytes + from, 'x', end - from);
		return 0;
	}
	return 1;
}

static const struct form {
	const char *what, *id, *secret, *token, *expires;
	bool must_have_token, must_expire;
} forms[] = {
	[IR_CRED_METADATA] = { "metadata service", "AccessKeyId",
	    "SecretAccessKey", "Token", "Expiration", true, true },
	[IR_CRED_PROCESS] = { "credential_process", "AccessKeyId",
	    "SecretAccessKey", "SessionToken", "Expiration", false, false },
	[IR_CRED_SSO] = { "SSO portal", "roleCredentials.accessKeyId",
	    "secretAccessKey", "sessionToken", "roleCredentials.expiration",
	    true, true },
};

/* RFC 3339, or milliseconds from SSO. */
static int
read_expiry(struct ir_aws_cred *cred, const struct form *f,
    const struct ir_rec *r)
{
	const struct ir_rec *at = ir_rec_at(r, f->expires);
	const char *text = ir_rec_get(r, f->expires);

	cred->expires = 0;
	if (text)
		return ir_time_parse(text, &cred->expires);
	if (at && ir_rec_kind(at) == IR_REC_INT)
		cred->expires = ir_rec_get_int(r, f->expires, 0) / 1000;
	if (at && ir_rec_kind(at) != IR_REC_NULL && cred->expires <= 0)
		return -1;
	return f->must_expire && cred->expires == 0 ? -1 : 0;
}

static int
read_rest(struct ir_aws_cred *cred, enum ir_cred_form form,
    const struct ir_rec *r, bool secret, bool token, struct ir_err *err)
{
	const struct form *f = &forms[form];
	const char *code = ir_rec_get(r, "Code");
	const char *id = ir_rec_get(r, f->id);

	if (form == IR_CRED_METADATA && code && strcmp(code, "Success") != 0)
		return ir_fail(err, IR_NOPERM, "%s: %s", f->what, code);
	if (form == IR_CRED_PROCESS && ir_rec_get_int(r, "Version", 0) != 1)
		return ir_fail(err, IR_PROTOCOL, "%s: Version is not 1",
		    f->what);
	/* null is as good as absent; an empty string is no token either */
	if (!token && ir_rec_get(r, f->token))
		return ir_fail(err, IR_PROTOCOL, "%s: %s not understood",
		    f->what, f->token);
	if (!secret || !cred->secret.len || !id ||
	    (f->must_have_token && !cred->token.len))
		return ir_fail(err, IR_PROTOCOL,
		    "%s: credentials not understood: no %s", f->what,
		    !id ? "access key id" : !secret || !cred->secret.len ?
		    "secret" : "token");
	if (read_expiry(cred, f, r))
		return ir_fail(err, IR_PROTOCOL,
		    "%s: credentials not understood: %s", f->what,
		    "Expiration");
	if (ir_cred_set_key_id(cred, id, err))
		return -1;
	return ir_cred_check(cred, err);
}

int
ir_cred_parse(struct ir_aws_cred *cred, enum ir_cred_form form, char *bytes,
    size_t n, struct ir_err *err)
{
	const struct form *f = &forms[form];
	struct ir_rec *r;
	int secret, token, rc;

	secret = ir_json_cut_secret(bytes, n, f->secret, &cred->secret, err);
	token = ir_json_cut_secret(bytes, n, f->token, &cred->token, err);
	if (secret < 0 || token < 0)
		return -1;
	r = ir_rec_parse(bytes, n, err);
	if (!r)
		return ir_fail(err, IR_PROTOCOL, "%s: not JSON", f->what);
	rc = read_rest(cred, form, r, secret == 0, token == 0, err);
	ir_rec_free(r);
	return rc;
}
