/* credentials.c - the order of the search; see credentials.h, chain.h */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "../core/buf.h"
#include "../core/text.h"
#include "chain.h"
#include "client.h"

#define REFRESH_BEFORE 300	/* seconds */
#define REFRESH_PAUSE 30	/* after one that failed */
#define TOKEN_MAX 65536
#define DURATION_MIN 900
#define DURATION_MAX 43200

const char *
ir_chain_env(const char *name)
{
	const char *v = getenv(name);

	return v && *v ? v : NULL;
}

const char *
ir_chain_setting(const struct ir_chain *ch, const char *var, const char *key)
{
	const char *v = ir_chain_env(var);

	if (!v)
		v = ir_aws_config_get(ch->o.config, IR_AWS_PROFILE,
		    ch->profile, key);
	return v && *v ? v : NULL;
}

void
ir_chain_hint_export(const char *profile, struct ir_err *err)
{
	ir_hint(err, "in a profile of its own: credential_process = aws "
	    "configure export-credentials --profile %s --format process",
	    profile);
}

static int
load_file(struct ir_aws_config *c, enum ir_aws_file file, const char *var,
    const char *leaf, struct ir_err *err)
{
	struct ir_buf b = IR_BUF_SECRET(IR_AWS_CONFIG_MAX);
	const char *path = ir_chain_env(var), *home = ir_chain_env("HOME");
	char own[4096];
	int rc = 0;

	if (!path || (path[0] == '~' && path[1] == '/')) {
		if (!home)
			return 0;
		snprintf(own, sizeof own, "%s/%s%s", home,
		    path ? path + 2 : ".aws/", path ? "" : leaf);
		path = own;
	}
	if (access(path, F_OK) == 0)
		rc = ir_buf_read_file(&b, path, err);
	if (rc == 0)
		rc = ir_aws_config_parse(c, file, path, ir_buf_cstr(&b),
		    b.len, err);
	else if (err->code != IR_NOPERM)
		err->code = IR_CONFIG;
	ir_buf_free(&b);
	return rc;
}

int
ir_aws_config_load(struct ir_aws_config **c, struct ir_err *err)
{
	*c = ir_aws_config_new();
	if (!*c)
		return ir_fail(err, IR_OSERR, "no memory");
	if (load_file(*c, IR_AWS_FILE_CONFIG, "AWS_CONFIG_FILE", "config",
	    err) == 0 && load_file(*c, IR_AWS_FILE_CREDENTIALS,
	    "AWS_SHARED_CREDENTIALS_FILE", "credentials", err) == 0)
		return 0;
	ir_aws_config_free(*c);
	*c = NULL;
	return -1;
}

const char *
ir_aws_profile(const char *option, bool *named)
{
	const char *p = option;

	if (!p)
		p = ir_chain_env("AWS_PROFILE");
	if (!p)
		p = ir_chain_env("AWS_DEFAULT_PROFILE");
	*named = p != NULL;
	return p ? p : "default";
}

int
ir_aws_find_region(const struct ir_aws_config *c, const char *option,
    const char *profile, char region[64], struct ir_err *err)
{
	const char *r = option;

	region[0] = '\0';
	if (!r)
		r = ir_chain_env("AWS_REGION");
	if (!r)
		r = ir_chain_env("AWS_DEFAULT_REGION");
	if (!r)
		r = ir_aws_config_get(c, IR_AWS_PROFILE, profile, "region");
	if (!r || !*r)
		return 0;
	if (!ir_aws_region_ok(r))
		return ir_fail(err, option ? IR_USAGE : IR_CONFIG,
		    "not a region: %s", r);
	snprintf(region, 64, "%s", r);
	return 0;
}

int
ir_cred_set_key_id(struct ir_aws_cred *cred, const char *id,
    struct ir_err *err)
{
	size_t n = strlen(id);

