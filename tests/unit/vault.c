/* The vault: what it keeps, and that no change to its file goes unnoticed. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/file.h"
#include "vault/base64.h"
#include "vault/format.h"
#include "vault/import.h"
#include "vault/seal.h"
#include "vault/vault.h"

static char dir[64], path[80], key[96];
static const struct ir_vault_opts plain = { .path = path };
static const struct ir_vault_opts making = { .path = path, .key = key };
static const struct ir_vault_opts old_copy = { .path = path,
	.old_copy = true };

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/quell-vault-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof path, "%s/v", dir);
	snprintf(key, sizeof key, "file:%s/key", dir);
	setenv("QUELL_STATE_DIR", dir, 1);
	unsetenv("QUELL_VAULT_KEY");
	return 0;
}

static int
teardown(void **state)
{
	char command[128];
	pid_t pid = fork();
	int status;

	(void)state;
	snprintf(command, sizeof command, "%s", dir);
	if (pid == 0) {
		execlp("rm", "rm", "-rf", command, (char *)NULL);
		_exit(1);
	}
	return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -1;
}

static struct ir_vault *
open_vault(const struct ir_vault_opts *o, bool write)
{
	struct ir_err err = IR_ERR_INIT;
	struct ir_vault *v;

	if (ir_vault_open(&v, o, write, &err))
		fail_msg("%d: %s", err.code, err.msg);
	return v;
}

static void
put(struct ir_vault *v, const char *name, const char *block, uint32_t want)
{
	struct ir_credential c = IR_CREDENTIAL_INIT;
	struct ir_err err = IR_ERR_INIT;
	uint32_t version = 0;

	if (ir_credential_parse(&c, block, strlen(block), NULL, &err) ||
	    ir_vault_put(v, name, &c, 0, &version, &err))
		fail_msg("%d: %s", err.code, err.msg);
	assert_int_equal(version, want);
	ir_credential_free(&c);
}

static void
has(struct ir_vault *v, const char *name, uint32_t version, const char *want)
{
	struct ir_credential c = IR_CREDENTIAL_INIT;
	struct ir_err err = IR_ERR_INIT;
	int rc = ir_vault_get(v, name, version, &c, &err);

	if (want && rc)
		fail_msg("%d: %s", err.code, err.msg);
	if (want) {
		assert_string_equal(ir_credential_get(&c, "password")->data,
		    want);
		assert_string_equal(ir_credential_get(&c, "name")->data,
		    name);
	} else {
		assert_int_equal(rc, -1);
		assert_int_equal(err.code, IR_NO);
	}
	ir_credential_free(&c);
}

static void
make(void)
{
	struct ir_vault *v = open_vault(&making, true);

	put(v, "ses", "username=AKIA\npassword=one\n", 1);
	put(v, "relay", "username=r\npassword=two\nexpires="
	    "2027-01-01T00:00:00Z\n", 1);
	ir_vault_close(v);
}

static size_t
slurp(unsigned char *b, size_t max)
{
	FILE *f = fopen(path, "r");
	size_t n;

	assert_non_null(f);
	n = fread(b, 1, max, f);
	fclose(f);
	assert_true(n > 0 && n < max);
	return n;
}

static void
spill(const unsigned char *b, size_t n)
{
	struct ir_err err = IR_ERR_INIT;

	assert_int_equal(ir_file_replace(path, b, n, 0600, &err), 0);
}

/* What is at path is refused, to read and to write, with 65 or 78. */
static int
refused(void)
{
	struct ir_err err = IR_ERR_INIT;
	struct ir_vault *v;

	if (ir_vault_open(&v, &plain, false, &err) == 0) {
		ir_vault_close(v);
		return 0;
	}
	assert_null(v);
	if (err.code != IR_DATAERR && err.code != IR_CONFIG)
		fail_msg("%d: %s", err.code, err.msg);
	return err.code;
}

