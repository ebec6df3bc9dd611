/*
 * address.h - which network addresses are for everybody, and which are not.
 *
 * For requests that scripts make to URLs of people's: what is on this computer,
 * in its network or its cloud provider's must not be reached by them.
 */
#ifndef IO_ADDRESS_H
#define IO_ADDRESS_H

#include <stdbool.h>

#include "base/buf.h"

struct sockaddr;

/*
 * Is it an address of the public internet? Not: loopback, private (RFC 1918, ULA),
 * link-local (where clouds have their metadata), CGNAT, multicast, documentation,
 * reserved, and IPv6 addresses that hold such an IPv4 address (mapped, NAT64,
 * 6to4). IPv6 is public only within 2000::/3. Of other families: false.
 */
bool address_is_public(const struct sockaddr *address);
/* Append it as text, without a port. */
void address_add(const struct sockaddr *address, struct buf *out);

/*
 * What may be reached all the same: "on" (everything), or names, addresses and
 * networks with commas between: "crm.local, 10.1.0.0/16, ::1".
 */
struct address_list; /* opaque */

/* text NULL, "" or "off": none. ERR_USAGE says which word is wrong. */
struct address_list *address_list_new(const char *text,
                                      struct err *err) MUST_CHECK;
void address_list_free(struct address_list *list); /* NULL is allowed */
/* host: as it stands in the URL; brackets around an IPv6 address are allowed. */
bool address_list_has(const struct address_list *list, struct slice host,
                      const struct sockaddr *address);

#endif
