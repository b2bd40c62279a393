/* publish.c - the new credential to those who send with it, and their word */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../core/cli.h"
#include "../core/file.h"
#include "../core/proc.h"
#include "../core/text.h"
#include "step.h"

#define COMMAND_MS (300 * 1000)
#define AGAIN_MS 1000

/* --- commands ---------------------------------------------------------- */

/* No shell, no secret in argv or environment. */
static int
run(struct ir_rotate *r, const char *what, const char *line,
    const struct ir_buf *in, struct ir_err *err)
{
	/* of use to ssh, smtp-probe, cred-vault; none is secret */
	static const char *const keep[] = { "SSH_AUTH_SOCK", "QUELL_SES_SMTP",
		"QUELL_VAULT", "QUELL_STATE_DIR", "QUELL_MAILHOST_CMD",
		"AWS_CA_BUNDLE", "SSL_CERT_FILE", NULL };
	struct ir_proc_result res = IR_PROC_RESULT(65536);
	struct ir_rotate_words w;
	struct ir_proc p = { .argv = w.argv, .keep_env = keep,
		.inherit_stderr = true, .timeout_ms = COMMAND_MS };
	int rc;

	(void)r;
	if (ir_rotate_words(line, &w, err))
		return -1;
	if (in) {
		p.in = in->data;
		p.in_len = in->len;
	}
	/* what it prints is its own affair, and may hold the secret */
	res.out.wipe = res.err.wipe = true;
	rc = ir_proc_run(&p, &res, err);
	if (rc == 0 && res.status) {
		rc = ir_fail(err, res.status == IR_TEMPFAIL ? IR_TEMPFAIL :
		    IR_UNAVAILABLE, "--%s: %s: exit code %d", what, w.argv[0],
		    res.status);
		ir_hint(err, "--resume begins with this step");
	} else if (rc) {
		ir_fail_prefix(err, "--%s", what);
	}
	ir_buf_free(&res.out);
	ir_buf_free(&res.err);
	return rc;
}

static int
publish_command(struct ir_rotate *r, const struct ir_credential *c,
    struct ir_err *err)
{
	struct ir_buf b = IR_BUF_SECRET(IR_CREDENTIAL_MAX);
	int rc = ir_credential_print(c, IR_CREDENTIAL_BLOCK, &b, err);

	if (rc == 0)
		rc = ir_buf_check(&b, "credential", err);
	if (rc == 0)
		rc = run(r, "publish", r->want.publish, &b, err);
	ir_buf_free(&b);
	return rc;
}

/* --- Secrets Manager --------------------------------------------------- */

/*
 * One JSON object of strings; the values are key ids, base64 and regions:
 * nothing to escape.
 */
static void
secret_string(const struct ir_credential *c, struct ir_buf *b)
{
	size_t i;

	ir_buf_chr(b, '{');
	for (i = 0; i < c->n; i++) {
		ir_buf_fmt(b, "%s\\\"%s\\\":\\\"", i ? "," : "",
		    c->field[i].key);
		ir_buf_add(b, c->field[i].value.data, c->field[i].value.len);
		ir_buf_str(b, "\\\"");
	}
	ir_buf_chr(b, '}');
}

/*
 * The version's name is made of what it holds: put again, by another run, it
 * is the same version.
 */
static void
version_id(struct ir_rotate *r, const char *id, char out[65])
{
	struct ir_buf b = IR_BUF(8192);
	size_t i;

	ir_buf_fmt(&b, "%s %s %s", r->run->account, id,
	    r->want.publish_secret);
	for (i = 0; i < r->nregions; i++)
		ir_buf_fmt(&b, " %s", r->regions[i]);
	ir_sha256_hex(ir_buf_cstr(&b), b.len, out);
	ir_buf_free(&b);
}

static int
put_version(struct ir_rotate *r, const struct ir_credential *c,
    const char *version, struct ir_err *err)
{
	struct ir_buf b = IR_BUF_SECRET(65536);
	struct ir_aws_call call = { .service = "secretsmanager",
		.operation = "PutSecretValue", .region = r->regions[0],
		.body = &b };
	int rc;

	ir_buf_fmt(&b, "{\"SecretId\":\"%s\",\"ClientRequestToken\":\"%s\","
	    "\"VersionStages\":[\"AWSPENDING\"],\"SecretString\":\"",
	    r->want.publish_secret, version);
	secret_string(c, &b);
	ir_buf_str(&b, "\"}");
	rc = ir_buf_check(&b, "secret", err);
	if (rc == 0)
		rc = ir_aws_do(r->run->aws, &call, err);
	ir_aws_call_free(&call);
	ir_buf_free(&b);
	return rc;
}

static int
stage_of(const char *version, const struct ir_rec *stages, void *arg)
{
	const char **current = arg, *s;
	size_t i;

	for (i = 0; i < ir_rec_len(stages); i++) {
		s = ir_rec_cstr(ir_rec_item(stages, i));
		if (s && strcmp(s, "AWSCURRENT") == 0)
			*current = version;
	}
	return 0;
}