static void
test_keep(void **state)
{
	struct ir_vault *v;
	const struct ir_vault_item *i;
	uint64_t generation;

	(void)state;
	make();
	v = open_vault(&plain, true);
	has(v, "ses", 0, "one");
	has(v, "relay", 1, "two");
	has(v, "relay", 2, NULL);
	has(v, "none", 0, NULL);
	i = ir_vault_item(v, "relay", 0);
	assert_int_equal(i->expires, 1798761600);
	assert_string_equal(i->username, "r");
	generation = ir_vault_generation(v);
	put(v, "ses", "username=AKIA\npassword=one\n", 1);
	/* what get adds is not taken for content */
	put(v, "ses", "name=x\nusername=AKIA\npassword=one\n", 1);
	assert_int_equal(ir_vault_generation(v), generation);
	put(v, "ses", "username=AKIA\npassword=1\n", 2);
	assert_int_equal(ir_vault_generation(v), generation + 1);
	has(v, "ses", 0, "1");
	has(v, "ses", 1, "one");
	ir_vault_close(v);
	v = open_vault(&plain, false);
	has(v, "ses", 0, "1");
	assert_string_equal(ir_vault_source(v), key);
	ir_vault_close(v);
}

static int
collect(const struct ir_vault_item *i, void *arg)
{
	struct ir_buf *b = arg;

	ir_buf_fmt(b, "%s%s/%u", b->len ? " " : "", i->name,
	    (unsigned)i->version);
	return i->version == 9;
}

static void
test_order_and_remove(void **state)
{
	struct ir_err err = IR_ERR_INIT;
	struct ir_buf b = IR_BUF(1000);
	struct ir_vault *v;

	(void)state;
	make();
	v = open_vault(&plain, true);
	put(v, "ses", "password=2\n", 2);
	put(v, "a", "password=3\n", 1);
	ir_vault_each(v, collect, &b);
	assert_string_equal(b.data, "a/1 relay/1 ses/1 ses/2");
	assert_int_equal(ir_vault_remove(v, "none", 0, &err), 0);
	assert_int_equal(ir_vault_remove(v, "ses", 7, &err), 0);
	assert_int_equal(ir_vault_remove(v, "ses", 1, &err), 1);
	put(v, "ses", "password=4\n", 3);
	assert_int_equal(ir_vault_remove(v, "ses", 0, &err), 2);
	ir_vault_close(v);
	v = open_vault(&plain, false);
	ir_buf_trunc(&b, 0);
	ir_vault_each(v, collect, &b);
	assert_string_equal(b.data, "a/1 relay/1");
	assert_int_equal(ir_vault_remove(v, "a", 0, &err), -1);
	assert_int_equal(err.code, IR_SOFTWARE);
	ir_vault_close(v);
	ir_buf_free(&b);
}

static void
test_every_byte(void **state)
{
	static const unsigned char masks[] = { 1, 0x20, 0x80, 0xff };
	unsigned char b[4096];
	size_t n, i, k;

	(void)state;
	make();
	n = slurp(b, sizeof b);
	for (i = 0; i < n; i++)
		for (k = 0; k < sizeof masks; k++) {
			b[i] ^= masks[k];
			spill(b, n);
			if (!refused())
				fail_msg("byte %zu ^ %02x is taken", i,
				    masks[k]);
			b[i] ^= masks[k];
		}
	spill(b, n);
	assert_int_equal(refused(), 0);
}

static void
test_every_length(void **state)
{
	unsigned char b[4096];
	size_t n, i;

	(void)state;
	make();
	n = slurp(b, sizeof b);
	for (i = 0; i < n; i++) {
		spill(b, i);
		if (refused() != IR_DATAERR)
			fail_msg("%zu bytes of %zu are taken", i, n);
	}
	b[n] = '\n';
	spill(b, n + 1);
	assert_int_equal(refused(), IR_DATAERR);
}

/* The records of one file under the head and the MAC of another. */
static void
compose(const struct ir_vault_file *f, const struct ir_vault_sealed *s,
    size_t n)
{
	struct ir_buf b = IR_BUF(65536);
	size_t i;

	ir_vault_add_head(&b, &f->head, n);
	for (i = 0; i < n; i++)
		ir_vault_add_sealed(&b, &s[i]);
	ir_buf_add(&b, f->mac, IR_VAULT_MAC);
	spill((unsigned char *)b.data, b.len);
	ir_buf_free(&b);
}

