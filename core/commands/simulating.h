/*
 * simulating.h - what simulate and dev share: a simulator on a port.
 */
#ifndef SIMULATING_H
#define SIMULATING_H

#include "command.h"
#include "simulator/simulator.h"

/* On the port that was told, or else PORT or, if that is taken, one of the next ones. */
struct simulator *start_simulator(struct loop *loop, const struct settings *s,
                                  const struct arguments *args,
                                  struct err *err) MUST_CHECK;

#endif
