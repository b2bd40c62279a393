/* log_input.c - packed logs: whatever the bytes are, reading them ends */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "log/input.h"

#define ENOUGH (64u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	int fd = memfd_create("log", MFD_CLOEXEC), rc;
	struct ir_log_input *in;
	const char *p;
	bool cut;
	size_t len, sum = 0;

	if (fd < 0 || write(fd, data, n) != (ssize_t)n ||
	    lseek(fd, 0, SEEK_SET) || ir_log_open_fd(&in, fd, "x", NULL))
		abort();
	while ((rc = ir_log_line(in, &p, &len, &cut, NULL)) == 1) {
		if (len > IR_LOG_LINE_MAX)
			abort();
		sum += len ? (unsigned char)p[len - 1] : 0;
		if (ir_log_bytes_out(in) > ENOUGH)
			break;
	}
	ir_log_close(in);
	return sum == SIZE_MAX;
}
