/*
 * timezone.h - what the clocks show somewhere: "Europe/Berlin", "+05:30", "UTC".
 *
 * Read from the system's zone files (TZif, RFC 8536), each once, and kept. The
 * C library has one zone for a process, which it takes from the environment;
 * here any number of them are used side by side.
 */
#ifndef BASE_TIMEZONE_H
#define BASE_TIMEZONE_H

#include <stdint.h>
#include <time.h>

#include "base/buf.h"

struct timezone; /* opaque; kept as long as the program runs */

/* "UTC", "+hh:mm", "-hh:mm", or the name of a zone. ERR_USAGE: there is no such
 * zone, or this system has no zone files. */
const struct timezone *timezone_find(const char *name,
                                     struct err *err) MUST_CHECK;
/* out: all fields, tm_gmtoff and tm_zone too. false: out of the years 1 … 9999. */
bool timezone_at(const struct timezone *tz, int64_t seconds, struct tm *out);
/*
 * The second at which the clocks show tm_year … tm_sec there; fields may be out
 * of their ranges, as with mktime(). At a time that is there twice it is the
 * first; at one that is skipped, as many seconds after the change.
 */
int64_t timezone_seconds(const struct timezone *tz, const struct tm *tm);

#endif