	if (n == 0 || n >= sizeof cred->key_id ||
	    strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789_") != n)
		return ir_fail(err, IR_CONFIG, "not an access key id: %s", id);
	memcpy(cred->key_id, id, n + 1);
	return 0;
}

int
ir_cred_check(const struct ir_aws_cred *cred, struct ir_err *err)
{
	if ((cred->secret.len && strpbrk(cred->secret.data, "\r\n")) ||
	    (cred->token.len && strpbrk(cred->token.data, "\r\n")))
		return ir_fail(err, IR_CONFIG,
		    "AWS credentials: line break in the secret or token");
	return 0;
}

/* The keys without what is around them. */
static void
clear(struct ir_aws_cred *cred)
{
	ir_secret_free(&cred->secret);
	ir_secret_free(&cred->token);
	cred->key_id[0] = cred->source[0] = '\0';
	cred->expires = 0;
	cred->fixed = false;
}

static int
copy(struct ir_aws_cred *to, const struct ir_aws_cred *from,
    struct ir_err *err)
{
	memcpy(to->key_id, from->key_id, sizeof to->key_id);
	memcpy(to->source, from->source, sizeof to->source);
	to->expires = from->expires;
	to->fixed = from->fixed;
	if (ir_secret_set(&to->secret, from->secret.data, from->secret.len,
	    err))
		return -1;
	return from->token.len ? ir_secret_set(&to->token, from->token.data,
	    from->token.len, err) : 0;
}

/* 1 found, 0 not there, -1.  Taken out of the environment once, and kept. */
static int
from_environment(struct ir_chain *ch, struct ir_aws_cred *cred,
    struct ir_err *err)
{
	const char *id = ir_chain_env("AWS_ACCESS_KEY_ID"), *when;
	bool secret = ir_chain_env("AWS_SECRET_ACCESS_KEY") != NULL;

	if (ch->env.secret.len)
		return copy(cred, &ch->env, err) ? -1 : 1;
	if (!id && !secret)
		return 0;
	if (!id || !secret)
		return ir_fail(err, IR_CONFIG, "%s is set without %s",
		    id ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
		    id ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
	when = ir_chain_env("AWS_CREDENTIAL_EXPIRATION");
	if (ir_cred_set_key_id(&ch->env, id, err) ||
	    ir_secret_take_env(&ch->env.secret, "AWS_SECRET_ACCESS_KEY",
	    err) || ir_secret_take_env(&ch->env.token, "AWS_SESSION_TOKEN",
	    err) || ir_cred_check(&ch->env, err))
		return -1;
	unsetenv("AWS_ACCESS_KEY_ID");
	ch->env.fixed = true;
	snprintf(ch->env.source, sizeof ch->env.source, "environment");
	if (when && ir_time_parse(when, &ch->env.expires) == 0 &&
	    ch->env.expires <= ir_now()) {
		ir_fail(err, IR_NOPERM, "the credentials of the environment "
		    "expired at %s", when);
		return -1;
	}
	return copy(cred, &ch->env, err) ? -1 : 1;
}

static const char *
get(const struct ir_chain *ch, const char *profile, const char *key)
{
	return ir_aws_config_get(ch->o.config, IR_AWS_PROFILE, profile, key);
}

/* The keys of a profile, all from one of the two files. */
static int
from_keys(const struct ir_chain *ch, struct ir_aws_cred *cred,
    enum ir_aws_file file, const char *profile, struct ir_err *err)
{
	static const char *const names[] = { "aws_access_key_id",
	    "aws_secret_access_key", "aws_session_token" };
	const char *v[3];
	int i;