static void
test_puzzles(void **state)
{
	unsigned char b[4096], later[4096];
	struct ir_vault_file f, g;
	struct ir_vault_sealed s[8];
	struct ir_err err = IR_ERR_INIT;
	struct ir_vault *v;
	size_t n, m;

	(void)state;
	make();
	n = slurp(b, sizeof b);
	assert_int_equal(ir_vault_parse(&f, b, n, &err), 0);
	assert_int_equal(f.n, 2);
	compose(&f, f.sealed, 2);
	assert_int_equal(refused(), 0);
	/* swapped */
	s[0] = f.sealed[1];
	s[1] = f.sealed[0];
	compose(&f, s, 2);
	assert_int_equal(refused(), IR_DATAERR);
	/* the box of one under the label of the other */
	s[0] = f.sealed[0];
	s[1] = f.sealed[1];
	s[0].box = f.sealed[1].box;
	s[0].nbox = f.sealed[1].nbox;
	compose(&f, s, 2);
	assert_int_equal(refused(), IR_DATAERR);
	/* one left out, one twice */
	compose(&f, f.sealed, 1);
	assert_int_equal(refused(), IR_DATAERR);
	s[0] = s[1] = f.sealed[0];
	s[2] = f.sealed[1];
	compose(&f, s, 3);
	assert_int_equal(refused(), IR_DATAERR);
	/* an older record in a newer file */
	compose(&f, f.sealed, 2);
	v = open_vault(&plain, true);
	put(v, "ses", "username=AKIA\npassword=uno\n", 2);
	ir_vault_close(v);
	m = slurp(later, sizeof later);
	assert_int_equal(ir_vault_parse(&g, later, m, &err), 0);
	assert_int_equal(g.n, 3);
	memcpy(s, g.sealed, 3 * sizeof *s);
	s[2] = f.sealed[0];
	compose(&g, s, 3);
	assert_int_equal(refused(), IR_DATAERR);
	/* an older file under a newer generation */
	f.head.generation = g.head.generation + 1;
	compose(&f, f.sealed, 2);
	assert_int_equal(refused(), IR_DATAERR);
	ir_vault_file_free(&f);
	ir_vault_file_free(&g);
}

static void
test_old_copy(void **state)
{
	unsigned char b[4096];
	struct ir_vault *v;
	size_t n;

	(void)state;
	make();
	n = slurp(b, sizeof b);
	v = open_vault(&plain, true);
	put(v, "ses", "password=three\n", 2);
	ir_vault_close(v);
	spill(b, n);
	assert_int_equal(refused(), IR_CONFIG);
	v = open_vault(&old_copy, false);
	has(v, "ses", 0, "one");
	ir_vault_close(v);
	assert_int_equal(refused(), IR_CONFIG);
	/* a change makes it newer than all that was seen */
	v = open_vault(&old_copy, true);
	put(v, "ses", "password=four\n", 2);
	ir_vault_close(v);
	v = open_vault(&plain, false);
	has(v, "ses", 0, "four");
	ir_vault_close(v);
}

/* Another vault in its place, with a key that opens it. */
static void
test_other_vault(void **state)
{
	unsigned char b[4096];
	struct ir_vault *v;
	size_t n;

	(void)state;
	make();
	n = slurp(b, sizeof b);
	unlink(path);
	v = open_vault(&making, true);	/* a person may do so */
	put(v, "other", "password=x\n", 1);
	ir_vault_close(v);
	spill(b, n);
	assert_int_equal(refused(), IR_CONFIG);
}

static void
test_fork(void **state)
{
	unsigned char b[4096], one[4096];
	char seen[128], kept[128];
	struct ir_vault *v;
	size_t n, m;

	(void)state;
	make();
	snprintf(seen, sizeof seen, "%s/vaults", dir);
	snprintf(kept, sizeof kept, "%s/kept", dir);
	n = slurp(b, sizeof b);
	assert_int_equal(rename(seen, kept), 0);
	v = open_vault(&plain, true);
	put(v, "ses", "password=a\n", 2);
	ir_vault_close(v);
	m = slurp(one, sizeof one);
	snprintf(kept, sizeof kept, "%s/other", dir);
	assert_int_equal(rename(seen, kept), 0);
	spill(b, n);
	v = open_vault(&plain, true);
	put(v, "ses", "password=b\n", 2);
	ir_vault_close(v);
	/* of the same generation, genuine, and not what was seen */
	spill(one, m);
	assert_int_equal(refused(), IR_CONFIG);
}

