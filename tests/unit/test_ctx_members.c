/* test_ctx_members.c - ctx: who may what, whom a command is about, bans. */
#include "ctx_test.h"

#include "base/clock.h"

#define CHAT "'chat_id':" CHAT_ID
#define ASKS "getChatMember {" CHAT ",'user_id':7}\n"
#define ASKS_ME "getChatMember {" CHAT ",'user_id':1}\n"
#define QUOTED                                                                 \
    "'reply_parameters':{'message_id':5,'allow_sending_without_reply':true}"

static void member(const char *json)
{
    ok("getChatMember", json);
}

/* --- who is what ------------------------------------------------------------------- */

static void test_members__are_remembered(void **state)
{
    (void)state;
    handler("log.info('%s %s %s', ctx:is_admin(), ctx:is_admin(8), "
            "ctx:is_creator())\n"
            "same(ctx:member().status, 'administrator') same(ctx:member(9), "
            "nil)");
    member("{'status':'administrator','user':{'id':7}}");
    member("{'status':'creator','user':{'id':8}}");
    fails("getChatMember", 400, "Bad Request: user not found");
    message_ok(",'text':'hi'");
    expect_log("true true false");
    expect(ASKS "getChatMember {" CHAT ",'user_id':8}\n"
                "getChatMember {" CHAT ",'user_id':9}\n");
    message_ok(",'text':'hi'");
    expect_log("true true false");
    expect("");
}

static void test_members__are_forgotten(void **state)
{
    static const char *const updates[] = {
        "'chat_member':{'chat':{'id':" CHAT_ID "},'from':{'id':8},'date':1,"
        "'old_chat_member':{'user':{'id':7},'status':'member'},"
        "'new_chat_member':{'user':{'id':7},'status':'administrator'}}",
        "'message':{'message_id':1,'date':1,'chat':{'id':" CHAT_ID
        "},'left_chat_member':{'id':7}}",
        "'message':{'message_id':1,'date':1,'chat':{'id':" CHAT_ID
        "},'new_chat_members':[{'id':6},{'id':7}]}",
    };
    struct admins *admins = t.services.admins;
    struct slice found;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(updates); i++) {
        struct buf text = BUF_INIT;
        struct update u;
        struct err err = ERR_INIT;

        buf_adds(&text, "{\"update_id\":1,");
        for (const char *p = updates[i]; *p; p++)
            buf_addc(&text, *p == '\'' ? '"' : *p);
        buf_addc(&text, '}');
        assert_true(update_read(buf_slice(&text), &u, &err));
        admins_put(admins, -100123, 7, 1000, slice_of("{}"));
        admins_put(admins, -100123, 8, 1000, slice_of("{}"));
        admins_put(admins, -5, 7, 1000, slice_of("{}"));
        admins_see(admins, &u);
        assert_false(admins_get(admins, -100123, 7, 1000, &found));
        assert_true(admins_get(admins, -100123, 8, 1000, &found));
        assert_true(admins_get(admins, -5, 7, 1000, &found));
        buf_release(&text);
    }
}

static void test_members__are_bounded(void **state)
{
    struct admins *admins = t.services.admins;
    char *large = xalloc(ADMINS_BYTES_MAX);
    struct slice found;

    (void)state;
    for (int i = 1; i <= ADMINS_MAX; i++)
        admins_put(admins, -5, i, 1000, slice_of("{}"));
    assert_true(admins_get(admins, -5, 1, 1000, &found));
    admins_put(admins, -5, ADMINS_MAX + 1, 1000, SLICE_NONE);
    assert_false(admins_get(admins, -5, 1, 1000, &found));
    assert_true(admins_get(admins, -5, 2, 1000, &found));
    assert_true(slice_eq(found, "{}"));
    assert_true(admins_get(admins, -5, ADMINS_MAX + 1, 1000, &found));
    assert_null(found.p);
    /* a minute */
    assert_true(
        admins_get(admins, -5, 2, 1000 + ADMINS_REMEMBER_MS - 1, &found));
    assert_false(admins_get(admins, -5, 2, 1000 + ADMINS_REMEMBER_MS, &found));
    /* and bytes */
    memset(large, 'x', ADMINS_BYTES_MAX);
    admins_put(admins, -6, 1, 2000,
               (struct slice){ large, ADMINS_BYTES_MAX / 2 });
    admins_put(admins, -6, 2, 2000,
               (struct slice){ large, ADMINS_BYTES_MAX / 2 });
    assert_true(admins_get(admins, -6, 1, 2000, &found));
    assert_false(admins_get(admins, -5, ADMINS_MAX, 2000, &found));
    admins_put(admins, -6, 3, 2000, slice_of("{}"));
    assert_false(admins_get(admins, -6, 1, 2000, &found));
    assert_true(admins_get(admins, -6, 2, 2000, &found));
    free(large);
}