	for (i = 0; i < 3; i++)
		v[i] = ir_aws_config_get_from(ch->o.config, file,
		    IR_AWS_PROFILE, profile, names[i]);
	if (!v[0] && !v[1])
		return 0;
	for (i = 0; i < 2; i++)
		if (!v[i] || !*v[i])
			return ir_fail(err, IR_CONFIG, "profile %s: no %s",
			    profile, names[i]);
	if (ir_cred_set_key_id(cred, v[0], err) ||
	    ir_secret_set(&cred->secret, v[1], strlen(v[1]), err) ||
	    (v[2] && *v[2] && ir_secret_set(&cred->token, v[2], strlen(v[2]),
	    err)) || ir_cred_check(cred, err)) {
		ir_fail_prefix(err, "profile %s", profile);
		return -1;
	}
	cred->fixed = true;
	snprintf(cred->source, sizeof cred->source, "profile %s: %skeys",
	    profile, cred->token.len ? "session " : "");
	return 1;
}

/* A setting of web identity: the environment's wins, one by one. */
static const char *
web_setting(const struct ir_chain *ch, const char *profile, bool env_ok,
    const char *var, const char *key)
{
	const char *v = env_ok ? ir_chain_env(var) : NULL;

	if (!v)
		v = get(ch, profile, key);
	return v && *v ? v : NULL;
}

static int
read_web_token(const char *path, struct ir_secret *token, struct ir_err *err)
{
	struct ir_buf b = IR_BUF_SECRET(TOKEN_MAX);
	int rc = ir_buf_read_file(&b, path, err);

	while (b.len && (b.data[b.len - 1] == '\n' ||
	    b.data[b.len - 1] == '\r'))
		ir_buf_trunc(&b, b.len - 1);
	if (rc == 0 && b.len == 0)
		rc = ir_fail(err, IR_CONFIG, "%s: empty", path);
	if (rc == 0)
		rc = ir_secret_set(token, b.data, b.len, err);
	else if (err->code != IR_NOPERM)
		err->code = IR_CONFIG;
	ir_buf_free(&b);
	return rc;
}

static int
from_web_identity(struct ir_chain *ch, struct ir_aws_cred *cred,
    const char *profile, bool env_ok, struct ir_err *err)
{
	struct ir_secret token = IR_SECRET_INIT;
	struct ir_cred_role role = { 0 };
	const char *path;
	int rc;

	path = web_setting(ch, profile, env_ok, "AWS_WEB_IDENTITY_TOKEN_FILE",
	    "web_identity_token_file");
	if (!path)
		return 0;
	role.arn = web_setting(ch, profile, env_ok, "AWS_ROLE_ARN",
	    "role_arn");
	role.session = web_setting(ch, profile, env_ok,
	    "AWS_ROLE_SESSION_NAME", "role_session_name");
	if (!role.arn)
		return ir_fail(err, IR_CONFIG, "web identity: a token file, "
		    "but neither AWS_ROLE_ARN nor role_arn");
	role.token = &token;
	rc = read_web_token(path, &token, err);
	if (rc == 0)
		rc = ir_cred_assume(ch, cred, &role, err);
	ir_secret_free(&token);
	snprintf(cred->source, sizeof cred->source,
	    "web identity, role %s", role.arn);
	return rc ? -1 : 1;
}

/* All that a profile itself can have, but for a role_arn. */
static int
from_profile(struct ir_chain *ch, struct ir_aws_cred *cred,
    const char *profile, bool env_ok, struct ir_err *err)
{
	int rc;

	rc = from_web_identity(ch, cred, profile, env_ok, err);
	if (rc == 0)
		rc = ir_cred_sso(ch, cred, profile, err);
	if (rc == 0)
		rc = from_keys(ch, cred, IR_AWS_FILE_CREDENTIALS, profile,
		    err);
	if (rc == 0 && get(ch, profile, "login_session")) {
		rc = ir_fail(err, IR_CONFIG,
		    "profile %s: login_session is not supported", profile);
		ir_chain_hint_export(profile, err);
	}
	if (rc == 0)
		rc = ir_cred_process(ch, cred, profile, err);
	if (rc == 0)
		rc = from_keys(ch, cred, IR_AWS_FILE_CONFIG, profile, err);
	return rc;
}

static bool
has_keys(const struct ir_chain *ch, const char *profile)
{
	return get(ch, profile, "aws_access_key_id") ||
	    get(ch, profile, "aws_secret_access_key");
}

static bool
has_role(const struct ir_chain *ch, const char *profile)
{
	return get(ch, profile, "role_arn") &&
	    !get(ch, profile, "web_identity_token_file");
}

/* May profile take its credentials from source? */
static int
visit(struct ir_chain *ch, const char *profile, const char *source,
    struct ir_err *err)
{
	size_t i;

