/* test_ctx.c - ctx: its fields, what it edits and deletes, and the small things. */
#include "ctx_test.h"

#define CHAT "'chat_id':" CHAT_ID

/* --- fields ------------------------------------------------------------------------ */

static void test_ctx__fields_of_a_message(void **state)
{
    (void)state;
    handler("same(ctx.message_id, 5) same(ctx.msg.message_id, 5)\n"
            "same(ctx.user_id, 7) same(ctx.topic, 3) same(ctx.caption, nil)\n"
            "same(ctx.sender_chat.id, -100123) same(ctx.reply_to.message_id, "
            "4)\n"
            "same(ctx.me.username, 'test_bot') same(ctx.me.id, 1)\n"
            "same(ctx.business_connection_id, 'b')\n"
            "same(ctx.inline_message_id, nil)\n"
            "same(ctx.payload_of_nothing, nil)\n"
            "ctx.mine = 1 same(ctx.mine, 1)\n"
            "ctx:reply('x')");
    message_ok(",'text':'hi','message_thread_id':3,'is_topic_message':true,"
               "'sender_chat':{'id':-100123},'business_connection_id':'b',"
               "'reply_to_message':{'message_id':4}");
    expect("sendMessage {" CHAT ",'message_thread_id':3,"
           "'business_connection_id':'b','text':'x'}\n");
}

static void test_ctx__fields_of_others(void **state)
{
    (void)state;
    handler("log.info('%s %s %s %s %s', tostring(ctx.message_id), "
            "tostring(ctx.caption), tostring(ctx.reply_to), "
            "tostring(ctx.inline_message_id), tostring(ctx.sender_chat and "
            "ctx.sender_chat.id))");
    /* within a topic, what is no reply "replies" to what made the topic */
    message_ok(",'caption':'c','reply_to_message':{'message_id':4,"
               "'forum_topic_created':{}}");
    expect_log("5 c nil nil nil");
    update_ok("{'update_id':1,'message_reaction':{'chat':{'id':-5,'type':"
              "'group'},'message_id':77,'actor_chat':{'id':-9},'date':1,"
              "'old_reaction':[],'new_reaction':[]}}");
    expect_log("77 nil nil nil -9");
    update_ok("{'update_id':1,'callback_query':{'id':'1','from':{'id':7},"
              "'inline_message_id':'abc','data':'x'}}");
    expect_log("nil nil nil abc nil");
}

static void test_ctx__is_over_with_its_update(void **state)
{
    (void)state;
    handler("if kept then\n"
            "  assert(raises(function() return kept.ban end):find('is done'))\n"
            "  assert(raises(function() return kept.here end):find('is "
            "done'))\n"
            "  assert(raises(kept.reply, kept, 'x'):find('is done'))\n"
            "  assert(raises(ctx.reply, 'x'):find('with a colon'))\n"
            "end\n"
            "kept = ctx");
    message_ok(",'text':'a'");
    message_ok(",'text':'a'");
}

/* --- changing ---------------------------------------------------------------------------- */

#define PRESS(message)                                                         \
    "{'update_id':1,'callback_query':{'id':'77','from':{'id':7},'data':'x',"   \
    "'message':{'chat':{'id':" CHAT_ID ",'type':'supergroup'}," message "}}}"

static void test_ctx__edits_what_it_is(void **state)
{
    (void)state;
    handler(
        "ctx:edit('a', { reply_markup = { x = 1 } }) ctx:edit(fmt.bold'b')\n"
        "ctx:edit{ reply_markup = { x = 2 } }\n"
        "ctx:edit{ media = { type = 'photo', media = 'm', caption = "
        "fmt.bold'c' } }\n"
        "ctx:edit{ caption = 'c' }");
    update_ok(PRESS("'message_id':6,'text':'t'"));
    expect("editMessageText {" CHAT ",'message_id':6,'text':'a',"
           "'reply_markup':{'x':1}}\n"
           "editMessageText {" CHAT ",'message_id':6,'text':'<b>b</b>',"
           "'parse_mode':'HTML'}\n"
           "editMessageReplyMarkup {" CHAT ",'message_id':6,'reply_markup':{'x'"
           ":2}}\n"
           "editMessageMedia {" CHAT ",'message_id':6,'media':{'type':'photo',"
           "'media':'m','caption':'<b>c</b>','parse_mode':'HTML'}}\n"
           "editMessageCaption {" CHAT ",'message_id':6,'caption':'c'}\n");
    handler("ctx:edit('a')");
    update_ok(PRESS("'message_id':6,'photo':[],'caption':'t'"));
    expect("editMessageCaption {" CHAT ",'message_id':6,'caption':'a'}\n");
    update_ok(PRESS("'message_id':0,'ephemeral_message_id':4,'receiver_user':{"
                    "'id':7},'text':'t'"));
    expect("editEphemeralMessageText {" CHAT ",'receiver_user_id':7,"
           "'ephemeral_message_id':4,'text':'a'}\n");
    update_ok("{'update_id':1,'callback_query':{'id':'77','from':{'id':7},"
              "'data':'x','inline_message_id':'abc'}}");
    expect("editMessageText {'inline_message_id':'abc','text':'a'}\n");
}

