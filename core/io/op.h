/*
 * op.h - an operation in progress: a timer, a request, a query.
 *
 * The rules, which every kind of operation keeps:
 *   - x_start() returns a RUNNING op; it never completes inside its own start.
 *   - When it has finished, well or with op.err set, the loop calls op.done
 *     once, on an empty C stack. Then it stays, for its owner to read.
 *   - Whoever started it owns it. op_free() at any moment is the cancel: it
 *     stops what runs and done is not called any more. Also inside done.
 *
 *     RUNNING ── op_complete() ──► QUEUED ── the loop ──► DONE
 *
 * A kind of operation embeds struct op as its first member, so that pointers
 * can be cast.
 */
#ifndef IO_OP_H
#define IO_OP_H

#include <stddef.h>
#include <sys/queue.h>

#include "base/err.h"

struct loop;
struct op;

typedef void (*op_done_fn)(struct op *op);

struct op_class {
    const char *name;            /* for messages: "http", "timer" */
    void (*stop)(struct op *op); /* let go of what runs; only while RUNNING */
    void (*free)(struct op *op); /* release what it holds, and itself */
};

enum op_state { OP_RUNNING, OP_QUEUED, OP_DONE };

struct op {
    const struct op_class *class;
    struct loop *loop;
    enum op_state state;
    bool outside; /* see op_goes_outside() */
    op_done_fn
        done;  /* set by the owner right after the start; NULL: nobody asks */
    void *arg; /* the owner's */
    struct err
        err; /* valid when DONE; err.kind is ERR_NONE when all went well */
    TAILQ_ENTRY(op) link; /* the loop's */
};

/* For kinds of operations: */
/* Memory for one of size bytes, zeroed but for the text of its err, which op_init()
 * ends: most have none. kept_free() frees it. */
void *op_alloc(size_t size);
void op_init(struct op *op, const struct op_class *class, struct loop *loop);
/* Right after op_init(): another program is asked, by HTTP or SQL; counted for
 * loop_outside() while it runs. */
void op_goes_outside(struct op *op);
void op_complete(struct op *op); /* RUNNING → QUEUED */
/*
 * Complete inside the done of another operation that this one is made of: the
 * stack is as good as empty there, so done is called at once, and saves a turn.
 * The op may be gone when it returns.
 */
void op_complete_here(struct op *op);
/* Nobody owns it any more: it ends by itself, and its kind frees it then. */
void op_left(struct op *op);

void op_free(struct op *op); /* NULL is allowed */

#endif
