#pragma once
#include "arena.h"
#include "lexer.h"
struct node { enum token_kind kind; double number; const char *name; int length; struct node *left, *right; };
struct node *parse(const char *text, struct arena *arena, const char **error);
