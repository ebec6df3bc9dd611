/* test_address.c - which addresses are public, and the list of those that may be
 * reached all the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>

#include "io/address.h"

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static union address read_address(const char *text)
{
    union address a = { 0 };

    if (strchr(text, ':')) {
        a.v6.sin6_family = AF_INET6;
        assert_int_equal(inet_pton(AF_INET6, text, &a.v6.sin6_addr), 1);
    } else {
        a.v4.sin_family = AF_INET;
        assert_int_equal(inet_pton(AF_INET, text, &a.v4.sin_addr), 1);
    }
    return a;
}

/* Both ends of each network, and what is just outside. */
static void test_public(void **state)
{
    static const char *const no[] = {
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "168.63.129.16",
        "169.254.0.0",
        "169.254.169.254",
        "169.254.255.255",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.0",
        "192.0.0.255",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.0",
        "192.168.255.255",
        "198.18.0.0",
        "198.19.255.255",
        "198.51.100.9",
        "203.0.113.9",
        "224.0.0.0",
        "239.255.255.255",
        "240.0.0.0",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:10.1.2.3",
        "::ffff:169.254.169.254",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "100::1",
        "1fff:ffff::1",
        "2001::1",
        "2001:1ff::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "3fff::1",
        "4000::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
    };
    static const char *const yes[] = {
        "1.0.0.0",         "9.255.255.255",  "11.0.0.0",
        "100.63.255.255",  "100.128.0.0",    "126.255.255.255",
        "128.0.0.0",       "168.63.129.17",  "169.253.255.255",
        "169.255.0.0",     "172.15.255.255", "172.32.0.0",
        "192.0.1.0",       "192.0.3.0",      "192.167.255.255",
        "192.169.0.0",     "198.17.255.255", "198.20.0.0",
        "223.255.255.255", "2001:200::1",    "2001:db9::1",
        "2606:4700::1",    "2002:808:808::", "64:ff9b::808:808",
        "::ffff:8.8.8.8",  "3ffe::1",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(no); i++) {
        union address a = read_address(no[i]);

        if (address_is_public(&a.any))
            fail_msg("%s is said to be public", no[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        union address a = read_address(yes[i]);

        if (!address_is_public(&a.any))
            fail_msg("%s is said not to be public", yes[i]);
    }
    assert_false(address_is_public(&(struct sockaddr){ .sa_family = AF_UNIX }));
}

static bool list_has(const char *text, const char *host, const char *address)
{
    struct err err = ERR_INIT;
    struct address_list *list = address_list_new(text, &err);
    union address a = read_address(address);
    bool has;

    assert_non_null(list);
    has = address_list_has(list, host ? slice_of(host) : SLICE_NONE, &a.any);
    address_list_free(list);
    return has;
}

static void test_list(void **state)
{
    (void)state;
    assert_false(list_has(NULL, "a", "127.0.0.1"));
    assert_false(list_has("", "a", "127.0.0.1"));
    assert_false(list_has("off", "off", "127.0.0.1"));
    assert_true(list_has("on", "a", "127.0.0.1"));
    assert_true(list_has("127.0.0.1", NULL, "127.0.0.1"));
    assert_false(list_has("127.0.0.1", "127.0.0.1", "127.0.0.2"));
    assert_true(list_has("10.1.0.0/16", "a", "10.1.255.255"));
    assert_false(list_has("10.1.0.0/16", "a", "10.2.0.0"));
    assert_true(list_has("10.1.128.0/17", "a", "10.1.128.0"));
    assert_false(list_has("10.1.128.0/17", "a", "10.1.127.255"));
    assert_true(list_has("0.0.0.0/0", "a", "10.2.0.0"));
    assert_false(list_has("0.0.0.0/0", "a", "::1"));
    assert_true(list_has(" crm.local ,, ::1", "CRM.Local", "10.0.0.1"));
    assert_true(list_has("crm.local,::1", "b", "::1"));
    assert_false(list_has("crm.local", "crm.local.evil", "10.0.0.1"));
    assert_false(list_has("crm.local", NULL, "10.0.0.1"));
}

static void test_list_refused(void **state)
{
    static const char *const bad[] = { "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/x",
                                       "10.0.0.0/-1", "::/129",    "a b",
                                       "http://x",    "a/8" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = ERR_INIT;

        if (address_list_new(bad[i], &err))
            fail_msg("%s is taken", bad[i]);
        assert_int_equal(err.kind, ERR_USAGE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_public),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_list_refused),
    };

    return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
