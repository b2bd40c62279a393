/*
 * smtp_password.h - the SES SMTP password of a secret access key in a region
 * (AWS: "Obtaining Amazon SES SMTP credentials", version 4).
 */
#ifndef IR_SMTP_PASSWORD_H
#define IR_SMTP_PASSWORD_H

#include "../core/err.h"
#include "../core/secret.h"

#define IR_SES_PASSWORD_LEN 44

/* 44 characters of base64 into *out.  0, or -1 and 71. */
int ir_ses_smtp_password(const struct ir_secret *secret_key,
    const char *region, struct ir_secret *out, struct ir_err *err);

#endif
