/* smtp_password.c - see smtp_password.h */
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "sigv4.h"
#include "smtp_password.h"

#define VERSION 0x04
#define MESSAGE "SendRawEmail"
/* The date is a constant of the method: the password does not expire. */
#define DAY "11111111"

int
ir_ses_smtp_password(const struct ir_secret *secret_key, const char *region,
    struct ir_secret *out, struct ir_err *err)
{
	unsigned char key[IR_SIGV4_KEY], raw[1 + IR_SIGV4_KEY];
	unsigned char text[IR_SES_PASSWORD_LEN + 1];
	int rc;

	rc = ir_sigv4_key(secret_key, DAY, region, "ses", key, err);
	if (rc == 0)
		rc = ir_sigv4_hmac(key, sizeof key, MESSAGE,
		    sizeof MESSAGE - 1, raw + 1, err);
	raw[0] = VERSION;
	if (rc == 0) {
		EVP_EncodeBlock(text, raw, sizeof raw);
		rc = ir_secret_set(out, (const char *)text,
		    IR_SES_PASSWORD_LEN, err);
	}
	OPENSSL_cleanse(key, sizeof key);
	OPENSSL_cleanse(raw, sizeof raw);
	OPENSSL_cleanse(text, sizeof text);
	return rc;
}