static void test_members__of_no_chat(void **state)
{
    (void)state;
    handler("same(ctx:is_admin(), true) same(ctx:is_admin(8), true)\n"
            "same(ctx:is_creator(), true)\n"
            "same(ctx:is_admin{ id = -5 }, true)");
    update_ok("{'update_id':1,'message':{'message_id':1,'from':{'id':7},"
              "'chat':{'id':7,'type':'private'},'date':1,'text':'x'}}");
    expect("");
    handler("assert(raises(ctx.is_admin, ctx, 'me'):find('^scripts/a.lua:%d+: "
            "ctx:is_admin: a user or an id is expected, got a string'))\n"
            "same(ctx:is_admin(-100123), true) same(ctx:is_admin(-9), false)");
    message_ok("");
    expect("");
}

/* --- rights ------------------------------------------------------------------------- */

static void test_rights__of_a_person(void **state)
{
    (void)state;
    handler("local r = ctx:rights()\n"
            "same(r.can_pin_messages, true) same(r.can_restrict_members, "
            "false)\n"
            "r = ctx:rights(8) same(r.can_promote_members, true)\n"
            "same(next(ctx:rights(9)), nil)\n"
            "same(ctx:my_rights().can_delete_messages, true)");
    member("{'status':'administrator','user':{'id':7},'can_pin_messages':true,"
           "'can_restrict_members':false}");
    member("{'status':'creator','user':{'id':8}}");
    member("{'status':'member','user':{'id':9}}");
    member("{'status':'administrator','user':{'id':1},"
           "'can_delete_messages':true}");
    message_ok(",'text':'hi'");
    buf_reset(&t.calls);
}

/* All that is known of them is their title. */
static void test_rights__of_anonymous_administrators(void **state)
{
    static const char list[] =
        "[{'status':'administrator','is_anonymous':true,'custom_title':'Mod',"
        "'can_pin_messages':true,'can_restrict_members':true},"
        "{'status':'administrator','is_anonymous':true,'custom_title':'Mod',"
        "'can_restrict_members':true},"
        "{'status':'creator','is_anonymous':false},"
        "{'status':'creator','is_anonymous':true}]";

    (void)state;
    handler("local r = ctx:rights() log.info('%s %s %s', ctx:is_admin(), "
            "r.can_pin_messages, r.can_restrict_members)");
    ok("getChatAdministrators", list);
    message_ok(",'sender_chat':{'id':" CHAT_ID "},'author_signature':'Mod'");
    expect_log("true false true");
    ok("getChatAdministrators", list);
    message_ok(",'sender_chat':{'id':" CHAT_ID "}");
    expect_log("true true true");
    ok("getChatAdministrators", list);
    message_ok(",'sender_chat':{'id':" CHAT_ID "},'author_signature':'Boss'");
    expect_log("true nil nil");
    buf_reset(&t.calls);
    member("{'status':'administrator','user':{'id':7}}");
    message_ok(",'sender_chat':{'id':-9}"); /* a channel */
    expect_log("nil nil");
    buf_reset(&t.calls);
}

