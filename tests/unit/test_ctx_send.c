/* test_ctx_send.c - ctx: what it sends: texts, long ones, for one person, other
 * kinds. */
#include "ctx_test.h"

#define CHAT "'chat_id':" CHAT_ID

/* --- texts --------------------------------------------------------------------------- */

static void test_ctx__replies(void **state)
{
    (void)state;
    handler("same(ctx:reply('a').message_id, 99)\n"
            "ctx:reply(5, { parse_mode = 'HTML' })\n"
            "ctx:reply{ text = 'b', disable_notification = true }\n"
            "ctx:reply(fmt.html('<b>{}</b>', '<x>'))\n"
            "ctx:reply(fmt.md('*{}*', '.'), { protect_content = true })\n"
            "ctx:reply('q', { quote = true })\n"
            "ctx:send(-5, 'c') ctx:send({ id = 8 }, fmt.bold('d'))\n"
            "ctx:reply('t', { ephemeral = false })");
    message_ok(",'text':'hi'");
    expect("sendMessage {" CHAT ",'text':'a'}\n"
           "sendMessage {" CHAT ",'text':'5','parse_mode':'HTML'}\n"
           "sendMessage {" CHAT ",'text':'b','disable_notification':true}\n"
           "sendMessage {" CHAT ",'text':'<b>&lt;x&gt;</b>','parse_mode':"
           "'HTML'}\n"
           "sendMessage {" CHAT ",'text':'*\\\\.*','parse_mode':'MarkdownV2',"
           "'protect_content':true}\n"
           "sendMessage {" CHAT ",'text':'q','reply_parameters':{'message_id':"
           "5,'allow_sending_without_reply':true}}\n"
           "sendMessage {'chat_id':-5,'text':'c'}\n"
           "sendMessage {'chat_id':8,'text':'<b>d</b>','parse_mode':'HTML'}\n"
           "sendMessage {" CHAT ",'text':'t'}\n");
}

static void test_ctx__says_what_it_can_not_send(void **state)
{
    (void)state;
    handler("local e = raises(ctx.reply, ctx)\n"
            "assert(e:find('^scripts/a.lua:%d+: ctx:reply: a text is expected, "
            "got nil'), e)\n"
            "e = raises(ctx.reply, ctx, true)\n"
            "assert(e:find('a text is expected, got a boolean'), e)\n"
            "e = raises(ctx.reply, ctx, 'x', 'HTML')\n"
            "assert(e:find('options must be a table, got a string'), e)\n"
            "e = raises(ctx.send, ctx, nil, 'x')\n"
            "assert(e:find(\"ctx:send: a chat's id is expected, got nil\"), "
            "e)");
    message_ok(",'text':'hi'");
    expect("");
    handler("local e = raises(ctx.reply, ctx, fmt.bold'x')\n"
            "assert(e:find('no chat to send to'), e)\n"
            "e = raises(ctx.reply, ctx, 'x')\n"
            "assert(e:find('no chat to send to'), e)");
    update_ok("{'update_id':1,'inline_query':{'id':'1','from':{'id':7},"
              "'query':'','offset':''}}");
}

/* 4096 units are one message; the buttons are below the last, the reply is to the
 * first. */
