#include <stdio.h>

int main(void)
{
	const char *words[] = {"semper", "eadem"};
	for (int i = 0; i < 2; i++)
		printf("word %d %s from %p\n", i, words[i], (void *)&words[i]);
	return 0;
}