static void
test_key(void **state)
{
	char other[96], moved[128], to[112];
	const struct ir_vault_opts at = { .path = path, .key = moved };
	struct ir_err err = IR_ERR_INIT;
	struct ir_vault *v;

	(void)state;
	make();
	snprintf(other, sizeof other, "%s/key", dir);
	snprintf(to, sizeof to, "%s/moved", dir);
	snprintf(moved, sizeof moved, "file:%s", to);
	/* open to others, then gone */
	chmod(other, 0440);
	assert_int_equal(refused(), IR_CONFIG);
	chmod(other, 0400);
	assert_int_equal(rename(other, to), 0);
	assert_int_equal(refused(), IR_CONFIG);
	v = open_vault(&at, false);
	has(v, "ses", 0, "one");
	ir_vault_close(v);
	/* another one, one that is too short, a link */
	assert_int_equal(ir_file_create(other, "0123456789abcdef"
	    "0123456789abcdef", 32, 0400, &err), 0);
	assert_int_equal(refused(), IR_DATAERR);
	unlink(other);
	assert_int_equal(ir_file_create(other, "0123456789", 10, 0400, &err),
	    0);
	assert_int_equal(refused(), IR_CONFIG);
	unlink(other);
	assert_int_equal(symlink(to, other), 0);
	assert_int_equal(refused(), IR_CONFIG);
}

static void
test_rekey(void **state)
{
	char to[112], was[96];
	unsigned char before[4096], after[4096];
	struct ir_err err = IR_ERR_INIT;
	struct ir_vault *v;
	size_t n, m;

	(void)state;
	make();
	n = slurp(before, sizeof before);
	snprintf(to, sizeof to, "file:%s/second", dir);
	v = open_vault(&plain, true);
	assert_int_equal(ir_vault_rekey(v, to, &err), 0);
	has(v, "ses", 0, "one");
	put(v, "ses", "password=after\n", 2);
	ir_vault_close(v);
	snprintf(was, sizeof was, "%s/key", dir);
	unlink(was);
	v = open_vault(&plain, false);
	assert_string_equal(ir_vault_source(v), to);
	has(v, "ses", 1, "one");
	has(v, "ses", 2, "after");
	has(v, "relay", 1, "two");
	ir_vault_close(v);
	m = slurp(after, sizeof after);
	/* nothing sealed is as it was */
	assert_null(memmem(after, m, before + n - 100, 16));
	/* a source that fails leaves everything as it is */
	v = open_vault(&plain, true);
	assert_int_equal(ir_vault_rekey(v, "systemd:none", &err), -1);
	assert_int_equal(err.code, IR_CONFIG);
	assert_int_equal(ir_vault_rekey(v, "nothing:none", &err), -1);
	assert_int_equal(err.code, IR_USAGE);
	has(v, "ses", 0, "after");
	ir_vault_close(v);
	assert_int_equal(slurp(before, sizeof before), m);
	assert_memory_equal(before, after, m);
}

static void
test_file_rules(void **state)
{
	char link[96];
	struct ir_err err = IR_ERR_INIT;
	struct ir_vault *v;

	(void)state;
	assert_int_equal(ir_vault_open(&v, &plain, true, &err), -1);
	assert_int_equal(err.code, IR_NOINPUT);
	make();
	chmod(path, 0640);
	assert_int_equal(refused(), IR_CONFIG);
	chmod(path, 0600);
	snprintf(link, sizeof link, "%s/link", dir);
	assert_int_equal(rename(path, link), 0);
	assert_int_equal(symlink(link, path), 0);
	assert_int_equal(refused(), IR_CONFIG);
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(refused(), IR_CONFIG);
	rmdir(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(refused(), IR_CONFIG);
	unlink(path);
	assert_int_equal(rename(link, path), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(path, 65534, 65534), 0);
		assert_int_equal(refused(), IR_CONFIG);
	}
}

