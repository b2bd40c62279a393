/* dkim_key.c - see dkim_key.h */
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "../core/buf.h"
#include "../mail/words.h"
#include "dkim_key.h"
#include "taglist.h"

#define KEY_MAX 8192		/* bytes of base64: RSA of 16384 bits is 2752 */

static bool
has_item(const struct ir_tag *t, const char *word, const char *other)
{
	const char *item;
	size_t at = 0, n;

	while (ir_tag_item(t, ':', &at, &item, &n))
		if ((n == strlen(word) && strncasecmp(item, word, n) == 0) ||
		    (other && n == strlen(other) &&
		    strncasecmp(item, other, n) == 0))
			return true;
	return false;
}

/* Base64 with white space in it; false when it is something else. */
static bool
decode(const struct ir_tag *p, struct ir_buf *out)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t i, chars = 0, pad = 0;

	for (i = 0; i < p->value_len; i++) {
		char c = p->value[i];

		if (strchr(" \t\r\n", c) && c)
			continue;
		if (c == '=')
			pad++;
		else if (pad || !c || !strchr(alphabet, c))
			return false;
		chars++;
	}
	if (chars % 4 || pad > 2 || chars > KEY_MAX)
		return false;
	ir_base64_lenient(out, p->value, p->value_len);
	return !out->bad;
}

static const char *
read_rsa(const struct ir_buf *der, struct ir_dkim_key *k)
{
	const unsigned char *p = (const unsigned char *)der->data;
	const unsigned char *end = p + der->len;
	EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)der->len);

	if (!key) {
		p = (const unsigned char *)der->data;
		key = d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, (long)der->len);
		k->pkcs1 = key != NULL;
	}
	if (!key)
		return "p= is no public key";
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
		k->bits = EVP_PKEY_get_bits(key);
	EVP_PKEY_free(key);
	if (!k->bits)
		return "p= is a key of another kind than k=rsa";
	return p == end ? NULL : "p= has bytes after the key";
}

static const char *
read_key(const struct ir_tag *p, struct ir_dkim_key *k)
{
	struct ir_buf der = IR_BUF(KEY_MAX);
	const char *problem = NULL;

	if (!decode(p, &der)) {
		problem = "p= is not base64";
	} else if (k->type == IR_DKIM_ED25519) {
		k->bits = 256;
		if (der.len != 32)
			problem = "p= is not the 32 bytes of an Ed25519 key";
	} else if (der.len == 0) {
		problem = "p= is no public key";
	} else {
		problem = read_rsa(&der, k);
	}
	ir_buf_free(&der);
	return problem;
}

static const char *
read_tags(const struct ir_tags *t, struct ir_dkim_key *k)
{
	const struct ir_tag *v = ir_tags_find(t, "v"), *tag;
	const struct ir_tag *p = ir_tags_find(t, "p");

	k->no_version = !v;
	if (t->bad)
		return "not a list of tags";
	if (v && (v != &t->tag[0] || v->value_len != 5 ||
	    memcmp(v->value, "DKIM1", 5)))
		return "v= is not DKIM1, or not the first tag";
	if (!p)
		return "no p= tag";
	tag = ir_tags_find(t, "k");
	k->type = !tag || ir_tag_is(tag, "rsa") ? IR_DKIM_RSA :
	    ir_tag_is(tag, "ed25519") ? IR_DKIM_ED25519 : IR_DKIM_UNKNOWN;
	tag = ir_tags_find(t, "t");
	k->testing = tag && has_item(tag, "y", NULL);
	k->same_domain = tag && has_item(tag, "s", NULL);
	if (p->value_len == 0) {
		k->revoked = true;
		return NULL;
	}
	tag = ir_tags_find(t, "h");
	if (tag && !has_item(tag, "sha256", NULL))
		return "h= does not allow sha256";
	tag = ir_tags_find(t, "s");
	if (tag && !has_item(tag, "email", "*"))
		return "s= does not allow email";
	return k->type == IR_DKIM_UNKNOWN ? "k= is a kind that is not known" :
	    read_key(p, k);
}

void
ir_dkim_key_parse(const char *s, size_t n, struct ir_dkim_key *k)
{
	struct ir_tags t;

	memset(k, 0, sizeof *k);
	ir_tags_parse(s, n, &t);
	k->problem = read_tags(&t, k);
}

bool
ir_dkim_is_key(const char *s, size_t n)
{
	struct ir_tags t;

	ir_tags_parse(s, n, &t);
	return ir_tags_find(&t, "p") || ir_tag_is(ir_tags_find(&t, "v"),
	    "DKIM1");
}

static bool
copy_name(const struct ir_tag *t, char out[256])
{
	size_t i;

	if (!t || t->value_len == 0 || t->value_len > 253)
		return false;
	for (i = 0; i < t->value_len; i++) {
		char c = t->value[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || c == '-' || c == '_' ||
		    c == '.'))
			return false;
		out[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
	}
	out[i] = '\0';
	return true;
}

bool
ir_dkim_signature(const char *s, size_t n, char domain[256],
    char selector[256])
{
	struct ir_tags t;

	ir_tags_parse(s, n, &t);
	return copy_name(ir_tags_find(&t, "d"), domain) &&
	    copy_name(ir_tags_find(&t, "s"), selector);
}
