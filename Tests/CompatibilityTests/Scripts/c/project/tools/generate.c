// Makes the lexer's table from tokens.def: one entry for every byte value.
#include <stdio.h>
#include <string.h>

int main(void) {
    char name[32], symbol;
    int precedence;
    static char names[256][32];
    static int precedences[256];
    while (scanf("%31s %c %d", name, &symbol, &precedence) == 3) {
        strcpy(names[(unsigned char)symbol], name);
        precedences[(unsigned char)symbol] = precedence;
    }
    puts("// Generated. Do not edit.");
    for (int byte = 0; byte < 256; byte++)
        printf("{TOKEN_%s, %d},\n", names[byte][0] ? names[byte] : "NONE", precedences[byte]);
    return 0;
}
