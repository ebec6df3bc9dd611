/* test_methods.c - the table of methods, against all that the Bot API has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/buf.h"
#include "telegram/methods.h"

/* Messages that must not be repeated: somebody would see them twice. */
static const char *const messages_once[] = {
    "copyMessage",     "copyMessages",  "forwardMessage", "forwardMessages",
    "sendAnimation",   "sendAudio",     "sendChecklist",  "sendContact",
    "sendDice",        "sendDocument",  "sendGame",       "sendGift",
    "sendInvoice",     "sendLivePhoto", "sendLocation",   "sendMediaGroup",
    "sendMessage",     "sendPaidMedia", "sendPhoto",      "sendPoll",
    "sendRichMessage", "sendSticker",   "sendVenue",      "sendVideo",
    "sendVideoNote",   "sendVoice",
};

/* Messages that can be. */
static const char *const messages[] = {
    "editEphemeralMessageCaption",
    "editEphemeralMessageMedia",
    "editEphemeralMessageReplyMarkup",
    "editEphemeralMessageText",
    "editMessageCaption",
    "editMessageChecklist",
    "editMessageLiveLocation",
    "editMessageMedia",
    "editMessageReplyMarkup",
    "editMessageText",
    "stopMessageLiveLocation",
    "stopPoll",
};

/* No messages, and not to be repeated: somebody would pay twice, or something
 * else would happen the second time. */
static const char *const once[] = {
    "addStickerToSet",
    "close",
    "convertGiftToStars",
    "createChatInviteLink",
    "createChatSubscriptionInviteLink",
    "createForumTopic",
    "createInvoiceLink",
    "createNewStickerSet",
    "giftPremiumSubscription",
    "logOut",
    "postStory",
    "repostStory",
    "sendChatJoinRequestWebApp",
    "transferBusinessAccountStars",
    "transferGift",
    "unpinChatMessage",
    "upgradeGift",
};

static bool is_in(const char *name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i], name) == 0)
            return true;
    return false;
}

/* The specification that the simulator is made from has every method. */
static json_t *all_methods(void)
{
    json_error_t why;
    json_t *spec = json_load_file(SPEC_FILE, 0, &why);
    json_t *methods = json_incref(json_object_get(spec, "methods"));

    if (!methods)
        fail_msg("%s: %s", SPEC_FILE, why.text);
    json_decref(spec);
    return methods;
}

static void test_methods__every_one(void **state)
{
    json_t *methods = all_methods(), *method;
    const char *name;
    int wrong = 0, nboth = 0, nmessages = 0, nonce = 0;

    (void)state;
    json_object_foreach(methods, name, method)
    {
        struct method_rule rule = method_rule(name);
        bool both = is_in(name, messages_once, ARRAY_LEN(messages_once));
        bool message = both || is_in(name, messages, ARRAY_LEN(messages));
        bool only_once = both || is_in(name, once, ARRAY_LEN(once));

        nboth += both;
        nmessages += message;
        nonce += only_once;
        if (rule.is_message == message && rule.repeatable == !only_once)
            continue;
        printf("%s: message %d, repeatable %d\n", name, rule.is_message,
               rule.repeatable);
        wrong++;
    }
    assert_int_equal(wrong, 0);
    assert_int_equal(nboth, ARRAY_LEN(messages_once));
    assert_int_equal(nmessages - nboth, ARRAY_LEN(messages));
    assert_int_equal(nonce - nboth, ARRAY_LEN(once));
    assert_true(json_object_size(methods) >= 185);
    json_decref(methods);
}

static void test_methods__unknown(void **state)
{
    static const struct {
        const char *name;
        bool message, repeatable;
    } cases[] = {
        { "sendHologram", true, false }, /* by their verbs */
        { "getEverything", false, true },
        { "editMessageMood", true, true },
        { "settleDebt", false, false }, /* other verbs */
        { "getaway", false, true },     /* in small letters: get away */
        { "sender", true, false },
        { "frobnicate", false, false },
        { "", false, false },
        { "sendmessage", true, false }, /* Telegram takes these, too */
        { "SENDMESSAGE", true, false },
        { "sendchataction", false, true },
        { "SendMessage", true, false },
        { "closeForumTopic", false, true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct method_rule rule = method_rule(cases[i].name);

        if (rule.is_message != cases[i].message ||
            rule.repeatable != cases[i].repeatable)
            fail_msg("%s: message %d, repeatable %d", cases[i].name,
                     rule.is_message, rule.repeatable);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_methods__every_one),
        cmocka_unit_test(test_methods__unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
