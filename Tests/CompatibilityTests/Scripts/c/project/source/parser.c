#include "parser.h"

struct parser { const char *at; struct token token; struct arena *arena; const char *error; };

static struct node *expression(struct parser *parser, int floor);

static void step(struct parser *parser) { parser->token = lexer_next(&parser->at); }

static struct node *make(struct parser *parser, enum token_kind kind, struct node *left, struct node *right) {
    struct node *node = arena_take(parser->arena, sizeof *node);
    *node = (struct node){.kind = kind, .left = left, .right = right};
    return node;
}

static struct node *primary(struct parser *parser) {
    struct token token = parser->token;
    step(parser);
    if (token.kind == TOKEN_NUMBER) {
        struct node *node = make(parser, TOKEN_NUMBER, 0, 0);
        node->number = token.number;
        return node;
    }
    if (token.kind == TOKEN_MINUS) return make(parser, TOKEN_MINUS, make(parser, TOKEN_NUMBER, 0, 0), expression(parser, 25));
    if (token.kind == TOKEN_NAME || token.kind == TOKEN_OPEN) {
        struct node *inner = 0;
        if (token.kind == TOKEN_OPEN || parser->token.kind == TOKEN_OPEN) {
            if (token.kind == TOKEN_NAME) step(parser);
            inner = expression(parser, 0);
            if (parser->token.kind != TOKEN_CLOSE) parser->error = "missing )";
            step(parser);
            if (token.kind == TOKEN_OPEN) return inner;
        }
        struct node *node = make(parser, TOKEN_NAME, inner, 0);
        node->name = token.text;
        node->length = token.length;
        return node;
    }
    parser->error = "a value is missing";
    return make(parser, TOKEN_NUMBER, 0, 0);
}

static struct node *expression(struct parser *parser, int floor) {
    struct node *left = primary(parser);
    while (parser->token.precedence > floor && !parser->error) {
        struct token operator = parser->token;
        step(parser);
        int right = operator.kind == TOKEN_POWER || operator.kind == TOKEN_ASSIGN;
        left = make(parser, operator.kind, left, expression(parser, operator.precedence - right));
    }
    return left;
}

struct node *parse(const char *text, struct arena *arena, const char **error) {
    struct parser parser = {.at = text, .arena = arena};
    step(&parser);
    struct node *node = expression(&parser, 0);
    if (!parser.error && parser.token.kind != TOKEN_END) parser.error = "more than one expression";
    *error = parser.error;
    return node;
}
