/* op.c - see op.h. */
#include "io/op.h"

#include <assert.h>
#include <string.h>

#include "base/kept.h"
#include "io/loop_int.h"

void *op_alloc(size_t size)
{
    const size_t text = offsetof(struct op, err.text),
                 rest = text + sizeof(((struct op *)0)->err.text);
    char *p = kept_take(size);

    memset(p, 0, text);
    memset(p + rest, 0, size - rest);
    return p;
}

void op_init(struct op *op, const struct op_class *class, struct loop *loop)
{
    op->class = class;
    op->loop = loop;
    op->state = OP_RUNNING;
    op->outside = false;
    op->done = NULL;
    op->arg = NULL;
    err_clear(&op->err); /* not all of its text: this is called often */
    loop->live_ops++;
}

void op_goes_outside(struct op *op)
{
    op->outside = true;
    op->loop->outside++;
}

void op_complete(struct op *op)
{
    assert(op->state == OP_RUNNING);
    op->state = OP_QUEUED;
    op->loop->outside -= op->outside;
    TAILQ_INSERT_TAIL(&op->loop->finished, op, link);
    loop_wake(op->loop);
}

void op_complete_here(struct op *op)
{
    assert(op->state == OP_RUNNING && op->loop->draining);
    op->state = OP_DONE;
    op->loop->outside -= op->outside;
    if (op->done)
        op->done(op);
}

void op_left(struct op *op)
{
    assert(op->state == OP_RUNNING);
    op->loop->outside -= op->outside;
    op->loop->live_ops--;
}

void op_free(struct op *op)
{
    if (!op)
        return;
    if (op->state == OP_QUEUED)
        loop_unqueue(op);
    if (op->state == OP_RUNNING) {
        op->loop->outside -= op->outside;
        op->class->stop(op);
    }
    op->loop->live_ops--;
    op->class->free(op);
}
