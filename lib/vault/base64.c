/* base64.c - see base64.h */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base64.h"

size_t
ir_base64_encode(const unsigned char *p, size_t n, char *out)
{
	return (size_t)EVP_EncodeBlock((unsigned char *)out, p, (int)n);
}

int
ir_base64_decode(const char *s, size_t n, unsigned char *out, size_t max)
{
	unsigned char last[3];
	size_t pad = 0, whole, i;

	while (pad < 2 && n > pad && s[n - 1 - pad] == '=')
		pad++;
	if (n == 0 || n % 4 || n > 1u << 24 || n / 4 * 3 - pad > max)
		return -1;
	/* the decoder passes over what is none of its letters */
	for (i = 0; i < n - pad; i++)
		if (!s[i] || !strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		    "abcdefghijklmnopqrstuvwxyz0123456789+/", s[i]))
			return -1;
	/* the last group apart: its padding is decoded as zero bytes */
	whole = n - 4;
	if ((whole && EVP_DecodeBlock(out, (const unsigned char *)s,
	    (int)whole) < 0) || EVP_DecodeBlock(last,
	    (const unsigned char *)s + whole, 4) < 0)
		return -1;
	memcpy(out + whole / 4 * 3, last, 3 - pad);
	OPENSSL_cleanse(last, sizeof last);
	return (int)(n / 4 * 3 - pad);
}
