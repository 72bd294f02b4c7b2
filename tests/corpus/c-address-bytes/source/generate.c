#include <stdio.h>

struct word {
	const char *text;
	struct word *next;
};

int main(void)
{
	char first[] = "semper", second[] = "eadem";
	struct word last = {second, NULL};
	struct word words[] = {{first, &last}, {second, NULL}};
	return fwrite(words, sizeof words, 1, stdout) != 1;
}