static void test_ctx__edits_another(void **state)
{
    (void)state;
    handler("local sent = ctx:reply('0 %')\n"
            "ctx:edit('50 %', { message = sent }) ctx:edit('100 %', { message "
            "= 8 })\n"
            "assert(raises(ctx.edit, ctx, {}):find('^scripts/a.lua:%d+: "
            "ctx:edit: a text'))");
    ok("sendMessage", "{'message_id':9,'chat':{'id':-5},'photo':[]}");
    message_ok(",'text':'hi'");
    expect("sendMessage {" CHAT ",'text':'0 %'}\n"
           "editMessageCaption {'chat_id':-5,'message_id':9,'caption':'50 %'}\n"
           "editMessageText {" CHAT ",'message_id':8,'text':'100 %'}\n");
}

static void test_ctx__an_edit_may_change_nothing(void **state)
{
    (void)state;
    handler("same(ctx:edit('a'), false)\n"
            "local ok, e = pcall(ctx.edit, ctx, 'b')\n"
            "same(e.description, 'Bad Request: message to edit not found')\n"
            "assert(e.where:find('^scripts/a.lua:'), e.where)");
    fails("editMessageText", 400,
          "Bad Request: message is not modified: specified new …");
    fails("editMessageText", 400, "Bad Request: message to edit not found");
    update_ok(PRESS("'message_id':6,'text':'t'"));
    buf_reset(&t.calls);
}

static void test_ctx__deletes(void **state)
{
    (void)state;
    handler("same(ctx:delete(), true) ctx:delete(8)\n"
            "ctx:delete{ message_id = 9, chat = { id = -5 } }\n"
            "ctx:delete{ 1, { message_id = 2 }, 3 } ctx:delete{}\n"
            "same(ctx:delete(4), false)");
    for (int i = 0; i < 3; i++)
        ok("deleteMessage", "true");
    fails("deleteMessage", 400, "Bad Request: message to delete not found");
    message_ok(",'text':'hi'");
    expect("deleteMessage {" CHAT ",'message_id':5}\n"
           "deleteMessage {" CHAT ",'message_id':8}\n"
           "deleteMessage {'chat_id':-5,'message_id':9}\n"
           "deleteMessages {" CHAT ",'message_ids':[1,2,3]}\n"
           "deleteMessage {" CHAT ",'message_id':4}\n");
    handler("local list = {} for i = 1, 101 do list[i] = i end\n"
            "ctx:delete(list)");
    message_ok(",'text':'hi'");
    assert_has(t.calls.data, ",99,100]");
    assert_has(t.calls.data, "[101]");
    buf_reset(&t.calls);
    handler("ctx:delete()");
    update_ok(PRESS("'message_id':0,'ephemeral_message_id':4,'receiver_user':{"
                    "'id':7},'text':'t'"));
    expect("deleteEphemeralMessage {" CHAT ",'receiver_user_id':7,"
           "'ephemeral_message_id':4}\n");
}

/* --- the small ones ----------------------------------------------------------------------- */