static void test_rights__are_required(void **state)
{
    (void)state;
    handler("ctx:require_rights('can_restrict_members', "
            "'can_delete_messages')\n"
            "ctx:reply('done')");
    member("{'status':'member','user':{'id':7}}");
    message_ok(",'text':'hi'");
    expect(ASKS "sendMessage {" CHAT
                ",'text':'Only administrators can do this.'," QUOTED "}\n");
    admins_forget(t.services.admins, -100123, 7);
    member("{'status':'administrator','user':{'id':7},"
           "'can_restrict_members':true}");
    message_ok(",'text':'hi'");
    expect(ASKS "sendMessage {" CHAT ",'text':'You need the right to delete "
                "messages for this.'," QUOTED "}\n");
    admins_forget(t.services.admins, -100123, 7);
    member("{'status':'creator','user':{'id':7}}");
    member("{'status':'administrator','user':{'id':1},"
           "'can_delete_messages':true}");
    message_ok(",'text':'hi'");
    expect(ASKS ASKS_ME "sendMessage {" CHAT ",'text':'I need the right to "
                        "ban users here.'," QUOTED "}\n");
    admins_forget(t.services.admins, -100123, 1);
    member("{'status':'member','user':{'id':1}}");
    message_ok(",'text':'hi'");
    expect(ASKS_ME "sendMessage {" CHAT ",'text':'I must be an administrator "
                   "with the right to ban users.'," QUOTED "}\n");
    admins_forget(t.services.admins, -100123, 1);
    member("{'status':'administrator','user':{'id':1},'can_delete_messages':"
           "true,'can_restrict_members':true}");
    message_ok(",'text':'hi'");
    expect(ASKS_ME "sendMessage {" CHAT ",'text':'done'}\n");
}

static void test_rights__are_refused_as_it_fits(void **state)
{
    (void)state;
    handler("ctx:require_my_rights{ 'can_pin_messages', text = 'Nein.' }\n"
            "error('went on')");
    member("{'status':'member','user':{'id':1}}");
    update_ok("{'update_id':1,'callback_query':{'id':'77','from':{'id':7},"
              "'data':'x','message':{'message_id':6,'chat':{'id':" CHAT_ID
              ",'type':'supergroup'}}}}");
    expect(ASKS_ME "answerCallbackQuery {'callback_query_id':'77','text':"
                   "'Nein.','show_alert':true}\n");
    handler("ctx:require_rights('can_pin_messages')");
    update_ok("{'update_id':1,'message':{'message_id':5,'from':{'id':7},"
              "'chat':{'id':7,'type':'private'},'date':1,'text':'x'}}");
    expect(
        "sendMessage {'chat_id':7,'text':'This works in groups only.'," QUOTED
        "}\n");
    handler("ctx:require_admin('Nein.')");
    message_ok(",'sender_chat':{'id':" CHAT_ID "}");
    member("{'status':'member','user':{'id':7}}");
    message_ok("");
    expect(ASKS "sendMessage {" CHAT ",'text':'Nein.'," QUOTED "}\n");
    handler("assert(raises(ctx.require_rights, ctx):find('the name of a "
            "right'))\n"
            "local e = raises(ctx.require_rights, ctx, 'can_fly')\n"
            "assert(e:find('^scripts/a.lua:%d+: ctx:require_rights: there is "
            "no right \"can_fly\"'), e)");
    message_ok("");
}

/* --- whom it is about ----------------------------------------------------------------- */

static void target_is(const char *more, const char *wanted)
{
    message_ok(more);
    expect_log(wanted);
    buf_reset(&t.calls);
}

