/* handlers_int.h - the inside of handlers: for handlers.c and handlers_find.c. */
#ifndef SCRIPT_HANDLERS_INT_H
#define SCRIPT_HANDLERS_INT_H

#include "script/handlers.h"

struct entry {
    char *text;
    struct numbers numbers;
    int number; /* of a field: its place in handlers.field */
    UT_hash_handle hh;
};

#endif
