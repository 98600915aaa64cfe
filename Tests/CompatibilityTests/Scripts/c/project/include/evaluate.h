#pragma once
#include "map.h"
#include "parser.h"
double evaluate(const struct node *node, struct map *variables, const char **error);
double call_function(const char *name, int length, double argument, const char **error);
