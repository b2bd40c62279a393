/* authdetails.c - an account's authorization details, and who may send */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "aws/authdetails.h"
#include "aws/sending.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
judge(const struct ir_auth *a, const struct ir_auth_entity *e)
{
	char arn[] = "arn:aws:ses:us-east-1:1:identity/x", name[] = "x";
	struct ir_identity id = { .arn = arn, .name = name,
		.region = "us-east-1" };
	const struct ir_identities ids = { .v = &id, .n = 1 };
	struct ir_auth_rights r;
	struct ir_sender s = { .entity = e, .rights = &r, .account = "1",
		.now = 1780000000 };
	struct ir_simulation m;
	struct ir_sending out;

	if (ir_auth_rights(a, e, &r, NULL))
		return;
	(void)ir_sending_judge(&ids, &s, &ir_send_actions[0], &out, NULL);
	ir_simulation_ask(&m, &s, &id);
	ir_auth_rights_free(&r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct ir_rec *r = ir_rec_parse((const char *)data, n, NULL);
	struct ir_auth a = { .n = 0 };
	size_t i;

	if (r && ir_auth_page(&a, r, NULL) == 0 &&
	    ir_auth_finish(&a, NULL) == 0)
		for (i = 0; i < a.n && i < 20; i++)
			judge(&a, a.entity[i]);
	ir_auth_free(&a);
	ir_rec_free(r);
	return 0;
}