static void test_ctx__reacts_forwards_pins(void **state)
{
    (void)state;
    handler("ctx:react('👍') ctx:react{ '👍', '5368' } ctx:react()\n"
            "ctx:react({ type = 'paid' }, { is_big = true, message = 3 })\n"
            "ctx:forward(-5) ctx:copy(-5, { message = 3, caption = "
            "fmt.bold'c' })\n"
            "ctx:forward(-5, { message = { 1, 2 } })\n"
            "ctx:pin() ctx:pin(3, { disable_notification = true }) ctx:unpin() "
            "ctx:unpin(3) ctx:unpin_all() ctx:leave()\n"
            "ctx:typing() ctx:typing('upload_photo')");
    message_ok(",'text':'hi','message_thread_id':3,'is_topic_message':true");
    expect("setMessageReaction {" CHAT ",'message_id':5,'reaction':[{'type':"
           "'emoji','emoji':'👍'}]}\n"
           "setMessageReaction {" CHAT ",'message_id':5,'reaction':[{'type':"
           "'emoji','emoji':'👍'},{'type':'custom_emoji','custom_emoji_id':"
           "'5368'}]}\n"
           "setMessageReaction {" CHAT ",'message_id':5,'reaction':[]}\n"
           "setMessageReaction {" CHAT ",'message_id':3,'reaction':[{'type':"
           "'paid'}],'is_big':true}\n"
           "forwardMessage {'chat_id':-5,'from_chat_id':" CHAT_ID
           ",'message_id':5}\n"
           "copyMessage {'chat_id':-5,'from_chat_id':" CHAT_ID
           ",'message_id':3,'caption':'<b>c</b>','parse_mode':'HTML'}\n"
           "forwardMessages {'chat_id':-5,'from_chat_id':" CHAT_ID
           ",'message_ids':[1,2]}\n"
           "pinChatMessage {" CHAT ",'message_id':5}\n"
           "pinChatMessage {" CHAT ",'message_id':3,'disable_notification':"
           "true}\n"
           "unpinChatMessage {" CHAT "}\n"
           "unpinChatMessage {" CHAT ",'message_id':3}\n"
           "unpinAllChatMessages {" CHAT "}\n"
           "leaveChat {" CHAT "}\n"
           "sendChatAction {" CHAT ",'message_thread_id':3,'action':'typing'}\n"
           "sendChatAction {" CHAT ",'message_thread_id':3,'action':"
           "'upload_photo'}\n");
}

static void test_ctx__types_while_a_function_runs(void **state)
{
    (void)state;
    handler("local a, b = ctx:typing(function(c) same(c, ctx) "
            "ctx:reply('x') return 1, 2 end)\n"
            "same(a, 1) same(b, 2)\n"
            "assert(raises(ctx.typing, ctx, function() error('mine') "
            "end):find('mine'))");
    message_ok(",'text':'hi'");
    assert_has(t.calls.data, "sendChatAction {");
    assert_has(t.calls.data, "\"action\":\"typing\"");
    buf_reset(&t.calls);
}

static void move_time_on(struct op *op)
{
    int *steps = op->arg;

    op_free(op);
    loop_advance(t.db.loop, 2000);
    if (++*steps == 6)
        return;
    op = timer_start(t.db.loop, 10);
    op->done = move_time_on;
    op->arg = steps;
}

/* Telegram shows it for 5 s: it is said again, until the function has ended. */
static void test_ctx__types_again_and_again(void **state)
{
    struct op *op;
    int steps = 0, said = 0;

    (void)state;
    handler("ctx:typing('upload_photo', function() "
            "require('time').sleep(11) end)");
    push(message_with(",'text':'hi'"));
    op = timer_start(t.db.loop, 10);
    op->done = move_time_on;
    op->arg = &steps;
    wait_tasks();
    assert_int_equal(t.result, TASK_OK);
    for (const char *p = t.calls.data; (p = strstr(p, "sendChatAction")); p++)
        said++;
    assert_in_range(said, 2, 3);
    buf_reset(&t.calls);
}

static void test_ctx__here_is_the_chat(void **state)
{
    (void)state;
    handler("ctx.here.setChatTitle{ title = 'T' }\n"
            "ctx.here.sendMessage{ text = fmt.bold'x' }\n"
            "ctx.here.closeForumTopic() ctx.here.getChat()\n"
            "ctx.here.sendMessage{ chat_id = 8, text = 'y' }\n"
            "assert(raises(function() ctx.here.x = 1 end):find('read%-only'))\n"
            "assert(raises(function() return ctx.here['a b'] "
            "end):find(\"can't be a method\"))\n"
            "same(ctx.here, ctx.here)");
    message_ok(",'text':'hi','message_thread_id':3,'is_topic_message':true");
    expect("setChatTitle {" CHAT ",'title':'T'}\n"
           "sendMessage {" CHAT ",'message_thread_id':3,'text':'<b>x</b>',"
           "'parse_mode':'HTML'}\n"
           "closeForumTopic {" CHAT ",'message_thread_id':3}\n"
           "getChat {" CHAT "}\n"
           "sendMessage {'chat_id':8,'text':'y'}\n");
}