static void
test_names(void **state)
{
	struct ir_credential c = IR_CREDENTIAL_INIT;
	struct ir_err err = IR_ERR_INIT;
	struct ir_vault *v;
	char big[200];

	(void)state;
	memset(big, 'n', sizeof big);
	big[129] = '\0';
	assert_false(ir_vault_name_ok(big));
	big[128] = '\0';
	assert_true(ir_vault_name_ok(big));
	assert_true(ir_vault_name_ok("a/b.c_d@e+f-1"));
	assert_false(ir_vault_name_ok(""));
	assert_false(ir_vault_name_ok("-n"));
	assert_false(ir_vault_name_ok("a b"));
	assert_false(ir_vault_name_ok("a\nb"));
	v = open_vault(&making, true);
	assert_int_equal(ir_credential_set(&c, "password", "x", 1, &err), 0);
	assert_int_equal(ir_vault_put(v, "a b", &c, 0, NULL, &err), -1);
	assert_int_equal(err.code, IR_DATAERR);
	assert_int_equal(ir_credential_set(&c, "username", big, 128, &err),
	    0);
	assert_int_equal(ir_vault_put(v, big, &c, 0, NULL, &err), -1);
	assert_int_equal(ir_credential_set(&c, "username", big, 127, &err),
	    0);
	assert_int_equal(ir_vault_put(v, big, &c, 0, NULL, &err), 0);
	assert_int_equal(ir_credential_set(&c, "expires", "soon", 4, &err),
	    0);
	assert_int_equal(ir_vault_put(v, "e", &c, 0, NULL, &err), -1);
	assert_int_equal(err.code, IR_DATAERR);
	ir_credential_free(&c);
	/* only what the label takes: nothing is left for the box */
	assert_int_equal(ir_credential_set(&c, "name", "x", 1, &err), 0);
	assert_int_equal(ir_vault_put(v, "e", &c, 0, NULL, &err), -1);
	ir_credential_free(&c);
	ir_vault_close(v);
	v = open_vault(&plain, false);
	assert_non_null(ir_vault_item(v, big, 1));
	ir_vault_close(v);
}

/* RFC 5869, test case 1, of which this is the first block. */
static void
test_hkdf(void **state)
{
	static const unsigned char salt[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
		10, 11, 12 }, want[] = { 0x3c, 0xb2, 0x5f, 0x25, 0xfa, 0xac,
		0xd5, 0x7a, 0x90, 0x43, 0x4f, 0x64, 0xd0, 0x36, 0x2f, 0x2a,
		0x2d, 0x2d, 0x0a, 0x90, 0xcf, 0x1a, 0x5a, 0x4c, 0x5d, 0xb0,
		0x2d, 0x56, 0xec, 0xc4, 0xc5, 0xbf };
	unsigned char ikm[22], out[32];
	struct ir_err err = IR_ERR_INIT;

	(void)state;
	memset(ikm, 0x0b, sizeof ikm);
	assert_int_equal(ir_vault_hkdf(ikm, sizeof ikm, salt, sizeof salt,
	    "\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9", out, &err), 0);
	assert_memory_equal(out, want, 32);
}

/* NIST's GCM test vectors: AES-256, 96-bit IV, a tag over both. */
static void
test_seal(void **state)
{
	static const unsigned char k[32] = { 0 };
	/* key 0, IV 0, plaintext 16 zeros: test case 14 */
	static const unsigned char sealed[12 + 16 + 16] = {
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0xce, 0xa7, 0x40, 0x3d, 0x4d, 0x60, 0x6b, 0x6e,
		0x07, 0x4e, 0xc5, 0xd3, 0xba, 0xf3, 0x9d, 0x18,
		0xd0, 0xd1, 0xc8, 0xa7, 0x99, 0x99, 0x6b, 0xf0,
		0x26, 0x5b, 0x98, 0xb5, 0xd4, 0x8a, 0xb9, 0x19 };
	const struct ir_vault_aad none = { { "", "" }, { 0, 0 } },
	    some = { { "a", "b" }, { 1, 1 } },
	    other = { { "a", "c" }, { 1, 1 } };
	unsigned char out[64], plain_text[64], zeros[16] = { 0 };
	struct ir_err err = IR_ERR_INIT;

	(void)state;
	assert_int_equal(ir_vault_unseal(k, &none, sealed, sizeof sealed,
	    plain_text, &err), 0);
	assert_memory_equal(plain_text, zeros, 16);
	assert_int_equal(ir_vault_seal(k, &some, "text", 4, out, &err), 0);
	assert_int_equal(ir_vault_unseal(k, &some, out, 32, plain_text, &err),
	    0);
	assert_memory_equal(plain_text, "text", 4);
	assert_int_equal(ir_vault_unseal(k, &other, out, 32, plain_text,
	    &err), -1);
	assert_int_equal(err.code, IR_DATAERR);
	assert_memory_equal(plain_text, zeros, 4);
	assert_int_equal(ir_vault_seal(k, &some, "", 0, out, &err), 0);
	assert_int_equal(ir_vault_unseal(k, &some, out, 28, plain_text, &err),
	    0);
	assert_int_equal(ir_vault_unseal(k, &some, out, 27, plain_text, &err),
	    -1);
}

