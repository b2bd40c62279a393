/* seal.c - where the new secret is kept: the vault, else the lookup file */
#include <stdio.h>
#include <string.h>

#include "../aws/smtp_file.h"
#include "../aws/smtp_password.h"
#include "../core/buf.h"
#include "../core/text.h"
#include "step.h"

/* What a credential of IR_ROTATE_REGIONS regions takes, and more. */
#define TRIAL 4096

bool
ir_rot_before(const struct ir_rotate *r, const char *id)
{
	const struct ir_rec *ids = ir_rec_at(r->entry, "ids_before");
	const char *s;
	size_t i;

	for (i = 0; i < ir_rec_len(ids); i++) {
		s = ir_rec_cstr(ir_rec_item(ids, i));
		if (s && strcmp(s, id) == 0)
			return true;
	}
	return false;
}

/* --- the vault --------------------------------------------------------- */

struct search {
	const char *name, *username;	/* either NULL: any */
	char newest[IR_KEY_ID];
	uint32_t version;
};

static int
match(const struct ir_vault_item *item, void *arg)
{
	struct search *s = arg;

	if (s->name && strcmp(item->name, s->name) != 0)
		return 0;
	if (s->username && strcmp(item->username, s->username) != 0)
		return 0;
	s->version = item->version;
	snprintf(s->newest, sizeof s->newest, "%.*s",
	    (int)sizeof s->newest - 1, item->username);
	return 0;
}

/* The newest version that is of this key; 0: there is none. */
static uint32_t
version_of(struct ir_rotate *r, struct ir_vault *v, const char *id)
{
	struct search s = { .name = ir_rot_vault_name(r), .username = id };

	(void)ir_vault_each(v, match, &s);
	return s.version;
}

bool
ir_rot_in_vault(struct ir_rotate *r, const char *id)
{
	struct search s = { .username = id };
	struct ir_vault *v = NULL;

	if (r->use_vault && ir_rot_vault(r, &v, false, NULL) == 0)
		(void)ir_vault_each(v, match, &s);
	ir_vault_close(v);
	return s.version != 0;
}

int
ir_rot_load_vault(struct ir_rotate *r, const char *id,
    struct ir_credential *c, struct ir_err *err)
{
	struct ir_vault *v = NULL;
	uint32_t version;
	int rc;

	if (ir_rot_vault(r, &v, false, err))
		return -1;
	version = version_of(r, v, id);
	if (version)
		rc = ir_vault_get(v, ir_rot_vault_name(r), version, c, err);
	else
		rc = ir_fail(err, IR_NOINPUT, "%s: has no secret of %s under "
		    "%s", ir_vault_path(v), id, ir_rot_vault_name(r));
	ir_vault_close(v);
	return rc;
}

/* Creation is not tried when sealing would fail. */
static int
try_vault(struct ir_rotate *r, struct ir_err *err)
{
	if (!r->sealing && ir_rot_vault(r, &r->sealing, true, err))
		return -1;
	return ir_vault_try(r->sealing, TRIAL, err);
}

static int
put_vault(struct ir_rotate *r, const struct ir_credential *c,
    struct ir_err *err)
{
	struct ir_rec *sealed;
	uint32_t version = 0;

	if (!r->sealing && ir_rot_vault(r, &r->sealing, true, err))
		return -1;
	if (ir_vault_put(r->sealing, ir_rot_vault_name(r), c, 0, &version,
	    err))
		return -1;
	sealed = ir_rec_object();
	ir_rec_str(sealed, "vault", ir_vault_path(r->sealing));
	ir_rec_str(sealed, "name", ir_rot_vault_name(r));
	ir_rec_int(sealed, "version", version);
	ir_rec_set(r->entry, "sealed", sealed);
	return 0;
}

/* --- the file ---------------------------------------------------------- */

