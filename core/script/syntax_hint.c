/* syntax_hint.c - see syntax_hint.h. */
#include "script/syntax_hint.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script/excerpt.h"

#define CODE_MAX 256 /* bytes of a line that are looked at */
#define NEAR_MAX 40
#define SHOWN_MAX 60

/* --- lines ------------------------------------------------------------------------ */

/* The line without its comment, and with blanks for what its texts hold. */
static void read_code(struct slice source, int line, char code[CODE_MAX])
{
    struct slice text = excerpt_line(source, line);
    char quote = '\0';
    size_t n = 0;

    for (; n < text.n && n < CODE_MAX - 1; n++) {
        char c = text.p[n];

        if (!quote && c == '-' && n + 1 < text.n && text.p[n + 1] == '-')
            break;
        code[n] = quote ? ' ' : c;
        if (quote && c == '\\' && n + 1 < text.n && n + 1 < CODE_MAX - 1)
            code[++n] = ' ';
        else if (quote && c == quote)
            quote = '\0';
        else if (!quote && (c == '"' || c == '\''))
            quote = c;
    }
    while (n > 0 && isspace((unsigned char)code[n - 1]))
        n--;
    code[n] = '\0';
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* Where the word stands in the code, from p on; NULL: nowhere. */
static const char *find_word(const char *code, const char *p, const char *word)
{
    size_t n = strlen(word);

    for (; (p = strstr(p, word)); p++)
        if ((p == code || !is_word(p[-1])) && !is_word(p[n]))
            return p;
    return NULL;
}

static const char *skip_blanks(const char *p)
{
    return p + strspn(p, " \t");
}

static bool has_else_if(const char *code)
{
    const char *p = code;

    for (; (p = find_word(code, p, "else")); p++) {
        const char *next = skip_blanks(p + 4);

        if (next > p + 4 && strncmp(next, "if", 2) == 0 && !is_word(next[2]))
            return true;
    }
    return false;
}

/* --- operators -------------------------------------------------------------------- */

/* What the message says it came to: "near 'x'". Empty: the end of the file. */
static void read_near(const char *message, char near[NEAR_MAX])
{
    const char *p = strstr(message, "near '"), *end;

    near[0] = '\0';
    end = p ? strchr(p + 6, '\'') : NULL;
    if (end && end - p - 6 < NEAR_MAX)
        snprintf(near, NEAR_MAX, "%.*s", (int)(end - p - 6), p + 6);
}

static bool add_operator(struct buf *out, const char *near, const char *code)
{
    const char *bang = strchr(code, '!');

    if (strcmp(near, "!") == 0 && bang && bang[1] == '=')
        buf_adds(out, "\n  hint: Lua writes ~= for !=");
    else if (strcmp(near, "!") == 0 && bang)
        buf_adds(out, "\n  hint: Lua writes \"not x\" for !x");
    else if (strcmp(near, "&") == 0 && strstr(code, "&&"))
        buf_adds(out, "\n  hint: Lua writes \"and\" for &&");
    else if (strcmp(near, "|") == 0 && strstr(code, "||"))
        buf_adds(out, "\n  hint: Lua writes \"or\" for ||");
    else
        return false;
    return true;
}

/* x += 1, i++ */
static bool add_assignment(struct buf *out, const char *message,
                           const char *near, const char *code)
{
    char text[NEAR_MAX + 2];

    if (!strstr(message, ": syntax error near ") || !*near ||
        strspn(near, "+-*/%^.|&") != strlen(near))
        return false;
    snprintf(text, sizeof(text), "%s=", near);
    if (strstr(code, text))
        buf_addf(out, "\n  hint: Lua has no %s: write x = x %s …", text, near);
    else if (strcmp(near, "+") == 0 && strstr(code, "++"))
        buf_adds(out, "\n  hint: Lua has no ++: write i = i + 1");
    else
        return false;
    return true;
}

/* --- continue ----------------------------------------------------------------------- */

/* Is the word at p a statement: not a field, not what goto names? */
static bool is_alone(const char *code, const char *p)
{
    while (p > code && isspace((unsigned char)p[-1]))
        p--;
    return p == code || (p[-1] != '.' && p[-1] != ':' &&
                         (p < code + 4 || strncmp(p - 4, "goto", 4) != 0));
}

static bool is_continue(struct slice source, int line, const char *near,
                        const char *code)
{
    static const char word[] = "continue";
    size_t n = strlen(near);
    char before[CODE_MAX] = "";
    const char *p = code;

    for (; (p = find_word(code, p, word)); p++)
        if (strncmp(skip_blanks(p + strlen(word)), near, n) == 0)
            return is_alone(code, p);
    if (strncmp(skip_blanks(code), near, n) != 0)
        return false;
    while (--line > 0 && !*before) /* the line that ends just before it */
        read_code(source, line, before);
    n = strlen(before);
    p = n < strlen(word) ? NULL : before + n - strlen(word);
    return p && find_word(before, p, word) == p && is_alone(before, p);
}

static bool add_continue(struct buf *out, struct slice source, int line,
                         const char *message, const char *near,
                         const char *code)
{
    if (strstr(message, "no visible label 'continue' for"))
        buf_adds(out, "\n  hint: write ::continue:: before the loop's end");
    else if (strstr(message, ": syntax error near ") && *near &&
             is_continue(source, line, near, code))
        buf_adds(out, "\n  hint: Lua has no continue: write \"goto continue\", "
                      "and ::continue:: before the loop's end");
    else
        return false;
    return true;
}

/* --- blocks ---------------------------------------------------------------------- */

/* The first line with "else if" of these; 0: none. */
static int find_else_if(struct slice source, int from, int to)
{
    char code[CODE_MAX];

    for (; from <= to; from++) {
        read_code(source, from, code);
        if (has_else_if(code))
            return from;
    }
    return 0;
}

static void add_begin(struct buf *out, struct slice source, int begins,
                      const char *what, int n)
{
    struct slice text = excerpt_line(source, begins);
    size_t shown = text.n < SHOWN_MAX ? text.n : SHOWN_MAX;

    while (shown > 0 && shown < text.n &&
           ((unsigned char)text.p[shown] & 0xc0) == 0x80)
        shown--;
    buf_addf(out, "\n  hint: this '%.*s' is not closed:\n  %d | %.*s%s", n,
             what, begins, (int)shown, text.p, shown < text.n ? "…" : "");
}

/* "'end' expected (to close 'if' at line 3) near …" */
static void add_block(struct buf *out, struct slice source, int line,
                      const char *message)
{
    static const char to_close[] = "expected (to close '", at[] = "' at line ";
    const char *what = strstr(message, to_close), *end;
    bool is_end = strstr(message, "'end' expected") != NULL;
    int begins = line, else_if;

    if (what) {
        what += strlen(to_close);
        end = strstr(what, at);
        if (!end || (begins = atoi(end + strlen(at))) < 1 || begins > line)
            return;
        add_begin(out, source, begins, what, (int)(end - what));
    }
    else_if = is_end ? find_else_if(source, begins, line) : 0;
    if (else_if)
        buf_addf(out,
                 "\n  hint: \"else if\" in line %d begins a block with an end "
                 "of its own; elseif does not",
                 else_if);
    if (strstr(message, ": <eof> expected near 'end'"))
        buf_adds(out, "\n  hint: all blocks are closed before this end");
}

void syntax_hint_add(struct buf *out, struct slice source, int line,
                     const char *message)
{
    char code[CODE_MAX], near[NEAR_MAX];

    read_code(source, line, code);
    read_near(message, near);
    if (!add_operator(out, near, code) &&
        !add_assignment(out, message, near, code) &&
        !add_continue(out, source, line, message, near, code))
        add_block(out, source, line, message);
}