static void test_target(void **state)
{
    (void)state;
    handler("local who, rest = ctx:target()\n"
            "log.info('%s|%s', who and who.id .. ' ' .. (who.first_name or "
            "who.title or '?') or 'nobody', rest)");
    target_is(",'text':'/ban 10m spam','reply_to_message':{'message_id':4,"
              "'from':{'id':8,'first_name':'Bob'}}",
              "8 Bob|10m spam");
    target_is(",'text':'/ban','reply_to_message':{'message_id':4,"
              "'from':{'id':1087,'first_name':'Group'},'sender_chat':{'id':-9,"
              "'title':'News'}}",
              "-9 News|");
    target_is(",'text':'/ban@test_bot \\ud83d\\ude00 x 1d  ','entities':[{"
              "'type':'text_mention','offset':14,'length':4,'user':{'id':9,"
              "'first_name':'\\ud83d\\ude00 x'}}]",
              "9 \xF0\x9F\x98\x80 x|1d");
    member("{'status':'member','user':{'id':12345,'first_name':'Eve'}}");
    target_is(",'text':'/ban 12345 for  spam'", "12345 Eve|for  spam");
    fails("getChatMember", 400, "Bad Request: user not found");
    target_is(",'text':'/ban 54321'", "54321 ?|");
    /* a number that is no id */
    target_is(",'text':'/ban 10','reply_to_message':{'message_id':4,'from':{"
              "'id':8,'first_name':'Bob'}}",
              "8 Bob|10");
    target_is(",'text':'/ban @Alice','entities':[{'type':'mention','offset':5,"
              "'length':6}]",
              "7 Alice|");
    ok("getChat", "{'id':-9,'title':'News','type':'channel'}");
    target_is(",'text':'/ban @news x','entities':[{'type':'mention','offset':5,"
              "'length':5}]",
              "-9 News|x");
    fails("getChat", 400, "Bad Request: chat not found");
    target_is(",'text':'/ban @nobody','entities':[{'type':'mention','offset':5,"
              "'length':7}]",
              "nobody|I don't know @nobody. Reply to a message of theirs, or "
              "give their id.");
    target_is(",'text':'/ban'", "nobody|Reply to a message of theirs, or "
                                "mention them, or give their id.");
    /* somebody who is mentioned later is not whom it is about */
    target_is(",'text':'/ban as @alice','entities':[{'type':'mention',"
              "'offset':8,'length':6}]",
              "nobody|Reply");
}

/* --- what is done --------------------------------------------------------------------- */

static void test_bans(void **state)
{
    (void)state;
    handler("ctx:ban(8) ctx:ban({ id = 8 }, { delete = true }) ctx:ban{ user = "
            "{ id = 9 } }\n"
            "ctx:ban{ id = -9 } ctx:unban(8) ctx:unban(-9)\n"
            "ctx:kick('8') ctx:ban(8, '400d')\n"
            "local e = raises(ctx.ban, ctx) assert(e:find('^scripts/a.lua:%d+: "
            "ctx:ban: a user or an id is expected, got nil'), e)\n"
            "e = raises(ctx.ban, ctx, 8, 'soon') assert(e:find('ctx:ban: a "
            "duration is expected'), e)\n"
            "e = raises(ctx.ban, ctx, 8, -1) assert(e:find('negative'), e)");
    message_ok(",'text':'hi'");
    expect("banChatMember {" CHAT ",'user_id':8}\n"
           "banChatMember {" CHAT ",'user_id':8,'revoke_messages':true}\n"
           "banChatMember {" CHAT ",'user_id':9}\n"
           "banChatSenderChat {" CHAT ",'sender_chat_id':-9}\n"
           "unbanChatMember {" CHAT ",'user_id':8,'only_if_banned':true}\n"
           "unbanChatSenderChat {" CHAT ",'sender_chat_id':-9}\n"
           "banChatMember {" CHAT ",'user_id':8}\n"
           "unbanChatMember {" CHAT ",'user_id':8,'only_if_banned':true}\n"
           "banChatMember {" CHAT ",'user_id':8}\n");
}

static int64_t until(void)
{
    char *p = strstr(t.calls.data, "\"until_date\":");
    int64_t date;

    assert_non_null(p);
    p += strlen("\"until_date\":");
    date = strtoll(p, &p, 10);
    memmove(strstr(t.calls.data, "\"until_date\":") + 13, p, strlen(p) + 1);
    return date - clock_wall_us() / 1000000;
}