int
ir_rot_write_file(struct ir_rotate *r, const struct ir_credential *c,
    struct ir_err *err)
{
	struct ir_secret pass[IR_ROTATE_REGIONS] = { IR_SECRET_INIT };
	const struct ir_secret *user = ir_credential_get(c, "username");
	mode_t mode;
	gid_t gid;
	size_t i;
	int rc = ir_rotate_mode(&r->want, &mode, &gid, err);

	for (i = 0; rc == 0 && i < r->nregions; i++)
		rc = ir_credential_password(c, r->regions[i], &pass[i], err);
	if (rc == 0 && !user)
		rc = ir_fail(err, IR_DATAERR, "no username");
	if (rc == 0)
		rc = ir_smtp_file_write(r->want.out, mode, gid, user->data,
		    r->regions, pass, r->nregions, err);
	for (i = 0; i < r->nregions; i++)
		ir_secret_free(&pass[i]);
	return rc;
}

/* The password of the i-th wanted region; the first is `password`, too. */
static int
set_password(const struct ir_rotate *r, struct ir_credential *c, size_t i,
    const struct ir_secret *pw, struct ir_err *err)
{
	char name[64];

	snprintf(name, sizeof name, "password.%s", r->regions[i]);
	if (ir_credential_set(c, name, pw->data, pw->len, err))
		return -1;
	return i ? 0 : ir_credential_set(c, "password", pw->data, pw->len, err);
}

/* As a credential: each wanted region that the file has a password for. */
static int
load_file(struct ir_rotate *r, const char *id, struct ir_credential *c,
    struct ir_err *err)
{
	struct ir_buf b = IR_BUF_SECRET(IR_SMTP_FILE_MAX);
	struct ir_secret pw = IR_SECRET_INIT;
	const char *path = r->want.out ? r->want.out : ir_rot_path(r), *v;
	size_t n, i;
	int rc = path ? ir_smtp_file_read(path, &b, err) :
	    ir_fail(err, IR_NOINPUT, "no file with the new passwords: --out");

	if (rc == 0 && (!ir_smtp_file_find(ir_buf_cstr(&b), b.len, "user", &v,
	    &n) || strlen(id) != n || memcmp(v, id, n) != 0))
		rc = ir_fail(err, IR_DATAERR, "%s: is not of %s", path, id);
	if (rc == 0)
		rc = ir_credential_set(c, "username", id, strlen(id), err);
	for (i = 0; rc == 0 && i < r->nregions; i++) {
		rc = ir_smtp_file_password(&b, r->regions[i], &pw, err);
		if (rc == 0)
			rc = set_password(r, c, i, &pw, err);
	}
	if (rc == 0)
		rc = ir_credential_set(c, "region", r->regions[0],
		    strlen(r->regions[0]), err);
	ir_secret_free(&pw);
	ir_buf_free(&b);
	return rc;
}

/* --- either ------------------------------------------------------------ */

/* Passwords of all wanted regions; the first is `password`. */
static int
add_passwords(struct ir_rotate *r, struct ir_credential *c,
    const struct ir_secret *key, struct ir_err *err)
{
	struct ir_secret pw = IR_SECRET_INIT;
	size_t i;
	int rc = ir_credential_set(c, "region", r->regions[0],
	    strlen(r->regions[0]), err);

	for (i = 0; rc == 0 && i < r->nregions; i++) {
		rc = ir_ses_smtp_password(key, r->regions[i], &pw, err);
		if (rc == 0)
			rc = set_password(r, c, i, &pw, err);
	}
	ir_secret_free(&pw);
	return rc;
}

/*
 * Without the secret access key: who sends mail has no need of it, and it
 * may do more than that.
 */
int
ir_rot_load(struct ir_rotate *r, const char *id, struct ir_credential *c,
    struct ir_err *err)
{
	struct ir_credential all = IR_CREDENTIAL_INIT;
	const struct ir_secret *key;
	const char *name = ir_rot_vault_name(r);
	int rc;

