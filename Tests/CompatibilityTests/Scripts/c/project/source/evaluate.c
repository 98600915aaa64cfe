#include "evaluate.h"
#include <math.h>

double evaluate(const struct node *node, struct map *variables, const char **error) {
    if (node->kind == TOKEN_NUMBER) return node->number;
    if (node->kind == TOKEN_NAME) {
        if (node->left) return call_function(node->name, node->length, evaluate(node->left, variables, error), error);
        double *value = map_find(variables, node->name, node->length, 0);
        if (!value) *error = "unknown name";
        return value ? *value : 0;
    }
    double right = evaluate(node->right, variables, error);
    if (node->kind == TOKEN_ASSIGN) return *map_find(variables, node->left->name, node->left->length, 1) = right;
    double left = evaluate(node->left, variables, error);
    switch (node->kind) {
    case TOKEN_PLUS: return left + right;
    case TOKEN_MINUS: return left - right;
    case TOKEN_TIMES: return left * right;
    case TOKEN_POWER: return pow(left, right);
    case TOKEN_MODULO: return fmod(left, right);
    case TOKEN_DIVIDE:
        if (right == 0) *error = "division by zero";
        return right == 0 ? 0 : left / right;
    default: *error = "not an operator"; return 0;
    }
}