static void test_bans__for_a_time(void **state)
{
    static const struct {
        const char *duration;
        int64_t s;
    } cases[] = {
        { "'3d'", 3 * 24 * 3600 },
        { "{ duration = '1h' }", 3600 },
        { "90", 90 },
        { "'1s'", 31 }, /* 29 would be for ever */
        { "'366d'", 366 * 24 * 3600 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[100];
        int64_t s;

        snprintf(text, sizeof(text), "ctx:ban(8, %s)", cases[i].duration);
        handler(text);
        message_ok("");
        s = until();
        if (s < cases[i].s - 5 || s > cases[i].s + 5)
            fail_msg("%s: %lld", cases[i].duration, (long long)s);
        buf_reset(&t.calls);
    }
}

static void test_restrictions(void **state)
{
    (void)state;
    handler("ctx:mute(8)");
    message_ok("");
    assert_has(t.calls.data, "\"use_independent_chat_permissions\":true");
    assert_has(t.calls.data, "\"can_send_messages\":false");
    assert_has(t.calls.data, "\"can_react_to_messages\":false");
    assert_hasnt(t.calls.data, "true,\"can_invite");
    assert_hasnt(t.calls.data, "can_invite_users");
    assert_hasnt(t.calls.data, "until_date");
    buf_reset(&t.calls);
    handler("ctx:mute(8, '10m')");
    message_ok("");
    assert_in_range(until(), 595, 605);
    buf_reset(&t.calls);
    handler("ctx:unmute(8)");
    message_ok("");
    assert_has(t.calls.data, "\"can_send_messages\":true");
    assert_has(t.calls.data, "\"can_invite_users\":true");
    assert_hasnt(t.calls.data, "false");
    buf_reset(&t.calls);
    handler("ctx:restrict(8, { 'can_send_photos' }, '1h')\n"
            "ctx:restrict(8, { can_send_polls = true })\n"
            "assert(raises(ctx.restrict, ctx, 8, { 'can_fly' }):find('there is "
            "no permission \"can_fly\"'))");
    message_ok("");
    assert_has(t.calls.data, "\"can_send_photos\":false");
    assert_has(t.calls.data, "\"can_send_messages\":true");
    assert_has(t.calls.data, "\"permissions\":{\"can_send_polls\":true}");
    buf_reset(&t.calls);
}

static void test_administrators(void **state)
{
    (void)state;
    handler("ctx:promote(8, { 'can_pin_messages' }) ctx:title(8, 'Boss')\n"
            "ctx:promote(8, { can_pin_messages = true, is_anonymous = true "
            "})\n"
            "assert(raises(ctx.promote, ctx, 8, { 'x' }):find('no right'))\n"
            "ctx:approve() ctx:decline(9)");
    message_ok("");
    expect("promoteChatMember {" CHAT ",'user_id':8,'can_pin_messages':true}\n"
           "setChatAdministratorCustomTitle {" CHAT
           ",'user_id':8,'custom_title':'Boss'}\n"
           "promoteChatMember {" CHAT ",'user_id':8,'can_pin_messages':true,"
           "'is_anonymous':true}\n"
           "approveChatJoinRequest {" CHAT ",'user_id':7}\n"
           "declineChatJoinRequest {" CHAT ",'user_id':9}\n");
    handler("ctx:promote(8)");
    message_ok("");
    assert_has(t.calls.data, "\"can_restrict_members\":true");
    assert_hasnt(t.calls.data, "can_promote_members");
    buf_reset(&t.calls);
    handler("ctx:demote(8)");
    message_ok("");
    assert_has(t.calls.data, "\"can_manage_chat\":false");
    assert_hasnt(t.calls.data, "true");
    buf_reset(&t.calls);
}

static int group_setup(void **state)
{
    (void)state;
    return script_group_setup("test_ctx_members");
}

static int group_teardown(void **state)
{
    (void)state;
    return script_group_teardown("test_ctx_members");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT_TEST(test_members__are_remembered),
        SCRIPT_TEST(test_members__are_forgotten),
        SCRIPT_TEST(test_members__are_bounded),
        SCRIPT_TEST(test_members__of_no_chat),
        SCRIPT_TEST(test_rights__of_a_person),
        SCRIPT_TEST(test_rights__of_anonymous_administrators),
        SCRIPT_TEST(test_rights__are_required),
        SCRIPT_TEST(test_rights__are_refused_as_it_fits),
        SCRIPT_TEST(test_target),
        SCRIPT_TEST(test_bans),
        SCRIPT_TEST(test_bans__for_a_time),
        SCRIPT_TEST(test_restrictions),
        SCRIPT_TEST(test_administrators),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
