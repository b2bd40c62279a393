/* aws_xml.c - XML answers as trees, and what is refused */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "aws/xml.h"

static void
becomes(const char *xml, const char *json)
{
	struct ir_err err = IR_ERR_INIT;
	struct ir_rec *r = ir_xml_parse(xml, strlen(xml), NULL, NULL, &err);
	struct ir_buf b = IR_BUF(1 << 20);

	if (!r)
		print_message("%s\n", err.msg);
	assert_non_null(r);
	ir_rec_json(r, &b);
	assert_string_equal(ir_buf_cstr(&b), json);
	ir_buf_free(&b);
	ir_rec_free(r);
}

static void
refused(const char *xml, const char *why)
{
	struct ir_err err = IR_ERR_INIT;

	assert_null(ir_xml_parse(xml, strlen(xml), NULL, NULL, &err));
	assert_int_equal(err.code, IR_PROTOCOL);
	assert_non_null(strstr(err.msg, why));
}

static void
trees(void **state)
{
	(void)state;
	becomes("<AResponse xmlns=\"u\"><AResult><X>1</X></AResult>"
	    "<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>"
	    "</AResponse>", "{\"X\":\"1\"}");
	becomes("<AResponse><ResponseMetadata><RequestId>r</RequestId>"
	    "</ResponseMetadata></AResponse>", "{}");
	becomes("<AResponse><AResult/></AResponse>", "{}");
	becomes("<AResponse/>", "{}");
	becomes("<AResponse><AResult><L><member>a</member></L></AResult>"
	    "</AResponse>", "{\"L\":[\"a\"]}");
	becomes("<AResponse><AResult><L>\n<member><K>1</K></member>\n"
	    "<member><K>2</K></member></L><E/></AResult></AResponse>",
	    "{\"L\":[{\"K\":\"1\"},{\"K\":\"2\"}],\"E\":\"\"}");
	becomes("<AResponse><s><item>1</item><item>2</item></s></AResponse>",
	    "{\"s\":[\"1\",\"2\"]}");
	becomes("<AResponse><m><entry><key>k</key><value>v</value></entry></m>"
	    "</AResponse>", "{\"m\":[{\"key\":\"k\",\"value\":\"v\"}]}");
	/* a flattened list */
	becomes("<AResponse><t>1</t><t>2</t><u>3</u></AResponse>",
	    "{\"t\":[\"1\",\"2\"],\"u\":\"3\"}");
	/* member beside others is no list */
	becomes("<AResponse><o><member>1</member><x>2</x></o></AResponse>",
	    "{\"o\":{\"member\":\"1\",\"x\":\"2\"}}");
	becomes("<AResponse><o><x>2</x><member>1</member></o></AResponse>",
	    "{\"o\":{\"x\":\"2\",\"member\":\"1\"}}");
	becomes("<AResponse><x> &lt;&amp;&#x41; <![CDATA[<b>]]></x>"
	    "</AResponse>", "{\"x\":\" <&A <b>\"}");
	becomes("<ErrorResponse><Error><Code>C</Code></Error></ErrorResponse>",
	    "{\"Error\":{\"Code\":\"C\"}}");
	becomes("<Response><Errors><Error><Code>C</Code></Error></Errors>"
	    "</Response>", "{\"Errors\":{\"Error\":{\"Code\":\"C\"}}}");
}

static void
bad_documents(void **state)
{
	struct ir_buf deep = IR_BUF(1 << 16);
	int i;

	(void)state;
	refused("", "no element");
	refused("<AResponse><x>1</x>", "line 1");
	refused("<AResponse></BResponse>", "mismatch");
	refused("<html/>", "no answer of AWS");
	refused("{\"a\":1}", "line 1");
	refused("<AResponse>&x;</AResponse>", "undefined");
	refused("<!DOCTYPE x><AResponse/>", "document type");
	refused("<!DOCTYPE l [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>"
	    "<AResponse>&b;</AResponse>", "document type");
	refused("<AResponse><a>1</a><b/><a>2</a></AResponse>", "twice");
	refused("<AResponse/><AResponse/>", "junk");
	ir_buf_str(&deep, "<AResponse>");
	for (i = 0; i < IR_XML_DEPTH; i++)
		ir_buf_str(&deep, "<a>");
	refused(deep.data, "deep");
	ir_buf_free(&deep);
}

static void
too_many_elements(void **state)
{
	struct ir_buf b = IR_BUF(IR_XML_MAX);
	int i;

	(void)state;
	ir_buf_str(&b, "<AResponse><l>");
	for (i = 0; i < IR_XML_NODES; i++)
		ir_buf_str(&b, "<member/>");
	refused(b.data, "too many");
	ir_buf_free(&b);
}

static void
secrets_leave_the_tree(void **state)
{
	static const char xml[] = "<AResponse><AResult><Key><Id>i</Id>"
	    "<SecretAccessKey>a/b+&amp;c</SecretAccessKey></Key></AResult>"
	    "</AResponse>";
	struct ir_secret s = IR_SECRET_INIT;
	struct ir_err err = IR_ERR_INIT;
	struct ir_rec *r = ir_xml_parse(xml, sizeof xml - 1,
	    "SecretAccessKey", &s, &err);

	(void)state;
	assert_non_null(r);
	assert_string_equal(ir_rec_get(r, "Key.SecretAccessKey"), "***");
	assert_string_equal(ir_rec_get(r, "Key.Id"), "i");
	assert_string_equal(s.data, "a/b+&c");
	assert_int_equal(s.len, 6);
	ir_rec_free(r);
	ir_secret_free(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trees),
		cmocka_unit_test(bad_documents),
		cmocka_unit_test(too_many_elements),
		cmocka_unit_test(secrets_leave_the_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