static void test_ctx__divides_long_texts(void **state)
{
    (void)state;
    handler("ctx:reply(('a'):rep(4096))\n"
            "local last, all = ctx:reply(('a'):rep(4096) .. 'b', {\n"
            "  reply_markup = { force_reply = true }, quote = true, "
            "message_effect_id = 'e' })\n"
            "same(#all, 2) same(last, all[2])\n"
            "local one, none = ctx:reply(('ä'):rep(4096))\n"
            "same(none, nil)\n"
            "_, all = ctx:reply(fmt.bold(('c '):rep(2100)))\n"
            "same(#all, 2)\n"
            "_, all = ctx:reply(('d'):rep(4095) .. ' ee', { entities = {\n"
            "  { type = 'bold', offset = 4000, length = 97 } } })\n"
            "same(#all, 2)");
    message_ok(",'text':'hi'");
    assert_int_equal(t.calls.len > 5 * 4096, true);
    assert_has(t.calls.data, "\"text\":\"b\"");
    assert_has(t.calls.data, "<b>c c ");
    assert_has(t.calls.data, "c </b>\"");
    assert_has(t.calls.data, "\"offset\":4000");
    assert_has(t.calls.data, "\"length\":96");
    assert_has(t.calls.data, "\"text\":\"ee\"");
    assert_has(t.calls.data, "\"length\":1");
    buf_reset(&t.calls);
    /* white space alone is no message, and markup that can't be read goes whole */
    handler("local _, all = ctx:reply('a' .. (' '):rep(9000) .. 'b')\n"
            "same(#all, 2)\n"
            "_, all = ctx:reply('<b' .. ('x'):rep(5000), { parse_mode = "
            "'HTML' })\n"
            "same(all, nil)");
    message_ok(",'text':'hi'");
    buf_reset(&t.calls);
}

static void test_ctx__puts_buttons_below_the_last(void **state)
{
    (void)state;
    handler("ctx:reply(('a '):rep(2049), { reply_markup = { force_reply = true "
            "}, quote = true, message_effect_id = 'e', protect_content = true "
            "})");
    message_ok(",'text':'hi'");
    for (char *p; (p = strstr(t.calls.data, "a a a "));)
        memmove(p, p + 6, strlen(p + 6) + 1);
    expect("sendMessage {" CHAT ",'text':'a a ','reply_parameters':{"
           "'message_id':5,'allow_sending_without_reply':true},"
           "'message_effect_id':'e','protect_content':true}\n"
           "sendMessage {" CHAT ",'text':'a ','reply_markup':{'force_reply':"
           "true},'protect_content':true}\n");
}

/* --- one person sees it ---------------------------------------------------------------- */

static void test_ctx__whispers(void **state)
{
    (void)state;
    handler("ctx:whisper('a')");
    message_ok(",'text':'hi'");
    expect("sendMessage {" CHAT ",'text':'a','ephemeral_message_parameters':{"
           "'receiver_user_id':7}}\n");
    /* where Telegram refuses, everybody sees it */
    fails("sendMessage", 400, "Bad Request: not enough rights");
    message_ok(",'text':'hi'");
    expect("sendMessage {" CHAT ",'text':'a','ephemeral_message_parameters':{"
           "'receiver_user_id':7}}\n"
           "sendMessage {" CHAT ",'text':'a'}\n");
    /* an anonymous administrator is nobody whom it could be for */
    message_ok(",'text':'hi','sender_chat':{'id':" CHAT_ID "}");
    expect("sendMessage {" CHAT ",'text':'a'}\n");
    /* an answer to an ephemeral command */
    message_ok(",'text':'hi','ephemeral_message_id':12");
    expect("sendMessage {" CHAT ",'text':'a','ephemeral_message_parameters':{"
           "'receiver_user_id':7},'reply_parameters':{'ephemeral_message_id':"
           "12}}\n");
    update_ok("{'update_id':1,'message':{'message_id':1,'from':{'id':7},"
              "'chat':{'id':7,'type':'private'},'date':1,'text':'x'}}");
    expect("sendMessage {'chat_id':7,'text':'a'}\n");
    update_ok("{'update_id':1,'callback_query':{'id':'77','from':{'id':7},"
              "'data':'x','message':{'message_id':6,'chat':{'id':" CHAT_ID
              ",'type':'supergroup'}}}}");
    expect("sendMessage {" CHAT ",'text':'a','ephemeral_message_parameters':{"
           "'receiver_user_id':7,'callback_query_id':'77'}}\n");
}

