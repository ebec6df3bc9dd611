/* types.c - see types.h. */
#include "bot/types.h"

#include <ctype.h>
#include <string.h>

#define DEFAULT_SHOWN 60 /* bytes; longer ones are left out */

/* --- names ------------------------------------------------------------------------- */

/* "Config.Welcome" for the section welcome; a section Welcome beside it keeps the
 * name to itself. */
static void add_class(const struct setting *section, struct buf *out)
{
    char first[2] = "";
    struct buf other = BUF_INIT;

    if (!section->parent) {
        buf_adds(out, "Config");
        return;
    }
    add_class(section->parent, out);
    first[0] = (char)toupper((unsigned char)section->name[0]);
    buf_addf(&other, "%s%s", first, section->name + 1);
    buf_addf(out, ".%s",
             setting_child(section->parent, buf_slice(&other)) ? section->name
                                                               : other.data);
    buf_release(&other);
}

/* Words that would be read as something else than a field's name. */
static bool is_special(const char *name)
{
    static const char *const words[] = {
        "package", "private", "protected", "public", /* scopes */
        "and",     "break",   "do",        "else",   "elseif", "end",
        "false",   "for",     "function",  "goto",   "if",     "in",
        "local",   "nil",     "not",       "or",     "repeat", "return",
        "then",    "true",    "until",     "while",
    };

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(words[i], name) == 0)
            return true;
    return false;
}

static void add_field(const struct setting *s, struct buf *out)
{
    buf_addf(out, is_special(s->name) ? "---@field [\"%s\"] " : "---@field %s ",
             s->name);
}

/* --- types -------------------------------------------------------------------------- */

static bool has_control(const char *text)
{
    while (*text && !iscntrl((unsigned char)*text))
        text++;
    return *text;
}

/* "en"|"de" */
static void add_choices(const struct setting *s, struct buf *out)
{
    for (char **c = s->choices; *c; c++) {
        if (has_control(*c)) {
            buf_adds(out, "string");
            return;
        }
    }
    for (char **c = s->choices; *c; c++) {
        buf_adds(out, c == s->choices ? "\"" : "|\"");
        for (const char *p = *c; *p; p++) {
            if (*p == '"' || *p == '\\')
                buf_addc(out, '\\');
            buf_addc(out, *p);
        }
        buf_addc(out, '"');
    }
}

static void add_type(const struct setting *s, struct buf *out);

static void add_list(const struct setting *element, struct buf *out)
{
    bool several = element && element->type == SETTING_CHOICE;

    buf_adds(out, several ? "(" : "");
    if (element)
        add_type(element, out);
    else
        buf_adds(out, "any");
    buf_adds(out, several ? ")[]" : "[]");
}

static void add_map(const struct setting *element, struct buf *out)
{
    buf_adds(out, "table<string, ");
    if (element)
        add_type(element, out);
    else
        buf_adds(out, "any");
    buf_addc(out, '>');
}

static void add_type(const struct setting *s, struct buf *out)
{
    switch (s->type) {
    case SETTING_SECTION: add_class(s, out); break;
    case SETTING_BOOLEAN: buf_adds(out, "boolean"); break;
    case SETTING_INTEGER: buf_adds(out, "integer"); break;
    case SETTING_NUMBER: buf_adds(out, "number"); break;
    case SETTING_STRING: buf_adds(out, "string"); break;
    case SETTING_CHOICE: add_choices(s, out); break;
    case SETTING_CHAT:
    case SETTING_USER:
        /* none is nil; but not in a list */
        buf_adds(out,
                 s->parent->type == SETTING_SECTION ? "integer?" : "integer");
        break;
    case SETTING_LIST: add_list(s->element, out); break;
    case SETTING_MAP: add_map(s->element, out); break;
    }
}

/* --- comments -------------------------------------------------------------------------- */

/* A part of a comment; it must stay in its line. */
static void add_part(struct buf *out, const char *before, const char *text)
{
    buf_adds(out, before);
    for (; *text; text++)
        buf_addc(out, iscntrl((unsigned char)*text) ? ' ' : *text);
}

static void add_comment(const struct setting *s, struct buf *out)
{
    struct buf allowed = BUF_INIT;
    const char *before = " # ";

    if (s->label) {
        add_part(out, before, s->label);
        before = ": ";
    }
    if (s->help) {
        add_part(out, before, s->help);
        before = "; ";
    } else if (s->label) {
        before = "; ";
    }
    if (s->type != SETTING_SECTION) {
        setting_allowed(s, &allowed);
        add_part(out, before, allowed.data);
        if (strlen(s->def) <= DEFAULT_SHOWN)
            add_part(out, "; default ", s->def);
    }
    buf_release(&allowed);
}

/* --- classes ---------------------------------------------------------------------------- */

static void write_section(const struct setting *section, struct buf *out)
{
    buf_adds(out, "\n---@class ");
    add_class(section, out);
    buf_addc(out, '\n');
    for (size_t i = 0; i < section->nchildren; i++) {
        add_field(section->children[i], out);
        add_type(section->children[i], out);
        add_comment(section->children[i], out);
        buf_addc(out, '\n');
    }
    for (size_t i = 0; i < section->nchildren; i++)
        if (section->children[i]->type == SETTING_SECTION)
            write_section(section->children[i], out);
}

/* What a derive function returns is not known before it has run. */
static void write_derived(const struct setting *root, struct buf *out)
{
    buf_adds(out, "\n---@class Derived\n");
    for (size_t i = 0; i < root->nchildren; i++) {
        if (!root->children[i]->derive)
            continue;
        add_field(root->children[i], out);
        buf_adds(out, "any # what derive of this section returns\n");
    }
}

void types_write(const struct setting *root, struct buf *out)
{
    buf_adds(out,
             "---@meta\n"
             "-- Made by `moonpost types` from defaults/, for "
             "lua-language-server: not to be run,\n"
             "-- and not to be edited. ctx.config is a Config, ctx.derived a "
             "Derived.\n");
    write_section(root, out);
    write_derived(root, out);
}
