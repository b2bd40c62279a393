/* sha256.c - the small SHA-256 beside libcrypto's, at every edge of a block */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/file.h"
#include "core/sha256.h"

static void
same(void **state)
{
	unsigned char bytes[1000];
	char a[65], b[65];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)(i * 37 + (i >> 3));
	for (i = 0; i <= sizeof bytes; i++) {
		ir_sha256_hex(bytes, i, a);
		ir_sha256_small(bytes, i, b);
		assert_string_equal(a, b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