static void test_ctx__does_not_whisper_what_failed(void **state)
{
    (void)state;
    handler("local ok, e = pcall(ctx.whisper, ctx, 'a')\n"
            "same(ok, false) same(e.error_code, 403)");
    fails("sendMessage", 403, "Forbidden: bot was kicked");
    message_ok(",'text':'hi'");
    expect("sendMessage {" CHAT ",'text':'a','ephemeral_message_parameters':{"
           "'receiver_user_id':7}}\n");
}

/* --- other kinds ------------------------------------------------------------------------ */

static void test_ctx__replies_with_other_kinds(void **state)
{
    (void)state;
    handler(
        "ctx:reply_photo('id', { caption = fmt.html('{}', '&') })\n"
        "ctx:reply_photo{ photo = 'id', has_spoiler = true }\n"
        "ctx:reply_dice() ctx:reply_dice('🎯') ctx:reply_dice{ "
        "protect_content = true }\n"
        "ctx:reply_poll('A or B?', { 'A', 'B' }, { is_anonymous = false })\n"
        "ctx:reply_location(1.5, 2)\n"
        "ctx:reply_media_group{ { type = 'photo', media = 'x', caption = "
        "fmt.bold'c' } }\n"
        "local e = raises(ctx.reply_venue, ctx, 1, 2, 'T')\n"
        "assert(e:find('^scripts/a.lua:%d+: ctx:reply_venue: address is "
        "missing'), e)");
    message_ok(",'text':'hi'");
    expect("sendPhoto {" CHAT ",'photo':'id','caption':'&amp;','parse_mode':"
           "'HTML'}\n"
           "sendPhoto {" CHAT ",'photo':'id','has_spoiler':true}\n"
           "sendDice {" CHAT "}\n"
           "sendDice {" CHAT ",'emoji':'🎯'}\n"
           "sendDice {" CHAT ",'protect_content':true}\n"
           "sendPoll {" CHAT ",'question':'A or B?','options':['A','B'],"
           "'is_anonymous':false}\n"
           "sendLocation {" CHAT ",'latitude':1.5,'longitude':2}\n"
           "sendMediaGroup {" CHAT ",'media':[{'type':'photo','media':'x',"
           "'caption':'<b>c</b>','parse_mode':'HTML'}]}\n");
}

static void test_ctx__goes_on_after_a_caption(void **state)
{
    (void)state;
    handler("local last, all = ctx:reply_photo('id', { caption = "
            "('x'):rep(1023) .. ' yy', parse_mode = 'HTML', reply_markup = { "
            "inline_keyboard = {} }, quote = true })\n"
            "same(#all, 2)\n"
            "bot.file{ data = 'x', name = 'x.txt' }");
    message_ok(",'text':'hi'");
    for (char *p; (p = strstr(t.calls.data, "xxx"));)
        memmove(p, p + 3, strlen(p + 3) + 1);
    expect("sendPhoto {" CHAT ",'photo':'id','caption':' ','parse_mode':"
           "'HTML','reply_parameters':{'message_id':5,"
           "'allow_sending_without_reply':true}}\n"
           "sendMessage {" CHAT ",'text':'yy','parse_mode':'HTML',"
           "'reply_markup':{'inline_keyboard':{}}}\n");
}

static int group_setup(void **state)
{
    (void)state;
    return script_group_setup("test_ctx_send");
}

static int group_teardown(void **state)
{
    (void)state;
    return script_group_teardown("test_ctx_send");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT_TEST(test_ctx__replies),
        SCRIPT_TEST(test_ctx__says_what_it_can_not_send),
        SCRIPT_TEST(test_ctx__divides_long_texts),
        SCRIPT_TEST(test_ctx__puts_buttons_below_the_last),
        SCRIPT_TEST(test_ctx__whispers),
        SCRIPT_TEST(test_ctx__does_not_whisper_what_failed),
        SCRIPT_TEST(test_ctx__replies_with_other_kinds),
        SCRIPT_TEST(test_ctx__goes_on_after_a_caption),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