	if (!ir_aws_config_has(ch->o.config, IR_AWS_PROFILE, source))
		return ir_fail(err, IR_CONFIG,
		    "profile %s: no source_profile %s", profile, source);
	for (i = 0; i < ch->nvisited; i++) {
		if (strcmp(ch->visited[i], source) != 0)
			continue;
		/* its own static keys are all right */
		if (strcmp(source, profile) == 0 && has_keys(ch, source))
			return 0;
		return ir_fail(err, IR_CONFIG,
		    "profile %s: source_profile %s: a loop", profile, source);
	}
	if (ch->nvisited == IR_CHAIN_MAX)
		return ir_fail(err, IR_CONFIG,
		    "profile %s: more than %d roles in a row", profile,
		    IR_CHAIN_MAX);
	ch->visited[ch->nvisited++] = source;
	return 0;
}

static int
from_source(struct ir_chain *ch, struct ir_aws_cred *cred,
    const char *profile, const char *source, struct ir_err *err)
{
	int rc;

	if (strcmp(source, "Environment") == 0)
		rc = from_environment(ch, cred, err);
	else if (strcmp(source, "Ec2InstanceMetadata") == 0)
		rc = ir_cred_instance(ch, cred, err);
	else if (strcmp(source, "EcsContainer") == 0)
		rc = ir_cred_container(ch, cred, err);
	else
		return ir_fail(err, IR_CONFIG, "profile %s: "
		    "credential_source: neither Environment, "
		    "Ec2InstanceMetadata nor EcsContainer: %s", profile,
		    source);
	if (rc == 0)
		rc = ir_fail(err, IR_NOPERM, "profile %s: credential_source "
		    "%s has no credentials", profile, source);
	return rc;
}

static int
ask_mfa(const struct ir_chain *ch, const struct ir_cred_role *role,
    char code[32], struct ir_err *err)
{
	char prompt[256];
	size_t n;

	snprintf(prompt, sizeof prompt, "MFA code for %s: ",
	    role->mfa_serial);
	ir_text_printable(prompt);
	if (!ch->o.ask || ch->o.ask(prompt, code, 32)) {
		ir_fail(err, IR_NOPERM, "%s: needs an MFA code, and there is "
		    "nobody to ask", role->arn);
		ir_chain_hint_export(ch->profile, err);
		return -1;
	}
	n = strlen(code);
	if (n < 6 || n > 8 || strspn(code, "0123456789") != n)
		return ir_fail(err, IR_NOPERM, "not an MFA code");
	return 0;
}

static int
check_duration(const char *profile, const char *text, struct ir_err *err)
{
	char *end;
	long n;

	if (!text)
		return 0;
	n = strtol(text, &end, 10);
	if (*text && !*end && n >= DURATION_MIN && n <= DURATION_MAX)
		return 0;
	return ir_fail(err, IR_CONFIG,
	    "profile %s: duration_seconds: not %d to %d: %s", profile,
	    DURATION_MIN, DURATION_MAX, text);
}

static int from_role(struct ir_chain *, struct ir_aws_cred *, const char *,
    struct ir_err *);

/* Who asks for the role. */
static int
find_asker(struct ir_chain *ch, struct ir_aws_cred *by, const char *profile,
    struct ir_err *err)
{
	const char *source = get(ch, profile, "source_profile");
	const char *named = get(ch, profile, "credential_source");
	int rc;

	if (!source == !named)
		return ir_fail(err, IR_CONFIG, "profile %s: role_arn needs "
		    "either source_profile or credential_source%s", profile,
		    source ? ", not both" : "");
	if (named)
		return from_source(ch, by, profile, named, err);
	if (visit(ch, profile, source, err))
		return -1;
	if (!has_keys(ch, source) && has_role(ch, source))
		return from_role(ch, by, source, err);
	rc = from_profile(ch, by, source, false, err);
	return rc ? rc : ir_fail(err, IR_CONFIG,
	    "profile %s: source_profile %s has no credentials", profile,
	    source);
}

static int
from_role(struct ir_chain *ch, struct ir_aws_cred *cred, const char *profile,
    struct ir_err *err)
{
	struct ir_aws_cred by;
	struct ir_cred_role role = { .by = &by };
	char code[32] = "";
	int rc;

