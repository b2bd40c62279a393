/*
 * config.h - the AWS configuration and credentials files, parsed as the AWS
 * SDKs and Tools Reference Guide ("Shared config and credentials files")
 * describes them.  Pure: bytes in, properties out.
 *
 *	config		[default] [profile NAME] [sso-session NAME]
 *			[services NAME]
 *	credentials	[NAME]
 *
 * Other sections are passed over.  A line is "name = value", split at the
 * first '='; comments are lines that begin with '#' or ';', or what follows
 * a blank and one of these in a value.  An indented line goes on with the
 * value above, or, when that is empty, is a property of its own below it,
 * kept here as "parent.name".  Sections of one name are one; the last value
 * wins; what credentials has wins over config.  Secrets are kept on the
 * secure heap.
 */
#ifndef IR_AWS_CONFIG_H
#define IR_AWS_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "../core/err.h"

#define IR_AWS_CONFIG_MAX (1u << 20)	/* bytes of one file */
#define IR_AWS_CONFIG_PROPS 8192	/* properties of both files */

enum ir_aws_file { IR_AWS_FILE_CONFIG, IR_AWS_FILE_CREDENTIALS };

enum ir_aws_section { IR_AWS_PROFILE, IR_AWS_SSO_SESSION, IR_AWS_SERVICES };

struct ir_aws_config;

struct ir_aws_config *ir_aws_config_new(void);	/* NULL: no memory */
void ir_aws_config_free(struct ir_aws_config *c);	/* wipes it */

/*
 * Add the content of one file.  name is for messages.  0, or -1 and 78
 * ("name:LINE: why"), 71.
 */
int ir_aws_config_parse(struct ir_aws_config *c, enum ir_aws_file file,
    const char *name, const char *bytes, size_t n, struct ir_err *err);

/* A property, or NULL.  Borrowed. */
const char *ir_aws_config_get(const struct ir_aws_config *c,
    enum ir_aws_section section, const char *name, const char *key);
/* The same out of one file only. */
const char *ir_aws_config_get_from(const struct ir_aws_config *c,
    enum ir_aws_file file, enum ir_aws_section section, const char *name,
    const char *key);
bool ir_aws_config_has(const struct ir_aws_config *c,
    enum ir_aws_section section, const char *name);

#endif
