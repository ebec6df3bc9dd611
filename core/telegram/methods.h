/*
 * methods.h - what the host must know of the Bot API's methods: which of them
 * send a message, and which may be repeated.
 *
 * One table of rules, by a name's beginning, so that methods which Telegram adds
 * are covered by what their verb means (methods.c). Names compare without case,
 * as Telegram's do.
 */
#ifndef TELEGRAM_METHODS_H
#define TELEGRAM_METHODS_H

#include <stdbool.h>

struct method_rule {
    /* Counts as a message towards the flood limits of its chat and the bot's. */
    bool is_message;
    /* May be called again although it may have been carried out before: it then
     * changes nothing, or only what nobody sees. */
    bool repeatable;
};

/* A method that no rule knows is no message and not repeatable. */
struct method_rule method_rule(const char *method);

#endif