static void
text(const char *in, const char *want)
{
	struct ir_credential c = IR_CREDENTIAL_INIT;
	struct ir_buf b = IR_BUF_SECRET(65536);
	struct ir_err err = IR_ERR_INIT;
	int rc = ir_import_text(&c, in, strlen(in), &err);

	if (want && rc)
		fail_msg("%s", err.msg);
	if (want) {
		ir_credential_print(&c, IR_CREDENTIAL_BLOCK, &b, &err);
		assert_string_equal(ir_buf_cstr(&b), want);
	} else {
		assert_int_equal(rc, -1);
		assert_int_equal(err.code, IR_DATAERR);
		assert_null(strstr(err.msg, "hunter2"));
	}
	ir_buf_free(&b);
	ir_credential_free(&c);
}

static void
test_import_text(void **state)
{
	(void)state;
	text("hunter2\n", "password=hunter2\n");
	text("BGJ+/ab=\n", "password=BGJ+/ab=\n");
	text("a+b=c\n", "password=a+b=c\n");
	text("# c\n\n  pw==  \n", "password=pw==\n");
	text("PASSWORD=x\n", "password=x\n");
	text("export SMTP_USERNAME=\"AKIA\"\r\nSMTP_PASS='a b#'\r\n",
	    "username=AKIA\npassword=a b#\n");
	text("AWS_ACCESS_KEY_ID = AKIA\nAWS_SECRET_ACCESS_KEY=a/b=\n"
	    "AWS_DEFAULT_REGION=eu-west-1\n",
	    "username=AKIA\nsecret_access_key=a/b=\nregion=eu-west-1\n");
	text("MAIL_HOST=h\nMAIL_PASSWORD=\"a\\\"b\\\\c\\d\"\n",
	    "host=h\npassword=a\"b\\c\\d\n");
	text("user=u\npassword=\n", "username=u\npassword=\n");
	text("username='a\npassword=\"b\n", "username='a\npassword=\"b\n");
	text("", NULL);
	text("# only\n", NULL);
	text("a=1\nhunter2\n", NULL);
	text("user=1\nSMTP_USERNAME=hunter2\n", NULL);
	text("hunter2 hunter2\n", NULL);
	text("a b=hunter2\nc=d\n", NULL);
}

static void
test_base64(void **state)
{
	unsigned char out[64];
	char back[96];
	size_t n, i;

	(void)state;
	for (n = 1; n < 40; n++) {
		for (i = 0; i < n; i++)
			out[i] = (unsigned char)(i * 37 + n);
		i = ir_base64_encode(out, n, back);
		assert_int_equal(strlen(back), i);
		memset(out, 0, sizeof out);
		assert_int_equal(ir_base64_decode(back, i, out, n), n);
		for (i = 0; i < n; i++)
			assert_int_equal(out[i], (unsigned char)(i * 37 + n));
		assert_int_equal(ir_base64_decode(back, strlen(back), out,
		    n - 1), -1);
	}
	assert_int_equal(ir_base64_decode("", 0, out, 64), -1);
	assert_int_equal(ir_base64_decode("abc", 3, out, 64), -1);
	assert_int_equal(ir_base64_decode("a=bc", 4, out, 64), -1);
	assert_int_equal(ir_base64_decode("====", 4, out, 64), -1);
	assert_int_equal(ir_base64_decode("ab c", 4, out, 64), -1);
	assert_int_equal(ir_base64_decode("abcd\n", 5, out, 64), -1);
}

#define VAULT_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		VAULT_TEST(test_keep),
		VAULT_TEST(test_order_and_remove),
		VAULT_TEST(test_every_byte),
		VAULT_TEST(test_every_length),
		VAULT_TEST(test_puzzles),
		VAULT_TEST(test_old_copy),
		VAULT_TEST(test_other_vault),
		VAULT_TEST(test_fork),
		VAULT_TEST(test_key),
		VAULT_TEST(test_rekey),
		VAULT_TEST(test_file_rules),
		VAULT_TEST(test_names),
		cmocka_unit_test(test_hkdf),
		cmocka_unit_test(test_seal),
		cmocka_unit_test(test_import_text),
		cmocka_unit_test(test_base64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