	if (!has_role(ch, profile))
		return 0;
	memset(&by, 0, sizeof by);
	role.arn = get(ch, profile, "role_arn");
	role.session = get(ch, profile, "role_session_name");
	role.external_id = get(ch, profile, "external_id");
	role.duration = get(ch, profile, "duration_seconds");
	role.mfa_serial = get(ch, profile, "mfa_serial");
	if (!*role.arn)
		return ir_fail(err, IR_CONFIG, "profile %s: role_arn is empty",
		    profile);
	rc = check_duration(profile, role.duration, err);
	if (rc == 0)
		rc = find_asker(ch, &by, profile, err) > 0 ? 0 : -1;
	if (rc == 0 && role.mfa_serial && *role.mfa_serial) {
		rc = ask_mfa(ch, &role, code, err);
		role.mfa_code = code;
	}
	if (rc == 0)
		rc = ir_cred_assume(ch, cred, &role, err);
	snprintf(cred->source, sizeof cred->source,
	    "profile %s: role %s with %.200s", profile, role.arn, by.source);
	clear(&by);
	OPENSSL_cleanse(code, sizeof code);
	return rc ? -1 : 1;
}

static int
nothing(const struct ir_chain *ch, struct ir_err *err)
{
	if (ch->named)
		return ir_fail(err, IR_NOPERM,
		    "profile %s has no credentials", ch->profile);
	ir_fail(err, IR_NOPERM, "no AWS credentials");
	ir_hint(err, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
	    "use --profile");
	return -1;
}

/* The order of credentials.h. */
static int
search(struct ir_chain *ch, struct ir_aws_cred *cred, struct ir_err *err)
{
	bool option = ch->o.profile != NULL;
	int rc = 0;

	ch->visited[0] = ch->profile;
	ch->nvisited = 1;
	if (!option)
		rc = from_environment(ch, cred, err);
	if (rc == 0 && ch->named &&
	    !ir_aws_config_has(ch->o.config, IR_AWS_PROFILE, ch->profile))
		rc = ir_fail(err, IR_CONFIG, "no profile %s", ch->profile);
	if (rc == 0)
		rc = from_role(ch, cred, ch->profile, err);
	if (rc == 0)
		rc = from_profile(ch, cred, ch->profile, !option, err);
	if (rc == 0)
		rc = ir_cred_container(ch, cred, err);
	if (rc == 0)
		rc = ir_cred_instance(ch, cred, err);
	if (rc == 0)
		rc = nothing(ch, err);
	return rc > 0 ? 0 : -1;
}

static void
free_chain(struct ir_chain *ch)
{
	union { const char *c; char *v; } owned[3];
	size_t i;

	if (!ch)
		return;
	owned[0].c = ch->o.profile;
	owned[1].c = ch->o.region;
	owned[2].c = ch->o.endpoint_url;
	for (i = 0; i < 3; i++)
		free(owned[i].v);
	clear(&ch->env);
	free(ch->profile);
	free(ch);
}

static int
keep(const char **to, const char *from)
{
	*to = from ? strdup(from) : NULL;
	return from && !*to ? -1 : 0;
}

static struct ir_chain *
new_chain(const struct ir_aws_cred_opts *o)
{
	struct ir_chain *ch = calloc(1, sizeof *ch);
	const char *url = o->endpoint_url;

	if (!ch)
		return NULL;
	/* tokens must not go to what was meant for another service */
	if (url && !strstr(url, "{service}"))
		url = NULL;
	ch->o.config = o->config;
	ch->o.ask = o->ask;
	ch->profile = strdup(ir_aws_profile(o->profile, &ch->named));
	if (keep(&ch->o.profile, o->profile) ||
	    keep(&ch->o.region, o->region) ||
	    keep(&ch->o.endpoint_url, url) || !ch->profile) {
		free_chain(ch);
		return NULL;
	}
	return ch;
}

int
ir_aws_cred_find(struct ir_aws_cred *cred, const struct ir_aws_cred_opts *o,
    struct ir_err *err)
{
	memset(cred, 0, sizeof *cred);
	cred->chain = new_chain(o);
	if (!cred->chain)
		return ir_fail(err, IR_OSERR, "no memory");
	if (search(cred->chain, cred, err) == 0)
		return 0;
	ir_aws_cred_free(cred);
	return -1;
}

int
ir_aws_cred_renew(struct ir_aws_cred *cred, struct ir_err *err)
{
	struct ir_aws_cred fresh;

	if (cred->fixed)
		return ir_fail(err, IR_NOPERM, "the credentials (%s) have "
		    "expired", cred->source);
	memset(&fresh, 0, sizeof fresh);
	if (search(cred->chain, &fresh, err)) {
		clear(&fresh);
		return -1;
	}
	fresh.chain = cred->chain;
	cred->chain = NULL;
	ir_aws_cred_free(cred);
	*cred = fresh;
	return 0;
}

int
ir_aws_cred_refresh(struct ir_aws_cred *cred, int64_t now,
    struct ir_err *err)
{
	struct ir_err why = IR_ERR_INIT;

	if (cred->expires == 0 || now < cred->expires - REFRESH_BEFORE)
		return 0;
	if (now < cred->expires && now < cred->chain->not_before)
		return 0;
	if (ir_aws_cred_renew(cred, &why) == 0)
		return 0;
	/* those at hand may still do */
	cred->chain->not_before = now + REFRESH_PAUSE;
	if (now < cred->expires)
		return 0;
	if (err)
		*err = why;
	return -1;
}

void
ir_aws_cred_free(struct ir_aws_cred *cred)
{
	clear(cred);
	free_chain(cred->chain);
	memset(cred, 0, sizeof *cred);
}

const char *
ir_aws_cred_source(const struct ir_aws_cred *cred)
{
	return cred->source;
}