static void test_ctx__answers_queries(void **state)
{
    (void)state;
    handler("ctx:answer() ctx:answer('Sold out')");
    update_ok(
        "{'update_id':1,'pre_checkout_query':{'id':'5','from':{'id':7}}}");
    expect("answerPreCheckoutQuery {'pre_checkout_query_id':'5','ok':true}\n"
           "answerPreCheckoutQuery {'pre_checkout_query_id':'5','ok':false,"
           "'error_message':'Sold out'}\n");
    handler("ctx:answer{ { id = 'a' } } ctx:answer('Not there')");
    update_ok("{'update_id':1,'shipping_query':{'id':'5','from':{'id':7}}}");
    expect("answerShippingQuery {'shipping_query_id':'5','ok':true,"
           "'shipping_options':[{'id':'a'}]}\n"
           "answerShippingQuery {'shipping_query_id':'5','ok':false,"
           "'error_message':'Not there'}\n");
    handler("assert(raises(ctx.answer, ctx):find('answers queries; this is a "
            "message'))");
    message_ok(",'text':'hi'");
}

static void test_ctx__entities(void **state)
{
    (void)state;
    handler("local list = ctx:entities() same(#list, 3)\n"
            "same(list[1].text, '😀') same(list[2].text, 'x.de')\n"
            "list = ctx:entities('url', 'text_link') same(#list, 2)\n"
            "same(list[2].url, 'http://a/') same(list[2].text, 'd')\n"
            "same(#ctx:entities('code'), 0)\n"
            "same(ctx:entity_text(ctx.message.entities[2]), 'x.de')\n"
            "assert(raises(ctx.entity_text, ctx, {}):find('an entity'))");
    message_ok(",'text':'\\ud83d\\ude00 x.de d','entities':[{'type':'bold',"
               "'offset':0,'length':2},{'type':'url','offset':3,'length':4},{"
               "'type':'text_link','offset':8,'length':1,'url':'http://a/'}]");
    handler("same(#ctx:entities(), 0)");
    message_ok("");
}

static void test_ctx__reactions(void **state)
{
    (void)state;
    handler("local r = ctx:reactions()\n"
            "log.info('%s/%s/%s', table.concat(r.now, ','), "
            "table.concat(r.added, ','), table.concat(r.removed, ','))");
    update_ok("{'update_id':1,'message_reaction':{'chat':{'id':-5,'type':"
              "'group'},'message_id':77,'user':{'id':7},'date':1,"
              "'old_reaction':[{'type':'emoji','emoji':'a'},{'type':'emoji',"
              "'emoji':'b'}],'new_reaction':[{'type':'emoji','emoji':'b'},{"
              "'type':'custom_emoji','custom_emoji_id':'9'}]}}");
    expect_log("b,9/9/a");
    message_ok("");
    expect_log("//");
}

static void test_ctx__utf16(void **state)
{
    (void)state;
    handler("same(utf16.len(''), 0) same(utf16.len('aä€😀'), 5)\n"
            "same(utf16.sub('aä😀b', 1, 1), 'ä') same(utf16.sub('aä😀b', 2, "
            "2), '😀')\n"
            "same(utf16.sub('aä😀b', 2), '😀b') same(utf16.sub('ab', 5, 5), "
            "'')\n"
            "same(utf16.sub('ab', 1, math.maxinteger), 'b')\n"
            "same(utf16.offset('aä😀b', 8), 4) same(utf16.index('aä😀b', 4), "
            "8)\n"
            "same(utf16.offset('', 1), 0) same(utf16.index('', 9), 1)\n"
            "assert(raises(utf16.sub, 'a', -1):find('negative'))\n"
            "assert(raises(utf16.offset, 'a', 3):find('not in the text'))\n"
            "same(utf16.len('\\xff\\xf0\\x9f'), 3)");
    message_ok("");
}

static int group_setup(void **state)
{
    (void)state;
    return script_group_setup("test_ctx");
}

static int group_teardown(void **state)
{
    (void)state;
    return script_group_teardown("test_ctx");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT_TEST(test_ctx__fields_of_a_message),
        SCRIPT_TEST(test_ctx__fields_of_others),
        SCRIPT_TEST(test_ctx__is_over_with_its_update),
        SCRIPT_TEST(test_ctx__edits_what_it_is),
        SCRIPT_TEST(test_ctx__edits_another),
        SCRIPT_TEST(test_ctx__an_edit_may_change_nothing),
        SCRIPT_TEST(test_ctx__deletes),
        SCRIPT_TEST(test_ctx__reacts_forwards_pins),
        SCRIPT_TEST(test_ctx__types_while_a_function_runs),
        SCRIPT_TEST(test_ctx__types_again_and_again),
        SCRIPT_TEST(test_ctx__here_is_the_chat),
        SCRIPT_TEST(test_ctx__answers_queries),
        SCRIPT_TEST(test_ctx__entities),
        SCRIPT_TEST(test_ctx__reactions),
        SCRIPT_TEST(test_ctx__utf16),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
