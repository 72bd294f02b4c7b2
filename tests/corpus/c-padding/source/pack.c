#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct record {
	char kind;
	/* Seven bytes that belong to nobody. */
	long number;
	char name[16];
};

/* Builds a name, and forgets it on the stack. */
__attribute__((noinline)) static int look(void)
{
	char path[3 * sizeof(struct record)];
	for (size_t at = 0; at < sizeof path; at++)
		path[at] = getenv("OUT")[2 + at % 6];
	return path[0] == 'x';
}

__attribute__((noinline)) static void pack(void)
{
	static const char *const names[] = {"semper", "eadem", "idem"};
	struct record records[3];
	for (int i = 0; i < 3; i++) {
		records[i].kind = 'w';
		records[i].number = i;
		memset(records[i].name, 0, sizeof records[i].name);
		strcpy(records[i].name, names[i]);
	}
	fwrite(records, sizeof records, 1, stdout);
}

int main(void)
{
	if (look())
		return 1;
	pack();
	return 0;
}
