#pragma once
enum token_kind {
    TOKEN_NONE, TOKEN_END, TOKEN_NUMBER, TOKEN_NAME, TOKEN_PLUS, TOKEN_MINUS, TOKEN_TIMES, TOKEN_DIVIDE, TOKEN_MODULO,
    TOKEN_POWER, TOKEN_OPEN, TOKEN_CLOSE, TOKEN_ASSIGN, TOKEN_COMMA,
};
struct token { enum token_kind kind; int precedence; double number; const char *text; int length; };
struct token lexer_next(const char **at);
