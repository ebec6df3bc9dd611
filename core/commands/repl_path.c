/* repl_path.c - see repl_path.h. */
#include "repl_path.h"

void repl_path_add(struct buf *out, const struct settings *s, const char *dir)
{
    if (s->repl_socket)
        buf_adds(out, s->repl_socket);
    else if (s->data_dir)
        buf_addf(out, "%s/.repl", s->data_dir);
    else
        buf_addf(out, "%s/data/.repl", dir);
}
