/* yaml_scalar.c - what a plain scalar means as a number, and the words and spellings that YAML
 * 1.1 would silently turn into something else.
 *
 * To explain another trap: a row of `traps` with a function that recognises it. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/yaml.h"

static const char *skip_digits(const char *s)
{
    while (isdigit((unsigned char)*s)) s++;
    return s;
}

/* [+-] digits [. digits] [e [+-] digits], without leading zeros; also ".5" and "5." */
static bool number_of(const char *text, double *out)
{
    const char *s = text + (*text == '+' || *text == '-');
    const char *point = skip_digits(s);
    if (*s == '0' && point - s > 1) return false;
    const char *end = *point == '.' ? skip_digits(point + 1) : point;
    if (end == s || (end == s + 1 && *s == '.')) return false;
    if (*end == 'e' || *end == 'E') {
        const char *digits = end + 1 + (end[1] == '+' || end[1] == '-');
        end = skip_digits(digits);
        if (end == digits) return false;
    }
    double value = strtod(text, NULL);
    if (*end || !isfinite(value)) return false;
    *out = value;
    return true;
}

bool yaml_number(const struct yaml_node *node, double *out)
{
    return node->kind == YAML_SCALAR && !node->quoted && number_of(node->text, out);
}

bool yaml_integer(const struct yaml_node *node, int64_t *out)
{
    double value;
    if (!yaml_number(node, &value)) return false;
    if (value != floor(value) || fabs(value) >= 0x1p63) return false;
    bool digits = !strpbrk(node->text, ".eE"); /* exact beyond 2^53 */
    *out = digits ? strtoll(node->text, NULL, 10) : (int64_t)value;
    return true;
}

static bool is_boolean_word(const char *text)
{
    static const char *const words[] = {"yes", "no", "on", "off", "y", "n", "true", "false"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(text, words[i]) == 0)
            return strcmp(text, "true") != 0 && strcmp(text, "false") != 0;
    return false;
}

static bool is_nothing(const char *text)
{
    return !*text || strcmp(text, "~") == 0 || strcasecmp(text, "null") == 0;
}

static bool is_octal(const char *text)
{
    const char *s = text + (*text == '+' || *text == '-');
    if (*s != '0') return false;
    if (s[1] == 'o' || s[1] == 'O') return isdigit((unsigned char)s[2]);
    return isdigit((unsigned char)s[1]);
}

static bool is_hexadecimal(const char *text)
{
    const char *s = text + (*text == '+' || *text == '-');
    return *s == '0' && (s[1] == 'x' || s[1] == 'X');
}

static bool is_sexagesimal(const char *text)
{
    const char *s = text + (*text == '+' || *text == '-');
    return isdigit((unsigned char)*s) && strchr(s, ':') && !s[strspn(s, "0123456789:.")];
}

static bool has_underscores(const char *text)
{
    const char *s = text + (*text == '+' || *text == '-');
    return isdigit((unsigned char)*s) && strchr(s, '_') && !s[strspn(s, "0123456789_.eE+-")];
}

static bool is_not_finite(const char *text)
{
    const char *s = text + (*text == '+' || *text == '-');
    s += *s == '.';
    return strcasecmp(s, "inf") == 0 || strcasecmp(s, "nan") == 0;
}

static const struct {
    bool (*matches)(const char *text);
    const char *hint;
} traps[] = {
    {is_boolean_word, "write true or false, or quote it if it is text"},
    {is_nothing, "write a value here, or leave the key out"},
    {is_octal, "write a number without leading zeros, or quote it if it is text"},
    {is_hexadecimal, "write the number in decimals, or quote it if it is text"},
    {is_sexagesimal, "quote it if it is text; a number has no ':'"},
    {has_underscores, "write the number without '_', or quote it if it is text"},
    {is_not_finite, "write a finite number, or quote it if it is text"},
};

const char *yaml_trap(const struct yaml_node *node)
{
    if (node->kind != YAML_SCALAR) return NULL;
    double number;
    if (node->quoted)
        return number_of(node->text, &number) || strcmp(node->text, "true") == 0 ||
                       strcmp(node->text, "false") == 0
                   ? "remove the quotes"
                   : NULL;
    for (size_t i = 0; i < sizeof traps / sizeof *traps; i++)
        if (traps[i].matches(node->text)) return traps[i].hint;
    return NULL;
}
