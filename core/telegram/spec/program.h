/*
 * program.h - a program that runs while building: NAME bot-api-10.3.json OUT. It is
 * what it does with the data; main() is in program.c. See cmake/from_api.cmake.
 */
#ifndef TELEGRAM_SPEC_PROGRAM_H
#define TELEGRAM_SPEC_PROGRAM_H

#include <jansson.h>
#include <stdio.h>

/* Write to out what is made of the data. Both are main()'s; spec may be changed. */
void write_from_api(json_t *spec, FILE *out);

#endif
