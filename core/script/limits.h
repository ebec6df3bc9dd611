/* limits.h - what scripts may use, as the operator has set it. */
#ifndef SCRIPT_LIMITS_H
#define SCRIPT_LIMITS_H

#include "base/settings.h"
#include "script/vm.h"

struct vm_limits limits_of(const struct settings *s);

#endif