	if (!r->use_vault)
		return load_file(r, id, c, err);
	rc = ir_rot_load_vault(r, id, &all, err);
	key = rc ? NULL : ir_credential_get(&all, "secret_access_key");
	if (rc == 0 && !key)
		rc = ir_fail(err, IR_DATAERR,
		    "%s: its record has no secret_access_key", name);
	if (rc == 0 && ir_credential_set(c, "name", name, strlen(name),
	    err) == 0 && ir_credential_set(c, "username", id, strlen(id),
	    err) == 0)
		rc = add_passwords(r, c, key, err);
	else
		rc = -1;
	ir_credential_free(&all);
	return rc;
}

bool
ir_rot_sealed(struct ir_rotate *r, char id[IR_KEY_ID])
{
	struct ir_buf b = IR_BUF_SECRET(IR_SMTP_FILE_MAX);
	struct search s = { .name = ir_rot_vault_name(r) };
	struct ir_vault *v = NULL;
	const char *path = ir_rot_path(r), *user;
	size_t n;

	*id = '\0';
	if (r->use_vault) {
		if (ir_rot_vault(r, &v, false, NULL) == 0)
			(void)ir_vault_each(v, match, &s);
		ir_vault_close(v);
		snprintf(id, IR_KEY_ID, "%s", s.newest);
	} else if (path && ir_smtp_file_read(path, &b, NULL) == 0 &&
	    ir_smtp_file_find(ir_buf_cstr(&b), b.len, "user", &user, &n) &&
	    n < IR_KEY_ID) {
		snprintf(id, IR_KEY_ID, "%.*s", (int)n, user);
	}
	ir_buf_free(&b);
	return *id && !ir_rot_before(r, id);
}

int
ir_rot_preflight(struct ir_rotate *r, struct ir_err *err)
{
	return r->use_vault ? try_vault(r, err) :
	    ir_smtp_file_check(r->want.out, err);
}

static int
put(struct ir_rotate *r, struct ir_err *err)
{
	struct ir_credential c = IR_CREDENTIAL_INIT;
	int rc;

	if (ir_credential_set(&c, "username", r->made, strlen(r->made),
	    err) == 0 && ir_credential_set(&c, "secret_access_key",
	    r->secret.data, r->secret.len, err) == 0 &&
	    add_passwords(r, &c, &r->secret, err) == 0)
		rc = r->use_vault ? put_vault(r, &c, err) :
		    ir_rot_write_file(r, &c, err);
	else
		rc = -1;
	ir_credential_free(&c);
	ir_secret_free(&r->secret);
	ir_vault_close(r->sealing);
	r->sealing = NULL;
	return rc;
}

/* Nobody has the secret of this key. */
static void
abandon(struct ir_rotate *r, const char *id)
{
	struct ir_err err = IR_ERR_INIT;

	if (ir_rot_switch(r, id, "Inactive", "create",
	    "deactivate: its secret could not be kept", &err) == 0 &&
	    r->norphans < IR_ROTATE_ORPHANS)
		snprintf(r->orphans[r->norphans++], sizeof r->orphans[0],
		    "%s", id);
	else
		ir_rot_warn(r, "%s: not deactivated: %s", id, err.msg);
}

int
ir_rot_seal(struct ir_rotate *r, struct ir_err *err)
{
	struct ir_rec *names;
	size_t i;

	if (ir_rotate_made(r))
		return 0;
	if (!r->secret.data)
		return ir_fail(err, IR_SOFTWARE, "no secret to seal");
	if (put(r, err)) {
		abandon(r, r->made);
		return -1;
	}
	names = ir_rec_array();
	for (i = 0; i < r->nregions; i++)
		ir_rec_push_str(names, r->regions[i]);
	ir_rec_set(r->entry, "regions", names);
	ir_rec_str(r->entry, "new", r->made);
	if (!r->use_vault)
		ir_rec_str(r->entry, "file", r->want.out);
	ir_rec_bool(r->entry, "creating", false);
	r->new_changed = true;
	return ir_rot_save(r, err) || ir_rot_note(r, "ses-rotate.end",
	    "create", r->made, r->use_vault ? "created, its secret is sealed" :
	    "created, its passwords are in the file", err) ? -1 : 0;
}
