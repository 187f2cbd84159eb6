/* transport.c - the transportation problem in whole units.
 *
 * With g the greatest common divisor of the sizes, every row supplies columns / g units and
 * every column takes rows / g. Units are sent along shortest paths of reduced cost
 * -gain[i, j] - row_price[i] - column_price[j], which is never negative and 0 where units flow.
 * A path alternates rows and columns: forward along any arc, back along one that carries
 * flow. */
#include "linalg/transport.h"

#include <math.h>
#include <string.h>

struct transport {
    int64_t rows, columns;
    const double *gain;
    double *row_price, *column_price;
    double *distance;     /* [columns] from the row that is to send */
    double *row_distance; /* [rows] */
    int64_t *flow;        /* [columns, rows] units */
    int64_t *supply;      /* [rows] not yet sent */
    int64_t *demand;      /* [columns] not yet met */
    int64_t *from;        /* [columns] row before on the path */
    int64_t *via;         /* [rows] column before; NONE: not reached, or the path's start */
    int64_t *reached;     /* [rows] the rows reached, in order */
    int64_t n_reached;
    int64_t *open; /* [columns] first those whose distance may still shrink, then the others */
    int64_t n_open;
};

enum { NONE = -1 };

size_t transport_scratch(int64_t rows, int64_t columns)
{
    return (size_t)(rows * columns + 5 * rows + 5 * columns) * sizeof(int64_t);
}

static void lay_out(struct transport *t, void *scratch)
{
    int64_t rows = t->rows, columns = t->columns;
    t->row_price = scratch;
    t->row_distance = t->row_price + rows;
    t->column_price = t->row_distance + rows;
    t->distance = t->column_price + columns;
    t->supply = (int64_t *)(t->distance + columns);
    t->via = t->supply + rows;
    t->reached = t->via + rows;
    t->demand = t->reached + rows;
    t->from = t->demand + columns;
    t->open = t->from + columns;
    t->flow = t->open + columns;
}

static int64_t common_divisor(int64_t a, int64_t b)
{
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Nothing sent; the highest prices that no arc undercuts, columns first. */
static void start(struct transport *t)
{
    int64_t g = common_divisor(t->rows, t->columns);
    memset(t->flow, 0, (size_t)(t->rows * t->columns) * sizeof *t->flow);
    for (int64_t j = 0; j < t->columns; j++) {
        t->demand[j] = t->rows / g;
        t->column_price[j] = INFINITY;
    }
    for (int64_t i = 0; i < t->rows; i++) {
        const double *gain = t->gain + i * t->columns;
        for (int64_t j = 0; j < t->columns; j++)
            if (-gain[j] < t->column_price[j]) t->column_price[j] = -gain[j];
    }
    for (int64_t i = 0; i < t->rows; i++) {
        const double *gain = t->gain + i * t->columns;
        t->supply[i] = t->columns / g;
        t->row_price[i] = INFINITY;
        for (int64_t j = 0; j < t->columns; j++)
            t->row_price[i] = fmin(t->row_price[i], -gain[j] - t->column_price[j]);
    }
}

static void reach(struct transport *t, int64_t row, double distance, int64_t via)
{
    t->row_distance[row] = distance;
    t->via[row] = via;
    t->reached[t->n_reached++] = row;
}

/* Shortens distances by the arcs that leave a row. */
static void relax(struct transport *t, int64_t row)
{
    const double *gain = t->gain + row * t->columns;
    double base = t->row_distance[row] - t->row_price[row];
    for (int64_t o = 0; o < t->n_open; o++) {
        int64_t j = t->open[o];
        double distance = base - gain[j] - t->column_price[j];
        if (distance < t->distance[j]) {
            t->distance[j] = distance;
            t->from[j] = row;
        }
    }
}

/* Takes the nearest column out of the open ones. */
static int64_t settle(struct transport *t)
{
    int64_t best = 0;
    for (int64_t o = 1; o < t->n_open; o++)
        if (t->distance[t->open[o]] < t->distance[t->open[best]]) best = o;
    int64_t column = t->open[best];
    t->open[best] = t->open[--t->n_open];
    t->open[t->n_open] = column;
    return column;
}

/* The nearest column that still has demand, from a row with supply. */
static int64_t shortest_path(struct transport *t, int64_t row)
{
    for (int64_t i = 0; i < t->rows; i++) t->via[i] = NONE;
    for (int64_t j = 0; j < t->columns; j++) {
        t->distance[j] = INFINITY;
        t->open[j] = j;
    }
    t->n_open = t->columns;
    t->n_reached = 0;
    reach(t, row, 0, NONE);
    int64_t relaxed = 0;
    for (;;) {
        while (relaxed < t->n_reached) relax(t, t->reached[relaxed++]);
        int64_t column = settle(t);
        if (t->demand[column] > 0) return column;
        const int64_t *flow = t->flow + column * t->rows;
        for (int64_t i = 0; i < t->rows; i++)
            if (flow[i] > 0 && i != row && t->via[i] == NONE)
                reach(t, i, t->distance[column], column);
    }
}

/* Prices with which the path to end costs nothing and no arc becomes negative. */
static void reprice(struct transport *t, int64_t end)
{
    double length = t->distance[end];
    for (int64_t r = 0; r < t->n_reached; r++)
        t->row_price[t->reached[r]] += length - t->row_distance[t->reached[r]];
    for (int64_t o = t->n_open; o < t->columns; o++)
        t->column_price[t->open[o]] -= length - t->distance[t->open[o]];
}

/* As many units as the path carries. */
static void send(struct transport *t, int64_t start_row, int64_t end)
{
    int64_t units =
        t->supply[start_row] < t->demand[end] ? t->supply[start_row] : t->demand[end];
    for (int64_t row = t->from[end]; row != start_row; row = t->from[t->via[row]]) {
        int64_t back = t->flow[t->via[row] * t->rows + row];
        if (back < units) units = back;
    }
    t->supply[start_row] -= units;
    t->demand[end] -= units;
    for (int64_t column = end;;) {
        int64_t row = t->from[column];
        t->flow[column * t->rows + row] += units;
        if (row == start_row) break;
        column = t->via[row];
        t->flow[column * t->rows + row] -= units;
    }
}

double transport_uniform(int64_t rows, int64_t columns, const double *gain, void *scratch)
{
    struct transport t = {.rows = rows, .columns = columns, .gain = gain};
    lay_out(&t, scratch);
    start(&t);
    for (int64_t i = 0; i < rows; i++)
        while (t.supply[i] > 0) {
            int64_t end = shortest_path(&t, i);
            reprice(&t, end);
            send(&t, i, end);
        }
    double sum = 0;
    int64_t units = 0;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) {
            int64_t flow = t.flow[j * rows + i];
            sum += (double)flow * gain[i * columns + j];
            units += flow;
        }
    return sum / (double)units;
}
