#include "lexer.h"
#include <ctype.h>
#include <stdlib.h>

static const struct { enum token_kind kind; int precedence; } table[256] = {
#include "tokens.inc"
};

struct token lexer_next(const char **at) {
    while (isspace((unsigned char)**at)) ++*at;
    struct token token = {.text = *at, .length = 1};
    unsigned char first = (unsigned char)**at;
    if (!first) {
        token.kind = TOKEN_END;
    } else if (isdigit(first) || first == '.') {
        char *end;
        token.number = strtod(*at, &end);
        token.kind = TOKEN_NUMBER;
        *at = end;
    } else if (isalpha(first)) {
        while (isalnum((unsigned char)(*at)[0])) ++*at;
        token.kind = TOKEN_NAME;
        token.length = (int)(*at - token.text);
    } else {
        token.kind = table[first].kind;
        token.precedence = table[first].precedence;
        ++*at;
    }
    return token;
}
