/* exim_config.c - fuzz what "exim -bP" answers, and the log's name in it */
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "exim/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct ir_buf b = IR_BUF(65536);
	struct ir_exim_config c;
	char path[PATH_MAX];

	ir_buf_add(&b, data, n < 65536 ? n : 65536);
	ir_exim_config_parse(ir_buf_cstr(&b), b.len, &c);
	ir_buf_free(&b);
	if (ir_exim_mainlog(&c, path) >= 0 && (path[0] != '/' ||
	    strlen(path) >= sizeof path) && c.log_file_path[0])
		abort();
	return 0;
}
