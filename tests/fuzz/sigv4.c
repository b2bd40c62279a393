/* sigv4.c - path, query and a header of a request to sign */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "aws/sigv4.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Lines: path, query, header value. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *s = malloc(n + 1), *part[3] = { NULL, NULL, NULL };
	char secret[] = "secret";
	struct ir_secret key = { secret, 6 };
	struct ir_http_header h[] = { { "Host", "h" }, { "X-Amz-A", "" } };
	struct ir_sigv4_req r = { .method = "GET", .headers = h,
	    .nheaders = 2, .key_id = "k", .secret = &key, .region = "r",
	    .service = "s" };
	struct ir_sigv4 out;
	size_t i;

	if (!s)
		abort();
	memcpy(s, data, n);
	s[n] = '\0';
	part[0] = s;
	for (i = 1; i < 3; i++) {
		part[i] = strchr(part[i - 1], '\n');
		if (part[i])
			*part[i]++ = '\0';
		else
			part[i] = s + n;
	}
	r.path = part[0];
	r.query = part[1];
	h[1].value = part[2];
	ir_sigv4_sign(&r, &out, NULL);
	ir_sigv4_free(&out);
	free(s);
	return 0;
}
