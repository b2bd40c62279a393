/* mime.c - the tree of a mail, its limits, and HTML to text */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "mail/html.h"
#include "mail/mime.h"

static void
text_is(const struct ir_mime *m, size_t part, const char *want)
{
	struct ir_buf b = IR_BUF(1U << 20);

	ir_mime_text(m, part, &b);
	assert_string_equal(ir_buf_cstr(&b), want);
	ir_buf_free(&b);
}

static void
header_is(const struct ir_mime *m, size_t part, const char *name,
    const char *want)
{
	struct ir_buf b = IR_BUF(1U << 20);

	assert_true(ir_mime_get(m, part, name, &b));
	assert_string_equal(ir_buf_cstr(&b), want);
	ir_buf_free(&b);
}

static void
parse(struct ir_mime *m, const char *s)
{
	assert_int_equal(ir_mime_parse(m, s, strlen(s)), 0);
}

static void
headers(void **state)
{
	struct ir_mime m;

	(void)state;
	parse(&m, "From x Mon\nSubject: a\r\n b\nsubject: second\njunk\n"
	    "X : y\n\nbody\n");
	header_is(&m, 0, "SUBJECT", "a b");
	assert_int_equal(ir_mime_header_count(&m, 0, "Subject"), 2);
	header_is(&m, 0, "X", "y");
	assert_null(ir_mime_header(&m, 0, "Y", 0));
	text_is(&m, 0, "body\n");
	assert_null(m.partial);
	ir_mime_free(&m);

	parse(&m, "Subject: mac\rTo: x\r\rline\rtwo\r");
	header_is(&m, 0, "Subject", "mac");
	text_is(&m, 0, "line\ntwo\n");
	ir_mime_free(&m);

	parse(&m, "no head at all\nSubject: x\n");
	assert_int_equal(m.parts[0].headers, 0);
	text_is(&m, 0, "no head at all\nSubject: x\n");
	ir_mime_free(&m);

	parse(&m, "");
	assert_int_equal(m.n, 1);
	ir_mime_free(&m);
}

static void
encodings(void **state)
{
	struct ir_mime m;

	(void)state;
	parse(&m, "Content-Type: text/plain; charset=utf-8\n"
	    "Content-Transfer-Encoding: Quoted-Printable\n\n"
	    "a=\nb =C3=A9 =3D =zz \n");
	text_is(&m, 0, "ab \xc3\xa9 = =zz \n");
	ir_mime_free(&m);

	parse(&m, "Content-Transfer-Encoding: base64\n\nYWI=\nY2Q=\nRU5E");
	text_is(&m, 0, "abcdEND");
	ir_mime_free(&m);

	parse(&m, "Content-Type: text/plain; charset=\"ISO-2022-JP\"\n\n"
	    "\x1b$B$\"\x1b(B\n");
	text_is(&m, 0, "\xe3\x81\x82\n");
	ir_mime_free(&m);

	parse(&m, "Content-Type: text/plain; format=flowed\n\n"
	    "one \ntwo\n>q \n>r\n from\n-- \nsig\n");
	text_is(&m, 0, "one two\n>q r\nfrom\n-- \nsig\n");
	ir_mime_free(&m);

	parse(&m, "Content-Type: text/plain; format=flowed\n\n"
	    "Regards \n---Beginning\n");
	text_is(&m, 0, "Regards \n---Beginning\n");
	ir_mime_free(&m);

	parse(&m, "Content-Type: text/plain; format=flowed; delsp=yes\n\n"
	    "us- \nwest-2\n");
	text_is(&m, 0, "us-west-2\n");
	ir_mime_free(&m);
}