/* AWSCURRENT goes to the new version; AWSPREVIOUS follows by itself. */
static int
make_current(struct ir_rotate *r, const char *version, struct ir_err *err)
{
	struct ir_rec *in = ir_rec_object(), *move = ir_rec_object();
	struct ir_aws_call look = { .service = "secretsmanager",
		.operation = "DescribeSecret", .region = r->regions[0],
		.json = in };
	struct ir_aws_call go = { .service = "secretsmanager",
		.operation = "UpdateSecretVersionStage",
		.region = r->regions[0], .json = move };
	const char *current = NULL;
	int rc;

	ir_rec_str(in, "SecretId", r->want.publish_secret);
	rc = ir_aws_do(r->run->aws, &look, err);
	if (rc == 0)
		(void)ir_rec_each(ir_rec_at(look.reply, "VersionIdsToStages"),
		    stage_of, &current);
	if (rc == 0 && !(current && strcmp(current, version) == 0)) {
		ir_rec_str(move, "SecretId", r->want.publish_secret);
		ir_rec_str(move, "VersionStage", "AWSCURRENT");
		ir_rec_str(move, "MoveToVersionId", version);
		if (current)
			ir_rec_str(move, "RemoveFromVersionId", current);
		rc = ir_aws_do(r->run->aws, &go, err);
	}
	ir_aws_call_free(&look);
	ir_aws_call_free(&go);
	ir_rec_free(in);
	ir_rec_free(move);
	return rc;
}

static int
publish_secret(struct ir_rotate *r, const struct ir_credential *c,
    const char *id, struct ir_err *err)
{
	char version[65];

	version_id(r, id, version);
	if (put_version(r, c, version, err) || make_current(r, version, err)) {
		ir_fail_prefix(err, "%s", r->want.publish_secret);
		return -1;
	}
	return 0;
}

/* --- the steps --------------------------------------------------------- */

/* A suspect host gets no new key before its checks pass. */
static int
host_is_checked(struct ir_rotate *r, struct ir_err *err)
{
	char question[512];

	if (!r->want.publish || r->routine)
		return 0;
	if (r->want.host_checked)
		return ir_rot_note(r, "host.checked", "publish", r->old,
		    r->want.host_checked, err);
	snprintf(question, sizeof question, "the new key of %s goes to a host "
	    "that is not said to be clean", r->user);
	if (r->run->sure(r->run->arg, r->user, "user", question, err) == 0)
		return 0;
	ir_hint(err, "--resume with --host-checked='who, how', or "
	    "--confirm=%s", r->user);
	return -1;
}

int
ir_rot_publish_key(struct ir_rotate *r, const struct ir_credential *c,
    const char *id, struct ir_err *err)
{
	int rc = 0;

	if (ir_rot_note(r, "ses-rotate.begin", "publish", id, "publish", err))
		return -1;
	if (r->use_vault && r->want.out)
		rc = ir_rot_write_file(r, c, err);
	if (rc == 0 && r->want.publish_secret)
		rc = publish_secret(r, c, id, err);
	if (rc == 0 && r->want.publish)
		rc = publish_command(r, c, err);
	if (rc == 0 && r->use_vault && r->want.out)
		ir_rec_str(r->entry, "file", r->want.out);
	return rc ? -1 : ir_rot_note(r, "ses-rotate.end", "publish", id,
	    "published", err);
}

int
ir_rot_publish(struct ir_rotate *r, struct ir_err *err)
{
	struct ir_credential c = IR_CREDENTIAL_INIT;
	const char *id = ir_rec_get(r->entry, "new");
	int rc;

	if (!ir_rotate_made(r))
		return ir_fail(err, IR_UNAVAILABLE,
		    "%s: there is no new key to publish", r->user);
	rc = host_is_checked(r, err);
	if (rc == 0)
		rc = ir_rot_load(r, id, &c, err);
	if (rc == 0)
		rc = ir_rot_publish_key(r, &c, id, err);
	ir_credential_free(&c);
	return rc;
}

/* What says "try again" is tried again, as long as a proof may take. */
int
ir_rot_verify(struct ir_rotate *r, struct ir_err *err)
{
	const struct timespec pause = { AGAIN_MS / 1000, 0 };
	int64_t end = ir_mono_ms() + r->run->wait * 1000;
	struct ir_err late = IR_ERR_INIT;
	int rc;

	if (r->run->end && end > r->run->end)
		end = r->run->end;
	for (;;) {
		*err = (struct ir_err)IR_ERR_INIT;
		rc = run(r, "verify", r->want.verify, NULL, err);
		if (rc == 0 || err->code != IR_TEMPFAIL || ir_stopped() ||
		    ir_mono_ms() + AGAIN_MS > end)
			break;
		nanosleep(&pause, NULL);
	}
	return ir_rot_note(r, "ses-rotate.proof", "verify",
	    ir_rec_get(r->entry, "new"), rc ? "not verified" : "verified",
	    rc ? &late : err) || rc ? -1 : 0;
}
