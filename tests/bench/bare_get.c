/*
 * bare_get.c - URL CA-FILE: one GET with libcurl and nothing around it, for
 * bench: what a call costs that is neither signed nor understood.  The same
 * TLS versions and the same way to the certificates as lib/net/http.c.
 */
#include <stdio.h>

#include <curl/curl.h>

static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
	(void)arg;
	return fwrite(p, 1, size * n, stdout);
}

int
main(int argc, char **argv)
{
	CURL *c;
	CURLcode rc;

	if (argc != 3 || curl_global_init(CURL_GLOBAL_DEFAULT) ||
	    !(c = curl_easy_init()))
		return 64;
	curl_easy_setopt(c, CURLOPT_URL, argv[1]);
	curl_easy_setopt(c, CURLOPT_CAINFO, argv[2]);
	curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	rc = curl_easy_perform(c);
	if (rc)
		fprintf(stderr, "bare_get: %s\n", curl_easy_strerror(rc));
	curl_easy_cleanup(c);
	curl_global_cleanup();
	return rc ? 75 : 0;
}
