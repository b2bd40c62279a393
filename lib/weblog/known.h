/*
 * known.h - what a path is by its name: a thing that many sites have and that
 * sends no mail, a login that is guessed at, a form, or a script where none
 * belongs.  Names deceive: what mail follows is judged by that first.
 */
#ifndef IR_WEBLOG_KNOWN_H
#define IR_WEBLOG_KNOWN_H

enum ir_web_kind {
	IR_WEB_PLAIN,
	IR_WEB_HONEST,		/* cron, heartbeat, health, search */
	IR_WEB_PAID,		/* shops, payments: each has its mail */
	IR_WEB_LOGIN,		/* its POSTs are guesses at passwords */
	IR_WEB_FORM,		/* named as forms that send mail are */
	IR_WEB_PLACE		/* a script in a folder for uploads, caches, or
				 * of those that are never asked for */
};

struct ir_web_known {
	enum ir_web_kind kind;
	const char *name;	/* "wp-cron"; of IR_WEB_PLAIN NULL */
};

struct ir_web_known ir_web_known(const char *path);

#endif
