/* scaling_show.c - the document of scaling fits for a terminal, a spreadsheet and a page. */
#include <math.h>
#include <string.h>

#include "coord/html.h"
#include "coord/scaling.h"

static const char *text_of(const json_t *fit, const char *key)
{
    const char *text = json_string_value(json_object_get(fit, key));
    return text ? text : "";
}

static double number_of(const json_t *fit, const char *key)
{
    const json_t *value = json_object_get(fit, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static long long count_of(const json_t *fit, const char *key)
{
    return json_integer_value(json_object_get(fit, key));
}

/* "test_loss against params, model.activation = relu" */
static void add_title(const json_t *fit, struct text *out)
{
    size_t i;
    const json_t *x;
    text_add(out, "%s against", text_of(fit, "y"));
    json_array_foreach(json_object_get(fit, "x"), i, x)
        text_add(out, "%s %s", i ? " and" : "", json_string_value(x));
    if (*text_of(fit, "value"))
        text_add(out, ", %s = %s", text_of(fit, "group"), text_of(fit, "value"));
}

/* "1e5, 2e6" of a list of numbers. */
static void add_numbers(const json_t *list, struct text *out)
{
    size_t i;
    const json_t *x;
    json_array_foreach(list, i, x) text_add(out, "%s%.6g", i ? ", " : "", json_number_value(x));
}

/* "95 % intervals from 4000 refits over 10 seeds": what they are made of. */
static void add_interval(const json_t *fit, struct text *out)
{
    const char *kind = text_of(fit, "interval");
    if (strcmp(kind, "none") != 0)
        text_add(out, "%.15g %% intervals (%s) from %lld refits with drawn seeds",
                 number_of(fit, "level"), kind, count_of(fit, "resamples"));
    else if (count_of(fit, "seeds") < 2)
        text_add(out, "no intervals: one seed");
    else
        text_add(out, "no intervals: no refits");
    if (count_of(fit, "failed_refits"))
        text_add(out, ", %lld of them did not converge", count_of(fit, "failed_refits"));
}

static void add_outcome(const json_t *fit, struct text *out)
{
    text_add(out, "%s", text_of(fit, "outcome"));
    if (*text_of(fit, "undetermined"))
        text_add(out, " (%s moves nothing)", text_of(fit, "undetermined"));
}

/* ---- terminal ---- */

static void add_params(const json_t *fit, struct text *out)
{
    size_t i;
    const json_t *p;
    json_array_foreach(json_object_get(fit, "params"), i, p)
    {
        text_add(out, "    %-6s %-12.6g", text_of(p, "name"), number_of(p, "value"));
        if (!isnan(number_of(p, "low")))
            text_add(out, " [%.6g, %.6g]", number_of(p, "low"), number_of(p, "high"));
        text_add(out, "\n");
    }
}

static void add_points(const json_t *fit, struct text *out)
{
    size_t i;
    const json_t *p;
    text_add(out, "  size, seeds, mean, fit, residual\n");
    json_array_foreach(json_object_get(fit, "points"), i, p)
    {
        text_add(out, "    ");
        add_numbers(json_object_get(p, "x"), out);
        text_add(out, "  %lld  %.6g  %.6g  %+.3g %%\n", count_of(p, "seeds"), number_of(p, "y"),
                 number_of(p, "predicted"), 100 * number_of(p, "residual"));
    }
}

static void add_forms(const json_t *fit, struct text *out)
{
    size_t i;
    const json_t *form;
    text_add(out, "  forms by their error at it\n");
    json_array_foreach(json_object_get(fit, "forms"), i, form)
    {
        text_add(out, "    %-11s", text_of(form, "form"));
        if (*text_of(form, "refused"))
            text_add(out, " refused: %s\n", text_of(form, "refused"));
        else
            text_add(out, " %8.3g %%   R2 %.6f   Huber loss %.3g   %s\n",
                     100 * number_of(form, "held_out_error"), number_of(form, "r2"),
                     number_of(form, "loss"), text_of(form, "outcome"));
    }
}

static void add_fit_text(const json_t *fit, struct text *out)
{
    const json_t *held = json_object_get(fit, "held_out");
    add_title(fit, out);
    text_add(out, "\n  %s", text_of(fit, "formula"));
    if (*text_of(fit, "refused")) {
        text_add(out, "\n  refused: %s\n", text_of(fit, "refused"));
        return;
    }
    text_add(out, ": ");
    add_outcome(fit, out);
    text_add(out, "; %lld sizes, %lld seed%s", count_of(fit, "sizes"), count_of(fit, "seeds"),
             count_of(fit, "seeds") == 1 ? "" : "s");
    if (count_of(fit, "left_out"))
        text_add(out, ", %lld trials without a value", count_of(fit, "left_out"));
    text_add(out, "\n");
    add_params(fit, out);
    text_add(out, "  ");
    add_interval(fit, out);
    text_add(out, "\n  R2 %.6f, Huber loss %.3g (linear from %.3g)\n", number_of(fit, "r2"),
             number_of(fit, "loss"), number_of(fit, "huber"));
    add_points(fit, out);
    text_add(out, "  held-out size ");
    add_numbers(json_object_get(held, "x"), out);
    text_add(out, ": predicted %.6g, measured %.6g, off by %.3g %%\n",
             number_of(held, "predicted"), number_of(held, "y"),
             100 * number_of(held, "error"));
    add_forms(fit, out);
}

void scaling_table(const json_t *document, struct text *out)
{
    size_t i;
    const json_t *fit;
    json_array_foreach(json_object_get(document, "fits"), i, fit)
    {
        if (i) text_add(out, "\n");
        add_fit_text(fit, out);
    }
}

/* ---- spreadsheet ---- */

static void add_cell(double value, struct text *out)
{
    char number[32];
    text_add(out, ",%s", isnan(value) ? "" : text_double(value, number));
}

static void add_csv_head(const json_t *fit, struct text *out)
{
    struct text x = {0};
    size_t i;
    const json_t *name;
    json_array_foreach(json_object_get(fit, "x"), i, name)
        text_add(&x, "%s%s", i ? ", " : "", json_string_value(name));
    const char *cell[] = {text_of(fit, "y"), x.at ? x.at : "", text_of(fit, "group"),
                          text_of(fit, "value"), text_of(fit, "form")};
    for (i = 0; i < sizeof cell / sizeof *cell; i++) {
        if (i) text_add(out, ",");
        text_add_csv(out, cell[i]);
    }
    text_clear(&x);
}

static void add_csv_param(const json_t *fit, const json_t *param, struct text *out)
{
    add_csv_head(fit, out);
    text_add(out, ",%s", text_of(param, "name"));
    add_cell(number_of(param, "value"), out);
    add_cell(number_of(param, "low"), out);
    add_cell(number_of(param, "high"), out);
    text_add(out, ",%s", text_of(fit, "outcome"));
    static const char *const keys[] = {"sizes", "seeds", "r2", "loss", "huber"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        add_cell(number_of(fit, keys[i]), out);
    add_cell(number_of(json_object_get(fit, "held_out"), "error"), out);
    text_add(out, ",");
    text_add_csv(out, text_of(fit, "refused"));
    text_add(out, "\n");
}

void scaling_csv(const json_t *document, struct text *out)
{
    size_t i, k;
    const json_t *fit, *param;
    text_add(out, "y,x,group,value,form,parameter,estimate,low,high,outcome,sizes,seeds,r2,"
                  "loss,huber,held_out_error,refused\n");
    json_array_foreach(json_object_get(document, "fits"), i, fit)
    {
        const json_t *params = json_object_get(fit, "params");
        if (!params) add_csv_param(fit, NULL, out);
        json_array_foreach(params, k, param) add_csv_param(fit, param, out);
    }
}

/* ---- page ---- */

static void add_html_fit(const json_t *fit, struct text *out)
{
    size_t i;
    const json_t *p;
    struct text title = {0};
    add_title(fit, &title);
    text_add(out, "<tr><th scope=\"row\">");
    html_add(out, title.at);
    text_clear(&title);
    text_add(out, "</th><td>");
    html_add(out, text_of(fit, "formula"));
    text_add(out, "</td><td>");
    if (*text_of(fit, "refused")) {
        text_add(out, "refused: ");
        html_add(out, text_of(fit, "refused"));
        text_add(out, "</td><td></td><td></td><td></td></tr>\n");
        return;
    }
    json_array_foreach(json_object_get(fit, "params"), i, p)
    {
        text_add(out, "%s%s = %.4g", i ? "<br>" : "", text_of(p, "name"),
                 number_of(p, "value"));
        if (!isnan(number_of(p, "low")))
            text_add(out, " [%.4g, %.4g]", number_of(p, "low"), number_of(p, "high"));
    }
    const json_t *best = json_array_get(json_object_get(fit, "forms"), 0);
    text_add(out, "</td><td>%.4f</td><td>%.3g %%</td><td>%s, %.3g %%</td></tr>\n",
             number_of(fit, "r2"), 100 * number_of(json_object_get(fit, "held_out"), "error"),
             text_of(best, "form"), 100 * number_of(best, "held_out_error"));
}

void scaling_html(const json_t *document, struct text *out)
{
    size_t i;
    const json_t *fit;
    text_add(out, "<table>\n<thead><tr><th>fit</th><th>law</th><th>parameters</th><th>R2</th>"
                  "<th>error at the largest size, held out</th><th>least such error</th></tr>"
                  "</thead>\n<tbody>\n");
    json_array_foreach(json_object_get(document, "fits"), i, fit) add_html_fit(fit, out);
    text_add(out, "</tbody></table>\n");
}