static void
trees(void **state)
{
	struct ir_mime m;

	(void)state;
	parse(&m, "Content-Type: multipart/mixed;\n boundary=\"a b\"\n\n"
	    "preamble\n--a b\n\none\n--a bc\nstill one\n--a b\n"
	    "Content-Type: message/rfc822\n\nSubject: inner\n\ntwo\n"
	    "--a b--\nepilogue\n");
	assert_int_equal(m.n, 4);
	text_is(&m, 1, "one\n--a bc\nstill one");
	assert_int_equal(m.parts[2].kind, IR_MIME_MESSAGE);
	header_is(&m, 3, "Subject", "inner");
	text_is(&m, 3, "two");
	assert_int_equal(m.parts[3].message, 1);
	assert_null(m.partial);
	ir_mime_free(&m);

	/* no end, and an encoded message */
	parse(&m, "Content-Type: multipart/mixed; boundary=b\n\n--b\n"
	    "Content-Type: message/rfc822\n"
	    "Content-Transfer-Encoding: base64\n\n"
	    "U3ViamVjdDogYQoKYgo=\n");
	assert_int_equal(m.n, 3);
	header_is(&m, 2, "Subject", "a");
	assert_non_null(m.partial);
	ir_mime_free(&m);

	parse(&m, "Content-Type: message/rfc822\n\n"
	    "Subject: mac\r\rx\r");
	header_is(&m, 1, "Subject", "mac");
	text_is(&m, 1, "x\n");
	ir_mime_free(&m);

	/* no boundary said: the first that looks like one */
	parse(&m, "Content-Type: multipart/mixed\n\n--xyz\n\none\n--xyz--\n");
	assert_int_equal(m.n, 2);
	text_is(&m, 1, "one");
	ir_mime_free(&m);

	/* what is in a digest is a message, unless it says otherwise */
	parse(&m, "Content-Type: multipart/digest; boundary=b\n\n--b\n\n"
	    "Subject: first\n\none\n--b\nContent-Type: text/plain\n\ntwo\n"
	    "--b--\n");
	assert_int_equal(m.n, 4);
	assert_int_equal(m.parts[1].kind, IR_MIME_MESSAGE);
	header_is(&m, 2, "Subject", "first");
	text_is(&m, 3, "two");
	ir_mime_free(&m);

	/* two boundaries in a row have no part between them */
	parse(&m, "Content-Type: multipart/mixed; boundary=b\n\n--b\n--b\n\n"
	    "one\n--b--\n");
	assert_int_equal(m.n, 2);
	text_is(&m, 1, "one");
	ir_mime_free(&m);

	parse(&m, "Content-Type: application/pdf; name=\"a;b.pdf\"\n"
	    "Content-Disposition: attachment\n\nx\n");
	assert_true(m.parts[0].attachment);
	assert_string_equal(m.parts[0].type, "application/pdf");
	ir_mime_free(&m);
}

static char *
repeat(const char *head, const char *s, size_t times)
{
	size_t n = strlen(head), len = strlen(s), i;
	char *out = malloc(n + len * times + 1);

	assert_non_null(out);
	memcpy(out, head, n);
	for (i = 0; i < times; i++)
		memcpy(out + n + i * len, s, len);
	out[n + len * times] = '\0';
	return out;
}

static void
limits(void **state)
{
	struct ir_mime m;
	char *s;

	(void)state;
	s = repeat("", "Content-Type: message/rfc822\n\n", 2000);
	parse(&m, s);
	assert_string_equal(m.partial, "nested too deeply");
	assert_true(m.n <= IR_MIME_DEPTH + 1);
	ir_mime_free(&m);
	free(s);

	s = repeat("Content-Type: multipart/mixed; boundary=b\n\n",
	    "--b\n\nx\n", 20000);
	parse(&m, s);
	assert_string_equal(m.partial, "too many parts");
	assert_int_equal(m.n, IR_MIME_PARTS);
	ir_mime_free(&m);
	free(s);

	s = repeat("", "X: y\n", 5000);
	parse(&m, s);
	assert_string_equal(m.partial, "too many header fields");
	assert_int_equal(m.parts[0].headers, IR_MIME_HEADERS);
	ir_mime_free(&m);
	free(s);

	s = repeat("Subject: ", "xxxxxxxxxx", 10000);
	parse(&m, s);
	assert_string_equal(m.partial, "a header field is too long");
	ir_mime_free(&m);
	free(s);
}

static void
html_is(const char *in, const char *want)
{
	struct ir_buf b = IR_BUF(1U << 20);

	ir_html_text(&b, in, strlen(in));
	assert_string_equal(ir_buf_cstr(&b), want);
	ir_buf_free(&b);
}

static void
html(void **state)
{
	(void)state;
	html_is("<b>phish</b>ing us-<wbr>west-2 a&shy;b c\xc2\xad" "d",
	    "phishing us-west-2 ab cd");
	html_is("<p>a</p><div>b<br>c</div>", "a\nb\nc\n");
	html_is("<td>x</td><td>y</td>", "x y");
	html_is("<style>p{}</style><script>1<2</script>z", "z");
	html_is("<head><title>t</title></head>z", "z");
	html_is("a<!-- b > c -->d", "ad");
	html_is("<p title=\"x > y\">q", "q");
	html_is("<p title=\"x>y", "y");
	html_is("1 < 2 &amp; 3 &gt; 2 &#40;&#x41; &nosuch; &",
	    "1 < 2 & 3 > 2 (A &nosuch; &");
	html_is("a  \n\t b&nbsp;c", "a b c");
	html_is("<style>never closed", "");
	html_is("x<br/", "x\n");
	html_is("<pre>a  b\n--- c\n</pre>d\ne", "a b\n--- c\nd e");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers),
		cmocka_unit_test(encodings),
		cmocka_unit_test(trees),
		cmocka_unit_test(limits),
		cmocka_unit_test(html),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
